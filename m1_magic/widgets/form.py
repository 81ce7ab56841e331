"""What is asked: the prompt, the tables that go along, and the options, as controls.

The tables of the namespace are looked at anew after each cell; one that was ticked and is gone
stays in sight until it is unticked, so that nothing is asked without it.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import ipywidgets

from ..context.frames import shapes
from ..context.frames.tables import shape_of
from ..errors import M1Error
from ..jupyter import history
from ..options.command_line import words
from ..options.fields import OPTIONS, Option, Options, changed
from ..options.flags import from_python
from ..options.kinds import only
from ..options.tasks import known
from ..settings.config import M1
from ..text import one_line, thousands
from .styles import choice, column, dispose, fold, html, named, note, row, set_choices, text

NO_FRAMES = note("No DataFrames here yet: they appear after the cell that makes one.")


class Form:
    """The controls, in ``prompt``, ``along`` and ``more``.

    Tables that were handed over (``given``) need not be in the namespace.
    """

    def __init__(self, settings: M1, given: Mapping[str, object]) -> None:
        self._settings, self._given = settings, dict(given)
        self._base = Options()  # what has no field here
        self._ticks: dict[str, ipywidgets.Checkbox] = {}
        prompt = ipywidgets.Textarea(
            description="Prompt",
            placeholder="Ask MiniMax M1. {{name}} inserts a value.",
            continuous_update=False,
            rows=4,
            tooltip="Prompt",
        )
        self.prompt = named(prompt, "m1-prompt")
        self._frames, self._hint = row(name="m1-frames"), html()
        self.follow = ipywidgets.Checkbox(
            False, description="go on from the last answer", indent=False, disabled=True
        )
        self._fields = {n: field(one, settings) for n, one in OPTIONS.items() if one.label}
        self._also = html()
        along = [n for n in self._fields if OPTIONS[n].group in ("tables", "context")]
        written = row(*(self._fields[name] for name in along if not OPTIONS[name].switch))
        ticked = row(*(self._fields[name] for name in along if OPTIONS[name].switch), self.follow)
        self.along = column(self._frames, self._hint, written, ticked)
        sampling = (one for name, one in self._fields.items() if name not in along)
        self.more = row(*sampling, self._also, name="m1-more")
        self.unfold = fold("More", self.more)

    def refresh(self, namespace: Mapping[str, object]) -> None:
        """Show the tables that there are now, with their sizes."""
        there = shapes(namespace) | {n: shape_of(value) for n, value in self._given.items()}
        for name in [n for n, tick in self._ticks.items() if n not in there and not tick.value]:
            dispose(self._ticks.pop(name))
        for name, shape in there.items():
            self._tick(name).description = f"{one_line(name, 60)}  {size(shape)}"
        for name in self._ticks.keys() - there.keys():
            self._ticks[name].description = f"{one_line(name, 60)}  (gone)"
        self._frames.children = tuple(self._ticks[name] for name in sorted(self._ticks))
        self._hint.value = "" if self._ticks else NO_FRAMES
        set_choices(self._fields["task"], tasks(self._settings))
        failure, error = history.failure(), self._fields["error"]
        error.description = f"last error: {one_line(failure.label, 60) if failure else 'none'}"
        error.disabled = failure is None and not error.value

    def names(self, namespace: Mapping[str, object]) -> dict[str, object]:
        """Return what names in prompt and ticks stand for."""
        return {**namespace, **self._given}

    def options(self) -> Options:
        """Return what is ticked and filled in; UsageError: a field that cannot be."""
        written = {name: value(OPTIONS[name], one.value) for name, one in self._fields.items()}
        ticked = tuple(name for name, tick in self._ticks.items() if tick.value)
        filled = from_python({n: v for n, v in written.items() if v not in ("", [])}, ticked)
        return replace(self._base, df=ticked, **{name: getattr(filled, name) for name in written})

    def size(self) -> tuple[str, int]:
        """Return the model, and the most tokens of an answer, of the next call."""
        options, settings = Options(), self._settings
        with suppress(M1Error):  # a field that cannot be: Send says so
            options = self.options()
        return only(options.model) or settings.model, options.max_tokens or settings.max_tokens

    def fill(self, prompt: str, options: Options | None = None) -> None:
        """Put a question into the form, to be changed and asked."""
        self.prompt.value = prompt
        if options is None:
            return
        self._base = options
        self._also.value = also(options, {"df", *self._fields})
        level = self._fields["send"]
        if options.send and options.send not in level.options:  # sample:3
            level.options = (*level.options, options.send)
        for name, one in self._fields.items():
            fill(one, getattr(options, name))
        for name in options.df:
            self._tick(name)
        for name, tick in self._ticks.items():
            tick.value = name in options.df

    def _tick(self, name: str) -> ipywidgets.Checkbox:
        if name not in self._ticks:
            self._ticks[name] = ipywidgets.Checkbox(name in self._given, indent=False)
        return self._ticks[name]


def field(option: Option, settings: M1) -> Any:
    """Return the empty field of an option: a tick, a choice, or text with values to choose from."""
    if option.switch:
        return ipywidgets.Checkbox(False, description=option.label, indent=False)
    if option.name == "send":
        levels = list(dict.fromkeys((*option.values, settings.send)))
        return choice(option.label, levels, settings.send)
    if option.name == "task":
        return choice(option.label, tasks(settings), "")
    setting = getattr(settings, option.name, None)
    hint = option.hint or (f"{setting:g}" if isinstance(setting, float) else str(setting or ""))
    if option.values and not isinstance(option.values, str):
        return text(option.label, hint, ipywidgets.Combobox, options=option.values)
    return text(option.label, hint)


def fill(control: Any, option: object) -> None:
    """Put an option into its field; a choice that there is not leaves it as it is."""
    if isinstance(option, bool):
        control.value = option
        return
    written = "" if option is None else str(option)
    if isinstance(option, float):
        written = f"{option:g}"
    elif isinstance(option, tuple):
        written = shlex.join(option)
    if isinstance(control, ipywidgets.Dropdown):
        values = [value if isinstance(value, str) else value[1] for value in control.options]
        written = written if written in values else control.value
    control.value = written


def also(options: Options, shown: Collection[str]) -> str:
    """Return a line on the options that go along without a field of their own."""
    others = [f"{n} {one_line(v, 60)}" for n, v in changed(options).items() if n not in shown]
    return note(f"also: {', '.join(others)}") if others else ""


def tasks(settings: M1) -> list[tuple[str, str]]:
    """Return the tasks to choose from, each with what it is for."""
    labels = {name: f"{name}: {task.about}" for name, task in known(settings).items()}
    return [("none", ""), *((one_line(label, 70), name) for name, label in labels.items())]


def size(shape: tuple[int, int] | None) -> str:
    """Return rows × columns, or that nobody knows without asking."""
    return f"{thousands(shape[0])} × {thousands(shape[1])}" if shape else "(lazy)"


def value(option: Option, written: str | bool) -> object:
    """Return what stands in the field of an option, as Python may pass it."""
    if isinstance(written, bool):
        return written
    return words(written.strip()) if option.kind.split else written.strip()
