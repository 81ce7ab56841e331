"""The tool ``sql``: queries that M1 writes over the tables of a call, and what leaves of a result.

At ``sample:N`` a result leaves as a table at that level does, and no column that looks personal is
there for a query. At ``sample:0`` and below no query runs: a filter, a group or an error of one
would tell of single rows. M1 gets what summaries of all tables together say of the columns that the
query names: alone, two that differ in one row would tell of it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cached_property
from itertools import chain
from typing import Any

from ..computed import Query
from ..context import bare, wished
from ..context.frames import frame_named, opened, summary
from ..context.frames.lines import Line, size
from ..context.frames.summary import Summary
from ..errors import UsageError
from ..exact.sql.engines import sandbox_of
from ..options.fields import Options
from ..privacy import redaction
from ..privacy.redaction import masked_value
from ..settings.config import M1
from ..text import one_line
from ..typed.reading import unfenced
from .identity import of_tables
from .results import Page, Results
from .signature import Misfit, Tool, described

NAME = "sql"
WORD, TICKED = re.compile(r"[^\W\d]\w*"), re.compile(r"`[^`\n]*`")
LOOKED_AT = 20_000  # tokens of the summaries that all queries are answered from
ROWS = 20  # of a result, where the level says no number
OWN = "A result has no name in the answer: its figures need queries of the answer's own."
NO_TABLE = "--tools sql queries tables, and none goes along."


class Queries:
    """Runs or only describes queries over named tables."""

    def __init__(self, tables: Mapping[str, object], options: Options, settings: M1) -> None:
        self._tables, self._options, self._settings = tables, options, settings
        self._wish = wished(options, settings)
        if bare(options, settings) and self._wish.level == "sample":
            self._wish = replace(self._wish, rows=ROWS)
        self._runs = self._wish.level == "sample" and self._wish.rows > 0
        self._secrets = redaction.policy(settings)

    def describes(self) -> str:
        """Return what M1 is told of the tool."""
        level = self._wish.level
        names = ", ".join(one_line(name, 60) for name in self._tables)
        told = (
            f"You get the result as a summary with up to {self._wish.rows} rows."
            if self._runs
            else f"At privacy level {level} no query runs, for results do not leave the user's"
            " machine: you get a summary of the columns that the query names."
        )
        told += f" {OWN}" if self._options.exact or self._settings.exact else ""
        return f"Run one SELECT of DuckDB's SQL over the user's tables: {names}. {told}"

    def ask(self, query: str) -> Page:
        """Return what leaves of a query's result."""
        query = unfenced(query.strip())
        if not query:
            raise Misfit("The query is empty.")
        return Page(self._rows(query) if self._runs else self._columns(query))

    @property
    def key(self) -> object:
        """What "always" is remembered by: these tables, and what may leave of them."""
        wish = self._wish
        return NAME, wish.level, wish.rows, wish.allow, self._options.cols, of_tables(self._tables)

    def check(self) -> None:
        """Raise UsageError where queries are to run, and cannot read one of the tables."""
        if self._runs:
            sandbox_of(self._tables, timeout=self._settings.query_timeout).close()

    def _rows(self, sql: str) -> str:
        """Run a query, and return its result as a table at level ``sample``."""
        engine = sandbox_of(
            self._tables, columns=self._open(), timeout=self._settings.query_timeout
        )
        try:
            query = engine.run("result", sql)
        finally:
            engine.close()
        if query.error:
            raise Misfit(query.error)
        if not query.rows:
            return f"0 rows; columns {', '.join(map(str, query.columns))}"
        results = Results(self._wish, self._secrets)
        page = results.table(_frame(query), "result").text
        if query.count == len(query.rows):
            return page
        return f"Of {query.count:,} rows only the first {len(query.rows):,}:\n{page}"

    def _columns(self, sql: str) -> str:
        """Return what leaves of the columns that a query names."""
        words = {word.casefold() for word in WORD.findall(sql)}
        named = [name for name in self._tables if one_line(name, 60).casefold() in words]
        pages = [self._page(name, sql, words) for name in named or self._tables]
        level = self._wish.level
        head = f"Level {level}: not run, for no row, count or aggregate of a result leaves."
        return "\n\n".join([head, *pages])

    def _page(self, name: str, sql: str, words: Collection[str]) -> str:
        """Return what is said of those columns of a table that a query names; none: of all."""
        seen = self._summaries[name]
        named = [c for c in seen.columns if c.name.casefold() in words or c.name in sql]
        named = named or [*seen.columns]
        ticked = {f"`{masked_value(column.name)}`" for column in named}
        facts = (f"- {one}" for one in seen.relations if ticked.issuperset(TICKED.findall(one)))
        page = [f"`{masked_value(name)}`: {size(seen.rows, seen.width)}"]
        room = self._wish.tokens * 12 // 5
        for line in chain((Line({0: column}, seen.rows or 0).full for column in named), facts):
            room -= len(line)
            if room < 0:
                page.append("- the budget of this page ends here")
                break
            page.append(line)
        return redaction.mask("\n".join(page), self._secrets)[0]

    def _open(self) -> dict[str, list[int]]:
        """Return the places of the columns that queries see: none that looks personal.

        Of columns of one name none, where one of them looks so.
        """
        made = {}
        for name, value in self._tables.items():
            names, seen = opened(value).names, self._summaries[name]
            plain, every = Counter(c.name for c in seen.columns if not c.masked), Counter(names)
            made[name] = [i for i, one in enumerate(names) if plain[one] == every[one]]
        return made

    @cached_property
    def _summaries(self) -> dict[str, Summary]:
        """What may be seen of all tables, as they were told together, and what looks personal."""
        wish = replace(self._wish, tokens=LOOKED_AT, earlier=[])
        cols = self._options.cols
        return {name: summary(opened(v), name, wish, cols) for name, v in self._tables.items()}


def tool(options: Options, namespace: Mapping[str, object], settings: M1) -> Tool:
    """Return the tool; UsageError: no table goes along, or one that queries cannot read."""
    tables = {name: frame_named(name, namespace) for name in options.df}
    if not tables:
        raise UsageError(NO_TABLE, todo="Name one: --df NAME.")
    queries = Queries(tables, options, settings)
    queries.check()

    def sql(query: str) -> Page:
        return queries.ask(query)

    sql.__doc__ = queries.describes()
    return replace(described(sql, NAME), key=queries.key)


def _frame(query: Query) -> Any:
    """Return a result as a table; columns of one name are told apart."""
    import pyarrow as pa

    names: list[str] = []
    for one in query.columns:
        name = str(one)
        while name in names:
            name += "_"
        names.append(name)
    columns = zip(*query.rows, strict=True)
    return pa.table({name: _array(values) for name, values in zip(names, columns, strict=True)})


def _array(values: tuple[Any, ...]) -> Any:
    import pyarrow as pa

    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        return pa.array([None if one is None else str(one) for one in values])
