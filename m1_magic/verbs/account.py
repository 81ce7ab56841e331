"""Verbs on the account: login, logout, key, models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from .. import keys
from ..backends import exchange
from ..backends.model_list import expires, within
from ..errors import NoKey, UsageError
from ..keys.login import challenge
from ..pricing.dollars import money, money_limit
from ..pricing.prices import amount
from ..render import page
from ..settings.endpoints import OPENROUTER, endpoint
from ..text import md_cell, one_line
from .verb_context import VerbContext, million, none

SPANS = (("today", "daily"), ("this week", "weekly"), ("this month", "monthly"))


def models(context: VerbContext, args: Sequence[str]) -> str:
    """List models with context and prices, and the end of those that have one."""
    word = " ".join(args).lower()
    every = sorted(context.session.backend().models(), key=lambda model: str(model.get("id")))
    listed = [model for model in every if word in f"{model.get('id')} {model.get('name')}".lower()]
    if not listed:
        return f"No model here has {md_cell(repr(word))} in its name."
    names, rows = ["model", "context", "in, a million tokens", "out, a million tokens"], []
    ends = [expires(model) for model in listed[:60]]
    for model, end in zip(listed, ends, strict=False):
        pricing = model.get("pricing")
        prices_of = pricing if isinstance(pricing, dict) else {}
        prices = [million(amount(prices_of.get(part))) for part in ("prompt", "completion")]
        limits = within(None, [model], str(model.get("id")))
        row = [model.get("id"), (limits and limits.context) or "?", *prices]
        rows.append([*row, end or ""] if any(ends) else row)
    head = [*names, "expires"] if any(ends) else names
    table = page.table(head, rows, aligned=True)
    return table + (f"\n\n{len(listed) - 60} more: `%m1 models WORD`" if len(listed) > 60 else "")


def key(context: VerbContext, args: Sequence[str]) -> str:
    """Show where the key comes from, and its limits and use at OpenRouter."""
    none(args, "key")
    first, *facts = of_key(context)
    return "\n".join(
        [md_cell(first), *([""] if facts else []), *(f"- {md_cell(one)}" for one in facts)]
    )


def of_key(context: VerbContext) -> list[str]:
    """Return where the key comes from, and what the server tells of it."""
    place = endpoint(context.settings.base_url)
    if place.offline:
        return ["The local model needs no key."]
    held = keys.find(place)
    info = context.session.backend().key()
    facts = key_facts(info) if info else [f"{place.host} tells no limit and no use of a key"]
    return [f"key for {place.host}: {held.source}", *facts]


def key_facts(info: Mapping[str, Any]) -> list[str]:
    """Return what ``GET /key`` tells: limit, budget, end and use, in US dollars and UTC."""

    def dollars(name: str, of: Mapping[str, Any] = info) -> str | None:
        known = amount(of.get(name))
        return None if known is None else money(known)

    limit, facts = amount(info.get("limit")), ["no limit of its own"]
    if limit is not None:
        left = dollars("limit_remaining") or "not known how much"
        facts = [f"{left} left of {money_limit(limit)}", _reset(info.get("limit_reset"))]
    budget = info.get("effective_budget")
    if isinstance(budget, Mapping) and (most := amount(budget.get("limit_usd"))) is not None:
        left = dollars("remaining_usd", budget) or "nothing"
        ends = f", until {_day(budget['resets_at'])}" if budget.get("resets_at") else ""
        whose = one_line(budget.get("scope") or "account", 40)
        facts.append(f"budget of the {whose}: {left} left of {money_limit(most)}{ends}")
    if info.get("expires_at"):
        facts.append(f"expires {_day(info['expires_at'])}")
    for use, what in (("usage", "used"), ("byok_usage", "used of your own provider keys")):
        total = dollars(use)
        spans = [(span, dollars(f"{use}_{name}")) for span, name in SPANS]
        parts = [f"{spent} {span}" for span, spent in spans if spent is not None]
        if total is not None and (use == "usage" or amount(info[use])):
            facts.append(f"{what} {total}" + (f" ({', '.join(parts)})" if parts else ""))
    if info.get("include_byok_in_limit") is True:
        facts.append("own provider keys count for the limit")
    if info.get("is_free_tier") is True:
        facts.append("free tier: no credit was ever bought")
    return [fact for fact in facts if fact]


def _reset(period: object) -> str:
    return f"reset {one_line(period, 20)} (UTC)" if period else "never reset"


def _day(moment: object) -> str:
    """Return a moment of ISO 8601 in minutes, or as it came."""
    try:
        return f"{datetime.fromisoformat(str(moment)).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return one_line(moment, 40)


def login(context: VerbContext, args: Sequence[str]) -> str:
    """Store a key for a host, asked for without showing it."""
    host = host_of(context, args)
    place = endpoint(context.settings.base_url)
    place = place if place.host == host else endpoint(OPENROUTER)
    at_home = host == "openrouter.ai" or place.loopback
    enter = "; Enter without a key: log in with the browser" if at_home else ""
    # A Key from the first moment: a traceback of an interrupt here must not show it.
    key = keys.Key(ask_secret(context, f"Key for {host} (not shown{enter}): "), "%m1 login")
    if not key.reveal() and at_home:
        page_ = challenge()
        code = ask_secret(context, f"Open {page_.url}\nand paste the code that it shows: ")
        key = keys.Key(exchange(place, code.strip(), page_.verifier), "%m1 login")
    where = keys.store(host, key)
    return f"The key for {md_cell(host)} is kept in {md_cell(where)}."


def ask_secret(context: VerbContext, question: str) -> str:
    """Ask for a line without showing it; advise where there is no terminal to ask on."""
    try:
        return context.secret(question)
    except (EOFError, OSError, RuntimeError, NotImplementedError):
        todo = "Run m1-magic login in a shell, or set OPENROUTER_API_KEY."
        raise NoKey("There is no terminal here to ask for a key.", cost="", todo=todo) from None


def logout(context: VerbContext, args: Sequence[str]) -> str:
    """Forget the key for a host."""
    host = host_of(context, args)
    places = md_cell("; ".join(keys.forget(host))) or "there was no key"
    return f"{md_cell(host)}: {places}."


def host_of(context: VerbContext, args: Sequence[str]) -> str:
    """Return the host that a verb names, or the one in use."""
    if len(args) > 1:
        raise UsageError("Give one host.", todo="%m1 login openrouter.ai")
    if args:
        return args[0].lower() if "/" not in args[0] else endpoint(args[0]).host
    place = endpoint(context.settings.base_url)
    return "openrouter.ai" if place.offline else place.host
