"""``%%m1 --each reviews --into label``: the same in a cell, its table bound to a name.

The variable that ``--each`` names is not changed; without ``-o`` the new table is shown, and is
``_m1`` until the next answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .. import api
from ..chats.chats import RepeatableCall
from ..context.frames import frame_named
from ..context.variables import resolve
from ..errors import UsageError, UserFacingError
from ..jupyter import binding, shell
from ..options.fields import Options
from ..text import one_line
from .job import Wish
from .mapping import mapped


def ask(here: Any, options: Options, prompt: str, variables: Mapping[str, object]) -> None:
    """Ask one question a row, and bind the table that comes of it in IPython's shell."""
    name = options.each
    if not name:
        raise UsageError(
            "--into, --gold, --at-least and --workers go with --each NAME, the table to ask."
        )
    if options.out == name:
        what = f"{one_line(name, 40)} is the table that is asked, and is not changed."
        raise UsageError(what, todo="Give the new table another name.")
    options = binding.allowed(options, variables)
    table = _table(name, variables)
    wish = Wish(gold=options.gold, at_least=options.at_least, quiet=options.quiet)
    wish = replace(wish, into=options.into or wish.into, workers=options.workers or wish.workers)
    api.chats().last = RepeatableCall(prompt, options)
    plain = replace(options, each=None, into=None, gold=None, at_least=None, workers=None)
    try:
        done = mapped(table, prompt, plain, wish, variables, dry_run=options.dry_run)
    except UserFacingError as error:
        if error.table is not None:
            _bind(here, error.table, options)
        raise
    if done is not None:
        _bind(here, done[0], options)


def _table(name: str, variables: Mapping[str, object]) -> Any:
    if name.partition(".")[0].partition("[")[0] in variables:
        return resolve(name, variables)
    return frame_named(name, variables)


def _bind(here: Any, table: object, options: Options) -> None:
    binding.bind_last(here, table)
    if options.out:
        binding.bind(here, options.out, table)
    elif not options.quiet:
        shell.display(table)
