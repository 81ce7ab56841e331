"""What is known of one column before anything is said of it.

Measures are exact and never shown as they are: `describe` decides what may leave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

WHOLE = 100_000  # rows up to which a table is read as a whole, so that all figures are exact
SAMPLE = 10_000  # rows that are read of a longer one: ±1 % of rank, 95 times in 100
FEW = 1_000  # distinct values in the sample up to which all rows are counted


@dataclass(frozen=True, slots=True)
class Count:
    """How many distinct values there are in all rows, or in so many rows of a ``sample``."""

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
    be put in order; None where they make no sense.
    """

    rows: int
    nulls: int = 0
    nan: int = 0
    infinite: int = 0
    low: Any = None
    high: Any = None
    mean: float | None = None
    sd: float | None = None
    zeros: int = 0
    negatives: int = 0
    integral: bool = False
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
