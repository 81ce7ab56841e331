"""Figures that were shown, and the same ones computed again on the tables as they are now."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from ..calls import Reply, Request
from ..computed import Figure
from ..session.view import Silent
from ..settings.config import M1
from ..text import one_line, plural
from .answer import ExactAnswer
from .calling import opening

CELL = re.compile(r"(?<!\\)\|")
SHOWN = 60  # characters of a figure
CELLS = 3  # of a table that are named


@dataclass(frozen=True, slots=True)
class Given:
    """An answer with computed figures: what M1 wrote, and what they showed.

    Args:
        id: of its call.
        asked: the question as typed.
        template: what M1 wrote; ``before``: of the answer whose rest it is.
        tables: names of those that its queries read.
        figures: that were computed, in order.
        cell: which cell asked, in which ``run`` of it; "": not known.
    """

    id: str
    prompt: str
    template: str
    tables: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    before: str = ""
    cell: str = ""
    run: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure that is another one now, or could not be computed, for a ``reason``."""

    query: str
    source: str
    old: str
    new: str
    reason: str = ""


def computed(figures: Sequence[Figure]) -> tuple[Figure, ...]:
    """Return the figures that queries gave: not those that M1 wrote itself."""
    return tuple(one for one in figures if one.query)


def again(given: Given, namespace: Mapping[str, object], settings: M1) -> tuple[Figure, ...]:
    """Return the figures of an answer on the tables as they are now; nobody is asked.

    Raises:
        KeyboardInterrupt: Stop was pressed.
    """
    opened = opening(given.tables, namespace, settings)
    answer, reply = ExactAnswer(Silent(), opened, (), 0, given.before), Reply(given.template)
    try:
        answer.next_request(Request("", (), 0), reply)
    except KeyboardInterrupt as stop:
        answer.finished(reply, stop)
        raise
    reply, _ = answer.finished(reply, None)
    return computed(reply.figures)


def differences(old: Sequence[Figure], new: Sequence[Figure]) -> list[Difference]:
    """Return which figures changed or could not be computed, by their place in an answer."""
    return [difference for pair in zip_longest(old, new) if (difference := _difference(*pair))]


def _difference(old: Figure | None, new: Figure | None) -> Difference | None:
    if new is None or old is None or (old.query, old.source) != (new.query, new.source):
        one = old or new
        assert one is not None
        reason = "the answer that is kept is another one than the one that was shown"
        return Difference(one.query, one.source, old.text if old else "", "", reason)
    if new.reason:
        return Difference(new.query, new.source, old.text, new.text, new.reason)
    if _saved(old.text) == _saved(new.text) or _same_rows(old.text, new.text):
        return None
    return Difference(new.query, new.source, *_changed(old.text, new.text))


def _saved(text: str) -> str:
    """Return a text as a file has it, without halves of characters."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _same_rows(old: str, new: str) -> bool:
    """Are these tables with the same rows? In which order SQL gives equals is not known."""
    before, after = _cells(old), _cells(new)
    return bool(before) and before[:1] == after[:1] and sorted(before) == sorted(after)


def _changed(old: str, new: str) -> tuple[str, str]:
    """Return what of a figure's text changed; of a table the first cells that did."""
    before, after = _cells(old), _cells(new)
    if not (before and after):
        return old, new
    if [len(row) for row in before] != [len(row) for row in after] or before[0] != after[0]:
        return plural(len(before) - 2, "row"), plural(len(after) - 2, "row")
    cells = [
        pair
        for row in zip(before, after, strict=True)
        for pair in zip(*row, strict=True)
        if pair[0] != pair[1]
    ]
    more = f", {plural(len(cells) - CELLS, 'more cell')}" if len(cells) > CELLS else ""
    olds, news = zip(*cells[:CELLS], strict=True)
    return ", ".join(olds), ", ".join(news) + more


def _cells(text: str) -> list[list[str]]:
    """Return the cells of a table of Markdown, its head first; none if it is no table."""
    rows = [line.strip() for line in text.strip().split("\n")]
    if len(rows) < 2 or not all(row.startswith("|") for row in rows[:2]):
        return []
    return [[cell.strip() for cell in CELL.split(row)[1:-1]] for row in rows]


def table_rows(differing: Sequence[Difference]) -> Iterator[list[str]]:
    """Yield query, figure, and what became of it, for a table."""
    for one in differing:
        old, new = one_line(one.old, SHOWN), one_line(one.new, SHOWN)
        what = one_line(one.reason, 200) if one.reason else f"{old} → {new}"
        yield [one.query, one_line(f"{{{{{one.source}}}}}", SHOWN), what]
