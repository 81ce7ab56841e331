"""Which kernel asks for a price that is owed, and what kernels left that have ended."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

from ..calls import Attempt
from . import Ledger, owed, processes, stamp
from .schema import ASKABLE, LAPSED, OWED
from .store import HASTE

# How long a kernel may be silent that cannot be seen from here, until it counts as ended; how
# long one kernel may ask before another does; how old a call may be to be asked for.
SILENT, LEASE, OLDEST = timedelta(hours=1), timedelta(minutes=1), timedelta(days=30)
# How long a hold stays whose price cannot be asked for.
UNASKABLE = timedelta(hours=1)
ENDED = "The kernel ended in mid-call."
# What may belong to a kernel that has ended, each part by an index of its own.
ROWS = "SELECT a.id, a.call_id, a.process, a.at FROM"
OPEN = f"""
    {ROWS} attempts a WHERE state <> 'settled' AND process IS NOT NULL
    UNION {ROWS} attempts a WHERE {ASKABLE} AND {OWED} AND process IS NOT NULL
    UNION {ROWS} calls c INDEXED BY calls_open CROSS JOIN attempts a ON a.call_id = c.id
        WHERE c.status IS NULL
"""


def claim(ledger: Ledger, endpoint: str, now: datetime) -> list[Attempt]:
    """Return what is owed and no other kernel asks for; for a minute none will."""
    free = " AND at > ? AND (lease IS NULL OR lease < ? OR lease LIKE '%' || ?)"
    values = (stamp(now - OLDEST), stamp(now), ledger.session)

    def claiming(db: sqlite3.Connection) -> list[Attempt]:
        attempts = owed(db, ledger.session, endpoint, free, *values)
        lease = f"{stamp(now + LEASE)} {ledger.session}"
        db.executemany(
            "UPDATE attempts SET lease = ? WHERE id = ?", [(lease, one.id) for one in attempts]
        )
        return attempts

    return ledger.write(claiming, HASTE)


def lapse(ledger: Ledger, now: datetime) -> None:
    """Let go of holds whose price will not come; what such a call cost stays unknown."""
    old = (stamp(now - UNASKABLE), stamp(now - OLDEST))
    if ledger.rows(f"SELECT 1 FROM attempts WHERE {LAPSED} LIMIT 1", *old):
        settle = f"UPDATE attempts SET state = 'settled', lease = NULL WHERE {LAPSED}"
        ledger.write(lambda db: db.execute(settle, old), HASTE)


def sweep(ledger: Ledger, now: datetime) -> int:
    """Take over the attempts and calls of kernels that have ended; return how many calls.

    What they had sent is ``pending``; a call that did not come to its end has ``failed``.
    """

    def sweeping(db: sqlite3.Connection) -> int:
        rows = db.execute(OPEN).fetchall()
        kernels = {who for _, _, who, _ in rows}
        ended = {who: processes.ended(who) if who else None for who in kernels}
        silent = stamp(now - SILENT)
        left = [
            (attempt, call)
            for attempt, call, who, at in rows
            if (at < silent if ended[who] is None else ended[who])
        ]
        db.executemany(
            "UPDATE attempts SET process = NULL, lease = NULL, state = CASE"
            " WHEN state IN ('reserved', 'streaming') THEN 'pending' ELSE state END WHERE id = ?",
            [(attempt,) for attempt, _ in left],
        )
        calls = {call for _, call in left}
        fail = "UPDATE calls SET status = 'failed', error = ? WHERE id = ? AND status IS NULL"
        return sum(db.execute(fail, (ENDED, call)).rowcount for call in calls)

    return ledger.write(sweeping, HASTE)
