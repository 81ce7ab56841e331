"""What SQL may be run: one statement, of what DuckDB's own parser says that it only reads.

The tree that DuckDB parses is looked through, not the text: so no comment, quotation or spelling
hides anything. It may consist of known kinds of queries and sources only; its tables must be those
that were named, and its functions such that tell of values, not of this machine.
"""

from __future__ import annotations

import difflib
import json
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any

from ...context.frames.duckdb_sandbox import connected
from ...text import escape_value
from .engine import Refused

# A width in a format that would make a text of any length.
WIDTH = re.compile(r"\d{5}|\*|\{[^{}]*\{")
LONGEST = 20_000  # characters
COPIES = 100_000  # of a table that one subquery in another, used twice each, comes to
QUERIES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
SOURCES = {
    *("BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EMPTY", "EXPRESSION_LIST", "PIVOT"),
    *("COLUMN_DATA", "CTE"),
}
SOURCE_FUNCTIONS = {"range", "generate_series", "unnest", "json_each", "json_tree"}
# Of the functions whose results change, those that tell nothing of this machine.
CHANGING = {"random", "uuid", "gen_random_uuid", "uuidv4", "uuidv7", "error"}
# They tell of this machine or of DuckDB, read by a name that is a text, or do something.
TELLING = re.compile(
    r"(?:pg_(?!typeof|size_pretty)|inet_|has_|duckdb_|pragma_|__internal|txid_|json_.*serialize"
    r"|current_(?!date|time|localtime))\w*|\w*(?:_description|sleep\w*|privilege)|getenv"
    r"|getvariable|nextval|currval|setval|setseed|write_log|parse_duckdb_log_message|version"
    r"|user|session_user|in_search_path|get_block_size|stats|vector_type|query|query_table"
)
# Of two texts, and as slow as their lengths multiplied.
DISTANCES = (
    *("levenshtein", "editdist3", "damerau_levenshtein"),
    *("jaro_similarity", "jaro_winkler_similarity"),
)
# They make long texts and lists, or take long: `sandbox` has macros of these names that check how
# long, and they are not nested within a function of each element, but for the last two.
REPLACING = ("replace", "regexp_replace")
GROWING = {
    *("repeat", "lpad", "rpad", "bitstring", "range", "generate_series"),
    *("list_resize", "array_resize"),
    *(*DISTANCES, *REPLACING),
}


@dataclass(frozen=True, slots=True)
class Catalog:
    """What a query may name, in lower case.

    Args:
        functions: that DuckDB has and that a query may call.
        refused: those that it may not.
        views: of DuckDB's own, which no subquery may be called after.
    """

    tables: frozenset[str]
    functions: frozenset[str]
    refused: frozenset[str]
    views: frozenset[str]


def catalog(tables: Collection[str]) -> Catalog:
    """Return what a query over these tables may name."""
    functions, refused, views = _of_duckdb()
    return Catalog(frozenset(name.lower() for name in tables), functions, refused, views)


@cache
def _of_duckdb() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Return DuckDB's functions, those that are refused, and its views; asked once a process."""
    with connected() as connection:
        rows = connection.execute(
            "SELECT DISTINCT lower(function_name), coalesce(stability, '') FROM duckdb_functions()"
            " WHERE function_type IN ('scalar', 'aggregate', 'macro', 'window')"
        ).fetchall()
        views = connection.execute(
            "SELECT lower(view_name) FROM duckdb_views() WHERE internal"
        ).fetchall()
    refused = {name for name, stability in rows if stability == "VOLATILE"} - CHANGING
    refused |= {name for name, _ in rows if TELLING.fullmatch(name)}
    functions = frozenset(name for name, _ in rows) - refused
    return functions, frozenset(refused), frozenset(name for (name,) in views)


def checked(connection: Any, sql: str, known: Catalog) -> str:
    """Return a query that may be run, without semicolons at its end.

    Raises:
        Refused: it may not be run.
        duckdb.Error: it cannot be parsed.
    """
    if len(sql) > LONGEST or "\0" in sql:
        raise Refused(f"It is longer than {LONGEST:,} characters, or no text. It was not run.")
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        many = "more than one statement" if statements else "no statement"
        raise Refused(f"It is {many}; a query is one SELECT. It was not run.")
    kind = str(statements[0].type).rpartition(".")[2].removesuffix("_STATEMENT")
    if kind == "MULTI":
        raise Refused("A PIVOT needs its values: ON column IN (…). It was not run.")
    if kind != "SELECT":
        raise Refused(f"It is {kind}, not one SELECT. It was not run.")
    tree = parsed(connection, sql)
    if tree is None:
        raise Refused("It is not one SELECT that only reads. It was not run.")
    _look_through(tree, known)
    while (end := sql.rfind(";")) >= 0 and parsed(connection, sql[:end]) == tree:
        sql = sql[:end]
    return sql


