"""An answer that grows, and when it is painted: what notebook, panel and terminal have in common.

Finished blocks are painted at once, the rest and a line now and then, inside the view's calls: with
what came, and by ``tick`` while nothing comes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from ..calls import (
    Event,
    Figure,
    ReasoningDelta,
    Replay,
    Reply,
    Request,
    TextDelta,
    ThinkingEnded,
    Unsettled,
    Waiting,
)
from ..text import escape_html
from .answer import framed, quiet
from .blocks import Growing, settled
from .marks import Marks, within
from .markup import html
from .progress import Progress

if TYPE_CHECKING:
    from ..settings.config import M1

TICK = 0.25  # seconds between two looks at what is not painted yet
LINE_EVERY = 1.0  # seconds between two paintings of the line
PEEK_EVERY = 0.5  # the same while it shows the thinking
# Three lines, of which the last is always in sight.
PEEKED = (
    "display:flex;flex-direction:column-reverse;height:4.5em;overflow:hidden;"
    "white-space:pre-wrap;overflow-wrap:anywhere;opacity:.7"
)


class ThrottledView:
    """A view that paints in three places: blocks that stay, the rest, and a line below."""

    # Characters of the first block that stays, how much larger each of the next ones is, and how
    # many there may be; None: any number.
    first_block: int
    larger: int
    most_blocks: int | None = None

    def __init__(self, settings: M1, now: Callable[[], float]) -> None:
        self._settings, self._now = settings, now
        self._progress = Progress(now)
        self._growing = Growing()
        self._blocks: list[Reply] = []  # what stays
        self._figures: list[Figure] = []  # by place in the answer
        self._tail = ""  # what is not settled yet, below the text
        self._unpainted = False
        self._next = self._line_next = 0.0

    def open(
        self, request: Request, at_most: Decimal | None, sent: str, replay: Replay | None = None
    ) -> None:
        self._progress.open(request, at_most, sent, replay)
        self._paint()

    def feed(self, event: Event) -> None:
        if isinstance(event, Unsettled) and event.doing != self._progress.doing:
            self._line_next = 0.0
        self._progress.feed(event)
        if isinstance(event, TextDelta):
            self._growing.feed(event.text)
            self._figures += event.figures
            self._unpainted = True
        elif isinstance(event, Unsettled):
            self._tail, self._unpainted = event.text, True
        elif isinstance(event, ThinkingEnded):
            shown = "".join(block.text for block in self._blocks)
            self._progress.was_thinking((shown + self._growing.rest).strip("\n"))
            self._growing, self._unpainted = Growing(), True
            self._take_back()
            self._blocks.clear()
            self._figures.clear()
        elif isinstance(event, Waiting):
            self._line_next = 0.0
        elif not isinstance(event, ReasoningDelta):
            return
        self._paint()

    def tick(self) -> float | None:
        self._paint()
        return TICK

    def _paint(self) -> None:
        """Paint what is due. A block is sent once; the rest is held to a number of bytes."""
        now = self._now()
        size = self._keep()
        if size or (self._unpainted and now >= self._next):
            self._unpainted = False
            size += self._paint_rest()
            self._next = self._now() + self._progress.pause(size)
        if now >= self._line_next:
            self._paint_line()
            self._line_next = now + (PEEK_EVERY if self._progress.peek else LINE_EVERY)

    def _keep(self) -> int:
        """Show blocks that are finished as they stay; return the bytes that it took."""
        number = len(self._blocks)
        if number == self.most_blocks:
            return 0
        text = self._growing.take(self.first_block + self.larger * number)
        if not text:
            return 0
        figures = within(self._figures, self._begins, text)
        thinking = "" if number else self._progress.thinking
        block = Reply(text=text, thinking=thinking, figures=figures)
        self._blocks.append(block)
        return self._add(block)

    @property
    def _begins(self) -> int:
        """Where the text begins that stands in no block yet."""
        return sum(len(block.text) for block in self._blocks)

    @property
    def _rest_text(self) -> str:
        """What came and stands in no block yet."""
        return self._growing.rest + self._tail

    def _marks(self, text: str, begins: int = 0) -> Marks:
        """Return the marks of a part of that, which begins at a place in it."""
        return Marks(text, within(self._figures, self._begins + begins, text))

    def _remaining(self, reply: Reply) -> Reply:
        """Return what of a finished reply stands in no block yet, with its queries.

        Its figures are all those of the reply: what stands before it has places below zero.
        """
        came = "".join(block.text for block in self._blocks)
        if came and (reply.page or (reply.template and not reply.text.startswith(came))):
            self._take_back()
            self._blocks.clear()
        shown = self._begins
        if not shown:
            return reply
        figures = (replace(f, start=f.start - shown, end=f.end - shown) for f in reply.figures)
        return Reply(
            text=reply.text[shown:],
            template=reply.template,
            queries=reply.queries,
            figures=tuple(figures),
        )

    def _ended(self, reply: Reply) -> list[Reply]:
        """Return the blocks with the figures that they have in the finished reply."""
        begins, ended = 0, []
        for block in self._blocks:
            figures = within(reply.figures, begins, block.text)
            queries = reply.queries if figures else ()
            ended.append(replace(block, figures=figures, queries=queries))
            begins += len(block.text)
        return ended

    def _take_back(self) -> None:
        """Take away the blocks that stay: they were no answer."""

    def _growing_html(self) -> str:
        """Return the rest so far, with how much was thought where nothing stands above it."""
        text = settled(self._rest_text)
        shown = self._settings.thinking != "drop" and not self._blocks
        above = escape_html(self._progress.thought()) if shown else ""
        body = quiet(above) if above else ""
        return framed(body + html(text, typeset=False, marks=self._marks(text)))

    def _waiting(self) -> str:
        """Return the line below the answer, with a look at the thinking while it comes."""
        peek = self._progress.peek if self._settings.thinking in ("fold", "show") else ""
        window = f'<div style="{PEEKED}"><div>{escape_html(peek)}</div></div>' if peek else ""
        return quiet(escape_html(self._progress.line()) + window)

    def _add(self, block: Reply) -> int:
        """Show a block as it stays; return the bytes that it took."""
        raise NotImplementedError

    def _paint_rest(self) -> int:
        """Show the rest so far; return the bytes that it took."""
        raise NotImplementedError

    def _paint_line(self) -> None:
        """Show how far the call is."""
        raise NotImplementedError
