"""Exact figures of one column's values as a NumPy array, chunk by chunk.

Chunks stay in the processor's cache, so that nothing of the column's size is ever allocated.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import zip_longest
from typing import Any

import numpy as np
import numpy.typing as npt

from .measures import Span

Array = npt.NDArray[Any]

CHUNK = 1 << 17
SINGLE = 50_000  # products that one thread of BLAS makes
DOT = 10_000  # the longest arrays whose product it makes
GOLDEN, TURN = 10_368_889, 1 << 24  # the golden ratio of a turn
HEAD = 1_000  # values of which the step is looked for
NARROW = 3 << 20  # the widest range of whole numbers that is ticked off, in bytes


def chunks(values: Array, size: int = CHUNK) -> Iterator[Array]:
    """Yield the values in pieces that fit the cache."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


@cache
def spread(total: int, wanted: int) -> Array:
    """Return ``wanted`` positions out of ``total``: one in each equal stretch, always the same."""
    places: Array = _place(np.arange(wanted, dtype=np.int64), total, wanted)
    return places


def is_spread(row: Any, total: int, wanted: int) -> Any:
    """Say of the numbers of rows, or of an expression of any engine, if `spread` has them."""
    return row == _place((row * wanted + wanted - 1) // total, total, wanted)


def _place(stretch: Any, total: int, wanted: int) -> Any:
    """Return which row of a stretch is taken.

    Where in its stretch it lies follows the golden ratio and the squares, so that tables with
    any period (hours, weekdays) are not read in step with it; whole numbers are exact anywhere.
    """
    first, end = stretch * total // wanted, (stretch + 1) * total // wanted
    turn = stretch * stretch % TURN * GOLDEN % TURN
    return first + turn * (end - first) // TURN


@dataclass(frozen=True, slots=True)
class Moments:
    """What is known of numbers; NaN and infinities are counted and left out.

    ``squares`` are those of the distances from the mean. The sum of the moments of two parts are
    those of both.
    """

    count: int = 0
    nan: int = 0
    infinite: int = 0
    low: Any = None
    high: Any = None
    mean: float = 0.0
    squares: float = 0.0
    zeros: int = 0
    negatives: int = 0
    integral: bool = True

    def __add__(self, other: Moments) -> Moments:
        nan, infinite = self.nan + other.nan, self.infinite + other.infinite
        if not (self.count and other.count):
            return replace(self if self.count else other, nan=nan, infinite=infinite)
        # Chan, Golub and LeVeque's update.
        count, away = self.count + other.count, other.mean - self.mean
        between_means = away * away * self.count * other.count / count
        return Moments(
            count,
            nan,
            infinite,
            low=min(self.low, other.low),
            high=max(self.high, other.high),
            mean=self.mean + away * other.count / count,
            squares=self.squares + (other.squares + between_means),
            zeros=self.zeros + other.zeros,
            negatives=self.negatives + other.negatives,
            integral=self.integral and other.integral,
        )

    def figures(self) -> dict[str, Any]:
        """Return the fields of `Measures`."""
        same = ("nan", "infinite", "low", "high", "zeros", "negatives")
        figures = {name: getattr(self, name) for name in same}
        if self.count:
            figures["integral"] = self.integral
            figures["mean"] = clamped(self.mean, self.low, self.high)
        if self.count > 1:
            figures["sd"] = math.sqrt(self.squares / (self.count - 1))
        return figures


def moments(values: Array) -> Moments:
    """Return the moments of numbers."""
    return sum(by_chunk(values), Moments())


@np.errstate(all="ignore")
def by_chunk(values: Array) -> list[Moments]:
    """Return the moments of each chunk, whose ends also say what need not be looked for in it."""
    room = np.empty(min(CHUNK, len(values)))
    return [_moments(chunk, room) for chunk in chunks(values)]


def ends(values: Array) -> list[Moments]:
    """Return the ends alone of each chunk of whole numbers."""
    return [Moments(len(x), low=int(x.min()), high=int(x.max())) for x in chunks(values)]


def _moments(chunk: Array, room: Array) -> Moments:
    """Return the moments of a chunk; ``room`` is written over, since to get memory takes time."""
    real, nan, infinite = chunk.dtype.kind == "f", 0, 0
    total = _total(chunk) if real else 0.0
    if not math.isfinite(total):
        numbers = np.compress(chunk == chunk, chunk)  # half as long as a mask
        nan, total = len(chunk) - len(numbers), _total(numbers)
        chunk = numbers if math.isfinite(total) else numbers[np.isfinite(numbers)]
        infinite = len(numbers) - len(chunk)
        total = _total(chunk) if infinite else total
    count = len(chunk)
    if not count:
        return Moments(0, nan, infinite)
    low, high = chunk.min().item(), chunk.max().item()
    total = total if real else _total(chunk, low, high)
    mean, room = total / count, room[:count]
    np.subtract(chunk, mean, out=room, dtype=np.float64)
    return Moments(
        count,
        nan,
        infinite,
        low,
        high,
        mean,
        squares=_squares(room),
        zeros=int(np.count_nonzero(chunk == 0)) if low <= 0 <= high else 0,
        negatives=int(np.count_nonzero(chunk < 0)) if low < 0 else 0,
        integral=not real or (_are_integral(chunk[:64]) and _are_integral(chunk)),
    )


def _squares(values: Array) -> float:
    """Return the sum of the squares; `dot` is quicker for many, and may start threads for more."""
    if len(values) <= DOT:
        return float(np.einsum("i,i", values, values))
    return sum(float(part.dot(part)) for part in chunks(values, DOT))


def _total(values: Array, low: int = 0, high: int = 2**46) -> float:
    """Return the sum; whole numbers are added as such where that cannot overflow."""
    if values.dtype.kind in "iu" and values.dtype.itemsize == 8 and max(-low, high) < 2**46:
        return float(values.sum())
    return float(values.sum(dtype=np.float64))


def _are_integral(values: Array) -> bool:
    return not np.any(values != np.rint(values))


def clamped(mean: float, low: Any, high: Any) -> float:
    """Return the mean within its bounds, which rounding (or an overflow) may have left."""
    return min(max(mean, float(low)), float(high)) if math.isfinite(mean) else float("nan")


def mean_sd(values: Array) -> tuple[float, float]:
    """Return the mean and the standard deviation of 64-bit floats, of all, as NumPy has them.

    NumPy takes three times as long for a short array.
    """
    mean = float(np.add.reduce(values)) / len(values)
    away = values - mean
    return mean, math.sqrt(float(np.add.reduce(away * away)) / len(values))


def products(x: Array, y: Array) -> Array:
    """Return ``x @ y.T``, in parts so small that BLAS starts no threads for them."""
    step = max(64, SINGLE // max(1, len(x) * len(y)))
    places = range(0, x.shape[1], step)
    made: Array = sum(np.dot(x[:, i : i + step], y[:, i : i + step].T) for i in places)
    return made


def different(order: Array) -> Array:
    """Return the values of an array in order, each once."""
    return order[np.r_[True, order[1:] != order[:-1]]] if len(order) else order


@np.errstate(all="ignore")
def hits(values: Array, spans: Sequence[Span], known: Sequence[Moments] = ()) -> list[int]:
    """Return how many values lie within each span, both ends included; ``known`` is `by_chunk`."""
    counts = [0] * len(spans)
    for chunk, part in zip_longest(chunks(values), known):
        ends = (part.low, part.high) if part and part.count and not part.infinite else ()
        for place, (low, high) in enumerate(spans):
            if ends and (high < ends[0] or ends[1] < low):
                continue
            if low == high:
                inside = chunk == low
            elif ends and low <= ends[0]:
                inside = chunk <= high
            elif ends and ends[1] <= high:
                inside = chunk >= low
            else:
                inside = (chunk >= low) & (chunk <= high)
            counts[place] += int(np.count_nonzero(inside))
    return counts


def between(order: Array, span: Span) -> int:
    """Return how many of the values, which are in order, lie in a span."""
    left = np.searchsorted(order, span.low)
    return int(np.searchsorted(order, span.high, side="right") - left)


@np.errstate(all="ignore")
def infinities(values: Array) -> int:
    """Return how many infinities there are: 0, 1 or 2."""
    if values.dtype.kind != "f" or math.isfinite(values.sum()):
        return 0
    return int(np.isposinf(values).any()) + int(np.isneginf(values).any())


def distinct(values: Array) -> int | None:
    """Return how many whole numbers differ; None where that takes more than a quick pass.

    Quick are values in order, and those in a range hardly wider than the column is long.
    """
    if not len(values):
        return 0
    count = _in_order(values)
    return _in_range(values) if count is None else count


def _in_order(values: Array) -> int | None:
    rising = falling = True
    count = 1
    for start in range(0, len(values) - 1, CHUNK):
        chunk = values[start : start + CHUNK + 1]
        before, after = chunk[:-1], chunk[1:]
        rising = rising and bool((before <= after).all())
        falling = falling and bool((before >= after).all())
        if not rising and not falling:
            return None
        count += int(np.count_nonzero(before != after))
    return count


def _in_range(values: Array) -> int | None:
    low, high = int(values.min()), int(values.max())
    if max(-low, high) >= 2**63 or high - low >= 2**63:
        return None
    step = _step(values, low)
    # A table much larger than the column costs more than hashing it.
    if (high - low) // step >= min(NARROW, 4 * len(values)):
        return None
    seen = np.zeros((high - low) // step + 1, bool)
    complete = False
    for chunk in chunks(values):
        places = chunk.astype(np.int64, copy=False) - low
        if step > 1:
            away, places = places, places // step
            if (places * step != away).any():
                return None
        if not complete:
            seen[places] = True
            complete = len(seen) < len(chunk) and bool(seen.all())
        if complete and step == 1:
            break
    return int(np.count_nonzero(seen))


def _step(values: Array, low: int) -> int:
    """Return what the distances of the first values are multiples of: a day, of dates."""
    first = values[:HEAD].astype(np.int64, copy=False) - low
    return max(1, int(np.gcd.reduce(first)))
