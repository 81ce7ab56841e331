"""``--cells``: earlier cells with their outputs → one attachment, each output by the level.

A table that a cell showed goes as its summary, all else by the rule of `privacy.outputs`. The
code goes as typed. Figures that were computed here for an answer of ours leave at ``sample`` only;
below it goes what M1 wrote, where that is known.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from ..calls import RECORD, Attachment, Reply
from ..errors import UsageError
from ..options import kinds
from ..privacy import redaction
from ..privacy.outputs import Output, answer, leaving, left_out, plain_text
from ..text import cut_middle, plural
from .frames.tables import is_tabular, shape_of

OURS = re.compile(r"%m1\b|%load_ext m1_magic\b")
SOURCE = 24_000  # characters of a cell's code
OUTPUTS = 20  # of one cell
MOST_TOLD = 5  # tables of which a line says that their values stay
TABLE = 500  # tokens of the summary of a table that a cell showed, unless --df-tokens says more

Summarised = Callable[[object, str, str], Attachment]
Figures = Callable[[str, object], Attachment | None]


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that ran: its execution count, its code as typed, its outputs.

    ``id`` is the front end's, "" where it is not known.
    """

    number: int
    source: str
    outputs: tuple[Output, ...] = ()
    id: str = ""

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

    def leaving(self, level: str, secrets: redaction.Policy) -> Iterator[tuple[Output, str | None]]:
        """Yield the outputs but footers of ours, and what of each may leave, None if nothing."""
        outputs = [output for output in self.outputs if RECORD not in output.bundle]
        answered = self.asks and len(outputs) < len(self.outputs)
        # A terminal keeps no record of what it printed.
        computed = level != "sample" and (
            any(map(has_figures, self.outputs)) or (self.ours and not answered)
        )
        outputs = outputs[:OUTPUTS]
        texts = Counter(output.kind for output in outputs if plain_text(output))
        for output in outputs:
            reply = output.value
            if isinstance(reply, Reply) and reply.template and level != "sample":
                yield output, redaction.mask(reply.template, secrets)[0]
                continue
            if computed and output.kind != "raised":
                yield output, None
                continue
            if answered and output.kind != "raised":
                yield output, answer(output, secrets)
                continue
            alone = texts[output.kind] == 1
            yield output, leaving(output, self.source, level, secrets, alone=alone)


def has_figures(output: Output) -> bool:
    """Is it the record of a call whose answer shows figures that were computed here?"""
    record = output.bundle.get(RECORD)
    records = record if isinstance(record, list) else [record]
    return any(isinstance(one, dict) and one.get("figures") for one in records)


@dataclass(frozen=True, slots=True)
class Choice:
    """The cells that ``--cells`` means, in order, each with what it is called in the text.

    ``name`` is what they are called together, ``passed_over`` the numbers of ours left out.
    """

    cells: tuple[tuple[str, Cell], ...]
    name: str
    passed_over: tuple[int, ...] = ()


def chosen(spec: str, cells: Sequence[Cell]) -> Choice:
    """Return the cells that ``spec`` asks for.

    Cells of ours are meant only where one is named by its number. A cell that is not named by it
    is called by its place among those that go along, for execution counts differ in each run;
    and one that ran several times goes once, where it stood first, as it ran last.

    Raises:
        UsageError: one of its parts means no cell that ran.
    """
    once = [cell for cell in _once(cells) if not cell.ours]
    theirs = [cell.number for cell in cells if not cell.ours]
    by_number = {cell.number: cell for cell in cells}
    meant: dict[int, Cell] = {}
    typed: set[int] = set()
    passed_over: set[int] = set()
    parts = kinds.cells(spec).split(",")
    for part in parts:
        matches = once if part == "all" else _of_part(part, theirs, by_number)
        passed_over |= {number for number in by_number if _within(number, part)}
        if not matches:
            ran = f"no such cell ran; {named(theirs)} did." if theirs else ""
            what = f"--cells {part}: {ran or 'no cell ran before this one.'}"
            raise UsageError(what, todo="%history -n lists them.")
        meant |= {cell.number: cell for cell in matches if cell.number not in meant}
        typed |= set() if part in ("all", "last") else {cell.number for cell in matches}
    if "all" in parts:
        passed_over |= {cell.number for cell in cells if cell.ours}
        labels = {number: str(place) for place, number in enumerate(meant, 1)}
        name = "all cells"
    else:
        meant = dict(sorted(meant.items()))
        labels = {number: str(number) if number in typed else "last" for number in meant}
        others = ["last"] if "last" in labels.values() else []
        name = ", ".join([named(sorted(typed)), *others]) if typed else "last cell"
    chosen = tuple((labels[number], cell) for number, cell in meant.items())
    return Choice(chosen, name, tuple(sorted(passed_over - meant.keys())))


