"""A Dask table: each partition is measured as the pandas table it is, and the records merged.

Narwhals on Dask has no quantile, wrong medians and takes minutes for a summary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from ..arrays import Moments, is_spread, moments
from ..in_process import Local, array, counted
from ..keys import written
from ..kinds import kind
from ..measures import Measures, Span
from . import reading
from .table import LONGEST, wanted

Record = tuple[int, int, Moments]  # nulls, trues, and what is known of numbers


class DaskTable:
    """A Dask DataFrame or Series; see `Table`. NaN is null wherever pandas says so."""

    engine = "Dask"

    def __init__(self, frame: Any) -> None:
        self.frame = frame.to_frame() if frame.ndim == 1 else frame
        meta = self.frame._meta
        self.names = [written(name) for name in meta.columns]
        plain = meta.set_axis([str(i) for i in range(len(self.names))], axis=1)
        self.schema: list[Any] = list(nw.from_native(plain, eager_only=True).schema.dtypes())
        self._lengths: list[int] = []  # rows of each partition, once it was measured

    def measure(self, columns: Sequence[int], *, nulls_only: bool = False) -> list[Measures]:
        """Return the measures of some columns over all rows."""
        kinds = ["other" if nulls_only else kind(self.schema[column]) for column in columns]
        with reading(self.engine):
            parts = self._each(columns, measured, kinds)
        self._lengths = [rows for rows, _ in parts]
        by_column = zip(kinds, *(records for _, records in parts), strict=True)
        return [merged(sum(self._lengths), kind, records) for kind, *records in by_column]

    def sample(self, columns: Sequence[int]) -> Local:
        """Return all rows up to `WHOLE`, else `SAMPLE` rows, always the same."""
        import pandas as pd

        if not self._lengths:
            self.measure(())
        *starts, total = accumulate(self._lengths, initial=0)
        many = wanted(total, self.schema, columns)
        with reading(self.engine):
            parts = self._each(columns, taken, list(columns), total, many, starts=starts)
            table = pd.concat(parts, ignore_index=True)
            return Local(nw.from_native(table, eager_only=True), self.names, self.schema)

    def count(self, questions: Mapping[int, Sequence[Span]]) -> dict[int, list[int]]:
        """Return how many rows lie in each span, by column."""
        columns = [column for column in questions if kind(self.schema[column]) != "other"]
        spans = [questions[column] for column in columns]
        with reading(self.engine):
            parts = self._each(columns, answered, spans) if columns else []
        sums = [np.sum(counts, axis=0).tolist() for counts in zip(*parts, strict=True)]
        none = {column: [0] * len(spans) for column, spans in questions.items()}
        return none | dict(zip(columns, sums, strict=True))

    def _each(
        self,
        columns: Sequence[int],
        function: Callable[..., Any],
        *args: Any,
        starts: Sequence[int] = (),
    ) -> list[Any]:
        """Return ``function(partition, positions, *args)`` of all partitions, by one compute."""
        from dask.base import compute
        from dask.delayed import delayed

        positions = list(range(len(columns)))
        try:
            frame = self.frame.iloc[:, list(columns) or [0]] if self.names else self.frame
        except NotImplementedError:  # doubled names
            frame, positions = self.frame, list(columns)
        task = delayed(function, pure=False, traverse=False)
        parts = frame.to_delayed()
        own: list[tuple[int, ...]] = [(start,) for start in starts] or [()] * len(parts)
        tasks = [task(p, positions, *args, *more) for p, more in zip(parts, own, strict=True)]
        return list(compute(*tasks))  # type: ignore[no-untyped-call]


def measured(part: Any, positions: Sequence[int], kinds: Sequence[str]) -> tuple[int, list[Record]]:
    """Return the rows of a partition and a record of each column."""
    pairs = zip(positions, kinds, strict=True)
    return len(part), [_record(part.iloc[:, place], kind) for place, kind in pairs]


def merged(rows: int, kind: str, records: Sequence[Record]) -> Measures:
    """Return the measures of a column from the records of all partitions."""
    nulls = sum(nulls for nulls, _, _ in records)
    if kind == "boolean":
        return Measures(rows, nulls, trues=sum(trues for _, trues, _ in records))
    total = sum((numbers for *_, numbers in records), Moments())
    if kind not in ("integer", "real"):
        return Measures(rows, nulls, low=total.low, high=total.high)
    figures = total.figures() | {"nan": rows - nulls - total.count - total.infinite}
    if not math.isfinite(total.mean):
        figures |= {"mean": None, "sd": None}
    elif not math.isfinite(total.squares):
        figures["sd"] = None
    return Measures(rows, nulls, **figures)


def _record(values: Any, kind: str) -> Record:
    nulls = int(values.isna().sum())
    if kind == "boolean":
        return nulls, int(values.sum()), Moments()
    if kind in ("text", "other") or nulls == len(values):
        return nulls, 0, Moments()
    return nulls, 0, moments(array(nw.from_native(values, series_only=True)))


def taken(
    part: Any,
    positions: Sequence[int],
    columns: Sequence[int],
    total: int,
    wanted: int,
    start: int,
) -> Any:
    """Return the rows of a partition that are in the sample, columns named by ``columns``."""
    rows = np.arange(start, start + len(part), dtype=np.int64)
    places = np.flatnonzero(is_spread(rows, total, wanted)) if total > wanted else slice(None)
    sample = part.iloc[places, list(positions)]
    sample = sample.set_axis([str(column) for column in columns], axis=1)
    for name in sample.columns:
        values = nw.from_native(sample[name], series_only=True)
        if str(sample[name].dtype).startswith("str"):
            sample[name] = sample[name].str.slice(0, LONGEST)
        elif values.dtype.is_decimal():
            sample[name] = values.cast(nw.String()).cast(nw.Float64()).to_native()
    return sample


def answered(
    part: Any, positions: Sequence[int], spans: Sequence[Sequence[Span]]
) -> list[list[int]]:
    """Return how many rows of a partition lie in each span, column by column."""
    columns = [nw.from_native(part.iloc[:, place], series_only=True) for place in positions]
    return [counted(column, each) for column, each in zip(columns, spans, strict=True)]
