"""What the place of a figure names: ``COLUMN[ROW]:FORMAT`` of a result, found by its columns.

A column's name may hold anything, so it is looked for among the names that there are: the longest
one that what follows can follow. As in SQL, upper and lower case are the same where only one fits.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Protocol

from ..text import one_line
from .figures import plain

_TAIL = re.compile(r"\s*(?:\[(?P<row>.*?)\])?\s*(?::(?P<spec>.*))?")
_QUOTED = re.compile(r'"((?:[^"]|"")+)"')
_PART = re.compile(r'\s*("(?:[^"]|"")+"|[^,]+)\s*(?:,|$)')
INDEX = re.compile(r"-?\d{1,9}")
_LOOKED_AT = 1_000  # names among which the nearest one is looked for
YEARS = 1_000  # from this number on, what is no row may be a label


class Unclear(Exception):
    """What is named is not there; the reason is one sentence."""


class NotFetched(Unclear):
    """The row that is named has to be fetched first."""

    def __init__(self, name: str, row: str) -> None:
        super().__init__(f"the row {one_line(row, 60)} of {name} was not fetched")
        self.key = name, row


class Result(Protocol):
    """What of a query's result is needed here."""

    @property
    def columns(self) -> Sequence[str]:
        """The names of its columns."""

    @property
    def rows(self) -> Sequence[Sequence[object]]:
        """Its rows, as far as they were fetched."""

    @property
    def count(self) -> int:
        """How many rows there are."""

    @property
    def error(self) -> str:
        """Why there is none; empty: there is one."""


# Rows that were fetched one by one, by query and what names them; None: it is being fetched.
More = Mapping[tuple[str, str], Result | None]


class Names:
    """A result whose columns and rows can be named."""

    def __init__(self, name: str, result: Result, more: More | None = None) -> None:
        self.name, self.result, self._more = name, result, more or {}
        self.total = result.count

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {column: at for at, column in reversed(list(enumerate(self.result.columns)))}

    @cached_property
    def _folded(self) -> dict[str, list[int]]:
        out: dict[str, list[int]] = {}
        for column, at in self._columns.items():
            out.setdefault(column.casefold(), []).append(at)
        return out

    @cached_property
    def _labels(self) -> dict[str, int]:
        labels = (plain(row[0]) for row in self.result.rows if row)
        return {label: at for at, label in reversed(list(enumerate(labels)))}

    @cached_property
    def _folded_labels(self) -> dict[str, int]:
        return {_fold(label): at for label, at in reversed(list(self._labels.items()))}

    def value(self, source: str) -> tuple[object, str, str]:
        """Return the value that ``COLUMN[ROW]:FORMAT`` names, its format, and a note.

        Raises:
            Unclear: there is no such column.
            NotFetched: it is in a row that has to be fetched.
        """
        column, tail = self._split(source)
        row, note = self._row("0" if tail["row"] is None else tail["row"].strip())
        return None if row is None else row[column], tail["spec"] or "", note

    def column(self, name: str) -> int:
        """Return the number of a column.

        Raises:
            Unclear: there is none, or more than one but for upper and lower case.
        """
        quoted = _QUOTED.fullmatch(name)
        at = self._number(quoted[1].replace('""', '"') if quoted else name)
        if at is None:
            raise Unclear(
                f"{self.name} has no column {one_line(name, 60)}{nearest(name, self._columns)}"
            )
        return at

    def columns(self, source: str) -> list[int]:
        """Return the numbers of the columns in a list of names.

        Raises:
            Unclear: one of them is not there.
        """
        if self._number(source.strip()) is not None:
            return [self.column(source.strip())]
        named = [self.column(part[1].strip()) for part in _PART.finditer(source)]
        return named or list(range(len(self.result.columns)))

    def _number(self, name: str) -> int | None:
        at = self._columns.get(name)
        if at is None and len(alike := self._folded.get(name.casefold(), [])) == 1:
            return alike[0]
        return at

    def _split(self, source: str) -> tuple[int, re.Match[str]]:
        quoted = _QUOTED.match(source)
        if quoted and (tail := _TAIL.fullmatch(source, quoted.end())):
            return self.column(quoted[0]), tail
        for end in range(len(source), 0, -1):
            at = self._number(source[:end])
            if at is not None and (tail := _TAIL.fullmatch(source, end)):
                return at, tail
        bare = re.split(r"[\[:]", source, maxsplit=1)[0].strip() or source
        self.column(bare)
        raise Unclear(f"{one_line(source, 60)} names no figure of {self.name}")

    def _row(self, row: str) -> tuple[Sequence[object] | None, str]:
        """Return the row that stands in brackets, None if there is none, with a note."""
        rows = self.result.rows
        if INDEX.fullmatch(row):
            number = int(row)
            if number < max(YEARS, len(rows)) or row not in self._labels:
                place = number + self.total if number < 0 else number
                if 0 <= place < len(rows):
                    return rows[place], ""
                # Behind what was fetched it may be a label, too.
                there = place < self.total if number < YEARS else self.total > len(rows)
                return (self._fetched(row) if place >= 0 and there else None), ""
        label = row[1:-1] if len(row) > 1 and row[0] == row[-1] and row[0] in "\"'" else row
        at = self._labels.get(row, self._labels.get(label))
        at = self._folded_labels.get(_fold(label)) if at is None else at
        cells = rows[at] if at is not None else None
        if cells is None and self.total > len(rows):
            cells = self._fetched(label)
        if cells is not None:
            return cells, ""
        near = nearest(label, self._labels)
        return None, f"{self.name} has no row {one_line(label, 60)}{near}"

    def _fetched(self, row: str) -> Sequence[object] | None:
        """Return a row that is not among the first ones, None if there is none."""
        query = self._more.get((self.name, row))
        if query is None:
            raise NotFetched(self.name, row)
        if query.error:
            raise Unclear(f"a row of {self.name} was not fetched: {one_line(query.error)}")
        return query.rows[0] if query.rows else None


def nearest(name: str, names: Iterable[str]) -> str:
    """Return ``; the nearest is NAME``, or nothing where none is near."""
    short = {one[:60].casefold(): one for one in islice(names, _LOOKED_AT)}
    close = difflib.get_close_matches(name[:60].casefold(), short, 1, 0.5)
    return f"; the nearest is {one_line(short[close[0]], 60)}" if close else ""


def _fold(label: str) -> str:
    return " ".join(label.split()).casefold()
