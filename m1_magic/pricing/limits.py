"""Limits and prices of models: the endpoint's own list of this hour, else a kept or known one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    """Asks an endpoint once an hour for each model.

    Args:
        now: the time in UTC.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._found: dict[tuple[str, str, str], tuple[datetime, ModelLimits | None]] = {}

    def of(
        self, backend: Endpoint, model: str, most: Mapping[str, Any] | None
    ) -> ModelLimits | None:
        """Return what ``backend`` offers of ``model``, at prices of ``most`` at most."""
        now, key = self._now(), (backend.name, model, repr(most))
        if key in self._found and abs(now - self._found[key][0]) < price_lists.FRESH:
            return self._found[key][1]
        limits = backend.limits(model, most)
        check()  # a look that was stopped says nothing of the prices
        if limits is not None:
            limits = replace(limits, at=now)
            price_lists.keep(backend.name, model, most, limits)
        elif backend.prices_known:
            limits = price_lists.kept(backend.name, model, most, now) or known_limits(model)
        self._found[key] = (now, limits)
        return limits
