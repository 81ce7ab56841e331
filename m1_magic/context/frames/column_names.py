"""The names of a table's columns where they are at hand: nothing is computed, read or asked for.

They are those by which ``--cols`` knows the columns; what only its engine could tell is left out.
"""

from __future__ import annotations

from typing import Any

from .keys import written
from .lazy import library
from .tables import is_grouped

# Lazy tables that know their names: a Polars plan and Spark Connect would have to look.
AT_HAND = {"dask", "duckdb", "ibis"}


def column_names(value: Any) -> list[str]:
    """Return the names of a table's columns, its index's first; none where they are not at hand."""
    try:
        table = _under(value)
        indexed = _has(table, "index") and not library(table)
        levels = getattr(table.index, "names", ()) if indexed else ()
        index = [f"{written(name)} (index)" for name in levels if name is not None]
        return [*index, *map(written, _keys(table))]
    except Exception:  # a frame of the user's own may do anything
        return []


def text_keys(value: Any) -> list[str]:
    """Return the names of a table's columns by which code gets them as ``table["name"]``."""
    try:
        table = _under(value)
        keys = _keys(table) if _has(table, "columns") else []  # not of a Series
        return [key for key in keys if isinstance(key, str)]
    except Exception:
        return []


def _keys(table: Any) -> list[Any]:
    """Return the columns' keys, of a Series its own."""
    lazy = library(table)
    if lazy and lazy not in AT_HAND:
        return []
    if _has(table, "column_names"):
        return list(table.column_names)
    return list(table.columns) if _has(table, "columns") else [table.name]


def _under(value: Any) -> Any:
    """Return the table under a GroupBy; any other is itself."""
    if not is_grouped(value):
        return value
    return value.obj if hasattr(value, "ngroup") else value.df


def _has(table: Any, name: str) -> bool:
    """Is it an attribute of such tables, and not a column of this one?"""
    return hasattr(type(table), name)
