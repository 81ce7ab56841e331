"""A notebook file → its cells as text, in order, with their numbers and kinds.

Of a cell's outputs leaves what would leave of them by ``--cells``: `privacy.outputs` says so.
Metadata, attachments and files embedded in text never leave. Answers of ours stay, for they have
left before; the footer below them does not go along. Nothing is run, and nothing is written back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ..calls import Attachment
from ..errors import UsageError
from ..pricing.tokens import likely_tokens
from ..privacy import redaction
from ..privacy.outputs import Output, left_out, streams_joined, without_embedded
from ..text import one_line
from .cells import OUTPUTS, Cell

TICKS = re.compile(r"`{3,}")


def attachment(text: str, name: str, level: str, secrets: redaction.Policy) -> Attachment:
    """Return the cells of a notebook, given as the text of its file, as one attachment.

    Raises:
        UsageError: it is no notebook.
    """
    parts: list[str] = []
    masked = dropped = 0
    for kind, cell in cells(text, name):
        parts.append(f"Cell {cell.number}, {kind}:\n{_fenced(without_embedded(cell.source))}")
        for output, safe in cell.leaving(level, secrets):
            dropped += safe is None
            masked += (safe or "").count(redaction.MASK)
            body = left_out(output, level) if safe is None else _fenced(safe)
            parts.append(f"Output of cell {cell.number}, {output.kind}:\n{body}")
        if more := len(cell.outputs[OUTPUTS:]):
            dropped += more
            parts.append(f"[{more:,} more outputs left out]")
    page, in_sources = redaction.mask("\n\n".join(parts), secrets)
    return Attachment(
        kind="notebook",
        name=name,
        text=page,
        level=level,
        masked=masked + in_sources,
        dropped=dropped,
        tokens=likely_tokens(page),
    )


def is_notebook(text: str) -> bool:
    """Is it a notebook, whatever its file is called?"""
    if not text.lstrip().startswith("{") or '"nbformat"' not in text:
        return False
    try:
        saved = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(saved.get("nbformat"), int) and bool({"cells", "worksheets"} & saved.keys())


def cells(text: str, name: str) -> list[tuple[str, Cell]]:
    """Return kind and content of each cell of a notebook of version 3 or later.

    An older one is upgraded in memory. A cell is numbered by its place.

    Raises:
        UsageError: it is no notebook.
    """
    from nbformat import converter, reader

    try:
        book = reader.reads(text)
        if book["nbformat"] < 3:
            raise ValueError
        saved = converter.convert(book, 4)["cells"]
        return [_cell(number, cell) for number, cell in enumerate(saved, 1)]
    except Exception:  # JSON of any shape may stand there, and nbformat meets it as it comes
        raise UsageError(
            f"{one_line(name, 120)} is not a notebook that can be read.",
            todo="Open it in Jupyter and save it again.",
        ) from None


def _cell(number: int, cell: Mapping[str, Any]) -> tuple[str, Cell]:
    kind, source = cell["cell_type"], cell["source"]
    if kind not in ("code", "markdown", "raw") or not isinstance(source, str):
        raise ValueError
    outputs = (cell.get("outputs") or []) if kind == "code" else []
    return kind, Cell(number, source, streams_joined(map(_output, outputs)))


def _output(saved: Mapping[str, Any]) -> Output:
    """Return an output as saved, whatever stands in it."""
    kind = saved.get("output_type")
    if kind == "stream":
        text = saved.get("text")
        stream = "stderr" if saved.get("name") == "stderr" else "stdout"
        return Output(stream, {"text/plain": text if isinstance(text, str) else ""})
    if kind == "error":
        return Output("raised", {"error": saved.get("ename"), "text/plain": saved.get("evalue")})
    data = saved.get("data")
    bundle = data if isinstance(data, Mapping) else {}
    return Output("value" if kind == "execute_result" else "shown", bundle)


def _fenced(text: str) -> str:
    longest = max((len(run) for run in TICKS.findall(text)), default=2)
    ticks = "`" * (longest + 1)
    return f"{ticks}\n{text}\n{ticks}"
