"""The ledger's tables, brought up to date.

``SCHEMA`` holds one script for each version ever released; ``PRAGMA user_version`` counts those
that a file has been through. All that are missing run in one transaction: a kernel that dies in
the middle leaves the old version.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from functools import cache
from itertools import chain
from pathlib import Path

COLUMNS = ("spent", "held", "unknown", "calls")
# What an attempt, and what a call, adds to these.
ATTEMPT = (
    "coalesce({0}.cost_nano, 0)",
    "CASE WHEN {0}.state <> 'settled' THEN coalesce({0}.hold_nano, 0) ELSE 0 END",
    "({0}.cost_nano IS NULL AND {0}.state <> 'reserved')",
    "0",
)
CALL = ("0", "0", "0", "1")
NEW, OLD, EACH = ([sum.format(row) for sum in ATTEMPT] for row in ("NEW", "OLD", "attempts"))
CHANGE = [f"({new} - {old})" for new, old in zip(NEW, OLD, strict=True)]


# Within a transaction that adds its own sums to the totals, once for many rows.
BATCH = "INSERT INTO facts (name, value) VALUES ('batch', '')"
NO_BATCH = "DELETE FROM facts WHERE name = 'batch'"
ALONE = "WHEN NOT EXISTS (SELECT 1 FROM facts WHERE name = 'batch')"


def _trigger(name: str, event: str, sums: Sequence[str], when: str = "") -> str:
    """Return SQL that adds sums to the totals of a row's session and day from then on.

    No upsert: the policy of the statement that fires a trigger goes over the trigger's own.
    """
    added = ", ".join(f"{c} = {c} + {sum}" for c, sum in zip(COLUMNS, sums, strict=True))
    both = "".join(
        f"""
        INSERT INTO totals (kind, name) SELECT '{kind}', {row}
            WHERE NOT EXISTS (SELECT 1 FROM totals WHERE kind = '{kind}' AND name = {row});
        UPDATE totals SET {added} WHERE kind = '{kind}' AND name = {row};"""
        for kind, row in (("session", "NEW.session"), ("day", "substr(NEW.at, 1, 10)"))
    )
    return f"CREATE TRIGGER {name} AFTER {event} {when} BEGIN {both} END;"


HAS_TEXT = "coalesce(prompt, thinking, answer, sent) IS NOT NULL"
# What kept answers are found by, cut off: a shorter index, of which a batch changes fewer pages.
SHORT = "substr({}, 1, 16)"
# A price can be asked for, and is owed: there is none yet, or only an estimate.
ASKABLE = "cost_source <> 'billed' AND generation_id IS NOT NULL"
OWED = "(state = 'pending' OR cost_source = 'estimated')"
# A price that will not come: after an hour where nothing can be asked for, else after a month, from
# when on it is not asked for any more. Its hold is let go of, and its cost stays unknown.
LAPSED = (
    "state <> 'settled' AND state = 'pending'"  # the first, so that the index of these is taken
    " AND at < CASE WHEN generation_id IS NULL THEN ? ELSE ? END"
)
EVERYTHING = {"calls": "*", "attempts": "*"}

TRIGGERS: tuple[tuple[str, str, Sequence[str]], ...] = (
    ("calls_added", "INSERT ON calls", CALL),
    ("attempts_added", "INSERT ON attempts", NEW),
    ("attempts_changed", "UPDATE OF state, cost_nano, hold_nano ON attempts", CHANGE),
)

SCHEMA = (
    """
    CREATE TABLE calls (
        id TEXT PRIMARY KEY, at TEXT NOT NULL, session TEXT NOT NULL, model TEXT NOT NULL,
        fingerprint TEXT NOT NULL, status TEXT, finish TEXT, error TEXT, seconds REAL,
        prompt TEXT, thinking TEXT, answer TEXT
    ) WITHOUT ROWID;
    CREATE INDEX calls_at ON calls (at);
    CREATE TABLE attempts (
        id TEXT PRIMARY KEY, call_id TEXT NOT NULL REFERENCES calls (id),
        at TEXT NOT NULL, session TEXT NOT NULL, pid INTEGER NOT NULL, endpoint TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('reserved', 'streaming', 'settled', 'pending')),
        hold_nano INTEGER, generation_id TEXT, provider TEXT, model TEXT,
        input INTEGER, output INTEGER, cached INTEGER, reasoning INTEGER,
        cost_nano INTEGER, cost_source TEXT NOT NULL DEFAULT 'unknown'
    ) WITHOUT ROWID;
    CREATE INDEX attempts_at ON attempts (at, state, cost_nano, hold_nano);
    CREATE INDEX attempts_session ON attempts (session, state, cost_nano, hold_nano);
    CREATE INDEX attempts_open ON attempts (state) WHERE state <> 'settled';
    """,
    f"""
    ALTER TABLE calls ADD COLUMN sent TEXT;
    ALTER TABLE attempts ADD COLUMN process TEXT;
    ALTER TABLE attempts ADD COLUMN lease TEXT;
    ALTER TABLE attempts ADD COLUMN estimate_nano INTEGER;
    CREATE TABLE notebooks (session TEXT PRIMARY KEY, notebook TEXT) WITHOUT ROWID;
    CREATE TABLE lengths (
        model TEXT, kind TEXT, characters INTEGER, tokens INTEGER, PRIMARY KEY (model, kind)
    ) WITHOUT ROWID;
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE totals (
        kind TEXT NOT NULL, name TEXT NOT NULL, spent INTEGER NOT NULL DEFAULT 0,
        held INTEGER NOT NULL DEFAULT 0, unknown INTEGER NOT NULL DEFAULT 0,
        calls INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (kind, name)
    ) WITHOUT ROWID;
    INSERT INTO totals
        SELECT kind, CASE kind WHEN 'day' THEN substr(at, 1, 10) ELSE session END AS name,
            sum(spent), sum(held), sum(unknown), sum(calls)
        FROM (
            SELECT session, at, {EACH[0]} AS spent, {EACH[1]} AS held, {EACH[2]} AS unknown,
                0 AS calls FROM attempts
            UNION ALL SELECT session, at, 0, 0, 0, 1 FROM calls
        ), (SELECT 'session' AS kind UNION ALL SELECT 'day')
        GROUP BY kind, name;
    {"".join(_trigger(*one) for one in TRIGGERS)}
    DROP INDEX attempts_at;
    DROP INDEX attempts_session;
    CREATE INDEX attempts_call ON attempts (call_id);
    CREATE INDEX attempts_askable ON attempts (endpoint) WHERE {ASKABLE};
    CREATE INDEX calls_open ON calls (at) WHERE status IS NULL;
    CREATE INDEX calls_text ON calls (at) WHERE {HAS_TEXT};
    """,
    """
    ALTER TABLE calls ADD COLUMN chat TEXT;
    CREATE INDEX calls_chat ON calls (chat, at) WHERE chat IS NOT NULL;
    """,
    # Nothing but the number: ``calls.sent`` has the parts of messages, which older versions cannot
    # read; what they wrote is read by ``sent.read`` as it stands.
    "",
    # What was asked for, also where another model answered: what forecasts go by.
    """
    ALTER TABLE calls ADD COLUMN asked TEXT;
    ALTER TABLE calls ADD COLUMN task TEXT;
    UPDATE calls SET asked = model;
    CREATE INDEX calls_asked ON calls (asked, coalesce(task, ''), at);
    """,
    # What kept answers are found by, the cell that asked, hashes of the request's parts; and what
    # was not spent, by day.
    """
    ALTER TABLE calls ADD COLUMN key TEXT;
    ALTER TABLE calls ADD COLUMN cell TEXT;
    ALTER TABLE calls ADD COLUMN parts TEXT;
    UPDATE calls SET key = fingerprint;
    CREATE INDEX calls_key ON calls (key, at);
    CREATE INDEX calls_cell ON calls (cell, at) WHERE cell IS NOT NULL;
    CREATE TABLE replays (
        day TEXT PRIMARY KEY, answers INTEGER NOT NULL, saved INTEGER NOT NULL
    ) WITHOUT ROWID;
    """,
    # The calls of tools in an answer, and what M1 was told of them.
    "ALTER TABLE calls ADD COLUMN tools TEXT;",
    # Triggers that keep still in a batch.
    "".join(f"DROP TRIGGER {one[0]}; {_trigger(*one, when=ALONE)}" for one in TRIGGERS),
    f"DROP INDEX calls_key; CREATE INDEX calls_key ON calls ({SHORT.format('key')});",
)


def version(db: sqlite3.Connection) -> int:
    """Return how many scripts a file has been through."""
    (number,) = db.execute("PRAGMA user_version").fetchone()
    return int(number)


def migrate(db: sqlite3.Connection, backup: Path | None = None) -> None:
    """Bring a file up to date, in one transaction, after a copy, not over another one."""
    if backup is not None and version(db) and not backup.exists():
        _copy(db, backup)
    with db:
        db.execute("BEGIN IMMEDIATE")
        old = version(db)  # another kernel may have been quicker
        for statement in _missing(old) if old else _whole():
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {len(SCHEMA)}")


def _missing(old: int) -> Iterator[str]:
    """Return what brings a file of that version up to date."""
    return chain.from_iterable(map(statements, SCHEMA[old:]))


@cache
def _whole() -> list[str]:
    """Return what makes the tables at once: all scripts one after another take three times as long.

    They are run once, on a database in memory, which then tells what there is to be made.
    """
    with closing(sqlite3.connect(":memory:")) as db:
        for statement in _missing(0):
            db.execute(statement)
        made = db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")
        return [sql for (sql,) in made]


def copy(
    source: sqlite3.Connection,
    target: sqlite3.Connection,
    columns_of: Mapping[str, str] = EVERYTHING,
    since: str = "",
) -> None:
    """Add the rows of one ledger since a date to another, those that are not there."""
    for table, wanted in columns_of.items():
        rows = source.execute(f"SELECT {wanted} FROM {table} WHERE at >= ?", (since,))
        columns = [column[0] for column in rows.description]
        target.executemany(
            f"INSERT OR IGNORE INTO {table} ({', '.join(columns)})"
            f" VALUES ({', '.join('?' * len(columns))})",
            rows.fetchall(),
        )


def _copy(db: sqlite3.Connection, backup: Path) -> None:
    """Copy a file, whole or not at all, with mode 0600."""
    part = backup.with_suffix(".part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    db.execute("VACUUM INTO ?", (str(part),))
    part.replace(backup)


def statements(script: str) -> Iterator[str]:
    """Split a script where statements end, not within triggers."""
    statement = ""
    for piece in script.split(";"):
        statement += piece + ";"
        if sqlite3.complete_statement(statement):
            if statement.strip(" \n;"):
                yield statement
            statement = ""
