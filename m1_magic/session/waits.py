"""Until when a host is not to be asked: what it says to one call holds for all of the process.

A limit is the account's and not a call's. Without this, sixty calls at once would each find out
by themselves, and be told to wait longer for it.
"""

from __future__ import annotations

from ..locks import lock


class Waits:
    """Base URL → the moment from which it may be asked, and why, by the session's clock."""

    def __init__(self) -> None:
        self._lock = lock()
        self._until: dict[str, tuple[float, str]] = {}

    def hold_back(self, host: str, until: float, reason: str) -> None:
        """Let nobody ask a host before a moment; the later of two counts."""
        with self._lock:
            if until > self._until.get(host, (0.0, ""))[0]:
                self._until[host] = (until, reason)

    def of(self, host: str, waited: float) -> tuple[float, str] | None:
        """Return until when to wait for a host, and why; None if ``waited`` is as late as that."""
        with self._lock:
            wait = self._until.get(host)
        return wait if wait and wait[0] > waited else None
