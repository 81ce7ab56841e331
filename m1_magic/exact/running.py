"""The queries of one answer, run one after the other in a thread while the answer still comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol

from ..computed import Query
from ..errors import UserFacingError
from ..interrupts import Stop, check

LOOK = 0.005  # seconds between looks at Stop
STOPPED = "It was stopped."


class Engine(Protocol):
    """Where queries run."""

    def run(self, name: str, sql: str) -> Query:
        """Return a query's result; KeyboardInterrupt: Stop was pressed."""

    def close(self) -> None:
        """Let go of the tables."""


class Running:
    """Runs queries, in order.

    Args:
        opened: opens the tables; called in the thread, when there is a query.
    """

    def __init__(self, opened: Callable[[], Engine]) -> None:
        self._opened = opened
        self._queue: SimpleQueue[tuple[str, str] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stop = Stop()
        self.results: dict[str, Query | None] = {}  # None: it runs, or will
        self.changes = 0  # how many results have come

    def add(self, name: str, sql: str) -> None:
        """Run a query as soon as those before it are through."""
        self.results[name] = None
        self._queue.put((name, sql))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="m1-queries", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # this Python has no threads, or no more of them
                self._queue.put(None)
                self._work()
                self._thread = None

    @property
    def waiting(self) -> int:
        """How many queries have no result yet."""
        return sum(result is None for result in list(self.results.values()))

    def wait(self) -> None:
        """Wait for all results; raise KeyboardInterrupt for a Ctrl-C or Stop."""
        while self.waiting:
            check()
            time.sleep(LOOK)

    def close(self) -> None:
        """Stop what still runs, and let go of the tables."""
        self._stop.press()
        self._queue.put(None)
        for name, result in list(self.results.items()):
            if result is None:
                self.results[name] = Query(name, "", error=STOPPED)

    def _work(self) -> None:
        engine: Engine | None = None
        with self._stop.listening():
            while (query := self._queue.get()) is not None:
                name, sql = query
                try:
                    engine = engine or self._opened()
                    result = engine.run(name, sql)
                except KeyboardInterrupt:
                    result = Query(name, sql, error=STOPPED)
                except UserFacingError as problem:
                    result = Query(name, sql, error=problem.what)
                except Exception as problem:  # a bug costs this query only
                    result = Query(name, sql, error=f"It failed ({type(problem).__name__}).")
                if self.results.get(name) is None:
                    self.results[name] = result
                self.changes += 1
        if engine is not None:
            engine.close()
