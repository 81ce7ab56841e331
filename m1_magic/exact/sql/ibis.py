"""Queries over tables of one Ibis backend, in its own SQL; `other_sql` gives them their names."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from ...context.frames.lazy import reading
from ...text import one_line
from . import other_sql
from .engine import TIMEOUT, Engine, Part, Result, most
from .sql_tables import SqlTable, seen_names

GRACE = 2.0  # seconds within which a backend ends what is cancelled
CANCEL = ("interrupt", "cancel")  # what drivers call it


class Ibis(Engine):
    """Runs queries in the backend of some tables, as `sandbox.Sandbox` does in DuckDB."""

    def __init__(
        self,
        tables: Mapping[str, Any],
        *,
        columns: Mapping[str, Collection[int]] | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        super().__init__(timeout, GRACE)
        other_sql.sqlglot()
        other_sql.quiet()
        self._backend = next(iter(tables.values())).get_backend()
        self._queries: dict[str, str] = {}
        made = []
        with reading("Ibis"):
            for name, table in tables.items():
                names = seen_names(table.columns, (columns or {}).get(name))
                fit = table.select(**{new: table[place] for place, new in names.items()})
                fit.limit(0).to_pyarrow()  # what it is made of is there
                self._queries[name] = str(self._backend.compile(fit))
                kinds = [(one, str(kind).lstrip("!").upper()) for one, kind in fit.schema().items()]
                made.append(SqlTable(name, tuple(kinds), dialect=self._backend.name))
        self.tables = tuple(made)

    def close(self) -> None:
        """See Engine.close."""

    def _fetched(self, sql: str, part: Part | None, run: str) -> Result:
        body = other_sql.checked(sql, self._backend.dialect, self._queries, tuple)
        table = self._backend.sql(body)
        if part and part.label is not None:
            table = table.filter(table[0].cast("string") == part.label).limit(1)
        elif part:
            table = table.limit(1, offset=part.place)
        limit = most(len(table.columns))
        fetched = table.limit(limit + 1).to_pyarrow()
        rows = tuple(zip(*(column.to_pylist() for column in fetched.columns), strict=True))
        count = len(rows) if len(rows) <= limit else int(table.count().execute())
        return tuple(fetched.column_names), rows[:limit], count

    def _interrupt(self, run: str) -> None:
        for name in CANCEL:
            with suppress(Exception):  # as far as its driver can
                getattr(self._backend.con, name)()

    def _why(self, problem: Exception, sql: str) -> str:
        names = [column for table in self.tables for column, _ in table.columns]
        near = other_sql.strange(sql, self._backend.dialect, names)
        if near:
            return f"It has a column that does not exist{near}"
        kind = one_line(type(problem).__name__, 60)
        return f"It has an error of {one_line(self._backend.name, 60)}'s ({kind})."
