"""Fields as lines in place of JSON: ``name: Lux`` one a line, a table, tags; items as lines.

Only a record that is all there counts: each field that must be once, lines one below the other. A
text that goes on below its line is none, nor is a list behind which something else stands.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from itertools import takewhile
from textwrap import dedent

from .node import LITERALS, Node, letters
from .shape import Shape

MOST = 2_000  # lines that are looked at
LINE = re.compile(
    r"(?:[-*•]\s+|\d+[.)]\s+)?[*_`\"']{0,3}(?P<name>[^\W\d][\w .$\[\]-]{0,80}?)[*_`\"']{0,3}"
    r"\s*(?:[:：]|=(?!=))[*_]{0,3}\s*(?P<value>.*)"
)
_QUOTED = re.compile(
    r"\"(?P<name>[^\"\\\n]{1,80})\"\s*:\s*(?P<value>\"(?:[^\"\\\n]|\\.)*\"|-?\d[\d.]*|true|false|null)"
)
_END = re.compile(r"(?<=[\"\deEl]),\Z")  # behind ``"name": value``
HOLDERS = {"object", "array"}
# A line that announces a list: not one that says why there is none.
INTRO = re.compile(
    r"(?!.*(?:n['’]t|\b(?:not|cannot|unable|no|need|sorry|unfortunately|before|unless|if|why|because"
    r"|reasons?|missing|exclud\w*|omit\w*|skip\w*|wrong)\b)).{1,80}:[*_]{0,2}",
    re.I,
)
_MORE = re.compile(r"(?:and )?(?:many )?(?:others?|more|so (?:on|forth)|etc\.?)", re.I)
_TOTAL = re.compile(r"\W*(?:(?:grand |sub)?total|sums?|average|mean|overall)\W*", re.I)
ITEM = re.compile(r"(?P<mark>[-*•–]|\d+[.)])\s+(?P<value>\S.*)")
_CALL = re.compile(r"[^\W\d]\w*\((.*)\)")
_CALLED = re.compile(r"\A(?:\[|print\()([^\W\d]\w*\(.*\))[\])]\Z")  # a call in brackets
_SINGLE = re.compile(r"='([^'\"\\]*)'\Z")
_RULE = re.compile(r"\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?")
_TAG = re.compile(
    r"<(?:parameter(?:\s+name)?=\"?)?(?P<name>[^\W\d][\w.-]*)\"?>(?P<value>[^<>&]*)"
    r"</(?:parameter|(?P=name))>"
)
_AROUND = re.compile(r"(?P<sign>\*\*|`|')(?P<value>[^*`'\"\\\s](?:[^*`'\\]*[^*`'\\\s])?)(?P=sign)")
_ARGUMENT = re.compile(
    r"<arg_key>(?P<name>[^<>&]+)</arg_key>\s*<arg_value>(?P<value>[^<>&]*)</arg_value>"
)
FENCE = re.compile(r"(?:```|~~~)\w*|---")
_NOT_PLAIN = re.compile(r"[|>&!@%\[{(<\"'“]|[*_`].*[*_`]\Z|.*\s#|.*(?:\.{3}|…|,)\Z")


def record(text: str, wanted: Shape) -> Node | None:
    """Return the fields that the lines of a text are; None: they are none, or not all."""
    names = {letters(name): name for name in wanted.properties}
    if wanted.types != {"object"} or len(names) != len(wanted.properties) or not names:
        return None
    lines = [line.strip() for line in text.splitlines()]
    if len(lines) > MOST:
        return None
    bare = [line for line in lines if line and not FENCE.fullmatch(line)]
    if len(bare) == 1:
        lines = _parted(_CALLED.sub(r"\1", bare[0]), wanted)
    for pairs in (_tags(text), _table(lines), _lines(lines, names, wanted)):
        known = [(names[letters(name)], value) for name, value in pairs if letters(name) in names]
        if sorted(name for name, _ in known) == sorted(names.values()):
            fields = {k: plain_value(v, free_text(wanted.at(k))) for k, v in known}
            return Node("object", fields=fields, mended=True)
    return None


def told(text: str, wanted: Shape) -> Iterator[tuple[str, Node]]:
    """Yield fields that words tell: no texts, which may be of anything, but between quotes."""
    names = {letters(name): name for name in wanted.properties}
    for line in text.splitlines()[:MOST]:
        match = LINE.fullmatch(line.strip())
        name = names.get(letters(match["name"])) if match else None
        if match and name is not None and not free_text(wanted.at(name)):
            yield name, plain_value(match["value"].strip(" *_`,."))
    for match in _QUOTED.finditer(text):
        if match["name"] in wanted.properties:
            yield match["name"], plain_value(match["value"])


def _parted(line: str, wanted: Shape) -> list[str]:
    """Return the fields of one line: ``name: Lux, price: 3``, ``Lamp(name='Lux', price=3)``."""
    call = _CALL.fullmatch(line)
    names = "|".join(map(re.escape, wanted.properties))
    parts = re.split(rf"[\s,;|](?=\"?(?:{names})\"?\s*[:=])", call[1] if call else line)
    parts = [part.strip(" \t,;|") for part in parts]
    if call:
        return [_SINGLE.sub(r'="\1"', part) for part in parts]
    first, last = LINE.fullmatch(parts[0]), LINE.fullmatch(parts[-1])
    if not first or not last:
        return [line]
    value, free = last["value"], free_text(wanted.at(last["name"]))
    ends = value in LITERALS or value.endswith('"') or not (free or line.startswith('"'))
    return parts if ends else [line]  # else other words may follow, or digits


def free_text(wanted: Shape) -> bool:
    """May a value be any text?"""
    return "string" in wanted.types and not (wanted.values or wanted.formats)


def listed(text: str, wanted: Shape) -> Node | None:
    """Return the list that a text is, of one item a line or one row of a table an object."""
    lines = [line.rstrip() for line in text.splitlines() if not FENCE.fullmatch(line.strip())]
    inner = wanted.at(0)
    if wanted.types != {"array"} or not inner or len(lines) > MOST:
        return None
    if inner.properties:
        items = _rows([line.strip() for line in lines], inner) or _blocks(text, inner)
    else:
        items = [plain_value(one) for one in _items(lines)] if not inner.types & HOLDERS else []
    return Node("list", items=items, mended=True) if items else None


def _blocks(text: str, wanted: Shape) -> list[Node]:
    """Return the records that stand one below the other, with an empty line between them."""
    blocks = [one.strip() for one in re.split(r"\n\s*\n", text.strip())]
    blocks = blocks[1:] if INTRO.fullmatch(blocks[0]) else blocks
    lines = [line.strip() for one in blocks for line in one.splitlines()]
    if len(blocks) < 2 or not all(LINE.fullmatch(line) or FENCE.fullmatch(line) for line in lines):
        return []
    made = [record(one, wanted) for one in blocks if not FENCE.fullmatch(one)]
    return [one for one in made if one] if None not in made else []


def _rows(lines: list[str], wanted: Shape) -> list[Node]:
    """Return the rows of a table that has these columns, and behind which nothing stands."""
    names = {letters(name): name for name in wanted.properties}
    head, rows = _grid(lines) or ([], [])
    last = next((line for line in reversed(lines) if line), "")
    table = "|" in last or not any("|" in line for line in lines)
    columns = list(map(letters, head))
    if not table or any(columns.count(name) != 1 for name in names):
        return []
    free = {name for name in names.values() if free_text(wanted.at(name))}
    places = {name: columns.index(short) for short, name in names.items()}
    first = min(places.values())
    if any(_TOTAL.fullmatch(row[0]) or _TOTAL.fullmatch(row[first]) for row in rows):
        return []
    fields = [
        {name: plain_value(row[at], name in free) for name, at in places.items()} for row in rows
    ]
    return [Node("object", fields=one, mended=True) for one in fields]


def _items(lines: list[str]) -> list[str]:
    """Return what lines are that each begin as an item of a list does; a line may announce it."""
    lines = [line for line in lines if line]
    lines = lines[1:] if lines and INTRO.fullmatch(lines[0]) else lines
    head, rows = _grid(lines) or ([], [])
    if len(head) == 1 and not any(_TOTAL.fullmatch(row[0]) for row in rows):
        return [row[0] for row in rows]
    lines = dedent("\n".join(lines)).split("\n")
    found = [one for line in lines if (one := ITEM.fullmatch(line))]
    marks = [one["mark"] for one in found]
    counted = [mark[:-1] for mark in marks] == [str(n + 1) for n in range(len(marks))]
    whole = len(marks) == len(lines) > 1 and (counted or len(set(marks)) == 1)
    whole = whole and not _MORE.fullmatch(found[-1]["value"])
    return [one["value"] for one in found] if whole else []


def plain_value(written: str, free: bool = True) -> Node:
    """Return what stands behind a name; a text with signs of a form is not sure.

    Args:
        free: the signs could be a text's.
    """
    if written[:1] == '"':
        try:
            return Node("text", str(json.loads(written)), mended=True)
        except ValueError:
            return Node("bare", sure=False, mended=True)
    if not free and (around := _AROUND.fullmatch(written)):
        return Node("text", around["value"], mended=True)
    plain = written not in ("", "~") and not _NOT_PLAIN.match(written)
    return Node("bare", written, sure=plain, mended=True)


def _lines(lines: list[str], names: dict[str, str], wanted: Shape) -> Iterator[tuple[str, str]]:
    """Yield names and values of lines that follow each other."""
    found = [
        (at, match)
        for at, line in enumerate(lines)
        if (match := LINE.fullmatch(line)) and letters(match["name"]) in names
    ]
    if not found:
        return
    commas = len(found) > 1 and all(one["value"].endswith(",") for _, one in found[:-1])
    places = [
        (
            at,
            one["name"].strip(),
            _END.sub("", one["value"]) if commas or lines[at][0] == '"' else one["value"],
        )
        for at, one in found
    ]
    first, last = places[0][0], places[-1][0]
    own = {at for at, _, _ in places}
    others = [at for at in range(first, last + 1) if at not in own and lines[at]]
    free = free_text(wanted.at(names[letters(places[-1][1])]))
    after = lines[last + 1 :] if free else lines[last + 1 : last + 2]
    if others or any(line and not FENCE.fullmatch(line) for line in after):
        return  # a value may go on there
    yield from ((name, value) for _, name, value in places)


def _table(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Yield names and values of a table with one row, or with a row for each name."""
    head, rows = _grid(lines) or ([], [])
    if len(rows) == 1:
        yield from zip(head, rows[0], strict=True)
    elif len(head) == 2:
        yield from ((name, value) for name, value in rows)


