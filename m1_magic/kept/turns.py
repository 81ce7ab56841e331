"""Which time a request is made in this kernel; what brought no complete answer does not count."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import count

from ..locks import lock


@dataclass(frozen=True, slots=True)
class Turn:
    """A request that is made for the ``n``-th time, at this ``place`` for the ``here``-th."""

    key: str
    place: str
    n: int
    here: int


class Turns:
    """The times that each request was made, for all threads of this kernel."""

    def __init__(self) -> None:
        self._lock = lock()
        self._taken: defaultdict[str, set[int]] = defaultdict(set)
        self._answers: defaultdict[str, dict[int, str]] = defaultdict(dict)

    def take(self, key: str, place: str) -> Turn:
        """Count a request that is made now."""
        with self._lock:
            turn = self.next(key, place)
            self._taken[key].add(turn.n)
            self._taken[place].add(turn.here)
        return turn

    def next(self, key: str, place: str) -> Turn:
        """Return what the next time would be, without counting."""
        with self._lock:
            n, here = (next(n for n in count(1) if n not in self._taken[k]) for k in (key, place))
        return Turn(key, place, n, here)

    def give_back(self, turn: Turn) -> None:
        """Let the next request have this turn: it brought no complete answer."""
        with self._lock:
            self._taken[turn.key].discard(turn.n)
            self._taken[turn.place].discard(turn.here)
            self._answers[turn.place].pop(turn.here, None)

    def give(self, turn: Turn, id: str) -> bool:
        """Give this turn the answer of a call, if no other turn has it."""
        with self._lock:
            given = self._answers[turn.place]
            if id in given.values():
                return False
            given[turn.here] = id
            return True

    def given(self, turn: Turn) -> tuple[tuple[str, ...], int]:
        """Return the answers that other turns have, and how many turns before have one."""
        with self._lock:
            given = self._answers[turn.place]
            return tuple(given.values()), sum(n < turn.here for n in given)
