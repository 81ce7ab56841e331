"""A page's text, read back into statements, each checked against the raw table.

What is true is found with plain pandas and NumPy, by other means than the package's own. A
statement that no check knows is a fault. A module with a new kind of line adds its check::

    @fact(r"`(.+)` and `(.+)`: correlation (≈ )?(-?[\\d.]+)")       # a line below the columns
    def correlation(truth: Truth, one, other, about, shown): truth.must(..., "said")

    @note(r"(?:about )?(\\d+) characters")                          # a part of a column's line
    def characters(audit: Audit, number): audit.must(...)

    @head(r"exact figures")                                         # a part of the first line
    def exact(truth: Truth): ...

Each gets the pattern's groups. The package's own text functions are used for one thing: how a
name or label is written where it is escaped or cut.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from m1_magic.context.frames.summary import Summary
from m1_magic.privacy.personal import safe_name
from m1_magic.privacy.redaction import masked_value

Check = Callable[..., None]
FACTS: dict[str, Check] = {}
NOTES: dict[str, Check] = {}
HEADS: dict[str, Check] = {}
PARTS: dict[str, Check] = {}  # what a line says of columns that look alike

SHARE = r"(?:≈ )?(?:< 0\.1|> 99\.9|[\d.]+) %"
NUMBER = r"-?(?:[\d.]+(?:e[+-]?\d+)?|inf)"
FIGURE = rf"(min|max|median|mean|sd|P\d\d?|always) (≈ )?({NUMBER}|true|false)"
MOMENT = r"-?\d{4,6}(?:s|-\d\d(?:-\d\d(?: [\d:.]+)?)?)?"
LABEL = rf'("(?:[^"\\]|\\.)*"|[^",;]+?) ({SHARE})'


def fact(pattern: str) -> Callable[[Check], Check]:
    """Register the check of a line below those of the columns."""
    return lambda check: FACTS.setdefault(pattern, check)


def note(pattern: str) -> Callable[[Check], Check]:
    """Register the check of a part of a column's line."""
    return lambda check: NOTES.setdefault(pattern, check)


def head(pattern: str) -> Callable[[Check], Check]:
    """Register the check of a part of the first line."""
    return lambda check: HEADS.setdefault(pattern, check)


@dataclass
class Told:
    """What a line says of one column, as it is written."""

    name: str
    type: str = ""
    nulls: int | None = None
    nulls_share: str = ""
    masked: bool = False
    counts: dict[str, str] = field(default_factory=dict)
    distinct: tuple[int, int] | None = None  # how many, and in how many rows or 0
    figures: dict[str, float | int | str] = field(default_factory=dict)
    about: set[str] = field(default_factory=set)
    labels: dict[str, str] = field(default_factory=dict)  # as written → share as written
    others: str = ""
    notes: list[str] = field(default_factory=list)
    statements: int = 0

    @property
    def follows(self) -> bool:
        return any(re.fullmatch(r"as .+, but for fewer than \d+ rows", n) for n in self.notes)


@dataclass
class Truth:
    """A table, what was said of it, and what of that is wrong."""

    frame: pd.DataFrame  # as plain columns, its index not among them
    summary: Summary
    k: int
    wrong: list[str] = field(default_factory=list)
    statements: int = 0
    correlations: dict[frozenset[str], float] = field(default_factory=dict)
    copies: dict[str, str] = field(default_factory=dict)  # of the first of its kind
    places: dict[str, int] = field(default_factory=dict)  # of names as written, the first of each

    @property
    def rows(self) -> int:
        return len(self.frame)

    def must(self, true: object, said: str) -> None:
        if not true:
            self.wrong.append(said)

    def column(self, written: str) -> pd.Series:
        """The column whose name is so written on the page."""
        if not self.places:
            names = [masked_value(safe_name(str(name))) for name in self.frame.columns]
            self.places = {name: place for place, name in reversed([*enumerate(names)])}
        return self.frame.iloc[:, self.places[written]]


