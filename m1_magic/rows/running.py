"""Questions asked in an event loop of their own, in a thread, while this one shows how far it is.

So it works in a kernel, whose own loop runs, and Ctrl-C reaches the thread that shows.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..calls import Call, Reply, Request
from ..errors import M1Error, Stopped, UserFacingError
from ..interrupts import stoppable, uninterrupted
from ..pricing.dollars import from_nano, to_nano
from ..session.loop import Session
from ..session.many import Many, Question
from ..session.plan import Plan
from ..session.processor import Failure, Processor
from ..session.waits import final
from ..text import one_line
from .outcomes import Outcome
from .progress import EVERY, Display, Progress

SO_FAR = " The text so far is kept."  # in the ledger; half an answer is none for a row
OTHERS = 64  # files that stay free: the ledger's, modules that are imported meanwhile


@dataclass(slots=True)
class Run:
    """What a run needs: who is asked, how many at once, and what an answer is made to.

    ``processor`` makes what works with an answer, ``value`` a reply to a value or to why it is
    none; ``answered`` is told of each answer that came.
    """

    session: Session
    plan: Plan
    workers: int
    value: Callable[[Reply], tuple[Any, str]]
    processor: Callable[[], Processor | None]
    answered: Callable[[Call, Reply], None]
    progress: Progress
    display: Display
    outcomes: MutableMapping[int, Outcome]
    stopped_by: BaseException | None = None
    note: str = ""
    _named: bool = False

    def ask(self, numbers: Sequence[int], request: Callable[[int], Request]) -> None:
        """Ask these questions; what came of each is in ``outcomes``."""
        questions = (Question(n, request(n), self.processor()) for n in numbers)
        workers = min(self.workers, len(numbers), connections())
        many = Many(self.session, self.plan, workers, self._take)
        failure: list[BaseException] = []
        loop, over = asyncio.new_event_loop(), threading.Event()

        def run() -> None:
            try:
                loop.run_until_complete(many.ask(questions))
            except BaseException as error:  # raised where it is waited for
                failure.append(error)
            finally:
                with suppress(Exception):
                    loop.run_until_complete(loop.shutdown_asyncgens())
                loop.close()
                over.set()

        with uninterrupted():  # or it would go on, and nobody would know what comes
            try:
                threading.Thread(target=run, name="m1-rows", daemon=True).start()
            except RuntimeError as error:  # this machine has no more of them for us
                loop.close()
                raise M1Error(f"No call can begin ({one_line(error, 200)}).") from None
            self._watch(over, loop, many)
        if failure:
            raise failure[0]
        self.stopped_by, self.note = many.stopped_by, many.note
        if self.progress.unknown or self.progress.estimated:
            self.session.settler.wake()

    def _watch(self, over: threading.Event, loop: asyncio.AbstractEventLoop, many: Many) -> None:
        # No join: in Python 3.11 one that is interrupted takes its thread for ended.
        while not over.is_set():
            try:
                with stoppable():
                    over.wait(EVERY)
                    self.display.show(self.progress.line(many.waiting))
            except KeyboardInterrupt:
                with suppress(RuntimeError):  # it has just ended
                    loop.call_soon_threadsafe(many.stop)

    def _take(self, number: int, call: Call, error: Failure) -> None:
        """Take one call; in the loop's thread."""
        reply, progress = call.reply, self.progress
        paid = any(attempt.cost != 0 for attempt in call.attempts)
        sent = paid or (bool(call.attempts) and not (final(error) or isinstance(error, Stopped)))
        value, why = (None, _reason(error)) if error is not None else self.value(reply)
        costs = [None if one.cost is None else to_nano(one.cost) for one in call.attempts]
        known = from_nano(sum(one or 0 for one in costs))  # as the ledger has them
        cost = None if None in costs else known
        model = sys.intern(reply.model)
        id, self._named = "" if self._named else call.id, self._named or sent  # one is enough
        about = any(attempt.cost_source == "estimated" for attempt in call.attempts)
        made = Outcome(value, why, cost, False, sent, id, model, reply.usage, about, known)
        self.outcomes[number] = made
        progress.done += 1
        progress.failed += bool(why)
        progress.unknown += cost is None
        progress.estimated += about
        progress.cost += known
        if error is None:
            self.answered(call, reply)


def connections() -> int:
    """Return how many more connections there may be: each takes one of a process's open files.

    Beyond that nothing could be opened any more, nor what came be read.
    """
    try:
        import resource

        most, there = resource.getrlimit(resource.RLIMIT_NOFILE)[0], len(os.listdir("/dev/fd"))
    except (ImportError, OSError):  # Windows has no such limit
        return sys.maxsize
    return sys.maxsize if most == resource.RLIM_INFINITY else max(1, most - there - OTHERS)


def _reason(error: BaseException) -> str:
    """Return why a row has no answer, for its status."""
    if isinstance(error, Stopped):
        return "stopped"
    if final(error):
        return "not asked"
    if isinstance(error, UserFacingError):
        return error.what.removesuffix(SO_FAR)
    return f"{type(error).__name__}: {one_line(error, 200)}"
