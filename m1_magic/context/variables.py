"""``name.attr[0]['key']`` → the variable, or the part of one, that it stands for.

Nothing is evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..errors import UsageError
from ..text import one_line

NAME = r"[^\W\d]\w*"
STEP = rf"""\.(?!_){NAME}|\[-?\d{{1,18}}\]|\[(?:'[^'\\\n]*'|"[^"\\\n]*")\]"""
PATH = re.compile(rf"({NAME})((?:{STEP})*)")
STEPS = re.compile(STEP)
SHELL = {"In", "Out", "get_ipython", "exit", "quit", "open"}


def resolve(expression: str, namespace: Mapping[str, object]) -> object:
    """Return what ``name.attr[0]['key']`` stands for, without evaluating anything.

    Raises:
        UsageError: not of that form, or a step fails; the exception's type is named, nothing
            of its text.
    """
    match = PATH.fullmatch(expression)
    if match is None or match[1] not in namespace:
        raise UsageError(
            f"{one_line(expression, 60)!r} is not the name of a variable.",
            todo="Write NAME, then any of .attr, [0] or ['key'], without spaces.",
        )
    value = namespace[match[1]]
    try:
        for step in STEPS.findall(match[2]):
            if step[0] == ".":
                value = getattr(value, step[1:])
            else:
                key = step[2:-2] if step[1] in "'\"" else int(step[1:-1])
                value = value[key]  # type: ignore[index]
    except Exception as error:  # properties and __getitem__ are the user's code
        kind = one_line(type(error).__name__, 60)
        raise UsageError(
            f"{one_line(expression, 60)} cannot be read: {kind}.",
            todo="Try it in a cell of its own.",
        ) from None
    return value


def public_names(namespace: Mapping[str, object]) -> list[str]:
    """Return the names that a suggestion may mention: none of IPython's own, none with ``_``."""
    return [name for name in namespace if not name.startswith("_") and name not in SHELL]
