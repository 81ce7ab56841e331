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
    Started,
    TextDelta,
    ThinkingEnded,
    Unsettled,
    Waiting,
)
from ..events import ToolAsked, ToolCallDelta, ToolEnded
from ..text import escape_html
from . import tools
from .answer import framed, quiet
from .blocks import Growing, settled
from .inert_markdown import inert
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
        self._calls = tools.Calls()
        self._tail = ""  # what is not settled yet, below the text
        self._unpainted = False
        self._next = self._line_next = 0.0

    def open(
        self, request: Request, at_most: Decimal | None, sent: str, replay: Replay | None = None
    ) -> None:
        self._progress.open(request, at_most, sent, replay)
        self._paint()

    def feed(self, event: Event) -> None:
        before = self._progress.doing
        self._progress.feed(event)
        if self._progress.doing != before or isinstance(event, Waiting):
            self._line_next = 0.0
        if isinstance(event, TextDelta):
            self._growing.feed(event.text)
            self._figures += event.figures
        elif isinstance(event, Unsettled):
            self._tail = event.text
        elif isinstance(event, ThinkingEnded):
            self._was_thinking()
        elif isinstance(event, Started):
            self._calls.coming.clear()  # of an attempt that failed
            return
        elif isinstance(event, ToolCallDelta | ToolAsked | ToolEnded):
            self._take_call(event)
        elif isinstance(event, ReasoningDelta | Waiting):
            self._paint()
            return
        else:
            return
        self._unpainted = True
        self._paint()

    def _take_call(self, event: ToolCallDelta | ToolAsked | ToolEnded) -> None:
        if isinstance(event, ToolCallDelta):
            self._calls.piece(event.index, event.id, event.name, event.arguments)
        elif isinstance(event, ToolAsked):
            self._calls.take(event.call)
        else:
            self._calls.end(replace(event, at=self._begins + self._growing.characters))

    def _was_thinking(self) -> None:
        """Take the text of this round for thinking; what stands before a call stays."""
        number = max((n for n, one in enumerate(self._blocks, 1) if one.tools), default=0)
        stays, since = self._blocks[:number], self._blocks[number:]
        begins = self._begins
        rest = self._growing.rest
        cut = max((call.at - begins for call in self._calls.ended), default=0)
        self._progress.was_thinking(
            ("".join(block.text for block in since) + rest[cut:]).strip("\n")
        )
        self._growing = Growing()
        self._growing.feed(rest[:cut])
        if since or not stays:
            self._take_back()
            self._blocks.clear()
            for block in stays:
                self._blocks.append(block)
                self._add(block)
        self._figures = [one for one in self._figures if one.start < self._begins + cut]

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
        if self.most_blocks is not None and number >= self.most_blocks:
            return 0
        begins, calls = self._begins, self._calls.ended
        behind = calls[-1].at - begins if calls else 0
        if calls and self._growing.rest[behind:].strip():  # the next round's text
            text = self._growing.cut(behind)
        else:
            text = "" if calls else self._growing.take(self.first_block + self.larger * number)
            calls = []
        if not text and not calls:
            return 0
        figures = within(self._figures, begins, text)
        thinking = "" if number else self._progress.thinking
        moved = tuple(replace(call, at=call.at - begins) for call in calls)
        block = Reply(text=text, thinking=thinking, figures=figures, tools=moved)
        self._calls.ended = self._calls.ended[len(calls) :]
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
        displayed = "".join(block.text for block in self._blocks)
        made = reply.template or reply.tools  # of more than what came
        if self._blocks and (reply.page or (made and not reply.text.startswith(displayed))):
            self._take_back()
            self._blocks.clear()
        if not self._blocks:
            return reply
        length, calls = len(displayed), sum(len(block.tools) for block in self._blocks)
        figures = (replace(f, start=f.start - length, end=f.end - length) for f in reply.figures)
        return Reply(
            text=reply.text[length:],
            template=reply.template,
            queries=reply.queries,
            figures=tuple(figures),
            tools=tuple(replace(one, at=max(0, one.at - length)) for one in reply.tools[calls:]),
        )

    def _ended(self, reply: Reply) -> list[Reply]:
        """Return the blocks with the figures that they have in the finished reply.

        The first one has the thinking, of all rounds.
        """
        begins, ended = 0, []
        for block in self._blocks:
            figures = within(reply.figures, begins, block.text)
            queries = reply.queries if figures else ()
            ended.append(replace(block, figures=figures, queries=queries))
            begins += len(block.text)
        if ended and reply.tools:
            ended[0] = replace(ended[0], thinking=reply.thinking, usage=reply.usage)
        return ended

    def _take_back(self) -> None:
        """Take away the blocks that stay: they were no answer."""

    def _growing_html(self) -> str:
        """Return the rest so far, with how much was thought where nothing stands above it."""
        tells_thought = self._settings.thinking != "drop" and not self._blocks
        above = escape_html(self._progress.thought()) if tells_thought else ""
        made = [quiet(above)] if above else []
        for begins, text, calls in self._rest_parts():
            if text or not calls:
                made.append(html(text, typeset=False, marks=self._marks(text, begins)))
            made.append(tools.html(calls))
        return framed("".join(made) + tools.html((), self._calls.coming.values()))

    def _growing_markdown(self) -> str:
        """Return the rest so far as Markdown."""
        made = (inert(text) + tools.markdown(calls) for _, text, calls in self._rest_parts())
        return "".join(made) + tools.markdown((), self._calls.coming.values())

    def _growing_plain(self) -> str:
        """Return the rest so far as plain text."""
        text = "".join(text for _, text, _ in self._rest_parts())
        return tools.plain(text, self._rest_calls, self._calls.coming.values())

    @property
    def _rest_calls(self) -> list[ToolEnded]:
        """The calls that stand in no block yet, by their place in the rest."""
        return [replace(one, at=one.at - self._begins) for one in self._calls.ended]

    def _rest_parts(self) -> list[tuple[int, str, list[ToolEnded]]]:
        """Return the rest so far in its parts, the last one as far as it is settled."""
        made = list(tools.parts(self._rest_text, self._rest_calls))
        if not self._calls.coming:
            begins, text, calls = made[-1]
            made[-1] = begins, settled(text), calls
        return made

    @property
    def _empty(self) -> bool:
        """Is there nothing of the rest to show?"""
        calls = self._calls.ended or self._calls.coming
        return not calls and not settled(self._rest_text).strip()

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
