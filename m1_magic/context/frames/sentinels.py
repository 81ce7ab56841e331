"""Values that stand for missing ones: -999, 99 among 1 to 5, the first of January 1900.

A value counts only if it is a usual code, lies clearly apart from all others, and enough rows
share it. Impossible ages and shares of hundred are shown the same way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...privacy.personal.column_names import key_of
from . import numeric
from .arrays import Array, moments
from .lines import figure, marked_figure, share
from .measures import Measures, Span
from .summary import Column, Draft

LEAST = 3  # rows that share a code, at the least
FEW = 3  # distinct other values
# Nines and eights with the numbers before them, and the ends of machine integers.
ENDS = [int(digit * n) - less for n in range(2, 11) for digit in "98" for less in (0, 1, 2)]
CODES = np.array(
    sorted({-1, -8, -9, -77, -32768, 2147483647, -2147483648, *ENDS, *(-end for end in ENDS)}),
    dtype=np.float64,
)
DATES = np.array(
    ["1753-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1970-01-01", "2099-12-31",
     "2999-12-31", "9999-12-31"], dtype="datetime64[us]"
).astype(np.int64)  # fmt: skip
YEAR = 365 * 86_400_000_000
AGE = re.compile(r"^_(?:[a-z]+_)?(?:age|alter|edad)_(?:years_|in_years_)?$")
HUNDRED = re.compile(r"_(?:percent|percentage|pct|prozent)_$")
CHANGE = re.compile(r"change|growth|diff|return|delta|increase|rel|of_|yield|inflation")
RARE = 0.1  # of the rows are impossible at the most


def noted(column: Column, m: Measures, order: Array, k: int) -> Draft:
    """Add which numbers stand for missing values, and the mean without them; which cannot be."""
    if not len(order):
        return column
    n, codes_seen = m.valid - m.infinite, codes(order, k)
    middle = order[len(order) // 2]
    ends = {m.low if value < middle else m.high for value in codes_seen}
    codes_seen = (
        codes_seen if ends <= set(codes_seen) else []
    )  # of a longer table others lie further out
    notes = [impossible(column.name, order, k, codes_seen)] if len(order) == n else []
    if codes_seen and len(order) == n:
        rest = without(order, codes_seen)
        bare = replace(column, figures={}, labels={}, notes=())
        others = Measures(len(rest), **moments(rest).figures())
        made = yield from numeric.numbers(bare, others, rest, k)
        mean = marked_figure(made.figures["mean"], "mean", made) if "mean" in made.figures else ""
        notes.append(missing_note(codes_seen, 1 - len(rest) / n, mean))
    elif codes_seen:
        rows = sum((yield [Span(value, value) for value in codes_seen]))
        notes.append(missing_note(codes_seen, rows / n))
    return replace(column, notes=(*column.notes, *filter(None, notes)))


def noted_dates(column: Column, order: Array, k: int) -> Column:
    """Add which dates stand for missing ones."""
    if not (codes_seen := codes(order, k, dates=True)):
        return column
    note = missing_note(codes_seen, 1 - len(without(order, codes_seen)) / len(order), dates=True)
    return replace(column, notes=(*column.notes, note))


def codes(order: Array, k: int, *, dates: bool = False) -> list[float]:
    """Return the values among some in order that are codes for missing ones."""
    known = DATES if dates else CODES
    left, right = np.searchsorted(order, known), np.searchsorted(order, known, "right")
    frequent: list[int] = np.flatnonzero(right - left >= max(k, LEAST)).tolist()
    while frequent:
        rest = without(order, [known[i] for i in frequent])
        if len(rest) < max(k, LEAST) or len(_distinct(rest)) < FEW:
            return []
        apart = [i for i in frequent if _apart(float(known[i]), rest, dates=dates)]
        if apart == frequent:
            return [known[i].item() for i in frequent]
        frequent = apart
    return []


def without(order: Array, values: Sequence[float]) -> Array:
    """Return values in order without some of them."""
    return order[~np.isin(order, np.asarray(values, dtype=order.dtype))]


def _distinct(order: Array) -> Array:
    distinct: Array = order[np.r_[True, order[1:] != order[:-1]]]
    return distinct[:50]


def _apart(code: float, rest: Array, *, dates: bool) -> bool:
    """Does a code lie further from all other values than they lie from each other?"""
    low, high = float(rest[0]), float(rest[-1])
    gap = max(low - code, code - high)
    if dates:
        return gap >= max(10 * YEAR, (high - low) / 2)
    if code == -1:  # before 0 it could be a number as any other
        return low >= 1 and len(_distinct(rest)) >= 5 and not np.any(rest != np.rint(rest))
    if code < 0 and low < 0 and code > -10:
        return False
    return gap > 0 and gap >= high - low and gap >= 5


def missing_note(
    missing_codes: Sequence[float], part: float, mean: str = "", *, dates: bool = False
) -> str:
    """Return that codes stand for missing values in a part of the rows; the mean without them."""
    days = [str(np.datetime64(int(value), "us"))[:10] for value in missing_codes] if dates else []
    values = ", ".join(days or map(figure, missing_codes))
    one = len(missing_codes) == 1
    looks = "looks like a code for missing" if one else "look like codes for missing"
    rest = f"; without {'it' if one else 'them'} mean {mean}" if mean else ""
    return f"{values} in {share(part)} {looks}{rest}"


def impossible(name: str, order: Array, k: int, missing_codes: Sequence[float]) -> str:
    """Return which part of ages or percentages cannot be, if enough rows have such."""
    key = key_of(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name[:200]))
    age = bool(AGE.search(key))
    if not age and (CHANGE.search(key) or not HUNDRED.search(key)):
        return ""
    order = without(order, missing_codes) if missing_codes else order
    below = int(np.searchsorted(order, 0))
    right = order[below:][order[below:] <= (120 if age else 100)]
    beyond = order[below + len(right) :]
    # Ages of houses, and those in months, go on beyond without a gap.
    gap = (float(right[-1]) - float(right[0])) / 2 if age and len(right) else 10
    if len(beyond) and len(right) and beyond[0] - right[-1] < gap:
        return ""
    parts = [
        f"{word} in {share(rows / len(order))}"
        for rows, word in ((len(beyond), "above 120" if age else "above 100 %"), (below, "below 0"))
        if max(k, 1) <= rows <= RARE * len(order)
    ]
    return f"{'ages' if age else 'values'} {', '.join(parts)}" if parts else ""
