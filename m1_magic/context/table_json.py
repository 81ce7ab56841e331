"""JSON, JSON lines, the repr of a container → the table that it holds; settings hold none."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

from .frames.containers import SETTINGS, plainly_none, table_in
from .frames.tables import is_tabular

UNREAD = object()  # a table of a form that is not read
PLAIN = object()  # JSON that is no table
LITERAL = 200_000  # characters of a repr that are read
NUMBERS = 20  # in a list, from which they are data
ASSIGNED = re.compile(
    r"(?:(?:export|const|let|var|default) )*[\w.]+ ?(?:<-|=) ?(?:[\w.]+\()?([\[{(].*[\]}])\)?;?",
    re.S,
)
# What prints itself as no code can be written: <NA>, <Color.RED: 1>.
NO_CODE = re.compile(r"<[A-Za-z][\w.]*(?:: ?[^<>\n]{0,60})?>")
ROW = re.compile(r"\s*(?:\{|[A-Za-z_]\w*\(\w+=)")
LEAST, LOOKED_AT = 3, 200  # rows
MISSING = ("nan", "nat", "na", "inf")
ENVELOPE = 5  # records in a dict that holds little else


def table_of(text: str, *, any_data: bool) -> Any:
    """Return the table in JSON or a repr, PLAIN if it is another value, None if it is neither."""
    try:
        return _judged(json.loads(text), any_data)
    except (ValueError, RecursionError):
        pass
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) > 1 and all(line.lstrip()[:1] in ("{", "[") for line in lines):
        try:
            return _judged([json.loads(line) for line in lines], any_data)
        except (ValueError, RecursionError):
            pass
    if not any_data or len(text) > LITERAL:
        return None
    return _literal(text)


def in_code(text: str) -> bool:
    """Is a text no more than a table that is assigned to a name?"""
    match = ASSIGNED.fullmatch(text)
    if not match or len(text) > LITERAL:
        return False
    table = table_of(match[1], any_data=True)
    return table is not None and table is not PLAIN


def quoted(text: str) -> bool:
    """Is it JSON that holds JSON or another table as one text?"""
    try:
        inner = json.loads(text) if text[:1] == '"' else None
    except (ValueError, RecursionError):
        return False
    table = table_of(inner.strip(), any_data=True) if isinstance(inner, str) else None
    return table is not None and table is not PLAIN


def within(text: str) -> bool:
    """Is most of a text one table, with words around it?"""
    for opening, closing in ("[]", "{}"):
        begin, end = text.find(opening), text.rfind(closing) + 1
        if 0 <= begin < end and 2 * (end - begin) > len(text):
            table = table_of(text[begin:end], any_data=True)
            if table is not None and table is not PLAIN:
                return True
    return False


def rows(lines: Sequence[str]) -> bool:
    """Is each line the repr of a row: ``{'a': 1}``, ``Row(a=1)``?"""
    if len(lines) < LEAST or not all(ROW.match(line) for line in lines):
        return False
    values = [_literal(line, judged=False) for line in lines[:LOOKED_AT]]
    return all(isinstance(one, dict) for one in values) and table_in(values) is not None


def _literal(text: str, judged: bool = True) -> Any:
    """Return the table in a repr, PLAIN or UNREAD; not ``judged``, its value; None: it is code."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on what the text would do as code
            if text[:1] == "(":
                return _judged(ast.literal_eval(text), True)
            tree = ast.parse(NO_CODE.sub("None", text), mode="eval")
        value = _value(tree.body)
        return _judged(value, True) if judged else value
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None


def _value(node: ast.AST) -> Any:
    """Return what a repr says, of objects in it what made them; raises ValueError for code."""
    if isinstance(node, ast.Dict) and None not in node.keys:
        pairs = zip(node.keys, node.values, strict=True)
        return {_key(key): _value(one) for key, one in pairs if key is not None}
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return [_value(one) for one in node.elts]
    if isinstance(node, ast.Call) and (node.args or node.keywords):
        named = {str(one.arg): _value(one.value) for one in node.keywords}
        values = [_value(one) for one in node.args]
        if not values:
            return named  # Row(name='…', pay=…)
        dated = len(values) > 1 and all(isinstance(one, int) for one in values)
        return ast.unparse(node) if dated else values[0]  # datetime(…); Timestamp('…', tz=…)
    if isinstance(node, ast.Name | ast.Attribute):
        if ast.unparse(node).rpartition(".")[2].lower() in MISSING:
            return None
        raise ValueError("code")
    return ast.literal_eval(node)


