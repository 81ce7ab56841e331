"""Runs of many calls that share a session's budget: what one holds, another may get."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

LOOK = 0.1  # seconds between looks at what others hold


class Share:
    """One run among those of its session.

    ``starved``: the budget has no room for it, and nothing of its own is under way.
    """

    def __init__(self, session: object) -> None:
        self._session = session
        self.starved = False

    @contextmanager
    def taking_part(self) -> Iterator[None]:
        """While this run asks, others may wait for what it holds."""
        RUNNING.add(self)
        try:
            yield
        finally:
            RUNNING.discard(self)

    def others(self) -> bool:
        """Are there other runs whose calls give back what they do not take?"""
        mine = (one for one in tuple(RUNNING) if one._session is self._session)
        return any(one is not self and not one.starved for one in mine)


RUNNING: set[Share] = set()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=RUNNING.clear)
