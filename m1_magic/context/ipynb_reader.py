"""A notebook file → its cells as text, in order, with their numbers and kinds.

Of a cell's outputs leaves what would leave of them by ``--cells``: `privacy.outputs` says so.
Metadata, attachments and files embedded in text never leave. Answers of ours stay, for they have
left before; the footer below them does not go along. Nothing is run, and nothing is written back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..calls import Attachment
from ..errors import UsageError
from ..pricing.tokens import likely_tokens
from ..privacy import redaction
from ..privacy.outputs import Output, left_out, without_embedded
from ..text import one_line
from .cells import OUTPUTS, Cell

TICKS = re.compile(r"`{3,}")


def attachment(text: str, name: str, level: str, secrets: redaction.Policy) -> Attachment:
    """Return a notebook's cells as one attachment.

    Args:
        text: the file.
        name: what the model and an error call it.
        level: the privacy level.
        secrets: what is masked.

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
    if not all(isinstance(one, Mapping) for one in outputs):
        raise ValueError
    return kind, Cell(number, source, tuple(_outputs(outputs)))


def _outputs(saved: list[Mapping[str, Any]]) -> Iterator[Output]:
    """Yield a cell's outputs in the order in which IPython keeps them, each stream in one piece."""
    streams: dict[str, str] = {}
    others: list[Output] = []
    bundle: Mapping[str, object]
    for output in saved:
        kind = output.get("output_type")
        if kind == "stream":
            stream = "stderr" if output.get("name") == "stderr" else "stdout"
            text = output.get("text")
            streams[stream] = streams.get(stream, "") + (text if isinstance(text, str) else "")
        elif kind == "error":
            bundle = {"error": output.get("ename"), "text/plain": output.get("evalue")}
            others.append(Output("raised", bundle))
        else:
            data = output.get("data")
            bundle = data if isinstance(data, Mapping) else {}
            others.append(Output("value" if kind == "execute_result" else "shown", bundle))
    yield from (Output(kind, {"text/plain": text}) for kind, text in streams.items())
    yield from others


def _fenced(text: str) -> str:
    longest = max((len(run) for run in TICKS.findall(text)), default=2)
    ticks = "`" * (longest + 1)
    return f"{ticks}\n{text}\n{ticks}"
