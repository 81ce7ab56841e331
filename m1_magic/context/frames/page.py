"""The columns' lines → one page within a budget of characters, and what was left out of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .columns import Column


def visible(value: object, limit: int = 60) -> str:
    """Return foreign text on one line: escaped as in a repr, no backticks, cut at ``limit``."""
    raw = str(value)[: limit + 1].replace("\\", "\\\\").replace("`", "\\x60")
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in raw)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


@dataclass(frozen=True, slots=True)
class Page:
    """What a summary could say; `text` says a part of it."""

    head: str
    columns: list[Column]
    names: list[str]
    cells: list[list[str]]

    def text(self, detailed: int, named: int, rows: int) -> str:
        """Return the first columns in detail, the names of the next, the number of the rest."""
        total = len(self.names)
        rest = self.names[detailed : detailed + named]
        left = total - detailed - len(rest)
        part = f"; {detailed:,} of {total:,} columns in detail"
        lines = [self.head + (part if self.columns and detailed < total else "")]
        lines += [column.text for column in self.columns[:detailed]]
        if rest:
            listed = ", ".join(f"`{visible(name)}`" for name in rest)
            lines.append(f"- {'other ' if self.columns else ''}columns: {listed}")
        if left:
            lines.append(f"- {left:,} more columns")
        lines += [", ".join(row[:detailed]) for row in self.cells[:rows] if detailed]
        return "\n".join(lines)


def fit(page: Page, limit: int) -> tuple[str, int, int]:
    """Return the text within ``limit`` characters, its columns in detail and its rows."""
    total, rows = len(page.names), len(page.cells)
    if len(page.columns) == total and len(text := page.text(total, 0, rows)) <= limit:
        return text, total, rows
    # All names only if they leave half of the room for detail.
    all_named = len(page.text(0, total, 0)) * 2 <= limit
    named, room = (total, limit) if all_named else (0, limit // 2)
    detailed = _detailed(page, named, rows, room)
    while rows and detailed < min(5, total):
        rows //= 2
        detailed = _detailed(page, named, rows, room)
    named = _most(total - detailed, lambda n: len(page.text(detailed, n, rows)) <= limit)
    return page.text(detailed, named, rows)[:limit], detailed, rows if detailed else 0


def _detailed(page: Page, named: int, rows: int, room: int) -> int:
    return _most(len(page.columns), lambda count: len(page.text(count, named, rows)) <= room)


def _most(top: int, fits: Callable[[int], bool]) -> int:
    """Return the largest number up to ``top`` that fits, else 0."""
    low = 0
    while low < top:
        middle = (low + top + 1) // 2
        low, top = (middle, top) if fits(middle) else (low, middle - 1)
    return low
