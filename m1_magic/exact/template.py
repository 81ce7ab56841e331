"""What M1 wrote, in pieces, while it comes: words, code, queries and the places of figures.

A piece is given as soon as nothing that follows can change it; however a text is cut into deltas,
its pieces are the same. What is not of the form stands in ``Words`` and ``Code`` to the letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from .lines import Line, Lines

LONGEST = 400  # characters of a figure's place
HELD = 2_000  # characters of an unfinished line that are looked at again with each delta
_NAME = r"[^\W\d]\w*"
_HEAD = re.compile(rf'\{{\{{[ \t]*({_NAME})(?:\.("(?:[^"\n]|""){{1,200}}"(?!"))?)?')
_ALONE = re.compile(
    r"([ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*)"
    rf"\{{\{{([ \t]*{_NAME}[ \t]*(?::(?:(?!\}}\}}).){{,{LONGEST}}})?)\}}\}}([ \t]*\r?\n?)"
)
# The beginning of a line that will be words, whatever follows.
_WORDS = re.compile(
    r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*"
    r"(?:[^\W\d_]|\*\*[^\s*]|\d{1,9}[^\s\d.)]|#{1,6} [^\s#]|"
    rf"\{{\{{{_NAME}\.|[^\w\s`~>\-*+#=\{{|])"
)


@dataclass(frozen=True, slots=True)
class Words:
    """Text that is no code block, to the letter."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """Lines of a code block, to the letter."""

    text: str


@dataclass(frozen=True, slots=True)
class Written:
    """A query as M1 wrote it; it is not run where there is a ``problem``."""

    name: str
    sql: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a figure: ``{{source}}``.

    ``alone``: it stands alone on a line, behind ``before`` (lists, quotations); then ``end`` is
    what stands after it on that line.
    """

    source: str
    alone: bool = False
    before: str = ""
    end: str = ""


Piece = Words | Code | Written | Place


class Template:
    """Takes an answer's text as it comes, and gives its pieces."""

    def __init__(self) -> None:
        self._lines = Lines()
        self._held: list[str] = []  # of a line that is not finished
        self._size = 0
        self._in_words = False  # the beginning of that line is given already
        self._sql: dict[str, str] = {}  # queries so far, by name
        self._query: list[str] = []  # the open one's lines as they came, then its SQL
        self._opened: Line | None = None
        self._body: list[str] = []
        self._blank: list[str] = []  # empty lines that are not given yet
        self._paragraph = self._any = False  # words before end in a paragraph; are there any?
        self._taken = ""  # by a query that was taken out: the beginning of its line
        self._after: Literal["", "query", "prefix"] = ""

    def feed(self, delta: str) -> list[Piece]:
        """Take a delta; return the pieces that are finished by it."""
        out: list[Piece] = []
        *lines, rest = delta.split("\n")
        for line in lines:
            self._held.append(line + "\n")
            complete_line, self._held, self._size = "".join(self._held), [], 0
            self._line(complete_line, out)
        if rest:
            self._held.append(rest)
            self._size += len(rest)
            if self._in_words or (self._size <= HELD and not self._lines.in_fence):
                self._begin(out)
        return joined(out)

    def finish(self) -> list[Piece]:
        """Return what is left when nothing more comes."""
        out: list[Piece] = []
        if self._held:
            last_line, self._held = "".join(self._held), []
            self._line(last_line, out)
        if self._opened:
            name = self._opened.content
            out += self._blanks()
            out.append(Code("".join(self._query)))
            out.append(Written(name, "", f"the query {name} does not end: it was not run"))
        elif self._after == "prefix":
            out.append(Words(self._taken))
        elif self._after == "query":
            self._blank = []
        out += self._blanks()
        return joined(out)

    def _begin(self, out: list[Piece]) -> None:
        """Give what is certain of a line that is not finished."""
        text = "".join(self._held)
        if not self._in_words:
            if self._after == "prefix" or not _WORDS.match(text):
                return
            line = self._lines.begin(text)
            if line is None:
                return
            self._start(line, out)
            self._in_words = True
        used = places(text, out, ended=False)
        self._held = [text[used:]] if used < len(text) else []
        self._size = len(text) - used

    def _line(self, raw: str, out: list[Piece]) -> None:
        if self._in_words:
            self._in_words = False
            places(raw, out, ended=True)
            return
        line = self._lines.read(raw)
        if self._opened:
            self._in_query(self._opened, line, raw, out)
        elif line.kind == "query":
            self._opened, self._query, self._body = line, [raw], []
        elif line.kind == "blank" and not line.begins:
            # One empty line is enough where a query was taken out, and none before the first words.
            keeps_line = not self._after or (
                self._after == "query" and self._any and not self._blank
            )
            self._blank += [raw] if keeps_line else []
        else:
            raw = self._start(line, out, raw)
            if line.kind == "code":
                out.append(Code(raw))
            elif alone := _ALONE.fullmatch(raw):
                out.append(Place(alone[2], True, alone[1], alone[3]))
            else:
                places(raw, out, ended=True)

    def _in_query(self, opened: Line, line: Line, raw: str, out: list[Piece]) -> None:
        if raw.rstrip().endswith(self._query[0].strip()):  # it is written again, from its beginning
            self._query, self._body = self._query[:1], []
            return
        self._query.append(raw)
        if line.kind != "end":
            self._body.append(line.content)
            return
        self._opened = None
        name, sql = opened.content, "\n".join(self._body)
        known = self._sql.setdefault(name, sql)
        if known.split() != sql.split():
            problem = f"another query is named {name}, too: this one was not run"
            out.append(Written(name, sql, problem))
        elif known is sql:
            out.append(Written(name, sql))
        if opened.begins:
            if self._after == "prefix":
                out.append(Words(self._taken.rstrip() + "\n"))
            out += self._blanks()
            self._after, self._taken = "prefix", opened.before
        else:
            self._after = self._after or "query"

    def _start(self, line: Line, out: list[Piece], raw: str = "") -> str:
        """Give what was held back before a line; return that line as it is to be given."""
        if self._after == "prefix":
            if len(line.before) == len(self._taken) and not line.begins:
                raw = self._taken + raw.lstrip(" \t>")
            else:
                out.append(Words(self._taken.rstrip() + "\n"))
        elif self._after == "query" and self._paragraph and not (self._blank or line.begins):
            out.append(Words(line.before.rstrip() + "\n"))
        out += self._blanks()
        self._after, self._any, self._paragraph = "", True, line.kind == "text"
        return raw

    def _blanks(self) -> list[Piece]:
        blank, self._blank = "".join(self._blank), []
        return [Words(blank)] if blank else []


