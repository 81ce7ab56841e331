"""A column's type: what kind it is of, and its name in plain words.

The same data have the same word in every library, so that they have the same page: a whole number
is one in pandas (also nullable, or Arrow's), Polars, Arrow and SQL, a text in `str`, `string` and
objects. The physical type is shown only where it breaks a line of code: whole numbers as floats,
categories, and what pandas keeps as Python objects (`OBJECTS`), where `.dt` fails, `~` is no
"not" and `select_dtypes("number")` finds nothing. There the other libraries have real types, so
there the page differs.
"""

from __future__ import annotations

import re
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from ...privacy.redaction import masked_value

Series = nw.Series[Any]

EMPTY = "empty"  # the type of a column without any value
WORDS = {
    "Boolean": "true/false",
    "String": "text",
    "Categorical": "category",
    "Enum": "category",
    "Date": "date",
    "Datetime": "date and time",
    "Duration": "duration in seconds",
    "Time": "time of day",
    "Struct": "struct",
    "Object": "objects",
    "Binary": "bytes",
}
# What pandas' infer_dtype says of a column of objects → its type; texts are what one expects there.
OBJECTS = {
    "boolean": "true/false, dtype object",
    "integer": "whole number, dtype object",
    "floating": "number, dtype object",
    "mixed-integer-float": "number, dtype object",
    "decimal": "number, dtype object (Decimal)",
    "date": "dates, dtype object: `.dt` fails",
    "datetime": "dates and times, dtype object: `.dt` fails",
    "timedelta": "duration in seconds, dtype object: `.dt` fails",
    "mixed": "text among other objects",
}

TYPES = {
    "real": (nw.Duration,),  # it counts as seconds
    "moment": (nw.Date, nw.Datetime),
    "text": (nw.String, nw.Categorical, nw.Enum),
    "boolean": (nw.Boolean,),
}
_KINDS: dict[type, str] = {}


def is_number(dtype: Any) -> bool:
    """Is it a number of any kind, or a length of time, which counts as seconds?"""
    return kind(dtype) in ("integer", "real")


def is_moment(dtype: Any) -> bool:
    """Is it a date, or a date and time?"""
    return kind(dtype) == "moment"


def is_text(dtype: Any) -> bool:
    """Is it text or a category?"""
    return kind(dtype) == "text"


def kind(dtype: Any) -> str:
    """Return integer, real, boolean, text, moment or other; narwhals compares types slowly."""
    if type(dtype) not in _KINDS:
        _KINDS[type(dtype)] = _kind(dtype)
    return _KINDS[type(dtype)]


def _kind(dtype: Any) -> str:
    if dtype.is_numeric():
        return "integer" if dtype.is_integer() else "real"
    for name, types in TYPES.items():
        if any(dtype == one for one in types):
            return name
    return "other"


def plain(native: Any) -> bool:
    """Is it a pandas column of NumPy's numbers, true and false, or Python's objects?"""
    return isinstance(getattr(native, "dtype", None), np.dtype)


def floats(series: Series, dtype: Any) -> Any:
    """Return numbers (or flags) row by row as 64-bit floats, NaN where there is none."""
    native = series.to_native()
    if plain(native) and native.dtype.kind in "iufb":
        return np.asarray(native.to_numpy(), dtype=np.float64)
    if dtype == nw.Boolean:
        series = series.cast(nw.Int8())
    if dtype == nw.Duration:
        fine = getattr(dtype, "time_unit", "") == "ns"
        made = series.dt.total_nanoseconds() if fine else series.dt.total_microseconds()
        return np.asarray(made.to_numpy(), dtype=np.float64) / (1e9 if fine else 1e6)
    if dtype.is_decimal() or dtype in (nw.Int128, nw.UInt128):
        series = series.cast(nw.Float64())
    return np.asarray(series.to_numpy(), dtype=np.float64)


def words(dtype: Any, native: Any = None) -> str:
    """Return a type in plain words; ``native`` is the library's own, for those narwhals lacks."""
    if dtype.is_integer():
        return "whole number"
    if dtype.is_numeric():
        return "number"
    if dtype == nw.List or dtype == nw.Array:
        inner = getattr(dtype, "inner", None)
        known = inner is not None and hasattr(inner, "is_numeric")
        return f"list of {words(inner)}" if known else "list"
    word = re.split(r"[\[(]", str(dtype), maxsplit=1)[0]
    if word == "Unknown" and native is not None:
        word = re.split(r"\W", str(native), maxsplit=1)[0]
    zone = getattr(dtype, "time_zone", None)
    return WORDS.get(word, masked_value(word.lower(), 30)) + (
        f" ({masked_value(zone)})" if zone else ""
    )


_TYPES: dict[Any, Any] = {}  # of pandas' dtypes that say all


def types(table: nw.DataFrame[Any]) -> dict[str, Any]:
    """Return each column's type; narwhals looks at each column of pandas, here at each dtype."""
    dtypes = getattr(table.to_native(), "dtypes", None)
    if not table.implementation.is_pandas() or dtypes is None:
        return dict(table.schema)
    made: dict[str, Any] = {}
    for name, dtype in zip(table.columns, dtypes, strict=True):
        same = isinstance(dtype, np.dtype) and dtype.kind in "iufbM"
        same = same or type(dtype).__name__ == "StringDtype"
        made[name] = (_TYPES.get(dtype) if same else None) or table.get_column(name).dtype
        if same:
            _TYPES[dtype] = made[name]
    return made
