"""``%m1 explain``: a cell and what it showed, explained."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from ..chats.chats import RepeatableCall
from ..errors import UsageError
from ..options import after_text, flags, kinds
from .verb_context import VerbContext

PROMPT = "Explain this cell of my notebook and what it showed."


def explain(context: VerbContext, rest: str) -> RepeatableCall:
    """Return what asks about a cell by its number, or about the last one that ran."""
    options, words = flags.options(rest, text=True)
    after_text.check("%m1 explain", rest, words, context.namespace)
    first, _, others = words.partition(" ")
    spec = options.cells or "last"
    if first:
        with suppress(UsageError, ValueError):  # else the words begin at once
            spec, words = kinds.cells(first), others.strip()
    options = replace(options, cells=spec, task=options.task or "explain")
    return RepeatableCall(f"{PROMPT}\n\n{words}" if words else PROMPT, options)
