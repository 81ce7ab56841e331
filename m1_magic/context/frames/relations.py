"""What holds between columns: they move together, one decides the other, rows repeat.

Read from a sample, and only where that is cheap; nothing of it is a value of the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from ...privacy.redaction import masked_value
from .facts import Described, Fact
from .in_process import Local
from .kinds import Series, floats, is_number, is_text
from .rounding import STRONG, correlation
from .summary import UNIQUE, Column

ROWS = 2_500  # of the sample that are looked at
WIDEST = 30  # numeric columns that are compared with each other
GROUPS = 8  # columns of labels that are
LEAST = 20  # rows with both values
TOLD = 6
PAIRS = 4  # correlations among them
EMPTY = 0.2  # share of nulls from which a column of labels decides nothing


def relations(table: Described) -> list[Fact]:
    """Return what is likely to hold between the columns that are not masked."""
    sample, k, columns = table.sample, table.k, table.columns
    if sample.rows < max(4 * k, LEAST):  # so few say nothing
        return []
    step = thinned(sample.rows)
    telling = {i: c for i, c in columns.items() if not c.masked and "always" not in c.figures}
    pairs = [(column, sample.series(place)) for place, column in telling.items()]
    numeric = [(c, s.gather_every(step)) for c, s in pairs if is_number(s.dtype) and not c.follows]
    texts = [(c, s.gather_every(step)) for c, s in pairs if is_text(s.dtype)][: 10 * GROUPS]
    labels = [(c, s) for c, s in texts if len(c.labels) > 1 and s.null_count() <= EMPTY * len(s)]
    facts = [
        *_together(numeric[:WIDEST], k, whole=table.complete and step == 1),
        *_decided(labels[:GROUPS]),
    ]
    return [Fact(text) for text in facts[:TOLD]]


def thinned(rows: int) -> int:
    """Return the step at which rows of a sample are read."""
    return max(1, rows // ROWS)


def _together(columns: Sequence[tuple[Column, Series]], k: int, *, whole: bool) -> list[str]:
    """Return the strongest correlations (Pearson's), by pairs of rows with both values."""
    if len(columns) < 2:
        return []
    values = np.vstack([floats(series) for _, series in columns])
    finite = np.isfinite(values)
    with np.errstate(all="ignore"):
        sums = np.where(finite, values, 0.0).sum(axis=1, keepdims=True)
        means = sums / finite.sum(axis=1, keepdims=True)
        centred = np.where(finite, values - means, 0.0)
        both = finite.astype(np.float32) @ finite.astype(np.float32).T
        # Of the row's column, where the other is there: the sum, and the squares about its mean.
        total = centred @ finite.T
        squares = (centred**2) @ finite.T
        about = squares - total**2 / both
        spread = np.sqrt(np.where(about > 1e-12 * squares, about, np.nan))
        matrix = (centred @ centred.T - total * total.T / both) / (spread * spread.T)
    pairs = [
        (float(matrix[i, j]), i, j)
        for i, j in combinations(range(len(columns)), 2)
        if both[i, j] >= LEAST and STRONG <= abs(matrix[i, j]) <= 1.0001
    ]
    pairs.sort(key=lambda pair: -round(abs(pair[0]), 6))  # else last bits decide among equals
    return [
        f"`{masked_value(columns[i][0].name)}` and `{masked_value(columns[j][0].name)}`: "
        + _strength(r, values[i], values[j], k, whole=whole)
        for r, i, j in pairs[:PAIRS]
    ]


def _strength(r: float, x: Any, y: Any, k: int, *, whole: bool) -> str:
    """Return how two columns move together, no finer than k rows can move it."""
    if abs(r) > 0.99995:
        return "move together exactly" + ("" if r > 0 else ", one up, the other down")
    both = np.isfinite(x) & np.isfinite(y)
    x, y = ((values - values.mean()) / values.std() for values in (x[both], y[both]))
    told = correlation(r, x * y - r / 2 * (x * x + y * y), k)
    if told is None:
        return "correlated"
    return f"correlation {'≈ ' if told.rounded or not whole else ''}{told.value:.2f}"


def _decided(columns: Sequence[tuple[Column, Series]]) -> list[str]:
    """Return which labels decide others: a carrier's code its name."""
    codes = []
    for column, series in columns:
        labels, code = np.unique(
            np.asarray(series.cast(nw.String).fill_null("").to_list()), return_inverse=True
        )
        codes.append((column, code, len(labels)))
    facts = []
    for (a, of_a, many_a), (b, of_b, many_b) in combinations(codes, 2):
        pairs = len(np.unique(of_a.astype(np.int64) * many_b + of_b))
        names = f"`{masked_value(a.name)}`", f"`{masked_value(b.name)}`"
        if pairs == many_a == many_b:
            facts.append(f"{names[0]} and {names[1]} decide each other")
        elif pairs == many_a and many_b > 1:
            facts.append(f"{names[0]} decides {names[1]}")
        elif pairs == many_b and many_a > 1:
            facts.append(f"{names[1]} decides {names[0]}")
    return facts


def repeated(table: Described) -> list[Fact]:
    """Return how many rows repeat an earlier one, if all were read and can be compared."""
    keys = any(
        UNIQUE in column.notes
        or (column.distinct and column.distinct.exact and column.distinct.value == table.rows)
        for column in table.columns.values()
    )
    if keys or not table.complete or len(table.columns) < 2:
        return []
    twice = _repeated(list(table.columns), table.sample)
    return [Fact(f"{twice:,} of {table.rows:,} rows repeat an earlier one")] if twice else []


def _repeated(columns: Sequence[int], sample: Local) -> int | None:
    """Return how many rows repeat an earlier one, None where cells cannot be compared."""
    dtypes = [sample.series(i).dtype for i in columns]
    if any(dtype in (nw.Object, nw.Unknown) or dtype.is_nested() for dtype in dtypes):
        return None  # hashes and comparisons of the user's own: they may be slow, or fail
    try:
        frames = [sample.series(i).alias(str(i)).to_frame() for i in columns]
        return sample.rows - len(nw.concat(frames, how="horizontal").unique())
    except Exception:  # lists, dicts
        return None
