"""An error's message → what of it may leave at a privacy level.

Below ``sample`` its first line: what it quotes must stand in the code or be a type, whole numbers
have three digits at most, and every word must stand in the user's code or in the code that raised
it, or, where that cannot be read, before the last colon. The rest is ``…``.
"""

from __future__ import annotations

import builtins
import re
import types

from ..text import cut_middle
from .code_words import ALWAYS, WORD, words
from .personal_text import hidden

# A number as a message may hold it: runs of digits with what holds dates, ids and sums together.
LONG = re.compile(r"\(\d{1,3}(?:, ?\d{1,3})*,?\)|\d(?:[\w.,:/+-]*\w)?")
SHORT = re.compile(r"\d{1,3}|\(.*\)")
# An apostrophe inside a word opens and closes nothing; a quote that is not closed goes on.
QUOTED = re.compile(
    r"(?:(?<!\w)|(?<=\b[bBuUrR]))(['\"`‘“«])((?:\\.?|[^\\])*?)(?:['\"`’”»](?!\w)|$)"
)
# What messages quote of types; no value of a table is of interest that is called so.
TYPES = frozenset(dir(builtins)) | {
    "NoneType", "DataFrame", "Series", "Index", "LazyFrame", "Expr", "ndarray", "dtype", "module",
    *(name for name, one in vars(types).items() if isinstance(one, type)),
    *(one.__name__ for one in vars(types).values() if isinstance(one, type)),
}  # fmt: skip
# The words of which Python's own messages are made.
OF_PYTHON = words(
    "already argument arguments assignment attribute base before block callable can cannot closed "
    "comparison concatenate convert could defined depth dict directory division does empty enough "
    "exceeded expected file float given got has have import indentation indented index indices "
    "instances int integer invalid item iterable key keyword list literal local maximum missing "
    "module modulo multiple must name named never no object only operand out positional range "
    "recursion referenced required set statement string subscriptable such support supported "
    "syntax takes too tuple type types unexpected unpack unsupported value values variable was "
    "where zero"
)
FIRST_LINE = 2_400  # characters of the first line that are looked at
GONE = "…"


def message(
    text: str, level: str, code: str, raiser: frozenset[str] | None = None
) -> tuple[str, int]:
    """Return what of an error's message may leave, and how many pieces of it are hidden.

    Args:
        text: the message, cleaned.
        level: ``names`` · ``schema`` · ``stats`` · ``sample``.
        code: the user's code that leaves along.
        raiser: the words of the code that raised it, None if that cannot be read.
    """
    if level == "sample":
        return cut_middle(hidden(text)), 0
    line, *more = text.split("\n")
    line, tail = line[:FIRST_LINE], line[FIRST_LINE:]
    typed = words(code) | ALWAYS
    quotation = QUOTED.fullmatch(line)
    if raiser is None:  # a value may follow the last colon without quotes
        head, colon, value = line.rpartition(": ")
        pieces = [_pieces(head + colon, code, None), _pieces(value, code, typed if colon else None)]
    elif quotation and not _stands(quotation[2], code):  # a KeyError: its repr
        pieces = [_outside(line, raiser | typed)]
    else:
        pieces = [_pieces(line, code, raiser | typed)]
    safe, count = "".join(text for text, _ in pieces), sum(hid for _, hid in pieces)
    left = [f"{len(tail):,} more characters"] if tail else []
    left += [f"{len(more):,} more line{'s' if len(more) > 1 else ''}"] if more else []
    return hidden(safe) + "".join(f" [{part} left out]" for part in left), count + len(left)


def _stands(text: str, code: str) -> bool:
    """Does the code hold this text, not only as a part of a word, or is it a type?"""
    return text in TYPES or re.search(rf"(?<!\w){re.escape(text)}(?!\w)", code) is not None


def _pieces(line: str, code: str, known: frozenset[str] | None) -> tuple[str, int]:
    """Return a line with its quotes, and what is between them, made safe."""
    safe, count, at = "", 0, 0
    for match in QUOTED.finditer(line):
        before, hid = _outside(line[at : match.start()], known)
        keep = _stands(match[2], code)
        safe += before + (match[0] if keep else f"{match[1]}{GONE}{match[1]}")
        count, at = count + hid + (not keep), match.end()
    after, hid = _outside(line[at:], known)
    return safe + after, count + hid


def _outside(piece: str, known: frozenset[str] | None) -> tuple[str, int]:
    """Return text that is not quoted without long numbers, and without words not known."""
    count = 0

    def number(match: re.Match[str]) -> str:
        nonlocal count
        if SHORT.fullmatch(match[0]):
            return match[0]
        count += 1
        return GONE

    def word(match: re.Match[str]) -> str:
        nonlocal count
        if known is None or match[0].casefold() in known:
            return match[0]
        count += 1
        return GONE

    return WORD.sub(word, LONG.sub(number, piece)), count
