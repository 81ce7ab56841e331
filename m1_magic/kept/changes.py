"""What changed in a cell's request since its last one, in words: why it is asked anew."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..text import one_line, thousands

NAMES = {"max_completion_tokens": "max_tokens", "reasoning": "thinking", "models": "fallbacks"}
MOST = 4  # changes that are named


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return what differs between the parts of two requests, as `ledger.sent.hashed` has them."""
    try:
        every = [*_texts(old, new), *_along(old, new), *_sampling(old, new)]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):  # of another version
        return []
    more = [f"{len(every) - MOST + 1} more"] if len(every) > MOST else []
    return every[: MOST - 1] + more if more else every


def _texts(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if old["typed"] != new["typed"]:
        yield "the prompt"
    elif old["words"] != new["words"] and _what(old) == _what(new):  # else a note on marks, too
        yield "a value in the prompt"
    if old["system"] != new["system"]:
        yield "the system prompt"
    if list(old["chat"]) != list(new["chat"]):
        name = new["chat"][0] or old["chat"][0]
        yield f"chat {one_line(name, 40)}" if name else "earlier turns"


def _along(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Yield the tables, files, cells that differ, have come, or are gone."""
    before = {(kind, name): rest for kind, name, *rest in old["along"]}
    after = {(kind, name): rest for kind, name, *rest in new["along"]}
    for what, (text, shape, level) in after.items():
        if what not in before:
            yield f"{_named(*what)} added"
            continue
        other, old_shape, old_level = before[what]
        if level != old_level:
            yield f"{_named(*what)} at {level} ({old_level})"
        elif text != other and shape and old_shape and shape[0] != old_shape[0]:
            rows = f"{thousands(shape[0])} rows ({thousands(old_shape[0])} before)"
            yield f"{one_line(what[1], 60)} has {rows}"
        elif text != other:
            yield _named(*what)
    yield from (f"without {_named(*what)}" for what in before if what not in after)


def _what(parts: Mapping[str, Any]) -> list[list[str]]:
    return [one[:2] for one in parts["along"]]


def _named(kind: str, name: str) -> str:
    kind = "table" if kind == "frame" else kind
    return one_line(name, 60) if name.startswith(kind) else f"{kind} {one_line(name, 60)}"


def _sampling(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before, after = old["sampling"], new["sampling"]
    for name in dict.fromkeys((*after, *before)):
        if before.get(name) != after.get(name):
            told = NAMES.get(name, name)
            yield f"{told} {_value(after.get(name))} ({_value(before.get(name))})"


def _value(value: object) -> str:
    if value is None:
        return "not set"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return one_line(text, 40)
