"""``{{name}}`` in a prompt → its value, once; every other brace stays as typed.

The grammar is a name, then any of ``.attr``, ``[0]``, ``['key']``, without spaces: nothing is
evaluated. Tables of any kind go through `summary`, so that the privacy level holds here too;
plain values are inserted as they are; anything else must be made text by its owner.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ..calls import Attached, Attachment, Message, Text
from ..errors import UsageError
from ..messages import Part, merged
from ..privacy.fences import marks
from ..privacy.plain_values import plain_text
from ..text import one_line
from .frames.tables import is_frame, is_tabular
from .variables import NAME, STEP, STEPS, public_names, resolve

# One brace more on either side is an f-string's or LaTeX's: as typed.
DOUBLE = re.compile(rf"(?<!\{{)\{{\{{({NAME}(?:{STEP})*)\}}\}}(?!\}})")
SINGLE = re.compile(rf"(?<!\{{)\{{({NAME})\}}(?!\}})")


@dataclass(frozen=True, slots=True)
class Inserted:
    """A prompt with its values in place, the summaries among them, and what to mention."""

    parts: tuple[Part, ...]
    attachments: tuple[Attachment, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The prompt as it leaves."""
        return Message("user", self.parts).content(self.attachments)


def insert(
    prompt: str,
    namespace: Mapping[str, object],
    summary: Callable[[object, str], Attachment],
    around: str = "",
) -> Inserted:
    """Return ``prompt`` with each ``{{name}}`` replaced once by its value or its summary.

    Args:
        prompt: the text as typed.
        namespace: the notebook's variables.
        summary: makes the attachment of a table, given the value and its expression.
        around: what else will be in the prompt, so that no mark of a table is in it.

    Raises:
        UsageError: a name close to an existing one; a value that cannot be reached, or is
            neither plain nor a table.
    """
    notes: dict[str, None] = {}
    tables: dict[str, Attachment] = {}
    texts: dict[str, str] = {}

    def place(match: re.Match[str]) -> str:
        expression = match[1]
        if expression not in texts:
            base = re.match(NAME, expression)
            if base and base[0] not in namespace:
                _not_close(base[0], namespace)
                notes[f"{{{{{one_line(expression, 60)}}}}} left as typed: no such name"] = None
                return match[0]
            value = _column(resolve(expression, namespace), expression, namespace)
            if is_tabular(value):
                tables[expression] = summary(value, expression)
                texts[expression] = ""
            else:
                texts[expression] = _text(value, expression)
        return texts[expression]

    DOUBLE.sub(place, prompt)
    all_of_it = "\n".join([prompt, around, *texts.values(), *(t.text for t in tables.values())])
    places = {
        name: (Text("\n"), Attached(number, *marks(table, all_of_it)), Text("\n"))
        for number, (name, table) in enumerate(tables.items())
    }
    parts = _split(prompt, lambda match: places.get(match[1]) or (Text(place(match)),))
    for name in dict.fromkeys(SINGLE.findall(prompt)):
        if name in namespace and is_frame(namespace[name]):
            notes[f"{{{name}}} left as typed: write {{{{{name}}}}} to insert its summary"] = None
    return Inserted(merged(parts), tuple(tables.values()), tuple(notes))


def _split(prompt: str, place: Callable[[re.Match[str]], tuple[Part, ...]]) -> Iterator[Part]:
    """Yield the parts of a prompt: the words, and in place of each ``{{name}}`` its own parts."""
    at = 0
    for match in DOUBLE.finditer(prompt):
        yield Text(prompt[at : match.start()])
        yield from place(match)
        at = match.end()
    yield Text(prompt[at:])


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
    text = plain_text(value)
    if text is None:
        kind, name = one_line(type(value).__name__, 60), one_line(expression, 60)
        raise UsageError(
            f"{{{{{name}}}}} is of type {kind}, not plain text, numbers or a table.",
            todo=f"Insert a part of it, or its text: text = str({name}), then {{{{text}}}}.",
        )
    return text
