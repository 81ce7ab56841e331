"""Until when a host is not to be asked, or at all: what it says to one call holds for all others.

A limit is the account's and not a call's. Without this, sixty calls at once would each find out
by themselves, and be told to wait longer for it.
"""

from __future__ import annotations

from .. import errors as e
from ..locks import lock

# What refuses one call, and all others after it.
FINAL = (
    e.OutOfCredit, e.KeyProblem, e.NoSuchModel, e.LoginPage, e.CannotConnect, e.BudgetExceeded,
    e.LedgerProblem, e.MissingPackage,
)  # fmt: skip


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


def final(error: BaseException | None) -> bool:
    """Would it refuse all the other calls, too?"""
    return isinstance(error, FINAL) or (isinstance(error, e.RateLimited) and error.used_up)
