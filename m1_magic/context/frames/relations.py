"""What holds between columns: they move together, one decides the other, rows repeat.

Read from all rows of a table that was read as a whole; else a relation says in how many rows it
holds. Nothing of it is a value of the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import combinations
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from .arrays import Array
from .correlations import LEAST, correlations, of_pair
from .counting import PLAIN, SHORT, factorised, there
from .facts import Described, Fact
from .in_process import Local
from .kinds import Series, is_number, is_text
from .lines import name_of
from .measures import SAMPLE
from .rounding import STRONG
from .summary import UNIQUE, Column

HEAD = 1_000  # rows in which a column of labels that decides another is looked for
WIDEST = 30  # numeric columns that are compared with each other
GROUPS = 8  # columns of labels that are
SHOWN = 6
PAIRS = 4  # correlations among them
EMPTY = 0.2  # share of nulls from which a column of labels decides nothing
EXACT = 1e-9  # less than this is missing of ±1 where columns move together exactly
MISSING = "\0"  # stands for a null among labels

Known = tuple[int, Column, Series]  # a column: its place, what was shown of it, its values


def relations(table: Described) -> list[Fact]:
    """Return what is likely to hold between the columns that are not masked."""
    sample, k = table.sample, table.k
    if sample.rows < max(4 * k, LEAST):  # so few say nothing
        return []
    telling = [
        (place, column, sample.series(place))
        for place, column in table.varying.items()
        if not column.follows
    ]
    numeric = [known for known in telling if is_number(sample.dtype(known[0]))]
    texts = [known for known in telling if is_text(sample.dtype(known[0]))][: 10 * GROUPS]
    labels = [
        (place, column, series)
        for place, column, series in texts
        if len(column.labels) > 1 and _nulls(table, column, series) <= EMPTY * len(series)
    ]
    read = None if table.complete else sample.rows
    numbers = [sample.floats(place) for place, *_ in numeric[:WIDEST]]
    facts = [*_together(numeric, numbers, k, read), *_decided(labels[:GROUPS], sample, read)]
    return facts[:SHOWN]


def _nulls(table: Described, column: Column, series: Series) -> int:
    return (column.nulls or 0) if table.complete else int(series.null_count())


def in_rows(read: int | None) -> str:
    """Return beside a relation in how many rows it holds, if these are not all."""
    return f" in {read:,} rows" if read else ""


def _together(
    columns: Sequence[Known], numbers: Sequence[Array], k: int, read: int | None
) -> list[Fact]:
    """Return the strongest correlations (Pearson's), by pairs of rows with both values.

    Those of copies are left out, of which `copies` tells.
    """
    if len(numbers) < 2:
        return []
    values = np.vstack(numbers)
    matrix, both = correlations(values)
    pairs = [
        (float(matrix[i, j]), i, j)
        for i, j in combinations(range(len(numbers)), 2)
        if both[i, j] >= LEAST
        and STRONG <= abs(matrix[i, j]) <= 1.0001
        and not (matrix[i, j] > 1 - EXACT and np.array_equal(values[i], values[j], equal_nan=True))
    ]
    pairs.sort(key=lambda pair: -round(abs(pair[0]), 6))  # else last bits decide among equals
    return [
        Fact(
            f"{name_of(columns[i][1])} and {name_of(columns[j][1])}: "
            + _strength(r, values[i], values[j], k, read),
            (columns[i][0], columns[j][0]),
        )
        for r, i, j in pairs[:PAIRS]
    ]


def _strength(r: float, x: Any, y: Any, k: int, read: int | None) -> str:
    """Return how two columns move together, no finer than k rows can move it."""
    where, opposite = in_rows(read), "" if r > 0 else ", one up, the other down"
    if abs(r) > 1 - EXACT:
        return f"move together exactly{where}{opposite}"
    _, rounded = of_pair(x, y, k)
    if rounded is None:
        return f"correlated{where}{opposite}"
    return f"correlation {'≈ ' if rounded.rounded or read else ''}{rounded.value:.2f}{where}"


def _decided(columns: Sequence[Known], sample: Local, read: int | None) -> list[Fact]:
    """Return which labels decide others: a carrier's code its name."""

    @cache
    def numbers(place: int, rows: int) -> tuple[Array, int]:
        if rows < sample.rows > SAMPLE:  # to number all of them may be in vain
            codes = factorised(sample.series(place).head(rows), sample.dtype(place))[1]
        else:
            codes = sample.codes(place)[1][:rows]
        return codes.astype(np.int64) + 1, len(np.unique(codes))  # 0 where there is none

    facts = []
    for (one, a, _), (other, b, _) in combinations(columns, 2):
        for rows in (min(HEAD, sample.rows), sample.rows):
            forth, back = _decides(*numbers(one, rows), *numbers(other, rows))
            if not (forth or back):
                break
        else:
            first, second = (name_of(column) for column in ((a, b) if forth else (b, a)))
            how = f" and {second} decide each other" if back and forth else f" decides {second}"
            facts.append(Fact(f"{first}{how}{in_rows(read)}", (one, other)))
    return facts


def _decides(a: Array, many_a: int, b: Array, many_b: int) -> tuple[bool, bool]:
    """Does the label of one column decide that of the other, and the other way round?"""
    pairs = len(np.unique(a * (b.max() + 1) + b))
    return pairs == many_a and many_b > 1, pairs == many_b and many_a > 1


def repeated(table: Described) -> list[Fact]:
    """Return how many rows repeat an earlier one, if all were read and can be compared."""
    keys = any(
        UNIQUE in column.notes
        or (column.distinct and column.distinct.exact and column.distinct.value == table.rows)
        for column in table.columns.values()
    )
    if keys or not table.complete or len(table.columns) < 2:
        return []
    twice = _repeated(table.columns, table.sample)
    return [Fact(f"{twice:,} of {table.rows:,} rows repeat an earlier one")] if twice else []


def _filled(column: Column) -> bool:
    return column.nulls == 0 and "NaN" not in column.counts


def _cells(values: Sequence[Any]) -> list[Any]:
    """Return values that equal themselves, missing ones too."""
    if PLAIN.issuperset(map(type, values)):
        return [value if value == value else MISSING for value in values]
    return [x if there(x) else None if x is None else MISSING for x in values]


def _repeated(columns: Mapping[int, Column], sample: Local) -> int | None:
    """Return how many rows repeat an earlier one, None where cells cannot be compared."""
    dtypes = [sample.dtype(i) for i in columns]
    if any(dtype in (nw.Object, nw.Unknown) or dtype.is_nested() for dtype in dtypes):
        return None  # hashes and comparisons of the user's own: they may be slow, or fail
    if sample.rows <= SHORT:
        lists = {place: sample.first(place, sample.rows) for place in columns}
        cells = (x if _filled(columns[p]) else _cells(x) for p, x in lists.items())
        return sample.rows - len(set(zip(*cells, strict=True)))
    try:
        frames = [sample.series(i).alias(str(i)).to_frame() for i in columns]
        return sample.rows - len(nw.concat(frames, how="horizontal").unique())
    except Exception:  # lists, dicts
        return None
