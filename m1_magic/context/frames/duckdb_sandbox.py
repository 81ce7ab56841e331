"""A DuckDB of our own that can read one file, and nothing else: no network, no extension."""

from __future__ import annotations

from pathlib import Path
from typing import Any

LOCKED = (
    "SET python_enable_replacements = false",  # else SQL reads any variable of Python by its name
    "SET enable_progress_bar = false",
    "SET TimeZone = 'UTC'",
)


def connected(path: Path | None = None) -> Any:
    """Return a connection to an empty database in memory that can open ``path`` only."""
    import duckdb

    connection = duckdb.connect(
        config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    )
    for setting in LOCKED:
        connection.execute(setting)
    if path is not None:
        connection.execute(f"SET allowed_paths = [{quoted(str(path))}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def quoted(text: str) -> str:
    """Return a text as SQL."""
    return "'" + text.replace("'", "''") + "'"
