"""A result as a Markdown table, or as bars: the first rows, and how many more there are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from ..text import plural
from .figures import NOTHING, is_number, value_text
from .naming import Names
from .spots import words

ROWS, COLUMNS = 20, 20  # that are shown
CELL = 200  # characters of a cell
WIDEST = 20  # characters of a bar
_EIGHTHS = " ▏▎▍▌▋▊▉"


def as_table(names: Names, wanted: str, before: str, end: str) -> tuple[str, str]:
    """Return a result as Markdown lines, and a note.

    Args:
        wanted: what stands behind the colon: columns, ``bar`` or nothing.
        before: the marks of lists and quotations before its first line.
        end: the line end.

    Raises:
        Unclear: a column that is not there.
    """
    result, note, lengths = names.result, "", None
    numbers = list(range(len(result.columns)))
    rows = result.rows[:ROWS]
    if wanted.strip() == "bar" and "bar" not in result.columns:
        numbers, lengths = _bars(rows, len(numbers))
        note = "" if lengths else f"{names.name} has not one label and one number: no bars"
        numbers = numbers if lengths else list(range(len(result.columns)))
    elif wanted.strip():
        numbers = names.columns(wanted)
    hidden = len(numbers) - COLUMNS
    numbers = numbers[:COLUMNS]
    right = [_is_numeric([row[at] for row in rows]) for at in numbers]
    lines = [[_cell(result.columns[at]) for at in numbers]]
    lines.append(["---:" if one else "---" for one in right])
    lines += [[_cell(value_text(row[at]).text) for at in numbers] for row in rows]
    if not rows:
        lines.append([NOTHING] * len(numbers))
    for at, bar in enumerate(["", "---", *lengths] if lengths else []):
        lines[at].append(bar)
    out = [f"| {' | '.join(line)} |" for line in lines]
    more = [plural(names.total - len(rows), "more row")] if names.total > len(rows) else []
    more += [plural(hidden, "more column")] if hidden > 0 else []
    if more:
        out += ["", f"… {', '.join(more)}"]
    others = re.sub(r"[^\s>]", " ", before)
    text = end.join(f"{others if at else before}{line}".rstrip() for at, line in enumerate(out))
    return text, note


def _cell(text: str) -> str:
    return words(text if len(text) <= CELL else text[: CELL - 1] + "…")


def _is_numeric(values: Sequence[object]) -> bool:
    present = [value for value in values if value is not None]
    return bool(present) and all(map(is_number, present))


def _bars(rows: Sequence[Sequence[object]], width: int) -> tuple[list[int], list[str] | None]:
    """Return the columns of label and number, and a bar for each row; None where there are none."""
    numeric = [at for at in range(width) if _is_numeric([row[at] for row in rows])]
    if width != 2 or not numeric or not rows:
        return [], None
    # Of two numbers, as year and amount, the first is the label.
    value = numeric[-1]
    sizes = [_size(row[value]) for row in rows]
    most = max(map(abs, sizes)) or 1.0
    return [1 - value, value], [_bar(size / most) for size in sizes]


def _size(value: object) -> float:
    try:
        size = float(value) if isinstance(value, int | float | Decimal) else 0.0
    except OverflowError:
        return 0.0
    return size if abs(size) < float("inf") else 0.0


def _bar(part: float) -> str:
    if part < 0:  # of another kind, to be told from those above zero
        return "░" * max(1, round(-part * WIDEST))
    eighths = round(part * WIDEST * 8)
    if part and not eighths:
        eighths = 1
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")