def _of_part(part: str, theirs: Sequence[int], by_number: Mapping[int, Cell]) -> list[Cell]:
    """Return the cells that ``last``, a number or a range means; those of ours only by number."""
    if part.isdecimal():
        return [by_number[int(part)]] if int(part) in by_number else []
    wanted = theirs[-1:] if part == "last" else [n for n in theirs if _within(n, part)]
    return [by_number[number] for number in wanted]


def _within(number: int, part: str) -> bool:
    """Is ``part`` a range that the number is in?"""
    first, dash, last = part.partition("-")
    return bool(dash) and int(first) <= number <= int(last)


def _once(cells: Sequence[Cell]) -> list[Cell]:
    """Return each cell of a notebook once: where it ran first, as it ran last."""
    latest: dict[str, Cell] = {}
    for cell in cells:
        latest[cell.id or f"at {cell.number}"] = cell
    return list(latest.values())


def attachment(
    choice: Choice,
    level: str,
    summary: Summarised,
    secrets: redaction.Policy,
    figures: Figures = lambda source, value: None,
) -> Attachment:
    """Return the cells as one attachment; what leaves of their outputs is the level's.

    Args:
        summary: makes the attachment of a table, given the value, what to call it, and the code.
        secrets: what is masked, before a text is cut.
        figures: those of a table that a cell's code aggregated to this value, if that is certain.
    """
    tables: list[Attachment] = []
    parts: list[str] = []
    dropped = 0
    for label, cell in choice.cells:
        code, _ = redaction.mask(cell.source.strip("\n"), secrets)
        parts.append(f"In [{label}]:\n{cut_middle(code, SOURCE)}")
        for output, text in cell.leaving(level, secrets):
            if _is_table(output):
                text = None
                with suppress(UsageError):  # its engine cannot be asked any more
                    table, text = _of_table(
                        output.value, f"Out[{label}]", cell.source, summary, figures
                    )
                    tables.append(table)
            dropped += text is None
            parts.append(f"Out [{label}], {output.kind}:\n{text or left_out(output, level)}")
        if more := cell.outputs[OUTPUTS:]:
            dropped += len(more)
            parts.append(f"[{len(more):,} more outputs left out]")
    text = "\n\n".join(parts)
    return Attachment(
        kind="cell",
        name=choice.name,
        text=text,
        level=level,
        rows=sum(one.rows for one in tables),
        labels=sum(one.labels for one in tables),
        masked=sum(one.masked for one in tables),
        dropped=dropped,
        tokens=-(-len(text) * 5 // 12),
    )


def _of_table(
    value: object, name: str, source: str, summary: Summarised, figures: Figures
) -> tuple[Attachment, str]:
    """Return the attachment of a table that a cell showed, and the text that stands for it."""
    if aggregate := figures(source, value):
        return aggregate, f"[aggregates {aggregate.name}, whose figures are:]\n{aggregate.text}"
    table = summary(value, name, source)
    return table, table.text


def withheld(choice: Choice, rows: Callable[[object], int]) -> list[str]:
    """Return the line on tables of which below ``sample`` no value goes along; none, no line.

    Args:
        rows: how many rows of a table ``--send sample`` would send.
    """
    parts = []
    for label, cell in choice.cells:
        for output in filter(_is_table, cell.outputs[:OUTPUTS]):
            shape, sent = shape_of(output.value), rows(output.value)
            all_ = shape is not None and sent == shape[0]
            few = "this row" if sent == 1 else f"these {plural(sent, 'row')}"
            parts.append((f"Out[{label}]", few if all_ else "rows of it"))
    if not parts:
        return []
    if len(parts) == 1:
        return [f"{parts[0][0]}: values withheld; --send sample sends {parts[0][1]}"]
    listed = ", ".join(f"{name} ({what})" for name, what in parts[:MOST_TOLD])
    more = f" and {len(parts) - MOST_TOLD:,} more" if len(parts) > MOST_TOLD else ""
    return [f"values withheld of {listed}{more}; --send sample sends them"]


def _is_table(output: Output) -> bool:
    value = output.value
    return output.kind == "value" and is_tabular(value) and not isinstance(value, Path)


def named(numbers: Sequence[int]) -> str:
    """Return ``cell 3``, or ``cells 3-5, 8``."""
    # In a run, number minus place is the same.
    grouped = groupby(enumerate(numbers), lambda one: one[1] - one[0])
    runs = [[number for _, number in run] for _, run in grouped]
    listed = (f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)
    return f"cell{'s' if len(numbers) > 1 else ''} {', '.join(listed)}"
