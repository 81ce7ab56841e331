"""How finely a figure may be shown: no finer than k rows can move it.

Two columns that differ in one row would give that row away if their means were exact. A unit is
1, 2 or 5 × 10ⁿ. Of means, sd and correlations it is at least as large as what k average rows, or
the outermost one, move the figure by; a quantile is rounded by what lies between it and its k-th
neighbours, and never passes them. What would need a coarser unit is left out. With k = 0 all may
leave: figures are exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from .arrays import Array, between, mean_sd
from .measures import Span

DIGITS = 4  # significant ones that a mean has unless k rows move them
EXACT = 7  # the same where all may leave
STRONG = 0.8  # a correlation that is worth telling
VAGUE = 0.1  # the coarsest unit of a correlation
COARSE = 0.1  # of the interquartile range: what a quantile's neighbours may span
ERRORS = 2  # standard errors that a quantile of a sample may be off by


@dataclass(frozen=True, slots=True)
class Figure:
    """A number as it leaves; ``rounded`` if it carries ``≈``."""

    value: int | float
    rounded: bool = True


def unit(least: float) -> Decimal:
    """Return the smallest of 1, 2 or 5 × 10ⁿ that is at least ``least``, a positive number."""
    mantissa, _, power = f"{least:.12e}".partition("e")  # as `steady`
    first = next(step for step in (1, 2, 5, 10) if step >= float(mantissa))
    return Decimal((0, (1 if first == 10 else first,), int(power) + (first == 10)))


def steady(value: float) -> str:
    """Return a number without its last bits, which processors and engines add in."""
    return f"{value:.13g}"


def to_unit(value: float, step: Decimal) -> int | float:
    """Return the multiple of ``step`` that is next to a number."""
    return bare(float((Decimal(steady(value)) / step).to_integral_value() * step))


def average(value: float | None, n: int, sd: float, most: float, k: int) -> Figure | None:
    """Return a mean (of ``n`` values, the outermost ``most`` away from it) as it may leave."""
    return _moved(value, _least(sd, most, n, k), sd)


def deviation(sd: float | None, n: int, most: float, k: int) -> Figure | None:
    """Return a standard deviation as it may leave."""
    if not sd:
        return None
    return _moved(sd, _least_of_sd(sd, most, n, k), sd, places=False)


def correlation(r: float, moves: Array, k: int) -> Figure | None:
    """Return a correlation as it may leave; ``moves`` is what each row adds to it, times n."""
    least = _least(mean_sd(moves)[1], float(np.abs(moves).max()), len(moves), k)
    if not least <= VAGUE:
        return None
    step = max(Decimal("0.01"), unit(least) if least else Decimal(0))
    return Figure(to_unit(r, step), rounded=step > Decimal("0.01"))


def _least(sd: float, most: float, n: int, k: int) -> float:
    """Return how far k average rows, or the outermost one, move a mean."""
    return max(k * sd, most) / n if k else 0.0


def _least_of_sd(sd: float, most: float, n: int, k: int) -> float:
    """Return how far they move a standard deviation."""
    return _least(sd, most * (most / sd) / 2, n, k)


def _moved(value: float | None, least: float, sd: float, *, places: bool = True) -> Figure | None:
    """Return a figure in four digits, or rounded by ``least``; None if that is too coarse.

    Where its column spreads less than these digits show (years), there are more of them.
    """
    if value is None or not all(map(math.isfinite, (value, least, sd))) or least > sd:
        return None
    digits = DIGITS if least else EXACT
    finest = _place(sd, digits + 1) if places and sd else -400
    usual = max(finest, _place(value, digits))
    natural = max(finest, min(usual, max(_place(sd, digits - 1), _place(value, digits + 3))))
    step = Decimal(1).scaleb(natural)
    if least:
        step = max(step, unit(least))
    if step > sd > 0 and least:
        return None
    plain = step.as_tuple().digits == (1,) and step <= Decimal(1).scaleb(usual)
    return Figure(to_unit(value, step), rounded=not plain)


def _place(value: float, digits: int) -> int:
    """Return the power of ten that the last of so many significant digits of a number counts."""
    return math.floor(math.log10(abs(value))) - digits + 1 if value else -400


def holds(name: str, value: float, order: Array, k: int) -> bool:
    """Is a figure, which was rounded for nearly the same values, true of these by the same rule?"""
    last = len(order) - 1
    if name in ("min", "max"):
        return bool(order[0 if name == "min" else last] == value)
    if name in ("mean", "sd"):
        mean, sd = float(order.mean()), float(order.std(ddof=1))
        most = max(float(order[-1]) - mean, mean - float(order[0]))
        if name == "mean":
            return abs(value - mean) <= 2.5 * _least(sd, most, last + 1, k)
        return abs(value - sd) <= 2.5 * _least_of_sd(sd, most, last + 1, k)
    below, above, _ = _neighbours(order, 50 if name == "median" else int(name[1:]))
    inside = above >= k and below + k <= last
    return inside and bool(order[above - k] <= value <= order[below + k])


def quantile(order: Array, percent: int, k: int, *, complete: bool = True) -> Figure | None:
    """Return a quantile (interpolated) of values in order as it may leave, None if it may not.

    Args:
        complete: are these all values? Of a sample as many neighbours are left alone as it may
            be off by.
    """
    last = len(order) - 1
    below, above, rest = _neighbours(order, percent)
    first, second = order[below].item(), order[above].item()
    value = first + (second - first) * rest / 100 if first != second else first
    if complete and (k == 0 or (first == second and between(order, Span(value, value)) >= k)):
        return Figure(in_digits(value, order, k), rounded=False)
    share = percent / 100
    errors = 0 if complete else math.ceil(ERRORS * math.sqrt(share * (1 - share) * len(order)))
    reach = max(k, errors)
    if above < reach or below + reach > last:
        return None
    low, high = order[above - reach].item(), order[below + reach].item()
    if low == high:
        return Figure(in_digits(value, order, k))
    if not high - low <= COARSE * _spread(order):
        return None
    return Figure(_inside(value, low, high))


def _inside(value: float, low: float, high: float) -> int | float:
    """Return a number between two others, rounded by half of their distance or finer."""
    step = unit(high / 2 - low / 2)
    for _ in range(60):
        rounded = to_unit(value, step)
        if low <= rounded <= high:
            return rounded
        step = unit(float(step) * 0.4)
    return bare(value)


def quartiles(order: Array) -> tuple[float, float]:
    """Return the first and the third quartile of values in order."""
    ends = []
    for percent in (25, 75):
        below, above, rest = _neighbours(order, percent)
        first, second = float(order[below]), float(order[above])
        ends.append(first + (second - first) * rest / 100 if rest else first)
    return ends[0], ends[1]


def _neighbours(order: Array, percent: int) -> tuple[int, int, int]:
    """Return the places that a quantile lies between, and how far on from the first, in %."""
    below, rest = divmod(percent * (len(order) - 1), 100)
    return below, below + bool(rest), rest


def _spread(order: Array) -> float:
    first, third = quartiles(order)
    return third - first


def in_digits(value: Any, order: Array, k: int) -> int | float:
    """Return a value of a column: whole, or in seven digits, twelve where all may leave.

    Where the values hardly differ there are more of them, too.
    """
    if isinstance(value, int):
        return value
    digits, span = EXACT if k else 12, float(order[-1]) - float(order[0])
    if order.dtype.kind == "f" and order.dtype.itemsize < 8:
        digits = EXACT
    elif 0 < span < math.inf and value:
        digits = min(15, max(digits, _place(value, 0) - _place(span, 0) + 4))
    return bare(float(f"{value:.{digits}g}"))


def bare(value: Any) -> int | float:
    """Return a number of Python, whole where it is whole."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return value if isinstance(value, (int, float)) else float(value)


def mean_of(values: Array, k: int) -> Figure | None:
    """Return the mean of some numbers, one a row, as it may leave."""
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    mean = float(values.mean(dtype=np.float64))
    most = float(np.abs(values - mean).max())
    return average(mean, len(values), sd, most, k) if sd else Figure(bare(mean), rounded=False)
