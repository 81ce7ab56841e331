"""What became of questions: of one, or of all those of a table in a few bytes each."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..calls import Usage
from ..pricing.dollars import from_nano, to_nano

THERE, KEPT, ASKED, UNPRICED, ESTIMATED = 1, 2, 4, 8, 16
LABEL = 40  # characters of an answer of which there may be few different ones
LABELS = 1_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a question: its value, else why there is none; ``cost`` in US dollars.

    ``kept``: it was answered before, and cost nothing now. ``cost`` None: it was asked, and what
    that costs is not known yet, but for what is ``known`` of it, as of an answer that was asked for
    again; ``estimated``: it is by the list of prices, not billed. ``asked``: something was sent.
    """

    value: Any = None
    why: str = ""
    cost: Decimal | None = Decimal(0)
    kept: bool = False
    asked: bool = True
    id: str = ""
    model: str = ""
    usage: Usage | None = None
    estimated: bool = False
    known: Decimal = Decimal(0)

    @property
    def cost_so_far(self) -> Decimal:
        """What is known of its cost."""
        return self.known if self.cost is None else self.cost


@dataclass(slots=True)
class Calls:
    """What the calls of a run are together: the id of one, their model, the sum of their tokens."""

    id: str = ""
    model: str = ""
    usage: Usage | None = None

    def add(self, one: Outcome) -> None:
        """Add the call of an outcome, if there was one."""
        if not one.asked or one.kept:
            return
        self.id, self.model = self.id or one.id, self.model or one.model
        if one.usage is not None:
            self.usage = one.usage if self.usage is None else self.usage + one.usage


class Outcomes(MutableMapping[int, Outcome]):
    """The outcomes of so many questions, by number; each is set once.

    A value, a reason, a byte and a price in whole nano-dollars is all that is kept of one; ids,
    models and tokens are those of all of them, in ``calls``.
    """

    def __init__(self, count: int) -> None:
        self.calls = Calls()
        self._values: list[Any] = [None] * count
        self._reasons = [""] * count
        self._states, self._costs = bytearray(count), array("q", bytes(8 * count))
        self._labels: dict[str, str] = {}  # equal ones are one in memory

    def __setitem__(self, number: int, one: Outcome) -> None:
        value = one.value
        if type(value) is str and len(value) <= LABEL:
            add = len(self._labels) < LABELS
            value = (self._labels.setdefault if add else self._labels.get)(value, value)
        self._values[number], self._reasons[number] = value, one.why
        unpriced = one.cost is None
        self._costs[number] = to_nano(one.cost_so_far)
        came = THERE | KEPT * one.kept | ASKED * one.asked
        self._states[number] = came | UNPRICED * unpriced | ESTIMATED * one.estimated
        self.calls.add(one)

    def __getitem__(self, number: int) -> Outcome:
        state = self._states[number]
        if not state:
            raise KeyError(number)
        known = from_nano(self._costs[number])
        cost = None if state & UNPRICED else known
        why, kept, asked = self._reasons[number], bool(state & KEPT), bool(state & ASKED)
        about = bool(state & ESTIMATED)
        value = self._values[number]
        return Outcome(value, why, cost, kept, asked, estimated=about, known=known)

    def __delitem__(self, number: int) -> None:
        self._states[number] = 0

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and bool(self._states[number])

    def __iter__(self) -> Iterator[int]:
        return (number for number, state in enumerate(self._states) if state)

    def __len__(self) -> int:
        return len(self._states) - self._states.count(0)
