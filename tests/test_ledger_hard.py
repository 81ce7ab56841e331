"""The ledger under load, locked, full and killed: no row is lost, no answer waits for it.

The names are those of the catalogue in tests/README.md.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import sqlite3
import stat
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from killed import forks, write
from ledgers import (
    CENT,
    NOW,
    call,
    full_disk,
    ordinary_user,
    race,
    reserve,
    rows,
    settle,
    spend,
    sums,
)
from m1_magic import verbs
from m1_magic.calls import Reply, Started, TextDelta
from m1_magic.errors import BudgetExceeded, LedgerProblem
from m1_magic.ledger import Ledger, disk
from m1_magic.ledger.store import HASTE
from m1_magic.settings.config import M1
from m1_magic.verbs.verb_context import VerbContext
from scripted import Scripted, Seen, answer, request, session

# The catalogue's figures: 6 × 500 calls, 50 kills; M1_TEST_FULL=1 runs them all.
FULL = bool(os.environ.get("M1_TEST_FULL"))
CALLS = 500 if FULL else 60
KILLS = 50
COST = Decimal("0.0025")


# -- many kernels ------------------------------------------------------------------------------


def calling(path: Path, barrier: Any) -> tuple[str, ...]:
    """One kernel: whole calls, one after the other, and what their ledger said of each."""
    budget, at = Decimal(1000), datetime.now(UTC)
    with closing(Ledger(path)) as ledger:
        barrier.wait(300)
        for _ in range(CALLS):
            asked = call(at)
            attempt = reserve(ledger, CENT, budget, "month", of=asked)
            ledger.started(attempt.id, "gen-1")
            settle(ledger, attempt, "0.003")
            ended = replace(asked, reply=Reply("answer"), attempts=(attempt,))
            ledger.finish(ended, True)
        return ledger.news()


def test_l01_six_kernels_write_without_an_error_or_a_loss(path: Path) -> None:
    assert race(calling, path, kernels=6) == [()] * 6
    whole = "cost_nano = 3000000 AND state = 'settled' AND generation_id = 'gen-1'"
    assert rows(path, f"SELECT count(*) FROM attempts WHERE {whole}") == [(6 * CALLS,)]
    assert rows(path, "SELECT count(*) FROM calls WHERE answer = 'answer'") == [(6 * CALLS,)]
    assert rows(path, "SELECT sum(spent), sum(held) FROM totals WHERE kind = 'day'") == [
        (6 * CALLS * 3_000_000, 0)
    ]
    assert list(path.parent.glob("*unwritten*")) == []
    with closing(Ledger(path)) as ledger:
        assert ledger.check() == "ok"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b"]),
            st.integers(0, 40),
            st.one_of(st.none(), st.integers(0, 10**9)),
            st.sampled_from(["reserve", "start", "settle", "correct"]),
        ),
        max_size=25,
    )
)
@hypothesis_settings(max_examples=40)
def test_running_totals_are_the_sums_of_the_rows(
    steps: list[tuple[str, int, int | None, str]],
) -> None:
    """They are kept by triggers, and no budget is better than they are."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        with closing(Ledger(path, "a")) as a, closing(Ledger(path, "b")) as b:
            for who, days, nano, last in steps:
                ledger = a if who == "a" else b
                hold = None if nano is None else Decimal(nano) / 10**9
                attempt = reserve(ledger, hold, at=NOW - timedelta(days=days))
                if last in ("start", "settle", "correct"):
                    ledger.started(attempt.id, "g")
                if last == "settle":
                    settle(ledger, attempt, None if nano is None else f"{nano}E-9")
                if last == "correct":
                    settle(ledger, attempt, None)
                    ledger.correct(attempt.id, CENT)
            for kind, name in (("session", "session"), ("day", "substr(at, 1, 10)")):
                summed = rows(
                    path,
                    f"SELECT {name}, coalesce(sum(cost_nano), 0),"
                    " coalesce(sum(CASE WHEN state <> 'settled' THEN hold_nano END), 0),"
                    " sum(cost_nano IS NULL AND state <> 'reserved'), count(*)"
                    f" FROM attempts GROUP BY 1 ORDER BY 1",
                )
                kept = "SELECT name, spent, held, unknown, calls FROM totals WHERE kind = "
                assert rows(path, f"{kept}'{kind}' ORDER BY 1") == summed


# -- killed ------------------------------------------------------------------------------------


