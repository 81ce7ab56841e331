"""A run's questions sent out with an engine's tasks, and what comes back written down."""

from __future__ import annotations

import contextvars
import pickle
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from .. import keys
from ..calls import Attempt, Call, Reply, Request
from ..errors import KeyProblem, LedgerProblem, OfflineProblem, Stopped, UsageError
from ..interrupts import stoppable, uninterrupted
from ..ledger import finished, new_id, settled
from ..pricing.dollars import NANO
from ..session.loop import Session
from ..session.plan import Plan
from ..settings.endpoints import endpoint
from ..text import plural
from .engine import Engine
from .errand import Contents, Errand, Share, TaskResult
from .kept import Answers
from .outcomes import Outcome
from .progress import EVERY, Display, Progress
from .reading import Reading
from .task import Ask

DIED = "its task ended before its answer came"


@dataclass(slots=True)
class Dispatch:
    """Asks by tasks: ``added`` is the hash of the headers that go along."""

    session: Session
    engine: Engine
    errand: Errand
    answers: Answers
    reading: Reading
    added: str
    plan: Plan
    display: Display
    progress: Progress
    outcomes: dict[bytes, Outcome]
    stopped_by: BaseException | None = None
    notes: list[str] = field(default_factory=list)
    _held: dict[int, tuple[Call, Attempt]] = field(default_factory=dict)

    def ask(
        self,
        places: tuple[int, ...],
        shares: Mapping[int, Share],
        names: Mapping[bytes, str],
        holds: Mapping[int, Decimal | None],
    ) -> None:
        """Ask each share in its partition's task; ``names``: the fingerprints of the questions.

        ``holds`` are those of the partitions that lie on other machines, which have no ledger.

        Raises:
            BudgetExceeded, LedgerProblem: nothing was sent.
        """
        self._reserve(holds)

        open_ = dict(shares)

        def work() -> None:
            for number, result in self.engine.each(places, Ask(self.errand, shares)):
                if self._take(number, result):
                    open_.pop(number, None)

        try:
            stopped = watched(work, self._look(), self.errand.lease.end)
            self.stopped_by = stopped or self.stopped_by
        except Exception as failed:  # the engine's own; what was paid for stays
            self.stopped_by = self.stopped_by or failed
        finally:
            for share in open_.values():
                self._recovered(share, names)
            self._settle_rest()
            self.answers.write()
            self.session.settler.wake()

    def _look(self) -> Callable[[], None]:
        """Return what shows how far the tasks are that write into this kernel's ledger."""
        ledger, progress = self.session.ledger, self.progress
        before = ledger.spent(self.session.now())["session"]

        def look() -> None:
            with suppress(LedgerProblem):
                now = ledger.spent(self.session.now())["session"]
                progress.cost = now[0] - before[0]
                progress.done = min(now[2] - before[2], progress.total)
            self.display.show(progress.line())

        return look

    def _reserve(self, holds: Mapping[int, Decimal | None]) -> None:
        """Hold what tasks on other machines may spend, before any of them begins."""
        if not holds:
            return
        now, settings = self.session.now(), self.session.settings
        assert self.plan.backend is not None
        for number, hold in holds.items():
            call = Call(new_id(), now, self.errand.template, original=self.errand.template)
            self._held[number] = call, Attempt(new_id(), hold=hold)
        host = self.plan.backend.name
        each = [(call, attempt, host) for call, attempt in self._held.values()]
        try:
            self.session.ledger.reserve_all(each, settings.budget, settings.budget_period, False)
        except BaseException:
            self._held.clear()
            raise

    def _take(self, number: int, result: Any) -> bool:
        """Take what came of a partition, if anything did: written down first, then told."""
        if isinstance(result, BaseException):
            self.notes.append(f"Task {number} failed: {type(result).__name__}.")
            return False
        result = pickle.loads(result)  # noqa: S301 (of our own task, by the engine)
        assert isinstance(result, TaskResult)
        if result.place == "away":
            self._book(number, result)
        for call in result.calls:
            if call.error is None:
                self.answers.called(call, call.reply)
        self.outcomes |= result.outcomes
        self.stopped_by = self.stopped_by or result.stopped_by
        self.notes.append(result.note)
        return True

    def _recovered(self, share: Share, names: Mapping[bytes, str]) -> None:
        """Take up what a task that did not come back wrote into the ledger."""
        keys, why = sorted(share.keys), "not asked" if self.stopped_by else DIED
        self.outcomes |= dict.fromkeys(keys, Outcome(why=why, asked=False))
        with suppress(LedgerProblem):
            kept = self.answers.by_name([names[key] for key in keys], self.added)
            for key, one in zip(keys, kept, strict=True):
                if one is not None:
                    value, why = self.reading.value(self.reading.kept(one.reply))
                    self.outcomes[key] = Outcome(value, why, one.cost, id=one.reply.id)

    def _book(self, number: int, result: TaskResult) -> None:
        """Write down the calls of a task that had no ledger, and let go of what was held."""
        ledger, text = self.session.ledger, self.session.settings.keep_text
        assert self.plan.backend is not None
        for call in result.calls:
            writes = [
                write
                for attempt in call.attempts
                for write in (
                    *ledger.reservation(call, attempt, self.plan.backend.name, text),
                    settled(attempt),
                )
            ]
            try:
                ledger.book((*writes, finished(call, text)))
            except LedgerProblem as problem:  # kept beside it
                self.notes.append(problem.what)
        self._let_go(number, "settled")

    def _let_go(self, number: int, state: Any) -> None:
        if number not in self._held:
            return
        call, attempt = self._held.pop(number)
        cost = Decimal(0) if state == "settled" else None
        source = "free" if state == "settled" else "unknown"
        done = replace(attempt, state=state, cost=cost, cost_source=source)  # type: ignore[arg-type]
        reply = Reply(status="failed" if cost is None else "ok")
        with suppress(LedgerProblem):  # a hold that stays is said
            self.session.ledger.settle(done)
            self.session.ledger.finish(replace(call, attempts=(done,), reply=reply), False)

    def _settle_rest(self) -> None:
        """Leave the holds of tasks that did not come back: what they spent is not known."""
        lost = list(self._held)
        for number in lost:
            self._let_go(number, "pending")
        if lost:
            self.notes.append(
                f"{plural(len(lost), 'task')} did not come back: %m1 cost lists what is held."
            )


