"""The data of an answer as a DataFrame."""

from __future__ import annotations

import dataclasses
import importlib
import sys
from collections.abc import Mapping
from typing import Any

NONE = "this reply has no data; returns= or choices= asks for some, and Reply.notes say what came"


def table(data: Any) -> Any:
    """Return data as a DataFrame, one row for each item of a list; else a row.

    Of pandas where that is imported, else of Polars where that is; else of the one that is there.

    Raises:
        ValueError: there is no data.
        ImportError: there is neither pandas nor Polars.
    """
    if data is None:
        raise ValueError(NONE)
    items = list(data) if isinstance(data, list | tuple | set | frozenset) else [data]
    rows = [row(one) for one in items]
    library = _library()
    if library.__name__ == "polars":
        names = list(dict.fromkeys(name for one in rows for name in one))
        columns = {name: [one.get(name) for one in rows] for name in names}
        return library.DataFrame(columns, strict=False)
    return library.DataFrame(rows)


def row(item: Any) -> dict[str, Any]:
    """Return an item's fields by name; of what has none, the value."""
    if isinstance(item, Mapping):
        return {str(name): plain(value) for name, value in item.items()}
    names = fields(item)
    if names is None:
        return {"value": plain(item)}
    return {name: plain(getattr(item, name)) for name in names}


def plain(value: Any) -> Any:
    """Return a value without models and enumerations in it, for a column."""
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in value]
    if isinstance(value, Mapping) or fields(value) is not None:
        return row(value)
    return getattr(value, "value", value) if type(value).__module__ != "builtins" else value


def fields(item: Any) -> list[str] | None:
    """Return the names of the fields of a model or dataclass, None where it is neither."""
    if names := getattr(type(item), "model_fields", None):
        return [*names, *(item.model_extra or ())]
    return (
        [one.name for one in dataclasses.fields(item)] if dataclasses.is_dataclass(item) else None
    )


def _library() -> Any:
    for name in ("pandas", "polars"):
        if name in sys.modules:
            return sys.modules[name]
    try:
        return importlib.import_module("pandas")
    except ImportError:
        return importlib.import_module("polars")
