"""What differs between Polars, DuckDB and Spark (and `ibis`): forms and samples.

Columns are addressed by position, so that no name of the user's is ever part of a query. SQL
is made of our own words only; values travel as literals of the engine.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import narwhals.stable.v2 as nw

from ..arrays import is_spread
from ..kinds import is_moment
from .table import LONGEST, Lazy, is_real

DAY = 86_400_000_000  # in microseconds
SEED = 7
# Of Spark: a moment without zone, and the microseconds since then.
START = "TIMESTAMP_NTZ'1970-01-01 00:00:00'"
SINCE = f"timestampdiff(MICROSECOND, {START},"


def is_wide(dtype: Any) -> bool:
    """Is it a number that Arrow and NumPy would rather have as a float?"""
    return bool(dtype.is_decimal()) or dtype in (nw.Int128, nw.UInt128)


def is_label(dtype: Any) -> bool:
    """Is it a category?"""
    return bool(dtype == nw.Categorical or dtype == nw.Enum)


class Polars(Lazy):
    """A Polars LazyFrame, collected by the streaming engine: nothing of its size is held."""

    engine = "Polars"

    def __init__(self, frame: Any) -> None:
        import polars as pl

        names = frame.collect_schema().names()
        super().__init__(frame.select(pl.nth(i).alias(f"c{i}") for i in range(len(names))), names)

    def _row(self, aggregates: Any) -> Mapping[str, Any]:
        row: dict[str, Any] = aggregates.collect(engine="streaming").row(0, named=True)
        return row

    def _sampled(self, columns: Sequence[int], total: int, wanted: int) -> nw.DataFrame[Any]:
        """Return at most ``wanted`` rows, always the same."""
        import polars as pl

        rows = self.frame.select(self._sampled_cell(f"c{i}", self.schema[i]) for i in columns)
        if total > wanted:
            taken = is_spread(pl.col("r").cast(pl.Int64), total, wanted)
            rows = rows.with_row_index("r").filter(taken).drop("r")
        return nw.from_native(rows.head(wanted).collect(engine="streaming"), eager_only=True)

    def _with(self, forms: Mapping[str, Any]) -> Any:
        return self.frame.with_columns(**forms)

    def _form(self, column: str, dtype: Any) -> Any:
        import polars as pl

        value = pl.col(column)
        if dtype == nw.Duration:
            return value.dt.total_microseconds() / 1e6
        if is_real(dtype):
            return value.cast(pl.Float64)
        if is_label(dtype):
            return value.cast(pl.String)
        if dtype == nw.Date:
            return value.cast(pl.Int64) * DAY
        return value.dt.timestamp("us") if dtype == nw.Datetime else value

    def _sampled_cell(self, column: str, dtype: Any) -> Any:
        import polars as pl

        value = pl.col(column)
        if dtype == nw.String:
            return value.str.slice(0, LONGEST)
        if dtype == nw.Binary:
            return value.bin.size().cast(pl.Int64)
        return value.cast(pl.Float64) if is_wide(dtype) else value


class Sql(Lazy):
    """What is asked in SQL that DuckDB and Spark both speak."""

    def _form(self, column: str, dtype: Any) -> str:
        if dtype == nw.Duration:
            return f"({self._duration(column)} / CAST(1000000 AS DOUBLE))"
        if is_real(dtype):
            return f"CAST({column} AS DOUBLE)"
        if is_label(dtype):
            return f"CAST({column} AS STRING)"
        return self._microseconds(column, dtype) if is_moment(dtype) else column

    def _broken(self, form: str) -> str:
        return f"{form} % 1 <> 0"

    def _sampled_cells(self, columns: Sequence[int]) -> list[str]:
        """Return the expressions of columns of a sample."""
        return [f"{self._cell(f'c{i}', self.schema[i])} AS c{i}" for i in columns]

    def _cell(self, column: str, dtype: Any) -> str:
        if dtype in (nw.String, nw.Unknown):
            return f"substring(CAST({column} AS STRING), 1, {LONGEST})"
        if dtype == nw.Duration:
            return self._duration(column)
        if dtype == nw.Binary:
            return f"octet_length({column})"
        return f"CAST({column} AS DOUBLE)" if is_wide(dtype) else column

    @abstractmethod
    def _duration(self, column: str) -> str:
        """Return the microseconds of a duration."""

    @abstractmethod
    def _microseconds(self, column: str, dtype: Any) -> str:
        """Return the microseconds of a moment since 1970."""


class DuckDB(Sql):
    """A DuckDB relation, on its own connection, where nothing is left behind."""

    engine = "DuckDB"

    def __init__(self, relation: Any) -> None:
        columns = ", ".join(f"#{i + 1} AS c{i}" for i in range(len(relation.columns)))
        super().__init__(relation.project(columns), relation.columns)

    def _row(self, aggregates: Any) -> Mapping[str, Any]:
        return dict(zip(aggregates.columns, aggregates.fetchall()[0], strict=True))

    def _sampled(self, columns: Sequence[int], total: int, wanted: int) -> nw.DataFrame[Any]:
        """Return at most ``wanted`` rows, always the same while the relation keeps its order."""
        columns_sql, relation = ", ".join(self._sampled_cells(columns)), self.frame
        if total > wanted:
            from duckdb import ColumnExpression

            relation = relation.project(f"{columns_sql}, row_number() OVER () - 1 AS r")
            relation = relation.filter(is_spread(ColumnExpression("r"), total, wanted))
            columns_sql = ", ".join(f"c{i}" for i in columns)
        sampled: nw.LazyFrame[Any] = nw.from_native(relation.project(columns_sql).limit(wanted))
        return sampled.collect("pyarrow")

    def _with(self, forms: Mapping[str, Any]) -> Any:
        more = [f"{form} AS {name}" for name, form in forms.items()]
        return self.frame.project(", ".join(["*", *more]))

    def _duration(self, column: str) -> str:
        return f"epoch_us({column})"

    def _microseconds(self, column: str, dtype: Any) -> str:
        return self._possible(column, dtype, f"epoch_us({_stamp(column, dtype)})")

    def _cell(self, column: str, dtype: Any) -> str:
        cell = super()._cell(column, dtype)
        return self._possible(column, dtype, cell) if is_moment(dtype) else cell

    def _possible(self, column: str, dtype: Any, value: str) -> str:
        """Return a value of a moment that is neither infinite nor beyond the year 294246."""
        return f"CASE WHEN isfinite({_stamp(column, dtype)}) THEN {value} END"


def _stamp(column: str, dtype: Any) -> str:
    zoned = getattr(dtype, "time_zone", None)
    return column if zoned else f"TRY_CAST({column} AS TIMESTAMP)"


class Spark(Sql):
    """A PySpark DataFrame; moments are compared as numbers, whatever the session's time zone."""

    engine = "Spark"

    def __init__(self, frame: Any) -> None:
        names = frame.columns
        super().__init__(frame.toDF(*(f"c{i}" for i in range(len(names)))), names)
        for place, (_, kind) in enumerate(self.frame.dtypes):
            if kind.startswith("interval") and not kind.startswith(("interval y", "interval m")):
                self.schema[place] = nw.Duration("us")
            elif kind.startswith("interval month"):
                self.schema[place] = nw.Unknown()

    def _row(self, aggregates: Any) -> Mapping[str, Any]:
        row: dict[str, Any] = aggregates.collect()[0].asDict()
        return row

    def _sampled(self, columns: Sequence[int], total: int, wanted: int) -> nw.DataFrame[Any]:
        """Return about ``wanted`` rows, the same while the partitions are."""
        rows = self.frame.selectExpr(*self._sampled_cells(columns))
        if total > wanted:
            rows = rows.sample(False, wanted / total, SEED)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on its versions of pandas
            sampled: nw.LazyFrame[Any] = nw.from_native(rows.limit(wanted + wanted // 10))
            return sampled.collect("pyarrow")

    def _with(self, forms: Mapping[str, Any]) -> Any:
        return self.frame.selectExpr("*", *(f"{form} AS {name}" for name, form in forms.items()))

    def _duration(self, column: str) -> str:
        return f"{SINCE} {START} + {column})"

    def _microseconds(self, column: str, dtype: Any) -> str:
        if dtype == nw.Date:
            return f"unix_date({column}) * {DAY}L"
        zoned = getattr(dtype, "time_zone", None)
        return f"unix_micros({column})" if zoned else f"{SINCE} {column})"


ENGINES = {"polars": Polars, "duckdb": DuckDB, "pyspark": Spark}  # by library
