"""Text that says the same again and again with other values: records, columns, rows for a database.

It is judged by what repeats: names before values, tags, tuples, lines of as many fields. One
record, and settings, in which no name comes twice, are no table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import groupby

from .frames.containers import plainly_none

RECORDS = 5  # from which records are data, also if none of their values is a number
FEWEST = 3  # the same of records with numbers
KEYED = re.compile(
    r"\s*(?:[-*+] )?\s*[\"']?([^\W\d][\w .-]{0,60}?)[\"']?\s*[:=|(]\s*(.+?)\)?,?\s*$"
)
ROWS = re.compile(r"\bVALUES\s*\((?:[^()]*\)\s*,\s*\(){2}", re.I)
TAGS = re.compile(r"<(\w+)\s+\w+=")
SIGNS = "\t;|,"
BLOCK = 5  # lines of a table inside other text


def is_repeated(
    text: str, lines: Sequence[str], is_value: Callable[[str], bool], *, any_data: bool
) -> bool:
    """Is a text made of records, or (``any_data``) are there rows in it?"""
    pairs = [(match[1], match[2]) for line in lines if (match := KEYED.match(line))]
    if 2 * len(pairs) >= len(lines) and _records(pairs, is_value):
        return True
    if not any_data:
        return False
    if has_rows(text):
        return True
    named = _settings(lines)
    if named and not plainly_none(named) and all(isinstance(v, float) for v in named.values()):
        return True
    return any(_block(lines, sign, is_value) for sign in (*SIGNS, r"\s{2,}"))


def is_settings(lines: Sequence[str]) -> bool:
    """Is it one name and one short value a line, no name twice?"""
    named = _settings(lines)
    return bool(named) and plainly_none(named)


def _settings(lines: Sequence[str]) -> dict[str, float | str]:
    matches = [match for line in lines if (match := KEYED.match(line))]
    named = {match[1]: _plain(match[2]) for match in matches if "|" not in match[0]}
    return named if 10 * len(named) >= 9 * len(lines) and len(named) == len(matches) else {}


def _records(pairs: Sequence[tuple[str, str]], is_value: Callable[[str], bool]) -> bool:
    """Do most names come again and again, equally often, each with other values?"""
    values: dict[str, list[str]] = {}
    for key, value in pairs:
        values.setdefault(key, []).append(value.strip("\"' "))
    often = {key: texts for key, texts in values.items() if len(texts) >= FEWEST}
    most = max(map(len, often.values()), default=0)
    regular = [texts for texts in often.values() if 10 * len(texts) >= 8 * most]
    if len(regular) < 2 or 2 * sum(map(len, regular)) < len(pairs):
        return False
    differ = [texts for texts in regular if 2 * len(set(texts)) > len(texts)]
    numbers = any(all(map(is_value, texts)) for texts in differ)
    return bool(differ) and (most >= RECORDS or numbers)


def has_rows(text: str) -> bool:
    """Are there rows for a database, or is one tag there again and again, in no page or picture?"""
    if ROWS.search(text):
        return True
    if text[:1] != "<":
        return False
    tags = TAGS.findall(text)
    drawn = re.search(r"<(?:html|svg|body|div|!doctype html)\b", text[:2_000], re.I)
    return not drawn and any(tags.count(tag) >= FEWEST for tag in set(tags))


def _block(lines: Sequence[str], sign: str, is_value: Callable[[str], bool]) -> bool:
    """Are there lines in a row with as many fields, of which one holds values?"""
    split = [[f.strip() for f in re.split(sign if "s" in sign else re.escape(sign), line.strip())]
             for line in lines]  # fmt: skip
    for width, group in groupby(split, key=len):
        rows = list(group)
        if width > 1 and len(rows) > BLOCK:
            columns = list(zip(*rows[1:], strict=True))
            filled = [c for c in columns if 2 * sum(map(bool, c)) > len(c)]
            if any(10 * sum(map(is_value, c)) >= 9 * len(c) for c in filled):
                return True
    return False


def _plain(text: str) -> float | str:
    try:
        return float(text.replace(",", "").rstrip("%"))
    except ValueError:
        return text
