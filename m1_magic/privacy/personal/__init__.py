"""Does a column look personal, by its name or by what is in it? Then it is masked.

A name counts where its last word, its head, is personal: ``home_phone``, not ``phone_type``.
Of the content, what proves itself by its form or its check digits (e-mail, key, IBAN, +phone,
card or id number with its separators) is enough once. What could be chance (a bare run of
digits, IP, national phone, street, person's name) must be in over half of the values; a bare
card number, in over half of the long runs of digits there are.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice

from .checksums import DIGIT, certain, is_card
from .column_names import LONGEST, NAME, ROLE, fold, key_of, named_personal
from .patterns import LIKELY, RUN, cards, is_id, is_phone, machine
from .person_names import most, named, people

__all__ = ["column_reason", "holds_personal", "named_personal", "personal_text", "safe_name"]

HEAD = 1_000  # values that are searched for personal content
MOST_OF = 200  # values, spread evenly, of which over half must look alike
SHORTEST_NUMBER = 10**5  # below, a whole number is no phone, card, account or id number
SECRET = 1_000  # below, it is a count of passwords, and none
KINDS = 5
NUMBERED = ("id number", "phone", "card", "bank account")  # all but the first have digits
ADDRESSES = (ipaddress.IPv4Address, ipaddress.IPv6Address)
FLAGS = {"yes", "no", "true", "false", "y", "n", "t", "f", "0", "1", "none", "ja", "nein", "oui",
         "non", "si", "sim", "nao", "unknown", "n/a", "nan", "null"}  # fmt: skip


def column_reason(name: str, values: Iterable[object], *, whole_numbers: bool = False) -> str:
    """Return why a column looks personal, by its name, its content or both; "" if it does not.

    Args:
        values: a sample of its values without nulls; of it, ``HEAD`` are read.
    """
    head = list(islice(values, HEAD))
    named = named_personal(name)
    if named and not _harmless(named, head, whole_numbers):
        return named
    if content := holds_personal(head, whole_numbers=whole_numbers):
        return content
    key = key_of(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name[:LONGEST]))
    if whole_numbers or not (NAME.search(key) or ROLE.search(key)):
        return ""
    return "name" if people(_texts(head), role=bool(ROLE.search(key))) else ""


def _harmless(reason: str, values: Sequence[object], whole_numbers: bool) -> bool:
    """Are these flags, counts or codes instead of what the column's name says?"""
    if not whole_numbers:
        if reason in NUMBERED[1:] and values and not any(map(DIGIT.search, _texts(values))):
            return True  # answers in words
        kinds = set(texts := _texts(values))
        few = len(values) >= 30 and len(kinds) <= KINDS
        if few and (reason == "address" or (reason == "e-mail" and "@" not in "".join(texts))):
            return True  # kinds of places, providers
        return bool(values) and all(
            isinstance(v, bool) or (isinstance(v, str) and v[:9].strip().lower() in FLAGS)
            for v in values
        )
    numbers = [v for v in values if isinstance(v, int)]
    if not numbers or reason in ("e-mail", "name", "address"):
        return bool(numbers)
    low = SHORTEST_NUMBER if reason in NUMBERED else SECRET if reason == "secret" else 2
    if reason in NUMBERED and 2 * sum(v < 0 for v in numbers) > len(numbers):
        return True  # a measure
    return min(numbers) >= 0 and max(numbers) < low


def holds_personal(values: Iterable[object], *, whole_numbers: bool = False) -> str:
    """Return what personal content a sample of values holds ("e-mail", …), "" if none.

    Args:
        values: texts, or integers with ``whole_numbers``; ``HEAD`` are read.
    """
    if whole_numbers:
        return _numbers([v for v in islice(values, HEAD) if isinstance(v, int)])
    texts = _texts(values)
    if proven := certain("\n".join(dict.fromkeys(texts))):
        return proven
    text = "\n".join(texts)
    if cards(text):
        return "card"
    texts = texts[:: len(texts) // MOST_OF + 1]
    counts = Counter(texts)
    digits = most(counts, DIGIT.search)
    if digits or 2 * text.count(":") > len(texts):
        for reason, holds in LIKELY:
            if most(counts, holds):
                return reason
    return "name" if not digits and named(texts) else ""


def _numbers(numbers: Sequence[int]) -> str:
    long = [str(number) for number in numbers if 10**10 <= number < 10**19]
    for reason, holds in (("card", is_card), ("id number", is_id)):
        if 2 * sum(map(holds, long)) > len(numbers):
            return reason
    return ""


def personal_text(text: str) -> bool:
    """Is there an e-mail address, a phone number, a key, … inside this one text?"""
    text = fold(text)
    if certain(text):
        return True
    if not DIGIT.search(text) and text.count(":") < 2:
        return False
    return any(map(is_card, RUN.findall(text))) or bool(machine(text)) or is_phone(text)


@lru_cache(maxsize=10_000)
def safe_name(name: str) -> str:
    """Return a column's name, or what stands for it where it is an e-mail address or the like."""
    return "[masked name]" if personal_text(name[:LONGEST]) else name


def _texts(values: Iterable[object]) -> list[str]:
    """Return the beginnings of the values that are not blank, each on one line."""
    lines = (_text(value)[:LONGEST].replace("\n", " ") for value in islice(values, HEAD))
    return [line for one in fold("\n".join(lines)).split("\n") if (line := one.strip())]


def _text(value: object, depth: int = 3) -> str:
    """Return a text or what texts and numbers a container begins with; runs no foreign code."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        value = [*islice(value, 20), *islice(value.values(), 20)]
    if depth and isinstance(value, (list, tuple, set, frozenset)):
        return " ; ".join(_text(one, depth - 1)[:LONGEST] for one in islice(value, 20))
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**20 else ""
    return str(value) if isinstance(value, ADDRESSES) else ""
