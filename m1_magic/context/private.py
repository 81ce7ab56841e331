"""Personal data in a prompt: counted and told, never refused, for it may be what is asked about.

The same proofs as for columns of tables (`frames.personal.proofs`), over a whole text.
"""

from __future__ import annotations

import re
from collections import Counter

from .frames.personal.proofs import BEFORE, CHECKS, SURE, WRITTEN, is_card

# A card's number without gaps: not in a longer number, a decimal, a hash or a UUID.
BARE = re.compile(r"[2-6](?<![\w.+-][2-6])\d{12,18}(?![\w-]|\.\d)")
NAMES = {"e-mail": "e-mail address", "phone": "phone number", "card": "card number"}
NAMES |= {"iban": "bank account", "secret": "password"}


def personal(text: str) -> tuple[str, ...]:
    """Return one line on the personal data in ``text``, none if there is none."""
    found: Counter[str] = Counter()
    for reason, literal, pattern in SURE:
        if literal in text:
            found[reason] += sum(1 for _ in pattern.finditer(text))
    found["card"] = sum(is_card(match[0]) for match in BARE.finditer(text))
    upper = text.upper()
    for match in WRITTEN.finditer(upper):
        kind = match.lastgroup or ""
        code = upper[match.start() - BEFORE.get(kind, 0) : match.end()]
        if CHECKS[kind](code if kind == "iban" else re.sub(r"[ .-]", "", code)):
            found[kind if kind in NAMES else "id number"] += 1
    told = [_many(count, NAMES.get(kind, kind)) for kind, count in found.items() if count]
    return (f"personal data goes along: {', '.join(told)}",) if told else ()


def _many(count: int, noun: str) -> str:
    plural = "es" if noun.endswith("s") else "s"
    return f"{count:,} {noun}{plural if count > 1 else ''}"
