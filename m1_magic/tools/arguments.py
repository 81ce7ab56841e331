"""Arguments that are JSON as it should be → a value as it was written, nothing of it doubted."""

from __future__ import annotations

import json
from typing import Any

from ..typed.node import Node


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
