"""What to do about a call that could cost too much: the change that costs the answer least."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

from ..calls import Request
from ..errors import BudgetExceeded
from ..pricing.dollars import money_at_most
from ..pricing.prices import ModelLimits, hold
from ..pricing.tokens import most_tokens
from ..settings.config import M1

MILLION = 1_000_000
# Thinking and an answer need some room; fewer tokens are no advice.
LEAST_TOKENS = 256


def over_max_cost(
    request: Request, limits: ModelLimits, most: Decimal, limit: Decimal
) -> BudgetExceeded:
    """Return the refusal of a call that could cost more than one call may."""
    could = money_at_most(most)
    return BudgetExceeded(
        f"This call could cost {could}, and a call may cost ${limit:f} at most.",
        todo=f"Allow it with --max-cost {typed(most)}, lower --max-tokens, or attach less."
        + cheapest(request, limits, limit),
    )


def over_budget(
    refused: BudgetExceeded, request: Request, limits: ModelLimits | None, settings: M1
) -> BudgetExceeded:
    """Return the ledger's refusal with the way out that this request has."""
    if limits is None or refused.left is None or refused.needed is None:
        return refused
    raised = f"%m1 budget {typed(refused.needed)} --per {settings.budget_period}"
    held = " %m1 cost lists what is held." if refused.held else ""
    return BudgetExceeded(
        refused.what,
        todo=f"Lower --max-tokens, attach less, or raise it: {raised}.{held}"
        + cheapest(request, limits, refused.left),
    )


def cheapest(request: Request, limits: ModelLimits, left: Decimal) -> str:
    """Return the cheapest way to bring a call within ``left`` US dollars; nothing if there is none.

    The cheapest endpoint alone, where its price fits with the answer as long as it was wished;
    else as many tokens as fit.
    """
    low, high = limits.cheapest, limits.dearest
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
