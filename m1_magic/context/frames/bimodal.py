"""Numbers that lie about two values: centimetres and inches, two kinds of things in one column."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .arrays import Array
from .by_group import mean
from .facts import Fact
from .kinds import is_moment
from .lines import figure, share
from .row_by_row import Rows

LEAST = 100  # rows
DISTINCT = 20  # values
CLEAR = 0.85  # of the variance that a cut explains: 0.64 of a normal, 0.75 of a uniform column
PART = 0.1  # of the rows that lie on each side, at the least
WANDERS = 0.9  # correlation of each row with the one before
SHOWN = 2


def bimodal(rows: Rows) -> Iterator[Fact]:
    """Yield the columns of two modes, with the share and the mean of each."""
    count = 0
    for place in rows.telling(rows.numeric) if rows.n >= max(LEAST, 20 * rows.k) else ():
        values = rows.numbers(place)
        if count == SHOWN or _cut(values[:: rows.step]) is None or _explained(rows, place):
            continue
        order = np.sort(values[np.isfinite(values)])
        if (cut := _cut(order)) is None:
            continue
        sides = order[:cut], order[cut:]
        means = [mean(side, rows) for side in sides]
        if None not in means:
            about = "" if rows.table.complete else "≈ "
            parts = [
                f"{about}{share(len(side) / len(order))} about {figure(one.value)}"
                for side, one in zip(sides, means, strict=True)
                if one
            ]
            text = f"{rows.name(place)} is bimodal{rows.among}: {', '.join(parts)}"
            yield Fact(text, (place,), 5)
            count += 1


@np.errstate(all="ignore")
def _explained(rows: Rows, place: int) -> bool:
    """Is the one side shown as codes for missing values, or does a number wander in time?"""
    values = rows.numbers(place)
    values = values[np.isfinite(values)]
    dated = any(is_moment(rows.dtype(p)) for p in rows.columns)
    wanders = dated and np.corrcoef(values[1:], values[:-1])[0, 1] > WANDERS
    return bool(wanders) or any("for missing" in note for note in rows.columns[place].notes)


@np.errstate(all="ignore")
def _cut(values: Array) -> int | None:
    """Return at which place of its values in order a column falls into two, None if it does not."""
    order = np.sort(values[np.isfinite(values)])
    n = len(order)
    first, last = int(np.ceil(PART * n)), int((1 - PART) * n)
    if n < LEAST or first >= last or len(np.unique(order)) < DISTINCT:
        return None
    scaled = (order - order[n // 2]) / max(float(np.abs(order).max()), 1e-300)
    scaled -= scaled.mean()
    left = np.arange(first, last + 1)
    between = np.cumsum(scaled)[left - 1] ** 2 / (left * (n - left))
    place = int(np.argmax(between))
    clear = between[place] >= CLEAR * float((scaled**2).mean())
    cut = int(left[place])
    apart = order[0] < order[cut - 1] < order[cut] < order[-1]  # else one value is shown as such
    return cut if clear and apart else None
