"""Which front end is in sight, and what an answer is displayed as there."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Literal, cast

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
    return "markdown" if _vscode(shell) or "google.colab" in sys.modules else "html"


def updates(shell: object) -> bool:
    """Is this a front end that is known to show updates of what a cell showed?

    A notebook says which of its cells runs. ``jupyter console``, Qt console and Spyder do not, and
    leave updates out; nor do nbclient and papermill, which take them.
    """
    asking = asked_by(shell)
    named = not asking or bool(asking.get("metadata", {}).get("cellId"))
    return named or _vscode(shell) or "google.colab" in sys.modules


def widgets(shell: object) -> bool:
    """Is this a front end whose widgets hear and say what they should while a cell runs?

    Those of VS Code and Colab are their own, and nobody told of them.
    """
    return not _vscode(shell) and "google.colab" not in sys.modules


def attended(shell: object) -> bool:
    """Is there somebody who could be asked? Not where a program runs a notebook."""
    return bool(asked_by(shell).get("content", {}).get("allow_stdin", True))


def asked_by(shell: object) -> dict[str, Any]:
    """Return the message by which the kernel runs a cell, empty outside of a kernel."""
    return getattr(shell, "get_parent", dict)() or {}


def _vscode(shell: object) -> bool:
    known = any(name in os.environ for name in ("VSCODE_PID", "VSCODE_CWD"))
    return known or "__vsc_ipynb_file__" in getattr(shell, "user_ns", {})
