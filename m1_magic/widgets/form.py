"""What is asked: the prompt, the tables that go along, and the options, as controls.

The tables of the namespace are looked at anew after each cell; one that was ticked and is gone
stays in sight until it is unticked, so that nothing is asked without it.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any

import ipywidgets

from ..calls import Options
from ..context.frames import shapes
from ..context.frames.tables import shape_of
from ..errors import M1Error, UsageError
from ..jupyter import history
from ..options.command_line import words
from ..options.flags import from_python
from ..options.tasks import known
from ..settings.config import LEVELS, M1
from ..text import one_line, thousands
from .styles import choice, column, gone, html, note, offer, put, row, text, unfolding

THINK = ("off", "low", "medium", "high", "40k", "80k")
MODELS = ("minimax/minimax-m1",)
NO_FRAMES = note("No DataFrames here yet: they appear after the cell that makes one.")
NUMBERS = {"temperature": float, "max_tokens": int}


class Form:
    """The controls, in ``prompt``, ``along`` and ``more``.

    Args:
        settings: what holds where a field is left empty.
        given: tables that were handed over, by name; they need not be in the namespace.
    """

    def __init__(self, settings: M1, given: Mapping[str, object]) -> None:
        self._settings, self._given = settings, dict(given)
        self._base = Options()  # what has no field here
        self._ticks: dict[str, ipywidgets.Checkbox] = {}
        self.prompt = ipywidgets.Textarea(
            description="Prompt",
            placeholder="Ask MiniMax M1. {{name}} inserts a value.",
            continuous_update=False,
            rows=4,
            tooltip="Prompt",
        )
        self.prompt.add_class("m1-prompt")
        levels = dict.fromkeys((*LEVELS, settings.send))
        self._level = choice("tables as", list(levels), settings.send)
        self._frames = row()
        self._frames.add_class("m1-frames")
        self._hint = html()
        self.follow = ipywidgets.Checkbox(
            False, description="go on from the last answer", indent=False, disabled=True
        )
        self._fields: dict[str, Any] = {
            "send": self._level,
            "cells": text("cells", "last, 3, 5-7, all"),
            "error": ipywidgets.Checkbox(False, description="last error", indent=False),
            "file": text("files", "*.md  data.csv"),
            "chat": text("chat", "a name: one question after the other"),
            "model": text("model", settings.model, ipywidgets.Combobox, options=MODELS),
            "task": choice("task", tasks(settings), ""),
            "think": text("thinking", "as the model likes", ipywidgets.Combobox, options=THINK),
            "temperature": text("temperature", f"{settings.temperature:g}"),
            "max_tokens": text("max tokens", f"{settings.max_tokens}"),
        }
        written = row(self._level, *(self._fields[name] for name in ("cells", "file", "chat")))
        ticked = row(self._fields["error"], self.follow)
        self.along = column(self._frames, self._hint, written, ticked)
        names = ("model", "task", "think", "temperature", "max_tokens")
        self._also = html()
        part = row(*(self._fields[name] for name in names), self._also)
        part.add_class("m1-more")
        self.more = part
        self.unfold = unfolding("More", part, lambda: None)

    def refresh(self, namespace: Mapping[str, object]) -> None:
        """Show the tables that there are now, with their sizes."""
        there = shapes(namespace) | {n: shape_of(value) for n, value in self._given.items()}
        for name in [n for n, tick in self._ticks.items() if n not in there and not tick.value]:
            self._drop(name)
        for name, shape in there.items():
            self._tick(name).description = f"{one_line(name, 60)}  {size(shape)}"
        for name in self._ticks.keys() - there.keys():
            self._ticks[name].description = f"{one_line(name, 60)}  (gone)"
        ticks = tuple(self._ticks[name] for name in sorted(self._ticks))
        if self._frames.children != ticks:
            self._frames.children = ticks
        put(self._hint, "value", "" if ticks else NO_FRAMES)
        offer(self._fields["task"], tasks(self._settings))
        failure = history.failure()
        label = f"last error: {one_line(failure.label, 60)}" if failure else "last error: none"
        put(self._fields["error"], "description", label)
        put(self._fields["error"], "disabled", failure is None and not self._fields["error"].value)

    def names(self, namespace: Mapping[str, object]) -> dict[str, object]:
        """Return what names in prompt and ticks stand for."""
        return {**namespace, **self._given}

    def options(self) -> Options:
        """Return what is ticked and filled in.

        Raises:
            UsageError: a field that cannot be.
        """
        filled = {name: value(name, field.value) for name, field in self._fields.items()}
        ticked = tuple(name for name, tick in self._ticks.items() if tick.value)
        checked = from_python({k: v for k, v in filled.items() if v not in ("", [])}, ticked)
        return replace(self._base, df=ticked, **{name: getattr(checked, name) for name in filled})

    def size(self) -> tuple[str, int]:
        """Return the model, and the most tokens of an answer, of the next call."""
        options = Options()
        with suppress(M1Error):  # a field that cannot be: Send says so
            options = self.options()
        settings = self._settings
        return options.model or settings.model, options.max_tokens or settings.max_tokens

    def fill(self, prompt: str, options: Options | None = None) -> None:
        """Put a question into the form, to be changed and asked."""
        self.prompt.value = prompt
        if options is None:
            return
        self._base = options
        put(self._also, "value", also(options, {"df", *self._fields}))
        if options.send and options.send not in self._level.options:  # sample:3
            self._level.options = (*self._level.options, options.send)
        for name, field in self._fields.items():
            fill(field, getattr(options, name))
        for name in options.df:
            self._tick(name)
        for name, tick in self._ticks.items():
            tick.value = name in options.df

    def _tick(self, name: str) -> ipywidgets.Checkbox:
        if name not in self._ticks:
            made = ipywidgets.Checkbox(name in self._given, indent=False)
            self._ticks[name] = made
        return self._ticks[name]

    def _drop(self, name: str) -> None:
        gone(self._ticks.pop(name))


def fill(field: Any, option: object) -> None:
    """Put an option into its field; a choice that there is not leaves it as it is."""
    if isinstance(option, bool):
        field.value = option
        return
    written = "" if option is None else str(option)
    if isinstance(option, float):
        written = f"{option:g}"
    elif isinstance(option, tuple):
        written = shlex.join(option)
    if isinstance(field, ipywidgets.Dropdown):
        values = [value if isinstance(value, str) else value[1] for value in field.options]
        written = written if written in values else field.value
    field.value = written


def also(options: Options, shown: Collection[str]) -> str:
    """Return a line on the options that go along without a field of their own."""
    given = {one.name: getattr(options, one.name) for one in fields(Options)}
    default = Options()
    others = [
        f"{name} {one_line(value, 60)}"
        for name, value in given.items()
        if name not in shown and value != getattr(default, name)
    ]
    return note(f"also: {', '.join(others)}") if others else ""


def tasks(settings: M1) -> list[tuple[str, str]]:
    """Return the tasks to choose from, each with what it is for."""
    found = [(f"{name}: {task.about}", name) for name, task in known(settings).items()]
    return [("none", ""), *((one_line(label, 70), name) for label, name in found)]


def size(shape: tuple[int, int] | None) -> str:
    """Return rows × columns, or that nobody knows without asking."""
    return f"{thousands(shape[0])} × {thousands(shape[1])}" if shape else "(lazy)"


def value(name: str, written: str | bool) -> object:
    """Return what stands in a field; raise UsageError where it is to be a number and is not."""
    if isinstance(written, bool):
        return written
    bare = written.strip()
    if name == "file":
        return words(bare)
    if not bare or name not in NUMBERS:
        return bare
    try:
        return NUMBERS[name](bare.replace(",", ""))
    except ValueError:
        what = f"{name.replace('_', ' ')}: {one_line(bare, 40)!r} is no number."
        raise UsageError(what, todo="Empty it for the setting.") from None
