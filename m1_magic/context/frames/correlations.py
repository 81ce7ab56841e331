"""Pearson's correlation: of all pairs of columns, of one pair as it may leave. Ranks."""

from __future__ import annotations

import math

import numpy as np

from .arrays import Array, mean_sd, products
from .rounding import Figure, correlation

LEAST = 20  # rows with both values


@np.errstate(all="ignore")
def correlations(values: Array) -> tuple[Array, Array]:
    """Return the correlations of rows of numbers, and in how many places both have one."""
    finite = np.isfinite(values)
    most = np.where(finite, np.abs(values), 0.0).max(axis=1, keepdims=True)
    values = np.where(finite, values / np.where(most > 0, most, 1.0), 0.0)  # no square overflows
    means = values.sum(axis=1, keepdims=True) / finite.sum(axis=1, keepdims=True)
    centred = np.where(finite, values - means, 0.0)
    spans = np.abs(centred).max(axis=1, keepdims=True)
    centred /= np.where(spans > 1e-13, spans, np.nan)
    ones = finite.astype(np.float64)
    both = products(ones, ones)
    # Of the row's column, where the other is there: the sum, and the squares about its mean.
    total = products(centred, ones)
    squares = products(centred**2, ones)
    about = squares - total**2 / both
    spread = np.sqrt(np.where(about > 1e-12 * squares, about, np.nan))
    return (products(centred, centred) - total * total.T / both) / (spread * spread.T), both


@np.errstate(all="ignore")
def of_pair(x: Array, y: Array, k: int) -> tuple[float, Figure | None]:
    """Return the correlation of two columns, 0 where there is none, and as it may leave."""
    both = np.isfinite(x) & np.isfinite(y)
    if np.count_nonzero(both) < LEAST:
        return 0.0, None
    x, y = (_standard(values[both]) for values in (x, y))
    both = x * y
    r = float(both.sum()) / len(both)
    if not math.isfinite(r):
        return 0.0, None
    return r, correlation(r, both - r / 2 * (x * x + y * y), k)


def _standard(values: Array) -> Array:
    values = values / np.abs(values).max()
    mean, sd = mean_sd(values)
    made: Array = (values - mean) / sd
    return made


def average_ranks(values: Array) -> Array:
    """Return the ranks of numbers, of equal ones their mean, NaN where there is none."""
    made = np.full(len(values), np.nan)
    there = np.flatnonzero(np.isfinite(values))
    if not len(there):
        return made
    order = there[np.argsort(values[there])]
    ranked = values[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)) + 1
    counts = np.diff(ends, prepend=0)
    made[order] = np.repeat(ends - (counts - 1) / 2, counts)
    return made
