"""A call among ipywidgets: finished blocks that stay, the rest that grows, a line below.

Updating one long widget sends all of it each time; here only the last few kilobytes are sent
again. Unlike the outputs of a cell, widgets can be fed by a thread while other cells run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import ipywidgets

from ..calls import (
    Event,
    ReasoningDelta,
    Receipt,
    Replay,
    Reply,
    Request,
    TextDelta,
    Waiting,
)
from ..events import ToolAsked
from ..render import footer
from ..render.answer import bundle, thought
from ..render.throttled import ThrottledView
from ..session.plan import Plan
from ..session.view import Approver
from ..settings.config import M1
from ..text import escape_html, one_line, plural
from .counters import Counters
from .question import InPanel
from .styles import column, dispose, html, note, rendered

STREAMS = "m1-streams"  # the class of what grows
MILESTONES: dict[type[object], str] = {
    ReasoningDelta: "M1 is thinking.",
    TextDelta: "The answer begins.",
    ToolAsked: "M1 wants to call a function.",
    Waiting: "Waiting to try again.",
}
ENDS = {
    "ok": "Answered",
    "stopped": "Stopped",
    "failed": "The call failed",
    "truncated": "The answer is cut off",
}


class PanelView(ThrottledView):
    """Shows a call in ``box``."""

    first_block, larger = 4_000, 500

    def __init__(self, settings: M1, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__(settings, now)
        self._rest, self._line = rendered(), rendered()
        self._below: tuple[Any, ...] = (self._rest, self._line)
        self.box = column(*self._below)

    def close(self, receipt: Receipt) -> None:
        rest = self._remaining(receipt.call.reply)
        if self._blocks:
            self._revise(receipt.call.reply)
        if rest.text or rest.tools or rest.queries or thought(rest, self._settings):
            self._add(rest)
        self._rest.value = ""
        self._rest.layout.display = "none"
        self._line.value = footer.html_footer(receipt, self._settings)

    def _take_back(self) -> None:
        blocks = self.box.children[: -len(self._below)]
        self.box.children = self._below
        dispose(*blocks)

    def _paint_rest(self) -> int:
        self._rest.value = "" if self._empty else self._growing_html()
        return len(self._rest.value)

    def _paint_line(self) -> None:
        self._line.value = self._waiting()

    def _revise(self, reply: Reply) -> None:
        """Show blocks that have figures again, with what these are of."""
        for widget, block in zip(self.box.children, self._ended(reply), strict=False):
            if block.figures:
                widget.value = bundle(block, self._settings, "html")["text/html"]

    def _add(self, block: Reply) -> int:
        widget = rendered(bundle(block, self._settings, "html")["text/html"], ipywidgets.HTMLMath)
        blocks = self.box.children[: -len(self._below)]
        self.box.children = (*blocks, widget, *self._below)
        return len(widget.value)


class LiveView(PanelView):
    """Shows a call in ``box``, and what it costs in the counters.

    ``done`` is called with the receipt, once; ``speak`` with each milestone, for those who listen
    and do not look: never with tokens.
    """

    def __init__(
        self,
        settings: M1,
        counters: Counters,
        plan: Plan,
        done: Callable[[Receipt], None],
        speak: Callable[[str], None],
    ) -> None:
        super().__init__(settings)
        self._place = column()  # of what M1 asks the user
        self._below = self.box.children = (*self._below, self._place)
        self._counters, self._plan, self._done, self._speak = counters, plan, done, speak
        self._spoken: set[str] = set()
        self.opened = False  # was the call about to be sent?
        self.complete = False  # is all of the answer shown?

    def approver(self, shell: object) -> Approver:
        """Return who asks about M1's calls."""
        return InPanel(self._place)

    def open(
        self, request: Request, at_most: Decimal | None, sent: str, replay: Replay | None = None
    ) -> None:
        self.opened = True
        self._speak_once("A kept answer." if replay else f"Sent to {one_line(request.model, 100)}.")
        super().open(request, at_most, sent, replay)
        self._counters.refresh()  # what is held for this call

    def feed(self, event: Event) -> None:
        if (milestone := MILESTONES.get(type(event))) is not None:
            self._speak_once(milestone)
        if isinstance(event, TextDelta):
            self._rest.add_class(STREAMS)
        super().feed(event)

    def close(self, receipt: Receipt) -> None:
        try:
            super().close(receipt)
            self.complete = True
            self._counters.done(receipt.call.reply, receipt.call.seconds)
        finally:
            self._rest.remove_class(STREAMS)
            self._done(receipt)
            reply, price = receipt.call.reply, self._counters.price
            how = ENDS.get(reply.status, reply.status)
            tokens = plural(reply.usage.output, "token") if reply.usage else ""
            parts = (how, tokens, price, f"{receipt.call.seconds:.0f} s")
            self._speak_once(", ".join(part for part in parts if part) + ".")

    def ensure(self, reply: Reply) -> None:
        """Show the reply's text plainly, where showing it has failed."""
        if not self.complete:
            text = f'<pre class="mathjax_ignore">{escape_html(reply.text)}</pre>'
            message = note("The display failed; this is the answer as it came.")
            before, self.box.children = self.box.children, (html(message + text),)
            dispose(*before)

    def _speak_once(self, milestone: str) -> None:
        """Speak a milestone, each of them once."""
        if milestone not in self._spoken:
            self._spoken.add(milestone)
            self._speak(milestone)

    def _paint_line(self) -> None:
        super()._paint_line()
        self._counters.live(self._progress, self._plan)
