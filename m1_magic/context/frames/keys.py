"""What a line of pandas needs to know of a table's labels: keys that are no strings, and repeats.

A key is written as code would write it: `1`, `None`, `("x", 1)`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ...privacy.personal import safe_name
from ...privacy.redaction import masked_value
from .measures import WHOLE

LISTED = 5  # keys that are no strings, among others that are


def written(name: object) -> str:
    """Return a column's key as text: a string as it is, any other as code would write it."""
    if not isinstance(name, tuple):
        return str(name)
    parts = [json.dumps(x, ensure_ascii=False) if isinstance(x, str) else str(x) for x in name]
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


@dataclass(frozen=True, slots=True)
class Keys:
    """Places of columns whose keys are no strings, of how many, and index labels that repeat."""

    places: tuple[int, ...] = ()
    width: int = 0
    repeats: int = 0

    def words(self, names: Sequence[str], hidden: frozenset[int]) -> str:
        """Return what is to be said of the keys; ``hidden`` ones may not leave."""
        visible = [names[place] for place in self.places if place not in hidden]
        if not self.places or not visible:
            return ""
        if len(self.places) == self.width:
            if all(name.startswith("(") for name in visible):
                return "column keys are tuples"
            integers = all(name.lstrip("-").isdigit() for name in visible)
            return f"column keys are {'integers' if integers else 'no strings'}"
        listed = ", ".join(f"`{masked_value(safe_name(name))}`" for name in visible[:LISTED])
        return f"keys that are no strings: {listed}{', …' if len(visible) > LISTED else ''}"

    def repeated(self, rows: int) -> str:
        """Return how many index labels repeat."""
        if not self.repeats:
            return ""
        return f"{self.repeats:,} of {rows:,} index labels repeat an earlier one"


def keys(native: Any, levels: int) -> Keys:
    """Return what is known of the keys of a pandas table, whose index has so many columns."""
    columns, repeats = getattr(native, "columns", ()), 0
    places = [levels + n for n, name in enumerate(columns) if not isinstance(name, str)]
    with suppress(Exception):  # labels of the user's own, which run code when they are compared
        if len(native.index) <= WHOLE:
            repeats = int(native.index.duplicated().sum())
    return Keys(tuple(places), len(columns), repeats)