def test_l26_fifty_random_kills_lose_nothing_that_was_acknowledged(path: Path) -> None:
    chance = random.Random(26)
    told: list[str] = []
    pipe = path.with_name("told")
    os.mkfifo(pipe)
    with forks(write) as killed, ThreadPoolExecutor(1) as waiting:
        for _ in range(KILLS):
            died = waiting.submit(killed, path.parent, 0)
            with pipe.open() as lines:
                pid, wanted = int(lines.readline()), chance.randrange(1, 60)
                came = [*itertools.islice(lines, wanted)]
                time.sleep(chance.random() / 500)  # anywhere in what it does next
                os.kill(pid, signal.SIGKILL)
                told += [*came, *lines]
            assert died.result(30) and len(came) == wanted
            assert rows(path, "PRAGMA quick_check") == [("ok",)]
    found = dict(rows(path, "SELECT id, state FROM attempts"))
    assert len(told) > 10 * KILLS
    for line in told:
        state = found[line[1:].strip()]
        assert line[0] == "r" or state == "settled"
    settled = sum(state == "settled" for state in found.values())
    assert rows(path, "SELECT sum(spent) FROM totals WHERE kind = 'session'") == [
        (settled * 3_000_000,)
    ]


# -- locked ------------------------------------------------------------------------------------


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another program holds the ledger's lock and does not let go."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "BUSY", 0.2)


@pytest.mark.usefixtures("hasty")
def test_l05_a_ledger_that_stays_locked_keeps_its_row_in_a_file_until_it_can_be_written(
    path: Path,
) -> None:
    lock = locked(path)
    script = [Started("gen-1"), TextDelta("all "), lambda: lock.__enter__(), TextDelta("of it")]
    view = Seen()
    asking = session(path.parent, Scripted([*script, *answer()[2:]], answer("next")))
    reply = asking.ask(request("a question"), view)
    assert (reply.text, reply.status, reply.cost) == ("all of it", "ok", COST)
    (note,) = view.receipt.notes
    kept = sorted(path.parent.glob("ledger-unwritten-*.json"))
    assert len(kept) == 2 and "locked" in note and kept[0].name in note
    assert {stat.S_IMODE(file.stat().st_mode) for file in kept} == {0o600}
    context = VerbContext(asking, {}, str)
    assert "2 not written yet" in verbs.VERBS["doctor"].run(context, ()).replace("\\", "")
    lock.__exit__(None, None, None)

    assert asking.ask(request(), Seen()).text == "next"
    assert sorted(path.parent.glob("*unwritten*")) == []
    found = "SELECT status, answer, state, cost_nano FROM calls c JOIN attempts a ON call_id = c.id"
    assert rows(path, f"{found} WHERE prompt = 'a question'") == [
        ("ok", "all of it", "settled", 2_500_000)
    ]
    assert asking.totals().spent == 2 * COST and asking.totals().held == 0


@pytest.mark.usefixtures("hasty")
def test_l05_what_a_kernel_could_not_write_before_it_ended_the_next_one_does(path: Path) -> None:
    child = os.fork()
    if not child:
        with suppress(BaseException):
            lock = locked(path)
            script = [*answer("text")[:2], lambda: lock.__enter__(), answer()[-1]]
            session(path.parent, Scripted(script)).ask(request("a question"), Seen())
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert rows(path, "SELECT state FROM attempts") == [("streaming",)]
    with closing(Ledger(path, "next")) as ledger:
        assert sums(ledger, "month", datetime.now(UTC)) == (COST, 0)
    assert rows(path, "SELECT status, answer FROM calls") == [("ok", "text")]
    assert list(path.parent.glob("*unwritten*")) == []


@pytest.mark.usefixtures("hasty")
def test_l05_a_cell_waits_for_a_lock_once_and_not_at_each_step(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []
    with closing(Ledger(path, "s1")) as ledger:
        attempt = reserve(ledger)
        with locked(path):
            for _ in range(3):
                with pytest.raises(LedgerProblem, match="kept in"):
                    ledger.started(attempt.id, "gen-1")
                ((wait,),) = ledger.read(lambda db: db.execute("PRAGMA busy_timeout").fetchall())
                waits.append(wait)
        assert waits == [round(HASTE * 1000)] * 3
        reserve(ledger)
        assert ledger.read(lambda db: db.execute("PRAGMA busy_timeout").fetchone()) == (200,)


@pytest.mark.usefixtures("hasty")
def test_a_locked_ledger_refuses_a_call_before_it_is_sent(path: Path) -> None:
    backend = Scripted(answer(), answer())
    asking = session(path.parent, backend)
    asking.ledger  # noqa: B018
    with locked(path), pytest.raises(LedgerProblem, match="locked") as caught:
        asking.ask(request(), Seen())
    assert "Nothing was sent" in str(caught.value) and backend.sent == []
    assert asking.ask(request(), Seen()).status == "ok"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        '{"ab": 1}',
        "[1]",
        '[["drop", []]]',
        '[["call", []]]',
        '[["call", [1,2,3,4,5,6,null]]]x',
    ],
)
def test_a_journal_that_cannot_be_read_is_kept_and_told(path: Path, text: str) -> None:
    file = path.with_name("ledger-unwritten-1-1.json")
    file.write_text(text)
    with closing(Ledger(path, "s1")) as ledger:
        assert file.name in " ".join(ledger.news())
        spend(ledger, "1")
    assert file.with_suffix(".unreadable").read_text() == text


