"""``{{name}}`` in a prompt → its value, once; every other brace stays as typed.

The grammar is a name, then any of ``.attr``, ``[0]``, ``['key']``, without spaces: nothing is
evaluated. Tables of any kind go through `summary`, in whatever clothes, so that the privacy level
holds here too; text, numbers, dates, short lists of these and settings are inserted as they are.
Of other containers, and of text that is a table, only type and size leave below ``sample``;
anything else must be made text by its owner.
"""

from __future__ import annotations

import ast
import difflib
import json
import re
from collections import deque
from collections.abc import Callable, ItemsView, Mapping, Sequence, Set, Sized, ValuesView
from contextlib import suppress
from dataclasses import dataclass, field

from ..calls import Attached, Attachment, Reply, Text
from ..errors import UsageError
from ..messages import Part, merged
from ..privacy.personal_text import hidden
from ..text import one_line, plural
from .frames.containers import is_scalar, plainly_none, table_in
from .frames.not_tables import advice
from .frames.summary import Summary
from .frames.tables import is_frame, is_tabular
from .table_json import UNREAD
from .table_text import table_of
from .variables import NAME, PATH, STEP, STEPS, public_names, resolve

# One brace more on either side is an f-string's or LaTeX's: as typed.
DOUBLE = re.compile(rf"(?<!\{{)\{{\{{(({NAME})(?:{STEP})*)\}}\}}(?!\}})")
LONGEST_CODE = 200
NOT_RUN = "code in braces is not run; put its value into a variable"
COMPUTED = (".figures", ".queries")  # parts of a reply that are results of queries
# What is meant as Python between such braces, and no path.
CODE = re.compile(r"(?<!\{)\{\{((?=[^\s{])[^{}\n]*(?:\{[^{}\n]*\}[^{}\n]*)*(?<=\S))\}\}(?!\})")
SPEC = re.compile(rf"{NAME}(?:{STEP})*\s*(?:![rsa])?(?::\S*)?")  # as in an f-string
SINGLE = re.compile(rf"(?<!\{{)\{{({NAME})\}}(?!\}})")


@dataclass(frozen=True, slots=True)
class Gathered:
    """A prompt with values in place, what is beside it and the tables inside it, and notes.

    ``summaries`` are those of the tables beside and inside it, by name.
    """

    parts: tuple[Part, ...]
    attachments: tuple[Attachment, ...] = ()
    inserted: tuple[Attachment, ...] = ()
    notes: tuple[str, ...] = ()
    summaries: Mapping[str, Summary] = field(default_factory=dict)


def insert(
    prompt: str,
    namespace: Mapping[str, object],
    summary: Callable[[object, str], Attachment],
    level: str = "stats",
) -> Gathered:
    """Return ``prompt`` with each ``{{name}}`` replaced once by its value or its summary.

    Args:
        summary: makes the attachment of a table, given the value and its expression.
        level: what may leave of a container that is neither a table nor plainly none.

    Raises:
        UsageError: a name close to an existing one; a value that cannot be reached, or is
            neither plain nor a table.
    """
    places: dict[str, tuple[Part, ...]] = {}
    tables: list[Attachment] = []
    notes: list[str] = []
    unknown: list[str] = []
    for expression, name in dict.fromkeys(DOUBLE.findall(prompt)):
        if name not in namespace:
            _not_close(name, namespace)
            unknown.append(expression)
            continue
        content, about = _content(expression, namespace, level)
        notes += about
        if isinstance(content, str):
            places[expression] = (Text(content),)
        else:
            places[expression] = (Text("\n"), Attached(len(tables), "", ""), Text("\n"))
            tables.append(summary(content, expression))
    notes = [*_left(unknown, _code(prompt, namespace)), *notes]
    for name in dict.fromkeys(SINGLE.findall(prompt)):
        if is_frame(namespace.get(name)):
            notes.append(f"{{{name}}} left as typed: write {{{{{name}}}}} to insert its summary")
    return Gathered(_replaced(prompt, places), inserted=tuple(tables), notes=tuple(notes))


