"""What has to be done while calls wait for the network, by one thread for all calls.

``WATCHER`` keeps deadlines and notices missed interrupts: nothing that it does blocks.
``TICKER`` gives views the time of day; a view may block, on a terminal that stands still, say, so
it has a thread of its own, which is replaced when it hangs. Both begin when they are needed and
end when they are idle. Where no thread can be started, calls are made without them.
"""

from __future__ import annotations

import math
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress

from .locks import lock

# Seconds that an idle thread stays for the next call, and in which work has to be done.
LINGER, STUCK = 1.0, 5.0


class Watch:
    """One thing that is watched.

    Args:
        work: called in the watcher's thread when its time has come or its file can be read;
            returns the seconds until the next time (``math.inf``: the file alone), None to end.
        seconds: until the first time.
        file: a socket, or None; work may change it.
    """

    __slots__ = ("due", "file", "work")

    def __init__(
        self, work: Callable[[], float | None], seconds: float, file: socket.socket | None = None
    ) -> None:
        self.work, self.file = work, file
        self.due = time.monotonic() + seconds


class Watcher:
    """Runs the work of watches, each at its time, in one thread.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = lock()
        self._begin_anew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin_anew)

    def begin(self, watch: Watch) -> bool:
        """Begin to watch; False where no thread can be started."""
        with self._lock:
            self._watches.add(watch)
            if not self._at_work():
                if not self._started():
                    self._watches.discard(watch)
                    return False
            elif watch.due < self._next or watch.file is not None:
                self._wake()
        return True

    def end(self, watch: Watch) -> None:
        """Watch it no more; work that has begun comes to its end."""
        with self._lock:
            self._watches.discard(watch)
            if not self._watches:
                self._until = time.monotonic() + LINGER
                self._wake()

    def rest(self) -> None:
        """Let the thread end now, if nothing is watched."""
        with self._lock:
            self._until = 0.0
            self._wake()

    def _begin_anew(self) -> None:
        """Also in a forked child, which has neither the thread nor anything to watch."""
        self._watches: set[Watch] = set()
        self._thread: threading.Thread | None = None
        self._ears: tuple[socket.socket, socket.socket] | None = None
        self._since = math.inf  # when the work began that the thread does now
        self._next = self._until = 0.0  # when it looks up by itself; when it ends if it is idle

    def _at_work(self) -> bool:
        """Is there a thread that does not hang?"""
        hangs = time.monotonic() - self._since > STUCK
        return self._thread is not None and self._thread.is_alive() and not hangs

    def _started(self) -> bool:
        """Start a thread, which takes the place of one that hangs."""
        thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        ears = socket.socketpair()
        for one in ears:
            one.setblocking(False)
        self._thread, self._ears, self._since = thread, ears, math.inf
        try:
            thread.start()
        except RuntimeError:
            self._thread = self._ears = None
            for one in ears:
                one.close()
        return self._thread is not None

    def _wake(self) -> None:
        if self._ears is not None:
            with suppress(BlockingIOError):  # it has enough to wake up for
                self._ears[1].send(b".")

    def _run(self) -> None:
        me = threading.current_thread()
        with self._lock:
            ears = self._ears
        if ears is None or self._thread is not me:
            return
        with ears[0], ears[1]:
            while True:
                with self._lock:
                    if self._thread is not me:
                        return
                    now = time.monotonic()
                    if not self._watches and now >= self._until:
                        self._thread = self._ears = None
                        return
                    watches = tuple(self._watches)
                    self._next = min((one.due for one in watches), default=self._until)
                due = [one for one in watches if one.due <= now]
                if not due:
                    due = self._waited(watches, ears[0], self._next - now)
                for one in due:
                    self._do(one, me)

    def _waited(
        self, watches: Collection[Watch], ear: socket.socket, seconds: float
    ) -> list[Watch]:
        """Wait until something is due; return the watches whose file can be read."""
        files = {one.file.fileno(): one for one in watches if one.file is not None}
        numbers = readable([ear.fileno(), *(n for n in files if n >= 0)], seconds)
        if ear.fileno() in numbers:
            with suppress(BlockingIOError):
                ear.recv(4096)
        return [files[number] for number in numbers if number in files]

    def _do(self, watch: Watch, me: threading.Thread) -> None:
        if watch not in self._watches:
            return
        self._since, watch.due = time.monotonic(), math.inf
        try:
            seconds = watch.work()
        except Exception:  # a fault in one call must not take the deadlines of the others
            seconds = None
        if self._thread is me:
            self._since = math.inf
        if seconds is None:
            self._watches.discard(watch)
        else:
            watch.due = time.monotonic() + seconds
        if not self._watches:
            self._until = time.monotonic() + LINGER


def readable(numbers: Collection[int], seconds: float) -> list[int]:
    """Return which of these files can be read, after so many seconds at most."""
    endless = seconds == math.inf
    if not hasattr(select, "poll"):
        return select.select(numbers, [], [], None if endless else max(seconds, 0.0))[0]
    poll = select.poll()
    for number in numbers:
        poll.register(number, select.POLLIN)
    milliseconds = None if endless else math.ceil(max(seconds, 0.0) * 1000)
    return [number for number, _ in poll.poll(milliseconds)]


WATCHER, TICKER = Watcher("m1-watcher"), Watcher("m1-ticker")


def rest() -> None:
    """Let the threads end that have nothing to watch."""
    WATCHER.rest()
    TICKER.rest()
