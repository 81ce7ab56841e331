"""Ctrl-C, kept waiting while the ledger is written, let through while a call may be stopped.

``uninterrupted`` makes it wait until the block is through; inside, ``stoppable`` lets it through
at once, but only the first: the second, of a user in a hurry, finds us writing down what the
first one stopped.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class _Handler:
    """What SIGINT does within ``uninterrupted``; ``before`` is what it did outside."""

    def __init__(self, before: Callable[[int, FrameType | None], object]) -> None:
        self.before = before
        self.open = self.caught = self.delivered = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if not self.open:
            self.caught = True
            return
        # Closed before it raises: no second one can come through where the first is handled.
        self.open, self.delivered = False, True
        self.before(number, frame)
        if _in_event_loop():
            # In a cell with a top-level await, the kernel cancels the cell's task; that waits for
            # the loop, and the loop for us.
            raise KeyboardInterrupt
        self.open, self.delivered = True, False


def _in_event_loop() -> bool:
    """Does an event loop of this thread wait for us?"""
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let a Ctrl-C wait until the block is through: what was paid must be written down."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    handler = _Handler(before)
    signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if handler.caught and not handler.delivered:
            signal.raise_signal(signal.SIGINT)


@contextmanager
def stoppable() -> Iterator[None]:
    """Within ``uninterrupted``: let a Ctrl-C stop this block, also one that waited for it."""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not isinstance(
        handler, _Handler
    ):
        yield
        return
    handler.open = True
    try:
        if handler.caught:
            handler.caught = False
            signal.raise_signal(signal.SIGINT)
        yield
    finally:
        handler.open = False
