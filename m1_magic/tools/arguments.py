"""Arguments that are JSON as it should be → a value as it was written, nothing of it doubted."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from ..typed.node import Node

# Objects around the arguments that some models write: {"name": …, "arguments": {…}}.
WRAPPINGS = {"arguments", "args", "kwargs", "parameters", "params", "input"}


class _Bare(str):
    """A number as it was written."""


def strict(text: str) -> Node | None:
    """Return a JSON object, None for what is none, or has a field twice."""
    try:
        value = json.loads(
            text, parse_int=_Bare, parse_float=_Bare, parse_constant=_none, object_pairs_hook=_once
        )
        return _node(value) if isinstance(value, dict) else None
    except (ValueError, RecursionError):
        return None


def unwrapped(node: Node | None, name: str, names: Collection[str]) -> Node | None:
    """Return the arguments of this function within an object that has nothing else."""
    if node is None or node.fields.keys() & set(names):
        return node
    said = {key for key in ("name", "function") if key in node.fields}
    if any(node.fields[key].text != name for key in said):
        return node
    rest = node.fields.keys() - said
    inner = node.fields[min(rest)] if len(rest) == 1 and rest <= WRAPPINGS else None
    if inner is not None and inner.kind == "text":
        return strict(inner.text) or node
    return inner if inner is not None and inner.kind == "object" else node


def _none(word: str) -> Any:
    raise ValueError(word)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a field comes twice")
    return made


def _node(value: Any) -> Node:
    if isinstance(value, dict):
        return Node("object", fields={key: _node(one) for key, one in value.items()})
    if isinstance(value, list):
        return Node("list", items=[_node(one) for one in value])
    if isinstance(value, str):
        return Node("bare" if isinstance(value, _Bare) else "text", str(value))
    return Node("bare", "null" if value is None else str(value).lower())
