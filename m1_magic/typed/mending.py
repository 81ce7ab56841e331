"""A value that is written as another type, read where it can mean one thing only.

``"12"`` is a whole number, ``"1,234.5"`` a number, ``"Yes"`` is true, ``POS`` the choice ``pos``,
01234 the text ``01234``. What could be two things is none: ``1,234`` may be 1.234, 12/11/2026 two
days, 3.7 is no whole number, ``$5`` and ``12 %`` are more than a number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from decimal import Decimal, InvalidOperation

from .choosing import reasoned, same
from .node import Node
from .values import nodes

NUMBER = re.compile(r"[-+]?(?:\d+(?:_\d+)*(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,4})?")
GROUPS = re.compile(r"[-+]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")
SPACED = re.compile(r"[-+]?[1-9]\d{0,2}([ '’\u00a0\u202f])\d{3}(?:\1\d{3})*(?:\.\d+)?")
DOTTED = re.compile(r"[-+]?[1-9]\d{0,2}(?:\.\d{3}){2,}")
ZEROS = re.compile(r"[-+]?0\d")
POINTS = re.compile(r"[-+]?(?:0\d|\d{1,3}\.000\Z)")  # 1.000: one, or a thousand
NO_TEXT = {
    "undefined", "nil", "nan", "n/a", "na", "none", "null", "true", "false", "infinity", "inf", "-",
    "...", "…", "?",
}  # fmt: skip
TRUTHS = {
    "true": True, "yes": True, "y": True, "on": True, "1": True,
    "false": False, "no": False, "n": False, "off": False, "0": False,
}  # fmt: skip
# Digits and signs that others write, and what has no width.
_WIDE = "０１２３４５６７８９．，－＋\u2212\u2010\u2011"
PLAIN = str.maketrans(_WIDE, "0123456789.,-+---", "\u200b\u200c\u200d\u2060\ufeff")
DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})(?:日|[T ]00:00(?::00(?:\.0+)?)?Z?)?")
NUMBERS = re.compile(r"(?P<first>\d{1,2})(?P<sign>[/.])(?P<second>\d{1,2})(?P=sign)(?P<y>\d{4})")
WEEKDAY = re.compile(
    r"(?:(mon|tue|wed|thu|fri|sat|sun)(?:s|rs|day|sday|nesday|rsday|urday)?\.?,? )?(.*)",
    re.I | re.S,
)
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CLOCK = re.compile(r"(1[0-2]|0?[1-9])(:[0-5]\d(?::[0-5]\d)?)? ?([ap])\.?m\.?", re.I)
MOMENT = re.compile(
    r"(?P<day>.{6,40}?)(?:,|,? at)? (?P<time>\d{1,2}:\d\d(?::\d\d)?(?: ?[ap]\.?m\.?)?)", re.I
)
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
LONG = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december", "sept",
)  # fmt: skip
NAMED = (
    re.compile(
        r"(?P<d>\d{1,2})(?:st|nd|rd|th)?(?: of)?[ -](?P<m>[A-Za-z]{3,9})\.?,?[ -](?P<y>\d{4})"
    ),
    re.compile(r"(?P<m>[A-Za-z]{3,9})\.? (?P<d>\d{1,2})(?:st|nd|rd|th)?,? (?P<y>\d{4})"),
)


def mended(node: Node, problem: str, values: Sequence[object]) -> Node | None:
    """Return a value as the type that was missed; None: it can not be read as that.

    Args:
        node: a value that is sure.
        problem: pydantic's name of what is wrong with it.
        values: those that are allowed, where they are listed.
    """
    if problem.startswith(("list", "tuple", "set", "frozen", "dict", "model", "dataclass")):
        return _within(node)
    if node.kind not in ("text", "bare") or not node.sure:
        return None
    word = node.text.strip()
    if problem.startswith(("literal", "enum")):
        return _one_of(word, values)
    if problem.startswith("bool"):
        truth = TRUTHS.get(word.lower())
        return None if truth is None else _bare(str(truth).lower())
    if problem.startswith("string"):
        plain = node.kind == "bare" and word and word.lower() not in NO_TEXT
        return Node("text", word, mended=True) if plain else None
    if problem.startswith(("date_", "date_from")):
        day = iso(word)
        return Node("text", day, mended=True) if day and day != node.text else None
    if problem.startswith("datetime_") and (when := moment(word)):
        return Node("text", when, mended=True)
    if problem.startswith("time_") and (time := clock(word)):
        return Node("text", time, mended=True)
    if problem.startswith(("int", "float", "decimal")):
        integral = problem.startswith("int")
        word = word.translate(PLAIN)
        grouped = node.kind == "text" and SPACED.fullmatch(word)
        number_text = number(re.sub(r"[^\d.+-]", "", word) if grouped else word, integral)
        return None if number_text is None else _bare(number_text)
    return None


def number(word: str, integral: bool) -> str | None:
    """Return a number as JSON has it, of the same value; None: it is none, or could be two."""
    if DOTTED.fullmatch(word):
        word = word.replace(".", "")
    if GROUPS.fullmatch(word):
        if not integral and "." not in word and word.count(",") == 1:
            return None
        word = word.replace(",", "")
    elif not NUMBER.fullmatch(word) or (POINTS if integral else ZEROS).match(word):
        return None
    try:
        value = Decimal(word)
    except InvalidOperation:
        return None
    if not integral:
        return f"{value:E}" if "e" in word.lower() else f"{value:f}"
    return f"{value:.0f}" if value == value.to_integral_value() and value.adjusted() < 400 else None


def iso(word: str) -> str:
    """Return a day as ISO 8601 has it, "" where it is none, or could be two."""
    weekday, word = WEEKDAY.fullmatch(word.translate(PLAIN)).groups()  # type: ignore[union-attr]
    day = _day(word)
    if weekday and day:
        with suppress(ValueError):
            named = WEEK[date.fromisoformat(day).weekday()] == weekday.lower()
            return day if named else ""
    return day


def _day(word: str) -> str:
    if match := DAY.fullmatch(word):
        return f"{match[1]}-{int(match[2]):02}-{int(match[3]):02}"
    if match := NUMBERS.fullmatch(word):
        low, high = sorted((int(match["first"]), int(match["second"])))
        return f"{match['y']}-{low:02}-{high:02}" if high > 12 or low == high else ""
    for form in NAMED:
        if match := form.fullmatch(word):
            name = match["m"].lower()
            if (name in LONG or name in MONTHS) and name[:3] in MONTHS:
                return f"{match['y']}-{MONTHS.index(name[:3]) + 1:02}-{int(match['d']):02}"
    return ""


def clock(word: str) -> str:
    """Return a time of twelve hours as one of twenty-four, "" where it is none."""
    match = CLOCK.fullmatch(word)
    if not match:
        return ""
    return f"{int(match[1]) % 12 + 12 * (match[3] in 'pP'):02}{match[2] or ':00'}"


def moment(word: str) -> str:
    """Return a day and a time as ISO 8601 has them, "" where one of them is none."""
    match = MOMENT.fullmatch(word)
    day = iso(match["day"]) if match else ""
    if not match or not day:
        return ""
    half = match["time"][-1] in "mM."
    time = clock(match["time"]) if half else match["time"].zfill(5 if len(match["time"]) < 6 else 8)
    return f"{day}T{time}" if time else ""


def _bare(text: str) -> Node:
    return Node("bare", text, mended=True)


def _one_of(word: str, values: Sequence[object]) -> Node | None:
    """Return the value that a word names."""
    value = same(word, values)
    value = reasoned(word, values) if value is None else value
    if isinstance(value, str):
        return Node("text", value, mended=True)
    return None if value is None else _bare(json.dumps(value))


def _within(node: Node) -> Node | None:
    """Return the list or object that stands in a text, as all of it."""
    if node.kind != "text" or not node.sure:
        return None
    inner_nodes = nodes(node.text)
    if len(inner_nodes) != 1:
        return None
    inner, start, end = inner_nodes[0]
    inner.mended = True
    return inner if not (node.text[:start] + node.text[end:]).strip() else None
