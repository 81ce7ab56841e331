"""Several calls at the same time: all of them are reserved before any is sent, or none is.

Each runs in a thread of its own and is settled by itself, whatever becomes of the others. The
thread that asks waits for them, and paints meanwhile; a Ctrl-C there stops all. Tapes are written
at the end, in the order asked, whichever answer came first.
"""

from __future__ import annotations

import contextvars
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import accumulate

from ..calls import Attempt, Call, Reply, Request, Status
from ..errors import MAY_COST, BudgetExceeded, Stopped, TapeProblem, UserFacingError
from ..interrupts import Stop, check, heard, stoppable, uninterrupted
from ..ledger import new_id
from ..pricing.dollars import money_at_most
from ..text import one_line
from .accumulator import late
from .budget import typed
from .loop import Session
from .outcomes import Failure, Outcome
from .plan import Plan, Prepared
from .processor import Processor
from .view import View

EVERY = 0.05  # seconds between two looks
ENDING = 2.0  # seconds in which a call ends that was stopped, unless it is still connecting


@dataclass(frozen=True, slots=True)
class Job:
    """One of the calls: what is asked, and who shows it and works with the answer."""

    request: Request
    view: View
    processor: Processor | None = None


def ask_each(session: Session, jobs: Sequence[Job], paint: Callable[[], None]) -> list[Outcome]:
    """Ask all at the same time, and return how each ended, in order.

    Args:
        paint: called again and again meanwhile, in this thread.

    Raises:
        UserFacingError: nothing was sent.
    """
    each: list[Prepared] = []
    running: list[Running] = []
    ended: list[Outcome] = []
    interrupted = False
    try:
        for one in jobs:
            each.append(session.prepared(one.request, one.processor))
        each = within_max_cost(each)
        with uninterrupted(), heard():
            attempts = reserved(session, each)
            running = [Running(session, *one) for one in zip(each, jobs, attempts, strict=True)]
            carry_out(running, safe(paint))
            ended = [one.ended(session) for one in running]
    except KeyboardInterrupt:
        if not ended:
            raise late(None) from None
        interrupted = True  # when all was over
    finally:
        for number, prepared in enumerate(each):
            session.ended(prepared, running[number].call if running else None)
    if interrupted and not any(isinstance(one.error, KeyboardInterrupt) for one in ended):
        ended[-1] = replace(ended[-1], error=late(running[-1].call))
    return ended


class Running:
    """One call, in a thread of its own."""

    def __init__(self, session: Session, one: Prepared, job: Job, attempt: Attempt | None) -> None:
        self._session, self._one, self._job, self._attempt = session, one, job, attempt
        self.stop = Stop()
        self.call: Call | None = None
        self.error: Failure = None
        self.over = False
        run = contextvars.copy_context().run  # what it prints belongs to this cell
        self._thread = threading.Thread(target=run, args=(self._in_thread,), name="m1-beside")
        self._thread.daemon = True

    def start(self) -> bool:
        """Set it going; tell whether a thread could be started."""
        try:
            self._thread.start()
        except RuntimeError:
            return False
        return True

    def wait(self, seconds: float) -> None:
        """Wait until its thread has ended, but not longer."""
        self._thread.join(seconds)

    def run(self) -> None:
        """Carry it out in this thread, where a Ctrl-C is heard; send nothing if it was stopped."""
        if self.stop.is_set():
            self._in_thread()
        else:
            self._run()

    def _run(self) -> None:
        try:
            view, attempt = self._job.view, self._attempt
            self.call, self.error = self._session.carried_out(self._one, view, attempt, taped=False)
        except BaseException as error:  # a bug: of one call, not of all
            self.error = error
        finally:
            self.over = True

    def _in_thread(self) -> None:
        with self.stop.listening():
            self._run()

    def ended(self, session: Session) -> Outcome:
        """Return how it ended, and write its answer on the tape."""
        call, error = self.call, self.error
        if not self.over:  # it sends nothing any more, and is written down when it has ended
            what = "Stopped by you, before the server answered."
            error = Stopped(what, cost=MAY_COST, todo="%m1 cost knows more.")
        if call is None:
            status: Status = "stopped" if isinstance(error, KeyboardInterrupt) else "failed"
            model = self._one.plan.request.model
            return Outcome(Reply(status=status, id=self._one.call.id, model=model), error)
        if isinstance(error, UserFacingError):
            error.reply = call.reply
        return Outcome(call.reply, error, session.keeper.record(call, self._one.turn))


