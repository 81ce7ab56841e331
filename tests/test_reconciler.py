"""Kernels that are killed, and prices that come later: the next one finds and settles them.

The names are those of the catalogue in tests/README.md.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import kernels
from emulator import Answer, OpenRouter
from faulty import until
from killed import ask, forks
from ledgers import HOST, NOW, call, in_threads, reserve, rows, settle, sums
from m1_magic import api, verbs
from m1_magic.backends import Chooser
from m1_magic.calls import Started, TextDelta
from m1_magic.errors import CannotConnect, CutOff, Stopped
from m1_magic.ledger import Ledger, history, open_ledger, processes
from m1_magic.ledger.leases import ENDED, LEASE, OLDEST, claim, sweep
from m1_magic.session import reconciler
from m1_magic.session.loop import Session
from m1_magic.session.reconciler import Reconciler
from m1_magic.verbs.verb_context import VerbContext
from scripted import Scripted, Seen, answer, request, session

GONE = "elsewhere/space 1 1"
STATES = "SELECT state, cost_nano, generation_id, cost_source FROM attempts"


def owed(ledger: Ledger, generation: str, *, process: str | None = None) -> str:
    """Leave a pending attempt behind, as a kernel of that name would; return its id."""
    asked = call(datetime.now(UTC))
    attempt = reserve(ledger, of=asked)
    settle(ledger, attempt, None, generation_id=generation)
    ledger.finish(replace(asked, attempts=(attempt,)), True)
    if process is not None:
        ledger.write(
            lambda db: db.execute(
                "UPDATE attempts SET process = ? WHERE id = ?", (process, attempt.id)
            )
        )
    return attempt.id


# -- killed ------------------------------------------------------------------------------------

CHILD = """
import os, sys
from m1_magic import api
from m1_magic.session import reconciler
from m1_magic.calls import Finish, Started, TextDelta
from m1_magic.options.fields import Options
from m1_magic.prompt import build

reconciler.PAUSES = ()
point = sys.argv[1]

def die():
    os.kill(os.getpid(), 9)

class View:
    def open(self, request, at_most, sent, replay=None):
        if point == "reserved": die()
    def feed(self, event):
        kinds = {"text": TextDelta, "finish": Finish}
        if isinstance(event, kinds.get(point, ())): die()
    def tick(self): return None
    def close(self, receipt):
        if point == "settled": die()

