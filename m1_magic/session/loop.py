"""``Session.ask``: the one loop from a Request to a settled Reply.

Reserve, send, fold the events, settle. The ledger is written first and the display second; a
Ctrl-C, a broken stream or a broken display costs neither the text that came nor its price.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from ..backends import Backend, Chooser
from ..calls import (
    Attempt,
    Call,
    ReasoningDelta,
    Receipt,
    Reply,
    Request,
    Started,
    TextDelta,
    Totals,
    Waiting,
)
from ..errors import NOT_CHARGED, BudgetExceeded, LedgerProblem, M1Error, Stopped, UserFacingError
from ..interrupts import check, heard, pause, stoppable, uninterrupted
from ..ledger import Ledger, new_id, sums
from ..ledger.history import purge
from ..ledger.store import now_utc
from ..pricing.limits import LimitsCache
from ..pricing.prices import ModelLimits, hold
from ..pricing.tokens import likely_tokens
from ..prompt import fitted
from ..settings.config import M1
from ..settings.endpoints import OFFLINE
from ..text import one_line
from . import reconciler
from .accumulator import Accumulator, empty, late, overdue, priced, reply, stopped
from .budget import over_budget, over_max_cost
from .failsafe import SafeLedger, SafeView
from .plan import Plan
from .retries import pause_before_retry
from .view import View


class Session:
    """Asks, and keeps account: the state shared by magics, panel, Python calls and batches.

    Args:
        settings: read at each call.
        ledger: opens the ledger at the first use, where calls are reserved and settled.
        backend: who answers, chosen anew by the settings of each call.
        now, sleep, clock: the time in UTC, how to wait, and seconds that never go back.
        pauses: seconds between looks for prices that are owed; `reconciler.PAUSES` if None.
        notebook: the path of the notebook that is served, None where it is not known.
    """

    def __init__(
        self,
        settings: M1,
        ledger: Callable[[], Ledger],
        backend: Chooser,
        *,
        now: Callable[[], datetime] = now_utc,
        sleep: Callable[[float], None] = pause,
        clock: Callable[[], float] = time.monotonic,
        pauses: Sequence[float] | None = None,
        notebook: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.settings = settings
        self.last: Reply | None = None
        self._open = ledger
        self._ledger: Ledger | None = None
        self._lock = threading.RLock()
        self._backend, self._now, self._sleep, self._clock = backend, now, sleep, clock
        self._limits = LimitsCache(now)
        self._pauses = reconciler.PAUSES if pauses is None else pauses
        self.settler = reconciler.Reconciler(self._look, self._pauses)
        self.notebook = notebook()

    @property
    def ledger(self) -> Ledger:
        """The ledger, opened at the first use."""
        if self._ledger is None:
            with uninterrupted(), self._lock:
                if self._ledger is None:
                    self._ledger = self._tidied(self._open())
        return self._ledger

    def backend(self) -> Backend:
        """Return who answers, by the settings in force."""
        with self._lock:
            return self._backend(self.settings)

    def close(self) -> None:
        """Close connections, local model and ledger."""
        self.settler.close()
        self.settler = reconciler.Reconciler(self._look, self._pauses)
        self._backend.close()
        if self._ledger is not None:
            self._ledger.close()
        self._ledger = None

    def ask(
        self,
        request: Request,
        view: View,
        max_cost: Decimal | None = None,
        max_tokens_explicit: bool = False,
    ) -> Reply:
        """Ask once (with visible retries) and return the reply, shown in ``view`` and accounted.

        Args:
            request: what to send; fitted to the endpoint's limits first.
            view: shown what happens; a view that breaks does not break the call.
            max_cost: US dollars that this call could cost at most; the setting if None.
            max_tokens_explicit: was the request's ``max_tokens`` the user's own wish?

        Raises:
            UserFacingError: with ``reply`` holding whatever came before it was raised.
        """
        call: Call | None = None
        error: BaseException | None = None
        try:
            plan = self._planned(request, max_cost, max_tokens_explicit)
            with uninterrupted(), heard():
                call, error = self._carried_out(plan, view)
        except KeyboardInterrupt:
            error = error or late(call)
        if isinstance(error, UserFacingError) and call is not None:
            error.reply = call.reply
        if error is not None:
            raise error
        assert call is not None
        return call.reply

    def limits(self, backend: Backend, model: str) -> ModelLimits | None:
        """Return limits and prices of ``model`` at this backend, asked for once an hour."""
        return self._limits.of(backend, model, self.settings.max_price)

    def likely_tokens(self, request: Request) -> int:
        """Return about how many tokens the prompt has, by what was counted for this model."""
        try:
            return likely_tokens(request.text, sums.learned(self.ledger, request.model))
        except LedgerProblem:  # a guess needs no ledger
            return likely_tokens(request.text)

    def totals(self) -> Totals:
        """Return what was spent, and what the budget says."""
        return self.ledger.totals(self.settings.budget, self.settings.budget_period, self._now())

    def reconcile(self) -> int:
        """Ask the endpoint once for each price not billed yet; return how many are settled now."""
        return reconciler.settle(self.ledger, self.backend(), self._now())[0]

    def _look(self) -> tuple[int, int]:
        """Ask in the background; return how many prices came, and how many are still owed."""
        ledger = self._ledger  # not opened anew, if it has just been closed
        return (0, 0) if ledger is None else reconciler.settle(ledger, self.backend(), self._now())

    def _tidied(self, ledger: Ledger) -> Ledger:
        """Return the ledger without old text, and with what kernels left that have ended."""
        with suppress(LedgerProblem):  # locked, perhaps; a call would say so
            purge(ledger, self._now() - timedelta(days=self.settings.keep_days))
            sums.name_session(ledger, self.notebook)
            if ended := reconciler.sweep(ledger, self._now()):
                ledger.tell(f"{ended} call(s) of a kernel that ended are not settled: %m1 cost.")
            if ledger.pending(None):
                self.settler.wake()
        return ledger

    def _planned(
        self, request: Request, max_cost: Decimal | None, max_tokens_explicit: bool
    ) -> Plan:
        """Return what is to be done, or refuse it, before anything is sent or written."""
        backend = self.backend()
        limits = self.limits(backend, request.model)
        request = fitted(request, limits, max_tokens_explicit)
        most = hold(request, limits.dearest) if limits and limits.dearest else None
        limit = self.settings.max_cost if max_cost is None else max_cost
        if limit is not None and limits and most is not None and most > limit:
            raise over_max_cost(request, limits, most, limit)
        backend.ready()
        return Plan(request, backend, limits, most, self._clock() + self.settings.deadline)

    def _carried_out(self, plan: Plan, view: View) -> tuple[Call, BaseException | None]:
        """Reserve, ask, settle, show; return the call and how it failed."""
        call = Call(new_id(), self._now(), plan.request)
        attempt = self._reserved(call, plan)
        s, began = self.settings, self._clock()
        shown, book = SafeView(view), SafeLedger(self.ledger, s.keep_text, self._clock)
        call, error = self._attempts(call, attempt, plan, shown, book)
        failure = None if error is None else one_line(error) or type(error).__name__
        call = replace(call, seconds=self._clock() - began, error=failure)
        self.last = call.reply
        book.finish(call)
        totals = book.totals(s.budget, s.budget_period, self._now())
        try:
            notes = (*call.request.notes, *book.notes, *self.ledger.news())
            shown.close(Receipt(call, totals, notes))
        except KeyboardInterrupt:
            error = error or late(call)
        if any(a.state == "pending" or a.cost_source == "estimated" for a in call.attempts):
            self.settler.wake()
        return call, error

    def _reserved(self, call: Call, plan: Plan) -> Attempt:
        """Return a new attempt that is in the ledger, so that it may be sent."""
        s, attempt = self.settings, Attempt(new_id(), hold=plan.most)
        name = plan.backend.name
        try:
            self.ledger.reserve(call, attempt, name, s.budget, s.budget_period, s.keep_text)
        except BudgetExceeded as refused:
            raise over_budget(refused, call.request, plan.limits, s) from None
        return attempt

    def _attempts(
        self, call: Call, attempt: Attempt, plan: Plan, shown: SafeView, book: SafeLedger
    ) -> tuple[Call, BaseException | None]:
        """Try until there is an answer; each try is an attempt of its own in the ledger."""
        while True:
            fold = Accumulator(call.request.keep_thinking)
            error = self._once(call, attempt, plan, fold, shown, book)
            attempt = priced(attempt, fold, plan.backend.name, plan.limits, error)
            book.settle(attempt)
            if attempt.usage and plan.backend.name != OFFLINE:
                book.learn(call.request, attempt.usage)
            call = replace(call, attempts=(*call.attempts, attempt))
            if error is None:
                error = empty(fold, attempt)
                break
            if not isinstance(error, M1Error):
                break
            left = plan.until - self._clock()
            seconds = pause_before_retry(error, len(call.attempts), self.settings, left)
            if seconds is None:
                break
            try:
                self._wait(seconds, error.what, shown)
                attempt = self._reserved(call, plan)
            except (Stopped, BudgetExceeded, LedgerProblem) as end:
                error = end
                break
        return replace(call, reply=reply(call, fold, error)), error

    def _once(
        self,
        call: Call,
        attempt: Attempt,
        plan: Plan,
        fold: Accumulator,
        shown: SafeView,
        book: SafeLedger,
    ) -> BaseException | None:
        """Send once; return what broke it, after the connection is closed."""
        try:
            with stoppable():
                if not call.attempts:
                    shown.open(call.request, plan.most)
                with closing(plan.backend.stream(call.request)) as events:
                    fold.sent = True
                    for event in events:
                        check()
                        fold.feed(event)
                        if isinstance(event, Started):
                            book.started(attempt, event.generation_id)
                        shown.feed(event)
                        book.so_far(call, fold)
                        if (
                            isinstance(event, (TextDelta, ReasoningDelta))
                            and self._clock() > plan.until
                        ):
                            raise overdue(self.settings.deadline)
        except UserFacingError as told:
            return told
        except KeyboardInterrupt:
            return stopped(fold, plan.backend.name)
        except BaseException as error:  # a bug, or the interpreter's end: settled all the same
            return error
        return None

    def _wait(self, seconds: float, reason: str, shown: SafeView) -> None:
        """Wait before another attempt, for which a view counts down.

        Raises:
            Stopped: the user had enough of it.
        """
        try:
            with stoppable():
                shown.feed(Waiting(seconds, reason))
                self._sleep(seconds)
        except KeyboardInterrupt:
            what = f"Stopped by you, while waiting to try again. {reason}"
            raise Stopped(what, cost=NOT_CHARGED) from None
