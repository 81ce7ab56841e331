"""Which lines of a growing Markdown text are code, and which of its fences are queries.

A text is read line by line, with the lists and quotations that each line stands in, as CommonMark
has them; a document in a fence may hold fences. A query's fence ends at its closing line wherever
that stands: models indent it carelessly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ..markdown.fences import DOCUMENTS, word

Kind = Literal["text", "blank", "code", "query", "sql", "end"]
_QUOTE = -1  # among the widths of list items
_INDENT = re.compile(r"[ \t>]*")
_MARK = re.compile(r" {0,3}(?:[-*+]|(\d{1,9})[.)])(?:([ \t]+)|$)")
_QUOTE_MARK = re.compile(r" {0,3}> ?")
_RULE = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})")
LONGEST_RULE = 1_000  # characters
_HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t]|$)")
_FENCE = re.compile(r"( {0,3})(`{3,}|~{3,})(.*)")
_QUERY = re.compile(r"sql[ \t]+(\w+)")


@dataclass(frozen=True, slots=True)
class Line:
    """What a line is; ``before`` is what of lists and quotations stands before its content."""

    kind: Kind
    before: str = ""
    content: str = ""  # of a query its name, of ``sql`` the line without its indentation
    begins: bool = False  # a list item begins on it
    follows: bool = False  # it goes on with a paragraph


@dataclass(slots=True)
class _Fence:
    mark: str
    indent: int
    name: str  # of a query; "" for code
    document: bool
    inner: str = ""  # the marks of a fence that is open inside of a document


class Lines:
    """Reads a text's lines in order."""

    def __init__(self) -> None:
        self._around: list[int] = []  # the widths of list items, and quotations
        self._fence: _Fence | None = None
        self._paragraph = False
        self._empty = False  # a list item has begun, with nothing in it yet

    @property
    def in_fence(self) -> bool:
        """Is the next line inside of a fence, as far as is known?"""
        return self._fence is not None

    def read(self, raw: str) -> Line:
        """Return what the next line is, given with or without its end."""
        body = raw.rstrip("\r\n")
        indent = _INDENT.match(body)
        if indent and "\t" in indent[0]:
            body = indent[0].expandtabs(4) + body[indent.end() :]
        matched, at = self._matched(body)
        if self._fence and self._fence.name:
            return self._in_query(body, at)
        if self._fence:
            if matched == len(self._around):
                return self._in_code(body[at:])
            self._fence = None
        return self._outside(body, matched, at)

    def begin(self, text: str) -> Line | None:
        """Return what a line is whose beginning is words; read nothing where it is none of text."""
        before = self._around, self._fence, self._paragraph, self._empty
        line = self.read(text)
        if line.kind == "text":
            return line
        self._around, self._fence, self._paragraph, self._empty = before
        return None

    def _matched(self, body: str) -> tuple[int, int]:
        """Return how many lists and quotations the line goes on with, and where they end."""
        at = 0
        for number, width in enumerate(self._around):
            if width == _QUOTE:
                mark = _QUOTE_MARK.match(body, at)
                if not mark:
                    return number, at
                at = mark.end()
            elif body.startswith(" " * width, at):
                at += width
            elif body[at:].strip(" \t"):
                return number, at
        return len(self._around), at

    def _in_query(self, body: str, at: int) -> Line:
        fence = self._fence
        assert fence is not None
        bare = body.strip(" \t>" if _QUOTE in self._around else " \t")
        if len(bare) >= len(fence.mark) and not bare.strip(fence.mark[0]):
            self._fence = None
            return Line("end")
        rest = body[at:]
        blanks = len(rest) - len(rest.lstrip(" "))
        return Line("sql", content=rest[min(blanks, fence.indent) :])

    def _in_code(self, rest: str) -> Line:
        fence = self._fence
        assert fence is not None
        match = _FENCE.fullmatch(rest)
        info = match[3].strip() if match else ""
        if match and fence.inner:
            if not info and match[2].startswith(fence.inner):
                fence.inner = ""
        elif match and match[2].startswith(fence.mark):
            if not info:
                self._fence = None
            elif fence.document and "`" not in info:
                fence.inner = match[2]
        return Line("code")

    def _outside(self, body: str, matched: int, at: int) -> Line:
        paragraph = self._paragraph and matched == len(self._around)
        lazy = self._paragraph and not paragraph
        around, at, begins = self._opened(body, at, self._around[:matched], paragraph)
        if len(around) > matched:
            paragraph = lazy = False
        before, rest = body[:at], body[at:]
        if not rest.strip(" \t"):
            if self._empty and not begins and around and around[-1] != _QUOTE:
                around = around[:-1]  # nothing further down belongs to it
            self._around, self._paragraph, self._empty = around, False, begins
            return Line("blank", before, begins=begins)
        self._empty = False
        indented = rest.startswith("    ")
        fence = None if indented else _FENCE.fullmatch(rest)
        if fence and not (fence[2][0] == "`" and "`" in fence[3]):
            self._around, self._paragraph = around, False
            return self._fenced(fence, before, begins)
        if indented and not (paragraph or lazy):
            self._around = around
            return Line("code", before)
        if _HEADING.match(rest) or _RULE.fullmatch(rest):
            self._around, self._paragraph = around, False
            return Line("text", before, begins=begins)
        if not lazy:
            self._around = around
        self._paragraph = True
        return Line("text", before, begins=begins, follows=paragraph or lazy)

    @staticmethod
    def _opened(
        body: str, at: int, around: list[int], paragraph: bool
    ) -> tuple[list[int], int, bool]:
        """Return what the line stands in with what it opens itself, and where that ends."""
        begins = False
        while len(around) < 100:
            if quote := _QUOTE_MARK.match(body, at):
                around, at, paragraph = [*around, _QUOTE], quote.end(), False
                continue
            rule = len(body) - at < LONGEST_RULE and _RULE.fullmatch(body, at)
            marker = None if rule else _MARK.match(body, at)
            if not marker:
                break
            empty = marker.end() == len(body)
            if paragraph and (empty or marker[1] not in (None, "1")):
                break
            wide = len(marker[2] or "") > 4 or empty
            width = marker.end() - at - (len(marker[2] or "") - 1 if wide and marker[2] else 0)
            around, at, paragraph = [*around, width + (not marker[2])], at + width, False
            begins = True
        return around, at, begins

    def _fenced(self, fence: re.Match[str], before: str, begins: bool) -> Line:
        info = fence[3].strip(" \t")
        query = _QUERY.fullmatch(info)
        name = query[1] if query and query[1].isidentifier() else ""
        document = word(info).strip("{}.") in DOCUMENTS
        self._fence = _Fence(fence[2], len(fence[1]), name, document)
        return Line("query" if name else "code", before, name, begins)
