"""How often calls stay below what was foretold of them, on replayed histories of prices.

    python tests/benchmarks/forecast.py [--write]    # --write: the line into the page beside it

Each history is thousands of calls whose prices have a heavy tail, in a shape of its own. They are
replayed in order: each is foretold from those before it, as a call is from the ledger.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
import readme
from m1_magic.pricing.forecast import LOOKED_AT, forecast

CALLS = 4_000
# The bounds cover what they say, give or take so many percent.
ALLOWED = 5.0
# Prompt tokens and US dollars of a call, by its number.
Draw = Callable[[random.Random, int], tuple[int, float]]


def tokens(dice: random.Random) -> int:
    """Return the length of a prompt: most are short, some hundreds of times longer."""
    return max(round(dice.lognormvariate(6.5, 1.3)), 20)


def lognormal(sigma: float) -> Draw:
    return lambda dice, n: (tokens(dice), 0.002 * dice.lognormvariate(0, sigma))


def pareto(alpha: float) -> Draw:
    return lambda dice, n: (tokens(dice), 0.0005 * dice.paretovariate(alpha))


def by_length(dice: random.Random, n: int) -> tuple[int, float]:
    """Long prompts are paid for, and get longer answers."""
    long = tokens(dice)
    return long, long * 4e-7 + 2.2e-6 * long**0.7 * dice.lognormvariate(2, 1)


def two_kinds(dice: random.Random, n: int) -> tuple[int, float]:
    """A fifth of the answers think at length, one in fifty meets the limit of tokens."""
    spread, most = (0.5, 0.035) if dice.random() < 0.8 else (1.2, 0.035)
    level = 0.0006 if spread == 0.5 else 0.012
    return tokens(dice), min(level * dice.lognormvariate(0, spread), most)


def slow_change(dice: random.Random, n: int) -> tuple[int, float]:
    """What is asked costs ever more: four times as much at the end."""
    return tokens(dice), 0.001 * 4 ** (n / CALLS) * dice.lognormvariate(0, 1.2)


def drifting(factor: float, calls: int) -> Draw:
    """So many times as dear after so many calls, and so on, up and down again."""

    def draw(dice: random.Random, n: int) -> tuple[int, float]:
        way = n / (3 * calls) % 2
        height = 3 * min(way, 2 - way)
        return tokens(dice), 0.001 * factor**height * dice.lognormvariate(0, 1)

    return draw


def in_steps(dice: random.Random, n: int) -> tuple[int, float]:
    """Five times as dear for a hundred calls, then as before."""
    return tokens(dice), 0.001 * 5 ** (n // 100 % 2) * dice.lognormvariate(0, 1)


def two_sizes(dice: random.Random, n: int) -> tuple[int, float]:
    """Short questions cost much the same, long ones anything."""
    if dice.random() < 0.5:
        return 200, 0.001 * dice.lognormvariate(0, 0.5)
    return 9_000, 0.02 * dice.lognormvariate(0, 1.2)


HISTORIES: dict[str, Draw] = {
    "lognormal, sigma 1": lognormal(1.0),
    "lognormal, sigma 2": lognormal(2.0),
    "Pareto, alpha 1.1": pareto(1.1),
    "longer prompts cost more": by_length,
    "short answers and long thinking": two_kinds,
    "slowly dearer": slow_change,
    "4 times in 300 calls": drifting(4, 300),
    "twice in 100 calls": drifting(2, 100),
    "in steps": in_steps,
    "two sizes of prompts": two_sizes,
}


def covered(draw: Draw, seed: int = 13, calls: int = CALLS) -> tuple[float, float]:
    """Return the percentages of calls that cost no more than their bounds of a half and nine."""
    past: list[tuple[int, Decimal]] = []
    hits = [forecast_hits(past, *step) for step in steps(draw, seed, calls)]
    told = [hit for hit in hits if hit is not None]
    half, most = (100 * sum(hit[i] for hit in told) / len(told) for i in (0, 1))
    return half, most


def steps(draw: Draw, seed: int, calls: int) -> Iterator[tuple[int, Decimal]]:
    """Yield a history, rounded as a ledger keeps it."""
    dice = random.Random(seed)
    for n in range(calls):
        long, cost = draw(dice, n)
        yield long, Decimal(round(cost * 1e9)) / 10**9


def forecast_hits(
    past: list[tuple[int, Decimal]], long: int, cost: Decimal
) -> tuple[bool, bool] | None:
    """Foretell one call, then add it to the past, of which it is the latest."""
    told = forecast(past, long)
    past.insert(0, (long, cost))
    del past[LOOKED_AT:]
    return None if told is None else (cost <= told.half, cost <= told.most)


def main() -> None:
    rows = {name: covered(draw) for name, draw in HISTORIES.items()}
    for name, (half, most) in rows.items():
        print(f"{name:34} {half:5.1f} {most:5.1f}")
    halves, mosts = zip(*rows.values(), strict=True)
    assert all(abs(half - 50) <= ALLOWED for half in halves), halves
    assert all(abs(most - 90) <= ALLOWED for most in mosts), mosts
    line = (
        f"Of {CALLS * len(rows):,} calls in {len(rows)} replayed histories with heavy tails,"
        f" {min(halves):.1f} to {max(halves):.1f} % cost less than `likely` said (meant: 50 %), and"
        f" {min(mosts):.1f} to {max(mosts):.1f} % less than `9 of 10 below` (90 %)."
    )
    print(line)
    if "--write" in sys.argv:
        readme.write_measured("forecast", line)


if __name__ == "__main__":
    main()
