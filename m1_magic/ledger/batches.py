"""Many calls written down at once: one transaction for all that waits to be written.

The same rules as for one call: nothing is sent that is not reserved, no hold passes a budget, and
what a paid call did is never lost to a ledger that cannot be written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from ..calls import Attempt, Call
from ..errors import BudgetExceeded, LedgerProblem
from . import Ledger, hold_of, journal
from .journal import Write


@dataclass(frozen=True, slots=True)
class Reservation:
    """An attempt that is to be sent, and what writes it down."""

    call: Call
    attempt: Attempt
    writes: tuple[Write, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """What writes down what an attempt did, behind what reserved it."""

    reserved: tuple[Write, ...]
    writes: tuple[Write, ...]


Refused = BudgetExceeded | LedgerProblem | None


def book(
    ledger: Ledger,
    ended: Sequence[Ended],
    reservations: Sequence[Reservation],
    budget: Decimal | None,
    period: str,
) -> tuple[list[Refused], LedgerProblem | None]:
    """Write down what came to its end, then what is to be sent, as far as the budget allows.

    Returns:
        For each reservation why it may not be sent, None where it may; and what is wrong with the
        ledger, where what ended is only kept beside it.
    """

    def work(db: sqlite3.Connection) -> list[Refused]:
        for one in ended:
            for each in one.writes:
                journal.do(db, [each]) or journal.do(db, [*one.reserved, each])
        return [_reserved(ledger, db, one, budget, period) for one in reservations]

    try:
        return ledger.write(work), None
    except LedgerProblem as problem:
        kept = tuple(write for one in ended for write in (*one.reserved, *one.writes))
        late = ledger.later(kept, problem) if kept else problem
        return [problem for _ in reservations], late


def _reserved(
    ledger: Ledger, db: sqlite3.Connection, one: Reservation, budget: Decimal | None, period: str
) -> Refused:
    if budget is not None:
        try:
            ledger.within(db, budget, period, [hold_of(one.attempt)], one.call.at)
        except BudgetExceeded as refused:
            return refused
    journal.do(db, one.writes)
    return None
