"""The queries of one answer, run one after the other in a thread while the answer still comes."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from queue import SimpleQueue
from typing import Any

from ..computed import Query
from ..errors import UserFacingError
from ..interrupts import Stop, check
from .naming import INDEX, YEARS
from .sql.engine import Engine

LOOK = 0.005  # seconds between looks at Stop
AT_EXIT = 10.0  # seconds that a process which ends waits for what does not stop
STOPPED = "It was stopped."


@dataclass(frozen=True, slots=True)
class _Job:
    """Something to compute, and where its result goes: None there until it is through."""

    into: dict[Any, Query | None]
    key: object
    query: Query
    work: Callable[[Engine], Query]

    @property
    def waits(self) -> bool:
        return self.into.get(self.key) is None

    def end(self, result: Query) -> None:
        if self.waits:
            self.into[self.key] = result

    def fail(self, error: str) -> None:
        self.end(replace(self.query, rows=(), count=0, error=error))


class Running:
    """Runs queries, in order.

    Args:
        opened: opens the tables; called in the thread, when there is a query.
    """

    def __init__(self, opened: Callable[[], Engine]) -> None:
        self._opened = opened
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._jobs: list[_Job] = []
        self._thread: threading.Thread | None = None
        self._stop = Stop()
        self.results: dict[str, Query | None] = {}  # None: it runs, or will
        # Rows that were not fetched at first, by query and what names them.
        self.more: dict[tuple[str, str], Query | None] = {}
        self.unopened = False  # the tables cannot be read: no other query would be better

    def add(self, name: str, sql: str) -> None:
        """Run a query as soon as those before it are through."""
        query = Query(name, sql)
        self._do(_Job(self.results, name, query, lambda engine: engine.run(name, sql)))

    def fetch(self, name: str, row: str) -> None:
        """Fetch a row of a result, by its number or its label."""
        query = self.results.get(name)
        if query is not None and (name, row) not in self.more:
            work = partial(_row, query=query, row=row)
            self._do(_Job(self.more, (name, row), query, work))

    @property
    def waiting(self) -> int:
        """How many results have not come yet."""
        return sum(job.waits for job in self._jobs)

    def wait(self) -> None:
        """Wait for all results; raise KeyboardInterrupt for a Ctrl-C or Stop."""
        while self.waiting:
            check()
            time.sleep(LOOK)

    def close(self) -> None:
        """Stop what still runs, and let go of the tables."""
        self._stop.press()
        self._queue.put(None)
        self._give_up()

    def _do(self, job: _Job) -> None:
        job.into[job.key] = None
        self._jobs.append(job)
        self._queue.put(job)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="m1-queries", daemon=True)
            atexit.register(self._leave)
            try:
                self._thread.start()
            except RuntimeError:  # this Python has no threads, or no more of them
                self._queue.put(None)
                self._work()
                self._thread = None

    def _leave(self) -> None:
        """Close before Python ends: a thread that is still in DuckDB's C++ would abort it then."""
        self.close()
        if self._thread is not None:
            self._thread.join(AT_EXIT)

    def _work(self) -> None:
        engine: Engine | None = None
        try:
            with self._stop.listening():
                while (job := self._queue.get()) is not None:
                    self.unopened = engine is None
                    try:
                        engine = engine or self._opened()
                        self.unopened = False
                        job.end(job.work(engine))
                    except KeyboardInterrupt:
                        job.fail(STOPPED)
                    except UserFacingError as problem:
                        job.fail(problem.what)
                    except Exception as problem:  # a bug costs this query only
                        job.fail(f"It failed ({type(problem).__name__}).")
        finally:
            self._give_up()
            if engine is not None:
                engine.close()
            atexit.unregister(self._leave)

    def _give_up(self) -> None:
        for job in list(self._jobs):
            job.fail(STOPPED)


def _row(engine: Engine, query: Query, row: str) -> Query:
    """Return the row of a result that has this number or label; none, if there is none."""
    by_place, by_label = getattr(engine, "row", None), getattr(engine, "labelled", None)
    if by_place is None or by_label is None:
        return replace(query, rows=(), count=0, error="It was not fetched.")
    number = int(row) if INDEX.fullmatch(row) else None
    if number is not None and number < YEARS:
        return by_place(query, number)  # type: ignore[no-any-return]
    labelled: Query = by_label(query, row)
    return (
        labelled if labelled.rows or labelled.error or number is None else by_place(query, number)
    )
