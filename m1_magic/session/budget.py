"""What to do about a call that could cost too much: the change that costs the answer least."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_FLOOR, Decimal

from ..calls import Call, Request
from ..errors import BudgetExceeded
from ..pricing.dollars import money_at_most
from ..pricing.prices import ModelLimits, Price, hold
from ..settings.config import M1
from ..text import one_line
from .plan import Plan, fits

MILLION = 1_000_000
# Thinking and an answer need some room; fewer tokens are no advice.
LEAST_TOKENS = 256


def check_max_cost(plan: Plan, call: Call | None = None) -> None:
    """Raise if a round could cost more than its call may, after the rounds that it had.

    Raises:
        BudgetExceeded: nothing of this round was sent.
    """
    if plan.max_cost is None:
        return
    if plan.hold is None:
        if plan.strict:
            raise price_unknown(plan)
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


def price_unknown(plan: Plan) -> BudgetExceeded:
    """Return the refusal of a call whose price nobody tells, though it may not cost any sum."""
    limits = plan.limits
    model = one_line((limits and limits.unpriced) or plan.request.model, 80)
    if limits and limits.source == "endpoints" and not limits.offers and not limits.cheapest:
        return BudgetExceeded(
            f"No endpoint of {model} is left by the provider settings and M1.max_price.",
            todo="Allow more of them; %m1 models lists prices.",
        )
    return BudgetExceeded(
        f"What {model} could cost is not known, and a call may cost ${plan.max_cost:f} at most.",
        todo=f"Say it, in US dollars per million tokens: {say_price(model)}, or choose a model"
        " with a price (%m1 models).",
    )


def say_price(model: str) -> str:
    """Return how a user says what a model costs."""
    return f"%config M1.prices = { {model: {'prompt': 0.4, 'completion': 2.2}} }"


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
    if limits is None or limits.dearest is None:
        return ""
    if price := _alone(request, limits):
        low, high = price, limits.dearest
        if (low.input, low.output) != (high.input, high.output) and hold(request, low) <= left:
            prices = {"prompt": _million(low.input), "completion": _million(low.output)}
            return f" The cheapest way to fit: %config M1.max_price = {prices}."
    token = limits.dearest.output + limits.dearest.thinking
    room = left - hold(replace(request, max_tokens=0), limits.dearest)
    tokens = int((room / token).to_integral_value(ROUND_FLOOR)) if token else 0
    if not LEAST_TOKENS <= tokens < request.max_tokens:
        return ""
    return f" The cheapest way to fit: --max-tokens {tokens}."


def _alone(request: Request, limits: ModelLimits) -> Price | None:
    """Return the price of the cheapest endpoint that the prompt may fit."""
    if not limits.offers:
        return limits.cheapest
    prompt = request.text
    prices = [o.price for o in limits.offers if o.price and fits(prompt, o.context)]
    return min(prices, key=lambda price: hold(request, price), default=None)


def _million(price: Decimal) -> str:
    return f"{(price * MILLION).normalize():f}"


def typed(dollars: Decimal) -> str:
    """Return an amount that is enough, as an option takes it: ``0.018``."""
    return money_at_most(dollars)[1:].replace(",", "")
