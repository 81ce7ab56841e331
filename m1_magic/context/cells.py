"""``--cells``: earlier cells with their outputs → one attachment, each output by the level.

A table that a cell showed goes as its summary, all else by the rule of `privacy.outputs`. The
code goes as typed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..calls import RECORD, Attachment
from ..errors import UsageError
from ..options import kinds
from ..privacy import redaction
from ..privacy.outputs import Output, leaving, left_out
from ..text import cut_middle, one_line
from .frames.summary import Wish
from .frames.tables import is_tabular

OURS = re.compile(r"%m1\b|%load_ext m1_magic\b")
SOURCE = 24_000  # characters of a cell's code
OUTPUTS = 20  # of one cell
TABLE = 500  # tokens of the summary of a table that a cell showed, unless --df-tokens says more


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that ran: its execution count, its code as typed, its outputs."""

    number: int
    source: str
    outputs: tuple[Output, ...] = ()

    @property
    def asks(self) -> bool:
        """Is it a ``%%m1`` cell?"""
        return bool(self._lines) and re.match(r"%%m1\b", self._lines[0]) is not None

    @property
    def ours(self) -> bool:
        """Is it a ``%%m1`` cell, or nothing but ``%m1`` lines?"""
        return self.asks or (bool(self._lines) and all(map(OURS.match, self._lines)))

    @property
    def _lines(self) -> list[str]:
        """The lines that are neither blank nor a comment."""
        return [line for line in self.source.split("\n") if not re.match(r"\s*(#.*)?$", line)]

    def leaving(self, level: str, secrets: redaction.Policy) -> list[tuple[Output, str | None]]:
        """Return the outputs but footers of ours, and what of each may leave, None if nothing."""
        outputs = [output for output in self.outputs if RECORD not in output.bundle]
        answered = self.asks and len(outputs) < len(self.outputs)
        outputs = outputs[:OUTPUTS]
        texts = leaving(outputs, self.source, level, secrets, answered=answered)
        return list(zip(outputs, texts, strict=True))

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
    by_number = {cell.number: cell for cell in cells}
    numbers: set[int] = set()
    passed_over: set[int] = set()
    for part in kinds.cells(spec).split(","):
        first, _, last = part.partition("-")
        if part == "last":
            named = theirs[-1:]
        elif part.isdecimal():
            named = [int(part)] if int(part) in by_number else []
        else:
            low, high = (0, 10**9) if part == "all" else (int(first), int(last))
            named = [number for number in theirs if low <= number <= high]
            passed_over |= {n for n in by_number if low <= n <= high} - set(named)
        if not named:
            raise UsageError(f"--cells {part}: {_none(theirs)}", todo="%history -n lists them.")
        numbers |= set(named)
    return [by_number[n] for n in sorted(numbers)], sorted(passed_over - numbers)


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
        parts.append(f"In [{cell.number}]:\n{cut_middle(code, SOURCE)}")
        for output, text in cell.leaving(wish.level, secrets):
            if output.kind == "value" and _is_table(output.value):
                table = _summarised(output.value, f"Out[{cell.number}]", summary)
                tables += [table] if table else []
                text = table.text if table else None
            dropped += text is None
            body = text or left_out(output, wish.level)
            parts.append(f"Out [{cell.number}], {output.kind}:\n{body}")
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
    listed = ", ".join("-".join(map(str, run)) for run in runs)
    return f"cell{'s' if len(numbers) > 1 else ''} {listed}"


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
