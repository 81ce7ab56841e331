"""Values that may stand in a prompt as they are: text, numbers, dates, and containers of these.

Records (lists of dicts) are tables, which would pass the privacy level by, and all else must be
made text by its owner.
"""

from __future__ import annotations

import json
import numbers
import sys
from datetime import date, time, timedelta


def plain_text(value: object) -> str | None:
    """Return a plain value as text, None if it is not plain."""
    try:
        if isinstance(value, str):
            return str.__str__(value)
        if value is None or isinstance(value, _scalars()):
            return str(value)
        if isinstance(value, (dict, list, tuple, set, frozenset)):
            return _compact(value)
    except (TypeError, ValueError, RecursionError):
        pass  # not plain inside, or circular
    return None


def _scalars() -> tuple[type, ...]:
    numpy = sys.modules.get("numpy")
    return (numbers.Number, date, time, timedelta, *((numpy.generic,) if numpy else ()))


def _compact(value: object) -> str:
    """Return plain containers as JSON, or as their repr where keys are no JSON keys.

    Raises:
        TypeError: something inside is not plain, or is a table, which must be named itself.
    """
    json.dumps(plain_copy := _plain(value), ensure_ascii=False, skipkeys=True)
    try:
        return json.dumps(plain_copy, ensure_ascii=False)
    except TypeError:
        return repr(plain_copy)


def _plain(value: object) -> object:
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, _scalars()):
        return value.item() if hasattr(value, "item") else str(value)
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(item) for item in value), key=repr)
    if isinstance(value, (list, tuple)) and any(isinstance(item, dict) for item in value):
        raise TypeError("records inside")  # they would pass the privacy level by
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    raise TypeError(type(value).__name__)
