"""What was printed, shown or raised → what of it may leave at a privacy level.

Printed text has no columns that could be looked at, so below ``sample`` only what the user's own
code says leaves: names and schema no output at all; stats one line of words that stand in the
code of the cell, with two numbers at most. Of an error's message leaves the first line: what it
quotes must stand in the code or be a type, whole numbers have three digits at most, and every
word must stand in the code that raised it, or, where that cannot be read, before the last colon.
The rest is ``…``.
"""

from __future__ import annotations

import builtins
import re
import types
from numbers import Number

from ..text import INVISIBLE
from .personal_text import hidden

# Escape sequences of terminals: colours, cursor, titles.
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,1000}(?:\x07|\x1b\\)?|[@-Z\\-_])")
WORD = re.compile(r"[^\W\d_]+")
NUMBER = re.compile(r"\d+(?:[.,:_]\d+)*(?:[eE][+-]?\d+)?")
# A number as a message may hold it: runs of digits with what holds dates, ids and sums together.
LONG = re.compile(r"\(\d{1,3}(?:, ?\d{1,3})*,?\)|\d(?:[\w.,:/+-]*\w)?")
SHORT = re.compile(r"\d{1,3}|\(.*\)")
# An apostrophe inside a word opens and closes nothing; a quote that is not closed goes on.
QUOTED = re.compile(
    r"(?:(?<!\w)|(?<=\b[bBuUrR]))(['\"`‘“«])((?:\\.?|[^\\])*?)(?:['\"`’”»](?!\w)|$)"
)
SMALL = "true false none nan inf a an and or not of the is are to at in on by for from with"
ALWAYS = frozenset(SMALL.split())
# What messages quote of types; no value of a table is of interest that is called so.
TYPES = frozenset(dir(builtins)) | {
    "NoneType", "DataFrame", "Series", "Index", "LazyFrame", "Expr", "ndarray", "dtype", "module",
    *(name for name, one in vars(types).items() if isinstance(one, type)),
    *(one.__name__ for one in vars(types).values() if isinstance(one, type)),
}  # fmt: skip
LONGEST = 200  # characters of a line that may leave below sample
NUMBERS = 2
MOST = 2_400  # characters of one output, about 1,000 tokens
LOOKED_AT = 1_000_000  # characters of a text that are looked at at all
GONE = "…"


def clean(text: str) -> str:
    """Return text without colours, control and invisible characters, progress bars at their end."""
    text = ESCAPES.sub("", text[:LOOKED_AT]).replace("\r\n", "\n")
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return INVISIBLE.sub("", "\n".join(lines)).strip("\n")


def words(text: str) -> frozenset[str]:
    """Return the words of a text, whatever their case."""
    return frozenset(WORD.findall(text.casefold()))


def leaves(text: str, code: frozenset[str], level: str, value: object = None) -> bool:
    """May an output leave at this level?

    Args:
        text: what was printed or shown.
        code: the words of the cell's code.
        level: ``names`` · ``schema`` · ``stats`` · ``sample``.
        value: the object that was shown, if it is still there.
    """
    if level != "stats":
        return level == "sample"
    if "\n" in text or len(text) > LONGEST:
        return False
    if isinstance(value, Number):
        return True
    rest = NUMBER.sub(" ", text)
    return len(NUMBER.findall(text)) <= NUMBERS and words(rest) <= code | ALWAYS


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
        return cut(hidden(text)), 0
    line, *more = text.split("\n")
    line, tail = line[:MOST], line[MOST:]
    typed = words(code) | ALWAYS
    whole = QUOTED.fullmatch(line)
    if raiser is None:  # a value may follow the last colon without quotes
        head, colon, value = line.rpartition(": ")
        pieces = [_pieces(head + colon, code, None), _pieces(value, code, typed if colon else None)]
    elif whole and not _stands(whole[2], code):  # a KeyError: its repr
        pieces = [_outside(line, raiser | typed)]
    else:
        pieces = [_pieces(line, code, raiser | typed)]
    told, count = "".join(text for text, _ in pieces), sum(hid for _, hid in pieces)
    left = [f"{len(tail):,} more characters"] if tail else []
    left += [f"{len(more):,} more line{'s' if len(more) > 1 else ''}"] if more else []
    return hidden(told) + "".join(f" [{part} left out]" for part in left), count + len(left)


def _stands(text: str, code: str) -> bool:
    """Does the code hold this text, not only as a part of a word, or is it a type?"""
    return text in TYPES or re.search(rf"(?<!\w){re.escape(text)}(?!\w)", code) is not None


def _pieces(line: str, code: str, known: frozenset[str] | None) -> tuple[str, int]:
    """Return a line with its quotes, and what is between them, made safe."""
    told, count, at = "", 0, 0
    for match in QUOTED.finditer(line):
        before, hid = _outside(line[at : match.start()], known)
        keep = _stands(match[2], code)
        told += before + (match[0] if keep else f"{match[1]}{GONE}{match[1]}")
        count, at = count + hid + (not keep), match.end()
    after, hid = _outside(line[at:], known)
    return told + after, count + hid


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


def cut(text: str, most: int = MOST) -> str:
    """Return the head and the tail of a long text, and between them how much is left out."""
    if len(text) <= most:
        return text
    head, tail = text[: most * 2 // 3], text[-most // 3 :]
    return f"{head}\n[{len(text) - len(head) - len(tail):,} characters left out]\n{tail}"
