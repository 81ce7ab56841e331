"""What differs between two requests, part by part: why a cell asks anew, or misses its tape."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..text import one_line, thousands

NAMES = {"max_completion_tokens": "max_tokens", "reasoning": "thinking", "models": "fallbacks"}
KINDS = {"frame": "table", "notebook": "file"}
VALUE, COLUMNS = "a value in the prompt", "columns of "
MOST = 4  # changes that are named


@dataclass(frozen=True, slots=True)
class Change:
    """A part of a request that is another one now, and what can be said of both.

    ``old`` and ``new`` are rows of a table, the level of what goes ``along``, or a value of
    sampling; None where it was not there, "" where only a hash is known.
    """

    part: str
    old: object = ""
    new: object = ""
    rows: bool = False
    along: bool = False

    def __str__(self) -> str:
        if self.rows:
            name = self.part.removeprefix("table ")
            return (
                f"{name} has {thousands(_int(self.new))} rows ({thousands(_int(self.old))} before)"
            )
        if self.old == self.new == "":
            return self.part
        if self.along:
            if self.old is None:
                return f"{self.part} added"
            if self.new is None:
                return f"without {self.part}"
            return f"{self.part} at {_value(self.new)} ({_value(self.old)})"
        return f"{self.part} {_value(self.new)} ({_value(self.old)})"

    @property
    def missed(self) -> str:
        """The same, for a request that is not on a tape."""
        if self.rows or self.old == self.new == "":
            return f"{self.part} differ{'' if self.part.startswith(COLUMNS) else 's'}"
        if self.old is None and self.along:
            return f"{self.part} is not in it"
        return f"{self.part} differs: {_value(self.old)} / {_value(self.new)}"


def changes(old: Mapping[str, Any], new: Mapping[str, Any], exact: bool = False) -> list[Change]:
    """Return what differs between the parts of two requests, as `ledger.sent.hashed` has them.

    Args:
        exact: the new one's figures are computed, so that of its tables only columns count.
    """
    try:
        differing = [*_texts(old, new), *_along(old, new, exact), *_sampling(old, new)]
        if _what(old) == _what(new) and _switched(old, new):
            tables = tuple(_named(kind, name) for kind, name, *_ in new["along"] if kind == "frame")
            others = (
                one for one in differing if not one.part.startswith((COLUMNS, VALUE, *tables))
            )
            return [Change("--exact" if _computed(new) else "without --exact"), *others]
        return differing
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):  # of another version
        return []


def listed(changes: list[Change]) -> str:
    """Return the first changes in words, and how many more there are."""
    first = changes if len(changes) <= MOST else changes[: MOST - 1]
    more = [f"{len(changes) - len(first)} more"] if len(first) < len(changes) else []
    return ", ".join([*map(str, first), *more])


def _texts(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    if old["typed"] != new["typed"]:
        yield Change("the prompt")
    elif old["words"] != new["words"] and _what(old) == _what(new) and _form(old) == _form(new):
        yield Change(VALUE)  # else a note on marks, or another form of the answer, too
    if old["system"] != new["system"]:
        yield Change("the system prompt")
    if old.get("headers") != new.get("headers"):
        yield Change("the headers")
    if list(old["chat"]) != list(new["chat"]):
        name = new["chat"][0] or old["chat"][0]
        yield Change(f"chat {one_line(name, 40)}" if name else "earlier turns")


def _form(parts: Mapping[str, Any]) -> Any:
    """Return the schema of an answer that is data."""
    return parts["sampling"].get("returns")


def _computed(parts: Mapping[str, Any]) -> bool:
    """Do figures come of its tables, so that their number of rows is not told?"""
    return any(kind == "frame" and shape is None for kind, _, _, shape, _ in parts["along"])


def _switched(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Are figures computed now, or no more? Then the same question has other words below it."""
    other = old["words"] != new["words"] and old["typed"] == new["typed"]
    return other and _computed(old) != _computed(new)


def _along(old: Mapping[str, Any], new: Mapping[str, Any], exact: bool) -> Iterator[Change]:
    """Yield the tables, files, cells that differ, have come, or are gone."""
    before = {(kind, name): rest for kind, name, *rest in old["along"]}
    after = {(kind, name): rest for kind, name, *rest in new["along"]}
    moved = before.keys() == after.keys() and list(before) != list(after)
    by_others = moved or old["typed"] != new["typed"]  # a summary by other words, or other tables
    for what, (text, shape, level) in after.items():
        if what not in before:
            yield Change(_named(*what), None, level, along=True)
            continue
        other, old_shape, old_level = before[what]
        if level != old_level:
            yield Change(_named(*what), old_level, level, along=True)
        elif text != other and shape and old_shape and shape[0] != old_shape[0]:
            yield Change(_named(*what), old_shape[0], shape[0], rows=True)
        elif exact and what[0] == "frame" and shape is None:
            if text != other:
                yield Change(f"{COLUMNS}{one_line(what[1], 60)}")
        elif text != other and not (what[0] == "frame" and by_others):
            yield Change(_named(*what))
    if moved:
        yield Change("the order of tables and files")
    gone = [what for what in before if what not in after]
    yield from (Change(_named(*what), "there", None, along=True) for what in gone)


def _what(parts: Mapping[str, Any]) -> list[list[str]]:
    return [one[:2] for one in parts["along"]]


def _named(kind: str, name: str) -> str:
    name = one_line(name, 60)
    return name if kind == "cell" else f"{KINDS.get(kind, kind)} {name}"


def _sampling(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    before, after = old["sampling"], new["sampling"]
    for name in dict.fromkeys((*after, *before)):
        if before.get(name) != after.get(name) and name == "returns":
            yield Change("--returns")
        elif before.get(name) != after.get(name) and name == "tools":
            yield Change("--tools")
        elif before.get(name) != after.get(name):
            yield Change(NAMES.get(name, name), before.get(name), after.get(name))


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0


def _value(value: object) -> str:
    if value is None:
        return "not set"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return one_line(text, 40)
