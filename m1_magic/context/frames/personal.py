"""Does a column look personal, by its name or by what is in it? Then it is masked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw

    Series = nw.Series[Any]

HEAD = 1_000  # values that are searched for personal content
PERSONAL = re.compile(
    r"_(e?_?mail|(tele)?phone|telefon|tel|mobile|fax|ssn|social_security|iban|bic"
    r"|(credit_?)?card|cvv|cvc|account_?(no|nr|number)|address|addr|adresse|street|strasse"
    r"|(customer|client|patient|person|employee|contact|passenger|student|guest)_name"
    r"|(first|last|full|given|family|middle|maiden|sur|user|fore|nick)_?name|vorname|nachname|prenom"
    r"|login|password|passwort|passwd|pwd|secret|token|api_?key|credentials?|dob|birth_?(day|date)"
    r"|date_of_birth|geburtsdatum|passport|licen[cs]e_?(no|number|plate)|tax_?id|ip|ip_?addr)(e?s)?_"
)
HARMLESS = re.compile(
    r"^_(n|num|number_of|is|has)_|_(tokens|counts?|length|len|type|flag|rate|share)_$"
)
CONTENT = re.compile(
    r"[\w.+-]+@[\w-]+\.[A-Za-z]{2,}|\b\d{3}-\d{2}-\d{4}\b|^\s*\+\d[\d ()./-]{7,}$"
    r"|\b(sk|pk|ghp|gho|xox[bap])[-_][\w-]{16,}|\bAKIA[0-9A-Z]{16}\b|\beyJ[\w-]{10,}\.[\w-]+\."
)
IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b")
CARD = re.compile(r"(?<!\d)[2-6](?:[ -]?\d){12,18}(?!\d)")


def named_personal(name: str) -> bool:
    """Does the column's name say that it is about a person, or holds secrets?"""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    key = "_" + re.sub(r"[\W\d_]+", "_", spaced).strip("_").lower() + "_"
    return not HARMLESS.search(key) and bool(PERSONAL.search(key))


def holds_personal(sample: Series, words: str) -> bool:
    """Do the first values of ``sample`` look personal? ``words`` is the column's type."""
    if words not in ("text", "category", "whole number"):
        return False
    texts = [str(value) for value in sample.head(HEAD).to_list()]
    if words != "whole number" and any(CONTENT.search(text) or has_iban(text) for text in texts):
        return True
    cards = [match[0] for text in texts if (match := CARD.search(text))]
    return 2 * sum(map(luhn, cards)) > len(cards)


def has_iban(text: str) -> bool:
    """Does ``text`` hold an account number with the right check digits (ISO 13616)?"""
    return any(
        int("".join(str(int(c, 36)) for c in code[4:] + code[:4])) % 97 == 1
        for code in (match[0].replace(" ", "") for match in IBAN.finditer(text))
    )


def luhn(card: str) -> bool:
    """Are the check digits right (ISO/IEC 7812)?"""
    digits = [int(c) for c in reversed(card) if c.isdigit()]
    return sum(d if i % 2 == 0 else d // 5 + d * 2 % 10 for i, d in enumerate(digits)) % 10 == 0
