"""CSV, NDJSON, Parquet and Arrow files → a table: read where they lie, by DuckDB, never loaded.

A short Parquet file is an Arrow table at once, with all of its types.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ...errors import UsageError
from ...privacy.key_files import is_key_file
from ...text import one_line
from .duckdb_sandbox import connected
from .measures import WHOLE
from .parquet_footer import decoded_size
from .text_tables import Scanned, delimited, ndjson

BOMB = 1_000  # times its size: more than any data comes to
SMALL = 200_000_000  # bytes that a table may have to be read at once
PATTERN = re.compile(r"[*?\[]")
# Ending → the separator that it lets expect, or what kind of file it is.
KINDS = {
    ".csv": ",", ".tsv": "\t", ".tab": "\t", ".psv": "|",
    ".parquet": "parquet", ".pq": "parquet",
    ".ndjson": "ndjson", ".jsonl": "ndjson",
    ".arrow": "arrow", ".feather": "arrow",
}  # fmt: skip


def is_table_file(name: str) -> bool:
    """Say whether ``name`` ends like a file that can be scanned as a table."""
    return _ending(name) in KINDS


def scanned(path: Path) -> Scanned:
    """Return the table in a file; of a CSV file one pass has found the types.

    Raises:
        UsageError: there is no such file, it is no table, or its name would be a pattern.
    """
    name = one_line(path, 120)
    if not path.is_file():
        raise UsageError(
            f"There is no file {name}.", todo="Check the name; %pwd says where you are."
        )
    if is_key_file(path) or is_key_file(path.resolve()):
        raise UsageError(f"{name} has the name of a key file.")
    if PATTERN.search(str(path.resolve())):
        raise UsageError(
            f"{name} reads like a pattern of files.",
            todo="Load it, and name the DataFrame.",
        )
    kind, name = KINDS[_ending(path.name)], one_line(path.name, 120)
    if kind == "parquet" and (size := decoded_size(path)) > BOMB * path.stat().st_size:
        raise UsageError(
            f"{name} has {path.stat().st_size:,} bytes, and {size / 1e9:,.0f} GB when it is read.",
            todo="Load what you need of it yourself, and name the DataFrame.",
        )
    try:
        return _scanned(path.resolve(), kind)
    except UsageError as error:  # our own words begin with "It"
        what = re.sub(r"^It ", f"{name} ", error.what)
        what = what if what != error.what else f"{name}: {what}"
        raise UsageError(what, todo=error.todo) from None
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {one_line(error.strerror, 80)}.") from None
    except Exception as error:  # its text may hold values
        raise UsageError(
            f"{name} cannot be read as a table: {one_line(type(error).__name__, 60)}.",
            todo="Load it yourself and name the DataFrame.",
        ) from None


def _scanned(path: Path, kind: str) -> Scanned:
    if kind == "parquet":
        return _parquet(path)
    if kind == "arrow":
        return _arrow(path)
    return ndjson(path) if kind == "ndjson" else delimited(path, kind)


def _parquet(path: Path) -> Scanned:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        footer, schema = file.metadata, file.schema_arrow
        size = sum(footer.row_group(i).total_byte_size for i in range(footer.num_row_groups))
        if footer.num_rows <= WHOLE and size <= SMALL:
            return Scanned(file.read())
    connection = connected(path)
    relation = connection.read_parquet(str(path), hive_partitioning=False)
    return _long(connection, relation, schema)


def _arrow(path: Path) -> Scanned:
    import pyarrow.dataset as ds

    data = ds.dataset(path, format="ipc")
    if data.count_rows() <= WHOLE and path.stat().st_size <= SMALL:
        return Scanned(_without_views(data.to_table()))
    connection = connected()
    return _long(connection, connection.from_arrow(data), data.schema)


def _long(connection: Any, relation: Any, schema: Any) -> Scanned:
    """Return a relation with what DuckDB leaves out of an Arrow schema."""
    zones = [(i, getattr(field.type, "tz", None)) for i, field in enumerate(schema)]
    zoned = tuple((i, zone) for i, zone in zones if zone)
    return Scanned(relation, tuple(schema.names), connection=connection, zones=zoned)


def _without_views(table: Any) -> Any:
    """Return an Arrow table whose texts are of the type that Arrow can count."""
    import pyarrow as pa

    plain = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}
    fields = [field.with_type(plain.get(field.type, field.type)) for field in table.schema]
    return table.cast(pa.schema(fields))


def _ending(name: str) -> str:
    return Path(name.removesuffix(".gz")).suffix.lower()
