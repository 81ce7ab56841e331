"""Answers → a column of pandas, Polars or Arrow, whatever they are.

They are paid for when it is made: what a library has no type for stands there as text, and no
value is changed or lost.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Set
from contextlib import suppress
from dataclasses import asdict, is_dataclass
from enum import Enum
from typing import Any

from .cells import Column, text_of

INT64 = range(-(2**63), 2**63)


def pandas_column(values: Column, index: Any) -> Any:
    """Return a Series."""
    return sys.modules["pandas"].Series(values, index=index, dtype=pandas_type(values))


def pandas_type(values: Column) -> Any:
    """Return the type in which pandas changes no value, None: the one that it finds itself.

    Beside a null, its own for whole numbers would be that of floats.
    """
    if _texts(values):
        version = str(sys.modules["pandas"].__version__).partition(".")[0]
        return "str" if int(version) >= 3 else object
    there = [value for value in values if value is not None]
    kinds = {type(value) for value in there}
    if kinds == {int}:
        small = all(value in INT64 for value in there)
        return ("int64" if len(there) == len(values) else "Int64") if small else object
    return "boolean" if kinds == {bool} and len(there) < len(values) else None


def polars_column(name: str, values: Column) -> Any:
    """Return a Series."""
    polars, values = sys.modules["polars"], [plain(value) for value in values]
    if _texts(values):
        return polars.Series(name, values, dtype=polars.String)
    strict = any(isinstance(value, list | dict) for value in values)
    with suppress(Exception):
        made = polars.Series(name, values, strict=strict)
        nulls = sum(value is None for value in values)
        # Older ones round numbers beyond 64 bits; an object has the fields of the first alone.
        same = made.to_list() == values
        if made.dtype != polars.Object and made.null_count() == nulls and same:
            return made
    return polars.Series(name, _as_texts(values), dtype=polars.String)


def arrow_column(values: Column) -> Any:
    """Return an array."""
    arrow, values = sys.modules["pyarrow"], [plain(value) for value in values]
    if not _texts(values):
        with suppress(Exception):
            made = arrow.array(values)
            # It drops the zone of times, and adds to each object what others have.
            if _numbers(values) or made.to_pylist() == values:
                return made
    return arrow.array(_as_texts(values), type=arrow.string())


def _texts(values: Column) -> bool:
    return all(value is None or isinstance(value, str) for value in values)


def _numbers(values: Column) -> bool:
    return all(value is None or isinstance(value, int | float) for value in values)


def _as_texts(values: Column) -> Column:
    return [None if value is None else text_of(value) for value in values]


def plain(value: Any) -> Any:
    """Return models, enumerations and sets as what a column can hold."""
    if isinstance(value, Enum):
        return plain(value.value)
    if hasattr(value, "model_dump"):
        return plain(value.model_dump(by_alias=True))
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, Set):
        return [plain(one) for one in sorted(value, key=str)]
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value
