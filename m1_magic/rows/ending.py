"""How a run over rows ends, wherever it was carried out: its table, its footer, or its error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ..errors import NotAccurate, Stopped, UserFacingError
from ..session.loop import Session
from .progress import Shown
from .report import Report


class Run(Protocol):
    """A run, as far as it came."""

    session: Session
    shown: Shown
    stopped_by: BaseException | None

    @property
    def came(self) -> bool:
        """Did any answer come?"""

    def table(self) -> tuple[Any, Report]:
        """Return the table so far, and what was done."""


def ended(run: Run, carry_out: Callable[[], None]) -> tuple[Any, Report]:
    """Carry a run out, show its end, and return its table and what was done.

    Raises:
        NotAccurate, Stopped: with the table so far as ``.table``; so does any other error by which
            no answer came.
    """
    inaccurate: NotAccurate | None = None
    try:
        carry_out()
    except NotAccurate as problem:
        inaccurate = problem
    made, done = run.table()
    stable = run.session.settings.footer == "stable"
    run.shown.end(done.page(), done.record(stable=stable) if done.asked else {})
    error = inaccurate or run.stopped_by
    if error is not None and (isinstance(error, (NotAccurate, Stopped)) or not run.came):
        if isinstance(error, UserFacingError):
            error.table = made
        raise error
    return made, done
