"""A value as it was written, and a type: what fits, what was mended, and what does not fit.

pydantic checks it, strictly; what it refuses is read once more where it can mean one thing only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_args

from ..text import one_line
from .mending import NO_TEXT, mended
from .node import LITERALS, Node, letters, literal
from .schema import Wanted
from .shape import DECIMAL, Path, Shape

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

CUT = "cut off, or not clear"
REST = "the rest of the list is missing"
MISSING = "missing"
ROUNDS = 4  # of checks, each after what the last one refused was mended
MOST = 200  # misfits that are looked at
# Seconds since 1970, and more digits of a second than Python has.
NO_TIME = re.compile(r"\A\s*[-+]?\d+(?:\.\d*)?\s*\Z|\.\d{6}\d*[1-9]")
# From when to when: no time with its zone.
SPAN = re.compile(r"(?P<day>.*[T ])?(?P<begin>\d\d?:\d\d)\s*-\s*(?P<end>\d\d?:\d\d)\s*\Z")
JSON_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?")


@dataclass(frozen=True, slots=True)
class Misfit:
    """A place of an answer that has no value of its type, and why."""

    path: Path
    why: str
    own: bool = False  # it is said by a check of the user's, which may name anything


@dataclass(frozen=True, slots=True)
class Fitted:
    """An answer as it was read: its data, if all of it fits, and what does not."""

    node: Node
    data: Any = None
    misfits: tuple[Misfit, ...] = ()
    mended: int = 0


def fit(node: Node, wanted: Wanted) -> Fitted:
    """Return what a value is as the type that is wanted."""
    node = node.copy()
    _named(node, wanted.shape)
    if not wanted.nan:
        _doubt_nan(node)
    unsure = list(_unsure(node, wanted.shape, ()))
    hopeless = {one.path for one in unsure}
    data, wrong = None, list[Misfit]()
    for _ in range(ROUNDS):
        data, errors = _checked(node, wanted)
        wrong = [Misfit(path, _why(error), _own(error)) for path, error in errors]
        better = _better(node, wanted, [one for one in errors if one[0] not in hopeless])
        for path, value in better.items():
            _put(node, path, value)
        if not better:
            break
        unsure = list(_unsure(node, wanted.shape, ()))
        hopeless = {one.path for one in unsure}
    first: dict[Path, Misfit] = {}
    for one in (*unsure, *wrong):
        first.setdefault(one.path, one)
    misfits = _outermost(list(first.values()))
    count = _mended(node, wanted.shape) or int(node.mended)
    return Fitted(node, None if misfits else data, tuple(misfits), count)


def nothing(why: str) -> Fitted:
    """Return that there is no value, and why."""
    return Fitted(Node("bare", "null", sure=False), misfits=(Misfit((), why),))


def _better(
    node: Node, wanted: Wanted, errors: list[tuple[Path, ErrorDetails]]
) -> dict[Path, Node]:
    """Return what values can be read as, by their place; of several types, as a number if so."""
    found: dict[Path, list[Node]] = {}
    for path, error in errors:
        part = _at(node, path)
        there = _shape(wanted.shape, path)
        value = part and (_nothing(part, there) or mended(part, error["type"], there.values))
        if value and part and (value.kind, value.text) != (part.kind, part.text):
            found.setdefault(path, []).append(value)
    made: dict[Path, Node] = {}
    for path, values in found.items():
        numbers = [one for one in values if one.kind == "bare" and JSON_NUMBER.fullmatch(one.text)]
        if len({Decimal(one.text) for one in numbers} or {one.json() for one in values}) == 1:
            made[path] = (numbers or values)[0]
    return made


def _nothing(node: Node, wanted: Shape) -> Node | None:
    """Return null for the word, where no text is wanted."""
    said = node.kind == "text" and node.text in ("null", "None")
    null = said and "null" in wanted.types and "string" not in wanted.types
    return Node("bare", "null", mended=True) if null else None


def _checked(node: Node, wanted: Wanted) -> tuple[Any, list[tuple[Path, ErrorDetails]]]:
    """Return the data that pydantic makes of a value, or its errors by their place."""
    from pydantic import ValidationError

    try:
        return wanted.adapter.validate_json(node.json(), strict=True), []
    except ValidationError as error:
        details = error.errors(include_url=False)[:MOST]
        return None, [(_path(node, one), one) for one in details]


def _path(node: Node, error: ErrorDetails) -> Path:
    """Return where an error is, without the names of types that pydantic puts between."""
    path: list[str | int] = []
    *before, last = error["loc"] or (None,)
    for key in (*before, last):
        parts = dict(node.parts)
        if key is not None and key in parts and (isinstance(key, str) == (node.kind == "object")):
            path.append(key)
            node = parts[key]
        elif key is last and key is not None and error["type"] == "missing":
            path.append(key)
    return tuple(path)


def _own(error: ErrorDetails) -> bool:
    from pydantic_core.core_schema import ErrorType

    return error["type"] not in {*get_args(ErrorType)} - {"value_error", "assertion_error"}


def _why(error: ErrorDetails) -> str:
    if error["type"] == "missing":
        return MISSING
    text = one_line(error["msg"], 100).removeprefix("Input should be ")
    return text.removeprefix("Value error, ")


def _at(node: Node, path: Path) -> Node | None:
    for key in path:
        part = dict(node.parts).get(key)
        if part is None:
            return None
        node = part
    return node


def _shape(wanted: Shape, path: Path) -> Shape:
    for key in path:
        wanted = wanted.at(key)
    return wanted


def _put(node: Node, path: Path, value: Node) -> None:
    """Put a value in its place, all of ``node`` where that is the place."""
    if not path:
        for name in Node.__slots__:
            setattr(node, name, getattr(value, name))
        return
    holder, key = _at(node, path[:-1]), path[-1]
    if holder is not None and isinstance(key, int) and key < len(holder.items):
        holder.items[key] = value
    elif holder is not None and isinstance(key, str):
        holder.fields[key] = value


def _named(node: Node, wanted: Shape) -> None:
    """Give fields the names that are wanted, where theirs differ by case and signs alone."""
    names = wanted.properties
    if node.kind == "object" and names:
        others = [key for key in node.fields if key not in names]
        for name in names:
            near = [key for key in others if letters(key) == letters(name)]
            if name not in node.fields and len(near) == 1:
                node.fields[name] = node.fields.pop(near[0])
                node.fields[name].mended = True
    for key, one in node.parts:
        _named(one, wanted.at(key))


def _doubt_nan(node: Node) -> None:
    """Take NaN for no value: it may stand for one that is missing."""
    if node.kind == "bare" and node.text == "NaN":
        node.sure = False
    for _, one in node.parts:
        _doubt_nan(one)


def _unsure(node: Node, wanted: Shape, path: Path) -> Iterator[Misfit]:
    """Yield the places of which what was written is not certain; make numbers exact."""
    if not wanted:
        return  # nobody asked for it
    if not node.sure or _beyond(node, wanted) or _no_word(node):
        yield Misfit(path, CUT)
        return
    if node.kind == "bare" and DECIMAL in wanted.formats:
        if JSON_NUMBER.fullmatch(node.text):
            node.kind = "text"  # a Decimal, with all of its digits
        return
    while not node.complete and node.items and _begun(node.items[-1]):
        node.items.pop()
    for key, one in node.parts:
        yield from _unsure(one, wanted.at(key), (*path, key))
    if node.complete:
        return
    if node.kind == "list" or wanted.open:
        yield Misfit(path, REST if node.kind == "list" else CUT)
        return
    for name in wanted.properties:
        if name not in node.fields:
            yield Misfit((*path, name), MISSING)


def _begun(node: Node) -> bool:
    """Is it an item that was cut off?"""
    return not (node.sure and node.complete) or any(_begun(one) for _, one in node.parts)


def _no_word(node: Node) -> bool:
    """Is a bare word none that anybody meant: ``undefined``?"""
    plain = node.kind == "bare" and literal(node.text)[0] == '"'
    if node.kind == "text" and node.text in ("...", "…"):
        return True  # left out
    return plain and bool({node.text.lower(), node.text.lower()[1:]} & NO_TEXT)


def _beyond(node: Node, wanted: Shape) -> bool:
    """Would a value be read as another one: a number that is too large, a date in seconds?"""
    if wanted.formats & {"date-time", "time"} and (span := SPAN.match(node.text)):
        return not span["day"] or span["end"] > span["begin"]
    if node.kind == "bare":
        if node.text in ("true", "false") and wanted.values and "boolean" not in wanted.types:
            named = (str(one).lower() for one in wanted.values if isinstance(one, bool | str))
            return node.text not in named  # it is no 1
        if node.text == "NaN":
            return "null" in wanted.types
        if not JSON_NUMBER.fullmatch(node.text):  # 1,234 where anything may stand
            return not wanted.types and node.text[:1] in "+-.0123456789" and node.text != ""
        return not node.text.lstrip("-").isdigit() and math.isinf(float(node.text))
    if node.kind == "text" and node.text in ("null", "None") and "null" in wanted.types:
        return "string" in wanted.types  # the word, or nothing?
    timed = wanted.formats & {"date", "date-time", "time", "duration"}
    return bool(timed) and NO_TIME.search(node.text) is not None


def _outermost(misfits: list[Misfit]) -> list[Misfit]:
    """Return misfits without those inside of others."""
    paths = {one.path for one in misfits}
    return [one for one in misfits if not any(one.path[:n] in paths for n in range(len(one.path)))]


def _mended(node: Node, wanted: Shape) -> int:
    """Return how many values were not written as they are to be."""
    if not wanted:
        return 0
    own = node.mended and node.kind in ("text", "bare")
    return own + sum(_mended(one, wanted.at(key)) for key, one in node.parts)


def empty(node: Node) -> bool:
    """Is nothing in it?"""
    return node.kind == "bare" and node.text in LITERALS and literal(node.text) == "null"
