"""Who asks many at the same time: the backend itself, in an event loop, or else in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any, Protocol, cast

from ..backends import Backend
from ..calls import Event, Request, Started
from ..interrupts import Stop, check

Listener = Callable[[str | None], object]


class Wires(Protocol):
    """Asks many requests at the same time; used within one event loop."""

    def new_answer(self) -> Any:
        """Return what one answer will be taken into; ``accepted`` says whether it began."""

    async def fetch(self, request: Request, answer: Any, started: Listener) -> None:
        """Take in an answer, and tell its generation id at once; raise M1Error without one."""

    def events(self, answer: Any, model: str) -> Iterator[Event]:
        """Yield the events of what came; raise M1Error where it broke."""

    async def close(self) -> None:
        """Free the connections."""


def wires(backend: Backend, calls: int) -> Wires:
    """Return what asks so many at the same time."""
    if not hasattr(backend, "only_ours"):  # no HTTP to a server
        return Threads(backend, calls)
    from ..backends.at_once import ManyWires

    return ManyWires(cast(Any, backend), calls)


class EventList:
    """The events of one answer, and what broke it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.error: BaseException | None = None
        self.stop = Stop()

    @property
    def accepted(self) -> bool:
        """Did it begin?"""
        return bool(self.events)


class Threads:
    """Asks a backend that knows no event loop, each answer in a thread."""

    def __init__(self, backend: Backend, calls: int) -> None:
        self._backend = backend
        self._pool = ThreadPoolExecutor(calls, "m1-rows")

    def new_answer(self) -> EventList:
        """See Wires."""
        return EventList()

    async def fetch(self, request: Request, answer: EventList, started: Listener) -> None:
        """See Wires."""
        loop = asyncio.get_running_loop()

        def tell(id: str | None) -> None:
            loop.call_soon_threadsafe(started, id)

        reading = loop.run_in_executor(self._pool, self._read, request, answer, tell)
        try:
            await asyncio.shield(reading)
        except asyncio.CancelledError:
            answer.stop.press()
            await asyncio.wait([reading])
            raise

    def events(self, answer: EventList, model: str) -> Iterator[Event]:
        """See Wires."""
        yield from answer.events
        if answer.error is not None:
            raise answer.error

    async def close(self) -> None:
        """See Wires."""
        self._pool.shutdown(wait=False)

    def _read(self, request: Request, answer: EventList, started: Listener) -> None:
        try:
            with answer.stop.listening(), closing(self._backend.stream(request)) as events:
                for event in events:
                    check()
                    answer.events.append(event)
                    if isinstance(event, Started):
                        started(event.generation_id)
        except BaseException as error:  # read by who waits for it
            answer.error = error
