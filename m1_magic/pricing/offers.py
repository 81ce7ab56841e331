"""Who may serve a model, and at what price: an endpoint list, or the user's own ``M1.prices``.

An endpoint that provider settings exclude does not count, neither for its price nor for its
context. A price that is not a price (-1, NaN, none, text) is unknown: what that endpoint asks could
be anything, so there is no most that a call could cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import astuple, replace
from decimal import Decimal
from typing import Any

from ..settings.traits import per_million
from .prices import MILLION, OWN, ModelLimits, Offer, Price, amount

# The fees of a price list beside prompt and completion, in the order of Price's fields.
FEES = ("request", "internal_reasoning", "input_cache_write", "web_search")


def limits_of(
    model: str, endpoints: list[Any], provider: Mapping[str, Any] | None = None
) -> ModelLimits:
    """Return the limits in the ``endpoints`` of ``GET /models/{author}/{slug}/endpoints``.

    Endpoints that the ``provider`` preferences exclude are left out, as OpenRouter leaves them out
    (OpenRouter docs, features/provider-routing).
    """
    wishes = provider or {}
    serving = [one for one in endpoints if _chosen(one, wishes)]
    taken = [texts(one.get("supported_parameters")) for one in serving]
    priced = [(one, price_of(one.get("pricing"))) for one in serving]
    most = wishes.get("max_price")
    priced = [(one, price) for one, price in priced if _within(price, most)]
    offers = tuple(Offer(str(one.get("provider_name")), _context(one), p) for one, p in priced)
    known = [offer.price for offer in offers if offer.price]
    outputs = (_count(one.get("max_completion_tokens")) for one, _ in priced)
    return ModelLimits(
        model,
        context=max((offer.context for offer in offers if offer.context), default=None),
        max_output=max((n for n in outputs if n), default=None),
        cheapest=_each(min, known),
        dearest=_each(max, known) if len(known) == len(offers) else None,
        source="endpoints",
        offers=offers,
        parameters=frozenset[str]().union(*taken[:1]).intersection(*taken),
    )


def price_of(pricing: object) -> Price | None:
    """Return the price in a ``pricing`` object, the dearest of its steps; None: not known."""
    if not isinstance(pricing, Mapping):
        return None
    steps = pricing.get("overrides")
    above = [s for s in steps if isinstance(s, Mapping)] if isinstance(steps, list) else []
    prices = [_step({**pricing, **step}) for step in ({}, *above)]
    known = [price for price in prices if price]
    return _each(max, known) if len(known) == len(prices) else None


def own_price(prices: object, model: str, others: bool) -> Price | None:
    """Return what ``M1.prices`` says of a model; ``others``: also what it says of all models."""
    price = prices.get(model) if isinstance(prices, Mapping) else None
    both = per_million(price) or (per_million(prices) if others else None)
    return Price(both[0] / MILLION, both[1] / MILLION) if both else None


def with_own(limits: ModelLimits | None, model: str, price: Price) -> ModelLimits:
    """Return limits with the user's own price in place of one that is not known."""
    context, most = (limits.context, limits.max_output) if limits else (None, None)
    return ModelLimits(model, context, most, price, price, source=OWN)


def dearest(each: Mapping[str, ModelLimits | None]) -> ModelLimits | None:
    """Return limits of the first model, at the most that one of them could cost, by their names.

    That is not known where one has no price, which is named.
    """
    limits, *others = each.values()
    if limits is None or not others:
        return limits
    known = [one.dearest for one in each.values() if one and one.dearest]
    unpriced = next((name for name, one in each.items() if not (one and one.dearest)), "")
    shared = limits.parameters.intersection(*(one.parameters if one else () for one in others))
    most = None if unpriced else _each(max, known)
    return replace(limits, dearest=most, unpriced=unpriced, parameters=shared)


def texts(listed: object) -> frozenset[str]:
    """Return the texts of a list in a server's answer."""
    return (
        frozenset(one for one in listed if isinstance(one, str))
        if isinstance(listed, list)
        else frozenset()
    )


def _step(pricing: Mapping[str, Any]) -> Price | None:
    given, got = amount(pricing.get("prompt")), amount(pricing.get("completion"))
    prices = [pricing.get(fee) for fee in FEES]
    fees = [Decimal(0) if fee is None else amount(fee) for fee in prices]
    if given is None or got is None or None in fees:
        return None
    return Price(given, got, *(fee or Decimal(0) for fee in fees))


def _each(choose: Any, prices: Iterable[Price]) -> Price | None:
    """Return the smallest or the largest of each part of these prices."""
    parts = [astuple(price) for price in prices]
    return Price(*map(choose, zip(*parts, strict=True))) if parts else None


def _chosen(endpoint: Mapping[str, Any], wishes: Mapping[str, Any]) -> bool:
    """Do provider preferences let this endpoint serve?"""
    tag = str(endpoint.get("tag") or "").lower()
    name = str(endpoint.get("provider_name") or "").lower()
    names = {tag, tag.split("/")[0], name, name.replace(" ", "-")} - {""}

    def wished(wish: str) -> set[str]:
        listed = wishes.get(wish)
        return {str(one).lower() for one in listed} if isinstance(listed, (list, tuple)) else set()

    only, order, kinds = wished("only"), wished("order"), wished("quantizations")
    if names & wished("ignore") or (only and not names & only):
        return False
    if order and wishes.get("allow_fallbacks") is False and not names & order:
        return False
    return not kinds or str(endpoint.get("quantization") or "unknown").lower() in kinds


def _within(price: Price | None, most: object) -> bool:
    """Is this price, in US dollars a token, within one a million tokens? An unknown one may be."""
    if price is None or not isinstance(most, Mapping):
        return True
    parts = (
        (price.input * MILLION, amount(most.get("prompt"))),
        (price.output * MILLION, amount(most.get("completion"))),
        (price.request, amount(most.get("request"))),
    )
    return all(bound is None or price_asked <= bound for price_asked, bound in parts)


def _context(endpoint: Mapping[str, Any]) -> int | None:
    limits = (_count(endpoint.get(name)) for name in ("context_length", "max_prompt_tokens"))
    return min((n for n in limits if n), default=None)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
