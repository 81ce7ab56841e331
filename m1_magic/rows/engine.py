"""What is wanted of the engine whose partitions hold the rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from .cells import Column


class Work(Protocol):
    """Something that is done with each partition, by a task of its own."""

    def __call__(self, number: int, columns: Sequence[Column], again: bool) -> Any:
        """Do it with a partition's columns; ``again``: the engine has begun this task before."""

    def only(self, number: int) -> Work:
        """Return what one partition's task needs of it."""


# Rows of values → new columns.
Labels = Callable[[Iterable[Sequence[object]]], Mapping[str, Column]]


class Engine(Protocol):
    """A table of Dask or Spark.

    ``names`` are its columns, ``alone`` as of `Rows`; ``parallel``: how many tasks run at the same
    time.
    """

    names: tuple[str, ...]
    alone: bool

    @property
    def parallel(self) -> int:
        """How many tasks run at the same time."""

    def each(self, places: Sequence[int], work: Work) -> Iterator[tuple[int, Any]]:
        """Do work with each partition's columns, a task for each; yield what came, or its error."""

    def first(self, places: Sequence[int], known: int, rows: int) -> list[Column]:
        """Return the columns of the first so many rows that have a value in column ``known``."""

    def labelled(
        self, places: Sequence[int], labels: Labels, values: Mapping[str, Sequence[Any]]
    ) -> Any:
        """Return the table with columns that ``labels`` makes of these columns of each row.

        ``values`` are all that can come up in each new column, by which it gets its type.
        """

    def close(self) -> None:
        """Let go of what was kept for several passes."""
