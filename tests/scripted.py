"""A backend that says what a test wrote down, and a view that keeps what it is told."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from m1_magic.calls import (
    Attached,
    Attachment,
    CostSource,
    Event,
    Finish,
    Message,
    Receipt,
    Replay,
    Reply,
    Request,
    Started,
    Text,
    TextDelta,
    Usage,
)
from m1_magic.ledger import open_ledger
from m1_magic.pricing.prices import ModelLimits, Price
from m1_magic.prompt import marks
from m1_magic.session.accumulator import Accumulator
from m1_magic.session.loop import Session
from m1_magic.settings.config import M1

MODEL = "minimax/minimax-m1"
PRICE = Price(Decimal("0.0000004"), Decimal("0.0000022"))
OFFER = ModelLimits(MODEL, 1_000_000, 40_000, PRICE, PRICE, source="endpoints")
USAGE = Usage(input=12, output=5)
# An event to yield, an error to raise, or something to do at that moment.
Line = Event | BaseException | Callable[[], object]
Script = Sequence[Line]


def request(text: str = "hi", max_tokens: int = 100, **more: Any) -> Request:
    return Request(MODEL, (Message("user", (Text(text),)),), max_tokens, **more)


def fenced(attachment: Attachment, around: str = "") -> str:
    """An attachment as it leaves, between its marks."""
    return Message("user", (Attached(0, *marks(attachment, around)),)).content((attachment,))


def answer(*pieces: str, cost: str | None = "0.0025", reason: str | None = "stop") -> list[Line]:
    """A whole completion: Started, the pieces, Finish."""
    end = Finish(reason, USAGE, None if cost is None else Decimal(cost), MODEL, "Minimax")
    return [Started("gen-1"), *map(TextDelta, pieces or ("Yes.",)), end]


class Scripted:
    """A Backend that plays one script an attempt, and the Chooser that always chooses it."""

    prices_known = False
    skew: float | None = None

    def __init__(
        self,
        *scripts: Script,
        name: str = "openrouter.ai",
        limits: ModelLimits | None = OFFER,
        records: Mapping[str, dict[str, Any]] | None = None,
        billing: CostSource = "billed",
    ) -> None:
        self.billing = billing
        self.name, self._limits, self.records = name, limits, dict(records or {})
        self._scripts = list(scripts)
        self.sent: list[Request] = []
        self.said: list[Event] = []
        self.open = self.closed = self.readied = 0

    def __call__(self, settings: M1) -> Scripted:
        return self

    def ready(self) -> None:
        self.readied += 1

    def stream(self, request: Request) -> Generator[Event]:
        self.sent.append(request)
        self.open += 1
        try:
            for line in self._scripts.pop(0):
                if isinstance(line, BaseException):
                    raise line
                if isinstance(line, Event):
                    self.said.append(line)
                    yield line
                else:
                    line()
        finally:
            self.open -= 1
            self.closed += 1

    def limits(self, model: str, max_price: Mapping[str, Any] | None = None) -> ModelLimits | None:
        return self._limits

    def models(self) -> list[dict[str, Any]]:
        return []

    def key(self) -> dict[str, Any]:
        return {}

    def generation(self, generation_id: str) -> dict[str, Any] | None:
        return self.records.get(generation_id)

    def close(self) -> None:
        pass


class Seen:
    """A View that lists what it is fed; ``at`` does something, or raises, in one of its methods."""

    def __init__(self, **at: BaseException | Callable[[], object]) -> None:
        self.at = dict(at)
        self.opened: list[tuple[Request, Decimal | None, str]] = []
        self.replays: list[Replay | None] = []
        self.events: list[Event] = []
        self.receipts: list[Receipt] = []

    @property
    def text(self) -> str:
        return self.came.text

    @property
    def came(self) -> Accumulator:
        """What the events come to."""
        stream = Accumulator()
        for event in self.events:
            stream.feed(event)
        return stream

    @property
    def receipt(self) -> Receipt:
        (receipt,) = self.receipts
        return receipt

    def open(
        self, request: Request, at_most: Decimal | None, sent: str, replay: Replay | None = None
    ) -> None:
        self.opened.append((request, at_most, sent))
        self.replays.append(replay)
        self._now("open")

    def feed(self, event: Event) -> None:
        self.events.append(event)
        self._now("feed")

    def tick(self) -> float | None:
        self._now("tick")
        return None

    def close(self, receipt: Receipt) -> None:
        self.receipts.append(receipt)
        self._now("close")

    def _now(self, moment: str) -> None:
        what = self.at.get(moment)
        if isinstance(what, BaseException):
            raise what
        if what is not None:
            what()


@dataclass
class Again:
    """A Processor that asks what a function says, and leaves the reply as it is."""

    next_request: Callable[[Request, Reply], Request | None]

    def so_far(self, reply: Reply) -> Reply:
        return reply

    def finished(
        self, reply: Reply, error: BaseException | None
    ) -> tuple[Reply, BaseException | None]:
        return reply, error


def session(home: Path, backend: Scripted, settings: M1 | None = None, **more: Any) -> Session:
    """A session of its own, with its ledger in ``home``."""
    home.mkdir(parents=True, exist_ok=True)
    return Session(settings or M1(), lambda: open_ledger(home), backend, **more)  # type: ignore[arg-type]
