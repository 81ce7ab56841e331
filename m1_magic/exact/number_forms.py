"""How numbers are written: with thousands, units and scales, in ranges, as fractions, as dates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

SCALES = {
    "k": 3,
    "K": 3,
    "m": 6,
    "M": 6,
    "b": 9,
    "B": 9,
    "T": 12,
    "thousand": 3,
    "lakh": 5,
    "million": 6,
    "millions": 6,
    "mn": 6,
    "Mio": 6,
    "mln": 6,
    "crore": 7,
    "bn": 9,
    "billion": 9,
    "billions": 9,
    "Mrd": 9,
    "bln": 9,
    "trillion": 12,
}
_WORDS = "|".join(sorted((name for name in SCALES if len(name) > 1), key=len, reverse=True))
UNITS = "mbBT"  # glued to a number they may be units as well: 5m is five metres or millions
_SPACE = "[ \u00a0\u202f\u2009]"
_GROUP = r"(?:,|\{,\}|\\,|[ \u00a0\u202f\u2009'’])"
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
    r"|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE = (
    r"(?<![\w.,-])\d{4}-\d{2}(?:-\d{2})?(?![\w-])"
    r"|(?<![\w.,/:])\d{1,2}(?P<sep>[/.])\d{1,2}(?P=sep)(?:\d{4}|\d{2})(?![\w/])"
    r"|(?<![\w.,:])\d{1,2}:\d{2}(?::\d{2})?(?![\w:])"
    rf"|(?<![\w.,])\d{{1,2}}\.? {_MONTH}\b(?:\.?,? \d{{4}}(?!\d))?"
    rf"|\b{_MONTH}\.? \d{{1,2}}(?![\w%])(?! ?%|[.,:]\d)(?:,? \d{{4}}(?!\d))?"
)
_WHOLE = (
    r"\d{1,3}(?:\.\d{3}){2,}(?![\d.])|\d{1,3}(?:\.\d{3})+(?=,\d{1,2}(?![\d,]))"
    rf"|(?!0)\d{{1,3}}(?:{_GROUP}\d{{3}})+(?!\d)|\d{{1,40}}"
)
_TIMES = rf"(?P<times>{_SPACE}?(?:×|\\times|\\cdot|·|\*){_SPACE}?10)"
_POWER = r"(?:\^\{?(?P<power>[-−]?\d{1,3})\}?|(?P<super>⁻?[⁰¹²³⁴-⁹]{1,3}))"
_PERCENT = r"(?:\\?%|per ?cent\b|percentage points?\b|pp\b|p\.p\.)"
_TO = rf"(?:{_SPACE}?[-–—]{_SPACE}?|{_SPACE}(?:to|and|or){_SPACE})[$€£]?\d[\d.,]{{0,9}}"
_SCALE = rf"(?:[kKmMbBT]|{_SPACE}?(?:k|M|{_WORDS})\b)(?![\w²³/])"
_NUMBER = re.compile(
    rf"(?P<date>{_DATE})"
    r"|(?P<sign>(?<![\w)\]}%\x01])[-−–])?(?<![\w^\\])(?<!\w\.)"
    rf"(?:(?P<over>(?!(?:19|20)\d\d/)\d{{1,4}}/[1-9]\d{{0,3}}(?![\w/]|\.\d))|(?P<list>(?<=\d,))?(?P<whole>{_WHOLE})"
    r"(?P<part>\.\d{1,40}|(?(list)(?!)|,\d{1,2}(?![\d,]))|(?<=\b0),\d{1,40}|,\d{4,40}(?![\d,]))?"
    rf"(?:(?P<exp>[eE][-+]?\d{{1,3}}\b)|(?:{_TIMES}|(?<=\b10)){_POWER})?)"
    r"(?P<ordinal>(?:st|nd|rd|th)\b)?"
    rf"(?:\*{{0,3}}{_SPACE}?(?P<percent>{_PERCENT})"
    rf"|\*{{0,3}}(?P<scale>{_SCALE})"
    rf"|(?P<until>(?={_TO}(?:{_SPACE}?(?P<later>{_PERCENT})|(?P<scales>{_SCALE})))))?"
)
_SUPERS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−", "0123456789--")
# In a long text, each beginning with a digit or a letter, which is what makes them quick.
_MARKS = ",'’\u00a0\u202f\u2009"
_PLAIN = re.compile(r"[0-9](?<!\w[0-9])[0-9]*(?:\.[0-9]+)?(?: ?%)?")
_NEGATIVE = re.compile(r"[-−](?<!\w.)[0-9]+(?:\.[0-9]+)?(?: ?%)?")
_GROUPED = re.compile(
    rf"[0-9](?<![\w.][0-9])[0-9]{{0,2}}(?:[{_MARKS} ][0-9]{{3}})+(?![0-9])(?:\.[0-9]+)?(?: ?%)?"
)
_COMMA = re.compile(r"[0-9](?<![\w.,][0-9])[0-9]*,[0-9]{1,2}(?![0-9,])(?: ?%)?")
_OTHER = re.compile(
    rf"[0-9](?<!\w[0-9])[0-9{_MARKS}.]{{0,40}}+"
    rf"(?:{_SCALE}|[eE][-+]?[0-9]+|{_TIMES}{_POWER}| ?per ?cent)"
)
_WHEN = re.compile(
    r"[0-9](?<!\w[0-9])(?:[0-9]{3}-[0-9]{2}(?:-[0-9]{2})?(?!\d)|[0-9]?:[0-9]{2}(?::[0-9]{2})?"
    rf"|[0-9]?(?:[/.][0-9]{{1,2}}[/.][0-9]{{2,4}}|\.? {_MONTH}\b(?:,? [0-9]{{4}})?))"
)
_MONTH_FIRST = re.compile(
    r"[JFMASOND](?:an|eb|ar|pr|ay|un|ul|ug|ep|ct|ov|ec)[a-z]*\.? [0-9]{1,2}(?:,? [0-9]{4})?(?!\d)"
)


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a text: where it stands, its value, and what its last digit counts.

    ``others`` are values that it may have as well; ``dates``: it is a date or a time, which is
    compared as text.
    """

    start: int
    end: int
    text: str
    value: float = 0.0
    step: float = 1.0
    digits: int = 1  # significant ones
    percent: bool = False
    signed: bool = False
    others: tuple[float, ...] = ()
    dates: tuple[str, ...] = ()


