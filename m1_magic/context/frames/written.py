"""Numbers that are written as text: with currencies, units, thousands, decimal commas.

One decimal sign holds for a column, the one by which most rows are numbers. Figures are those of
the numbers if all of them have one unit; a mix of units is shown by share.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...privacy.personal import personal_text
from .arrays import Array
from .forms import TOKENS, Texts, digits, without_value
from .lines import quoted

BLANKS = " \u00a0\u202f"
FORM = re.compile(
    r"(?P<open>\(?)(?P<sign>[+\-−]?)(?P<before>(?:[A-Z]{3}|(?:[A-Z]{1,2})?[$€£¥₹₩₽฿₺₪₫₴₦]|Rs\.?|Fr\.|kr)?"
    rf"[{BLANKS}]?)(?P<again>[+\-−]?)(?P<body>[.,]?9(?:[.,'’{BLANKS}]?9)*)(?P<power>[eE][+-]?9{{1,2}})?"
    rf"(?P<after>(?:[{BLANKS}]?[^\W\d_]|[{BLANKS}]?[%‰°$€£¥₹₩₽฿₺₪₫₴₦\"″′Ωµ])[^\d()\[\]{{}};,]{{0,11}}?)?"
    r"(?P<minus>[-−]?)(?P<close>\)?)"
)
CODES = frozenset({
    "USD", "EUR", "GBP", "CHF", "JPY", "CNY", "RMB", "INR", "CAD", "AUD", "NZD", "SEK",
    "NOK", "DKK", "PLN", "CZK", "HUF", "RON", "TRY", "RUB", "ILS", "ZAR", "BRL", "MXN",
    "KRW", "SGD", "HKD", "THB",
})  # fmt: skip
UNITS = frozenset({
    "kg", "g", "mg", "µg", "lb", "lbs", "oz", "t", "st", "cm", "mm", "m", "km", "in",
    "inch", "inches", "ft", "feet", "yd", "mi", "mile", "miles", "mph", "km/h", "kmh",
    "m/s", "l", "ml", "cl", "dl", "gal", "bar", "hpa", "pa", "psi", "°c", "°f", "k", "kw",
    "w", "kwh", "mw", "mwh", "gwh", "v", "a", "hz", "khz", "mhz", "ghz", "b", "kb", "mb",
    "gb", "tb", "s", "sec", "secs", "ms", "min", "mins", "h", "hr", "hrs", "hour", "hours",
    "d", "day", "days", "week", "weeks", "month", "months", "year", "years", "yr", "yrs",
    "px", "pt", "cc", "hp", "ps", "bps", "bpm", "x", "m²", "km²", "m³", "mmhg", "mg/dl",
    "mmol/l", "pcs", "mio", "mrd", "bn", "mn",
})  # fmt: skip
POWERS = frozenset({"k", "K", "m", "M", "B", "bn", "T"})  # 1.2M, 350k
COMMA = "with decimal comma"
LONGEST = 15  # digits that a float holds
KINDS = 5  # units of a column that are told apart
SHARE = 0.8  # of the rows that say something are numbers, else the column is none of them


@dataclass
class Part:
    """The numbers of a column with one unit: places, rows and values of their texts.

    ``removed``: what to remove, and ``ways``: how else they are written, each with its rows.
    """

    before: str
    after: str
    places: list[Array] = field(default_factory=list)
    rows: list[Array] = field(default_factory=list)
    values: list[Array] = field(default_factory=list)
    removed: Counter[str] = field(default_factory=Counter)
    ways: Counter[str] = field(default_factory=Counter)
    castable: bool = True  # once all that is removed

    def add(self, places: Array, rows: Array, values: Array) -> None:
        """Add the texts of one form."""
        self.places.append(places)
        self.rows.append(rows)
        self.values.append(values)

    def note(self, where: str, *words: str) -> None:
        """Count the rows added last for some words, "" for none."""
        getattr(self, where).update(dict.fromkeys(filter(None, words), int(self.rows[-1].sum())))

    @property
    def total(self) -> int:
        """Rows of it."""
        return int(sum(rows.sum() for rows in self.rows))


@dataclass(frozen=True, slots=True)
class Reading:
    """What a column of texts is: its type, what to say of it, and its values in order.

    The values are those of all rows, or None where there is no one unit, or not all were read;
    `formats` and `swaps` as in `Column`.
    """

    type: str
    notes: tuple[str, ...]
    order: Array | None = None
    formats: tuple[str, ...] = ()
    swaps: Mapping[str, str] | None = None


def numbers(texts: Texts, least: float = SHARE) -> Reading | None:
    """Return texts as numbers, None if such a part of them are none."""
    matches = {form: m for form in texts.forms if (m := _form(form))}
    if not matches:
        return None
    places = texts.forms
    points, commas = (
        sum(texts.of(places[f]) for f, m in matches.items() if split(m["body"], sign))
        for sign in ".,"
    )
    decimal = "," if commas > points else "."
    parts: dict[tuple[str, str], Part] = {}
    zeros = 0
    for form, match in matches.items():
        if cut := split(match["body"], decimal):
            zeros += _read(texts, form, match, cut, parts)
    credible = _credible(sorted(parts.values(), key=lambda p: (-p.total, p.before, p.after)), texts)
    if zeros:
        return _digits(texts, zeros)
    valid = texts.total - texts.of(texts.missing(strictly=False))
    if not credible or sum(part.total for part in credible) < max(least * valid, texts.k, 1):
        return None
    order = None
    if len(credible) == 1 and texts.complete:
        order = np.sort(
            np.repeat(np.concatenate(credible[0].values), np.concatenate(credible[0].rows))
        )
    return Reading(
        "number as text", _how_to_read(texts, credible), order, swaps=_swaps(credible, texts.k)
    )


def _form(form: str) -> re.Match[str] | None:
    """Return the parts of a form of numbers."""
    match = FORM.fullmatch(form)
    if not match or bool(match["open"]) != bool(match["close"]):
        return None
    signs = [match["open"], match["sign"], match["again"], match["minus"]]
    word, unit = match["before"].strip(), (match["after"] or "").strip()
    if sum(map(bool, signs)) > 1 or (word.isalpha() and word not in {*CODES, "Rs", "kr"}):
        return None
    return match if not (word and unit) or unit in ("%",) else None


def split(body: str, decimal: str) -> tuple[str, int] | None:
    """Return the sign between thousands ("" if none) and the decimals; None if it is no number."""
    integer_part, point, fraction = body.partition(decimal)
    if set(fraction) - {"9"} or (point and not fraction):
        return None
    signs = set(integer_part) - {"9"}
    if not signs:
        return "", len(fraction)
    if len(signs) > 1:
        return None
    sign = signs.pop()
    first, *others = integer_part.split(sign)
    if not 0 < len(first) < 4:
        return None
    thousands = all(len(group) == 3 for group in others)
    lakhs = (
        sign == "," and len(first) < 3 and [len(g) for g in others] == [2] * (len(others) - 1) + [3]
    )
    return (sign, len(fraction)) if thousands or lakhs else None


def _read(
    texts: Texts, form: str, match: re.Match[str], cut: tuple[str, int],
    parts: dict[tuple[str, str], Part],
) -> int:  # fmt: skip
    """Add the numbers of one form to the part of their unit; return the rows with leading zeros."""
    sign, decimals = cut
    places = texts.forms[form]
    start, end = match.span("body")
    columns = [i for i in range(start, end) if form[i] == "9"]
    characters = texts.characters(form)
    padded = (characters[:, columns[0]] == ord("0")) & (len(columns) - decimals > 1)
    zeros = texts.of(places[padded])
    places, characters = places[~padded], characters[~padded]
    if not len(places):
        return zeros
    if match["power"] or len(columns) > LONGEST:
        powers = [texts.bare[p][slice(*match.span("power"))] or "e0" for p in places]
        all_digits = ["".join(texts.bare[p][i] for i in columns) for p in places]
        exact = [f"{w}e{int(e[1:]) - decimals}" for w, e in zip(all_digits, powers, strict=True)]
        values = np.array([float(text) for text in exact])
    else:
        values = digits(characters, columns) / 10**decimals
    signs = "".join(match[name] for name in ("open", "sign", "again", "minus"))
    unit = match["before"].strip(), (match["after"] or "").strip()
    part = parts.setdefault(unit, Part(*unit))
    part.add(places, texts.rows[places], -values if signs.strip("+") else values)
    part.castable = part.castable and "−" not in signs
    part.note("removed", match["before"], sign, match["after"] or "")
    comma = decimals > 0 and match["body"][-1 - decimals] == ","
    part.note(
        "ways",
        COMMA if comma else "",
        "negative in parentheses" if match["open"] else "",
        "minus behind" if match["minus"] else "",
    )
    return zeros


def _credible(parts: Sequence[Part], texts: Texts) -> list[Part]:
    """Return the parts with a unit that is one, which enough rows share."""
    everything = max(1, sum(part.total for part in parts))
    powers = sum(part.total for part in parts if part.after in POWERS)
    credible = []
    for part in parts:
        share, unit = part.total / everything, part.after
        spaced = any(text[0] in BLANKS for text in part.removed if text.strip() == unit)
        known = not any(map(str.isalpha, unit)) or unit.casefold() in UNITS or unit in CODES
        clear = known and (spaced or len(unit) > 1 or not unit.isalpha() or share >= 0.95)
        clear = clear or (unit in POWERS and powers >= 0.95 * everything)
        sure = not unit or clear or (spaced and share >= 0.95)
        if sure and part.total >= max(texts.k, 1) and not personal_text(part.before + unit):
            credible.append(part)
    return credible if len(credible) <= KINDS else []


def _digits(texts: Texts, zeros: int) -> Reading | None:
    """Return texts of digits alone, some with leading zeros, as codes."""
    widths = {len(form) for form in texts.forms if set(form) == {"9"}}
    if len(widths) != len(texts.forms) or zeros < max(1, texts.k):
        return None
    long = f"{min(widths)}" if len(widths) == 1 else f"{min(widths)} to {max(widths)}"
    if len(widths) > 1 and min(texts.of(texts.forms["9" * w]) for w in widths) < texts.k:
        long = "several"
    return Reading("text", (f"codes of {long} digits with leading zeros{texts.read}",))


def _how_to_read(texts: Texts, parts: Sequence[Part]) -> tuple[str, ...]:
    """Return what to remove from texts so that they are numbers, and what does not fit."""
    first, k = parts[0], texts.k
    used = {p for part in parts for places in part.places for p in places.tolist()}
    missing = [p for p in texts.missing(strictly=False) if p not in used]
    tokens = texts.common(missing, TOKENS)
    read = sum(part.total for part in parts)
    rest = texts.total - read - texts.of(tokens)
    rare = any(rows < k for rows in (*first.removed.values(), *first.ways.values()))
    if texts.total == first.total and not rare:
        amount = "all read"
    elif texts.total - first.total < k:
        amount = f"all but fewer than {k} rows read"
    elif 0 < rest < k:
        amount = f"of the others all but fewer than {k} rows read"
        if len(parts) > 1:
            return ("mixed units",)
    else:
        amount = f"{texts.part(first.total)} read"
    removed = [text for text, rows in first.removed.items() if rows >= max(k, 1)]
    how = [way for way, rows in first.ways.items() if rows >= max(k, 1)]
    parted = ", ".join(map(_removed, sorted(removed)))
    words = f"{amount} as numbers" + (f" after removing {parted}" if removed else "")
    words = ", ".join([words, *how]) + texts.read
    notes = [words] if removed or how or not amount.startswith("all read") else []
    notes += [f"{texts.part(part.total)} {_ends(part)}" for part in parts[1:]]
    seen = used | set(missing)
    left = [p for p in range(len(texts.raw)) if p not in seen]
    notes += [
        f"{quoted(texts.raw[p])} {texts.part(int(texts.rows[p]))}"
        for p in texts.common(left, 2, 0.01)
    ]
    without = without_value(texts, missing)
    return (*notes, *([without] if without else []))


def _swaps(parts: Sequence[Part], k: int) -> dict[str, str] | None:
    """Return what to replace in texts of one unit, None where numbers are written in other ways."""
    first = parts[0]
    if len(parts) > 1 or first.ways.keys() - {COMMA} or not first.castable:
        return None
    longest = sorted(first.removed, key=lambda text: (-len(text), text))  # "Fr." before "."
    swaps = {text: "" for text in longest if first.removed[text] >= max(k, 1)}
    return swaps | ({",": "."} if first.ways[COMMA] >= max(k, 1) else {})


def _removed(part: str) -> str:
    """Return what to remove, with blanks of any kind as such."""
    if part in ("\u00a0", "\u202f"):
        return "no-break spaces"
    return quoted(part.replace("\u00a0", " ").replace("\u202f", " "))


def _ends(part: Part) -> str:
    """Return how numbers of another unit are told apart."""
    raw = {text.strip(): text for text in part.removed}
    if part.after:
        return f"end in {_removed(raw[part.after])}"
    return f"begin with {quoted(part.before)}" if part.before else "are bare numbers"
