"""A call among ipywidgets: finished blocks that stay, the rest that grows, a line below.

Updating one long widget sends all of it each time; here only the last few kilobytes are sent
again. Unlike the outputs of a cell, widgets can be fed by a thread while other cells run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

import ipywidgets

from ..calls import Event, Receipt, Reply, Request, Text, Thinking
from . import footer
from .answer import bundle, framed, quiet, styled, thought
from .blocks import Growing, settled
from .markup import html
from .progress import Progress
from .text import escape

if TYPE_CHECKING:
    from ..config import M1

TICK = 0.25  # seconds between two looks at what is not painted yet
LINE_EVERY = 1.0  # seconds between two paintings of the line
BLOCK = 4_000  # characters from which finished blocks stay


class PanelView:
    """Shows a call in ``box``.

    Args:
        settings: for ``thinking`` and ``footer``.
        now: a clock, in seconds.
    """

    def __init__(self, settings: M1, now: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._now = settings, now
        self._progress = Progress(now)
        self._growing = Growing()
        self._thinking: list[str] = []
        self._kept = 0  # characters of the answer in blocks that stay
        self._unpainted = False
        self._next = self._line_next = 0.0
        self._rest, self._line = _html(), _html()
        self.box = ipywidgets.VBox([self._rest, self._line])

    def open(self, request: Request, at_most: Decimal | None, sent: str) -> None:
        self._progress.open(request, at_most, sent)
        self._paint()

    def feed(self, event: Event) -> None:
        self._progress.feed(event)
        if isinstance(event, Text):
            self._growing.feed(event.text)
            self._unpainted = True
        elif isinstance(event, Thinking):
            self._thinking.append(event.text)
        self._paint()

    def tick(self) -> float | None:
        self._paint()
        return TICK

    def close(self, receipt: Receipt) -> None:
        reply = receipt.call.reply
        rest = Reply(text=reply.text[self._kept :]) if self._kept else reply
        if rest.text or thought(rest):
            self._keep(rest)
        self._rest.value = ""
        self._line.value = footer.html_footer(receipt, self._settings)

    def _paint(self) -> None:
        now = self._now()
        size = self._keep_finished()
        if size or (self._unpainted and now >= self._next):
            size += self._paint_rest()
        if size:
            self._next = self._now() + self._progress.pause(size)
        if now >= self._line_next:
            self._line.value = quiet(escape(self._progress.line()))
            self._line_next = now + LINE_EVERY

    def _keep_finished(self) -> int:
        text = self._growing.take(BLOCK)
        if not text:
            return 0
        thinking = "" if self._kept else "".join(self._thinking)
        self._kept += len(text)
        return self._keep(Reply(text=text, thinking=thinking))

    def _paint_rest(self) -> int:
        self._unpainted = False
        text = settled(self._growing.rest)
        self._rest.value = styled(framed(html(text, typeset=False))) if text.strip() else ""
        return len(self._rest.value)

    def _keep(self, part: Reply) -> int:
        block = _html(bundle(part, self._settings, "html")["text/html"], ipywidgets.HTMLMath)
        *before, rest, line = self.box.children
        self.box.children = (*before, block, rest, line)
        return len(block.value)


def _html(value: str = "", kind: type[ipywidgets.HTML] = ipywidgets.HTML) -> ipywidgets.HTML:
    made = kind(value)
    made.add_class("jp-RenderedHTMLCommon")
    return made
