"""A value as text in the spot where it stands: words, a code span, a formula, an address.

In each of them a value is shown and never obeyed: as Markdown, as a mark of the list or table
around it, as TeX, as the end of a code span.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from ..markdown.mathematics import formula_end
from ..text import show_controls

Kind = Literal["code", "formula"]
_SPECIAL = re.compile(r"[\\`*\[\]{}|~$]|(?<![^\W_])_|_(?![^\W_])|(?<!\S)#|!$")
_LIVE = re.compile(r"\b(?:(https?|ftp|mailto)(?=:)|(www)(?=\.))|(?<=\w)@(?=\w)", re.IGNORECASE)
_BLOCK = re.compile(r"(?:>|=|[-+](?=[-+]*(?:\s|$))|(\d{1,9})(?=[.)](?:\s|$)))")
_TEX = str.maketrans("\\{}$&#^_%~<>`", "＼｛｝＄＆＃＾＿％～＜＞｀")
_FIGURE = re.compile(r"[-+]?(?:\d[\d,]*)?\.?\d+(?:e[-+]?\d+)?%?")
_TEX_TEXT = re.compile(r"\\(?:text\w*|mbox|mathrm|operatorname)\*?\s*\{[^{}]*")
_ENDS_ADDRESS = re.compile(r"[()<>\"'`]")
_SIGNS = re.compile(r"`+|\$|\\(?:[(\[]|begin\{)|\\.", re.DOTALL)
_TICKS = re.compile("`+")


@dataclass(frozen=True, slots=True)
class Span:
    """A code span or a formula, in a paragraph."""

    kind: Kind
    start: int
    end: int


def spans(text: str) -> Iterator[Span]:
    """Yield the code spans and formulas of a paragraph, in order."""
    runs: dict[int, list[int]] = {}
    for run in _TICKS.finditer(text):
        runs.setdefault(len(run[0]), []).append(run.start())
    at = 0
    while sign := _SIGNS.search(text, at):
        start, at = sign.start(), sign.end()
        if sign[0][0] == "`":
            same = runs.get(len(sign[0]), [])
            number = bisect_left(same, at)
            if number < len(same):
                at = same[number] + len(sign[0])
                yield Span("code", start, at)
        elif sign[0] == "$" or sign[0][1] in "([b":
            end = formula_end(text, start, len(text))
            if end > 0:
                at = end
                yield Span("formula", start, end)
            elif text.startswith("$$", start):
                at = start + 2


def words(value: str, *, line_start: bool = False, next_text: str = "") -> str:
    """Return a value as it may stand in words, headings, table cells and the words of links.

    Args:
        line_start: nothing but marks of lists and quotations stands before it.
        next_text: what comes behind it.
    """
    text = one_row(value)
    escaped = re.sub(r"&(?=#?\w+;)", "&amp;", text).replace("<", "&lt;")
    escaped = _SPECIAL.sub(_escaped, escaped)
    escaped = _LIVE.sub(_without_life, escaped)
    if line_start and (mark := _BLOCK.match(text + next_text[:2])):
        if mark[1] is None:
            return "\\" + escaped
        if len(mark[1]) < len(text):
            return f"{mark[1]}\\{escaped[len(mark[1]) :]}"
        return f"{escaped}\\"  # before the model's own full stop
    return escaped


def _escaped(match: re.Match[str]) -> str:
    r"""Return a mark that is one no more.

    ``\[`` and ``\\(`` would open a formula, a backtick ends a code span whatever stands before it.
    """
    if match[0] in "[`":
        return f"&#{ord(match[0])};"
    # At its end it would take the bar of a table's cell along.
    if match[0] == "\\" and (match.string[match.end() : match.end() + 1] or "(") in "()[]":
        return "&#92;"
    return "\\" + match[0]


def _without_life(match: re.Match[str]) -> str:
    return "\\@" if match[0] == "@" else match[0] + "\\"


def one_row(value: str) -> str:
    """Return a value on one line, with a sign for each control character."""
    return " ".join(show_controls(value.replace("\r", " ")).split())


def tex(value: str, number: bool, *, text: bool) -> str:
    """Return a value as it may stand in a formula; ``text``: in its ``\\text{}``."""
    row = one_row(value)
    if number and _FIGURE.fullmatch(row):
        return row.replace("%", "\\%") if text else row.replace(",", "{,}").replace("%", "\\%")
    safe = row.translate(_TEX)
    return safe if text else f"\\text{{{safe}}}"


def in_tex_text(before: str) -> bool:
    """Does a formula's part end inside of ``\\text{``?"""
    at = max(before.rfind("\\text"), before.rfind("\\mbox"), before.rfind("\\mathrm"))
    at = max(at, before.rfind("\\operatorname"))
    return at >= 0 and bool(_TEX_TEXT.fullmatch(before, at))


def in_address(before: str) -> bool:
    """Does a text end inside of an address?"""
    word = before[-300:]
    if not word or word[-1].isspace():
        return False
    word = word.split()[-1].lower()
    return any(
        not _ENDS_ADDRESS.search(word, at + len(sign))
        for sign in ("](", "://", "mailto:", "www.")
        if (at := word.rfind(sign)) >= 0
    )


def address(value: str) -> str:
    """Return a value as a part of an address that it cannot end."""
    return quote(one_row(value), safe="")


def code_span(parts: Sequence[tuple[str, bool]], mark: str, *, table: bool) -> list[str]:
    """Return a code span whose marks are longer than any in its values, in parts.

    Args:
        parts: what is in it, and whether it is a value.
        mark: its marks as they were written.
        table: it stands in a table, where a bar needs a backslash.
    """
    texts = [_coded(text, table) if value else text for text, value in parts]
    inside = "".join(texts)
    lengths = {len(run) for run in _TICKS.findall(inside)}
    length = len(mark)
    while length in lengths:
        length += 1
    pad = " " if inside[:1] == "`" or inside[-1:] == "`" else ""
    return ["`" * length + pad, *texts, pad + "`" * length]


def _coded(value: str, table: bool) -> str:
    row = one_row(value)
    return row.replace("|", "\\|") if table else row
