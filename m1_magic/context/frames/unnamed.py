"""Columns that no line tells of → their names, those that differ by a number together.

How long the list is, is known at any time without writing it.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from .lines import ALIKE, stem_of, ticked

MORE = "- {:,} more columns, not named here"


@dataclass(frozen=True, slots=True)
class Names:
    """The columns of a table in its order: of each by its place the name as it may leave, its
    type, and the name without numbers."""

    places: Sequence[int]
    name: Callable[[int], str]
    kind: Callable[[int], str]
    stem: Callable[[int], str]


class Unnamed:
    """The columns of a table without those that were shown; written if in ``limit`` characters."""

    def __init__(self, names: Names, limit: int) -> None:
        self.count, self.name = len(names.places), names.name
        groups: dict[tuple[str, str | int], list[int]] = {}
        for place in names.places:
            stem = names.stem(place)
            groups.setdefault((stem, names.kind(place) if stem else place), []).append(place)
        self.runs: list[list[int]] = []
        self.kinds: list[str] = []
        for (_, kind), members in groups.items():
            parts = [members] if len(members) >= ALIKE else [[place] for place in members]
            self.runs += parts
            self.kinds += [str(kind)] * len(parts)
        self.run_of = {place: i for i, run in enumerate(self.runs) for place in run}
        self.length = 0
        for i, run in enumerate(self.runs):
            self.length += self._length(i, run)
            if self.length > limit:
                break
        self.named = self.length <= limit

    def _text(self, i: int, run: Sequence[int]) -> str:
        """Return a run's members that are left, each with ", " behind it."""
        if len(run) < ALIKE:
            return "".join(f"{ticked(self.name(place))}, " for place in run)
        ends = [ticked(self.name(place)) for place in (run[0], run[-1])]
        many = f"{len(run):,}" + (f", {self.kinds[i]}" if self.kinds[i] else "")
        return f"{ends[0]} … {ends[1]} ({many}), "

    def _length(self, i: int, run: Sequence[int]) -> int:
        return len(self._text(i, run))

    def saved(self, places: Iterable[int]) -> int:
        """Return by how much the list is shorter without some columns."""
        if not self.named:
            return 0
        return sum(
            self._length(i, self.runs[i]) - self._length(i, rest) for i, rest in self._rest(places)
        )

    def remove(self, places: Iterable[int]) -> None:
        """Take columns out of the list."""
        for i, rest in self._rest(places):
            if self.named:
                self.length += self._length(i, rest) - self._length(i, self.runs[i])
            self.count -= len(self.runs[i]) - len(rest)
            self.runs[i] = rest

    def _rest(self, places: Iterable[int]) -> Iterable[tuple[int, list[int]]]:
        """Return the runs that these columns are in, without them."""
        for i, group in groupby(places, key=self.run_of.__getitem__):
            gone, run = list(group), self.runs[i]
            if len(gone) > 1:
                out = set(gone)
                yield i, [place for place in run if place not in out]
            else:
                at = bisect_left(run, gone[0])
                yield i, run[:at] + run[at + 1 :] if run[at : at + 1] == gone else run

    def line(self, *, alone: bool) -> str:
        """Return the list as a line of the page, "" if no column is left."""
        if not self.count:
            return ""
        if not self.named:
            return MORE.format(self.count)
        return f"- {'columns' if alone else 'other columns'}: {self.text()}"

    def text(self) -> str:
        """Return the list."""
        return "".join(self._text(i, run) for i, run in enumerate(self.runs) if run)[:-2]


def listed(columns: Sequence[tuple[str, str]]) -> str:
    """Return names, each with its type or "", those that differ by a number together."""
    places = range(len(columns))
    names, kinds = zip(*columns, strict=True)
    every = Names(places, names.__getitem__, kinds.__getitem__, lambda n: stem_of(names[n]))
    return Unnamed(every, sys.maxsize).text()
