"""Queries over named tables, wherever they run: a result's first rows, and single ones of the rest.

Each is checked first, runs in a thread of its own, and ends at its time limit and at Stop.
"""

from __future__ import annotations

import math
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace

from ... import interrupts
from ...computed import Query, Row
from .sql_tables import SqlTable

TIMEOUT = 10.0  # seconds of a query
SOON, LATER = 0.05, 0.5  # seconds between looks at Stop, and attempts to stop what goes on
ROWS, CELLS = 1_000, 100_000  # of a result that are fetched at most; 20 rows in any case
SHOWN = 20
THREAD = "m1-query"

Result = tuple[tuple[str, ...], tuple[Row, ...], int]
EMPTY: Result = (), (), 0


class Refused(Exception):
    """A query that is not run; its text says why, in one sentence."""


@dataclass(frozen=True, slots=True)
class Part:
    """A row of a result: at a place, or, if there is a label, the first that begins with it."""

    place: int = 0
    label: str | None = None


def most(columns: int) -> int:
    """Return how many rows of a result with so many columns are fetched at most."""
    return max(SHOWN, min(ROWS, CELLS // max(1, columns)))


class Engine(ABC):
    """Runs queries over named tables, one at a time.

    Args:
        timeout: seconds that a query may take.
        grace: seconds that one may go on after it was stopped, before it is left alone.
    """

    tables: tuple[SqlTable, ...] = ()

    def __init__(self, timeout: float, grace: float = math.inf) -> None:
        self._timeout, self._grace = timeout, grace

    def run(self, name: str, sql: str) -> Query:
        """Return a query's result, or why there is none.

        Raises:
            KeyboardInterrupt: Stop was pressed.
        """
        return self._query(Query(name, sql), None)

    def row(self, query: Query, place: int) -> Query:
        """Return a result's row at this place, from the end if it is negative; none, if so.

        A row that was not fetched before is computed; raises as `run` does.
        """
        place += query.count if place < 0 else 0
        if 0 <= place < query.count and place >= len(query.rows):
            return self._query(query, Part(place))
        rows = query.rows[place : place + 1] if place >= 0 else ()
        return replace(query, rows=rows, count=len(rows))

    def labelled(self, query: Query, label: str) -> Query:
        """Return a result's first row whose first column is this label, as `row` does."""
        rows = tuple(row for row in query.rows if row and str(row[0]) == label)[:1]
        if not rows and query.count > len(query.rows):
            return self._query(query, Part(label=label))
        return replace(query, rows=rows, count=len(rows))

    @abstractmethod
    def close(self) -> None:
        """Let go of the tables."""

    @abstractmethod
    def _fetched(self, sql: str, part: Part | None, run: str) -> Result:
        """Return the columns of a result, its first rows or the one row, and how many there are.

        Args:
            run: what `_interrupt` will call it.

        Raises:
            Refused: the query may not be run.
        """

    @abstractmethod
    def _interrupt(self, run: str) -> None:
        """Stop a query, if it runs already."""

    @abstractmethod
    def _why(self, problem: Exception, sql: str) -> str:
        """Return why there is no result, without any value."""

    def _query(self, query: Query, part: Part | None) -> Query:
        began, error = time.monotonic(), ""
        result = EMPTY
        late = threading.Event()
        try:
            result = self._limited(lambda run: self._fetched(query.sql, part, run), late)
        except Refused as refusal:
            error = str(refusal)
        except Exception as problem:  # the engine's own, and what reading a table raises
            error = self._why(problem, query.sql)
        if late.is_set():
            result, error = EMPTY, f"It took longer than {self._timeout:g} s and was stopped."
        columns, rows, count = result
        seconds = time.monotonic() - began
        return Query(query.name, query.sql, query.columns or columns, rows, seconds, error, count)

    def _limited(self, work: Callable[[str], Result], late: threading.Event) -> Result:
        """Return what some work returns; stop it when its time has come, and at Stop."""
        done: Future[Result] = Future()
        name = f"m1-{uuid.uuid4().hex}"

        def run() -> None:
            try:
                done.set_result(work(name))
            except BaseException as error:
                done.set_exception(error)

        until = time.monotonic() + self._timeout
        thread = threading.Thread(target=run, name=THREAD, daemon=True)
        with interrupts.stoppable():
            try:
                _begin(thread)
                while not (done.done() or late.is_set()):
                    wait([done], min(SOON, max(0.001, until - time.monotonic())))
                    interrupts.check()
                    if not done.done() and time.monotonic() >= until:
                        late.set()
            finally:
                if thread.ident is not None:
                    self._stop(name, done)
        return done.result(0)

    def _stop(self, run: str, done: Future[Result]) -> None:
        """Stop a query until it ends; if that takes too long, elsewhere."""
        until = time.monotonic() + self._grace
        while not done.done() and time.monotonic() < until:
            self._interrupt(run)
            wait([done], SOON)
        if not done.done():
            hunt = threading.Thread(target=self._hunt, args=(run, done), name=THREAD, daemon=True)
            hunt.start()

    def _hunt(self, run: str, done: Future[Result]) -> None:
        """Stop a query as soon as it can be: a cluster may be slow to begin with it."""
        while not done.done():
            self._interrupt(run)
            wait([done], LATER)


def _begin(thread: threading.Thread) -> None:
    """Start a thread; where there are no threads, do its work."""
    try:
        thread.start()
    except RuntimeError:
        thread.run()
