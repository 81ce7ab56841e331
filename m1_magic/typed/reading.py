"""The text of an answer → the one value in it that is what was asked for, as far as it fits.

Thinking, fences and words around it do not count. Where several values fit that differ, none is
taken: which of them is the answer is not ours to say.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice, pairwise

from .corrected import doubted, meant, taken_back, unmeant
from .fitting import Fitted, fit, nothing
from .lenient import Reader
from .lines import listed, record
from .mending import mended
from .nested import nested
from .node import Node, letters
from .scalar import SEVERAL, scalar, unfenced
from .schema import Wanted
from .shape import Shape
from .thought import answer_part, without_thought
from .values import nodes
from .words import example

LONGEST = 2_000_000  # characters of an answer that are read
MOST = 200  # values of an answer that are looked at
DEEPEST = 3  # objects around an answer: {"result": {"items": […]}}
DOTS = json.dumps("…")[1:-1]  # in an example
# Names of a field around an answer that is no object.
AROUND = {"answer", "result", "value", "output", "response", "data"}
# Names of an answer that is written as a call of a tool.
GIVEN = ("arguments", "parameters", "input")
CALL = {"name", "type", "id", "index", "function", *GIVEN}
NOTHING = "no such data in the answer"
# What may stand between objects that are a list: no words.
_TAGGED = re.compile(r"<(answer|final_answer)>(?:(?!</?\1>).)*</\1>", re.S)
_BETWEEN = re.compile(r"(?:[\s,;]|(?:```|~~~)\w*(?=\s)|[-*•](?=\s)|\d+[.)](?=\s)|-{3,}(?=\s))*")
_ENTITIES = re.compile(r"[{\[]\s*&(?:quot|apos|#0*3[49]|#x0*2[27]);")
_MORE = re.compile(r"\s*,?\s*([\"'])[^\W\d][\w -]*\1\s*:")  # fields behind the end of an object
_SUM = re.compile(r"[ \t]*[*+][ \t]*[\d\[(]")  # [1] + [2]
_DOUBLED = re.compile(r"[{\[]\s*\"\"[^\W\d][^\"\n]*\"\"\s*[:,\]]")  # as in CSV
_CITED = re.compile(r">\s*(?:```|[{\[])")
_TUPLE = re.compile(r"\(\s*[\"'\d({-]")
_SET = re.compile(r"\{[^{}:\[\]]{1,10000}\}")  # as Python writes it
_ONE = r"(?:\"(?:[^\"\\\n]|\\.)*\"|-?\d+(?:\.\d+)?)"
_SERIES = re.compile(rf"{_ONE}(?:(?:,[ \n]|\n)\s*{_ONE})+")  # a list's, without its brackets
_HEADLESS = re.compile(r"(\s*(?:```\w*\s*)?)\"([^\"\\\n]+)\"\s*:")  # its { is missing
_OPENING = re.compile(r"[{\[]")
_QUOTE = re.compile(r"\\*[\"'“]")
_BRACKETED = re.compile(r"\{[^{}]*\}|\[[^\[\]]*\]")
_FIELD = re.compile(r"[\"'”]\s*:\s*(?:[\"'“\d-]|true\b|false\b|null\b)")


def read(text: str, wanted: Wanted, cut: bool = False) -> Fitted:
    """Return the data of an answer, or what does not fit of the value that is most like it.

    Args:
        cut: its end is missing, so that only what shows its own end is a value.
    """
    try:
        return _read(_plain(text, wanted), wanted, cut)
    except RecursionError:
        return nothing("too many brackets in brackets")


def _read(text: str, wanted: Wanted, cut: bool) -> Fitted:
    made = [
        one for one in islice(_candidates(text, wanted, cut), MOST) if not _echo(one.node, wanted)
    ]
    good = _distinct(one for one in made if not one.misfits)
    if len(good) > 1:
        good = [one for one in good if not _citation(one.node)] or good
    if len(good) == 1 and not taken_back(good[0], made, text, wanted):
        return good[0]
    if good:
        return nothing(SEVERAL)
    partly = [one for one in made if ((), NOTHING) not in ((m.path, m.why) for m in one.misfits)]
    partly = [one for one in partly if all(m.path for m in one.misfits) or one.node.kind == "list"]
    best = sorted(_distinct(partly), key=lambda one: len(one.misfits))
    if not best:
        return made[0] if len(made) == 1 else nothing(NOTHING)
    return best[0] if len(best) == 1 else nothing(SEVERAL)


def _plain(text: str, wanted: Wanted) -> str:
    """Return an answer without thinking; of JSON within a text, what the text is."""
    text = without_thought(text[:LONGEST])
    words = wanted.shape.types == {"string"} and not wanted.shape.values
    if not words or _TAGGED.fullmatch(text):
        text = answer_part(text, wanted.shape.properties)
    lines = text.splitlines()
    if not words and _CITED.match(text) and all(line.startswith(">") for line in lines):
        text = "\n".join(line[1:] for line in lines).strip()
    if text.startswith('"') and wanted.shape.types <= {"object", "array"}:
        with suppress(ValueError):
            return str(json.loads(text, strict=False)).strip()
    return text


def _citation(node: Node) -> bool:
    """Is it a number in brackets, such as stands behind a sentence?"""
    short = node.kind == "list" and not node.mended and len(node.items) == 1
    return short and node.items[0].mended and node.items[0].text.isdigit()


def _echo(node: Node, wanted: Wanted) -> bool:
    """Is it the example that the question gave, with its dots?"""
    shown = json.dumps(example(wanted.shape), sort_keys=True, separators=(",", ":"))
    return DOTS in shown and node.json(by_name=True) == shown


def _distinct(made: Iterator[Fitted] | list[Fitted]) -> list[Fitted]:
    """Return readings that differ, each once."""
    by_text: dict[str, Fitted] = {}
    for one in made:
        by_text.setdefault(one.node.json(by_name=True), one)
    return list(by_text.values())


def _candidates(text: str, wanted: Wanted, cut: bool) -> Iterator[Fitted]:
    """Yield what values of the text are as the type that is wanted."""
    if simple := scalar(text, wanted, cut):
        yield simple
        if not simple.misfits:
            return
    if not wanted.shape.types & {"object", "array"} and not wanted.shape.values:
        for top in _once(nodes(text)):
            yield from _inside(top, wanted)
        return
    if '"' not in text and _ENTITIES.search(text):
        text = html.unescape(text)
    if _escaped(text) and (plainer := _unescaped(text)):
        text = plainer
    if _DOUBLED.search(text):
        text = text.replace('""', '"') if '""""' not in text else ""
    text, placed = placed_values(text, wanted.shape)
    if placed and _beginning_lost(text[: placed[0][1]]):
        return
    unsaid = placed and unmeant(text, placed, wanted.shape)
    placed = meant(text, placed, wanted.shape)
    summed = any(_SUM.match(text, end) for _, _, end in placed)
    if placed and (summed or unsaid or doubted(text[placed[-1][2] :], wanted.shape)):
        yield nothing(SEVERAL)
        return
    if rows := _rows(text, placed, wanted, cut):
        yield rows
        if not rows.misfits and len(placed) > 1:
            return
    for top, _, end in placed:
        top.complete &= not _MORE.match(text, end)
    for top in _once(placed):
        if top.kind == "object" or "array" in wanted.shape.types or not _flat(top):
            yield from _inside(top, wanted)
    if not cut and all(_behind_name(text, *one) for one in placed):
        flat = None if placed else record(text, wanted.shape) or listed(text, wanted.shape)
        deep = nested(text, wanted.shape)
        if flat and deep and not any(one.items or one.fields for _, one in deep.parts):
            deep = None
        yield from (fit(one, wanted) for one in (flat, deep) if one)


