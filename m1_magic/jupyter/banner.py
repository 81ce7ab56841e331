"""Who answers, with which key, within which budget: a line for ``%load_ext``, and one for ``%m1``.

Nothing is looked up for them, and no character of a key is in them.
"""

from __future__ import annotations

from .. import keys
from ..errors import UsageError
from ..settings.config import M1
from ..settings.endpoints import Endpoint, endpoint
from ..text import one_line

COLUMNS = 80


def banner(settings: M1) -> str:
    """Return the line of ``%load_ext``, which fits a terminal: without the key if need be."""
    place, budget = _place(settings), _budget(settings) or "no budget"
    who, key = _who(settings, place), ""
    if place is not None and not place.offline:
        known = keys.known(place)
        key = "" if known == keys.LATER else f"key: {known}"
    for parts in ((who, key, budget), (who, budget)):
        line = _line(parts)
        if len(line) <= COLUMNS:
            return line
    room = COLUMNS - len(_line(("", budget))) - len(" · ")
    return _line((one_line(who, room), budget))


def status(settings: M1) -> str:
    """Return the same line whole, however long."""
    place = _place(settings)
    key = f"key: {keys.known(place)}" if place is not None and not place.offline else ""
    budget = _budget(settings) or "no budget: %m1 budget 1 --per day"
    return _line((_who(settings, place), key, budget))


def _line(parts: tuple[str, ...]) -> str:
    return " · ".join(filter(None, ("m1-magic", *parts, "%m1 help")))


def _place(settings: M1) -> Endpoint | None:
    try:
        return endpoint(settings.base_url)
    except UsageError:
        return None


def _who(settings: M1, place: Endpoint | None) -> str:
    if place is None:
        return f"base_url {one_line(settings.base_url, 60)!r} is not usable"
    if place.offline:
        return "the small local model, offline, free"
    return f"{one_line(settings.model, 80)} at {place.host}"


def _budget(settings: M1) -> str:
    if settings.budget is None:
        return ""
    from ..pricing.dollars import money_limit

    return f"budget {money_limit(settings.budget)} per {settings.budget_period}"
