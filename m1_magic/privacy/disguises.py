"""Text as a reader sees it, where characters that nobody sees or other hyphens hide a secret.

Left out: zero-width characters and soft hyphens. Made plain: Unicode's hyphens, full-width
letters, and characters that a URL need not encode (``%2D``).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f"
    "\ufe00-\ufe0f\ufeff"
)
HYPHENS = "\u2010-\u2015\u2043\u2212\ufe58\ufe63\uff0d"
WIDE = "\uff01-\uff0c\uff0e-\uff5e"
CODE = r"(?:2[DdEe]|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Ff]|7[Ee])"
ENCODED = re.compile(f"%{CODE}")
DISGUISE = re.compile(f"[{INVISIBLE}]+|[{HYPHENS}{WIDE}]|{ENCODED.pattern}")
# Between characters of a key: else it hides none.
UNSEEN = re.compile(f"[{INVISIBLE}{HYPHENS}{WIDE}](?<=[A-Za-z0-9_{WIDE}-].)(?=[A-Za-z0-9_{WIDE}-])")
HYPHEN_ENCODED = re.compile(rf"%(?:(?:2[Dd]|5[Ff])[A-Za-z0-9%]|{CODE}(?:%{CODE}){{3}})")
HYPHEN = re.compile(f"[{HYPHENS}]")
FULL_WIDTH = 0xFEE0


@dataclass(frozen=True, slots=True)
class Plain:
    """A text without disguises, and where its characters stood."""

    text: str
    here: tuple[int, ...]
    there: tuple[int, ...]

    def place(self, at: int) -> int:
        """Return where the character stood that is now at this place."""
        i = bisect_right(self.here, at) - 1
        return self.there[i] + at - self.here[i]


def plain(text: str) -> Plain | None:
    """Return the text without disguises, None if there is none in it."""
    unseen = not text.isascii() and UNSEEN.search(text) is not None
    if not unseen and not HYPHEN_ENCODED.search(text):
        return None
    pieces, here, there = [], [0], [0]
    at = size = 0
    for match in (DISGUISE if unseen else ENCODED).finditer(text):
        seen = _seen(match[0])
        pieces += [text[at : match.start()], seen]
        size += match.start() - at
        if seen:
            here.append(size)
            there.append(match.start())
        at, size = match.end(), size + len(seen)
        here.append(size)
        there.append(at)
    return Plain("".join((*pieces, text[at:])), tuple(here), tuple(there))


def _seen(disguise: str) -> str:
    """Return the character that a reader takes it for."""
    if disguise[0] == "%":
        return chr(int(disguise[1:], 16))
    if HYPHEN.match(disguise):
        return "-"
    return chr(ord(disguise) - FULL_WIDTH) if "\uff01" <= disguise[0] <= "\uff5e" else ""
