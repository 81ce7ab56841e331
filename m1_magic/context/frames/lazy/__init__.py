"""A table that lives in another engine: Polars LazyFrame, DuckDB, PySpark, Ibis, Dask.

Each column is first given a form that all engines agree on (`engines`): numbers, microseconds,
texts, known by position. Then one set of expressions asks every engine the same (`table`): a row
of aggregates, a bounded sample, a row of counts. Nothing else is ever fetched.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ....errors import UsageError
from ....text import one_line

if TYPE_CHECKING:
    from ..in_process import Table

# Library → names of its lazy tables' classes.
KINDS = {
    "dask": {"DataFrame", "Series"},
    "duckdb": {"DuckDBPyRelation"},
    "ibis": {"Table"},
    "narwhals": {"LazyFrame"},
    "polars": {"LazyFrame"},
    "pyspark": {"DataFrame"},
    "sqlframe": {"DataFrame", "BaseDataFrame"},
}


def is_lazy(value: object) -> bool:
    """Say whether `lazy_table` takes ``value``; imports nothing for what is not such a table."""
    return bool(library(value))


def library(value: object) -> str:
    """Return the library whose lazy table ``value`` is, else ""."""
    for base in type(value).__mro__:
        root, _, rest = str(getattr(base, "__module__", "")).partition(".")
        root = root.lstrip("_")  # DuckDB 1.4 and 1.5 name their extension module
        if base.__name__ in KINDS.get(root, ()) and not rest.startswith("pandas"):
            return root
    return ""


def lazy_table(value: object) -> Table:
    """Return the table as something that can be asked; reads its schema, no rows.

    Raises:
        UsageError: its engine is not known or cannot tell the schema.
    """
    root = library(value)
    if root == "narwhals":
        value = getattr(value, "to_native")()  # noqa: B009 (object has no such method)
        root = library(value)
    from .dask import DaskTable
    from .engines import ENGINES
    from .ibis import Ibis

    engines: dict[str, Any] = {**ENGINES, "dask": DaskTable, "ibis": Ibis}
    known = engines.get(root)
    if known is None:
        raise UsageError(
            f"A lazy table of {one_line(root or type(value).__name__, 60)} cannot be summarised.",
            todo="Collect what is of interest into pandas or Polars.",
        )
    with reading(known.engine):
        table: Table = known(value)
        return table


@contextmanager
def reading(engine: str) -> Iterator[None]:
    """Turn what an engine raises into one paragraph, without its text, which may hold values.

    Raises:
        UsageError: instead of whatever was raised.
    """
    try:
        yield
    except UsageError:
        raise
    except ImportError as error:
        needed = one_line(error.name or "another package", 60)
        raise UsageError(
            f"The {engine} table cannot be read without {needed}.", todo=f"Install {needed}."
        ) from None
    except BaseException as error:
        kind = type(error).__name__
        # Polars panics are no ``Exception``.
        if not isinstance(error, Exception) and kind != "PanicException":
            raise
        gone = "Is its Spark session still running" if engine == "Spark" else "Is its source still"
        gone += ", and its source there?" if engine == "Spark" else " there, and open?"
        raise UsageError(
            f"The {engine} table could not be read ({one_line(kind, 60)}).",
            todo=f"{gone} If so, does {engine} itself return its rows?",
        ) from None
