"""How far a call is, as one line.

Tokens are counted by the server at the end only; until then they are estimated from characters.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal

from ..calls import Event, ReasoningDelta, Replay, Request, Started, TextDelta, Unsettled, Waiting
from ..events import ToolAsked, ToolCallDelta, ToolEnded
from ..pricing.dollars import money_at_most
from ..pricing.tokens import WRITTEN
from ..text import one_line, plural, show_controls, thousands

EVERY = 0.1  # seconds between two paintings
# What may be sent up to now: so much for each second, and for each character that came.
BYTES_A_SECOND, BYTES_A_CHARACTER = 10_000, 3.5
KEPT = "showing a kept answer"
PEEK = 300  # characters of the thinking that are shown while it comes


class Progress:
    """Follows one call by its events and a clock, in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._began = now()
        self._asking = self._price = self._reason = self.doing = ""
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
            self._take(self._characters + len(event.text))
            self._answering = isinstance(event, TextDelta)
            if isinstance(event, ReasoningDelta):
                self._thought += len(event.text)
                if self._keeps:
                    self._thoughts.append(event.text)
        elif isinstance(event, Unsettled):
            self.doing = event.doing
            self._take(event.characters)
            self._answering = True
        elif isinstance(event, ToolCallDelta):
            self._take(self._characters + len(event.name) + len(event.arguments))
            self._answering = True
        elif isinstance(event, ToolAsked):
            self.doing = f"calling {one_line(event.call.name, 60)}"
        elif isinstance(event, ToolEnded):
            self.doing = ""
        elif isinstance(event, Waiting):
            self._reason, self._until = event.reason, self._now() + event.seconds
        elif isinstance(event, Started):
            self._reason = ""

    def _take(self, characters: int) -> None:
        if not self._characters:
            self._first = self._now()
        self._characters = max(self._characters, characters)

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
        if self.doing:
            return f"{self.doing} · {elapsed}"
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