def within_max_cost(each: Sequence[Prepared]) -> list[Prepared]:
    """Return the calls, each with its share of what they may cost together.

    That is what the line says; the setting is for each of them.

    Raises:
        BudgetExceeded: they could cost more.
    """
    most = each[0].plan.request.max_cost
    if most is None:
        return list(each)
    holds = [one.plan.hold or Decimal(0) for one in each]
    total = sum(holds, Decimal(0))
    left = most - total
    if left < 0:
        fits = sum(cost <= most for cost in accumulate(holds))
        raise BudgetExceeded(
            f"These {len(each)} calls together could cost {money_at_most(total)}, and they may cost"
            f" ${most:f} at most: {fits or 'none'} of them would fit.",
            todo=f"Allow it with --max-cost {typed(total)}, lower --max-tokens, or ask for fewer.",
        )
    shares = [hold + left / len(each) for hold in holds]
    plans = [replace(one.plan, max_cost=share) for one, share in zip(each, shares, strict=True)]
    return [replace(one, plan=plan) for one, plan in zip(each, plans, strict=True)]


def reserved(session: Session, each: Sequence[Prepared]) -> list[Attempt | None]:
    """Return an attempt for each call, all written down; None where nobody is asked.

    Raises:
        BudgetExceeded, LedgerProblem: none is written down.
    """
    s = session.settings
    attempts = [Attempt(new_id(), hold=one.plan.hold) if one.paid else None for one in each]
    paid = [
        (one.call, attempt, one.plan.backend.name)
        for one, attempt in zip(each, attempts, strict=True)
        if attempt and one.plan.backend
    ]
    try:
        if paid:
            session.ledger.reserve_all(paid, s.budget, s.budget_period, s.keep_text)
    except BudgetExceeded as refused:
        if refused.needed is None:  # a price is not known
            unknown = (one.plan.request.model for one in each if one.plan.hold is None)
            models = ", ".join(dict.fromkeys(one_line(model, 80) for model in unknown))
            raise BudgetExceeded(f"{refused.what} ({models})", todo=refused.todo) from None
        raise BudgetExceeded(
            f"{refused.what} {refused.fits or 'None'} of them would fit.",
            todo="Ask for fewer, lower --max-tokens, or raise it:"
            f" %m1 budget {typed(refused.needed)} --per {s.budget_period}.",
        ) from None
    return attempts


def carry_out(running: Sequence[Running], paint: Callable[[], None]) -> None:
    """Let all of them run to their end, or until a Ctrl-C has stopped them."""
    alone = [one for one in running if not one.start()]
    try:
        with stoppable():
            while waiting(running, alone):
                check()
                paint()
    except KeyboardInterrupt:
        stop(running)
        until = time.monotonic() + ENDING
        while waiting(running, alone) and time.monotonic() < until:
            paint()
    for one in alone:  # no thread could be started: one after the other
        one.run()
        if isinstance(one.error, KeyboardInterrupt):
            stop(running)
        paint()


def stop(running: Sequence[Running]) -> None:
    """Stop all of them; what came so far is kept."""
    for one in running:
        one.stop.press()


def waiting(running: Sequence[Running], but: Sequence[Running]) -> bool:
    """Wait a moment for those that run; tell whether some still do."""
    going = [one for one in running if not one.over and one not in but]
    if going:
        going[0].wait(EVERY)
    return bool(going)


def safe(paint: Callable[[], None]) -> Callable[[], None]:
    """Return what paints, and leaves it once that has failed: the answers matter more."""
    broken = False

    def painted() -> None:
        nonlocal broken
        if broken:
            return
        try:
            paint()
        except Exception as error:
            broken = True
            reason = one_line(repr(error), 120)
            with suppress(Exception):  # a broken screen, too
                warnings.warn(f"The display failed ({reason}).", stacklevel=2)

    return painted


def dry_plans(session: Session, requests: Sequence[Request]) -> list[Plan]:
    """Return the plans of calls at the same time, see `Session.dry_plan`; nothing is counted."""
    plans, turns = [], []
    try:
        for request in requests:
            plans.append(session.dry_plan(request))
            with suppress(TapeProblem):  # the plan says so
                turns.append(session.keeper.taken(request)[1])
    finally:
        for turn in turns:
            session.keeper.give_back(turn)
    return plans
