"""Values that hold a table without being one → the table; or what to do to get one, in words."""

from __future__ import annotations

import sys
from typing import Any

from ...errors import UsageError
from ...text import one_line

# What a class calls the way to a table, the likeliest first.
WAYS = ("to_dataframe", "to_pandas", "toPandas", "to_df", "to_frame", "df", "asDataFrame")
ARRAYS = {"torch", "jax", "jaxlib", "tensorflow", "cupy", "mxnet"}


def unwrapped(value: Any) -> Any:
    """Return the table that a Styler, an Index or a Categorical holds; all else as it is."""
    kind = type(value)
    if kind.__module__.partition(".")[0] != "pandas":
        return value
    names = {base.__name__ for base in kind.__mro__}
    if "Styler" in names:
        return value.data
    if "Index" in names:
        return value.to_frame(index=False)
    if "ExtensionArray" in names:
        import pandas as pd

        return pd.Series(value)
    return value


def is_wrapped(value: object) -> bool:
    """Say whether `unwrapped` finds a table."""
    names = {base.__name__ for base in type(value).__mro__}
    known = type(value).__module__.partition(".")[0] == "pandas"
    return known and bool(names & {"Styler", "Index", "ExtensionArray"})


def advice(value: object, name: str = "x") -> str:
    """Return how to get a table out of a value that is none, "" where nobody knows."""
    kind, name = type(value), one_line(name, 60)
    root = kind.__module__.partition(".")[0]
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray):
        return _of_array(value.shape, name)
    if root in ARRAYS:
        made = "numpy()" if root in ("torch", "tensorflow") else "__array__()"
        return f"Name an array of one or two dimensions: a = {name}.{made}"
    if root == "scipy" and hasattr(kind, "todense"):
        return f"Name its table: df = pandas.DataFrame.sparse.from_spmatrix({name})"
    if root == "xarray":
        bare = kind.__name__ == "DataArray" and getattr(value, "name", "") is None
        called = '"value"' if bare else ""
        return f"Name its table: df = {name}.to_dataframe({called})"
    for way in WAYS:
        if callable(getattr(kind, way, None)):
            return f"Name its table: df = {name}.{way}()"
    return ""


def _of_array(shape: tuple[int, ...], name: str) -> str:
    if not shape:
        return f"It is one value: {name}.item()"
    size = " × ".join(map(str, shape))
    rest = f"{name}.reshape({shape[0]}, -1)"
    return f"It has {size} values: name a part in two dimensions, {name}[0], or {rest}"


def no_table(value: object, name: str) -> UsageError:
    """Return what a value is, and how to get a table out of it."""
    kind, root = type(value), type(value).__module__.partition(".")[0]
    what = kind.__name__ if root in ("builtins", "__main__") else f"{root}.{kind.__name__}"
    what = f"{one_line(name, 60)} is no DataFrame; it is of type {one_line(what, 60)}."
    return UsageError(what, todo=advice(value, name))
