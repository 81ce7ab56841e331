"""Personal data in a text: counted and said, never refused, for it may be what is asked about.

The same proofs as for columns of tables (`personal.checksums`), over a whole text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from string import ascii_lowercase, ascii_uppercase

from . import redaction
from .personal.checksums import BEFORE, CHECKS, SURE, WRITTEN, is_card

# A card's number without gaps: not in a longer number, a decimal, a hash or a UUID.
BARE = re.compile(r"[2-6](?<![\w.+-][2-6])\d{12,18}(?![\w-]|\.\d)")
NAMES = {"e-mail": "e-mail address", "phone": "phone number", "card": "card number"}
NAMES |= {"iban": "bank account", "secret": "password"}
UPPER = str.maketrans(ascii_lowercase, ascii_uppercase)
# The rest of a word, of which only the middle may have been found.
LEFT = re.compile(r"[^\s\"'<>(),:;=]{0,100}$")
RIGHT = re.compile(r"[^\s\"'>(),;]{0,100}")


def personal(text: str) -> tuple[str, ...]:
    """Return one line on the personal data in ``text``, none if there is none."""
    counts = Counter(kind for kind, _, _ in _found(text))
    listed = [_many(count, NAMES.get(kind, kind)) for kind, count in counts.items()]
    return (f"personal data is included: {', '.join(listed)}",) if listed else ()


def hidden(text: str) -> str:
    """Return ``text`` with ``[masked: e-mail address]`` for each piece of personal data."""
    pieces, at = [], 0
    for kind, start, end in sorted(_found(text), key=lambda one: one[1:]):
        if start < at:
            continue
        left, right = LEFT.search(text[max(start - 100, at) : start]), RIGHT.match(text, end)
        pieces += [text[at : start - len(left[0] if left else "")]]
        pieces += [f"{redaction.MASK}{NAMES.get(kind, kind)}]"]
        at = right.end() if right else end
    return "".join((*pieces, text[at:]))


def _found(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield what kind of personal data stands where."""
    for reason, literal, pattern in SURE:
        if literal in text:
            yield from ((reason, *match.span()) for match in pattern.finditer(text))
    yield from (("card", *m.span()) for m in BARE.finditer(text) if is_card(m[0]))
    # Other letters may get longer in upper case, and places would shift.
    upper = text.upper() if text.isascii() else text.translate(UPPER)
    for match in WRITTEN.finditer(upper):
        kind = match.lastgroup or ""
        start = match.start() - BEFORE.get(kind, 0)
        code = upper[start : match.end()]
        if CHECKS[kind](code if kind == "iban" else re.sub(r"[ .-]", "", code)):
            yield kind if kind in NAMES else "id number", start, match.end()


def _many(count: int, noun: str) -> str:
    plural = "es" if noun.endswith("s") else "s"
    return f"{count:,} {noun}{plural if count > 1 else ''}"
