"""A call as the panel shows it: the answer that grows, and the counters above it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from ..calls import Receipt, Reply, Request
from ..pricing.prices import ModelLimits
from ..settings.config import M1
from ..text import escape_html
from .counters import Counters
from .panel_view import PanelView
from .styles import dispose, html, note


class LiveView(PanelView):
    """Shows a call in ``box``, and what it costs in the counters.

    Args:
        settings: for ``thinking`` and ``footer``.
        counters: shown the call's numbers.
        tokens: about how many the prompt has.
        limits: what tokens cost, None while that is not known.
        opened: called when the call is about to be sent, and so to be shown.
        done: called with the receipt, once.
    """

    def __init__(
        self,
        settings: M1,
        counters: Counters,
        tokens: int,
        limits: ModelLimits | None,
        opened: Callable[[], None],
        done: Callable[[Receipt], None],
    ) -> None:
        super().__init__(settings)
        self._counters, self._tokens, self._limits = counters, tokens, limits
        self._opened, self._done = opened, done
        self._most: Decimal | None = None
        self.complete = False  # is all of the answer shown?

    def open(self, request: Request, at_most: Decimal | None, sent: str) -> None:
        self._most = at_most
        self._opened()
        super().open(request, at_most, sent)
        self._counters.refresh()  # what is held for this call

    def close(self, receipt: Receipt) -> None:
        try:
            super().close(receipt)
            self.complete = True
            self._counters.done(receipt.call.reply, receipt.call.seconds)
        finally:
            self._done(receipt)

    def ensure(self, reply: Reply) -> None:
        """Show the reply's text plainly, where showing it has failed."""
        if not self.complete:
            text = f'<pre class="mathjax_ignore">{escape_html(reply.text)}</pre>'
            message = note("The display failed; this is the answer as it came.")
            before, self.box.children = self.box.children, (html(message + text),)
            dispose(*before)

    def _paint_line(self) -> None:
        super()._paint_line()
        self._counters.live(self._progress, self._tokens, self._limits, self._most)
