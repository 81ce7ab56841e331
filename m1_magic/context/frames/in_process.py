"""What every table is asked; and a table in this process: pandas, Polars, Arrow, records.

Numbers and moments in time are read as NumPy arrays, without a copy where the library allows
that; texts are counted by their own library. Columns of Python objects become what they hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import narwhals.stable.v2 as nw
import numpy as np

from . import arrays, counting, object_columns
from .arrays import Array, Moments, by_chunk, hits, spread
from .kinds import OBJECTS, Series, floats, is_moment, is_number, kind, plain, types, words
from .measures import SAMPLE, WHOLE, Count, Measures, Span
from .opaque import Form, taken


class Table(Protocol):
    """A table where it lives: pandas, Polars, Arrow here; DuckDB, Dask, Spark, Ibis there.

    Columns are known by their position. ``schema`` has the narwhals type of each. Each method
    is at most one pass of the engine; only aggregates and a bounded sample come back.
    """

    names: list[str]
    schema: list[Any]

    def measure(self, columns: Sequence[int], *, nulls_only: bool = False) -> list[Measures]:
        """Return the measures of some columns over all rows."""
        ...

    def sample(self, columns: Sequence[int]) -> Local:
        """Return all rows up to `WHOLE`, else `SAMPLE` rows spread over the table, in process."""
        ...

    def count(self, questions: Mapping[int, Sequence[Span]]) -> dict[int, list[int]]:
        """Return how many rows lie in each span, by column."""
        ...


class Local:
    """An eager table; `table` has columns named "0", "1", …, `names` their real names.

    Its ``objects`` are those of a pandas table of the user's: lists and dicts become some, too.
    """

    def __init__(
        self,
        table: nw.DataFrame[Any],
        names: list[str],
        schema: Sequence[Any] = (),
        objects: bool = True,
    ) -> None:
        self.table, self.names, self.rows, self.objects = table, names, len(table), objects
        self._lazy = list(schema)  # of another engine: whole numbers may come as floats
        known = {str(i): dtype for i, dtype in enumerate(schema)} | types(table)
        self.schema: list[Any] = list(known.values())
        self.dates: set[int] = set()  # columns of Python's dates, which pandas has no type for
        self.words: dict[int, str] = {}  # types of columns of objects
        self.forms: dict[int, Form] = {}  # what columns are that are measured as something else
        self.lengths: dict[int, Array] = {}  # of bytes that were left in their engine
        self._columns: dict[int, Series] = {}
        self._dtypes: dict[int, Any] = {}
        self._values: dict[int, list[Any]] = {}
        self._floats: dict[int, Array] = {}
        self._arrays: dict[int, Array] = {}
        self._codes: dict[int, tuple[list[Any], Array]] = {}
        self._some: dict[int, Series] = {}  # columns in the sample
        self._chunks: dict[int, list[Moments]] = {}  # of columns of numbers and moments

    def series(self, column: int) -> Series:
        """Return a column; objects that are all of one kind as that kind."""
        if column not in self._columns:
            series, known = self.table.get_column(str(column)), self.schema[column]
            opaque_values, held = taken(series), ""
            if opaque_values:
                made, self.forms[column] = opaque_values
            elif known in (nw.Object, nw.Unknown):
                made, held = object_columns.unboxed(series)
                if held == "date":
                    self.dates.add(column)
            else:
                made, held = object_columns.texts_only(series)
            if self.objects and held in OBJECTS:
                zone = getattr(made.dtype, "time_zone", None)
                self.words[column] = OBJECTS[held].replace(",", f" ({zone})," if zone else ",", 1)
            if made is series:
                self._dtypes[column] = known
            self._columns[column] = made
        return self._columns[column]

    def dtype(self, column: int) -> Any:
        """Return a column's narwhals type, which costs narwhals more than a look."""
        series = self.series(column)
        if column not in self._dtypes:
            self._dtypes[column] = series.dtype
        return self._dtypes[column]

    def first(self, column: int, rows: int) -> list[Any]:
        """Return the first values of a column as Python has them."""
        if self.rows > counting.SHORT:
            return self.series(column).head(rows).to_list()
        if column not in self._values:
            self._values[column] = self.series(column).to_list()
        return self._values[column][:rows]

    def values(self, column: int) -> Array:
        """Return a column's values as `array` does, of a table that is read as a whole once."""
        if column in self._arrays:
            return self._arrays[column]
        made = array(self.series(column))
        if self.rows <= WHOLE:
            self._arrays[column] = made
        return made

    def codes(self, column: int) -> tuple[list[Any], Array]:
        """Return the texts of a column, and row by row their number, -1 where there is none."""
        if column not in self._codes:
            series, dtype = self.series(column), self.dtype(column)
            if self.rows <= counting.LITTLE and dtype == nw.String:
                self._codes[column] = counting.numbered(self.first(column, self.rows))
            else:
                self._codes[column] = counting.factorised(series, dtype)
        return self._codes[column]

    def floats(self, column: int) -> Array:
        """Return a column's numbers or flags row by row as floats, NaN where there is none."""
        if column not in self._floats:
            self._floats[column] = floats(self.series(column), self.dtype(column))
        return self._floats[column]

    def type(self, column: int) -> str:
        """Return a column's type in plain words, the same in all libraries."""
        dtype = self.schema[column]
        if form := self.forms.get(column):
            return form.type
        if self._lazy and self._lazy[column].is_integer():
            return words(self._lazy[column])
        if dtype in (nw.Object, nw.Unknown) or column in self._columns:
            native = getattr(self.series(column).to_native(), "dtype", None)
            plain = "date" if column in self.dates else words(self.dtype(column), native)
            return self.words.get(column, plain)
        return words(dtype)

    def measure(self, columns: Sequence[int], *, nulls_only: bool = False) -> list[Measures]:
        """Return the measures of some columns over all rows."""
        return [self._measured(column, nulls_only) for column in columns]

    def _measured(self, column: int, nulls_only: bool) -> Measures:
        series = self.series(column)
        form = "other" if nulls_only else kind(self.dtype(column))
        if form in ("integer", "real", "moment"):
            return self._numbers(column)
        if form == "boolean" and plain(series.to_native()):
            return Measures(self.rows, trues=int(np.count_nonzero(series.to_numpy())))
        if form == "text" and self.rows <= counting.SHORT:
            pairs, many = counting.in_python(self.first(column, self.rows))
            nulls = self.rows - sum(n for _, n in pairs)
            counted = (many, pairs) if pairs else (None, None)
            return Measures(self.rows, nulls, distinct=counted[0], labels=counted[1])
        nulls = counting.nulls(series)
        if form == "boolean" and nulls < self.rows:
            return Measures(self.rows, nulls, trues=int(series.sum()))
        if form == "text" and nulls < self.rows:
            sample = self.some(column) if self.rows > WHOLE else None
            labels, distinct = counting.labels(series, sample, self.rows - nulls)
            return Measures(self.rows, nulls, distinct=distinct, labels=labels)
        return Measures(self.rows, nulls)

    def _numbers(self, column: int) -> Measures:
        series, dated = self.series(column), is_moment(self.dtype(column))
        values = self.values(column)
        nulls = self.rows - len(values)
        if dated:
            self._chunks[column] = ends = arrays.ends(values)
            figures: dict[str, Any] = {
                "low": min((part.low for part in ends), default=None),
                "high": max((part.high for part in ends), default=None),
            }
        else:
            self._chunks[column] = by_chunk(values)
            figures = sum(self._chunks[column], Moments()).figures()
            if plain(series.to_native()):
                nulls += figures.pop("nan")
        if figures["low"] is not None and (dated or figures["integral"]):
            ticked = ticks(series, values) if dated else values
            finite = self._distinct(column, _finite(ticked))
            figures["distinct"] = replace(finite, value=finite.value + arrays.infinities(values))
        return Measures(self.rows, nulls, **figures)

    def _distinct(self, column: int, values: Array) -> Count:
        """Return how many whole numbers differ; in a sample if nearly all of it do."""
        count = arrays.distinct(values)
        if count is None and self.rows > WHOLE:
            sample = _finite(array(self.some(column)))
            if (differing := len(np.unique(sample))) >= counting.NEARLY * len(sample):
                return Count(differing, sample=len(sample))
        return Count(counting.hashed(values, self.table.implementation) if count is None else count)

    def some(self, column: int) -> Series:
        """Return a column's values in the sample."""
        if self.rows <= WHOLE:
            return self.series(column)
        if column not in self._some:
            self._some[column] = self.series(column)[spread(self.rows, SAMPLE)]
        return self._some[column]

    def sample(self, columns: Sequence[int]) -> Local:
        """Return all rows up to `WHOLE`, else `SAMPLE` rows spread over the table."""
        if self.rows <= WHOLE:
            return self
        part = Local(self.table[:0], self.names, objects=self.objects)
        part.rows = SAMPLE
        part._columns = {column: self.some(column) for column in columns}
        part._dtypes = self._dtypes
        part.dates, part.words, part.forms = self.dates, self.words, self.forms
        return part

    def count(self, questions: Mapping[int, Sequence[Span]]) -> dict[int, list[int]]:
        """Return how many rows lie in each span, by column."""
        return {
            column: counted(self.series(column), spans, self._chunks.get(column, ()))
            for column, spans in questions.items()
        }


