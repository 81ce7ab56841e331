"""Limits and prices of models: the endpoint's own list of this hour, else a kept or known one.

Lists are kept in ``M1_HOME`` with their date. A kept one serves where the server does not answer
now, and a preview, which asks nobody. What cannot be read is not there; what cannot be written is
not kept.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from .. import files
from ..errors import LedgerProblem
from ..interrupts import check
from ..settings.home import home
from .prices import ModelLimits, Price, amount, known_limits

# How long a list is today's, and how long it is better than the list price of a package.
FRESH = timedelta(hours=1)
OLDEST = timedelta(days=30)
MOST_LISTS = 200
FILE = "prices.json"


class Endpoint(Protocol):
    """Who can tell limits and prices; a backend."""

    name: str
    prices_known: bool

    def limits(self, model: str, max_price: Mapping[str, Any] | None = None) -> ModelLimits | None:
        """See Backend.limits."""


class LimitsCache:
    """Limits by endpoint, model and price limit; an endpoint is asked once an hour for each."""

    def __init__(self) -> None:
        self._limits: dict[str, tuple[datetime, ModelLimits | None]] = {}

    def of(
        self, backend: Endpoint, model: str, max_price: Mapping[str, Any] | None, now: datetime
    ) -> ModelLimits | None:
        """Return what ``backend`` offers of ``model``, at prices of ``max_price`` at most."""
        name = _name(backend.name, model, max_price)
        if not self._fresh(name, now):
            limits = backend.limits(model, max_price)
            check()  # a look that was stopped says nothing of the prices
            if limits is not None:
                limits = replace(limits, at=now)
                keep(backend.name, model, max_price, limits)
            elif backend.prices_known:
                limits = kept(backend.name, model, max_price, now) or known_limits(model)
            self._limits[name] = (now, limits)
        return self._limits[name][1]

    def known(
        self, host: str, model: str, max_price: Mapping[str, Any] | None, now: datetime
    ) -> ModelLimits | None:
        """Return the same without asking: of this hour, else as kept, else as a package has it."""
        name = _name(host, model, max_price)
        if self._fresh(name, now):
            return self._limits[name][1]
        return kept(host, model, max_price, now) or known_limits(model)

    def _fresh(self, name: str, now: datetime) -> bool:
        return name in self._limits and abs(now - self._limits[name][0]) < FRESH


def keep(host: str, model: str, max_price: Mapping[str, Any] | None, limits: ModelLimits) -> None:
    """Keep limits that ``host`` made, under the price limit that it was made for."""
    if limits.at is None or limits.dearest is None or limits.cheapest is None:
        return
    listed = {
        "at": limits.at.astimezone(UTC).isoformat(),
        "context": limits.context,
        "max_output": limits.max_output,
        "cheapest": [f"{limits.cheapest.input:f}", f"{limits.cheapest.output:f}"],
        "dearest": [f"{limits.dearest.input:f}", f"{limits.dearest.output:f}"],
    }
    with contextlib.suppress(LedgerProblem, OSError), files.locked(home()):
        lists = {**_lists(), _name(host, model, max_price): listed}
        newest = sorted(lists, key=lambda name: str(lists[name].get("at")))[-MOST_LISTS:]
        text = json.dumps({name: lists[name] for name in newest}, indent=1)
        files.replace(home() / FILE, text)


def kept(
    host: str, model: str, max_price: Mapping[str, Any] | None, now: datetime
) -> ModelLimits | None:
    """Return the kept limits, None if there is none or it is too old to go by."""
    listed = _lists().get(_name(host, model, max_price), {})
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


def _name(host: str, model: str, max_price: Mapping[str, Any] | None) -> str:
    return json.dumps([host, model, dict(max_price or {})], sort_keys=True, default=str)


def _price(listed: object) -> Price | None:
    given, got = (amount(part) for part in listed) if isinstance(listed, list) else (None, None)
    return None if given is None or got is None else Price(given, got)


def _lists() -> dict[str, dict[str, Any]]:
    try:
        lists = json.loads((home() / FILE).read_text("utf-8"))
    except (LedgerProblem, OSError, ValueError, RecursionError):
        return {}
    known = lists.items() if isinstance(lists, dict) else ()
    return {name: one for name, one in known if isinstance(one, dict)}
