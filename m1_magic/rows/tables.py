"""Whatever holds rows → its columns as lists, and the same kind of thing with new columns.

A table is never changed in place; order, index and types stay as they are.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import UsageError
from ..text import one_line

TEXT = "text"  # what ``{{text}}`` is where the only column has no name
Column = list[Any]
New = Mapping[str, Column]
ELSEWHERE = {"dask": ".compute()", "pyspark": ".to_pandas()", "ibis": ".to_pandas()"}
TAKES = "Use a table (pandas, Polars, Arrow, DuckDB, Dask, Spark), a Series, or a list of texts."


@dataclass(frozen=True, slots=True)
class Rows:
    """A table as rows: ``read`` gives a column by its place, nulls as None.

    ``made`` gives the same kind of thing with columns added, or replaced. ``alone``: it has one
    column only, which ``{{text}}`` names, too.
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
        array = sys.modules["numpy"].array
        texts = _listed(table.tolist())
        return Rows((TEXT,), len(texts), lambda _: texts, lambda new: array(_only(new), object))
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


def _listed(values: Sequence[Any]) -> Column:
    """Return values with None for what is missing."""
    return [None if value is None or value != value else value for value in values]


def _only(new: New) -> Column:
    return next(iter(new.values()))


def _pandas(table: Any) -> Rows:
    def read(place: int) -> Column:
        return _pandas_values(table.iloc[:, place])

    def made(new: New) -> Any:
        result = table.copy(deep=False)
        for name, values in new.items():
            result[name] = _pandas_column(values, table.index)
        return result

    return Rows(tuple(map(str, table.columns)), len(table), read, made)


def _pandas_series(table: Any) -> Rows:
    def made(new: New) -> Any:
        return _pandas_column(_only(new), table.index).rename(next(iter(new)))

    name = table.name if isinstance(table.name, str) else TEXT
    return Rows((name,), len(table), lambda _: _pandas_values(table), made, alone=True)


def _pandas_values(column: Any) -> Column:
    missing = column.isna().tolist()
    return [None if no else value for value, no in zip(column.tolist(), missing, strict=True)]


def _pandas_column(values: Column, index: Any) -> Any:
    texts = all(value is None or isinstance(value, str) for value in values)
    kind = "str" if texts and int(_pandas_version()) >= 3 else object if texts else None
    return sys.modules["pandas"].Series(values, index=index, dtype=kind)


def _pandas_version() -> str:
    return str(sys.modules["pandas"].__version__).partition(".")[0]


def _polars(table: Any) -> Rows:
    def made(new: New) -> Any:
        return table.with_columns([_polars_column(name, one) for name, one in new.items()])

    return Rows(tuple(table.columns), table.height, lambda i: _filled(table.to_series(i)), made)


def _polars_series(table: Any) -> Rows:
    name = table.name or TEXT
    read, count = (lambda _: _filled(table)), len(table)
    return Rows((name,), count, read, lambda new: _polars_column(*_first(new)), alone=True)


def _filled(column: Any) -> Column:
    return _listed(column.to_list())


def _first(new: New) -> tuple[str, Column]:
    return next(iter(new.items()))


def _polars_column(name: str, values: Column) -> Any:
    polars = sys.modules["polars"]
    texts = all(value is None or isinstance(value, str) for value in values)
    return polars.Series(name, values, dtype=polars.String if texts else None, strict=False)


def _arrow(table: Any) -> Rows:
    def made(new: New) -> Any:
        result = table
        for name, values in new.items():
            column = _arrow_column(values)
            if name in result.schema.names:
                result = result.set_column(result.schema.names.index(name), name, column)
            else:
                result = result.append_column(name, column)
        return result

    names = tuple(table.schema.names)
    return Rows(names, table.num_rows, lambda i: _listed(table.column(i).to_pylist()), made)


def _arrow_array(table: Any) -> Rows:
    texts = _listed(table.to_pylist())
    return Rows((TEXT,), len(texts), lambda _: texts, lambda new: _arrow_column(_only(new)))


def _arrow_column(values: Column) -> Any:
    arrow = sys.modules["pyarrow"]
    texts = all(value is None or isinstance(value, str) for value in values)
    return arrow.array(values, type=arrow.string() if texts else None)


def _duckdb(table: Any) -> Rows:
    import duckdb
    import pyarrow  # noqa: F401 - what DuckDB hands over

    inner = _arrow(table.to_arrow_table())
    return Rows(
        inner.names, inner.count, inner.read, lambda new: duckdb.from_arrow(inner.made(new))
    )


def _list(table: list[Any] | tuple[Any, ...]) -> Rows:
    if table and all(isinstance(row, dict) for row in table):
        names = tuple(dict.fromkeys(str(name) for row in table for name in row))

        def made(new: New) -> Any:
            each = zip(*new.values(), strict=True)
            added = [dict(zip(new, one, strict=True)) for one in each]
            return type(table)({**row, **more} for row, more in zip(table, added, strict=True))

        return Rows(
            names, len(table), lambda i: _listed([row.get(names[i]) for row in table]), made
        )
    texts = _listed(table)
    return Rows((TEXT,), len(texts), lambda _: texts, lambda new: type(table)(_only(new)))


def _columns(table: Mapping[str, Sequence[Any]]) -> Rows:
    lengths = {len(one) for one in table.values()}
    if len(lengths) > 1:
        raise UsageError("The columns of that dict have different lengths.", todo=TAKES)
    columns, count = list(table.values()), next(iter(lengths), 0)
    names = tuple(map(str, table))
    return Rows(names, count, lambda i: _listed(columns[i]), lambda new: {**table, **new})
