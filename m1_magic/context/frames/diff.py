"""Two summaries → what changed between the tables: columns, nulls, distributions, keys.

Made from what may leave of each table. Where the tables differ by fewer than ``min_group`` values
of a column, not even that: from two means the values could be computed that make the difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...privacy.redaction import masked_value
from .in_process import Local, Table, array
from .lines import distinct, marked_figure, share, size
from .measures import WHOLE
from .prompted import prompted
from .summary import UNIQUE, Column, Columns, Summary, Wish
from .unnamed import listed

Pairs = Sequence[tuple[Column, Column]]  # the columns that both tables have

SHIFTED = 0.01  # of a share, or of a standard deviation, from which a change is shown


def compared(tables: Sequence[Table], old: Summary, new: Summary, wish: Wish) -> Summary:
    """Return the page of what changed between two tables, within ``wish.tokens``.

    Args:
        tables: the first and the second.
        old: all that may leave of the first; ``new``: of the second.
    """
    old_columns, new_columns = ({c.name: c for c in side.columns} for side in (old, new))
    both = [(c, new_columns[name]) for name, c in old_columns.items() if name in new_columns]
    first = prompted(wish.prompt, [column.name for column, _ in both])
    both = [both[n] for n in sorted(range(len(both)), key=lambda n: (n not in first, n))]
    title = f"`{masked_value(old.name)}` → `{masked_value(new.name)}`"
    lines = [f"{title}: {size(old.rows, old.width)} → {size(new.rows, new.width)}"]
    lines += _keys(tables, both)
    for what, here, there in ("gone", old_columns, new_columns), ("new", new_columns, old_columns):
        names = [(name, column.type) for name, column in here.items() if name not in there]
        lines += [f"- columns {what}: {listed(names)}"] if names else []
    unchanged = []
    alike: set[str] = set()
    if max(old.rows or 0, new.rows or 0) <= WHOLE:  # means are too coarse beyond
        alike = _nearly_same(tables, both, wish.shared_by)
    for a, b in both:
        if changes := _changes(a, b, old.rows or 0, new.rows or 0, a.name in alike):
            lines.append(f"- `{masked_value(a.name)}`: {'; '.join(changes)}")
        else:
            unchanged.append((a.name, ""))
    if unchanged:
        lines.append(f"- unchanged: {listed(unchanged)}")
    return Summary(
        name=f"{old.name} → {new.name}",
        level=new.level,
        rows=new.rows,
        width=new.width,
        columns=Columns(b for _, b in both),
        text=_within(lines, wish.tokens * 12 // 5),
        labels=sum(len(a.labels.keys() | b.labels.keys()) for a, b in both),
        masked=sum(b.masked for b in new.columns),
    )


def _within(lines: Sequence[str], limit: int) -> str:
    """Return as many lines as fit, and how many do not."""
    for count in range(len(lines), 0, -1):
        rest = [f"- {len(lines) - count:,} more lines"] if count < len(lines) else []
        text = "\n".join([*lines[:count], *rest])
        if len(text) <= limit:
            return text
    return lines[0][:limit]


def _changes(a: Column, b: Column, rows_a: int, rows_b: int, alike: bool) -> list[str]:
    """Return what changed in one column, each change in words."""
    if a.masked or b.masked:
        return []
    changes = [f"type {a.type} → {b.type}"] if a.type != b.type else []
    if a.nulls is not None and b.nulls is not None and rows_a and rows_b:
        parts = a.nulls / rows_a, b.nulls / rows_b
        if parts[0] != parts[1] and share(parts[0]) != share(parts[1]):
            changes.append(f"nulls {share(parts[0])} → {share(parts[1])}")
    if a.distinct and b.distinct and a.distinct != b.distinct:
        changes.append(f"{distinct(a)} → {distinct(b)}")
    changes += ["figures withheld: few values differ"] if alike else _figures(a, b)
    changes += _labels(a, b)
    if (UNIQUE in a.notes) != (UNIQUE in b.notes):
        changes.append(f"{'now' if UNIQUE in b.notes else 'no longer'} {UNIQUE}")
    return changes


def _figures(a: Column, b: Column) -> list[str]:
    spread = [x.figures.get("sd") for x in (a, b)]
    sd = max((x for x in spread if isinstance(x, (int, float))), default=0)
    changes = []
    for name, x in a.figures.items():
        y = b.figures.get(name, x)
        if x == y:
            continue
        moved = ""
        if isinstance(x, (int, float)) and isinstance(y, (int, float)):
            if abs(y - x) < SHIFTED * sd:
                continue
            moved = f" ({(y - x) / sd:+.2g} sd)" if sd and name == "mean" else ""
        changes.append(f"{name} {marked_figure(x, name, a)} → {marked_figure(y, name, b)}{moved}")
    return [" · ".join(changes)] if changes else []


def _labels(a: Column, b: Column) -> list[str]:
    changes = []
    for label in dict.fromkeys((*a.labels, *b.labels)):
        x, y = a.labels.get(label), b.labels.get(label)
        quoted_label = f'"{masked_value(label)}"'
        if y is None:
            changes.append(f"{quoted_label} gone from the top labels ({share(x or 0)})")
        elif x is None:
            changes.append(f"{quoted_label} new among the top labels ({share(y)})")
        elif abs(y - x) >= SHIFTED:
            changes.append(f"{quoted_label} {share(x)} → {share(y)}")
    return [", ".join(changes)] if changes else []


def _nearly_same(tables: Sequence[Table], both: Pairs, k: int) -> set[str]:
    """Return the columns of numbers of which some values, but fewer than k, differ."""
    alike = set()
    for column, _ in both:
        if {"mean", "sd"} & column.figures.keys():
            old, new = (_numbers(table, column.name) for table in tables)
            if old is None or new is None or 0 < max((old - new).total(), (new - old).total()) < k:
                alike.add(column.name)
    return alike


def _numbers(table: Table, name: str) -> Counter[float | None] | None:
    """Return how often a column has each value, None where its name does not tell which it is."""
    if table.names.count(name) != 1:
        return None
    place = table.names.index(name)
    values = array(table.sample([place]).series(place)).astype(np.float64)
    return Counter(value if value == value else None for value in values.tolist())


def _keys(tables: Sequence[Table], both: Pairs) -> list[str]:
    """Return how many rows stayed, went and came, if a column of both tells rows apart."""
    for column, twin in both:
        if UNIQUE in column.notes and UNIQUE in twin.notes:
            left, right = (_values(table, column.name) for table in tables)
            if left is None or right is None:
                break
            stayed = len(left & right)
            return [
                f"- by `{masked_value(column.name)}`: {stayed:,} rows in both,"
                f" {len(left) - stayed:,} gone, {len(right) - stayed:,} new"
            ]
    return []


def _values(table: Table, name: str) -> set[Any] | None:
    if not isinstance(table, Local) or table.names.count(name) != 1:
        return None
    return set(table.series(table.names.index(name)).to_list())