def numbers(text: str) -> Iterator[Number]:
    """Yield the numbers of a text, in order, but for ordinals."""
    for match in _NUMBER.finditer(text):
        if match["date"] or not match["ordinal"]:
            until = (match["later"] and "%") or (match["scales"] or "").strip()
            one = _number(match[0], until)
            start = match.start()
            rest = one.value, one.step, one.digits, one.percent, one.signed, one.others, one.dates
            yield Number(start, start + len(one.text), one.text, *rest)


@lru_cache(4_096)
def _number(text: str, until: str) -> Number:
    """Return a number that was found; ``until``: the unit at the end of its range."""
    match = _NUMBER.fullmatch(text)
    if match is None:  # its surroundings made it one
        match = _NUMBER.match(text)
    assert match is not None
    if match["date"]:
        return Number(0, 0, text, dates=tuple(_dates(text)))
    percent = match["percent"] is not None or until == "%"
    if match["over"]:
        above, _, below = match["over"].partition("/")
        value = int(above) / int(below)
        return Number(0, 0, text, value, 0.0, 9, percent)
    integer, part = re.sub(r"\D", "", match["whole"]), (match["part"] or "")[1:]
    scale = (match["scale"] or until).strip()
    shift = int((match["exp"] or "e0")[1:])
    if power := match["power"] or match["super"]:
        shift += int(power.translate(_SUPERS))
        if not match["times"]:  # 10⁶ alone
            integer = "1"
    shift += SCALES.get(scale, 0)
    value = float(f"{integer}.{part or 0}e{shift}") * (-1 if match["sign"] else 1)
    other = (float(f"{integer}.{part or 0}"),) if scale in UNITS and match["scale"] == scale else ()
    digits = len((integer + part).lstrip("0")) or 1
    signed = match["sign"] in ("-", "−")
    return Number(0, 0, text, value, 10.0 ** (shift - len(part)), digits, percent, signed, other)


def _dates(text: str) -> Iterator[str]:
    """Yield what a date or time may be, in ISO's form; without its year ``--05-01``."""
    yield text
    parts = [int(one) for one in re.findall(r"\d+", text)]
    month = re.search(_MONTH, text)
    if month:
        number = _MONTHS.index(month[0][:3].lower()) + 1
        year = f"{parts[1]}" if len(parts) > 1 else "-"
        yield f"{year}-{number:02}-{parts[0]:02}"
    elif len(parts) == 3 and ("/" in text or "." in text):
        first, second, last = parts
        last += 0 if last > 99 else 2000
        yield f"{last}-{second:02}-{first:02}"
        yield f"{last}-{first:02}-{second:02}"


def values(texts: list[str]) -> tuple[set[float], set[float], set[str]]:
    """Return plain numbers, percentages, and dates and times that stand in long texts."""
    plain, percent, dates = set[float](), set[float](), set[str]()

    def add(matched: str, number: str) -> None:
        (percent if matched[-1] == "%" else plain).add(float(number))

    for text in texts:
        for one in {*_PLAIN.findall(text), *_NEGATIVE.findall(text)}:
            add(one, one.replace("−", "-").rstrip(" %"))
        for one in set(_GROUPED.findall(text)):
            add(one, re.sub(r"[^0-9.]", "", one))
        for one in set(_COMMA.findall(text)):
            add(one, one.replace(",", ".").rstrip(" %"))
        for one in {match[0] for match in _OTHER.finditer(text)}:
            for number in numbers(one):
                (percent if number.percent else plain).update((number.value, *number.others))
        for one in {*_WHEN.findall(text), *_MONTH_FIRST.findall(text)}:
            dates.update(_dates(one))
    return plain, percent, dates
