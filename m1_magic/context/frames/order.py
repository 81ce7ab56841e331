"""The order of rows, and what rises or falls with time."""

from __future__ import annotations

from collections.abc import Sequence

import narwhals.stable.v2 as nw
import numpy as np

from . import codes
from .arrays import Array
from .correlations import average_ranks, of_pair
from .facts import Described, Fact
from .in_process import array
from .kinds import is_moment, is_number, is_text
from .lines import name_of
from .shape import LEAST
from .summary import Column

TREND = 0.6  # rank correlation with time that is worth telling
TRENDS = 3
MOSTLY = 0.95  # of the rows have one label: their order says nothing
RANKED = 2_500  # rows whose ranks are compared


def order(table: Described) -> list[Fact]:
    """Return by what rows are sorted, and what changes with time."""
    return [*(_order(table) if table.complete else ()), *_trends(table)]


def _order(table: Described) -> list[Fact]:
    """Return by which columns the rows are sorted, running numbers apart."""
    if table.rows < LEAST:
        return []
    columns = {p: c for p, c in table.varying.items() if not c.nulls and not _runs(c)}
    candidates = []
    for place, column in columns.items():
        many = column.distinct.value if column.distinct else 0
        telling = max(column.labels.values(), default=0.0) < MOSTLY
        if many > 1 and telling and not column.counts.get("NaN") and _ordered(table, place, 64):
            dtype = table.sample.dtype(place)
            dated = is_moment(dtype) or column.type.startswith("date")
            candidates.append((-many, not dated, not is_text(dtype), place))
    for *_, first in sorted(candidates):
        if way := _ordered(table, first, table.rows):
            break
    else:
        return []
    by = [name_of(columns[first]) + (", descending" if way < 0 else "")]
    second = _within(table, first, [p for p in columns if p != first])
    by += [name_of(columns[second])] if second is not None else []
    return [Fact(f"rows are sorted by {', '.join(by)}", (first,), rank=6)]


def _runs(column: Column) -> bool:
    return any(note.startswith("running number") for note in column.notes)


def _comparable(table: Described, place: int, rows: int) -> Array | None:
    """Return the first values row by row that can be put in order, None where they cannot."""
    sample, dtype = table.sample, table.sample.dtype(place)
    if is_moment(dtype) or (is_number(dtype) and dtype != nw.Duration):
        values = sample.values(place)
    elif is_text(dtype):
        values = np.array([str(text) for text in sample.first(place, rows)], dtype=object)
    else:
        return None
    return values[:rows] if len(values) >= min(rows, table.rows) else None


def _ordered(table: Described, place: int, rows: int) -> int:
    """Return 1 for values that never fall, -1 for those that never rise, else 0."""
    values = _comparable(table, place, rows)
    if values is None or len(values) < 2:
        return 0
    if bool((values[1:] >= values[:-1]).all()):
        return 1
    return -1 if bool((values[1:] <= values[:-1]).all()) else 0


def _within(table: Described, first: int, others: Sequence[int]) -> int | None:
    """Return the column by which rows of equal values in the first one are sorted."""
    values = _comparable(table, first, table.rows)
    if values is None:
        return None
    equal = values[1:] == values[:-1]
    if 2 * int(np.count_nonzero(equal)) < len(equal):
        return None
    for place in others:
        within = _comparable(table, place, table.rows)
        if within is not None:
            rises = within[1:] > within[:-1]
            if bool(rises[equal].all()):
                return place
    return None


def _trends(table: Described) -> list[Fact]:
    """Return which numbers rise or fall with time, where each row has its own moment."""
    columns, sample = table.varying, table.sample
    times = [p for p, c in columns.items() if is_moment(sample.dtype(p)) and not c.nulls]
    step = max(1, sample.rows // RANKED)
    if sample.rows < max(LEAST, 4 * table.k) or not times:
        return []
    when = array(sample.series(times[0]).gather_every(step))
    if len(np.unique(when)) < 0.9 * len(when):
        return []
    trends = []
    for place, column in columns.items():
        plain = is_number(sample.dtype(place))
        plain = plain and not column.follows and not codes.named(column.name)
        if not plain or _runs(column) or column.type == "date as number":
            continue
        values = sample.floats(place)[::step]
        there = np.isfinite(values)
        if np.count_nonzero(there) >= max(LEAST, 4 * table.k):
            r, figure = of_pair(average_ranks(when[there]), average_ranks(values[there]), table.k)
            if figure and abs(r) >= TREND:
                text = f"{'≈ ' if figure.rounded else ''}{figure.value:.2f}"
                trends.append((-round(abs(r), 6), place, r, text))
    some = "" if table.complete and step == 1 else f" in {len(when):,} rows"
    return [
        Fact(
            f"{name_of(columns[place])} {'rises' if r > 0 else 'falls'} over "
            f"{name_of(columns[times[0]])}: rank correlation {'≈ ' if some else ''}{text}{some}",
            (times[0], place),
            rank=3,
        )
        for _, place, r, text in sorted(trends)[:TRENDS]
    ]
