"""pandas columns of Python objects → what they hold, if all of it is of one kind."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import narwhals.stable.v2 as nw

from .kinds import Series
from .measures import SAMPLE

# What pandas' infer_dtype says of a column of objects → the dtype it could have had.
OBJECTS = {
    "boolean": "boolean",
    "integer": "Int64",
    "floating": "float64",
    "mixed-integer-float": "float64",
    "decimal": "float64",
    "date": "datetime64[us]",
    "datetime": "datetime64[us]",
    "timedelta": "timedelta64[us]",
}


def texts_only(series: Series) -> tuple[Series, str]:
    """Return a pandas column that begins with texts as texts all through; "mixed" if it is not.

    Narwhals looks at the first hundred cells. Others may be slow to hash, or print themselves
    without end.
    """
    native = series.to_native()
    if str(getattr(native, "dtype", "")) != "object":
        return series, ""
    import pandas

    if pandas.api.types.infer_dtype(native, skipna=True) in ("string", "empty"):
        return series, ""
    texts = native.map(_shortly, na_action="ignore")
    return nw.from_native(texts, series_only=True), "mixed"


def _shortly(value: Any) -> str:
    """Return a text, number or date as text, of other cells the type."""
    if isinstance(value, str):
        return value
    plain = isinstance(value, (float, Decimal, date, timedelta))
    return str(value) if plain or type(value) in (bool, int) else f"<{type(value).__name__}>"


def unboxed(series: Series) -> tuple[Series, str]:
    """Return a pandas column of objects that are all of one kind as that kind, and which it is."""
    native = series.to_native()
    if not hasattr(native, "infer_objects"):
        return series, ""
    import pandas

    head = native.head(SAMPLE)
    inferred = pandas.api.types.infer_dtype(head, skipna=True)
    kind = OBJECTS.get(inferred)
    if kind is None:
        return series, ""
    try:
        if kind == "datetime64[us]":
            zoned = any(getattr(value, "tzinfo", None) for value in head.head(100))
            converted = pandas.to_datetime(native, errors="coerce", utc=zoned)
            converted = converted.astype("datetime64[us, UTC]" if zoned else kind)
        elif kind == "float64":
            converted = pandas.to_numeric(native.map(float, na_action="ignore"), errors="coerce")
        else:
            converted = native.astype(kind)
    except Exception:  # a value further down that is of another kind
        return series, ""
    if int(converted.isna().sum()) != int(native.isna().sum()):
        return series, ""
    return nw.from_native(converted, series_only=True), inferred
