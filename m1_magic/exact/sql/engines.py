"""Tables → the engine that runs queries over all of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ...context.frames.lazy import library
from ...errors import UsageError
from ...text import one_line
from .engine import TIMEOUT, Engine
from .sandbox import Sandbox

HERE = ("duckdb", "polars", "datafusion")  # Ibis's backends whose rows are on this machine
OTHERS = {"dask": ".compute()", "sqlframe": ".toPandas()"}


def sandbox_of(
    tables: Mapping[str, object],
    *,
    columns: Mapping[str, Collection[int]] | None = None,
    timeout: float = TIMEOUT,
    memory: int | None = None,
) -> Engine:
    """Return what runs queries over tables: DuckDB, or the one engine that they live in.

    Args:
        tables, columns, timeout, memory: see `Sandbox`.

    Raises:
        UsageError: they live in several engines, or in one that queries cannot read.
    """
    given: dict[str, Any] = {name: _native(value) for name, value in tables.items()}
    places = {name: _place(name, value) for name, value in given.items()}
    kinds = {id(place): place for place in places.values()}
    if len(kinds) > 1:
        away = next(name for name, place in places.items() if place is not None)
        raise UsageError(
            "Queries run in one engine, and these tables live in several.",
            todo=f"Bring what is needed of {one_line(away, 60)} here: .toPandas() or .to_pandas().",
        )
    (place,) = kinds.values() or (None,)
    if place is None:
        return Sandbox(given, columns=columns, timeout=timeout, memory=memory)
    if hasattr(place, "compile"):
        from .ibis import Ibis

        return Ibis(given, columns=columns, timeout=timeout)
    from .spark import Spark

    return Spark(given, columns=columns, timeout=timeout)


def _native(value: Any) -> Any:
    """Return what a table of narwhals holds, else the table."""
    return value.to_native() if library(value) == "narwhals" else value


def _place(name: str, value: Any) -> object:
    """Return the session or backend that a table lives in; None: DuckDB reads it."""
    engine = "" if isinstance(value, Path) else library(value)
    if engine == "pyspark":
        return value.sparkSession
    if engine == "ibis":
        backend = value.get_backend()
        return None if backend.name in HERE else backend
    if engine in OTHERS:
        raise UsageError(
            f"Queries cannot read {one_line(name, 60)}, a table of {engine}.",
            todo=f"Bring what is needed of it here: {one_line(name, 60)}{OTHERS[engine]}.",
        )
    return None
