"""What the place of a figure names: ``COLUMN[ROW]:FORMAT`` of a result, found by its columns.

A column's name may hold anything, so it is looked for among the names that there are: the longest
one that what follows can follow. As in SQL, upper and lower case are the same where only one fits.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import islice
from typing import Protocol

from ..text import one_line
from .figures import plain

_TAIL = re.compile(r"\s*(?:\[(?P<row>.*?)\])?\s*(?::(?P<spec>.*))?")
_QUOTED = re.compile(r'"((?:[^"]|"")+)"')
_PART = re.compile(r'\s*("(?:[^"]|"")+"|[^,]+)\s*(?:,|$)')
_INDEX = re.compile(r"-?\d{1,9}")
_LOOKED_AT = 1_000  # names among which the nearest one is looked for
_YEARS = 1_000  # from this number on, what is no row may be a label


class Unclear(Exception):
    """What is named is not there; the reason is one sentence."""


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


class Names:
    """A result whose columns and rows can be named."""

    def __init__(self, name: str, result: Result) -> None:
        self.name, self.result = name, result
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
        """
        column, tail = self._split(source)
        row, note = self._row(tail["row"])
        rows = self.result.rows
        value = rows[row][column] if row is not None and -len(rows) <= row < len(rows) else None
        return value, tail["spec"] or "", note

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
        return [self.column(part[1].strip()) for part in _PART.finditer(source)]

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

    def _row(self, row: str | None) -> tuple[int | None, str]:
        """Return the number of a row by what stands in brackets, None if there is none."""
        if row is None:
            return 0, ""
        row = row.strip()
        if _INDEX.fullmatch(row):
            number = int(row)
            if number < 0 and self.total > len(self.result.rows):
                raise Unclear(
                    f"{self.name} has {self.total:,} rows, the last ones were not fetched"
                )
            if number < max(_YEARS, len(self.result.rows)) or row not in self._labels:
                return number, ""
        label = row[1:-1] if len(row) > 1 and row[0] == row[-1] and row[0] in "\"'" else row
        for name in (row, label):
            if name in self._labels:
                return self._labels[name], ""
        if (at := self._folded_labels.get(_fold(label))) is not None:
            return at, ""
        near = nearest(label, self._labels)
        return None, f"{self.name} has no row {one_line(label, 60)}{near}"


def nearest(name: str, names: Iterable[str]) -> str:
    """Return ``; the nearest is NAME``, or nothing where none is near."""
    short = {one[:60].casefold(): one for one in islice(names, _LOOKED_AT)}
    close = difflib.get_close_matches(name[:60].casefold(), short, 1, 0.5)
    return f"; the nearest is {one_line(short[close[0]], 60)}" if close else ""


def _fold(label: str) -> str:
    return " ".join(label.split()).casefold()
