"""The SQLite file that knows every call: reserved before it is sent, settled whatever happens.

An attempt goes ``reserved`` → ``streaming`` (generation id known) → ``settled``, or ``pending``
while its price is unknown; its hold counts against the budget until it is settled. Only
``BEGIN IMMEDIATE`` transactions, so that no race of kernels passes a budget. Money is stored
as integer nano-dollars, NULL while unknown.

What a paid call did is never lost to a ledger that cannot be written: see ``journal``.
"""

from __future__ import annotations

import json
import os
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from itertools import accumulate, count
from pathlib import Path

from ..calls import Attempt, Call, Request, ToolEnded, Totals, Usage
from ..errors import BudgetExceeded, LedgerProblem
from ..interrupts import uninterrupted
from ..pricing.dollars import from_nano, to_nano
from . import disk, journal, processes, tool_turns
from .alike import Record, record
from .journal import Write, write
from .schema import ASKABLE, OWED
from .store import HASTE, Store, now_utc

FILE = "ledger.db"


def new_id() -> str:
    """Return an id for a call or an attempt."""
    return uuid.uuid4().hex[:16]


def ids_in_a_row() -> Iterator[str]:
    """Yield new ids that follow each other: rows written together lie together in the file."""
    first = int(new_id(), 16)
    return (f"{number % 2**64:016x}" for number in count(first))


def since(period: str, now: datetime) -> str:
    """Return the UTC date on which the ``day`` or ``month`` began that ``now`` lies in."""
    return now.astimezone(UTC).strftime("%Y-%m-01" if period == "month" else "%Y-%m-%d")


def stamp(at: datetime) -> str:
    """Return a time as the ledger writes it: UTC, so that text sorts as time does."""
    return (at if at.tzinfo is UTC else at.astimezone(UTC)).isoformat()


