"""A DuckDB of our own that can read named files, and nothing else: no network, no extension."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

LOCKED = (
    "SET python_enable_replacements = false",  # else SQL reads any variable of Python by its name
    "SET enable_progress_bar = false",
    "SET TimeZone = 'UTC'",
)


def connected(*paths: Path, settings: Sequence[str] = ()) -> Any:
    """Return a connection to an empty database in memory that can open these files only.

    Args:
        settings: SQL that is run before the configuration is locked.
    """
    import duckdb

    connection = duckdb.connect(
        config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    )
    for setting in (*LOCKED, *settings):
        connection.execute(setting)
    if paths:
        connection.execute(f"SET allowed_paths = [{', '.join(quoted(str(p)) for p in paths)}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def quoted(text: str) -> str:
    """Return a text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a name as SQL."""
    return '"' + name.replace('"', '""') + '"'
