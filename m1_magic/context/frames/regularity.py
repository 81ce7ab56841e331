"""Moments → how far apart they are, if that is nearly always the same, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .arrays import Array, different

DAY = 86_400_000_000
LEAST = 10  # different moments of which something is said
STEADY = 0.9  # of the steps from moment to moment are alike: a frequency
UNITS = (
    (7 * DAY, "week"),
    (DAY, "day"),
    (DAY // 24, "hour"),
    (60_000_000, "minute"),
    (1_000_000, "second"),
    (1_000, "millisecond"),
)
CALENDAR = (("M", 1, "month"), ("M", 3, "quarter"), ("Y", 1, "year"))


def regular(
    order: Array, ticks: Array | None, k: int, *, complete: bool, odd: Sequence[int] = ()
) -> tuple[str, ...]:
    """Return how regular moments are: nothing, or one note.

    Args:
        order: microseconds of the wall clock, in order.
        ticks: the same in UTC, by which hours are counted: a day may have 23.
        k: rows that must share what leaves.
        complete: are these all rows? A sample shows that a day is there, never that it is missing.
        odd: moments that stand for "none".
    """
    moments = different(order)
    moments = moments[~np.isin(moments, odd)] if odd else moments
    if len(moments) < LEAST:
        return ()
    days = different(moments // DAY)
    if not complete:
        full = len(days) > 1 and len(days) == days[-1] - days[0] + 1
        return ("every day of it has rows",) if full else ()
    for code, number, word in CALENDAR:
        spans = moments.astype("datetime64[us]").astype(f"datetime64[{code}]").astype(np.int64)
        if np.all(np.diff(spans) == number):
            return (f"one moment a {word}, no gaps",)
    if len(days) == len(moments) and np.all((days + 3) % 7 < 5):
        at = days.astype("datetime64[D]")
        ahead = np.busday_count(at[:-1], at[1:])
        if ahead.sum() - len(ahead) <= (1 - STEADY) * len(days):
            return (_every("every weekday", ahead, k),)
    if ticks is not None and not odd and np.median(np.diff(moments)) < DAY:
        moments = different(ticks)
    return _stepping(moments, k)


def _stepping(moments: Array, k: int) -> tuple[str, ...]:
    apart = np.diff(moments)
    steps, times = np.unique(apart, return_counts=True)
    step, often = int(steps[times.argmax()]), int(times.max())
    if often < STEADY * len(apart):
        return ()
    return (_every(every(step), apart / step, k),)


def every(step: int) -> str:
    """Return a step of so many microseconds in the largest unit that divides it."""
    unit, word = next(((u, w) for u, w in UNITS if step % u == 0), (1, "microsecond"))
    return f"every {word}" if step == unit else f"every {step // unit:,} {word}s"


def is_known(step: int) -> bool:
    """Does a unit from the millisecond on divide a step?"""
    return any(step % unit == 0 for unit, _ in UNITS)


def _every(step: str, ahead: Array, k: int) -> str:
    """Return a step with its gaps, and how many moments are missing in them.

    Of a gap near an end its length is not told: it would tell which moment that end is.

    Args:
        ahead: by how many steps each moment is later than the one before.
    """
    places = np.flatnonzero(ahead != 1)
    if not len(places):
        return f"{step}, no gaps"
    gaps = f"{len(places):,} {'gap' if len(places) == 1 else 'gaps'}"
    missing = ahead[places] - 1
    near = places[0] + 1 < k or places[-1] > len(ahead) - k
    if near or np.any(missing % 1) or np.any(missing < 1):
        return f"{step}, {gaps}"
    return f"{step}, {int(missing.sum()):,} missing in {gaps}"