print(os.getpid(), flush=True)
api.session().ask(build(Options(), "hello", api.settings()), View())
"""
POINTS = {  # state after the kill, and whether a generation id is in the ledger
    "reserved": ("reserved", False),
    "sent": ("reserved", False),
    "headers": ("streaming", True),
    "text": ("streaming", True),
    "finish": ("streaming", True),
    "settled": ("settled", True),
}


def killed(server: OpenRouter, path: Path, point: str) -> int:
    """Let a kernel die at a point of a call; return its process id."""
    more: dict[str, Any] = {"first_delay": 600.0} if point == "sent" else {}
    if point == "headers":
        more = {"hold": threading.Event(), "hold_after": 0}
    server.say(Answer(text=["one ", "two"], generation_id="gen-1-killed", cost=0.0042, **more))
    command = [*kernels.python(), "-c", CHILD, point]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout
            pid = int(child.stdout.readline())
            if point == "sent":
                assert server.wait_chats(1)
            elif point == "headers":
                assert server.wait_chats(1) and server.wait_held()
                assert until(lambda: rows(path, STATES)[0][0] == "streaming")
            if point in ("sent", "headers"):
                os.kill(pid, signal.SIGKILL)
            assert child.wait(60) == -signal.SIGKILL
        finally:
            child.kill()
    return pid


@pytest.mark.parametrize("point", POINTS)
def test_i12_kill_9_at_any_point_is_found_and_settled_by_the_next_kernel(
    server: OpenRouter, own_home: Path, point: str
) -> None:
    path = own_home / "ledger.db"
    pid = killed(server, path, point)
    state, known = POINTS[point]
    assert rows(path, "SELECT state, pid FROM attempts") == [(state, pid)]
    assert [row[2] for row in rows(path, STATES)] == ["gen-1-killed" if known else None]
    if point == "settled":  # all that was lost is the display
        assert rows(path, "SELECT status, answer FROM calls") == [("ok", "one two")]
    elif known:
        assert server.wait_closed()

    page = verbs.VERBS["cost"].run(VerbContext(api.session(), {}, str), ())
    ((state, cost, generation, source),) = rows(path, STATES)
    if known:
        billed = server.generations["gen-1-killed"]["total_cost"]
        assert (state, cost, source) == ("settled", round(billed * 10**9), "billed")
        assert api.session().ledger.totals(None, "day", datetime.now(UTC)).held == 0
    else:
        assert (state, cost, generation) == ("pending", None, None)
        assert api.session().ledger.totals(None, "day", datetime.now(UTC)).held > 0
    if point != "settled":
        assert "1 call(s) of a kernel that ended" in page
        assert rows(path, "SELECT status, error FROM calls") == [("failed", ENDED)]
    assert api.session().ledger.check() == "ok"


def test_i12_it_happens_in_the_background_and_the_tokens_come_with_it(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(server, own_home / "ledger.db", "text")
    assert server.wait_closed()
    monkeypatch.setattr(reconciler, "PAUSES", (0.01, 0.01, *[0.5] * 100))
    assert api.session().totals().session == 0  # the status does not wait for it
    assert until(lambda: rows(own_home / "ledger.db", STATES)[0][0] == "settled")
    record = server.generations["gen-1-killed"]
    (past,) = history.latest(api.session().ledger, 5)
    assert past.usage is not None and past.usage.output == record["native_tokens_completion"]
    assert rows(own_home / "ledger.db", "SELECT provider FROM attempts") == [("Minimax",)]


def test_i12_kill_9_in_any_line_leaves_what_the_next_kernel_needs(path: Path) -> None:
    finished = 0
    with forks(ask) as killed:
        for line in range(1, 10_000, 5):
            for file in path.parent.glob("ledger*"):
                file.unlink()
            died = killed(path.parent, line)
            with closing(Ledger(path, "next")) as ledger:
                sweep(ledger, datetime.now(UTC))
                assert ledger.check() == "ok"
                calls = rows(path, "SELECT status, error FROM calls")
                found = rows(path, "SELECT state, cost_nano, hold_nano FROM attempts")
                assert len(calls) == len(found) <= 1, line
                spent, held, calls_told = ledger.spent(datetime.now(UTC))["day"]
                assert calls_told == len(calls), line
                for state, cost, hold in found:
                    assert (state, cost) in (("pending", None), ("settled", 10_000_000)), line
                    assert held == (0 if cost else Decimal(hold) / 10**9), line
                    assert spent == Decimal(cost or 0) / 10**9, line
                assert set(calls) <= {("ok", None), ("failed", ENDED)}, line
                finished += calls == [("ok", None)]
            if not died:
                break
    assert not died and line > 300 and finished > 1


def test_a_call_under_way_in_another_kernel_is_left_alone(path: Path) -> None:
    with closing(Ledger(path, "busy")) as busy, closing(Ledger(path, "next")) as other:
        attempt = reserve(busy)
        busy.started(attempt.id, "gen-1")
        assert sweep(other, NOW + timedelta(days=2)) == 0
        assert other.pending(None) == claim(other, HOST, NOW) == []
        assert rows(path, "SELECT state FROM attempts") == [("streaming",)]


def test_i18_a_process_id_that_is_used_again_is_not_mistaken_for_the_kernel(path: Path) -> None:
    place, pid, birth = processes.me().split(" ")
    again = f"{place} {pid} {int(birth) - 1}"  # this very pid, of a process born before
    assert processes.ended(processes.me()) is False
    assert processes.ended(again) is True
    with closing(Ledger(path, "old")) as old, closing(Ledger(path, "new")) as new:
        owed(old, "gen-1", process=again)
        assert sweep(new, NOW) == 0  # its call had come to its end
        assert [one.generation_id for one in new.pending(HOST)] == ["gen-1"]


def test_i18_a_zombie_has_ended(path: Path) -> None:
    child = os.fork()
    if not child:
        signal.pause()
    try:
        born = processes._born(child)
        place = processes.me().split(" ")[0]
        assert processes.ended(f"{place} {child} {born}") is False
        os.kill(child, signal.SIGKILL)
        assert until(lambda: processes.ended(f"{place} {child} {born}") is True)  # not reaped yet
    finally:
        os.waitpid(child, 0)


@pytest.mark.parametrize(("hours", "taken"), [(0.5, False), (1.5, True)])
def test_a_kernel_that_cannot_be_seen_from_here_counts_as_ended_after_an_hour(
    path: Path, hours: float, taken: bool
) -> None:
    with closing(Ledger(path, "s1")) as ledger:
        attempt = reserve(ledger, at=NOW - timedelta(hours=hours))
        ledger.started(attempt.id, "gen-1")
        ledger.write(lambda db: db.execute("UPDATE attempts SET process = ?", (GONE,)))
        assert sweep(ledger, NOW) == taken
        assert rows(path, "SELECT state FROM attempts") == [("pending" if taken else "streaming",)]
        # And if it was alive after all, its own word still counts.
        settle(ledger, attempt, "0.004", generation_id="gen-1")
        assert sums(ledger) == (Decimal("0.004"), 0)


# -- asking ------------------------------------------------------------------------------------


def record(cost: float, **more: Any) -> dict[str, Any]:
    return {"total_cost": cost, "native_tokens_prompt": 12, "native_tokens_completion": 5, **more}


def stopped_call(server: OpenRouter, generation: str) -> None:
    server.say(Answer.broken("so far", generation_id=generation))
    with pytest.raises(CutOff):
        api.session().ask(request(), Seen())


def test_i13_a_record_that_is_not_there_yet_is_asked_for_again(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "PAUSES", (0.01, 0.01, 0.01, 600))
    server.generation_lag = 2
    stopped_call(server, "gen-1-late")
    assert until(lambda: rows(own_home / "ledger.db", STATES)[0][0] == "settled")
    assert server.lookups == {"gen-1-late": 3}


def test_i14_a_record_that_never_comes_is_given_up_softly(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "PAUSES", (0.01,) * 5)
    server.generation_lag = 10**6
    stopped_call(server, "gen-1-never")
    settler = api.session().settler
    assert until(lambda: settler._thread is None)
    assert server.lookups == {"gen-1-never": 5}
    totals = api.session().totals()
    assert (totals.unknown, totals.spent) == (1, 0) and totals.held > 0  # counted at its hold
    assert api.session().ask(request(), Seen()).status == "ok"


def test_i15_a_cancelled_call_that_cost_nothing_releases_its_hold(path: Path) -> None:
    backend = Scripted(
        [Started("gen-1"), TextDelta("so"), CutOff("cut")],
        records={"gen-1": record(0, cancelled=True, native_tokens_completion=0)},
    )
    asking = session(path.parent, backend)
    with pytest.raises(CutOff):
        asking.ask(request(), Seen())
    assert asking.totals().held > 0
    assert asking.reconcile() == 1
    assert (asking.totals().held, asking.totals().spent, asking.totals().unknown) == (0, 0, 0)


def test_i16_a_price_that_differs_from_the_estimate_is_corrected_with_a_trace(path: Path) -> None:
    backend = Scripted(answer(cost=None), records={"gen-1": record(0.009)})
    asking = session(path.parent, backend)
    reply = asking.ask(request(), Seen())
    assert reply.cost_source == "estimated" and reply.cost is not None
    assert asking.reconcile() == 1
    (past,) = history.latest(asking.ledger, 1)
    (bill,) = past.bills
    assert (bill.cost, bill.source, bill.estimate) == (Decimal("0.009"), "billed", reply.cost)
    assert asking.totals().spent == Decimal("0.009")


def test_i17_two_kernels_ask_once(server: OpenRouter, own_home: Path) -> None:
    with closing(open_ledger(own_home, "dead")) as dead:
        for number in range(5):
            owed(dead, f"gen-1-{number}", process=GONE)
            server.generations[f"gen-1-{number}"] = record(0.001)
        dead.write(lambda db: db.execute("UPDATE attempts SET endpoint = '127.0.0.1'"))
        dead.write(lambda db: db.execute("UPDATE attempts SET process = NULL"))
    gate = threading.Barrier(4)

    def kernel() -> None:
        asking = Session(api.settings(), lambda: open_ledger(own_home), Chooser())
        asking.ledger  # noqa: B018
        gate.wait(60)
        asking.reconcile()
        asking.close()

    in_threads(4, kernel)
    assert server.lookups == {f"gen-1-{number}": 1 for number in range(5)}
    assert rows(own_home / "ledger.db", "SELECT sum(cost_nano) FROM attempts") == [(5_000_000,)]


def test_i17_a_kernel_that_dies_while_it_asks_is_followed_by_another(path: Path) -> None:
    with closing(Ledger(path, "a")) as a, closing(Ledger(path, "b")) as b:
        owed(a, "gen-1", process=GONE)
        a.write(lambda db: db.execute("UPDATE attempts SET process = NULL"))
        now = datetime.now(UTC)
        assert len(claim(a, HOST, now)) == 1
        assert claim(b, HOST, now) == []
        assert len(claim(a, HOST, now)) == 1  # its own claim is no obstacle
        assert len(claim(b, HOST, now + 2 * LEASE)) == 1


def test_what_is_too_old_is_not_asked_for(path: Path) -> None:
    with closing(Ledger(path, "a")) as ledger:
        owed(ledger, "gen-1")
        assert claim(ledger, HOST, datetime.now(UTC) + 2 * OLDEST) == []


@pytest.mark.parametrize(
    "counts",
    [
        {},
        {"native_tokens_prompt": "12"},
        {"native_tokens_completion": -1},
        {"native_tokens_prompt": None},
    ],
)
def test_tokens_of_a_record_are_taken_only_if_they_are_counts(counts: dict[str, Any]) -> None:
    base = {"native_tokens_prompt": 12, "native_tokens_completion": 5} if counts else {}
    assert reconciler.used({**base, **counts}) is None


# -- the thread --------------------------------------------------------------------------------


class Looks:
    """Counts looks, and says what is still owed after each; none came."""

    def __init__(self, *left: int | BaseException) -> None:
        self.left, self.count = list(left), 0

    def __call__(self) -> tuple[int, int]:
        self.count += 1
        found = self.left.pop(0) if self.left else 0
        if isinstance(found, BaseException):
            raise found
        return 0, found


def ended(settler: Reconciler) -> bool:
    return until(lambda: settler._thread is None)


def test_the_settler_stops_when_nothing_is_owed_and_begins_again_when_woken() -> None:
    looks = Looks(1, CannotConnect("down."), 0, 0)
    settler = Reconciler(looks, (0.0,) * 10)
    settler.wake()
    assert ended(settler) and looks.count == 3
    settler.wake()
    assert ended(settler) and looks.count == 4


def test_waking_and_closing_do_not_wait() -> None:
    """Neither for a pause nor for a look that hangs: a cell must not feel it."""
    inside, go = threading.Event(), threading.Event()

    def hang() -> tuple[int, int]:
        inside.set()
        go.wait(60)
        return 0, 1

    settler = Reconciler(hang, (0.0, 600.0))
    settler.wake()
    assert inside.wait(60)
    settler.wake()
    settler.close()
    thread = settler._thread
    go.set()
    assert thread is not None
    thread.join(60)
    assert not thread.is_alive()
    settler.wake()
    assert settler._thread is thread  # closed: no new one


@pytest.fixture
def hanging(server: OpenRouter) -> Iterator[OpenRouter]:
    """A server whose ``GET /generation`` says nothing until the test is over."""
    from emulator import routes

    go = threading.Event()
    before = routes.ROUTES["/generation"]
    routes.ROUTES["/generation"] = (("GET",), lambda emulator, x: x.wait(None, go))
    yield server
    go.set()
    routes.ROUTES["/generation"] = before


def test_a_server_that_does_not_tell_prices_blocks_no_cell(
    hanging: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "PAUSES", (0.0, 0.0))
    stopped_call(hanging, "gen-1-x")
    assert until(lambda: any(r.route == "/generation" for r in hanging.requests))
    assert api.session().ask(request(), Seen()).status == "ok"  # while the look hangs
    assert api.session().totals().unknown == 1
    api.end()


def test_i19_what_minimax_may_still_do_is_said(path: Path) -> None:
    with pytest.raises(Stopped) as caught:
        session(path.parent, Scripted([Started("g"), TextDelta("so"), KeyboardInterrupt()])).ask(
            request(), Seen()
        )
    told = str(caught.value)
    assert (
        "The provider may still finish and charge (MiniMax's own endpoint cannot be stopped)"
        in told
    )
    assert "text so far is kept" in told and "%m1 cost" in told and "\n" not in told
