"""A table where it lives answers three questions, each one pass over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .in_process import Local
    from .measures import Measures, Span


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