def test_writing_down_twice_is_like_once(path: Path) -> None:
    """A kernel may die after it has written down a file and before it has deleted it."""
    with closing(Ledger(path, "s1")) as ledger:
        attempt = reserve(ledger)
        settle(ledger, attempt, None, generation_id="gen-1")
    writes = [
        ("started", ["gen-1", attempt.id]),
        ("settled", ["pending", *[None] * 7, "unknown", None, attempt.id]),
    ]
    for number in range(2):
        file = path.with_name(f"ledger-unwritten-{number}-1.json")
        file.write_text(json.dumps(writes))
        with closing(Ledger(path, "s1")) as ledger:
            assert ledger.news() == ()
            if number == 0:
                assert sums(ledger) == (0, CENT)
                ledger.correct(attempt.id, COST)
            assert sums(ledger) == (COST, 0)  # a late word does not take a bill back
        assert not file.exists()


# -- full --------------------------------------------------------------------------------------


def test_l12_a_full_disk_refuses_the_call_before_it_is_sent(path: Path) -> None:
    backend = Scripted(answer(), answer())
    asking = session(path.parent, backend)
    asking.ask(request(), Seen())
    with full_disk(path), pytest.raises(LedgerProblem) as caught:
        asking.ask(request("x" * 100_000), Seen())
    assert "Nothing was sent" in str(caught.value) and len(backend.sent) == 1
    assert asking.ask(request(), Seen()).status == "ok"
    assert asking.totals().spent == 2 * COST


# -- read-only, seen from a call ---------------------------------------------------------------


def test_l11_a_call_goes_through_without_a_writable_ledger_within_its_budget() -> None:
    with ordinary_user() as home:
        home.chmod(0o500)
        view, backend = Seen(), Scripted(answer(), answer())
        asking = session(home, backend, M1(budget=Decimal("0.003")))
        assert asking.ask(request(), view).status == "ok"
        (note,) = view.receipt.notes
        assert "memory only" in note and str(home) in note
        with pytest.raises(BudgetExceeded):
            asking.ask(request(max_tokens=1000), Seen())
        assert len(backend.sent) == 1
        page = verbs.VERBS["doctor"].run(VerbContext(asking, {}, str), ())
        assert "cannot be written" in page


# -- time --------------------------------------------------------------------------------------


def test_l21_a_clock_that_is_set_back_loses_nothing_of_the_budget(path: Path) -> None:
    with closing(Ledger(path, "s1")) as ledger:
        spend(ledger, "0.5", NOW)
        earlier = NOW - timedelta(hours=3)
        assert sums(ledger, "day", earlier) == sums(ledger, "month", earlier) == (Decimal("0.5"), 0)
        with pytest.raises(BudgetExceeded):
            reserve(ledger, CENT, Decimal("0.5"), "day", earlier)
        yesterday = NOW - timedelta(days=1)  # over midnight: still counted, never forgotten
        assert sums(ledger, "day", yesterday) == (Decimal("0.5"), 0)


@pytest.mark.parametrize("hours", [-1, 0, 1, 2])
def test_l21_daylight_saving_does_not_move_the_day(path: Path, hours: int) -> None:
    berlin = datetime(2026, 10, 25, 1, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    with closing(Ledger(path, "s1")) as ledger:
        spend(ledger, "0.5", datetime(2026, 10, 25, 12, tzinfo=UTC))
        at = (berlin.astimezone(UTC) + timedelta(hours=hours)).astimezone(berlin.tzinfo)
        spent = sums(ledger, "day", at)[0]
        assert spent == Decimal("0.5")  # at or after that UTC day
        spend(ledger, "0.25", at)
        counted = at.astimezone(UTC).date() == datetime(2026, 10, 25).date()
        day = sums(ledger, "day", datetime(2026, 10, 25, 20, tzinfo=UTC))[0]
        assert day == (Decimal("0.75") if counted else Decimal("0.5"))
