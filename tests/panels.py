"""A panel in a real shell, and the page's side of its widgets: press, type, wait, look.

Every message of every widget is kept, as the page would get it.
"""

from __future__ import annotations

import html
import io
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import ipywidgets
import pytest
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from ipywidgets.widgets.widget import _instances
from traitlets.config import Config

from m1_magic.widgets import Panel, panel

PATIENCE = 120.0
MARKUP = (ipywidgets.HTML, ipywidgets.HTMLMath)


class Wire:
    """What the kernel sent to the page, message by message."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self._came = threading.Condition()

    def take(self, message: object) -> None:
        with self._came:
            self.sent.append(json.dumps(message, default=str, ensure_ascii=False))
            self._came.notify_all()

    def wait(self, words: str) -> None:
        """Wait until a message has had these words."""
        with self._came:
            assert self._came.wait_for(lambda: any(words in m for m in self.sent), PATIENCE), words

    @property
    def all(self) -> str:
        return "\n".join(self.sent)


class Comm:
    """One widget's line to the page."""

    made = 0

    def __init__(self, wire: Wire, **opening: Any) -> None:
        Comm.made += 1
        self._wire, self.comm_id, self.kernel = wire, f"comm-{Comm.made}", object()
        self._heard: Callable[[Any], None] = lambda _: None
        wire.take(opening.get("data"))

    def send(self, data: Any = None, **_: Any) -> None:
        self._wire.take(data)

    def on_msg(self, heard: Callable[[Any], None]) -> None:
        self._heard = heard

    def close(self, **_: Any) -> None:
        pass

    def typed(self, **state: Any) -> None:
        """Say what the page says once something was typed."""
        self.hears({"method": "update", "state": state, "buffer_paths": []})

    def hears(self, data: dict[str, Any]) -> None:
        self._heard({"content": {"data": data}, "buffers": []})


class Published(DisplayPublisher):
    """Keeps what was displayed, and updates what has an id."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.outputs: dict[str, dict[str, Any]] = {}
        self.bytes = 0

    def publish(self, data: Any, metadata: Any = None, **more: Any) -> None:
        id = (more.get("transient") or {}).get("display_id", f"#{len(self.outputs)}")
        self.outputs[id] = data
        self.bytes += len(json.dumps(data))


@dataclass
class Page:
    """A notebook with the extension loaded."""

    shell: InteractiveShell
    wire: Wire
    before: set[str] = field(default_factory=lambda: set(_instances))

    def panel(self, df: object = None, unfold: bool = True, **options: Any) -> Hand:
        """Open a panel and show it, with all that it folds away."""
        made = panel(df, **options)
        made._ipython_display_()
        hand = Hand(made, self)
        for toggle in hand.all(ipywidgets.ToggleButton) if unfold else ():
            toggle.value = True
        return hand

    def run(self, source: str) -> str:
        """Run a cell; return what it printed, its error included."""
        out = io.StringIO()
        with redirect_stdout(out), redirect_stderr(out):
            self.shell.run_cell(source, store_history=False)
        return out.getvalue()

    @property
    def outputs(self) -> list[dict[str, Any]]:
        return list(self.shell.display_pub.outputs.values())

    @property
    def left(self) -> list[Any]:
        """The widgets that were not there at first."""
        return [widget for id, widget in _instances.items() if id not in self.before]


class Hand:
    """Presses buttons of one panel, fills in its fields, and reads it."""

    def __init__(self, panel: Panel, page: Page) -> None:
        self.panel, self.page = panel, page

    def all(self, kind: Any = ipywidgets.Widget) -> list[Any]:
        return [one for one in within(self.panel.box) if isinstance(one, kind)]

    def labelled(self, label: str, kind: Any = ipywidgets.Widget) -> Any:
        (found,) = [w for w in self.all(kind) if getattr(w, "description", None) == label]
        return found

    def of_class(self, name: str) -> Any:
        (found,) = [w for w in self.all() if name in getattr(w, "_dom_classes", ())]
        return found

    @property
    def prompt(self) -> Any:
        return self.of_class("m1-prompt")

    def press(self, label: str) -> None:
        """Press a button, if the page lets one."""
        button = self.labelled(label, ipywidgets.Button)
        if not button.disabled:
            button.click()

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            self.labelled(name.replace("_", " ")).value = value

    def ticks(self) -> dict[str, Any]:
        """Return the checkboxes of tables by their labels."""
        chips = self.of_class("m1-chips").children
        return {tick.description: tick for tick in chips if "  " in tick.description}

    def tick(self, name: str, on: bool = True) -> None:
        (found,) = [t for label, t in self.ticks().items() if label.split("  ")[0] == name]
        found.value = on

    def send(self, prompt: str) -> None:
        self.prompt.value = prompt
        self.press("Send")

    def end(self) -> None:
        """Wait until no call runs."""
        for thread in running():
            thread.join(PATIENCE)
        assert not running()

    def ask(self, prompt: str) -> str:
        """Ask, wait, and return what the panel shows then."""
        self.send(prompt)
        self.end()
        return self.text

    @property
    def text(self) -> str:
        """What can be read in it now, as the page's markup."""
        return "\n".join(w.value for w in in_sight(self.panel.box) if isinstance(w, MARKUP))

    @property
    def shown(self) -> str:
        return "\n".join(
            w.value for w in within(self.of_class("m1-shown")) if isinstance(w, MARKUP)
        )

    @property
    def error(self) -> str:
        """The error that it shows, as text."""
        found = re.findall(r'<p class="m1-error[^>]*>(.*?)</p>', self.text, re.DOTALL)
        return html.unescape(" ".join(found))

    @property
    def tiles(self) -> dict[str, str]:
        """The numbers by their names."""
        pairs = re.findall(r'class="m1-name">(.*?)</span> <span>(.*?)</span>', self.text)
        return {name: html.unescape(value) for name, value in pairs}

    @property
    def busy(self) -> tuple[bool, bool]:
        """Can Send be pressed, and Stop?"""
        return not self.labelled("Send").disabled, not self.labelled("Stop").disabled


def live(markup: str) -> list[str]:
    """Return what in markup would run, load or lead somewhere by a script."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag in ("script", "img", "iframe", "object", "form", "svg", "link"):
                found.append(tag)
            found.extend(n for n, v in attrs if n.startswith("on") or "javascript:" in (v or ""))

    Reader().feed(markup)
    return found


def within(widget: Any) -> Iterator[Any]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from within(child)


def in_sight(widget: Any) -> Iterator[Any]:
    if widget.layout.display == "none":
        return
    yield widget
    for child in getattr(widget, "children", ()):
        yield from in_sight(child)


def running() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "m1-panel"]


@contextmanager
def notebook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """Give a notebook; what is open at the end is closed."""
    wire = Wire()
    monkeypatch.setattr("comm.create_comm", lambda **opening: Comm(wire, **opening))
    config = Config({"HistoryManager": {"enabled": False}})
    shell = InteractiveShell.instance(config=config, display_pub_class=Published)
    shell.run_line_magic("colors", "nocolor")
    page = Page(shell, wire)
    page.run("%load_ext m1_magic")
    try:
        yield page
    finally:
        page.run("%unload_ext m1_magic")
        shell.history_manager = None
        InteractiveShell.clear_instance()
    for thread in threading.enumerate():
        if thread.name.startswith("m1-"):
            thread.join(PATIENCE)
            assert not thread.is_alive(), thread
    assert not page.left