def _content(
    expression: str, namespace: Mapping[str, object], level: str
) -> tuple[object, Sequence[str]]:
    """Return the text that stands for an expression, or the table that it is; what to mention."""
    value = resolve(expression, namespace)
    reply, rest = _reply_at(expression, namespace)
    if reply and (words := _written(reply, rest, level)):
        what = "goes as M1 wrote it, figures as queries (to send these: --send sample)"
        return words, [f"{{{{{one_line(expression, 60)}}}}} {what}"] if rest else ()
    part = _is_part_of_a_table(expression, value, namespace)
    # It came from there, but for results of queries.
    ours = reply and isinstance(value, str) and not rest.startswith(COMPUTED)
    table = None if ours else _table(value, expression, part=part)
    if table is not None and table is not UNREAD:
        return table, ()
    goes = table is None and not part and _goes(value, reply, rest)
    return _in_place(value, expression, level, goes=goes)


def _code(prompt: str, namespace: Mapping[str, object]) -> list[str]:
    """Return what stands in braces as Python code that is not run: calls, sums, f-strings."""
    expressions = []
    for text in (one for one in dict.fromkeys(CODE.findall(prompt)) if not PATH.fullmatch(one)):
        first = re.match(NAME, text)
        spec = SPEC.fullmatch(text) and first and first[0] in namespace
        with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
            nodes = ast.walk(ast.parse("0" if spec else text[:LONGEST_CODE], mode="eval"))
            if spec or any(isinstance(node, ast.Name) for node in nodes):
                expressions.append(text)
    return expressions


def _left(unknown: Sequence[str], code: Sequence[str]) -> list[str]:
    """Return the one line on what in braces stays as it was typed."""
    reasons = (
        (unknown, "no such name"),
        (code, NOT_RUN),
    )
    parts = []
    for texts, reason in reasons:
        listed = [f"{{{{{one_line(text, 60)}}}}}" for text in texts[:3]]
        listed += [f"{len(texts) - 3:,} more"] if len(texts) > 3 else []
        parts += [f"{', '.join(listed)} left as typed: {reason}"] if texts else []
    return ["; ".join(parts)] if parts else []


def _replaced(prompt: str, places: Mapping[str, tuple[Part, ...]]) -> tuple[Part, ...]:
    """Return a prompt with what stands in the places of its expressions."""
    parts: list[Part] = []
    at = 0
    for match in DOUBLE.finditer(prompt):
        parts += [Text(prompt[at : match.start()]), *places.get(match[1], (Text(match[0]),))]
        at = match.end()
    return merged([*parts, Text(prompt[at:])])


def _reply_at(expression: str, namespace: Mapping[str, object]) -> tuple[Reply | None, str]:
    """Return the reply that an expression names or goes through, and the steps that follow."""
    steps = STEPS.findall(expression)
    base = expression.removesuffix("".join(steps))
    for count in range(len(steps) + 1):
        value = resolve("".join([base, *steps[:count]]), namespace)
        if isinstance(value, Reply):
            return value, "".join(steps[count:])
    if isinstance(value, list) and value and all(isinstance(one, Reply) for one in value):
        texts = (f"Answer {n}:\n\n{one.written}" for n, one in enumerate(value, 1))
        return Reply(text="\n\n".join(texts)), ""
    return None, ""


def _written(reply: Reply, rest: str, level: str) -> str:
    """Return what M1 wrote, where that goes for a reply or its text; "" where it does not.

    Figures that were computed here do not leave below ``sample``.
    """
    if not rest:
        return reply.written
    return reply.template if rest == ".text" and level != "sample" else ""


