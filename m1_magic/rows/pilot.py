"""How often answers agree with what is known, on a few rows before all others are paid for."""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, time

from ..errors import UsageError

MOST = 30  # rows that are asked first
Z = 1.959963984540054  # of 95 %


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How many of so many answers were right."""

    right: int
    of: int

    @property
    def share(self) -> float:
        """The share that was right."""
        return self.right / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the share of all rows that would be right.

        E. B. Wilson, 1927; unlike the normal one it holds for few rows, and near 0 and 1.
        """
        if not self.of:
            return 0.0, 1.0
        n, p, z2 = self.of, self.share, Z * Z
        middle = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = Z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        low, high = max(0.0, middle - half), min(1.0, middle + half)
        return (0.0 if not self.right else low), (1.0 if self.right == n else high)

    def __str__(self) -> str:
        low, high = self.interval
        right = f"{self.right} of {self.of} right"
        return f"{right}: {self.share:.0%} (95 % interval {low:.0%}–{high:.0%})"


def none_known() -> UsageError:
    """Return the refusal of a share that cannot be checked."""
    what = "No row that asks anything has a known answer, so at_least cannot be checked."
    return UsageError(what, todo="Fill gold for some rows, or leave at_least out.")


def accuracy(pairs: Iterable[tuple[object, object]]) -> Accuracy:
    """Return how often an answer is what is known: the same value, or the same text."""
    outcomes = [same(answer, known) for answer, known in pairs]
    return Accuracy(sum(outcomes), len(outcomes))


def same(answer: object, known: object) -> bool:
    """Are these one value? Texts and numbers in texts may differ in case and blanks.

    A column with nulls has 4.0 for "4", and one of days has their midnights.
    """
    if answer is None:
        return False
    for plain in (_as_it_is, _plain, _whole):
        with suppress(Exception):  # what is known may be an array, which has no one answer
            if plain(answer) == plain(known):
                return True
    return False


def _as_it_is(value: object) -> object:
    return value


def _plain(value: object) -> str:
    return " ".join(str(value).split()).casefold()


def _whole(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, datetime) and value.time() == time():
        value = value.date()
    return _plain(value)
