"""What a run will ask and could cost, said before anything is sent; and refused where too much."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

from ..calls import Request
from ..errors import BudgetExceeded, LedgerProblem, PromptTooLarge
from ..ledger import sums
from ..pricing.dollars import money_about, money_at_most
from ..pricing.forecast import LOOKED_AT, forecast
from ..pricing.tokens import WRITTEN
from ..session.budget import price_unknown, typed
from ..session.loop import Session
from ..session.plan import Plan, fitted, formed, hold_for
from ..text import plural, thousands


@dataclass(frozen=True, slots=True)
class Forecast:
    """What so many questions likely cost and could cost, in US dollars; None: not known."""

    questions: int
    likely: Decimal | None = None
    at_most: Decimal | None = None

    def __str__(self) -> str:
        if not self.questions:
            return "$0"
        if self.at_most is None:
            return "price not known"
        if not self.at_most:
            return "$0"
        about = [] if self.likely is None else [f"likely {money_about(self.likely)}"]
        return ", ".join([*about, f"at most {money_at_most(self.at_most)}"])


@dataclass(frozen=True, slots=True)
class Price:
    """The most that one question could cost in US dollars, None: not known; and how long it is."""

    hold: Decimal | None
    characters: int


def priced(session: Session, plan: Plan, requests: Iterable[Request]) -> Iterator[Price]:
    """Yield the price of each question."""
    for request in requests:
        yield Price(_hold(plan, request, session.settings.repairs), len(request.text))


def foreseen(session: Session, plan: Plan, prices: Iterable[Price]) -> Forecast:
    """Return what questions of these prices could cost together."""
    number, characters, at_most = 0, 0, Decimal(0)
    highest: Decimal | None = None
    unknown = False
    for one in prices:
        number, characters = number + 1, characters + one.characters
        unknown = unknown or one.hold is None
        if one.hold is not None:
            at_most += one.hold
            highest = one.hold if highest is None else max(highest, one.hold)
    tokens = math.ceil(characters / WRITTEN / max(number, 1))
    past: Sequence[tuple[int, Decimal]] = []
    with suppress(LedgerProblem):  # a guess needs no ledger
        past = sums.outcomes(session.ledger, plan.request.model, plan.request.task, LOOKED_AT)
    each = forecast(past, tokens, highest)
    likely = None if each is None else each.half * number
    return Forecast(number, likely, None if unknown else at_most)


def _hold(plan: Plan, request: Request, repairs: int) -> Decimal | None:
    """Return the most that a question could cost; one that is too long is not asked.

    What does not fit is asked for again, with the answer so far.
    """
    try:
        one = fitted(formed(request, plan.limits), plan.limits)
    except PromptTooLarge:
        return Decimal(0)
    hold, price = hold_for(plan, one), plan.limits.dearest if plan.limits else None
    if hold is None or request.form is None or price is None:
        return hold
    return hold * (1 + repairs) + repairs * one.max_tokens * price.input


def check_price(
    session: Session,
    plan: Plan,
    total: Forecast,
    prices: Iterable[Price],
    rows: Iterable[int],
) -> None:
    """Raise if the run could cost more than it may, or than the budget has left.

    Args:
        prices: of each question, in order; ``rows`` is the first row that asks each. Only a
            refusal looks at them.
    """
    most, settings = plan.request.max_cost, session.settings
    if most is not None:
        if total.at_most is None:
            raise price_unknown(plan)
        if total.at_most > most:
            raise _refused(total, f"max_cost is ${most:f}", most, prices, rows, "--max-cost {}")
    if settings.budget is not None and total.at_most is not None:
        sums_ = session.totals()
        left = max(settings.budget - sums_.spent - sums_.held, Decimal(0))
        if total.at_most > left:
            period = settings.budget_period
            why = f"of the {period}'s budget of ${settings.budget:f} ${left:f} is left"
            raised = sums_.spent + sums_.held + total.at_most
            way = f"%m1 budget {typed(raised)} --per {period}"
            raise _refused(total, why, left, prices, rows, way)


def _refused(
    total: Forecast,
    why: str,
    room: Decimal,
    prices: Iterable[Price],
    rows: Iterable[int],
    way: str,
) -> BudgetExceeded:
    """Return the refusal that names the number of rows that fit."""
    assert total.at_most is not None
    fit, first, sum_ = 0, 0, Decimal(0)
    for price, row in zip(prices, rows, strict=True):
        sum_ += price.hold or Decimal(0)
        if sum_ > room:
            first = row
            break
        fit += 1
    fits = f"The first {plural(first, 'row')} fit ({plural(fit, 'question')})"
    return BudgetExceeded(
        f"{thousands(total.questions)} questions could cost {money_at_most(total.at_most)}, and"
        f" {why}. {fits if fit else 'Not one row fits'}.",
        todo=f"Ask fewer rows, or allow it: {way.format(typed(total.at_most))}."
        " --max-tokens makes each answer cheaper.",
    )
