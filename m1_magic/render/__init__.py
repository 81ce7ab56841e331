"""How a call is shown: Markdown to safe output, and the views that the session feeds.

The session pushes into a View; a view shows, and decides nothing. What comes from the model is
untrusted text on every way out.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from decimal import Decimal

    from ..calls import Event, Receipt, Request
    from ..settings.config import M1

Mode = Literal["html", "markdown", "text"]


class View(Protocol):
    """What the session tells of a call, in this order."""

    def open(self, request: Request, at_most: Decimal | None, sent: str) -> None:
        """Called before the first byte is sent.

        Args:
            request: what is about to leave.
            at_most: the highest price of the call in US dollars; None: not known.
            sent: what leaves, for people: ``sales 344 × 8 → stats, 1.1k tokens``.
        """

    def feed(self, event: Event) -> None:
        """Called with each event, in order."""

    def tick(self) -> float | None:
        """Called now and then after ``open``, by another thread, while nothing else is called.

        Returns:
            The seconds until it wants to be called again; None: no more.
        """

    def close(self, receipt: Receipt) -> None:
        """Called exactly once, also after a failure: the partial text is in the reply."""


class Silent:
    """The view that shows nothing."""

    def open(self, request: Request, at_most: Decimal | None, sent: str) -> None:
        pass

    def feed(self, event: Event) -> None:
        pass

    def tick(self) -> float | None:
        return None

    def close(self, receipt: Receipt) -> None:
        pass


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
