"""Many calls written down at once: one transaction for all that waits to be written.

The same rules as for one call: nothing is sent that is not reserved, no hold passes a budget, and
what a paid call did is never lost to a ledger that cannot be written. Each kind of write is done
for all calls at once, and the totals are changed once, by what the rows add up to before and after.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

from ..calls import Attempt, Call
from ..errors import BudgetExceeded, LedgerProblem
from . import Ledger, hold_of, journal
from .journal import STATEMENTS, Write
from .schema import BATCH, COLUMNS, EACH, NO_BATCH

KINDS = ("question", "attempt", "started", "settled", "finished")  # in the order of a call
SUMS = (
    f"SELECT session, substr(at, 1, 10), {', '.join(f'sum({each})' for each in EACH)}"
    " FROM attempts WHERE id IN (SELECT value FROM json_each(?)) GROUP BY 1, 2"
    " UNION ALL SELECT session, substr(at, 1, 10), 0, 0, 0, count(*)"
    " FROM calls WHERE id IN (SELECT value FROM json_each(?)) GROUP BY 1, 2"
)
MORE = ", ".join(f"{column} = {column} + excluded.{column}" for column in COLUMNS)
ADD = (
    f"INSERT INTO totals (kind, name, {', '.join(COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?)"
    f" ON CONFLICT (kind, name) DO UPDATE SET {MORE}"
)
Values = tuple[object, ...]


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
    write: Write


Refused = BudgetExceeded | LedgerProblem | None


def book(
    ledger: Ledger,
    ended: Sequence[Ended],
    reservations: Sequence[Reservation],
    budget: Decimal | None,
    period: str,
    patience: float | None = None,
) -> tuple[list[Refused], LedgerProblem | None]:
    """Write down what came to its end, then what is to be sent, as far as the budget allows.

    With a ``patience``, what cannot be written so soon is a LedgerProblem, and left to be tried
    again.

    Returns:
        For each reservation why it may not be sent, None where it may; and what is wrong with the
        ledger, where what ended is only kept beside it.
    """

    def work(db: sqlite3.Connection) -> list[Refused]:
        _end(db, ended)
        if (
            budget is not None
            and reservations
            and not _fit(ledger, db, reservations, budget, period)
        ):
            return [_reserved(ledger, db, one, budget, period) for one in reservations]
        _write(db, [write for one in reservations for write in one.writes])
        return [None for _ in reservations]

    try:
        return ledger.write(work, patience), None
    except LedgerProblem as problem:
        if patience is not None:
            raise
        kept = tuple(write for one in ended for write in (*one.reserved, one.write))
        late = ledger.later(kept, problem) if kept else problem
        return [problem for _ in reservations], late


def _end(db: sqlite3.Connection, ended: Sequence[Ended]) -> None:
    settled = {one.write[1][-1] for one in ended if one.write[0] == "settled"}
    # What settles an attempt has all that its start has to say.
    now = [one for one in ended if one.write[0] != "started" or one.write[1][-1] not in settled]
    lost = _write(db, [one.write for one in now])
    for one in now:
        if one.write[0] in lost:
            journal.do(db, [one.write]) or journal.do(db, [*one.reserved, one.write])


def _fit(
    ledger: Ledger,
    db: sqlite3.Connection,
    reservations: Sequence[Reservation],
    budget: Decimal,
    period: str,
) -> bool:
    """Do all of them fit the budget together?"""
    if not reservations:
        return True
    try:
        holds = [hold_of(one.attempt) for one in reservations]
        ledger.within(db, budget, period, holds, max(one.call.at for one in reservations))
    except BudgetExceeded:
        return False
    return True


def _reserved(
    ledger: Ledger, db: sqlite3.Connection, one: Reservation, budget: Decimal, period: str
) -> Refused:
    try:
        ledger.within(db, budget, period, [hold_of(one.attempt)], one.call.at)
    except BudgetExceeded as refused:
        return refused
    journal.do(db, one.writes)
    return None


def _write(db: sqlite3.Connection, writes: Sequence[Write]) -> set[str]:
    """Do writes of each kind at once; return the kinds of which not each one changed a row."""
    if not writes:
        return set()
    values = {kind: [row for name, row in writes if name == kind] for kind in KINDS}
    short = set()
    with _added_once(db, values):
        for kind, rows in values.items():
            if rows and db.executemany(STATEMENTS[kind], rows).rowcount < len(rows):
                short.add(kind)
    return short


@contextmanager
def _added_once(
    db: sqlite3.Connection, values: dict[str, list[tuple[object, ...]]]
) -> Iterator[None]:
    """Change the totals by what the rows that these values are for add up to before and after."""
    attempts = {row[0] for row in values["attempt"]}
    attempts |= {row[-1] for kind in ("started", "settled") for row in values[kind]}
    ids = (json.dumps([*attempts]), json.dumps([row[0] for row in values["question"]]))
    before = db.execute(SUMS, ids).fetchall()
    db.execute(BATCH)
    yield
    db.execute(NO_BATCH)
    added: dict[tuple[str, str], list[int]] = {}
    for sign, rows in ((-1, before), (1, db.execute(SUMS, ids).fetchall())):
        for session, day, *sums in rows:
            for where in (("session", session), ("day", day)):
                total = added.setdefault(where, [0, 0, 0, 0])
                total[:] = [one + sign * more for one, more in zip(total, sums, strict=True)]
    db.executemany(ADD, [(*where, *sums) for where, sums in added.items() if any(sums)])
