"""``Session.ask``: the one loop from a Request to a settled Reply.

Reserve, send, accumulate the events, settle. The ledger is written first and the display second; a
Ctrl-C, a broken stream or a broken display costs neither the text that came nor its price.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from ..backends import Backend, Chooser
from ..calls import Attempt, Call, Receipt, Reply, Request, Totals
from ..errors import LedgerProblem, TapeProblem, UserFacingError
from ..interrupts import heard, pause, uninterrupted
from ..kept.keeper import Keeper
from ..kept.renamed import follow
from ..ledger import Ledger, answers, new_id, sums, users
from ..ledger.history import purge
from ..ledger.leases import lapse, sweep
from ..ledger.store import now_utc
from ..locks import lock
from ..pricing.forecast import LOOKED_AT, forecast
from ..pricing.prices import ModelLimits
from ..pricing.tokens import likely_tokens
from ..settings.config import M1
from ..settings.endpoints import at_openrouter, endpoint
from ..text import one_line
from . import reconciler
from .accumulator import late
from .budget import check_max_cost
from .failsafe import SafeLedger, SafeView
from .model_limits import AllLimits
from .plan import Plan, Prepared, formed, hint, price_hint, replaying, within
from .processor import Processor
from .rounds import Rounds
from .view import View
from .waits import Waits


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
        self._lock = lock()
        self._backend, self.now, self._sleep, self.clock = backend, now, sleep, clock
        self._limits = AllLimits(settings, lambda: self.now())
        self.waits = Waits()
        self._hinted: set[tuple[str, str]] = set()
        self._pauses = reconciler.PAUSES if pauses is None else pauses
        self.settler = reconciler.Reconciler(self._look, self._pauses)
        self.notebook = notebook()
        self.keeper = Keeper(settings, lambda: self.ledger, self.notebook)

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

    def rest(self) -> None:
        """Free threads, connections and the ledger's file; calls under way come to their end."""
        self.settler.close()
        self.settler = reconciler.Reconciler(self._look, self._pauses)
        self._backend.close()
        if self._ledger is not None:
            self._ledger.rest()

    def close(self) -> None:
        """Free all that `rest` does, and let go of the ledger."""
        self.rest()
        self._ledger = None

    def plan(self, request: Request, processor: Processor | None = None) -> Plan:
        """Return what is to be done for a request, by what its endpoint says of limits and prices.

        Raises:
            PromptTooLarge, NoKey, BadSetting: it cannot be sent.
        """
        backend = self.backend()
        request = self._limits.lists.suited(request, backend, self.now())
        limits = self.limits(backend, request.model, *request.fallbacks)
        # A server on this machine that lists endpoints is taken for OpenRouter.
        listed = limits is not None and limits.source == "endpoints"
        request = formed(request, limits)
        strict = at_openrouter(backend.name) or listed
        return self._foretold(self._plan(request, limits, strict, backend, processor))

    def dry_plan(self, request: Request) -> Plan:
        """Return the same plan by what is known without asking anybody, and its tokens."""
        try:
            if kept := self.keeper.coming(request):
                return replaying(request, kept)
        except TapeProblem as problem:  # a preview asks nobody
            request = replace(request, notes=(*request.notes, problem.what))
        limits = self.known_limits(request.model, *request.fallbacks)
        plan = self._plan(request, limits, True)
        offline = endpoint(self.settings.base_url).offline
        return self._foretold(replace(plan, hold=Decimal(0)) if offline else plan)

    def ask(self, request: Request, view: View, processor: Processor | None = None) -> Reply:
        """Ask once (with visible retries) and return the reply, shown in ``view`` and accounted.

        Args:
            request: what to send; fitted to the endpoint's limits first.
            view: shown what happens; a view that breaks does not break the call.
            processor: works with the answer, and may ask more rounds.

        Raises:
            UserFacingError: with ``reply`` holding whatever came before it was raised.
        """
        call: Call | None = None
        error: BaseException | None = None
        one: Prepared | None = None
        try:
            one = self.prepared(request, processor)
            with uninterrupted(), heard():
                call, error = self.carried_out(one, view)
        except KeyboardInterrupt:
            error = error or late(call)
        finally:
            if one:
                self.ended(one, call)
        if isinstance(error, UserFacingError) and call is not None:
            error.reply = call.reply
        if error is not None:
            raise error
        assert call is not None
        return call.reply

    def prepared(self, request: Request, processor: Processor | None = None) -> Prepared:
        """Return a call with its plan and its turn; nothing is sent or written yet.

        It is to be ``ended``. UserFacingError: it cannot be carried out.
        """
        kept, turn = self.keeper.taken(request)
        try:
            if kept:
                plan = replaying(request, kept, self.settings.pace, processor)
            else:
                plan = self.plan(request, processor)
            check_max_cost(plan)
            assert plan.backend is not None
            plan.backend.ready()
            call = Call(kept.id if kept else new_id(), self.now(), plan.request, original=request)
            one = Prepared(plan, replace(call, replay=kept.replay if kept else None), turn)
            if not kept:
                self.keeper.answered_by(request, turn, call.id)
            with suppress(LedgerProblem):  # the reservation says so
                lapse(self.ledger, call.at)
                if one.paid:
                    one = replace(one, why=self.keeper.changed(request, call.at))
            return one
        except BaseException:
            self.keeper.give_back(turn)
            raise

    def ended(self, one: Prepared, call: Call | None) -> None:
        """Let the next request have the turn of a call that brought no complete answer."""
        if call is None or call.reply.status != "ok":
            self.keeper.give_back(one.turn)

    def limits(self, backend: Backend, model: str, *fallbacks: str) -> ModelLimits | None:
        """Return limits of ``model`` at this backend, and prices that count its fallbacks in."""
        return self._limits.of(backend, model, *fallbacks)

    def known_limits(self, model: str, *fallbacks: str) -> ModelLimits | None:
        """Return limits and prices of ``model`` as they are known without asking a server."""
        return self._limits.known(model, *fallbacks)

    def totals(self) -> Totals:
        """Return what was spent, and what the budget says."""
        return self.ledger.totals(self.settings.budget, self.settings.budget_period, self.now())

    def reconcile(self) -> int:
        """Ask the endpoint once for each price not billed yet; return how many are settled now."""
        lapse(self.ledger, self.now())
        return reconciler.settle(self.ledger, self.backend(), self.now())[0]

    def _look(self) -> tuple[int, int]:
        """Ask in the background; return how many prices came, and how many are still owed."""
        ledger = self._ledger  # not opened anew, if it has just been closed
        return (0, 0) if ledger is None else reconciler.settle(ledger, self.backend(), self.now())

    def _tidied(self, ledger: Ledger) -> Ledger:
        """Return the ledger without old text, and with what kernels left that have ended."""
        with suppress(LedgerProblem, OSError):  # locked, perhaps; a call would say so
            follow(ledger, self.notebook)
            purge(ledger, self.now() - timedelta(days=self.settings.keep_days))
            sums.name_session(ledger, self.notebook)
            users.sign(ledger)
            if ended := sweep(ledger, self.now()):
                ledger.tell(f"{ended} call(s) of a kernel that ended are not settled: %m1 cost.")
            if self.settings.mode != "replay" and ledger.pending(None):
                self.settler.wake()
        return ledger

    def _plan(
        self,
        request: Request,
        limits: ModelLimits | None,
        strict: bool,
        backend: Backend | None = None,
        processor: Processor | None = None,
    ) -> Plan:
        """Return the plan within limits; a cap that anybody set is strict in any case."""
        own, s = request.max_cost is not None, self.settings
        most = request.max_cost if own else s.max_cost
        plan = Plan(request, backend, limits, None, most, processor)
        return within(replace(plan, strict=strict or own or s.own_max_cost))

    def _foretold(self, plan: Plan) -> Plan:
        """Return the plan with about how many tokens its prompt has, and what it likely costs."""
        request, past = plan.request, []
        learned: Mapping[str, tuple[int, int]] = {}
        with suppress(LedgerProblem):  # a guess needs no ledger
            learned = sums.learned(self.ledger, request.model)
            if plan.hold:
                past = sums.outcomes(self.ledger, request.model, request.task, LOOKED_AT)
        tokens = likely_tokens(request.text, learned)
        return replace(plan, tokens=tokens, forecast=forecast(past, tokens, plan.hold))

    def carried_out(
        self, one: Prepared, view: View, attempt: Attempt | None = None, *, taped: bool = True
    ) -> tuple[Call, BaseException | None]:
        """Reserve, unless an ``attempt`` is, ask, settle, show; return the call and how it failed.

        Unless it is ``taped``, its keeper is still to record the answer.
        """
        plan, call, kept, s = one.plan, one.call, one.plan.kept, self.settings
        assert plan.backend is not None
        account = SafeLedger(self.ledger, one.paid, s.keep_text, self.clock)
        safe_view = SafeView(view)
        rounds = Rounds(plan, safe_view, account, s, self.clock, self._sleep, self.waits)
        attempt = attempt or rounds.reserve(call)
        began = self.clock()
        call, error = rounds.run(call, attempt)
        if plan.processor is not None:
            reply, error = plan.processor.finished(call.reply, error)
            call = replace(call, reply=reply)
        failure = None if error is None else one_line(error, 600) or type(error).__name__
        call = replace(call, seconds=self.clock() - began, error=failure)
        self.last = call.reply
        account.finish(call, s.keep_text)
        if kept:
            with suppress(LedgerProblem):
                answers.replayed(self.ledger, kept.cost or Decimal(0), call.at)
        recorded = self.keeper.record(call, one.turn) if taped else ()
        totals = account.totals(s.budget, s.budget_period, self.now())
        try:
            news = self.ledger.news()
            hints = (*hint(rounds.plan, call.reply), *price_hint(plan, call, self._hinted))
            left = () if kept else plan.request.notes  # nothing leaves again
            shared = users.shared(self.ledger)
            notes = (*left, *account.notes, *news, *one.why, *recorded, *hints, *shared)
            safe_view.close(Receipt(call, totals, notes))
        except KeyboardInterrupt:
            error = error or late(call)
        if any(a.state == "pending" or a.cost_source == "estimated" for a in call.attempts):
            self.settler.wake()
        return call, error
