"""The one line that ``%load_ext`` prints: who answers, with which key, within which budget."""

from __future__ import annotations

from .. import keys
from ..errors import UsageError
from ..settings.config import M1
from ..settings.endpoints import endpoint
from ..text import one_line


def banner(settings: M1) -> str:
    """Return the line; nothing is looked up for it, and no character of a key is in it."""
    budget = "no budget: %m1 budget 1 --per day"
    if settings.budget is not None:
        from ..pricing.dollars import money_limit

        budget = f"budget {money_limit(settings.budget)} per {settings.budget_period}"
    try:
        place = endpoint(settings.base_url)
    except UsageError:
        return f"m1-magic · base_url {one_line(settings.base_url, 60)!r} is not usable · %m1 help"
    if place.offline:
        return f"m1-magic · the small local model, offline · free · {budget} · %m1 help"
    model = one_line(settings.model, 80)
    return f"m1-magic · {model} at {place.host} · key: {keys.known(place)} · {budget} · %m1 help"
