"""What a program takes out of an answer: its code, its JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from . import blocks, parser
from .fences import language

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

WORK = 5_000_000  # characters that are looked through for JSON between words
# A bracket behind a word is an index: d["a"].
_OPENING = re.compile(r"\{|(?<![\w)\]])\[")
# What begins as JSON does: no part of it is what was meant where all of it is broken.
_JSONLIKE = re.compile(r"\{\s*\"|\[\s*[{\[\"]")
_MARKS = re.compile(r'"(?:\\.|[^"\\\n])*+"?|[{}\[\]]')
_LINE_END = re.compile(r"\r\n?")


@cache
def _parser() -> MarkdownIt:
    return parser()


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced code block: its language in small letters, "" for none, and its content.

    ``closed`` is False where the text ends inside of it.
    """

    language: str
    content: str
    closed: bool = True


def fenced(markdown: str) -> list[Fence]:
    """Return the fenced code blocks of a text, in order."""
    source = _LINE_END.sub("\n", markdown)
    fences = []
    for token in blocks(_parser(), source, {}):
        if token.type == "fence" and token.map:
            word = re.split(r"[\s:,;(\[=]", language(token.info).strip("{}.").casefold())[0]
            content = token.content
            lines = content.count("\n") + (content[-1:] not in ("", "\n"))
            fences.append(Fence(word, content, token.map[1] - token.map[0] > lines + 1))
    return fences


def code_blocks(markdown: str) -> list[str]:
    """Return the contents of the fenced code blocks, in order; an answer cut off may end in one."""
    return [fence.content for fence in fenced(markdown)]


def json_value(*texts: str) -> Any:
    """Return the first text that is JSON; else the first object or array between its words.

    Raises:
        ValueError: there is none.
    """
    for text in texts:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            continue
    values = list(_between(texts[0]))
    if not values:
        raise ValueError("the answer holds no JSON; Reply.text has it as it came")
    # "[1]" in a sentence is a citation rather than data.
    return next((one for one in values if not _citation(one)), values[0])


def _between(text: str) -> Iterator[Any]:
    """Yield the objects and arrays that stand in a text, none inside of another."""
    decoder, at, left = json.JSONDecoder(), 0, WORK
    while left > 0 and (opening := _OPENING.search(text, at)):
        try:
            value, at = decoder.raw_decode(text, opening.start())
        except (ValueError, RecursionError) as error:
            at = (
                _after(text, opening.start())
                if _JSONLIKE.match(text, opening.start())
                else opening.end()
            )
            left -= max(getattr(error, "pos", len(text)), at) - opening.start() + 1
        else:
            yield value


def _after(text: str, start: int) -> int:
    """Return where broken JSON ends: at its own bracket, else with the text."""
    depth = 0
    for mark in _MARKS.finditer(text, start):
        depth += (mark[0] in ("{", "[")) - (mark[0] in ("}", "]"))
        if depth == 0:
            return mark.end()
    return len(text)


def _citation(value: Any) -> bool:
    return value == {} or (isinstance(value, list) and all(isinstance(one, int) for one in value))
