"""Tables as queries see them: their columns, under names that SQL tells apart."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ...privacy.personal import safe_name
from ...text import INVISIBLE

LONGEST = 120  # characters of a name
UNSEEN = re.compile(rf"[\n\t]|{INVISIBLE.pattern}")


@dataclass(frozen=True, slots=True)
class SqlTable:
    """A table as queries see it.

    Args:
        columns: their names, and SQL types.
        left_out: names of columns that the engine cannot take.
        dialect: the SQL that it is asked in.
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    left_out: tuple[str, ...] = ()
    dialect: str = "duckdb"


def fit_name(name: str) -> str:
    """Return a column's name as one that can be written: on one line, all of it seen, not long."""
    return UNSEEN.sub(" ", name[:LONGEST])


def seen_names(
    names: Sequence[str], places: Collection[int] | None, readable: Iterable[int] | None = None
) -> dict[int, str]:
    """Return the columns that queries see by place, with names that SQL tells apart.

    Args:
        places: of those that may be seen, but for personal names; None: all.
        readable: of those that can be; None: all.
    """
    taken: set[str] = set()
    made = {}
    for place in range(len(names)) if readable is None else readable:
        raw = names[place]
        name = free = fit_name(raw) or "column"
        number = 0
        while free.lower() in taken:
            number += 1
            free = f"{name}_{number}"
        # Those that may not be seen count, too: a query has the same names, whoever sees them.
        taken.add(free.lower())
        if places is None or (place in places and safe_name(raw) == raw):
            made[place] = free
    return made
