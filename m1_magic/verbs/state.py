"""Verbs on this kernel's state: status, use, set, budget, doctor, version."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version

from .. import config, grammar
from ..banner import banner
from ..config import M1
from ..endpoints import OFFLINE, OPENROUTER, endpoint
from ..errors import LedgerProblem, M1Error, UsageError, plain
from ..prices import known
from ..render import footer, page
from .account import key
from .desk import Desk, million, none, one


def status(desk: Desk, args: Sequence[str] = ()) -> str:
    """Return model, endpoint, key, budget, and who may keep the prompts."""
    s, totals = desk.settings, desk.session.totals()
    place = endpoint(s.base_url)
    lines = [
        page.cell(banner(s)),
        f"session {footer.money(totals.session)}"
        + (f", {totals.unknown} call(s) not settled yet" if totals.unknown else ""),
        f"privacy level of tables: {s.send}; temperature {s.temperature}, top_p {s.top_p},"
        f" max_tokens {s.max_tokens:,}",
    ]
    if place.openrouter and place.host != OFFLINE:
        lines.append(retention(s))
    return "\n\n".join([*lines, *map(page.cell, desk.session.ledger.news())])


def retention(settings: M1) -> str:
    """Return who may keep prompts, by the provider preferences that are set."""
    kept = {"deny": "no provider that keeps prompts", "allow": "providers may keep prompts"}
    if settings.zdr:
        return "zero data retention: on"
    return kept.get(
        settings.data_collection, "providers may keep prompts: your account's setting applies"
    )


def use(desk: Desk, args: Sequence[str]) -> str:
    """Switch this kernel to openrouter, offline or a URL."""
    (where,) = one(args, "use openrouter|offline|URL")
    url = {"openrouter": OPENROUTER}.get(where.lower(), where)
    if "/" not in url and url.lower() != OFFLINE:
        near = grammar.did_you_mean(url, ("openrouter", "offline"))
        raise UsageError(
            f"There is no place {plain(url, 40)!r}.{near}", todo="Or give a URL: https://host/v1."
        )
    config.change(desk.settings, "base_url", url)
    if url.lower() == OFFLINE:
        desk.session.backend().ready()
    place = endpoint(url)
    if place.host not in (OFFLINE, "openrouter.ai"):
        model = page.cell(desk.settings.model)
        return f"From now on prompts go to **{page.cell(place.host)}** ({page.cell(url)}): {model}."
    return page.cell(banner(desk.settings))


def set_(desk: Desk, args: Sequence[str]) -> str:
    """Set a setting, for this kernel or for good."""
    words = [word for word in args if word != "--save"]
    if len(words) < 2:
        raise UsageError(
            "%m1 set takes a name and a value.", todo=f"Settings: {', '.join(settings_names())}."
        )
    name, value = words[0], " ".join(words[1:])
    if name not in settings_names():
        near = grammar.did_you_mean(name, settings_names())
        todo = "%config M1 lists them."
        raise UsageError(f"There is no setting {plain(name, 40)!r}.{near}", todo=todo)
    now = config.change(desk.settings, name, value)
    saved = ""
    if len(words) < len(args):
        config.save(name, now)
        saved = ", saved for good"
    return f"{name} = {page.cell(now)}{saved}"


def settings_names() -> list[str]:
    """Return the names of all settings."""
    return sorted(M1.class_trait_names(config=True))


def budget(desk: Desk, args: Sequence[str]) -> str:
    """Show or set the budget."""
    parser = grammar.Parser("%m1 budget")
    parser.add_argument("usd", nargs="?")
    parser.add_argument("--per", choices=config.PERIODS)
    given = parser.parse_args(list(args))
    if given.per:
        config.change(desk.settings, "budget_period", given.per)
    if given.usd:
        config.change(desk.settings, "budget", given.usd)
    totals = desk.session.totals()
    spent = f"spent {footer.money(totals.spent)}, held {footer.money(totals.held)}"
    if totals.budget is None:
        return f"No budget ({totals.period}: {spent}). `%m1 budget 1 --per day` sets one."
    return f"Budget {footer.limit(totals.budget)} per {totals.period}: {spent}."


def doctor(desk: Desk, args: Sequence[str]) -> str:
    """Check key, network, ledger and versions; say what works and what to do."""
    none(args, "doctor")
    checks: list[tuple[str, Callable[[], str]]] = [
        ("versions", versions),
        ("ledger", lambda: ledger(desk)),
        ("key", lambda: key(desk, ())),
        (
            "endpoint",
            lambda: f"{len(desk.session.backend().models())} models at {desk.settings.base_url}",
        ),
        ("price list", lambda: price_of(desk.settings.model)),
    ]
    return page.table(["", "", ""], [[name, *examined(check)] for name, check in checks])


def ledger(desk: Desk) -> str:
    """Return how the ledger is, and where.

    Raises:
        LedgerProblem: it is broken, or cannot be written.
    """
    found = desk.session.ledger
    verdict = found.check()
    if verdict != "ok" or found.in_memory:
        what = "cannot be written; calls are kept in memory" if found.in_memory else plain(verdict)
        raise LedgerProblem(
            f"{found.path}: {what}.",
            cost="",
            todo="Make the folder writable, or set M1_HOME to another one.",
        )
    lost = f"; {kept} not written down yet" if (kept := found.unwritten()) else ""
    return f"ok ({found.path}{lost})"


def examined(check: Callable[[], str]) -> tuple[str, str]:
    """Return ``works`` or ``fails``, and what the check says."""
    try:
        return "works", page.plain(check())
    except M1Error as error:
        return "fails", str(error)


def price_of(model: str) -> str:
    """Return what the price package knows of a model."""
    offer = known(model)
    if offer is None or offer.dearest is None:
        return f"{model}: no price known; with a budget it is refused"
    prices = f"{million(offer.dearest.input)} in, {million(offer.dearest.output)} out"
    return f"{model}: {prices} a million tokens"


def versions(desk: Desk | None = None, args: Sequence[str] = ()) -> str:
    """Return the versions that a bug report needs."""
    found_ = []
    for name in ("m1-magic", "ipython", "openai", "narwhals", "xllamacpp"):
        try:
            found_.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found_.append(f"{name}: not installed")
    return " · ".join([*found_, f"Python {sys.version.split()[0]}"])