def counted(series: Series, spans: Sequence[Span], known: Sequence[Moments] = ()) -> list[int]:
    """Return how many values lie in each span; of texts each is one text."""
    dtype = series.dtype
    if is_number(dtype) or is_moment(dtype):
        return hits(array(series), spans, known)
    return [int((series == text).sum()) for text, _ in spans]


def array(series: Series) -> Array:
    """Return the values that are there: numbers, seconds, or microseconds since 1970 in UTC."""
    if hasattr(getattr(series.to_native(), "dtype", None), "pyarrow_dtype"):
        import pyarrow as pa  # pandas' own ways round zones

        series = nw.from_native(pa.chunked_array([series.to_arrow()]), series_only=True)
    native = series.to_native()
    kind = getattr(getattr(native, "dtype", None), "kind", "")
    if kind in "uif" and plain(native):
        return np.asarray(native.to_numpy())
    if kind in ("m", "M"):
        unit = "ns" if kind == "m" and str(native.dtype).endswith("[ns]") else "us"
        letter = {"m": "timedelta64", "M": "datetime64"}[kind]
        stamps = np.asarray(native.to_numpy(dtype=f"{letter}[{unit}]"))  # UTC, if it has a zone
        missing = np.isnat(stamps)
        moments = (stamps[~missing] if missing.any() else stamps).view(np.int64)
        return _seconds(moments, unit) if kind == "m" else moments
    valid, dtype = series.drop_nulls() if series.null_count() else series, series.dtype
    if dtype == nw.Duration:
        if getattr(dtype, "time_unit", "") == "ns":
            return _seconds(np.asarray(valid.dt.total_nanoseconds().to_numpy()), "ns")
        return _seconds(np.asarray(valid.dt.total_microseconds().to_numpy()), "us")
    if is_moment(dtype):
        return np.asarray(valid.dt.timestamp("us").to_numpy()).astype(np.int64, copy=False)
    if dtype.is_decimal():
        valid = valid.cast(nw.String())  # Arrow's own cast is wrong in the last digit
    if dtype.is_decimal() or dtype in (nw.Int128, nw.UInt128):
        valid = valid.cast(nw.Float64())
    values = np.asarray(valid.to_numpy())
    return values.astype(np.float64) if values.dtype.kind not in "uif" else values


def ticks(series: Series, values: Array) -> Array:
    """Return the values, of moments in nanoseconds these, since fewer digits may be alike."""
    if series.dtype == nw.Datetime and getattr(series.dtype, "time_unit", "") == "ns":
        return np.asarray(series.drop_nulls().dt.timestamp("ns").to_numpy()).astype(np.int64)
    return values


def _seconds(lengths: Array, unit: str) -> Array:
    """Return lengths of time in seconds, of nanoseconds only if there are parts of a thousand."""
    if unit == "ns" and not np.any(lengths % 1_000):
        lengths, unit = lengths // 1_000, "us"
    return np.asarray(lengths / {"us": 1e6, "ns": 1e9}[unit])


def _finite(values: Array) -> Array:
    if values.dtype.kind != "f":
        return values
    finite = np.isfinite(values)
    return values if finite.all() else values[finite]
