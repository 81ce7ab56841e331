"""Named tables → views that queries read, without a copy where DuckDB reads them where they lie.

The tables themselves are registered under names of ours, their columns by position; a view gives
both the names that the user knows. What DuckDB cannot take is left out, as a column, by name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...context.frames.duckdb_sandbox import identifier, quoted
from ...context.frames.lazy import library
from ...context.frames.table_files import scanned
from ...context.frames.tables import source
from ...errors import UsageError
from ...text import one_line
from .sql_tables import SqlTable, fit_name, seen_names

# What pandas' `infer_dtype` calls objects that are all of one kind, other than texts.
PLAIN = ("string", "empty")
WRITABLE = (str, int, float, bool)
FOREIGN = ("object", "period", "Sparse", "category")  # pandas' types that are looked at


class Streamed:
    """A table of another connection: read anew by each query, never held."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


@dataclass(frozen=True, slots=True)
class Input:
    """A table before it has a view: what is read, by SQL or as an object, and its names.

    Args:
        path: of the file that the SQL reads.
        copy: is it a copy of ours, to be deleted after?
        zones: place of a column → its time zone; queries see the time of day there.
    """

    name: str
    names: tuple[str, ...]
    sql: str = ""
    value: Any = None
    path: Path | None = None
    copy: bool = False
    zones: Mapping[int, str] | None = None
    frame: Any = None


def inputs(tables: Mapping[str, object]) -> list[Input]:
    """Return tables as DuckDB can read them; a path is that of a table file.

    Raises:
        UsageError: one of them is no table, or lives in another engine.
    """
    made = [_input(name, value) for name, value in tables.items()]
    twice = {one.name.lower() for one in made}
    if len(twice) < len(made):
        raise UsageError("Two tables have names that SQL does not tell apart.")
    if any(not one.name or "\0" in one.name for one in made):
        raise UsageError("A table has a name that SQL cannot write.")
    return made


def _input(name: str, value: Any) -> Input:
    if isinstance(value, Path):
        file = scanned(value)
        if file.connection is None:
            return _input(name, file.value)
        sql, names = file.value.sql_query(), tuple(file.names)
        if "python" in sql.lower().partition("read_")[0] or "read_" not in sql:  # an Arrow file
            return Input(name, names, value=Streamed(file.value), frame=file)
        file.connection.close()
        return Input(name, names, sql, path=file.copy or value.resolve(), copy=bool(file.copy))
    engine = library(value)
    if engine == "ibis":
        backend = value.get_backend()
        if backend.name != "duckdb":
            return Input(name, tuple(value.columns), value=Streamed(value), frame=value)
        value.limit(0).to_pyarrow()  # what it is made of is there from here on
        engine, value = "duckdb", backend.con.sql(str(backend.compile(value)))
    if engine == "duckdb":
        import duckdb

        # DuckDB 1 reads such a stream only once in a query.
        streams = hasattr(duckdb.DuckDBPyConnection, "abort")
        read = Streamed(value) if streams else value.fetch_arrow_table()
        return Input(name, tuple(value.columns), value=read, frame=value)
    if engine == "polars":
        names = tuple(value.collect_schema().names())
        positions = {column: str(i) for i, column in enumerate(names)}
        return Input(name, names, value=value.rename(positions))
    if engine:
        raise UsageError(
            f"Queries cannot read a table of {one_line(engine, 60)} yet.",
            todo="Collect what is of interest into pandas or Polars.",
        )
    table: Any = source(value).table
    zones = {i: zone for i, one in enumerate(table.schema) if (zone := _zone(one))}
    return Input(name, tuple(table.names), frame=table.table, zones=zones)


def _zone(dtype: Any) -> str:
    return str(getattr(dtype, "time_zone", None) or "")


def view(
    connection: Any, one: Input, number: int, places: Collection[int] | None = None
) -> SqlTable:
    """Make the view of a table, and return what queries see of it.

    Args:
        places: of the columns that they see, if their names are not personal; None: all.
    """
    held = f"__m1_{number}"
    left_out: set[int] = set()
    if one.sql:
        connection.execute(f"CREATE VIEW {identifier(held)} AS {one.sql}")
    elif one.value is not None:
        connection.register(held, one.value)
    else:
        left_out = _register(connection, held, one.frame, one.name)
    columns = _described(connection, held)
    readable = [i for i in range(len(one.names)) if i not in left_out]
    held_by = dict(zip(readable, columns, strict=True))
    every = range(len(one.names)) if places is None else places
    names = seen_names(one.names, places, readable)
    zones = _known_zones(connection, one.zones or {})
    forms = [
        f"{_form(*held_by[place], zones.get(place, ''))} AS {identifier(name)}"
        for place, name in names.items()
    ]
    listed = ", ".join(forms) or "NULL AS nothing"
    connection.execute(
        f"CREATE VIEW {identifier(one.name)} AS SELECT {listed} FROM {identifier(held)}"
    )
    gone = tuple(fit_name(one.names[i]) for i in sorted(left_out) if i in every)
    return SqlTable(one.name, tuple(_described(connection, one.name) if names else ()), gone)


