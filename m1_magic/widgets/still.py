"""The panel as a saved notebook shows it: its last question and answer, without anything live.

A widget needs its kernel. So a panel has two outputs: this one, hidden while the panel below it
is alive, and the panel, hidden once it is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..calls import Receipt
from ..config import M1
from ..render import footer
from ..render.answer import bundle, quiet
from ..render.text import escape, visible

LONGEST = 100_000  # characters of the answer that are saved
# Of the two, that is shown which says more: a panel that is alive, or else this. What widgets show
# without a kernel is a line of text, or, where their state was saved, a panel that does nothing.
ALIVE = ".m1-panel:not(.jupyter-widgets-disconnected)"
HIDING = (
    "<style>"
    f".jp-OutputArea-child:has(.m1-still):has(+.jp-OutputArea-child {ALIVE}),"
    ".jp-OutputArea-child:has(.m1-still)+.jp-OutputArea-child>.jp-OutputArea-output"
    f":not(:has({ALIVE})){{display:none}}"
    "</style>"
)
EMPTY = "m1-magic panel, not running. %load_ext m1_magic and %m1 panel open one."


def empty() -> dict[str, Any]:
    """Return the output of a panel that was not asked anything."""
    return {"text/html": _framed(quiet(escape(EMPTY))), "text/plain": EMPTY}


def still(receipt: Receipt, records: Sequence[dict[str, Any]], settings: M1) -> dict[str, Any]:
    """Return the output of a panel: its last call, and the records of all of them."""
    reply, asked = receipt.call.reply, receipt.call.request.asked
    cut = len(reply.text) - LONGEST
    if cut > 0:
        reply = replace(reply, text=reply.text[:LONGEST])
    answer = bundle(reply, settings, "html")
    more = f"{cut:,} characters more: %m1 log {receipt.call.id}" if cut > 0 else ""
    parts = [
        quiet(f"<p>{escape(visible(asked))}</p>"),
        answer["text/html"],
        quiet(escape(more)) if more else "",
        footer.html_footer(receipt, settings),
    ]
    plain = [asked, reply.text, more, *footer.lines(receipt, settings)]
    return {
        "text/html": _framed("".join(parts)),
        "text/plain": visible("\n\n".join(part for part in plain if part)),
        footer.RECORD: list(records),
    }


def _framed(body: str) -> str:
    return f'{HIDING}<div class="m1-still">{body}</div>'
