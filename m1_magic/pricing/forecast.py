"""What a call is likely to cost, by what such calls did cost: half of them, and nine of ten.

Such calls are the latest of the same model and task whose prompts were about as long; what the rest
of the difference in length makes of a price is taken off, and what they become dearer or cheaper
from one to the next, as far as that is no chance. Of n of them and the next, each is as likely
as the others to be the dearest: so the price below which the next one stays nine times in ten is
the one of rank 0.9 (n + 1), whatever prices are distributed like. With too few of them for that
rank nothing is foretold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from .dollars import money_about, money_at_most

# The shares of calls that stay below each bound.
HALF, MOST = 0.5, 0.9
LEAST = 9  # of whom, and the next, nine of ten stay below the dearest
# The latest calls of a model and task, which tell how prices change; of the later half, how many
# are "such calls".
LOOKED_AT, NEAREST = 120, 30


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
    if not at_most:
        return "$0"
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

    paid = [(max(n, 1) / max(tokens, 1), cost) for n, cost in past[:LOOKED_AT] if cost > 0]
    logs = [(math.log(longer), math.log(cost)) for longer, cost in paid]
    if len(logs) < LEAST:
        return None
    slope = _slope(logs)
    alike = [cost - slope * longer for longer, cost in logs]
    drift = _drift(alike)
    today = [cost - drift * (age + 1) for age, cost in enumerate(alike)]
    latest = range(min(len(today), LOOKED_AT // 2))
    nearest = sorted(latest, key=lambda age: abs(logs[age][0]))[:NEAREST]
    costs = sorted(today[age] for age in nearest)
    half, most = (Decimal(math.exp(_bound(costs, share))) for share in (HALF, MOST))
    if at_most is None:
        return Forecast(half, most)
    return Forecast(min(half, at_most), min(most, at_most))


def _slope(logs: Sequence[tuple[float, float]]) -> float:
    """Return by which power of its prompt's length a call's price grows: 0, not at all, to 1."""
    middle = sum(x for x, _ in logs) / len(logs), sum(y for _, y in logs) / len(logs)
    spread = sum((x - middle[0]) ** 2 for x, _ in logs)
    both = sum((x - middle[0]) * (y - middle[1]) for x, y in logs)
    return min(max(both / spread, 0.0), 1.0) if spread else 0.0


def _drift(costs: Sequence[float]) -> float:
    """Return how much costs change with each call back, less where it may be chance; else 0."""
    if len(costs) <= NEAREST:  # too few to tell
        return 0.0
    middle, mean = (len(costs) - 1) / 2, sum(costs) / len(costs)
    spread = sum((age - middle) ** 2 for age in range(len(costs)))
    each = sum((age - middle) * (cost - mean) for age, cost in enumerate(costs)) / spread
    known = each * each * spread
    noise = sum((c - mean - each * (age - middle)) ** 2 for age, c in enumerate(costs))
    return each * known / (known + 2 * noise / (len(costs) - 2)) if known else 0.0


def _bound(costs: Sequence[float], share: float) -> float:
    """Return the value of rank share × (n + 1), in proportion between two of them."""
    rank = min(max(share * (len(costs) + 1) - 1, 0.0), len(costs) - 1.0)
    below = min(math.floor(rank + 1e-9), len(costs) - 1)
    above = min(below + 1, len(costs) - 1)
    return costs[below] + (costs[above] - costs[below]) * max(rank - below, 0.0)
