"""Numbers → the figures that may leave.

An extreme leaves only if k rows share it, else the 1 % quantile or one further in. All else is
rounded so that k rows cannot move it (`rounding`), and what would be too coarse is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .arrays import Array, between
from .measures import Count, Measures, Span
from .rounding import Figure, average, bare, deviation, in_digits, quantile, quartiles
from .summary import Column, Draft

DOMINANT = 0.9  # of the squared distances from the median
FEW_VALUES = 6  # distinct numbers up to which each is shown with its share
QUARTILES = {"P25": 25, "median": 50, "P75": 75}
TAILS = (1, 2, 5, 10)  # per cent: the first of these quantiles that may leave


def numbers(known: Column, m: Measures, order: Array, k: int) -> Draft:
    """Return what may be said of numbers; yields the questions about all rows that decide it.

    Args:
        m: exact figures over all rows.
        order: the finite values of the sample, in order.
        k: rows that must share what leaves; 0 where all may.
    """
    n = m.valid - m.infinite
    known = replace(known, counts={**known.counts, **nonzero({"infinite": m.infinite})})
    if n < max(k, 1) or m.low is None or not len(order):
        return replace(known, notes=(f"fewer than {k} values: no figures",) if n else ())
    if m.low == m.high:
        if m.infinite or m.nan:  # that is no "always"
            return replace(known, notes=(f"all finite values {_text(m.low)}",))
        return replace(known, figures={"always": bare(m.low)})
    complete = len(order) == n
    values = _values(order)
    spans = [Span(value, value) for value in (m.low, m.high, *values)]
    rows = [between(order, span) for span in spans] if complete else (yield spans)
    few = {_text(v): r / n for v, r in zip(values, rows[2:], strict=True) if r and r >= k}
    # With nearly all shares, quartiles could say on which side the few other rows lie.
    quarters = not few or not 0 < round((1 - sum(few.values())) * n) < k
    slots = _quantiles(m, order, k, rows[:2], complete, quarters=quarters)
    withheld, notes = _withheld(m, order, n, k, few, rows[1])
    slots |= {name: None if name in withheld else made for name, made in _moments(m, n, k).items()}
    leave = {name: made for name, made in slots.items() if made}
    counts = {"zero": m.zeros, "negative": m.negatives, "outlier": _outliers(order, n)}
    counts = {name: rows for name, rows in counts.items() if k <= rows and not 0 < n - rows < k}
    sampled = ("outlier",) if counts.get("outlier") and not complete else ()
    return replace(
        known,
        figures={name: made.value for name, made in leave.items()},
        approximate=(*(name for name, made in leave.items() if made.rounded), *sampled),
        left_out=len(slots) - len(leave),
        labels=few,
        counts={**known.counts, **nonzero(counts)},
        notes=notes,
    )


def _quantiles(
    m: Measures, order: Array, k: int, ends: Sequence[int], complete: bool, *, quarters: bool
) -> dict[str, Figure | None]:
    """Return the extremes if k rows share them (``ends``), else quantiles near them, and quartiles.

    Without ``quarters`` only the extremes.
    """
    made: dict[str, Figure | None] = {}

    def tail(end: str, low: bool) -> None:
        if ends[0 if low else 1] >= k:
            made[end] = Figure(in_digits(m.low if low else m.high, order, k), rounded=False)
        elif quarters:
            for percent in (p if low else 100 - p for p in TAILS):
                if figure := quantile(order, percent, k, complete=complete):
                    made[f"P{percent}"] = figure
                    return
            made[end] = None

    tail("min", low=True)
    for label, percent in QUARTILES.items() if quarters else ():
        made[label] = quantile(order, percent, k, complete=complete)
    tail("max", low=False)
    return made


def _moments(m: Measures, n: int, k: int) -> dict[str, Figure | None]:
    """Return mean and sd, those that were computed."""
    if m.mean is None or not math.isfinite(m.mean):
        return {}
    most, sd = max(m.high - m.mean, m.mean - m.low), m.sd or 0.0
    made = {"mean": average(m.mean, n, sd, most, k)}
    return made | {"sd": deviation(m.sd, n, most, k)} if m.sd else made


def _withheld(
    m: Measures, order: Array, n: int, k: int, few: dict[str, float], tops: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return which of mean and sd values could be computed back from, and a note that says so.

    So it is where fewer than k rows decide them: by their values, or since the shares of all
    other values are shown.
    """
    if k < 2:
        return (), ()
    both = ("mean", "sd")
    rest = round((1 - sum(few.values())) * n) if few else 0
    if m.low >= 0 and tops < k and 2 * m.high > (m.mean or 0) * n:  # most of the sum
        return both, ("mean and sd withheld: one value dominates",)
    mean, sd = _dominated(m, order, n, k)
    if 0 < rest < k or mean:
        return both, (f"mean and sd withheld: fewer than {k} rows decide them",)
    if sd:
        return ("sd",), (f"sd withheld: fewer than {k} rows decide it",)
    return (), ()


