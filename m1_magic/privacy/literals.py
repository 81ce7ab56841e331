"""Which of many literals stand in a text: in one pass where it is long.

One ``in`` for each of hundreds would take longer than all the patterns that they save. So a long
text is looked through for the first three characters of all of them at once.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

LONG = 200_000  # characters, from where NumPy is worth its import
SHORT = 1_000  # characters, from where it is worth its call


def lowered(text: str) -> str:
    """Return the text with ASCII's letters in lower case, and ``?`` for what is not Latin-1."""
    return text.encode("latin-1", "replace").lower().decode("latin-1")


class Literals:
    """Literals that are looked for together."""

    def __init__(self, literals: Iterable[str]) -> None:
        self.all = tuple(dict.fromkeys(literals))
        self._short = tuple(one for one in self.all if len(one) < 3)

    def within(self, text: str) -> set[str]:
        """Return those that stand in the text."""
        least = SHORT if "numpy" in sys.modules else LONG
        likely = self.all if len(text) < least else (*self._likely(text), *self._short)
        return {literal for literal in likely if literal in text}

    def _likely(self, text: str) -> Iterator[str]:
        """Yield those whose first three or four characters are there."""
        import numpy as np

        data = np.frombuffer(text.encode("latin-1", "replace"), np.uint8).astype(np.uint16)
        for length, by_start, known in self._tables:
            ends = len(data) - length + 1
            at = np.flatnonzero(known[_hashed([data[i : ends + i] for i in range(length)])])
            runs = np.stack([data[at + i] for i in range(length)], 1).astype(np.uint8)
            for start in by_start.keys() & np.unique(runs.view(f"S{length}")).tolist():
                yield from by_start[start]

    @cached_property
    def _tables(self) -> list[tuple[int, dict[bytes, list[str]], Any]]:
        """For three and four characters: literals by their first, and the hashes of these."""
        import numpy as np

        tables = []
        for length in (3, 4):
            by_start: dict[bytes, list[str]] = {}
            for one in self.all:
                if min(len(one), 4) == length:
                    by_start.setdefault(one[:length].encode(), []).append(one)
            known = np.zeros(1 << 16, np.bool_)
            known[_hashed(np.frombuffer(b"".join(by_start), np.uint8).reshape(-1, length).T)] = True
            tables.append((length, by_start, known))
        return tables


def _hashed(columns: Iterable[Any]) -> Any:
    """Return 16 bits for each row of characters."""
    import numpy as np

    code = np.uint16(0)
    for column in columns:
        code = code * np.uint16(0x9E37) + column
    return code
