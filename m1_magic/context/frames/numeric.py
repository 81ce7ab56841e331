"""Numbers → the figures that may leave.

An extreme leaves only if k rows share it, else the 1 % or 99 % quantile does. A quantile is a
value that k rows share, else the mean of its k neighbours in order. No figure is shown that is
itself a value that fewer than k rows have.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .arrays import Array, between
from .measures import Count, Measures, Span
from .summary import Column, Draft

DOMINANT = 0.9  # of the squared distances from the median
FEW_VALUES = 6  # distinct numbers up to which each is told with its share


@dataclass(frozen=True, slots=True)
class Candidate:
    """A figure that might leave, and the span whose rows decide it.

    ``shared``: only if k rows have it; else also if none has it.
    """

    label: str
    value: int | float
    span: Span
    shared: bool = False


def numbers(known: Column, m: Measures, order: Array, k: int, *, once: bool) -> Draft:
    """Return what may be said of numbers; yields the questions about all rows that decide it.

    Args:
        m: exact figures over all rows.
        order: the finite values of the sample, in order.
        once: ask all that might be needed at once, since each question is a pass.
    """
    n = m.valid - m.infinite
    zeros = m.zeros if m.zeros >= k else 0  # a value like any other
    known = replace(known, counts={**known.counts, **nonzero({"infinite": m.infinite})})
    if n < k or m.low is None or not len(order):
        return replace(known, notes=(f"fewer than {k} values: no figures",) if n else ())
    if m.low == m.high:
        return replace(known, figures={"always": _bare(m.low)})
    counts = {"zero": zeros, "negative": m.negatives, "outlier": _outliers(order, n)}
    few = _values(order, k)
    slots = _slots(m, order, k, quartiles=not few)
    if order.dtype.kind == "f" and order.dtype.itemsize < 8:
        eps = float(np.finfo(order.dtype).eps)
        slots = [[_widened(one, eps) for one in slot] for slot in slots]
    rows = _counted(slots, order, k, complete=len(order) == n)
    while questions := _open(slots, rows, k, once=once):
        rows.update(zip(questions, (yield questions), strict=True))
    chosen = [
        next((one for one in slot if _leaves(one, rows[one.span], k)), None) for slot in slots
    ]
    note = _withheld(m, order, n, k, few, rows.get(Span(m.high, m.high), 0))
    return replace(
        known,
        figures={one.label: one.value for one in chosen if one and one.label not in note},
        labels=few,
        counts={**known.counts, **nonzero(counts)},
        notes=(note,) if note else (),
    )


def _withheld(m: Measures, order: Array, n: int, k: int, few: dict[str, float], tops: int) -> str:
    """Return a note on mean and sd where values could be computed back from them, else "".

    So it is where fewer than k rows decide them: by their values, or since the shares of all
    other values are told.
    """
    rest = round((1 - sum(few.values())) * len(order)) if few else 0
    if m.low >= 0 and tops < k and 2 * m.high > (m.mean_abs or 0) * n:  # most of the sum
        return "mean and sd withheld: one value dominates"
    if 0 < rest < k or _dominated(m, order, n, k, 1):
        return f"mean and sd withheld: fewer than {k} rows decide them"
    if _dominated(m, order, n, k, 2):
        return f"sd withheld: fewer than {k} rows decide it"
    return ""


def _dominated(m: Measures, order: Array, n: int, k: int, power: int) -> bool:
    """Do fewer than k rows make up nearly all of the distances from the median (or their
    squares), or one of them most of it?"""
    if k < 2 or m.mean is None or not m.sd:
        return False
    middle = float(order[len(order) // 2])
    complete = len(order) == n
    ends = np.r_[order[: k - 1], order[max(k - 1, n - k + 1) :]] if complete else [m.low, m.high]
    distances = np.sort(np.abs(np.asarray(ends, dtype=np.float64) - middle) ** power)
    # Of a longer table only the ends are known: as if k - 1 rows lay there.
    outermost = float(distances[1 - k :].sum()) if complete else (k - 1) * float(distances[-1])
    if power == 1:
        total = n * float(np.abs(order.astype(np.float64) - middle).mean())
    else:
        total = (n - 1) * m.sd * m.sd + n * (m.mean - middle) * (m.mean - middle)
    if not math.isfinite(total):
        return True
    return outermost > DOMINANT * total or (complete and 2 * float(distances[-1]) > total)


def _values(order: Array, k: int) -> dict[str, float]:
    """Return the values that k rows share with their shares, where there are few values."""
    edges = np.flatnonzero(order[1:] != order[:-1]) + 1
    if len(edges) >= FEW_VALUES:
        return {}
    starts = [0, *edges.tolist(), len(order)]
    sizes = np.diff(starts)
    shown = [str(_bare(order[start].item())) for start in starts[:-1]]
    pairs = zip(shown, sizes.tolist(), strict=True)
    return {label: size / len(order) for label, size in pairs if size >= k}


def _outliers(order: Array, n: int) -> int:
    """Return how many values lie beyond 1.5 interquartile ranges, by the sample's share."""
    first, third = (float(order[round(q * (len(order) - 1))]) for q in (0.25, 0.75))
    away = 1.5 * (third - first)
    if not away > 0:
        return 0
    low = np.searchsorted(order, first - away)
    high = np.searchsorted(order, third + away, "right")  # on the fence is not beyond it
    return round((int(low) + len(order) - int(high)) * n / len(order))


