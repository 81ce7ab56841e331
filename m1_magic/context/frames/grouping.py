"""Rows by what stands in a column: their labels, and those that may be shown, in their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from ...privacy.personal import personal_text
from .arrays import Array
from .counting import factorised
from .kinds import Series, floats, is_moment, is_text
from .lines import quoted

FEW = 12  # labels up to which all of them are shown
LARGEST = 8  # of more labels, how many are
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


@dataclass(frozen=True)
class Grouping:
    """The rows by what stands in a column.

    Args:
        labels: of the groups as they may be shown, in their order; "" where one may not.
        codes: row by row the number of its group, -1 where the column is null.
        sizes: rows of each group.
        shown: the groups that may be shown, in the order in which they are.
    """

    labels: tuple[str, ...]
    codes: Array
    sizes: Array
    disclosed: tuple[int, ...]

    @cached_property
    def order(self) -> Array:
        """The rows' places, group by group, those without one first."""
        few = len(self.labels) < 120
        return np.argsort(self.codes.astype(np.int8) if few else self.codes, kind="stable")

    def split(self, values: Array) -> dict[int, Array]:
        """Return the values of each group that may be shown."""
        sorted_values = values[self.order]
        ends = (len(values) - int(self.sizes.sum())) + np.cumsum(self.sizes)
        return {g: sorted_values[ends[g] - self.sizes[g] : ends[g]] for g in self.disclosed}

    def thinned(self, step: int) -> Grouping:
        """Return the same groups of every ``step``-th row."""
        codes = self.codes[::step]
        sizes = np.bincount(codes[codes >= 0], minlength=len(self.labels))
        return replace(self, codes=codes, sizes=sizes)

    @property
    def covered(self) -> float:
        """The share of the rows with a label whose label is shown."""
        return float(self.sizes[list(self.disclosed)].sum() / max(1, self.sizes.sum()))


def grouping(
    series: Series, k: int, dtype: Any, coded: tuple[list[Any], Array] | None = None
) -> Grouping:
    """Return the rows by what stands in a column: each label, and those k rows share to be told.

    Args:
        coded: of texts, where they are known, `counting.factorised`.
    """
    labels, codes = _coded(series, dtype, coded)
    sizes = np.bincount(codes[codes >= 0], minlength=len(labels))
    text = is_text(dtype)
    large = [g for g in range(len(labels)) if sizes[g] >= max(k, 1)]
    large.sort(key=lambda g: (-sizes[g], labels[g]))
    large = [g for g in large[: 2 * FEW] if not (text and personal_text(labels[g][:500]))]
    large = large if len(labels) <= FEW else large[:LARGEST]
    order = _in_order([labels[g] for g in large], series, dtype)
    disclosed = tuple(large[i] for i in order)
    texts = (quoted(x) if text else x for x in labels)
    named = tuple(x if g in large else "" for g, x in enumerate(texts))
    return Grouping(named, codes, sizes, disclosed)


def _coded(
    series: Series, dtype: Any, coded: tuple[list[Any], Array] | None
) -> tuple[list[str], Array]:
    """Return the labels of a column in order, and row by row their number, -1 where it is null."""
    if is_moment(dtype):
        missing = np.asarray(series.is_null().to_numpy(), dtype=bool)
        texts = series.dt.to_string("%Y-%m-%d" if dtype == nw.Date else "%Y-%m-%d %H:%M:%S")
        return _renumbered(*factorised(texts, nw.String()), missing)
    if is_text(dtype):
        return _renumbered(*(coded or factorised(series, dtype)), None)
    values = floats(series, dtype)
    there = np.isfinite(values)
    codes = np.full(len(values), -1, dtype=np.int64)
    distinct, codes[there] = _distinct(values[there])
    words = ("false", "true") if dtype == nw.Boolean else None
    return [words[int(v)] if words else f"{v:.15g}" for v in distinct.tolist()], codes


def _distinct(values: Array) -> tuple[Array, Array]:
    """Return the distinct numbers in order, and the place of each number among them."""
    low = values.min() if len(values) else 0.0
    if len(values) and values.max() - low < 1_000 and np.array_equal(values, np.rint(values)):
        shifted = (values - low).astype(np.int64)
        distinct = np.flatnonzero(np.bincount(shifted))
        places = np.zeros(int(distinct[-1]) + 1, dtype=np.int64)
        places[distinct] = np.arange(len(distinct))
        return distinct + low, places[shifted]
    distinct, inverse = np.unique(values, return_inverse=True)
    return distinct, inverse


def _renumbered(
    distinct: Sequence[Any], codes: Array, missing: Array | None
) -> tuple[list[str], Array]:
    """Return labels in the order of their texts: each library finds them in its own."""
    texts = [str(x) for x in distinct]
    for end in (" 00:00:00", "-01", "-01") if missing is not None else ():
        shorter = [text.removesuffix(end) for text in texts]
        texts = shorter if len({*map(len, shorter)}) == 1 else texts
    places = sorted(range(len(texts)), key=texts.__getitem__)
    numbers = np.full(len(texts) + 1, -1, dtype=np.int64)
    numbers[places] = np.arange(len(texts))
    made = numbers[codes]  # -1 finds the last, which stays -1
    if missing is not None:
        made = np.where(missing, -1, made)
    return [texts[i] for i in places], made


def _in_order(labels: Sequence[str], series: Series, dtype: Any) -> list[int]:
    """Return the places of labels in the order in which to tell them, the largest first else."""
    places = range(len(labels))
    if not is_text(dtype):
        if is_moment(dtype) or dtype == nw.Boolean:
            return sorted(places, key=labels.__getitem__)
        return sorted(places, key=lambda i: float(labels[i]))
    ranks = _ranks(labels, series)
    return sorted(places, key=lambda i: ranks[labels[i]]) if ranks else list(places)


def _ranks(labels: Sequence[str], series: Series) -> dict[str, float]:
    """Return the order that labels have by themselves: of a category, as numbers, in a year."""
    native = series.to_native()
    dtype = getattr(native, "dtype", None)
    if bool(getattr(dtype, "ordered", series.dtype == nw.Enum)):
        known = [str(label) for label in series.cat.get_categories().to_list()]
        ranks: dict[str, float] = {label: i for i, label in enumerate(known)}
        return ranks if ranks.keys() >= set(labels) else {}  # intervals are written otherwise
    if labels and all(label.isascii() and label.isdigit() for label in labels):
        return {label: float(label) for label in labels}
    spelt = [label.casefold()[:3] for label in labels]
    for names in (MONTHS, DAYS):
        if set(spelt) <= set(names) and len(set(spelt)) == len(labels) > 1:
            return {x: names.index(short) for x, short in zip(labels, spelt, strict=True)}
    return {}
