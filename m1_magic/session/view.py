"""What the loop tells of a call, and the view that shows nothing of it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, Protocol

from ..calls import Event, Receipt, Replay, Reply, Request, Totals
from ..messages import ToolCall


class View(Protocol):
    """What the session tells of a call, in this order."""

    def open(
        self, request: Request, at_most: Decimal | None, sent: str, replay: Replay | None = None
    ) -> None:
        """Called before the first byte is sent, or before a kept answer is shown.

        Args:
            request: what is about to leave.
            at_most: the highest price of the call in US dollars; None: not known.
            sent: what leaves, for people: ``sales → stats``, and what it likely costs, with
                ``at most`` at its end, where that can be foretold.
            replay: the call whose answer is shown again; None: somebody is asked.
        """

    def feed(self, event: Event) -> None:
        """Called with each event, in order."""

    def tick(self) -> float | None:
        """Called now and then after ``open``, by another thread, while nothing else is called.

        Returns:
            The seconds until it wants to be called again; None: no more.
        """

    def close(self, receipt: Receipt) -> None:
        """Called exactly once, also after a failure: the partial text is in the reply."""


Decision = Literal["yes", "no", "always"]


class Approver(Protocol):
    """Asks the user whether a function may be called."""

    def decide(self, call: ToolCall, displayed: str) -> Decision:
        """Return what the user says; "no" where nobody can be asked.

        Args:
            call: what M1 wants called, with arguments that were read and fit.
            displayed: the call as Python, for people: ``best(city='Paris', top=3)``; untrusted.

        Raises:
            KeyboardInterrupt: Stop was pressed.
        """


class Board(Protocol):
    """Shows several calls at once: each is told to a view of its own, in its thread.

    Nothing of it is shown but by ``paint`` and ``close``, which the thread calls that asks.
    """

    @property
    def views(self) -> Sequence[View]:
        """One view for each call, in order."""

    def paint(self) -> None:
        """Called again and again while they run."""

    def close(self, replies: Sequence[Reply], totals: Totals, notes: Sequence[str]) -> None:
        """Called once, when all have ended, with what they came to and what is worth saying."""


class Silent:
    """The view that shows nothing."""

    def open(
        self, request: Request, at_most: Decimal | None, sent: str, replay: Replay | None = None
    ) -> None:
        pass

    def feed(self, event: Event) -> None:
        pass

    def tick(self) -> float | None:
        return None

    def close(self, receipt: Receipt) -> None:
        pass


class Unseen:
    """The board that shows nothing."""

    def __init__(self, count: int) -> None:
        self.views = [Silent() for _ in range(count)]

    def paint(self) -> None:
        pass

    def close(self, replies: Sequence[Reply], totals: Totals, notes: Sequence[str]) -> None:
        pass
