"""The three tags that models write for want of Markdown: ``<br>``, ``<sub>`` and ``<sup>``.

They have no attribute, so that nothing can be in them; every other tag stays text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline

BREAK = re.compile(r"<br[ \t]*/?>", re.IGNORECASE)
_PAIR = re.compile(r"<(su[bp])>", re.IGNORECASE)
LONGEST = 200  # characters between the two tags of a pair


def tags(md: MarkdownIt) -> None:
    """Teach ``md`` these tags."""
    md.inline.ruler.before("autolink", "tags", _tag)


def _tag(state: StateInline, silent: bool) -> bool:
    if line_break := BREAK.match(state.src, state.pos, state.posMax):
        if not silent:
            state.push("hardbreak", "br", 0)
        state.pos = line_break.end()
        return True
    opened = _PAIR.match(state.src, state.pos, state.posMax)
    if not opened:
        return False
    limit = min(state.posMax, opened.end() + LONGEST)
    closed = re.compile(f"</{opened[1]}>", re.IGNORECASE).search(state.src, opened.end(), limit)
    if not closed:
        return False
    if not silent:
        name, maximum = opened[1].lower(), state.posMax
        state.push(f"{name}_open", name, 1)
        state.pos, state.posMax = opened.end(), closed.start()
        state.md.inline.tokenize(state)
        state.posMax = maximum
        state.push(f"{name}_close", name, -1)
    state.pos = closed.end()
    return True
