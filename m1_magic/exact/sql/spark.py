"""Queries over tables of one Spark session, in Spark: the work stays in its cluster.

Each table is a temporary view under a name of ours, which queries do not know: `other_sql` gives
them the user's names. A query is a job group, which is cancelled when its time has come.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

from ...context.frames.lazy import reading
from . import other_sql
from .engine import TIMEOUT, Engine, Part, Result, most
from .sql_tables import SqlTable, seen_names

GRACE = 2.0  # seconds within which Spark ends what is cancelled
LOGGERS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")
# How an error's condition begins → what it means.
CONDITIONS = {
    "PARSE_SYNTAX_ERROR": "a syntax error",
    "UNRESOLVED_COLUMN": "a column that does not exist",
    "UNRESOLVED_ROUTINE": "a function that does not exist",
    "CAST_INVALID_INPUT": "a value that cannot be converted (use try_cast or another format)",
    "CANNOT_PARSE": "a value that cannot be converted (use try_cast or another format)",
    "MISSING_": "a column that is neither aggregated nor in GROUP BY",
    "DATATYPE_MISMATCH": "types that do not fit (cast them)",
    "DIVIDE_BY_ZERO": "a division by zero (use try_divide or nullif)",
    "ARITHMETIC_OVERFLOW": "a number too large for its type (cast to DOUBLE)",
    "AMBIGUOUS_REFERENCE": "a column that several tables have (write table.column)",
    "SCALAR_SUBQUERY_TOO_MANY_ROWS": "a scalar subquery that gives several rows",
}


class Spark(Engine):
    """Runs queries in the Spark session of some tables, as `sandbox.Sandbox` does in DuckDB."""

    def __init__(
        self,
        tables: Mapping[str, Any],
        *,
        columns: Mapping[str, Collection[int]] | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        super().__init__(timeout, GRACE)
        other_sql.sqlglot()
        other_sql.quiet(*_loggers())
        self._session = next(iter(tables.values())).sparkSession
        self._views: dict[str, str] = {}
        made = []
        with reading("Spark"):
            for name, frame in tables.items():
                frame = _fit(frame, (columns or {}).get(name))
                view = f"__m1_{uuid.uuid4().hex}"
                frame.createOrReplaceTempView(view)
                self._views[view] = name
                kinds = [(column, kind.upper()) for column, kind in frame.dtypes]
                made.append(SqlTable(name, tuple(kinds), dialect="spark"))
        self.tables = tuple(made)

    def close(self) -> None:
        """See Engine.close."""
        for view in self._views:
            with suppress(Exception):  # the session has ended
                self._session.catalog.dropTempView(view)

    @cached_property
    def _functions(self) -> frozenset[str]:
        """Spark's own functions, none that a user made."""
        rows = self._session.sql("SHOW SYSTEM FUNCTIONS").collect()
        return frozenset(str(row[0]).lower() for row in rows)

    def _fetched(self, sql: str, part: Part | None, run: str) -> Result:
        from pyspark.sql import functions

        if _is_connect(self._session):
            self._session.addTag(run)
        else:
            self._session.sparkContext.setJobGroup(run, "m1", interruptOnCancel=True)
        tables = {name: f"SELECT * FROM `{view}`" for view, name in self._views.items()}
        body = other_sql.checked(sql, "spark", tables, lambda: self._functions)
        frame = self._session.sql(body)
        columns = tuple(frame.columns)
        places = [f"c{i}" for i in range(len(columns))]
        kinds = [kind for _, kind in frame.dtypes]
        frame = frame.toDF(*places)
        if part and part.label is not None:
            frame = frame.where(functions.col("c0").cast("string") == part.label).limit(1)
        elif part:
            frame = frame.offset(part.place).limit(1)
        limit = most(len(columns))
        # As the time of day of the session; Python would have that of its machine.
        local_times = frame.selectExpr(
            *(
                f"CAST({place} AS TIMESTAMP_NTZ) AS {place}" if kind == "timestamp" else place
                for place, kind in zip(places, kinds, strict=True)
            )
        )
        rows = tuple(tuple(map(_plain, row)) for row in local_times.limit(limit + 1).collect())
        count = len(rows) if len(rows) <= limit else frame.count()
        return columns, rows[:limit], count

    def _interrupt(self, run: str) -> None:
        with suppress(Exception):  # the session has ended
            if _is_connect(self._session):
                self._session.interruptTag(run)
            else:
                self._session.sparkContext.cancelJobGroup(run)

    def _why(self, problem: Exception, sql: str) -> str:
        condition_of = getattr(problem, "getCondition", getattr(problem, "getErrorClass", str))
        condition = str(condition_of() or "")
        what = next((words for name, words in CONDITIONS.items() if condition.startswith(name)), "")
        if not what:
            known = re.fullmatch(r"[A-Z_]+(?:\.[A-Z_]+)?", condition)
            what = f"an error of Spark's ({condition if known else type(problem).__name__})"
        names = [column for table in self.tables for column, _ in table.columns]
        near = other_sql.strange(sql, "spark", names) if "column" in what else ""
        return f"It has {what}{near or '.'}"


def _fit(frame: Any, places: Collection[int] | None) -> Any:
    """Return a table with the columns that queries see, under names that SQL tells apart."""
    names = seen_names(frame.columns, places)
    bare = frame.toDF(*(f"c{i}" for i in range(len(frame.columns))))
    return bare.select(*(f"c{place}" for place in names)).toDF(*names.values())


def _loggers() -> list[Any]:
    """Return what logs failed queries, since Spark 4."""
    try:
        from pyspark.logger import PySparkLogger
    except ImportError:
        return []
    return [PySparkLogger.getLogger(name) for name in LOGGERS]


def _is_connect(session: Any) -> bool:
    return ".connect." in type(session).__module__


def _plain(value: Any) -> Any:
    """Return a value with Python's own types."""
    if hasattr(value, "asDict"):
        return {name: _plain(one) for name, one in value.asDict().items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {_plain(key): _plain(one) for key, one in value.items()}
    return bytes(value) if isinstance(value, bytearray) else value
