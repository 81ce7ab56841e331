"""Calls of tools in an answer, as JSON: in the ledger's rows, and on tapes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, get_args, get_type_hints

from ..calls import ToolEnded
from ..messages import ToolCall

WIRE = re.compile(r"[A-Za-z0-9_-]{1,200}")
OUTCOMES = get_args(get_type_hints(ToolEnded)["outcome"])


def written(ended: Sequence[ToolEnded]) -> list[list[Any]]:
    """Return calls and what became of them, as JSON."""
    return [
        [one.call.id, one.call.name, one.call.arguments, one.text, one.outcome, one.at]
        for one in ended
    ]


def read(stored: Any) -> tuple[ToolEnded, ...]:
    """Return what `written` made JSON of; raises ValueError or TypeError for anything else."""
    return tuple(_one(*values) for values in stored)


def _one(id: Any, name: Any, arguments: Any, text: Any, outcome: Any, at: Any) -> ToolEnded:
    if not all(isinstance(one, str) for one in (id, name, arguments, text)):
        raise TypeError("no text")
    if not (WIRE.fullmatch(id) and WIRE.fullmatch(name)):  # a chat sends them again
        raise ValueError("no id, or no name")
    if outcome not in OUTCOMES or type(at) is not int or at < 0:
        raise ValueError("no outcome, or no place")
    return ToolEnded(ToolCall(id, name, arguments), text, outcome, at)
