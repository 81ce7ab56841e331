"""What may follow in a ``%%m1`` or ``%m1`` line: verbs, options, and their values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..context.frames import opened, shapes
from ..context.frames.tables import is_frame
from ..context.globs import completions
from ..options import tasks
from ..options.fields import OPTIONS, in_groups
from ..settings.config import M1, PERIODS

FLAGS = {flag: option for option in OPTIONS.values() for flag in option.flags}
# What follows a verb, and what follows an option that only a verb has.
WORDS: dict[tuple[str, ...], Sequence[str]] = {
    ("use",): ("openrouter", "offline"),
    ("cost",): ("--by", "--csv", "--release"),
    ("cost", "--by"): ("model", "day", "notebook", "chat"),
    ("budget",): ("--per", "none"),
    ("budget", "--per"): PERIODS,
}


def complete(
    event: Any,
    namespace: Mapping[str, Any],
    *,
    settings: M1,
    verbs: Iterable[str],
    topics: Callable[[], Iterable[str]],
    settings_names: Callable[[], Sequence[str]],
    chats: Callable[[], Sequence[str]],
) -> list[str]:
    """Return what may follow the words before the cursor.

    Args:
        event: IPython's, with the line up to the cursor and the word that is being written.
        topics: returns what ``%m1 help`` takes besides a verb.
        settings_names: returns what ``%m1 set`` takes.
        chats: returns the notebook's chats.
    """
    typed = event.text_until_cursor.split()
    magic, *words = typed if event.text_until_cursor.endswith(" ") else typed[:-1] or [""]
    if not magic:
        return []
    verb, last = (words[0], words[-1]) if words else ("", "")
    if last in FLAGS and FLAGS[last].values:
        sources = {
            "tables": lambda: shapes(namespace),
            "columns": lambda: columns(namespace, words),
            "files": lambda: completions(event.symbol),
            "chats": chats,
            "tasks": lambda: tasks.known(settings),
        }
        values = FLAGS[last].values
        return list(sources[values]() if isinstance(values, str) else values)
    if magic != "%m1" or verb in ("ask", "again", "fix", "explain"):
        return list(FLAGS)
    if not words:
        return list(verbs)
    if verb == "df":
        flags = [option.flag for option in in_groups("tables").values()]
        return list(shapes(namespace)) if last == "df" else flags
    if (verb, last) in WORDS:
        return list(WORDS[verb, last])
    if len(words) > 1:
        return []
    named = {
        "set": settings_names,
        "help": lambda: {*topics(), *verbs},
        "forget": lambda: ("--all", *chats()),
    }
    return list(named[verb]() if verb in named else WORDS.get((verb,), ()))


def columns(namespace: Mapping[str, Any], words: Sequence[str]) -> list[str]:
    """Return the names of the columns of the tables that a line names, those without blanks."""
    named = [name for word in words for name in word.split(",") if name in namespace]
    frames = [opened(namespace[name]) for name in named if is_frame(namespace[name])]
    return [name for frame in frames for name in frame.names if name.isidentifier()]
