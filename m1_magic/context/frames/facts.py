"""What the makers of facts (`relations`, …) are given, and what they make: lines of the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .in_process import Local
from .summary import Column


@dataclass(frozen=True, slots=True)
class Described:
    """A table whose columns are described.

    Args:
        rows: of the table.
        columns: by place, in the table's order, those that were looked at.
        sample: the rows that were read of it: all of them if they are as many as ``rows``.
        k: rows that must share what leaves, or be able to move it; 0 where all may leave.
        prompted: places of the columns that the prompt names, in its order.
    """

    rows: int
    columns: Mapping[int, Column]
    sample: Local
    k: int
    prompted: tuple[int, ...] = ()

    @property
    def varying(self) -> dict[int, Column]:
        """The columns by place that are not masked, and whose values are not all the same."""
        return {
            place: column
            for place, column in self.columns.items()
            if not column.masked and "always" not in column.figures
        }

    @property
    def complete(self) -> bool:
        """Were all rows read?"""
        return self.sample.rows == self.rows


@dataclass(frozen=True, slots=True)
class Fact:
    """What holds between columns, or of all rows: a line of the page.

    Args:
        text: in words, safe for the page, without its bullet.
        columns: places of the columns that it is about; none where it is about the rows.
        rank: the least goes first where not all fits.
        labels: how many labels of the last of its columns it shows.
    """

    text: str
    columns: tuple[int, ...] = ()
    rank: int = 5
    labels: int = 0
