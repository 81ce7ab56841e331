"""What a table is asked, and what is known of a column before anything is said of it.

A table where it lives answers three questions, each one pass over it. Measures are exact and
never shown as they are: `describe` decides what may leave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from .in_process import Local

WHOLE = 100_000  # rows up to which a table is read as a whole, so that all figures are exact
SAMPLE = 10_000  # rows that are read of a longer one: ±1 % of rank, 95 times in 100
FEW = 1_000  # distinct values in the sample up to which all rows are counted


@dataclass(frozen=True, slots=True)
class Count:
    """How many distinct values: exact, or only within a sample.

    Args:
        value: the number of distinct values.
        sample: the rows that ``value`` was counted in, None if all.
    """

    value: int
    sample: int | None = None

    @property
    def exact(self) -> bool:
        """Is this the number itself?"""
        return self.sample is None


@dataclass(frozen=True, slots=True)
class Measures:
    """Exact figures of one column over all its rows.

    ``low`` … ``negatives`` are of finite numbers, of moments in time, or of the values that can
    be put in order; None where they make no sense. ``mean_abs`` is the mean of the absolute values.
    """

    rows: int
    nulls: int = 0
    nan: int = 0
    infinite: int = 0
    low: Any = None
    high: Any = None
    mean: float | None = None
    sd: float | None = None
    mean_abs: float | None = None
    zeros: int = 0
    negatives: int = 0
    whole: bool = False
    trues: int | None = None
    distinct: Count | None = None
    labels: tuple[tuple[Any, int], ...] | None = None

    @property
    def valid(self) -> int:
        """Rows with a value: neither null nor NaN."""
        return self.rows - self.nulls - self.nan


class Span(NamedTuple):
    """What is asked about a column: how many of its values lie between, both ends included?

    Ends are numbers, microseconds since 1970, or one text.
    """

    low: Any
    high: Any


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
