"""What the ledger writes, as data; and where that is kept while the ledger cannot be written.

A write is the name of a statement and its values. All of them may be done twice, by any kernel:
that is what makes it safe to write down later what could not be written at once. Each lost write
becomes one whole file beside the ledger (no appending, so nothing is half there after a crash);
where no file can be made either, it is kept in memory until this kernel ends.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from .. import files
from .schema import OWED

Write = tuple[str, tuple[Any, ...]]

STATEMENTS = {
    "question": "INSERT INTO calls (id, at, session, model, fingerprint, prompt, sent, asked, task,"
    " chat, key, cell, parts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (id) DO NOTHING",
    # The same in parts, in the files of older versions.
    "call": "INSERT INTO calls (id, at, session, model, fingerprint, prompt, sent)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
    "chat": "UPDATE calls SET chat = ? WHERE id = ?",
    "key": "UPDATE calls SET key = ?, cell = ?, parts = ? WHERE id = ?",
    "tools": "UPDATE calls SET tools = ? WHERE id = ?",
    "finished": "UPDATE calls SET status = ?, finish = ?, error = ?, seconds = ?, model = ?,"
    " thinking = ?, answer = ? WHERE id = ?",
    "asked": "UPDATE calls SET asked = ?, task = ? WHERE id = ?",
    "attempt": "INSERT INTO attempts"
    " (id, call_id, at, session, pid, process, endpoint, state, hold_nano)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, 'reserved', ?) ON CONFLICT (id) DO NOTHING",
    "started": "UPDATE attempts SET generation_id = coalesce(generation_id, ?),"
    " state = CASE state WHEN 'reserved' THEN 'streaming' ELSE state END WHERE id = ?",
    # A bill is the last word: a write that comes late must not take it back.
    "settled": "UPDATE attempts SET state = ?, generation_id = coalesce(?, generation_id),"
    " provider = ?, input = ?, output = ?, cached = ?, reasoning = ?, cost_nano = ?,"
    " cost_source = ?, estimate_nano = ? WHERE id = ? AND cost_source <> 'billed'",
    # What the provider's record says later; of what is known already only the price is replaced.
    "billed": "UPDATE attempts SET state = 'settled', cost_nano = ?, cost_source = 'billed',"
    " lease = NULL, provider = coalesce(provider, ?), input = coalesce(input, ?),"
    " output = coalesce(output, ?), cached = coalesce(cached, ?),"
    f" reasoning = coalesce(reasoning, ?) WHERE id = ? AND {OWED}",
    # What came so far of an answer that has not ended: a kernel that dies loses no more.
    "so far": "UPDATE calls SET thinking = ?, answer = ?, tools = coalesce(?, tools)"
    " WHERE id = ? AND status IS NULL",
    "ended": "UPDATE calls SET status = ?, finish = ?, error = ?, seconds = ?, model = ?,"
    " thinking = ?, answer = ?, tools = ? WHERE id = ?",
}
LARGEST = 2**63 - 1


def row(*values: object) -> tuple[Any, ...]:
    """Return values that SQLite can keep: text as UTF-8, whole numbers of 64 bits."""
    for value in values:  # most rows stay as they are: no call for each value
        if type(value) is str:
            if not value.isascii():
                break
        elif type(value) is int and value > LARGEST:
            break
    else:
        return values
    return tuple(map(_storable, values))


def write(statement: str, *values: object) -> Write:
    """Return one write."""
    return statement, row(*values)


def _storable(value: object) -> object:
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    return min(value, LARGEST) if isinstance(value, int) else value


def do(db: sqlite3.Connection, writes: Sequence[Write]) -> int:
    """Carry out writes, within a transaction of the caller's; return the rows of the last one."""
    changed = 0
    for name, values in writes:
        changed = db.execute(STATEMENTS[name], values).rowcount
    return changed


class Journal:
    """The writes that could not be done yet, of this process and of those that are gone."""

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger
        self._mine: dict[tuple[Write, ...], Path | None] = {}

    def __bool__(self) -> bool:
        return bool(self._mine)

    def keep(self, writes: Sequence[Write]) -> Path | None:
        """Keep writes; return their file, None where they could only be kept in memory."""
        try:
            path = self._file(writes)
        except OSError:
            path = None
        self._mine[tuple(writes)] = path
        return path

    def do(self, db: sqlite3.Connection) -> None:
        """Carry out what this process has kept, within a transaction of the caller's."""
        for writes in self._mine:
            do(db, writes)

    def done(self) -> None:
        """Forget what ``do`` has carried out, once that is committed."""
        for path in self._mine.values():
            if path is not None:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
        self._mine.clear()

    def left(self) -> list[Path]:
        """Return the files of all processes, the oldest first."""
        return sorted(self._ledger.parent.glob(f"{self._ledger.stem}-unwritten-*.json"))

    def _file(self, writes: Sequence[Write]) -> Path:
        """Write a file, whole or not at all, that only the user can read."""
        name = f"{self._ledger.stem}-unwritten-{time.time_ns():020}-{os.getpid()}.json"
        path = self._ledger.with_name(name)
        files.replace(path, json.dumps(writes, ensure_ascii=False), sync=True)
        return path


def read(path: Path) -> list[Write]:
    """Return the writes in a journal's file; raises ValueError if it is none."""
    return writes(path.read_text("utf-8"))


def writes(text: str) -> list[Write]:
    """Return writes that stand in a text as JSON; raises ValueError if these are none."""
    try:
        written = [(str(name), tuple(values)) for name, values in json.loads(text)]
    except (TypeError, RecursionError) as error:
        raise ValueError("not a list of writes") from error
    if any(name not in STATEMENTS for name, _ in written):
        raise ValueError("not a statement of ours")
    return written
