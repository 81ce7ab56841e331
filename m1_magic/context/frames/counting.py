"""Nulls, labels and distinct numbers, counted by what is soonest: a library, or Python."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from .arrays import CHUNK, Array, chunks
from .kinds import Series
from .measures import FEW, Count

Pairs = tuple[tuple[Any, int], ...]

SINGLE = 8  # labels that are counted one by one sooner than all at once
SHORT = 5_000  # rows of which Python counts labels sooner than a library
LITTLE = 1_000  # rows of which it numbers them sooner
PLAIN = frozenset((str, int, float, bool, type(None)))
SIZED = (list, tuple, dict, np.ndarray)
NEARLY = 0.98  # of a sample differ: nothing more is learnt by reading all rows


def nulls(series: Series) -> int:
    """Return how many nulls there are; what has a length is none, which is sooner seen."""
    if (texts := _in_arrow(series)) is not None:
        return int(texts.null_count)
    native = series.to_native()
    if str(getattr(native, "dtype", "")) == "object" and len(native):
        cells = native.to_numpy()
        if isinstance(cells[0], SIZED):
            with suppress(Exception):  # as foreign types may raise
                deque(map(len, cells), maxlen=0)
                return 0
    return int(series.null_count())


def _in_arrow(series: Series) -> Any:
    """Return pandas' texts as Arrow has them, where it has; else None."""
    dtype = getattr(series.to_native(), "dtype", None)
    return series.to_arrow() if getattr(dtype, "storage", "") == "pyarrow" else None


def labels(series: Series, sample: Series | None, valid: int) -> tuple[Pairs | None, Count | None]:
    """Return each label's count where there are few, and how many there are.

    Args:
        sample: of a long column, by which what is not worth counting is seen.
        valid: how many rows have a label.
    """
    if sample is not None:
        sample = sample.drop_nulls() if valid < len(series) else sample
        distinct = sample.unique()
        if counts := _one_by_one(series, distinct, valid) or _of_one_width(series, distinct):
            return counts, Count(len(counts))
        if series.dtype == nw.String:
            if len(distinct) >= max(FEW + 1, NEARLY * len(sample)):
                return None, Count(len(distinct), sample=len(sample))
            if len(distinct) > FEW:
                return None, Count(int(series.drop_nulls().n_unique()))
    try:
        rows = _value_counts(series)
    except UnicodeEncodeError:  # lone surrogates, which Arrow cannot count
        return in_python(series.to_list())
    made = tuple((label, int(n)) for label, n in rows if n and there(label))
    return made, Count(len(made))


def _one_by_one(series: Series, distinct: Series, valid: int) -> Pairs | None:
    """Return each label's count if the few found in a sample are all that valid rows have.

    To compare a long column with a label is cheaper than to hash it, in Polars and of categories.
    """
    pandas, polars = series.implementation.is_pandas(), series.implementation.is_polars()
    cheap = polars or (pandas and series.dtype != nw.String)
    labels = distinct.to_list() if cheap and 0 < len(distinct) <= SINGLE else [None]
    if not all(isinstance(label, str) for label in labels):
        return None
    counts = tuple((label, int((series == label).sum())) for label in labels)
    return counts if sum(n for _, n in counts) == valid else None


def _of_one_width(series: Series, distinct: Series) -> Pairs | None:
    """Return each label's count if all have as many bytes as a whole number, which NumPy counts.

    That takes a third of the time that Arrow takes for texts.
    """
    texts = _in_arrow(series)
    if texts is None or texts.null_count or not hasattr(texts, "buffers"):  # several chunks
        return None
    if len(distinct) > FEW or len({*map(len, distinct.to_list())}) != 1:
        return None
    _, ends, letters = texts.buffers()
    places = np.frombuffer(ends, np.int64 if str(texts.type) == "large_string" else np.int32)
    places = places[texts.offset : texts.offset + len(texts) + 1]
    width = int(places[1] - places[0])
    steps = (np.diff(places[start : start + CHUNK + 1]) for start in range(0, len(texts), CHUNK))
    if width not in (1, 2, 4, 8) or any(np.any(step != width) for step in steps):
        return None
    counts: Counter[bytes] = Counter()
    for chunk in chunks(np.frombuffer(letters, f"u{width}", len(texts), int(places[0]))):
        values, rows = np.unique(chunk, return_counts=True)
        counts.update(dict(zip(values.view(f"V{width}").tolist(), rows.tolist(), strict=True)))
    return tuple((label.decode(), n) for label, n in counts.items())


def _value_counts(series: Series) -> list[tuple[Any, int]]:
    """Return each label's count by the column's own library."""
    if series.implementation.is_polars():  # half as long as its value_counts
        frame = series.alias("label").to_frame().to_native()
        return list(frame.lazy().group_by("label").len().collect().iter_rows())
    return list(series.value_counts(sort=False, name="n").iter_rows())


def in_python(values: Sequence[Any]) -> tuple[Pairs, Count]:
    """Return each label's count, and how many there are."""
    counts = Counter(values)
    labels = tuple((label, counts[label]) for label in present(counts))
    return labels, Count(len(labels))


def factorised(series: Series, dtype: Any) -> tuple[list[Any], Array]:
    """Return the texts of a column, and row by row their number, by its own library."""
    native = (series if dtype == nw.String else series.cast(nw.String)).to_native()
    if hasattr(native, "factorize"):  # pandas
        codes, distinct = native.factorize()
        return [*distinct], np.asarray(codes)
    if hasattr(native, "replace_strict"):  # Polars
        distinct = native.unique().drop_nulls().to_list()
        import polars as pl

        places = native.cast(pl.Enum(distinct)).to_physical().cast(pl.Int64)
        return distinct, places.fill_null(-1).to_numpy()
    coded = native.combine_chunks() if hasattr(native, "combine_chunks") else native
    coded = coded.dictionary_encode()
    coded = coded.combine_chunks() if hasattr(coded, "combine_chunks") else coded
    return coded.dictionary.to_pylist(), coded.indices.fill_null(-1).to_numpy()


def numbered(texts: Iterable[Any]) -> tuple[list[Any], Array]:
    """Return the same of a few texts, as Python has them."""
    places: dict[str, int] = {}
    codes = [places.setdefault(x, len(places)) if isinstance(x, str) else -1 for x in texts]
    return [*places], np.array(codes, dtype=np.int64)


def hashed(values: Array, library: Any) -> int:
    """Return how many numbers differ by the hash table of a library."""
    if values.dtype.kind == "f":
        values = values.astype(np.float64) + 0.0  # −0.0 + 0.0 is 0.0
    plain = values.astype(values.dtype.newbyteorder("="), copy=False)
    return int(nw.new_series("", plain, backend=library).n_unique())


def present(values: Iterable[Any]) -> list[Any]:
    """Return the values that are there."""
    values = list(values)
    if PLAIN.issuperset(map(type, values)):  # soonest seen
        return [value for value in values if value == value and value is not None]
    return [value for value in values if there(value)]


def there(value: Any) -> bool:
    """Is it a value, not a null of any library?"""
    if isinstance(value, (str, float)):
        return value == value
    return value is not None and type(value).__name__ not in ("NAType", "NaTType")
