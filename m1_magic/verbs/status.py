"""Verbs on this kernel's state: status, use, set, tasks, budget."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import UsageError
from ..jupyter import banner
from ..options import command_line
from ..options.fields import changed
from ..options.tasks import BUILT_IN, Task, known
from ..pricing.dollars import money, money_limit
from ..render import page
from ..settings import config, sources
from ..settings.config import M1
from ..settings.endpoints import OFFLINE, OPENROUTER, endpoint
from ..text import md_cell, one_line
from .verb_context import VerbContext, none


def status(context: VerbContext, args: Sequence[str] = ()) -> str:
    """Return model, endpoint, key, budget, and who may keep the prompts."""
    s, totals = context.settings, context.session.totals()
    place = endpoint(s.base_url)
    lines = [
        md_cell(banner.status(s)),
        f"session {money(totals.session)}"
        + (f", {totals.unknown} call(s) of a cost not known" if totals.unknown else ""),
        f"privacy level of tables: {s.send}; temperature {s.temperature}, top_p {s.top_p},"
        f" max_tokens {s.max_tokens:,}",
    ]
    if place.whole_api:
        lines.append(retention(s))
    added = {n: getattr(s, n) for n in ("provider", "fallbacks", "extra_body", "extra_headers")}
    lines += [f"{name}: {md_cell(one_line(value))}" for name, value in added.items() if value]
    return "\n\n".join([*lines, *map(md_cell, context.session.ledger.news())])


def retention(settings: M1) -> str:
    """Return who may keep prompts, by the provider preferences that are set."""
    wishes = settings.routing()
    if wishes.get("zdr"):
        return "zero data retention: on"
    if wishes.get("data_collection") == "deny":
        return "no provider that keeps prompts"
    account = "" if wishes.get("data_collection") else ": your account's setting applies"
    return f"providers may keep prompts{account}"


def use(context: VerbContext, args: Sequence[str]) -> str:
    """Switch this kernel to openrouter, offline or a URL."""
    if len(args) != 1:
        raise UsageError("Usage: %m1 use openrouter|offline|URL.", cost="")
    url = OPENROUTER if args[0].lower() == "openrouter" else args[0]
    if "/" not in url and url.lower() != OFFLINE:
        places, todo = ("openrouter", "offline"), "Or give a URL: https://host/v1."
        raise command_line.no_such("place", url, places, todo)
    config.change(context.settings, "base_url", url)
    if url.lower() == OFFLINE:
        context.session.backend().ready()
    place = endpoint(url)
    if not place.offline and place.host != "openrouter.ai":
        model = md_cell(context.settings.model)
        return f"From now on prompts go to **{md_cell(place.host)}** ({md_cell(url)}): {model}."
    return md_cell(banner.status(context.settings))


def set_(context: VerbContext, args: Sequence[str]) -> str:
    """Set a setting, for this kernel or for good."""
    words = [word for word in args if word != "--save"]
    if len(words) < 2:
        todo = f"Settings: {', '.join(settings_names())}."
        raise UsageError("%m1 set takes a name and a value.", todo=todo)
    name, value = words[0], " ".join(words[1:])
    if name not in settings_names():
        todo = "%config M1 lists them."
        raise command_line.no_such("setting", name, settings_names(), todo)
    now = config.change(context.settings, name, value)
    if len(words) == len(args):
        return f"{name} = {md_cell(now)}"
    note = sources.save(name, now)
    return f"{name} = {md_cell(now)}, saved for good" + (f". {md_cell(note)}" if note else "")


def settings_names() -> list[str]:
    """Return the names of all settings."""
    return sorted(M1.class_trait_names(config=True))


def tasks(context: VerbContext, args: Sequence[str]) -> str:
    """List what ``--task`` takes: its name, what it is for, its sampling, where it is from."""
    none(args, "tasks")
    rows = [
        [name, one_line(task.about, 80), _sampling(task), _source(name, task)]
        for name, task in known(context.settings).items()
    ]
    table = page.table(["task", "for", "sampling", "from"], rows)
    own = page.code("%config M1.tasks = {'tutor': 'You ask back before you answer.'}")
    return f"{table}\n\nYour own task, or another one under a name of these:\n\n{own}"


def _sampling(task: Task) -> str:
    wishes = [f"{name} {wish}" for name, wish in changed(task.options).items() if name != "system"]
    return ", ".join(wishes if task.keep_thinking else [*wishes, "thinking dropped"])


def _source(name: str, task: Task) -> str:
    if BUILT_IN.get(name) is task:
        return "built in"
    return "M1.tasks, in place of the built-in one" if name in BUILT_IN else "M1.tasks"


def budget(context: VerbContext, args: Sequence[str]) -> str:
    """Show or set the budget; one for a day or a month is for all kernels, so it is saved."""
    parser = command_line.Parser("%m1 budget")
    parser.add_argument("usd", nargs="?")
    parser.add_argument("--per", choices=config.PERIODS)
    given = parser.parse_args(list(args))
    if given.per:
        config.change(context.settings, "budget_period", given.per)
    if given.usd:
        config.change(context.settings, "budget", given.usd)
    saved_note = _save_budget(context.settings) if given.usd or given.per else ""
    totals = context.session.totals()
    spent = f"spent {money(totals.spent)}, held {money(totals.held)}"
    if totals.budget is None:
        return (
            f"No budget ({totals.period}: {spent}){saved_note}. `%m1 budget 1 --per day` sets one."
        )
    return f"Budget {money_limit(totals.budget)} per {totals.period}: {spent}{saved_note}."


def _save_budget(settings: M1) -> str:
    """Save the budget of a day or a month, and that a saved one is lifted; say so."""
    lasting = settings.budget is not None and settings.budget_period != "session"
    lifted = settings.budget is None and sources.saved().get("budget") is not None
    if not lasting and not lifted:
        return ""
    note = sources.save("budget", settings.budget)
    sources.save("budget_period", settings.budget_period)
    return "; saved, for new kernels too" + (f". {md_cell(note)}" if note else "")
