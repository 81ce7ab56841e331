"""Lines → one page within a budget of characters, and what was left out of it.

All columns in full if they fit; else columns that look alike are told together, every column is
named if that fits, as many as possible are told in short, and the most telling of them in full.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from .facts import Fact
from .lines import Line, listed


@dataclass(frozen=True)
class Page:
    """What a summary could say.

    Args:
        names: of all columns by place, in the table's order, each with its type or "".
        facts: lines below those of the columns that were looked at.
        cells: rows of the table: a label, and the cells by place.
    """

    head: str
    names: Mapping[int, tuple[str, str]]
    lines: Sequence[Line]
    facts: Sequence[Fact] = ()
    cells: Sequence[tuple[str, Mapping[int, str]]] = ()

    @cached_property
    def ranks(self) -> list[int]:
        """The lines by number, the most telling first."""
        return sorted(range(len(self.lines)), key=lambda n: self.lines[n].rank)

    @property
    def complete(self) -> bool:
        """Do the lines tell of all columns?"""
        return sum(len(line.columns) for line in self.lines) == len(self.names)

    def text(self, full: int, brief: int, named: bool, rows: int, facts: bool) -> str:
        """Return the page with the first ranks in full, the next in short, the rest named."""
        shown = {n: self.lines[n].full for n in self.ranks[:full]}
        shown |= {n: self.lines[n].brief for n in self.ranks[full : full + brief]}
        places = {place: None for n in sorted(shown) for place in self.lines[n].columns}
        rest = [name for place, name in self.names.items() if place not in places]
        part = f"; {len(places):,} of {len(self.names):,} columns in detail"
        lines = [self.head + (part if self.lines and rest else "")]
        lines += [shown[n] for n in sorted(shown)]
        if rest and named:
            lines.append(f"- {'other columns' if shown else 'columns'}: {', '.join(listed(rest))}")
        elif rest:
            lines.append(f"- {len(rest):,} more columns, not named here")
        lines += [f"- {fact.text}" for fact in self.facts] if facts else []
        for label, cells in self.cells[:rows] if places else ():
            lines.append(f"{label}: " + ", ".join(cells[place] for place in places))
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A page within its budget: its text, the lines on it, the rows of the table on it.

    The first ``full`` of the lines are there in full, the others in short.
    """

    text: str
    lines: tuple[Line, ...]
    full: int
    rows: int


def fit(pages: Sequence[Page], limit: int) -> Fitted:
    """Return the first page if it fits as a whole, else what fits of the last one."""
    first, last = pages[0], pages[-1]
    every = len(first.lines)
    if first.complete:
        text = first.text(every, 0, True, len(first.cells), True)
        if len(text) <= limit:
            return Fitted(text, tuple(first.lines), every, len(first.cells))
    count, rows = len(last.lines), len(last.cells)
    while True:
        for facts in (True, False):
            text, count_shown, full = _fullest(last, limit, rows, facts)
            if count_shown == count or (not facts and (not rows or count_shown >= min(5, count))):
                shown = tuple(last.lines[n] for n in last.ranks[:count_shown])
                return Fitted(text[:limit], shown, full, rows if count_shown else 0)
        rows //= 2


def _fullest(page: Page, limit: int, rows: int, facts: bool) -> tuple[str, int, int]:
    """Return the page with most detail that fits, how many lines are on it, how many in full."""
    count = len(page.lines)

    def made(full: int, brief: int, named: bool = True) -> str:
        return page.text(full, brief, named, rows, facts)

    def fits(text: str) -> bool:
        return len(text) <= limit

    if page.complete and fits(made(0, count)):
        full = _most(count, lambda n: fits(made(n, count - n)))
        return made(full, count - full), count, full
    named = not count or fits(made(0, 0))
    brief = _most(count, lambda n: fits(made(0, n, named)))
    full = _most(brief, lambda n: fits(made(n, brief - n, named)))
    return made(full, brief - full, named), brief, full


def _most(top: int, fits: Callable[[int], bool]) -> int:
    """Return the largest number up to ``top`` that fits, else 0."""
    return top - bisect_left(range(top, 0, -1), True, key=fits)
