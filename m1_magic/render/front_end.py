"""Which front end is in sight, and what an answer is displayed as there."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:
    from ..settings.config import M1

Mode = Literal["html", "markdown", "text"]


def in_notebook(shell: object | None) -> bool:
    """Does ``shell`` publish to a front end? (A kernel; not terminal IPython, not plain Python.)"""
    names = [base.__name__ for base in type(shell).__mro__]
    return shell is not None and "TerminalInteractiveShell" not in names


def mode(settings: M1, shell: object | None = None) -> Mode:
    """Return what an answer is displayed as; ``auto``: by the front end that is in sight.

    VS Code sets no math in HTML outputs and Colab isolates them, so that both get Markdown.
    """
    if settings.render != "auto":
        return cast(Mode, settings.render)
    vscode = any(name in os.environ for name in ("VSCODE_PID", "VSCODE_CWD"))
    vscode = vscode or "__vsc_ipynb_file__" in getattr(shell, "user_ns", {})
    return "markdown" if vscode or "google.colab" in sys.modules else "html"
