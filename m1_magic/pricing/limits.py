"""Limits and prices of models: the endpoint's own list of this hour, else a kept or known one.

Lists are kept in ``M1_HOME`` with their date. A kept one serves where the server does not answer
now, and a preview, which asks nobody. What cannot be read is not there; what cannot be written is
not kept.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Mapping
from dataclasses import astuple, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from .. import files
from ..errors import LedgerProblem
from ..interrupts import check
from ..locks import lock
from ..settings.endpoints import at_openrouter
from ..settings.home import distrusted, home
from .offers import own_price, with_own
from .prices import ModelLimits, Price, amount, known_limits

# How long a list is today's, and how long it is better than the list price of a package.
FRESH = timedelta(hours=1)
OLDEST = timedelta(days=30)
MOST_LISTS = 200
FILE = "prices.json"
PARTS = len(fields(Price))


class Endpoint(Protocol):
    """Who can tell limits and prices; a backend."""

    name: str
    prices_known: bool

    def limits(self, model: str, provider: Mapping[str, Any] | None = None) -> ModelLimits | None:
        """See Backend.limits."""


class LimitsCache:
    """Limits by endpoint, model and provider preferences, asked for once an hour for all threads.

    A price that no list tells is what the user's own ``prices`` say, if they do: at OpenRouter
    only for a model by its name, so that ``free`` for a server at home is not believed there.
    """

    def __init__(self) -> None:
        self._limits: dict[str, tuple[datetime, ModelLimits | None]] = {}
        self._locks: dict[str, threading.RLock] = {}

    def of(
        self,
        backend: Endpoint,
        model: str,
        provider: Mapping[str, Any] | None,
        now: datetime,
        prices: object = None,
    ) -> ModelLimits | None:
        """Return what ``backend`` offers of ``model``, from endpoints that ``provider`` allows."""
        name = _name(backend.name, model, provider)
        with self._locks.setdefault(name, lock()):
            if not self._fresh(name, now):
                limits = backend.limits(model, provider)
                check()  # a look that was stopped says nothing of the prices
                if limits is not None:
                    limits = replace(limits, at=now)
                    keep(backend.name, model, provider, limits)
                self._limits[name] = (now, limits)
        limits = self._limits[name][1]
        if priced(limits) or (own := _own(backend.name, limits, model, prices)) is None:
            known = backend.prices_known and limits is None
            return listed_before(backend.name, model, provider, now) if known else limits
        return own

    def known(
        self,
        host: str,
        model: str,
        provider: Mapping[str, Any] | None,
        now: datetime,
        prices: object = None,
    ) -> ModelLimits | None:
        """Return the same without asking: of this hour, else as kept, else as a package has it."""
        name = _name(host, model, provider)
        limits = self._limits[name][1] if self._fresh(name, now) else None
        if not priced(limits) and (own := _own(host, limits, model, prices)) is not None:
            return own
        return limits or listed_before(host, model, provider, now)

    def _fresh(self, name: str, now: datetime) -> bool:
        return name in self._limits and abs(now - self._limits[name][0]) < FRESH


def priced(limits: ModelLimits | None) -> bool:
    """Is the most known that a token could cost?"""
    return limits is not None and limits.dearest is not None


def listed_before(
    host: str, model: str, provider: Mapping[str, Any] | None, now: datetime
) -> ModelLimits | None:
    """Return limits as they were kept, else as a package has them; of a variant, the model's."""
    for name in dict.fromkeys((model, model.partition(":")[0])):
        if limits := saved_limits(host, name, provider, now) or known_limits(name):
            return limits
    return None


def keep(host: str, model: str, provider: Mapping[str, Any] | None, limits: ModelLimits) -> None:
    """Keep limits that ``host`` made, under the price limit that it was made for."""
    if limits.at is None or limits.dearest is None or limits.cheapest is None:
        return
    listed = {
        "at": limits.at.astimezone(UTC).isoformat(),
        "context": limits.context,
        "max_output": limits.max_output,
        "cheapest": [f"{part:f}" for part in astuple(limits.cheapest)],
        "dearest": [f"{part:f}" for part in astuple(limits.dearest)],
    }
    with contextlib.suppress(LedgerProblem, OSError), files.locked(home()):
        lists = {**_lists(), _name(host, model, provider): listed}
        newest = sorted(lists, key=lambda name: str(lists[name].get("at")))[-MOST_LISTS:]
        text = json.dumps({name: lists[name] for name in newest}, indent=1)
        files.replace(home() / FILE, text)


def saved_limits(
    host: str, model: str, provider: Mapping[str, Any] | None, now: datetime
) -> ModelLimits | None:
    """Return the kept limits, None if there is none or it is too old to go by."""
    listed = _lists().get(_name(host, model, provider), {})
    try:
        at = datetime.fromisoformat(listed["at"]).astimezone(UTC)
        cheapest, dearest = (_price(listed[which]) for which in ("cheapest", "dearest"))
    except (KeyError, TypeError, ValueError):
        return None
    if cheapest is None or dearest is None or not -FRESH < now - at < OLDEST:
        return None
    limits = (listed.get("context"), listed.get("max_output"))
    context, most = (n if isinstance(n, int) and n > 0 else None for n in limits)
    return ModelLimits(model, context, most, cheapest, dearest, source="endpoints", at=at)


def _name(host: str, model: str, provider: Mapping[str, Any] | None) -> str:
    return json.dumps([host, model, dict(provider or {})], sort_keys=True, default=str)


def _own(host: str, limits: ModelLimits | None, model: str, prices: object) -> ModelLimits | None:
    listed = at_openrouter(host) or (limits is not None and limits.source == "endpoints")
    price = own_price(prices, model, others=not listed)
    return None if price is None else with_own(limits, model, price)


def _price(listed: object) -> Price | None:
    parts = [amount(part) for part in listed] if isinstance(listed, list) else []
    known = [part for part in parts if part is not None]
    return Price(*known) if len(known) == len(parts) and 2 <= len(parts) <= PARTS else None


def _lists() -> dict[str, dict[str, Any]]:
    try:
        path = home() / FILE
        lists = {} if distrusted(path) else json.loads(path.read_text("utf-8"))
    except (LedgerProblem, OSError, ValueError, RecursionError):
        return {}
    known = lists.items() if isinstance(lists, dict) else ()
    return {name: one for name, one in known if isinstance(one, dict)}
