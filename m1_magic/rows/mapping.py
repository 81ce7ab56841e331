"""``map()``: a table's questions, asked at the same time, back as columns of the same table.

Before the first one it is said what is asked, what leaves and what it could cost; what is kept is
taken up; what failed or was not asked has a status, and is all that the next run asks.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from .. import api
from ..errors import MissingPackage, NotAccurate, Stopped, UsageError, UserFacingError
from ..jupyter import shell
from ..options import flags
from ..options.fields import Options
from ..render.front_end import in_notebook
from ..text import md_cell, one_line, plural, thousands
from .job import Job, Wish
from .questions import Asking, asking, check_personal, questions
from .reading import Reading
from .report import Report, preview
from .tables import Rows, rows

# Options that are about one question in one cell.
NOT_HERE = ("chat", "cells", "error", "exact", "diff", "cols", "df_tokens", "tools", "yes")
SHOWN = 3  # questions of a dry run


def map(
    table: Any,
    prompt: str,
    *,
    into: str | None = None,
    gold: Any = None,
    at_least: float | None = None,
    workers: int = 64,
    dry_run: bool = False,
    quiet: bool = False,
    namespace: Mapping[str, object] | None = None,
    **options: Any,
) -> Any:
    """Ask one question a row; return the same kind of table with the answers in a new column.

    Args:
        table: a pandas, Polars or Arrow table, a DuckDB relation, a Series, a list of texts.
        prompt: the question; ``{{column}}`` stands for the row's value (``{{text}}`` where there
            is but one), any other ``{{name}}`` for a value of ``namespace``.
        into: the new column, ``answer`` by default; of ``returns=`` with fields, one for each.
            ``{into}_status`` says why a row has no answer, if any has none.
        gold: a column, or values by row, of what is known: at most 30 such rows are asked first.
        at_least: the share of them that must be right, or nothing more is asked.
        workers: how many calls are made at the same time.
        dry_run: show three questions and the price; ask nothing.
        quiet: show nothing.
        namespace: variables for ``{{name}}``; in IPython, the user's own if None.
        **options: as those of ``ask()``; ``max_cost`` is for all rows together, and ``allow`` names
            columns that look personal and may be sent.

    Raises:
        M1Error: nothing could be asked, or it would have cost too much.
        Stopped: a ``KeyboardInterrupt``, with the table so far as ``.table``.
    """
    try:
        chosen = from_python(options)
        if isinstance(gold, str):
            gold = column(rows(table), gold)
        wish = Wish(into, None if gold is None else _known(gold), at_least, workers, quiet)
        names = dict(shell.namespace() if namespace is None else namespace)
        found = mapped(table, prompt, chosen, wish, names, dry_run=dry_run)
        return found and found[0]
    except UserFacingError as error:
        error.frames = "users"
        raise
    except ModuleNotFoundError as error:
        raise MissingPackage.named(error) from None


def from_python(given: Mapping[str, Any]) -> Options:
    """Return keyword arguments as Options."""
    try:
        return flags.from_python(given, ())
    except TypeError as error:
        raise TypeError(str(error).replace("ask()", "map()", 1)) from None


def mapped(
    table: Any,
    prompt: str,
    options: Options,
    wish: Wish,
    names: Mapping[str, object],
    *,
    dry_run: bool = False,
) -> tuple[Any, Report] | None:
    """Return the table with its new columns and what was done; None for a dry run.

    Raises:
        UserFacingError: as `map`.
    """
    given = rows(table)
    job, asked = _job(given, prompt, options, wish, names)
    job.take_up()
    if dry_run:
        plan = job.session.dry_plan(replace(job.asked.template, keep=False))
        says = _before(job, asked, str(job.foreseen(plan, check=False)))
        filled = [job.asked.filled(n) for n in range(min(SHOWN, len(job.asked.texts)))]
        shell.show(preview(says, filled, plan.request.model))
        return None
    plan_ = job.plan() if job.missing else None
    says = _before(job, asked, str(job.foreseen(plan_)) if plan_ else "$0")
    if not wish.quiet:
        tell(says)
    inaccurate: NotAccurate | None = None
    try:
        job.run(plan_)
    except NotAccurate as problem:
        inaccurate = problem
    made, done = job.table()
    stable = job.session.settings.footer == "stable"
    job.shown.end(done.page(), done.record(stable=stable) if done.asked else {})
    error = inaccurate or job.stopped_by
    if error is not None and (isinstance(error, (NotAccurate, Stopped)) or not job.came):
        if isinstance(error, UserFacingError):
            error.table = made
        raise error
    return made, done


def _job(
    given: Rows, prompt: str, options: Options, wish: Wish, names: Mapping[str, object]
) -> tuple[Job, Asking]:
    """Return a run over these rows, before anything is looked for."""
    if options.several:
        raise UsageError("Several models, temperatures or answers are for one question.")
    for name in NOT_HERE:
        if getattr(options, name):
            raise UsageError(f"--{name.replace('_', '-')} is for one question, not for rows.")
    if wish.gold is not None and len(wish.gold) != given.count:
        raise UsageError(
            f"gold has {thousands(len(wish.gold))} values for {plural(given.count, 'row')}."
        )
    asked = asking(prompt, given)
    columns = [given.read(place) for place in asked.places]
    check_personal(asked, columns, options.allow)
    session = api.session()
    template = api.prepare(asked.prompt, replace(options, allow=()), names)
    template = replace(template, prompt=prompt, keep=None if not options.fresh else False)

    reading = Reading(options, names, session.settings)
    _check_new(given, wish, reading)
    return Job(session, given, questions(template, columns), wish, tell, reading), asked


def _check_new(given: Rows, wish: Wish, reading: Reading) -> None:
    """Raise UsageError where fields of data would take the place of columns."""
    taken = [name for name in reading.fields if name in given.names and wish.into is None]
    if taken:
        what = f"The table has a column {one_line(taken[0], 60)!r} already."
        raise UsageError(what, todo="Name a new column for all fields together: --into COL.")


def _before(job: Job, asked: Asking, price: str) -> str:
    """Return what is asked, what leaves, and what that could cost."""
    columns = ", ".join(one_line(name, 40) for name in asked.names)
    kept = sum(outcome.kept for outcome in job.outcomes.values())
    blank = job.asked.of_row.count(None)
    parts = [
        plural(job.rows.count, "row"),
        plural(len(job.asked.texts), "distinct question"),
        f"{thousands(kept)} kept" if kept else "",
        f"{thousands(blank)} without text" if blank else "",
        price,
        f"leaves: {columns}" if job.missing else "nothing leaves",
    ]
    return " · ".join(part for part in parts if part)


def tell(words: str) -> None:
    """Show a line: in a notebook as output, else on stderr, beside a script's own output."""
    if in_notebook(shell.current()):
        shell.show(md_cell(words))
    else:
        sys.stderr.write(words + "\n")


def column(given: Rows, name: str) -> list[Any]:
    """Return the column that has what is known; raises UsageError."""
    place = given.place(name)
    if place is None:
        raise UsageError(f"There is no column {one_line(name, 60)!r} for gold.", todo="")
    return given.read(place)


def _known(values: Iterable[Any]) -> list[Any]:
    given = rows(values) if not isinstance(values, (list, tuple)) else rows(list(values))
    return given.read(0)
