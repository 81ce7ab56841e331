"""What a cell of a table holds: nothing, or a value and the text that stands for it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from decimal import Decimal
from typing import Any

Column = list[Any]


def listed(values: Sequence[Any]) -> Column:
    """Return values with None for what is missing."""
    try:
        return [None if value is None or value != value else value for value in values]
    except Exception:  # some answer that with an array, NA or an error
        return [None if _missing(value) else value for value in values]


def text_of(value: object) -> str:
    """Return a value of a table as the text that stands for it."""
    if isinstance(value, str):
        return value
    value = _readable(value)
    if isinstance(value, list | tuple | Mapping):
        with suppress(TypeError, ValueError):  # keys that JSON has not; a list in itself
            return json.dumps(value, ensure_ascii=False, default=_inner)
    return str(value)


def _missing(value: Any) -> bool:
    """Is it None, NaN, NaT or pandas' NA?"""
    if value is None:
        return True
    try:
        return bool(value != value)
    except Exception:
        return type(value).__name__ == "NAType" or isinstance(value, Decimal)


def _readable(value: Any) -> Any:
    """Return bytes as their text, sets in an order of their own, all items of an array."""
    if isinstance(value, bytes | bytearray):
        with suppress(UnicodeDecodeError):
            return value.decode()
    if isinstance(value, Set):
        return sorted(value, key=str)
    if getattr(value, "ndim", 0) == 1 and hasattr(value, "tolist"):
        return value.tolist()
    return value


def _inner(value: object) -> object:
    readable = _readable(value)
    return str(value) if readable is value else readable
