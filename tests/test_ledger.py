"""The file that knows what was spent: whatever races, breaks or is killed, no sum is lost."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ledgers import CENT, HOST, NOW, call, in_threads, race, reserve, rows, settle, spend, sums
from m1_magic.calls import Attempt, Call, Message, Reply, Request, Text, Usage
from m1_magic.errors import BudgetExceeded, LedgerProblem
from m1_magic.ledger import Ledger, alike, batches, new_id, open_ledger, settled, started, users
from m1_magic.ledger import sums as sums_of
from scripted import MODEL, Scripted, Seen, answer, request, session

# Of each of six kernels that race for a budget; the catalogue's figure with M1_TEST_FULL=1.
TRIES = 500 if os.environ.get("M1_TEST_FULL") else 100


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with closing(Ledger(path, "s1")) as opened:
        yield opened


# -- the file -------------------------------------------------------------------------------


def test_a_closed_ledger_says_so(path: Path) -> None:
    ledger = Ledger(path)
    ledger.close()
    for use in (lambda: reserve(ledger), lambda: sums(ledger), ledger.check):
        with pytest.raises(LedgerProblem):
            use()


# -- states ---------------------------------------------------------------------------------


def test_the_states_of_an_attempt(ledger: Ledger, path: Path) -> None:
    sql = "SELECT state, hold_nano, cost_nano, generation_id, cost_source, pid FROM attempts"
    asked = call()
    attempt = reserve(ledger, of=asked)
    pid = os.getpid()
    assert rows(path, sql) == [("reserved", 10_000_000, None, None, "unknown", pid)]
    assert sums(ledger) == (0, CENT)
    ledger.started(attempt.id, "gen-1")
    assert rows(path, sql) == [("streaming", 10_000_000, None, "gen-1", "unknown", pid)]
    assert sums(ledger) == (0, CENT)
    settle(ledger, attempt, None)
    assert rows(path, sql) == [("pending", 10_000_000, None, "gen-1", "unknown", pid)]
    assert ledger.totals(None, "session", NOW).unknown == 1
    assert sums(ledger) == (0, CENT)
    (owed,) = ledger.pending(HOST)
    assert (owed.id, owed.generation_id) == (attempt.id, "gen-1")
    ledger.correct(attempt.id, Decimal("0.003"))
    assert rows(path, sql) == [("settled", 10_000_000, 3_000_000, "gen-1", "billed", pid)]
    assert sums(ledger) == (Decimal("0.003"), 0)
    assert ledger.pending(HOST) == []
    assert ledger.totals(None, "session", NOW).unknown == 0


def test_usage_and_reply_are_written(ledger: Ledger, path: Path) -> None:
    asked = call(text="why?")
    attempt = reserve(ledger, of=asked)
    settle(ledger, attempt, "0.1", usage=Usage(10, 7, 3, 5), provider="Novita")
    reply = Reply("because", "hm", status="truncated", finish="length", model="other/model")
    ledger.finish(replace(asked, reply=reply, seconds=1.5, error="e"), keep_text=True)
    assert rows(path, "SELECT input, output, cached, reasoning, provider FROM attempts") == [
        (10, 7, 3, 5, "Novita")
    ]
    sql = "SELECT status, finish, error, seconds, model, prompt, thinking, answer FROM calls"
    assert rows(path, sql) == [
        ("truncated", "length", "e", 1.5, "other/model", "why?", "hm", "because")
    ]


def test_a_bill_is_never_corrected(ledger: Ledger) -> None:
    attempt = reserve(ledger)
    settle(ledger, attempt, "0.1", generation_id="gen-1")
    ledger.correct(attempt.id, Decimal(9))
    assert sums(ledger) == (Decimal("0.1"), 0)
    assert ledger.pending(HOST) == []


def test_an_estimate_counts_and_can_still_be_corrected(ledger: Ledger) -> None:
    attempt = reserve(ledger)
    ledger.settle(
        replace(attempt, cost=CENT, cost_source="estimated", state="settled", generation_id="gen-1")
    )
    assert sums(ledger) == (CENT, 0)
    assert [owed.id for owed in ledger.pending(HOST)] == [attempt.id]
    ledger.correct(attempt.id, Decimal("0.02"))
    assert sums(ledger) == (Decimal("0.02"), 0)
    assert ledger.pending(HOST) == []


def test_only_what_that_endpoint_and_this_session_can_be_asked_is_pending(path: Path) -> None:
    with closing(Ledger(path, "s1")) as one, closing(Ledger(path, "s2")) as two:
        settle(one, reserve(one), None, generation_id="gen-1")
        settle(one, reserve(one), None)
        settle(two, reserve(two), None, generation_id="gen-2")
        assert [owed.generation_id for owed in one.pending(HOST)] == ["gen-1"]
        assert one.pending("elsewhere") == []


def test_without_keep_text_only_numbers_are_kept(ledger: Ledger, path: Path) -> None:
    asked = call(text="a secret plan")
    attempt = reserve(ledger, of=asked, keep=False)
    settle(ledger, attempt, "0.1")
    ledger.finish(replace(asked, reply=Reply("a secret answer", "a secret thought")), False)
    assert rows(path, "SELECT prompt, thinking, answer FROM calls") == [(None, None, None)]
    stored = b"".join(p.read_bytes() for p in path.parent.iterdir())
    assert b"secret" not in stored


def test_only_the_users_own_messages_are_kept_as_the_prompt(ledger: Ledger, path: Path) -> None:
    messages = (
        Message("system", (Text("be kind"),)),
        Message("user", (Text("hi"),)),
        Message("user", (Text("there"),)),
    )
    reserve(ledger, of=Call(new_id(), NOW, Request(MODEL, messages, 10)))
    assert rows(path, "SELECT prompt FROM calls") == [("hi\n\nthere",)]


def test_the_session_purges_when_it_opens_the_ledger(tmp_path: Path) -> None:
    with closing(open_ledger(tmp_path)) as ledger:
        ledger.finish(replace(asked := call(), reply=Reply("old")), True)
        reserve(ledger, of=asked)
    later = session(tmp_path, Scripted(answer()), now=lambda: NOW + timedelta(days=31))
    later.ask(request("new"), Seen())
    assert rows(tmp_path / "ledger.db", "SELECT prompt FROM calls ORDER BY at") == [
        (None,),
        ("new",),
    ]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a\x00b", "a\x00b"),
        ("lone \ud800 surrogate \udfff", "lone ? surrogate ?"),
        ("'; DROP TABLE calls; --", "'; DROP TABLE calls; --"),
        ("\u202e 😀 日本", "\u202e 😀 日本"),
        ("x" * 2_000_000, "x" * 2_000_000),
    ],
    ids=["NUL", "surrogates", "quotes", "bidi", "long"],
)
def test_any_text_goes_in_wherever_it_comes_from(
    ledger: Ledger, path: Path, text: str, kept: str
) -> None:
    messages = (Message("user", (Text(text),)),)
    asked = Call(new_id(), NOW, Request(text, messages, 10))
    attempt = Attempt(new_id())
    ledger.reserve(asked, attempt, HOST, None, "session", True)
    ledger.started(attempt.id, text)
    settle(ledger, attempt, "0.1", provider=text, generation_id=text)
    reply = Reply(text, text, model=text, finish=text)
    ledger.finish(replace(asked, reply=reply, error=text), True)
    found = rows(path, "SELECT model, finish, error, prompt, thinking, answer FROM calls")
    assert found == [(kept,) * 6]
    assert rows(path, "SELECT provider, generation_id FROM attempts") == [(kept, kept)]


def test_numbers_beyond_64_bits_do_not_lose_the_row(ledger: Ledger, path: Path) -> None:
    attempt = reserve(ledger)
    settle(ledger, attempt, "0.1", usage=Usage(10**30, 2**63, 0, 0))
    assert sums(ledger) == (Decimal("0.1"), 0)
    assert rows(path, "SELECT input, output FROM attempts") == [(2**63 - 1, 2**63 - 1)]


# -- sums and budgets -----------------------------------------------------------------------


def test_m1_a_hundred_thousand_costs_sum_exactly(ledger: Ledger, path: Path) -> None:
    attempt = reserve(ledger)
    settle(ledger, attempt, "0.00012345")
    with closing(sqlite3.connect(path)) as db:
        columns = [
            name for _, name, *_ in db.execute("PRAGMA table_info(attempts)") if name != "id"
        ]
        db.execute(
            "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
            f" INSERT INTO attempts (id, {', '.join(columns)})"
            f" SELECT 'n' || i, {', '.join(columns)} FROM n, attempts"
        )
        db.commit()
    assert sums(ledger) == (Decimal("12.345"), 0)
    assert sum([0.00012345] * 100_000) != 12.345  # what floats make of it


@pytest.mark.parametrize(
    ("period", "inside", "outside"),
    [
        ("day", "2026-03-15T00:00:00+00:00", "2026-03-14T23:59:59.999999+00:00"),
        ("day", "2026-03-15T00:00:00.000001+00:00", "2026-03-15T01:59:59+02:00"),
        ("day", "2026-03-14T20:00:00-04:00", "2026-03-14T19:59:59-04:00"),
        ("month", "2026-03-01T00:00:00+00:00", "2026-02-28T23:59:59+00:00"),
        ("month", "2026-02-28T20:00:00-05:00", "2026-03-01T00:30:00+01:00"),
    ],
)
def test_l21_m19_periods_begin_at_midnight_utc(
    ledger: Ledger, period: str, inside: str, outside: str
) -> None:
    spend(ledger, "1", datetime.fromisoformat(inside))
    spend(ledger, "2", datetime.fromisoformat(outside))
    for zone in (UTC, timezone(timedelta(hours=11)), timezone(timedelta(hours=-11))):
        assert sums(ledger, period, NOW.astimezone(zone)) == (1, 0)


def test_a_session_is_one_kernel(path: Path) -> None:
    with closing(Ledger(path)) as one, closing(Ledger(path)) as two:
        spend(one, "1")
        spend(two, "2")
        assert (sums(one), sums(two)) == ((1, 0), (2, 0))
        assert sums(one, "day") == sums(two, "month") == (3, 0)
        assert one.totals(None, "day", NOW).session == 1


@pytest.mark.parametrize("period", ["session", "day", "month"])
def test_a_budget_is_kept_to_the_last_nano_dollar(ledger: Ledger, period: str) -> None:
    budget = Decimal("0.03")
    settle(ledger, reserve(ledger, CENT, budget, period), "0.005")
    reserve(ledger, CENT, budget, period)
    with pytest.raises(BudgetExceeded) as caught:
        reserve(ledger, Decimal("0.015000001"), budget, period)
    told = str(caught.value)
    assert "$0.015000001" in told and f"{period}'s budget of $0.03" in told
    assert "$0.005 is spent and $0.01 held: $0.015 is left." in told
    assert "Nothing was sent" in told
    assert sums(ledger, period) == (Decimal("0.005"), CENT)
    reserve(ledger, Decimal("0.015"), budget, period)
    with pytest.raises(BudgetExceeded):
        reserve(ledger, Decimal("0.000000001"), budget, period)
    reserve(ledger, Decimal(0), budget, period)


def test_m21_a_hold_is_rounded_up(ledger: Ledger) -> None:
    reserve(ledger, Decimal("0.0000000001"))
    assert sums(ledger) == (0, Decimal("0.000000001"))


def test_small_sums_are_told_without_exponents(ledger: Ledger) -> None:
    with pytest.raises(BudgetExceeded) as caught:
        reserve(ledger, Decimal("0.00000002"), Decimal("1E-8"))
    assert "E-" not in str(caught.value)
    assert "$0.00000002" in str(caught.value) and "$0.00000001" in str(caught.value)


def test_l21_m19_an_old_month_does_not_burden_the_new_one(ledger: Ledger) -> None:
    reserve(ledger, Decimal(1), Decimal(1), "month", NOW - timedelta(days=31))
    reserve(ledger, Decimal(1), Decimal(1), "month", NOW)
    with pytest.raises(BudgetExceeded):
        reserve(ledger, CENT, Decimal(1), "month", NOW)


class Budgeted(RuleBasedStateMachine):
    """Kernels reserve, settle, let go and die in any order; spent + held stays within budget."""

    budget = Decimal("0.05")
    who = st.integers(0, 2)

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "ledger.db"
        self.ledgers = [Ledger(self.path, name) for name in "abc"]
        self.open: list[Attempt] = []
        self.spent = Decimal(0)

    def any_open(self, data: st.DataObject) -> Attempt:
        return self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))

    @rule(who=who, nano=st.integers(0, 30_000_000))
    def reserve(self, who: int, nano: int) -> None:
        hold = Decimal(nano) / 10**9
        held = sum((a.hold or Decimal(0) for a in self.open), Decimal(0))
        fits = self.spent + held + hold <= self.budget
        try:
            self.open.append(reserve(self.ledgers[who], hold, self.budget, "day"))
            assert fits
        except BudgetExceeded as refused:
            assert not fits
            assert refused.needed == self.spent + held + hold
            assert refused.left == self.budget - self.spent - held

    @precondition(lambda self: self.open)
    @rule(who=who, share=st.integers(0, 100), data=st.data())
    def settle(self, who: int, share: int, data: st.DataObject) -> None:
        attempt = self.any_open(data)
        cost = ((attempt.hold or Decimal(0)) * share / 100).quantize(Decimal("1E-9"))
        settle(self.ledgers[who], attempt, str(cost))
        self.spent += cost

    @precondition(lambda self: self.open)
    @rule(who=who, data=st.data())
    def leave_pending(self, who: int, data: st.DataObject) -> None:
        settle(self.ledgers[who], data.draw(st.sampled_from(self.open)), None)

    @precondition(lambda self: self.open)
    @rule(who=who, data=st.data())
    def release(self, who: int, data: st.DataObject) -> None:
        attempt = self.any_open(data)
        # Long after: then it does not matter whether its process lives.
        gone = sums_of.release(
            self.ledgers[who], attempt.id[:12], NOW + timedelta(days=1), timedelta(hours=1)
        )
        assert gone.hold == attempt.hold

    @rule(who=who, data=st.data())
    def kill(self, who: int, data: st.DataObject) -> None:
        """A kernel dies within its transaction; another one takes its place."""
        dying = self.ledgers[who]
        db = dying._opened.db
        db.execute("BEGIN IMMEDIATE")
        if self.open:
            one = data.draw(st.sampled_from(self.open))
            db.execute("UPDATE attempts SET hold_nano = 0 WHERE id = ?", (one.id,))
        db.close()
        self.ledgers[who] = Ledger(self.path, new_id())

    @invariant()
    def within(self) -> None:
        for ledger in self.ledgers:
            spent, held = sums(ledger, "day")
            assert spent == self.spent
            assert held == sum((a.hold or Decimal(0) for a in self.open), Decimal(0))
            assert spent + held <= self.budget

    def teardown(self) -> None:
        for ledger in self.ledgers:
            ledger.close()
        self.folder.cleanup()


def test_m14_no_order_of_events_passes_the_budget() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Budgeted, settings=hypothesis_settings(max_examples=25, stateful_step_count=20)
    )


# -- many at once ---------------------------------------------------------------------------


def racing(path: Path, barrier: Any) -> tuple[int, int]:
    """One kernel: reserve a cent each time, settle every other at a third of it."""
    barrier.wait(300)
    done = refused = 0
    budget, at = Decimal("1.00"), datetime.now(UTC)
    with closing(Ledger(path)) as ledger:
        for number in range(TRIES):
            try:
                attempt = reserve(ledger, CENT, budget, "month", at)
            except BudgetExceeded:
                refused += 1
                continue
            done += 1
            totals = ledger.totals(budget, "month", at)
            assert totals.spent + totals.held <= budget
            if number % 2:
                settle(ledger, attempt, "0.003")
    return done, refused


def test_l02_m16_six_kernels_never_pass_the_budget_together(path: Path, spawning: None) -> None:
    found = race(racing, path, kernels=6, how="forkserver")
    assert all(isinstance(one, tuple) for one in found), found
    assert sum(done + refused for done, refused in found) == 6 * TRIES
    done = sum(done for done, _ in found)
    with closing(Ledger(path)) as ledger:
        spent, held = sums(ledger, "month", datetime.now(UTC))
        assert ledger.check() == "ok"
    (settled,) = (row[0] for row in rows(path, "SELECT count(*) FROM attempts WHERE cost_nano > 0"))
    assert (spent, held) == (settled * Decimal("0.003"), (done - settled) * CENT)
    assert Decimal("1.00") - CENT < spent + held <= Decimal("1.00")
    assert done == rows(path, "SELECT count(*) FROM attempts")[0][0]


def opening(path: Path, barrier: Any) -> None:
    for number in range(15):
        barrier.wait(300)
        with closing(Ledger(path / f"{number}.db")) as ledger:
            spend(ledger, "0.1")


def test_kernels_that_make_the_file_at_the_same_time(tmp_path: Path, spawning: None) -> None:
    assert race(opening, tmp_path, kernels=4, how="forkserver") == [None] * 4
    for file in tmp_path.glob("*.db"):
        assert rows(file, "SELECT count(*), sum(cost_nano) FROM attempts") == [(4, 400_000_000)]


def test_threads_share_one_ledger(ledger: Ledger) -> None:
    failures: list[BaseException] = []
    gate = threading.Barrier(8)

    def work() -> None:
        try:
            gate.wait(60)
            for _ in range(25):
                attempt = reserve(ledger, CENT, Decimal(1000), "day")
                ledger.started(attempt.id, "g")
                ledger.totals(None, "day", NOW)
                settle(ledger, attempt, "0.001")
        except BaseException as error:
            failures.append(error)

    in_threads(8, work)
    assert failures == []
    assert sums(ledger, "day") == (Decimal("0.2"), 0)


def test_threads_open_the_ledger_of_a_session_once(tmp_path: Path) -> None:
    shared = session(tmp_path, Scripted())
    gate, found = threading.Barrier(8), []

    def work() -> None:
        gate.wait(60)
        found.append(shared.ledger)

    in_threads(8, work)
    assert len(found) == 8 and len(set(map(id, found))) == 1


def test_l04_another_kernels_write_is_waited_for(ledger: Ledger, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.3, lambda: other.execute("ROLLBACK"))
        timer.start()
        spend(ledger, "1")
        timer.join()
    assert sums(ledger) == (1, 0)


def test_l04_a_new_file_that_another_kernel_is_writing_is_waited_for(path: Path) -> None:
    """SQLite gives up at once on switching to WAL here, whatever its busy timeout."""
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.3, lambda: other.execute("ROLLBACK"))
        timer.start()
        with closing(Ledger(path, "s1")) as ledger:
            spend(ledger, "1")
            assert sums(ledger) == (1, 0)
        timer.join()


def test_a_second_ledger_in_a_process_does_not_drop_the_locks_of_the_first(path: Path) -> None:
    """Closing a file drops this process's locks on it: then another kernel takes the WAL away."""
    with closing(Ledger(path, "s1")) as first:
        spend(first, "1")
        Ledger(path).close()
        code = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('PRAGMA user_version')"
        subprocess.run([sys.executable, "-c", code, path], check=True)
        assert path.with_name("ledger.db-wal").exists()
        spend(first, "1")
        assert rows(path, "SELECT sum(cost_nano) FROM attempts") == [(2_000_000_000,)]


