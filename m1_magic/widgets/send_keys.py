"""Ctrl+Enter and Shift+Enter in the prompt.

ipywidgets tell the kernel nothing of keys. This adds a listener of our own to the page; where the
server of the page has no anywidget, the prompt works as it is, and Tab leads to Send.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anywidget

from .styles import in_turn

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


def send_keys(entered: Callable[[str], None]) -> anywidget.AnyWidget:
    """Return a widget that nobody sees; ``entered`` gets the prompt."""
    heard = anywidget.AnyWidget(_esm=LISTENER)
    heard.layout.display = "none"

    def on_message(_: Any, content: dict[str, Any], __: Any) -> None:
        if isinstance(content.get("prompt"), str):
            entered(content["prompt"])

    heard.on_msg(in_turn(on_message))
    return heard
