"""``%m1 tasks``: the ready system prompts and the user's own."""

from __future__ import annotations

from collections.abc import Sequence

from ..options.fields import changed
from ..options.tasks import BUILT_IN, Task, known
from ..render import page
from ..text import one_line
from .verb_context import VerbContext, none


def tasks(context: VerbContext, args: Sequence[str]) -> str:
    """List what ``--task`` takes: its name, what it is for, its sampling, where it is from."""
    none(args, "tasks")
    rows: list[list[object]] = [
        [name, one_line(task.about, 80), _sampling(task), _source(name, task)]
        for name, task in known(context.settings).items()
    ]
    table = page.table(["task", "for", "sampling", "from"], rows)
    own = page.code("%config M1.tasks = {'tutor': 'You ask back before you answer.'}")
    return f"{table}\n\nYour own task, or another one under a name of these:\n\n{own}"


def _sampling(task: Task) -> str:
    """Return what a task sets; nothing where it is as in the settings."""
    wishes = [f"{name} {wish}" for name, wish in changed(task.options).items() if name != "system"]
    return ", ".join(wishes if task.keep_thinking else [*wishes, "thinking dropped"])


def _source(name: str, task: Task) -> str:
    if BUILT_IN.get(name) is task:
        return "built in"
    return "M1.tasks, in place of the built-in one" if name in BUILT_IN else "M1.tasks"