def _grid(lines: list[str]) -> tuple[list[str], list[list[str]]] | None:
    """Return the head and the rows of the one table of a text."""
    if rows := _separated(lines):
        return rows[0], rows[1:]
    rules = [at for at, line in enumerate(lines) if _RULE.fullmatch(line) and "|" in line]
    if len(rules) != 1 or not 0 < rules[0] < len(lines) - 1:
        return None
    head = _cells(lines[rules[0] - 1])
    below = lines[rules[0] + 1 :]
    written = list(takewhile(lambda line: "|" in line, below))
    rows = [_cells(line) for line in written]
    closed = {line.endswith("|") for line in [lines[rules[0]], *written]}
    after = below[len(written) : len(written) + 1]
    if len(closed) != 1 or any(line and not FENCE.fullmatch(line) for line in after):
        return None  # a value may go on there
    return None if any(len(row) != len(head) for row in rows) else (head, rows)


def _separated(lines: list[str]) -> list[list[str]]:
    """Return the rows of a text that is CSV, and nothing else."""
    lines = [line for line in lines if line and not FENCE.fullmatch(line)]
    for sign in ",\t;":
        try:
            rows = list(csv.reader(lines, delimiter=sign, strict=True, skipinitialspace=True))
        except csv.Error:
            continue
        rows = [[cell.strip() for cell in row] for row in rows]
        if len(rows) > 1 and len(rows[0]) > 1 and len({len(row) for row in rows}) == 1:
            return rows
    return []


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|").removesuffix("|")
    return [one.strip().replace("\\|", "|") for one in re.split(r"(?<!\\)\|", inner)]


def _tags(text: str) -> Iterator[tuple[str, str]]:
    """Yield names and values of tags without others in them."""
    for tag in (_TAG, _ARGUMENT):
        yield from ((match["name"], match["value"].strip()) for match in tag.finditer(text))
