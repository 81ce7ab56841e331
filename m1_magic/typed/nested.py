"""Records in place of JSON, with lists and records in them: as YAML has them, or XML.

All of the text is one value, or it is none: a line or a tag that is no field of it may belong to a
value above, and a name that nobody asked for may be another spelling of one that is missing.
"""

from __future__ import annotations

import re
from contextlib import suppress

from .lines import FENCE, INTRO, ITEM, LINE, MOST, plain_value
from .node import Node, letters, put
from .shape import Shape
from .values import nodes

DEEPEST = 20
Line = tuple[int, str]
_SINGLE = re.compile(r"'([^'\\]*)'")  # so YAML keeps a text from being a number
_LONGEST = 20_000  # characters of tags
_TOKEN = re.compile(r"<(?P<begin>[^\W\d][\w.-]*)>|</(?P<end>[\w.-]+)>|[^<>]+")


def nested(text: str, wanted: Shape) -> Node | None:
    """Return the record, or the list of records, that a text is; None: it is none."""
    record = wanted.at(0) if wanted.types == {"array"} else wanted
    if not record.properties:
        return None
    lines = [line.rstrip() for line in text.splitlines() if not FENCE.fullmatch(line.strip())]
    text = "\n".join(line for line in lines if line)
    with suppress(ValueError):
        made = _inner(_elements(text) if text[:1] == "<" else _indented(text), wanted)
        return made if made and _known(made, wanted) else None
    return None


def _inner(node: Node, wanted: Shape) -> Node | None:
    """Return what stands below the one name that a text begins with, else all of it."""
    if node.kind == "object" and not node.fields.keys() & wanted.properties.keys():
        ((name, one), *more) = node.fields.items()
        announced = re.fullmatch(r"\w+", name) or INTRO.fullmatch(f"{name}:")
        node = one if announced and not more else node
    kind = "list" if wanted.types == {"array"} else "object"
    return node if node.kind == kind else None


def _known(node: Node, wanted: Shape) -> bool:
    """Is each name in a value one that was asked for?"""
    names = {letters(name): name for name in wanted.properties}
    for key, one in node.parts:
        there = wanted.at(names.get(letters(key), key) if isinstance(key, str) else key)
        if not there or not _known(one, there):
            return False
    return True


def _indented(text: str) -> Node:
    """Return the value that lines are, by how far they stand in; raise ValueError: none."""
    lines = [(len(line) - len(line.lstrip(" ")), line.lstrip(" ")) for line in text.splitlines()]
    if not 1 < len(lines) <= MOST:
        raise ValueError("too few lines, or too many")
    node = _block(lines, lines[0][0], 0)
    if lines:
        raise ValueError("another value behind it")
    return node


def _block(lines: list[Line], depth: int, level: int) -> Node:
    """Take the items or fields that begin at a depth from the lines."""
    if level > DEEPEST:
        raise ValueError("too deep")
    made = Node("list" if ITEM.fullmatch(lines[0][1]) else "object", mended=True)
    while lines and lines[0][0] == depth:
        _, line = lines.pop(0)
        item, pair = ITEM.fullmatch(line), LINE.fullmatch(line)
        if made.kind == "list" and item:
            counted = item["mark"][:-1] in ("", str(len(made.items) + 1))
            made.items.append(_item(lines, depth + item.start("value"), item["value"], level))
            made.sure &= counted
        elif made.kind == "list" and level:
            lines.insert(0, (depth, line))
            break  # fields go on behind a list that stands no further in
        elif made.kind == "object" and pair and not item:
            put(made, pair["name"].strip(), _field(lines, depth, pair["value"], level))
        else:
            raise ValueError("neither an item nor a field")
    return made


def _item(lines: list[Line], depth: int, written: str, level: int) -> Node:
    """Take an item: a value, or the first field of a record."""
    if LINE.fullmatch(written) and written[:1] not in "\"'":
        lines.insert(0, (depth, written))
        return _block(lines, depth, level + 1)
    return _scalar(written)


def _field(lines: list[Line], depth: int, written: str, level: int) -> Node:
    """Take the value of a field: behind its name, or below it."""
    if written:
        return _scalar(written)
    below, line = lines[0] if lines else (-1, "")
    if below > depth or (below == depth and ITEM.fullmatch(line)):
        return _block(lines, below, level + 1)
    return Node("bare", sure=False, mended=True)


def _scalar(written: str) -> Node:
    if single := _SINGLE.fullmatch(written):
        return Node("text", single[1], mended=True)
    if written[0] in "[{":
        placed = nodes(written)
        if len(placed) == 1 and placed[0][1:] == (0, len(written)):
            return placed[0][0]
    return plain_value(written)


def _elements(text: str) -> Node:
    """Return the value that tags are."""
    tokens = list(_TOKEN.finditer(text))
    if len(text) > _LONGEST or "".join(one[0] for one in tokens) != text:
        raise ValueError("more than tags and words")
    tokens = [one for one in tokens if one[0].strip()]
    return _element([*_TOKEN.finditer("<all>"), *tokens, *_TOKEN.finditer("</all>")], 0)[1]


def _element(tokens: list[re.Match[str]], level: int) -> tuple[str, Node]:
    """Take one element, with all in it, from the signs of a text."""
    name, words = tokens.pop(0)["begin"], ""
    parts = list[tuple[str, Node]]()
    while tokens and not tokens[0]["end"]:
        if tokens[0]["begin"]:
            parts.append(_element(tokens, level + 1))
        else:
            words += tokens.pop(0)[0].strip()
    if not tokens or tokens.pop(0)["end"] != name or level > DEEPEST or (parts and words):
        raise ValueError("more than tags around values")
    if not parts:
        return name, plain_value("" if "&" in words else words)
    if len(parts) > 1 and len({tag for tag, _ in parts}) == 1:
        return name, Node("list", items=[part for _, part in parts], mended=True)
    made = Node("object", mended=True)
    for tag, part in parts:
        put(made, tag, part)
    return name, made
