"""One set of expressions that asks Polars, DuckDB, Spark and Ibis the same."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import narwhals.stable.v2 as nw

from ..arrays import clamped
from ..in_process import Local, array
from ..kinds import kind
from ..measures import SAMPLE, WHOLE, Measures, Span
from . import reading

LONGEST = 4096  # characters of a text in a sample
CELLS = 4_000_000  # cells of a sample
NESTED = 100  # cells that a list, struct or other value of unknown length counts as
TAME = 1e150  # numbers beyond this have squares that overflow: no mean, no sd


class Lazy(ABC):
    """A table of Polars, DuckDB, Spark or Ibis, each a class of its own; see `in_process.Table`.

    Its columns are named ``c0``, ``c1``, … In a sample decimals are floats, texts end after
    `LONGEST` characters, bytes are their number, and types that narwhals does not know are texts.
    """

    engine: str

    def __init__(self, frame: Any, names: Sequence[str]) -> None:
        self.frame, self.names = frame, list(names)
        self.schema: list[Any] = list(nw.from_native(frame).collect_schema().dtypes())
        self._rows: int | None = None

    def measure(self, columns: Sequence[int], *, nulls_only: bool = False) -> list[Measures]:
        """Return the measures of some columns over all rows."""
        kinds = {c: "other" if nulls_only else kind(self.schema[c]) for c in columns}
        expressions = {"rows": nw.len()}
        for column, known in kinds.items():
            expressions |= aggregates(column, known)
        answers = self._aggregated(list(kinds), expressions)
        self._rows = int(answers["rows"])
        return [measured(answers, column, kinds[column]) for column in columns]

    @property
    def rows(self) -> int:
        """Rows of the table; a pass of its own unless it was measured."""
        if self._rows is None:
            self.measure(())
        return self._rows or 0

    def sample(self, columns: Sequence[int]) -> Local:
        """Return all rows up to `WHOLE`, else about `SAMPLE` rows; fewer of a wide table."""
        total, columns = self.rows, list(dict.fromkeys(columns)) or [0][: len(self.names)]
        with reading(self.engine):
            rows = self._sampled(columns, total, wanted(total, self.schema, columns))
            restored = [self._restored(nw.col(f"c{c}"), c).alias(str(c)) for c in columns]
            local = Local(rows.select(restored), self.names, self.schema)
            for column in columns:
                sizes = rows[f"c{column}"]
                if self.schema[column] == nw.Binary and sizes.dtype.is_integer():
                    local.lengths[column] = array(sizes)
            return local

    def count(self, questions: Mapping[int, Sequence[Span]]) -> dict[int, list[int]]:
        """Return how many rows lie in each span, by column."""
        expressions = {
            f"q{column}_{i}": self._counted(column, possible)
            for column, spans in questions.items()
            for i, span in enumerate(spans)
            if (possible := within(span, self.schema[column]))
        }
        answers = self._aggregated(list(questions), expressions) if expressions else {}
        return {
            column: [int(answers.get(f"q{column}_{i}", 0)) for i in range(len(spans))]
            for column, spans in questions.items()
        }

    def _aggregated(
        self, columns: Sequence[int], expressions: Mapping[str, nw.Expr]
    ) -> Mapping[str, Any]:
        """Return aggregates of the forms of some columns.

        Of column 3 these are ``f3`` and, of floats, ``b3``: is it broken, no whole number?
        """
        with reading(self.engine):
            forms = {f"f{i}": self._form(f"c{i}", self.schema[i]) for i in columns}
            reals = [i for i in columns if is_real(self.schema[i])]
            forms |= {f"b{i}": self._broken(forms[f"f{i}"]) for i in reals}
            # Without a column some engines would count no rows.
            formed: nw.LazyFrame[Any] = nw.from_native(self._with(forms) if forms else self.frame)
            return self._row(formed.select(**expressions).to_native())

    def _counted(self, column: int, span: Span) -> nw.Expr:
        value = nw.col(f"f{column}")
        low, high = (self._literal(end, self.schema[column]) for end in span)
        if span.low == span.high:
            return hits(value == low)
        return hits((value >= low) & (value <= high))

    def _restored(self, value: nw.Expr, column: int) -> nw.Expr:
        """Give a column of the sample the type that its engine's own had to leave."""
        dtype = self.schema[column]
        if dtype == nw.Duration:
            return value.cast(nw.Duration("us"))
        if dtype == nw.Binary:
            return value.cast(nw.String).cast(nw.Binary)
        zone = getattr(dtype, "time_zone", None)
        return value.dt.convert_time_zone(zone) if zone else value

    def _literal(self, value: Any, dtype: Any) -> nw.Expr:
        """Return an end of a span as what the engine compares the form of a type with."""
        return nw.lit(value)

    def _broken(self, form: Any) -> Any:
        return form % 1 != 0  # a floor may be a 64-bit integer, which a large float is beyond

    @abstractmethod
    def _form(self, column: str, dtype: Any) -> Any:
        """Return a column in the form that all engines agree on."""

    @abstractmethod
    def _with(self, forms: Mapping[str, Any]) -> Any:
        """Return the table with some more columns."""

    @abstractmethod
    def _row(self, aggregates: Any) -> Mapping[str, Any]:
        """Return the only row, moments in microseconds since 1970."""

    @abstractmethod
    def _sampled(self, columns: Sequence[int], total: int, wanted: int) -> nw.DataFrame[Any]:
        """Return about ``wanted`` of the ``total`` rows, spread over the table."""


