"""Marks at the figures of an answer: computed ones with their query, others as unchecked.

A figure's place is known in the Markdown, and needed in what a parser makes of that. So characters
that nothing in the text is, or can become, go with it through the parser: inside of the figure,
behind its first sign and before its last one, where they change nothing of what stands around it. A
figure of one sign has it twice meanwhile.
What the sanitiser lets through of a mark is a number; the text of its title is put in after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from html import unescape
from itertools import filterfalse
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ..calls import Figure, Query
from ..exact.spots import in_address, one_row
from ..text import escape_html, one_line

if TYPE_CHECKING:
    from markdown_it.rules_core import StateCore
    from markdown_it.token import Token

# Between a figure's only sign and the same again; around what is between the first and the last
# sign of a longer one; in the first cell of a table. All of planes for private use.
ONE, MORE, TABLE = range(0xF0000, 0xFFFFE), range(0x100000, 0x108000), range(0x108000, 0x10FFFE)
CLASS = r"m1-\d{1,5}"  # of a mark, until its title is put in
COMPUTED, UNKNOWN, UNCHECKED = "m1-computed", "m1-unknown", "m1-unchecked"
LONGEST, SHORT, MANY = 300, 80, 100  # characters of a title's SQL; from so many figures on, few
_PRIVATE = "\U000f0000-\U0010fffd"
_TYPED = re.compile(r"`+|.", re.DOTALL)  # a sign of code; a run of backticks is one
_SIGN = re.compile(r"`+|\\[!-/:-@\[-`{-~]|&#?\w{1,31};|.", re.DOTALL)
_TWICE = re.compile(rf"({_SIGN.pattern})([{chr(ONE[0])}-{chr(ONE[-1])}])\1", re.DOTALL)
_FIGURE = re.compile(
    rf"(`+|.)(?:([{chr(ONE[0])}-{chr(ONE[-1])}])\1"
    rf"|([{chr(MORE[0])}-{chr(MORE[-1])}])(.*?)\3(`+|.))",
    re.DOTALL,
)
_PUT = re.compile(r'(<(?:abbr|span|table)(?: dir="auto")?) class="m1-(\d{1,5})"')
_BEFORE = re.compile(r"[\s>]*(?:(?:[-*+]|\d{1,9}[.)])[\s>]+)*")
_ESCAPED = re.compile(r"(?<!\\)(?:\\\\)*\\$")  # what follows is read otherwise
_AFTER = re.compile(r"[.)](?:\s|$)")
_ENCODED = re.compile(r"%F(?:3%B|4%8)[0-9A-F]%[89AB][0-9A-F]%[89AB][0-9A-F]")


class Marks:
    """The marks of a text's figures; ``text`` is the text with its characters in it.

    Figures that do not stand in the text are left out, as are those in addresses.
    """

    def __init__(
        self, text: str = "", figures: Sequence[Figure] = (), queries: Sequence[Query] = ()
    ) -> None:
        self.text = text
        self._numbers: dict[str, int] = {}  # by character
        self._made: list[tuple[str, str]] = []  # class, title
        here = [one for one in figures if 0 <= one.start < one.end <= len(text)]
        if here:
            known = {one.name: one for one in queries}
            length = LONGEST if len(here) < MANY else SHORT
            self._made = [_made(one, known.get(one.query), length, text) for one in here]
            self.text = self._marked(text, here)

    def __bool__(self) -> bool:
        return bool(self._numbers)

    @property
    def size(self) -> int:
        """About how many characters the marks take in HTML."""
        return sum(50 + len(title) for _, title in self._made)

    def bare(self, text: str) -> str:
        """Return a text without the characters."""
        if not self:
            return text
        once = _TWICE.sub(lambda two: two[1] if two[2] in self._numbers else two[0], text)
        return re.sub(f"[{_PRIVATE}]", self._dropped, once)

    def put(self, markup: str) -> str:
        """Return sanitised HTML with the titles of the marks."""
        return _PUT.sub(self._titled, markup) if self else markup

    def mark(self, tokens: Sequence[Token]) -> None:
        """Make marks of the characters in a parser's tokens."""
        table: Token | None = None
        for token in tokens:
            if token.type in ("table_open", "table_close"):
                table = token if token.nesting > 0 else None
            if token.type != "inline":
                token.content, token.info = self.bare(token.content), self.bare(token.info)
                continue
            if table is not None and (number := self._of_table(token.content)) is not None:
                table.attrs["class"] = f"m1-{number}"
            token.content = self.bare(token.content)
            token.children = [new for old in token.children or () for new in self._parts(old)]

    def _marked(self, text: str, figures: Sequence[Figure]) -> str:
        # Also those that entities and addresses of the text would be read as.
        plain = unquote(text)
        taken = {*text, *unescape(text), *plain, *unescape(plain)}
        free = [filterfalse(taken.__contains__, map(chr, kind)) for kind in (ONE, MORE, TABLE)]
        out, last = [], 0
        for number, figure in enumerate(figures):
            start, end = figure.start, figure.end
            before = text[max(0, start - 300) : start]
            if start < last or in_address(before) or _ESCAPED.search(before):
                continue
            if not figure.query and _numbered(before, text[end : end + 2]):
                continue
            own = text[start:end]
            if "\n" in own:  # a table
                char, cell = next(free[2], ""), own.find("|") + 1
                own = f"{own[:cell]} {char}{own[cell:].lstrip(' ')}"
            else:
                own, char = _with_character(own, figure.text, free)
            if char:
                self._numbers[char] = number
                out += [text[last:start], own]
                last = end
        return "".join([*out, text[last:]])

    def _dropped(self, match: re.Match[str]) -> str:
        return "" if match[0] in self._numbers else match[0]

    def _titled(self, match: re.Match[str]) -> str:
        name, title = self._made[int(match[2])]
        return f'{match[1]} class="{name}" title="{escape_html(title)}"'

    def _of_table(self, text: str) -> int | None:
        first = re.search(f"[{chr(TABLE[0])}-{chr(TABLE[-1])}]", text)
        return self._numbers.get(first[0]) if first else None

    def _parts(self, token: Token) -> Iterator[Token]:
        if token.type in ("text", "code_inline") and _FIGURE.search(token.content):
            yield from self._figures(token)
            return
        token.content = self.bare(token.content)
        if "href" in token.attrs:
            token.attrs["href"] = _ENCODED.sub(
                lambda one: "" if unquote(one[0]) in self._numbers else one[0],
                str(token.attrs["href"]),
            )
        for inner in token.children or ():  # of a picture
            inner.content = self.bare(inner.content)
        yield token

    def _figures(self, token: Token) -> Iterator[Token]:
        """Yield a text, or a code span, with its figures as tokens of their own."""
        from markdown_it.token import Token

        code, last = token.type == "code_inline", 0
        if code:
            yield Token("code_open", "code", 1)
        for match in _FIGURE.finditer(token.content):
            number = self._numbers.get(match[2] or match[3])
            if number is None:  # a character of the text's own
                continue
            tag = "span" if self._made[number][0] == UNCHECKED else "abbr"
            inner = match[1] + (match[4] or "") + (match[5] or "")
            yield _text(self.bare(token.content[last : match.start()]))
            yield Token("figure_open", tag, 1, attrs={"class": f"m1-{number}"})
            yield _text(self.bare(inner))
            yield Token("figure_close", tag, -1)
            last = match.end()
        yield _text(self.bare(token.content[last:]))
        if code:
            yield Token("code_close", "code", -1)


