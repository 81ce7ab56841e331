"""What holds between columns: they move together, one decides the other, rows repeat.

Read from all rows of a table that was read as a whole; else a relation says in how many rows it
holds. Nothing of it is a value of the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    _, shown = of_pair(x, y, k)
    if shown is None:
        return f"correlated{where}{opposite}"
    return f"correlation {'≈ ' if shown.rounded or read else ''}{shown.value:.2f}{where}"


def _decided(columns: Sequence[Known], sample: Local, read: int | None) -> list[Fact]:
    """Return which labels decide others: a carrier's code its name."""
    places, codes = [place for place, *_ in columns], dict[int, tuple[Array, int]]()
    if sample.rows > HEAD:
        heads = [_counted(factorised(s.head(HEAD), sample.dtype(p))) for p, _, s in columns]
    else:
        heads = [_counted(sample.codes(place)) for place in places]
        codes = dict(enumerate(heads))
    facts = []
    for one, other in combinations(range(len(columns)), 2):
        if not any(_decides(*heads[one], *heads[other])):
            continue
        for place in (one, other):
            codes[place] = codes.get(place) or _counted(sample.codes(places[place]))
        forth, back = _decides(*codes[one], *codes[other])
        names = [name_of(columns[place][1]) for place in (one, other)]
        if forth and back:
            text = f"{names[0]} and {names[1]} decide each other{in_rows(read)}"
        elif forth or back:
            first, second = names if forth else names[::-1]
            text = f"{first} decides {second}{in_rows(read)}"
        else:
            continue
        facts.append(Fact(text, (columns[one][0], columns[other][0])))
    return facts


def _counted(coded: tuple[list[Any], Array]) -> tuple[Array, int]:
    """Return a number for each label, a null among them, and how many there are."""
    found, codes = coded
    nulls = codes < 0
    return np.where(nulls, len(found), codes).astype(np.int64), len(found) + bool(nulls.any())


def _decides(a: Any, many_a: int, b: Any, many_b: int) -> tuple[bool, bool]:
    """Does the label of one column decide that of the other, and the other way round?"""
    pairs = len(np.unique(a * many_b + b))
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
