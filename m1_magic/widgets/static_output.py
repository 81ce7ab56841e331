"""The panel as a saved notebook shows it: its last question and answer, without anything live.

A widget needs its kernel. So a panel has two outputs: this one, hidden while the panel below it
is alive, and the panel, hidden once it is not.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..calls import RECORD, Receipt, Reply
from ..render import footer
from ..render.answer import bundle, quiet
from ..settings.config import M1
from ..text import escape_html, show_controls

LONGEST = 100_000  # characters of an answer that are shown at once, and saved
# Characters with formulas set: also out of sight, the page would be busy with them.
TYPESET = 20_000
# Of the two, that is shown which says more: a panel that is alive, or else this. What widgets show
# without a kernel is a line of text, or, where their state was saved, a panel that does nothing.
# By children only: a rule that looks through all of a long answer would be asked at each change.
ALIVE = ">.m1-panel:not(.jupyter-widgets-disconnected)"
STILL = ".jp-OutputArea-child:has(>.jp-OutputArea-output>.m1-still)"
OUTPUT = ".jp-OutputArea-child>.jp-OutputArea-output"
HIDING = (
    "<style>"
    f"{STILL}:has(+{OUTPUT}{ALIVE}),{STILL}+{OUTPUT}:not(:has({ALIVE})){{display:none}}"
    "</style>"
)
EMPTY = "m1-magic panel, not running. %load_ext m1_magic and %m1 panel open one."


class StaticOutput:
    """What saved notebooks show of one panel, wherever it is displayed."""

    def __init__(self, settings: M1) -> None:
        self._settings = settings
        self._handles: list[Any] = []
        self._records: dict[str, dict[str, Any]] = {}
        self._last: Receipt | None = None

    def show(self) -> None:
        """Display it in the cell that runs."""
        from IPython.display import display

        self._handles.append(display(self._bundle(), raw=True, display_id=True))

    def keep(self, receipt: Receipt) -> None:
        """Show a call that has ended, or one of them whose price came later."""
        self._records[receipt.call.id] = footer.record(receipt, self._settings)
        self._last = receipt
        for handle in self._handles:
            handle.update(self._bundle(), raw=True)

    def settle(self, reply: Reply) -> None:
        """Show the same call with the price that was billed for it later."""
        if self._last is not None and self._last.call.id == reply.id:
            self.keep(replace(self._last, call=replace(self._last.call, reply=reply)))

    def close(self) -> None:
        """Leave it as it is."""
        self._handles.clear()

    def _bundle(self) -> dict[str, Any]:
        if self._last is None:
            return {"text/html": _framed(quiet(escape_html(EMPTY))), "text/plain": EMPTY}
        return {**output(self._last, self._settings), RECORD: list(self._records.values())}


def output(receipt: Receipt, settings: M1) -> dict[str, str]:
    """Return a call's question, answer and footer as an output."""
    prompt = receipt.call.request.prompt_text
    reply, more = shortened(receipt.call.reply)
    answer = bundle(reply, settings, "html", typeset=len(reply.text) <= TYPESET)
    parts = [
        quiet(f"<p>{escape_html(prompt)}</p>"),
        answer["text/html"],
        quiet(escape_html(more)) if more else "",
        footer.html_footer(receipt, settings),
    ]
    plain = [prompt, reply.text, more, *footer.lines(receipt, settings)]
    return {
        "text/html": _framed("".join(parts)),
        "text/plain": show_controls("\n\n".join(part for part in plain if part)),
    }


def shortened(reply: Reply) -> tuple[Reply, str]:
    """Return a reply with the start of a long text, and where the rest of it is; else nothing."""
    cut = len(reply.text) - LONGEST
    if cut <= 0:
        return reply, ""
    more = f"{cut:,} characters more: %m1 log {reply.id}"
    return replace(reply, text=reply.text[:LONGEST]), more


def _framed(body: str) -> str:
    return f'{HIDING}<div class="m1-still">{body}</div>'
