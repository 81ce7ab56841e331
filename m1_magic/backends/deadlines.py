"""Deadlines that a read timeout cannot keep: each byte resets it, also one of a header or comment.

The watcher looks at the time of the last data event, the first of which is one with text or
thinking in it, and, when one of the deadlines has passed,
shuts the socket down: closing a stream from another thread does not wake a blocked read, this does.
So does the ``Stop`` of the thread that reads.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..interrupts import at_hand
from ..watcher import WATCHER, Watch


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, to the first text, between data events, for the whole call."""

    connect: float = 5.0
    first_token: float = 300.0
    token: float = 60.0
    deadline: float = 1800.0


class Watchdog:
    """Watches one call, from before it connects until its answer is read.

    ``expired`` says which deadline passed; ``sent``, whether any of the request can have left.
    """

    def __init__(self, timeouts: Timeouts) -> None:
        self.expired: str | None = None
        self.sent = False
        self._stream: Any = None
        self._timeouts = timeouts
        self._start = time.monotonic()
        self._last: float | None = None
        self._stop = at_hand()
        self._watch = Watch(self._look, 0.0)

    def fed(self) -> None:
        """Text or thinking came, or behind it any data event."""
        self._last = time.monotonic()

    def trace(self, name: str, info: Mapping[str, Any]) -> None:
        """Hear what the transport does: the ``trace`` extension of httpx2's requests."""
        if name.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._stream = info["return_value"]
            if self.expired or (self._stop and self._stop.is_set()):
                self._wake()
        elif name.endswith(".send_request_headers.started"):
            request = info["request"]
            if request.method == b"CONNECT":  # a proxy's yes or no is still part of connecting
                timeout = request.extensions.get("timeout", {})
                request.extensions["timeout"] = {**timeout, "read": self._timeouts.connect}
            else:
                self.sent = True

    def __enter__(self) -> Watchdog:
        WATCHER.begin(self._watch)
        if self._stop:
            self._stop.wakes(self._wake)
        return self

    def __exit__(self, *_: object) -> None:
        WATCHER.end(self._watch)
        if self._stop:
            self._stop.wakes(bool)
        self._wake()  # an interrupt within the library may have left the connection open

    def _look(self) -> float | None:
        """Break the call off if a deadline has passed, else return when to look again."""
        left, reason = self._left()
        if left > 0:
            # Never longer than from one token to the next: the first one may come meanwhile.
            return max(min(left, self._timeouts.token), 0.001)
        self.expired = reason
        self._wake()
        return None

    def _left(self) -> tuple[float, str]:
        """Return the seconds to the nearest deadline, and what to say when it passes."""
        most = self._timeouts
        ends = [(self._start + most.deadline, f"the call took longer than {most.deadline:g} s")]
        if self._last is None:
            ends.append((self._start + most.first_token, f"no token in {most.first_token:g} s"))
        else:
            ends.append((self._last + most.token, f"no token for {most.token:g} s"))
        end, reason = min(ends)
        return end - time.monotonic(), reason

    def _wake(self) -> None:
        if self._stream is not None:
            with suppress(OSError):  # the other side was quicker
                self._stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
