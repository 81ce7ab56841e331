"""What was heard of the server's time: a wrong clock puts calls into another day's budget."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any


class Clock:
    """Called with each response: ``skew`` is by how many seconds ours was ahead, None if untold."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.skew: float | None = None
        self._now = now

    def __call__(self, response: Any) -> None:
        """Compare the clocks by the response's ``Date``."""
        with suppress(TypeError, ValueError, OverflowError):
            there = parsedate_to_datetime(response.headers.get("date", ""))
            self.skew = self._now() - there.timestamp()
