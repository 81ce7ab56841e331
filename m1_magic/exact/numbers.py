"""The numbers that an answer wrote itself, and which of them stand in what was sent.

Left out are code, addresses, versions, years, ordinals and the numbers of lists, headings and
footnotes. A number stands in what was sent if it is there, rounded at most: ``44 %`` of 44.2 % or
of 0.442, ``3.4k`` of 3,412. Nothing here says that another number is wrong.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from ..computed import Figure
from .lines import Lines
from .number_forms import Number, numbers, values
from .spots import spans

_HEAD = re.compile(
    r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)+|[ \t>]*#{1,6}[ \t]+(?:\d{1,3}(?:\.\d{1,3})*[.)]|"
    r"\d{1,2}(?:\.\d{1,2})+(?=[ \t]+[A-Z]))[ \t]|[ \t>]*\*\*\d{1,3}[.)](?:\*\*)?(?=[ \t])"
)
# What has digits and is no figure: addresses, notes, references, versions, names, indices.
_NO_FIGURE = re.compile(
    r"\]\([^()\s]*\)|<?\b(?:https?|ftp|mailto):[^\s<>)]*|\[\^?\d{1,3}\](?!\()|&#x?[0-9a-fA-F]{1,6};"
    r"|(?:\b(?i:step|table|figure|fig\.|section|chapter|part|note|query|question|phase|page|line"
    r"|cell|option|top|appendix|no\.|nr\.|id:?|id is)[ #]|(?<![\w&])#)\d{1,9}\b(?![.,]?\d|[ ]?%)"
    r"|\b(?i:versions?|release|python|pandas|polars|duckdb|numpy|spark|java|node|r) v?\d+(?:\.\d+)*"
    r"|(?<![\w.])v?(?!\d{1,3}(?:\.\d{3})+(?![\d.]))(?!\d{1,2}\.\d{1,2}\.(?:\d{2}|\d{4})(?![\w.]))"
    r"\d+(?:\.\d+){2,}\b"
    r"|(?<![\w.])0x[0-9a-fA-F]+\b|(?<![\w.])\d+(?![eE]\d|x10)[A-Za-z]+\d\w*"
    r"|(?<![\w.,])\d{1,2}[DGHQ]\b|\b[A-Za-z][A-Za-z0-9]*-\d\w*+(?:[-.]\w+)*+(?! ?%)"
    r"|(?<=\b(?:19|20)\d\d[/–])\d\d\b|(?<=\b(?:19|20)\d\d-)(?:1[3-9]|[2-9]\d)\b"
    r"|\+\d[\d ()-]{6,20}\d|(?<![\w.,-])\(?\d{3}\)?[ -]\d{3}-\d{4}\b|(?<![\w.,-])\d{3}-\d{4}\b"
    r"|(?:(?<=^)|(?<=[:;,.] )|(?<=\band ))\(\d{1,2}\)(?= [a-z])|(?<=[ (])['’]\d\d\b(?!['’])"
    r"|\\[dt]?frac\{\d\}\{[^{}\d]*\}|(?<!10)\^\{?-?\d+\}?|_\{?-?\d+\}?|[_^]\{[^{}]*=\d+\}"
)
_DIGIT = re.compile("[0-9]")
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?,?"
_BEFORE_YEAR = re.compile(
    rf"(?:\b(?:in|since|until|till|during|year|years|before|after|by|from|between|early|late|mid"
    rf"|FY|fiscal|Q[1-4]|H[12]|summer|autumn|fall|winter|spring|{_MONTH})[ ]"
    r"|(?:19|20)\d{2}(?:[-–—/]| (?:and|to|or) |, ))$",
    re.IGNORECASE,
)
_THE = re.compile(r"\b(?:the|this|our|its|their) $", re.IGNORECASE)
_NOUN = re.compile(r" ([a-z]+)")
_MONEY = ("\x01", "$", "€", "£", "¥")
_ABOUT = re.compile(r"(?:\b(?:about|around|roughly|nearly|almost|over|some|than)|[≈~]) ?[$€£]?$")


def written(text: str, figures: Sequence[Figure] = ()) -> list[Number]:
    """Return the numbers of an answer outside of its computed figures."""
    masked = _masked(text, figures)
    return [one for one in numbers(masked) if not _is_year(one, masked)]


def unchecked(text: str, figures: Sequence[Figure], sent: Iterable[str]) -> list[Number]:
    """Return the numbers that an answer wrote itself and that stand nowhere in what was sent.

    Args:
        text: the answer with its figures.
        figures: the figures that were computed, and where they stand.
        sent: the question, and all that went along.
    """
    every = written(text, figures)
    known = _Sent(sent) if every else None
    return [one for one in every if known and not known.has(one, text)]


def count(text: str, figures: Sequence[Figure], sent: Iterable[str]) -> str:
    """Return ``3 of 5 figures stand in what was sent``; nothing where there are none."""
    every = written(text, figures)
    if not every:
        return ""
    known = _Sent(sent)
    there = sum(known.has(one, text) for one in every)
    noun = "figure stands" if len(every) == 1 else "figures stand"
    return f"{there} of {len(every)} {noun} in what was sent"


class _Sent:
    """The numbers of what was sent, to be looked up."""

    def __init__(self, texts: Iterable[str]) -> None:
        plain, percent, self._dates = values(list(texts))
        # A share and a percentage are the same.
        self._percent = sorted(percent | {one * 100 for one in plain if abs(one) <= 1})
        self._plain = sorted(plain | {one / 100 for one in percent})

    def has(self, number: Number, text: str) -> bool:
        """Does a number stand there, rounded at most?"""
        if number.dates:
            return any(self._has_date(date) for date in number.dates)
        every = self._percent if number.percent else self._plain
        about = number.digits > 1 and bool(
            _ABOUT.search(text[max(0, number.start - 12) : number.start])
        )
        if any(self._near(every, one, number, about) for one in (number.value, *number.others)):
            return True
        if number.step:  # in a table whose heading has the percent sign
            bare = not number.percent and number.digits > 2
            return bare and self._near(self._percent, number.value, number, False)
        parts = re.findall(r"\d+", number.text)
        return all(self._near(self._plain, float(one), number, False) for one in parts)

    def _has_date(self, date: str) -> bool:
        if date in self._dates:
            return True
        if date.startswith("--"):
            return any(one.endswith(date[1:]) for one in self._dates)
        return len(date) >= 7 and any(one.startswith(date) for one in self._dates)

    def _near(self, every: list[float], value: float, number: Number, about: bool) -> bool:
        signs = (1,) if number.signed else (1, -1)  # "fell by 5" of -5
        reach = _reach(number, about) + abs(value) * 1e-12
        for sign in signs:
            at = bisect_left(every, value * sign - reach)
            if at < len(every) and every[at] <= value * sign + reach:
                return True
        return False


def _reach(number: Number, about: bool) -> float:
    """Return by how much a number may be rounded: two digits are too few to be recognised."""
    digits, step = number.digits, number.step
    if step == 1 and digits > 2 and not number.percent:  # 336,800 of 336,776
        bare = re.sub(r"\D", "", number.text)
        zeros = len(bare) - len(bare.rstrip("0"))
        if digits - zeros >= (2 if about else 3):
            step *= 10.0**zeros
    rounded = digits > 2 or (digits == 2 and (number.percent or step != 1))
    return step / 2 if rounded else 0.0


def _masked(text: str, figures: Sequence[Figure]) -> str:
    """Return an answer with blanks, of the same length, for what holds no number of its own."""
    out: list[str] = []
    at, paragraph, lines = 0, [], Lines()
    bare: list[str] = []
    # A value is no number that M1 wrote, whatever it looks like.
    for one in sorted(figures, key=lambda one: one.start):
        bare += [text[at : one.start], re.sub(r"[^\n]", "\x01", text[one.start : one.end])]
        at = max(at, one.end)
    without_values = "".join([*bare, text[at:]])
    for row in re.findall(r"[^\n]*\n|[^\n]+", without_values):
        kind = lines.read(row).kind
        if kind == "text":
            head = _HEAD.match(row)
            paragraph.append("\x00" * head.end() + row[head.end() :] if head else row)
            continue
        out += [_without_code("".join(paragraph)), row if kind == "blank" else "\x00" * len(row)]
        paragraph = []
    return "".join([*out, _without_code("".join(paragraph))])


def _without_code(paragraph: str) -> str:
    out: list[str] = []
    last = 0
    for span in spans(paragraph) if "`" in paragraph else ():
        if span.kind == "code":
            out += [paragraph[last : span.start], "\x00" * (span.end - span.start)]
            last = span.end
    rows = "".join([*out, paragraph[last:]]).splitlines(keepends=True)
    return "".join(_NO_FIGURE.sub(_blank, row) if _DIGIT.search(row) else row for row in rows)


def _blank(match: re.Match[str]) -> str:
    return "\x00" * len(match[0])


def _is_year(number: Number, text: str) -> bool:
    """Is it a year: four bare digits behind a word for a time, or before no noun?"""
    if not re.fullmatch(r"(?:19|20)\d\d", number.text):
        return False
    before = text[max(0, number.start - 40) : number.start]
    if _BEFORE_YEAR.search(before):
        return True
    if before[-1:] in _MONEY:
        return False
    # "$2,019" has its comma, "2019 flights" its noun, "a mean of 2019" is taken for a year.
    noun = _NOUN.match(text, number.end)
    return not noun or (bool(_THE.search(before)) and not noun[1].endswith("s"))
