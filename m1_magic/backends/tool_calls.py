"""Pieces of calls of tools, as servers of many kinds stream them → `ToolCallDelta`.

A piece may have an index, an id, both or neither; the index of all may be 0, the id repeated or
another in each piece, the name in pieces, the whole call in one, its arguments an object in place
of a string, or the call one of the older ``function_call``. All of it is foreign text: names leave
here as the wire takes them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from encodings.utf_16_le import IncrementalDecoder
from functools import partial
from typing import Any

from ..calls import Event
from ..events import MOST_CALLS, ToolCallDelta
from ..text import one_line
from .deltas import characters, dicts

MOST = MOST_CALLS + 1  # calls that are taken: the last one stands for all that are not made
LONGEST = 1_000_000  # characters of arguments
LONGEST_NAME = 64
OTHER = re.compile(r"[^A-Za-z0-9_-]")  # what a name has not, on the wire
FORMS = ("arguments", "input", "parameters")
UNNAMED = "unnamed"


@dataclass(slots=True)
class _Call:
    """A call so far; ``key`` is what the server calls it, ``id`` what it is called here."""

    key: str
    index: object
    id: str = ""
    name: str = ""
    arguments: str = ""
    decoder: IncrementalDecoder = field(default_factory=partial(IncrementalDecoder, "replace"))


class ToolCalls:
    """The calls of one completion."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._newer = False  # they come as ``tool_calls``

    def __bool__(self) -> bool:
        return any(one.name for one in self._calls)

    def feed(self, delta: Mapping[str, Any]) -> Iterator[Event]:
        """Yield the pieces that a delta, or a whole message, has."""
        given_calls = delta.get("tool_calls")
        calls = dicts(given_calls) or dicts([given_calls])
        self._newer |= bool(calls)  # some servers say each call in both forms
        for raw in calls if self._newer else dicts([delta.get("function_call")]):
            inner = raw.get("function")
            of = inner if isinstance(inner, dict) else raw
            given = next((of[form] for form in FORMS if of.get(form) is not None), "")
            text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
            key, name = _str(raw.get("id")), _str(of.get("name"))
            yield from self.piece(raw.get("index"), key, name, text)

    def piece(self, index: object, key: str, name: str, arguments: str) -> Iterator[Event]:
        """Yield a piece; of a call that is new its id and name go first."""
        one = self._of(index, key, name, arguments)
        if one is None:
            if len(self._calls) == MOST or not (key or name or arguments):
                return
            one = _Call(key, index, _id(key, {call.id for call in self._calls}))
            self._calls.append(one)
        begins, one.key = not one.name, one.key or key
        if begins and not (name or arguments):
            return  # the name is still to come
        called = wire_name(name) if begins or _goes_on(one, name, arguments) else ""
        called = called[: LONGEST_NAME - len(one.name)]
        one.name += called
        more = characters(one.decoder, arguments)[: LONGEST - len(one.arguments)]
        one.arguments += more
        yield ToolCallDelta(self._calls.index(one), more, one.id if begins else "", called)

    def _of(self, index: object, key: str, name: str, more: str) -> _Call | None:
        """Return the call that a piece belongs to, None if it begins one."""
        calls = self._calls
        numbered = isinstance(index, int | float | str)
        if key and (same := [one for one in calls if one.key == key]):
            belonging = [one for one in same if one.index == index] if numbered else same
            return belonging[-1] if belonging else None
        if numbered:
            last = next((one for one in reversed(calls) if one.index == index), None)
        else:
            last = calls[-1] if calls else None
        if last is None or (key and last.key and (name or not numbered)):
            return None
        if numbered and _goes_on(last, name, more):
            return last
        other = name and last.name and wire_name(name) != last.name
        again = name and more and is_complete(last.arguments)
        return None if other or again else last


def _goes_on(call: _Call, name: str, arguments: str) -> bool:
    """Is it the rest of a name, no argument having come yet?"""
    begun = bool(name and call.name) and not (arguments or call.arguments)
    return begun and wire_name(name) != call.name


def is_complete(arguments: str) -> bool:
    """Are these all the arguments of a call: one JSON object?"""
    with suppress(ValueError, RecursionError):
        return isinstance(json.loads(arguments), dict)
    return False


def wire_name(name: str) -> str:
    """Return a name of a function as servers take it in a message."""
    return OTHER.sub("_", one_line(name, LONGEST_NAME))[:LONGEST_NAME] or UNNAMED


def _id(key: str, taken: set[str]) -> str:
    """Return an id that no other call of the round has."""
    made = OTHER.sub("_", key)[:64] or f"call_{len(taken) + 1}"
    while made in taken:
        made += "_"
    return made


def _str(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
