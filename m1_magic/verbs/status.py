"""Verbs on this kernel's state: status, use, set, budget."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import UsageError, plain
from ..jupyter.banner import banner
from ..options import command_line
from ..render import footer, page
from ..settings import config
from ..settings.config import M1
from ..settings.endpoints import OFFLINE, OPENROUTER, endpoint
from .verb_context import Desk, one


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
        near = command_line.did_you_mean(url, ("openrouter", "offline"))
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
        near = command_line.did_you_mean(name, settings_names())
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
    """Show or set the budget; one for a day or a month is for all kernels, so it is saved."""
    parser = command_line.Parser("%m1 budget")
    parser.add_argument("usd", nargs="?")
    parser.add_argument("--per", choices=config.PERIODS)
    given = parser.parse_args(list(args))
    if given.per:
        config.change(desk.settings, "budget_period", given.per)
    if given.usd:
        config.change(desk.settings, "budget", given.usd)
    kept = _kept(desk.settings) if given.usd or given.per else ""
    totals = desk.session.totals()
    spent = f"spent {footer.money(totals.spent)}, held {footer.money(totals.held)}"
    if totals.budget is None:
        return f"No budget ({totals.period}: {spent}){kept}. `%m1 budget 1 --per day` sets one."
    return f"Budget {footer.limit(totals.budget)} per {totals.period}: {spent}{kept}."


def _kept(settings: M1) -> str:
    """Save the budget of a day or a month, and that a saved one is lifted; say so."""
    lasting = settings.budget is not None and settings.budget_period != "session"
    lifted = settings.budget is None and config.saved().get("budget") is not None
    if not lasting and not lifted:
        return ""
    config.save("budget", settings.budget)
    config.save("budget_period", settings.budget_period)
    return "; saved, for new kernels too"
