"""A DuckDB for the queries of one answer: it reads the named tables, and nothing else.

No file but those named, no network, no extension, no variable of Python, no spilling to disk; what
may be run, `statements` says. A query ends at its time limit, when it needs more than a quarter of
the memory, and at Stop. Functions that make one long text or list, or take long over two, check
the length first: DuckDB neither counts that memory nor can be interrupted there. What cannot be
stopped all the same is left alone, and nothing else runs beside it.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import cache
from itertools import chain
from typing import Any

from ...context.frames.duckdb_sandbox import connected, quoted
from . import statements
from .engine import TIMEOUT, Engine, Part, Refused, Result, most
from .failures import failure
from .inputs import inputs, view

SHARE, OF_DUCKDB = 0.25, 0.8  # of the memory: what a query may use, what DuckDB would take
GRACE = 10.0  # seconds in which a query ends after it was stopped, unless it cannot be
PARTS = 1_000_000  # characters or elements that a function may make at once
TOO_LONG = f"error('A text or list of more than {PARTS:,} parts')"


class Sandbox(Engine):
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
        super().__init__(timeout, GRACE)
        self._free = threading.Lock()
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
            self.tables = tuple(views)
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

    def _fetched(self, sql: str, part: Part | None, run: str) -> Result:
        if not self._free.acquire(blocking=False):
            raise Refused("A query before it cannot be stopped. It was not run.")
        try:
            return self._read(sql, part)
        finally:
            self._free.release()

    def _read(self, sql: str, part: Part | None) -> Result:
        body = statements.checked(self._connection, sql, self._catalog)
        as_subquery = f"SELECT * FROM (\n{body}\n) AS whole(__m1_label)"
        if part and part.label is not None:
            body = f"{as_subquery} WHERE CAST(__m1_label AS VARCHAR) = {quoted(part.label)} LIMIT 1"
        elif part:
            body = f"{as_subquery} LIMIT 1 OFFSET {part.place}"
        try:
            result = self._connection.execute(body)
            columns = tuple(str(column[0]) for column in result.description or ())
            limit = most(len(columns))
            rows = result.fetchmany(limit + 1)
            kinds = [str(column[1]) for column in result.description or ()]
            spans = (one for one in chain(*rows) if isinstance(one, timedelta))
            if "INTERVAL" in kinds and any(abs(one.days) > 27 for one in spans):
                rows = self._connection.execute(_spelled(body, kinds)).fetchmany(limit + 1)
        finally:
            _end(self._connection)
        if len(rows) <= limit:
            return columns, tuple(rows), len(rows)
        counted = f"SELECT count(*) FROM (\n{body}\n) AS whole"
        ((count,),) = self._connection.execute(counted).fetchall()
        return columns, tuple(rows[:limit]), int(count)

    def _interrupt(self, run: str) -> None:
        with suppress(Exception):  # it is closed already
            self._connection.interrupt()

    def _why(self, problem: Exception, sql: str) -> str:
        if type(problem).__name__ == "OutOfMemoryException" or isinstance(problem, MemoryError):
            return f"It needs more memory than a query may use ({self._memory})."
        return failure(problem, sql, self._names)


def _spelled(body: str, kinds: Sequence[str]) -> str:
    """Return a query with its intervals as text: in Python each of their months has 30 days."""
    names = [f"c{place}" for place in range(len(kinds))]
    forms = (
        f"CAST({name} AS VARCHAR)" if kind == "INTERVAL" else name
        for name, kind in zip(names, kinds, strict=True)
    )
    return f"SELECT {', '.join(forms)} FROM (\n{body}\n) AS whole({', '.join(names)})"


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
    new = bound("len(s) * len(r)::DOUBLE / greatest(len(o), 1)", "r")
    yield f"CREATE MACRO replace(s, o, r) AS system.main.replace(s, o, {new})"
    new = bound("len(s) * len(r)::DOUBLE", "r")
    yield (
        f"CREATE MACRO regexp_replace(s, o, r) AS system.main.regexp_replace(s, o, {new}),"
        f" (s, o, r, f) AS system.main.regexp_replace(s, o, {new}, f)"
    )
    other = bound("len(a) * len(b)::DOUBLE", "b")
    for name in statements.DISTANCES:
        yield f"CREATE MACRO {name}(a, b) AS system.main.{name}(a, {other})" + (
            f", (a, b, c) AS system.main.{name}(a, {other}, c)" if name.startswith("jaro") else ""
        )
    steps = f"abs({number('b')} - {number('a')}) / abs(nullif({number('c', 'INTERVAL')}, 0))"
    for name in ("range", "generate_series"):
        yield (
            f"CREATE MACRO {name}(a) AS system.main.{name}({bound('a', 'a')}),"
            f" (a, b) AS system.main.{name}(a, {bound('b::DOUBLE - a', 'b')}),"
            f" (a, b, c) AS system.main.{name}(a, {bound(steps, 'b')}, c)"
        )
