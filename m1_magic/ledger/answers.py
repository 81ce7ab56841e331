"""Answers that can be shown again, what was not spent by that, and what a cell asked before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from ..pricing.dollars import from_nano, to_nano
from . import Ledger, since
from .history import HERE, Past, called
from .store import HASTE

# A whole answer whose text is kept.
COMPLETE = "status = 'ok' AND trim(coalesce(answer, '')) <> ''"
LOCAL = "EXISTS (SELECT 1 FROM attempts WHERE call_id = calls.id AND cost_source = 'offline')"
# Where no notebook is known: this session's calls, and those of others without one.
NOWHERE = "(session = ? OR (? IS NULL AND session NOT IN (SELECT session FROM notebooks)))"


def nth(ledger: Ledger, key: str, notebook: str | None, n: int, *, offline: bool) -> Past | None:
    """Return the ``n``-th complete answer (from 1) to a request in a notebook, in order asked.

    Args:
        key: the request's fingerprint, see `calls.Call`.
        notebook: its path; None: answers from outside of notebooks.
        offline: answers of the local model, and no others; else none of it.
    """
    rows = ledger.rows(
        f"SELECT id FROM calls WHERE key = ? AND {COMPLETE} AND {HERE if notebook else NOWHERE}"
        f" AND {LOCAL} = ? ORDER BY at, id LIMIT 1 OFFSET ?",
        key,
        ledger.session,
        notebook,
        int(offline),
        n - 1,
    )
    return called(ledger, rows[0][0]) if rows else None


def of_notebook(ledger: Ledger, notebook: str) -> list[tuple[Past, str, Mapping[str, Any]]]:
    """Return a notebook's complete answers in the order asked, each with key and parts."""
    rows = ledger.rows(
        f"SELECT id, key, parts FROM calls WHERE {HERE} AND {COMPLETE} AND parts IS NOT NULL"
        " ORDER BY at, id",
        "",
        notebook,
    )
    found = [(called(ledger, id), key, json.loads(parts)) for id, key, parts in rows]
    return [(past, key, parts) for past, key, parts in found if past is not None]


def is_answer(ledger: Ledger, id: str, key: str) -> bool:
    """Is this call a complete answer to that request?"""
    return bool(
        ledger.rows(f"SELECT 1 FROM calls WHERE id = ? AND key = ? AND {COMPLETE}", id, key)
    )


def before(ledger: Ledger, cell: str, notebook: str | None) -> Mapping[str, Any] | None:
    """Return the parts of the last request of a cell, see `sent.hashed`; None where not known."""
    rows = ledger.rows(
        f"SELECT parts FROM calls WHERE cell = ? AND {HERE} ORDER BY at DESC LIMIT 1",
        cell,
        ledger.session,
        notebook,
    )
    parts = json.loads(rows[0][0]) if rows and rows[0][0] else None
    return parts if isinstance(parts, dict) else None


def replayed(ledger: Ledger, cost: Decimal, now: datetime) -> None:
    """Count an answer that was shown again, and the US dollars that were not spent for it."""
    day, nano = since("day", now), to_nano(cost)
    sql = (
        "INSERT INTO replays VALUES (?, 1, ?) ON CONFLICT (day)"
        " DO UPDATE SET answers = answers + 1, saved = saved + excluded.saved"
    )
    ledger.write(lambda db: db.execute(sql, (day, nano)), HASTE)


def saved(ledger: Ledger, now: datetime) -> tuple[int, Decimal]:
    """Return how many answers were shown again today (UTC), and the dollars not spent."""
    sql = "SELECT answers, saved FROM replays WHERE day = ?"
    rows = ledger.rows(sql, since("day", now))
    return (rows[0][0], from_nano(rows[0][1])) if rows else (0, Decimal(0))
