"""A container of Python's own → the table that it is in other clothes, or plainly none.

A table is also ``to_dict()`` in each of its forms, a cursor's rows, records keyed by id, a list
for each group, counts by label, a column as a list. Plainly none is what one types: a short list
of short values, a dict of settings. What is neither may hold rows all the same.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections import Counter, deque
from collections.abc import ItemsView, KeysView, Mapping, Sequence, Set, ValuesView
from datetime import date, time, timedelta
from itertools import pairwise
from numbers import Integral, Number
from types import SimpleNamespace
from typing import Any

from ...privacy.personal import column_reason, named_personal, personal_text

TEXTS, NUMBERS = 8, 12  # of a list that is typed
SETTINGS = 24  # values in a dict of settings
LONGEST = 60  # characters of one of them
DIGITS = 6  # of a number that is typed
DEEPEST = 3  # dicts in dicts
DEEPEST_ROWS = 6  # containers in containers
CAMEL = re.compile(r"[a-z]+[A-Z]")  # a name of a setting
GROUP = 5  # labels that fewer rows share are no settings
MOST = 2_000_000  # values of a column


def is_scalar(value: object) -> bool:
    """Is it one text, number, date or nothing?"""
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.generic):
        return not isinstance(value, numpy.void)  # a row
    return value is None or isinstance(value, (str, Number, date, time, timedelta))


def builtin(value: Any) -> Any:
    """Return containers, rows of any class among them, as lists and dicts; all else as it is."""
    return _copied(value, DEEPEST_ROWS, {})


def _copied(value: Any, depth: int, seen: dict[int, tuple[Any, Any]]) -> Any:
    """Return a copy; of what is met again, the first one, or inside itself, it itself."""
    if is_scalar(value) or not depth:
        return value
    if id(value) not in seen:
        seen[id(value)] = value, value  # kept, so that no other gets its id
        seen[id(value)] = value, _copy(value, depth - 1, seen)
    return seen[id(value)][1]


def _copy(value: Any, depth: int, seen: dict[int, tuple[Any, Any]]) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(one, depth, seen) for key, one in value.items()}
    if isinstance(value, tuple) and (names := getattr(type(value), "_fields", None)):
        pairs = zip(names, value, strict=False)
        return {str(name): _copied(one, depth, seen) for name, one in pairs}
    if isinstance(value, (list, tuple, KeysView, ValuesView, ItemsView, Set, deque)):
        return [_copied(one, depth, seen) for one in value]
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.void):
        return _copied(value.item(), depth, seen)
    if _is_row(value):
        fields = getattr(type(value), "__dataclass_fields__", None) or vars(value)
        return {name: _copied(getattr(value, name, None), depth, seen) for name in fields}
    return value


def _is_row(value: object) -> bool:
    kind = type(value)
    is_model = hasattr(kind, "model_fields") or hasattr(kind, "__attrs_attrs__")
    row = isinstance(value, SimpleNamespace) or is_model or dataclasses.is_dataclass(kind)
    return row and (hasattr(value, "__dict__") or dataclasses.is_dataclass(kind))


def table_in(value: object) -> Any:
    """Return the records or columns that a container holds, None if it is no table."""
    made = None if plainly_none(value) else builtin(value)
    if isinstance(made, list):
        return _of_list(made)
    return _of_dict(made) if isinstance(made, dict) and made else None


def _of_list(rows: list[Any]) -> Any:
    if not rows or len(rows) > MOST:
        return None
    if all(isinstance(row, dict) for row in rows):
        names = Counter(name for row in rows for name in row)
        if len(rows) > 1 and 2 * sum(n == 1 for n in names.values()) > len(names):  # labels
            return [{"key": _label(key), "value": v} for row in rows for key, v in row.items()]
        return rows
    if all(map(is_scalar, rows)):
        return {"value": rows}
    lists = all(isinstance(row, list) and all(map(is_scalar, row)) for row in rows)
    if not lists or len(rows) < 2:
        return None
    width = max(map(len, rows))
    return [dict(zip(map(str, range(width)), row, strict=False)) for row in rows]


def _of_dict(value: dict[Any, Any]) -> Any:
    columns, data = value.get("columns"), value.get("data")
    if isinstance(columns, list) and isinstance(data, list):  # split, tight
        return _split(columns, data, value.get("index"))
    if isinstance(data, list) and isinstance(value.get("schema"), dict):  # orient="table"
        return _of_list(data)
    inner = list(value.values())
    if all(isinstance(one, dict) for one in inner):
        return _nested(value)
    if all(isinstance(one, list) for one in inner):
        return _grouped(value)
    if all(map(is_scalar, inner)):
        return {"key": [*map(_label, value)], "value": inner} if len(inner) > 1 else None
    return None


def _split(columns: list[Any], rows: list[Any], index: object) -> Any:
    if not all(isinstance(row, list) for row in rows):
        return None
    names = [" / ".join(map(str, n)) if isinstance(n, list) else str(n) for n in columns]
    made = [dict(zip(names, row, strict=False)) for row in rows]
    if isinstance(index, list) and len(index) == len(made) and index != [*range(len(index))]:
        made = [{"(index)": _label(key), **row} for key, row in zip(index, made, strict=True)]
    return made or None


def _nested(value: dict[Any, Any]) -> Any:
    """Return dicts in a dict as records, each row one of them or each column one.

    Which it is show whole numbers, which count rows, or types, which columns have. Where neither
    does, a label is never taken for a name.
    """
    inner = list(value.values())
    names = Counter(name for one in inner for name in one)
    if len(inner) < 2 or max(names.values(), default=0) < 2:
        return None  # settings in sections
    if not all(is_scalar(cell) for one in inner for cell in one.values()):
        return [{"key": _label(key), **one} for key, one in value.items()]
    by_row, by_column = _numbered(list(value)), _numbered(list(names))
    if by_row == by_column:
        by_row = all(_one_kind(one.get(n) for one in inner) for n in names)
        by_column = all(_one_kind(one.values()) for one in inner)
    if by_row and not by_column:
        keys = [] if _numbered(list(value)) else [{"key": _label(key)} for key in value]
        return [{**key, **one} for key, one in zip(keys or [{}] * len(inner), inner, strict=True)]
    if by_column and not by_row:
        columns = {str(name): [one.get(row) for row in names] for name, one in value.items()}
        return columns if _numbered(list(names)) else {"key": [*map(_label, names)], **columns}
    cells = [(row, name, cell) for row, one in value.items() for name, cell in one.items()]
    return [{"key": _label(a), "key 2": _label(b), "value": cell} for a, b, cell in cells]


def _grouped(value: dict[Any, list[Any]]) -> Any:
    """Return lists in a dict as columns, or where they differ in length as groups of rows."""
    if not all(is_scalar(cell) for column in value.values() for cell in column):
        rows = [(key, row) for key, column in value.items() for row in column]
        if all(isinstance(row, dict) for _, row in rows):
            return [{"key": _label(key), **row} for key, row in rows] or None
        return None
    columns = list(value.values())
    if len({len(column) for column in columns}) == 1 and _named(value):
        kinds = len({_kind(column[0]) for column in columns if column})
        mixed = not all(map(_one_kind, columns))
        # Where few values stand below a name, or of several kinds, it may be a label.
        if not mixed and (len(columns) < 2 or kinds > 1 or len(columns[0]) >= GROUP):
            return {str(name): column for name, column in value.items()}
        if mixed:
            return [{"key": k, **dict(zip(map(str, range(len(c))), c, strict=True))}
                    for k, c in value.items()]  # fmt: skip
    return [{"key": _label(k), "value": cell} for k, column in value.items() for cell in column]


def _named(value: Mapping[Any, Any]) -> bool:
    return all(isinstance(key, str) for key in value)


def _numbered(keys: Sequence[object]) -> bool:
    """Do these count rows?"""
    return all(isinstance(k, Integral) or (isinstance(k, str) and k.isdecimal()) for k in keys)


def _one_kind(values: Any) -> bool:
    return len({_kind(v) for v in values if v is not None}) < 2


def _kind(value: object) -> object:
    return Number if isinstance(value, Number) else type(value)


def _label(key: object) -> object:
    if is_scalar(key):
        return key
    return " / ".join(map(str, key)) if isinstance(key, (tuple, list)) else str(type(key).__name__)


def _are_labels(keys: Mapping[Any, Any]) -> bool:
    """Are keys no names of settings: people, or more words than one types, with capitals?"""
    if column_reason("", keys):
        return True
    written = sum(not key.isupper() and key != key.lower() and not CAMEL.match(key) for key in keys)
    return len(keys) > TEXTS and 2 * written > len(keys)


def plainly_none(value: object) -> bool:
    """Is it plainly no table: one value, a short list of short values, a dict of settings?"""
    if isinstance(value, dict):
        short = len(value) <= SETTINGS and not isinstance(value, Counter)
        return short and _is_settings(builtin(value))
    if isinstance(value, (list, tuple, set, frozenset)):
        return _is_typed([*value])
    return is_scalar(value)


def _is_typed(items: list[Any]) -> bool:
    """Is it a short list of short values, such as one types?"""
    if len(items) > NUMBERS or not all(_is_short(one) and _few_digits(one) for one in items):
        return False
    texts = [one for one in items if isinstance(one, str)]
    if len(texts) > TEXTS or len(texts) != len(set(texts)):  # a column repeats
        return False
    return not any(map(personal_text, texts)) and not column_reason("", texts)


def _is_short(value: object) -> bool:
    return is_scalar(value) and len(text := str(value)) <= LONGEST and "\n" not in text


def _few_digits(value: object) -> bool:
    if not isinstance(value, Number) or isinstance(value, bool):
        return True
    digits = str(value).lower().partition("e")[0]
    return len("".join(filter(str.isdigit, digits)).strip("0")) <= DIGITS


def _is_settings(value: dict[Any, Any], depth: int = DEEPEST) -> bool:
    """Is it a dict of settings, perhaps in sections?"""
    cells = list(value.values())
    if not depth or len(cells) > SETTINGS or not all(map(_is_key, value)):
        return False
    if any(isinstance(key, str) and named_personal(key) for key in value):
        return False
    for one in cells:
        if isinstance(one, dict):
            fits = _is_settings(one, depth - 1)
        else:
            fits = _is_typed(one) if isinstance(one, list) else _is_short(one)
        if not fits:
            return False
    if len(cells) < 2:
        return True
    if all(isinstance(one, (list, dict)) for one in cells):
        return all(isinstance(one, dict) for one in cells) and _nested(value) is None
    return not _is_column(value)


def _is_key(key: object) -> bool:
    return is_scalar(key) or (isinstance(key, tuple) and all(map(is_scalar, key)))


def _is_column(value: Mapping[Any, Any]) -> bool:
    """Is it a column by its labels, or the counts of labels, of which few rows share some?"""
    cells = list(value.values())
    if not _named(value):
        return True
    if _are_labels(value) and len({_kind(one) for one in cells}) == 1:
        return True
    numbers = [one for one in cells if isinstance(one, Number) and not isinstance(one, bool)]
    if len(numbers) < len(cells):
        texts = [one for one in cells if isinstance(one, str)]
        return len(texts) == len(cells) > TEXTS
    if len(cells) > NUMBERS or not all(map(_few_digits, cells)):
        return True
    counts = [one for one in numbers if isinstance(one, Integral) and int(one) > 0]
    falling = all(int(a) >= int(b) for a, b in pairwise(counts))
    return len(counts) == len(cells) and falling and int(counts[-1]) < GROUP
