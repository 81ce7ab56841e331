"""Sessions over real sockets for the tests of faults: ask, and look at all that is left behind."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psutil
import pytest

from emulator import FAULTS, Answer, Fault, OpenRouter
from emulator.exchange import Exchange
from ledgers import rows
from m1_magic import api
from m1_magic import errors as e
from m1_magic.backends import Chooser
from m1_magic.calls import Reply, Request, TextDelta, Waiting
from m1_magic.ledger import open_ledger
from m1_magic.session.loop import Session
from scripted import Seen, request

THOUGHT, TEXT = "Hm, let me see.", "Hello wörld 日本, 😀 and all of you!"
SHORT = 0.5
COSTS = (e.NOTHING_SENT, e.NOT_CHARGED, e.MAY_COST)


class Row(NamedTuple):
    """An attempt as the ledger has it; money in nano-dollars."""

    state: str
    hold: int | None
    cost: int | None
    generation: str | None
    source: str


class Kept(NamedTuple):
    """A call as the ledger has it."""

    status: str
    finish: str | None
    error: str | None
    answer: str | None
    thinking: str | None


@dataclass
class Asked:
    """One call: what was shown, returned or raised, and what the ledger has of it."""

    view: Seen
    error: BaseException | None
    reply: Reply | None
    kept: Kept
    attempts: list[Row]
    waits: list[float] = field(default_factory=list)

    @property
    def pieces(self) -> list[str]:
        """The pieces of the answer, as they were shown."""
        return [event.text for event in self.view.events if isinstance(event, TextDelta)]

    @property
    def thinking(self) -> str:
        return self.view.came.thinking


class Asking:
    """A session with its own ledger; its waits are listed and not waited for."""

    def __init__(self, home: Path, **settings: Any) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.settings = api.settings()
        for name, value in settings.items():
            setattr(self.settings, name, value)
        self.slept: list[float] = []
        self.session = Session(
            self.settings, lambda: open_ledger(home), Chooser(), sleep=self.slept.append
        )

    def ask(self, asked: Request | None = None, view: Seen | None = None) -> Asked:
        """Ask once; whatever comes, it is in the view, the ledger and ``last`` alike."""
        view, error, reply = view or Seen(), None, None
        known = {row[0] for row in self.rows("SELECT id FROM calls")}
        try:
            reply = self.session.ask(asked or request(), view)
        except Exception as raised:
            error, reply = raised, getattr(raised, "reply", None)
        fresh = [i for (i,) in self.rows("SELECT id FROM calls") if i not in known]
        assert len(fresh) == 1, error
        (kept,) = self.rows(
            "SELECT status, finish, error, answer, thinking FROM calls WHERE id = ?", *fresh
        )
        found = self.rows(
            "SELECT state, hold_nano, cost_nano, generation_id, cost_source FROM attempts"
            " WHERE call_id = ?",
            *fresh,
        )
        waits = [one.seconds for one in view.events if isinstance(one, Waiting)]
        came = Asked(view, error, reply, Kept(*kept), [Row(*row) for row in found], waits)
        consistent(came, self.session)
        return came

    def rows(self, sql: str, *values: object) -> list[Any]:
        """Return rows of the ledger, by a connection of their own."""
        file = self.home / "ledger.db"
        return rows(file, sql, *values) if file.exists() else []


@contextmanager
def asking(home: Path, **settings: Any) -> Iterator[Asking]:
    """Give a session that is closed at the end."""
    made = Asking(home, **settings)
    try:
        yield made
    finally:
        made.session.close()


def consistent(came: Asked, session: Session) -> None:
    """What was shown, returned, raised and written down is the same, whatever happened."""
    reply = came.reply
    assert reply is not None
    assert session.last == reply == came.view.receipt.call.reply
    assert (came.kept.status, came.kept.finish) == (reply.status, reply.finish)
    assert came.view.text == reply.text == came.kept.answer
    assert came.thinking == reply.thinking == came.kept.thinking
    assert (came.error is None) == (reply.status in ("ok", "truncated"))
    assert (came.kept.error is None) == (came.error is None)
    assert len(came.view.receipts) == 1
    assert all(row.state in ("settled", "pending") for row in came.attempts)


def told(error: BaseException | None) -> str:
    """Return an error's paragraph: what happened, what it cost, what to do; one line, no key."""
    assert isinstance(error, e.M1Error), repr(error)
    said = str(error)
    assert said.isprintable()
    assert len(said) < 700
    assert "sk-or-" not in said
    assert error.what and error.todo, said
    assert error.cost in COSTS or error.cost.startswith("It cost "), said
    assert said == " ".join((error.what, error.cost, error.todo))
    return said


def connections(url: str) -> int:
    """Return how many connections this process has to the server at ``url``, from its side."""
    port = urlsplit(url).port
    return sum(
        bool(c.raddr) and c.raddr.port == port and c.laddr.port != port
        for c in psutil.Process().net_connections("tcp")
    )


def until(true: Callable[[], object], seconds: float = 60.0) -> bool:
    """Look until it is so; False if it is not in time."""
    end = time.monotonic() + seconds
    while not (so := true()) and time.monotonic() < end:
        time.sleep(0.01)
    return bool(so)


def settled(server: OpenRouter, generation: str | None) -> dict[str, Any]:
    """Return the server's own bill, which it may book after its last byte was read."""
    until(lambda: generation in server.generations)
    return dict(server.generations[generation or ""])


def without_proxies(patch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        patch.delenv(name, raising=False)
        patch.delenv(name.upper(), raising=False)


def own(monkeypatch: pytest.MonkeyPatch, run: Callable[[Exchange], None], **answer: Any) -> Answer:
    """Return an Answer that a function of the test's own gives."""
    monkeypatch.setitem(FAULTS, "own", Fault((run,)))
    return Answer(**{"thinking": THOUGHT, "text": TEXT, "fault": "own", **answer})


def take(sock: socket.socket) -> bytes:
    """Read one HTTP request and return its head; nothing if the client has gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    left = int(length[1]) - len(body) if length else 0
    while left > 0:
        left -= len(sock.recv(65536))
    return head


@contextmanager
def listening(
    answer: Callable[[socket.socket], None], sock: socket.socket | None = None
) -> Iterator[socket.socket]:
    """Answer one connection after the other by hand; close each when ``answer`` returns."""
    server = sock or socket.create_server(("127.0.0.1", 0), backlog=50)
    server.listen(50)

    def accept() -> None:
        with suppress(OSError):
            while True:
                near, _ = server.accept()
                with near, suppress(OSError):
                    answer(near)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)


def url_of(server: socket.socket) -> str:
    return f"http://127.0.0.1:{server.getsockname()[1]}/api/v1"


def chunks(monkeypatch: pytest.MonkeyPatch, *data: Any, head: Any = None) -> Answer:
    """Return an Answer that is these events: JSON values, or a text as it stands."""

    def run(x: Exchange) -> None:
        x.head(200, head)
        for one in data:
            x.write(f"data: {one if isinstance(one, str) else json.dumps(one)}\n\n".encode())
        x.end()

    return own(monkeypatch, run)


def piece(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    """Return a chunk with this delta."""
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}
