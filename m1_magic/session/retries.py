"""When another attempt is made by itself: where nothing was charged, and within the deadline."""

from __future__ import annotations

from ..errors import M1Error
from ..settings.config import M1

BACK_OFF = 0.5  # seconds before the second attempt, doubled before each one after it


def pause_before_retry(error: M1Error, attempts: int, settings: M1, left: float) -> float | None:
    """Return the seconds to wait before another attempt; None if there is to be none.

    Args:
        error: how the last one ended.
        attempts: made so far.
        settings: for the most retries.
        left: seconds of the call's deadline.
    """
    if not error.retry or attempts > settings.max_retries:
        return None
    seconds = error.retry_after
    if seconds is None:
        seconds = BACK_OFF * 2 ** (attempts - 1)
    return seconds if seconds < left else None
