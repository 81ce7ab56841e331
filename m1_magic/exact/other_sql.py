"""What SQL of other engines may be run: one SELECT over the named tables, of known functions.

`sqlglot` parses it, and what is run is what its tree says, written anew with the tables as
subqueries at its beginning: so nothing is run that was not looked at. What it does not know as a
query, a table or a function is refused.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ..errors import UsageError
from ..text import escape_value
from .engine import Refused

LONGEST = 20_000  # characters
PARTS = 1_000_000  # characters or elements that a function may make at once
# They tell of the session or its machine, read files, call Java, or do something.
TELLING = re.compile(
    r"(?:try_)?reflect|java_method|input_file\w*|current_?(?!date|time)\w+|current_?timezone|\w*user"
    r"|\w*version|read_?\w*|load_?\w*|\w*files?|xpath\w*|\w*xml\w*|\w*(?:avro|protobuf)|sql_keywords"
    r"|collations?|python_\w*|\w*_query|ai_\w+|ml_\w+|http_\w+|remote_\w+|identifier|set_?config\w*"
    r"|pg_\w+|dblink\w*|lo_\w+|sleep\w*|benchmark|getenv|eval\w*|secret|open_?json|\w*database|\w*schema"
    r"|nextval|setval|writefile|edit|fts\d_\w+|system\w*"
)
GROWING = {"repeat", "space", "lpad", "rpad", "pad", "sequence", "generateseries", "array_repeat"}


def checked(sql: str, dialect: Any, tables: Mapping[str, str], functions: Collection[str]) -> str:
    """Return a query that may be run.

    Args:
        dialect: of the engine, as `sqlglot` has it.
        tables: name → the query that it stands for.
        functions: of the engine's own that it may call beside those that `sqlglot` knows.

    Raises:
        Refused: it may not be run.
    """
    glot = _sqlglot()
    exp = glot.exp
    if len(sql) > LONGEST or "\0" in sql or "${" in sql:  # Spark puts settings there
        raise Refused(f"It is longer than {LONGEST:,} characters, or has ${{…}}. It was not run.")
    try:
        statements = [one for one in glot.parse(sql, dialect=dialect) if one is not None]
    except glot.errors.ParseError as problem:
        raise Refused(_syntax(problem)) from None
    except (glot.errors.SqlglotError, RecursionError):
        raise Refused("It has a syntax error.") from None
    if len(statements) != 1:
        many = "more than one statement" if statements else "no statement"
        raise Refused(f"It is {many}; a query is one SELECT. It was not run.")
    tree = statements[0]
    if not isinstance(tree, exp.Query):
        raise Refused(f"It is {_shown(tree.key.upper())}, not one SELECT. It was not run.")
    known = {name.lower() for name in tables}
    own = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    for node in tree.walk():
        _look_at(node, exp, known | own, functions)
    for name, query in reversed(tables.items()):
        if name.lower() not in own:
            tree = _with(tree, name, glot.parse_one(query, dialect=dialect), exp)
    return str(tree.sql(dialect=dialect, comments=False))


def _sqlglot() -> Any:
    try:
        import sqlglot
        import sqlglot.errors
    except ImportError:
        raise UsageError(
            "Queries over tables of this engine need sqlglot.", todo="pip install sqlglot"
        ) from None
    return sqlglot


def _with(tree: Any, name: str, query: Any, exp: Any) -> Any:
    """Return a query with a named subquery before its own."""
    alias = exp.TableAlias(this=exp.to_identifier(name, quoted=True))
    made = exp.CTE(this=query, alias=alias)
    key = "with_" if "with_" in tree.arg_types else "with"  # since sqlglot 28
    if tree.args.get(key) is None:
        tree.set(key, exp.With(expressions=[made]))
    else:
        tree.args[key].set("expressions", [made, *tree.args[key].expressions])
    return tree


def _look_at(node: Any, exp: Any, tables: Collection[str], functions: Collection[str]) -> None:
    """Raise Refused for what may not be in a query."""
    doing = (exp.DDL, exp.DML, exp.Command, exp.Into, exp.QueryTransform, exp.Hint, exp.Parameter)
    if isinstance(node, (*doing, exp.Placeholder, exp.SessionParameter, exp.Lock)):
        raise Refused(f"It has {_shown(node.key.upper())}. It was not run.")
    if isinstance(node, exp.CTE) and not isinstance(node.this, exp.Query):
        raise Refused("It has a WITH that is not a SELECT. It was not run.")
    if isinstance(node, exp.Dot) and isinstance(node.expression, exp.Func):
        raise Refused("It calls a function of a schema. It was not run.")
    if isinstance(node, exp.Table):
        _look_at_table(node, exp, tables)
    elif isinstance(node, exp.Func):
        _look_at_function(node, exp, functions)


def _look_at_table(node: Any, exp: Any, tables: Collection[str]) -> None:
    if isinstance(node.this, exp.Func):
        return  # it is looked at itself
    name = node.name
    plain = isinstance(node.this, exp.Identifier) and not (node.db or node.catalog)
    if not plain or name.lower() not in tables or node.args.get("version"):
        near = difflib.get_close_matches(name.lower(), sorted(tables), 1)
        meant = f" Did you mean {_shown(near[0])}?" if near else ""
        raise Refused(f"There is no table {_shown(name)} here. It was not run.{meant}")


def _look_at_function(node: Any, exp: Any, functions: Collection[str]) -> None:
    names = list(_names(node, exp))
    telling = next((name for name in names if TELLING.fullmatch(name)), "")
    unknown = isinstance(node, exp.Anonymous) and names[0] not in functions
    if telling or unknown:
        raise Refused(f"It may not call {_shown(telling or names[0])}(…). It was not run.")
    if not GROWING.isdisjoint(names):
        numbers = [one.name for one in node.find_all(exp.Literal) if not one.is_string]
        if any(len(text) > 7 or "e" in text.lower() for text in numbers):
            raise Refused(f"It may not make more than {PARTS:,} parts. It was not run.")


def _names(function: Any, exp: Any) -> Iterator[str]:
    """Yield the names of a function, in lower case."""
    if isinstance(function, exp.Anonymous):
        yield str(function.name).lower()
        return
    yield from (name.lower() for name in function.sql_names())
    yield type(function).__name__.lower()


def _syntax(problem: Any) -> str:
    """Return where a syntax error is."""
    first = problem.errors[0] if problem.errors else {}
    line, column = first.get("line"), first.get("col")
    return f"It has a syntax error{f' in line {line}, column {column}' if line else ''}."


def _shown(name: str) -> str:
    return f'"{escape_value(name)}"'
