"""What is asked: the prompt, what goes along with it as chips, and the options, as controls.

A chip is a tick: taken away, it stands in the list of what can be added again. Tables of the
namespace are looked at anew after each cell; one that was ticked and is gone stays in sight until
it is unticked, so that nothing is asked without it. Controls are made when they are needed; until
then an option is as it was given.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
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
from ..options.kinds import TOOLS, alone, only
from ..options.tasks import known
from ..settings.config import M1
from ..text import one_line, thousands
from ..tools.calling import called
from .loop_variables import LoopVariables
from .styles import (
    choice,
    column,
    dispose,
    fold,
    html,
    in_turn,
    made,
    named,
    note,
    row,
    set_choices,
    text,
)

NO_FRAMES = note("No DataFrames here yet: they appear after the cell that makes one.")
LABELLED = [name for name, one in OPTIONS.items() if one.label]
# What is added to a question; all others are how it is asked.
ALONG = [name for name in LABELLED if OPTIONS[name].group == "context" and name != "chat"]


class Form:
    """The controls: ``prompt``, ``chips``, ``add`` that unfolds others in ``place``, and more.

    Tables that were handed over (``given``) need not be in the namespace. ``changed`` gets
    the controls when there are others.
    """

    def __init__(
        self,
        settings: M1,
        given: Mapping[str, object],
        place: Any = None,
        changed: Callable[[Sequence[Any]], None] = lambda _: None,
    ) -> None:
        self._settings, self._given, self._changed = settings, dict(given), changed
        self._functions: dict[str, object] = {}  # that were handed over
        self._base = Options()  # what has no field yet, or none at all
        self._namespace: Mapping[str, object] = {}
        self._loops = LoopVariables()
        self._ticks: dict[str, ipywidgets.Checkbox] = {}
        self._fields: dict[str, Any] = {}
        self._also: Any = None  # what of the options has no field
        self._written: dict[str, ipywidgets.Checkbox] = {}  # chips of what was written in a field
        self._typed: Any = None  # the fields among what can be added
        self.prompt = named(
            made(ipywidgets.Textarea, description="Prompt", continuous_update=False, rows=2),
            "m1-prompt",
        )
        self.chips = row(name="m1-chips")
        self.add = fold("Add", place or column(), self._unfold, self._turned)

    def controls(self) -> list[Any]:
        """Return the controls that there are, but for the prompt."""
        return [*self._fields.values(), *self._ticks.values(), *self._written.values()]

    def refresh(self, namespace: Mapping[str, object]) -> None:
        """Show the tables that there are now, with their sizes."""
        self._namespace, adding = namespace, self.add.value
        there: dict[str, tuple[int, int] | None] = {}
        if adding or self._ticks:
            there = shapes(namespace) | {n: shape_of(value) for n, value in self._given.items()}
        unticked = [name for name, tick in self._ticks.items() if not tick.value]
        for name in [n for n in unticked if n not in there or not adding]:
            dispose(self._ticks.pop(name))
        loops = self._loops.names() if adding else ()
        for name in there if adding else ():
            if name not in loops or name in self._given:
                self._tick(name)
        for name, tick in self._ticks.items():
            label_size = size(there[name]) if name in there else "(gone)"
            tick.description = f"{one_line(name, 60)}  {label_size}"
        if self._typed is not None:
            self._hint.value = "" if self._ticks else NO_FRAMES
        if (task := self._fields.get("task")) is not None:
            set_choices(task, tasks(self._settings))
        if (error := self._fields.get("error")) is not None:
            failure = history.failure()
            label = one_line(failure.label, 60) if failure else "none"
            error.description = f"last error: {label}"
            error.disabled = failure is None and not error.value
        switches = (one for name, one in self._fields.items() if OPTIONS[name].switch)
        ticks = (self._ticks[name] for name in sorted(self._ticks))
        self.chips.children = (*ticks, *switches, *self._written.values())
        self._changed(self.controls())

    def names(self, namespace: Mapping[str, object]) -> dict[str, object]:
        """Return what names in prompt and ticks stand for."""
        return {**namespace, **self._functions, **self._given}

    def options(self) -> Options:
        """Return what is ticked and filled in; UsageError: a field that cannot be."""
        written = {name: value(OPTIONS[name], one.value) for name, one in self._fields.items()}
        ticked = tuple(name for name, tick in self._ticks.items() if tick.value)
        filled = from_python({n: v for n, v in written.items() if v not in ("", [])}, ticked)
        return replace(self._base, df=ticked, **{name: getattr(filled, name) for name in written})

    def size(self) -> tuple[str, int]:
        """Return the model, and the most tokens of an answer, of the next call."""
        options, settings = self._base, self._settings
        with suppress(M1Error):  # a field that cannot be: Send says so
            options = self.options()
        return only(options.model) or settings.model, options.max_tokens or settings.max_tokens

    def fill(self, prompt: str, options: Options | None = None) -> None:
        """Put a question into the form, to be changed and asked."""
        self.prompt.value = prompt
        if options is None:
            return
        self._base = options = self._with_names(options)
        if self._also is not None:
            self._also.value = also(options, {"df", *LABELLED})
        for name in self._fields:
            self._put(name)
        if any(getattr(options, name) for name in ALONG):
            self._make(ALONG)
        for name in options.df:
            self._tick(name)
        for name, tick in self._ticks.items():
            tick.value = name in options.df
        self.refresh(self._namespace)

    def _with_names(self, options: Options) -> Options:
        """Return options with functions by their names, which stand for these from now on."""
        here = {**self._namespace, **self._functions}
        given = {called(one, here): one for one in options.tools if not isinstance(one, str)}
        self._functions |= {n: one for n, one in given.items() if here.get(n) is not one}
        tools = (one if isinstance(one, str) else called(one, here) for one in options.tools)
        return replace(options, tools=tuple(tools))

    def open(self) -> Any:
        """Make the fields of how it is asked."""
        self._make(name for name in LABELLED if name not in ALONG)
        fields = (self._fields[name] for name in LABELLED if name not in ALONG)
        self._also = html(also(self._base, {"df", *LABELLED}))
        self.refresh(self._namespace)
        return row(*fields, self._also, name="m1-more")

    def _unfold(self) -> Any:
        """Return what can be added beside the chips."""
        self._make(ALONG)
        written = (self._fields[name] for name in ALONG if not OPTIONS[name].switch)
        self._hint, self._typed = html(), row(*written)
        return column(self._hint, self._typed, name="m1-more")

    def _turned(self, adding: bool) -> None:
        """Show what can be added, or only what was."""
        (self.chips.add_class if adding else self.chips.remove_class)("m1-adding")
        self.refresh(self._namespace)

    def _make(self, names: Iterable[str]) -> None:
        """Make the fields of these options that are not there."""
        for name in (one for one in names if one not in self._fields):
            one = self._fields[name] = field(OPTIONS[name], self._settings)
            if name in ALONG and not OPTIONS[name].switch:
                one.observe(in_turn()(lambda _, name=name: self._mark(name)), "value")
            self._put(name)

    def _put(self, name: str) -> None:
        """Put an option into its field."""
        one, wished = self._fields[name], getattr(self._base, name)
        if name == "send" and wished and wished not in one.options:  # sample:3
            one.options = (*one.options, wished)
        fill(one, ",".join(wished) if OPTIONS[name].kind is TOOLS else wished)

    def _mark(self, name: str) -> None:
        """Show what stands in a field as a chip; without the chip there is nothing in it."""
        field, chip = self._fields[name], self._written.get(name)
        written = field.value.strip()
        if chip is None and written:
            chip = self._written[name] = ipywidgets.Checkbox(True, indent=False)
            chip.observe(in_turn()(lambda now: empty(field, now["new"])), "value")
            self.chips.children = (*self.chips.children, chip)
            self._changed(self.controls())
        if chip is not None:
            chip.value = bool(written)
            chip.description = f"{OPTIONS[name].label}: {one_line(written or 'none', 60)}"
            chip.disabled = not written

    def _tick(self, name: str) -> ipywidgets.Checkbox:
        if name not in self._ticks:
            self._ticks[name] = ipywidgets.Checkbox(False, indent=False)
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


def empty(control: Any, unless: bool) -> None:
    """Leave nothing in a field."""
    if not unless:
        control.value = ""


def also(options: Options, with_fields: Collection[str]) -> str:
    """Return a line on the options that go along without a field of their own."""
    others = [f"{n} {one_line(v, 60)}" for n, v in changed(options).items() if n not in with_fields]
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
    return words(written.strip()) if option.kind.split is alone else written.strip()
