"""Dates and times → their range, how regular they are, and their gaps.

An end of the range leaves to the second only if k rows share it; else the day, the month or the
year that k rows share, of the end itself or, marked ``≈``, of the 1 % quantile.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from .arrays import Array, between
from .measures import Measures, Span
from .summary import NO_RANGE, Column, Draft

DAY = 86_400_000_000
STEADY = 0.9  # of the steps from moment to moment are alike: a frequency
UNITS = (
    (7 * DAY, "week"),
    (DAY, "day"),
    (DAY // 24, "hour"),
    (60_000_000, "minute"),
    (1_000_000, "second"),
)


def moments(known: Column, m: Measures, order: Array, k: int, zone: str | None) -> Draft:
    """Return what may be said of moments: ``from`` and ``to``, and notes on regularity.

    Args:
        order: the sample's moments, microseconds of the wall clock in its zone, in order.
        zone: the zone's name, None for naive moments.
    """
    if m.valid < k or not len(order):
        return replace(known, notes=(f"fewer than {k} values: no range",) if m.valid else ())
    complete = len(order) == m.valid
    if complete or m.low is None:
        ends = int(order[0]), int(order[-1])
        # Of texts that were not all read, nobody knows how many share an end.
        shared = [between(order, Span(end, end)) if complete else -1 for end in ends]
    else:
        ends = _wall(m.low, zone), _wall(m.high, zone)
        shared = yield [Span(end, end) for end in (m.low, m.high)]
    inset = max(round(0.01 * (len(order) - 1)), min(k // 2, (len(order) - 1) // 2))
    places = inset, len(order) - 1 - inset
    texts, inside = [], []
    for name, end, rows, place in zip(("from", "to"), ends, shared, places, strict=True):
        own = _written(end) if rows >= k else _cut(end, order, k)
        texts.append(own or _cut(int(order[place]), order, k))
        inside += [] if own and (complete or m.low is not None) else [name]
    notes = _regular(np.unique(order), complete)
    if texts[0] and texts[0] == texts[1]:
        return replace(known, figures={"always": texts[0]})
    figures = {name: text for name, text in zip(("from", "to"), texts, strict=True) if text}
    none = () if figures else (f"{NO_RANGE} {k} rows share",)
    about = tuple(name for name in inside if name in figures)
    return replace(known, figures=figures, approximate=about, notes=(*notes, *none))


def _wall(moment: int, zone: str | None) -> int:
    """Return microseconds since 1970 in UTC as those of the wall clock in a zone."""
    if zone is None:
        return moment
    since = datetime(1970, 1, 1, tzinfo=UTC)
    wall = (since + timedelta(microseconds=moment)).astimezone(ZoneInfo(zone))
    return (wall.replace(tzinfo=UTC) - since) // timedelta(microseconds=1)


def _written(moment: int) -> str:
    text = str(np.datetime64(moment, "us")).removesuffix(".000000")
    return text[:-9] if text.endswith("T00:00:00") else text.replace("T", " ")


def _cut(moment: int, order: Array, k: int) -> str:
    """Return the day, else the month, else the year of a moment that k rows share, else ""."""
    at = np.datetime64(moment, "us")
    for unit in ("D", "M", "Y"):
        span = at.astype(f"datetime64[{unit}]")
        start = int(span.astype("datetime64[us]").astype(np.int64))
        end = int((span + 1).astype("datetime64[us]").astype(np.int64)) - 1
        if between(order, Span(start, end)) >= k:
            return str(span)
    return ""


def _regular(moments: Array, complete: bool) -> tuple[str, ...]:
    """Return how far apart the moments are, if that is nearly always the same, and the gaps."""
    if len(moments) < 10:
        return ()
    days = np.unique(moments // DAY)
    if not complete:
        # A sample shows that a day is there, never that it is missing.
        full = len(days) > 1 and len(days) == days[-1] - days[0] + 1
        return ("every day of it has rows",) if full else ()
    for code, word in (("M", "month"), ("Y", "year")):
        spans = np.unique(moments.astype("datetime64[us]").astype(f"datetime64[{code}]"))
        if len(spans) == len(moments) and np.all(np.diff(spans.astype(np.int64)) == 1):
            return (f"one moment a {word}, no gaps",)
    steps, times = np.unique(np.diff(moments), return_counts=True)
    step, often = int(steps[times.argmax()]), int(times.max())
    if step == DAY and len(days) == len(moments) and np.all((days + 3) % 7 < 5):
        missing = int(np.busday_count(*days[[0, -1]].astype("datetime64[D]"))) + 1 - len(days)
        if missing <= (1 - STEADY) * len(days):
            return (_every("every weekday", missing),)
    if often < STEADY * (len(moments) - 1):
        return ()
    unit, word = next(((u, w) for u, w in UNITS if step % u == 0), (1, "microsecond"))
    every = f"every {word}" if step == unit else f"every {step // unit:,} {word}s"
    return (_every(every, len(moments) - 1 - often),)


def _every(step: str, gaps: int) -> str:
    return f"{step}, {f'{gaps:,}' if gaps else 'no'} {'gap' if gaps == 1 else 'gaps'}"
