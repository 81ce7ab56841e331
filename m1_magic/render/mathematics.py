"""Formulas in Markdown: found before Markdown can eat their backslashes and underscores.

Rules for markdown-it: ``$..$``, ``$$..$$``, ``\\(..\\)`` and ``\\[..\\]`` become ``math`` tokens
whose content is the TeX. "$5 and $6" is money: a closing dollar has no space before it and no
digit after it. TeX that could make links, styles or new macros is shown, not typeset.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline

CLOSER = {"$$": "$$", "\\[": "\\]", "\\(": "\\)", "$": "$"}
LONGEST = 4000  # characters of a formula inside a paragraph; bounds the search
HIGHEST = 200  # lines of one that stands alone
_AFTER = re.compile(r"(?![0-9A-Za-z_{$])|(?=(?:th|st|nd|rd|s|d)\b)")
_TEXLIKE = re.compile(r"[\\^_=+<>]")


def math(md: MarkdownIt) -> None:
    """Teach ``md`` formulas."""
    md.inline.ruler.before("escape", "math", _inline)
    md.block.ruler.before(
        "fence", "math_block", _block, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )


def _opener(text: str, at: int) -> str:
    return next((mark for mark in CLOSER if text.startswith(mark, at)), "")


def _inline(state: StateInline, silent: bool) -> bool:
    text, start = state.src, state.pos
    mark = _opener(text, start)
    if not mark:
        return False
    inside = start + len(mark)
    end = text.find(CLOSER[mark], inside, min(inside + LONGEST, state.posMax))
    if end < 0 or not _formula(mark, text, start, inside, end):
        return False
    if not silent:
        token = state.push("math", "", 0)
        token.content = text[inside:end].strip()
        token.markup = "\\[" if mark in ("$$", "\\[") else "\\("
    state.pos = end + len(CLOSER[mark])
    return True


def _formula(mark: str, text: str, start: int, inside: int, end: int) -> bool:
    tex = text[inside:end]
    if not tex.strip() or "`" in tex:
        return False
    if mark == "\\[":  # else an escaped bracket, as in \[1\]
        return bool(_TEXLIKE.search(tex))
    if mark != "$":
        return True
    before = text[start - 1] if start else " "
    glued = (before.isascii() and before.isalnum()) or before in "$_"
    spaced = tex[0].isspace() or tex[-1].isspace() or tex[-1] == "\\"
    return not glued and not spaced and bool(_AFTER.match(text, end + 1))


def _block(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    mark = _opener(_line(state, first), 0)
    if mark not in ("$$", "\\[") or state.is_code_block(first):
        return False
    extent = _extent(state, first, last, mark)
    if extent is None or silent:
        return extent is not None
    tex, after, finished = extent
    token = state.push("math" if finished else "math_open_end", "", 0)
    token.block, token.map, token.markup = True, [first, after], "\\["
    token.content = tex.strip() if finished else tex
    state.line = after
    return True


def _extent(state: StateBlock, first: int, last: int, mark: str) -> tuple[str, int, bool] | None:
    """Return the TeX, the line after it, and whether it was closed; None if it is no formula."""
    alone = _line(state, first).strip() == mark
    lines: list[str] = []
    for number in range(first, min(last, first + HIGHEST)):
        line = _line(state, number)[2 if number == first else 0 :]
        if state.sCount[number] < state.blkIndent and line.strip():
            return None
        tex, closer, rest = line.partition(CLOSER[mark])
        if closer:
            tail = rest.strip()
            formula = "\n".join([*lines, tex])
            ok = len(tail) <= 1 and tail in ".,;:" and formula.strip()
            return (formula.rstrip() + tail, number + 1, True) if ok else None
        if not line.strip() and not alone:
            return None
        lines.append(line)
    # Not closed: the tail of a stream, if nothing but this formula follows.
    tail_of_all = len(lines) == state.lineMax - first and all(map(str.strip, lines[1:]))
    return (mark + "\n".join(lines), last, False) if tail_of_all else None


def _line(state: StateBlock, number: int) -> str:
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]]
