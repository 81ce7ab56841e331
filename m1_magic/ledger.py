"""The SQLite file that knows every call: reserved before it is sent, settled whatever happens.

An attempt goes ``reserved`` → ``streaming`` (generation id known) → ``settled``, or ``pending``
while its price is unknown; its hold counts against the budget until it is settled. Only
``BEGIN IMMEDIATE`` transactions, so that no race of kernels passes a budget. Money is stored
as integer nano-dollars, NULL while unknown.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import Any

from .calls import Attempt, Call, Totals
from .errors import BudgetExceeded, LedgerProblem, plain
from .interrupts import uninterrupted
from .prices import from_nano, to_nano
from .schema import connect

# What may still be asked for: not priced at all, or only estimated.
OWED = "(state = 'pending' OR cost_source = 'estimated')"
LARGEST = 2**63 - 1
SUMS = """
    SELECT coalesce(sum(cost_nano), 0),
           coalesce(sum(CASE WHEN state <> 'settled' THEN hold_nano END), 0),
           coalesce(sum(cost_nano IS NULL AND state <> 'reserved'), 0)
    FROM attempts WHERE """


def new_id() -> str:
    """Return an id for a call or an attempt."""
    return uuid.uuid4().hex[:16]


def since(period: str, now: datetime) -> str:
    """Return the UTC start of the ``day`` or ``month`` that ``now`` lies in."""
    start = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return stamp(start.replace(day=1) if period == "month" else start)


def stamp(at: datetime) -> str:
    """Return a time as the ledger writes it: UTC, so that text sorts as time does."""
    return at.astimezone(UTC).isoformat()


class Ledger:
    """The calls of one machine's user, shared by all their kernels.

    Args:
        path: the SQLite file; made with mode 0600 if it is not there.
        session: the name of this kernel's session, in which it counts what was spent.

    Raises:
        LedgerProblem: the file cannot be opened or written, or is no ledger.
    """

    def __init__(self, path: Path, session: str | None = None) -> None:
        self.path = path
        self.session = session or new_id()
        self._lock = threading.RLock()
        with self._told():
            self._db = connect(path)

    def close(self) -> None:
        """Close the file."""
        with self._told():
            self._db.close()

    def reserve(
        self,
        call: Call,
        attempt: Attempt,
        endpoint: str,
        budget: Decimal | None,
        period: str,
        keep_text: bool,
    ) -> None:
        """Write down an attempt before it is sent, if the period's budget allows its hold.

        Raises:
            BudgetExceeded: spent + held + this hold is over ``budget`` (US dollars).
            LedgerProblem: it could not be written; so nothing may be sent.
        """
        hold = None if attempt.hold is None else to_nano(attempt.hold, ROUND_CEILING)
        with self._transaction() as db:
            if budget is not None:
                self._within(db, budget, period, hold, call.at)
            db.execute(
                "INSERT OR IGNORE INTO calls (id, at, session, model, fingerprint, prompt)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                _row(
                    call.id,
                    stamp(call.at),
                    self.session,
                    call.request.model,
                    call.request.fingerprint(),
                    call.request.asked if keep_text else None,
                ),
            )
            db.execute(
                "INSERT INTO attempts (id, call_id, at, session, pid, endpoint, state, hold_nano)"
                " VALUES (?, ?, ?, ?, ?, ?, 'reserved', ?)",
                _row(
                    attempt.id, call.id, stamp(call.at), self.session, os.getpid(), endpoint, hold
                ),
            )

    def started(self, attempt_id: str, generation_id: str | None) -> None:
        """Write down that the server accepted an attempt, and under which generation id."""
        with self._transaction() as db:
            db.execute(
                "UPDATE attempts SET state = 'streaming', generation_id = ? WHERE id = ?",
                _row(generation_id, attempt_id),
            )

    def settle(self, attempt: Attempt) -> None:
        """Write down what an attempt used and cost; without a cost its hold stays (``pending``)."""
        made, usage = attempt, attempt.usage
        tokens = (
            (usage.input, usage.output, usage.cached, usage.reasoning) if usage else (None,) * 4
        )
        cost = None if made.cost is None else to_nano(made.cost)
        end = (cost, made.cost_source, made.id)
        with self._transaction() as db:
            db.execute(
                "UPDATE attempts SET state = ?, generation_id = coalesce(?, generation_id),"
                " provider = ?,"
                " input = ?, output = ?, cached = ?, reasoning = ?, cost_nano = ?, cost_source = ?"
                " WHERE id = ?",
                _row(made.state, made.generation_id, made.provider, *tokens, *end),
            )

    def correct(self, attempt_id: str, cost: Decimal) -> None:
        """Settle a pending or estimated attempt with what ``GET /generation`` says, in dollars."""
        with self._transaction() as db:
            db.execute(
                "UPDATE attempts SET state = 'settled', cost_nano = ?, cost_source = 'billed'"
                f" WHERE id = ? AND {OWED}",
                _row(to_nano(cost), attempt_id),
            )

    def finish(self, call: Call, keep_text: bool) -> None:
        """Write down how a call ended, with its text if that is to be kept."""
        reply = call.reply
        kept = (reply.thinking, reply.text) if keep_text else (None, None)
        with self._transaction() as db:
            db.execute(
                "UPDATE calls SET status = ?, finish = ?, error = ?, seconds = ?, model = ?,"
                " thinking = ?, answer = ? WHERE id = ?",
                _row(
                    reply.status,
                    reply.finish,
                    call.error,
                    call.seconds,
                    reply.model,
                    *kept,
                    call.id,
                ),
            )

    def totals(self, budget: Decimal | None, period: str, now: datetime) -> Totals:
        """Return what this session and the budget's period have spent and hold, in dollars."""
        with self._told():
            session, _, unknown = self._sums(self._db, "session", now)
            spent, held, _ = self._sums(self._db, period, now)
        return Totals(
            from_nano(session), from_nano(spent), from_nano(held), budget, period, unknown
        )

    def spent(self, now: datetime) -> dict[str, tuple[Decimal, Decimal, int]]:
        """Return dollars spent, dollars held and calls, by ``session``, ``day`` and ``month``."""
        found = {}
        with self._told():
            for period in ("session", "day", "month"):
                where, values = self._period(period, now)
                spent, held, _ = self._sums(self._db, period, now)
                (calls,) = self._db.execute(
                    f"SELECT count(*) FROM calls WHERE {where}", values
                ).fetchone()
                found[period] = (from_nano(spent), from_nano(held), calls)
        return found

    def purge(self, before: datetime) -> None:
        """Drop the text of calls before that time; their numbers stay."""
        with self._transaction() as db:
            db.execute(
                "UPDATE calls SET prompt = NULL, thinking = NULL, answer = NULL"
                " WHERE at < ? AND coalesce(prompt, thinking, answer) IS NOT NULL",
                (stamp(before),),
            )

    def pending(self, endpoint: str) -> list[Attempt]:
        """Return this session's attempts whose bill that endpoint can still be asked for."""
        with self._told():
            rows = self._db.execute(
                "SELECT id, generation_id FROM attempts"
                f" WHERE session = ? AND endpoint = ? AND generation_id IS NOT NULL AND {OWED}",
                (self.session, endpoint),
            ).fetchall()
        return [Attempt(i, generation_id=g, state="pending") for i, g in rows]

    def read(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Return what a query finds."""
        with self._told():
            return self._db.execute(sql, values).fetchall()

    def write(self, *statements: tuple[object, ...]) -> None:
        """Carry out statements, each with its values, in one transaction."""
        with self._transaction() as db:
            for sql, *values in statements:
                db.execute(str(sql), _row(*values))

    def check(self) -> str:
        """Return SQLite's own verdict on the file: ``ok``, or what is broken."""
        with self._told():
            return str(self._db.execute("PRAGMA quick_check").fetchone()[0])

    def _within(
        self, db: sqlite3.Connection, budget: Decimal, period: str, hold: int | None, now: datetime
    ) -> None:
        spent, held, _ = self._sums(db, period, now)
        if hold is None:
            raise BudgetExceeded(
                "There is a budget, and what this model could cost is not known.",
                todo="Choose a model with a price (%m1 models), or lift it: %m1 budget none.",
            )
        if spent + held + hold > to_nano(budget):
            left = max(from_nano(to_nano(budget) - spent - held), Decimal(0))
            refused = BudgetExceeded(
                f"This call could cost ${from_nano(hold):f}, and of the {period}'s budget of"
                f" ${budget:f} ${from_nano(spent):f} is spent and ${from_nano(held):f} held:"
                f" ${left:f} is left.",
                todo="Lower --max-tokens, attach less, or raise it with %m1 budget.",
            )
            refused.left, refused.held = left, from_nano(held)
            refused.needed = from_nano(spent + held + hold)
            raise refused

    def _sums(self, db: sqlite3.Connection, period: str, now: datetime) -> tuple[int, int, int]:
        where, values = self._period(period, now)
        spent, held, unknown = db.execute(SUMS + where, values).fetchone()
        return spent, held, unknown

    def _period(self, period: str, now: datetime) -> tuple[str, tuple[str]]:
        if period == "session":
            return "session = ?", (self.session,)
        return "at >= ?", (since(period, now),)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._told():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk has ended it already
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Hold the connection; turn SQLite's and the file system's errors into one paragraph."""
        try:
            with uninterrupted(), self._lock:
                yield
        except (sqlite3.Error, OSError) as error:
            raise LedgerProblem(
                f"The ledger {self.path} cannot be used ({plain(error)}).",
                todo="Free the disk or the file, or set M1_HOME to another folder; see %m1 doctor.",
            ) from None


def open_ledger(home: Path, session: str | None = None) -> Ledger:
    """Return the ledger of ``M1_HOME``."""
    return Ledger(home / "ledger.db", session)


def now_utc() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def _row(*values: object) -> tuple[object, ...]:
    """Return values that SQLite can keep: text as UTF-8, whole numbers of 64 bits."""
    return tuple(map(_storable, values))


def _storable(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    return min(value, LARGEST) if isinstance(value, int) else value
