"""The model's Markdown made inert for any Markdown viewer, with its code left to the letter.

What is no code is broken where a viewer could find a live tag, picture or link in it
(``broken_words``). Code stands in fences that nothing in it can close, with one plain word as its
language. Where a viewer would still find something live (``viewers.live``: some look for formulas
before they look for code), what may be alive in code is broken as well.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from .. import markdown as dialect
from ..markdown.fences import language
from ..text import show_controls
from .broken_words import JOINER, MORE, broken
from .viewers import language_is_plain, live

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

# What may be alive, if a viewer does not see that it stands in code.
_MAY_LIVE = re.compile(
    r"<[A-Za-z/!?]|!\[|\]\(|\]:|\]\[|https?:|www\.|ftp:|&[#\w]+;|:::|`{3}|~{3}", re.IGNORECASE
)
_FORMULA = re.compile(r"\$|\\begin|\\\\[(\[]")  # may open one, for JupyterLab
# A definition whose title may go on into the fence below it.
_TITLE = re.compile(r"\[(?!\^)[^\[\]]*\]:\s*\S+\s+[\"'(][^\"')]*\Z")
# What ends a fence for some.
_LAX_END = re.compile(r"^[ \t>]*(?:`{3,}~|~{3,}`)[`~]*[ \t]*$", re.MULTILINE)
_TICKS = re.compile(r"\\.|`+", re.DOTALL)
_CELL = re.compile(r"(?:\\.|[^|\\])+", re.DOTALL)
_FENCE = re.compile(r"([^`~]*)(`{3,}|~{3,})")


def inert(markdown: str, *, quoted: bool = False) -> str:
    """Return the model's Markdown such that no viewer finds a live tag, picture or script in it.

    Raw tags are broken by a word joiner, pictures become their address, links keep only http(s)
    and mailto, and say where they lead if their words name another host. ``quoted`` says that
    each line will stand behind ``> ``.
    """
    source = show_controls(markdown)
    try:
        for careful in (False, True):
            text = _Text(source, careful)
            out = text.inert()
            read = "\n".join(f"> {row}" for row in out.split("\n")) if quoted else out
            if not text.may_live or not live(read):
                return out
    except Exception:  # a paid answer is shown whatever a parser makes of it
        return broken(source)
    return broken(source)


def literal(line: str) -> str:
    """Return one line of text as Markdown that any viewer shows as it is."""
    return broken(show_controls(line)).replace("*", "\\*").replace("_", "\\_").replace("`", "\\`")


@cache
def _parser() -> MarkdownIt:
    return dialect.plain()


class _Text:
    """A text as code blocks and the words between them; ``careful``: no code that may be alive."""

    def __init__(self, source: str, careful: bool) -> None:
        self._lines, self._careful = source.split("\n"), careful
        self._code: dict[int, tuple[int, str, str, bool]] = {}  # line → after, content, info, fence
        self._leaf: dict[int, int] = {}  # line → line after it, of what may have code spans
        self._rows: set[int] = set()  # of tables
        self._spans: list[str] = []
        # Around the number of a code span, while what is around it is broken.
        self._mark = next(c for c in map(chr, range(0xE100, 0xF8FF)) if c not in source)
        self._spaced = bool(_FORMULA.search(source))
        for token in dialect.blocks(_parser(), source, {}):
            if token.map is None:
                continue
            first, after = token.map
            if token.type in ("fence", "code_block"):
                self._code[first] = after, token.content, token.info, token.type == "fence"
            elif token.type == "table_open":
                self._rows.update(range(first, after))
            elif token.type == "inline":
                self._leaf[first] = after

    @property
    def may_live(self) -> bool:
        """Is there anything in code that must not get out of it?"""
        code = "\n".join([*(content for _, content, *_ in self._code.values()), *self._spans])
        return bool(_MAY_LIVE.search(code))

    def inert(self) -> str:
        """Return the text made inert."""
        out: list[str] = []
        words: list[str] = []
        at = 0
        while at < len(self._lines):
            if at in self._code:
                if self._torn(words, self._code[at][1]):
                    return broken("\n".join(self._lines))
                out += [self._broken(words)] if words else []
                out += self._block(at)
                words, at = [], self._code[at][0]
            else:
                words.append(self._hidden(at))
                at = max(self._leaf.get(at, 0) if at not in self._rows else 0, at + 1)
        out += [self._broken(words)] if words else []
        return "\n".join(out)

    @staticmethod
    def _torn(words: list[str], code: str) -> bool:
        """May another parser see this code begin or end elsewhere, and is there any harm in it?"""
        torn = _TITLE.search("\n".join(words)) or _LAX_END.search(code)
        return bool(torn and _MAY_LIVE.search(code))

    def _broken(self, words: list[str]) -> str:
        pattern = re.compile(f"{self._mark}(\\d+){self._mark}")

        def put_back(text: str) -> str:
            return pattern.sub(lambda match: self._spans[int(match[1])], text)

        return put_back(broken("\n".join(words), self._mark, put_back))

    def _block(self, at: int) -> list[str]:
        """Return a code block's lines, in a fence that nothing in it closes."""
        after, content, info, fenced = self._code[at]
        line = self._lines[at]
        opened = _FENCE.match(line) if fenced else None
        first = opened[1] if opened else _before(line, content)
        # Columns stay: the mark of a list is as wide as the blanks of the lines below it.
        other = re.sub(r"[^\s>]", " ", first.expandtabs(4))
        runs = [len(run) for run in re.findall("`{3,}|~{3,}", content)]
        mark = "`" * (max(runs) + 1) if runs else "```"
        if opened and not runs:
            mark = opened[2]
        rows = [other + row if row else other.rstrip() for row in content.split("\n")]
        if content.endswith("\n") or not content:
            rows.pop()
        lines = [f"{first}{mark}{_language(info)}", *rows, f"{other}{mark}"]
        has_words = fenced and MORE.search(info)
        if has_words:  # more than a language: it stands above, as words
            above = f"{first}{JOINER}{broken(' '.join(info.split()))}"
            lines = [above, other.rstrip(), f"{other}{lines[0][len(first) :]}", *lines[1:]]
        if self._lines[max(at - 1, 0)].strip(" \t>") and at:
            lines[:0] = self._gap(line) or ([other.rstrip()] if has_words else [])
        below = self._lines[after] if after < len(self._lines) else ""
        if below.strip(" \t>") and after not in self._code:
            lines += self._gap(below)
        trailing = 0  # empty lines belong to a block of four blanks, but not to its text
        while (
            not fenced
            and after - trailing > at + 1
            and not self._lines[after - trailing - 1].strip(" \t>")
        ):
            trailing += 1
        return [*lines, *self._lines[after - trailing : after]]

    def _gap(self, line: str) -> list[str]:
        """Return an empty line: only such a one keeps JupyterLab's formulas out of a fence."""
        quotation = re.match(r"[ \t>]*", line)
        marks = quotation[0].rstrip() if quotation else ""
        if not self._spaced and not (self._careful and marks):
            return []
        return ["" if self._careful else marks]

    def _hidden(self, at: int) -> str:
        """Return the words that begin at a line, with numbers for their code spans."""
        if at in self._rows:
            return _CELL.sub(lambda cell: self._numbered(cell[0]), self._lines[at])
        if at not in self._leaf:
            return self._lines[at]
        return self._numbered("\n".join(self._lines[at : self._leaf[at]]))

    def _numbered(self, text: str) -> str:
        out: list[str] = []
        last = at = 0
        failed: set[str] = set()  # runs of backticks that nothing closes
        while run := _TICKS.search(text, at):
            at = run.end()
            ticks = run[0]
            if ticks.startswith("\\") or ticks in failed:
                continue
            closing = re.compile(f"(?<!`){ticks}(?!`)").search(text, at)
            if closing is None:
                failed.add(ticks)
                continue
            at = closing.end()
            span = text[run.start() : at]
            if self._careful and _MAY_LIVE.search(span):
                continue
            out += [text[last : run.start()], f"{self._mark}{len(self._spans)}{self._mark}"]
            last = at
            self._spans.append(span)
        return "".join([*out, text[last:]])


def _before(line: str, content: str) -> str:
    """Return what stands before a line of code that four blanks made code."""
    row = content.split("\n", 1)[0]
    before = line[: len(line) - len(row)] if line.endswith(row) else line
    bare = before.expandtabs(4)
    return bare[:-4] if bare.endswith("    ") else re.sub(r"[^>\s]|\s+$", "", bare)


def _language(info: str) -> str:
    """Return an info string as one plain word, as the laxest front end would read it."""
    word = language(info)
    return word if language_is_plain(word) else "text"
