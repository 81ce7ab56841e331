"""A table → the few lines about it that may leave.

One road for pandas, Polars, Arrow, arrays and records: each column becomes one line until the
token budget is used. Below `sample` no value leaves that fewer than ``min_group`` rows share.
Names and values are untrusted text. The only importer of narwhals, and only once there is a
table.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from ...calls import Attachment
from ...errors import UsageError, plain
from .columns import SAMPLE, profiled
from .page import Page, fit, visible
from .rows import pick
from .tables import is_frame, is_tabular, normal

__all__ = ["frame_named", "is_frame", "is_tabular", "summarise", "visible"]


def frame_named(name: str, namespace: Mapping[str, object]) -> object:
    """Return the table that ``name`` (``sales``, ``data.sales``, ``parts[0]``) stands for.

    Raises:
        UsageError: no such name, or not a table; values are never shown.
    """
    from ..values import public_names, resolve  # values.py imports this module

    base = re.split(r"[.\[]", name, maxsplit=1)[0]
    if base not in namespace:
        names = public_names(namespace)
        frames = [known for known in names if is_frame(namespace[known])]
        matches = difflib.get_close_matches
        close = matches(base, frames, 1) or matches(base, names, 1)
        todo = f"Did you mean {close[0]}?" if close else ""
        if not close and frames:
            todo = f"DataFrames here: {', '.join(frames[:5])}."
        raise UsageError(f"There is no DataFrame {plain(name, 60)!r}.", todo=todo)
    value = resolve(name, namespace)
    if not is_tabular(value):
        kind = plain(type(value).__name__, 60)
        raise UsageError(f"{plain(name, 60)} is no DataFrame; it is of type {kind}.")
    return value


def summarise(
    frame: object,
    name: str,
    *,
    level: str = "stats",
    rows: int = 0,
    min_group: int = 5,
    tokens: int = 1500,
) -> Attachment:
    """Return what may leave of a table at a privacy level, in at most ``tokens`` tokens.

    Args:
        frame: anything that `is_tabular`.
        level: ``names`` · ``schema`` (types, counts, nulls) · ``stats`` · ``sample``.
        rows: rows of the table to show, at level ``sample`` only.
        min_group: a label or extreme leaves only if so many rows share it.
        tokens: upper bound, at 2.4 characters a token (measured on such summaries).

    Raises:
        UsageError: an array or records, and neither pandas nor Polars is installed.
    """
    table, names, levels = normal(frame)
    count, limit = len(table), max(0, tokens * 12 // 5)
    columns = [] if level == "names" else list(profiled(table, names, level, min_group, limit))
    picked = pick(table, columns, min(rows, count)) if level == "sample" else []
    width = len(names) - levels
    head = f"`{visible(name)}`: {count:,} rows × {width:,} columns"
    head += " and the index" if levels else ""
    if level == "names":
        head = f"`{visible(name)}`: {width:,} columns"
    elif level != "schema" and min_group > 1:
        head += f"; aggregates without values that fewer than {min_group} rows share"
    if level in ("stats", "sample") and count > 2 * SAMPLE:
        head += "; quantiles and ≈ from a sample of rows"
    text, detailed, shown = fit(Page(head, columns, names, picked), limit)
    return Attachment(
        kind="frame",
        name=name,
        text=text,
        level=level,
        shape=(count, width),
        rows=shown,
        labels=sum(column.labels for column in columns[:detailed]),
        masked=sum(column.masked for column in columns[:detailed]),
        tokens=-(-len(text) * 5 // 12),
    )
