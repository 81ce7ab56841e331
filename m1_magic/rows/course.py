"""How a run over rows goes, wherever its questions are asked: previewed, or announced and ended."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from dataclasses import replace
from typing import Any, Protocol

from ..calls import Request
from ..errors import NotAccurate, Stopped, UserFacingError
from ..interrupts import uninterrupted
from ..jupyter import shell
from ..session.loop import Session
from ..session.plan import Plan
from .before import Forecast
from .job import Wish
from .opening import tell, would_be_refused
from .outcomes import Outcome
from .progress import Display
from .report import Report, preview


class Run(Protocol):
    """A run, as far as it is."""

    session: Session
    wish: Wish
    display: Display
    stopped_by: BaseException | None

    @property
    def template(self) -> Request:
        """The request, with marks where values will stand."""

    @property
    def missing(self) -> Sized:
        """The questions that are to be asked."""

    @property
    def outcomes(self) -> Mapping[Any, Outcome]:
        """What became of the others, and of those that were asked."""

    def before(self, price: str) -> str:
        """Return what is asked, what leaves, and what that could cost."""

    def samples(self) -> list[str]:
        """Return the words of the first questions."""

    def plan(self) -> Plan:
        """Return the plan of the shortest question."""

    def foreseen(self, plan: Plan, *, check: bool = True) -> Forecast:
        """Return what it could cost; with ``check``, raise where that is too much."""

    def run(self, plan: Plan | None) -> None:
        """Ask what is to be asked."""

    def table(self) -> tuple[Any, Report]:
        """Return the table so far, and what was done."""


def completed(run: Run, dry_run: bool) -> tuple[Any, Report] | None:
    """Carry a run out and return its table and what was done; None for a dry run.

    Raises:
        UserFacingError: as `ended`, or before anything is asked.
    """
    if dry_run:
        _preview(run)
        return None
    plan = run.plan() if len(run.missing) else None
    price = "$0" if plan is None else str(run.foreseen(plan))
    if not run.wish.quiet:
        tell(run.before(price))
    return ended(run, plan)


def _preview(run: Run) -> None:
    plan = run.session.dry_plan(replace(run.template, keep=False))
    says = run.before(str(run.foreseen(plan, check=False)))
    refused = would_be_refused(lambda: run.foreseen(plan))
    shell.show(preview(says, run.samples(), plan.request.model, refused))


def ended(run: Run, plan: Plan | None) -> tuple[Any, Report]:
    """Carry a run out, show its end, and return its table and what was done.

    Raises:
        NotAccurate, Stopped: with the table so far as ``.table``; so does any other error by which
            no answer came.
    """
    inaccurate: NotAccurate | None = None
    try:
        run.run(plan)
    except NotAccurate as problem:
        inaccurate = problem
    except KeyboardInterrupt:  # between two steps of it
        run.stopped_by = run.stopped_by or Stopped("Stopped by you.", cost="", todo="")
    made, done = _shown(run)
    error = inaccurate or run.stopped_by
    if error is not None and (isinstance(error, (NotAccurate, Stopped)) or not _answered(run)):
        if isinstance(error, UserFacingError):
            error.table = made
        raise error
    return made, done


def _shown(run: Run) -> tuple[Any, Report]:
    """Return the table and what was done, shown, also where Stop is pressed once more."""
    found: tuple[Any, Report] | None = None
    while found is None:
        try:
            with uninterrupted():
                made, done = run.table()
                stable = run.session.settings.footer == "stable"
                run.display.end(done.page(), done.record(stable=stable) if done.asked else {})
                found = made, done
        except KeyboardInterrupt:
            run.stopped_by = run.stopped_by or Stopped("Stopped by you.", cost="", todo="")
    return found


def _answered(run: Run) -> bool:
    return any(not outcome.why for outcome in run.outcomes.values())