def _behind_name(text: str, node: Node, start: int, _: int) -> bool:
    """Is it a list of single values behind a name: ``tags: [a, b]``?"""
    return node.kind == "list" and _flat(node) and text[:start].rstrip(" ").endswith(":")


def _once(placed: list[tuple[Node, int, int]]) -> Iterator[Node]:
    """Yield values, each once, though an answer may say the same over and over."""
    seen = set[tuple[str, bool]]()
    for node, _, _ in placed:
        if (form := (node.json(), node.complete)) not in seen:
            seen.add(form)
            yield node


def _flat(node: Node) -> bool:
    """Is it a list of single values: ``[1]`` behind a sentence?"""
    return all(one.kind in ("text", "bare") and one.text[:1] not in "{[" for one in node.items)


def placed_values(text: str, wanted: Shape) -> tuple[str, list[tuple[Node, int, int]]]:
    """Return the values of a text and where they stand, in a form that is read alike."""
    bare = unfenced(text)
    if wanted.types == {"array"} and _TUPLE.match(bare):
        reader = Reader(bare, 0)
        node = reader.container(0)
        if reader.at == len(bare):
            return bare, [(node, 0, len(bare))]
    if wanted.types == {"array"} and (_SET.fullmatch(bare) or _SERIES.fullmatch(bare)):
        text = f"[{bare.strip('{}')}]"
    headless = _HEADLESS.match(text)
    if headless and letters(headless[2]) in map(letters, wanted.properties):
        whole = f"{headless[1]}{{{text[headless.end(1) :]}"
        placed = nodes(whole)
        if len(placed) == 1 and placed[0][0].complete and not whole[placed[0][2] :].strip("`\n "):
            return whole, placed
    return text, nodes(text)


