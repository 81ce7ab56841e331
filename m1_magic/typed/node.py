"""A value as it was written: what stood there, whether that is sure, and whether it is all."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

SPELLED = {
    "True": "true", "TRUE": "true", "False": "false", "FALSE": "false", "None": "null",
    "NULL": "null", "Null": "null",
}  # fmt: skip
LITERALS = {"true", "false", "null", "NaN", *SPELLED}
Kind = Literal["text", "bare", "list", "object"]


@dataclass(slots=True)
class Node:
    """A value as it was written: a text, a bare word or number, a list, an object.

    ``mended``: it is not as JSON has it.
    """

    kind: Kind
    text: str = ""
    items: list[Node] = field(default_factory=list)
    fields: dict[str, Node] = field(default_factory=dict)
    sure: bool = True
    complete: bool = True
    mended: bool = False

    @property
    def parts(self) -> Iterator[tuple[str | int, Node]]:
        """The values in it, by key or place."""
        yield from enumerate(self.items)
        yield from self.fields.items()

    def copy(self) -> Node:
        """Return the same, to be changed."""
        items = [one.copy() for one in self.items]
        fields = {key: one.copy() for key, one in self.fields.items()}
        return Node(self.kind, self.text, items, fields, self.sure, self.complete, self.mended)

    def json(self, by_name: bool = False) -> str:
        """Return it as JSON, for a reader that checks its types; ``by_name``: its fields sorted."""
        if self.kind == "list":
            return f"[{','.join(one.json(by_name) for one in self.items)}]"
        if self.kind == "object":
            fields = sorted(self.fields) if by_name else self.fields
            pairs = (f"{json.dumps(key)}:{self.fields[key].json(by_name)}" for key in fields)
            return f"{{{','.join(pairs)}}}"
        return literal(self.text) if self.kind == "bare" else json.dumps(self.text)


def literal(word: str) -> str:
    """Return a bare word as JSON: a number or literal as such, else a text."""
    spelled = SPELLED.get(word, word)
    if spelled in ("true", "false", "null", "NaN") or re.fullmatch(
        r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?", spelled
    ):
        return spelled
    return json.dumps(word)


def letters(name: str) -> str:
    """Return a name without case and signs, as names are compared."""
    return re.sub(r"[\W_]+", "", name).casefold()


def put(node: Node, key: str, value: Node) -> None:
    """Add a field; a key that comes again is not sure: two objects may have become one."""
    again = key in node.fields
    node.fields[key] = Node("bare", sure=False, mended=True) if again else value


def elided(node: Node) -> Node:
    """Return a list; one that ends with dots is not whole."""
    if len(node.items) > 1 and node.items[-1].text in ("...", "…"):
        node.items.pop()
        node.sure = False
    return node
