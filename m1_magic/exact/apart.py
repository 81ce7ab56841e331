"""Rounds of one answer: a query of a later one is not taken for one of that name before it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import count

from .lines import Lines
from .template import Written, pieces_of

_QUERY = re.compile(r"(sql[ \t]+)(\w+)")
_PLACE = re.compile(r"(\{\{[ \t]*)(\w+)")


class Apart:
    """Gives the text of each round with names of its own for queries that differ."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}  # SQL by name, of all rounds
        self._meant: dict[str, str] = {}  # what a name stands for since it was written last

    def __call__(self, text: str) -> str:
        """Return the text of the next round."""
        for name, sql in _queries(text).items():
            own = next(one for one in _names(name) if _same(self._known.get(one, sql), sql))
            self._known[own], self._meant[name] = sql, own
        other = {name: own for name, own in self._meant.items() if name != own}
        return _renamed(text, other) if other else text


def _queries(text: str) -> dict[str, str]:
    """Return the SQL of each query, by name: that of the first, where two have one."""
    found: dict[str, str] = {}
    for piece in pieces_of(text):
        if isinstance(piece, Written):
            found.setdefault(piece.name, piece.sql)
    return found


def _names(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}_{number}" for number in count(2))


def _same(one: str, other: str) -> bool:
    return one.split() == other.split()


def _renamed(text: str, names: Mapping[str, str]) -> str:
    """Return a text with other names in the fences of queries and in the places of figures."""
    lines = Lines()
    out = []
    for row in text.splitlines(keepends=True):
        kind = lines.read(row).kind
        which = {"query": _QUERY, "text": _PLACE}.get(kind)
        count = 1 if kind == "query" else 0
        if which:
            row = which.sub(lambda found: found[1] + names.get(found[2], found[2]), row, count)
        out.append(row)
    return "".join(out)
