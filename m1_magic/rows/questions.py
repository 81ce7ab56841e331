"""A prompt with ``{{column}}`` → the distinct questions of a table, and which rows ask each.

The prompt becomes a request once, with a mark in each column's place; a row's question is that
request with the row's texts in place of the marks.
"""

from __future__ import annotations

import difflib
import re
from array import array
from collections.abc import Collection, Container, Iterable, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any

from ..calls import Message, Request, Text
from ..context.variables import NAME, PATH
from ..errors import UsageError
from ..messages import Part
from ..privacy import redaction
from ..privacy.personal import column_reason, named_personal
from ..prompt import readable
from ..text import one_line
from .cells import text_of
from .tables import Rows

# One brace more on either side is an f-string's or LaTeX's: as typed. A name may have spaces.
PLACE = re.compile(r"(?<!\{)\{\{([^{}\n]{1,200})\}\}(?!\})")
OPENING, CLOSING = "\ue000m1-row-", "\ue001"
NAMED = re.compile(r"[\w .-]*\w[\w .-]*")  # what may be a column's, and is neither JSON nor code
CLOSE = 0.8  # how alike a name is that was meant to be another one
MARK = re.compile(f"{OPENING}(\\d+){CLOSING}")
# What all questions have in common: `dataclasses.replace` takes three times as long.
REST = attrgetter(*(one.name for one in fields(Request)[2:]))  # behind model and messages


@dataclass(frozen=True, slots=True)
class Asking:
    """A prompt in which marks stand for columns, and the names and places of these in a table."""

    prompt: str
    names: tuple[str, ...]
    places: tuple[int, ...]


def asking(prompt: str, rows: Rows, variables: Container[str] = ()) -> Asking:
    """Return a prompt with the columns that it names.

    Raises:
        UsageError: it names none, or what is neither a column nor a variable.
    """
    if not isinstance(prompt, str):
        what = f"The prompt is text, and not of type {one_line(type(prompt).__name__, 60)}."
        raise UsageError(what, todo="")
    named: dict[str, int] = {}

    def mark(match: re.Match[str]) -> str:
        inner = match[0][2:-2]
        name = inner if rows.place(inner) is not None else inner.strip()
        if rows.place(name) is None:
            return match[0]
        return f"{OPENING}{named.setdefault(name, len(named))}{CLOSING}"

    if OPENING in prompt:
        raise UsageError("The prompt holds a character that has no meaning (U+E000).", todo="")
    marked = _places(rows.names).sub(mark, prompt)
    unknown = _unknown(marked, rows, variables)
    if unknown or not named:
        raise _no_column(unknown or _wished(marked), rows)
    places = [place for name in named if (place := rows.place(name)) is not None]
    return Asking(marked, tuple(named), tuple(places))


def _places(names: Iterable[str]) -> re.Pattern[str]:
    """Return what stands for a column: any name in two braces, and those that have braces."""
    odd = [name for name in names if not PLACE.fullmatch(f"{{{{{name}}}}}")]
    exact = [re.escape(f"{{{{{name}}}}}") for name in sorted(odd, key=len, reverse=True)]
    return re.compile("|".join([*exact, PLACE.pattern]))


def _wished(prompt: str) -> list[str]:
    return [one.strip() for one in PLACE.findall(prompt)]


def _unknown(marked: str, rows: Rows, variables: Container[str]) -> list[str]:
    """Return names that were meant as a column's or variable's: all rows would send them so."""
    return [one for one in _wished(marked) if _is_meant(one, rows.names, variables)]


def _is_meant(text: str, names: Sequence[str], variables: Container[str]) -> bool:
    if PATH.fullmatch(text):
        return re.split(r"[.[]", text)[0] not in variables
    close = difflib.get_close_matches(text, names, 1, CLOSE)
    return bool(NAMED.fullmatch(text) or close or _is_code(text, names))


def _is_code(text: str, names: Collection[str]) -> bool:
    """Is it meant to work with a column's value, as in an f-string?"""
    return not re.search("[\"']", text) and any(one in names for one in re.findall(NAME, text))


def _no_column(wished: Sequence[str], rows: Rows) -> UsageError:
    close = [m for one in wished for m in difflib.get_close_matches(one, rows.names, 1)]
    if close:
        todo = f"Did you mean {{{{{one_line(close[0], 60)}}}}}?"
    else:
        names = ", ".join(f"{{{{{one_line(name, 40)}}}}}" for name in rows.names[:8])
        todo = f"Name one where its value is to stand: {names}." if names else ""
    what = "The prompt names no column of the table, so all rows would ask the same."
    if wished:
        what = f"There is no column {one_line(wished[0], 60)!r} in the table, and no variable."
    return UsageError(what, todo=todo)


