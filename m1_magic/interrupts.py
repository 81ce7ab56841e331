"""Ctrl-C, kept waiting while the ledger is written, let through while a call may be stopped.

``uninterrupted`` makes it wait until the block is through; inside, ``stoppable`` lets it through
at once, but only the first: the second, of a user in a hurry, finds us writing down what the
first one stopped. ``heard`` sees to it that one is noticed which comes just before a read blocks.

Signals reach the main thread only: a call in another one is stopped by its ``Stop``.
"""

from __future__ import annotations

import math
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from .watcher import WATCHER, Watch

# Seconds within which Python runs a handler, unless the main thread is blocked, and within which
# what it raised has left the block, unless a destructor or a callback of C code swallowed it.
SOON, LATER = 0.1, 1.0


_here = threading.local()


class Stop(threading.Event):
    """The Ctrl-C of a call that runs in a thread: pressed from another one, for good."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._wake: Callable[[], object] = bool

    def press(self) -> None:
        """Stop what the thread reads or waits for."""
        with self._lock:
            self.set()
            self._wake()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Let this thread be stopped."""
        _here.stop = self
        try:
            yield
        finally:
            del _here.stop

    def wakes(self, wake: Callable[[], object]) -> None:
        """Have ``wake`` called when it is pressed, at once if it was; only the last one is."""
        with self._lock:
            self._wake = wake
            if self.is_set():
                wake()


def at_hand() -> Stop | None:
    """Return what may stop this thread; None: only signals, if it is the main thread."""
    return getattr(_here, "stop", None)


def check() -> None:
    """Raise KeyboardInterrupt in a thread that is to stop."""
    stop = at_hand()
    if stop is not None and stop.is_set():
        raise KeyboardInterrupt


def check_swallowed() -> None:
    """Raise KeyboardInterrupt where a Ctrl-C has come, and foreign code went on."""
    handler = _in_force()
    if handler is not None and handler.delivered:
        raise KeyboardInterrupt


def pause(seconds: float) -> None:
    """Sleep; raise KeyboardInterrupt in a thread that is to stop."""
    stop = at_hand()
    if stop is None:
        time.sleep(seconds)
    elif stop.wait(seconds):
        raise KeyboardInterrupt


class _Handler:
    """What SIGINT does within ``uninterrupted``; ``before`` is what it did outside."""

    def __init__(self, before: Callable[[int, FrameType | None], object]) -> None:
        self.before = before
        self.open = self.caught = self.delivered = self.inside = False
        self.passed = 0.0  # when ``before`` raised nothing, by time.monotonic

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
        self.open, self.delivered, self.passed = True, False, time.monotonic()


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


def _in_force() -> _Handler | None:
    """Return the handler of ``uninterrupted``, in the main thread, within its block."""
    handler = signal.getsignal(signal.SIGINT)
    main = threading.current_thread() is threading.main_thread()
    return handler if main and isinstance(handler, _Handler) else None


@contextmanager
def heard() -> Iterator[None]:
    """Within ``uninterrupted``: notice a Ctrl-C that comes between a look for it and a read.

    Python looks for signals before it blocks in a read, and again when the read ends: one that
    comes between the two would wait for the next token. And what a handler raises is lost where
    it happens to run in a destructor or a callback. The watcher learns of each signal, and sends
    it again if the block of ``stoppable`` goes on.
    """
    handler = _in_force()
    if handler is None or not hasattr(signal, "pthread_kill"):
        yield
        return
    ears = _Ears(handler)
    watch = Watch(ears.look, SOON)
    WATCHER.begin(watch)
    try:
        yield
    finally:
        WATCHER.end(watch)
        ears.close()


class _Ears:
    """Reads the numbers of signals from a socket, and passes them on to who listened before."""

    def __init__(self, handler: _Handler) -> None:
        self._handler, self._main = handler, threading.get_ident()
        self._lock = threading.Lock()
        self._closed = False
        self._looked, self._heard = time.monotonic(), math.inf
        self._signals, self._wakeup = socket.socketpair()
        self._signals.setblocking(False)
        self._wakeup.setblocking(False)
        self._before = signal.set_wakeup_fd(self._wakeup.fileno(), warn_on_full_buffer=False)

    def look(self) -> float | None:
        """Send a signal again that has done nothing in its time; return when to look again."""
        handler, now = self._handler, time.monotonic()
        with self._lock:
            if self._closed:
                return None
            if signal.SIGINT in self._read() and self._heard == math.inf:
                self._arrived, self._heard = self._looked, now  # it came after the last look
            elif now - self._heard >= (LATER if handler.delivered else SOON):
                self._heard = math.inf
                if handler.inside and (handler.delivered or handler.passed < self._arrived):
                    handler.open = True
                    signal.pthread_kill(self._main, signal.SIGINT)
            self._looked = now
        return SOON

    def close(self) -> None:
        """Let who listened before listen again."""
        signal.set_wakeup_fd(self._before)
        with self._lock, self._signals, self._wakeup:
            self._closed = True
            self._read()

    def _read(self) -> bytes:
        try:
            numbers = self._signals.recv(4096)
        except BlockingIOError:
            return b""
        if self._before != -1:
            with suppress(OSError):
                os.write(self._before, numbers)
        return numbers


@contextmanager
def stoppable() -> Iterator[None]:
    """Let a Ctrl-C or Stop end this block, also one that waited for it.

    In the main thread, within ``uninterrupted``; what breaks in a thread because it was stopped
    becomes a KeyboardInterrupt.
    """
    if at_hand() is not None:
        try:
            check()
            yield
        except Exception:
            check()
            raise
        return
    handler = _in_force()
    if handler is None:
        yield
        return
    handler.open = handler.inside = True
    try:
        if handler.caught:
            handler.caught = False
            signal.raise_signal(signal.SIGINT)
        yield
    finally:
        handler.open = handler.inside = False
