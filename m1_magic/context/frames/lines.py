"""A column, or columns that look alike → one line, in full or in short."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from ...privacy.redaction import masked_value
from .summary import LABELS, Column, Value

ALIKE = 4  # columns named q1, q2, … from which they are told as one
ENDS = ("always", "median", "from", "to")  # figures that are told in short
PLAIN = ("number", "whole number", "true/false")  # types whose labels need no quotes


def share(part: float) -> str:
    """Return ``0.123`` as ``12.3 %``; never 0 % or 100 % for what is not."""
    percent = 100 * part
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.{2 if percent < 1 else 3}g} %"


def figure(value: Value) -> str:
    """Return a number in as many digits as it was rounded to, without separators."""
    return value if isinstance(value, str) else f"{value:.15g}"


def told(value: Value, name: str, column: Column) -> str:
    """Return a figure of a column, with ``≈`` where it is rounded or read from a sample."""
    return _about(name, column) + figure(value)


def _about(name: str, column: Column) -> str:
    return "≈ " if name in column.approximate else ""


@dataclass(frozen=True)
class Line:
    """What one line tells of: ``columns`` of a table of so many ``rows``, by place."""

    columns: Mapping[int, Column]
    rows: int

    @property
    def first(self) -> Column:
        """The column, or the first of those that look alike."""
        return next(iter(self.columns.values()))

    @property
    def rank(self) -> int:
        """How little it tells: 0, 1 or 2."""
        c = self.first
        if c.masked or "always" in c.figures or c.nulls == self.rows:
            return 2
        return 0 if c.figures or c.labels else 1

    @cached_property
    def full(self) -> str:
        """Return all that may be said."""
        if len(self.columns) > 1:
            return self._together()
        c, complete = self.first, self._complete()
        counts = [
            f"{name} {_about(name, c)}{share(n / self.rows)}"
            for name, n in c.counts.items()
            if name != "zero" or (not complete and n >= 0.01 * self.rows)
        ]
        between = " " if "to" in c.figures else " · "
        figures = between.join(
            f"{name} {told(c.figures[name], name, c)}" for name in self._telling()
        )
        distinct_values = "" if "always" in c.figures or complete else distinct(c)
        parts = [self._head(), *counts, distinct_values, figures, self._labels(), *c.notes]
        return "; ".join(filter(None, parts))

    def _telling(self) -> list[str]:
        """Return the figures that say more than the shares of all values do."""
        if not self._complete():
            return list(self.first.figures)
        more = ("always", "mean", "sd") if len(self.first.labels) > 2 else ("always",)
        return [name for name in self.first.figures if name in more]

    @cached_property
    def brief(self) -> str:
        """Return the type and the one thing that tells most."""
        if len(self.columns) > 1:
            return self._together()
        c = self.first
        most = [
            f"{_about(LABELS, c)}{_quoted(label, c)} {share(part)}"
            for label, part in self._top().items()
        ]
        ends = [f"{name} {told(v, name, c)}" for name, v in c.figures.items() if name in ENDS]
        return "; ".join(filter(None, [self._head(), " ".join(ends or most)]))

    def labels(self, full: bool) -> int:
        """Return how many labels it tells of, in full or in short."""
        if len(self.columns) > 1 or self.first.type == "true/false":
            return 0
        return len(self.first.labels if full else self._top())

    def _top(self) -> dict[str, float]:
        """Return the label that is told in short, if figures are not."""
        c = self.first
        return {} if set(ENDS) & c.figures.keys() else dict([*c.labels.items()][:1])

    def _complete(self) -> bool:
        """Are these numbers all of whose values are told with their shares?"""
        return _plain(self.first) and sum(self.first.labels.values()) > 1 - 1e-9

    def _head(self) -> str:
        c = self.first
        head = f"- `{masked_value(c.name)}`" + (f": {c.type}" if c.type else "")
        if c.masked:
            return f"{head}, masked: looks personal"
        return f"{head}, {nulls(c.nulls, self.rows)}" if c.nulls is not None and self.rows else head

    def _labels(self) -> str:
        c = self.first
        labels = [f"{_quoted(label, c)} {share(part)}" for label, part in c.labels.items()]
        rest = 1 - sum(c.labels.values())
        if len(labels) == 1 and rest <= 1e-9:
            return f"always {_quoted(next(iter(c.labels)), c)}"
        if labels:
            labels[0] = _about(LABELS, c) + labels[0]
        if labels and 1e-9 < rest < 0.95 and c.type != "true/false":
            labels.append(f"others {share(rest)}")
        return ", ".join(labels)

    def _together(self) -> str:
        """Return the ranges of the figures of columns that look alike."""
        columns = list(self.columns.values())
        missing = [column.nulls or 0 for column in columns]
        spans = [nulls(missing[0], self.rows)]
        if min(missing) != max(missing):
            spans = [f"{share(min(missing) / self.rows)} to {share(max(missing) / self.rows)} null"]
        for name in ("always", "min", "P1", "median", "mean", "max", "P99"):
            values = [
                c.figures[name] for c in columns if isinstance(c.figures.get(name), (int, float))
            ]
            if len(values) == len(columns):
                low, high = min(values), max(values)
                about = next(filter(None, (_about(name, c) for c in columns)), "")
                spans.append(
                    f"{name} {about}{figure(low)}" + (f" to {figure(high)}" if low != high else "")
                )
        names = f"`{masked_value(columns[0].name)}` … `{masked_value(columns[-1].name)}`"
        return f"- {names} ({len(columns):,} columns): {columns[0].type}, " + "; ".join(spans)


def size(rows: int | None, width: int) -> str:
    """Return how many rows, if that may be said, and columns a table has."""
    return ("" if rows is None else f"{rows:,} rows × ") + f"{width:,} columns"


def nulls(number: int, rows: int) -> str:
    """Return ``no nulls``, or their number and share."""
    return f"{number:,} null ({share(number / rows)})" if number else "no nulls"


def distinct(column: Column) -> str:
    """Return the distinct values, and how well that is known."""
    count = column.distinct
    if count is None:
        return ""
    text = f"{count.value:,} distinct"
    return text if count.exact else f"{text} in {count.sample:,} rows"


def _plain(column: Column) -> bool:
    """Need labels of its type no quotes?"""
    return column.type.startswith(PLAIN) and not column.type.endswith("as text")


def _quoted(label: str, column: Column) -> str:
    if _plain(column):
        return label
    return '"' + masked_value(label).replace('"', '\\"') + '"'


def stem_of(name: str) -> str:
    """Return a name without its numbers: ``q*`` for ``q12``; "" if it has none."""
    stem = re.sub(r"\d+", "*", name[:200])
    return stem if "*" in stem else ""


def alike(columns: Mapping[int, Column], rows: int) -> list[Line]:
    """Return one line for each column, but one for those in a row that look alike."""
    lines: list[Line] = []
    kinds = {i: (stem_of(c.name), "" if c.masked else c.type) for i, c in columns.items()}
    for (stem, kind), group in groupby(columns, key=kinds.__getitem__):
        members = {place: columns[place] for place in group}
        together = stem and kind and len(members) >= ALIKE
        parts = [members] if together else [{place: c} for place, c in members.items()]
        lines += [Line(part, rows) for part in parts]
    return lines


def listed(names: Iterable[tuple[str, str]]) -> list[str]:
    """Return names (each with its type or "") those that differ by a number told together."""
    texts: list[str] = []
    for (stem, kind), group in groupby(names, key=lambda pair: (stem_of(pair[0]), pair[1])):
        members = [name for name, _ in group]
        if stem and len(members) >= ALIKE:
            many = f"{len(members):,}" + (f", {kind}" if kind else "")
            texts.append(f"`{masked_value(members[0])}` … `{masked_value(members[-1])}` ({many})")
        else:
            texts += [f"`{masked_value(name)}`" for name in members]
    return texts
