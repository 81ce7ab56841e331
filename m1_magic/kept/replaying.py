"""A kept answer as a backend: it answers one request, at once, and nothing is owed for it."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from ..calls import (
    CostSource,
    Event,
    Finish,
    ReasoningDelta,
    Replay,
    Request,
    Started,
    TextDelta,
    Usage,
)
from ..pricing.prices import ModelLimits


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer as it was kept; ``cost`` is what it did cost in US dollars, None: not known."""

    id: str
    text: str
    thinking: str = ""
    model: str | None = None
    finish: str | None = None
    usage: Usage | None = None
    cost: Decimal | None = None
    at: datetime | None = None

    @property
    def replay(self) -> Replay:
        """What a receipt says of it."""
        return Replay(self.id, self.at, self.cost)


class Kept:
    """Request → the Events of an answer that is there already."""

    name = "kept"
    billing: CostSource = "replayed"
    prices_known = False
    skew: float | None = None

    def __init__(self, answer: KeptAnswer) -> None:
        self.answer = answer

    def ready(self) -> None:
        """Do nothing: it is there."""

    def stream(self, request: Request) -> Generator[Event]:
        """Yield the events of the answer."""
        kept = self.answer
        yield Started()
        if kept.thinking and request.keep_thinking:
            yield ReasoningDelta(kept.thinking)
        yield TextDelta(kept.text)
        yield Finish(kept.finish, kept.usage, Decimal(0), kept.model)

    def limits(self, model: str, provider: Mapping[str, Any] | None = None) -> ModelLimits | None:
        """Return nothing: nothing is asked for."""

    def models(self) -> list[dict[str, Any]]:
        """Return none."""
        return []

    def key(self) -> dict[str, Any]:
        """Return nothing: there is no key."""
        return {}

    def generation(self, generation_id: str) -> None:
        """Return nothing: nothing is billed."""

    def close(self) -> None:
        """Do nothing: there is no connection."""
