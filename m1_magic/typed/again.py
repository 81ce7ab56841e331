"""What does not fit, asked for once more, and put in its place; what fitted is not touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..calls import Message, Request, Text
from .fitting import REST, Fitted, Misfit, _at, _put, fit
from .node import Node
from .reading import read
from .schema import Wanted
from .shape import Shape, shown
from .values import nodes
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


def read_both(text: str, wanted: Wanted) -> Fitted:
    """Return the data of an answer, with what was asked for again and stands behind it."""
    first, between, second = text.partition(BETWEEN)
    made = read(first, wanted)
    return merged(made, second, wanted) if between and made.misfits else made


def merged(first: Fitted, answer: str, wanted: Wanted) -> Fitted:
    """Return an answer with what another one brings of what does not fit in it."""
    if any(not one.path and one.why != REST for one in first.misfits) or len(first.misfits) > MOST:
        return read(answer, wanted)
    tops = [node for node, _, _ in nodes(answer)]
    node = first.node.copy()
    if not first.misfits[0].path:
        return _longer(node, tops, wanted)
    for one in first.misfits:
        values = [value for top in tops if (value := _brought(top, one, first, wanted.shape))]
        if not tops and len(first.misfits) == 1:
            values = [Node("text", answer.strip().strip('"'), mended=False)]
            if values[0].text[:1].isdigit() or values[0].text in ("true", "false", "null"):
                values[0].kind = "bare"
        if len({value.json() for value in values}) == 1:
            _put(node, one.path, values[0])
    _complete(node, first.misfits)
    return fit(node, wanted)


def _brought(top: Node, misfit: Misfit, first: Fitted, wanted: Shape) -> Node | None:
    """Return the value for one place: by its name, or where it stands in an answer of this form."""
    path = misfit.path
    if (named := top.fields.get(shown(path))) is not None and len(path) > 1:
        return named
    if (there := _at(top, path)) is not None:
        return there
    alone = len(first.misfits) == 1
    if alone and isinstance(path[-1], str) and (last := top.fields.get(path[-1])) is not None:
        return last
    schemas = wanted
    for key in path:
        schemas = schemas.at(key)
    if alone and (top.kind == "list") and schemas.types == {"array"}:
        return top
    return None


def _longer(node: Node, tops: Sequence[Node], wanted: Wanted) -> Fitted:
    """Return a list with the items that follow; one that came whole again takes its place."""
    lists = [one for one in tops if one.kind == "list"]
    if not lists and tops and all(one.kind == "object" for one in tops):
        lists = [Node("list", items=list(tops))]
    if len(lists) != 1:
        return fit(node, wanted)
    (more,), number = lists, len(node.items)
    new_items, old_items = ([item.json() for item in one.items] for one in (more, node))
    if number and new_items[:number] == old_items:
        return fit(more, wanted)
    if not number or new_items[:1] != old_items[:1]:
        more.items[:0] = node.items
        return fit(more, wanted)
    return fit(node, wanted)


def _complete(node: Node, misfits: Sequence[Misfit]) -> None:
    """Say of objects and lists that were asked for again that nothing is missing any more."""
    for one in misfits:
        for n in range(len(one.path)):
            holder = _at(node, one.path[:n])
            if holder is not None and holder.kind == "object":
                holder.complete = True
