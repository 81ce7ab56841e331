"""An answer that grows: how far it is, and when it is painted.

What notebook, panel and terminal have in common. Finished blocks are painted at once, the rest and
a line now and then, inside the view's calls: with what came, and by ``tick`` while nothing comes.
Tokens are counted by the server at the end only; until then they are estimated from characters.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from ..calls import (
    Event,
    ReasoningDelta,
    Replay,
    Reply,
    Request,
    Started,
    TextDelta,
    ThinkingEnded,
    Waiting,
)
from ..pricing.dollars import money_at_most
from ..pricing.tokens import WRITTEN
from ..text import escape_html, plural, show_controls, thousands
from .answer import quiet
from .blocks import Growing

if TYPE_CHECKING:
    from ..settings.config import M1

EVERY = 0.1  # seconds between two paintings
# What may be sent up to now: so much for each second, and for each character that came.
BYTES_A_SECOND, BYTES_A_CHARACTER = 10_000, 3.5
KEPT = "showing a kept answer"
PEEK = 300  # characters of the thinking that are shown while it comes
TICK = 0.25  # seconds between two looks at what is not painted yet
LINE_EVERY = 1.0  # seconds between two paintings of the line
PEEK_EVERY = 0.5  # the same while it shows the thinking
# Three lines, of which the last is always in sight.
PEEKED = (
    "display:flex;flex-direction:column-reverse;height:4.5em;overflow:hidden;"
    "white-space:pre-wrap;overflow-wrap:anywhere;opacity:.7"
)


class Progress:
    """Follows one call by its events and a clock, in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._began = now()
        self._asking = self._price = self._reason = ""
        self._thoughts: list[str] = []
        self._until = self._first = 0.0
        self._characters = self._thought = self._sent = 0
        self._answering, self._keeps, self._replays = False, True, False
        self.at_most: Decimal | None = None  # US dollars; None: not known

    def open(
        self, request: Request, at_most: Decimal | None, sent: str, replay: Replay | None = None
    ) -> None:
        self._began = self._now()
        self._keeps, self.at_most = request.keep_thinking, at_most
        self._asking = KEPT if replay else f"asking {request.model}"
        self._replays = replay is not None
        price = "" if at_most is None else f"at most {money_at_most(at_most)}"
        parts = (sent,) if price and sent.endswith(price) else (sent, price)
        self._price = " · ".join(part for part in parts if part)

    def feed(self, event: Event) -> None:
        if isinstance(event, TextDelta | ReasoningDelta):
            if not self._characters:
                self._first = self._now()
            self._characters += len(event.text)
            self._answering = isinstance(event, TextDelta)
            if isinstance(event, ReasoningDelta):
                self._thought += len(event.text)
                if self._keeps:
                    self._thoughts.append(event.text)
        elif isinstance(event, Waiting):
            self._reason, self._until = event.reason, self._now() + event.seconds
        elif isinstance(event, Started):
            self._reason = ""

    def was_thinking(self, text: str) -> None:
        """Count as thinking what came as text."""
        self._thought = self._characters
        if self._keeps:
            self._thoughts.append(text)

    @property
    def thinking(self) -> str:
        """The thinking so far, where it may be kept; foreign text."""
        return "".join(self._thoughts)

    @property
    def peek(self) -> str:
        """The end of it, while nothing else has come."""
        return "" if self._answering else re.sub(r"\s*\n\s*", "\n", self.thinking[-PEEK:]).lstrip()

    @property
    def seconds(self) -> float:
        """How long the call takes up to now."""
        return self._now() - self._began

    @property
    def tokens(self) -> int:
        """About how many tokens came, thinking included."""
        return math.ceil(self._characters / WRITTEN)

    @property
    def thought_tokens(self) -> int:
        """About how many of them were thinking."""
        return math.ceil(self._thought / WRITTEN)

    @property
    def speed(self) -> int:
        """About how many tokens came a second since the first one; 0 in the first second."""
        seconds = self._now() - self._first
        return round(self.tokens / seconds) if self._characters and seconds >= 1 else 0

    def line(self) -> str:
        """Return the line as it stands now, fit to be shown as text."""
        if self._reason:
            left = math.ceil(self._until - self._now())
            again = f"Trying again in {left} s." if left > 0 else "Trying again."
            return show_controls(f"{self._reason} {again}")
        minutes, seconds = divmod(int(self.seconds), 60)
        elapsed = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
        if not self._characters:
            return show_controls(" · ".join(p for p in (self._asking, elapsed, self._price) if p))
        verb = KEPT if self._replays else "answering" if self._answering else "thinking"
        speed = [f"{thousands(self.speed)} tokens/s"] if self.speed else []
        return " · ".join([f"{verb}… ≈ {plural(self.tokens, 'token')}", *speed, elapsed])

    def thought(self) -> str:
        """Return how much was thought, estimated; nothing where nothing was."""
        return f"thought ≈ {plural(self.thought_tokens, 'token')}" if self._thought else ""

    def pause(self, size: int) -> float:
        """Return the seconds until the next painting, after one that sent ``size`` bytes more.

        So all that is sent stays in proportion to what came, however fast that is; in a slow
        answer the seconds allow for more.
        """
        self._sent += size
        seconds = max(self._now() - self._first, 1.0)
        allowed = BYTES_A_SECOND * seconds + BYTES_A_CHARACTER * self._characters
        return max(EVERY, (self._sent - allowed) / (allowed / seconds))


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
        self._unpainted = False
        self._next = self._line_next = 0.0

    def open(
        self, request: Request, at_most: Decimal | None, sent: str, replay: Replay | None = None
    ) -> None:
        self._progress.open(request, at_most, sent, replay)
        self._paint()

    def feed(self, event: Event) -> None:
        self._progress.feed(event)
        if isinstance(event, TextDelta):
            self._growing.feed(event.text)
            self._unpainted = True
        elif isinstance(event, ThinkingEnded):
            shown = "".join(block.text for block in self._blocks)
            self._progress.was_thinking((shown + self._growing.rest).strip("\n"))
            self._growing, self._unpainted = Growing(), True
            self._take_back()
            self._blocks.clear()
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
        block = Reply(text=text, thinking="" if number else self._progress.thinking)
        self._blocks.append(block)
        return self._add(block)

    def _remaining(self, reply: Reply) -> Reply:
        """Return what of a finished reply stands in no block yet."""
        shown = sum(len(block.text) for block in self._blocks)
        return Reply(text=reply.text[shown:]) if shown else reply

    def _take_back(self) -> None:
        """Take away the blocks that stay: they were no answer."""

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
