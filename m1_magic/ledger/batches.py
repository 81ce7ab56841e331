"""Many calls written down at once: one transaction for all that waits to be written.

The same rules as for one call: nothing is sent that is not reserved, no hold passes a budget, and
what a paid call did is never lost to a ledger that cannot be written. Each kind of write is done
for all calls at once, and the totals are changed once, by what the rows add up to before and after.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import chain
from typing import Any, NamedTuple

from ..calls import Attempt, Call
from ..errors import BudgetExceeded, LedgerProblem
from . import Ledger, journal
from .journal import STATEMENTS, Write
from .schema import BATCH, COLUMNS, EACH, NO_BATCH

# Which of these ids have a row already.
KNOWN = "SELECT id FROM {} WHERE id IN (SELECT value FROM json_each(?))"
NEW = {"question": KNOWN.format("calls"), "attempt": KNOWN.format("attempts")}
CHANGES = ("started", "settled", "ended")  # in the order of a call
SUMS = (
    f"SELECT session, substr(at, 1, 10), {', '.join(f'sum({each})' for each in EACH)}"
    " FROM attempts WHERE id IN (SELECT value FROM json_each(?)) GROUP BY 1, 2"
)
MORE = ", ".join(f"{column} = {column} + excluded.{column}" for column in COLUMNS)
ADD = (
    f"INSERT INTO totals (kind, name, {', '.join(COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?)"
    f" ON CONFLICT (kind, name) DO UPDATE SET {MORE}"
)
AT_ONCE = (64, 8, 1)  # rows in a statement: its tables and indexes are opened once for all
ROW = re.compile(r"(?<=VALUES )\(.*?\)")
SEVERAL = {
    (kind, rows): ROW.sub(lambda row: ", ".join([row[0]] * rows), STATEMENTS[kind])  # noqa: B023
    for kind in NEW
    for rows in AT_ONCE
}
Values = tuple[Any, ...]


class Reservation(NamedTuple):
    """An attempt that is to be sent, and what writes down its call and itself."""

    call: Call
    attempt: Attempt
    writes: tuple[Write, Write]

    @property
    def hold(self) -> int | None:
        """Its hold in nano-dollars, as it is written down."""
        hold: int | None = self.writes[-1][1][-1]
        return hold


class Ended(NamedTuple):
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
        _add(db, reservations)
        return [None for _ in reservations]

    try:
        return ledger.write(work, patience), None
    except LedgerProblem as problem:
        if patience is not None:
            raise
        return unwritten(ledger, ended, reservations, problem)


def unwritten(
    ledger: Ledger,
    ended: Sequence[Ended],
    reservations: Sequence[Reservation],
    problem: LedgerProblem,
) -> tuple[list[Refused], LedgerProblem]:
    """Keep what ended beside the ledger, which has this problem, and let nothing be sent."""
    kept = tuple(write for one in ended for write in (*one.reserved, one.write))
    late = ledger.later(kept, problem) if kept else problem
    return [problem for _ in reservations], late


def _end(db: sqlite3.Connection, ended: Sequence[Ended]) -> None:
    settled = {one.write[1][-1] for one in ended if one.write[0] == "settled"}
    # What settles an attempt has all that its start has to say.
    now = [one for one in ended if one.write[0] != "started" or one.write[1][-1] not in settled]
    lost = _change(db, [one.write for one in now])
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
        holds = [one.hold for one in reservations]
        ledger.within(db, budget, period, holds, max(one.call.at for one in reservations))
    except BudgetExceeded:
        return False
    return True


def _reserved(
    ledger: Ledger, db: sqlite3.Connection, one: Reservation, budget: Decimal, period: str
) -> Refused:
    try:
        ledger.within(db, budget, period, [one.hold], one.call.at)
    except BudgetExceeded as refused:
        return refused
    journal.do(db, one.writes)
    return None


def _add(db: sqlite3.Connection, reservations: Sequence[Reservation]) -> None:
    """Add their rows of each kind at once, and to the totals what they add up to."""
    if not reservations:
        return
    db.execute(BATCH)
    calls, attempts = (
        _added(db, kind, [one.writes[n][1] for one in reservations]) for n, kind in enumerate(NEW)
    )
    db.execute(NO_BATCH)
    called = Counter((session, at[:10]) for _, at, session, *_ in calls)
    held = Counter[tuple[str, str]]()
    for _, _, at, session, *_, hold in attempts:
        held[session, at[:10]] += hold or 0
    _total(db, {where: (0, held[where], 0, called[where]) for where in called | held})


def _added(db: sqlite3.Connection, kind: str, values: Iterable[Values]) -> Sequence[Values]:
    """Add the rows of a kind that are not there; return them."""
    rows = {row[0]: row for row in values}
    for (known,) in db.execute(NEW[kind], (json.dumps([*rows]),)).fetchall():
        del rows[known]  # a call that is tried once more
    new, start = [*rows.values()], 0
    for size in AT_ONCE:
        for end in range(start + size, len(new) + 1, size):
            db.execute(SEVERAL[kind, size], [*chain.from_iterable(new[start:end])])
            start = end
    return new


def _change(db: sqlite3.Connection, writes: Sequence[Write]) -> set[str]:
    """Do changes of each kind at once; return the kinds of which not each one changed a row."""
    if not writes:
        return set()
    values = {kind: [row for name, row in writes if name == kind] for kind in CHANGES}
    ids = json.dumps([row[-1] for kind in ("started", "settled") for row in values[kind]])
    short = set()
    before = db.execute(SUMS, (ids,)).fetchall()
    db.execute(BATCH)
    for kind, rows in values.items():
        if rows and db.executemany(STATEMENTS[kind], rows).rowcount < len(rows):
            short.add(kind)
    db.execute(NO_BATCH)
    after = db.execute(SUMS, (ids,)).fetchall()
    _total(
        db,
        {  # the same attempts, so the same sessions and days
            (new[0], new[1]): [one - was for one, was in zip(new[2:], old[2:], strict=True)]
            for old, new in zip(before, after, strict=True)
        },
    )
    return short


def _total(db: sqlite3.Connection, added: Mapping[tuple[str, str], Sequence[int]]) -> None:
    """Add sums to the totals of a session and of a day."""
    rows = [
        (kind, name, *sums)
        for where, sums in added.items()
        if any(sums)
        for kind, name in zip(("session", "day"), where, strict=True)
    ]
    db.executemany(ADD, rows)