def parsed(connection: Any, sql: str) -> Any:
    """Return the tree of a SELECT as DuckDB parses it, None for what is none."""
    try:
        ((text,),) = connection.execute("SELECT json_serialize_sql($1)", [sql]).fetchall()
        tree = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return None if tree["error"] or len(tree["statements"]) != 1 else tree["statements"]


def _look_through(tree: Any, known: Catalog) -> None:
    """Raise Refused for what may not be in a query."""
    subqueries, used = set(), Counter[str]()
    for node, _ in _nodes(tree):
        for entry in (node.get("cte_map") or {}).get("map", ()):
            subqueries.add(str(entry["key"]).lower())
        used[str(node.get("table_name", "")).lower()] += "sample" in node
    if prod(used[name] or 1 for name in subqueries) > COPIES:  # DuckDB plans each of them
        raise Refused("Its subqueries use each other too often. It was not run.")
    if taken := subqueries & known.views:
        raise Refused(f"{_in_quotes(min(taken))} is a name of DuckDB's own. It was not run.")
    tables = known.tables | subqueries
    for node, in_lambda in _nodes(tree):
        kind = str(node.get("type"))
        if "cte_map" in node:
            if kind not in QUERIES:
                raise Refused(f"It is {_in_quotes(kind)}, not one SELECT. It was not run.")
        elif "sample" in node:
            _look_at_source(node, kind, tables)
        elif "function_name" in node:
            name = str(node["function_name"]).lower()
            if name in GROWING and (node.get("schema") or node.get("catalog")):  # past the macros
                raise Refused(f"It may not call {_in_quotes(name)}(…) in a schema. It was not run.")
            _look_at_function(name, known.refused, in_lambda)
            if name in ("format", "printf"):
                _look_at_widths(_arguments(node))


def _nodes(tree: Any) -> Iterator[tuple[dict[str, Any], bool]]:
    """Yield all nodes of a tree, and whether each is in a function of each element of a list."""
    rest: list[tuple[Any, bool]] = [(tree, False)]
    while rest:
        node, in_lambda = rest.pop()
        if isinstance(node, list):
            rest += [(one, in_lambda) for one in node]
        elif isinstance(node, dict):
            in_lambda = in_lambda or node.get("class") == "LAMBDA"
            yield node, in_lambda
            # The function of a source is looked at with it.
            source = node.get("type") == "TABLE_FUNCTION" and "sample" in node
            rest += [
                (_arguments(one) if source and key == "function" else one, in_lambda)
                for key, one in node.items()
            ]


def _arguments(function: dict[str, Any]) -> list[Any]:
    return [function.get("arguments"), function.get("children")]


def _look_at_source(node: dict[str, Any], kind: str, tables: Collection[str]) -> None:
    """Raise Refused for what a query may not read from."""
    if kind == "SHOW_REF":
        raise Refused("It is DESCRIBE, SHOW or SUMMARIZE, not one SELECT. It was not run.")
    if kind not in SOURCES:
        raise Refused(f"It reads what is no table ({_in_quotes(kind)}). It was not run.")
    if kind == "TABLE_FUNCTION":
        name = str(node["function"].get("function_name", "")).lower()
        if name not in SOURCE_FUNCTIONS:
            raise Refused(f"It may not read from {_in_quotes(name)}(…). It was not run.")
    if kind == "BASE_TABLE":
        name, schema = str(node["table_name"]), str(node["schema_name"]).lower()
        if node["catalog_name"] and name.lower() in tables:
            raise Refused(f"It names {_in_quotes(name)} with a catalog. It was not run.")
        if node["catalog_name"] or schema not in ("", "main") or name.lower() not in tables:
            near = difflib.get_close_matches(name.lower(), sorted(tables), 1)
            meant = f" Did you mean {_in_quotes(near[0])}?" if near else ""
            raise Refused(f"There is no table {_in_quotes(name)} here. It was not run.{meant}")


def _look_at_function(name: str, refused: Collection[str], in_lambda: bool) -> None:
    """Raise Refused for a function that a query may not call; what is unknown, DuckDB says."""
    if name in refused or TELLING.fullmatch(name):
        raise Refused(f"It may not call {_in_quotes(name)}(…). It was not run.")
    if name in GROWING and name not in REPLACING and in_lambda:
        raise Refused(f"It may not call {_in_quotes(name)}(…) for each element. It was not run.")


def _look_at_widths(arguments: Any) -> None:
    """Raise Refused for a format that could make a text of any length."""
    for node, _ in _nodes(arguments):
        held = node.get("value") if node.get("class") == "CONSTANT" else None
        literal = held.get("value") if isinstance(held, dict) else None
        literal = node["literal"].get("text") if isinstance(node.get("literal"), dict) else literal
        if isinstance(literal, str) and WIDTH.search(literal):
            raise Refused("It has a format without a fixed, short width. It was not run.")


def _in_quotes(name: str) -> str:
    return f'"{escape_value(name)}"'
