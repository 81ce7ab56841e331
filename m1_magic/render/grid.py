"""Several answers side by side, in a notebook: one output that grows, one column each.

Their calls tell the columns, each in its own thread; the grid is painted by the thread that asks.
An update sends all columns again, so it waits until each has room for it by its own measure. At
the end stands a message of its own, typeset, with each answer's line and the sums; and the record
of each call.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..calls import RECORD, Event, Receipt, Replay, Reply, Request, Totals
from ..text import escape_html, one_line, show_controls
from . import footer
from .answer import bundle
from .front_end import Mode, asked_by, attended, mode, updates
from .inert_markdown import literal
from .notebook_view import Output
from .throttled import LINE_EVERY, PEEK_EVERY, ThrottledView

if TYPE_CHECKING:
    from ..settings.config import M1

# As many columns as have room for lines that can be read; on a narrow screen one.
GRID = (
    "display:grid;grid-template-columns:repeat(auto-fit,minmax(min(20em,100%),1fr));"
    "gap:1em 2em;margin-bottom:.7em"
)
COLUMN = "min-width:0;overflow:auto hidden;padding:2px"
HEADING = "font-weight:600;border-bottom:1px solid var(--jp-border-color2,#ccc);margin-bottom:.5em"
FAILED = "color:var(--jp-error-color1,#c22)"


class Column(ThrottledView):
    """One answer, as it grows and when it has ended; it paints nothing by itself."""

    most_blocks = 0

    def __init__(self, settings: M1, now: Callable[[], float], number: int, label: str) -> None:
        super().__init__(settings, now)
        self._lock = threading.RLock()
        self._number, self.label = number, label
        self.receipt: Receipt | None = None
        self._body, self.stale = "", False
        self.grows = False  # is there something to see before it has ended?

    def open(
        self, request: Request, at_most: Decimal | None, sent: str, replay: Replay | None = None
    ) -> None:
        with self._lock:
            # A kept answer is there at once, but for its pace, or figures that are computed anew.
            self.grows = replay is None or self._settings.pace > 0 or request.exact
            super().open(request, at_most, sent, replay)

    def feed(self, event: Event) -> None:
        with self._lock:
            super().feed(event)

    def tick(self) -> float | None:
        return None

    def close(self, receipt: Receipt) -> None:
        with self._lock:
            self.receipt, self.stale = footer.of_one(receipt, self._number), True

    def _paint(self) -> None:
        self.stale |= self._unpainted or not self._line_next
        self._unpainted, self._line_next = False, 1.0

    @property
    def peeks(self) -> bool:
        """Is thinking shown that comes?"""
        return self.receipt is None and bool(self._progress.peek)

    def growing(self, form: Mode) -> str:
        """Return it as it stands now; formulas wait for the end of all."""
        with self._lock:
            if self.stale:
                self._body, self.stale = self._grown(form), False
            if self.receipt is not None:
                return self._body
            line = self._progress.line()
            if form == "html":
                return self._body + self._waiting()
            below = f"*{literal(line)}*" if form == "markdown" else line
            return f"{self._body}\n\n{below}".strip()

    def _grown(self, form: Mode) -> str:
        if self.receipt is not None:
            return self.ended(self.receipt.call.reply, form, typeset=False)
        if form == "html":
            return self._growing_html()
        return self._growing_markdown() if form == "markdown" else self._growing_plain()

    def ended(self, reply: Reply, form: Mode, typeset: bool = True) -> str:
        """Return it when it has ended: the answer, why it failed, and its own line."""
        made = bundle(reply, self._settings, form, typeset=typeset)
        error, below = self._below()
        if form == "html":
            why = f'<div style="{FAILED}">{escape_html(error)}</div>' if error else ""
            return made["text/html"] + why + (footer.as_html(below) if below else "")
        if form == "markdown":
            parts = [made["text/markdown"], *(f"*{literal(one)}*" for one in (error, *below))]
        else:
            parts = [made["text/plain"], error, "\n".join(below)]
        return "\n\n".join(part.rstrip("\n") for part in parts if part.strip("* \n"))

    def _below(self) -> tuple[str, list[str]]:
        """Return why it failed, "" if it did not, and its footer."""
        if self.receipt is None:  # its view broke; that was said
            return "", []
        error = show_controls(one_line(self.receipt.call.error or "", 600))
        return error, footer.lines(self.receipt, self._settings)

    def pause(self, size: int) -> float:
        """Return the seconds until the next painting, after one that sent so many bytes of it."""
        return self._progress.pause(size)


class Grid:
    """Shows several calls through the display publisher of ``shell``.

    ``pure`` says that all of the cell is ours, so that its outputs may be cleared; where it is not
    ``live``, nothing is shown before the end.
    """

    def __init__(
        self,
        shell: Any,
        settings: M1,
        labels: Sequence[str],
        now: Callable[[], float] = time.monotonic,
        *,
        pure: bool = False,
        live: bool = True,
    ) -> None:
        self._shell, self._settings, self._now = shell, settings, now
        self._pure = pure
        self._watched = live and (updates(shell) or pure or attended(shell))
        self._mode: Mode = mode(settings, shell)
        self.views = [Column(settings, now, n, label) for n, label in enumerate(labels, 1)]
        self._output = Output(shell)
        self._began = now()
        self._next = self._line_next = 0.0
        self._displayed: list[str] = []

    def paint(self) -> None:
        now = self._now()
        stale = any(column.stale for column in self.views)
        grows = self._watched and any(column.grows for column in self.views)
        if not grows or now < (self._next if stale else max(self._next, self._line_next)):
            return
        texts = [column.growing(self._mode) for column in self.views]
        if texts == self._displayed:
            return
        self._displayed = texts
        sent = self._output.put({f"text/{FORMS[self._mode]}": self._joined(texts, self._mode)})
        sizes = [len(one.encode("utf-8", "replace")) for one in texts]
        frame = (sent - sum(sizes)) // len(sizes)
        pauses = [one.pause(size + frame) for one, size in zip(self.views, sizes, strict=True)]
        self._next = self._now() + max(pauses)
        peeks = any(column.peeks for column in self.views)
        self._line_next = now + (PEEK_EVERY if peeks else LINE_EVERY)

    def close(self, replies: Sequence[Reply], totals: Totals, notes: Sequence[str]) -> None:
        receipts = [one.receipt for one in self.views if one.receipt is not None]
        seconds = self._now() - self._began
        sums = footer.of_all(replies, receipts, totals, seconds, self._settings)
        sums += [show_controls(one_line(note, 500)) for note in notes]
        # Not in place of what grew: there are front ends that do not know how.
        if self._displayed and self._pure and asked_by(self._shell):
            self._shell.display_pub.clear_output(wait=True)
        elif self._displayed:
            self._output.put({"text/plain": ""})
        self._publish(self._ended(replies, sums))
        for receipt in receipts:
            self._publish({RECORD: footer.record(receipt, self._settings), "text/plain": ""})

    def _ended(self, replies: Sequence[Reply], sums: Sequence[str]) -> dict[str, Any]:
        """Return the output that stays, in the front end's form and as plain text."""
        made: dict[str, Any] = {}
        for form in dict.fromkeys((self._mode, "text")):
            columns = zip(self.views, replies, strict=True)
            texts = [column.ended(reply, form) for column, reply in columns]
            foot = "\n".join(sums)
            if form == "html":
                foot = footer.as_html(sums)
            elif form == "markdown":
                foot = "\n\n" + "  \n".join(f"*{literal(one)}*" for one in sums)
            else:
                foot = f"\n\n{foot}"
            made[f"text/{FORMS[form]}"] = self._joined(texts, form) + foot
        return made

    def _joined(self, texts: Sequence[str], form: Mode) -> str:
        """Return columns side by side, each under what it differs by; else one below the other."""
        labels = [show_controls(column.label) for column in self.views]
        if form == "html":
            columns = map(_column, labels, texts)
            return f'<div class="m1-beside" style="{GRID}">{"".join(columns)}</div>'
        heads = [f"**{literal(one)}**" if form == "markdown" else f"## {one}" for one in labels]
        pairs = zip(labels, heads, texts, strict=True)
        return "\n\n".join(f"{head}\n\n{text}" if label else text for label, head, text in pairs)

    def _publish(self, data: dict[str, Any]) -> None:
        self._shell.display_pub.publish(data=data, metadata={})


FORMS = {"html": "html", "markdown": "markdown", "text": "plain"}


def _column(label: str, body: str) -> str:
    """Return an answer as a region that its label names, for readers of the screen, too."""
    name = escape_html(label).replace('"', "&quot;")
    head = f'<div class="mathjax_ignore" style="{HEADING}">{escape_html(label)}</div>'
    named = f' role="region" aria-label="{name}"' if label else ""
    return f'<section{named} style="{COLUMN}">{head if label else ""}{body}</section>'
