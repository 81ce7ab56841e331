"""Anything tabular → one narwhals table with columns named "0", "1", …, and its real names.

Doubled, missing and composite names are what narwhals refuses, and what users have.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ...errors import UsageError, plain

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw

LIBRARIES = {"pandas", "polars", "pyarrow", "modin", "cudf", "narwhals"}


def is_frame(value: object) -> bool:
    """Say whether ``value`` is an eager DataFrame or Series of a library that narwhals takes."""
    kind = type(value)
    roots = {str(getattr(base, "__module__", "")).partition(".")[0] for base in kind.__mro__}
    if not (roots & LIBRARIES or hasattr(kind, "__narwhals_dataframe__")):
        return False
    import narwhals.stable.v2 as nw

    try:
        native = nw.from_native(value, eager_only=True, allow_series=True, pass_through=True)
    except Exception:  # a MultiIndex or doubled names: a frame all the same
        return hasattr(value, "columns") and hasattr(value, "shape")
    return isinstance(native, (nw.DataFrame, nw.Series))


def is_tabular(value: object) -> bool:
    """Say whether `summarise` takes ``value``: a frame, an array, records, a dict of columns."""
    if isinstance(value, (list, tuple)):
        return bool(value) and all(isinstance(row, dict) for row in value)
    if isinstance(value, dict):
        columns = list(value.values())
        lists = bool(columns) and all(isinstance(column, (list, tuple)) for column in columns)
        return lists and len({len(column) for column in columns}) == 1
    return _is_array(value) or is_frame(value)


def _is_array(value: object) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray) and value.ndim in (1, 2)


def normal(value: object) -> tuple[nw.DataFrame[Any], list[str], int]:
    """Return the table with columns "0", "1", …, its names, how many of them are its index's."""
    import narwhals.stable.v2 as nw

    if _is_array(value) or not is_frame(value):
        value = _converted(value)
    native, levels = nw.to_native(value, pass_through=True), 0
    if hasattr(native, "set_axis") and hasattr(native, "index"):
        native = native.to_frame() if not hasattr(native, "columns") else native
        names = [_joined(name) for name in native.columns]
        index = native.index
        native = native.set_axis([str(i) for i in range(len(names))], axis=1)
        counted = (
            index.nlevels == 1 and index.name is None and str(index.dtype)[:3] in ("int", "uin")
        )
        if not counted:
            levels = index.nlevels
            for level in range(levels):
                native.insert(level, f"index{level}", index.get_level_values(level))
            labels = ["" if name is None else f"{_joined(name)} " for name in index.names]
            names = [f"{label}(index)" for label in labels] + names
            native = native.set_axis([str(i) for i in range(len(names))], axis=1)
    elif hasattr(native, "rename_columns"):  # Arrow takes doubled names, narwhals does not
        names = [str(name) for name in native.column_names]
        native = native.rename_columns([str(i) for i in range(len(names))])
    taken = nw.from_native(native, eager_only=True, allow_series=True)
    table = taken.to_frame() if isinstance(taken, nw.Series) else taken
    if not (hasattr(native, "set_axis") or hasattr(native, "rename_columns")):
        names = list(table.columns)
        table = table.rename({name: str(i) for i, name in enumerate(names)})
    return table, names, levels


def _joined(name: object) -> str:
    return " / ".join(str(part) for part in name) if isinstance(name, tuple) else str(name)


def _converted(value: Any) -> Any:
    """Return an array, records or a dict of columns as a frame of the library that is there."""
    for library in sorted(("pandas", "polars"), key=lambda known: known not in sys.modules):
        try:
            module = __import__(library)
        except ImportError:
            continue
        strict = {"strict": False} if library == "polars" else {}
        if isinstance(value, dict):
            value = {str(key): list(column) for key, column in value.items()}
        elif isinstance(value, tuple):
            value = list(value)
        return module.DataFrame(value, **strict)
    raise UsageError(
        f"A summary of a {plain(type(value).__name__, 60)} needs pandas or Polars.",
        todo="Install one of them, or insert the text of your choice.",
    )