def _goes(value: object, reply: Reply | None, rest: str) -> bool:
    """Is it plainly no table, nor a note, which may name the nearest row of a result?"""
    noted = reply is not None and bool(reply.template) and rest.startswith(".notes")
    return not noted and (isinstance(value, str) or plainly_none(value))


def _in_place(
    value: object, expression: str, level: str, *, goes: bool
) -> tuple[str, Sequence[str]]:
    """Return the text that stands for a value, as it is if it ``goes``, and what to mention."""
    text = _text(value, expression)
    if goes or level == "sample":
        return text if goes else hidden(text), ()
    size = _size(value)
    note = f"{{{{{one_line(expression, 60)}}}}}: {size}, withheld (to send it: --send sample)"
    return f"({size}, withheld at level {level})", (note,)


def _table(value: object, expression: str, *, part: bool) -> object:
    """Return the table that a value is, in whatever clothes; UNREAD if it cannot be read."""
    if isinstance(value, str):
        return table_of(str.__str__(value), any_data=True)
    if part and isinstance(value, (list, tuple)) and all(map(is_scalar, value)):
        return _column(value, expression)
    records = isinstance(value, list) and value and isinstance(value[0], dict)
    if records or isinstance(value, (dict, deque)) or not is_tabular(value):
        table = table_in(value)
        return value if table is None and is_tabular(value) else table
    return value


def _column(value: Sequence[object], expression: str) -> object:
    """Return a list that is a column of a table as a table; of a row, its length leaves."""
    last = STEPS.findall(expression)[-1]
    return {last.strip("[]'\""): list(value)} if last[1:2] in "'\"" else UNREAD


def _is_part_of_a_table(expression: str, value: object, namespace: Mapping[str, object]) -> bool:
    """Is it a row or a column of a list or dict that is a table?"""
    if is_scalar(value) or is_frame(value):
        return False
    for step in reversed(STEPS.findall(expression)):
        expression = expression.removesuffix(step)
        above = resolve(expression, namespace)
        if isinstance(above, (list, tuple, deque)) and len(above) < 2:
            continue
        if step[0] == "[" and is_tabular(above):
            return True  # also a cell that is a container itself
        if not isinstance(above, (list, tuple, Mapping, deque)):
            continue
        rows = not isinstance(above, Mapping) and not plainly_none(above)
        if rows or table_in(above) is not None:
            return True
    return False


def _size(value: object) -> str:
    """Return a container's type and size, and nothing else of it."""
    if isinstance(value, str):
        return f"text of {plural(len(value.splitlines()), 'line')} that holds a table"
    kind = one_line(type(value).__name__, 60)
    return f"{kind} of {plural(len(value), 'item')}" if isinstance(value, Sized) else kind


def _not_close(name: str, namespace: Mapping[str, object]) -> None:
    alike = [known for known in public_names(namespace) if known[:1] == name[:1]]
    if close := difflib.get_close_matches(name, alike, 1, 0.8):
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
        if is_scalar(value):
            return str(value)
        if isinstance(value, (Mapping, list, tuple, Set, deque, ValuesView)):
            return _compact(value)
    except (TypeError, ValueError, RecursionError):
        pass  # not plain inside, or circular
    kind, name = one_line(type(value).__name__, 60), one_line(expression, 60)
    raise UsageError(
        f"{{{{{name}}}}} is of type {kind}, not plain text, numbers or a table.",
        todo=advice(value, expression)
        or f"Insert a part of it, or its text: text = str({name}), then {{{{text}}}}.",
    )


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
    if is_scalar(value):
        return value.item() if hasattr(value, "item") else str(value)
    if isinstance(value, (Set, ValuesView)) and not isinstance(value, ItemsView):
        return sorted((_plain(item) for item in value), key=repr)
    if isinstance(value, (list, tuple)) and any(isinstance(item, dict) for item in value):
        raise TypeError("records inside")  # they would pass the privacy level by
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, deque, ItemsView)):
        return [_plain(item) for item in value]
    raise TypeError(type(value).__name__)