def is_real(dtype: Any) -> bool:
    """Is its form a 64-bit float?"""
    return bool(dtype.is_float() or dtype.is_decimal() or dtype == nw.Duration)


def within(span: Span, dtype: Any) -> Span | None:
    """Return the part of a span that values of a type may lie in, None if there is none."""
    if not dtype.is_integer():
        return None if kind(dtype) == "other" else span
    name = str(dtype)
    bits = int(name.lstrip("UInt"))
    least = 0 if name.startswith("U") else -(2 ** (bits - 1))
    low, high = math.ceil(span.low), math.floor(span.high)
    part = Span(max(least, low), min(least + 2**bits - 1, high))
    return part if part.low <= part.high else None


def wanted(total: int, schema: Sequence[Any], columns: Sequence[int]) -> int:
    """Return how many rows to read: all up to `WHOLE`, else `SAMPLE`, at most `CELLS` cells."""
    nested = ("List", "Array", "Struct", "Map", "Object")
    cells = sum(NESTED if str(schema[c]).startswith(nested) else 1 for c in columns)
    most = max(1, CELLS // max(1, cells))
    return total if total <= min(WHOLE, most) else min(SAMPLE, most)


def hits(condition: nw.Expr) -> nw.Expr:
    """Return the number of rows where the condition holds, never null."""
    return nw.when(condition).then(nw.lit(1)).count()


def aggregates(column: int, kind: str) -> dict[str, nw.Expr]:
    """Return what is asked of one column, by `kind`; what NaN is differs, so only < and > tell."""
    value, questions = nw.col(f"f{column}"), {"there": nw.col(f"c{column}").count()}
    if kind == "boolean":
        questions["trues"] = hits(value)
    if kind in ("integer", "real", "moment"):
        questions["valid"] = value.count()
        number = value.cast(nw.Float64())
        if kind == "real":
            questions["infinite"] = hits((value == math.inf) | (value == -math.inf))
            number = nw.when((value > -TAME) & (value < TAME)).then(value)
            finite = (value > -math.inf) & (value < math.inf)
            value = nw.when(finite).then(value)
            questions |= {"finite": value.count(), "broken": hits(finite & nw.col(f"b{column}"))}
        questions |= {"low": value.min(), "high": value.max()}
        if kind != "moment":
            questions |= {"mean": number.mean(), "sd": number.std(ddof=1)}
            questions |= {"zeros": hits(value == 0), "negatives": hits(value < 0)}
    return {f"{name}{column}": expression for name, expression in questions.items()}


def measured(answers: Mapping[str, Any], column: int, kind: str) -> Measures:
    """Return the answers to `aggregates` as the measures of a column."""
    rows = int(answers["rows"])

    def count(name: str) -> int:
        return int(answers[f"{name}{column}"])

    nulls = rows - count("there")
    if kind == "boolean":
        return Measures(rows, nulls, trues=count("trues"))
    if kind in ("text", "other"):
        return Measures(rows, nulls)
    low, high = answers[f"low{column}"], answers[f"high{column}"]
    if kind == "moment":  # DuckDB has infinite dates
        return Measures(rows, nulls, infinite=count("there") - count("valid"), low=low, high=high)
    infinite = count("infinite") if kind == "real" else 0
    finite = count("finite") if kind == "real" else count("valid")
    mean, sd = (answers[f"{name}{column}"] for name in ("mean", "sd"))
    tame = finite > 0 and max(abs(low), abs(high)) < TAME
    return Measures(
        rows,
        nulls,
        nan=count("valid") - finite - infinite,
        infinite=infinite,
        low=low,
        high=high,
        mean=clamped(float(mean), low, high) if tame else None,
        sd=float(sd) if tame and finite > 1 else None,
        zeros=count("zeros"),
        negatives=count("negatives"),
        integral=finite > 0 and (kind == "integer" or not count("broken")),
    )
