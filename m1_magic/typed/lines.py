"""Fields as lines in place of JSON: ``name: Lux`` one a line, a table of two rows, tags.

Only a record that is all there counts: each field that must be once, lines one below the other. A
text that goes on below its line is none, nor is a list: its end could not be seen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import takewhile

from .node import Node, letters
from .shape import Shape

MOST = 2_000  # lines that are looked at
_LINE = re.compile(
    r"(?:[-*•]\s+|\d+[.)]\s+)?[*_`\"']{0,3}(?P<name>[^\W\d][\w .$-]{0,80}?)[*_`\"']{0,3}"
    r"\s*(?::|=(?!=))[*_]{0,3}\s*(?P<value>.*)"
)
_END = re.compile(r"(?<=[\"\deEl]),\Z")  # behind ``"name": value``
_RULE = re.compile(r"\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?")
_TAG = re.compile(
    r"<(?:parameter\s+name=\"?)?(?P<name>[^\W\d][\w.-]*)\"?>(?P<value>[^<>&]*)"
    r"</(?:parameter|(?P=name))>"
)
_FENCE = re.compile(r"(?:```|~~~)\w*|---")
_NOT_PLAIN = re.compile(r"[|>&!@%\[{(<\"'“]|[*_`].*[*_`]\Z|.*\s#|.*(?:\.{3}|…|,)\Z")


def record(text: str, wanted: Shape) -> Node | None:
    """Return the fields that the lines of a text are; None: they are none, or not all."""
    names = {letters(name): name for name in wanted.properties}
    if wanted.types != {"object"} or len(names) != len(wanted.properties) or not names:
        return None
    lines = [line.strip() for line in text.splitlines()]
    if len(lines) > MOST:
        return None
    for pairs in (_tags(text), _table(lines), _lines(lines, names, wanted)):
        known = [(names[letters(name)], value) for name, value in pairs if letters(name) in names]
        if sorted(name for name, _ in known) == sorted(names.values()):
            return Node("object", fields={k: _value(v) for k, v in known}, mended=True)
    return None


def _value(written: str) -> Node:
    """Return what stands behind a name; a text with signs of a form is not sure."""
    if written[:1] == '"':
        try:
            return Node("text", str(json.loads(written)), mended=True)
        except ValueError:
            return Node("bare", sure=False, mended=True)
    plain = written != "" and not _NOT_PLAIN.match(written)
    return Node("bare", written, sure=plain, mended=True)


def _lines(lines: list[str], names: dict[str, str], wanted: Shape) -> Iterator[tuple[str, str]]:
    """Yield names and values of lines that follow each other."""
    places = [
        (
            at,
            match["name"].strip(),
            _END.sub("", match["value"]) if line[0] == '"' else match["value"],
        )
        for at, line in enumerate(lines)
        if (match := _LINE.fullmatch(line)) and letters(match["name"]) in names
    ]
    if not places:
        return
    first, last = places[0][0], places[-1][0]
    own = {at for at, _, _ in places}
    others = [at for at in range(first, last + 1) if at not in own and lines[at]]
    text = wanted.at(names[letters(places[-1][1])])
    free = "string" in text.types and not (text.values or text.formats)
    after = lines[last + 1 :] if free else lines[last + 1 : last + 2]
    if others or any(line and not _FENCE.fullmatch(line) for line in after):
        return  # a value may go on there
    yield from ((name, value) for _, name, value in places)


def _table(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Yield names and values of a table with one row, or with a row for each name."""
    rules = [at for at, line in enumerate(lines) if _RULE.fullmatch(line) and "|" in line]
    if len(rules) != 1 or not 0 < rules[0] < len(lines) - 1:
        return
    head = _cells(lines[rules[0] - 1])
    below = lines[rules[0] + 1 :]
    written = list(takewhile(lambda line: "|" in line, below))
    rows = [_cells(line) for line in written]
    closed = {line.endswith("|") for line in [lines[rules[0]], *written]}
    after = below[len(written) : len(written) + 1]
    if len(closed) != 1 or any(line and not _FENCE.fullmatch(line) for line in after):
        return  # a value may go on there
    if any(len(row) != len(head) for row in rows):
        return
    if len(rows) == 1:
        yield from zip(head, rows[0], strict=True)
    elif len(head) == 2:
        yield from ((name, value) for name, value in rows)


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|").removesuffix("|")
    return [one.strip().replace("\\|", "|") for one in re.split(r"(?<!\\)\|", inner)]


def _tags(text: str) -> Iterator[tuple[str, str]]:
    """Yield names and values of tags without others in them."""
    yield from ((match["name"], match["value"].strip()) for match in _TAG.finditer(text))
