"""What does not fit, asked for once more, and put in its place; what fitted is not touched."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace

from ..calls import Message, Request, Text
from .choosing import forms, labelled
from .corrected import doubted
from .fitting import REST, Fitted, Misfit, _at, _put, _shape, fit
from .lines import free_text, record
from .node import Node, letters, literal
from .reading import AROUND, given, placed_values, read
from .scalar import unfenced
from .schema import Wanted
from .shape import Shape, shown
from .thought import answer_part, without_thought
from .words import form

MOST = 30  # places that are named
ASK = (
    "These values of your answer are missing or not of their type:\n\n{listed}\n\nSend only these,"
    " as one JSON object with exactly these names: {{{names}}}. Write nothing else."
)
REST_ASK = (
    "Your list was cut off. Send only the items that follow the first {number}, as one JSON list"
    " ([] if there are none): {form}"
)
ALL_ASK = (
    "Your answer could not be read ({why}). Send it again: one value, and nothing else.\n\n{words}"
)
# What stands between an answer and the fields that were asked for again, in the text that is kept.
BETWEEN = "\n\n[asked again]\n\n"


def asking(request: Request, text: str, fitted: Fitted, wanted: Wanted) -> Request:
    """Return the request that asks for what does not fit."""
    more = (Message("assistant", (Text(text),)), Message("user", (Text(_ask(fitted, wanted)),)))
    return replace(request, messages=(*request.messages, *more), response_format=None)


def _ask(fitted: Fitted, wanted: Wanted) -> str:
    misfits = fitted.misfits
    if not all(one.path or one.why == REST for one in misfits) or len(misfits) > MOST:
        why = _reason(misfits[0]) if len(misfits) <= MOST else f"{len(misfits)} values do not fit"
        return ALL_ASK.format(why=why, words=wanted.form.words)
    if not misfits[0].path:
        number = len(fitted.node.items)
        return REST_ASK.format(number=number, form=form(wanted.shape))
    lines, names = [], []
    for one in misfits:
        there = wanted.shape
        for key in one.path:
            there = there.at(key)
        name = shown(one.path)
        lines.append(f"- {name}: {form(there)} ({_reason(one)})")
        names.append(f'"{name}": …')
    return ASK.format(listed="\n".join(lines), names=", ".join(names))


def _reason(misfit: Misfit) -> str:
    """Return why a value does not fit, as M1 may know it."""
    return "not accepted" if misfit.own else misfit.why


def read_both(text: str, wanted: Wanted, cut: Collection[int] = ()) -> Fitted:
    """Return the data of an answer, with what was asked for again and stands behind it.

    Args:
        cut: which of the two are cut off, by number.
    """
    first, between, second = text.partition(BETWEEN)
    made = read(first, wanted, 0 in cut)
    if between and not made.misfits:  # it was asked for again, so it was cut off
        made = read(first, wanted, True)
    return merged(made, second, wanted, 1 in cut) if between and made.misfits else made


def merged(first: Fitted, answer: str, wanted: Wanted, cut: bool) -> Fitted:
    """Return an answer with what another one brings of what does not fit in it."""
    if any(not one.path and one.why != REST for one in first.misfits) or len(first.misfits) > MOST:
        return read(answer, wanted, cut)
    node = first.node.copy()
    if not first.misfits[0].path:
        return _longer(node, answer, wanted)
    answer = unfenced(answer_part(without_thought(answer), wanted.shape.properties))
    tops = _objects(answer, first, wanted.shape, cut)
    for one in first.misfits:
        values = [value for top in tops if (value := _brought(top, one, first, wanted.shape))]
        if len({value.json() for value in values}) == 1:
            _put(node, one.path, values[0])
    if not tops and len(first.misfits) == 1 and not cut:
        _put_alone(node, answer, first.misfits[0], wanted)
    _complete(node, first.misfits)
    return fit(node, wanted)


def _objects(text: str, first: Fitted, wanted: Shape, cut: bool) -> list[Node]:
    """Return what an answer says of the places that were asked for, in objects or as lines."""
    names = {
        shown(one.path): {"anyOf": [*_shape(wanted, one.path).schemas]} for one in first.misfits
    }
    asked = Shape(({"type": "object", "properties": names},), wanted.defs)
    text, placed = placed_values(text, asked)
    if placed and doubted(text[placed[-1][2] :], asked):
        return [Node("object")]
    words = any(free_text(asked.at(name)) for name in names)  # which a sentence may be, too
    lines = record(text, asked) if not (cut or words or "{" in text) else None
    if lines and all(one.sure for _, one in lines.parts):
        return [lines]
    return [_unwrapped(one, {*wanted.properties, *names}) for one, _, _ in placed]


def _put_alone(node: Node, text: str, misfit: Misfit, wanted: Wanted) -> None:
    """Put a text without a bracket in the one place; words that may be any are no value."""
    if text.startswith('"'):
        with suppress(ValueError):
            _put(node, misfit.path, Node("text", str(json.loads(text))))
            return
    if free_text(_shape(wanted.shape, misfit.path)) or not text:
        return
    told = [] if "\n" in text else list(labelled(text))[-1:]
    for word in (word for one in told for word in forms(one, signed=True, numbered=True)):
        made = node.copy()
        _put(made, misfit.path, Node("bare" if literal(word)[0] != '"' else "text", word))
        if word[:1] == "(":
            return  # (42) may be -42
        if misfit.path not in (one.path for one in fit(made, wanted).misfits):
            _put(node, misfit.path, _at(made, misfit.path) or node)
            return


def _brought(top: Node, misfit: Misfit, first: Fitted, wanted: Shape) -> Node | None:
    """Return the value for one place: by its name, or where it stands in an answer of this form."""
    path = misfit.path
    if (found := _field(top, shown(path))) is not None and len(path) > 1:
        return found
    if (there := _at(top, path)) is not None:
        return there
    alone = len(first.misfits) == 1
    last = _field(top, path[-1]) if isinstance(path[-1], str) else None
    only = [one.path[-1] for one in first.misfits].count(path[-1]) == 1
    own = only and path[-1] not in wanted.properties
    if (alone or own or len(path) == 1) and last is not None:
        return last
    if alone and len(top.fields) == 1 and (around := AROUND & top.fields.keys()):
        return top.fields[around.pop()]
    if alone and top.kind == "list" and _shape(wanted, path).types == {"array"}:
        return top
    return None


def _unwrapped(top: Node, names: Collection[str]) -> Node:
    """Return the object in an object around it: ``{"answer": {…}}``, a call of a tool."""
    if (call := given(top)) is not None and call[1].kind == "object" and not call[0] & {*names}:
        return call[1]
    if len(top.items) == 1:
        return top.items[0] if top.items[0].kind == "object" else top
    if len(top.fields) == 1:
        ((key, inner),) = top.fields.items()
        if inner.kind == "object" and key not in names and "." not in key:
            return inner
    return top


def _field(node: Node, name: str) -> Node | None:
    """Return the field of a name, or the only one whose name differs by case and signs alone."""
    near = [one for key, one in node.fields.items() if letters(key) == letters(name)]
    return node.fields.get(name) or (near[0] if len(near) == 1 else None)


def _longer(node: Node, answer: str, wanted: Wanted) -> Fitted:
    """Return a list with the items that follow; one that came whole again takes its place.

    Items that are told twice say that it is not known where the rest begins.
    """
    rest = read(answer, wanted)
    if rest.misfits:
        return fit(node, wanted)
    more, number = rest.node, len(node.items)
    new_items, old_items = ([item.json() for item in one.items] for one in (more, node))
    if number and new_items[:number] == old_items:
        return rest
    twice = any(new_items[:n] == old_items[-n:] for n in range(1, number + 1))
    if twice or (number and new_items[:1] == old_items[:1]):
        return fit(node, wanted)
    more.items[:0] = node.items
    return fit(more, wanted)


def _complete(node: Node, misfits: Sequence[Misfit]) -> None:
    """Say of objects and lists that were asked for again that nothing is missing any more."""
    for one in misfits:
        for n in range(len(one.path)):
            holder = _at(node, one.path[:n])
            if holder is not None and holder.kind == "object":
                holder.complete = True
