"""Outcomes of questions → the new columns of a table."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from .report import Report, by_reason
from .running import Outcome

NOT_ASKED = "not asked"


def columns(
    of_row: Sequence[Hashable | None],
    outcomes: Mapping[Any, Outcome],
    into: str,
    fields: Sequence[str] = (),
) -> dict[str, list[Any]]:
    """Return the new columns: values, and why a row has none, if any row has none.

    ``fields`` of values become columns of their own.
    """
    values: list[Any] = []
    statuses: list[str | None] = []
    for number in of_row:
        outcome = None if number is None else outcomes.get(number)
        values.append(outcome.value if outcome else None)
        why = (outcome.why if outcome else NOT_ASKED) if number is not None else ""
        statuses.append(why or None)
    made = {into: values}
    if fields:
        made = {name: [value and value.get(name) for value in values] for name in fields}
    return made | ({f"{into}_status": statuses} if any(statuses) else {})


def report(
    rows: int,
    outcomes: Mapping[Any, Outcome],
    statuses: Sequence[str | None],
    seconds: float,
    notes: Sequence[str] = (),
) -> Report:
    """Return what a run did."""
    costs = [outcome.cost for outcome in outcomes.values()]
    known = sum((cost for cost in costs if cost is not None), Decimal(0))
    unknown = costs.count(None)
    asked = [one for one in outcomes.values() if one.asked and not one.kept]
    usages = [one.usage for one in asked if one.usage]
    reasons = by_reason([status for status in statuses if status])
    return Report(
        rows=rows,
        asked=len(asked),
        kept=sum(one.kept for one in outcomes.values()),
        failed=sum(number for _, number in reasons),
        cost=None if unknown else known,
        seconds=seconds,
        reasons=reasons,
        notes=tuple(note for note in notes if note),
        id=asked[0].id if asked else "",
        model=next((one.model for one in asked if one.model), ""),
        usage=sum(usages[1:], usages[0]) if usages else None,
        known=known,
        unknown=unknown,
    )
