"""Which function it is: one that was allowed is not taken for another of its name or code."""

from __future__ import annotations

import inspect
import types
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEEPEST = 8  # functions in functions, as decorators make them


def identity(function: Any, name: str) -> object:
    """Return what stands for a function, so that another one of its name is not taken for it."""
    return name, _of(function, DEEPEST)


def of_tables(tables: Mapping[str, object]) -> object:
    """Return what stands for tables, by name: what may be done with some may not with others."""
    pairs = tables.items()
    return tuple((name, one if isinstance(one, Path) else _Same(one)) for name, one in pairs)


def _of(value: Any, depth: int) -> object:
    """Return a function's code with all that it holds, of other objects which one it is."""
    if value is None or isinstance(value, str | bytes | int | float):
        return type(value), value
    if inspect.ismethod(value):
        return _Same(value.__self__), _of(value.__func__, depth)
    if not inspect.isfunction(value) or not depth:
        return _Same(value)
    cells = [one.cell_contents for one in value.__closure__ or () if one != types.CellType()]
    named = value.__kwdefaults__ or {}
    held = (*cells, *(value.__defaults__ or ()), *named.values())
    return value.__code__, *named, *(_of(one, depth - 1) for one in held)


@dataclass(frozen=True, eq=False)
class _Same:
    """An object itself, whatever it takes for equal."""

    of: object

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.of is self.of

    def __hash__(self) -> int:
        return id(self.of)
