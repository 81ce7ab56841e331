"""The ledger of many calls at the same time: what waits to be written goes in one transaction.

Answers go on coming while another kernel holds the file. What came stands beside the ledger before
anybody is told of it: a kernel that is killed loses none of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from ..calls import Attempt, Call
from ..errors import LedgerProblem
from ..ledger import Ledger, batches, finished, settled, started
from ..ledger.ahead import Ahead
from ..ledger.alike import Alike
from ..ledger.batches import Ended, Refused, Reservation
from ..ledger.journal import Write
from ..settings.config import M1
from ..text import one_line

Done = asyncio.Future[Refused]


class Bookkeeper:
    """Writes down reservations and ends of calls, as they come; used within one event loop."""

    def __init__(self, ledger: Ledger, settings: M1) -> None:
        self._ledger, self._settings = ledger, settings
        self._ahead = Ahead(None if ledger.in_memory else ledger.path)
        self._alike = Alike()
        self._reserved: dict[str, tuple[Write, ...]] = {}
        self._reservations: list[tuple[Reservation, Done]] = []
        self._ended: list[tuple[Ended, Done | None]] = []
        self._work = asyncio.Event()
        self._over = False
        self._thread = ThreadPoolExecutor(1, "m1-ledger")
        self.note = ""  # what is wrong with the ledger, if anything is

    async def __aenter__(self) -> Bookkeeper:
        self._writing = asyncio.create_task(self._write())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over = True
        self._work.set()
        try:
            await self._writing
            self._ahead.close()
        finally:
            self._thread.shutdown(wait=False)

    async def reserve(self, call: Call, attempt: Attempt, endpoint: str) -> Refused:
        """Return why an attempt may not be sent, None once it is written down."""
        keep, record = self._settings.keep_text, self._alike.record
        writes = self._ledger.reservation(call, attempt, endpoint, keep, record)
        done: Done = asyncio.get_running_loop().create_future()
        self._reservations.append((Reservation(call, attempt, writes), done))
        self._work.set()
        refused = await done
        if refused is None:
            self._reserved[attempt.id] = writes
        return refused

    def started(self, attempt_id: str) -> Callable[[str | None], None]:
        """Return who is told that the server accepted an attempt, and writes it down."""

        def tell(generation_id: str | None) -> None:
            write = started(attempt_id, generation_id)
            self._ahead.add(write)
            self._add(self._reserved.get(attempt_id, ()), write)

        return tell

    def settle(self, attempt: Attempt) -> None:
        """Write down what an attempt used and cost, with what comes next."""
        write = settled(attempt)
        self._ahead.add(write)
        self._add(self._reserved.get(attempt.id, ()), write)

    async def finished(self, call: Call) -> None:
        """Write down how a call ended, with its text if that is to be kept."""
        reserved = [self._reserved.pop(attempt.id, ()) for attempt in call.attempts]
        write = finished(call, self._settings.keep_text)
        there = self._ahead.add(write)
        done: Done | None = None if there else asyncio.get_running_loop().create_future()
        self._add(reserved[-1] if reserved else (), write, done)
        if done is not None:
            await done

    def _add(self, reserved: tuple[Write, ...], write: Write, done: Done | None = None) -> None:
        self._ended.append((Ended(reserved, write), done))
        self._work.set()

    async def _write(self) -> None:
        """Write what waits, all of it at a time, until it is over."""
        while self._ended or self._reservations or not self._over:
            await self._work.wait()
            await asyncio.sleep(0)  # what came at the same time goes along
            self._work.clear()
            ended, self._ended = self._ended, []
            reservations, self._reservations = self._reservations, []
            if not ended and not reservations:
                continue
            self._ahead.turn()
            refused, problem = await self._booked(
                [one for one, _ in ended], [one for one, _ in reservations]
            )
            self._ahead.done()
            if problem is not None:
                self.note = self.note or f"{problem.what} These calls are not all in it."
            for _, waits in ended:
                _tell(waits, None)
            for (_, done), why in zip(reservations, refused, strict=True):
                _tell(done, why)
                # All at once they would go on side by side, and each be sent as late as the last.
                await asyncio.sleep(0)

    async def _booked(
        self, ended: list[Ended], reservations: list[Reservation]
    ) -> tuple[list[Refused], LedgerProblem | None]:
        """Write a batch at once, or in a thread where another kernel holds the file.

        Not always in a thread: it would wait for Python's lock at each row, as long as this one
        has anything to do.
        """
        budget = self._settings.budget, self._settings.budget_period
        book = partial(batches.book, self._ledger, ended, reservations, *budget)
        try:
            try:
                return book(0)
            except LedgerProblem:
                return await asyncio.get_running_loop().run_in_executor(self._thread, book)
        except Exception as bug:  # or all who wait for this would wait for ever
            what = f"The ledger could not be written ({type(bug).__name__}: {one_line(bug, 200)})."
            problem = LedgerProblem(what, todo="See %m1 doctor.")
            return batches.unwritten(self._ledger, ended, reservations, problem)


def _tell(done: Done | None, why: Refused) -> None:
    if done is not None and not done.done():
        done.set_result(why)
