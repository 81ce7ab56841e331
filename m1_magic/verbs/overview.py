"""A page about a table → the same as a Markdown table for people, in the order in which it is sent.

The page is what leaves; here its lines are only taken apart, so that nothing is shown that is not
on it. What is no line of a column stays a line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..render import page
from ..text import md_cell

COLUMN = re.compile(
    r"- (?P<name>`[^`]*`(?: … `[^`]*` \([\d,]+ columns\))?)"
    r"(?:: (?P<type>.*?)"
    r"(?:, (?P<nulls>no nulls|[\d,]+ null \([^)]*\)|[^;]* null|masked: looks personal))?"
    r"(?:; (?P<rest>.*))?)?"
)
DISTINCT = re.compile(
    r'(?P<before>[^"]*?)(?P<count>[\d,]+) distinct(?P<part> in [\d,]+ rows)?(?:; |\Z)'
)
HEAD = ("column", "type", "nulls", "distinct", "what it holds")


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    type: str
    nulls: str
    distinct: str
    holds: str


def overview(text: str) -> str:
    """Return a page as Markdown: what it says of all, a table of its columns, its other lines."""
    first, *lines = text.split("\n")
    rows: list[tuple[str, ...]] = []
    others: list[str] = []
    for line in lines:
        row = _row(line)
        if row and not others:
            rows.append((row.name, row.type, row.nulls, row.distinct, row.holds))
        else:
            others.append(f"- {_bare(line.removeprefix('- '))}")
    # A percent sign never begins a line.
    table = page.table(HEAD, rows).replace(" %", "\u00a0%") if rows else ""
    parts = [_bare(first), table, "\n".join(others)]
    return "\n\n".join(filter(None, parts))


def _row(line: str) -> _Row | None:
    """Return what a line says of a column, or of some that look alike; None of any other line."""
    match = COLUMN.fullmatch(line)
    if match is None or match["type"] is None:
        return None
    rest, distinct = match["rest"] or "", ""
    if count := DISTINCT.match(rest):
        distinct = count["count"] + (count["part"] or "")
        rest = count["before"] + rest[count.end() :]
    nulls = match["nulls"] or ""
    if nulls.startswith("masked"):
        nulls, rest = "", nulls
    nulls = "0" if nulls == "no nulls" else nulls.replace(" null", "", 1)
    return _Row(match["name"].replace("`", ""), match["type"], nulls, distinct, rest.strip("; "))


def _bare(line: str) -> str:
    """Return a line without the backticks that mark names and code for the model."""
    return md_cell(line.replace("`", ""))
