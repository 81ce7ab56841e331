"""A Dask table: each partition is measured as the pandas table it is, and the records merged.

Narwhals on Dask has no quantile, wrong medians and takes minutes for a summary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from ..arrays import clamped, hits, moments
from ..in_process import Local, array
from ..measures import Between, Measures
from ..object_columns import joined
from .engines import GOLDEN, LONGEST, TURN, pick
from .reading import reading
from .spans import Span, bounds, kind
from .table import wanted

Record = dict[str, Any]


class DaskTable:
    """A Dask DataFrame or Series; see `Table`. NaN is null wherever pandas says so."""

    name = "Dask"

    def __init__(self, frame: Any) -> None:
        self.frame = frame.to_frame() if frame.ndim == 1 else frame
        meta = self.frame._meta
        self.names = [joined(name) for name in meta.columns]
        plain = meta.set_axis([str(i) for i in range(len(self.names))], axis=1)
        self.schema: list[Any] = list(nw.from_native(plain, eager_only=True).schema.dtypes())
        self._lengths: list[int] | None = None

    def measure(self, columns: Sequence[int], *, nulls_only: bool = False) -> list[Measures]:
        """Return the measures of some columns over all rows."""
        kinds = ["other" if nulls_only else kind(self.schema[column]) for column in columns]
        with reading(self.name):
            parts = self._each(columns, measured, kinds)
        self._lengths = [rows for rows, _ in parts]
        by_column = zip(*(records for _, records in parts), strict=True)
        return [self._merged(list(records)) for records in by_column]

    def _merged(self, records: list[Record]) -> Measures:
        total = records[0]
        for record in records[1:]:
            total = merged(total, record)
        return Measures(self.rows, **finished(total))

    @property
    def rows(self) -> int:
        """Rows of the table; a pass of its own unless it was measured."""
        return sum(self._known())

    def _known(self) -> list[int]:
        if self._lengths is None:
            self.measure(())
        return self._lengths or []

    def sample(self, columns: Sequence[int]) -> Local:
        """Return all rows up to `WHOLE`, else about `SAMPLE` rows, always the same."""
        import pandas as pd

        lengths = self._known()
        total = sum(lengths)
        step, _ = pick(total, wanted(total, self.schema, columns))
        starts = [sum(lengths[:place]) for place in range(len(lengths))]
        with reading(self.name):
            parts = self._each(columns, taken, list(columns), step, starts=starts)
            table = pd.concat(parts, ignore_index=True)
            part = Local(nw.from_native(table, eager_only=True), self.names)
        part.schema = [part.table.schema.get(str(i), known) for i, known in enumerate(self.schema)]
        return part

    def count(self, questions: Sequence[Between]) -> list[int]:
        """Return how many rows lie between the bounds of each question, both included."""
        spans: dict[int, dict[Span, None]] = {}
        bounded = [bounds(question, self.schema[question.column]) for question in questions]
        for question, span in zip(questions, bounded, strict=True):
            if span is not None:
                spans.setdefault(question.column, {})[span] = None
        if not spans:
            return [0] * len(questions)
        kinds = [kind(self.schema[column]) for column in spans]
        with reading(self.name):
            parts = self._each(list(spans), counted, kinds, [list(each) for each in spans.values()])
        sums = np.sum([np.concatenate(part) for part in parts], axis=0).tolist()
        places = [(column, span) for column, each in spans.items() for span in each]
        answers = dict(zip(places, sums, strict=True))
        return [
            int(answers[question.column, span]) if span is not None else 0
            for question, span in zip(questions, bounded, strict=True)
        ]

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


def _record(values: Any, kind: str) -> Record:
    nulls = int(values.isna().sum())
    if kind == "boolean":
        return {"nulls": nulls, "trues": int(values.sum())}
    if kind in ("text", "other") or nulls == len(values):
        return {"nulls": nulls, **({} if kind in ("text", "other") else {"finite": 0})}
    numbers = array(nw.from_native(values, series_only=True))
    figures = moments(numbers)
    count = len(numbers) - figures["nan"]
    figures["nan"] = max(0, len(values) - nulls - count)
    finite = count - figures["infinite"]
    return {"nulls": nulls, "finite": finite, "moment": kind == "moment", **figures}


def merged(one: Record, other: Record) -> Record:
    """Return the record of both: moments by Chan, Golub and LeVeque's update."""
    nulls = one["nulls"] + other["nulls"]
    if "trues" in one:
        return {"nulls": nulls, "trues": one["trues"] + other["trues"]}
    if "finite" not in one:
        return {"nulls": nulls}
    sums = {name: one.get(name, 0) + other.get(name, 0) for name in ("nan", "infinite", "finite")}
    if not (one["finite"] and other["finite"]):
        return {**(one if one["finite"] else other), **sums, "nulls": nulls}
    sums |= {name: one[name] + other[name] for name in ("zeros", "negatives")}
    n, m = one["finite"], other["finite"]
    away = other["mean"] - one["mean"]
    squares = sum((each["sd"] or 0.0) ** 2 * (each["finite"] - 1) for each in (one, other))
    squares += away * away * n * m / (n + m)
    return {
        **sums,
        "nulls": nulls,
        "moment": one["moment"],
        "low": min(one["low"], other["low"]),
        "high": max(one["high"], other["high"]),
        "mean": one["mean"] + away * m / (n + m),
        "sd": math.sqrt(squares / (n + m - 1)),
        "mean_abs": (one["mean_abs"] * n + other["mean_abs"] * m) / (n + m),
        "whole": one["whole"] and other["whole"],
    }


