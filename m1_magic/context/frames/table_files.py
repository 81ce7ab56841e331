"""CSV and Parquet files → a lazy table: scanned where they lie, never loaded."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...errors import UsageError
from ...privacy.key_files import is_key_file
from ...text import one_line
from .parquet_footer import decoded_size

BOMB = 1_000  # times its size: more than any data comes to
PATTERN = re.compile(r"[*?\[]")
# Ending → what reads it in Polars and in DuckDB.
READERS = {
    ".csv": ("scan_csv", "read_csv"),
    ".tsv": ("scan_csv", "read_csv"),
    ".tab": ("scan_csv", "read_csv"),
    ".psv": ("scan_csv", "read_csv"),
    ".parquet": ("scan_parquet", "read_parquet"),
    ".pq": ("scan_parquet", "read_parquet"),
    ".ndjson": ("scan_ndjson", "read_json"),
    ".jsonl": ("scan_ndjson", "read_json"),
    ".arrow": ("scan_ipc", ""),
    ".feather": ("scan_ipc", ""),
}
SIGNS = {".tsv": "\t", ".tab": "\t", ".psv": "|"}


def is_table_file(name: str) -> bool:
    """Say whether ``name`` ends like a file that can be scanned as a table."""
    return _ending(name) in READERS


def scanned(path: Path) -> Any:
    """Return a file as a Polars LazyFrame, or, without Polars, as a DuckDB relation.

    Raises:
        UsageError: there is no such file, nothing that reads it, or a name that both libraries
            would take for a pattern.
    """
    shown = one_line(path, 120)
    if not path.is_file():
        raise UsageError(
            f"There is no file {shown}.", todo="Check the name; %pwd says where you are."
        )
    if is_key_file(path) or is_key_file(path.resolve()):
        raise UsageError(f"{shown} has the name of a key file.")
    if PATTERN.search(str(path.resolve())):
        raise UsageError(
            f"{shown} reads like a pattern of files.", todo="Load it, and name the DataFrame."
        )
    ending = _ending(path.name)
    if ending in (".parquet", ".pq") and (size := decoded_size(path)) > BOMB * path.stat().st_size:
        raise UsageError(
            f"{shown} has {path.stat().st_size:,} bytes, and {size / 1e9:,.0f} GB when it is read.",
            todo="Load what you need of it yourself, and name the DataFrame.",
        )
    polars, duckdb = READERS[ending]
    try:
        if find_spec("polars"):
            import polars as pl

            how = {"separator": SIGNS[ending]} if ending in SIGNS else {}
            return getattr(pl, polars)(str(path.resolve()), **how)
        if find_spec("duckdb") and duckdb:
            import duckdb as db

            return getattr(db.connect(), duckdb)(str(path.resolve()))
    except Exception as error:
        raise UsageError(
            f"{shown} cannot be read as a table: {one_line(type(error).__name__, 60)}.",
            todo="Load it yourself and name the DataFrame.",
        ) from None
    raise UsageError(
        f"A summary of {shown} needs Polars or DuckDB.", todo="pip install polars, or load it."
    )


def _ending(name: str) -> str:
    return Path(name.removesuffix(".gz")).suffix.lower()