def pieces(text: str) -> list[str]:
    """Split a line at ``; `` outside of quotes and backticks."""
    parts, start, quoted, ticked, at = [], 0, False, False, 0
    while at < len(text):
        c = text[at]
        if c == "\\":
            at += 1
        elif c == '"':
            quoted = not quoted and not ticked
        elif c == "`" and not quoted:
            ticked = not ticked
        elif text.startswith("; ", at) and not quoted and not ticked:
            parts.append(text[start:at])
            start = at + 2
        at += 1
    return [*parts, text[start:]]


def fits(shown: str, true: float) -> bool:
    """Is a share as it is written (``44.2 %``) that of the truth, to the digits shown?"""
    number = shown.removeprefix("≈ ").removesuffix(" %")
    if number == "< 0.1":
        return 0 < true < 0.001
    if number == "> 99.9":
        return 0.999 < true < 1
    value = float(number)
    if value in (0, 100):
        return true == value / 100
    digits = 2 if value < 1 else 3
    unit = 10.0 ** (math.floor(math.log10(value)) - digits + 1)
    return abs(100 * true - value) <= unit * 0.500001


def told(line: str, name: str) -> Told:
    """Return what the line of one column says; ``name`` as it is written there."""
    start = f"- `{name}`"
    assert line.startswith(start), (line, name)
    made, rest = Told(name), line[len(start) :]
    if rest.endswith(", masked: looks personal"):
        made.type, made.masked = rest.removeprefix(": ").partition(", masked")[0], True
        made.statements = 1
        return made
    nulls = r"no nulls|([\d,]+) null \((" + SHARE + r")\)"
    found = re.match(rf"(?:: (.*?))?(?:, (?:{nulls}))?(?:; |$)", rest)
    while found and found[1] and rest.count(", no nulls"):  # a type may have commas
        found = re.match(rf"(?:: (.*?)), (?:{nulls})(?:; |$)", rest)
        break
    else:
        found = re.match(rf"(?:: (.*?)), (?:{nulls})(?:; |$)", rest) or found
    assert found, line
    made.type = found[1] or ""
    made.nulls = int(found[2].replace(",", "")) if found[2] else 0
    made.nulls_share = found[3] or ""
    made.statements = 2
    for piece in pieces(rest[found.end() :]) if rest[found.end() :] else []:
        _piece(made, piece)
    return made


def _piece(made: Told, piece: str) -> None:
    if found := re.fullmatch(rf"(NaN|infinite|zero|negative|outlier) ({SHARE})", piece):
        made.counts[found[1]] = found[2]
        made.about |= {found[1]} if found[2].startswith("≈") else set()
        made.statements += 1
    elif found := re.fullmatch(r"([\d,]+) distinct(?: in ([\d,]+) rows)?", piece):
        made.distinct = (int(found[1].replace(",", "")), int((found[2] or "0").replace(",", "")))
        made.statements += 1
    elif re.fullmatch(rf"{FIGURE}(?: · {FIGURE})*", piece):
        for name, about, value in re.findall(FIGURE, piece):
            whole = re.fullmatch(r"-?\d+", value)
            word = value in ("true", "false")
            made.figures[name] = value if word else int(value) if whole else float(value)
            made.about |= {name} if about else set()
            made.statements += 1
    elif re.fullmatch(rf"(?:(from|to|always) (?:≈ )?{MOMENT} ?)+", piece):
        for name, about, value in re.findall(rf"(from|to|always) (≈ )?({MOMENT})", piece):
            made.figures[name] = value
            made.about |= {name} if about else set()
            made.statements += 1
    elif found := re.fullmatch(r'always ("(?:[^"\\]|\\.)*"|-?[\d.]+)', piece):
        made.labels[found[1]] = "100 %"
        made.statements += 1
    elif re.fullmatch(rf"(?!(?:ages|values) )(?:≈ )?{LABEL}(?:, {LABEL})*", piece):
        made.about |= {"labels"} if piece.startswith("≈ ") else set()
        for label, share in re.findall(LABEL, piece.removeprefix("≈ ")):
            label = label.strip()
            if label == "others":
                made.others = share
            else:
                made.labels[label] = share
            made.statements += 1
    else:
        made.notes.append(piece)
        made.statements += 1


def run(checks: dict[str, Check], on: Any, text: str) -> bool:
    """Run the check of the statement; is there one?"""
    for pattern, check in checks.items():
        if found := re.fullmatch(pattern, text):
            check(on, *found.groups())
            return True
    return False
