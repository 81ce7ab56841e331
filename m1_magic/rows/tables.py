"""Whatever holds rows → its columns as lists, and the same kind of thing with new columns.

A table is never changed in place; order, index and types stay as they are.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..errors import UsageError, UserFacingError
from ..text import one_line
from .cells import Column, listed
from .new_column import arrow_column, pandas_column, polars_column

TEXT = "text"  # what ``{{text}}`` is where the only column has no name
New = Mapping[str, Column]
# Types of DuckDB whose values Arrow does not give back: they go there and return as text.
NOT_IN_ARROW = re.compile(r"\b(BIT|UHUGEINT|TIME WITH TIME ZONE)\b")
ELSEWHERE = {"dask": ".compute()", "pyspark": ".to_pandas()", "ibis": ".to_pandas()"}
TAKES = "Use a table (pandas, Polars, Arrow, DuckDB, Dask, Spark), a Series, or a list of texts."


@dataclass(frozen=True, slots=True)
class Rows:
    """A table as rows: ``read`` gives a column by its place, nulls as None.

    ``made`` gives the same kind of thing with columns added, or replaced. ``alone``: it is values
    without columns, which ``{{text}}`` names, too; of new ones it has room for the first.
    """

    names: tuple[str, ...]
    count: int
    read: Callable[[int], Column] = field(repr=False)
    made: Callable[[New], Any] = field(repr=False)
    alone: bool = False

    def place(self, name: str) -> int | None:
        """Return where a column is, None where there is none of that name."""
        if name in self.names:
            return self.names.index(name)
        return 0 if self.alone and name == TEXT else None


def rows(table: Any) -> Rows:
    """Return a table as rows.

    Raises:
        UsageError: it is no table, or has no rows in this process.
    """
    library, kind = type(table).__module__.partition(".")[0], type(table).__name__
    roots = {base.__module__.partition(".")[0] for base in type(table).__mro__}
    if "pandas" in roots and hasattr(table, "iloc"):
        return _pandas_series(table) if not hasattr(table, "columns") else _pandas(table)
    if "pandas" in roots and hasattr(table, "to_numpy") and getattr(table, "ndim", 0) == 1:
        return _array(table.to_numpy(object))  # an index, or an array of its own
    if library == "polars":
        if kind == "LazyFrame":
            eager = _polars(table.collect())
            return Rows(eager.names, eager.count, eager.read, lambda new: eager.made(new).lazy())
        if kind in ("DataFrame", "Series"):
            return _polars(table) if kind == "DataFrame" else _polars_series(table)
    if library == "pyarrow" and kind in ("Table", "RecordBatch"):
        return _arrow(table)
    if library == "pyarrow" and hasattr(table, "to_pylist"):
        return _arrow_array(table)
    if kind == "DuckDBPyRelation":
        return _duckdb(table)
    if "numpy" in roots and getattr(table, "ndim", 0) == 1:
        return _array(table)
    if isinstance(table, Iterator):
        table = list(table)
    if isinstance(table, (list, tuple)):
        return _list(table)
    if isinstance(table, dict) and all(isinstance(one, (list, tuple)) for one in table.values()):
        return _columns(table)
    for engine, here in ELSEWHERE.items():
        if engine in roots:
            raise UsageError(
                f"The rows of a table of {engine} are not in this process.",
                todo=f"Bring those that are meant here: table{here}.",
            )
    raise UsageError(f"{one_line(type(table).__name__, 60)} holds no rows.", todo=TAKES)


@contextmanager
def telling_failures() -> Iterator[None]:
    """Say why rows cannot be read: a query that fails, a value that has no text."""
    try:
        yield
    except (UserFacingError, ModuleNotFoundError):
        raise
    except Exception as error:
        why = f"{type(error).__name__}: {one_line(error, 200)}"
        raise UsageError(f"The rows cannot be read ({why}).", todo="") from error


def _only(new: New) -> Column:
    return next(iter(new.values()))


def _pandas(given: Any) -> Rows:
    table = given.copy(deep=False)  # it may be changed while its rows are asked

    def read(place: int) -> Column:
        return _pandas_values(table.iloc[:, place])

    def made(new: New) -> Any:
        result = table.copy(deep=False)
        for name, values in new.items():
            result[name] = pandas_column(values, table.index)
        return result

    return Rows(tuple(map(str, table.columns)), len(table), read, made)


def _pandas_series(given: Any) -> Rows:
    table = given.copy(deep=False)  # as above

    def made(new: New) -> Any:
        return pandas_column(_only(new), table.index).rename(next(iter(new)))

    name = TEXT if table.name is None else str(table.name)
    return Rows((name,), len(table), lambda _: _pandas_values(table), made, alone=True)


def _pandas_values(column: Any) -> Column:
    missing = column.isna().tolist()
    return [None if no else value for value, no in zip(column.tolist(), missing, strict=True)]


def _polars(given: Any) -> Rows:
    table = given.clone()  # as above

    def made(new: New) -> Any:
        return table.with_columns([polars_column(name, one) for name, one in new.items()])

    return Rows(tuple(table.columns), table.height, lambda i: _filled(table.to_series(i)), made)


def _polars_series(table: Any) -> Rows:
    name = table.name or TEXT
    read, count = (lambda _: _filled(table)), len(table)
    return Rows((name,), count, read, lambda new: polars_column(*_first(new)), alone=True)


def _filled(column: Any) -> Column:
    return listed(column.to_list())


def _first(new: New) -> tuple[str, Column]:
    return next(iter(new.items()))


def _arrow(table: Any) -> Rows:
    def made(new: New) -> Any:
        result = table
        for name, values in new.items():
            column = arrow_column(values)
            if name in result.schema.names:
                result = result.set_column(result.schema.names.index(name), name, column)
            else:
                result = result.append_column(name, column)
        return result

    names = tuple(table.schema.names)
    return Rows(names, table.num_rows, lambda i: listed(table.column(i).to_pylist()), made)


def _arrow_array(table: Any) -> Rows:
    texts = listed(table.to_pylist())
    chunked = sys.modules["pyarrow"].chunked_array

    def made(new: New) -> Any:
        column = arrow_column(_only(new))
        return chunked([column]) if hasattr(table, "chunks") else column

    return Rows((TEXT,), len(texts), lambda _: texts, made, alone=True)


def _array(table: Any) -> Rows:
    # In its own list a date of nanoseconds is a number.
    texts = listed(list(table) if table.dtype.kind in "mM" else table.tolist())
    array = sys.modules["numpy"].array

    def made(new: New) -> Any:
        result = array([None] * len(texts), object)
        for place, value in enumerate(_only(new)):  # one that is a list is no row of its own
            result[place] = value
        return result

    return Rows((TEXT,), len(texts), lambda _: texts, made, alone=True)


def _duckdb(table: Any) -> Rows:
    import duckdb
    import pyarrow  # noqa: F401 - what DuckDB hands over

    types = dict(zip(table.columns, map(str, table.types), strict=True))
    each_once = len(types) == len(table.columns)
    if each_once and any(map(NOT_IN_ARROW.search, types.values())):
        texts = {name: "VARCHAR" for name, kind in types.items() if NOT_IN_ARROW.search(kind)}
        table = table.project(", ".join(_as_type(name, texts.get(name, "")) for name in types))
    inner = _arrow(table.to_arrow_table())
    there = {name.lower(): name for name in table.columns}

    def made(new: New) -> Any:
        new = {there.get(name.lower(), name): values for name, values in new.items()}
        result = duckdb.from_arrow(inner.made(new))
        columns = list[str]()
        for name, now in zip(result.columns, map(str, result.types), strict=True):
            before = types.get(name, now)
            same = name in new or before == now  # Arrow has no type for some of DuckDB's
            columns.append(_as_type(name, "" if same else before))
        return result.project(", ".join(columns)) if each_once else result

    return Rows(inner.names, inner.count, inner.read, made)


def _as_type(name: str, kind: str) -> str:
    """Return SQL for a column, as a value of this type if one is given."""
    quoted = '"{}"'.format(name.replace('"', '""'))
    return f"CAST({quoted} AS {kind}) AS {quoted}" if kind else quoted


def _list(given: list[Any] | tuple[Any, ...]) -> Rows:
    kind = tuple if isinstance(given, tuple) else list
    table = [*given]  # it may be changed while its rows are asked
    if table and all(isinstance(row, dict) for row in table):
        table = [{**row} for row in table]
        keys = list(dict.fromkeys(name for row in table for name in row))

        def made(new: New) -> Any:
            each = zip(*new.values(), strict=True)
            added = [dict(zip(new, one, strict=True)) for one in each]
            return kind({**row, **more} for row, more in zip(table, added, strict=True))

        names = tuple(map(str, keys))
        return Rows(names, len(table), lambda i: listed([row.get(keys[i]) for row in table]), made)
    texts = listed(table)
    return Rows((TEXT,), len(texts), lambda _: texts, lambda new: kind(_only(new)), alone=True)


def _columns(given: Mapping[str, Sequence[Any]]) -> Rows:
    table = {name: one[:] for name, one in given.items()}
    lengths = {len(one) for one in table.values()}
    if len(lengths) > 1:
        raise UsageError("The columns of that dict have different lengths.", todo=TAKES)
    columns, count = list(table.values()), next(iter(lengths), 0)
    names = tuple(map(str, table))
    return Rows(names, count, lambda i: listed(columns[i]), lambda new: {**table, **new})
