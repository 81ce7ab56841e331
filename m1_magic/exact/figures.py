"""A value of a result as text.

Without a format whole numbers are shown whole, others with four significant digits, dates as
dates, and what is not there as ``–``. A Python format spec that does not fit falls back to that,
with a note; what it may ask for is bounded (``:999999999d`` would fill the memory).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from itertools import islice

from ..text import one_line, show_controls

NOTHING = "–"
DIGITS = 4  # significant ones
LONGEST = 1_000  # characters of a value
ITEMS = 20  # of a list
WIDEST, FINEST = 60, 20  # characters, decimals that a format may ask for
_PLAIN_EXPONENTS = range(-5, 15)  # of numbers that are written without an exponent
_SPEC = re.compile(
    r"(?:.?[<>=^])?[ +-]?z?#?0?(?P<width>\d{0,9})[,_]?(?:\.(?P<digits>\d{1,9}))?[bdeEfFgGosxX%]?"
)
_DATE_SPEC = re.compile(r"(?:[^%{}]|%[-#]?[A-Za-z%]){1,60}")


@dataclass(frozen=True, slots=True)
class ValueText:
    """A value as text, not yet fit for any place, and what to say of its format."""

    text: str
    number: bool = False
    note: str = ""


def is_number(value: object) -> bool:
    """Is it a number, and no truth value?"""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def value_text(value: object, spec: str = "") -> ValueText:
    """Return a value as text, by a format spec where that fits."""
    number = is_number(value)
    if spec and value is not None:
        try:
            if (text := _formatted(value, spec)) is not None:
                return ValueText(_cut(text), number)
        except (ValueError, TypeError, OverflowError, ArithmeticError):
            pass
        note = f"the format {one_line(spec, 40)} does not fit {_kind(value)}: shown without it"
        return ValueText(_cut(plain(value)), number, note)
    return ValueText(_cut(plain(value)), number)


def plain(value: object, depth: int = 0) -> str:
    """Return a value as text without a format."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if abs(value) < 10**300 else _scientific(Decimal(value))
    if isinstance(value, float | Decimal):
        return _number(value)
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{len(value):,} bytes"
    if isinstance(value, str):
        return str.__str__(value) if value.strip() else '""'
    if depth < 3 and isinstance(value, Mapping | Sequence | Set):
        return _container(value, depth)
    return str(value)


def _container(value: Mapping[object, object] | Sequence[object] | Set[object], depth: int) -> str:
    if isinstance(value, Mapping):
        pairs = islice(value.items(), ITEMS)
        parts = [f"{plain(key, depth + 1)}: {plain(one, depth + 1)}" for key, one in pairs]
    else:
        parts = [plain(one, depth + 1) for one in islice(value, ITEMS)]
    if len(value) > ITEMS:
        parts.append(f"… {len(value) - ITEMS:,} more")
    marks = "{}" if isinstance(value, Mapping) else "[]"
    return f"{marks[0]}{', '.join(parts)}{marks[1]}"


def _number(value: float | Decimal) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"
    if not value:
        return "0"
    if value == int(value) and (isinstance(value, Decimal) or abs(value) < 1e15):
        integer = int(value)
        return str(integer) if abs(integer) < 10**300 else _scientific(Decimal(integer))
    exact = Decimal(repr(float(value))) if isinstance(value, float) else value
    place = exact.adjusted()
    if place not in _PLAIN_EXPONENTS:
        return _scientific(exact)
    step = Decimal(1).scaleb(place - DIGITS + 1)
    rounded = (exact / step).quantize(Decimal(1)) * step
    text = f"{rounded:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _scientific(value: Decimal) -> str:
    return f"{value:.{DIGITS - 1}e}"


def _moment(value: datetime) -> str:
    if (value.hour, value.minute, value.second, value.microsecond, value.tzinfo) == (0,) * 4 + (
        None,
    ):
        return value.date().isoformat()
    return value.isoformat(sep=" ", timespec="auto" if value.second else "minutes")


def _formatted(value: object, spec: str) -> str | None:
    """Return a value by a format spec, or None where that does not fit."""
    if isinstance(value, date | time):
        return format(value, spec) if _DATE_SPEC.fullmatch(spec) and "%" in spec else None
    match = _SPEC.fullmatch(spec)
    fits = match and int(match["width"] or 0) <= WIDEST and int(match["digits"] or 0) <= FINEST
    if not fits or isinstance(value, bool):
        return None
    if isinstance(value, float | Decimal):
        if not math.isfinite(value):
            return plain(value)
        if spec[-1] in "bdoxX":
            return format(int(value), spec) if value == int(value) else None
        if abs(float(value)) >= 1e100:
            return None
    if isinstance(value, int) and abs(value) >= 10**100:
        return None
    return format(value, spec) if is_number(value) or isinstance(value, str) else None


def _cut(text: str) -> str:
    """Return a text of which something is seen, and not too long."""
    cut = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return cut if show_controls(cut).split() else '""'


def _kind(value: object) -> str:
    if is_number(value):
        return "this number"
    return "a text" if isinstance(value, str) else f"a {one_line(type(value).__name__, 40)}"