@np.errstate(all="ignore")
def _dominated(m: Measures, order: Array, n: int, k: int) -> tuple[bool, bool]:
    """Do fewer than k rows make up nearly all of the distances from the median, or one of them
    most of it? And of their squares?"""
    if m.mean is None or not m.sd:
        return False, False
    middle = float(order[len(order) // 2])
    complete = len(order) == n
    parts = (order[: k - 1], order[max(k - 1, n - k + 1) :]) if complete else ([m.low], [m.high])
    away = np.abs(np.concatenate(parts).astype(np.float64) - middle)
    scale = float(away.max())  # else squares of large numbers overflow
    if not 0 < scale < math.inf or not math.isfinite(m.sd):
        return False, False
    total = n * float((np.abs(order.astype(np.float64) - middle) / scale).mean())
    squares = (n - 1) * (m.sd / scale) ** 2 + n * ((m.mean - middle) / scale) ** 2
    decided = []
    for distances, of in ((np.sort(away / scale), total), (np.sort((away / scale) ** 2), squares)):
        # Of a longer table only the ends are known: as if k - 1 rows lay there.
        most = float(distances[1 - k :].sum()) if complete else (k - 1) * float(distances[-1])
        decided.append(decide(most, float(distances[-1]) if complete else 0.0, of))
    return decided[0], decided[1]


def decide(few: float, one: float, total: float) -> bool:
    """Are the distances of a few rows nearly all of the total, or is that of one most of it?"""
    return few > DOMINANT * total or 2 * one > total


def _text(value: float) -> str:
    return str(bare(value))


def _values(order: Array) -> list[float]:
    """Return the values of a column, if there are few."""
    edges = np.flatnonzero(order[1:] != order[:-1]) + 1
    if len(edges) >= FEW_VALUES:
        return []
    return [order[start].item() for start in (0, *edges.tolist())]


def _outliers(order: Array, n: int) -> int:
    """Return how many values lie beyond Tukey's fences, by the sample's share.

    The fences are 1.5 interquartile ranges of the finite values away from their quartiles.
    """
    first, third = quartiles(order)
    away = 1.5 * (third - first)
    if not away > 0:
        return 0
    low = np.searchsorted(order, first - away)
    high = np.searchsorted(order, third + away, "right")  # on the fence is not beyond it
    return round((int(low) + len(order) - int(high)) * n / len(order))


def nonzero(counts: dict[str, int]) -> dict[str, int]:
    """Return the counts that are worth telling."""
    return {name: number for name, number in counts.items() if number}


def distinct_in(order: Array, complete: bool, more: int = 0) -> Count | None:
    """Return the distinct numbers of a sample in order and so many more; None if that is vain."""
    count = int(np.count_nonzero(order[1:] != order[:-1])) + bool(len(order)) + more
    if complete:
        return Count(count) if count else None
    return Count(count, sample=len(order)) if 0 < count <= 100 else None