# -- killed, interrupted --------------------------------------------------------------------


def test_a_failure_within_a_transaction_leaves_nothing_half_done(
    ledger: Ledger, path: Path
) -> None:
    attempt = reserve(ledger)
    with pytest.raises(LedgerProblem):  # that attempt is there already
        ledger.reserve(call(), attempt, HOST, None, "session", True)
    assert rows(path, "SELECT count(*) FROM calls") == [(1,)]  # not the one that failed
    spend(ledger, "1")


def test_a_home_of_several_users_says_so_in_each_footer(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = []
    for user in ("ann", "ann", "bob", "ann"):
        monkeypatch.setenv("JUPYTERHUB_USER", user)
        with closing(open_ledger(path)) as ledger:
            users.sign(ledger)
            notes.append(users.shared(ledger))
            facts = ledger.rows("SELECT name FROM facts")
    said = ("M1_HOME is shared by 2 users: the sums are of all",)
    assert notes == [(), (), said, said]
    assert "ann" not in str(facts)


@pytest.mark.parametrize(
    "more",
    [{}, {"headers": {"X-Title": "a"}}, {"chat": "c"}, {"extra": {"note": alike.MARK}}],
)
def test_requests_that_are_alike_are_written_down_as_each_alone(more: dict[str, Any]) -> None:
    together = alike.Alike()
    plain = Request("m", (Message("system", (Text("Be brief."),)),), 50, prompt="{{text}}?", **more)
    for words in ("a", '"\\\n\t\0', "\ud800x", "é😀\u2028", "", alike.MARK, alike.HASHED, "</x>"):
        one = replace(plain, messages=(*plain.messages, Message("user", (Text(words),))))
        assert together.record(one) == alike.record(one)
        assert together.fingerprint(one) == one.fingerprint()
        other = replace(one, temperature=0.5)
        assert together.record(other) == alike.record(other)


def test_a_batch_adds_to_the_totals_what_its_rows_add_up_to(path: Path) -> None:
    with closing(Ledger(path)) as ledger:
        night = NOW.replace(hour=23, minute=59)
        calls = [call(night + timedelta(minutes=n)) for n in range(37)]  # no round number of them
        attempts = [Attempt(new_id(), hold=CENT * n) for n in range(37)]

        def reserved(n: int, attempt: Attempt) -> batches.Reservation:
            writes = ledger.reservation(calls[n], attempt, HOST, True)
            return batches.Reservation(calls[n], attempt, writes)

        def booked(ended: Any, reservations: Any) -> None:
            assert batches.book(ledger, ended, reservations, Decimal(9), "month")[1] is None
            rows_ = ledger.rows(
                "SELECT coalesce(sum(cost_nano), 0), sum(CASE WHEN state <>"
                " 'settled' THEN hold_nano ELSE 0 END), sum(cost_nano IS NULL AND state <>"
                " 'reserved'), (SELECT count(*) FROM calls) FROM attempts"
            )
            for kind in ("session", "day"):
                sums = "sum(spent), sum(held), sum(unknown), sum(calls)"
                assert ledger.rows(f"SELECT {sums} FROM totals WHERE kind = '{kind}'") == rows_

        first = [reserved(n, one) for n, one in enumerate(attempts)]
        booked([], first)
        days = ledger.rows("SELECT name, calls FROM totals WHERE kind = 'day' ORDER BY 1")
        assert days == [("2026-03-15", 1), ("2026-03-16", 36)]
        begun = [batches.Ended(one.writes, started(one.attempt.id, "gen-1")) for one in first]
        booked(begun[:3], [])
        costs = (Decimal("0.004"), None, Decimal(0))
        ends = [
            replace(one, cost=cost, state="pending" if cost is None else "settled")
            for one, cost in zip(attempts, costs, strict=False)
        ]
        retry = Attempt(new_id(), hold=CENT)  # its call is there already
        again = [
            batches.Ended(one.writes, settled(end)) for one, end in zip(first, ends, strict=False)
        ]
        booked([*begun, *again], [reserved(2, retry)])
        assert ledger.rows("SELECT count(*) FROM attempts") == [(38,)]
        lost = reserved(0, replace(retry, id=new_id()))  # reserved in a file that is gone
        booked([batches.Ended(lost.writes, settled(replace(lost.attempt, cost=CENT)))], [])
        assert ledger.rows("SELECT count(*) FROM attempts") == [(39,)]
        assert ledger.rows("SELECT count(*) FROM facts WHERE name = 'batch'") == [(0,)]
