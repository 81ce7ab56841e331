"""Values of options that have a way of writing of their own: ``--cells``, ``--think``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..errors import UsageError
from ..pricing.tokens import ANSWER_TOKENS
from ..settings.traits import effort
from ..text import one_line

CELLS = re.compile(r"last|all|\d{1,9}(?:-\d{1,9})?")


def cell_spec(spec: object) -> str:
    """Return what ``--cells`` asks for, in its one way of writing.

    Raises:
        UsageError: it is no list of ``3``, ``3-7``, ``last`` and ``all``.
    """
    parts = [part.strip() for part in str(spec).split(",") if part.strip()]
    for part in parts or [""]:
        first, _, last = part.partition("-")
        if not CELLS.fullmatch(part) or (last and int(first) > int(last)):
            raise UsageError(
                f"--cells does not take {one_line(part, 40)!r}.",
                todo="Write execution counts: 3, 3-7, 3,5-7, last or all.",
            )
    return ",".join(parts)


def thinking(level: str | None) -> tuple[Mapping[str, Any] | None, int]:
    """Return OpenRouter's ``reasoning`` for ``--think``, and the ``max_tokens`` it needs."""
    if level is None:
        return None, 0
    found = effort(level)
    if isinstance(found, str):
        return {"effort": "none" if found == "off" else found}, 0
    return {"max_tokens": found}, found + ANSWER_TOKENS
