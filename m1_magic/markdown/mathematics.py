"""Formulas in Markdown: found before Markdown can eat their backslashes and underscores.

Rules for markdown-it: ``$..$``, ``$$..$$``, ``\\(..\\)``, ``\\[..\\]`` and an environment without
any of them (``\\begin{align*}``) become ``math`` tokens whose content is the TeX. Money is no
formula: "$5 and $6" (a digit after the closing dollar), "$100 in the US, 130$" (words).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .fences import line_of

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline

CLOSER = {"$$": "$$", "\\[": "\\]", "\\(": "\\)", "$": "$"}
LONGEST = 4000  # characters of a formula inside a paragraph; bounds the search
SIGNS = 300  # braces, backslashes and dollars that are looked at for its end
HIGHEST = 200  # lines of one that stands alone
# Environments that are mathematics, those that may have a star first.
STARRED = ("equation", "align", "alignat", "flalign", "gather", "multline", "eqnarray")
PLAIN = (
    *("aligned", "alignedat", "gathered", "split", "cases", "dcases", "rcases", "array"),
    *("matrix", "pmatrix", "bmatrix", "vmatrix", "Bmatrix", "Vmatrix", "smallmatrix"),
)
_ENVIRONMENT = re.compile(rf"\\begin\{{((?:{'|'.join(STARRED)})\*?|{'|'.join(PLAIN)})\}}")
_SIGNS = {
    closer: re.compile(re.escape(closer) + r"|\\.|[{}]", re.DOTALL) for closer in CLOSER.values()
}
_AFTER = re.compile(r"(?![0-9A-Za-z_{$])|(?=(?:th|st|nd|rd|s|d)\b)")
_TEXLIKE = re.compile(r"[\\^_=+<>]")
_TEXT = re.compile(r"\\(?:text\w*|mbox|mathrm|operatorname)\*?\s*\{[^{}]*\}|\\[A-Za-z]+")
_WORD = r"[^\W\d_]{2,}"
_WORDS = re.compile(rf"(?<![\w\\]){_WORD}\s+{_WORD}(?!\w)")
_AMOUNT = re.compile(rf"\d[\d.,]*[kKmMbB]?\s*(?:[^\x00-\u03ff]|.*?(?<![\w\\]){_WORD}(?!\w))")
_SHORT = re.compile(r"[\w\s=+\-*/<>()\[\],.;:!|']*[A-Za-z][\w\s=+\-*/<>()\[\],.;:!|']*", re.ASCII)


def math(md: MarkdownIt) -> None:
    """Teach ``md`` formulas."""
    md.inline.ruler.before("escape", "math", _inline)
    md.block.ruler.before(
        "fence", "math_block", _block, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )


def formula_end(text: str, start: int, limit: int) -> int:
    """Return where the formula that begins at ``start`` ends, or -1 where none begins."""
    mark, closer = opener(text, start)
    if not mark:
        return -1
    inside = start + len(mark)
    end = _closing(text, mark, closer, inside, min(inside + LONGEST, limit))
    return end + len(closer) if end >= 0 and _formula(mark, text, start, inside, end) else -1


def opener(text: str, at: int) -> tuple[str, str]:
    """Return what opens a formula at a place, and what will close it; or nothing twice."""
    if match := _ENVIRONMENT.match(text, at):
        return match[0], f"\\end{{{match[1]}}}"
    mark = next((mark for mark in CLOSER if text.startswith(mark, at)), "")
    return mark, CLOSER.get(mark, "")


def _closing(text: str, mark: str, closer: str, inside: int, limit: int) -> int:
    """Return where the closer stands: not after a backslash; a dollar also not in braces."""
    end = text.find(closer, inside, limit)
    if end < 0 or mark not in CLOSER:
        return end
    first, depth = -1, 0
    for number, sign in enumerate(_SIGNS[closer].finditer(text, inside, limit)):
        if sign[0] == closer:
            if depth <= 0 or mark != "$":
                return sign.start()
            first = sign.start() if first < 0 else first
        elif sign[0] in "{}":
            depth += 1 if sign[0] == "{" else -1
        if number > SIGNS:
            break
    return first


def _inline(state: StateInline, silent: bool) -> bool:
    text, start = state.src, state.pos
    end = formula_end(text, start, state.posMax)
    if end < 0:
        return False
    if not silent:
        mark, closer = opener(text, start)
        token = state.push("math", "", 0)
        token.content, token.markup = text[start:end].strip(), "\\["
        if mark in CLOSER:
            token.content = text[start + len(mark) : end - len(closer)].strip()
            token.markup = "\\[" if mark in ("$$", "\\[") else "\\("
    state.pos = end
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
    if glued or not _AFTER.match(text, end + 1) or _AMOUNT.match(tex):
        return False
    if tex[0].isspace() or tex[-1].isspace():
        return tex[0].isspace() and tex[-1].isspace() and "\n" not in tex and _spaced(tex)
    return bool(re.search(r"[\\^_=]", tex)) or not _WORDS.search(tex)


def _spaced(tex: str) -> bool:
    """Is it a formula though there are blanks inside of its dollars?"""
    if _WORDS.search(_TEXT.sub(" ", tex)):
        return False
    words = re.search(_WORD, tex)
    return bool(re.search(r"\\[A-Za-z]|[\^_]", tex) or (not words and _SHORT.fullmatch(tex)))


def _block(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    mark, closer = opener(line_of(state, first), 0)
    if mark in ("", "$", "\\(") or state.is_code_block(first):
        return False
    extent = _extent(state, first, last, mark, closer)
    if extent is None or silent:
        return extent is not None
    tex, after, finished = extent
    token = state.push("math" if finished else "math_open_end", "", 0)
    token.block, token.map, token.markup = True, [first, after], "\\["
    token.content = tex.strip() if finished else tex
    state.line = after
    return True


def _extent(
    state: StateBlock, first: int, last: int, mark: str, closer: str
) -> tuple[str, int, bool] | None:
    """Return the TeX, the line after it, and whether it was closed; None if it is no formula."""
    alone = line_of(state, first).strip() == mark
    environment = mark not in CLOSER
    lines: list[str] = []
    for number in range(first, min(last, first + HIGHEST)):
        line = line_of(state, number)[len(mark) if number == first else 0 :]
        if state.sCount[number] < state.blkIndent and line.strip():
            return None
        tex, closing, rest = line.partition(closer)
        if closing:
            tail = rest.strip()
            formula = "\n".join([*lines, tex])
            ok = len(tail) <= 1 and tail in ".,;:" and formula.strip()
            if environment:
                formula = f"{mark}{formula}{closer}"
            return (formula.rstrip() + tail, number + 1, True) if ok else None
        if not line.strip() and not (alone and not environment):
            return None
        lines.append(line)
    # Not closed: the tail of a stream, if nothing but this formula follows.
    tail_of_all = len(lines) == state.lineMax - first and all(map(str.strip, lines[1:]))
    return (mark + "\n".join(lines), last, False) if tail_of_all else None
