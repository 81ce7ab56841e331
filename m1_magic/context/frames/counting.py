"""Nulls, labels and distinct numbers, counted by what is soonest: a library, or Python."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from .arrays import Array
from .kinds import Series
from .measures import FEW, Count

Pairs = tuple[tuple[Any, int], ...]

SINGLE = 8  # labels that are counted one by one sooner than all at once
SHORT = 5_000  # rows of which Python counts labels sooner than a library
SIZED = (list, tuple, dict, np.ndarray)
NEARLY = 0.98  # of a sample differ: nothing more is learnt by reading all rows


def nulls(series: Series) -> int:
    """Return how many nulls there are; what has a length is none, which is sooner seen."""
    native = series.to_native()
    if str(getattr(native, "dtype", "")) == "object" and len(native):
        cells = native.to_numpy()
        if isinstance(cells[0], SIZED):
            with suppress(Exception):  # as foreign types may raise
                deque(map(len, cells), maxlen=0)
                return 0
    return int(series.null_count())


def labels(series: Series, sample: Series | None, valid: int) -> tuple[Pairs | None, Count | None]:
    """Return each label's count where there are few, and how many there are.

    Args:
        sample: of a long column, by which what is not worth counting is seen.
        valid: how many rows have a label.
    """
    if sample is not None:
        sample = sample.drop_nulls()
        found = sample.unique()
        if counts := _one_by_one(series, found, valid):
            return counts, Count(len(counts))
        if series.dtype == nw.String:
            if len(found) >= max(FEW + 1, NEARLY * len(sample)):
                return None, Count(len(found), sample=len(sample))
            if len(found) > FEW:
                return None, Count(int(series.drop_nulls().n_unique()))
    try:
        rows = _value_counts(series)
    except UnicodeEncodeError:  # lone surrogates, which Arrow cannot count
        return in_python(series.to_list())
    made = tuple((label, int(n)) for label, n in rows if n and there(label))
    return made, Count(len(made))


def _one_by_one(series: Series, found: Series, valid: int) -> Pairs | None:
    """Return each label's count if the few found in a sample are all that valid rows have.

    To compare a long column with a label is cheaper than to hash it, in Polars and of categories.
    """
    pandas, polars = series.implementation.is_pandas(), series.implementation.is_polars()
    cheap = polars or (pandas and series.dtype != nw.String)
    labels = found.to_list() if cheap and 0 < len(found) <= SINGLE else [None]
    if not all(isinstance(label, str) for label in labels):
        return None
    counts = tuple((label, int((series == label).sum())) for label in labels)
    return counts if sum(n for _, n in counts) == valid else None


def _value_counts(series: Series) -> list[tuple[Any, int]]:
    """Return each label's count by the column's own library."""
    if series.implementation.is_polars():  # half as long as its value_counts
        frame = series.alias("label").to_frame().to_native()
        return list(frame.lazy().group_by("label").len().collect().iter_rows())
    return list(series.value_counts(sort=False, name="n").iter_rows())


def in_python(values: Sequence[Any]) -> tuple[Pairs, Count]:
    """Return each label's count, and how many there are."""
    labels = tuple((label, n) for label, n in Counter(values).items() if there(label))
    return labels, Count(len(labels))


def hashed(values: Array, library: Any) -> int:
    """Return how many numbers differ by the hash table of a library."""
    if values.dtype.kind == "f":
        values = values.astype(np.float64) + 0.0  # −0.0 + 0.0 is 0.0
    plain = values.astype(values.dtype.newbyteorder("="), copy=False)
    return int(nw.new_series("", plain, backend=library).n_unique())


def there(value: Any) -> bool:
    """Is it a value, not a null of any library?"""
    if isinstance(value, (str, float)):
        return value == value
    return value is not None and type(value).__name__ not in ("NAType", "NaTType")
