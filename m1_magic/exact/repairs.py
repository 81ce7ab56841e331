"""Queries that failed, asked for once more: why, where, and no value of a table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from ..calls import Message, Request, Text
from ..computed import Query
from .lines import Lines
from .template import Written, pieces_of

ASK = (
    "These queries of your answer failed; their figures cannot be shown:\n\n{failed}\n\n"
    "Send each of them again, corrected, as a fenced block ```sql NAME with the same name and the"
    " same columns. Write nothing else."
)
_SUGGESTED = re.compile(r" Did you mean (.*)\?$")
_NAME = re.compile(r'"(?:[^"]|"")*"')


def repairing(request: Request, template: str, failed: Iterable[Query]) -> Request:
    """Return the request that asks for these queries again."""
    listed = "\n".join(f"- {one.name}: {_known(one.error, request.text)}" for one in failed)
    more = (
        Message("assistant", (Text(template),)),
        Message("user", (Text(ASK.format(failed=listed)),)),
    )
    return replace(request, messages=(*request.messages, *more))


def _known(error: str, sent: str) -> str:
    """Return an error without names that the model was not sent, but for DuckDB's functions."""
    suggestion = _SUGGESTED.search(error)
    if not suggestion or error.startswith("It has a function that"):
        return error
    quoted = _NAME.findall(suggestion[1])
    names = [one for one in quoted if re.search(rf"(?<!\w){re.escape(one[1:-1])}(?!\w)", sent)]
    meant = f" Did you mean {', '.join(names)}?" if names else ""
    return error[: suggestion.start()] + meant


def repaired(text: str, names: Iterable[str]) -> dict[str, str]:
    """Return the queries among these names that an answer brings, by name."""
    wanted = set(names)
    return {
        piece.name: piece.sql
        for piece in pieces_of(text)
        if isinstance(piece, Written) and piece.name in wanted and not piece.problem
    }


def with_queries(template: str, queries: Mapping[str, str]) -> str:
    """Return a template with other SQL in the fences of these queries."""
    out: list[str] = []
    lines, name = Lines(), ""
    for row in template.splitlines(keepends=True):
        line = lines.read(row)
        if line.kind == "query":
            name = line.content if line.content in queries else ""
            out.append(row)
            if name:
                indent = row[: len(row) - len(row.lstrip(" \t>"))]
                out += [f"{indent}{one}\n" for one in queries[name].split("\n")]
        elif not (name and line.kind == "sql"):
            out.append(row)
    return "".join(out)
