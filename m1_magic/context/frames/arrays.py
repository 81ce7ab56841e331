"""Exact figures of one column's values as a NumPy array, chunk by chunk.

Chunks stay in the processor's cache, so that nothing of the column's size is ever allocated.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

CHUNK = 1 << 16
NARROW = 3 << 20  # the widest range of whole numbers that is ticked off, in bytes


def chunks(values: Array) -> Iterator[Array]:
    """Yield the values in pieces that fit the cache."""
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


@cache
def spread(total: int, wanted: int) -> Array:
    """Return ``wanted`` positions out of ``total``: one in each equal stretch, always the same.

    Where in its stretch a row is taken follows the golden ratio, so that tables with a period
    (hours, weekdays) are not read in step with it.
    """
    step = total / wanted
    turns = np.modf(np.arange(wanted) * 0.6180339887498949)[0]
    places: Array = np.minimum((np.arange(wanted) + turns) * step, total - 1).astype(np.int64)
    return places


@np.errstate(all="ignore")
def moments(values: Array) -> dict[str, Any]:
    """Return the figures of `Measures` for numbers: NaN and infinities counted and left out."""
    figures: dict[str, Any] = {"nan": 0, "infinite": 0, "zeros": 0, "negatives": 0}
    low: Any = None
    high: Any = None
    count, mean, squares, absolutes = 0, 0.0, 0.0, 0.0
    whole, real = True, values.dtype.kind == "f"
    for chunk in chunks(values):
        total = _total(chunk)
        if real and not math.isfinite(total):
            numbers = chunk[chunk == chunk]
            figures["nan"] += len(chunk) - len(numbers)
            chunk = numbers if math.isfinite(numbers.sum()) else numbers[np.isfinite(numbers)]
            figures["infinite"] += len(numbers) - len(chunk)
            total = _total(chunk)
        if not len(chunk):
            continue
        least, most = chunk.min(), chunk.max()
        low = least if low is None else min(low, least)
        high = most if high is None else max(high, most)
        if least <= 0 <= most:
            figures["zeros"] += int(np.count_nonzero(chunk == 0))
        if least < 0:
            figures["negatives"] += int(np.count_nonzero(chunk < 0))
        if whole and real:
            whole = _whole(chunk[:64]) and _whole(chunk)
        floats, many = chunk.astype(np.float64, copy=False), len(chunk)
        mean_here = total / many
        deviations = floats - mean_here
        delta = mean_here - mean
        squares += float(
            np.einsum("i,i", deviations, deviations)
        ) + delta * delta * count * many / (count + many)
        mean += delta * many / (count + many)
        absolutes += abs(total) if least >= 0 or most <= 0 else float(np.abs(floats).sum())
        count += many
    figures |= {"low": _python(low), "high": _python(high), "whole": whole and count > 0}
    if count:
        figures |= {"mean": clamped(mean, low, high), "mean_abs": absolutes / count}
        figures["sd"] = math.sqrt(squares / (count - 1)) if count > 1 else None
    return figures


def ends(values: Array) -> dict[str, Any]:
    """Return the first and the last of moments in time."""
    any_values = len(values) > 0
    return {
        "nan": 0,
        "low": _python(values.min()) if any_values else None,
        "high": _python(values.max()) if any_values else None,
        "whole": True,
    }


def _total(values: Array) -> float:
    """Return the sum; whole numbers are added as such where that cannot overflow."""
    small = values.dtype.kind in "iu" and values.dtype.itemsize == 8 and len(values)
    if small and max(abs(int(values.min())), abs(int(values.max()))) < 2**46:
        return float(values.sum())
    return float(values.sum(dtype=np.float64))


def _whole(values: Array) -> bool:
    return not np.any(values != np.rint(values))


def clamped(mean: float, low: Any, high: Any) -> float:
    """Return the mean within its bounds, which rounding (or an overflow) may have left."""
    return min(max(mean, float(low)), float(high)) if math.isfinite(mean) else float("nan")


def _python(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


@np.errstate(all="ignore")
def hits(values: Array, spans: Sequence[tuple[Any, Any]]) -> list[int]:
    """Return how many values lie within each span, both ends included."""
    counts = [0] * len(spans)
    for chunk in chunks(values):
        for place, (low, high) in enumerate(spans):
            inside = chunk == low if low == high else (chunk >= low) & (chunk <= high)
            counts[place] += int(np.count_nonzero(inside))
    return counts


def between(order: Array, low: Any, high: Any) -> int:
    """Return how many of the values, which are in order, lie between the bounds, both included."""
    left = np.searchsorted(order, low)
    return int(np.searchsorted(order, high, side="right") - left)


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
    # A table much larger than the column costs more than hashing it.
    if high - low >= min(NARROW, 4 * len(values)) or max(-low, high) >= 2**63:
        return None
    seen = np.zeros(high - low + 1, bool)
    for chunk in chunks(values):
        seen[chunk.astype(np.int64) - low] = True
    return int(np.count_nonzero(seen))
