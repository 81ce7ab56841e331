"""Dates and times → their range, and dates that stand for "none".

An end of the range leaves to the second only if k rows share it; else the day, the month, the
year or the decade that k rows share. Where none does, the range ends at the first of these that
k rows share, and says that fewer than so many rows lie beyond it: it is never silently shorter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from .arrays import Array, between, different
from .lines import share
from .measures import Measures, Span
from .regularity import DAY, regular
from .rounding import unit
from .summary import Column, Draft

YEAR = 365 * DAY
# Dates that stand for "none", "always" and "for ever"; pandas' first and last.
SENTINELS = frozenset({
    "0001-01-01", "1582-10-15", "1677-09-21", "1753-01-01", "1800-01-01", "1899-12-30",
    "1899-12-31", "1900-01-01", "1901-01-01", "1970-01-01", "2099-12-31", "2100-01-01",
    "2199-12-31", "2200-01-01", "2262-04-11", "2500-01-01", "2999-12-31", "3000-01-01",
    "9999-01-01", "9999-12-31",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class End:
    """An end of the range as it may leave: a moment or the span that has it, in words.

    Where ``cut``, the span is not the end's own: some rows lie beyond its ``edge``.
    """

    text: str = ""
    cut: bool = False
    edge: int = 0


def moments(
    known: Column, m: Measures, order: Array, k: int, zone: str | None, ticks: Array | None = None
) -> Draft:
    """Return what may be said of moments: ``from`` and ``to``, and notes on regularity.

    Args:
        order: the sample's moments, microseconds of the wall clock in its zone, in order.
        zone: the zone's name, None for naive moments.
        ticks: the same in UTC, where there is a zone.
    """
    if m.valid < k or not len(order):
        return replace(known, notes=(f"fewer than {k} values: no range",) if m.valid else ())
    complete = len(order) == m.valid
    exact = complete or m.low is not None  # of texts that were not all read, nobody knows
    lasts = seen = order[[0, -1]].tolist()
    if exact and not complete:
        lasts = [_wall(m.low, zone), _wall(m.high, zone)]
    if exact and lasts[0] == lasts[1] and (m.distinct is None or m.distinct.value == 1):
        return replace(known, figures={"always": _written(lasts[0])})
    # Of a table that was not read as a whole, how many rows lie at an end or beyond a cut is asked.
    candidates = [_cut(order, k, low) for low in (True, False)]
    spans = [Span(last, last) for last in lasts]
    spans += [Span(lasts[0], candidates[0].edge - 1), Span(candidates[1].edge + 1, lasts[1])]
    rows = [between(order, span) for span in spans]
    if exact and not complete:
        rows = yield [Span(m.low, m.low), Span(m.high, m.high), *_beyond(m, spans[2:], zone)]
    ends = [
        _end(last, order, k, at if exact else -1, one)
        for last, at, one in zip(lasts, rows, candidates, strict=False)
    ]
    cut = [end.cut for end in ends]
    odd = _sentinels(lasts, order, rows, m.valid, k, complete)
    # Days of a sample are all days only of the range that it has itself.
    if complete or not (any(cut) or [x // DAY for x in lasts] != [x // DAY for x in seen]):
        inside = order[(ends[0].edge if cut[0] else lasts[0]) <= order]
        inside = inside[inside <= (ends[1].edge if cut[1] else lasts[1])]
        ticks = None if any(cut) else ticks
        steps = regular(inside, ticks, k, complete=complete, odd=[one for one, _ in odd])
    else:
        steps = ()
    figures, about, notes = _range(ends, rows[2:], k, exact, steps)
    notes = (*notes, *(text for _, text in odd))
    return replace(known, figures=figures, approximate=about, notes=notes)


def _range(
    ends: Sequence[End], beyond: Sequence[int], k: int, exact: bool, steps: Sequence[str]
) -> tuple[dict[str, str], tuple[str, ...], tuple[str, ...]]:
    """Return the ends of the range that are known, which of them are marked, and notes."""
    low, high = ends
    if low.text and low.text == high.text and not low.cut and not high.cut:
        where = f"all {'on' if len(low.text) == 10 else 'in'} {low.text}"
        return {}, (), (", ".join([where, *steps[:1]]), *steps[1:])
    named = [(name, end) for name, end in zip(("from", "to"), ends, strict=True) if end.text]
    figures = {name: end.text for name, end in named if not end.cut or not exact}
    cuts = [
        f"fewer than {_bound(rows, k)} rows {word} {end.text}"
        for word, end, rows in zip(("before", "after"), ends, beyond, strict=True)
        if end.cut and exact and end.text
    ]
    lost = [word for word, end in zip(("start", "end"), ends, strict=True) if not end.text]
    none = [f"no {'range' if len(lost) == 2 else lost[0]} that {k} rows share"] if lost else []
    return figures, () if exact else tuple(figures), (*cuts, *steps, *none)


def _end(last: int, order: Array, k: int, rows: int, candidate: End) -> End:
    """Return an end of the range: the moment that so many rows have, or a span that k share."""
    if rows >= k:
        return End(_written(last))
    own, _ = _span(last, order, k)
    return End(own) if own and rows >= 0 else candidate


def _cut(order: Array, k: int, low: bool) -> End:
    """Return where the range may end if its own end may not be shown: where k rows lie."""
    last = len(order) - 1
    inset = max(round(0.01 * last), min(k // 2, last // 2))
    for place in sorted({min(max(k - 1, 0), last), inset}):
        text, span = _span(int(order[place if low else last - place]), order, k)
        if text:
            return End(text, cut=True, edge=span.low if low else span.high)
    return End(cut=True)


def _bound(rows: int, k: int) -> int:
    """Return the least that may be shown of which so many rows are fewer."""
    return k if rows < k else int(unit(rows + 1))


def _beyond(m: Measures, spans: Sequence[Span], zone: str | None) -> list[Span]:
    """Return the spans beyond both cuts as moments in UTC."""
    low, high = spans
    return [Span(m.low, _instant(low.high, zone)), Span(_instant(high.low, zone), m.high)]


def _instant(wall: int, zone: str | None) -> int:
    """Return a moment of the wall clock in a zone as microseconds since 1970 in UTC."""
    if zone is None:
        return wall
    moment = datetime(1970, 1, 1) + timedelta(microseconds=wall)
    since = moment.replace(tzinfo=ZoneInfo(zone)) - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(microseconds=1)


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


def _span(moment: int, order: Array, k: int) -> tuple[str, Span]:
    """Return the least of day, month, year, decade of a moment that k rows share; "" if none."""
    at = np.datetime64(moment, "us")
    for code, years in (("D", 0), ("M", 0), ("Y", 1), ("Y", 10)):
        first = at.astype(f"datetime64[{code}]")
        if years:
            year = (int(first.astype(np.int64)) + 1970) // years * years
            first = np.datetime64(year - 1970, "Y")
        span = Span(_start(first), _start(first + max(years, 1)) - 1)
        if between(order, span) >= k:
            return f"{first}{'s' if years == 10 else ''}", span
    return "", Span(0, 0)


def _day(moment: int) -> str:
    return str(np.datetime64(moment, "us"))[:10]


def _start(span: np.datetime64) -> int:
    return int(span.astype("datetime64[us]").astype(np.int64))


def _sentinels(
    lasts: Sequence[int], order: Array, rows: Sequence[int], n: int, k: int, complete: bool
) -> list[tuple[int, str]]:
    """Return ends that stand for "none", far from all other moments, and what to say of them."""
    sentinels = []
    moments = different(order) if SENTINELS & {_day(last) for last in lasts} else order
    steps = np.diff(moments)
    for last, at, low in zip(lasts, rows, (True, False), strict=False):
        others, day = moments[moments != last], _day(last)
        if day not in SENTINELS or at < max(k, 1) or n - at < k or not len(others):
            continue
        gap = abs(last - int(others[0 if low else -1]))
        usual = np.delete(steps, 0 if low else -1) if len(steps) > 1 else steps[:0]
        # Where the other end is odd, too, its gap is no usual one.
        usual = np.sort(usual)[:-1] if len(usual) > 2 else usual
        if gap < 2 * YEAR or (len(usual) and gap <= 2 * int(usual[-1])):
            continue
        text = f"sentinel {day} in {share(at / n)}"
        if complete:
            rest = order[order != last]
            own, _ = _span(int(rest[0 if low else -1]), rest, k)
            text += f", else {'from' if low else 'to'} {own}" if own else ""
        sentinels.append((last, text))
    return sentinels
