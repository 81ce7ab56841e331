"""Limits and prices of a model and its fallbacks: as a server tells them, or as they are known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ..backends import Backend, model_list
from ..calls import FREE
from ..pricing.limits import LimitsCache
from ..pricing.offers import dearest, own_price, with_own
from ..pricing.prices import ModelLimits
from ..settings.config import M1
from ..settings.endpoints import endpoint
from .model_lists import ModelLists


class AllLimits:
    """Limits by model and server, each asked for once an hour."""

    def __init__(self, settings: M1, now: Callable[[], datetime]) -> None:
        self._settings, self._now = settings, now
        self._limits, self.lists = LimitsCache(), ModelLists()

    def of(self, backend: Backend, model: str, *fallbacks: str) -> ModelLimits | None:
        """Return limits of ``model`` at this backend, and prices that count its fallbacks in.

        A server without price lists may tell the context.
        """
        s, now = self._settings, self._now()
        each = {
            slug: self._limits.of(backend, slug, s.routing(), now, s.prices)
            for slug in (model, *fallbacks)
        }
        if not endpoint(s.base_url).whole_api and backend.billing not in FREE:
            listed = self.lists.of(backend, now)
            each[model] = model_list.within(each[model], listed, model)
        return dearest(each)

    def known(self, model: str, *fallbacks: str) -> ModelLimits | None:
        """Return limits and prices of ``model`` as they are known without asking a server."""
        s, now = self._settings, self._now()
        place = endpoint(s.base_url)
        if not place.whole_api:
            own = None if place.offline else own_price(s.prices, model, others=True)
            return None if own is None else with_own(None, model, own)
        each = {
            slug: self._limits.known(place.host, slug, s.routing(), now, s.prices)
            for slug in (model, *fallbacks)
        }
        return dearest(each)
