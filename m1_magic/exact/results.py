"""What the places of an answer stand for: values, tables, or a reason why there is none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..text import one_line
from .figures import ValueText, value_text
from .naming import More, Names, NotFetched, Result, Unclear, nearest
from .result_tables import as_table
from .template import Piece, Place, Written

UNKNOWN, RUNNING = "?", "…"
FORMAT = re.compile(r"[^\w\s].*|\d.*|[bdeEfFgGnoxXs%]")  # nothing that begins as a name does
COMPUTED = "it is being computed"


@dataclass(frozen=True, slots=True)
class Value:
    """What a place shows, of which query; with the reason why that is no value."""

    displayed: ValueText
    query: str
    reason: str = ""

    @property
    def sign(self) -> str:
        """One character of its kind, which stands for it while formulas are looked for."""
        return "1" if self.displayed.number else "a" if self.displayed.text[:1].isalnum() else "."


class Results:
    """What the places of an answer stand for."""

    def __init__(
        self,
        pieces: Sequence[Piece],
        results: Mapping[str, Result | None],
        more: More,
        done: bool,
    ) -> None:
        self._results, self._more, self.done = results, more, done
        self.to_fetch: dict[tuple[str, str], None] = {}
        queries = [piece for piece in pieces if isinstance(piece, Written)]
        self._problems = {query.name: query.problem for query in queries if query.problem}
        self._written = {query.name for query in queries} | set(results)
        self._names: dict[str, Names] = {}

    def knows(self, name: str) -> bool:
        """Is there a query of that name?"""
        return name in self._written

    def literal(self, name: str, around: str) -> bool:
        """Is it no figure: of no query, and written as templates of other programs are?"""
        if name in self._written:
            return False
        return (self.done and not self._written) or around[:1] in "{~" or around[-1:] == "}"

    def names(self, name: str) -> Names | str:
        """Return a query's result; a reason why there is none; or that it runs, ``…``.

        Raises:
            Unclear: there is none, with the reason.
        """
        if name in self._problems:
            raise Unclear(self._problems[name])
        result = self._results.get(name)
        if result is None:
            if not self.done or (name in self._written and name in self._results):
                return RUNNING
            if name in self._written:
                raise Unclear(f"the query {name} was not run")
            near = nearest(name, self._written)
            raise Unclear(f"there is no query {one_line(name, 60)}{near}")
        if result.error:
            raise Unclear(f"the query {name} failed: {one_line(result.error)}")
        if name not in self._names:
            self._names[name] = Names(name, result, self._more)
        return self._names[name]

    def value(self, name: str, rest: str) -> Value | None:
        """Return what a place stands for; None: it is no figure."""
        try:
            names = self.names(name)
            if isinstance(names, str):
                return Value(ValueText(names), name, COMPUTED)
            if rest.startswith("."):
                value, spec, note = names.value(rest[1:])
            elif (len(names.result.columns), names.total) == (1, 1):
                value, spec, note = names.result.rows[0][0], rest[1:], ""
            else:
                return None
        except NotFetched as row:
            self.to_fetch[row.key] = None
            if not self.done:
                return Value(ValueText(RUNNING), name, COMPUTED)
            return Value(ValueText(UNKNOWN), name, str(row))
        except Unclear as why:
            return Value(ValueText(UNKNOWN), name, str(why))
        one = value_text(value, spec)
        return Value(ValueText(one.text, one.number, one.note or note), name)

    def is_one_formatted(self, name: str, rest: str) -> bool:
        """Is it a result of one value with its format, not with its column?"""
        result, wanted = self._results.get(name), rest.lstrip().removeprefix(":").strip()
        if result is None or result.error or (len(result.columns), result.count) != (1, 1):
            return False
        return (
            wanted not in ("", "bar")
            and bool(FORMAT.fullmatch(wanted))
            and (wanted.casefold() != result.columns[0].casefold())
        )

    def table(self, name: str, place: Place, end: str) -> tuple[str, str]:
        """Return a result as a table, and a note.

        Raises:
            Unclear: there is none.
        """
        names = self.names(name)
        if isinstance(names, str):
            return place.before + names, COMPUTED
        return as_table(names, place.source.partition(":")[2], place.before, end)
