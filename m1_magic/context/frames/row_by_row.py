"""Columns row by row, for what holds between them: as numbers, as groups, where they are null."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from .arrays import Array
from .codes import is_code
from .facts import Described
from .grouping import FEW, Grouping, grouping
from .kinds import Series, is_moment, is_number, is_text
from .label_names import MASKED
from .lines import name_of
from .measures import SAMPLE
from .summary import Column

MANY = 60  # labels up to which a column is a category, unless the prompt names it
CATEGORIES, NUMBERS = 12, 30  # columns that are compared
THIN = 1_500  # rows by which columns are ranked


class Rows:
    """The columns of a described table, of which figures may be shown, row by row.

    Those that hardly differ from another one (`near_copies`) are left out: where exact counts of
    both differ, they tell of single rows.
    """

    def __init__(self, table: Described) -> None:
        self.table, self.k, self.n = table, table.k, table.sample.rows
        self.step = max(1, self.n // THIN)
        self.columns = {
            place: column
            for place, column in table.varying.items()
            if not column.follows and column.name != MASKED
        }
        self.spare: set[int] = set()  # columns for which others stand: copies, flags of a set
        self.covered_pairs: set[frozenset[int]] = set()  # pairs of columns that a line tells of
        self._groupings: dict[tuple[int, int], Grouping] = {}

    def name(self, place: int) -> str:
        """Return a column's name, fit to be shown."""
        return name_of(self.columns[place])

    @property
    def among(self) -> str:
        """Of how many rows it holds, where not all were read."""
        return "" if self.table.complete else f" (≈ in {self.n:,} rows)"

    def series(self, place: int) -> Series:
        """Return a column."""
        return self.table.sample.series(place)

    def dtype(self, place: int) -> Any:
        """Return a column's type."""
        return self.table.sample.dtype(place)

    def is_text(self, place: int) -> bool:
        """Is it a column of texts, or a category?"""
        return is_text(self.dtype(place))

    def is_number(self, place: int) -> bool:
        """Is it a column of numbers?"""
        return is_number(self.dtype(place))

    def numbers(self, place: int) -> Array:
        """Return a column's numbers as floats, NaN where there is none."""
        return self.table.sample.floats(place)

    def grouping(self, place: int, step: int = 1) -> Grouping:
        """Return every ``step``-th row by what stands in a column."""
        key = place, step
        if key not in self._groupings:
            series, dtype = self.series(place), self.dtype(place)
            coded = self.table.sample.codes(place) if is_text(dtype) and step == 1 else None
            if step > 1 and (self.n <= SAMPLE or (place, 1) in self._groupings):
                self._groupings[key] = self.grouping(place).thinned(step)
            else:
                series = series.gather_every(step) if step > 1 else series
                self._groupings[key] = grouping(series, 0 if step > 1 else self.k, dtype, coded)
        return self._groupings[key]

    def telling(self, places: Sequence[int]) -> list[int]:
        """Return those of some columns that no other one stands for, and those that are named."""
        return [p for p in places if p not in self.spare or p in self.table.prompted]

    @cached_property
    def numeric(self) -> list[int]:
        """The columns of numbers that are measures."""
        fit = [p for p, column in self.columns.items() if self._measures(p, column)]
        return sorted(fit, key=lambda place: place not in self.table.prompted)[:NUMBERS]

    def _measures(self, place: int, column: Column) -> bool:
        dtype = self.dtype(place)
        fit = is_number(dtype) and not is_code(column)
        return fit and not self._counts_on(place, column)

    def _counts_on(self, place: int, column: Column) -> bool:
        """Is it a running number?"""
        distinct = column.distinct
        if not column.type.startswith("whole") or not distinct or distinct.value < self.n:
            return False
        values = self.numbers(place)
        return bool(np.ptp(values) == len(values) - 1)

    @cached_property
    def flags(self) -> list[int]:
        """The columns that are true or false."""
        return [p for p, c in self.columns.items() if self.dtype(p) == nw.Boolean and c.labels]

    @cached_property
    def categories(self) -> list[int]:
        """The columns by which rows are grouped: named ones, texts, then few numbers or dates."""
        named = [p for p in self.table.prompted if p in self.columns and self._groups(p, 10**6)]
        ranked = [
            (not self.is_text(place), place)
            for place in self.columns
            if place not in named and self._groups(place, MANY)
        ]
        return [*named, *(place for _, place in sorted(ranked))][:CATEGORIES]

    def _groups(self, place: int, most: int) -> bool:
        column, dtype = self.columns[place], self.dtype(place)
        if dtype == nw.Boolean:
            return bool(column.labels)
        distinct = column.distinct.value if column.distinct else 0
        if is_text(dtype):
            plain = column.type in ("text", "category", "number as text")
            return plain and 2 <= distinct <= min(most, self.n // 2)
        discrete = column.type.startswith("whole") or is_moment(dtype)
        return discrete and 2 <= distinct <= FEW and distinct <= self.n // 2
