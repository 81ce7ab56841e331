"""Many requests at the same time: the steps of ``Session.ask``, in one event loop.

Each is a call of its own: planned, reserved before it is sent, read and priced by the same
accumulator, settled before anybody sees its answer. What one is told to wait, all wait; what would
refuse all of them stops all of them, and what was sent by then comes to its end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol

from .. import errors as e
from ..calls import Attempt, Call, Request
from ..ledger import ids_in_a_row
from ..settings.endpoints import endpoint
from ..text import one_line
from .accumulator import Accumulator, empty, may_finish, priced, reply, stopped
from .bookkeeper import Bookkeeper
from .budget import check_max_cost, over_budget
from .loop import Session
from .plan import Plan, formed, within
from .processor import Processor
from .rounds import BACK_OFF, Failure
from .sharing import LOOK, Share
from .waits import final
from .wires import wires

PATIENCE = 8  # attempts of a call that is told to wait, while others are answered


@dataclass(slots=True)
class _Run:
    """A call as far as it is: its attempts, the plan of its round, what came in that."""

    call: Call
    plan: Plan
    stream: Accumulator


class Answered(Protocol):
    """Who is told of each call once it has ended and is written down."""

    def __call__(self, number: int, call: Call, error: Failure) -> None:
        """Take the call of question ``number``, and how it failed; in the loop's thread."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request with its number; its answer is worked with by a processor of its own, if any."""

    number: int
    request: Request
    processor: Processor | None = None


