"""Answers that can be shown again, what was not spent by that, and what a cell asked before."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from ..pricing.dollars import from_nano, to_nano
from . import Ledger, since, stamp
from .history import HERE, Past, called
from .schema import SHORT
from .store import HASTE

# As it is indexed. Beside `key = …` SQLite would put that value here, and not take the index.
KEY = SHORT.format("key")
# A whole answer whose text is kept.
COMPLETE = "status = 'ok' AND trim(coalesce(answer, '')) <> ''"
WITH_TEXT = "status IN ('ok', 'truncated') AND trim(coalesce(answer, '')) <> ''"
# Answered by this server, which got these headers.
SERVER = (
    "EXISTS (SELECT 1 FROM attempts WHERE call_id = calls.id AND endpoint = ?) AND coalesce("
    "CASE WHEN json_valid(parts) THEN json_extract(parts, '$.headers') END, '') = ?"
)
PARTS = "CASE WHEN json_valid(parts) THEN json_type(parts) END = 'object'"
MOST = 50  # earlier requests of a cell that are looked at
# Where no notebook is known: this session's calls, and those of others without one.
NOWHERE = "(session = ? OR (? IS NULL AND session NOT IN (SELECT session FROM notebooks)))"


@dataclass(frozen=True, slots=True)
class Lookup:
    """What an answer is looked up by: a request's ``key``, see `calls.Call`, and a server's host.

    ``headers`` is their hash, "" where none were added.
    """

    key: str
    host: str
    headers: str = ""


@dataclass(frozen=True, slots=True)
class KeptText:
    """The answer of a call, and what that did cost in US dollars."""

    id: str
    model: str
    finish: str | None
    thinking: str | None
    text: str
    cost: Decimal | None


def nth(
    ledger: Ledger,
    lookup: Lookup,
    notebook: str | None,
    n: int,
    *,
    but: Sequence[str] = (),
    only: str = "",
) -> Past | None:
    """Return the ``n``-th complete answer (from 1) to a request in a notebook, in order asked.

    Args:
        notebook: its path; None: answers from outside of notebooks.
        but: calls that do not count.
        only: the one call that does, "" for all.
    """
    rows = ledger.rows(
        f"SELECT id FROM calls WHERE {KEY} = {SHORT.format('?1')} AND +key = ?1 AND {COMPLETE}"
        f" AND {HERE if notebook else NOWHERE}"
        f" AND ? IN ('', id) AND id NOT IN (SELECT value FROM json_each(?)) AND {SERVER}"
        " ORDER BY at, id LIMIT 1 OFFSET ?",
        lookup.key,
        ledger.session,
        notebook,
        only,
        json.dumps(but),
        lookup.host,
        lookup.headers,
        n - 1,
    )
    return called(ledger, rows[0][0]) if rows else None


def of_notebook(ledger: Ledger, notebook: str) -> list[tuple[Past, str, Mapping[str, Any]]]:
    """Return a notebook's complete answers in the order asked, each with key and parts."""
    rows = ledger.rows(
        f"SELECT id, key, parts FROM calls WHERE {HERE} AND {COMPLETE} AND {PARTS} ORDER BY at, id",
        "",
        notebook,
    )
    calls = [(called(ledger, id), key, json.loads(parts)) for id, key, parts in rows]
    for _, _, parts in calls:
        parts.pop("headers", None)  # a tape is of any server
    return [(past, key, parts) for past, key, parts in calls if past is not None]


def to_question(ledger: Ledger, typed: str, notebook: str | None) -> list[Mapping[str, Any]]:
    """Return the parts of the requests of a notebook whose question has this hash, in order asked.

    Only of those that have a complete answer.
    """
    rows = ledger.rows(
        f"SELECT parts FROM calls WHERE {COMPLETE} AND {PARTS} AND {HERE if notebook else NOWHERE}"
        " ORDER BY at, id",
        ledger.session,
        notebook,
    )
    found = (json.loads(parts) for (parts,) in rows)
    return [parts for parts in found if parts.get("typed") == typed]


def before(
    ledger: Ledger, cell: str, notebook: str | None, at: datetime
) -> list[Mapping[str, Any]]:
    """Return the parts of the requests of a cell before that time, the last first."""
    rows = ledger.rows(
        f"SELECT parts FROM calls WHERE cell = ? AND at < ? AND {PARTS} AND {HERE}"
        f" ORDER BY at DESC LIMIT {MOST}",
        cell,
        stamp(at),
        ledger.session,
        notebook,
    )
    return [json.loads(parts) for (parts,) in rows]


def knows(ledger: Ledger, notebook: str) -> bool:
    """Has a session served this notebook?"""
    return bool(ledger.rows("SELECT 1 FROM notebooks WHERE notebook = ? LIMIT 1", notebook))


def notebooks(ledger: Ledger, ids: Sequence[str]) -> list[str]:
    """Return the notebooks that made these calls."""
    rows = ledger.rows(
        "SELECT DISTINCT notebook FROM calls JOIN notebooks USING (session)"
        " WHERE id IN (SELECT value FROM json_each(?)) AND notebook IS NOT NULL",
        json.dumps(ids),
    )
    return [notebook for (notebook,) in rows]


def renamed(ledger: Ledger, old: str, new: str) -> None:
    """Write down that a notebook has another path."""
    sql = "UPDATE notebooks SET notebook = ? WHERE notebook = ?"
    ledger.write(lambda db: db.execute(sql, (new, old)), HASTE)


def replayed(ledger: Ledger, cost: Decimal, now: datetime, number: int = 1) -> None:
    """Count answers that were shown again, and the US dollars that were not spent for them."""
    day, nano = since("day", now), to_nano(cost)
    sql = (
        "INSERT INTO replays VALUES (?, ?, ?) ON CONFLICT (day) DO UPDATE"
        " SET answers = answers + excluded.answers, saved = saved + excluded.saved"
    )
    ledger.write(lambda db: db.execute(sql, (day, number, nano)), HASTE)


def saved(ledger: Ledger, now: datetime) -> tuple[int, Decimal]:
    """Return how many answers were shown again today (UTC), and the dollars not spent."""
    sql = "SELECT answers, saved FROM replays WHERE day = ?"
    rows = ledger.rows(sql, since("day", now))
    return (rows[0][0], from_nano(rows[0][1])) if rows else (0, Decimal(0))


def of_rows(
    ledger: Ledger, lookups: Sequence[Lookup], notebook: str | None
) -> dict[str, list[KeptText]]:
    """Return the answers to many requests of one server, by key, in the order asked.

    Those that were cut off, too: data may be whole in them.
    """
    if not lookups:
        return {}
    rows = ledger.rows(
        "SELECT key, id, model, finish, thinking, answer,"
        " (SELECT CASE WHEN count(*) = count(cost_nano) THEN sum(cost_nano) END"
        " FROM attempts WHERE call_id = calls.id)"
        f" FROM calls WHERE {KEY} IN (SELECT {SHORT.format('value')} FROM json_each(?1))"
        f" AND key IN (SELECT value FROM json_each(?1)) AND {WITH_TEXT}"
        f" AND {HERE if notebook else NOWHERE} AND {SERVER} ORDER BY at, id",
        json.dumps([one.key for one in lookups]),
        ledger.session,
        notebook,
        lookups[0].host,
        lookups[0].headers,
    )
    answers: dict[str, list[KeptText]] = {}
    for key, id, model, finish, thinking, text, nano in rows:
        cost = None if nano is None else from_nano(nano)
        answers.setdefault(key, []).append(KeptText(id, model, finish, thinking, text, cost))
    return answers
