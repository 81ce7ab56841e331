"""Data as Markdown: a list of flat records as a table, all else as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ..records import row
from ..text import md_cell, plural

ROWS, COLUMNS = 20, 12  # that are shown
CELL = 200  # characters of a cell
LONGEST = 20_000  # characters of JSON
NUMBER = int | float | None
WORDS = 80  # characters of a text that is shown as such


def page(data: Any, written: Any) -> str:
    """Return Markdown that shows data; ``written`` is it as JSON has it."""
    if isinstance(written, str) and "\n" not in written and len(written) <= WORDS:
        return f"**{md_cell(written)}**" if written.strip() else '""'
    if isinstance(written, list) and written and all(map(_flat, written)):
        return _table([row(one) if not isinstance(one, dict) else one for one in written])
    return code(json.dumps(written, ensure_ascii=False, indent=2, default=str))


def code(text: str) -> str:
    """Return JSON as a code block that it cannot close."""
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]}\n…"
    mark = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text + "`")))
    return f"{mark}json\n{text}\n{mark}"


def _flat(one: Any) -> bool:
    """Is it a record without lists and records in it?"""
    return isinstance(one, Mapping) and all(not isinstance(v, list | dict) for v in one.values())


def _table(rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for one in rows for name in one))
    columns = names[:COLUMNS]
    right = [all(isinstance(one.get(name), NUMBER) for one in rows) for name in columns]
    lines = [
        [_cell(name) for name in columns],
        ["---:" if one else "---" for one in right],
        *([_cell(one.get(name)) for name in columns] for one in rows[:ROWS]),
    ]
    more = [plural(len(rows) - ROWS, "more row")] if len(rows) > ROWS else []
    more += [plural(len(names) - COLUMNS, "more column")] if len(names) > COLUMNS else []
    below = f"\n\n… {', '.join(more)}" if more else ""
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + below


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = text if len(text) <= CELL else text[: CELL - 1] + "…"
    return md_cell(text).replace("$", "\\$")
