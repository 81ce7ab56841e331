"""What holds between columns, besides `relations`: each maker looks at the same rows."""

from __future__ import annotations

import warnings

from .associations import associations
from .bimodal import bimodal
from .by_group import by_group
from .copies import copies
from .facts import Described, Fact
from .missing import missing
from .row_by_row import Rows
from .scales import scales
from .season import season
from .sums import sums

MAKERS = (scales, copies, sums, missing, by_group, associations, season, bimodal)
LEAST = 8  # rows from which anything is said
MOST = 12  # lines


def between_columns(table: Described) -> list[Fact]:
    """Return the lines of all makers, those of the least rank first.

    One that fails (foreign types do so in foreign ways) costs its lines, and says so.
    """
    if table.sample.rows < max(LEAST, 2 * table.k):
        return []
    rows = Rows(table)
    facts: list[Fact] = []
    for make in MAKERS:
        try:
            facts += make(rows)
        except Exception as error:
            what = f"What {make.__name__} tells of a table is left out: {type(error).__name__}."
            warnings.warn(what, stacklevel=1)
    return sorted(facts, key=lambda fact: fact.rank)[:MOST]