def _key(node: ast.AST) -> Any:
    value = _value(node)
    return ast.unparse(node) if isinstance(value, list | dict) else value


def _judged(value: Any, any_data: bool) -> Any:
    if plainly_none(value):
        return PLAIN
    if any_data or isinstance(value, list):
        table = table_in(value)
        if table is None and is_tabular(value):
            table = value
        flat = isinstance(table, dict) and list(table) == ["value"]
        if table is not None and (any_data or not flat or len(table["value"]) >= NUMBERS):
            return table
        return _enveloped(value) or (UNREAD if any_data else PLAIN)
    table = table_in(value) if _has_rows(value) else None
    if table or (table := _enveloped(value)):
        return table
    return UNREAD if 2 * _in_rows(value) > _size(value) else PLAIN


def _in_rows(value: Any) -> int:
    """Return how many values of a JSON object stand in rows, however deep."""
    if isinstance(value, dict):
        inner = [*value.values()]
        numbers = sum(isinstance(one, (int, float)) for one in inner)
        return len(inner) if numbers == len(inner) > SETTINGS else sum(map(_in_rows, inner))
    if not isinstance(value, list):
        return 0
    if len(value) >= ENVELOPE and all(isinstance(row, dict) for row in value):
        names = Counter(name for row in value for name in row)
        nested = sum(isinstance(cell, (dict, list)) for row in value for cell in row.values())
        often = sum(2 * count > len(value) for count in names.values())
        if often > 1 and (4 * nested < sum(names.values()) or len(value) >= NUMBERS):
            return _size(value)
    widths = {len(row) if isinstance(row, list) else 0 for row in value}
    if len(value) >= ENVELOPE and len(widths) == 1 and max(widths) > 1:
        return _size(value)
    return sum(map(_in_rows, value))


def _size(value: Any) -> int:
    """Return how many single values there are in one, however deep."""
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return 1
    return sum(map(_size, value))


def _has_rows(value: dict[str, Any]) -> bool:
    """Is a JSON object so regular that it is a table, and no file of settings?"""
    if {"columns", "data"} <= value.keys() or {"schema", "data"} <= value.keys():
        return True
    inner = list(value.values())
    if all(isinstance(one, dict) for one in inner) and len(inner) >= 2:
        names = Counter(name for one in inner for name in one)
        flat = all(not isinstance(c, (dict, list)) for one in inner for c in one.values())
        numbered = all(str(key).isdecimal() for one in inner for key in one)
        regular = bool(names) and min(names.values()) == len(inner) >= ENVELOPE
        return flat and (regular or numbered or all(str(key).isdecimal() for key in value))
    sizes = {len(one) for one in inner if isinstance(one, list)}
    columns = len(sizes) == 1 and all(isinstance(one, list) for one in inner)
    scalars = all(not isinstance(c, (dict, list)) for one in inner if isinstance(one, list)
                  for c in one)  # fmt: skip
    return columns and scalars and len(inner) > 1 and min(sizes) >= ENVELOPE


def _enveloped(value: Any) -> Any:
    """Return the one list of records that a dict with little else holds."""
    if not isinstance(value, dict):
        return None
    lists = [one for one in value.values() if isinstance(one, list) and len(one) >= ENVELOPE]
    rest = sum(isinstance(one, (dict, list)) for one in value.values())
    if len(lists) != 1 or rest > 2 or not all(isinstance(row, dict) for row in lists[0]):
        return None
    names = Counter(name for row in lists[0] for name in row)
    regular = [n for n, count in names.items() if 2 * count > len(lists[0])]
    nested = sum(isinstance(cell, (dict, list)) for row in lists[0] for cell in row.values())
    return lists[0] if len(regular) >= 2 and 4 * nested < sum(names.values()) else None
