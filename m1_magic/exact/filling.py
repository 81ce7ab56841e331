"""Pieces of an answer and the results of its queries → the answer with its figures.

The result is Markdown, with the list of where each figure stands in it. What cannot be computed is
``?`` with the reason beside it; what is still computed is ``…``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..computed import Figure
from . import spots
from .naming import More, Result, Unclear
from .results import COMPUTED, RUNNING, UNKNOWN, Results, Value
from .template import Code, Piece, Place, Words

_NAME = re.compile(r"[^\W\d]\w*")
_LINE = re.compile(r"[^\n]*\n?")
_MARKS = re.compile(r"[\s>]*(?:(?:[-*+]|\d{1,9}[.)])\s+)*(?:\[[ xX]\]\s+)?")


@dataclass(frozen=True, slots=True)
class Filled:
    """An answer with its figures: Markdown, and where they stand in it.

    ``to_fetch``: rows that are to be fetched for them, by query and what names them.
    """

    text: str
    figures: tuple[Figure, ...] = ()
    to_fetch: tuple[tuple[str, str], ...] = ()

    @property
    def settled(self) -> bool:
        """Is none of its figures still computed?"""
        return all(figure.reason != COMPUTED for figure in self.figures)

    @property
    def notes(self) -> tuple[str, ...]:
        """What there is to say of its figures, each once."""
        texts = (one for figure in self.figures for one in (figure.reason, figure.note) if one)
        return tuple(dict.fromkeys(texts))


def fill(
    pieces: Iterable[Piece],
    results: Mapping[str, Result | None],
    *,
    more: More | None = None,
    done: bool = True,
) -> Filled:
    """Return an answer with its figures.

    Args:
        pieces: the answer, as far as it came.
        results: of its queries, by name; None: it runs.
        more: rows of them that were fetched one by one.
        done: no query is to come.
    """
    pieces = list(pieces)
    return _Filling(Results(pieces, results, more or {}, done)).filled(pieces)


class _Filling:
    """The answer as it is put together."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._out: list[str] = []
        self._size = 0
        self._figures: list[Figure] = []
        self._paragraph: list[str | tuple[Place, Value]] = []
        self._gap = ""  # the empty line that words behind a table need
        self._open = False  # the line before is one of words

    def filled(self, pieces: Sequence[Piece]) -> Filled:
        for number, piece in enumerate(pieces):
            if isinstance(piece, Words):
                self._words(piece.text)
            elif isinstance(piece, Code):
                self._flush()
                self._put(piece.text)
                self._open, self._gap = False, ""
            elif isinstance(piece, Place):
                self._place(piece, _around(pieces, number))
        self._flush()
        return Filled("".join(self._out), tuple(self._figures), tuple(self._results.to_fetch))

    def _put(self, text: str) -> None:
        self._out.append(text)
        self._size += len(text)

    def _words(self, text: str) -> None:
        for line in _LINE.findall(text):
            if not line:
                continue
            blank = not self._paragraph_line_open() and not line.strip(" \t>\r\n")
            if blank:
                self._flush()
                self._put(line)
                self._open, self._gap = False, ""
            else:
                self._begin_words()
                self._paragraph.append(line)
                self._open = True

    def _paragraph_line_open(self) -> bool:
        """Does the last line of the paragraph go on?"""
        last = self._paragraph[-1] if self._paragraph else "\n"
        return not isinstance(last, str) or not last.endswith("\n")

    def _begin_words(self) -> None:
        if self._gap:
            self._put(self._gap)
            self._gap = ""

    def _place(self, place: Place, around: str) -> None:
        match = _NAME.match(place.source.strip())
        name = match[0] if match else ""
        literal = f"{place.before}{{{{{place.source}}}}}{place.end}"
        if self._results.literal(name, around):
            return self._words(literal)
        rest = place.source.strip()[len(name) :]
        if place.alone and self._results.is_one_formatted(name, rest):
            value = self._results.value(name, rest.lstrip())
            self._words(place.before)
            self._begin_words()
            self._paragraph += [(place, value)] if value else []
            return self._words(place.end)
        if place.alone:
            return self._alone(name, place)
        # ``{{name}}`` in a sentence is of the form only where the result is one value.
        form = rest.startswith(".") or self._results.knows(name) or not self._results.done
        value = self._results.value(name, rest.lstrip() if rest else "") if form else None
        self._begin_words()
        self._paragraph.append(literal if value is None else (place, value))
        self._open = True
        return None

    def _alone(self, name: str, place: Place) -> None:
        self._begin_words()
        was_open = self._open
        self._flush()
        end = "\r\n" if place.end.endswith("\r\n") else "\n"
        reason = note = ""
        try:
            text, note = self._results.table(name, place, end)
            if text == place.before + RUNNING:
                reason, note = note, ""
        except Unclear as why:
            text, reason = place.before + UNKNOWN, str(why)
        others = re.sub(r"[^\s>]", " ", place.before).rstrip()
        if was_open and others.strip() == place.before.strip():
            self._put(others + end)
        start = self._size + len(place.before)
        self._put(text)
        self._figures.append(
            Figure(start, self._size, name, place.source, text[len(place.before) :], reason, note)
        )
        self._put(place.end)
        self._gap, self._open = others + end if not reason else "", bool(reason)

    def _flush(self) -> None:
        """Put the paragraph so far into the answer."""
        parts, self._paragraph = self._paragraph, []
        if not any(isinstance(part, tuple) for part in parts):
            self._put("".join(part for part in parts if isinstance(part, str)))
            return
        shape = "".join(part if isinstance(part, str) else part[1].sign for part in parts)
        slots: list[tuple[int, Place, Value]] = []
        at = 0
        for part in parts:
            if isinstance(part, tuple):
                slots.append((at, *part))
            at += len(part) if isinstance(part, str) else 1
        self._fill_paragraph(shape, slots)

    def _fill_paragraph(self, shape: str, slots: list[tuple[int, Place, Value]]) -> None:
        table = any(
            "|" in row and "-" in row and not row.strip(" \t\r|:->") for row in shape.split("\n")
        )
        last = number = 0
        for span in [*spots.spans(shape), None]:
            first = len(shape) if span is None else span.start
            while number < len(slots) and slots[number][0] < first:
                at, place, value = slots[number]
                self._put(shape[last:at])
                self._figure(place, value, _in_words(shape, at, value.displayed.text))
                last, number = at + 1, number + 1
            if span is None:
                break
            inside = []
            while number < len(slots) and slots[number][0] < span.end:
                inside.append(slots[number])
                number += 1
            if inside:
                self._put(shape[last : span.start])
                put = self._code if span.kind == "code" else self._formula
                put(shape, span, inside, table)
                last = span.end
        self._put(shape[last:])

    def _figure(self, place: Place, value: Value, text: str) -> None:
        start = self._size
        self._put(text)
        self._figures.append(
            Figure(
                *(start, self._size, value.query, place.source, value.displayed.text),
                *(value.reason, value.displayed.note),
            )
        )

    def _code(
        self, shape: str, span: spots.Span, inside: list[tuple[int, Place, Value]], table: bool
    ) -> None:
        code = shape[span.start : span.end]
        mark = code[: len(code) - len(code.lstrip("`"))]
        parts: list[tuple[str, bool]] = []
        last = span.start + len(mark)
        for at, _, value in inside:
            parts += [(shape[last:at], False), (value.displayed.text, True)]
            last = at + 1
        parts.append((shape[last : span.end - len(mark)], False))
        first, *texts, final = spots.code_span(parts, mark, table=table)
        self._put(first)
        for number, text in enumerate(texts):
            if number % 2:
                self._figure(*inside[number // 2][1:], text)
            else:
                self._put(text)
        self._put(final)

    def _formula(
        self, shape: str, span: spots.Span, inside: list[tuple[int, Place, Value]], _: bool
    ) -> None:
        last = span.start
        for at, place, value in inside:
            self._put(shape[last:at])
            in_text = spots.in_tex_text(shape[span.start : at])
            self._figure(
                place, value, spots.tex(value.displayed.text, value.displayed.number, text=in_text)
            )
            last = at + 1
        self._put(shape[last : span.end])


def _in_words(shape: str, at: int, text: str) -> str:
    before = shape[max(0, at - 300) : at]
    if spots.in_address(before):
        return spots.address(text)
    line = before.rpartition("\n")[2]
    begins = len(line) < 300 and bool(_MARKS.fullmatch(line))
    return spots.words(text, line_start=begins, next_text=shape[at + 1 : at + 3])


def _around(pieces: Sequence[Piece], number: int) -> str:
    """Return the characters on both sides of a place, its own blanks first."""
    place = pieces[number]
    assert isinstance(place, Place)
    before = pieces[number - 1] if number else None
    after = pieces[number + 1] if number + 1 < len(pieces) else None
    left = before.text[-1:] if isinstance(before, Words) else ""
    right = after.text[:1] if isinstance(after, Words) else ""
    return ("~" if place.source[:1] in " \t" else left or ".") + (right or ".")
