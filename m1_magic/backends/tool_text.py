"""Calls of tools that stand in the text, as M1's own chat template writes them.

MiniMax-M1, docs/function_call_guide: ``<tool_calls>``, one JSON object with ``name`` and
``arguments`` a line, ``</tool_calls>``. A server without a parser for it sends that as content.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import count

from ..calls import Event, TextDelta
from .thinking import FENCE, _overlap
from .tool_calls import ToolCalls

OPEN, CLOSE = "<tool_calls>", "</tool_calls>"
NAME = re.compile(r'"name"\s*:\s*"((?:[^"\\]|\\.)*)"')
ARGUMENTS = re.compile(r'"(?:arguments|parameters)"\s*:\s*')


class ToolText:
    """Splits calls off the text of an answer, wherever the chunks cut the tags."""

    def __init__(self, calls: ToolCalls) -> None:
        self._calls = calls
        self._held, self._so_far, self._inside = "", "", False
        self._numbers = count()

    def feed(self, text: str) -> Iterator[Event]:
        """Yield what is certain so far: text, and calls that are complete."""
        self._held += text
        while self._held:
            if self._inside:
                block, tag, rest = self._held.partition(CLOSE)
                if not tag:
                    return
                yield from self._block(block)
                self._inside, self._held = False, rest.lstrip("\n")
                continue
            before, tag, rest = self._held.partition(OPEN)
            if tag and self._begins(before):
                yield from self._text(before)
                self._inside, self._held = True, rest
                continue
            keep = 0 if tag else _overlap(self._held, OPEN)
            cut = len(before + tag) if tag else len(self._held) - keep
            text, self._held = self._held[:cut], self._held[cut:]
            yield from self._text(text)
            if not tag:
                return

    def close(self) -> Iterator[Event]:
        """Yield what was held back when the stream ends."""
        held, self._held = self._held, ""
        yield from self._block(held) if self._inside else self._text(held)

    def _begins(self, before: str) -> bool:
        """Does a line begin here, and none of code?"""
        so_far = self._so_far + before
        line = so_far.rpartition("\n")[2]
        return not line.strip() and len(FENCE.findall(so_far)) % 2 == 0

    def _text(self, text: str) -> Iterator[Event]:
        if text:
            self._so_far += text
            yield TextDelta(text)

    def _block(self, block: str) -> Iterator[Event]:
        """Yield the calls of a block; what cannot be read keeps its name and its text."""
        try:
            read = json.loads(block)
            objects = [json.dumps(one) for one in (read if isinstance(read, list) else [read])]
        except (ValueError, RecursionError):
            objects = [one for one in re.split(r"\n(?=\s*\{)", block) if one.strip()]
        for one in objects:
            yield from self._calls.piece(f"text {next(self._numbers)}", "", *_call(one))


def _call(text: str) -> tuple[str, str]:
    """Return name and arguments of a call that is written as JSON, or nearly so."""
    try:
        call = json.loads(text)
        given = call.get("arguments", call.get("parameters", {}))
        return str(call["name"]), given if isinstance(given, str) else json.dumps(given)
    except (ValueError, KeyError, AttributeError, RecursionError):
        name, arguments = NAME.search(text), ARGUMENTS.search(text)
        rest = text[arguments.end() :].rstrip().removesuffix("}") if arguments else text
        return name[1] if name else "", rest
