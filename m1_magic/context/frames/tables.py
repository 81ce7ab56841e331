"""Anything tabular → a `Table`.

Doubled, missing and composite column names are what narwhals refuses, and what users have: so
columns get their position as name, and their real names are kept beside.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import UsageError
from ...text import one_line
from . import not_tables, table_files
from .containers import table_in
from .keys import Keys, keys, written
from .lazy import is_lazy, lazy_table

if TYPE_CHECKING:
    from .in_process import Table
    from .label_names import Labels
    from .text_tables import Scanned

LIBRARIES = {"pandas", "polars", "pyarrow", "modin", "cudf", "narwhals"}
PLAIN = {(library, kind) for library in ("pandas", "polars") for kind in ("DataFrame", "Series")}


@dataclass(frozen=True, slots=True)
class Groups:
    """What a GroupBy groups by, and the rows of each of its groups in order."""

    keys: tuple[str, ...]
    sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A table, how many of its columns are its index, its groups, and what its names are.

    ``note`` says how its file is written, where that is not as usual.
    """

    table: Table
    levels: int = 0
    groups: Groups | None = None
    labels: Labels | None = None
    keys: Keys = field(default_factory=Keys)
    note: str = ""

    @property
    def names(self) -> list[str]:
        """The names of its columns, the index first."""
        return self.table.names


def is_frame(value: object) -> bool:
    """Say whether ``value`` is a DataFrame, LazyFrame, relation or Series of a known library."""
    kind = type(value)
    if (kind.__module__.partition(".")[0], kind.__name__) in PLAIN:
        return True  # as narwhals would say, after a long look
    if is_lazy(value) or is_grouped(value):
        return True
    if not (_roots(kind) & LIBRARIES or hasattr(kind, "__narwhals_dataframe__")):
        return False
    import narwhals.stable.v2 as nw

    try:
        native = nw.from_native(value, eager_only=True, allow_series=True, pass_through=True)
    except Exception:  # a MultiIndex or doubled names: a frame all the same
        return hasattr(kind, "columns") and hasattr(kind, "shape")
    return isinstance(native, (nw.DataFrame, nw.Series))


def shape_of(value: object) -> tuple[int, int] | None:
    """Return a frame's rows and columns where it has them at hand; nothing is computed for it."""
    if is_lazy(value):
        return None
    try:
        rows, *columns = value.shape  # type: ignore[attr-defined]
        return int(rows), int(columns[0]) if columns else 1
    except Exception:  # a GroupBy, a frame of the user's own
        return None


def is_tabular(value: object) -> bool:
    """Say whether `summarise` takes ``value``: a frame, a table file's path, an array, records."""
    if isinstance(value, (list, tuple)):
        return _is_records(value)
    if isinstance(value, dict):
        return _is_columns(list(value.values()))
    if isinstance(value, Path):
        return table_files.is_table_file(str(value))
    return _is_array(value) or is_frame(value) or not_tables.is_wrapped(value)


def _is_records(rows: Sequence[object]) -> bool:
    """Are these rows: dicts, or several lists or tuples of one length, as from a cursor?"""
    if all(isinstance(row, dict) for row in rows):
        return bool(rows)
    lists = [row for row in rows if isinstance(row, (list, tuple))]
    return len(rows) == len(lists) > 1 and len({len(row) for row in lists}) == 1


def _is_columns(columns: Sequence[object]) -> bool:
    """Are these columns: lists of one length, or several dicts with the same keys?"""
    lists = [column for column in columns if isinstance(column, (list, tuple))]
    if lists and len(lists) == len(columns):
        return len({len(column) for column in lists}) == 1
    keys = [column.keys() for column in columns if isinstance(column, dict)]
    return len(keys) == len(columns) > 1 and all(one == keys[0] for one in keys)


def is_grouped(value: object) -> bool:
    """Say whether ``value`` is a GroupBy of pandas or Polars."""
    kind = type(value)
    known = _roots(kind) & {"pandas", "polars"}
    return bool(known) and kind.__name__ in ("DataFrameGroupBy", "SeriesGroupBy", "GroupBy")


def _roots(kind: type) -> set[str]:
    return {str(getattr(base, "__module__", "")).partition(".")[0] for base in kind.__mro__}


def _is_array(value: object) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray) and value.ndim in (1, 2)


