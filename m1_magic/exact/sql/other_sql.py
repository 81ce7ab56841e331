"""What SQL of other engines may be run: one SELECT over the named tables, of known functions.

`sqlglot` parses it, and what is run is what its tree says, written anew with the tables as
subqueries at its beginning: so nothing is run that was not looked at. What it does not know as a
query, a table or a function is refused.
"""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from importlib.metadata import version
from typing import Any

from ...errors import UsageError
from ...text import escape_value
from .engine import THREAD, Refused

OLDEST = (30, 21)  # of sqlglot: others round 1.50BD, and take for functions what is none
INSTALL = "pip install 'm1-magic[spark]'"
LONGEST = 20_000  # characters
PARTS = 1_000_000  # characters or elements that a function may make at once
# They tell of the session or its machine, read files, call Java, or do something.
TELLING = re.compile(
    r"(?:try_)?reflect|java_method|input_file\w*|current(?!_?(?:date|time))\w+|current_?timezone"
    r"|\w*user|\w*version|read_?\w*|load_?\w*|\w*files?|xpath\w*|\w*xml\w*|\w*(?:avro|protobuf)"
    r"|sql_keywords|collations?|python_\w*|\w*_query|(?:ai|ml|http|remote|pg|lo|fts\d)_\w+|identifier"
    r"|set_?config\w*|dblink\w*|sleep\w*|benchmark|getenv|eval\w*|secret|open_?json|\w*database"
    r"|\w*schema|nextval|setval|edit|system\w*"
)
BARE = re.compile(r"(?:session_)?user|current_(?!date|time)\w+|current_timezone")  # without ( )
GROWING = {"repeat", "space", "lpad", "rpad", "pad", "sequence", "generateseries", "array_repeat"}


def checked(
    sql: str, dialect: Any, tables: Mapping[str, str], functions: Callable[[], Collection[str]]
) -> str:
    """Return a query that may be run.

    Args:
        dialect: of the engine, as `sqlglot` has it.
        tables: name → the query that it stands for.
        functions: returns those that it may call beside those that `sqlglot` knows.

    Raises:
        Refused: it may not be run.
    """
    tree, exp = _parsed(sql, dialect), sqlglot().exp
    if not isinstance(tree, exp.Query) or (isinstance(tree, exp.Select) and not tree.expressions):
        raise Refused(f"It is {_in_quotes(tree.key.upper())}, not one SELECT. It was not run.")
    known = {name.lower(): name for name in tables}
    for node in list(tree.walk()):
        _look_at(node, exp, known, functions)
    made = [
        exp.CTE(this=sqlglot().parse_one(query, dialect=dialect), alias=exp.TableAlias(
            this=exp.to_identifier(name, quoted=True)))
        for name, query in tables.items()
    ]  # fmt: skip
    if (own := _with(tree)) is not None:
        own.set("expressions", [*made, *own.expressions])
    else:
        tree.set("with_" if "with_" in tree.arg_types else "with", exp.With(expressions=made))
    return str(tree.sql(dialect=dialect, comments=False))


def strange(sql: str, dialect: Any, columns: Collection[str]) -> str:
    """Return the first name in a query that no column has, and the nearest one; "" if none."""
    try:
        tree, exp = _parsed(sql, dialect), sqlglot().exp
    except Refused:
        return ""
    known = {name.lower(): name for name in columns}
    made = {one.alias_or_name.lower() for one in tree.find_all(exp.Alias, exp.CTE)}
    for alias in tree.find_all(exp.TableAlias):
        made |= {name.lower() for name in alias.alias_column_names}
    for column in tree.find_all(exp.Column):
        name = column.name.lower()
        if name and name not in known and name not in made:
            near = difflib.get_close_matches(name, known, 1)
            meant = f" Did you mean {_in_quotes(known[near[0]])}?" if near else ""
            return f", near {_in_quotes(column.name)}.{meant}"
    return ""


def sqlglot() -> Any:
    """Return the library; raises UsageError if it is not there, or knows too little SQL."""
    try:
        import sqlglot as library
        import sqlglot.errors
    except ImportError:
        raise UsageError("Queries over tables of this engine need sqlglot.", todo=INSTALL) from None
    installed = version("sqlglot").split(".")[:2]
    if all(map(str.isdigit, installed)) and tuple(map(int, installed)) < OLDEST:
        needed = ".".join(map(str, OLDEST))
        what = (
            f"Queries over tables of this engine need sqlglot {needed}, not {'.'.join(installed)}."
        )
        raise UsageError(what, todo=INSTALL)
    return library


