"""What a server tells besides answers: models, their limits and prices, a key, past completions.

Only OpenRouter has all of it. That another server has no ``/key`` and no ``/generation`` is a fact
and no failure: it is not asked for them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from .. import errors as e
from ..pricing.offers import limits_of
from ..pricing.prices import ModelLimits
from ..settings.endpoints import Endpoint
from .deltas import dicts


class Facts:
    """The questions about an ``endpoint`` that cost nothing; ``_get`` asks one."""

    endpoint: Endpoint

    @abstractmethod
    def _get(self, path: str, timeout: float = 30.0) -> Any:
        """Return the ``data`` of an answer; raise M1Error if there is none."""

    def limits(self, model: str, provider: Mapping[str, Any] | None = None) -> ModelLimits | None:
        """Return limits and prices of ``model``, None where the server does not tell them."""
        if not self.endpoint.whole_api:
            return None
        path = "/models/" + quote(model.split(":")[0], safe="/") + "/endpoints"
        try:
            data = self._get(path, timeout=5.0)
        except e.M1Error:
            return None
        endpoints = dicts(data.get("endpoints") if isinstance(data, dict) else None)
        return limits_of(model, endpoints, provider) if endpoints else None

    def models(self) -> list[dict[str, Any]]:
        """Return the models to be had (``GET /models``); what has no name is none."""
        listed = dicts(self._get("/models", timeout=10.0))
        return [model for model in listed if isinstance(model.get("id"), str)]

    def key(self) -> dict[str, Any]:
        """Return the key's limit and use, in US dollars (``GET /key``); empty if not known."""
        if not self.endpoint.whole_api:
            return {}
        try:
            data = self._get("/key")
        except (e.NoSuchModel, e.BadRequest):
            return {}
        return data if isinstance(data, dict) else {}

    def generation(self, generation_id: str) -> dict[str, Any] | None:
        """Return the record of a completion, None while there is none (``GET /generation``)."""
        if not self.endpoint.whole_api:
            return None
        try:
            data = self._get("/generation?id=" + quote(generation_id, safe=""), timeout=10.0)
        except e.NoSuchModel:
            return None
        return data if isinstance(data, dict) else None