def source(value: Any) -> Source:
    """Return the table that ``value`` is.

    Raises:
        UsageError: nothing here can read it.
    """
    if isinstance(value, Path):
        return _file(table_files.scanned(value))
    value = not_tables.unwrapped(value)
    if is_lazy(value):
        return Source(lazy_table(value))
    if is_grouped(value):
        return _grouped(value)
    import narwhals.stable.v2 as nw

    from . import label_names
    from .in_process import Local

    if plain := not is_frame(value):
        if not isinstance(value, (list, tuple, dict)) and not is_tabular(value):
            raise not_tables.no_table(value, "This")
        value = _converted(value)
    native, levels, labels = nw.to_native(value, pass_through=True), 0, None
    known = Keys()
    if hasattr(native, "set_axis") and hasattr(native, "index"):
        given = native
        native, names, levels = _pandas(native)
        labels = label_names.in_pandas(given, levels)
        known = known if plain else keys(given, levels)
    elif hasattr(native, "rename_columns"):  # Arrow takes doubled names, narwhals does not
        names = [str(name) for name in native.column_names]
        native = native.rename_columns([str(i) for i in range(len(names))])
    taken = nw.from_native(native, eager_only=True, allow_series=True)
    table = taken.to_frame() if isinstance(taken, nw.Series) else taken
    if not (hasattr(native, "set_axis") or hasattr(native, "rename_columns")):
        names = list(table.columns)
        table = table.rename({name: str(i) for i, name in enumerate(names)})
    return Source(Local(table, names, objects=not plain), levels, labels=labels, keys=known)


def _file(file: Scanned) -> Source:
    """Return the table in a file; what it is read by goes when it does."""
    if not is_lazy(file.value):
        return source(file.value)
    table = lazy_table(file.value)
    table.names = list(file.names)
    for place, zone in file.zones:
        table.schema[place] = type(table.schema[place])("us", zone)
    weakref.finalize(table, file.end)
    return Source(table, note=file.note)


def _pandas(native: Any) -> tuple[Any, list[str], int]:
    """Return a pandas table with its index as columns, its names, and the index's levels."""
    native = native.to_frame() if not hasattr(native, "columns") else native
    names, index, levels = [written(name) for name in native.columns], native.index, 0
    native = native.set_axis([str(i) for i in range(len(names))], axis=1)
    counted = index.nlevels == 1 and index.name is None and str(index.dtype)[:3] in ("int", "uin")
    if not counted:
        levels = index.nlevels
        native = native.reset_index(names=[f"index{level}" for level in range(levels)])
        labels = ["" if name is None else f"{written(name)} " for name in index.names]
        names = [f"{label}(index)" for label in labels] + names
        native = native.set_axis([str(i) for i in range(len(names))], axis=1)
    return native, names, levels


def _grouped(value: Any) -> Source:
    """Return the table under a GroupBy, and how large its groups are."""
    if hasattr(value, "ngroup"):  # pandas
        under, sizes = value.obj, value.size()
        by = [str(name) for name in getattr(sizes.index, "names", [])]
        counts = sizes["size"] if hasattr(sizes, "columns") else sizes
    else:
        under, sizes = value.df, value.len()
        by, counts = sizes.columns[:-1], sizes.get_columns()[-1]
    made, order = source(under), sorted(int(size) for size in counts)
    return replace(made, groups=Groups(tuple(by), tuple(order)))


def _converted(value: Any) -> Any:
    """Return an array, records or a dict of columns as a frame of the library that is there."""
    for library in sorted(("pandas", "polars"), key=lambda known: known not in sys.modules):
        try:
            module = __import__(library)
        except ImportError:
            continue
        # pandas would make floats of whole numbers beside nulls; `Local.series` finds their type.
        how: dict[str, Any] = {"strict": False} if library == "polars" else {"dtype": object}
        if library == "pandas" and _is_array(value):
            how = {}
        if isinstance(value, dict) and all(isinstance(one, dict) for one in value.values()):
            value = table_in(value) or value
        if isinstance(value, dict):
            values = (c.values() if isinstance(c, dict) else c for c in value.values())
            value = {str(key): list(column) for key, column in zip(value, values, strict=True)}
        elif isinstance(value, tuple):
            value = list(value)
        return module.DataFrame(value, **how)
    return _arrow(value)


def _arrow(value: Any) -> Any:
    """Do the same where neither of them is there, for columns that are each of one kind."""
    import pyarrow as pa

    try:
        if _is_array(value):
            columns = value.reshape(len(value), -1).T
            return pa.table({str(i): column.copy() for i, column in enumerate(columns)})
        if isinstance(value, dict):
            if all(isinstance(one, dict) for one in value.values()):
                value = table_in(value) or value
            return pa.table({str(key): list(column) for key, column in value.items()})
        records = all(isinstance(row, dict) for row in value)
        return pa.Table.from_pylist(list(value) if records else table_in(list(value)))
    except (TypeError, ValueError, AttributeError):  # pyarrow's own are ValueErrors
        raise UsageError(
            f"A summary of a {one_line(type(value).__name__, 60)} needs pandas or Polars.",
            todo="Install one of them, or insert the text of your choice.",
        ) from None
