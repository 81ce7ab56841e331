"""Limits and prices of models: the endpoint's own list of this hour, else a kept or known one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from ..interrupts import check
from . import price_lists
from .prices import Offer, known


class Endpoint(Protocol):
    """Who can tell limits and prices; a backend."""

    name: str
    prices_known: bool

    def offer(self, model: str, max_price: Mapping[str, Any] | None = None) -> Offer | None:
        """See Backend.offer."""


class Offers:
    """Asks an endpoint once an hour for each model.

    Args:
        now: the time in UTC.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._found: dict[tuple[str, str, str], tuple[datetime, Offer | None]] = {}

    def of(self, backend: Endpoint, model: str, most: Mapping[str, Any] | None) -> Offer | None:
        """Return what ``backend`` offers of ``model``, at prices of ``most`` at most."""
        now, key = self._now(), (backend.name, model, repr(most))
        if key in self._found and abs(now - self._found[key][0]) < price_lists.FRESH:
            return self._found[key][1]
        offer = backend.offer(model, most)
        check()  # a look that was stopped says nothing of the prices
        if offer is not None:
            offer = replace(offer, at=now)
            price_lists.keep(backend.name, model, most, offer)
        elif backend.prices_known:
            offer = price_lists.kept(backend.name, model, most, now) or known(model)
        self._found[key] = (now, offer)
        return offer
