"""``Session.ask``: the one loop from a Request to a settled Reply.

Reserve, send, fold the events, settle. The ledger is written first and the display second; a
Ctrl-C, a broken stream or a broken display costs neither the text that came nor its price.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from .backends import Backend, Chooser
from .calls import Attempt, Call, Event, Receipt, Reply, Request, Started, Totals, Waiting
from .config import M1
from .errors import BudgetExceeded, LedgerProblem, M1Error, Told, plain
from .fold import Fold, reply, stopped, unfinished
from .interrupts import uninterrupted
from .ledger import Ledger, new_id, now_utc
from .prices import Offer, amount, estimate, hold, known
from .prompt import fitted
from .render import Silent, View
from .render.footer import at_most

BACK_OFF = 0.5


class Session:
    """Asks, and keeps account: the state shared by magics, panel, Python calls and batches.

    Args:
        settings: read at each call.
        ledger: opens the ledger at the first use, where calls are reserved and settled.
        backend: who answers, chosen anew by the settings of each call.
        now, sleep, clock: the time in UTC, how to wait, and seconds that never go back.
    """

    def __init__(
        self,
        settings: M1,
        ledger: Callable[[], Ledger],
        backend: Chooser,
        *,
        now: Callable[[], datetime] = now_utc,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.last: Reply | None = None
        self._open = ledger
        self._ledger: Ledger | None = None
        self._backend, self._now, self._sleep, self._clock = backend, now, sleep, clock
        self._offers: dict[tuple[str, str, str], Offer | None] = {}

    @property
    def ledger(self) -> Ledger:
        """The ledger, opened at the first use."""
        if self._ledger is None:
            self._ledger = self._open()
            self._ledger.purge(self._now() - timedelta(days=self.settings.keep_days))
        return self._ledger

    def backend(self) -> Backend:
        """Return who answers, by the settings in force."""
        return self._backend(self.settings)

    def close(self) -> None:
        """Close connections, local model and ledger."""
        self._backend.close()
        if self._ledger is not None:
            self._ledger.close()
        self._ledger = None

    def ask(
        self, request: Request, view: View, max_cost: Decimal | None = None, asked: bool = False
    ) -> Reply:
        """Ask once (with visible retries) and return the reply, shown in ``view`` and accounted.

        Args:
            request: what to send; fitted to the endpoint's limits first.
            view: shown what happens; a view that breaks does not break the call.
            max_cost: US dollars that this call could cost at most; the setting if None.
            asked: was the request's ``max_tokens`` the user's own wish?

        Raises:
            Told: with ``reply`` holding whatever came before it was raised.
        """
        backend = self.backend()
        offer = self.offer(backend, request.model)
        request = fitted(request, offer, asked)
        most = hold(request, offer.dearest) if offer and offer.dearest else None
        self._affordable(most, self.settings.max_cost if max_cost is None else max_cost)
        backend.ready()
        call = Call(new_id(), self._now(), request)
        shown = Shown(view)
        began = self._clock()
        error: Told | None = None
        try:
            shown.open(request, most)
            call = self._attempts(call, backend, offer, most, shown)
        except Told as told:
            error, call = told, getattr(told, "call", call)
        call = replace(call, seconds=self._clock() - began, error=plain(error) if error else None)
        self.last = call.reply
        if call.attempts:
            self._close(call, shown)
        if error:
            error.reply = call.reply
            raise error
        return call.reply

    def offer(self, backend: Backend, model: str) -> Offer | None:
        """Return limits and prices of ``model`` at this backend, asked for once a session."""
        key = (backend.name, model, repr(self.settings.max_price))
        if key not in self._offers:
            offer = backend.offer(model, self.settings.max_price)
            self._offers[key] = offer or (known(model) if backend.prices_known else None)
        return self._offers[key]

    def totals(self) -> Totals:
        """Return what was spent, and what the budget says."""
        return self.ledger.totals(self.settings.budget, self.settings.budget_period, self._now())

    def reconcile(self) -> int:
        """Ask once for the price of each pending attempt; return how many are settled now."""
        settled = 0
        for attempt in self.ledger.pending():
            record = self.backend().generation(attempt.generation_id or "")
            cost = amount(record.get("total_cost")) if record else None
            if cost is not None:
                self.ledger.correct(attempt.id, cost)
                settled += 1
        return settled

    def _attempts(
        self, call: Call, backend: Backend, offer: Offer | None, most: Decimal | None, shown: Shown
    ) -> Call:
        """Try until there is an answer; each try is an attempt of its own in the ledger."""
        while True:
            fold, attempt = Fold(), Attempt(new_id(), hold=most)
            try:
                self._once(call, backend, attempt, fold, shown)
                error: Told | None = None
            except Told as told:
                error = told
            except KeyboardInterrupt:
                error = stopped(fold)
            except BaseException:  # a bug, or the interpreter's end: the row must not stay open
                self._settle(attempt, fold, backend, offer, stopped(fold))
                raise
            attempt = self._settle(attempt, fold, backend, offer, error)
            call = replace(call, attempts=(*call.attempts, attempt))
            call = replace(call, reply=reply(call, fold, error))
            if error is None and (error := unfinished(call)) is None:
                return call
            if call.reply.status == "ok":
                call = replace(call, reply=replace(call.reply, status="failed"))
            if not isinstance(error, M1Error) or not self._again(error, call, shown):
                error.call = call
                raise error

    def _once(
        self, call: Call, backend: Backend, attempt: Attempt, fold: Fold, shown: Shown
    ) -> None:
        s = self.settings
        self.ledger.reserve(call, attempt, backend.name, s.budget, s.budget_period, s.keep_text)
        with closing(backend.stream(call.request)) as events:
            for event in events:
                fold.feed(event)
                if isinstance(event, Started):
                    self.ledger.started(attempt.id, event.generation_id)
                shown.feed(event)

    def _settle(
        self,
        attempt: Attempt,
        fold: Fold,
        backend: Backend,
        offer: Offer | None,
        error: Told | None,
    ) -> Attempt:
        """Write down what the attempt cost, or that it is not known yet."""
        end = fold.finish
        attempt = replace(
            attempt,
            usage=end.usage,
            generation_id=fold.generation_id,
            provider=end.provider,
            state="settled",
        )
        if backend.name == "offline":
            attempt = replace(attempt, cost=Decimal(0), cost_source="offline")
        elif end.cost is not None:
            attempt = replace(attempt, cost=end.cost, cost_source="billed")
        elif end.usage and end.usage.output and offer and offer.dearest:
            attempt = replace(
                attempt, cost=estimate(end.usage, offer.dearest), cost_source="estimated"
            )
        elif error is not None and not error.charged:
            attempt = replace(attempt, cost=Decimal(0))
        else:
            attempt = replace(attempt, state="pending")
        if not isinstance(error, (LedgerProblem, BudgetExceeded)):
            with uninterrupted():
                self.ledger.settle(attempt)
        return attempt

    def _again(self, error: M1Error, call: Call, shown: Shown) -> bool:
        """Wait, visibly, before another attempt; False if there shall be none."""
        done = len(call.attempts)
        if not error.retry or done > self.settings.max_retries:
            return False
        seconds = BACK_OFF * 2 ** (done - 1) if error.retry_after is None else error.retry_after
        shown.feed(Waiting(seconds, error.what))
        try:
            self._sleep(seconds)
        except KeyboardInterrupt:
            return False
        return True

    def _affordable(self, most: Decimal | None, limit: Decimal | None) -> None:
        if limit is not None and most is not None and most > limit:
            could = at_most(most)
            raise BudgetExceeded(
                f"This call could cost {could}, and a call may cost ${limit} at most.",
                todo=f"Allow it with --max-cost {could[1:]}, lower --max-tokens, or attach less.",
            )

    def _close(self, call: Call, shown: Shown) -> None:
        notes = list(call.request.notes)
        try:
            with uninterrupted():
                self.ledger.finish(call, self.settings.keep_text)
            totals = self.totals()
        except LedgerProblem as problem:  # what was paid for is shown all the same
            totals, notes = Totals(), [*notes, str(problem)]
        shown.close(Receipt(call, totals, tuple(notes)))


class Shown:
    """A view that may break without breaking the call: after that it is left alone."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._broken = False

    def open(self, request: Request, most: Decimal | None) -> None:
        """See View.open."""
        with self._guarded() as view:
            view.open(request, most, sent(request))

    def feed(self, event: Event) -> None:
        """See View.feed."""
        with self._guarded() as view:
            view.feed(event)

    def close(self, receipt: Receipt) -> None:
        """See View.close."""
        with self._guarded() as view:
            view.close(receipt)

    @contextmanager
    def _guarded(self) -> Iterator[View]:
        try:
            yield Silent() if self._broken else self._view
        except Exception as error:
            self._broken = True
            warnings.warn(f"The display failed ({error!r}); the reply is in _m1.", stacklevel=2)


def sent(request: Request) -> str:
    """Return one line on what goes along with the prompt."""
    return "; ".join(f"{plain(a.name, 40)} → {a.level or a.kind}" for a in request.attachments)
