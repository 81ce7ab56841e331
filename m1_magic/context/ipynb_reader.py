"""A notebook file → its cells as text, in order, with their numbers and kinds.

What of outputs leaves: at level ``sample`` their text. Below it, a cell's outputs leave only if
they are, all together, one line of at most `SHORT` characters; else they are left out and
counted, for a printed table is a table. Never, at any level: pictures (named by their kind),
widgets, metadata, attachments, tracebacks. Answers of ours stay, for they have left before; the
footer below them does not go along. Nothing is run, and nothing is written back.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import UsageError
from ..text import one_line

SHORT = 100
RECORD = "application/vnd.m1-magic.call+json"
OURS = re.compile(r"(?:[ \t]*(?:#.*)?\n)*%%m1\b")
TICKS = re.compile(r"`{3,}")
EMBEDDED = re.compile(
    r"data:([a-z]{1,20}/[\w.+-]{1,60})(?:;[\w=-]{1,60})*;base64,\s?[A-Za-z0-9+/=_%-]+"
    r"(?:\s+[A-Za-z0-9+/=]{60,})*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: ``code``, ``markdown`` or ``raw``, its source, its outputs as nbformat has them."""

    kind: str
    source: str
    outputs: Sequence[Mapping[str, Any]] = ()


def page(text: str, name: str, level: str) -> tuple[str, str]:
    """Return a notebook's cells as text, and what was left out of its outputs, in words.

    Args:
        text: the file.
        name: what an error calls it.
        level: the privacy level.

    Raises:
        UsageError: it is no notebook.
    """
    blocks: list[str] = []
    left: Counter[str] = Counter()
    for number, cell in enumerate(cells(text, name), 1):
        blocks.append(f"Cell {number}, {cell.kind}:\n{_fenced(_bare(cell.source))}")
        texts, over = _outputs(cell, level)
        if texts:
            blocks.append(f"Output of cell {number}:\n{_fenced(_bare(texts))}")
        if over:
            blocks.append(f"(left out of the output of cell {number}: {_counted(over)})")
        left += over
    told = f"{_counted(left)} left out" if left else ""
    return "\n\n".join(blocks), f"{told} (level {level})" if left["output"] else told


def cells(text: str, name: str) -> list[Cell]:
    """Return the cells of a notebook of version 3 or later, upgraded in memory.

    Raises:
        UsageError: it is no notebook.
    """
    from nbformat import converter, reader

    try:
        book = reader.reads(text)
        if book["nbformat"] < 3:
            raise ValueError
        return [_cell(cell) for cell in converter.convert(book, 4)["cells"]]
    except Exception:  # JSON of any shape may stand there, and nbformat meets it as it comes
        raise UsageError(
            f"{one_line(name, 120)} is no notebook that can be read.",
            todo="Open it in Jupyter and save it again.",
        ) from None


def _cell(cell: Mapping[str, Any]) -> Cell:
    kind, source = cell["cell_type"], cell["source"]
    if kind not in ("code", "markdown", "raw") or not isinstance(source, str):
        raise ValueError
    outputs = (cell.get("outputs") or []) if kind == "code" else []
    if not all(isinstance(one, Mapping) for one in outputs):
        raise ValueError
    return Cell(kind, source, outputs)


def _outputs(cell: Cell, level: str) -> tuple[str, Counter[str]]:
    """Return what of a cell's outputs leaves, and what is left out, counted by its kind."""
    texts: list[str] = []
    left: Counter[str] = Counter()
    ours = bool(OURS.match(cell.source)) and any(RECORD in _data(one) for one in cell.outputs)
    whole = level == "sample" or ours
    for output in cell.outputs:
        data = _data(output)
        if RECORD in data:
            continue
        if pictures := [kind for kind in data if kind.startswith("image/")]:
            left[f"{one_line(min(pictures), 40)} picture"] += 1
        elif any("widget" in kind for kind in data):
            left["widget"] += 1
        elif "<table" in str(data.get("text/html")).lower() and not whole:
            left["output"] += 1
        elif (text := _text(output, data)) is None:
            left["other output"] += 1
        elif text.strip():
            texts.append(text.strip("\n"))
    together = "\n".join(texts)
    if whole or (len(together.splitlines()) <= 1 and len(together) <= SHORT):
        return together, left
    left["output"] += len(texts)
    return "", left


def _data(output: Mapping[str, Any]) -> Mapping[str, Any]:
    data = output.get("data")
    return data if isinstance(data, Mapping) else {}


def _text(output: Mapping[str, Any], data: Mapping[str, Any]) -> str | None:
    """Return an output's text; of an error its last line; None if there is none."""
    if output.get("output_type") == "error":
        return f"{output.get('ename')}: {output.get('evalue')}"
    text = data.get("text/plain", output.get("text"))
    if "text/markdown" in data and str(text).startswith("<IPython."):
        text = data["text/markdown"]
    return text if isinstance(text, str) else None


def _bare(text: str) -> str:
    """Return text without the files that are embedded in it."""
    return EMBEDDED.sub(lambda found: f"(left out: {found[1]})", text)


def _fenced(text: str) -> str:
    longest = max((len(run) for run in TICKS.findall(text)), default=2)
    ticks = "`" * (longest + 1)
    return f"{ticks}\n{text}\n{ticks}"


def _counted(left: Counter[str]) -> str:
    return ", ".join(f"{n:,} {kind}{'' if n == 1 else 's'}" for kind, n in left.items())
