"""``name: str, price: float`` as text → the types it names. It is parsed, and never run."""

from __future__ import annotations

import ast
import datetime
import decimal
import enum
import typing
import uuid
from collections.abc import Mapping
from types import NoneType
from typing import Any, Literal, Optional, Union

from ..errors import UsageError
from ..text import one_line

LONGEST = 4_000  # characters
NAME = "answer"  # of the schema, and of the only field where an answer is no object
NAMES: dict[str, Any] = {
    **{one.__name__: one for one in (str, int, float, bool, list, dict, tuple, set)},
    **{one.__name__: one for one in (datetime.date, datetime.datetime, datetime.time)},
    **{one.__name__: one for one in (datetime.timedelta, decimal.Decimal, uuid.UUID)},
    "Any": Any,
    "Optional": Optional,
    "Union": Union,
    "Literal": Literal,
    "List": list,
    "Dict": dict,
    "Tuple": tuple,
    "Set": set,
}
FORM = 'Write fields (--returns "name: str, price: float") or a type ("list[str]", "Person").'


def fields_of(text: str, namespace: Mapping[str, object]) -> Any:
    """Return the type that a text names, or a dict of the names and types of its fields.

    ``list[name: str, price: float]`` is a list of such. Of the namespace only classes count that
    say what their fields are: pydantic's models, dataclasses, typed dicts, enumerations.

    Raises:
        UsageError: it names none.
    """
    try:
        tree = ast.parse(f"_[{text.strip()}\n]", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise _refused(text) from None
    if len(text) > LONGEST or not isinstance(tree, ast.Subscript):
        raise _refused(text)
    return _inside(tree.slice, namespace)


def as_type(kind: Any) -> Any:
    """Return the type that a value of ``returns=`` stands for."""
    if isinstance(kind, dict):
        from typing_extensions import TypedDict

        if not kind or not all(isinstance(name, str) and name.strip() for name in kind):
            raise TypeError("its fields need names")
        return TypedDict(NAME, {name: as_type(one) for name, one in kind.items()})  # type: ignore[operator]
    if isinstance(kind, list):
        if len(kind) != 1:
            raise TypeError("a list has one type of items")
        return list[as_type(kind[0])]  # type: ignore[misc]
    if isinstance(kind, str):
        return as_type(fields_of(kind, {}))
    if kind is None:
        return NoneType
    if not isinstance(kind, type) and typing.get_origin(kind) is None:
        raise TypeError(f"a value of type {type(kind).__name__} is no type")
    return kind


def _inside(node: ast.expr, namespace: Mapping[str, object]) -> Any:
    """Return what stands between brackets: fields, or one type."""
    parts = node.elts if isinstance(node, ast.Tuple) else [node]
    if not any(isinstance(part, ast.Slice) for part in parts):
        return _type(node, namespace)
    made: dict[str, Any] = {}
    for part in parts:
        name = _name(part)
        if not isinstance(part, ast.Slice) or part.upper is None or name is None or name in made:
            raise _refused(ast.unparse(node))
        made[name] = _type(part.upper, namespace)
    return made


def _name(part: ast.expr) -> str | None:
    """Return the name of a field, quoted or not."""
    if not isinstance(part, ast.Slice) or part.step is not None:
        return None
    if isinstance(part.lower, ast.Name):
        return part.lower.id
    quoted = isinstance(part.lower, ast.Constant) and isinstance(part.lower.value, str)
    return part.lower.value.strip() or None if quoted else None  # type: ignore[union-attr]


def _type(node: ast.expr, namespace: Mapping[str, object]) -> Any:
    if isinstance(node, ast.Name):
        return _named(node.id, namespace)
    if isinstance(node, ast.Constant) and node.value is None:
        return None
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return Literal[node.value]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return Union[_part(node.left, namespace), _part(node.right, namespace)]  # noqa: UP007
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        return _generic(_named(node.value.id, namespace), node.slice, namespace)
    raise _refused(ast.unparse(node))


def _generic(outer: Any, inner: ast.expr, namespace: Mapping[str, object]) -> Any:
    if outer is Literal:
        values = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        return Literal[tuple(_constant(one) for one in values)]
    if outer is list:
        made = _inside(inner, namespace)
        return [made]
    parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    etc = [... if _is_etc(one) else _part(one, namespace) for one in parts]
    try:
        return outer[tuple(etc) if len(etc) > 1 else etc[0]]
    except TypeError:
        raise _refused(ast.unparse(inner)) from None


def _part(node: ast.expr, namespace: Mapping[str, object]) -> Any:
    """Return a type that another one is made of."""
    try:
        return as_type(_type(node, namespace))
    except TypeError:
        raise _refused(ast.unparse(node)) from None


def _is_etc(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _constant(node: ast.expr) -> Any:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError):
        value = ()
    if not isinstance(value, str | int | bool | None):
        raise _refused(ast.unparse(node))
    return value


def _named(name: str, namespace: Mapping[str, object]) -> Any:
    value = namespace.get(name)
    if isinstance(value, type) and described(value):
        return value
    if name in NAMES:
        return NAMES[name]
    raise UsageError(f"--returns names {one_line(name, 60)}, which is no type here.", todo=FORM)


def described(kind: type) -> bool:
    """Does a class say what its fields or values are?"""
    return (
        hasattr(kind, "model_fields")
        or hasattr(kind, "__dataclass_fields__")
        or typing.is_typeddict(kind)
        or issubclass(kind, enum.Enum)
    )


def _refused(text: str) -> UsageError:
    return UsageError(f"--returns does not take {one_line(text, 60)!r}.", todo=FORM)