def quiet(*loggers: logging.Logger) -> None:
    """Keep off the page what libraries log of our queries: it has values, and helps nobody."""
    for logger in (logging.getLogger("sqlglot"), *loggers):
        logger.addFilter(_not_ours)


def _not_ours(record: logging.LogRecord) -> bool:
    return record.threadName != THREAD


def _parsed(sql: str, dialect: Any) -> Any:
    """Return the tree of one statement; raises Refused if it is none."""
    library = sqlglot()
    if len(sql) > LONGEST or "\0" in sql or "${" in sql:  # Spark puts settings there
        raise Refused(f"It is longer than {LONGEST:,} characters, or has ${{…}}. It was not run.")
    try:
        statements = [one for one in library.parse(sql, dialect=dialect) if one is not None]
    except library.errors.ParseError as problem:
        raise Refused(_syntax(problem)) from None
    except (library.errors.SqlglotError, RecursionError):
        raise Refused("It has a syntax error.") from None
    if len(statements) != 1:
        many = "more than one statement" if statements else "no statement"
        raise Refused(f"It is {many}; a query is one SELECT. It was not run.")
    return statements[0]


def _with(node: Any) -> Any:
    return node.args.get("with_") or node.args.get("with")  # the first since sqlglot 28


def _look_at(
    node: Any, exp: Any, tables: Mapping[str, str], functions: Callable[[], Collection[str]]
) -> None:
    """Raise Refused for what may not be in a query."""
    doing = (exp.DDL, exp.DML, exp.Command, exp.Into, exp.QueryTransform, exp.Hint, exp.Parameter)
    if isinstance(node, (*doing, exp.Placeholder, exp.SessionParameter, exp.Lock)):
        raise Refused(f"It has {_in_quotes(node.key.upper())}. It was not run.")
    if isinstance(node, exp.CTE):
        if not isinstance(node.this, exp.Query):
            raise Refused("It has a WITH that is not a SELECT. It was not run.")
        if node.alias_or_name.lower() in tables:
            raise Refused(f"{_in_quotes(node.alias_or_name)} is a table's name. It was not run.")
    if isinstance(node, exp.Dot) and isinstance(node.expression, exp.Func):
        raise Refused("It calls a function of a schema. It was not run.")
    if isinstance(node, exp.Column) and not node.table and BARE.fullmatch(node.name.lower()):
        raise Refused(f"It may not call {_in_quotes(node.name)}; a column is table.column.")
    if isinstance(node, exp.Table):
        _look_at_table(node, exp, tables)
    elif isinstance(node, exp.Func):
        _look_at_function(node, exp, functions)


def _look_at_table(node: Any, exp: Any, tables: Mapping[str, str]) -> None:
    """Raise Refused for what is none of the tables; write the name of one that is as it is."""
    if isinstance(node.this, exp.Func):
        return  # it is looked at itself
    bare = isinstance(node.this, exp.Identifier) and not (node.db or node.catalog)
    more = [key for key in ("version", "when", "changes", "partition") if node.args.get(key)]
    name = tables.get(node.name.lower()) if bare and not more else None
    if name is not None:
        if not node.alias:
            node.set("alias", exp.TableAlias(this=node.this.copy()))
        node.set("this", exp.to_identifier(name, quoted=True))
    elif not bare or more or not _is_subquery(node, exp):
        near = difflib.get_close_matches(node.name.lower(), sorted(tables), 1)
        meant = f" Did you mean {_in_quotes(near[0])}?" if near and not more else ""
        raise Refused(f"There is no table {_in_quotes(node.name)} here. It was not run.{meant}")


def _is_subquery(table: Any, exp: Any) -> bool:
    """Is it a name that a WITH gives, where the table stands?"""
    child, parent = table, table.parent
    while parent is not None:
        visible = []
        if isinstance(parent, exp.With):
            before = parent.expressions.index(child) if child in parent.expressions else 0
            visible = parent.expressions[: before + bool(parent.args.get("recursive"))]
        elif (own := _with(parent)) is not None and own is not child:
            visible = own.expressions
        for cte in visible:
            name = cte.args["alias"].this
            if name.name == table.name and bool(name.quoted) == bool(table.this.quoted):
                return True
        child, parent = parent, parent.parent
    return False


def _look_at_function(node: Any, exp: Any, functions: Callable[[], Collection[str]]) -> None:
    names = list(_names(node, exp))
    telling = next((name for name in names if TELLING.fullmatch(name)), "")
    unknown = isinstance(node, exp.Anonymous) and names[0] not in functions()
    if telling or unknown:
        raise Refused(f"It may not call {_in_quotes(telling or names[0])}(…). It was not run.")
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


def _in_quotes(name: str) -> str:
    return f'"{escape_value(name)}"'