class Many:
    """Asks questions, ``workers`` at a time.

    Args:
        plan: of one of them: who answers, at what limits and prices.
        answered: told of each.
    """

    def __init__(self, session: Session, plan: Plan, workers: int, answered: Answered) -> None:
        assert plan.backend is not None
        self._session, self._plan, self._backend = session, plan, plan.backend
        self._settings, self._waits, self._clock = session.settings, session.waits, session.clock
        self._workers, self._answered = max(1, workers), answered
        self._answers = self._sent = self._ended = 0  # attempts: answered, under way, at their end
        self._share = Share(session)
        self._ids = ids_in_a_row()
        self._spent = Decimal(0)  # and held
        self._freed, self._halted = asyncio.Event(), asyncio.Event()
        self._reading: set[asyncio.Task[None]] = set()
        self.waiting: tuple[float, str] | None = None  # until when all wait, and why
        self.stopped_by: BaseException | None = None  # what stopped all of them

    async def ask(self, questions: Iterator[Question]) -> None:
        """Ask all of them, in order, or until something stops all."""
        self._wires = wires(self._backend, self._workers)
        try:
            books = self._books = Bookkeeper(self._session.ledger, self._settings)
            with self._share.taking_part():
                async with books, asyncio.TaskGroup() as crew:
                    for _ in range(self._workers):
                        crew.create_task(self._work(questions))
        finally:
            await self._wires.close()

    def halt(self, error: BaseException) -> None:
        """Send nothing more; what is under way comes to its end."""
        self.stopped_by = self.stopped_by or error
        self._halted.set()
        self._freed.set()

    def stop(self) -> None:
        """Break off what is under way, too: Stop was pressed."""
        self.halt(e.Stopped("Stopped by you.", cost="", todo=""))
        for task in self._reading:
            task.cancel()

    @property
    def note(self) -> str:
        """What is wrong with the ledger, if anything is."""
        return self._books.note

    async def _work(self, questions: Iterator[Question]) -> None:
        try:
            for one in questions:
                if self.stopped_by is not None:
                    return
                call, error = await self._call(one)
                if error is not None and (final(error) or not isinstance(error, e.M1Error)):
                    self.halt(error)
                if call.attempts or not final(error):
                    self._answered(one.number, call, error)  # else it was not asked at all
        except Exception as bug:  # what others have under way comes to its end
            self.halt(bug)

    async def _call(self, one: Question) -> tuple[Call, Failure]:
        """Ask one question, in as many rounds as it takes; return the call and how it failed."""
        call = Call(next(self._ids), self._session.now(), one.request, original=one.request)
        began = self._clock()
        run = _Run(call, self._plan, Accumulator())
        try:
            plan, processor = self._plan, one.processor
            plan = plan if processor is None else replace(plan, processor=processor)
            run.plan = within(plan, formed(one.request, plan.limits))
            check_max_cost(run.plan)
            if run.plan.request is not call.request:
                run.call = call = replace(call, request=run.plan.request)
            attempt = await self._reserved(run)
        except e.M1Error as refused:
            return call, refused
        error = await self._rounds(run, attempt)
        call = run.call
        if one.processor is not None:
            made, error = one.processor.finished(call.reply, error)
            call = replace(call, reply=made)
        failure = None if error is None else one_line(error, 600) or type(error).__name__
        call = replace(call, seconds=self._clock() - began, error=failure)
        await self._books.finished(call)
        return call, error

    async def _rounds(self, run: _Run, attempt: Attempt) -> Failure:
        complete = Accumulator()
        while True:
            error = await self._round(run, attempt)
            if error is None:
                complete = run.stream
                run.call = replace(run.call, reply=reply(run.call, run.stream, None))
                try:
                    following = run.plan.following(run.call.reply)
                    if following is None:
                        return None
                    check_max_cost(following, run.call)
                    run.plan = following
                    attempt = await self._reserved(run)
                    continue
                except e.M1Error as refused:
                    error = refused
            last = complete if complete.text and not run.stream.text else run.stream
            run.call = replace(run.call, reply=reply(run.call, last, error))
            return error

    async def _round(self, run: _Run, attempt: Attempt) -> Failure:
        """Try until there is an answer; each try is an attempt of its own in the ledger."""
        plan, earlier = run.plan, len(run.call.attempts)
        while True:
            run.stream = Accumulator(plan.request.keep_thinking)
            before = self._answers
            error = await self._once(plan.request, attempt, run.stream)
            billing = self._backend.billing
            attempt = priced(attempt, plan.request, run.stream, billing, plan.limits, error)
            self._sent, self._ended = self._sent - 1, self._ended + 1
            if attempt.cost is not None:
                self._spent += attempt.cost - (attempt.hold or 0)
            self._freed.set()
            self._books.settle(attempt)
            run.call = replace(run.call, attempts=(*run.call.attempts, attempt))
            if error is None:
                self._answers += 1
                return empty(run.stream, attempt, plan.processor is not None)
            tries = len(run.call.attempts) - earlier
            seconds = self._pause(error, tries, self._answers > before)
            if seconds is None:
                return error
            try:
                await self._wait(seconds)
                if self.stopped_by is not None:
                    return error
                attempt = await self._reserved(run)
            except e.M1Error as end:
                return end

    async def _reserved(self, run: _Run) -> Attempt:
        """Return an attempt that may be sent; where a budget has no room, others end first.

        Raises:
            BudgetExceeded, LedgerProblem: it may not.
        """
        attempt = Attempt(next(self._ids), hold=run.plan.hold)
        most, alone = run.plan.request.max_cost, False  # at most for all of them together
        while True:
            self._freed.clear()
            others, ended = self._share.others(), self._ended
            if most is not None and self._spent + (attempt.hold or 0) > most:
                if await self._room(False, ended):
                    continue
                raise e.BudgetExceeded(f"These calls may cost ${most:f} together.")
            self._spent += attempt.hold or 0
            refused = await self._books.reserve(run.call, attempt, self._backend.name)
            if refused is None:
                self._sent += 1
                self._share.starved = False
                return attempt
            self._spent -= attempt.hold or 0
            if not isinstance(refused, e.BudgetExceeded):
                raise refused
            room = await self._room(others or self._share.others(), ended)
            if not room and (alone or self.stopped_by is not None):
                raise over_budget(refused, run.plan, self._settings)
            alone = not room
            await self._wait(LOOK * alone)  # who has just got the room will have said so by then

    async def _room(self, others: bool, ended: int) -> bool:
        """Wait until there may be more room than when so many attempts had ended; will there be?"""
        if self.stopped_by is not None or self._ended > ended:
            return self.stopped_by is None
        if self._sent:
            await self._freed.wait()
            return True
        if others:
            self._share.starved = True
            await self._wait(LOOK)
        return others

    async def _once(self, request: Request, attempt: Attempt, stream: Accumulator) -> Failure:
        """Send once; return what broke it."""
        answer, task = self._wires.new_answer(), asyncio.current_task()
        assert task is not None
        await self._hold_back()
        if self.stopped_by is not None:
            return self.stopped_by
        self._reading.add(task)
        try:
            stream.sent = True
            await self._wires.fetch(request, answer, self._books.started(attempt.id))
            for event in self._wires.events(answer, request.model):
                stream.feed(event)
        except asyncio.CancelledError:
            task.uncancel()
            with suppress(e.M1Error):  # it was cut off, as we know
                for event in self._wires.events(answer, request.model) if answer.accepted else ():
                    stream.feed(event)
            openrouter = endpoint(self._settings.base_url).whole_api
            goes_on = may_finish(request.model, openrouter)
            return stopped(stream, self._backend.billing, goes_on)
        except BaseException as error:  # ours, or a bug: settled all the same
            return error
        finally:
            self._reading.discard(task)
        return None

    async def _hold_back(self) -> None:
        """Wait until this host may be asked, where another call was told to wait."""
        waited = -1.0
        while wait := self._waits.of(self._settings.base_url, waited):
            waited = wait[0]
            await self._wait(waited - self._clock(), wait[1])

    def _pause(self, error: BaseException, tries: int, others: bool) -> float | None:
        """Return the seconds until another attempt, None where none is to be made."""
        if not isinstance(error, e.M1Error) or not error.retry or self.stopped_by is not None:
            return None
        seconds = error.retry_after
        if seconds is None:
            seconds = BACK_OFF * 2 ** (tries - 1)
        if isinstance(error, e.RateLimited | e.ProviderDown) or error.retry_after is not None:
            until = self._clock() + seconds
            self._waits.hold_back(self._settings.base_url, until, error.what)
        most = self._settings.max_retries
        most = max(most, PATIENCE) if others and most else most
        return seconds if tries <= most and seconds < self._settings.deadline else None

    async def _wait(self, seconds: float, reason: str = "") -> None:
        """Wait, no longer than something stops all."""
        if seconds <= 0:
            return
        if reason:
            self.waiting = (time.monotonic() + seconds, reason)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._halted.wait()
