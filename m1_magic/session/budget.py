"""What to do about a call that could cost too much: the change that costs the answer least."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

from ..calls import Call
from ..errors import BudgetExceeded
from ..pricing.dollars import money_at_most
from ..pricing.prices import hold
from ..pricing.tokens import most_tokens
from ..settings.config import M1
from .plan import Plan

MILLION = 1_000_000
# Thinking and an answer need some room; fewer tokens are no advice.
LEAST_TOKENS = 256


def check_max_cost(plan: Plan, call: Call | None = None) -> None:
    """Raise if a round could cost more than its call may, after the rounds that it had.

    Raises:
        BudgetExceeded: nothing of this round was sent.
    """
    if plan.max_cost is None or plan.hold is None:
        return
    attempts = call.attempts if call else ()
    spent = sum((a.hold or Decimal(0) if a.cost is None else a.cost for a in attempts), Decimal(0))
    most = spent + plan.hold
    if most <= plan.max_cost:
        return
    could = money_at_most(most)
    raise BudgetExceeded(
        f"This call could cost {could}, and a call may cost ${plan.max_cost:f} at most.",
        todo=f"Allow it with --max-cost {typed(most)}, lower --max-tokens, or attach less."
        + cheapest(plan, plan.max_cost - spent),
    )


def over_budget(refused: BudgetExceeded, plan: Plan, settings: M1) -> BudgetExceeded:
    """Return the ledger's refusal with the way out that this plan has."""
    if plan.limits is None or refused.left is None or refused.needed is None:
        return refused
    raised = f"%m1 budget {typed(refused.needed)} --per {settings.budget_period}"
    held = " %m1 cost lists what is held." if refused.held else ""
    return BudgetExceeded(
        refused.what,
        todo=f"Lower --max-tokens, attach less, or raise it: {raised}.{held}"
        + cheapest(plan, refused.left),
    )


def cheapest(plan: Plan, left: Decimal) -> str:
    """Return the cheapest way to bring a call within ``left`` US dollars; nothing if there is none.

    The cheapest endpoint alone, where its price fits with the answer as long as it was wished;
    else as many tokens as fit.
    """
    request, limits = plan.request, plan.limits
    low, high = (limits.cheapest, limits.dearest) if limits else (None, None)
    if low is None or high is None:
        return ""
    if low != high and hold(request, low) <= left:
        prices = {"prompt": _million(low.input), "completion": _million(low.output)}
        return f" The cheapest way to fit: %config M1.max_price = {prices}."
    room = left - most_tokens(request.texts) * high.input
    fits = int((room / high.output).to_integral_value(ROUND_FLOOR)) if high.output else 0
    if not LEAST_TOKENS <= fits < request.max_tokens:
        return ""
    return f" The cheapest way to fit: --max-tokens {fits}."


def _million(price: Decimal) -> str:
    return f"{(price * MILLION).normalize():f}"


def typed(dollars: Decimal) -> str:
    """Return an amount that is enough, as an option takes it: ``0.018``."""
    return money_at_most(dollars)[1:].replace(",", "")
