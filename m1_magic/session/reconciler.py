"""What calls cost whose price did not come with the answer: asked for afterwards, once for all.

``GET /generation`` knows a call some seconds after it ended, whoever made it: a kernel that was
killed leaves its generation id in the ledger, and the next one asks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from ..backends import Backend
from ..calls import Usage
from ..interrupts import Stop
from ..ledger import Ledger
from ..ledger.leases import claim
from ..locks import lock
from ..pricing.prices import recorded

# Seconds between looks in the background; after the last one it is left to %m1 cost.
PAUSES: Sequence[float] = (0.5, 1, 2, 4, 8, 15, 30)


def settle(ledger: Ledger, backend: Backend, now: datetime) -> tuple[int, int]:
    """Ask the endpoint once for each price that is owed; return how many came, and how many not.

    Raises:
        M1Error: it does not answer.
    """
    attempts, settled = claim(ledger, backend.name, now), 0
    for attempt in attempts:
        record = backend.generation(attempt.generation_id or "") or {}
        cost = recorded(record)
        if cost is not None:
            provider = record.get("provider_name")
            ledger.correct(attempt.id, cost, used(record), provider and str(provider))
            settled += 1
    return settled, len(attempts) - settled


def used(record: Mapping[str, Any]) -> Usage | None:
    """Return the tokens in a record of ``GET /generation``, as the model counts them."""
    names = ("prompt", "completion", "cached", "reasoning")
    counts = [record.get(f"native_tokens_{name}") for name in names]
    if not all(isinstance(count, int) and count >= 0 for count in counts[:2]):
        return None
    return Usage(*(count if isinstance(count, int) and count >= 0 else 0 for count in counts))


class Reconciler:
    """Looks for owed prices in the background, and gives up softly.

    Args:
        look: looks once; returns how many prices came, and how many are still owed.
        pauses: seconds before each look; none: never look.
    """

    def __init__(self, look: Callable[[], tuple[int, int]], pauses: Sequence[float]) -> None:
        self.listeners: list[Callable[[], None]] = []  # called in the background when prices came
        self._look, self._pauses = look, pauses
        self._stop = Stop()
        self._lock = lock()
        self._wanted = 0
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Begin to look, or begin again with the short pauses; return at once."""
        if not self._pauses or self._stop.is_set():
            return
        with self._lock:
            self._wanted += 1
            if self._thread is None or not self._thread.is_alive():  # a fork leaves it behind
                thread = threading.Thread(target=self._run, name="m1-settler", daemon=True)
                with suppress(RuntimeError):  # no threads here: %m1 cost asks
                    thread.start()
                    self._thread = thread

    def close(self) -> None:
        """Look no more; what is under way is broken off."""
        self._stop.press()

    def _run(self) -> None:
        with self._stop.listening():
            while True:
                wanted = self._wanted
                if self._round(wanted):
                    return
                with self._lock:
                    if wanted == self._wanted:
                        self._thread = None
                        return

    def _round(self, wanted: int) -> bool:
        """Look after each pause until nothing is owed or more is wanted; return if stopped."""
        for pause in self._pauses:
            if self._stop.wait(pause):
                return True
            try:
                arrived, left = self._look()
                for listener in tuple(self.listeners) if arrived else ():
                    listener()
            except Exception:  # no network, no key, a ledger in use: the next look may do
                left = 1
            if not left or wanted != self._wanted:
                break
        return False
