"""A DuckDB for the queries of one answer: it reads the named tables, and nothing else.

No file but those named, no network, no extension, no variable of Python, no spilling to disk; what
may be run, `statements` says. A query ends at its time limit, when it needs more than a quarter of
the memory, and at Stop. Functions that make one long text or list check its length first: DuckDB
neither counts that memory nor can be interrupted there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import Any

from .. import interrupts
from ..computed import Query, Row
from ..context.frames.duckdb_sandbox import connected, quoted
from ..locks import lock
from ..watcher import WATCHER, Watch
from . import statements
from .failures import failure
from .inputs import SqlTable, inputs, view

TIMEOUT = 10.0  # seconds of a query
SHARE, OF_DUCKDB = 0.25, 0.8  # of the memory: what a query may use, what DuckDB would take
SOON = 0.05  # seconds between looks at Stop
ROWS, CELLS = 1_000, 100_000  # of a result that are fetched at most; 20 rows in any case
SHOWN = 20
PARTS = 1_000_000  # characters or elements that a function may make at once
TOO_LONG = f"error('A text or list of more than {PARTS:,} parts')"


Result = tuple[tuple[str, ...], tuple[Row, ...], int]


class Sandbox:
    """Runs queries over named tables, one at a time; a ``pathlib.Path`` is a CSV, … file.

    Args:
        tables: name in SQL → the table.
        columns: name → places of the columns that queries see; of a table that is not in it, all.
        timeout: seconds that a query may take.
        memory: bytes that a query may use; None: a quarter of this machine's.

    Raises:
        UsageError: one of the tables cannot be read.
    """

    def __init__(
        self,
        tables: Mapping[str, object],
        *,
        columns: Mapping[str, Collection[int]] | None = None,
        timeout: float = TIMEOUT,
        memory: int | None = None,
    ) -> None:
        self._timeout = timeout
        self._inputs = inputs(tables)
        paths = [one.path for one in self._inputs if one.path]
        self._memory = _quarter() if memory is None else f"{memory // 1_000_000}MB"
        limits = [f"SET memory_limit = '{self._memory}'", "SET temp_directory = ''"]
        self._connection = connected(*paths, settings=limits)
        try:
            seen = columns or {}
            views = [
                view(self._connection, one, i, seen.get(one.name))
                for i, one in enumerate(self._inputs)
            ]
            self.tables: tuple[SqlTable, ...] = tuple(views)
            self._catalog = statements.catalog(tables)
            for macro in _guards():
                self._connection.execute(macro)
        except BaseException:
            self.close()
            raise
        names = (column for table in views for column, _ in table.columns)
        self._names = {*tables, *names, *self._catalog.functions}

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the tables, and delete our copies of files."""
        self._connection.close()
        for one in self._inputs:
            if one.copy and one.path:
                one.path.unlink(missing_ok=True)

    def run(self, name: str, sql: str) -> Query:
        """Return a query's result, or why there is none.

        Raises:
            KeyboardInterrupt: Stop was pressed.
        """
        return self._query(name, sql, self._fetched)

    def row(self, query: Query, place: int) -> Query:
        """Return a result's row at this place, from the end if it is negative; none, if so.

        A row that was not fetched before is computed; raises as `run` does.
        """
        place += query.count if place < 0 else 0
        if 0 <= place < query.count and place >= len(query.rows):
            return self._more(query, f"LIMIT 1 OFFSET {place}")
        rows = query.rows[place : place + 1] if place >= 0 else ()
        return replace(query, rows=rows, count=len(rows))

    def labelled(self, query: Query, label: str) -> Query:
        """Return a result's first row whose first column is this label, as `row` does."""
        rows = tuple(row for row in query.rows if row and str(row[0]) == label)[:1]
        if not rows and query.count > len(query.rows):
            return self._more(query, f"WHERE CAST(__m1_label AS VARCHAR) = {quoted(label)} LIMIT 1")
        return replace(query, rows=rows, count=len(rows))

    def _more(self, query: Query, where: str) -> Query:
        """Return rows of a result that were not fetched, by running its query again."""

        def fetched(body: str) -> Result:
            _, rows, count = self._fetched(
                f"SELECT * FROM (\n{body}\n) AS whole(__m1_label) {where}"
            )
            return query.columns, rows, count

        return self._query(query.name, query.sql, fetched)

    def _query(self, name: str, sql: str, fetched: Callable[[str], Result]) -> Query:
        began, limit = time.monotonic(), _Limit(self._connection, self._timeout)
        result: Result = ((), (), 0)
        error = ""
        try:
            result = limit.kept(
                lambda: fetched(statements.checked(self._connection, sql, self._catalog))
            )
        except statements.Refused as refusal:
            error = str(refusal)
        except Exception as problem:  # DuckDB's own, and what reading a table raises
            error = self._why(problem, sql, limit)
        columns, rows, count = result
        return Query(name, sql, columns, rows, time.monotonic() - began, error, count)

    def _fetched(self, body: str) -> Result:
        """Return the columns, the first rows and the number of all rows of a result."""
        try:
            result = self._connection.execute(body)
            columns = tuple(str(column[0]) for column in result.description or ())
            most = max(SHOWN, min(ROWS, CELLS // max(1, len(columns))))
            rows = result.fetchmany(most + 1)
        finally:
            _end(self._connection)
        if len(rows) <= most:
            return columns, tuple(rows), len(rows)
        counted = f"SELECT count(*) FROM (\n{body}\n) AS whole"
        ((count,),) = self._connection.execute(counted).fetchall()
        return columns, tuple(rows[:most]), int(count)

    def _why(self, problem: Exception, sql: str, limit: _Limit) -> str:
        """Return why there is no result, without any value."""
        if limit.late:
            return f"It took longer than {self._timeout:g} s and was stopped."
        if type(problem).__name__ == "OutOfMemoryException" or isinstance(problem, MemoryError):
            return f"It needs more memory than a query may use ({self._memory})."
        return failure(problem, sql, self._names)


class _Limit:
    """The end of a query: its time limit, and Stop."""

    def __init__(self, connection: Any, seconds: float) -> None:
        self._connection, self._until = connection, time.monotonic() + seconds
        self._stop = interrupts.at_hand()
        self._lock, self._over = lock(), False
        self.late = False

    def kept(self, work: Callable[[], Result]) -> Result:
        """Return what some work in DuckDB returns; interrupt it when its time has come.

        Raises:
            KeyboardInterrupt: Stop was pressed.
        """
        watch = Watch(self._look, min(SOON, max(0.0, self._until - time.monotonic())))
        WATCHER.begin(watch)
        try:
            with interrupts.stoppable():
                return self._aside(work)
        finally:
            WATCHER.end(watch)
            with self._lock:  # what comes now would interrupt the next query
                self._over = True

    def _aside(self, work: Callable[[], Result]) -> Result:
        """Do work in a thread where this one is the main one: DuckDB seldom looks for signals."""
        if threading.current_thread() is not threading.main_thread():
            return work()
        done: Future[Result] = Future()

        def run() -> None:
            try:
                done.set_result(work())
            except BaseException as error:
                done.set_exception(error)

        try:
            threading.Thread(target=run, name="m1-query", daemon=True).start()
            return done.result()
        except KeyboardInterrupt:
            while not done.done():
                self._connection.interrupt()
                wait([done], SOON)
            raise

    def _look(self) -> float | None:
        with self._lock:
            if self._over:
                return None
            self.late = self.late or time.monotonic() >= self._until
            if self.late or (self._stop is not None and self._stop.is_set()):
                self._connection.interrupt()
        return min(SOON, max(0.001, self._until - time.monotonic())) if not self.late else SOON


def _end(connection: Any) -> None:
    """Let go of the rows of a result that were not fetched."""
    if hasattr(connection, "abort"):  # DuckDB 2
        with suppress(Exception):
            connection.abort()


@cache
def _quarter() -> str:
    """Return a quarter of this machine's memory, or of this container's, as DuckDB has it."""
    import duckdb

    with duckdb.connect() as connection:
        ((text,),) = connection.execute("SELECT current_setting('memory_limit')").fetchall()
    number, unit = str(text).split()
    return f"{float(number) * SHARE / OF_DUCKDB:.1f} {unit}"


def _guards() -> Iterator[str]:
    """Yield macros that go before DuckDB's functions, and check how much they would make."""

    def bound(parts: str, argument: str) -> str:
        return f"CASE WHEN {parts} > {PARTS} THEN {TOO_LONG} ELSE {argument} END"

    def number(name: str, kind: str = "TIMESTAMP") -> str:
        text = f"CAST({name} AS VARCHAR)"
        return f"coalesce(TRY_CAST({text} AS DOUBLE), epoch(TRY_CAST({text} AS {kind})))"

    yield f"CREATE MACRO repeat(s, n) AS system.main.repeat(s, {bound('len(s) * n::DOUBLE', 'n')})"
    for name in ("lpad", "rpad"):
        yield f"CREATE MACRO {name}(s, n, p) AS system.main.{name}(s, {bound('n', 'n')}, p)"
    for name in ("list_resize", "array_resize"):
        yield (
            f"CREATE MACRO {name}(l, n) AS system.main.{name}(l, {bound('n', 'n')}),"
            f" (l, n, v) AS system.main.{name}(l, {bound('n', 'n')}, v)"
        )
    yield f"CREATE MACRO bitstring(s, n) AS system.main.bitstring(s, {bound('n', 'n')})"
    steps = f"abs({number('b')} - {number('a')}) / abs(nullif({number('c', 'INTERVAL')}, 0))"
    for name in ("range", "generate_series"):
        yield (
            f"CREATE MACRO {name}(a) AS system.main.{name}({bound('a', 'a')}),"
            f" (a, b) AS system.main.{name}(a, {bound('b::DOUBLE - a', 'b')}),"
            f" (a, b, c) AS system.main.{name}(a, {bound(steps, 'b')}, c)"
        )
