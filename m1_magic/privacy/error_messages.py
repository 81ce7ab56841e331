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
from .personal_text import hidden

# A number as a message may hold it: runs of digits with what holds dates, ids and sums together.
LONG = r"\(\d{1,3}(?:, ?\d{1,3})*,?\)|\d(?:[\w.,:/+-]*\w)?"
SHORT = re.compile(r"\d{1,3}|\(.*\)")
# An apostrophe inside a word opens and closes nothing; a quote that is not closed goes on.
QUOTED = (
    r"(?:(?<!\w)|(?<=\b[bBuUrR]))(?P<quote>['\"`‘“«])(?P<inside>(?:\\.?|[^\\])*?)"
    r"(?:['\"`’”»](?!\w)|$)"
)
WORD = r"[^\W\d_]+"
UNQUOTED = re.compile(rf"(?P<number>{LONG})|{WORD}")
PIECE = re.compile(rf"{QUOTED}|{UNQUOTED.pattern}")


def words(text: str) -> frozenset[str]:
    """Return the words of a text, whatever their case."""
    return frozenset(re.findall(WORD, text.casefold()))


# Words that leave though they do not stand in the code.
ALWAYS = words("true false none nan inf a an and or not of the is are to at in on by for from with")
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
        code: the user's code that leaves along.
        raiser: the words of the code that raised it, None if that cannot be read.
    """
    if level == "sample":
        return cut_middle(hidden(text)), 0
    line, *more = text.split("\n")
    line, tail = line[:FIRST_LINE], line[FIRST_LINE:]
    typed = words(code) | ALWAYS
    quotation = re.fullmatch(QUOTED, line)
    if raiser is None:  # a value may follow the last colon without quotes
        head, colon, value = line.rpartition(": ")
        pieces = [_safe(head + colon, code), _safe(value, code, typed if colon else None)]
    elif quotation and not _stands(quotation["inside"], code):  # a KeyError: its repr
        pieces = [_safe(line, code, raiser | typed, UNQUOTED)]
    else:
        pieces = [_safe(line, code, raiser | typed)]
    safe, count = "".join(text for text, _ in pieces), sum(hid for _, hid in pieces)
    left = [f"{len(tail):,} more characters"] if tail else []
    left += [f"{len(more):,} more line{'s' if len(more) > 1 else ''}"] if more else []
    return hidden(safe) + "".join(f" [{part} left out]" for part in left), count + len(left)


def _stands(text: str, code: str) -> bool:
    """Does the code hold this text, not only as a part of a word, or is it a type?"""
    return text in TYPES or re.search(rf"(?<!\w){re.escape(text)}(?!\w)", code) is not None


def _safe(
    line: str, code: str, known: frozenset[str] | None = None, piece: re.Pattern[str] = PIECE
) -> tuple[str, int]:
    """Return a line without what it quotes, long numbers and words not known, and how many."""
    hidden_pieces = 0

    def safe(match: re.Match[str]) -> str:
        nonlocal hidden_pieces
        groups = match.groupdict()
        quote = groups.get("quote") or ""
        if quote:
            leaves = _stands(match["inside"], code)
        elif match["number"]:
            leaves = SHORT.fullmatch(match[0]) is not None
        else:
            leaves = known is None or match[0].casefold() in known
        hidden_pieces += not leaves
        return match[0] if leaves else f"{quote}{GONE}{quote}"

    return piece.sub(safe, line), hidden_pieces
