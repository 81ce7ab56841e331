"""Lines → one page within a budget of characters, and what was left out of it.

What the prompt names comes first and in full. Then every column is named if that fits, as many as
possible are shown in short, facts go in by rank, and lines become longer, the most telling first;
columns that look alike are shown together, and unfold where room is left. How long the page is,
is always known: no text is written before the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from .facts import Fact
from .lines import BRIEF, FULL, MORE, Line, alike
from .summary import Column
from .unnamed import Names, Unnamed

SHORTEST = 12  # characters: with less room left nothing is tried
Row = tuple[str, Mapping[int, str]]  # a row of the table: a label, and the cells by place


@dataclass(frozen=True)
class Page:
    """What a summary could say.

    Args:
        names: of all columns.
        columns: by place, those that were looked at, of a table of so many ``rows``.
        prompted: places of the columns that the prompt names, in its order.
        labels: the labels that the prompt names, by place.
        facts: lines below those of the columns.
        cells: rows of the table.
    """

    head: str
    names: Names
    columns: Mapping[int, Column] = field(default_factory=dict)
    rows: int = 0
    prompted: Sequence[int] = ()
    labels: Mapping[int, frozenset[str]] = field(default_factory=dict)
    facts: Sequence[Fact] = ()
    cells: Sequence[Row] = ()

    @cached_property
    def first(self) -> list[Line]:
        """The lines of the columns that the prompt names."""
        return [self._line(place) for place in self.prompted if place in self.columns]

    @cached_property
    def singly(self) -> list[Line]:
        """A line for each other column."""
        return [self._line(place) for place in self.columns if place not in self.prompted]

    def _line(self, place: int) -> Line:
        column = {place: self.columns[place]}
        return Line(column, self.rows, self.labels.get(place, frozenset()))

    def complete(self, limit: int) -> bool:
        """Do a full line for each column, and all facts, fit?"""
        room = limit - len(self.head) - sum(len(fact.text) + 3 for fact in self.facts)
        if len(self.columns) < len(self.names.places):
            return False
        for line in (*self.first, *self.singly):
            room -= len(line.text(FULL)) + 1
            if room < 0:
                return False
        return True


@dataclass(frozen=True, slots=True)
class Fitted:
    """A page within its budget: its text; the lines on it in their forms, the facts, the rows."""

    text: str
    lines: tuple[tuple[Line, int], ...]
    facts: tuple[Fact, ...]
    rows: int


def fit(page: Page, limit: int) -> Fitted:
    """Return as much of a page as fits, what tells most first."""
    complete = page.complete(limit)
    draft = Draft(page, page.singly if complete else alike(page.singly), limit)
    for form in (BRIEF, FULL) if complete else (BRIEF, FULL, MORE):
        for n in draft.first:
            draft.lengthen(n, form)
    for n in draft.others:
        draft.lengthen(n, BRIEF)
    draft.tell_facts(0 if complete else draft.room // 2)
    for n in draft.others:
        draft.lengthen(n, FULL)
    draft.tell_facts(0)
    draft.show_rows()
    for n in (*draft.first, *draft.others):
        draft.lengthen(n, MORE)
    draft.unfold()
    return draft.fitted()


class Draft:
    """A page that is being filled."""

    def __init__(self, page: Page, others: Sequence[Line], limit: int) -> None:
        self.page, self.limit = page, limit
        self.lines = [*page.first, *others]
        self.first = range(len(page.first))
        self.others = sorted(range(len(page.first), len(self.lines)), key=self._rank)
        self.forms: dict[int, int] = {}
        self.parts: dict[int, dict[int, tuple[Line, int]]] = {}  # of lines of several columns
        self.facts: set[int] = set()
        self.rows = 0
        self.unnamed = Unnamed(page.names, limit - len(page.head) - 60)
        self.room = limit - len(page.head) - self._rest(self.unnamed.count, self.unnamed.length)

    def _rank(self, n: int) -> tuple[int, ...]:
        return (*self.lines[n].rank, n)

    def _rest(self, count: int, length: int) -> int:
        """Return how long the list of the other columns is, and what is said of it above."""
        if not count:
            return 0
        listed = length + len("\n- other columns: ") - 2 if self.unnamed.named else 40
        return listed + (len(self._part(0)) + 4 if self.page.columns else 0)

    def _missing(self) -> str:
        return f"; {self.rows:,} of {len(self.page.cells):,} rows fit"

    def _part(self, count: int) -> str:
        detailed = len(self.page.names.places) - count
        return f"; {detailed:,} of {len(self.page.names.places):,} columns in detail"

    def lengthen(self, n: int, form: int) -> bool:
        """Give a line a form if that fits."""
        if self.room < SHORTEST and n in self.forms:
            return False
        line, known = self.lines[n], self.forms.get(n)
        cost = len(line.text(form)) + 1
        if known is not None:
            cost -= len(line.text(known)) + 1
        else:
            count = self.unnamed.count - len(line.columns)
            length = self.unnamed.length - self.unnamed.saved(line.columns)
            before = self._rest(self.unnamed.count, self.unnamed.length)
            cost += self._rest(count, length) - before
        if cost > self.room or (known is not None and form <= known):
            return False
        if known is None:
            self.unnamed.remove(line.columns)
        self.room -= cost
        self.forms[n] = form
        return True

    def tell_facts(self, spare: int) -> None:
        """Add facts, those about what the prompt names first, and leave ``spare`` characters."""
        named = set(self.page.prompted)
        facts = self.page.facts
        ranks = sorted((named.isdisjoint(f.columns), f.rank, n) for n, f in enumerate(facts))
        for *_, n in ranks:
            cost = len(facts[n].text) + 3
            if n not in self.facts and self.room - cost >= spare:
                self.facts.add(n)
                self.room -= cost

    def show_rows(self) -> None:
        """Add rows of the table, as many as fit."""
        places = self._detailed()
        for row in self.page.cells if places else ():
            cost = len(_row(row, places)) + 1
            if cost > self.room:
                break
            self.rows += 1
            self.room -= cost

    def unfold(self) -> None:
        """Add lines of single columns below those that tell of several."""
        candidates = [
            (*part.rank, turn, n, place, part)
            for n in self.forms
            if len(self.lines[n].columns) > 1 and not self.lines[n].same
            for turn, (place, part) in enumerate(self.lines[n].parts.items())
        ]
        for *_, n, place, part in sorted(candidates, key=lambda one: one[:-1]):
            if self.room < SHORTEST:
                break
            for form in (FULL, BRIEF):
                cost = len(part.text(form)) + 1
                if cost <= self.room and part.telling:
                    self.parts.setdefault(n, {})[place] = part, form
                    self.room -= cost
                    break

    def _detailed(self) -> list[int]:
        return [place for n in sorted(self.forms) for place in self.lines[n].columns]

    def fitted(self) -> Fitted:
        """Return the page as text."""
        page, rest = self.page, self.unnamed.count
        head = page.head + (self._part(rest) if page.columns and rest else "")
        missing = self._missing()
        if self.rows < len(page.cells) and self.forms and len(missing) <= self.room:
            head += missing
        placed: list[tuple[Line, int]] = []
        for n in sorted(self.forms):
            placed.append((self.lines[n], self.forms[n]))
            placed += [part for _, part in sorted(self.parts.get(n, {}).items())]
        texts = [head, *(line.text(form) for line, form in placed)]
        texts += filter(None, [self.unnamed.line(alone=not placed)])
        named = set(page.prompted)
        order = sorted(self.facts, key=lambda n: (named.isdisjoint(page.facts[n].columns), n))
        facts = tuple(page.facts[n] for n in order)
        texts += [f"- {fact.text}" for fact in facts]
        places = self._detailed()
        texts += [_row(row, places) for row in page.cells[: self.rows]]
        return Fitted("\n".join(texts)[: self.limit], tuple(placed), facts, self.rows)


def _row(row: Row, places: Sequence[int]) -> str:
    label, cells = row
    return f"{label}: " + ", ".join(cells[place] for place in places)
