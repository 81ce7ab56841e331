"""Calls of tools in a stream, in the shapes of many servers → pieces, each with its index.

OpenAI's schema (api-reference/chat/streaming) gives each call an index, and its id with the first
piece; others leave out index or id, send a call whole, its arguments as an object, or OpenAI's
older ``function_call``. A server that does not read M1's own form leaves it in the text:
``<tool_calls>``, one JSON object a line (MiniMax-M1, docs/function_call_guide.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..calls import ToolCallDelta
from .deltas import dicts

OPENING, CLOSING = "<tool_calls>", "</tool_calls>"
MOST = 100  # calls of one round
LONGEST_NAME = 200


class ToolCalls:
    """Tells the calls of one completion apart."""

    def __init__(self) -> None:
        self._ids: list[str] = []  # of each call, "" where the server gives none
        self._indices: dict[object, int] = {}  # the server's index → ours

    def __len__(self) -> int:
        return len(self._ids)

    def feed(self, delta: Mapping[str, Any]) -> Iterator[ToolCallDelta]:
        """Yield the pieces in a delta."""
        for call in dicts(delta.get("tool_calls")):
            yield from self._piece(call, call.get("function"))
        for function in dicts([delta.get("function_call")]):
            yield from self._piece({"index": "function_call"}, function)

    def in_text(self, block: str) -> Iterator[ToolCallDelta]:
        """Yield the calls that stand in a block of M1's own form, each JSON object in it."""
        decoder, at = json.JSONDecoder(), 0
        while (at := block.find("{", at)) >= 0:
            try:
                call, at = decoder.raw_decode(block, at)
            except (ValueError, RecursionError):
                # Malformed: the rest of its line, for whoever reads arguments leniently.
                line, _, _ = block[at:].partition("\n")
                call = {"name": _name_in(line), "arguments": _arguments_in(line)}
                at += len(line)
            if isinstance(call, dict):
                yield from self._piece({}, call)

    def _piece(self, call: Mapping[str, Any], function: object) -> Iterator[ToolCallDelta]:
        if not isinstance(function, dict):
            function = {}
        name, id = _text(function.get("name"), LONGEST_NAME), _text(call.get("id"), LONGEST_NAME)
        index, begins = self._index(call.get("index"), id, bool(name))
        if index >= MOST:
            return
        given = function.get("arguments")
        arguments = given if isinstance(given, str) else "" if given is None else json.dumps(given)
        if begins:
            yield ToolCallDelta(index, arguments, self._ids[index] or f"call_{index}", name)
        elif arguments:
            yield ToolCallDelta(index, arguments)

    def _index(self, given: object, id: str, named: bool) -> tuple[int, bool]:
        """Return the index of the call that a piece is of, and whether it is its first piece."""
        known = self._indices.get(given) if isinstance(given, int | str) else None
        if known is not None and (not id or self._ids[known] in ("", id)):
            return known, False
        if known is None and id and id in self._ids:
            return self._ids.index(id), False
        if given is None and self._ids and not id and not named:
            return len(self._ids) - 1, False
        self._ids.append(id)
        index = len(self._ids) - 1
        if isinstance(given, int | str):
            self._indices[given] = index
        return index, True


class CallBlocks:
    """Text → the text without blocks of M1's own form, and what stood in them."""

    def __init__(self) -> None:
        self._held = ""
        self._inside = False

    def feed(self, text: str, last: bool = False) -> tuple[str, list[str]]:
        """Return the text that is none, and the blocks that ended; what may be one is held."""
        self._held += text
        shown, blocks = "", []
        while True:
            mark = CLOSING if self._inside else OPENING
            before, found, after = self._held.partition(mark)
            if not found:
                break
            if self._inside:
                blocks.append(before)
            else:
                shown += before
            self._held, self._inside = after, not self._inside
        if self._inside:
            if last:
                blocks, self._held = [*blocks, self._held], ""
            return shown, blocks
        keep = 0 if last else _begun(self._held)
        cut = len(self._held) - keep
        shown, self._held = shown + self._held[:cut], self._held[cut:]
        return shown, blocks


def _begun(text: str) -> int:
    """Return how many characters at the end may be the beginning of a block."""
    return next(n for n in range(len(OPENING) - 1, -1, -1) if text.endswith(OPENING[:n]))


def _text(value: object, most: int) -> str:
    return value[:most] if isinstance(value, str) else ""


def _name_in(line: str) -> str:
    _, _, rest = line.partition('"name"')
    return rest.split('"')[1] if rest.count('"') > 1 else ""


def _arguments_in(line: str) -> str:
    _, _, rest = line.partition('"arguments"')
    return rest.lstrip(" :").rstrip().removesuffix("}")
