"""May M1 call this function? The user is asked where the answer stands, or else it is "no".

In a notebook by three buttons below the answer; where none can be shown, and in consoles, by the
kernel's own line of input; in a terminal by a prompt. Where nobody can answer (nbclient, papermill,
CI, ``%%capture``, a thread, no terminal) nothing is called.
"""

from __future__ import annotations

import importlib
import sys
import threading
from contextlib import suppress
from typing import Any

from ..messages import ToolCall
from ..session.view import Approver, Decision
from ..text import cut_middle, one_line, show_controls
from .front_end import attended, in_notebook, updates, widgets

LONGEST = 2_000  # characters of a call that is asked about in lines of text
MOST = 20  # questions with buttons: JupyterLab shows the first fifty outputs of a cell
WORDS: dict[str, Decision] = {
    "y": "yes",
    "yes": "yes",
    "n": "no",
    "no": "no",
    "a": "always",
    "always": "always",
}


def approver(shell: Any) -> Approver:
    """Return who asks, where the code of ``shell`` runs; None: in no IPython."""
    if not in_notebook(shell):
        return Prompted() if _at_terminal() else Nobody()
    from IPython.core.displaypub import CapturingDisplayPublisher

    captured = isinstance(getattr(shell, "display_pub", None), CapturingDisplayPublisher)
    if captured or not attended(shell):
        return Nobody()
    return ByButtons(shell) if updates(shell) and widgets(shell) else Prompted()


class Nobody:
    """Asks nobody."""

    def decide(self, call: ToolCall, displayed: str) -> Decision:
        """See Approver."""
        return "no"


class Prompted:
    """Asks by a line of input."""

    def decide(self, call: ToolCall, displayed: str) -> Decision:
        """See Approver."""
        if threading.current_thread() is not threading.main_thread():
            return "no"  # a line of input belongs to the cell that runs
        text = show_controls(cut_middle(displayed, LONGEST))
        print(f"M1 wants to call {text}", flush=True)
        _forget_typed()
        while True:
            try:
                typed = input(f"Call {one_line(call.name, 60)}? y/n/always: ")
            except (EOFError, OSError, RuntimeError, ValueError):  # nobody is there
                return "no"
            except KeyboardInterrupt:
                print()  # behind the prompt
                raise
            if decision := WORDS.get(typed.strip().lower()):
                return decision


class ByButtons:
    """Asks by buttons in a notebook, and by a line of input once its page has shown none."""

    def __init__(self, shell: Any) -> None:
        self._shell, self._left = shell, MOST

    def decide(self, call: ToolCall, displayed: str) -> Decision:
        """See Approver."""
        if threading.current_thread() is not threading.main_thread():
            return "no"
        self._left -= 1
        if self._left >= 0:
            with suppress(ImportError):  # no ipywidgets here
                # By name: who has buttons stands above what is shown.
                question = importlib.import_module("m1_magic.widgets.question")
                decision: Decision | None = question.ask(self._shell, displayed)
                if decision is not None:
                    return decision
            self._left = 0
        return Prompted().decide(call, displayed)


def _at_terminal() -> bool:
    streams = (sys.stdin, sys.stdout)
    return all(one is not None and not one.closed and one.isatty() for one in streams)


def _forget_typed() -> None:
    """Drop what was typed into a terminal before the question: it is no answer to it."""
    if not _at_terminal():
        return
    with suppress(Exception):  # Windows, and what is a terminal in name only
        import termios

        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
