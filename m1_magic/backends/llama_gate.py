"""What stands before llama.cpp's server: requests of this machine's programs, and of no web page.

A page that the user visits can reach 127.0.0.1. Under another name for this machine (DNS
rebinding) it could read answers, and with a simple form it could ask. So ``Host`` must name this
machine, and what asks must say JSON and come from no other site. The engine behind it takes only
requests with a word that the gate alone knows. One request a connection; bytes pass as they come.
This file is run by its path and imports nothing of the package.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import socketserver
from collections.abc import Iterator

HEAD = 65_536  # bytes of a request's first line and headers, at most
PATIENCE = 60.0
HERE = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?", re.IGNORECASE)
ORIGIN = re.compile(f"https?://{HERE.pattern}", re.IGNORECASE)
READING = {"GET", "HEAD"}
REASONS = {403: "Forbidden", 415: "Unsupported Media Type", 431: "Headers Too Large"}


def refusal(method: str, headers: dict[str, list[str]]) -> tuple[int, str] | None:
    """Return the status and the reason if a request must not pass.

    Args:
        headers: values by name in lower case.
    """
    host = headers.get("host", [])
    if len(host) != 1 or not HERE.fullmatch(host[0]):
        return 403, "The Host header must be 127.0.0.1 or localhost."
    if method in READING:
        return None
    if not all(ORIGIN.fullmatch(one) for one in headers.get("origin", [])) or any(
        one.lower() == "cross-site" for one in headers.get("sec-fetch-site", [])
    ):
        return 403, "Requests of other sites are refused."
    kinds = headers.get("content-type", [])
    if len(kinds) != 1 or kinds[0].partition(";")[0].strip().lower() != "application/json":
        return 415, "The Content-Type must be application/json."
    return None


class Gate(socketserver.ThreadingTCPServer):
    """Listens on 127.0.0.1 and passes on what may pass."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int, word: str, engine: int = 0) -> None:
        self.word, self.engine = word, engine
        super().__init__(("127.0.0.1", port), Passage)


class Passage(socketserver.BaseRequestHandler):
    """One connection: its head is read and judged, the rest goes both ways."""

    server: Gate
    request: socket.socket

    def handle(self) -> None:
        """Answer with a refusal, or with what the engine answers."""
        try:
            self.request.settimeout(PATIENCE)
            head, rest = self._head()
            if not head:
                return
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = list(_parsed(lines))
            by_name: dict[str, list[str]] = {}
            for name, value in headers:
                by_name.setdefault(name.lower(), []).append(value)
            refused = refusal(first.partition(" ")[0], by_name)
            if refused:
                self._refuse(*refused)
                return
            ours = ("authorization", "connection", "keep-alive", "expect")
            passed = [f"{name}: {value}" for name, value in headers if name.lower() not in ours]
            passed += [f"Authorization: Bearer {self.server.word}", "Connection: close", "", ""]
            if "expect" in by_name:
                self.request.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            with socket.create_connection(("127.0.0.1", self.server.engine)) as engine:
                engine.sendall("\r\n".join([first, *passed]).encode("latin-1") + rest)
                splice(self.request, engine)
        except (OSError, ValueError):
            return  # who went away needs no answer

    def _head(self) -> tuple[bytes, bytes]:
        """Return the request's head, and what came after it."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.request.recv(HEAD)
            data += more
            if not more:
                return b"", b""
            if len(data) > HEAD:
                self._refuse(431, "The headers are too long.")
                return b"", b""
        head, _, rest = data.partition(b"\r\n\r\n")
        return head, rest

    def _refuse(self, status: int, why: str) -> None:
        body = json.dumps({"error": {"message": why, "code": status}}).encode()
        head = (
            f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self.request.sendall(head.encode() + body)
        self.request.shutdown(socket.SHUT_WR)


def _parsed(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Yield names and values; raises ValueError for what is no header."""
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise ValueError(line)
        yield name, value.strip(" \t")


def splice(client: socket.socket, engine: socket.socket) -> None:
    """Pass bytes both ways until one side has ended; then the other is closed, too."""
    for one in (client, engine):
        one.settimeout(PATIENCE)
    with selectors.DefaultSelector() as ready:
        ready.register(client, selectors.EVENT_READ, engine)
        ready.register(engine, selectors.EVENT_READ, client)
        while True:
            for key, _ in ready.select():
                here, there = key.fileobj, key.data
                assert isinstance(here, socket.socket)
                data = here.recv(65_536)
                if not data:
                    return
                there.sendall(data)
