"""A kept answer as a backend: it answers one request, at once, and nothing is owed for it."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
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
    ToolEnded,
    Usage,
)
from ..interrupts import pause
from ..pricing.prices import ModelLimits

PIECES = re.compile(r"\S+\s*|\s+")
CHARACTERS = 4  # of a token, about


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer as it was kept.

    ``cost`` is what it did cost in US dollars, None: not known; ``tape`` is the name of the tape
    that it stands on, if that is one. ``estimated``: the cost is not billed yet. ``tools`` are the
    calls of functions in it, which are shown and not run.
    """

    id: str
    text: str
    thinking: str = ""
    model: str | None = None
    finish: str | None = None
    usage: Usage | None = None
    cost: Decimal | None = None
    at: datetime | None = None
    tape: str = ""
    estimated: bool = False
    tools: tuple[ToolEnded, ...] = ()

    @property
    def written(self) -> str:
        """What the model wrote."""
        return self.text

    @property
    def replay(self) -> Replay:
        """What a receipt says of it."""
        return Replay(self.id, self.at, self.cost, self.tape, self.estimated)


class Kept:
    """Request → the Events of an answer that is there already.

    ``pace`` is in tokens a second, 0: all at once.
    """

    name = "kept"
    billing: CostSource = "replayed"
    prices_known = False
    skew: float | None = None

    def __init__(self, answer: KeptAnswer, pace: float = 0.0) -> None:
        self.answer, self._pace = answer, pace

    def ready(self) -> None:
        """Do nothing: it is there."""

    def stream(self, request: Request) -> Generator[Event]:
        """Yield the events of the answer."""
        kept = self.answer
        yield Started()
        if kept.thinking and request.keep_thinking:
            yield from map(ReasoningDelta, self._paced(kept.thinking))
        at = 0
        for one in kept.tools:
            yield from map(TextDelta, self._paced(kept.text[at : one.at]))
            yield one
            at = max(at, one.at)
        yield from map(TextDelta, self._paced(kept.text[at:]))
        yield Finish(kept.finish, kept.usage, Decimal(0), kept.model)

    def _paced(self, text: str) -> Iterator[str]:
        """Yield a text at once, or word by word at so many tokens a second."""
        for piece in PIECES.findall(text) if self._pace else (text,):
            if self._pace:
                pause(len(piece) / CHARACTERS / self._pace)
            yield piece

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
