"""Text as a reader sees it, where characters that nobody sees or other hyphens hide a secret.

Left out: zero-width characters and soft hyphens; a blank: the colours of a terminal. Made plain:
Unicode's hyphens, full-width letters, and what a URL encodes (``%2D``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f"
    "\ufe00-\ufe0f\ufeff"
)
HYPHENS = "\u058a\u1806\u2010-\u2015\u2043\u2212\ufe58\ufe63\uff0d"
WIDE = "\uff01-\uff0c\uff0e-\uff5e"
CODE = r"(?:2[0-9A-Fa-f]|[3-6][0-9A-Fa-f]|7[0-9A-Ea-e])"
ANSI = "\x1b\\[[0-9;]{0,20}m"  # colours of a terminal
# Between characters of a key: else it hides none.
AROUND = f"A-Za-z0-9_.:/=+~@{WIDE}{HYPHENS}-"
UNSEEN = re.compile(f"{ANSI}|[{INVISIBLE}{HYPHENS}{WIDE}](?<=[{AROUND}].)(?=[{AROUND}])")
COLOUR = re.compile(ANSI)
URL_ENCODED = re.compile(
    rf"%(?:(?:2[Dd]|5[Ff])[A-Za-z0-9%]|3[Aa]%2[Ff]|3[DdAa]\w{{8}}|{CODE}(?:%{CODE}){{3}})"
)
_INVISIBLE, _HYPHEN = re.compile(f"[{INVISIBLE}]"), re.compile(f"[{HYPHENS}]")
FULL_WIDTH = 0xFEE0
GONE = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Plain:
    """A text without disguises, and where its characters stood."""

    text: str
    there: Any

    def place(self, at: int) -> int:
        """Return where the character stood that is now at this place."""
        return int(self.there[at])


def plain(text: str) -> Plain | None:
    """Return the text without disguises, None if there is none in it."""
    hidden = UNSEEN.search(text) if not text.isascii() or "\x1b" in text else None
    if not hidden and not URL_ENCODED.search(text):
        return None
    import numpy as np

    known, digits = _tables()
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    low = np.minimum(codes, 0xFFFF)
    seen = np.where(codes == low, known[low], codes)
    marks = np.flatnonzero(codes[:-2] == ord("%"))
    byte = digits[low[marks + 1]] * 16 + digits[low[marks + 2]]
    printable = (byte >= 0x20) & (byte < 0x7F)
    marks = marks[printable]
    seen[marks], seen[marks + 1], seen[marks + 2] = byte[printable], GONE, GONE
    if "\x1b" in text:
        spans = [colour.span() for colour in COLOUR.finditer(text)]
        starts, ends = np.array(spans, np.int64).reshape(-1, 2).T
        steps = np.zeros(len(text) + 1, np.int8)
        steps[starts + 1], steps[ends] = 1, -1
        seen[np.cumsum(steps[:-1], dtype=np.int8) > 0] = GONE
        seen[starts] = ord(" ")
    there = np.flatnonzero(seen != GONE)
    out = seen[there].astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
    return Plain(out, np.append(there, len(text)))


@cache
def _tables() -> tuple[Any, Any]:
    """Return what each character is to a reader, and what it is as a hexadecimal digit."""
    import numpy as np

    known = np.arange(0x10000, dtype=np.uint32)
    digits = np.full(0x10000, 0x1000, np.uint32)
    for code in range(0x10000):
        character = chr(code)
        if _INVISIBLE.match(character):
            known[code] = GONE
        elif _HYPHEN.match(character):
            known[code] = ord("-")
        elif "\uff01" <= character <= "\uff5e":
            known[code] = code - FULL_WIDTH
    for character in "0123456789abcdefABCDEF":
        digits[ord(character)] = int(character, 16)
    return known, digits