def _slots(m: Measures, order: Array, k: int, *, quartiles: bool) -> list[list[Candidate]]:
    """Return, for each place in the line, the figures it could show, the best first."""
    fine = _decimals(m.sd, 3)
    tails = [_tail(order, k, q, fine) if quartiles else [] for q in (0.01, 0.99)]
    slots = [[_shared("min", m.low, order), *tails[0]]]
    if quartiles:
        slots += [_quartile(order, k, q, fine) for q in (0.25, 0.5, 0.75)]
    slots.append([_shared("max", m.high, order), *tails[1]])
    return [*slots, _rounded("mean", m.mean, 4, fine, fine + 2), _rounded("sd", m.sd, 4)]


def _shared(label: str, value: Any, order: Array) -> Candidate:
    """Return a value that leaves if k rows have it, in 7 digits unless that is another's value."""
    short = float(f"{value:.7g}")
    exact = isinstance(value, int) or between(order, Span(short, short)) > 0
    return Candidate(label, _bare(value if exact else short), Span(value, value), shared=True)


def _quartile(order: Array, k: int, q: float, fine: int) -> list[Candidate]:
    """Return the quartile itself, and the mean of its neighbours, if k rows lie on both sides."""
    label = "median" if q == 0.5 else f"P{q * 100:.0f}"
    if len(order) * min(q, 1 - q) < k:
        return []
    value = order[place := round(q * (len(order) - 1))].item()
    return [_shared(label, value, order), *_rounded(label, _near(order, place, k), 4, fine)]


def _tail(order: Array, k: int, q: float, fine: int) -> list[Candidate]:
    """Return the 1 % or 99 % quantile, further in where it would show the k - 1 outermost rows."""
    last = len(order) - 1
    inset = max(round(0.01 * last), k - 1 + (k + 1) // 2)
    if inset > 0.1 * last:
        return []
    place = inset if q < 0.5 else last - inset
    return _rounded(f"P{100 * place / last:.0f}", _near(order, place, k), 3, fine - 1)


def _near(order: Array, place: int, k: int) -> float | None:
    """Return the mean of the values around a place: at least k, and evenly many.

    Of an odd number that lie evenly, like 1, 2, 3, the mean is one of them. The k - 1 outermost
    rows are never among them: a few that lie far off would decide it.
    """
    many, last = k + k % 2, len(order) - (k - 1)
    if last - many < k - 1:
        return None
    start = max(k - 1, min(place - many // 2, last - many))
    return float(order[start : start + many].mean(dtype=np.float64))


def _rounded(
    label: str, value: float | None, digits: int, fine: int = -400, finest: int = 400
) -> list[Candidate]:
    """Return ``value`` in so many digits, or more where its column spreads less than that.

    A digit or two more is the way out if the figure is some row's own value; less of them may
    make a quantile pass others.
    """
    if value is None or not math.isfinite(value):
        return []
    value = float(f"{value:.13g}")  # so that no last bit, which processors add in, decides a tie
    places = min(finest, max(_decimals(value, digits), min(fine, _decimals(value, 7))))
    made = []
    for decimals in (places, places + 1, places + 2):
        shown = float(f"{value:.{decimals}f}") if 0 <= decimals < 300 else round(value, decimals)
        bare = _bare(shown)
        made.append(Candidate(label, bare, Span(bare, bare)))
    return made


def _decimals(value: float | None, digits: int) -> int:
    """Return the decimal places that show so many significant digits of ``value``."""
    if not value or not math.isfinite(value):
        return -400
    return digits - 1 - math.floor(math.log10(abs(value)))


def _widened(one: Candidate, eps: float) -> Candidate:
    """Return the figure for 32-bit floats, of which 39.1 is 39.099998."""
    slack = 0 if one.shared else abs(one.value) * eps
    return replace(one, span=Span(one.span.low - slack, one.span.high + slack))


def _counted(
    slots: list[list[Candidate]], order: Array, k: int, *, complete: bool
) -> dict[Span, int]:
    """Return what the sample answers: all of it if it is whole, else what k rows of it share."""
    counts: dict[Span, int] = {}
    for one in (one for slot in slots for one in slot):
        rows = between(order, one.span)
        # A quartile that the sample hardly has is not worth a question.
        if complete or rows >= k or (one.shared and one.label not in ("min", "max")):
            counts[one.span] = rows
    return counts


def _open(slots: list[list[Candidate]], rows: dict[Span, int], k: int, *, once: bool) -> list[Span]:
    """Return what must be asked to fill each slot with its first candidate that may leave."""
    questions: dict[Span, None] = {}
    for slot in slots:
        for one in slot:
            if one.span not in rows:
                questions[one.span] = None
                if not once:
                    break
            elif _leaves(one, rows[one.span], k):
                break
    return list(questions)


def _leaves(one: Candidate, rows: int, k: int) -> bool:
    return rows >= k or (rows == 0 and not one.shared)


def nonzero(counts: dict[str, int]) -> dict[str, int]:
    """Return the counts that are worth telling."""
    return {name: number for name, number in counts.items() if number}


def distinct_in(order: Array, complete: bool) -> Count | None:
    """Return the distinct numbers of a sample in order; None where that says nothing."""
    count = int(np.count_nonzero(order[1:] != order[:-1])) + bool(len(order))
    if complete:
        return Count(count)
    return Count(count, sample=len(order)) if 0 < count <= 100 else None


def _bare(value: Any) -> int | float:
    """Return a number of Python, whole where it is whole."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return value if isinstance(value, (int, float)) else float(value)
