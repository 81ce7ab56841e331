"""How a call is shown: Markdown to safe output, and the views that the session feeds.

The session pushes into a View; a view shows, and decides nothing. What comes from the model is
untrusted text on every way out.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Literal

from ..session.view import Silent, View

if TYPE_CHECKING:
    from ..settings.config import M1

Mode = Literal["html", "markdown", "text"]


def choose(
    shell: object | None,
    settings: M1,
    *,
    quiet: bool = False,
    raw: bool = False,
    pure: bool = False,
) -> View:
    """Return the view that fits where the code runs.

    Args:
        shell: IPython's shell, or None for plain Python.
        settings: for ``render``, ``thinking`` and ``footer``.
        quiet: show nothing; a notebook still keeps the record of the call.
        raw: the answer as plain text on stdout.
        pure: is all of the cell ours, so that its outputs may be cleared?
    """
    notebook = in_notebook(shell)
    if quiet and not notebook:
        return Silent()
    if notebook and (quiet or not raw):
        from .notebook_view import NotebookView, RecordView

        return RecordView(shell, settings) if quiet else NotebookView(shell, settings, pure=pure)
    from .terminal_view import PlainView, TerminalView

    if raw or not sys.stdout.isatty():
        return PlainView(settings, shell if notebook else None, raw=raw)
    return TerminalView(settings)


def in_notebook(shell: object | None) -> bool:
    """Does ``shell`` publish to a front end? (A kernel; not terminal IPython, not plain Python.)"""
    names = [base.__name__ for base in type(shell).__mro__]
    return shell is not None and "TerminalInteractiveShell" not in names


def mode(settings: M1, shell: object | None = None) -> Mode:
    """Return what an answer is displayed as; ``auto``: by the front end that is in sight.

    VS Code sets no math in HTML outputs and Colab isolates them, so that both get Markdown.
    """
    forced: dict[str, Mode] = {"html": "html", "markdown": "markdown", "text": "text"}
    if settings.render in forced:
        return forced[settings.render]
    vscode = any(name in os.environ for name in ("VSCODE_PID", "VSCODE_CWD"))
    vscode = vscode or "__vsc_ipynb_file__" in getattr(shell, "user_ns", {})
    return "markdown" if vscode or "google.colab" in sys.modules else "html"
