"""Price lists as they were fetched, kept in ``M1_HOME`` with their date.

A hold wants today's prices: a kept list serves where the server does not answer now, and a
preview, which asks nobody. What cannot be read is not there; what cannot be written is not kept.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from .. import files
from ..errors import LedgerProblem
from ..settings.home import home
from .prices import ModelLimits, Price, amount

# How long a list is today's, and how long it is better than the list price of a package.
FRESH = timedelta(hours=1)
OLDEST = timedelta(days=30)
MOST_LISTS = 200
FILE = "prices.json"


def keep(host: str, model: str, max_price: Mapping[str, Any] | None, limits: ModelLimits) -> None:
    """Keep limits that ``host`` made, under the price limit that it was made for."""
    if limits.at is None or limits.dearest is None or limits.cheapest is None:
        return
    with contextlib.suppress(LedgerProblem, OSError), files.locked(home()):
        lists = {**_lists(), _name(host, model, max_price): _written(limits)}
        newest = sorted(lists, key=lambda name: str(lists[name].get("at")))[-MOST_LISTS:]
        text = json.dumps({name: lists[name] for name in newest}, indent=1)
        files.replace(home() / FILE, text)


def kept(
    host: str, model: str, max_price: Mapping[str, Any] | None, now: datetime
) -> ModelLimits | None:
    """Return the kept limits, None if there is none or it is too old to go by."""
    limits = _read(model, _lists().get(_name(host, model, max_price)))
    if limits is None or limits.at is None or not -FRESH < now - limits.at < OLDEST:
        return None
    return limits


def _name(host: str, model: str, max_price: Mapping[str, Any] | None) -> str:
    return json.dumps([host, model, dict(max_price or {})], sort_keys=True, default=str)


def _written(limits: ModelLimits) -> dict[str, Any]:
    prices = {
        which: [f"{price.input:f}", f"{price.output:f}"]
        for which, price in (("cheapest", limits.cheapest), ("dearest", limits.dearest))
        if price is not None
    }
    at = None if limits.at is None else limits.at.astimezone(UTC).isoformat()
    return {"at": at, "context": limits.context, "max_output": limits.max_output, **prices}


def _read(model: str, written: object) -> ModelLimits | None:
    try:
        assert isinstance(written, dict)
        at = datetime.fromisoformat(written["at"]).astimezone(UTC)
        cheapest, dearest = (_price(written[which]) for which in ("cheapest", "dearest"))
        limits = (written.get("context"), written.get("max_output"))
        context, most = (n if isinstance(n, int) and n > 0 else None for n in limits)
    except (AssertionError, KeyError, TypeError, ValueError):
        return None
    if cheapest is None or dearest is None:
        return None
    return ModelLimits(model, context, most, cheapest, dearest, source="endpoints", at=at)


def _price(written: object) -> Price | None:
    given, got = (amount(part) for part in written) if isinstance(written, list) else (None, None)
    return None if given is None or got is None else Price(given, got)


def _lists() -> dict[str, dict[str, Any]]:
    try:
        lists = json.loads((home() / FILE).read_text("utf-8"))
    except (LedgerProblem, OSError, ValueError, RecursionError):
        return {}
    known = lists.items() if isinstance(lists, dict) else ()
    return {name: one for name, one in known if isinstance(one, dict)}
