"""A plan carried out: rounds, each of them an attempt with its own hold, tried again where it may.

Most calls have one round. A plan with a ``processor`` goes on with what that asks next, until
it is nothing; a budget, a Ctrl-C or an error between two rounds ends the call with what came.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

from ..backends import Backend
from ..backends.http_errors import broken
from ..calls import FREE, Attempt, Call, ReasoningDelta, Reply, Started, TextDelta, Waiting
from ..errors import (
    NOT_CHARGED,
    NOTHING_SENT,
    BudgetExceeded,
    LedgerProblem,
    M1Error,
    Stopped,
    UserFacingError,
)
from ..events import ToolCallDelta
from ..interrupts import check, stoppable
from ..ledger import Ledger, new_id, sums
from ..settings.config import M1
from ..settings.endpoints import endpoint
from .accumulator import (
    Accumulator,
    between,
    empty,
    may_finish,
    priced,
    reply,
    spent,
    spent_before,
    stopped,
)
from .budget import check_max_cost, over_budget
from .failsafe import SafeLedger, SafeView
from .plan import Plan
from .waits import Waits

Failure = BaseException | None
BACK_OFF = 0.5  # seconds before the second attempt, doubled before each one after it


class Rounds:
    """The rounds of one call.

    Args:
        plan: of the first round; afterwards of the last one.
        view, account: where all of it is shown and written down.
        settings: budget and retries, read at each attempt.
        waits: until when the host is not to be asked, by all calls of this process.
        clock, sleep: seconds that never go back, and how to wait.
    """

    def __init__(
        self,
        plan: Plan,
        view: SafeView,
        account: SafeLedger,
        settings: M1,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        waits: Waits,
    ) -> None:
        self.plan = plan
        self._view, self._account, self._settings = view, account, settings
        self._clock, self._sleep = clock, sleep
        self._waits, self._waited = waits, -math.inf
        self._until = math.inf
        self._stream = self._complete = Accumulator()
        self._earlier = ""  # the text of all rounds before

    def reserve(self, call: Call) -> Attempt:
        """Return a new attempt that is in the ledger, so that it may be sent.

        Raises:
            BudgetExceeded, LedgerProblem: it may not.
        """
        s, attempt, backend = self._settings, Attempt(new_id(), hold=self.plan.hold), self._backend
        if backend.billing == "replayed":  # paid for once already
            return attempt
        try:
            self._account.ledger.reserve(
                call, attempt, backend.name, s.budget, s.budget_period, s.keep_text
            )
        except BudgetExceeded as refused:
            raise over_budget(refused, self.plan, s) from None
        return attempt

    def run(self, call: Call, attempt: Attempt) -> tuple[Call, Failure]:
        """Ask until there is nothing more to ask; return the call and how it failed."""
        self._until = self._clock() + self._settings.deadline
        while True:
            earlier = call
            call, error = self._round(call, attempt)
            if error is not None:
                error = self._later(error, earlier)
            else:
                self._complete = self._stream
                call = replace(call, reply=reply(call, self._stream, None))
                try:
                    following = self._following(call)
                    if following is None:
                        return call, None
                    self.plan = following
                    self._account.ended(call, self._before(call.reply))
                    attempt = self.reserve(call)
                    continue
                except BaseException as end:  # a bug in what asks next: settled all the same
                    error = end
                    if isinstance(end, UserFacingError) and end.cost == NOTHING_SENT:
                        end.cost = spent(call)  # by the rounds before
            # What an earlier round brought is not lost to a later one that brings nothing.
            nothing = self._complete.text and not self._stream.text
            last = self._complete if nothing else self._stream
            return replace(call, reply=reply(call, last, error)), error

    def _later(self, error: BaseException, earlier: Call) -> BaseException:
        """Return how a round failed; of a later one, with what the rounds before it cost."""
        if not earlier.attempts or self._backend.billing in FREE:
            return error
        if isinstance(error, Stopped) and not self._stream.sent:
            return between(earlier)
        if isinstance(error, UserFacingError):
            free = error.cost in (NOTHING_SENT, NOT_CHARGED)
            error.cost = spent(earlier) if free else f"{error.cost} {spent_before(earlier)}".strip()
        return error

    def _following(self, call: Call) -> Plan | None:
        """Return the plan of the next round, None if this was the last.

        Raises:
            BudgetExceeded, PromptTooLarge: it may not be sent.
            Stopped: the user had enough of it.
        """
        if self.plan.processor is None:
            return None
        began = self._clock()
        try:
            with stoppable():
                plan = self.plan.following(call.reply)
        except KeyboardInterrupt:
            raise between(call) from None
        self._until += self._clock() - began  # what is done here is not the server's time
        if plan is not None:
            check_max_cost(plan, call)
        return plan

    def _before(self, reply: Reply) -> Reply:
        """Return what came of all rounds so far, of the last one's reply."""
        assert self.plan.processor is not None  # who asked for another
        so_far = self.plan.processor.so_far(reply)
        self._earlier = so_far.text
        return so_far

    @property
    def _backend(self) -> Backend:
        assert self.plan.backend is not None  # a dry run's plan is not carried out
        return self.plan.backend

    def _round(self, call: Call, attempt: Attempt) -> tuple[Call, Failure]:
        """Try until there is an answer; each try is an attempt of its own in the ledger."""
        plan, billing, earlier = self.plan, self._backend.billing, len(call.attempts)
        while True:
            stream = self._stream = Accumulator(plan.request.keep_thinking)
            error = self._once(call, attempt)
            attempt = priced(attempt, plan.request, stream, billing, plan.limits, error)
            self._account.write(Ledger.settle, attempt)
            if (usage := attempt.usage) and billing == "billed" and not usage.estimated:
                model, text, tokens = plan.request.model, plan.request.text, usage.input
                self._account.write(sums.learn, model, text, tokens)
            call = replace(call, attempts=(*call.attempts, attempt))
            if error is None:
                return call, empty(stream, attempt, plan.processor is not None)
            if not isinstance(error, M1Error):
                return call, error
            seconds = self._pause(error, len(call.attempts) - earlier)
            if seconds is None:
                return call, error
            try:
                self._wait(seconds, error.what)
                attempt = self.reserve(call)
            except (Stopped, BudgetExceeded, LedgerProblem) as end:
                return call, end

    def _once(self, call: Call, attempt: Attempt) -> Failure:
        """Send once; return what broke it, after the connection is closed."""
        stream, request = self._stream, self.plan.request
        try:
            with stoppable():
                if not call.attempts:
                    self._view.open(self.plan)
                if self._backend.billing != "replayed":
                    self._hold_back()
                with closing(self._backend.stream(request)) as events:
                    stream.sent = True
                    for event in events:
                        check()
                        stream.feed(event)
                        if isinstance(event, Started):
                            self._account.write(Ledger.started, attempt.id, event.generation_id)
                        self._view.feed(event)
                        if not self._earlier:  # the text of earlier rounds is what is kept
                            self._account.streamed(call, stream)
                        answer = isinstance(event, (TextDelta, ReasoningDelta, ToolCallDelta))
                        if answer and self._clock() > self._until:
                            reason = f"the call took longer than {self._settings.deadline:g} s"
                            raise broken(self._backend.name, reason, begun=True)
        except UserFacingError as problem:
            return problem
        except KeyboardInterrupt:
            openrouter = endpoint(self._settings.base_url).whole_api
            goes_on = may_finish(request.model, openrouter)
            return stopped(stream, self._backend.billing, goes_on)
        except BaseException as error:  # a bug, or the interpreter's end: settled all the same
            return error
        return None

    def _hold_back(self) -> None:
        """Wait until this host may be asked, where another call was told to wait."""
        while wait := self._waits.of(self._settings.base_url, self._waited):
            until, reason = wait
            seconds = until - self._clock()
            if seconds <= 0 or until >= self._until:
                return
            self._waited = until
            self._view.feed(Waiting(seconds, reason))
            self._sleep(seconds)

    def _pause(self, error: M1Error, attempts: int) -> float | None:
        """Return the seconds to wait after so many attempts, None where no other is to be made."""
        seconds = error.retry_after
        if error.retry and seconds is not None:
            self._waits.hold_back(self._settings.base_url, self._clock() + seconds, error.what)
        if not error.retry or attempts > self._settings.max_retries:
            return None
        if seconds is None:
            seconds = BACK_OFF * 2 ** (attempts - 1)
        if seconds >= self._until - self._clock():
            return None
        self._waited = max(self._waited, self._clock() + seconds)
        return seconds

    def _wait(self, seconds: float, reason: str) -> None:
        """Wait before another attempt, for which a view counts down; raise Stopped for a Ctrl-C."""
        try:
            with stoppable():
                self._view.feed(Waiting(seconds, reason))
                self._sleep(seconds)
        except KeyboardInterrupt:
            what = f"Stopped by you, while waiting to try again. {reason}"
            raise Stopped(what, cost=NOT_CHARGED) from None
