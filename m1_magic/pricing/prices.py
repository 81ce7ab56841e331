"""Tokens to dollars: what was billed, else what the price list says, else unknown (None).

The truth is ``usage.cost`` of the response (OpenRouter docs, cookbook/usage-accounting). An
estimate comes from the endpoint's own price list, or from ``genai-prices``; a hold is the most
that a call could cost. Amounts are ``Decimal`` US dollars, nano-dollars once stored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any

from ..calls import Request, Usage
from ..settings.traits import dollars_or_none
from .dollars import NANO, to_nano
from .tokens import most_tokens

MILLION = Decimal(1_000_000)
OWN = "M1.prices"
# Context and most output tokens of M1 at OpenRouter (its model page); the server's list goes first.
LIMITS = {"minimax/minimax-m1": (1_000_000, 40_000)}


# What a search of the web costs with a model that has none of its own, at most: :online adds five
# results to a request (OpenRouter docs, guides/features/plugins/web-search).
WEB_SEARCH = Decimal("0.02")


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars a token, for prompt and completion, and what an endpoint takes besides.

    ``request`` and ``web_search`` are for each request; ``thinking`` comes on top of a completion's
    token, ``cache_write`` takes the place of a prompt's.
    """

    input: Decimal
    output: Decimal
    request: Decimal = Decimal(0)
    thinking: Decimal = Decimal(0)
    cache_write: Decimal = Decimal(0)
    web_search: Decimal = Decimal(0)


FREE = Price(Decimal(0), Decimal(0))


@dataclass(frozen=True, slots=True)
class Offer:
    """One endpoint that may serve a model; a ``price`` of None is not known."""

    provider: str
    context: int | None = None
    price: Price | None = None


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """What may be had of a model: limits in tokens, and prices over all its endpoints.

    ``dearest`` is what a hold must count with, None where any endpoint may ask any price;
    ``cheapest`` is the other end of a price range; ``offers`` are the endpoints that may serve,
    none where their list is not at hand; ``at`` is when that was fetched, None for one that came
    with a package; ``unpriced`` names which of several models has no price;
    ``parameters`` are the fields of a request that whoever may serve it takes, none if not known.
    """

    model: str
    context: int | None = None
    max_output: int | None = None
    cheapest: Price | None = None
    dearest: Price | None = None
    source: str = ""
    at: datetime | None = None
    offers: tuple[Offer, ...] = field(default=(), compare=False)
    unpriced: str = ""
    parameters: frozenset[str] = frozenset()

    @property
    def own(self) -> bool:
        """Is the price what the user said in ``M1.prices``?"""
        return self.source == OWN


def amount(value: object) -> Decimal | None:
    """Return a JSON number or decimal string as dollars; None for anything else."""
    return dollars_or_none(value)


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
    """Return tokens × price, and fees; cached tokens count as input, thinking as output, once."""
    tokens = usage.input * price.input + usage.output * price.output
    return tokens + usage.reasoning * price.thinking + price.request


def hold(request: Request, price: Price) -> Decimal:
    """Return the most that ``request`` could cost, rounded up to a nano-dollar.

    Every fee of the list is in it: some models search the web without being asked.
    """
    schema = (json.dumps(request.response_format),) if request.response_format else ()
    beside = (*schema, request.offered) if request.tools else schema
    tokens = most_tokens((*request.texts, *beside))
    worst = Usage(tokens, request.max_tokens, 0, request.max_tokens)
    cached = tokens * max(price.cache_write - price.input, Decimal(0))  # beside what input costs
    search = max(price.web_search, WEB_SEARCH if searches(request) else Decimal(0))
    return to_nano(estimate(worst, price) + cached + search, ROUND_CEILING) / NANO


def searches(request: Request) -> bool:
    """Does the request have the web searched, by its model's suffix or a plugin?"""
    plugins = (request.extra or {}).get("plugins")
    named = [one.get("id") for one in plugins if isinstance(one, Mapping)] if plugins else []
    return "online" in request.model.split(":")[1:] or "web" in named


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
