"""The lists and objects of a text: JSON by Python's own reader, all else by the lenient one."""

from __future__ import annotations

import json
import re
from typing import Any

from .lenient import DEEPEST, Reader
from .node import Node, elided, literal, put
from .quoted import TEX

WORK = 1_000_000  # characters that are looked at, some of them again
BOX = ("", "-", "*", "+")  # before [ ], which is to be ticked
_HEAD = re.compile(r"\s*(?:```\w*\s*)?")
_JSON = re.compile(r"\{\s*[\"}]|\[\s*(?:[\"{\[\]\d-]|true|false|null|NaN)")
_TIGHT, _SPACED = re.compile(r"\d,\d{3}(?!\d)"), re.compile(r"\d, \d")  # [1,234, 5]
_SECTION = re.compile(r"\[\w+\][ \t]*\n\s*\w+ = \S")  # of TOML
_ARGUMENTS = re.compile(r"[^\W\d]\w*\(\w+ ?=")  # a call: no item of a list
_BOX = re.compile(r"\[[ xX✓]\][ \t]+\w")
_OPENING = re.compile(r"[{\[]")


def nodes(text: str) -> list[tuple[Node, int, int]]:
    """Return the lists and objects of a text, none inside of another, and where they stand."""
    placed, at, left = [], 0, WORK
    while left > 0 and (opening := _OPENING.search(text, at)):
        start = opening.start()
        if _ticked(text, start):
            at = start + 3
            continue
        try:
            if not _JSON.match(text, start):
                raise ValueError
            node, at = _strict(text, start)
        except (ValueError, RecursionError) as error:
            reader = Reader(text, start)
            node, at = reader.container(0), max(reader.at, start + 1)
            left -= reader.work + max(getattr(error, "pos", start + DEEPEST) - start, 1)
            left -= start // 1_000  # the error counted lines
            if _no_data(node, text, start):
                at = start + 1
                continue
        if _SECTION.match(text, start):
            continue
        placed.append((node, start, at))
    return placed


def _ticked(text: str, start: int) -> bool:
    """Is it a box before words, at the beginning of a line or an item?"""
    line = text[text.rfind("\n", 0, start) + 1 : start]
    return line.strip() in BOX and _BOX.match(text, start) is not None


def _no_data(node: Node, text: str, start: int) -> bool:
    """Is it prose in brackets: ``{x}``, ``[see below]``?"""
    first = next((one for _, one in node.parts), None)
    words = node.kind == "list" and first and first.kind == "bare"
    if words and first and _ARGUMENTS.match(first.text):
        return True
    prose = bool(words) and literal(first.text)[0] == '"' if first else True
    return prose and (first is None or _HEAD.fullmatch(text, 0, start) is None)


def _strict(text: str, start: int) -> tuple[Node, int]:
    """Return what JSON's own reader makes of a value; raise ValueError where it is none."""
    value, end = _DECODER.raw_decode(text, start)
    node = _node(value)
    if node.kind == "list" and '"' not in (raw := text[start:end]):
        node.sure &= not (_TIGHT.search(raw) and _SPACED.search(raw))
    return node, end


def _pairs(pairs: list[tuple[str, Any]]) -> Node:
    made = Node("object")
    for key, value in pairs:
        put(made, key, _node(value))
    return made


def _node(value: Any) -> Node:
    if isinstance(value, Node):
        return value
    if isinstance(value, str):
        return Node("text", value, sure=not TEX.search(value))
    if isinstance(value, list):
        return elided(Node("list", items=[_node(one) for one in value]))
    return Node("bare", "null" if value is None else str(value).lower())


def _bare(word: str) -> Node:
    return Node("bare", word)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_float=_bare, parse_int=_bare, parse_constant=_bare, strict=False
)
