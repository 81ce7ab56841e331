"""Tokens to dollars: what was billed, else what the price list says, else unknown (None).

The truth is ``usage.cost`` of the response (OpenRouter docs, cookbook/usage-accounting). An
estimate comes from the endpoint's own price list, or from ``genai-prices``; a hold is the most
that a call could cost. Amounts are ``Decimal`` US dollars, nano-dollars once stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import datetime
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Any

from ..calls import Request, Usage
from ..settings.traits import MOST
from .dollars import NANO, to_nano
from .tokens import most_tokens

MILLION = Decimal(1_000_000)
# Context and most output tokens of M1 at OpenRouter (its model page); the server's list goes first.
LIMITS = {"minimax/minimax-m1": (1_000_000, 40_000)}


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars a token, for prompt and completion."""

    input: Decimal
    output: Decimal


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """What may be had of a model: limits in tokens, and prices over all its endpoints.

    ``dearest`` is what a hold must count with, ``cheapest`` the other end of a price range;
    ``at`` is when the list was fetched, None for one that came with a package.
    """

    model: str
    context: int | None = None
    max_output: int | None = None
    cheapest: Price | None = None
    dearest: Price | None = None
    source: str = ""
    at: datetime | None = None


def amount(value: object) -> Decimal | None:
    """Return a JSON number or decimal string as dollars; None for anything else."""
    try:
        dollars = Decimal(str(value))
    except InvalidOperation:  # as for True, None and lists
        return None
    return dollars if dollars.is_finite() and 0 <= dollars <= MOST else None


def billed(usage: Mapping[str, Any]) -> Decimal | None:
    """Return what a response's usage object says it cost, with the price of one's own key added.

    With BYOK ``cost`` holds OpenRouter's part only (OpenRouter docs, guides/byok).
    """
    return _with_own_key(usage, "cost", usage.get("cost_details"))


def recorded(generation: Mapping[str, Any]) -> Decimal | None:
    """Return what a record of ``GET /generation`` says it cost, None while it does not."""
    return _with_own_key(generation, "total_cost", generation)


def _with_own_key(record: Mapping[str, Any], name: str, upstream: object) -> Decimal | None:
    cost = amount(record.get(name))
    if cost is None or record.get("is_byok") is not True or not isinstance(upstream, Mapping):
        return cost
    return cost + (amount(upstream.get("upstream_inference_cost")) or 0)


def estimate(usage: Usage, price: Price) -> Decimal:
    """Return tokens × price; cached tokens count as input, thinking as output, each once."""
    return usage.input * price.input + usage.output * price.output


def hold(request: Request, price: Price) -> Decimal:
    """Return the most that ``request`` could cost, rounded up to a nano-dollar."""
    worst = Usage(most_tokens(request.texts), request.max_tokens)
    return to_nano(estimate(worst, price), ROUND_CEILING) / NANO


def listed(model: str) -> Price | None:
    """Return the price that ``genai-prices`` has for an OpenRouter slug today, or None."""
    from genai_prices import Usage as Priced
    from genai_prices import calc_price

    try:
        price = calc_price(
            Priced(input_tokens=1_000_000, output_tokens=1_000_000), model, provider_id="openrouter"
        )
    except (LookupError, ValueError):
        return None
    return Price(price.input_price / MILLION, price.output_price / MILLION)


def known_limits(model: str) -> ModelLimits | None:
    """Return the limits that is known without asking a server: M1's limits, today's list price."""
    price = listed(model)
    context, output = LIMITS.get(model, (None, None))
    if price is None and context is None:
        return None
    return ModelLimits(model, context, output, price, price, source="genai-prices")


def dearest(limits: ModelLimits | None, others: Sequence[ModelLimits | None]) -> ModelLimits | None:
    """Return limits at the most that one of several models could cost; not known if one is not."""
    every = [one and one.dearest for one in (limits, *others)]
    known = [astuple(price) for price in every if price]
    if limits is None or not others:
        return limits
    most = Price(*map(max, zip(*known, strict=True))) if len(known) == len(every) else None
    return replace(limits, dearest=most)


def limits_of(
    model: str, endpoints: list[Any], max_price: Mapping[str, Any] | None = None
) -> ModelLimits:
    """Return the limits in the ``endpoints`` of ``GET /models/{author}/{slug}/endpoints``.

    Endpoints dearer than ``max_price`` (US dollars a million tokens) are left out, as
    OpenRouter leaves them out (OpenRouter docs, features/provider-routing).
    """
    prices = []
    for endpoint in endpoints:
        pricing = endpoint.get("pricing")
        if not isinstance(pricing, Mapping):
            continue
        given, got = amount(pricing.get("prompt")), amount(pricing.get("completion"))
        if given is not None and got is not None and _within(given, got, max_price or {}):
            prices.append(Price(given, got))

    def most(name: str) -> int | None:
        numbers = (endpoint.get(name) for endpoint in endpoints)
        return max((n for n in numbers if isinstance(n, int) and n > 0), default=None)

    inputs, outputs = [price.input for price in prices], [price.output for price in prices]
    return ModelLimits(
        model,
        context=most("context_length"),
        max_output=most("max_completion_tokens"),
        cheapest=Price(min(inputs), min(outputs)) if prices else None,
        dearest=Price(max(inputs), max(outputs)) if prices else None,
        source="endpoints",
    )


def _within(given: Decimal, got: Decimal, most: Mapping[str, Any]) -> bool:
    prompt, completion = amount(most.get("prompt")), amount(most.get("completion"))
    return (prompt is None or given * MILLION <= prompt) and (
        completion is None or got * MILLION <= completion
    )
