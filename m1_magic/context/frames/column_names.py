"""The names of a table's columns where they are at hand: nothing is computed, read or asked for.

They are those by which ``--cols`` knows the columns; what only its engine could tell is left out.
"""

from __future__ import annotations

from typing import Any

from .keys import written
from .lazy import library

# Lazy tables that know their names: a Polars plan and Spark Connect would have to look.
AT_HAND = {"dask", "duckdb", "ibis"}


def column_names(value: Any) -> list[str]:
    """Return the names of a table's columns, its index's first; none where they are not at hand."""
    lazy = library(value)
    if lazy and lazy not in AT_HAND:
        return []
    try:
        table = getattr(value, "obj", value)  # of a GroupBy
        names = table.column_names if hasattr(table, "column_names") else _names(table)
        levels = getattr(getattr(table, "index", None), "names", ()) if not lazy else ()
        index = [f"{written(name)} (index)" for name in levels if name is not None]
        return [*index, *map(written, names)]
    except Exception:  # a frame of the user's own may do anything
        return []


def _names(table: Any) -> Any:
    """Return the columns' keys, of a Series its own."""
    return table.columns if hasattr(table, "columns") else [table.name]
