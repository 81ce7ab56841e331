"""Names that answers are bound to: by ``-o NAME`` and by the panel.

What the user made is never replaced: only what is a Reply, a list of them, or was bound here.
Nor is one of Python's own functions hidden: the cells below need ``print``.
"""

from __future__ import annotations

import builtins
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from ..calls import Reply
from ..errors import UsageError
from ..options.fields import Options, tables
from ..text import one_line

LAST = "_m1"
_bound: dict[str, object] = {}  # what was bound here and is no Reply, by name


def allowed(options: Options, variables: Mapping[str, object]) -> Options:
    """Return options whose ``--out`` may be bound; ``%m1 again`` has to force it again."""
    if options.out and not options.force_out:
        check(options.out, variables, tables(options))
    return replace(options, force_out=False)


def check(
    name: str,
    variables: Mapping[str, object],
    tables: Collection[str] = (),
    *,
    todo: str = "Give another name, or add --force-out.",
    cost: str | None = None,
) -> None:
    """Refuse a name that holds something of the user's, or a table of the same call."""
    displayed, value = one_line(name, 40), variables.get(name, getattr(builtins, name, variables))
    if name in tables:
        what = f"{displayed} is a table of this call, which the answer would replace."
        raise UsageError(what, todo=todo, cost=cost)
    if value is variables or replies(value) or value is _bound.get(name, _bound):
        return
    kind = one_line(type(value).__name__, 60)
    what = f"{displayed} is there already and is no Reply ({kind}), which the answer would replace."
    raise UsageError(what, todo=todo, cost=cost)


def bind(shell: Any, name: str, value: object) -> None:
    """Bind a name of the user's, which was checked before."""
    _bound.pop(name, None)
    if not replies(value):
        _bound[name] = value
    shell.push({name: value})


def bind_answer(shell: Any, name: str | None, reply: Reply, replies: list[Reply] | None) -> None:
    """Bind ``_m1``, and ``name`` if any; nothing takes the place of an earlier answer.

    Args:
        replies: of several; ``name`` stands for all of them.
    """
    bind_last(shell, reply)
    has_content = any(one.status == "ok" or one.text or one.thinking for one in replies or [reply])
    if name and has_content:
        bind(shell, name, reply if replies is None else replies)


def bind_last(shell: Any, value: object) -> None:
    """Bind ``_m1``; outside of IPython (None), do nothing."""
    if shell is not None:
        shell.push({LAST: value}, interactive=False)


def replies(value: object) -> bool:
    """Is it a Reply, or a list of them?"""
    if isinstance(value, (list, tuple)) and value:
        return all(isinstance(one, Reply) for one in value)
    return isinstance(value, Reply)
