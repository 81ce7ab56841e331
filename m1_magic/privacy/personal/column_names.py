"""Does a column's name say that it holds something of a person?

A name counts where its last word, its head, is personal: ``home_phone``, not ``phone_type``.
"""

from __future__ import annotations

import re
import unicodedata

from .column_words import HARMLESS, REASONS, ROLES, TAIL
from .normalize import fold

LONGEST = 500  # characters of a name that are looked at

ROLE = re.compile(rf"_(?:{ROLES})(?:e?s)?(?:_names?)?_$")
NAME = re.compile(r"^_(?:names?|nom|nombre|nome|naam|имя)_$")  # of people or of things
HEADS = "|".join(f"({'|'.join(words.values())})" for words in REASONS.values())
PERSONAL = re.compile(rf"_(?:{HEADS})(?:_(?:{TAIL}))*_$")
COUNT = re.compile(rf"^_(?:{HARMLESS})_")


def named_personal(name: str) -> str:
    """Return what the column's name says it holds of a person ("phone", …), "" if nothing."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", fold(name[:LONGEST]))
    key = key_of(name)
    if COUNT.search(key) or not (match := PERSONAL.search(key)):
        return ""
    return tuple(REASONS)[(match.lastindex or 1) - 1]


def key_of(name: str) -> str:
    """Return ``_the_words_`` of a name, without case, accents and digits."""
    bare = re.sub(r"[\u0300-\u036f]", "", unicodedata.normalize("NFKD", name.casefold()))
    words = re.sub(r"[\W\d_]+", "_", unicodedata.normalize("NFC", bare))
    return f"_{words.strip('_')}_"
