"""Limits and prices of models: the endpoint's own list of this hour, else a kept or known one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from . import pricelist
from .backends import Backend
from .interrupts import check
from .prices import Offer, known


class Offers:
    """Asks an endpoint once an hour for each model.

    Args:
        now: the time in UTC.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._found: dict[tuple[str, str, str], tuple[datetime, Offer | None]] = {}

    def of(self, backend: Backend, model: str, most: Mapping[str, Any] | None) -> Offer | None:
        """Return what ``backend`` offers of ``model``, at prices of ``most`` at most."""
        now, key = self._now(), (backend.name, model, repr(most))
        if key in self._found and abs(now - self._found[key][0]) < pricelist.FRESH:
            return self._found[key][1]
        offer = backend.offer(model, most)
        check()  # a look that was stopped says nothing of the prices
        if offer is not None:
            offer = replace(offer, at=now)
            pricelist.keep(backend.name, model, most, offer)
        elif backend.prices_known:
            offer = pricelist.kept(backend.name, model, most, now) or known(model)
        self._found[key] = (now, offer)
        return offer