def watched(
    work: Callable[[], None], look: Callable[[], object], stop: Callable[[], None]
) -> Stopped | None:
    """Do work in a thread, while this one looks how far it is; Ctrl-C is to ``stop`` it.

    At the second one it is not waited for any longer. Returns whether it was stopped.
    """
    over, failure = threading.Event(), list[BaseException]()
    context = contextvars.copy_context()  # has the cluster that is asked

    def run() -> None:
        try:
            context.run(work)
        except BaseException as error:  # raised where it is waited for
            failure.append(error)
        finally:
            over.set()

    stopped: Stopped | None = None
    with uninterrupted():
        threading.Thread(target=run, name="m1-partitions", daemon=True).start()
        while not over.is_set():
            try:
                with stoppable():
                    over.wait(EVERY)
                    look()
            except KeyboardInterrupt:
                stop()
                if stopped is not None:
                    return stopped
                stopped = Stopped("Stopped by you.", cost="", todo="")
    if failure and stopped is None:
        raise failure[0]
    return stopped


def shares(
    keys: Mapping[int, list[bytes]],
    holds: Mapping[bytes, Decimal | None],
    most: Decimal | None,
    workers: int,
    held: Collection[int] = (),
) -> dict[int, Share]:
    """Return what each partition asks, with its part of ``most`` by what it could cost.

    Those that are ``held`` may spend no more than that in any case, where it is known.
    """
    made, total = dict[int, Share](), _sum(holds.values()) or Decimal(0)
    for number, one in keys.items():
        sum_ = _sum(holds[key] for key in one)
        part = most
        if most is not None:
            part = most * (sum_ or Decimal(0)) / total if total else most / len(keys)
        if number in held and sum_ is not None:
            part = sum_ if part is None else min(sum_, part)
        if part is not None:
            part = (part * NANO).to_integral_value(ROUND_FLOOR) / NANO
        made[number] = Share(frozenset(one), workers, part)
    return made


def _sum(holds: Iterable[Decimal | None]) -> Decimal | None:
    """Return a sum, None where part of it is not known."""
    known = list(holds)
    return None if None in known else sum((one for one in known if one is not None), Decimal(0))


def check_places(
    session: Session, template: Request, errand: Errand, contents: Sequence[Contents]
) -> None:
    """Raise where tasks cannot ask; give those of this machine the key that they lack."""
    place = endpoint(session.settings.base_url)
    elsewhere = [one for one in contents if one.place != "here"]
    if place.offline and elsewhere:
        raise OfflineProblem(
            "The local model is asked by this process alone, and tasks run in others.",
            todo="Use Dask's threads, or bring the rows here: .compute(), .toPandas().",
        )
    away = [one for one in elsewhere if one.place == "away"]
    if not all(one.has_key for one in away):
        raise KeyProblem(
            f"Workers on other machines have no key for {place.host}, or another one than this"
            " kernel; a key is never sent to them.",
            todo="Put it into their environment before they start: OPENROUTER_API_KEY.",
        )
    if template.headers and away:
        raise UsageError("M1.extra_headers, which may hold secrets, are not sent to workers.")
    if not all(one.has_key for one in elsewhere):
        errand.lease.give(keys.find(place).reveal())


@contextmanager
def leased(errand: Errand, headers: Mapping[str, Any] | None) -> Iterator[None]:
    """Let tasks ask within this block."""
    errand.lease.make(headers or {})
    try:
        yield
    finally:
        errand.lease.end()
