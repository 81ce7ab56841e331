"""When a server may be asked again: ``Retry-After``, ``X-RateLimit-Reset``, times in bodies, words.

Moments count from the server's own ``Date``, so that this machine's clock may be wrong.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ..text import one_line

# A number above these is a moment in seconds since 1970, or in milliseconds; below, a wait.
SECONDS_SINCE_1970, MILLISECONDS_SINCE_1970 = 1e9, 1e12
# "try again in 7m12s", "retry after 20 seconds", "wait 1 minute and 5 seconds": in lower case.
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}
UNIT = r"(ms|millisec|s|m|h|d)(?:(?<=c)onds?|ecs?|econds?|ins?|inutes?|rs?|ours?|ays?)?(?![a-z])"
PART = re.compile(rf"(\d+(?:\.\d+)?) ?{UNIT}", re.ASCII)
WORDS = re.compile(
    r"\b(?:try|retry|retrying|wait|available|allowed|resets?|resume)\b[^.;\d]{0,40}?"
    rf"((?:{PART.pattern}[ ,]*(?:and )?)+)",
    re.ASCII,
)


def wait(headers: Mapping[str, str], facts: Mapping[str, Any], words: str = "") -> float | None:
    """Return the seconds to wait, as headers, an error's facts or words tell them; else None.

    OpenRouter repeats the headers of its limits in ``metadata.headers``.
    """
    inner = facts.get("headers")
    more = {str(k).lower(): str(v) for k, v in inner.items()} if isinstance(inner, dict) else {}
    now = moment(headers.get("date", ""))
    now = time.time() if now is None else now
    for given in (headers, more):
        if (ms := _number(given.get("retry-after-ms"))) is not None:
            return ms / 1000
        seconds = _after(given.get("retry-after"), now)
        if seconds is not None:
            return seconds
    if (seconds := _after(facts.get("retry_after"), now)) is not None:
        return seconds
    resets = (headers.get("x-ratelimit-reset"), more.get("x-ratelimit-reset"))
    for reset in (*resets, facts.get("resets_at")):
        if (then := _moment(reset, now)) is not None:
            return max(then - now, 0.0)
    return in_words(words)


def in_words(text: str) -> float | None:
    """Return the seconds after which a text in lower case says to try again; None: it does not."""
    match = WORDS.search(text)
    return _duration(match[1]) if match else None


def when(seconds: float) -> str:
    """Return the moment in so many seconds, for people, as far as a calendar goes."""
    with suppress(OverflowError, ValueError, OSError):
        return f"{datetime.fromtimestamp(time.time() + seconds, UTC):%Y-%m-%d %H:%M} UTC"
    return "the end of all calendars"


def reset(facts: Mapping[str, Any]) -> str:
    """Return when a limit resets, "at …" or in the server's words; empty where it is not known."""
    resets = facts.get("resets_at")
    then = _moment(resets, time.time())
    with suppress(OverflowError, ValueError, OSError):
        if then is not None:
            return f"at {datetime.fromtimestamp(then, UTC):%Y-%m-%d %H:%M} UTC"
    words = resets or facts.get("limit_reset")
    return one_line(words, 40) if isinstance(words, str) else ""


def moment(date: str) -> float | None:
    """Return an HTTP date in seconds since 1970, None where it is none."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def _after(value: Any, now: float) -> float | None:
    seconds = _number(value)
    if seconds is None and (then := moment(str(value))) is not None:
        seconds = max(then - now, 0.0)
    return _duration(str(value).strip().lower()) if seconds is None else seconds


def _duration(text: str) -> float | None:
    """Return the seconds in ``7m12s`` or ``20 seconds``, None in what does not begin so."""
    parts = PART.findall(text) if PART.match(text) else []
    seconds = [float(number) * UNITS[unit.replace("millisec", "ms")] for number, unit in parts]
    return sum(seconds) if seconds else None


def _moment(value: Any, now: float) -> float | None:
    """Return a moment in seconds since 1970: given in (milli)seconds, as a wait, or in ISO 8601."""
    number = _number(value)
    if number is None:
        with suppress(ValueError, OverflowError):
            then = datetime.fromisoformat(str(value))
            return (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp()
        return None
    if number >= MILLISECONDS_SINCE_1970:
        return number / 1000
    return number if number >= SECONDS_SINCE_1970 else now + number


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None
