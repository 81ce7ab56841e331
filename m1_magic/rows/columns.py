"""Outcomes of questions → the new columns of a table."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from .outcomes import Calls, Outcome
from .report import Report, by_reason, price_so_far, stopped_early

NOT_ASKED = "not asked"


def columns(
    of_row: Iterable[Hashable | None],
    outcomes: Mapping[Any, Outcome],
    into: str,
    fields: Sequence[str] = (),
    there: Sequence[str] = (),
) -> dict[str, list[Any]]:
    """Return the new columns: values, and why a row has none, if any row has none.

    ``fields`` of values become columns of their own. ``there``: names that the table has; reasons
    of an earlier run do not stay.
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
    status = f"{into}_status"
    return made | ({status: statuses} if any(statuses) or status in there else {})


def report(
    rows: int,
    outcomes: Iterable[Outcome],
    calls: Calls,
    statuses: Sequence[str | None],
    seconds: float,
    notes: Sequence[str] = (),
    stopped_by: BaseException | None = None,
) -> Report:
    """Return what a run did, and what stopped it, if anything did."""
    asked, kept, answers, known, unknown, estimated = 0, 0, 0, Decimal(0), 0, 0
    for one in outcomes:
        answers += one.asked and not one.kept and not one.why
        asked += one.asked and not one.kept
        kept += one.kept
        known += one.cost_so_far
        unknown += one.cost is None
        estimated += one.estimated
    if stopped_by is not None:
        price = price_so_far(known, unknown, about=bool(estimated))
        notes = [*notes, stopped_early(stopped_by, answers, price)]
    reasons = by_reason([status for status in statuses if status])
    return Report(
        rows=rows,
        asked=asked,
        kept=kept,
        failed=sum(number for _, number in reasons),
        cost=None if unknown else known,
        seconds=seconds,
        reasons=reasons,
        notes=tuple(note for note in notes if note),
        id=calls.id,
        model=calls.model,
        usage=calls.usage,
        known=known,
        unknown=unknown,
        estimated=estimated,
    )
