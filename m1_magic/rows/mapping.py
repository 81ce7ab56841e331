"""``map()``: a table's questions, asked at the same time, back as columns of the same table.

Before the first one it is said what is asked, what leaves and what it could cost; what is kept is
taken up; what failed or was not asked has a status, and is all that the next run asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from .. import api
from ..errors import NOTHING_SENT, Stopped, UsageError, UserFacingError, packages_named
from ..jupyter import shell
from ..options import flags
from ..options.fields import OPTIONS, Options
from ..text import one_line, plural, thousands
from .cells import listed
from .cluster import engine_of
from .cluster import mapped as cluster_mapped
from .course import completed
from .job import WORKERS, Job, Wish
from .opening import check_options, opened
from .questions import check_personal, questions
from .report import Report
from .tables import Rows, rows, telling_failures


def map(
    table: Any,
    prompt: str,
    *,
    into: str | None = None,
    gold: Any = None,
    at_least: float | None = None,
    workers: int = WORKERS,
    dry_run: bool = False,
    quiet: bool = False,
    namespace: Mapping[str, object] | None = None,
    **options: Any,
) -> Any:
    """Ask one question a row; return the same kind of table with the answers in a new column.

    Args:
        table: a pandas, Polars or Arrow table, a DuckDB relation, a Series, a list of texts; a
            table of Dask or Spark, whose partitions are asked by tasks of its engine.
        prompt: the question; ``{{column}}`` stands for the row's value (``{{text}}`` where there
            is but one), any other ``{{name}}`` for a value of ``namespace``.
        into: the new column, ``answer`` by default; of ``returns=`` with fields, one for each.
            ``{into}_status`` says why a row has no answer, if any has none.
        gold: a column, or values by row (of pandas: by label, where those are the same), of what is
            known: at most 30 such rows are asked first.
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
        with packages_named():
            chosen = from_python(options)
            known = gold if gold is None or isinstance(gold, str) else _known(gold, table)
            wish = Wish(into, known, at_least, workers, quiet)
            names = dict(shell.namespace() if namespace is None else namespace)
            done = mapped(table, prompt, chosen, wish, names, dry_run=dry_run)
            return done and done[0]
    except UserFacingError as error:
        error.frames = "users"
        raise


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
    check_options(options)
    wish = _checked(wish)
    if (engine := engine_of(table)) is not None:
        return cluster_mapped(engine, prompt, options, wish, names, dry_run=dry_run)
    job = None
    try:
        with telling_failures():
            given = rows(table)
        job = _job(given, prompt, options, wish, names, dry_run)
        job.take_up()
        return completed(job, dry_run)
    except Stopped:
        raise
    except KeyboardInterrupt:
        if job is not None and job.began:
            raise
        what = "Stopped by you, before the first question was asked."
        raise Stopped(what, cost=NOTHING_SENT, todo="") from None


def _checked(wish: Wish) -> Wish:
    """Return a wish as the options of a cell have it; raises UsageError."""
    given = {name: getattr(wish, name) for name in ("into", "at_least", "workers")}
    read = {name: OPTIONS[name].read(value) for name, value in given.items() if value is not None}
    if wish.at_least is not None and wish.gold is None:
        what = "at_least is a share of the answers that are known, and no gold is named."
        raise UsageError(what, todo="Name the column that has them: --gold COL.")
    return replace(wish, **{"workers": WORKERS, **read})


def _job(
    given: Rows,
    prompt: str,
    options: Options,
    wish: Wish,
    names: Mapping[str, object],
    dry_run: bool,
) -> Job:
    """Return a run over these rows, before anything is looked for."""
    if isinstance(wish.gold, str):
        with telling_failures():
            wish = replace(wish, gold=column(given, wish.gold))
    if wish.gold is not None and len(wish.gold) != given.count:
        raise UsageError(
            f"gold has {thousands(len(wish.gold))} values for {plural(given.count, 'row')}."
        )
    marked, template, reading = opened(given, prompt, options, names, wish.into)
    with telling_failures():
        columns = [given.read(place) for place in marked.places]
        check_personal(marked, columns, options.allow)
        made = questions(template, columns)
    return Job(api.session(), given, marked, made, wish, reading, preview=dry_run)


def column(given: Rows, name: str) -> list[Any]:
    """Return the column that has what is known; raises UsageError."""
    place = given.place(name)
    if place is None:
        raise UsageError(f"There is no column {one_line(name, 60)!r} for gold.", todo="")
    return given.read(place)


def _known(values: Any, table: Any) -> Any:
    if isinstance(values, (list, tuple, Iterator)):
        return listed(list(values))
    try:
        return rows(_in_order_of(table, values)).read(0)
    except UsageError:
        kind = one_line(type(values).__name__, 60)
        what = f"gold is the name of a column, or a value for each row, and not of type {kind}."
        raise UsageError(what, todo="") from None


def _in_order_of(table: Any, values: Any) -> Any:
    """Return values of pandas in the order of a table whose rows have the same labels."""
    there: Any = getattr(values, "index", None)
    wanted: Any = getattr(table, "index", None)
    if not (hasattr(there, "get_indexer") and hasattr(wanted, "get_indexer")):
        return values
    if len(there) != len(wanted) or not (there.is_unique and wanted.is_unique):
        return values
    places = there.get_indexer(wanted)
    return values.iloc[places] if (places >= 0).all() else values
