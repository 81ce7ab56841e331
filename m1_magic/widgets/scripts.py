"""Our own two scripts in the page: the keys that send a prompt, and a field for what is secret.

ipywidgets tell the kernel nothing of keys. And a widget's value lives in kernel and page, and may
be saved with the notebook, also before a busy kernel could empty it: so a key that is typed is no
value, but one message. Where the server of the page has no anywidget, there is neither; Tab leads
to Send, and ``%m1 login`` asks.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anywidget

from .. import keys
from .styles import in_turn, named

# On the window, before Notebook 7 takes Shift+Enter for its cell, panel and all.
# It hears keys in the prompt of its own panel only, and sends what stands there.
LISTENER = """
export default {
  render({ model, el }) {
    const pressed = (event) => {
      const field = event.target;
      if (event.key !== "Enter" || !(event.ctrlKey || event.shiftKey || event.metaKey)) return;
      if (!field.closest || !field.closest(".m1-prompt")) return;
      if (field.closest(".m1-panel") !== el.closest(".m1-panel")) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      model.send({ prompt: field.value });
    };
    window.addEventListener("keydown", pressed, true);
    return () => window.removeEventListener("keydown", pressed, true);
  },
};
"""
FIELD = """
export default {
  render({ model, el }) {
    const field = document.createElement("input");
    field.type = "password";
    field.autocomplete = "off";
    field.placeholder = field.ariaLabel = HINT;
    field.addEventListener("change", () => {
      model.send({ typed: field.value });
      field.value = "";
    });
    el.append(field);
  },
};
"""


def send_keys(entered: Callable[[str], None]) -> Any:
    """Return a widget that nobody sees; ``entered`` gets the prompt at Ctrl or Shift+Enter."""

    def heard(content: dict[str, Any]) -> None:
        if isinstance(content.get("prompt"), str):
            entered(content["prompt"])

    widget = _scripted(LISTENER, heard)
    widget.layout.display = "none"
    return widget


def secret(caught: Callable[[keys.Key], None], hint: str) -> Any:
    """Return a field that gives what is typed to ``caught``, once."""

    def heard(content: dict[str, Any]) -> None:
        typed = keys.Key(str(content.pop("typed", "")), "the panel")
        if typed.reveal().strip():
            caught(typed)

    return named(_scripted(FIELD.replace("HINT", json.dumps(hint)), heard), "m1-secret")


def _scripted(script: str, heard: Callable[[dict[str, Any]], None]) -> Any:
    """Return a widget that runs the script; ``heard`` gets each message of it."""
    widget = anywidget.AnyWidget(_esm=script)
    widget.on_msg(in_turn()(lambda _, content, __: heard(content)))
    return widget
