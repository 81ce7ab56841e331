"""What begins each run over rows: which options it takes, its request, and what is told."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from .. import api
from ..calls import Request
from ..errors import BudgetExceeded, UsageError
from ..jupyter import shell
from ..options.fields import Options
from ..render.front_end import in_notebook
from ..text import md_cell, one_line, plural, thousands
from .questions import Asking, asking
from .reading import Reading
from .tables import Rows

INTO = "answer"
# Options that are about one question in one cell.
NOT_HERE = ("chat", "cells", "error", "exact", "diff", "cols", "df_tokens", "tools", "yes", "code")
TOGETHER = "Name a new column for all fields together: --into COL."


def check_options(options: Options) -> None:
    """Raise UsageError for options that rows do not take."""
    if options.several:
        what = "Several models, temperatures or answers are for one question."
        raise UsageError(what, todo="Name one model and one temperature, and leave out -n.")
    for name in NOT_HERE:
        if getattr(options, name):
            what = f"--{name.replace('_', '-')} is for one question, not for rows."
            raise UsageError(what, todo="Leave it out, or ask row by row: ask() takes it.")


def opened(
    given: Rows, prompt: str, options: Options, names: Mapping[str, object], into: str | None
) -> tuple[Asking, Request, Reading]:
    """Return the columns that are asked about, the request with marks in their values' places, and
    how its answers are read.

    Raises:
        UsageError: the prompt names no column, or the new columns would take the place of others.
    """
    marked = asking(prompt, given, names)
    template = api.prepare(marked.prompt, replace(options, allow=()), names)
    template = replace(template, prompt=prompt, keep=None if not options.fresh else False)
    reading = Reading(options, names, api.session().settings)
    _check_new(() if given.alone else given.names, into, reading)
    return marked, template, reading


def _check_new(names: Sequence[str], into: str | None, reading: Reading) -> None:
    """Raise UsageError where fields of data would take the place of columns."""
    taken = [name for name in reading.fields if name in names and into is None]
    if taken:
        what = f"The table has a column {one_line(taken[0], 60)!r} already."
        raise UsageError(what, todo=TOGETHER)
    if into is None and (status := f"{INTO}_status") in reading.fields:
        what = f"{status} is the column that says why a row has no answer, and cannot be a field."
        raise UsageError(what, todo=TOGETHER)


def says(
    rows: int, distinct: int, kept: int, blank: int, price: str, leaving: Sequence[str]
) -> str:
    """Return what is asked, what leaves, and what that could cost."""
    columns = ", ".join(one_line(name, 40) for name in leaving)
    parts = [
        plural(rows, "row"),
        plural(distinct, "distinct question"),
        f"{thousands(kept)} kept" if kept else "",
        f"{thousands(blank)} without text" if blank else "",
        price,
        f"leaves: {columns}" if leaving else "nothing leaves",
    ]
    return " · ".join(part for part in parts if part)


def would_be_refused(priced: Callable[[], object]) -> str:
    """Return why a run would be refused by its price, "" if it would not."""
    try:
        priced()
    except BudgetExceeded as refused:
        return f"It would be refused: {refused.what} {refused.todo}"
    return ""


def tell(words: str) -> None:
    """Show a line: in a notebook as output, else on stderr, beside a script's own output."""
    with suppress(Exception):  # nobody looks, where nothing can be shown
        if in_notebook(shell.current()):
            shell.show(md_cell(words))
        else:
            sys.stderr.write(words + "\n")