def _beginning_lost(before: str) -> bool:
    """Is what stands before the first value the end of one whose bracket is missing?"""
    words = _BRACKETED.sub("", before)
    return _FIELD.search(words) is not None or "}" in words


def _rows(
    text: str, placed: list[tuple[Node, int, int]], wanted: Wanted, cut: bool
) -> Fitted | None:
    """Return objects one after the other as the list that they are; None: no list is wanted."""
    tops = [one for one, _, _ in placed]
    if wanted.shape.types != {"array"} or not tops or any(one.kind != "object" for one in tops):
        return None
    between = [text[end:start] for (_, _, end), (_, start, _) in pairwise(placed)]
    if not all(_BETWEEN.fullmatch(gap) for gap in between):
        return None
    if "]" in _BRACKETED.sub("", text[placed[-1][2] :]):
        return None  # the end of a list whose beginning is lost
    complete = not cut and all(one.complete for one in tops)
    made = fit(Node("list", items=tops, complete=complete, mended=True), wanted)
    names = wanted.shape.at(0).properties.keys()
    return made if not made.misfits or any(one.fields.keys() & names for one in tops) else None


def _inside(node: Node, wanted: Wanted, depth: int = 0) -> Iterator[Fitted]:
    """Yield what a value is as the type that is wanted, or what is in it, if it is a wrapping."""
    names = wanted.shape.properties
    if (call := given(node)) is not None and not call[0] & names.keys():
        if call[1].fields or call[1].items:
            yield from _inside(call[1], wanted, depth + 1)
        return
    schema = "properties" in node.fields and "properties" not in names  # the schema, said again
    made = fit(node, wanted)
    fields = made.node.fields.keys()
    like = node.kind == "object" and not schema and (not names or fields & names.keys())
    kinds = {"object": "object", "array": "list"}
    if made.misfits and not names and wanted.shape.open and len(node.fields) == 1:
        ((name, one),) = node.fields.items()
        if name in AROUND and _held(one).kind == "object":
            yield from _inside(_held(one), wanted, depth + 1)
            return
    right = node.kind in (kinds.get(kind) for kind in wanted.shape.types) and not schema
    if not made.misfits and (like or node.kind != "object" or not node.fields):
        yield made
        return
    if len(node.items) == 1 and node.items[0].kind == "list" and wanted.shape.types == {"array"}:
        yield from _inside(node.items[0], wanted, depth + 1)  # a list around the list
        return
    if right and (like or (node.kind == "list" and len(made.misfits) <= len(node.items) * 2)):
        yield made
        return
    few = len(node.items) + len(node.fields) <= (1 if wanted.choices and node.items else MOST)
    if depth < DEEPEST and few and node.sure:
        single = len(node.items) + len(node.fields) == 1
        for key, part in node.parts:
            inner = part if fields & wanted.shape.at(0).properties.keys() else _held(part)
            if inner.kind in ("object", "list"):
                yield from _inside(inner, wanted, depth + 1)
            elif wanted.choices:
                yield from (one for one in [fit(part, wanted)] if not one.misfits)
            elif single and key in AROUND:
                yield from _inside(part, wanted, depth + 1)


def given(node: Node) -> tuple[set[str], Node] | None:
    """Return what a function is given, and under which name, of an answer written as its call."""
    for key in ("function", *GIVEN) if node.fields.keys() <= CALL else ():
        if key in node.fields:
            inner = _held(node.fields[key])
            if key != "function":
                return ({key}, inner) if inner.kind in ("object", "list") else None
            return given(inner) if inner.kind == "object" else None
    return None


def _held(node: Node) -> Node:
    """Return the object or list that a text holds, as all of it; else the value as it is."""
    inner = mended(node, "list", ())
    return inner if inner and (inner.fields or inner.items) else node


def _escaped(text: str) -> bool:
    """Is the first quote of the first value one that is escaped?"""
    begin = _OPENING.search(text)
    quote = _QUOTE.search(text, begin.start()) if begin else None
    return quote is not None and quote[0].startswith("\\")


def _unescaped(text: str) -> str | None:
    """Return a text without the backslashes before all of its quotes, JSON within a text."""
    begin = min((at for at in (text.find("{"), text.find("[")) if at >= 0), default=0)
    end = max(text.rfind("}"), text.rfind("]")) + 1
    try:
        return str(json.loads(f'"{text[begin:end]}"', strict=False))
    except ValueError:
        return None
