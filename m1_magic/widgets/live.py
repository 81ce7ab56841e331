"""A call as the panel shows it: the answer that grows, and the counters above it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from ..calls import Receipt, Reply, Request
from ..pricing.prices import ModelLimits
from ..render.panel_view import PanelView
from ..settings.config import M1
from ..text import escape_html
from .counters import Counters
from .styles import gone, html, note


class Live(PanelView):
    """Shows a call in ``box``, and what it costs in the counters.

    Args:
        settings: for ``thinking`` and ``footer``.
        counters: shown the call's numbers.
        tokens: about how many the prompt has.
        offer: what tokens cost, as far as it is known.
        opened: called when the call is about to be sent, and so to be shown.
        done: told the receipt, once.
    """

    def __init__(
        self,
        settings: M1,
        counters: Counters,
        tokens: int,
        offer: ModelLimits | None,
        opened: Callable[[], None],
        done: Callable[[Receipt], None],
    ) -> None:
        super().__init__(settings)
        self._counters, self._tokens, self._offer = counters, tokens, offer
        self._opened, self._done = opened, done
        self._most: Decimal | None = None
        self.whole = False  # is all of the answer shown?

    def open(self, request: Request, at_most: Decimal | None, sent: str) -> None:
        self._most = at_most
        self._opened()
        super().open(request, at_most, sent)
        self._counters.refresh()  # what is held for this call

    def close(self, receipt: Receipt) -> None:
        try:
            super().close(receipt)
            self.whole = True
            self._counters.done(receipt.call.reply, receipt.call.seconds)
        finally:
            self._done(receipt)

    def ensure(self, reply: Reply) -> None:
        """Show the reply's text plainly, where showing it has failed."""
        if not self.whole:
            text = f'<pre class="mathjax_ignore">{escape_html(reply.text)}</pre>'
            told = note("The display failed; this is the answer as it came.")
            before, self.box.children = self.box.children, (html(told + text),)
            gone(*before)

    def _paint_line(self) -> None:
        super()._paint_line()
        self._counters.live(self._progress, self._tokens, self._offer, self._most)
