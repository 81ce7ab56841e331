"""What has to be done while calls wait for the network, by one thread for all calls.

``WATCHER`` keeps deadlines and notices missed interrupts: nothing that it does blocks.
``TICKER`` gives views the time of day; a view may block, on a terminal that stands still, say, so
it has a thread of its own, which is replaced when it hangs. Both begin when they are needed and
end when they are idle. Where no thread can be started, calls are made without them.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable
from operator import attrgetter

from .locks import lock

# Seconds that an idle thread stays for the next call, and in which work has to be done.
LINGER, STUCK = 1.0, 5.0


class Watch:
    """One thing that is watched.

    Args:
        work: called in the watcher's thread when its time has come; returns the seconds until the
            next time, None to end.
        seconds: until the first time.
    """

    def __init__(self, work: Callable[[], float | None], seconds: float) -> None:
        self.work, self.due = work, time.monotonic() + seconds


class Watcher:
    """Runs the work of watches, each at its time, in one thread of this name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = lock()
        self._begin_anew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin_anew)

    def _begin_anew(self) -> None:
        """Also in a forked child, which has neither the thread nor anything to watch."""
        self._changed = threading.Condition(self._lock)
        self._watches: set[Watch] = set()
        self._thread: threading.Thread | None = None
        self._since = math.inf  # when the work began that the thread does now
        self._until = 0.0  # when it ends if it is idle

    def begin(self, watch: Watch) -> None:
        """Begin to watch, if a thread can be started."""
        with self._lock:
            self._watches.add(watch)
            hangs = time.monotonic() - self._since > STUCK
            if self._thread is not None and self._thread.is_alive() and not hangs:
                self._changed.notify_all()
                return
            self._since = math.inf
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            try:
                self._thread.start()
            except RuntimeError:
                self._thread = None
                self._watches.discard(watch)

    def end(self, watch: Watch) -> None:
        """Watch it no more; work that has begun comes to its end."""
        with self._lock:
            self._watches.discard(watch)
            if not self._watches:
                self._until = time.monotonic() + LINGER
                self._changed.notify_all()

    def rest(self) -> None:
        """Let the thread end now, if nothing is watched."""
        with self._lock:
            self._until = 0.0
            self._changed.notify_all()

    def _run(self) -> None:
        while (watch := self._next()) is not None:
            try:
                seconds = watch.work()
            except Exception:  # a fault in one call must not take the deadlines of the others
                seconds = None
            with self._lock:
                if self._thread is threading.current_thread():
                    self._since = math.inf
                if seconds is None:
                    self.end(watch)
                else:
                    watch.due = time.monotonic() + seconds

    def _next(self) -> Watch | None:
        """Wait for a watch whose time has come; None: the thread is idle, or was replaced."""
        with self._lock:
            while self._thread is threading.current_thread():
                now = time.monotonic()
                watch = min(self._watches, key=attrgetter("due"), default=None)
                if watch is not None and watch.due <= now:
                    self._since, watch.due = now, math.inf
                    return watch
                until = self._until if watch is None else watch.due
                if until <= now:
                    self._thread = None
                else:
                    self._changed.wait(min(until - now, threading.TIMEOUT_MAX))
        return None


WATCHER, TICKER = Watcher("m1-watcher"), Watcher("m1-ticker")


def rest() -> None:
    """Let the threads end that have nothing to watch."""
    WATCHER.rest()
    TICKER.rest()