def places(text: str, out: list[Piece], *, ended: bool) -> int:
    """Give the words and places of a line that begins in ``text``; return how far they go."""
    at = last = 0
    while (start := text.find("{{", at)) >= 0:
        end = _end(text, start)
        if not end and not ended and len(text) < start + LONGEST:
            break
        if end:
            out += [Words(text[last:start])] if start > last else []
            out.append(Place(text[start + 2 : end - 2]))
            last = end
        at = end or start + 1
    if start < 0:
        start = len(text) - (not ended and text.endswith("{"))
    if start > last:
        out.append(Words(text[last:start]))
    return max(start, last)


def _end(text: str, start: int) -> int:
    """Return where the place that begins at ``start`` ends; 0 if there is none."""
    head = _HEAD.match(text, start, start + LONGEST)
    if not head or text.startswith('."', head.end() - 1):  # a quoted name that has no end
        return 0
    end = text.find("}}", head.end(), start + LONGEST)
    if end < 0:
        return 0
    # Braces inside of it: {{top.total:{width}}}
    depth = max(0, text.count("{", start + 2, end) - text.count("}", start + 2, end))
    return end + 2 + depth if text.startswith("}" * depth, end + 2) else 0


def joined(pieces: Iterable[Piece]) -> list[Piece]:
    """Return pieces with neighbours of one kind put together."""
    out: list[Piece] = []
    texts: list[str] = []
    kind: type[Words] | type[Code] | None = None
    for piece in pieces:
        if kind and type(piece) is not kind:
            out.append(kind("".join(texts)))
            texts, kind = [], None
        if isinstance(piece, Words | Code):
            kind = type(piece)
            texts.append(piece.text)
        else:
            out.append(piece)
    if kind:
        out.append(kind("".join(texts)))
    return out


def pieces_of(text: str) -> list[Piece]:
    """Return the pieces of a text that is there as a whole."""
    template = Template()
    return joined([*template.feed(text), *template.finish()])
