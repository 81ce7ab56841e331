"""The local model as a backend: fetched, started at first use, asked over the same wire."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from typing import Any

from ..calls import CostSource, Event, Request
from ..keys import find
from ..pricing.prices import ModelLimits, Price
from ..settings.endpoints import OFFLINE, endpoint
from .llama_server import MODEL, shared
from .openrouter import OpenRouter
from .weights import weights

# The model was trained on 8,192 tokens; an answer of its size is no use beyond this.
CONTEXT, MAX_OUTPUT = 8192, 1024
NO_PRICE = Price(Decimal(0), Decimal(0))


class Local:
    """Request → Events by the small model on this machine; costs nothing.

    ``progress`` is called with (bytes done, bytes in all) while the weights are fetched.
    """

    name = OFFLINE
    billing: CostSource = "offline"
    prices_known = False
    skew: float | None = None

    def __init__(self, progress: Callable[[int, int], None] | None = None) -> None:
        self._progress = progress

    def ready(self) -> None:
        """Fetch the weights if need be, and start the server; raise OfflineProblem if it fails."""
        weights(self._progress)
        shared()

    def stream(self, request: Request) -> Generator[Event]:
        """Yield the events of one completion; it carries the local model's own name."""
        server = shared()  # which runs as long as it is held here
        place = endpoint(server.base_url)
        with closing(OpenRouter(place, find(place, {}))) as wire:
            alone = replace(request, model=MODEL, reasoning=None, provider=None)
            yield from wire.stream(replace(alone, fallbacks=(), extra=None, headers=None))

    def limits(self, model: str, provider: Mapping[str, Any] | None = None) -> ModelLimits:
        """Return the local model's limits, whatever model is asked for; its price is nothing."""
        return ModelLimits(MODEL, CONTEXT, MAX_OUTPUT, NO_PRICE, NO_PRICE, source=OFFLINE)

    def models(self) -> list[dict[str, Any]]:
        """Return the one model, in the shape of ``GET /models``."""
        free = {"prompt": "0", "completion": "0"}
        return [{"id": MODEL, "name": MODEL, "context_length": CONTEXT, "pricing": free}]

    def key(self) -> dict[str, Any]:
        """Return nothing: there is no key."""
        return {}

    def generation(self, generation_id: str) -> None:
        """Return nothing: nothing is billed."""

    def close(self) -> None:
        """Leave the server running: it serves the whole process, and ends with it."""
