"""The numbers that an answer wrote itself, and which of them stand in what was sent.

Left out are code, addresses, dates' years, ordinals and the numbers of lists, headings and
footnotes. A number stands in what was sent if it is there, rounded at most: ``44 %`` of 44.2 % or
of 0.442, ``3.4k`` of 3,412. Nothing here says that another number is wrong.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from ..computed import Figure
from .lines import Lines
from .spots import spans

_WORDS = {
    "thousand": 3,
    "million": 6,
    "millions": 6,
    "mn": 6,
    "bn": 9,
    "billion": 9,
    "trillion": 12,
}
_SCALES = {**_WORDS, "k": 3, "K": 3, "m": 6, "M": 6, "b": 9, "B": 9, "T": 12}
_SCALE = rf"[kKmMbBT]|[ \u00a0]?(?:k|M|{'|'.join(_WORDS)})"
_GROUP = r"(?:,|\{,\}|[\u00a0\u202f\u2009'’])"
_NUMBER = re.compile(
    r"(?P<date>(?<![\w.,-])\d{4}-\d{2}(?:-\d{2})?(?![\w-])"
    r"|(?<![\w.,/:])\d{1,2}(?P<sep>[/.])\d{1,2}(?P=sep)\d{2,4}(?![\w/])"
    r"|(?<![\w.,:])\d{1,2}:\d{2}(?::\d{2})?(?![\w:]))"
    r"|(?P<sign>(?<![\w)\]}%])[-−])?"
    rf"(?<![\w^\\])(?<!\w\.)(?P<whole>\d{{1,3}}(?:{_GROUP}\d{{3}})+(?!\d)|\d{{1,40}})"
    r"(?P<part>\.\d{1,40}|,\d{1,2}(?![\d,]))?(?P<exp>[eE][-+]?\d{1,3})?"
    r"(?P<ordinal>(?:st|nd|rd|th)\b)?"
    r"(?:[ \u00a0\u202f]?(?P<percent>\\?%|per ?cent\b|(?=[-–—] ?\d[\d.,]{0,9} ?%))"
    rf"|(?P<scale>{_SCALE})(?![\w²³/]))?"
)
_HEAD = re.compile(
    r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)+|[ \t>]*#{1,6}[ \t]+(?:\d{1,3}(?:\.\d{1,3})*[.)]|"
    r"\d{1,2}(?:\.\d{1,2})+(?=[ \t]+[A-Z]))[ \t]|[ \t>]*\*\*\d{1,3}[.)](?:\*\*)?(?=[ \t])"
)
_NO_FIGURE = re.compile(
    r"\]\([^()\s]*\)|<?\b(?:https?|ftp|mailto):[^\s<>)]*|\[\^?\d{1,3}\]"
    r"|\b(?:step|table|figure|fig\.|section|chapter|part|note|query|question|phase)[ ]\d{1,2}\b"
    r"|[_^]\{?-?\d+\}?",
    re.IGNORECASE,
)
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?,?"
_BEFORE_YEAR = re.compile(
    rf"(?:\b(?:in|since|until|till|during|year|years|before|after|by|from|between|{_MONTH}"
    rf"|Q[1-4]|{_MONTH} \d{{1,2}},)[ ]|\d{{4}}(?:[-–—/]| (?:and|to) ))$",
    re.IGNORECASE,
)
_NOUN = re.compile(r"[ ][a-z]")


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a text: where it stands, its value, and what its last digit counts."""

    start: int
    end: int
    text: str
    value: Decimal | None  # None: a date or a time, which is compared as text
    step: Decimal = Decimal(1)
    percent: bool = False
    signed: bool = False


def written(text: str, figures: Sequence[Figure] = ()) -> list[Number]:
    """Return the numbers of an answer outside of its computed figures."""
    masked = _masked(text, figures)
    return [one for one in _numbers(masked) if not _is_year(one, masked)]


def unchecked(text: str, figures: Sequence[Figure], sent: Iterable[str]) -> list[Number]:
    """Return the numbers that an answer wrote itself and that stand nowhere in what was sent.

    Args:
        text: the answer with its figures.
        figures: the figures that were computed, and where they stand.
        sent: the question, and all that went along.
    """
    known = _Sent(sent)
    return [one for one in written(text, figures) if not known.has(one)]


def count(text: str, figures: Sequence[Figure], sent: Iterable[str]) -> str:
    """Return ``3 of 5 figures stand in what was sent``; nothing where there are none."""
    every = written(text, figures)
    if not every:
        return ""
    there = sum(map(_Sent(sent).has, every))
    noun = "figure stands" if len(every) == 1 else "figures stand"
    return f"{there} of {len(every)} {noun} in what was sent"


