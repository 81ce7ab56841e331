"""Limits and prices of models: the endpoint's own list of this hour, else a kept or known one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from ..interrupts import check
from . import price_lists
from .prices import ModelLimits, known_limits


class Endpoint(Protocol):
    """Who can tell limits and prices; a backend."""

    name: str
    prices_known: bool

    def limits(self, model: str, max_price: Mapping[str, Any] | None = None) -> ModelLimits | None:
        """See Backend.limits."""


class LimitsCache:
    """Limits by endpoint, model and price limit; an endpoint is asked once an hour for each."""

    def __init__(self) -> None:
        self._limits: dict[tuple[str, str, str], tuple[datetime, ModelLimits | None]] = {}

    def of(
        self, backend: Endpoint, model: str, max_price: Mapping[str, Any] | None, now: datetime
    ) -> ModelLimits | None:
        """Return what ``backend`` offers of ``model``, at prices of ``max_price`` at most."""
        key = (backend.name, model, repr(max_price))
        if self._fresh(key, now):
            return self._limits[key][1]
        limits = backend.limits(model, max_price)
        check()  # a look that was stopped says nothing of the prices
        if limits is not None:
            limits = replace(limits, at=now)
            price_lists.keep(backend.name, model, max_price, limits)
        elif backend.prices_known:
            limits = price_lists.kept(backend.name, model, max_price, now) or known_limits(model)
        self._limits[key] = (now, limits)
        return limits

    def known(
        self, host: str, model: str, max_price: Mapping[str, Any] | None, now: datetime
    ) -> ModelLimits | None:
        """Return the same without asking: of this hour, else as kept, else as a package has it."""
        key = (host, model, repr(max_price))
        if self._fresh(key, now):
            return self._limits[key][1]
        return price_lists.kept(host, model, max_price, now) or known_limits(model)

    def _fresh(self, key: tuple[str, str, str], now: datetime) -> bool:
        return key in self._limits and abs(now - self._limits[key][0]) < price_lists.FRESH
