"""Our own two scripts in the page: what asks M1 and what of it is seen and said; a secret field.

ipywidgets tell the kernel nothing of keys, and of a click not what the page showed: JupyterLab may
hand a click to the kernel before the text that was typed or the tick that was taken away. So what
asks is one message with all that the page knows: the prompt, the value of each control, and the
turn. The question stands in the page at once, before a kernel has heard of it. And a widget's value
lives in kernel and page, and may be saved with the notebook: so a key that is typed is no value,
but one message. Code goes into a new cell by the extension of the front end, which says on the page
that it is there. Where the server of the page has no anywidget, there is none of it; Tab leads to
Send, and ``%m1 login`` asks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import anywidget
from traitlets import Int, List, TraitError, Unicode

from .. import keys
from .styles import in_turn, named

# Heard on the window, before the buttons' own code, and before Notebook 7 takes Shift+Enter for its
# cell, panel and all; only what is done in its own panel. The end of the transcript stays in sight
# for whoever looks at it, and for nobody who scrolled up.
LISTENER = """
export default {
  render({ model, el }) {
    const made = (name, role) => {
      const one = document.createElement("div");
      one.className = name + " mathjax_ignore";
      if (role) one.setAttribute("role", role);
      el.append(one);
      return one;
    };
    const sending = made("m1-sending"), spoken = made("m1-spoken", "status");
    let box, shown, field, typed = "", before, follows = true, top = 0, over = false, due = false;
    let cell = ""; // the click whose code this page puts into a cell, not another page's
    const last = () => [...shown.querySelectorAll(".m1-asked")].at(-1);
    const put = (text) => {
      field.value = text;
      for (const kind of ["input", "change"]) {
        field.dispatchEvent(new Event(kind, { bubbles: true }));
      }
    };
    const states = async () => {
      const found = {};
      for (const id of model.get("controls")) {
        try {
          const one = await model.widget_manager.get_model(id), index = one.get("index");
          found[id] = index === undefined ? one.get("value") : index;
        } catch {} // closed since
      }
      return found;
    };
    const hide = () => { sending.textContent = ""; };
    const ask = async (event, button) => {
      if (!box || event.target.closest?.(".m1-panel") !== box) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      const prompt = field.value, turn = model.get("turn");
      if (button === "Send" && typed) return; // the second click of two
      if (button === "Send" && prompt.trim()) {
        [typed, before, follows] = [prompt, last(), true];
        sending.textContent = prompt;
        put("");
        tend();
      }
      model.send({ button, prompt, turn, controls: await states() });
    };
    const insert = (event) => {
      if (!box || event.target.closest(".m1-panel") !== box) return;
      const there = document.documentElement.dataset.m1Magic && el.closest(".jp-Cell");
      if (!there) return; // also where the panel stands beside its notebook: the code is shown
      event.stopImmediatePropagation();
      cell = String(Math.random());
      const block = box.querySelector(".m1-blocks select").selectedIndex;
      model.send({ cell, block: Math.max(block, 0) }); // none is chosen of one
    };
    const heard = ({ taken, back, put: one, ...detail }) => {
      if (one === cell)
        el.dispatchEvent(new CustomEvent("m1-magic:insert", { bubbles: true, detail }));
      if (taken === undefined) return;
      const text = taken ? back : typed || back;
      if (text && !field.value) put(text);
      typed = "";
      if (taken && sending.textContent) setTimeout(hide, 1000); // or when it stands above
      else hide();
    };
    const clicked = (event) => {
      const button = event.target.closest?.(".m1-asks");
      if (button && !button.disabled) ask(event, button.textContent.trim());
      if (event.target.closest?.(".m1-to-cell")) insert(event);
    };
    const pressed = (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.shiftKey || event.metaKey)) return;
      if (event.target.closest?.(".m1-prompt")) ask(event, "Send");
    };
    const tend = () => {
      if (sending.textContent && !typed && last() !== before) hide();
      for (const one of box.querySelectorAll(".m1-fold")) {
        one.ariaExpanded = String(one.classList.contains("mod-active"));
      }
      if (due) return;
      due = true;
      requestAnimationFrame(() => {
        due = false;
        follow();
      });
    };
    const follow = () => { if (follows) shown.scrollTop = shown.scrollHeight; };
    const scrolled = () => { // up; what grows below is no scrolling
      const end = shown.scrollHeight - shown.scrollTop - shown.clientHeight < 24;
      if (end || shown.scrollTop < top) follows = end;
      top = shown.scrollTop;
    };
    const watch = new MutationObserver(tend), size = new ResizeObserver(follow);
    const say = () => { spoken.textContent = model.get("said"); };
    const begin = () => {
      if (over) return;
      box = el.closest(".m1-panel");
      [shown, field] = [".m1-shown", ".m1-prompt textarea"].map((one) => box?.querySelector(one));
      if (!shown || !field) return void requestAnimationFrame(begin);
      for (const [name, value] of [["role", "region"], ["aria-label", "Conversation"]]) {
        shown.setAttribute(name, value);
      }
      shown.tabIndex = 0;
      shown.addEventListener("scroll", scrolled);
      size.observe(shown);
      const attributes = { attributes: true, attributeFilter: ["class"] };
      watch.observe(box, { childList: true, characterData: true, subtree: true, ...attributes });
      tend();
    };
    begin();
    model.on("change:said", say);
    model.on("msg:custom", heard);
    window.addEventListener("click", clicked, true);
    window.addEventListener("keydown", pressed, true);
    return () => {
      over = true;
      for (const one of [watch, size]) one.disconnect();
      model.off("change:said", say);
      model.off("msg:custom", heard);
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
    """Hears in the page what asks, shows the question at once, and speaks to screen readers.

    ``on_question`` gets the button's name and the prompt, once each of the ``controls`` is as the
    page had it, and tells whether the question was taken up: if not, it goes back into its field.
    ``late`` is called instead for what was done when the page knew of an earlier ``turn``: it is no
    wish for another call. ``code`` returns a block of the answer by its number, which the page
    puts into a new cell where the front end has our extension.
    """

    _esm = re.sub(r"( //.*)?\n\s*", "\n", LISTENER)  # saved with each notebook
    turn = Int(help="how many calls came to their end").tag(sync=True)
    controls = List(Unicode(), help="whose values go along with a click").tag(sync=True)
    said = Unicode(help="what a screen reader reads out").tag(sync=True)

    def __init__(
        self,
        on_question: Callable[[str, str], bool],
        late: Callable[[], None],
        code: Callable[[int], str | None],
    ) -> None:
        super().__init__()
        self._known: dict[str, Any] = {}

        def heard(content: dict[str, Any]) -> None:
            cell, block = content.get("cell"), content.get("block")
            if isinstance(cell, str) and isinstance(block, int) and (source := code(block)):
                self.send({"put": cell, "source": source})
            button, prompt = content.get("button"), content.get("prompt")
            if not isinstance(button, str) or not isinstance(prompt, str):
                return
            taken = False
            try:
                if content.get("turn") == self.turn:
                    self._take(content.get("controls"))
                    taken = on_question(button, prompt)
                else:
                    late()
            finally:
                self.send({"taken": taken})

        _hears(self, heard)

    def knows(self, controls: Sequence[Any]) -> None:
        """Let the values of these controls go along with a click."""
        self._known = {one.model_id: one for one in controls}
        self.controls = list(self._known)

    def give_back(self, prompt: str) -> None:
        """Put a question that was not sent into its field again, unless another stands there."""
        self.send({"taken": True, "back": prompt})

    def _take(self, values: object) -> None:
        """Set controls as the page had them."""
        for id, value in values.items() if isinstance(values, dict) else ():
            if (one := self._known.get(id)) is not None:
                with suppress(TraitError, TypeError):  # choices that were others by then
                    one.set_state({"index" if one.has_trait("index") else "value": value})


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
