"""What holds between columns, besides `relations`: each maker looks at the same rows."""

from __future__ import annotations

from contextlib import suppress

from .associations import associations
from .by_group import by_group
from .copies import copies
from .facts import Described, Fact
from .missing import missing
from .row_by_row import Rows
from .scales import scales
from .sums import sums

MAKERS = (scales, copies, sums, missing, by_group, associations)
LEAST = 8  # rows from which anything is said
MOST = 12  # lines


def between_columns(table: Described) -> list[Fact]:
    """Return the lines of all makers, those of the least rank first."""
    if table.sample.rows < max(LEAST, 2 * table.k):
        return []
    rows = Rows(table)
    facts: list[Fact] = []
    for make in MAKERS:
        with suppress(Exception):  # foreign types fail in foreign ways
            facts += make(rows)
    return sorted(facts, key=lambda fact: fact.rank)[:MOST]
