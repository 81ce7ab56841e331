"""A column, or columns that look alike → one line, in full or in short."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from ...privacy.redaction import masked_value
from .summary import LABELS, Column, Value

ALIKE = 4  # columns named q1, q2, … from which they are shown as one
BRIEF, FULL, MORE = range(3)  # the forms of a line
SHOWN = 6  # labels in full
ODD = ("outlier", "NaN", "infinite")  # counts that are worth a look
TARGETS = ("target", "label", "class", "y", "outcome", "response")
ENDS = ("always", "median", "from", "to")  # figures that are shown in short
PLAIN = ("number", "whole number", "duration", "true/false")  # types whose labels need no quotes


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
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def marked_figure(value: Value, name: str, column: Column) -> str:
    """Return a figure of a column, with ``≈`` where it is rounded or read from a sample."""
    return _about(name, column) + figure(value)


def _about(name: str, column: Column) -> str:
    return "≈ " if name in column.approximate else ""


@dataclass(frozen=True)
class Line:
    """What one line tells of: ``columns`` of a table of so many ``rows``, by place.

    It has three forms: `BRIEF`, `FULL`, and with `MORE` labels and figures. Labels that the
    prompt names (``named``) are among those that are shown.
    """

    columns: Mapping[int, Column]
    rows: int
    named: frozenset[str] = frozenset()

    @property
    def first(self) -> Column:
        """The column, or the first of those that look alike."""
        return next(iter(self.columns.values()))

    @property
    def rank(self) -> tuple[int, int]:
        """How little it tells, from 0 to 2; then how little there is to look into, 0 or less."""
        c = self.first
        odd = -sum(map(bool, (c.nulls, *map(c.counts.get, ODD)))) - 2 * (c.name.lower() in TARGETS)
        if c.masked or "always" in c.figures or c.nulls == self.rows:
            return 2, odd
        return (0 if c.figures or c.labels else 1), odd

    @property
    def telling(self) -> bool:
        """Does it tell more than a type that others have, too?"""
        c = self.first
        return bool(c.figures or c.labels or c.notes or c.nulls) and not c.masked

    @property
    def parts(self) -> dict[int, Line]:
        """A line for each of its columns."""
        return {place: Line({place: c}, self.rows) for place, c in self.columns.items()}

    def text(self, form: int) -> str:
        """Return the line in one of its forms."""
        return (self.brief, self.full, self.more)[form]

    @cached_property
    def full(self) -> str:
        """Return what an analyst wants to know first."""
        return self._written(FULL)

    @cached_property
    def more(self) -> str:
        """Return all that may be said."""
        return self._written(MORE)

    def _written(self, form: int) -> str:
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
            f"{name} {marked_figure(c.figures[name], name, c)}" for name in self._telling(form)
        )
        few = "always" in c.figures or (complete and form == FULL)
        distinct_values = "" if few else distinct(c)
        parts = [self._head(), *counts, distinct_values, figures, self._labels(form), *c.notes]
        return "; ".join(filter(None, parts))

    def _telling(self, form: int) -> list[str]:
        """Return the figures; in full, those that say more than the shares of all values do."""
        if form == MORE or not self._complete():
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
            for label, part in self._labels_in(BRIEF).items()
        ]
        ends = [
            f"{name} {marked_figure(v, name, c)}" for name, v in c.figures.items() if name in ENDS
        ]
        if "mean" in c.figures and not (ends or most):
            ends = [f"mean {marked_figure(c.figures['mean'], 'mean', c)}"]
        return "; ".join(filter(None, [self._head(), " ".join(ends or most)]))

    def labels(self, form: int) -> int:
        """Return how many labels it tells of in one of its forms."""
        if self.first.type.startswith("true/false") or (len(self.columns) > 1 and not self.same):
            return 0
        return len(self._labels_in(FULL if len(self.columns) > 1 else form))

    def _labels_in(self, form: int) -> dict[str, float]:
        """Return the labels with their shares that a form tells; the most frequent first."""
        labels = self.first.labels
        if form == MORE:
            return dict(labels)
        if form == BRIEF:
            return {} if set(ENDS) & self.first.figures.keys() else dict([*labels.items()][:1])
        ranks = sorted(labels, key=lambda label: label not in self.named)
        displayed = set(ranks[: max(SHOWN, len(self.named))])
        return {label: part for label, part in labels.items() if label in displayed}

    def _complete(self) -> bool:
        """Are these numbers all of whose values are shown with their shares?"""
        return _plain(self.first) and sum(self.first.labels.values()) > 1 - 1e-9

    def _head(self) -> str:
        c = self.first
        head = f"- {name_of(c)}" + (f": {c.type}" if c.type else "")
        if c.masked:
            return f"{head}, masked: looks personal"
        return f"{head}, {nulls(c.nulls, self.rows)}" if c.nulls is not None and self.rows else head

    def _labels(self, form: int) -> str:
        c, shares = self.first, self._labels_in(form)
        labels = [f"{_quoted(label, c)} {share(part)}" for label, part in shares.items()]
        rest = 1 - sum(shares.values())
        if len(labels) == 1 and rest <= 1e-9:
            return f"always {_quoted(next(iter(shares)), c)}"
        if labels:
            labels[0] = _about(LABELS, c) + labels[0]
        if labels and 1e-9 < rest < 0.95 and not c.type.startswith("true/false"):
            labels.append(f"others {share(rest)}")
        return ", ".join(labels)

    @cached_property
    def same(self) -> bool:
        """Is the same said of all its columns?"""
        return all(replace(c, name=self.first.name) == self.first for c in self.columns.values())

    def _together(self) -> str:
        """Return the ranges of the figures of columns that look alike."""
        columns = list(self.columns.values())
        names = f"{name_of(columns[0])} … {name_of(columns[-1])}"
        names = f"- {names} ({len(columns):,} columns)"
        if self.same:
            first = Line({0: self.first}, self.rows)
            return names + first.full.removeprefix(f"- {name_of(self.first)}")
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
        if all("true" in c.labels for c in columns):
            low, high = (share(end(c.labels["true"] for c in columns)) for end in (min, max))
            spans.append(f"true {low} to {high}")
        return f"{names}: {columns[0].type}, " + "; ".join(spans)


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
    return quoted(label)


def quoted(text: str) -> str:
    """Return a text of the table in quotes, fit for the page."""
    return '"' + masked_value(text).replace('"', '\\"') + '"'


def name_of(column: Column) -> str:
    """Return a column's name, fit for the page."""
    return ticked(column.name)


@lru_cache(maxsize=10_000)
def ticked(name: str) -> str:
    """Return the name of a column in backticks, fit for the page."""
    return f"`{masked_value(name)}`"


@lru_cache(maxsize=10_000)
def stem_of(name: str) -> str:
    """Return a name without its numbers: ``q*`` for ``q12``; "" if it has none."""
    stem = re.sub(r"\d+", "*", name[:200])
    return stem if "*" in stem else ""


def alike(lines: Iterable[Line]) -> list[Line]:
    """Return the lines of single columns, those that look alike as one, where the first stood."""
    groups: dict[tuple[str, ...], list[Line]] = {}
    for n, line in enumerate(lines):
        stem = "" if line.first.masked else stem_of(line.first.name)
        groups.setdefault((stem, line.first.type) if stem else (str(n),), []).append(line)
    made: list[Line] = []
    for key, members in groups.items():
        if len(members) >= ALIKE and len(key) > 1:
            columns = {place: c for line in members for place, c in line.columns.items()}
            members = [Line(columns, members[0].rows)]
        made += members
    return made
