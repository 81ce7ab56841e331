"""What may follow in a ``%%m1`` or ``%m1`` line: verbs, options, and their values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..context.frames import is_frame, opened
from ..context.globs import completions
from ..options import flags, tasks
from ..settings.config import LEVELS, M1, PERIODS

THINK = ("off", "low", "medium", "high", "40k", "80k")


def complete(
    event: Any,
    namespace: dict[str, Any],
    *,
    settings: M1,
    verbs: Iterable[str],
    settings_names: Callable[[], Sequence[str]],
    chats: Callable[[], Sequence[str]],
) -> list[str]:
    """Return what may follow: verbs, options, levels, frames."""
    typed = event.text_until_cursor.split()
    before = typed if event.text_until_cursor.endswith(" ") else typed[:-1]
    last = before[-1] if before else ""
    if last in ("-d", "--df", "df"):
        return frames(namespace)
    if last in ("--cols", "--allow"):
        return columns(namespace, before)
    if last in ("-f", "--file"):
        return completions(event.symbol)
    if last == "--send":
        return list(LEVELS)
    if last == "--cells":
        return ["last", "all"]
    if last == "--think":
        return list(THINK)
    if last == "--task":
        return list(tasks.known(settings))
    if last == "--by" and before[1] == "cost":
        return ["model", "day", "notebook", "chat"]
    if last in ("-c", "--chat") or (last == "forget" and before[0] == "%m1"):
        return [*(["--all"] if last == "forget" else []), *chats()]
    if last == "--per" and before[1] == "budget":
        return list(PERIODS)
    if before == ["%m1"]:
        return list(verbs)
    if before[0] == "%m1" and before[1] not in ("ask", "again"):
        known = {"use": ["openrouter", "offline"], "set": settings_names()}
        known |= {"help": list(verbs)}
        known |= {"cost": ["--by", "--csv", "--release"], "budget": ["--per", "none"]}
        if before[1] == "df":
            return [flag for flag in flags.table_flags() if flag.startswith("--")]
        return list(known.get(before[1], [])) if len(before) == 2 else []
    return list(flags.cell_options().flags)


def frames(namespace: dict[str, Any]) -> list[str]:
    """Return the names of the user's DataFrames."""
    return [n for n, value in namespace.items() if not n.startswith("_") and is_frame(value)]


def columns(namespace: dict[str, Any], words: list[str]) -> list[str]:
    """Return the names of the columns of the tables that a line names, those without blanks."""
    named = [name for word in words for name in word.split(",") if name in namespace]
    tables = [opened(namespace[name]) for name in named if is_frame(namespace[name])]
    return [name for table in tables for name in table.names if name.isidentifier()]
