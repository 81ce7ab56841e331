"""A call among ipywidgets: finished blocks that stay, the rest that grows, a line below.

Updating one long widget sends all of it each time; here only the last few kilobytes are sent
again. Unlike the outputs of a cell, widgets can be fed by a thread while other cells run.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import ipywidgets

from ..calls import Receipt, Reply
from ..render import footer
from ..render.answer import bundle, framed, styled, thought
from ..render.blocks import settled
from ..render.markup import html
from ..render.throttled import ThrottledView, waiting
from ..settings.config import M1

# Characters from which finished blocks stay; each may be larger, so that there are not many.
FIRST_BLOCK, LARGER = 4_000, 500


class PanelView(ThrottledView):
    """Shows a call in ``box``.

    Args:
        settings: for ``thinking`` and ``footer``.
        now: a clock, in seconds.
    """

    def __init__(self, settings: M1, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__(now)
        self._settings = settings
        self._characters = 0  # of the answer in blocks that stay
        self._rest, self._line = _html(), _html()
        self.box = ipywidgets.VBox([self._rest, self._line])

    def close(self, receipt: Receipt) -> None:
        reply = receipt.call.reply
        rest = Reply(text=reply.text[self._characters :]) if self._characters else reply
        if rest.text or thought(rest):
            self._add(rest)
        self._rest.value = ""
        self._rest.layout.display = "none"
        self._line.value = footer.html_footer(receipt, self._settings)

    def _keep(self) -> int:
        text = self._growing.take(FIRST_BLOCK + LARGER * (len(self.box.children) - 2))
        if not text:
            return 0
        thinking = "" if self._characters else self._thinking
        self._characters += len(text)
        return self._add(Reply(text=text, thinking=thinking))

    def _paint_rest(self) -> int:
        text = settled(self._growing.rest)
        self._rest.value = styled(framed(html(text, typeset=False))) if text.strip() else ""
        return len(self._rest.value)

    def _paint_line(self) -> None:
        self._line.value = waiting(self._progress, self._settings)

    def _add(self, part: Reply) -> int:
        block = _html(bundle(part, self._settings, "html")["text/html"], ipywidgets.HTMLMath)
        *before, rest, line = self.box.children
        self.box.children = (*before, block, rest, line)
        return len(block.value)


def _html(value: str = "", kind: type[ipywidgets.HTML] = ipywidgets.HTML) -> ipywidgets.HTML:
    widget = kind(value)
    widget.add_class("jp-RenderedHTMLCommon")
    return widget
