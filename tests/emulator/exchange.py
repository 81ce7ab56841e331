"""One request and its socket: ordered writes, early goodbyes, waits that always end.

An Exchange writes the response by hand so that a fault can stop at any byte.
Every wait watches the socket and the server's stop flag, so a handler that
"never answers" still ends as soon as the client leaves or the test is over.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from .answer import Json
from .wire import Call, Event, dump
from .wire import events as all_events

TICK = 0.02
# Seconds after which a fault that goes on for ever ends, so that a test fails and does not hang.
FOR_EVER = 15.0
REASONS = {200: "OK", 204: "No Content", 302: "Found", 307: "Temporary Redirect"}


class Gone(Exception):
    """The client left, or the server is closing."""


def merged(first: Mapping[str, str], second: Mapping[str, str]) -> dict[str, str]:
    """Join two sets of headers; the second wins, whatever the case of its names."""
    names = {name.lower() for name in second}
    return {name: value for name, value in first.items() if name.lower() not in names} | dict(
        second
    )


@dataclass(eq=False)
class Received:
    """One request as it came, and how its answer went."""

    method: str
    path: str
    headers: dict[str, str]
    raw: bytes
    body: Any = None
    began: float | None = None  # when the first delta was sent, by time.monotonic
    left: bool = False
    """Did the client leave before the answer was at its end?"""
    closed: threading.Event = field(default_factory=threading.Event)
    held: threading.Event = field(default_factory=threading.Event)

    @property
    def route(self) -> str:
        """The path without /api/v1, or another server's /v1, and without the query."""
        return self.path.partition("?")[0].removeprefix("/api").removeprefix("/v1")


@dataclass(eq=False)
class Exchange:
    """A request being answered."""

    sock: socket.socket
    received: Received
    stopping: threading.Event
    settle: Callable[[Exchange, bool], None] = lambda _exchange, _cancelled: None
    elsewhere: Callable[[], str] = lambda: "http://127.0.0.1:9/api/v1"
    call: Call | None = None
    keep_alive: bool = True
    _chunked: bool = False
    _deltas: int = 0

    @property
    def order(self) -> Call:
        """The accepted call; only chat exchanges have one."""
        if self.call is None:
            raise LookupError("this exchange is not a chat call")
        return self.call

    def events(self) -> list[Event]:
        """Give the events a healthy answer would send."""
        return all_events(self.order)

    # -- waiting ---------------------------------------------------------------
    def wait(self, seconds: float | None, until: threading.Event | None = None) -> None:
        """Wait for the time or the event; raise Gone if the client leaves first."""
        end = None if seconds is None else time.monotonic() + seconds
        while until is None or not until.is_set():
            left = TICK if end is None else min(TICK, end - time.monotonic())
            if left <= 0:
                return
            self.check(left)

    def check(self, seconds: float = 0.0) -> None:
        """Raise Gone if the client closed the connection or the server is stopping."""
        try:
            ready = select.select([self.sock], [], [], seconds)[0]
            left = bool(ready) and not self.sock.recv(1, socket.MSG_PEEK)
        except (OSError, ValueError):
            left = True
        if left or self.stopping.is_set():
            raise Gone
        if ready and seconds:
            self.stopping.wait(seconds)

    def hang(self) -> None:
        """Stay silent until the client leaves."""
        self.wait(FOR_EVER)
        self.leave()

    def repeat(self, data: bytes, pause: float = TICK) -> None:
        """Put the same bytes on the socket again and again, until the client leaves."""
        end = time.monotonic() + FOR_EVER
        while time.monotonic() < end:
            self.send(data)
            self.wait(pause)
        self.leave()

    # -- writing ---------------------------------------------------------------
    def send(self, data: bytes) -> None:
        """Put bytes on the socket exactly as they are."""
        self.check()
        try:
            self.sock.sendall(data)
        except OSError:
            raise Gone from None

    def head(
        self,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        *,
        kind: str = "text/event-stream",
        length: int | None = None,
        chunked: bool = True,
    ) -> None:
        """Send the status line and headers; framing by length, by chunks or by closing."""
        sent = {"Date": formatdate(usegmt=True), "Content-Type": kind}
        if kind == "text/event-stream":
            sent["Cache-Control"] = "no-cache"
        if self.call is not None and kind != "text/html":
            if status == 200 and not self.call.answer.think_tags:
                sent["X-Generation-Id"] = self.call.id
            sent = merged(sent, self.call.answer.headers)
        sent = merged(sent, headers or {})
        self._chunked = chunked and length is None
        if length is not None:
            sent["Content-Length"] = str(length)
        elif self._chunked:
            sent["Transfer-Encoding"] = "chunked"
        else:
            self.keep_alive = False
        sent["Connection"] = "keep-alive" if self.keep_alive else "close"
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        reason = REASONS.get(status, "Error")
        self.send(f"HTTP/1.1 {status} {reason}\r\n{lines}\r\n".encode("latin-1"))

    def write(self, data: bytes) -> None:
        """Send a part of the body, framed as the headers promised."""
        if not data:
            return
        self.send(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def end(self) -> None:
        """Finish the body properly."""
        if self._chunked:
            self.send(b"0\r\n\r\n")

    def json(self, status: int, body: Json, headers: Mapping[str, str] | None = None) -> None:
        """Send a plain JSON answer."""
        self.page(status, dump(body), "application/json", headers)

    def page(
        self, status: int, data: bytes, kind: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """Send a whole body of some type."""
        self.head(status, headers, kind=kind, length=len(data))
        self.write(data)

    def play(self, events: Iterable[Event]) -> None:
        """Send events at the answer's pace, recording the generation once the text is out."""
        for one in events:
            self.pace(one)
            self.write(one.raw)
        self.settle(self, False)

    def pace(self, one: Event) -> None:
        """Delay and hold as the answer asks, and count what the client will have got."""
        answer = self.order.answer
        if one.kind in ("finish", "usage", "error", "done"):
            self.settle(self, False)
        if one.payload is None:
            return
        if self._deltas:
            self.wait(answer.delay)
        if answer.hold is not None and self._deltas == answer.hold_after:
            self.received.held.set()
            self.wait(None, answer.hold)
        if one.kind not in ("think", "text"):
            return
        if self.received.began is None:
            self.received.began = time.monotonic()
        if answer.rate:
            self.wait(self.received.began + self._deltas / answer.rate - time.monotonic())
        self._deltas += 1

    # -- goodbyes --------------------------------------------------------------
    def leave(self) -> None:
        """Close the connection politely (FIN) after what was sent."""
        self.keep_alive = False

    def reset(self) -> None:
        """Close the connection at once with a RST."""
        self.keep_alive = False
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self.sock.detach())