class Ledger(Store):
    """The calls of one machine's user, shared by all their kernels; ``session`` is of this one."""

    def __init__(
        self, path: Path, session: str | None = None, now: Callable[[], datetime] = now_utc
    ) -> None:
        self.session = session or new_id()
        self._reserved: dict[str, tuple[Write, ...]] = {}
        super().__init__(path, now)

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

        Nothing may be sent after BudgetExceeded (spent + held + this hold is over ``budget`` in US
        dollars), nor after LedgerProblem.
        """
        self.reserve_all([(call, attempt, endpoint)], budget, period, keep_text)

    def reserve_all(
        self,
        calls: Sequence[tuple[Call, Attempt, str]],
        budget: Decimal | None,
        period: str,
        keep_text: bool,
    ) -> None:
        """Write down an attempt of each call, at an endpoint, or none of them; see `reserve`."""
        each = [self.reservation(*one, keep_text) for one in calls]
        holds = [hold_of(attempt) for _, attempt, _ in calls]

        def reserving(db: sqlite3.Connection) -> None:
            if budget is not None:
                self.within(db, budget, period, holds, calls[0][0].at)
            for writes in each:
                if journal.do(db, writes) < 1:
                    raise sqlite3.IntegrityError("that attempt is there already")

        self._patience = disk.BUSY
        self.write(reserving)
        for (_, attempt, _), writes in zip(calls, each, strict=True):
            self._reserved[attempt.id] = writes

    def reservation(
        self,
        call: Call,
        attempt: Attempt,
        endpoint: str,
        keep_text: bool,
        record: Callable[[Request], Record] = record,
    ) -> tuple[Write, Write]:
        """Return what writes down an attempt before it is sent."""
        at, request, original = stamp(call.at), call.request, call.original or call.request
        sent = record(request)
        typed = sent if original is request else record(original)
        text = (sent.prompt, sent.kept) if keep_text else (None, None)
        of = (request.model, request.task or None, request.chat)
        key = (typed.fingerprint, request.cell or None, typed.parts)
        who = (self.session, os.getpid(), processes.me(), endpoint)
        call_ = (call.id, at, self.session, request.model, sent.fingerprint, *text, *of, *key)
        return (
            write("question", *call_),
            write("attempt", attempt.id, call.id, at, *who, hold_of(attempt)),
        )

    def started(self, attempt_id: str, generation_id: str | None) -> None:
        """Write down that the server accepted an attempt, and under which generation id."""
        self._book(attempt_id, started(attempt_id, generation_id))

    def settle(self, attempt: Attempt) -> None:
        """Write down what an attempt used and cost; without a cost its hold stays (``pending``)."""
        with uninterrupted():
            self._book(attempt.id, settled(attempt))

    def so_far(
        self, call_id: str, thinking: str, text: str, tools: Sequence[ToolEnded] = ()
    ) -> None:
        """Write down what came so far; raises LedgerProblem, at once where it is locked."""
        writes = [write("so far", thinking, text, _ran(tools), call_id)]
        self.write(lambda db: journal.do(db, writes), HASTE)

    def finish(self, call: Call, keep_text: bool) -> None:
        """Write down how a call ended, with its text if that is to be kept."""
        last = call.attempts[-1].id if call.attempts else ""
        try:
            self._book(last, finished(call, keep_text))
        finally:
            for attempt in call.attempts:
                self._reserved.pop(attempt.id, None)

    def correct(
        self,
        attempt_id: str,
        cost: Decimal,
        usage: Usage | None = None,
        provider: str | None = None,
    ) -> None:
        """Settle a pending or estimated attempt with what ``GET /generation`` says, in dollars.

        Tokens and provider are taken from there only where they are not known yet; what had been
        estimated stays in the row.
        """
        writes = [write("billed", to_nano(cost), provider, *_tokens(usage), attempt_id)]
        self.write(lambda db: journal.do(db, writes), HASTE)

    def totals(self, budget: Decimal | None, period: str, now: datetime) -> Totals:
        """Return what this session and the budget's period have spent and hold, in dollars."""
        with suppress(LedgerProblem):
            self.catch_up()
        session, _, unknown, _ = self.read(lambda db: self._sums(db, "session", now))
        spent, held, _, _ = self.read(lambda db: self._sums(db, period, now))
        return Totals(
            from_nano(session), from_nano(spent), from_nano(held), budget, period, unknown
        )

    def spent(self, now: datetime) -> dict[str, tuple[Decimal, Decimal, int]]:
        """Return dollars spent, dollars held and calls, by ``session``, ``day`` and ``month``."""
        return self.read(
            lambda db: {
                period: (from_nano(spent), from_nano(held), calls)
                for period in ("session", "day", "month")
                for spent, held, _, calls in [self._sums(db, period, now)]
            }
        )

    def pending(self, endpoint: str | None) -> list[Attempt]:
        """Return this session's attempts, and of ended kernels, whose bill can be asked for."""
        return self.read(lambda db: owed(db, self.session, endpoint))

    def check(self) -> str:
        """Return SQLite's own verdict on the file: ``ok``, or what is broken."""
        return self.read(lambda db: str(db.execute("PRAGMA quick_check").fetchone()[0]))

    def _book(self, attempt_id: str, last: Write) -> None:
        self.book((*self._reserved.get(attempt_id, ()), last))

    def within(
        self,
        db: sqlite3.Connection,
        budget: Decimal,
        period: str,
        holds: Sequence[int | None],
        now: datetime,
    ) -> None:
        """Raise BudgetExceeded, within a transaction, if attempts of these holds are too much."""
        spent, held, _, _ = self._sums(db, period, now)
        known = [hold for hold in holds if hold is not None]
        if len(known) < len(holds):
            raise BudgetExceeded(
                "There is a budget, and what this model could cost is not known.",
                todo="Say it with M1.prices, choose a model with a price (%m1 models), or lift the"
                " budget: %m1 budget none.",
            )
        hold = sum(known)
        if spent + held + hold > to_nano(budget):
            left = max(from_nano(to_nano(budget) - spent - held), Decimal(0))
            which = "This call" if len(known) == 1 else f"These {len(known)} calls together"
            refused = BudgetExceeded(
                f"{which} could cost ${from_nano(hold):f}, and of the {period}'s budget of"
                f" ${budget:f} ${from_nano(spent):f} is spent and ${from_nano(held):f} held:"
                f" ${left:f} is left.",
                todo="Lower --max-tokens, attach less, or raise it with %m1 budget.",
            )
            refused.left, refused.held = left, from_nano(held)
            refused.needed = from_nano(spent + held + hold)
            refused.fits = sum(from_nano(one) <= left for one in accumulate(known))
            raise refused

    def _sums(self, db: sqlite3.Connection, period: str, now: datetime) -> tuple[int, ...]:
        """Return nano-dollars spent and held, attempts without a price, and calls."""
        where, name = "kind = 'day' AND name >= ?", since(period, now)
        if period == "session":
            where, name = "kind = 'session' AND name = ?", self.session
        sums = "coalesce(sum(spent), 0), coalesce(sum(held), 0), coalesce(sum(unknown), 0)"
        sql = f"SELECT {sums}, coalesce(sum(calls), 0) FROM totals WHERE {where}"
        return tuple(db.execute(sql, (name,)).fetchone())