NONE = Marks()


def install(state: StateCore) -> None:
    """Mark the figures of a text that is parsed with ``marks``: a rule for markdown-it."""
    if marks := state.env.get("marks"):
        marks.mark(state.tokens)


def within(figures: Iterable[Figure], start: int, text: str) -> tuple[Figure, ...]:
    """Return the figures of a part of an answer that begins at ``start``, by place in the part."""
    end = start + len(text)
    return tuple(
        replace(one, start=one.start - start, end=min(one.end, end) - start)
        for one in figures
        if start <= one.start < end
    )


def _numbered(before: str, after: str) -> bool:
    """Is what stands between these the number of a list, or of a character?"""
    if before.endswith("&#"):
        return True
    return bool(_AFTER.match(after) and _BEFORE.fullmatch(before.rpartition("\n")[2]))


def _with_character(own: str, value: str, free: Sequence[Iterator[str]]) -> tuple[str, str]:
    r"""Return a figure with its character, and that; ``own`` is it as it stands in Markdown."""
    tail = ""
    if own.endswith("\\") and not own.endswith("\\\\"):  # of what stands behind it: "5\."
        own, tail = own[:-1], "\\"
    signs = (_TYPED if own == one_row(value) else _SIGN).findall(own)
    if not signs:
        return own + tail, ""
    char = next(free[len(signs) > 1], "")
    if len(signs) == 1:
        return f"{own}{char}{own if char else ''}{tail}", char
    return "".join([signs[0], char, *signs[1:-1], char, signs[-1], tail]), char


def _made(figure: Figure, query: Query | None, length: int, text: str) -> tuple[str, str]:
    """Return the class and the title of the mark of a figure in a text.

    The title begins with the figure: some screen readers read it in the figure's place.
    """
    if not figure.query:
        return UNCHECKED, "unchecked: written by M1, not computed"
    table = "\n" in text[figure.start : figure.end]
    value = "" if table else f"{one_line(figure.text, 60)} · "
    if figure.reason:
        return UNKNOWN, f"{value}not computed: {one_line(figure.reason)}"
    sql = f": {one_line(query.sql, length)}" if query and query.sql else ""
    note = f" ({one_line(figure.note)})" if figure.note else ""
    return COMPUTED, f"{value}computed here by {one_line(figure.query, 60)}{sql}{note}"


def _text(content: str) -> Token:
    from markdown_it.token import Token

    return Token("text", "", 0, content=content)
