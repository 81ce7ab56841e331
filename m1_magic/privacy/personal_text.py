"""Personal data in a text: counted and said, never refused, for it may be what is asked about.

The same proofs as for columns of tables (`personal.checksums`), over a whole text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain

from . import redaction
from .personal.checksums import by_check_digits, by_form, is_card

# A card's number without gaps: not in a longer number, a decimal, a hash or a UUID.
BARE = re.compile(r"[2-6](?<![\w.+-][2-6])\d{12,18}(?![\w-]|\.\d)")
NOUNS = {
    "e-mail": "e-mail address", "phone": "phone number", "card": "card number",
    "bank account": "bank account", "id number": "id number", "secret": "password",
}  # fmt: skip
# The rest of a word, of which only the middle may have been found.
LEFT = re.compile(r"[^\s\"'<>(),:;=]{0,100}$")
RIGHT = re.compile(r"[^\s\"'>(),;]{0,100}")


def personal(text: str) -> tuple[str, ...]:
    """Return one line on the personal data in ``text``, none if there is none."""
    counts = Counter(noun for noun, _, _ in _findings(text))
    plurals = {noun: "es" if noun.endswith("s") else "s" for noun in counts}
    listed = [f"{n:,} {noun}{plurals[noun] if n > 1 else ''}" for noun, n in counts.items()]
    return (f"personal data is included: {', '.join(listed)}",) if listed else ()


def hidden(text: str) -> str:
    """Return ``text`` with ``[masked: e-mail address]`` for each piece of personal data."""
    pieces, at = [], 0
    for noun, start, end in sorted(_findings(text), key=lambda one: one[1:]):
        if start < at:
            continue
        left, right = LEFT.search(text[max(start - 100, at) : start]), RIGHT.match(text, end)
        pieces += [text[at : start - len(left[0] if left else "")]]
        pieces += [f"{redaction.MASK}{noun}]"]
        at = right.end() if right else end
    return "".join((*pieces, text[at:]))


def _findings(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield what is personal, and where it stands."""
    cards = (("card", *match.span()) for match in BARE.finditer(text) if is_card(match[0]))
    for kind, start, end in chain(by_form(text), cards, by_check_digits(text)):
        yield NOUNS[kind], start, end
