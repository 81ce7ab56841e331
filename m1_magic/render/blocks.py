"""A Markdown text that grows: which of its blocks are finished, and what of the rest to show.

Finished blocks can be shown once and left alone; only the rest is painted again. What a block
refers to may be defined far below it (footnotes, links by name): ``definitions`` finds that when
the text is whole.
"""

from __future__ import annotations

import re
from typing import Any

from .. import markdown
from ..text import show_controls
from .markup import parser

AGAIN = 1.2  # times longer than at the last look, a text may have more finished blocks
_LINE_END = re.compile(r"\r\n?|\n")
_DELIMITER = re.compile(r"[\s|:\-]*-[\s|:\-]*")
_MARKS = re.compile(r"[\s\-=*_`~|:#+>$\\\[\]]*|\s*\d{1,9}[.)]?\s*|\s*>\s*\[![A-Za-z]*")


class Growing:
    """The part of a text that is not finished yet."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._looked = 0  # characters when nothing was found to take
        self.characters = 0

    def feed(self, text: str) -> None:
        """Take what came."""
        self._pieces.append(text)
        self.characters += len(text)

    @property
    def rest(self) -> str:
        """What is not taken out yet."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    def take(self, least: int) -> str:
        """Take out the finished blocks, if they have ``least`` characters together; else nothing.

        To look for them costs as much as to show them: it is left until there may be enough.
        """
        if self.characters <= least or self.characters < self._looked * AGAIN:
            return ""
        end = finished(self.rest)
        if end < least:
            self._looked = self.characters
            return ""
        return self.cut(end)

    def cut(self, end: int) -> str:
        """Take out what stands before ``end``."""
        rest = self.rest
        self._pieces = [rest[end:]]
        self.characters -= end
        self._looked = 0
        return rest[:end]


def settled(prefix: str) -> str:
    """Return the part of a growing answer whose meaning its next characters cannot turn round.

    Held back are a last line of nothing but marks (``-`` under a paragraph is a heading until it
    is a list) and the head of a table whose second row is not there yet.
    """
    lines = prefix.split("\n")
    body = lines[:-1] if _MARKS.fullmatch(lines[-1]) else lines
    begin = len(body)
    while begin and body[begin - 1].lstrip().startswith("|"):
        begin -= 1
    head = body[begin:]
    if len(head) == 1 or (len(head) == 2 and not _DELIMITER.fullmatch(head[1])):
        body = body[:begin]
    return "\n".join(body) if body is lines else "".join(line + "\n" for line in body)


def finished(prefix: str) -> int:
    """Return how many characters of a growing answer are blocks that nothing can change.

    All blocks but the last one are; what they refer to may still come.
    """
    tokens, _ = _blocks(_LINE_END.sub("\n", prefix))
    starts = [token.map[0] for token in tokens if token.map and not token.level]
    if len(starts) < 2 or not starts[-1]:
        return 0
    ends = [match.end() for match in _LINE_END.finditer(prefix)]
    return int(ends[starts[-1] - 1])


def definitions(text: str) -> dict[str, Any]:
    """Return what a whole text defines for its blocks, for ``markup.html``; empty: nothing.

    A footnote that nothing refers to is no such definition: it stays where it stands.
    """
    source = show_controls(text)
    if "]:" not in source:
        return {}
    blocks, env = _blocks(source)
    named = [token.meta["label"] for token in blocks if token.type == "footnote_reference_open"]
    used = {label for label in named if source.count(f"[^{label}]") > 1}
    notes, inside = [], False
    for token in blocks:
        if token.type == "footnote_reference_open":
            inside = token.meta["label"] in used
        if inside:
            notes.append(token)
        inside = inside and token.type != "footnote_reference_close"
    links = env.get("references", {})
    return {"references": links, "notes": notes} if links or notes else {}


def _blocks(source: str) -> tuple[list[Any], dict[str, Any]]:
    """Return a text's blocks, and what they define; nothing where the parser fails."""
    env: dict[str, Any] = {}
    try:
        return markdown.blocks(parser(), source, env), env
    except Exception:  # as in markup.html: an answer is shown whatever a parser makes of it
        return [], {}
