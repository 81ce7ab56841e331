"""Attempts written into a ledger by hand, and what stands in its file afterwards."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from m1_magic.calls import Attempt, Call
from m1_magic.ledger import Ledger, new_id
from scripted import request

NOW = datetime(2026, 3, 15, 12, 0, tzinfo=UTC)
HOST = "openrouter.ai"
CENT = Decimal("0.01")
NOBODY = 65534


def call(at: datetime = NOW, text: str = "hi") -> Call:
    return Call(new_id(), at, request(text))


def reserve(
    ledger: Ledger,
    hold: Decimal | None = CENT,
    budget: Decimal | None = None,
    period: str = "session",
    at: datetime = NOW,
    keep: bool = True,
    of: Call | None = None,
) -> Attempt:
    attempt = Attempt(new_id(), hold=hold)
    ledger.reserve(of or call(at), attempt, HOST, budget, period, keep)
    return attempt


def settle(ledger: Ledger, attempt: Attempt, cost: str | None, **more: Any) -> None:
    state = "pending" if cost is None else "settled"
    given = None if cost is None else Decimal(cost)
    source = "unknown" if cost is None else "billed"
    ledger.settle(replace(attempt, cost=given, state=state, cost_source=source, **more))  # type: ignore[arg-type]


def spend(ledger: Ledger, cost: str, at: datetime = NOW) -> None:
    settle(ledger, reserve(ledger, at=at), cost)


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(sql).fetchall()


def sums(ledger: Ledger, period: str = "session", now: datetime = NOW) -> tuple[Decimal, Decimal]:
    totals = ledger.totals(None, period, now)
    return totals.spent, totals.held


@contextmanager
def ordinary_user() -> Iterator[Path]:
    """A folder, and for the time being a user who is not root: who may not write everywhere."""
    root = os.geteuid() == 0
    folder = Path(tempfile.mkdtemp())
    try:
        if root:
            os.chown(folder, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        yield folder
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o700)
        shutil.rmtree(folder)
