"""``--cells``: earlier cells with their outputs → one attachment, each output by the level.

A table that a cell showed goes as its summary, pictures by kind and size, the rest by the rule of
`printed`. The code goes as typed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..calls import Attachment
from ..errors import UsageError
from ..options import kinds
from ..privacy import redaction
from ..privacy.outputs import clean, cut, leaves, words
from ..privacy.personal_text import hidden
from ..text import one_line
from .frames import is_tabular
from .frames.summary import Wish

OURS = re.compile(r"%m1\b|%load_ext m1_magic\b")
SOURCE = 24_000  # characters of a cell's code
OUTPUTS = 20  # of one cell
TABLE = 500  # tokens of the summary of a table that a cell showed, unless --df-tokens says more
TEXTS = ("text/markdown", "text/plain", "text/latex")


@dataclass(frozen=True, slots=True)
class Output:
    """Something that a cell wrote or showed, as IPython keeps it.

    Args:
        kind: ``stdout``, ``stderr``, ``shown`` by ``display()``, ``value`` of its last line, or
            ``raised``, the type of an error.
        bundle: MIME type → text or bytes; printed text is ``text/plain``.
        value: the object itself, None if it is not there any more.
    """

    kind: str
    bundle: Mapping[str, object]
    value: object = None


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that ran: its execution count, its code as typed, its outputs."""

    number: int
    source: str
    outputs: tuple[Output, ...] = ()

    @property
    def ours(self) -> bool:
        """Is it a ``%%m1`` cell, or nothing but ``%m1`` lines?"""
        lines = [line for line in self.source.split("\n") if not re.match(r"\s*(#.*)?$", line)]
        asked = bool(lines) and re.match(r"%%m1\b", lines[0]) is not None
        return asked or (bool(lines) and all(OURS.match(line) for line in lines))

    @property
    def first(self) -> str:
        """The first line that says something, for a list of cells."""
        lines = (line for line in self.source.split("\n") if line.strip())
        return one_line(next(lines, ""), 80)


def chosen(spec: str, cells: Sequence[Cell]) -> tuple[list[Cell], list[int]]:
    """Return the cells that ``spec`` asks for in order, and the numbers of ours left out.

    Cells of ours are meant only where one is named by its number.

    Raises:
        UsageError: one of its parts means no cell that ran.
    """
    theirs = [cell.number for cell in cells if not cell.ours]
    there = {cell.number: cell for cell in cells}
    found: set[int] = set()
    passed: set[int] = set()
    for part in kinds.cells(spec).split(","):
        first, _, last = part.partition("-")
        if part == "last":
            meant = theirs[-1:]
        elif part.isdecimal():
            meant = [int(part)] if int(part) in there else []
        else:
            low, high = (0, 10**9) if part == "all" else (int(first), int(last))
            meant = [number for number in theirs if low <= number <= high]
            passed |= {n for n in there if low <= n <= high} - set(meant)
        if not meant:
            raise UsageError(f"--cells {part}: {_none(theirs)}", todo="%history -n lists them.")
        found |= set(meant)
    return [there[n] for n in sorted(found)], sorted(passed - found)


def attachment(
    cells: Sequence[Cell],
    wish: Wish,
    summary: Callable[[object, str], Attachment],
    secrets: redaction.Policy,
) -> Attachment:
    """Return the cells as one attachment; what leaves of their outputs is ``wish.level``'s.

    Args:
        cells: those that were asked for.
        wish: the privacy level.
        summary: makes the attachment of a table, given the value and what to call it.
        secrets: what is masked, before a text is cut.
    """
    tables: list[Attachment] = []
    parts: list[str] = []
    dropped = 0
    for cell in cells:
        code, _ = redaction.mask(cell.source.strip("\n"), secrets)
        parts.append(f"In [{cell.number}]:\n{cut(code, SOURCE)}")
        known = words(cell.source)
        for output in cell.outputs[:OUTPUTS]:
            if output.kind == "value" and _is_table(output.value):
                table = _summarised(output.value, f"Out[{cell.number}]", summary)
                tables += [table] if table else []
                text = table.text if table else None
            else:
                text = _text(output, known, wish.level, secrets)
            dropped += text is None
            told = text or f"[{_size(output)} left out at level {wish.level}]"
            parts.append(f"Out [{cell.number}], {output.kind}:\n{told}")
        if more := cell.outputs[OUTPUTS:]:
            dropped += len(more)
            parts.append(f"[{len(more):,} more outputs left out]")
    text = "\n\n".join(parts)
    return Attachment(
        kind="cell",
        name=named([cell.number for cell in cells]),
        text=text,
        level=wish.level,
        rows=sum(one.rows for one in tables),
        labels=sum(one.labels for one in tables),
        masked=sum(one.masked for one in tables),
        dropped=dropped,
        tokens=-(-len(text) * 5 // 12),
    )


def tabled(wish: Wish, tokens: int | None) -> Wish:
    """Return the wish for a table that a cell showed: shorter than one that was named."""
    return wish if tokens else replace(wish, tokens=min(wish.tokens, TABLE))


def named(numbers: Sequence[int]) -> str:
    """Return ``cell 3``, or ``cells 3-5, 8``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number])
    told = ", ".join("-".join(map(str, run)) for run in runs)
    return f"cell{'s' if len(numbers) > 1 else ''} {told}"


def _none(theirs: Sequence[int]) -> str:
    return f"no such cell ran; {named(theirs)} did." if theirs else "no cell ran before this one."


def _is_table(value: object) -> bool:
    return not isinstance(value, Path) and is_tabular(value)


def _summarised(
    value: object, name: str, summary: Callable[[object, str], Attachment]
) -> Attachment | None:
    """Return the summary of a table, None if its engine cannot be asked any more."""
    try:
        return summary(value, name)
    except UsageError:
        return None


def _text(
    output: Output, code: frozenset[str], level: str, secrets: redaction.Policy
) -> str | None:
    """Return what may leave of an output that is no table; None if nothing may."""
    pictures = [kind for kind in output.bundle if kind.startswith("image/")]
    if pictures:
        return "\n".join(
            f"[picture, {one_line(k, 40)}, {_bytes(output.bundle[k])}]" for k in pictures
        )
    text = _plain(output)
    if output.kind == "raised":
        return one_line(text, 100)
    table = "<table" in str(output.bundle.get("text/html", "")).lower()
    allowed = leaves(text, code, level, output.value) and (level == "sample" or not table)
    if not text or not allowed:
        return None
    return cut(hidden(redaction.mask(text, secrets)[0]))


def _plain(output: Output) -> str:
    """Return the text of an output, "" if it has none."""
    texts = (output.bundle.get(kind) for kind in TEXTS)
    return clean(next((text for text in texts if isinstance(text, str)), ""))


def _size(output: Output) -> str:
    text = _plain(output)
    lines = text.count("\n") + 1
    return f"{lines:,} line{'s' if lines > 1 else ''}" if text else "an output without text"


def _bytes(data: object) -> str:
    # Pictures come as bytes, or as base64, which is a third longer.
    size = len(data) if isinstance(data, bytes) else len(str(data)) * 3 // 4
    return f"{max(1, round(size / 1000)):,} kB"
