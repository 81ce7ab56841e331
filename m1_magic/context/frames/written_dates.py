"""Dates and times that are written as text: in which formats, and which moments they are.

Formats are shown as `strptime` takes them. Where the day and the month of 03/04/2024 cannot be
told apart in any row, that is said, and no range.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .arrays import Array
from .forms import TOKENS, Texts, digits, without_value
from .written import Reading

TIME = (
    r"(?:(?P<t>[ T])(?P<H>99?):(?P<M>99)(?::(?P<S>99)(?P<f>\.9{1,9})?)?(?P<p> ?[AaPp][Mm])?"
    r"(?P<z> ?(?:Z|UTC)|[+-]99:?99)?)?"
)
WORD = r"[A-Za-zäéû]{3,9}"
NAMED = {
    name: number
    for number, names in enumerate(
        ("jan january januar", "feb february februar", "mar march märz", "apr april", "may mai",
         "jun june juni", "jul july juli", "aug august", "sep sept september",
         "oct october okt oktober", "nov november", "dec december dez dezember"), 1
    )
    for name in names.split()
}  # fmt: skip
DAYS = re.compile(r"(?:mon|tue|wed|thu|fri|sat|sun)", re.I)
# A form, the type, and the format with the parts that the form names.
FORMS = [
    (re.compile(form), kind)
    for form, kind in (
        (r"(?P<Y>9999)(?P<s>[-/.])(?P<m>99?)(?P=s)(?P<d>99?)" + TIME, "date"),
        (r"(?P<one>99?)(?P<s>[-/.])(?P<two>99?)(?P=s)(?P<Y>9999|99)" + TIME, "date"),
        (r"(?P<Y>9999)(?P<m>99)(?P<d>99)", "date"),
        (rf"(?:(?P<a>{WORD}),? )?(?P<b>{WORD})\.? (?P<d>99?),? (?P<Y>9999)" + TIME, "date"),
        (rf"(?:(?P<a>{WORD}),? )?(?P<d>99?)(?:\. |[ -])(?P<b>{WORD})\.?[ -](?P<Y>9999|99)" + TIME,
         "date"),
        (r"(?P<Y>9999)[-/](?P<m>99)", "month"),
        (r"(?P<m>99)/(?P<Y>9999)", "month"),
        (rf"(?P<b>{WORD})[ -](?P<Y>9999)", "month"),
        (r"(?P<Y>9999)[- ]?Q(?P<q>9)", "quarter"),
        (r"Q(?P<q>9)[- /]?(?P<Y>9999)", "quarter"),
        (r"(?P<H>99?):(?P<M>99)(?::(?P<S>99))?(?P<p> ?[AaPp][Mm])?", "time"),
    )
]  # fmt: skip
SHARE = 0.8  # of the rows that say something are dates, else the column is none of them
YEARS = (1000, 2999)
SURE = 50 * 365 * 86_400_000_000  # within which years of two digits are of one century
FEW = 3  # distinct dates from which eight digits are one
FORMATS = 4  # that are shown
GERMAN = " (German months)"
DAY = re.compile(r"...|(?:mon|tues|wednes|thurs|fri|satur|sun)day")  # as `strptime` knows it
FOREIGN = {"januar", "februar", "märz", "mai", "juni", "juli", "okt", "oktober", "dez", "dezember"}
MAY = "%May"  # until it is known whether months are long or short
UNKNOWN = "day or month first is not decidable"


@dataclass(frozen=True)
class Part:
    """The dates of one form: places of their texts, format, moments (NaT: no such date).

    ``plain``: `strptime` reads them in English.
    """

    kind: str
    format: str
    places: Array
    moments: Array
    plain: bool = True


def dates(texts: Texts, least: float = SHARE) -> Reading | None:
    """Return texts as dates, months, quarters or times of day; None if such a part are none."""
    matches = {form: both for form in texts.forms if (both := _matched(form))}
    first = _day_first({f: m for f, (m, _) in matches.items() if "one" in m.groupdict()}, texts)
    dated = [
        part
        for form, (match, kind) in matches.items()
        for part in _parts(texts, form, match, kind, first)
    ]
    kinds: Counter[str] = Counter()
    for part in dated:
        kinds[part.kind] += texts.of(part.places)
    if not kinds:
        return None
    kind = max(sorted(kinds), key=lambda one: kinds[one])
    valid = texts.total - texts.of(texts.missing(strictly=False))
    if kinds[kind] < max(least * valid, texts.k, 1):
        return None
    parts = _named_alike([part for part in dated if part.kind == kind])
    plain = all(part.format in ("%Y%m%d", "%H:%M", "%Y-%m") for part in parts)
    if plain and (kinds[kind] < texts.total or sum(len(p.places) for p in parts) < FEW):
        return None  # numbers, lengths of time, codes
    order = None
    if kind in ("date", "month") and not any("?" in part.format for part in parts):
        rows = np.concatenate([texts.rows[part.places] for part in parts])
        order = np.sort(np.repeat(np.concatenate([part.moments for part in parts]), rows))
        if any("%y" in part.format for part in parts) and np.ptp(order) > SURE:
            order = None  # their century is a guess
    return Reading(f"{kind} as text", _notes(texts, parts), order, _formats(texts, parts))


def _named_alike(parts: list[Part]) -> list[Part]:
    """Return parts in which May has the format of the other months: long or short."""
    long = any("%B" in part.format for part in parts)
    german = any(GERMAN in part.format for part in parts)
    made = []
    for part in parts:
        form = part.format.replace(MAY, "%B" if long else "%b").removesuffix(GERMAN)
        made.append(
            replace(part, format=form + (GERMAN if german and "%b" in form.lower() else ""))
        )
    return made


def _matched(form: str) -> tuple[re.Match[str], str] | None:
    for pattern, kind in FORMS:
        match = pattern.fullmatch(form)
        if match:
            groups = match.groupdict()
            month, day = groups.get("b"), groups.get("a")
            if month and month.casefold() not in NAMED:
                continue
            return None if day and not DAYS.match(day) else (match, kind)
    return None


def _number(characters: Array, match: re.Match[str], name: str, default: int) -> Array:
    """Return a part of the texts of one form as whole numbers, ``default`` where it has none."""
    start, end = match.span(name) if match.groupdict().get(name) else (0, 0)
    if end == start:
        return np.full(len(characters), default)
    return digits(characters, range(start, end))


def _day_first(matches: Mapping[str, re.Match[str]], texts: Texts) -> dict[tuple[str, int], str]:
    """Return what comes first by sign and length of the year: d, m, "dm" in turns, or nothing."""
    seen: dict[tuple[str, int], set[str]] = {}
    for form, match in matches.items():
        characters = texts.characters(form)
        ways = seen.setdefault((match["s"], len(match["Y"])), set())
        for name, way in (("one", "d"), ("two", "m")):
            if bool((_number(characters, match, name, 1) > 12).any()):
                ways.add(way)
    return {
        kind: "".join(sorted(ways)) or ("d" if kind[0] == "." else "")
        for kind, ways in seen.items()
    }


def _parts(
    texts: Texts, form: str, match: re.Match[str], kind: str, first: Mapping[tuple[str, int], str]
) -> list[Part]:
    """Return the dates of one form; those of two ways to write them apart."""
    places, characters = texts.forms[form], texts.characters(form)
    made = [(np.full(len(places), True), "")]
    if match.groupdict().get("one"):
        way = first.get((match["s"], len(match["Y"])), "")
        made = [(made[0][0], way)]
        if way == "dm":
            one, two = (_number(characters, match, name, 1) > 12 for name in ("one", "two"))
            made = [(one, "d"), (two, "m"), (~one & ~two, "")]
    parts = []
    for some, way in made:
        if some.any():
            right, moments = _moments(characters[some], match, way)
            if right.any():
                held = places[some][right], moments[right]
                parts.append(Part(kind, _format(match, way), *held, _plain(match, kind)))
    return parts


def _moments(characters: Array, match: re.Match[str], way: str) -> tuple[Array, Array]:
    """Return which texts of one form are dates, and all as microseconds since 1970."""
    groups = match.groupdict()

    def number(name: str, default: int) -> Array:
        return _number(characters, match, name, default)

    if "one" in groups:
        one, two = number("one", 1), number("two", 1)
        # Where nobody knows which is which, both could be months.
        day, month = (one, two) if way == "d" else (two, one)
    else:
        day, month = number("d", 1), number("m", 3 * number("q", 1)[0] - 2)
    if groups.get("b"):
        month = np.full(len(characters), NAMED[match["b"].casefold()])
    year = number("Y", 2000)
    if groups.get("Y") and len(match["Y"]) == 2:
        year = np.where(year < 69, 2000, 1900) + year
    right = (year >= YEARS[0]) & (year <= YEARS[1]) & (month > 0) & (month < 13) & (day > 0)
    months = np.where(right, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (day - 1)
    right &= days.astype("datetime64[M]") == months
    within, since = _clock(characters, match)
    return right & within, days.astype("datetime64[us]").astype(np.int64) + since


def _clock(characters: Array, match: re.Match[str]) -> tuple[Array, Array]:
    """Return which times of day there are, and all as microseconds since midnight."""
    hour, minute, second = (_number(characters, match, name, 0) for name in "HMS")
    half = (match.groupdict().get("p") or "").strip().lower()
    right = (hour < 13) & (hour > 0) if half else hour < 24
    right = right & (minute < 60) & (second < 60)
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    since = ((hour * 60 + minute) * 60 + second) * 1_000_000
    if match.groupdict().get("f"):
        start, end = match.span("f")
        size = min(6, end - start - 1)
        since += digits(characters, range(start + 1, start + 1 + size)) * 10 ** (6 - size)
    return right, since


def _format(match: re.Match[str], way: str) -> str:
    """Return the format of a form as `strptime` takes it; "?" where day and month are not known."""
    groups, form = match.groupdict(), match.string
    half = bool(groups.get("p"))
    codes = {"Y": "%Y", "m": "%m", "d": "%d", "M": "%M", "S": "%S", "f": ".%f", "q": "q"}
    codes |= {"one": {"d": "%d", "m": "%m"}.get(way, "?"), "H": "%I" if half else "%H"}
    codes |= {"two": {"d": "%m", "m": "%d"}.get(way, "?")}
    for name, long, short in (("a", "%A", "%a"), ("b", "%B", "%b")):
        if word := groups.get(name):
            codes[name] = long if len(word) > 3 else short
    if (groups.get("b") or "").casefold() in ("may", "mai"):
        codes["b"] = MAY
    if groups.get("Y") and len(match["Y"]) == 2:
        codes["Y"] = "%y"
    if groups.get("q"):
        codes["Y"] = "YYYY"
    if half:
        codes["p"] = f"{' ' if match['p'][0] == ' ' else ''}%p"
    if groups.get("z"):
        codes["z"] = match["z"] if match["z"].strip().isalpha() else "%z"
    spans = sorted((match.span(name), code) for name, code in codes.items() if groups.get(name))
    made, at = "", 0
    for (start, end), code in spans:
        made, at = made + form[at:start] + code, end
    foreign = (groups.get("b") or "").casefold() in FOREIGN
    return made + form[at:] + (GERMAN if foreign else "")


def _plain(match: re.Match[str], kind: str) -> bool:
    """Does `strptime` read the words of a form?"""
    month, day = ((match.groupdict().get(name) or "").casefold() for name in "ba")
    known = month != "sept" and month not in FOREIGN and (not day or DAY.fullmatch(day))
    return kind != "quarter" and bool(known)


def _disclosed_formats(
    texts: Texts, parts: Sequence[Part]
) -> tuple[Counter[str], list[tuple[str, int]]]:
    """Return the rows of each format, and of those that may be told, the most frequent first."""
    rows: Counter[str] = Counter()
    for part in parts:
        rows[part.format] += texts.of(part.places)
    allowed = [(f, n) for f, n in rows.items() if "?" not in f and n >= max(texts.k, 1)]
    return rows, sorted(allowed, key=lambda pair: (-pair[1], pair[0]))[:FORMATS]


def _formats(texts: Texts, parts: Sequence[Part]) -> tuple[str, ...]:
    """Return formats that read all dates of a column as what they are; none if there are none."""
    if any("?" in part.format or not part.plain for part in parts):
        return ()  # the first format that fits would be taken
    # %Y takes two digits, too.
    return tuple(
        sorted((f for f, _ in _disclosed_formats(texts, parts)[1]), key=lambda f: "%Y" in f)
    )


def _notes(texts: Texts, parts: Sequence[Part]) -> tuple[str, ...]:
    """Return the formats with their shares, and what is no date."""
    rows, top = _disclosed_formats(texts, parts)
    read = sum(rows.values())
    used = {p for part in parts for p in part.places.tolist()}
    missing = [p for p in texts.missing(strictly=False) if p not in used]
    tokens = texts.of(texts.common(missing, TOKENS))
    left = texts.total - read - tokens
    # Shares of all rows would tell how few are left.
    base = read if 0 < left < texts.k else texts.total
    alone = len(rows) == 1
    words = ", ".join(f if alone else f"{f} {texts.part(n, base)}" for f, n in top)
    notes = [words + texts.read] if words else []
    if any("?" in f for f in rows):
        doubt = sum(n for f, n in rows.items() if "?" in f)
        some = f" in {texts.part(doubt, base)}" if doubt < read and doubt >= max(texts.k, 1) else ""
        notes.append(UNKNOWN + some + texts.read)
    if 0 < left < texts.k:
        notes.append(f"fewer than {texts.k} rows read as none")
    elif left:
        notes.append(f"{texts.part(left)} read as none{texts.read}")
    without = without_value(texts, missing)
    return (*notes, *([without] if without else []))
