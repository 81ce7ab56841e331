"""A table of Dask or Spark: looked through in its partitions, priced here, asked by its tasks.

No more of it comes here than what stands for each distinct question: of the texts only the answers,
and of a tape or a pilot the few that it needs. Every question is asked by the first partition that
has it, once. What comes back is the table itself, with columns that are looked up by a row's texts:
computing it, as often as one likes, asks nobody.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from ..calls import Request
from ..errors import LedgerProblem, UsageError
from ..ledger import answers as ledger_answers
from ..ledger.sent import headers
from ..session.loop import Session
from ..session.plan import Plan
from ..text import plural
from .before import Forecast, check_price, foreseen, priced
from .columns import columns, report
from .dispatch import Dispatch, check_places, shares, watched
from .engine import Engine
from .errand import Contents, Errand, Labels, Survey, digest
from .job import SAMPLES, Job, Wish
from .kept import Answers
from .opening import INTO, says
from .outcomes import Calls, Outcome
from .pilot import MOST, none_known
from .progress import Display, Progress
from .questions import Asking, Questions, questions
from .reading import Reading
from .report import Report
from .tables import Rows, telling_failures


@dataclass(frozen=True, slots=True)
class Open:
    """A distinct question: which partition asks it, its fingerprint, first row, and how long."""

    key: bytes
    partition: int
    fingerprint: str
    row: int
    sizes: tuple[tuple[int, int], ...]
    texts: tuple[str, ...] | None = None


@dataclass(slots=True)
class Partitions:
    """One run over a table that has partitions, as far as it is."""

    session: Session
    engine: Engine
    marked: Asking
    errand: Errand
    wish: Wish
    reading: Reading
    template: Request
    preview: bool = False
    answers: Answers = field(init=False)
    display: Display = field(init=False)
    contents: dict[int, Contents] = field(default_factory=dict)
    questions: list[Open] = field(default_factory=list)
    missing: list[Open] = field(default_factory=list)
    holds: dict[bytes, Decimal | None] = field(default_factory=dict)
    outcomes: dict[bytes, Outcome] = field(default_factory=dict)
    calls: Calls = field(default_factory=Calls)
    notes: list[str] = field(default_factory=list)
    stopped_by: BaseException | None = None
    began: float = 0.0
    judged: str = ""  # how right the pilot was

    def __post_init__(self) -> None:
        self.display = Display(self.wish.quiet)
        self.answers = Answers(
            self.session, self.template.keep is False, self._fits, preview=self.preview
        )
        self.errand = replace(self.errand, texts=self.answers.taped)

    @property
    def rows(self) -> int:
        """How many rows the table has."""
        return sum(one.rows for one in self.contents.values())

    def look_through(self) -> None:
        """Find the distinct questions, and what is kept of them; raise UsageError."""

        def work() -> None:
            for number, one in self.engine.each(self.marked.places, Survey(self.errand)):
                if isinstance(one, BaseException):
                    raise one
                self.contents[number] = one

        with telling_failures():
            stopped = watched(work, nothing, self.errand.lease.end)
        if stopped is not None:
            raise stopped
        for one in self.contents.values():
            if one.personal:
                raise UsageError(one.personal[0], todo=one.personal[1])
        seen, row = set[bytes](), 0
        for number, part in sorted(self.contents.items()):
            for n, key in enumerate(part.keys):
                if key not in seen:
                    seen.add(key)
                    texts = part.samples[n] if self.errand.texts else None
                    what = part.fingerprints[n], row + part.first[n], part.sizes[n], texts
                    self.questions.append(Open(key, number, *what))
            row += part.rows
        self._take_up()

    def foreseen(self, plan: Plan, *, check: bool = True) -> Forecast:
        """Return what is to be asked could cost; raise BudgetExceeded where that is too much."""
        made = self._questions()
        requests = (made.request_with(_like(one)) for one in self.missing)
        prices = list(priced(self.session, plan, requests))
        total = foreseen(self.session, plan, prices)
        if check:
            check_price(self.session, plan, total, prices, [one.row for one in self.missing])
        self.holds = {one.key: p.hold for one, p in zip(self.missing, prices, strict=True)}
        return total

    def plan(self) -> Plan:
        """Return the plan of the shortest question; raises as `Session.plan`."""
        shortest = min(self.missing, key=lambda one: sum(size for size, _ in one.sizes))
        return self.session.plan(self._questions().request_with(_like(shortest)))

    def run(self, plan: Plan | None) -> None:
        """Ask what is to be asked: first those of the pilot, if there is one.

        Raises:
            NotAccurate: it was not right often enough.
        """
        self.began = self.session.clock()
        most = self.template.max_cost
        if self.wish.gold is not None:
            self._pilot()
            if most is not None:
                paid = [
                    self.holds.get(key) if one.cost is None else one.cost
                    for key, one in self.outcomes.items()
                ]
                most -= sum((cost or Decimal(0) for cost in paid), Decimal(0))
        self.missing = [one for one in self.missing if one.key not in self.outcomes]
        if plan is None or not self.missing or self.stopped_by is not None:
            return
        check_places(self.session, self.template, self.errand, list(self.contents.values()))
        each = dict[int, list[bytes]]()
        for one in self.missing:
            each.setdefault(one.partition, []).append(one.key)
        tasks = min(self.engine.parallel, len(each))
        away = {n for n in each if self.contents[n].place == "away"}
        share = shares(each, self.holds, most, max(1, self.wish.workers // tasks), away)
        dispatch = self._dispatch(plan)
        try:
            dispatch.ask(
                self.marked.places,
                share,
                {one.key: one.fingerprint for one in self.missing},
                {n: share[n].most for n in away},
            )
        finally:
            self.display.close()
            self.stopped_by = dispatch.stopped_by
            news = self.session.ledger.news()
            self.notes += [*dict.fromkeys(dispatch.notes), self.answers.note, *news]

    def table(self) -> tuple[Any, Report]:
        """Return the table with its new columns, and what the run did."""
        fields = self.reading.fields if self.wish.into is None and not self.engine.alone else ()
        into = self.wish.into or INTO
        counts = dict[bytes, int]()
        for part in self.contents.values():
            for key, count in zip(part.keys, part.counts, strict=True):
                counts[key] = counts.get(key, 0) + count
        every = columns(list(counts), self.outcomes, into, fields, self.engine.names)
        status = every.get(f"{into}_status", [])
        if any(part.blank for part in self.contents.values()):
            every = {name: [*values, None] for name, values in every.items()}
        plain = {key: Outcome(one.value, one.why) for key, one in self.outcomes.items()}
        labels = Labels(plain, into, fields, bool(status))
        made = self.engine.labelled(self.marked.places, labels, every)
        failed = [
            why for key, why in zip(counts, status, strict=bool(status)) for _ in range(counts[key])
        ]
        seconds = self.session.clock() - self.began if self.began else 0.0
        for one in self.outcomes.values():
            self.calls.add(one)
        about = self.calls, failed, seconds, self.notes, self.stopped_by
        return made, report(self.rows, self.outcomes.values(), *about)

    def before(self, price: str) -> str:
        """Return what is asked, what leaves, and what that could cost."""
        kept = sum(outcome.kept for outcome in self.outcomes.values())
        blank = sum(part.blank for part in self.contents.values())
        names = self.marked.names if self.missing else ()
        line = says(self.rows, len(self.questions), kept, blank, price, names)
        return f"{line} · {plural(len(self.contents), 'partition')}"

    def samples(self) -> list[str]:
        """Return the words of the first questions."""
        made = self._questions()
        texts = dict.fromkeys(t for _, one in sorted(self.contents.items()) for t in one.samples)
        requests = [made.request_with(one) for one in list(texts)[:SAMPLES]]
        return [one.messages[-1].content(one.attachments) for one in requests]

    def _take_up(self) -> None:
        """Take up what is kept, on the tape or in the ledger."""
        made, kept = self._questions(), list[Any]()
        with suppress(LedgerProblem):  # a call says what is wrong with it
            if self.answers.taped:
                kept = self.answers.of([made.request_with(_like(one)) for one in self.questions])
            else:
                names = [one.fingerprint for one in self.questions]
                kept = self.answers.by_name(names, headers(self.template))
        saved = Decimal(0)
        for n, one in enumerate(self.questions):
            if n >= len(kept) or kept[n] is None:
                self.missing.append(one)
                continue
            value, why = self.reading.value(self.reading.kept(kept[n].reply))
            self.outcomes[one.key] = Outcome(value, why, kept=True, id=kept[n].reply.id)
            saved += kept[n].cost or 0
            if self.answers.taped and not kept[n].taped:
                request = made.request_with(_like(one))
                self.answers.add(request, kept[n].reply, kept[n].cost)
        if self.answers.only_tape and self.missing:
            self._only_tape(made)
        if self.outcomes and not self.preview:
            with suppress(LedgerProblem):
                now, ledger = self.session.now(), self.session.ledger
                ledger_answers.replayed(ledger, saved, now, len(self.outcomes))

    def _only_tape(self, made: Questions) -> None:
        problem = self.answers.missing(made.request_with(_like(self.missing[0])))
        if len(self.missing) == len(self.questions):
            raise problem
        for one in self.missing:
            self.outcomes[one.key] = Outcome(why="not on the tape", asked=False)
        self.missing = []

    def _pilot(self) -> None:
        """Ask the first rows here whose answer is known; raise NotAccurate as `Job.run`."""
        place = Rows(self.engine.names, 0, nothing, nothing).place(str(self.wish.gold))
        assert place is not None
        with telling_failures():
            *texts, gold = self.engine.first(self.marked.places, place, MOST)
        made = questions(self.template, texts)
        if self.wish.at_least is not None and self.questions and not len(made):
            raise none_known()
        given = Rows((), len(gold), nothing, nothing)
        wish = replace(self.wish, gold=gold)
        job = Job(self.session, given, self.marked, made, wish, self.reading)
        job.display = self.display
        names = {n: digest(made.texts(n)) for n in range(len(made))}
        for n, key in names.items():
            if key in self.outcomes:
                job.outcomes[n] = self.outcomes[key]
        left = (n for n in names if n not in job.outcomes)
        job.missing = [n for n in left if job.may_leave(n, made.request(n))]
        try:
            job.run(job.plan() if job.missing else None)
        finally:
            self.outcomes |= {names[n]: one for n, one in job.outcomes.items()}
            self.calls = job.outcomes.calls
            self.notes, self.judged = [*self.notes, *job.notes], job.judged
            self.stopped_by = job.stopped_by

    def _dispatch(self, plan: Plan) -> Dispatch:
        progress = Progress(len(self.missing), self.rows, pilot=self.judged)
        about = self.answers, self.reading, headers(self.template), plan, self.display, progress
        return Dispatch(self.session, self.engine, self.errand, *about, self.outcomes)

    def _questions(self) -> Questions:
        return questions(self.template, [])

    def _fits(self, reply: Any) -> bool:
        return not self.reading.value(self.reading.kept(reply))[1]


def _like(one: Open) -> tuple[str, ...]:
    """Return a question's texts, or texts of as many characters and bytes, which cost the same."""
    if one.texts is not None:
        return one.texts
    return tuple(_as_long(characters, size) for characters, size in one.sizes)


def _as_long(characters: int, size: int) -> str:
    wide, rest = divmod(size - characters, 3)
    last = ("", "é", "€")[rest]
    return "😀" * wide + last + "x" * (characters - wide - len(last))


def nothing(*_: Any) -> Any:
    """Rows that are not here are neither read nor made."""
