"""What differs between Polars, DuckDB and Spark (and `ibis`): forms and samples.

Columns are addressed by position, so that no name of the user's is ever part of a query. SQL
is made of our own words only; values travel as literals of the engine.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import narwhals.stable.v2 as nw

LONGEST = 4096  # characters of a text in a sample
DAY = 86_400_000_000  # in microseconds
SEED = 7
# Of Spark: a moment without zone, and the microseconds since then.
START = "TIMESTAMP_NTZ'1970-01-01 00:00:00'"
SINCE = f"timestampdiff(MICROSECOND, {START},"
# Multiplying by GOLDEN modulo TURN (a golden ratio of it) spreads where in its stretch a row is
# taken, so that a table with a period is not read in step with it; integers are exact anywhere.
GOLDEN, TURN = 10_368_889, 1 << 24


def pick(total: int, wanted: int) -> tuple[int, str]:
    """Return the length of the stretches, and the SQL of what is true of one row ``r`` in each."""
    step = -(-total // max(1, wanted))
    return step, f"r % {step} = ((r // {step}) * {GOLDEN} % {TURN} * {step}) // {TURN}"


def is_wide(dtype: Any) -> bool:
    """Is it a number that Arrow and NumPy would rather have as a float?"""
    return bool(dtype.is_decimal()) or dtype in (nw.Int128, nw.UInt128)


def is_real(dtype: Any) -> bool:
    """Is its form a 64-bit float?"""
    return bool(dtype.is_float() or dtype.is_decimal() or dtype == nw.Duration)


def is_label(dtype: Any) -> bool:
    """Is it a category?"""
    return bool(dtype == nw.Categorical or dtype == nw.Enum)


class Plain:
    """What compares bounds as they are."""

    def literal(self, column: int, value: Any) -> nw.Expr:
        """Return the bound as it is."""
        return nw.lit(value)


class Polars(Plain):
    """A Polars LazyFrame, collected by the streaming engine: nothing of its size is held."""

    name = "Polars"

    def __init__(self, frame: Any) -> None:
        self.frame = frame
        known = nw.from_native(frame).collect_schema()
        self.names, self.schema = list(known.names()), list(known.dtypes())

    def formed(self, columns: Sequence[int]) -> nw.LazyFrame[Any]:
        """Return ``c3`` and ``f3`` of each column."""
        import polars as pl

        forms = [self._form(column).alias(f"f{column}") for column in columns]
        for column in columns:
            if is_real(self.schema[column]):
                form = self._form(column)
                forms.append((form != form.floor()).alias(f"b{column}"))
        raw = [pl.nth(column).alias(f"c{column}") for column in columns]
        # Without a column Polars would count no rows.
        native = self.frame.select(raw + forms) if columns else self.frame
        formed: nw.LazyFrame[Any] = nw.from_native(native)
        return formed

    def _form(self, column: int) -> Any:
        import polars as pl

        value, dtype = pl.nth(column), self.schema[column]
        if dtype == nw.Duration:
            return value.dt.total_microseconds() / 1e6
        if is_real(dtype):
            return value.cast(pl.Float64)
        if is_label(dtype):
            return value.cast(pl.String)
        if dtype == nw.Date:
            return value.cast(pl.Int64) * DAY
        return value.dt.timestamp("us") if dtype == nw.Datetime else value

    def _shown(self, column: int) -> Any:
        import polars as pl

        value, dtype = pl.nth(column), self.schema[column]
        if dtype == nw.String:
            return value.str.slice(0, LONGEST)
        if dtype == nw.Binary:
            return pl.when(value.is_not_null()).then(True)
        return value.cast(pl.Float64) if is_wide(dtype) else value

    def row(self, aggregates: nw.LazyFrame[Any]) -> Mapping[str, Any]:
        """Return the only row."""
        row: dict[str, Any] = aggregates.to_native().collect(engine="streaming").row(0, named=True)
        return row

    def rows(self, columns: Sequence[int], total: int, wanted: int) -> nw.DataFrame[Any]:
        """Return at most ``wanted`` rows, always the same."""
        import polars as pl

        shown = self.frame.select(self._shown(column).alias(f"c{column}") for column in columns)
        step, _ = pick(total, wanted)
        if step > 1:
            row = pl.col("r").cast(pl.Int64)
            place = (row // step) * GOLDEN % TURN * step // TURN
            shown = shown.with_row_index("r").filter(row % step == place).drop("r")
        return nw.from_native(shown.head(wanted).collect(engine="streaming"), eager_only=True)


class DuckDB(Plain):
    """A DuckDB relation, on its own connection, where nothing is left behind."""

    name = "DuckDB"

    def __init__(self, relation: Any) -> None:
        self.relation, self.names = relation, list(relation.columns)
        raw = relation.project(", ".join(f"#{i + 1} AS c{i}" for i in range(len(self.names))))
        self.schema = list(nw.from_native(raw).collect_schema().dtypes())

    def formed(self, columns: Sequence[int]) -> nw.LazyFrame[Any]:
        """Return ``c3`` and ``f3`` of each column."""
        expressions = [f"#{i + 1} AS c{i}, {self._form(i)} AS f{i}" for i in columns]
        forms = {i: self._form(i) for i in columns if is_real(self.schema[i])}
        expressions += [f"{form} <> floor({form}) AS b{i}" for i, form in forms.items()]
        native = self.relation.project(", ".join(expressions) or "1 AS c")
        formed: nw.LazyFrame[Any] = nw.from_native(native)
        return formed

    def _form(self, column: int) -> str:
        value, dtype = f"#{column + 1}", self.schema[column]
        if dtype == nw.Duration:
            return f"epoch({value})::DOUBLE"
        if is_real(dtype):
            return f"{value}::DOUBLE"
        if is_label(dtype):
            return f"{value}::VARCHAR"
        if dtype == nw.Date or dtype == nw.Datetime:
            return f"CASE WHEN {self._possible(column)} THEN epoch_us({self._moment(column)}) END"
        return value

    def _moment(self, column: int) -> str:
        zoned = getattr(self.schema[column], "time_zone", None)
        return f"#{column + 1}" if zoned else f"TRY_CAST(#{column + 1} AS TIMESTAMP)"

    def _possible(self, column: int) -> str:
        """Return the SQL of: neither infinite nor beyond the year 294246."""
        return f"isfinite({self._moment(column)})"

    def _shown(self, column: int) -> str:
        value, dtype = f"#{column + 1}", self.schema[column]
        if dtype == nw.String or dtype == nw.Unknown:
            return f"substr({value}::VARCHAR, 1, {LONGEST})"
        if dtype == nw.Duration:
            return f"epoch_us({value})"
        if dtype == nw.Binary:
            return f"CASE WHEN {value} IS NOT NULL THEN true END"
        if dtype == nw.Date or dtype == nw.Datetime:
            return f"CASE WHEN {self._possible(column)} THEN {value} END"
        return f"{value}::DOUBLE" if is_wide(dtype) else value

    def row(self, aggregates: nw.LazyFrame[Any]) -> Mapping[str, Any]:
        """Return the only row."""
        relation = aggregates.to_native()
        return dict(zip(relation.columns, relation.fetchall()[0], strict=True))

    def rows(self, columns: Sequence[int], total: int, wanted: int) -> nw.DataFrame[Any]:
        """Return at most ``wanted`` rows, always the same while the relation keeps its order."""
        shown = ", ".join(f"{self._shown(i)} AS c{i}" for i in columns)
        step, condition = pick(total, wanted)
        relation = self.relation
        if step > 1:
            relation = relation.project(f"{shown}, row_number() OVER () - 1 AS r")
            relation = relation.filter(condition)
            shown = ", ".join(f"c{i}" for i in columns)
        sampled: nw.LazyFrame[Any] = nw.from_native(relation.project(shown).limit(wanted))
        return sampled.collect("pyarrow")


class Spark(Plain):
    """A PySpark DataFrame; moments are compared as numbers, whatever the session's time zone."""

    name = "Spark"

    def __init__(self, frame: Any) -> None:
        self.names = list(frame.columns)
        self.frame = frame.toDF(*(f"c{i}" for i in range(len(self.names))))
        self.schema = list(nw.from_native(self.frame).collect_schema().dtypes())
        for place, (_, kind) in enumerate(self.frame.dtypes):
            if kind.startswith("interval") and not kind.startswith(("interval y", "interval m")):
                self.schema[place] = nw.Duration("us")
            elif kind.startswith("interval month"):
                self.schema[place] = nw.Unknown()

    def formed(self, columns: Sequence[int]) -> nw.LazyFrame[Any]:
        """Return ``c3`` and ``f3`` of each column."""
        expressions = [text for i in columns for text in (f"c{i}", f"{self._form(i)} AS f{i}")]
        forms = {i: self._form(i) for i in columns if is_real(self.schema[i])}
        expressions += [f"{form} <> rint({form}) AS b{i}" for i, form in forms.items()]
        native = self.frame.selectExpr(*expressions) if expressions else self.frame
        formed: nw.LazyFrame[Any] = nw.from_native(native)
        return formed

    def _form(self, column: int) -> str:
        value, dtype = f"c{column}", self.schema[column]
        if dtype == nw.Duration:
            return f"{SINCE} {START} + {value}) / 1e6D"
        if is_real(dtype):
            return f"CAST({value} AS DOUBLE)"
        if dtype == nw.Date:
            return f"unix_date({value}) * {DAY}L"
        if dtype == nw.Datetime:
            zoned = getattr(dtype, "time_zone", None)
            return f"unix_micros({value})" if zoned else f"{SINCE} {value})"
        return value

    def _shown(self, column: int) -> str:
        value, dtype = f"c{column}", self.schema[column]
        if dtype == nw.String or dtype == nw.Unknown:
            return f"substring(CAST({value} AS STRING), 1, {LONGEST})"
        if dtype == nw.Binary:
            return f"CASE WHEN {value} IS NOT NULL THEN true END"
        if dtype == nw.Duration:
            return f"{SINCE} {START} + {value})"
        return self._form(column) if is_wide(dtype) else value

    def row(self, aggregates: nw.LazyFrame[Any]) -> Mapping[str, Any]:
        """Return the only row."""
        row: dict[str, Any] = aggregates.to_native().collect()[0].asDict()
        return row

    def rows(self, columns: Sequence[int], total: int, wanted: int) -> nw.DataFrame[Any]:
        """Return about ``wanted`` rows, the same while the partitions are."""
        shown = self.frame.selectExpr(*(f"{self._shown(i)} AS c{i}" for i in columns))
        if total > wanted:
            shown = shown.sample(False, wanted / total, SEED)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on its versions of pandas
            sampled: nw.LazyFrame[Any] = nw.from_native(shown.limit(wanted + wanted // 10))
            return sampled.collect("pyarrow")


ENGINES = {"polars": Polars, "duckdb": DuckDB, "pyspark": Spark}  # by library
