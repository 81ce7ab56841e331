"""Fences: a document in a fence may hold fences, as models write a README.

CommonMark ends ```` ```markdown ```` at the first line of bare backticks, which is meant to end a
``` ```python ``` inside of it. Here a fence that is opened inside of a Markdown document is closed
first. All other fences are CommonMark's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock

DOCUMENTS = {
    *("markdown", "md", "mdx", "mdown", "mkd", "gfm", "commonmark", "rmd", "rmarkdown", "qmd"),
    *("quarto", "myst"),
}
_FENCE = re.compile(r"(`{3,}|~{3,})([^\n]*)")


def word(info: str) -> str:
    """Return the language of an info string, as the laxest front end reads it."""
    return next(iter(info.split()), "").casefold()


def language(info: str) -> str:
    """Return the first word of an info string, its escapes and entities undone."""
    from markdown_it.common.utils import unescapeAll

    return next(iter(unescapeAll(info).split()), "")


def fences(md: MarkdownIt) -> None:
    """Teach ``md`` documents with fences inside."""
    from markdown_it.rules_block import fence

    def rule(state: StateBlock, first: int, last: int, silent: bool) -> bool:
        if silent or state.is_code_block(first):
            return bool(fence(state, first, last, silent))
        opened = _FENCE.fullmatch(line_of(state, first))
        if not opened or word(opened[2]).strip("{}.") not in DOCUMENTS or "`" in opened[2]:
            return bool(fence(state, first, last, silent))
        end, closed = _end(state, first, last, opened[1])
        state.line = end + closed
        token = state.push("fence", "code", 0)
        token.info, token.markup = opened[2], opened[1]
        token.content = state.getLines(first + 1, end, state.sCount[first], True)
        token.map = [first, state.line]
        return True

    md.block.ruler.at("fence", rule, {"alt": ["paragraph", "reference", "blockquote", "list"]})


def _end(state: StateBlock, first: int, last: int, outer: str) -> tuple[int, bool]:
    """Return the line after the document, and whether that is a fence which closes it."""
    inner = ""
    for number in range(first + 1, last):
        line = line_of(state, number)
        if line.strip() and state.sCount[number] < state.blkIndent:
            return number, False
        mark, info = _bare(state, number, outer)
        if not mark:
            continue
        if inner:
            inner = "" if not info and len(mark) >= len(inner) else inner
        elif info or _opens(state, number, last, outer):
            inner = mark if "`" not in info else ""
        else:
            return number, True
    return last, False


def _bare(state: StateBlock, number: int, outer: str) -> tuple[str, str]:
    """Return the marks of a line that could close ``outer``, and what stands behind them."""
    match = _FENCE.fullmatch(line_of(state, number))
    if not match or state.is_code_block(number) or not match[1].startswith(outer):
        return "", ""
    return match[1], match[2].strip()


def _opens(state: StateBlock, number: int, last: int, outer: str) -> bool:
    """Does a bare fence in a document look as if it opened code, and not as the document's end?

    It follows an empty line or a colon, code follows at once, and of two more bare fences the next
    one looks like an end.
    """

    def begins(at: int) -> bool:
        before = line_of(state, at - 1).strip()
        after = line_of(state, at + 1).strip() if at + 1 < last else ""
        return (not before or before.endswith((":", "："))) and bool(after)

    if not begins(number):
        return False
    later = []
    for at in range(number + 1, last):
        mark, info = _bare(state, at, outer)
        if mark and info:
            break
        if mark:
            later.append(at)
    return len(later) > 1 and not begins(later[0])


def line_of(state: StateBlock, number: int) -> str:
    """Return a line of the block that is being read."""
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]]
