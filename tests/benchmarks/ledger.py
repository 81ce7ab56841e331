"""What the ledger costs a call, beside a bare insert + commit of the same row in the same run.

    python tests/benchmarks/ledger.py [--write]      # --write: the table into the page beside it

Medians of wall time on one warm connection, in a ledger of 100,000 calls, on the disk of the
temporary folder.
"""

from __future__ import annotations

import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
import readme
from ledgers import CENT, call, reserve, settle
from m1_magic.calls import Reply
from m1_magic.ledger import Ledger, history

CALLS, RUNS = 100_000, 300
WHOLE = "all that a call writes and reads"
PAGE = "[the ledger](../../tests/benchmarks/ledger.md)"


def median(work: Callable[[], object], runs: int = RUNS) -> float:
    """Return the median milliseconds of ``work``."""
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(taken)


def fill(path: Path) -> None:
    """Put calls of this month, half of them of this session, into the ledger."""
    with closing(sqlite3.connect(path)) as db:
        db.execute(
            f"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {CALLS})"
            " INSERT INTO calls (id, at, session, model, fingerprint, status, prompt, answer)"
            " SELECT printf('%016x', i * 2654435761), ?, 's' || i % 2, 'm', 'f', 'ok',"
            " 'question ' || i, 'answer' FROM n",
            (datetime.now(UTC).isoformat(),),
        )
        db.execute(
            "INSERT INTO attempts (id, call_id, at, session, pid, endpoint, state, hold_nano,"
            " cost_nano, cost_source) SELECT id, id, at, session, 1, 'h', 'settled', 9, 5, 'billed'"
            " FROM calls"
        )
        db.commit()


def floor(folder: Path) -> float:
    """Return the milliseconds of one plain insert + commit, in the same mode, without an index."""
    with closing(sqlite3.connect(folder / "floor.db", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute(
            "CREATE TABLE calls (id INTEGER PRIMARY KEY, at TEXT, prompt TEXT, cost INTEGER)"
        )
        row = (datetime.now(UTC).isoformat(), "question", 5)
        return median(
            lambda: db.execute("INSERT INTO calls (at, prompt, cost) VALUES (?, ?, ?)", row)
        )


def measured(folder: Path) -> list[tuple[str, float, str]]:
    """Return what was measured: name, milliseconds, goal."""
    path, budget, now = folder / "ledger.db", Decimal(1000), datetime.now(UTC)
    Ledger(path).close()
    fill(path)
    least = floor(folder)

    def reserve_and_settle() -> None:
        attempt = reserve(ledger, CENT, budget, "month", now)
        settle(ledger, attempt, "0.003")

    def whole_call() -> None:
        asked = call(now)
        attempt = reserve(ledger, CENT, budget, "month", of=asked)
        ledger.started(attempt.id, "gen-1")
        settle(ledger, attempt, "0.003")
        ledger.finish(replace(asked, reply=Reply("answer"), attempts=(attempt,)), True)
        ledger.totals(budget, "month", now)

    with closing(Ledger(path, "s1")) as ledger:
        return [
            ("one plain insert + commit", least, "the floor"),
            ("reserve + settle", median(reserve_and_settle), "< 1 ms"),
            (WHOLE, median(whole_call), ""),
            (
                "totals of session and month",
                median(lambda: ledger.totals(budget, "month", now)),
                "< 5 ms",
            ),
            ("`%m1 log`: the last 20", median(lambda: history.latest(ledger, 20), 50), ""),
            (
                "`%m1 log WORD` that is nowhere",
                median(lambda: history.latest(ledger, 20, "nowhere"), 5),
                "",
            ),
        ]


def main() -> None:
    """Measure, print the table, and with ``--write`` put it into the page beside it."""
    with tempfile.TemporaryDirectory() as scratch:
        found = measured(Path(scratch))
    rows = ["| ledger of 100,000 calls | ms | goal |", "|---|---:|---|"]
    rows += [f"| {name} | {ms:,.3f} | {goal} |" for name, ms, goal in found]
    table = "\n".join(rows)
    whole = next(ms for name, ms, _ in found if name == WHOLE)
    line = f"| {PAGE}, a call among 100,000 | {whole:,.3f} ms | |"
    print(table, line, sep="\n\n")
    if "--write" in sys.argv:
        readme.write_measured("ledger", table)
        readme.write_speed("ledger", line)


if __name__ == "__main__":
    main()
