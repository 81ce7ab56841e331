"""What is done with an answer besides showing it: its queries run, its data read, tools called."""

from __future__ import annotations

from typing import Protocol

from ..calls import Reply, Request

Failure = BaseException | None


class Processor(Protocol):
    """What the session asks of whoever works with an answer, in this order."""

    def next_request(self, request: Request, reply: Reply) -> Request | None:
        """Return what the next round asks, of the request and the reply so far; None: nothing.

        Raises:
            KeyboardInterrupt: Stop was pressed.
        """

    def so_far(self, reply: Reply) -> Reply:
        """Return the reply of all rounds so far, of the last one's; another one follows."""

    def finished(self, reply: Reply, error: Failure) -> tuple[Reply, Failure]:
        """Return the reply of the whole call, and how it failed; called exactly once.

        Args:
            reply: of the last round, with what all rounds cost.
            error: how that round failed; None: it did not.
        """