def _described(connection: Any, name: str) -> list[tuple[str, str]]:
    """Return a table's columns and their types, without reading a row."""
    rows = connection.execute(f"DESCRIBE SELECT * FROM {identifier(name)}").fetchall()
    return [(row[0], row[1]) for row in rows]


def _form(column: str, kind: str, zone: str) -> str:
    """Return a column as queries see it: a category as text, a moment as the time of day there."""
    written = identifier(column)
    if kind.startswith("ENUM("):
        return f"CAST({written} AS VARCHAR)"  # else compared with another text it is an error
    if zone and kind == "TIMESTAMP WITH TIME ZONE":
        return f"timezone({quoted(zone)}, {written})"
    return written


def _known_zones(connection: Any, zones: Mapping[int, str]) -> dict[int, str]:
    """Return the time zones that DuckDB knows."""
    if not zones:
        return {}
    known = {
        row[0] for row in connection.execute("SELECT name FROM pg_timezone_names()").fetchall()
    }
    return {place: zone for place, zone in zones.items() if zone in known}


def _register(connection: Any, held: str, table: Any, name: str) -> set[int]:
    """Register a frame as ``held``; return the places of the columns that are left out."""
    native, out = table.to_native(), set[int]()
    pandas = hasattr(native, "set_axis")
    if not pandas:  # Python objects of Polars are addresses to Arrow
        out = {int(column) for column, kind in table.schema.items() if str(kind) == "Object"}
        table = table.drop([str(i) for i in out])
        native = table.to_native()
    for texts in (False, True) if pandas else (False,):
        native, gone = _fit(native, texts=texts) if pandas else (native, set[int]())
        out |= gone
        if len(native.columns) and _readable(connection, held, native):
            return out
    every = [str(column) for column in (native if pandas else table).columns]

    def some(readable: list[str]) -> Any:
        return native[readable] if pandas else table.select(readable).to_native()

    readable = [column for column in every if _readable(connection, held, some([column]))]
    if not readable or not _readable(connection, held, some(readable)):
        raise UsageError(f"DuckDB can read no column of {one_line(name, 60)}.")
    return out | {int(column) for column in set(every) - set(readable)}


def _readable(connection: Any, held: str, native: Any) -> bool:
    """Register a table; say whether DuckDB can read it."""
    try:
        connection.register(held, native)
        return bool(_described(connection, held))
    except Exception:  # DuckDB's own, and those of whoever hands the columns over
        return False


def _fit(frame: Any, *, texts: bool) -> tuple[Any, set[int]]:
    """Return a pandas table whose objects have one type a column, and what is left out.

    Args:
        texts: also make columns of pandas 3's texts ones that DuckDB 1 reads.
    """
    made, out = frame, set()
    for column, dtype in zip(frame.columns, frame.dtypes, strict=True):
        kind = str(dtype)
        if not (kind.startswith(FOREIGN) or (texts and kind == "str")):
            continue
        series = frame[column]
        fit = _typed(series) if kind == "str" else _fit_column(series, kind)
        if fit is None:
            out.add(int(column))
        elif fit is not series:
            made = made.copy(deep=False) if made is frame else made
            made[column] = fit
    return made.drop(columns=[str(i) for i in out]) if out else made, out


def _fit_column(series: Any, kind: str) -> Any:
    """Return a pandas column as DuckDB can read it, None if it cannot."""
    import pandas as pd

    if kind.startswith("period"):
        return series.dt.to_timestamp()
    if kind.startswith("Sparse"):
        return series.sparse.to_dense()
    if kind == "category":  # DuckDB has labels that are texts, once each
        if pd.api.types.infer_dtype(series.cat.categories) in PLAIN:
            return series
        series = series.astype(series.cat.categories.dtype)
        return _fit_column(series, "object") if series.dtype == object else series
    if pd.api.types.infer_dtype(series, skipna=True) in PLAIN:
        return series
    return _typed(series)


def _typed(series: Any) -> Any:
    """Return a column of Python objects with the one type of its values; mixed ones as text."""
    import pandas as pd
    import pyarrow as pa

    try:
        array = pa.array(series, from_pandas=True)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        values = [None if value is pd.NA or value is None else value for value in series]
        if not all(value is None or isinstance(value, WRITABLE) for value in values):
            return None
        written = [None if value is None or value != value else str(value) for value in values]
        # Numbers too long for 64 bits stay numbers: as texts 9 would be more than 10.
        integers = all(value is None or type(value) is int for value in values)
        try:
            array = pa.array(written, pa.large_string())
            array = array.cast(pa.decimal128(38, 0)) if integers else array
        except (pa.ArrowException, ValueError):
            return None
    return pd.Series(pd.arrays.ArrowExtensionArray(array), index=series.index)
