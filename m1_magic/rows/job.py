"""One run over a table: what is kept is taken up, the rest priced, asked, put into columns."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ..calls import Reply, Request
from ..errors import LedgerProblem, NotAccurate
from ..ledger import answers as ledger_answers
from ..privacy import redaction
from ..session.loop import Session
from ..session.plan import Plan
from .before import Forecast, Price, check_price, foreseen, priced
from .columns import columns, report
from .kept import Answers
from .opening import INTO, says
from .outcomes import Outcome, Outcomes
from .pilot import MOST, accuracy, none_known
from .progress import Display, Progress
from .questions import Asking, Questions, withheld
from .reading import Reading
from .report import Report, price_so_far
from .running import Run
from .tables import Rows

WORKERS = 64
SAMPLES = 3  # questions of a dry run
AT_A_TIME = 500  # requests whose kept answers are looked for


@dataclass(frozen=True, slots=True)
class Wish:
    """How a table is to be asked.

    ``into`` None: ``answer``, or columns by the names of the fields of data.
    ``gold`` has what is known by row, None where it is not, or is the column that has it;
    ``at_least``: below this share of right answers nothing more is asked.
    """

    into: str | None = None
    gold: Sequence[Any] | None = None
    at_least: float | None = None
    workers: int = WORKERS
    quiet: bool = False


@dataclass(slots=True)
class Job:
    """The questions of a table, and what came of them so far.

    ``judged`` says how right the pilot was; ``preview``: it is only to be said what would be asked.
    """

    session: Session
    rows: Rows
    marked: Asking
    questions: Questions
    wish: Wish
    reading: Reading
    preview: bool = False
    answers: Answers = field(init=False)
    display: Display = field(init=False)
    outcomes: Outcomes = field(init=False)
    policy: redaction.Policy = field(init=False)
    notes: list[str] = field(default_factory=list)
    missing: Sequence[int] = ()
    stopped_by: BaseException | None = None
    began: float = 0.0
    judged: str = ""

    def __post_init__(self) -> None:
        self.display = Display(self.wish.quiet)
        self.policy = redaction.policy(self.session.settings)
        self.outcomes = Outcomes(len(self.questions))
        fresh = self.questions.template.keep is False
        self.answers = Answers(self.session, fresh, self.fits, preview=self.preview)

    def take_up(self) -> None:
        """Take up what is kept, and find out what is to be asked, and may be sent."""
        missing, saved, kept_now = array("q"), Decimal(0), 0
        for start in range(0, len(self.questions), AT_A_TIME):
            numbers = range(start, min(start + AT_A_TIME, len(self.questions)))
            requests = [self.questions.request(n) for n in numbers]
            answers = self.answers.of(requests)
            for n, request, kept in zip(numbers, requests, answers, strict=True):
                if kept is None:
                    if self.answers.only_tape or self.may_leave(n, request):
                        missing.append(n)
                    continue
                value, why = self.reading.value(self.reading.kept(kept.reply))
                self.outcomes[n] = Outcome(value, why, kept=True, id=kept.reply.id)
                saved, kept_now = saved + (kept.cost or 0), kept_now + 1
                if not kept.taped:
                    self.answers.add(request, kept.reply, kept.cost)
        if self.answers.only_tape and missing:
            self._only_tape(missing)
            missing = array("q")
        self.missing = missing
        if kept_now and not self.preview:
            with suppress(LedgerProblem):
                now = self.session.now()
                ledger_answers.replayed(self.session.ledger, saved, now, kept_now)

    @property
    def template(self) -> Request:
        """The request, with marks where values will stand."""
        return self.questions.template

    def before(self, price: str) -> str:
        """Return what is asked, what leaves, and what that could cost."""
        kept = sum(outcome.kept for outcome in self.outcomes.values())
        names = self.marked.names if self.missing else ()
        blank = self.questions.of_row.count(-1)
        return says(self.rows.count, len(self.questions), kept, blank, price, names)

    def samples(self) -> list[str]:
        """Return the words of the first questions."""
        return [self.questions.filled(n) for n in range(min(SAMPLES, len(self.questions)))]

    def plan(self) -> Plan:
        """Return the plan of the shortest question; raises as `Session.plan`."""
        shortest = min(self.missing, key=self.questions.length)
        return self.session.plan(self.questions.request(shortest))

    def foreseen(self, plan: Plan, *, check: bool = True) -> Forecast:
        """Return what is to be asked could cost; raise BudgetExceeded where that is too much."""

        def prices() -> Iterator[Price]:
            return priced(self.session, plan, map(self.questions.request, self.missing))

        total = foreseen(self.session, plan, prices())
        if check:
            rows = map(self.questions.first.__getitem__, self.missing)
            check_price(self.session, plan, total, prices(), rows)
        return total

    def run(self, plan: Plan | None) -> None:
        """Ask what is to be asked: first those of the pilot, if there is one.

        Raises:
            NotAccurate: it was not right often enough.
        """
        pilot = self._pilot()
        if self.wish.at_least is not None and len(self.questions) and not pilot:
            raise none_known()
        if plan is None:
            if pilot:
                self._judge(pilot)
            return
        run = Run(
            self.session,
            plan,
            self.wish.workers,
            self.reading.value,
            self.reading.processor,
            self.answers.called,
            Progress(len(self.missing), self.rows.count),
            self.display,
            self.outcomes,
        )
        self.began = run.progress.began
        try:
            self._ask(run, pilot)
            if pilot and run.stopped_by is None:
                self._judge(pilot)
                run.progress.pilot = self.judged
            if run.stopped_by is None:
                self._ask(run, self.missing)
        finally:
            run.display.close()
            self.answers.write()
            self.stopped_by = run.stopped_by
            self.notes += [run.note, self.answers.note, *self.session.ledger.news()]

    def table(self) -> tuple[Any, Report]:
        """Return the table with its new columns, and what the run did."""
        fields = self.reading.fields if self.wish.into is None and not self.rows.alone else ()
        into = self.wish.into or INTO
        of_row = (None if number < 0 else number for number in self.questions.of_row)
        made = columns(of_row, self.outcomes, into, fields, self.rows.names)
        statuses = made.get(f"{into}_status", [])
        seconds = self.session.clock() - self.began if self.began else 0.0
        about = self.outcomes.calls, statuses, seconds, self.notes, self.stopped_by
        done = report(self.rows.count, self.outcomes.values(), *about)
        return self.rows.made(made), done

    def fits(self, reply: Reply) -> bool:
        """Is a kept answer what is wanted?"""
        return not self.reading.value(self.reading.kept(reply))[1]

    def _ask(self, run: Run, numbers: Iterable[int]) -> None:
        """Ask those of these questions that have no outcome yet."""
        left = array("q", (n for n in numbers if n not in self.outcomes))
        if left:
            run.ask(left, self.questions.request)

    def _pilot(self) -> dict[int, Any]:
        """Return what is known of the first questions whose answers are."""
        pilot: dict[int, Any] = {}
        for number, gold in zip(self.questions.of_row, self.wish.gold or (), strict=False):
            if number >= 0 and gold is not None and len(pilot) < MOST:
                pilot.setdefault(number, gold)
        return pilot

    def _judge(self, pilot: Mapping[int, Any]) -> None:
        """Note how many answers were right; raise NotAccurate where these are too few."""
        outcomes, wish = {n: self.outcomes.get(n) for n in pilot}, self.wish
        right = accuracy((one and one.value, pilot[n]) for n, one in outcomes.items())
        self.notes.append(f"pilot: {right}")
        if wish.at_least is not None and right.share < wish.at_least:
            self.answers.write()
            asked = [one for one in outcomes.values() if one is not None]
            known = sum((one.cost_so_far for one in asked), Decimal(0))
            cost = price_so_far(known, sum(one.cost is None for one in asked))
            raise NotAccurate(
                f"The pilot had {right}, which is below at_least={wish.at_least:g}."
                " Nothing more was asked.",
                cost=f"It cost {cost}.",
            )
        self.judged = f"pilot {right.share:.0%} right"

    def _only_tape(self, missing: Sequence[int]) -> None:
        problem = self.answers.missing(self.questions.request(missing[0]))
        if len(missing) == len(self.questions):
            raise problem
        for n in missing:
            self.outcomes[n] = Outcome(why="not on the tape", asked=False)

    def may_leave(self, number: int, request: Request) -> bool:
        """May a question leave? Where it may not, its outcome says why."""
        why = withheld(request, self.policy)
        if why:
            self.outcomes[number] = Outcome(why=why, asked=False)
        return not why
