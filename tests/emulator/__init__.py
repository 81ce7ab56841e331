"""A local emulator of OpenRouter's HTTP API, for tests.

Written from OpenRouter's documentation and recorded streams, not from the client,
so that a misunderstanding in the client cannot hide in its own tests.

    with OpenRouter() as server:
        server.say(Answer(thinking="Hm.", text="Yes."))
"""

from __future__ import annotations

import atexit
import functools
import socket

from . import edits
from .answer import MIDNIGHT, MISSING, STATUSES, Answer
from .exchange import Received
from .faults import FAULTS, Fault
from .server import OpenRouter

__all__ = [
    "FAULTS",
    "MIDNIGHT",
    "MISSING",
    "STATUSES",
    "Answer",
    "Fault",
    "OpenRouter",
    "Received",
    "closed_port",
    "edits",
]


@functools.cache
def closed_port() -> int:
    """Give a port of 127.0.0.1 that refuses connections: bound, never listening."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    atexit.register(sock.close)
    return int(sock.getsockname()[1])
