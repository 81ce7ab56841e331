"""``{{name}}`` in a prompt → its value, once; every other brace stays as typed.

The grammar is a name, then any of ``.attr``, ``[0]``, ``['key']``, without spaces: nothing is
evaluated. Tables of any kind go through `summary`, so that the privacy level holds here too;
text, numbers, dates, and containers of these but records are inserted as they are; anything else
must be made text by its owner.
"""

from __future__ import annotations

import difflib
import json
import numbers
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta

from ..calls import Attached, Attachment, Text
from ..errors import UsageError
from ..messages import Part, merged
from ..text import one_line
from .frames.tables import is_frame, is_tabular
from .variables import NAME, STEP, STEPS, public_names, resolve

# One brace more on either side is an f-string's or LaTeX's: as typed.
DOUBLE = re.compile(rf"(?<!\{{)\{{\{{(({NAME})(?:{STEP})*)\}}\}}(?!\}})")
SINGLE = re.compile(rf"(?<!\{{)\{{({NAME})\}}(?!\}})")


@dataclass(frozen=True, slots=True)
class Gathered:
    """A prompt with values in place, what is beside it and the tables inside it, and notes."""

    parts: tuple[Part, ...]
    attachments: tuple[Attachment, ...] = ()
    inserted: tuple[Attachment, ...] = ()
    notes: tuple[str, ...] = ()


def insert(
    prompt: str,
    namespace: Mapping[str, object],
    summary: Callable[[object, str], Attachment],
) -> Gathered:
    """Return ``prompt`` with each ``{{name}}`` replaced once by its value or its summary.

    Args:
        summary: makes the attachment of a table, given the value and its expression.

    Raises:
        UsageError: a name close to an existing one; a value that cannot be reached, or is
            neither plain nor a table.
    """
    places: dict[str, tuple[Part, ...]] = {}
    tables: list[Attachment] = []
    notes: list[str] = []
    for expression, name in dict.fromkeys(DOUBLE.findall(prompt)):
        if name not in namespace:
            _not_close(name, namespace)
            notes.append(f"{{{{{one_line(expression, 60)}}}}} left as typed: no such name")
            continue
        value = _column(resolve(expression, namespace), expression, namespace)
        if is_tabular(value):
            places[expression] = (Text("\n"), Attached(len(tables), "", ""), Text("\n"))
            tables.append(summary(value, expression))
        else:
            places[expression] = (Text(_text(value, expression)),)
    parts: list[Part] = []
    at = 0
    for match in DOUBLE.finditer(prompt):
        parts += [Text(prompt[at : match.start()]), *places.get(match[1], (Text(match[0]),))]
        at = match.end()
    for name in dict.fromkeys(SINGLE.findall(prompt)):
        if name in namespace and is_frame(namespace[name]):
            notes.append(f"{{{name}}} left as typed: write {{{{{name}}}}} to insert its summary")
    parts.append(Text(prompt[at:]))
    return Gathered(merged(parts), inserted=tuple(tables), notes=tuple(notes))


def _column(value: object, expression: str, namespace: Mapping[str, object]) -> object:
    """Return a list that is a column of a dict of columns as a table, all else as it is."""
    steps = STEPS.findall(expression)
    if not steps or not isinstance(value, (list, tuple)) or is_tabular(value):
        return value
    parent = resolve(expression.removesuffix(steps[-1]), namespace)
    column = isinstance(parent, dict) and is_tabular(parent)
    return {steps[-1].strip("[]'\""): value} if column else value


def _not_close(name: str, namespace: Mapping[str, object]) -> None:
    alike = [known for known in public_names(namespace) if known[:1] == name[:1]]
    close = difflib.get_close_matches(name, alike, 1, 0.8)
    if close:
        raise UsageError(
            f"There is no {{{{{one_line(name, 60)}}}}}.",
            todo=f"Did you mean {{{{{one_line(close[0], 60)}}}}}? "
            "To keep the text as typed, put a space inside.",
        )


def _text(value: object, expression: str) -> str:
    """Return a plain value as text, or raise UsageError naming its type."""
    try:
        if isinstance(value, str):
            return str.__str__(value)
        if value is None or isinstance(value, _scalars()):
            return str(value)
        if isinstance(value, (dict, list, tuple, set, frozenset)):
            return _compact(value)
    except (TypeError, ValueError, RecursionError):
        pass  # not plain inside, or circular
    kind, name = one_line(type(value).__name__, 60), one_line(expression, 60)
    raise UsageError(
        f"{{{{{name}}}}} is of type {kind}, not plain text, numbers or a table.",
        todo=f"Insert a part of it, or its text: text = str({name}), then {{{{text}}}}.",
    )


def _scalars() -> tuple[type, ...]:
    numpy = sys.modules.get("numpy")
    return (numbers.Number, date, time, timedelta, *((numpy.generic,) if numpy else ()))


def _compact(value: object) -> str:
    """Return plain containers as JSON, or as their repr where keys are no JSON keys.

    Raises:
        TypeError: something inside is not plain, or is a table, which must be named itself.
    """
    json.dumps(plain_copy := _plain(value), ensure_ascii=False, skipkeys=True)
    try:
        return json.dumps(plain_copy, ensure_ascii=False)
    except TypeError:
        return repr(plain_copy)


def _plain(value: object) -> object:
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, _scalars()):
        return value.item() if hasattr(value, "item") else str(value)
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(item) for item in value), key=repr)
    if isinstance(value, (list, tuple)) and any(isinstance(item, dict) for item in value):
        raise TypeError("records inside")  # they would pass the privacy level by
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    raise TypeError(type(value).__name__)
