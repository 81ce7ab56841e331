"""The queries below an answer: folded in HTML, as code in Markdown, a line each in a terminal.

Names, SQL, columns and rows are foreign text everywhere. The rows stay here: they are the user's
own, and stand in the output of the user's own cell.
"""

from __future__ import annotations

import math
import re

from ..calls import Query, Reply
from ..exact.figures import is_number, value_text
from ..text import escape_html, one_line, plural, show_controls
from .code import coloured
from .inert_markdown import inert, literal

ROWS, COLUMNS, CELL = 5, 8, 60  # of a result that are shown; characters of a cell
LONGEST = 20_000  # characters of a query that are shown
SHORT = 100  # of one in a terminal


def summary(reply: Reply) -> str:
    """Return ``2 queries · 4 figures``; nothing where there was no query."""
    number = sum(bool(one.query and not one.reason) for one in reply.figures)
    noun = "query" if len(reply.queries) == 1 else "queries"
    return f"{len(reply.queries)} {noun} · {plural(number, 'figure')}" if reply.queries else ""


def html(reply: Reply, timed: bool) -> str:
    """Return the queries, folded; without ``timed`` nothing that differs from run to run."""
    if not reply.queries:
        return ""
    parts = "".join(_html(query, timed) for query in reply.queries)
    inner = f'<div class="m1-answer mathjax_ignore tex2jax_ignore">{parts}</div>'
    return f'<details><summary style="opacity:.7">{summary(reply)}</summary>{inner}</details>'


def markdown(reply: Reply, timed: bool) -> str:
    """Return the queries as Markdown, which has no fold without raw HTML."""
    parts = [f"*{summary(reply)}*"] if reply.queries else []
    for query in reply.queries:
        code = _cut(query.sql)
        mark = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", code + "`")))
        parts += [f"*{literal(_head(query, timed))}*", inert(f"{mark}sql\n{code}\n{mark}")]
    return "".join(f"\n\n{part}" for part in parts)


def lines(reply: Reply, timed: bool) -> list[str]:
    """Return the queries as lines of plain text."""
    rows = [f"  {_head(one, timed)} · {one_line(one.sql, SHORT)}" for one in reply.queries]
    return [summary(reply), *rows] if rows else []


def _head(query: Query, timed: bool) -> str:
    name = one_line(query.name, 60)
    if query.error:
        return f"{name} · failed: {one_line(query.error)}"
    took = f" · {_took(query.seconds)}" if timed else ""
    return f"{name} · {plural(query.count, 'row')}{took}"


def _took(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{math.ceil(seconds * 1000)} ms"


def _html(query: Query, timed: bool) -> str:
    code = show_controls(_cut(query.sql))
    block = f'<div class="highlight"><pre><code>{coloured(code, "sql") or escape_html(code)}'
    return f"<p>{escape_html(_head(query, timed))}</p>{block}</code></pre></div>{_table(query)}"


def _table(query: Query) -> str:
    """Return the first rows of a result; nothing where there are none."""
    rows = [row[:COLUMNS] for row in query.rows[:ROWS]]
    if not rows:
        return ""
    head = "".join(f"<th>{_cell(name)}</th>" for name in query.columns[:COLUMNS])
    body = "".join(f"<tr>{''.join(map(_data, row))}</tr>" for row in rows)
    more = [plural(query.count - len(rows), "more row")] if query.count > len(rows) else []
    hidden = len(query.columns) - COLUMNS
    more += [plural(hidden, "more column")] if hidden > 0 else []
    below = f"<p>… {', '.join(more)}</p>" if more else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}"


def _data(value: object) -> str:
    align = ' align="right"' if is_number(value) else ""
    return f"<td{align}>{_cell(value_text(value).text)}</td>"


def _cell(text: str) -> str:
    return escape_html(one_line(text, CELL))


def _cut(sql: str) -> str:
    return sql if len(sql) <= LONGEST else sql[: LONGEST - 1] + "…"