def started(attempt_id: str, generation_id: str | None) -> Write:
    """Return what writes down that the server accepted an attempt."""
    return write("started", generation_id, attempt_id)


def settled(attempt: Attempt) -> Write:
    """Return what writes down the end of an attempt."""
    answerer = (attempt.state, attempt.generation_id, attempt.provider)
    cost = None if attempt.cost is None else to_nano(attempt.cost)
    estimate = cost if attempt.cost_source == "estimated" else None
    bill = (*_tokens(attempt.usage), cost, attempt.cost_source, estimate)
    return write("settled", *answerer, *bill, attempt.id)


def finished(call: Call, keep_text: bool) -> Write:
    """Return what writes down the end of a call."""
    reply = call.reply
    text = (reply.thinking, reply.written, _ran(reply.tools)) if keep_text else (None, None, None)
    end = (reply.status, reply.finish, call.error, call.seconds, reply.model)
    return write("ended", *end, *text, call.id)


def _ran(tools: Sequence[ToolEnded]) -> str | None:
    """Return the calls of tools in an answer, as they are written down."""
    return json.dumps(tool_turns.written(tools), ensure_ascii=False) if tools else None


def hold_of(attempt: Attempt) -> int | None:
    """Return an attempt's hold in nano-dollars, None where it is not known."""
    return None if attempt.hold is None else to_nano(attempt.hold, ROUND_CEILING)


def _tokens(usage: Usage | None) -> tuple[int | None, ...]:
    """Return the counts to write down: a guess is none, so that the server's own come later."""
    return usage.counts if usage and not usage.estimated else (None,) * 4


def open_ledger(home: Path, session: str | None = None) -> Ledger:
    """Return the ledger of ``M1_HOME``."""
    return Ledger(home / FILE, session)


def owed(
    db: sqlite3.Connection, session: str, endpoint: str | None, more: str = "", *values: str
) -> list[Attempt]:
    """Return the attempts without a bill of a session and of nobody, at an endpoint or at any."""
    # A comparison in either case: without one, SQLite leaves the index alone.
    where, place = ("=", endpoint) if endpoint is not None else (">=", "")
    rows = db.execute(
        f"SELECT id, generation_id FROM attempts WHERE {ASKABLE} AND {OWED}"
        f" AND endpoint {where} ? AND (session = ? OR process IS NULL){more}",
        (place, session, *values),
    )
    return [Attempt(i, generation_id=g, state="pending") for i, g in rows.fetchall()]