class _Sent:
    """The numbers of what was sent, to be looked up."""

    def __init__(self, texts: Iterable[str]) -> None:
        plain: set[Decimal] = set()
        percent: set[Decimal] = set()
        self._dates: set[str] = set()
        for text in texts:
            for one in _numbers(text):
                if one.value is None:
                    self._dates.add(one.text)
                else:
                    (percent if one.percent else plain).add(one.value)
        # A share and a percentage are the same.
        self._percent = sorted(percent | {one * 100 for one in plain if abs(one) <= 1})
        self._plain = sorted(plain | {one / 100 for one in percent})

    def has(self, number: Number) -> bool:
        """Does a number stand there, rounded at most?"""
        if number.value is None:
            return number.text in self._dates or any(
                date.startswith(number.text) for date in self._dates
            )
        values = self._percent if number.percent else self._plain
        signs = (1,) if number.signed else (1, -1)  # "fell by 5" of -5
        return any(self._near(values, number.value * sign, number) for sign in signs)

    @staticmethod
    def _near(values: list[Decimal], value: Decimal, number: Number) -> bool:
        # Two digits are too few to be recognised as another number, rounded.
        digits = (
            len((number.value / number.step).to_integral_value().as_tuple().digits)
            if number.value
            else 1
        )
        rounded = digits > 2 or (digits == 2 and (number.percent or number.step != 1))
        reach = number.step / 2 if rounded else Decimal(0)
        at = bisect_left(values, value - reach)
        return at < len(values) and values[at] <= value + reach


def _masked(text: str, figures: Sequence[Figure]) -> str:
    """Return an answer with blanks, of the same length, for what holds no number of its own."""
    out: list[str] = []
    at, paragraph, lines = 0, [], Lines()
    starts = iter(sorted(figures, key=lambda one: one.start))
    bare: list[str] = []
    for one in starts:  # a value is no number that M1 wrote, whatever it looks like
        bare += [text[at : one.start], re.sub(r"[^\n]", "\x01", text[one.start : one.end])]
        at = max(at, one.end)
    whole = "".join([*bare, text[at:]])
    for row in re.findall(r"[^\n]*\n|[^\n]+", whole):
        kind = lines.read(row).kind
        if kind == "text":
            head = _HEAD.match(row)
            paragraph.append(_blanked(row, 0, head.end()) if head else row)
            continue
        out += [_without_code("".join(paragraph)), row if kind == "blank" else "\x00" * len(row)]
        paragraph = []
    return "".join([*out, _without_code("".join(paragraph))])


def _blanked(text: str, start: int, end: int) -> str:
    return text[:start] + "\x00" * (end - start) + text[end:]


def _without_code(paragraph: str) -> str:
    out: list[str] = []
    last = 0
    for span in spans(paragraph) if "`" in paragraph else ():
        if span.kind == "code":
            out += [paragraph[last : span.start], "\x00" * (span.end - span.start)]
            last = span.end
    return _NO_FIGURE.sub(lambda found: "\x00" * len(found[0]), "".join([*out, paragraph[last:]]))


def _numbers(text: str) -> Iterable[Number]:
    for found in _NUMBER.finditer(text):
        if found["date"]:
            yield Number(found.start(), found.end(), found[0], None)
        elif not found["ordinal"]:
            yield _number(found)


def _number(found: re.Match[str]) -> Number:
    whole = re.sub(r"\D", "", found["whole"])
    part = (found["part"] or "")[1:]
    shift = int((found["exp"] or "e0")[1:]) + _SCALES.get((found["scale"] or "").strip(), 0)
    value = Decimal(f"{whole}.{part or 0}").scaleb(shift)
    return Number(
        *(found.start(), found.end(), found[0], -value if found["sign"] else value),
        step=Decimal(1).scaleb(shift - len(part)),
        percent=found["percent"] is not None,
        signed=bool(found["sign"]),
    )


def _is_year(number: Number, text: str) -> bool:
    """Is it a year: four bare digits behind a word for a time, or before no noun?"""
    if not re.fullmatch(r"(?:19|20)\d\d", number.text):
        return False
    before = text[max(0, number.start - 40) : number.start]
    if _BEFORE_YEAR.search(before):
        return True
    # "$2,019" has its comma, "2019 flights" its noun, "a mean of 2019" is taken for a year.
    return before[-1:] not in ("\x01", "$", "€", "£") and not _NOUN.match(text, number.end)