def finished(record: Record) -> Record:
    """Return the fields of `Measures` of a record."""
    dropped: tuple[str, ...] = ("finite", "moment")
    if record.get("moment"):
        dropped += ("mean", "sd", "mean_abs", "zeros", "negatives", "whole", "nan")
    fields = {name: value for name, value in record.items() if name not in dropped}
    if "finite" in record and not record["finite"]:
        fields["whole"] = False
    if fields.get("mean") is not None:
        low, high, mean = fields["low"], fields["high"], fields["mean"]
        tame = math.isfinite(mean) and math.isfinite(fields["mean_abs"])
        fields["mean"] = clamped(mean, low, high) if tame else None
        fields["mean_abs"] = fields["mean_abs"] if tame else None
        fields["sd"] = fields["sd"] if tame and math.isfinite(fields["sd"] or 0.0) else None
    return fields


def taken(
    part: Any, positions: Sequence[int], columns: Sequence[int], step: int, start: int
) -> Any:
    """Return the rows of a partition that are in the sample, columns named by ``columns``."""
    rows = np.arange(start, start + len(part), dtype=np.int64)
    place = (rows // step) * GOLDEN % TURN * step // TURN
    sample = part.iloc[np.flatnonzero(rows % step == place), list(positions)]
    sample = sample.set_axis([str(column) for column in columns], axis=1)
    for name in sample.columns:
        values = nw.from_native(sample[name], series_only=True)
        if str(sample[name].dtype).startswith("str"):
            sample[name] = sample[name].str.slice(0, LONGEST)
        elif values.dtype.is_decimal():
            sample[name] = values.cast(nw.String()).cast(nw.Float64()).to_native()
    return sample


def counted(
    part: Any, positions: Sequence[int], kinds: Sequence[str], spans: Sequence[Sequence[Span]]
) -> list[list[int]]:
    """Return the answers of a partition, column by column."""
    counts = []
    for place, known, column_spans in zip(positions, kinds, spans, strict=True):
        values = part.iloc[:, place]
        if known in ("text", "boolean"):
            counts.append([_labelled(values, span) for span in column_spans])
        else:
            counts.append(hits(array(nw.from_native(values, series_only=True)), column_spans))
    return counts


def _labelled(values: Any, span: Span) -> int:
    try:
        if span.low == span.high:
            return int((values == span.low).sum())
        # Categories cannot be compared, not even in order.
        plain = values.astype(object) if str(values.dtype) == "category" else values
        return int(((plain >= span.low) & (plain <= span.high)).sum())
    except (TypeError, ValueError):  # cells of several kinds
        return 0
