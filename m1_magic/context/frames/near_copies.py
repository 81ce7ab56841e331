"""Columns of one call that differ in fewer than k rows are shown alike.

However coarse figures are, where two of them differ says something of the rows that make the
difference. So the later column gets the figures and shares of the first one, marked ``≈``, as
far as they hold for it, and a note that says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from ...privacy.redaction import masked_value
from .arrays import Array
from .counting import there
from .in_process import Local
from .kinds import EMPTY, Series, floats, is_moment, is_number, is_text, kind
from .measures import FEW
from .rounding import holds
from .summary import ALL_BUT, LABELS, UNIQUE, Column, Value

PART = 4  # the rows that make a difference are at most so manyth of all
HEAD = 64  # rows that are compared first
NOTHING = 1.7e-301  # stands for a missing value
PLACES = ("min P1 P2 P5 P10", "P25", "median", "P75", "P90 P95 P98 P99 max", "mean", "sd")
SLOTS = {name: place for place, names in enumerate(PLACES) for name in names.split()}
COUNTED = ("zero", "negative", "outlier")


@dataclass
class Seen:
    """A column that was shown: the number of its table, its first values, and what reads all."""

    table: int
    column: Column
    head: Array
    read: Callable[[], Array]

    @cached_property
    def values(self) -> Array:
        """The values row by row, as numbers."""
        return self.read()

    def differs(self, other: Seen, k: int) -> int:
        """Return in how many values it differs from another column, k where these are more.

        Columns of a table are compared row by row, those of two tables if they have one name.
        """
        if self.table != other.table:
            same = self.column.name == other.column.name
            return _anyhow(self.values, other.values, k) if same else k
        if np.count_nonzero(self.head != other.head) >= k:
            return k
        return min(k, int(np.count_nonzero(self.values != other.values)))


@dataclass(slots=True)
class Earlier:
    """The columns of a call that were shown so far."""

    tables: list[Local] = field(default_factory=list)
    columns: list[Seen] = field(default_factory=list)
    codes: dict[object, int] = field(default_factory=dict)

    def alike(self, columns: Mapping[int, Column], table: Local, k: int) -> dict[int, Column]:
        """Return the columns of a table by place, those that follow an earlier one as that."""
        if k < 2 or any(table is known for known in self.tables):
            return dict(columns)
        self.tables.append(table)
        return {
            place: self._as_disclosed(column, place, table, k)
            if _comparable(column) and table.rows - (column.nulls or 0) >= k
            else column
            for place, column in columns.items()
        }

    def _as_disclosed(self, column: Column, place: int, table: Local, k: int) -> Column:
        series, dtype = table.series(place), table.dtype(place)
        if kind(dtype) == "other":
            return column
        if is_text(dtype):
            head = self._numbered(table.first(place, HEAD))
        else:
            some = series if is_number(dtype) else series.head(HEAD)  # of numbers that is slow
            head = self._encoded(some, dtype)[:HEAD]
        read = partial(self._encoded, series, dtype)
        new = Seen(len(self.tables), column, head, read)
        for seen in self.columns:
            if 0 < (rows := seen.differs(new, k)) < k and PART * rows <= len(series):
                merge = _named if is_text(dtype) and _read(column) else _merged
                merge = _spanned if _dated(seen.column) or _dated(column) else merge
                made, seen.column = merge(seen.column, column, new.values, k)
                together = seen.table == new.table
                name = f"as `{masked_value(seen.column.name)}`" if together else "as before"
                note = f"{name}, but for fewer than {k} rows"
                return replace(made, notes=(*made.notes, note), follows=True)
        self.columns.append(new)
        return column

    def _encoded(self, series: Series, dtype: Any) -> Array:
        """Return values as numbers, one a row, the same for the same label."""
        if is_number(dtype):
            made = floats(series, dtype)
            return np.where(np.isnan(made), NOTHING, made)
        if is_moment(dtype):
            return self._encoded(series.dt.timestamp("us"), nw.Int64())
        return self._numbered(series.to_list())

    def _numbered(self, values: Iterable[Any]) -> Array:
        codes = self.codes
        return np.array(
            [codes.setdefault(x, len(codes)) if there(x) else NOTHING for x in values],
            dtype=np.float64,
        )


def _comparable(column: Column) -> bool:
    """Is it a column of numbers or of labels, of which something may be shown?"""
    few = column.distinct is None or column.distinct.value <= FEW
    has_figures = few or _read(column) or _dated(column)
    return not column.masked and bool(column.type != EMPTY and has_figures)


def _anyhow(one: Array, other: Array, k: int) -> int:
    """Return how many values one column has and the other has not, k where these are more."""
    if abs(len(one) - len(other)) >= k:
        return k
    (here, times), (there, often) = (np.unique(x, return_counts=True) for x in (one, other))
    _, left, right = np.intersect1d(here, there, assume_unique=True, return_indices=True)
    both = int(np.minimum(times[left], often[right]).sum())
    return min(k, max(len(one), len(other)) - both)


def _merged(first: Column, own: Column, values: Array, k: int) -> tuple[Column, Column]:
    """Return what is shown of a column that follows another, and what is known of that since."""
    finite = np.sort(values[np.isfinite(values) & (values != NOTHING)])
    theirs, ours = (_figures(column) for column in (first, own))
    slots, own_slots = ({SLOTS[name] for name in figures} for figures in (theirs, ours))
    held = {
        name: value
        for name, value in theirs.items()
        if SLOTS[name] in own_slots and holds(name, float(value), finite, k)
    }
    new = {name: value for name, value in ours.items() if SLOTS[name] not in slots}
    new = {} if "always" in first.figures else new
    figures = dict(sorted((held | new).items(), key=lambda pair: SLOTS[pair[0]]))
    labels = first.labels if 1 not in first.labels.values() else {}
    counts = {name: n for name, n in own.counts.items() if name not in COUNTED}
    counts |= {name: n for name, n in first.counts.items() if name in COUNTED}
    about: tuple[str, ...] = (*held, *new)
    about += (*(name for name in COUNTED if name in counts), *([LABELS] if labels else []))
    made = replace(
        own,
        figures=figures,
        labels=labels,
        counts=counts,
        approximate=about,
        left_out=own.left_out + len(ours) - len(figures),
        notes=tuple(note for note in own.notes if ALL_BUT not in note and " %" not in note),
    )
    return made, replace(first, figures={**first.figures, **new})


def _dated(column: Column) -> bool:
    return column.type.startswith("date") or bool({"from", "to"} & column.figures.keys())


def _spanned(first: Column, own: Column, values: Array, k: int) -> tuple[Column, Column]:
    """Return the same of dates: the ends of their range, and none of their notes but one."""
    figures = first.figures if _dated(first) else {}
    notes = tuple(note for note in own.notes if note == UNIQUE)
    return replace(own, figures=figures, approximate=tuple(figures), notes=notes), first


def _read(column: Column) -> bool:
    """Is it a column of texts of which figures, or shares other than of labels, are shown?"""
    return bool(column.figures) or any(" %" in note for note in column.notes)


def _named(first: Column, own: Column, values: Array, k: int) -> tuple[Column, Column]:
    """Return the same of texts that are read as something: nothing but their type."""
    notes = tuple(note for note in own.notes if " %" not in note and ALL_BUT not in note)
    return replace(own, figures={}, labels={}, approximate=(), counts={}, notes=notes), first


def _figures(column: Column) -> dict[str, Value]:
    return {name: value for name, value in column.figures.items() if name in SLOTS}
