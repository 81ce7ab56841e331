"""The kind of a column, and the bounds of a question about it in the form of that kind.

All engines compare the same things: whole numbers within their type, floats, microseconds
since 1970 (in UTC, naive moments by their own clock), seconds, texts.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import narwhals.stable.v2 as nw

from ..kinds import is_moment, is_number, is_text
from ..measures import Between

SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)


class Span(NamedTuple):
    """The bounds of a question, both included."""

    low: Any
    high: Any


def kind(dtype: Any) -> str:
    """Return integer, real, boolean, text, moment or other."""
    if is_number(dtype):
        return "integer" if dtype.is_integer() else "real"
    if is_moment(dtype):
        return "moment"
    if is_text(dtype):
        return "text"
    return "boolean" if dtype == nw.Boolean else "other"


def bounds(question: Between, dtype: Any) -> Span | None:
    """Return the bounds in the form of the column's kind; None if no value can lie between."""
    form = FORMS.get(kind(dtype))
    try:
        span = form(question.low, question.high, dtype) if form else None
    except (TypeError, ValueError, OverflowError):  # NaN, or a value of another kind
        return None
    return span if span is not None and span.low <= span.high else None


def _integers(low: Any, high: Any, dtype: Any) -> Span:
    name = str(dtype)
    bits = int(name.lstrip("UInt"))
    least = 0 if name.startswith("U") else -(2 ** (bits - 1))
    most = least + 2**bits - 1
    first = least if low == -math.inf else max(least, math.ceil(low))
    return Span(first, most if high == math.inf else min(most, math.floor(high)))


def _reals(low: Any, high: Any, dtype: Any) -> Span:
    ends = (end / SECOND if isinstance(end, timedelta) else float(end) for end in (low, high))
    return Span(*ends)


def _moments(low: Any, high: Any, dtype: Any) -> Span:
    return Span(max(-(2**63), microseconds(low)), min(2**63 - 1, microseconds(high)))


def _texts(low: Any, high: Any, dtype: Any) -> Span:
    if not (isinstance(low, str) and isinstance(high, str)):
        raise TypeError
    (low + high).encode()  # lone surrogates are in no table
    return Span(low, high)


def _booleans(low: Any, high: Any, dtype: Any) -> Span | None:
    known = [value for value in (False, True) if low <= value <= high]
    return Span(known[0], known[-1]) if known else None


FORMS = {
    "integer": _integers,
    "real": _reals,
    "moment": _moments,
    "text": _texts,
    "boolean": _booleans,
}


def microseconds(value: Any) -> int:
    """Return a moment as microseconds since 1970: in UTC, naive ones by their own clock."""
    if isinstance(value, date):
        if not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day)
        since = value.replace(tzinfo=UTC) if value.tzinfo is None else value
        return int((since - datetime(1970, 1, 1, tzinfo=UTC)) // MICROSECOND)
    if isinstance(value, (str, bytes)):
        raise TypeError
    if value in (-math.inf, math.inf):
        return -(2**63) if value < 0 else 2**63 - 1
    return int(value)
