"""How many distinct values a long column has, without a table of all of them.

Values are hashed to 64 bits and only the `KEEP` least distinct hashes are kept (Bar-Yossef et al.
2002, "Counting distinct elements in a data stream"): up to `KEEP` values the count is exact, above
it the largest of them tells how densely all lie. Whatever the rows, less than 4 MB are in use.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from .hashes import LONG, OFFSETS, STEP, Array, Hashes, finish, hashed, texts, used
from .measures import Count

KEEP = 28_000  # ±1.2 % of the count, 95 times in 100
SLOTS = 1 << 16  # of each of the two tables that tell hashes seen before
SPAN = 3 << 20  # the widest range of numbers that is ticked off value by value, in bytes
WORDY = 256  # bytes per text from which counting costs more than it tells


def of_numbers(values: Array) -> Count:
    """Return how many numbers differ; −0.0 is 0.0, and NaN and NaT must have been left out.

    Args:
        values: integers, bools, floats, datetime64 or timedelta64; they are only read.
    """
    counted = quickly(values)
    return of_hashes(_mixed(_plain(values))) if counted is None else Count(counted)


def quickly(values: Array) -> int | None:
    """Return the exact count where that takes no hashing: in order, in steps, hardly any."""
    if not len(values):
        return 0
    if values.dtype.kind not in "iubfmM" or values.dtype.itemsize > 8:
        return len(np.unique(values))
    plain = _plain(values)
    counted = _in_order(plain)
    return _ticked(plain) if counted is None else counted


def _plain(values: Array) -> Array:
    """Return moments and booleans as integers."""
    kind = values.dtype.kind
    if kind in "mM":
        return values.view(values.dtype.str.replace(kind, "i").split("[")[0])
    return values.view(np.uint8) if kind == "b" else values


def of_texts(array: Any) -> Count | None:
    """Return how many texts differ, nulls left out; None where they are too long to be worth it.

    Args:
        array: an Arrow array, chunked or not, of strings or a dictionary of them; None is also
            the answer for other types, string views among them.
    """
    smallest = Smallest()
    cost = WORDY * len(array) + (1 << 24)
    singly = len(array) // 256 + 64
    for part in getattr(array, "chunks", [array]):
        needed = None
        if str(part.type).startswith("dictionary"):
            part, needed = part.dictionary, used(part)
        if str(part.type) not in OFFSETS:
            return None
        for data, starts, sizes in texts(part, needed):
            cost -= int(sizes.sum())
            if len(sizes) and sizes.max() > LONG:
                singly -= int(np.count_nonzero(sizes > LONG))
            if cost < 0 or singly < 0:
                return None
            for hashes in hashed(data, starts, sizes):
                smallest.add(hashes)
    return smallest.count()


def of_hashes(hashes: Iterable[Hashes]) -> Count:
    """Return how many of the hashes differ; each bit of them must be as good as random."""
    smallest = Smallest()
    for block in hashes:
        smallest.add(block)
    return smallest.count()


class Smallest:
    """The `KEEP` least distinct hashes of all that were added."""

    def __init__(self) -> None:
        self.kept: Hashes = np.empty(0, np.uint64)  # in order, each once
        self.least_only = False  # were hashes dropped, so that ``kept`` is only the least?
        self._fresh: list[Hashes] = []
        self._waiting = 0
        # Slot i of a table holds a hash seen before whose 16 bits at its shift are i, or else
        # a number whose bits there are not i, so that nothing is found in an empty slot.
        self._tables = [(np.uint64(shift), _table(shift)) for shift in (0, 16)]

    def add(self, hashes: Hashes) -> None:
        """Take note of some more hashes, which are copied if kept."""
        for start in range(0, len(hashes), STEP):
            block = hashes[start : start + STEP]
            if self.least_only:
                block = block.take(np.flatnonzero(block < self.kept[-1]))
            if len(self.kept):
                for shift, table in self._tables:
                    if not len(block):
                        break
                    block = block[table.take(_slot(block, shift)) != block]
            if len(block):
                block = np.sort(block[_changes(block)])  # runs are common, sorting is dear
                self._fresh.append(block[_changes(block)])
                self._waiting += len(self._fresh[-1])
                if self._waiting >= KEEP // 2 or not len(self.kept):
                    self._merge()

    def _merge(self) -> None:
        if not self._fresh:
            return
        # What is in order already is merged, not sorted again.
        kept = np.sort(np.concatenate([self.kept, *self._fresh]), kind="stable")
        kept = kept[_changes(kept)]
        self.least_only = self.least_only or len(kept) > KEEP
        self.kept = kept[:KEEP].copy()
        self._fresh, self._waiting = [], 0
        rest = self.kept
        for shift, table in self._tables:
            table[_slot(rest, shift)] = rest
            rest = rest[table.take(_slot(rest, shift)) != rest]

    def count(self) -> Count:
        """Return how many distinct hashes were added."""
        self._merge()
        if not self.least_only:
            return Count(len(self.kept))
        share = (int(self.kept[-1]) + 1) / 2**64
        error = 2 * math.sqrt((1 - share) / KEEP)
        return Count(max(KEEP + 1, round((KEEP - 1) / share)), max(1, math.ceil(error * 1e3)) / 1e3)


def _table(shift: int) -> Hashes:
    table = np.full(SLOTS, 1 << shift, np.uint64)
    table[1] = 0
    return table


def _slot(hashes: Hashes, shift: np.uint64) -> npt.NDArray[np.int64]:
    return ((hashes >> shift) & np.uint64(SLOTS - 1)).view(np.int64)


def _changes(ordered: Hashes) -> npt.NDArray[np.bool_]:
    """Return which values differ from the one before."""
    changes = np.empty(len(ordered), bool)
    changes[:1] = True
    np.not_equal(ordered[1:], ordered[:-1], out=changes[1:])
    return changes


def _in_order(values: Array) -> int | None:
    """Return the exact count if the values rise or fall throughout, else None."""
    rising = falling = True
    count = 1
    for start in range(0, len(values) - 1, STEP):
        here = values[start : start + STEP + 1]
        before, after = here[:-1], here[1:]
        rising = rising and bool((before <= after).all())
        falling = falling and bool((before >= after).all())
        if not rising and not falling:
            return None
        count += int(np.count_nonzero(before != after))
    return count


def _ticked(values: Array) -> int | None:
    """Return the exact count of numbers that are multiples of a step in a narrow range."""
    low, high = values.min().item(), values.max().item()
    if not (math.isfinite(low) and math.isfinite(high) and low == int(low)):
        return None
    low, width = int(low), int(high) - int(low)
    step = _step(values, low)
    width = width // step + 1
    # A table much larger than the column costs more than hashing it.
    if width > min(SPAN, 4 * len(values)) or abs(low) + abs(int(high)) >= 2**63:
        return None
    doubtful = step > 1 or values.dtype.kind == "f"
    seen = np.zeros(width, bool)
    for start in range(0, len(values), STEP):
        here = values[start : start + STEP]
        places = _places(here, low, step)
        # Fractions, and numbers between steps, have no place of their own, wherever they come.
        if doubtful and not np.array_equal(places * step + low, here):
            return None
        seen[places] = True
        if not doubtful and width <= STEP and seen.all():
            return width
    return int(np.count_nonzero(seen))


def _step(values: Array, low: int) -> int:
    """Return what some of the values are multiples of: a day of nanoseconds, hundreds of pounds."""
    some = values[:: max(1, len(values) // 64)]
    return max(1, math.gcd(*(int(value) - low for value in some.tolist())))


def _places(here: Array, low: int, step: int) -> npt.NDArray[np.int64]:
    places = here.astype(np.int64)
    places -= low
    if step > 1:
        places //= step
    return places


def _mixed(values: Array) -> Iterator[Hashes]:
    """Yield the hashes of numbers; different ones never share a hash."""
    floats = values.dtype.kind == "f"
    for start in range(0, len(values), STEP):
        here = values[start : start + STEP]
        if floats:
            words = (here.astype(np.float64) + 0.0).view(np.uint64)  # −0.0 + 0.0 is 0.0
        else:
            words = here.astype(np.uint64)
        yield finish(words)
