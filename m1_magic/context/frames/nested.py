"""Lists, structs and columns of Python objects → how long, which fields, which types."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from ...privacy.personal import safe_name
from ...privacy.redaction import masked_value
from .foreign_cells import foreign, keys_shared
from .in_process import array
from .kinds import Series
from .measures import Measures
from .rounding import quantile
from .summary import Column

SIZED = {"list", "tuple", "ndarray", "set", "frozenset", "dict", "deque"}
OBJECTS = 2_000  # Python objects of a column that are looked at


def nested(known: Column, m: Measures, seen: Series, k: int) -> Column:
    """Return what may be said of lists, structs and mixed objects: lengths, fields, types."""
    if m.valid < k or not len(seen):
        return known
    if foreign_column := foreign(known, m, seen, k):
        return foreign_column
    if seen.dtype == nw.Struct:
        return replace(known, notes=_fields(seen, k))
    if known.type == "map":
        return _map(known, seen.head(OBJECTS).to_list(), k)
    if isinstance(seen.dtype, nw.Array):
        return replace(known, notes=(f"always {' × '.join(map(str, seen.dtype.shape))} long",))
    if seen.dtype == nw.List:
        return replace(known, notes=_lengths(array(seen.list.len()), k))
    if seen.dtype not in (nw.Object, nw.Unknown):
        return known
    values = [v for v in seen.head(OBJECTS).to_list() if v is not None]
    kinds = Counter(type(value).__name__ for value in values)
    notes = [f"{kind} {100 * n / len(values):.3g} %" for kind, n in kinds.most_common(4) if n >= k]
    if len(kinds) == 1:
        known, notes = replace(known, type=masked_value(next(iter(kinds)), 30)), []
    if kinds and set(kinds) <= SIZED:
        notes += _lengths(np.array([_size(v) for v in values]), k)
        notes += keys_shared(values, k) if set(kinds) == {"dict"} else ()
    return replace(known, notes=tuple(notes))


def _map(known: Column, cells: list[Any], k: int) -> Column:
    """Return how long maps are; their keys are data."""
    return replace(known, notes=_lengths(np.array([len(cell) for cell in cells]), k))


def _fields(seen: Series, k: int) -> tuple[str, ...]:
    """Return the names of the fields that k rows have a value in: a key of few rows is data."""
    names = [one.name for one in seen.dtype.fields]  # type: ignore[attr-defined]
    filled = (len(seen) - seen.struct.field(name).null_count() for name in names)
    shared = [safe_name(name) for name, n in zip(names, filled, strict=True) if n >= k]
    more = f" and {len(shared) - 10:,} more" if len(shared) > 10 else ""
    first = ", ".join(f"`{masked_value(name)}`" for name in shared[:10])
    return (f"fields {first}{more}",) if shared else ()


def _size(value: Any) -> int:
    return len(value) if getattr(value, "ndim", 1) else 1


def _lengths(sizes: Any, k: int) -> tuple[str, ...]:
    """Return the range of the lengths that k rows share, and the median of all."""
    order = np.sort(sizes)
    values, times = np.unique(order, return_counts=True)
    shared = values[times >= k]
    if len(values) == 1:
        return (f"always {values[0]} long",) if len(order) >= k else ()
    middle = quantile(order, 50, k)
    parts = [f"{shared[0]} to {shared[-1]} long"] if len(shared) > 1 else []
    if middle:
        parts.append(f"median {'≈ ' if middle.rounded else ''}{middle.value}")
    return (", ".join(parts),) if parts else ()
