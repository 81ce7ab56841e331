"""Is what a cell showed an aggregate of a table that is there: `describe()`, means by group, …?

Known only where it can be proven: the cell's last line is a chain of aggregating methods of one
DataFrame (pandas or Polars), or of its rows by plain comparisons, and running that chain again
gives the very table that was shown. Then the figures of that DataFrame stand for it, by the privacy
rule of any table: nothing leaves that ``--df`` would not send of these rows. Of the line only
names, such methods, comparisons and literals are run.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

# fmt: off
AGGREGATING = {
    "agg", "aggregate", "count", "describe", "len", "max", "mean", "median", "min", "nunique",
    "quantile", "size", "std", "sum", "value_counts", "var",
}
GROUPING = {"groupby", "group_by"}
METHODS = {
    *AGGREGATING, *GROUPING, "between", "dropna", "drop_nulls", "head", "is_not_null", "isin",
    "isna", "nlargest", "notna", "nsmallest", "reset_index", "round", "sort", "sort_index",
    "sort_values", "tail", "to_frame",
}
OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_, ast.Invert: operator.invert,
}
STATISTICS = {
    *AGGREGATING, "first", "freq", "idxmax", "idxmin", "kurt", "last", "mode", "null_count", "prod",
    "range", "sem", "skew", "top", "unique",
}
# fmt: on
# Their rows repeat a value of one row of another table: a maximum in all rows of its group, or of
# its window.
REPEATING = re.compile(
    r"\.(?:transform|over|rolling\w*|expanding|ewm\w*|cum_?(?:max|min|sum|prod)|[fb]fill|pad|fill_null"
    r"|forward_fill|backward_fill|interpolate|melt|unpivot|stack|explode|repeat|repeat_by|reindex"
    r"|upsample|asfreq|wide_to_long|merge_asof|join_asof)\b"
)
MOST_STATISTICS = 200
MOST = 10_000_000  # cells of a table that is aggregated once more


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What was aggregated, as code and as a table, and the columns that the line names.

    ``fewest`` is how many rows it has, or how many it leaves out, if these are fewer.
    """

    name: str
    part: object
    columns: tuple[str, ...]
    fewest: int


def aggregate(source: str, value: Any, namespace: Mapping[str, object]) -> Aggregate | None:
    """Return what a cell's value is an aggregate of, None where that is not certain."""
    expression = _last_expression(source)
    names = (
        {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}
        if expression
        else set()
    )
    table: Any = namespace.get(next(iter(names), ""))
    if expression is None or len(names) != 1 or not _is_frame(table):
        return None
    aggregated = _aggregated(expression, table)
    if aggregated is None or table.shape[0] * table.shape[1] > MOST:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they were shown when the cell ran
            again, part = _run(expression, table), _run(aggregated, table)
        if type(again) is not type(value) or not again.equals(value) or not _is_frame(part):
            return None
    except Exception:  # it was another table, or is no such chain: these raise all sorts
        return None
    inside = {*ast.walk(aggregated)}
    nodes = [node for node in ast.walk(expression) if node not in inside]
    named = {node.value for node in nodes if isinstance(node, ast.Constant)}
    named |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    columns = [name for name in part.columns if isinstance(name, str) and name in named]
    name, rows, left_out = ast.unparse(aggregated), len(part), len(table) - len(part)
    fewest = min(rows, left_out) if left_out else rows
    if not columns or not all(map(str.isidentifier, columns)):
        return Aggregate(name, part, (), fewest)
    return Aggregate(f"{name}[{columns}]", part[columns], tuple(columns), fewest)


def repeats(source: str, value: Any) -> bool:
    """May many rows of a table that a cell showed have the value of one row of another table?

    So it is with `describe()`: of one row, its mean, minimum, median and maximum are that row.
    """
    if REPEATING.search(source):
        return True
    if type(value).__module__.partition(".")[0] not in ("pandas", "polars"):
        return False  # it may have to be computed first
    labels: Any = getattr(value, "index", None)
    if labels is None:
        labels = value["statistic"] if _is_frame(value) and "statistic" in value.columns else ()
    if len(labels) > MOST_STATISTICS:
        return False
    parts = [part for one in labels for part in (one if isinstance(one, tuple) else (one,))]
    if parts and all(isinstance(one, float) and 0 <= one <= 1 for one in parts):
        return True  # quantiles
    return any(one in STATISTICS or one.endswith("%") for one in parts if isinstance(one, str))


def _last_expression(source: str) -> ast.expr | None:
    """Return what the last line of a cell shows, also where it is a name given above it."""
    lines = [line for line in source.split("\n") if not line.lstrip().startswith(("%", "!"))]
    try:
        *above, last = ast.parse("\n".join(lines)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if not isinstance(last, ast.Expr):
        return None
    if isinstance(last.value, ast.Name):
        for line in reversed(above):
            if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == last.value.id:
                return line.value
    return last.value


def _aggregated(expression: ast.expr, table: Any) -> ast.expr | None:
    """Return the table that the first aggregating method of a chain is called on."""
    table_expression, aggregates, node = None, False, expression
    while isinstance(node, ast.Call | ast.Attribute | ast.Subscript):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Attribute) and called.attr in AGGREGATING | GROUPING:
            table_expression, aggregates = called.value, aggregates or called.attr in AGGREGATING
        node = node.func if isinstance(node, ast.Call) else node.value
    while _is_selection(table_expression, table):
        table_expression = table_expression.value  # type: ignore[union-attr]
    return table_expression if aggregates else None


def _is_selection(node: ast.expr | None, table: Any) -> bool:
    """Are these columns of a table: ``.a``, ``["a"]``, ``[["a", "b"]]``?"""
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Constant | ast.List | ast.Tuple)
    return isinstance(node, ast.Attribute) and node.attr in table.columns


def _is_frame(value: object) -> bool:
    kind = type(value)
    return kind.__name__ == "DataFrame" and kind.__module__.partition(".")[0] in (
        "pandas",
        "polars",
    )


def _run(node: ast.expr, table: Any) -> Any:
    """Run a chain of methods once more; LookupError where anything else stands in it."""
    if isinstance(node, ast.Name):
        return table
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr not in METHODS or any(one.arg is None for one in node.keywords):
            raise LookupError
        args = [ast.literal_eval(one) for one in node.args]
        named = {str(one.arg): ast.literal_eval(one.value) for one in node.keywords}
        return getattr(_run(node.func.value, table), node.func.attr)(*args, **named)
    if isinstance(node, ast.Subscript):
        return _run(node.value, table)[_run(node.slice, table)]
    if isinstance(node, ast.Attribute):
        if node.attr != "T" and node.attr not in table.columns:
            raise LookupError
        return getattr(_run(node.value, table), node.attr)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        pair = _run(node.left, table), _run(node.comparators[0], table)
        return OPERATORS[type(node.ops[0])](*pair)
    if isinstance(node, ast.BinOp):
        return OPERATORS[type(node.op)](_run(node.left, table), _run(node.right, table))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert):
        return ~_run(node.operand, table)
    return ast.literal_eval(node)
