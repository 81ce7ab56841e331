"""The ledger's file as one process uses it: transactions, whatever happens to the file meanwhile.

All writes are ``BEGIN IMMEDIATE``. A file that breaks, moves away or turns read-only while it is
open is opened anew and the transaction done again; what belongs to a paid call and cannot be
written goes to the journal, and into the file with the next write that succeeds.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from ..errors import LedgerProblem
from ..interrupts import uninterrupted
from ..locks import lock
from ..text import one_line
from . import ahead, disk, journal, schema
from .journal import Write

T = TypeVar("T")
# Seconds to wait for a lock that was not to be had a moment ago, or that nobody waits for.
HASTE = 0.25
# Connections of a parent process: closing them here could disturb it.
_PARENTS: list[sqlite3.Connection] = []


def now_utc() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


class Store:
    """One process's connection to the ledger, for all its threads; raises LedgerProblem."""

    def __init__(self, path: Path, now: Callable[[], datetime] = now_utc) -> None:
        self.path = path
        self._now = now
        # A child that begins in mid-transaction would take SQLite's own locks for taken, for good.
        self._lock, self._pid = lock(), os.getpid()
        self._notes: list[str] = []
        self._journal = journal.Journal(path)
        self._patience = disk.BUSY
        self._stale = True
        self._opened: disk.Opened
        with self._guarded():
            self._renew()

    def close(self) -> None:
        """Close the file for good."""
        with suppress(LedgerProblem):
            self.catch_up()
        with self._guarded():
            self._opened.db.close()
            self._stale = False

    def rest(self) -> None:
        """Close the file until its next use; what is only in memory stays there."""
        with suppress(LedgerProblem):
            self.catch_up()
        with self._guarded():
            if not self.in_memory:
                self._opened.db.close()
                self._stale = True

    def reopen(self, path: Path) -> None:
        """Open the file at ``path``, if it is another one or this one was only in memory.

        What was only in memory goes along. If it cannot be opened, the one before serves on.
        """
        if path == self.path and not self.in_memory:
            return
        before = self.path, self._journal, self._opened, self._stale
        with self._guarded():
            try:
                if path != self.path:
                    self.path, self._journal = path, journal.Journal(path)
                self._renew()
            except BaseException:
                self.path, self._journal, self._opened, self._stale = before
                raise
            self._taken_along(before[2])
            before[2].db.close()

    @property
    def in_memory(self) -> bool:
        """Is the ledger in memory only, because the file cannot be written?"""
        return self._opened.file is None

    def unwritten(self) -> int:
        """Return how many writes, of all kernels, wait beside the ledger to be done."""
        return len(self._left())

    def tell(self, note: str) -> None:
        """Keep a sentence for the user."""
        with self._lock:
            self._notes.append(note)

    def news(self) -> tuple[str, ...]:
        """Return what happened to the file that the user has not been told yet."""
        with self._lock:
            notes, self._notes = tuple(self._notes), []
        return notes

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what ``work`` reads; raises LedgerProblem."""
        return self._done(work, None)

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of one query; raises LedgerProblem."""
        return self.read(lambda db: db.execute(sql, values).fetchall())

    def write(self, work: Callable[[sqlite3.Connection], T], patience: float | None = None) -> T:
        """Do ``work`` in one transaction, after all that could not be written before.

        It may be called twice, if the file has to be opened anew; ``patience`` is how many seconds
        another kernel's lock is waited for. LedgerProblem: nothing of it was written.
        """

        def all_of_it(db: sqlite3.Connection) -> T:
            with db:
                db.execute("BEGIN IMMEDIATE")
                self._journal.do(db)
                result = work(db)
            self._journal.done()
            self._patience = disk.BUSY
            return result

        return self._done(all_of_it, patience)

    def book(self, writes: tuple[Write, ...]) -> None:
        """Do writes of a call that may be paid for, or keep them and say so in a LedgerProblem.

        The last one is done alone, if the row is there that it changes.
        """
        try:
            self.write(lambda db: journal.do(db, writes[-1:]) or journal.do(db, writes))
        except LedgerProblem as problem:
            raise self.later(writes, problem) from None

    def later(self, writes: tuple[Write, ...], problem: LedgerProblem) -> LedgerProblem:
        """Keep writes that could not be done; return the problem, and where they are kept."""
        with self._lock:
            file = self._journal.keep(writes)
        where = f"in {file.name} beside it" if file else "in this kernel's memory"
        what = f"{problem.what} What it lacks is kept {where} and written down later."
        return LedgerProblem(what, todo=problem.todo)

    def catch_up(self) -> None:
        """Write down what is kept in the journal, if anything is."""
        if self._journal:
            self.write(lambda db: None)

    def take_in(self) -> None:
        """Write down what this kernel and others could not."""
        self.write(lambda db: None)
        with self._guarded():
            self._take_in()

    def _done(self, work: Callable[[sqlite3.Connection], T], patience: float | None) -> T:
        with self._guarded():
            try:
                return work(self._connection(patience))
            except sqlite3.DatabaseError as error:
                if disk.primary(error) == sqlite3.SQLITE_BUSY and patience != 0:
                    self._patience = HASTE  # once is enough for a cell to wait
                if self.in_memory or disk.primary(error) not in disk.LOST:
                    raise
                self._opened.db.close()
                self._renew(suspect=True)
            return work(self._connection(patience))

    def _connection(self, patience: float | None) -> sqlite3.Connection:
        """Return the connection to the file that lies at the path now."""
        if self._pid != os.getpid():  # a child of the process that opened it
            _PARENTS.append(self._opened.db)
            before, self._pid = self._opened, os.getpid()
            self._renew()
            self._taken_along(before)
        elif self._stale:  # it could not be opened the last time
            self._renew()
        elif not self.in_memory and self._opened.file != disk.identity(self.path):
            with suppress(sqlite3.Error):  # all that was written shall be in the file that moved
                self._opened.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._opened.db.close()
            self._renew()
            self._notes.append(
                f"The ledger was moved away while it was in use; from now on {self.path} counts."
            )
        db, wait = self._opened.db, self._patience if patience is None else patience
        db.execute(f"PRAGMA busy_timeout = {round(wait * 1000)}")
        return db

    def _renew(self, suspect: bool = False) -> None:
        """Open the file that lies at the path, and write into it what other kernels could not."""
        self._stale = True
        self._opened = disk.opened(self.path, self._now(), suspect)
        self._stale = False
        self._notes += self._opened.notes
        self._take_in()

    def _taken_along(self, before: disk.Opened) -> None:
        """Write down what an open ledger knew that was only in memory."""
        if before.file is None:
            with self._opened.db as db:
                db.execute("BEGIN IMMEDIATE")
                schema.copy(before.db, db)

    def _take_in(self) -> None:
        db = self._opened.db
        db.execute(f"PRAGMA busy_timeout = {round(HASTE * 1000)}")
        for file in [] if self.in_memory else self._left():
            with suppress(OSError):  # another kernel has just done it
                self._caught_up(db, file)

    def _left(self) -> list[Path]:
        return [*self._journal.left(), *ahead.left(self.path)]

    def _caught_up(self, db: sqlite3.Connection, file: Path) -> None:
        """Write down what a kernel could not; what cannot be read is kept under another name."""
        try:
            writes = (ahead if file.suffix == ".jsonl" else journal).read(file)
            with db:
                db.execute("BEGIN IMMEDIATE")
                journal.do(db, writes)
        except sqlite3.OperationalError:  # locked, full: the next kernel may do it
            return
        except (ValueError, sqlite3.IntegrityError, sqlite3.ProgrammingError):
            file.rename(file.with_suffix(".unreadable"))
            self._notes.append(f"{file.name} beside the ledger could not be read.")
            return
        file.unlink()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Hold the connection; turn SQLite's and the file system's errors into one paragraph."""
        try:
            with uninterrupted(), self._lock:
                yield
        except (sqlite3.Error, OSError) as error:
            raise LedgerProblem(
                f"The ledger {self.path} cannot be used ({one_line(error)}).",
                todo="Free the disk or the file, or set M1_HOME to another folder; see %m1 doctor.",
            ) from None
