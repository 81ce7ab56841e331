"""One run over a table: what is kept is taken up, the rest priced, asked, put into columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ..calls import Reply
from ..errors import LedgerProblem, NotAccurate
from ..ledger import answers as ledger_answers
from ..pricing.dollars import money
from ..privacy import redaction
from ..session.loop import Session
from ..session.plan import Plan
from .before import Forecast, check_price, foreseen
from .columns import columns, report
from .kept import Answers
from .pilot import MOST, Accuracy, accuracy
from .progress import Progress, Shown
from .questions import Questions, withheld
from .reading import Reading
from .report import Report
from .running import Outcome, Run
from .tables import Rows

INTO = "answer"
AT_A_TIME = 2_000  # requests whose kept answers are looked for


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
    workers: int = 64
    quiet: bool = False


@dataclass(slots=True)
class Job:
    """The questions of a table, and what came of them so far.

    ``tell`` shows a line; ``preview``: it is only to be said what would be asked.
    """

    session: Session
    rows: Rows
    asked: Questions
    wish: Wish
    tell: Callable[[str], None]
    reading: Reading
    preview: bool = False
    answers: Answers = field(init=False)
    shown: Shown = field(init=False)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    stopped_by: BaseException | None = None
    began: float = 0.0

    def __post_init__(self) -> None:
        self.shown = Shown(self.wish.quiet)
        fresh = self.asked.template.keep is False
        self.answers = Answers(self.session, fresh, self.fits, preview=self.preview)

    def take_up(self) -> None:
        """Take up what is kept, and find out what is to be asked, and may be sent."""
        missing, saved = list[int](), Decimal(0)
        for start in range(0, len(self.asked.texts), AT_A_TIME):
            numbers = range(start, min(start + AT_A_TIME, len(self.asked.texts)))
            requests = [self.asked.request(n) for n in numbers]
            found = self.answers.of(requests)
            for n, request, kept in zip(numbers, requests, found, strict=True):
                if kept is None:
                    missing.append(n)
                    continue
                value, why = self.reading.value(self.reading.kept(kept.reply))
                self.outcomes[n] = Outcome(value, why, kept=True, id=kept.reply.id)
                saved += kept.cost or 0
                if not kept.taped:
                    self.answers.add(request, kept.reply, kept.cost)
        if self.answers.only_tape and missing:
            self._only_tape(missing)
            missing = []
        self.missing = [n for n in missing if self.may_leave(n)]
        kept_now = sum(one.kept for one in self.outcomes.values())
        if kept_now and not self.preview:
            with suppress(LedgerProblem):
                now = self.session.now()
                ledger_answers.replayed(self.session.ledger, saved, now, kept_now)

    def plan(self) -> Plan:
        """Return the plan of the shortest question; raises as `Session.plan`."""
        shortest = min(self.missing, key=lambda n: sum(map(len, self.asked.texts[n])))
        return self.session.plan(self.asked.request(shortest))

    def foreseen(self, plan: Plan, *, check: bool = True) -> Forecast:
        """Return what is to be asked could cost; raise BudgetExceeded where that is too much."""
        total, holds = foreseen(self.session, plan, map(self.asked.request, self.missing))
        first = self.asked.first_rows()
        if check:
            check_price(self.session, plan, total, holds, [first[n] for n in self.missing])
        return total

    def run(self, plan: Plan | None) -> None:
        """Ask what is to be asked: first those of the pilot, if there is one.

        Raises:
            NotAccurate: it was not right often enough.
        """
        pilot = self._pilot()
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
            self.shown,
            self.outcomes,
        )
        self.began = run.progress.began
        try:
            todo = [n for n in pilot if n not in self.outcomes]
            if todo:
                run.ask(todo, self.asked.request)
            if pilot and run.stopped_by is None:
                self._judge(pilot)
            if run.stopped_by is None:
                rest = [n for n in self.missing if n not in self.outcomes]
                if rest:
                    run.ask(rest, self.asked.request)
        finally:
            run.shown.close()
            self.answers.write()
            self.stopped_by = run.stopped_by
            self.notes += [run.note, self.answers.note]

    def table(self) -> tuple[Any, Report]:
        """Return the table with its new columns, and what the run did."""
        fields = self.reading.fields if self.wish.into is None else ()
        into = self.wish.into or INTO
        made = columns(self.asked.of_row, self.outcomes, into, fields)
        statuses = made.get(f"{into}_status", [])
        seconds = self.session.clock() - self.began if self.began else 0.0
        notes = [*self.notes, self._ending()]
        done = report(self.rows.count, self.outcomes, statuses, seconds, notes)
        return self.rows.made(made), done

    @property
    def came(self) -> bool:
        """Did any answer come?"""
        return any(not outcome.why for outcome in self.outcomes.values())

    def fits(self, reply: Reply) -> bool:
        """Is a kept answer what is wanted?"""
        return not self.reading.value(self.reading.kept(reply))[1]

    def _pilot(self) -> list[int]:
        """Return the first questions whose answers are known."""
        if self.wish.gold is None:
            return []
        known = [
            number
            for number, gold in zip(self.asked.of_row, self.wish.gold, strict=True)
            if number is not None and gold is not None
        ]
        return list(dict.fromkeys(known))[:MOST]

    def _judge(self, pilot: Sequence[int]) -> None:
        """Say how many answers were right; raise NotAccurate where these are too few."""
        found, wish = self._accuracy(pilot), self.wish
        self.notes.append(f"pilot: {found}")
        if not wish.quiet:
            self.tell(self.notes[-1])
        if wish.at_least is not None and found.share < wish.at_least:
            self.answers.write()
            costs = [self.outcomes[n].cost for n in pilot if n in self.outcomes]
            known = sum((cost for cost in costs if cost is not None), Decimal(0))
            raise NotAccurate(
                f"The pilot was right in {found}, which is below at_least={wish.at_least:g}."
                " Nothing more was asked.",
                cost=f"It cost {money(known)}.",
            )

    def _accuracy(self, pilot: Sequence[int]) -> Accuracy:
        assert self.wish.gold is not None
        rows, pairs = self.asked.rows_of(), list[tuple[object, object]]()
        for number in pilot:
            row = next(row for row in rows[number] if self.wish.gold[row] is not None)
            outcome = self.outcomes.get(number)
            pairs.append((outcome and outcome.value, self.wish.gold[row]))
        return accuracy(pairs)

    def _ending(self) -> str:
        """Return what stopped all, if anything did."""
        return "" if self.stopped_by is None else f"Stopped early: {self.stopped_by}"

    def _only_tape(self, missing: list[int]) -> None:
        problem = self.answers.missing(self.asked.request(missing[0]))
        if len(missing) == len(self.asked.texts):
            raise problem
        for n in missing:
            self.outcomes[n] = Outcome(why="not on the tape", asked=False)

    def may_leave(self, number: int) -> bool:
        """May a question leave? Where it may not, its outcome says why."""
        policy = redaction.policy(self.session.settings)
        why = withheld(self.asked.request(number), policy)
        if why:
            self.outcomes[number] = Outcome(why=why, asked=False)
        return not why
