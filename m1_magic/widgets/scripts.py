"""Our own two scripts in the page: what asks M1, and a field for what is secret.

ipywidgets tell the kernel nothing of keys, and of a click not what the page showed: JupyterLab may
hand a click to the kernel before the prompt that was typed, or after the call that it came too
late for. So what asks sends the prompt, and the turn that the page knows. And a widget's value
lives in kernel and page, and may be saved with the notebook, also before a busy kernel could empty
it: so a key that is typed is no value, but one message. Where the server of the page has no
anywidget, there is neither; Tab leads to Send, and ``%m1 login`` asks.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anywidget
from traitlets import Int

from .. import keys
from .styles import in_turn, named

# On the window, before the buttons' own code, and before Notebook 7 takes Shift+Enter for its cell,
# panel and all. It hears what is done in its own panel only.
LISTENER = """
export default {
  render({ model, el }) {
    const ask = (event, button) => {
      const panel = el.closest(".m1-panel");
      if (!event.target.closest || event.target.closest(".m1-panel") !== panel) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      const prompt = panel.querySelector(".m1-prompt textarea").value;
      model.send({ button, prompt, turn: model.get("turn") });
    };
    const clicked = (event) => {
      const button = event.target.closest?.(".m1-asks");
      if (button && !button.disabled) ask(event, button.textContent.trim());
    };
    const pressed = (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.shiftKey || event.metaKey)) return;
      if (event.target.closest?.(".m1-prompt")) ask(event, "Send");
    };
    window.addEventListener("click", clicked, true);
    window.addEventListener("keydown", pressed, true);
    return () => {
      window.removeEventListener("click", clicked, true);
      window.removeEventListener("keydown", pressed, true);
    };
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


class Listener(anywidget.AnyWidget):
    """A widget that nobody sees, which hears in the page what asks.

    ``asked`` gets the button's name and the prompt; ``late`` is called instead for what was done
    when the page knew of an earlier ``turn``: it is no wish for another call.
    """

    _esm = LISTENER
    turn = Int(help="how many calls came to their end").tag(sync=True)

    def __init__(self, asked: Callable[[str, str], None], late: Callable[[], None]) -> None:
        super().__init__()
        self.layout.display = "none"

        def heard(content: dict[str, Any]) -> None:
            button, prompt = content.get("button"), content.get("prompt")
            if not isinstance(button, str) or not isinstance(prompt, str):
                return
            if content.get("turn") == self.turn:
                asked(button, prompt)
            else:
                late()

        _hears(self, heard)


def secret(caught: Callable[[keys.Key], None], hint: str) -> Any:
    """Return a field that gives what is typed to ``caught``, once."""

    def heard(content: dict[str, Any]) -> None:
        typed = keys.Key(str(content.pop("typed", "")), "the panel")
        if typed.reveal().strip():
            caught(typed)

    field = anywidget.AnyWidget(_esm=FIELD.replace("HINT", json.dumps(hint)))
    _hears(field, heard)
    return named(field, "m1-secret")


def _hears(widget: Any, heard: Callable[[dict[str, Any]], None]) -> None:
    """Let ``heard`` have each message of the widget's script."""
    widget.on_msg(in_turn()(lambda _, content, __: heard(content)))
