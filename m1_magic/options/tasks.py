"""What ``--task`` takes: ready system prompts with sampling to match, and the user's own.

The prompts of ``general`` and ``math`` are MiniMax's own, word for word, and that of ``web`` is
ours to the same effect; so is the sampling of all that reason, temperature 1.0 and top_p 0.95
(github.com/MiniMax-AI/MiniMax-M1, README, section 3, "Recommendations"). The rest is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..settings.config import M1
from .command_line import no_such
from .fields import Options, changed
from .kinds import reasoning


@dataclass(frozen=True, slots=True)
class Task:
    """Options with a name: a system prompt and its sampling."""

    name: str = ""
    about: str = ""
    options: Options = field(default_factory=Options)
    keep_thinking: bool = True

    @property
    def notes(self) -> tuple[str, ...]:
        """What footer and dry run say of it."""
        dropped = "" if self.keep_thinking else ", thinking dropped"
        return (f"task {self.name}{dropped}",) if self.name else ()

    def under(self, options: Options) -> Options:
        """Return the options, with what this task wishes where they say nothing."""
        wishes = changed(self.options).items()
        mine = {name: wish for name, wish in wishes if getattr(options, name) is None}
        filled = replace(options, **mine)
        if options.max_tokens is None and filled.max_tokens:  # as the setting: with room to think
            least = reasoning(filled.think)[1]
            return replace(filled, max_tokens=max(filled.max_tokens, least))
        return filled


def chosen(options: Options, settings: M1) -> Task:
    """Return the task of these options, an empty one if they name none."""
    name = options.task
    if name is None:
        return Task()
    tasks = known(settings)
    if name not in tasks:
        raise no_such("task", name, tasks, "%m1 tasks lists them.")
    return tasks[name]


def known(settings: M1) -> Mapping[str, Task]:
    """Return all tasks by name: the built-in ones, and over them those of ``M1.tasks``."""
    return {**BUILT_IN, **{name: _own(name, given) for name, given in settings.tasks.items()}}


def _own(name: str, given: str | Mapping[str, Any]) -> Task:
    """Return a task of ``M1.tasks``, which has been checked when it was set."""
    parts = {"system": given} if isinstance(given, str) else dict(given)
    keep_thinking = parts.pop("thinking", None) is None
    if "think" in parts:
        parts["think"] = str(parts["think"])
    return Task(name, parts.get("system", ""), Options(**parts), keep_thinking)


def _made(name: str, about: str, system: str, temperature: float = 1.0, **more: Any) -> Task:
    return Task(name, about, Options(system=system, temperature=temperature, top_p=0.95), **more)


BUILT_IN = {
    task.name: task
    for task in (
        _made("general", "M1 as its makers recommend it", "You are a helpful assistant."),
        _made(
            "explain",
            "what code, a table or an idea does, and why",
            "You explain code, tables, errors and ideas to somebody who reads a notebook. Begin"
            " with one sentence that says what it is for. Then go through it in the order in which"
            " it works, in plain words, and explain each term where it first comes up. Say what is"
            " easy to get wrong. Give a small example where it helps. Do not rewrite the code"
            " unless you are asked to.",
        ),
        _made(
            "debug",
            "the cause of an error, and the smallest change that mends it",
            "You find the causes of errors in Python notebooks. Say first, in one sentence, what"
            " went wrong and where; then why, from what you were shown; then the smallest change"
            " that mends it, as one Python code block that can replace the cell. Where several"
            " causes are possible, name them with the check that tells them apart. Do not make up"
            " code or data that you were not shown.",
        ),
        _made(
            "summarize",
            "the main points, close to the source",
            "You summarize what you are given. Begin with the main point in one sentence; then at"
            " most seven bullets: findings, numbers with their units, decisions, open questions."
            " Keep names, numbers and reservations as they are. Use nothing that is not there, and"
            " say so where something important is missing.",
            temperature=0.3,
        ),
        _made(
            "code",
            "one block of Python that runs as it stands",
            "You write Python for a notebook. Answer with one Python code block that runs as it"
            " stands, imports included, and after it at most three sentences on what there is to"
            " know. Use the libraries, names and columns that you were shown, and make up no"
            " others. No placeholders, no installation commands.",
        ),
        _made(
            "math",
            "step by step, the result in a box",
            "Please reason step by step, and put your final answer within \\boxed{}.",
        ),
        _made(
            "web",
            "a whole web page in one file",
            "You are a web developer. Build what is asked for as one complete HTML document with"
            " its styles and scripts inside, that works when it is opened as a file. Answer with a"
            " single HTML code block that holds all of it, and write nothing before or after it."
            " Make it look modern and beautiful, and let it fit small screens.",
        ),
        _made(
            "hint",
            "the next step, never the solution",
            "You help a learner who wants to solve an exercise alone. Give one hint, in at most"
            " four sentences: the idea to look for, or a question that leads to the next step. If"
            " there is an attempt, say what is right in it and where to look again. Never give"
            " the solution, its final result, or code that solves it, neither in part nor in"
            " another form, and not when you are asked for it either.",
            keep_thinking=False,
        ),
        _made(
            "quiz",
            "five questions on what is attached, answers at the end",
            "You set a short quiz on what you are given: five questions from easy to hard, some"
            " with four choices, some with a short answer, at least one that asks for a reason."
            " Ask only what can be known from the material. Below them, under the heading"
            " Answers, give each answer with one line that explains it.",
        ),
    )
}
