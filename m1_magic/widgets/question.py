"""Yes, no or always, by buttons that work while the cell that asks still runs.

A kernel hands what a page says to the thread that runs the cell, and this one waits for it. But
before that ipykernel asks the comm which of its threads is to have the message: the answer is read
there. Nothing is taken out of the kernel's queue, so the cells that wait in it are run, or are not
run after an error, as always. Where a kernel does not ask so, or the page shows no such widget,
the question has to be put in another way.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import anywidget
from traitlets import Unicode

from ..interrupts import at_hand, check
from ..messages import ToolCall
from ..render.notebook_view import Output
from ..session.view import Decision
from ..text import escape_html, show_controls, thousands
from .styles import button, dispose, html, row

LONGEST = 20_000  # characters of a call that are shown
WORDS: tuple[Decision, ...] = ("yes", "no", "always")
PATIENCE = 30.0  # seconds in which a page shows it, or never does
# The group takes the focus only from what is not typed in, and no button has it: a key that was
# meant for another place must not answer. Keys are heard on the window, before JupyterLab has them.
SCRIPT = """
export default {
  render({ model, el }) {
    const make = (tag, name, text) => {
      const one = document.createElement(tag);
      one.className = name + " mathjax_ignore";
      one.textContent = text;
      return one;
    };
    const group = make("div", "m1-question", "");
    group.tabIndex = -1;
    group.dataset.lmSuppressShortcuts = "true";
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", "May M1 call this function?");
    const said = make("div", "m1-wants", "M1 wants to call");
    said.setAttribute("role", "alert");
    const code = make("pre", "m1-call", model.get("call"));
    code.tabIndex = 0;
    code.setAttribute("aria-label", "the call");
    code.setAttribute("role", "region");
    const row = make("div", "m1-answers", ""), buttons = [];
    const answer = (word) => {
      if (buttons[0].disabled) return;
      for (const one of buttons) one.disabled = true;
      said.textContent = "Answered: " + word;
      model.send({ answer: word });
    };
    for (const [word, tip] of [
      ["yes", "Call it this time (y)"],
      ["no", "Do not call it (n)"],
      ["always", "Call this function without asking again, until the kernel ends (a)"],
    ]) {
      const one = make("button", "", word[0].toUpperCase() + word.slice(1));
      one.type = "button";
      one.title = tip;
      one.addEventListener("click", () => answer(word));
      buttons.push(one);
    }
    row.append(...buttons);
    group.append(said, code, row);
    el.append(group);
    const pressed = (event) => {
      if (!group.contains(event.target) || event.ctrlKey || event.altKey || event.metaKey) return;
      const word = { y: "yes", n: "no", a: "always" }[event.key.toLowerCase()];
      if (!word || event.repeat) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      answer(word);
    };
    window.addEventListener("keydown", pressed, true);
    model.send({ shown: true });
    requestAnimationFrame(() => {
      const typing = "input, textarea, select, [contenteditable='true'], .cm-editor";
      if (!document.activeElement?.closest(typing)) group.focus();
    });
    return () => window.removeEventListener("keydown", pressed, true);
  },
};
"""
STYLE = """
.m1-question{box-sizing:border-box;width:fit-content;max-width:100%;margin:.4em 0;padding:.5em .8em;
 border:1px solid var(--jp-border-color1,#9e9e9e);border-radius:6px;
 color:var(--jp-ui-font-color1,inherit);font-size:var(--jp-ui-font-size1,13px)}
.m1-question .m1-call{max-height:12em;overflow:auto;margin:.3em 0 .5em;white-space:pre-wrap;
 overflow-wrap:anywhere;word-break:normal;color:inherit;font-family:var(--jp-code-font-family,monospace);
 font-size:var(--jp-code-font-size,13px)}
.m1-question .m1-answers{display:flex;gap:6px}
.m1-question button{min-width:4.5em;padding:4px 12px;border-radius:4px;cursor:pointer;font:inherit;
 color:inherit;background:var(--jp-layout-color2,rgba(127,127,127,.15));
 border:1px solid var(--jp-border-color1,#9e9e9e)}
.m1-question button:disabled{opacity:.5;cursor:default}
.m1-question:focus-visible,.m1-question :focus-visible{
 outline:2px solid var(--jp-brand-color1,#1976d2);outline-offset:1px}
"""


class Question(anywidget.AnyWidget):
    """Asks whether M1 may make a ``call``, which is Python, for people.

    ``early`` says that its answer is heard while a cell runs.
    """

    _esm = re.sub(r"\n\s*", "\n", SCRIPT)
    _css = STYLE
    call = Unicode().tag(sync=True)

    def __init__(self, call: str) -> None:
        over = len(call) - LONGEST
        more = f"\n… {thousands(over)} characters more" if over > 0 else ""
        super().__init__(call=show_controls(call[:LONGEST]) + more)
        self.displayed, self.answered = threading.Event(), threading.Event()
        self.decision: Decision | None = None
        self._queue_lock = threading.Lock()
        self._queued, self._ended = 0, False  # messages that the kernel's queue still has
        self.early = self._listen()
        self.on_msg(lambda _, content, __: self._arrived(content))

    def wait_shown(self) -> bool:
        """Wait until a page shows it; tell whether one did."""
        return self._until(self.displayed, PATIENCE)

    def wait(self) -> Decision:
        """Return the answer; raise KeyboardInterrupt for a Ctrl-C or Stop."""
        while not self._until(self.answered, 1.0):  # Windows hears of a Ctrl-C only in between
            pass
        return self.decision or "no"

    def _until(self, event: threading.Event, seconds: float) -> bool:
        if (stop := at_hand()) is not None:
            stop.wakes(event.set)
        happened = event.wait(seconds)
        check()
        return happened

    def end(self) -> None:
        """Take it away, once no message for it is under way."""
        with self._queue_lock:
            self._ended = True
            queued = self._queued
        if not queued:
            dispose(self)

    def _listen(self) -> bool:
        before: Callable[[Any, Any], Any] | None = getattr(self.comm, "_reply_subshell_for", None)
        if before is None:
            return False

        def route(data: Any, default: Any) -> Any:
            if isinstance(data, dict) and data.get("method") == "custom":
                with self._queue_lock:
                    self._queued += 1
                self._take(data.get("content"))
            return before(data, default)

        self.comm._reply_subshell_for = route
        return True

    def _arrived(self, content: object) -> None:
        """Take a message out of the queue, where it was not read before."""
        if not self.early:
            self._take(content)
            return
        with self._queue_lock:
            self._queued -= 1
            over = self._ended and not self._queued
        if over:
            dispose(self)

    def _take(self, content: object) -> None:
        if not isinstance(content, dict):
            return
        if content.get("shown"):
            self.displayed.set()
        if (word := content.get("answer")) in WORDS:
            self.take(word)

    def take(self, word: Decision) -> None:
        """Take the answer; the first one counts."""
        if not self.answered.is_set():
            self.decision = word
            self.answered.set()


class InPanel:
    """Asks in a column of widgets, in the thread of a call that Stop ends."""

    def __init__(self, place: Any) -> None:
        self._place = place

    def decide(self, call: ToolCall, displayed: str) -> Decision:
        """See Approver."""
        question = Question(displayed)
        self._place.children = (question,)
        try:
            if not question.wait_shown():  # the page knows none of our own widgets
                presses = (button(word.title(), partial(question.take, word)) for word in WORDS)
                message = html(f"M1 wants to call <pre>{escape_html(question.call)}</pre>")
                self._place.children = (message, row(*presses))
            return question.wait()
        finally:
            others = [one for one in self._place.children if one is not question]
            self._place.children = ()
            dispose(*others)
            question.end()


def ask(shell: Any, call: str) -> Decision | None:
    """Ask in the cell that runs; None: its page shows no such question."""
    question, place = Question(call), Output(shell)
    try:
        if not question.early:
            return None
        bundle = question._repr_mimebundle_()
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        place.put({**(data or {}), "text/plain": ""})
        return question.wait() if question.wait_shown() else None
    finally:
        question.end()
        if place.displayed:
            place.put({"text/plain": ""})
