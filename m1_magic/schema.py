"""The ledger's file: made private and in WAL mode, its tables brought up to date.

``SCHEMA`` holds one script for each version ever released; ``PRAGMA user_version`` counts those
that a file has been through.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path

from .errors import LedgerProblem
from .interrupts import uninterrupted

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
)
# Seconds to wait for another kernel's write.
BUSY = 10.0


def connect(path: Path) -> sqlite3.Connection:
    """Return the ledger at ``path``, made with mode 0600 if it is not there.

    Raises:
        LedgerProblem: it was written by a newer version.
        OSError, sqlite3.Error: it cannot be opened, or is no database.
    """
    with suppress(FileExistsError):  # closing a file that is open drops this process's locks on it
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    db = sqlite3.connect(path, timeout=BUSY, isolation_level=None, check_same_thread=False)
    try:
        if _version(db) > len(SCHEMA):
            raise LedgerProblem(
                f"The ledger {path} was written by a newer m1-magic.",
                todo="Upgrade this one, or set M1_HOME to another folder.",
            )
        _use_wal(db)
        db.execute("PRAGMA synchronous = NORMAL")
        if _version(db) < len(SCHEMA):
            _migrate(db)
    except BaseException:
        db.close()
        raise
    return db


def _use_wal(db: sqlite3.Connection) -> None:
    """Switch to WAL; SQLite does not wait for another kernel that is just doing the same."""
    end = time.monotonic() + BUSY
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
        time.sleep(0.01)


def _migrate(db: sqlite3.Connection) -> None:
    with uninterrupted(), db:
        db.execute("BEGIN IMMEDIATE")
        for script in SCHEMA[_version(db) :]:  # another kernel may have been quicker
            for statement in filter(str.strip, script.split(";")):
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {len(SCHEMA)}")


def _version(db: sqlite3.Connection) -> int:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    return int(version)
