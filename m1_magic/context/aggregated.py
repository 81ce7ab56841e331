"""Is what a cell showed an aggregate of a table that is there: `describe()`, means by group, …?

Known only where it can be proven: the cell's last line is a chain of aggregating methods of one
pandas DataFrame, and running that chain again gives the very table that was shown. Then the figures
of that DataFrame stand for it, which follow the privacy rule like those of ``--df``: nothing leaves
that ``--df`` would not send. Of the line only names, such methods and literals are looked at.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# fmt: off
AGGREGATING = {
    "agg", "aggregate", "count", "describe", "max", "mean", "median", "min", "nunique", "quantile",
    "size", "std", "sum", "value_counts", "var",
}
METHODS = {
    *AGGREGATING, "groupby", "head", "nlargest", "nsmallest", "reset_index", "round", "sort_index",
    "sort_values", "tail", "to_frame",
}
# fmt: on
MOST = 20_000_000  # cells of a table that is aggregated once more


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What was aggregated, as code and as a table, and the columns that the line names."""

    name: str
    part: object
    columns: tuple[str, ...]


def aggregate(source: str, value: Any, namespace: Mapping[str, object]) -> Aggregate | None:
    """Return what a cell's value is an aggregate of, None where that is not certain."""
    lines = [line for line in source.split("\n") if not line.lstrip().startswith(("%", "!"))]
    try:
        last = ast.parse("\n".join(lines)).body[-1]
    except (SyntaxError, ValueError, IndexError, RecursionError, MemoryError):
        return None
    if not isinstance(last, ast.Expr) or not _of_pandas(value):
        return None
    nodes = list(ast.walk(last.value))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    called = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    table: Any = namespace.get(next(iter(names), ""))
    if len(names) != 1 or type(table).__name__ != "DataFrame" or not _of_pandas(table):
        return None
    if table.size > MOST or not called & AGGREGATING:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they were shown when the cell ran
            again = _run(last.value, table)
        if type(again) is not type(value) or not again.equals(value):
            return None
    except Exception:  # pandas raises all sorts; then it was another table, or is no such chain
        return None
    constants = {node.value for node in nodes if isinstance(node, ast.Constant)}
    texts = {text for text in constants if isinstance(text, str)} | called
    columns = [name for name in table.columns if isinstance(name, str) and name in texts]
    (name,) = names
    if not columns or not all(map(str.isidentifier, columns)):
        return Aggregate(name, table, ())
    return Aggregate(f"{name}[{columns}]", table[columns], tuple(columns))


def _of_pandas(value: object) -> bool:
    return type(value).__module__.partition(".")[0] == "pandas"


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
        return _run(node.value, table)[ast.literal_eval(node.slice)]
    if isinstance(node, ast.Attribute) and (node.attr == "T" or node.attr in table.columns):
        return getattr(_run(node.value, table), node.attr)
    raise LookupError
