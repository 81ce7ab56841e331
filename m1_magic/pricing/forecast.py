"""What a call is likely to cost, by what such calls did cost: half of them, and nine of ten.

Such calls are those of the same model and task whose prompts were about as long. Of n of them and
the next, each is as likely as the others to be the dearest: so the price below which the next one
stays nine times in ten is the one of rank 0.9 (n + 1), whatever the prices are distributed like.
With too few of them for that rank nothing is foretold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from .dollars import money_about, money_at_most

# The shares of calls that stay below each bound.
HALF, MOST = 0.5, 0.9
LEAST = math.ceil(MOST / (1 - MOST))
# The latest calls of a model and task that are looked at, and how many of them are "such calls".
LOOKED_AT, NEAREST = 240, 60


@dataclass(frozen=True, slots=True)
class Forecast:
    """US dollars that half of such calls, and nine of ten, stay below."""

    half: Decimal
    most: Decimal

    def __str__(self) -> str:
        return f"likely {money_about(self.half)}, 9 of 10 below {money_at_most(self.most)}"


def price_words(at_most: Decimal | None, likely: Forecast | None) -> str:
    """Return what a call costs, for people: ``likely $0.004, 9 of 10 below $0.009, at most $1``."""
    if at_most is None:
        return "price not known"
    return ", ".join([*([str(likely)] if likely else []), f"at most {money_at_most(at_most)}"])


def forecast(
    past: Sequence[tuple[int, Decimal]], tokens: int, at_most: Decimal | None = None
) -> Forecast | None:
    """Return what the next call will cost, None with too few to go by.

    Args:
        past: tokens of the prompt and US dollars of calls like it, the latest first.
        tokens: about how many its prompt has.
        at_most: what it cannot pass.
    """

    def distance(one: tuple[int, Decimal]) -> float:
        return abs(math.log(max(one[0], 1) / max(tokens, 1)))

    costs = sorted(cost for _, cost in sorted(past[:LOOKED_AT], key=distance)[:NEAREST])
    if len(costs) < LEAST:
        return None
    half, most = (_bound(costs, share) for share in (HALF, MOST))
    if at_most is None:
        return Forecast(half, most)
    return Forecast(min(half, at_most), min(most, at_most))


def _bound(costs: Sequence[Decimal], share: float) -> Decimal:
    """Return the cost of rank share × (n + 1), between two of them by their logarithms."""
    rank = share * (len(costs) + 1) - 1
    below = min(math.floor(rank + 1e-9), len(costs) - 1)
    low, high = costs[below], costs[min(below + 1, len(costs) - 1)]
    part = max(rank - below, 0.0)
    return low if low == high else low * Decimal((float(high) / float(low)) ** part)
