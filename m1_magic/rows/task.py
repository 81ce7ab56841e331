"""What a task does with one partition of a table, where it lies: it asks its share.

A task on this machine writes into the ledger of the kernel that asks, as that does itself. One on
another machine has none: its calls go back, and the kernel writes them down.
"""

from __future__ import annotations

import pickle
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from traitlets.config import Config

from .. import keys
from ..app import PROCESS
from ..backends import Chooser
from ..calls import Call, Reply
from ..errors import Stopped
from ..ledger import FILE, Ledger
from ..privacy import redaction
from ..session.loop import Session
from ..settings.config import M1
from .cells import Column
from .errand import Errand, Share, TaskResult, digest
from .kept import Answers
from .outcomes import Outcome
from .progress import Progress
from .questions import Questions, questions, withheld
from .reading import Reading
from .running import Run

LOST = "its task was begun before, and its answers were lost"


@dataclass(frozen=True, slots=True)
class Ask:
    """Asks a partition's share of the questions. See `engine.Work`."""

    errand: Errand
    shares: Mapping[int, Share]

    def only(self, number: int) -> Ask:
        """See `engine.Work`."""
        share = self.shares.get(number)
        return Ask(self.errand, {} if share is None else {number: share})

    def __call__(self, number: int, columns: Sequence[Column], again: bool) -> bytes:
        """Return a pickled `TaskResult`."""
        errand, share = self.errand, self.shares.get(number)
        if share is None:
            return _dumped(TaskResult(errand.place))
        if errand.place == "away":
            return _dumped(_result(errand, share, columns, again))
        done, again = errand.lease.turn(number)
        if done is not None:
            return done
        if not errand.lease.holds():
            return _dumped(TaskResult(errand.place, stopped_by=Stopped("Stopped by you.", cost="")))
        result = _dumped(_result(errand, share, columns, again))
        errand.lease.done(number, result)
        return result


def _result(errand: Errand, share: Share, columns: Sequence[Column], again: bool) -> TaskResult:
    result = TaskResult(errand.place)
    try:
        with _session(errand) as session:
            _ask(errand, share, session, questions(errand.template, columns), again, result)
    except BaseException as error:  # a task that fails would be done again
        result.stopped_by = result.stopped_by or error
    return result


def _ask(
    errand: Errand, share: Share, session: Session, made: Questions, again: bool, result: TaskResult
) -> None:
    """Take up what a task before this one has paid for, and ask the rest."""
    made.template = replace(made.template, max_cost=share.most)
    if result.place != "away":
        made.template = replace(made.template, headers=errand.lease.given()["headers"])
    reading = Reading(errand.options, {}, session.settings)
    names = {n: digest(made.texts(n)) for n in range(len(made))}
    todo = [n for n, name in names.items() if name in share.keys]
    outcomes = _earlier(session, reading, made, todo) if again and result.place != "away" else {}
    policy = redaction.policy(session.settings)
    for n in todo:
        fresh = made.template.keep is False or not session.settings.keep_text
        lost = LOST if again and (result.place == "away" or fresh) else ""
        why = lost or withheld(made.request(n), policy)
        if why and n not in outcomes:
            outcomes[n] = Outcome(why=why, asked=False)
    left = [n for n in todo if n not in outcomes]
    try:
        if left:
            _run(errand, share, session, reading, made, left, outcomes, result)
    finally:
        result.outcomes = {names[n]: outcome for n, outcome in outcomes.items()}


def _run(
    errand: Errand,
    share: Share,
    session: Session,
    reading: Reading,
    made: Questions,
    left: Sequence[int],
    outcomes: dict[int, Outcome],
    result: TaskResult,
) -> None:
    shortest = min(left, key=made.length)
    run = _Run(
        session=session,
        plan=session.plan(made.request(shortest)),
        workers=share.workers,
        value=reading.value,
        processor=reading.processor,
        answered=_nothing,
        progress=Progress(len(left), len(left)),
        display=_Watch(errand),  # type: ignore[arg-type]
        outcomes=outcomes,
    )
    run.calls = result.calls if result.place == "away" or errand.texts else None
    try:
        run.ask(left, made.request)
    finally:
        result.stopped_by, result.note = run.stopped_by, run.note


def _nothing(call: Call, reply: Reply) -> None:
    """Their outcomes are all that is wanted of them."""


def _earlier(
    session: Session, reading: Reading, made: Questions, todo: Sequence[int]
) -> dict[int, Outcome]:
    """Return what the same task came to before it was cut off."""
    answers = Answers(session, False, lambda reply: not reading.value(reading.kept(reply))[1])
    kept = answers.of([made.request(n) for n in todo])
    return {
        n: Outcome(reading.value(reading.kept(one.reply))[0], "", one.cost, id=one.reply.id)
        for n, one in zip(todo, kept, strict=True)
        if one is not None
    }


class _Run(Run):
    """A run that keeps its calls, where they are wanted."""

    calls: list[Call] | None = None

    def _take(self, number: int, call: Call, error: BaseException | None) -> None:
        Run._take(self, number, call, error)
        if self.calls is not None and call.attempts:
            plain = replace(call.reply, data=None, page="")
            self.calls.append(replace(call, reply=plain))


class _Watch:
    """Looked at while questions are asked: once the run is over for the kernel, it is here."""

    def __init__(self, errand: Errand) -> None:
        self._lease, self._away = errand.lease, errand.place == "away"

    def show(self, line: str) -> None:
        """Press Stop where it was pressed in the kernel that asks, or that has ended."""
        if not self._away and not self._lease.holds():
            raise KeyboardInterrupt


@contextmanager
def _session(errand: Errand) -> Iterator[Session]:
    """Give what asks: the kernel's own, or one over its ledger, or one over a ledger to be read."""
    if errand.place == "here":
        yield PROCESS.session()
        return
    away = errand.place == "away"
    given = {"headers": None, "key": None} if away else errand.lease.given()
    values = dict(errand.settings) | {"extra_headers": given["headers"] or {}}
    settings = M1(config=Config({"M1": values | ({"budget": None} if away else {})}))
    key = keys.Key(given["key"], "the kernel that asks") if given["key"] else None
    folder = Path(tempfile.mkdtemp(prefix="m1-rows-")) if away else Path(errand.home)
    session = Session(
        settings,
        lambda: Ledger(folder / FILE, errand.session),
        Chooser(key=key),
        notebook=lambda: errand.notebook,
    )
    try:
        yield session
    finally:
        if session._ledger is not None:
            session.ledger.close()
        session.close()
        if away:
            shutil.rmtree(folder, ignore_errors=True)


def _dumped(result: TaskResult) -> bytes:
    """Return what a task gives back; values may be of the user's own classes."""
    try:
        import cloudpickle as library
    except ModuleNotFoundError:
        library = pickle
    try:
        return bytes(library.dumps(result))
    except Exception:  # an error that holds what cannot be sent
        stopped = Stopped(str(result.stopped_by)) if result.stopped_by else None
        return bytes(library.dumps(replace(result, stopped_by=stopped)))
