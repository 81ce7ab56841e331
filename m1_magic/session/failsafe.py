"""A view and a ledger that may break without breaking the call that they serve.

What was paid for is shown though it cannot be written down, and written down though it cannot be
shown. While the call waits for the network, the ticker gives the view the time of day.
"""

from __future__ import annotations

import contextvars
import math
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import TypeVarTuple

from ..calls import Call, Event, Receipt, Reply, ToolEnded, Totals
from ..errors import HiddenPackage, LedgerProblem
from ..ledger import Ledger
from ..pricing.forecast import price_words
from ..text import one_line
from ..watcher import TICKER, Watch
from .accumulator import Accumulator
from .plan import Plan
from .view import Silent, View

T = TypeVarTuple("T")
OFTEN = 1.0  # seconds between two looks at what came so far, in a short answer
A_SECOND = 50_000  # characters of it for which a second more may pass


class SafeView:
    """A view of one call, told one thing at a time; after it has failed once, it is left alone."""

    def __init__(self, view: View) -> None:
        self._view = view
        # Reentrant: a Ctrl-C that comes between its ``with`` and its release must not keep the
        # same thread from closing the view.
        self._lock = threading.RLock()
        self._over = False
        self._watch: Watch | None = None

    def open(self, plan: Plan) -> None:
        """See View.open; what the call likely costs stands behind what leaves."""
        if plan.kept:
            replay = plan.kept.replay
            self._call_view(lambda view: view.open(plan.request, None, "", replay))
        else:
            along = (
                f"{one_line(a.name, 40)} → {a.level or a.kind}" for a in plan.request.attachments
            )
            price = price_words(plan.hold, plan.forecast) if plan.forecast else ""
            sent = " · ".join(part for part in ("; ".join(along), price) if part)
            self._call_view(lambda view: view.open(plan.request, plan.hold, sent))
        seconds = self._tick()
        if seconds is not None:
            # In this context, so that what it publishes belongs to the cell of this call.
            tick = partial(contextvars.copy_context().run, self._tick)
            self._watch = Watch(tick, seconds)
            TICKER.begin(self._watch)

    def feed(self, event: Event) -> None:
        """See View.feed."""
        self._call_view(lambda view: view.feed(event))

    def close(self, receipt: Receipt) -> None:
        """See View.close."""
        self._over = True
        if self._watch is not None:
            TICKER.end(self._watch)
        self._call_view(lambda view: view.close(receipt))

    def _tick(self) -> float | None:
        return self._call_view(lambda view: None if self._over else view.tick())

    def _call_view(self, call: Callable[[View], float | None]) -> float | None:
        """Tell the view something; where it fails, warn, and tell it nothing more."""
        with self._lock:
            try:
                return call(self._view)
            except Exception as error:
                self._view = Silent()
                reason = one_line(HiddenPackage.of(error) or repr(error), 200)
        with suppress(Warning):  # where warnings are errors, the reply matters more
            warnings.warn(f"The display failed ({reason}); the reply is in _m1.", stacklevel=3)
        return None


class SafeLedger:
    """The ledger of a call that may be paid for already: its first problem becomes a note.

    Where nobody pays again, nothing is ``written``; its sums are read all the same.
    """

    def __init__(
        self, ledger: Ledger, written: bool, keep_text: bool, clock: Callable[[], float]
    ) -> None:
        self.ledger, self._written, self._clock = ledger, written, clock
        self._next = clock() + OFTEN if written and keep_text else math.inf
        self._came: tuple[Call, Accumulator] | None = None
        self._kept: tuple[Accumulator, int] | None = None  # how much of it is written down
        # For a stream that stands still: no event comes then to write down the last ones with.
        self._watch = Watch(self._look, OFTEN)
        self.notes: tuple[str, ...] = ()

    def write(self, write: Callable[[Ledger, *T], object], *args: *T) -> None:
        """Write something down, by a method of Ledger or a function of its room."""
        if self._written:
            with self._noted():
                write(self.ledger, *args)

    def streamed(self, call: Call, stream: Accumulator) -> None:
        """Write down now and then what came so far, for a kernel that may be killed."""
        if self._came is None and self._next < math.inf:
            TICKER.begin(self._watch)
        self._came = call, stream
        if self._clock() >= self._next:
            self._look()

    def _look(self) -> float | None:
        """Write down what is new; return the seconds until the next look."""
        if self._came is not None and self._clock() >= self._next:
            call, stream = self._came
            if (what := (stream, stream.characters)) != self._kept:
                self._kept = what
                self._so_far(call, stream.thinking, stream.text)
        return OFTEN if self._next < math.inf else None

    def finish(self, call: Call, keep_text: bool) -> None:
        """Write down how a call ended."""
        TICKER.end(self._watch)
        self.write(Ledger.finish, call, keep_text)

    def ended(self, call: Call, reply: Reply) -> None:
        """Write down what came of all rounds so far, before there is another."""
        if self._next < math.inf:
            self._so_far(call, reply.thinking, reply.text, reply.tools)

    def _so_far(self, call: Call, thinking: str, text: str, *tools: Sequence[ToolEnded]) -> None:
        self._next = self._clock() + OFTEN + (len(text) + len(thinking)) / A_SECOND
        try:
            self.ledger.so_far(call.id, thinking, text, *tools)
        except LedgerProblem:  # the end of the call will say so
            self._next = math.inf

    def totals(self, budget: Decimal | None, period: str, now: datetime) -> Totals:
        """See Ledger.totals; nothing but the budget if it cannot be read."""
        with self._noted():
            return self.ledger.totals(budget, period, now)
        return Totals(budget=budget, period=period)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except LedgerProblem as problem:
            self.notes = self.notes or (f"{problem.what} This call is not all in it.",)