def check_personal(asking: Asking, columns: Sequence[Sequence[Any]], allow: Iterable[str]) -> None:
    """Raise UsageError for columns that look personal, and may not be sent."""
    allowed, personal = set(allow), []
    for name, values in zip(asking.names, columns, strict=True):
        if name in allowed:
            continue
        there = [value for value in values if value is not None]
        integers = bool(there) and all(type(value) is int for value in there)
        reason = column_reason(name, there, whole_numbers=integers)
        # A row that holds a secret does not leave; the others may.
        if reason and not (reason == "secret" and named_personal(name) != reason):
            personal.append((name, reason))
    if personal:
        listed = ", ".join(f"{one_line(name, 60)!r} ({reason})" for name, reason in personal)
        names = ",".join(name for name, _ in personal)
        are = "looks" if len(personal) == 1 else "look"
        raise UsageError(
            f"Of the columns that the prompt names, {listed} {are} personal, and would leave.",
            todo=f"Allow it: --allow {one_line(names, 200)}, in Python allow={names.split(',')!r}.",
        )


@dataclass(slots=True)
class Questions:
    """The distinct questions of a table: the first row of each, and by row which one it asks.

    A row without text asks none, and has -1. The texts stay in the columns, and nowhere else.
    """

    template: Request
    columns: Sequence[Sequence[Any]]
    first: array[int] = field(default_factory=lambda: array("q"))
    of_row: array[int] = field(default_factory=lambda: array("q"))
    _parts: list[Part | list[str | int]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.first)

    def texts(self, number: int) -> tuple[str, ...]:
        """Return the texts of a question."""
        row = self.first[number]
        return tuple(_text_or_empty(column[row]) for column in self.columns)

    def length(self, number: int) -> int:
        """Return how many characters the texts of a question have."""
        return sum(map(len, self.texts(number)))

    def request(self, number: int) -> Request:
        """Return the request of a question."""
        return self.request_with(self.texts(number))

    def request_with(self, texts: Sequence[str]) -> Request:
        """Return the request that asks with these texts."""
        parts = tuple(
            Text("".join([one if isinstance(one, str) else texts[one] for one in part]))
            if isinstance(part, list)
            else part
            for part in self._parts
        )
        *before, last = self.template.messages
        messages = (*before, Message(last.role, parts))
        return Request(self.template.model, messages, *REST(self.template))

    def filled(self, number: int) -> str:
        """Return the words of a question."""
        return self.request(number).messages[-1].content(self.template.attachments)

    def counts(self) -> list[int]:
        """Return how many rows ask each question."""
        counts = [0] * len(self)
        for number in self.of_row:
            if number >= 0:
                counts[number] += 1
        return counts


def questions(template: Request, columns: Sequence[Sequence[Any]]) -> Questions:
    """Return the distinct questions of the rows of these columns."""
    parts: list[Part | list[str | int]] = [
        _pieces(p.text) if isinstance(p, Text) else p for p in template.messages[-1].parts
    ]
    made, numbers = Questions(template, columns, _parts=parts), dict[Any, int]()
    for row, values in enumerate(zip(*columns, strict=True)):
        texts = texts_of(values)
        if texts is None:
            made.of_row.append(-1)
            continue
        number = numbers.setdefault(texts if len(texts) > 1 else texts[0], len(numbers))
        if number == len(made.first):
            made.first.append(row)
        made.of_row.append(number)
    return made


def texts_of(values: Iterable[object]) -> tuple[str, ...] | None:
    """Return the texts that a row asks with, None where it has none."""
    texts = tuple(map(_text_or_empty, values))
    return texts if any(map(str.strip, texts)) else None


def _text_or_empty(value: object) -> str:
    return "" if value is None else text_of(value)


def _pieces(words: str) -> list[str | int]:
    """Return the words between marks, and the number of each mark."""
    return [int(p) if n % 2 else p for n, p in enumerate(MARK.split(words))]


def withheld(request: Request, policy: redaction.Policy) -> str:
    """Return why a question may not leave, "" if it may."""
    try:
        for text in request.texts:
            readable(text)
        secrets = redaction.find(request.messages[-1].text(request.attachments), policy)
    except UsageError as problem:
        return problem.what
    return f"holds a secret ({secrets[0].kind}), not sent" if secrets else ""
