"""How a call is shown: Markdown to safe output, and the views that the session feeds.

The session pushes into a View; a view shows, and decides nothing. What comes from the model is
untrusted text on every way out.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ..session.view import Silent, View
from .front_end import in_notebook

if TYPE_CHECKING:
    from ..settings.config import M1


def choose(
    shell: object, settings: M1, *, quiet: bool = False, raw: bool = False, pure: bool = False
) -> View:
    """Return the view that fits where the code runs.

    ``quiet`` shows nothing, but a notebook still keeps the record of the call; ``raw`` is the
    answer as plain text on stdout; ``pure`` says that all of the cell is ours, and may be cleared.
    """
    notebook = in_notebook(shell)
    if quiet and not notebook:
        return Silent()
    if notebook and (quiet or not raw):
        from IPython.core.displaypub import CapturingDisplayPublisher

        from .notebook_view import CapturedView, NotebookView, RecordView

        if quiet:
            return RecordView(shell, settings)
        if isinstance(getattr(shell, "display_pub", None), CapturingDisplayPublisher):
            return CapturedView(shell, settings)
        return NotebookView(shell, settings, pure=pure)
    if raw or not sys.stdout.isatty():
        from .plain_view import PlainView

        return PlainView(settings, shell if notebook else None, raw=raw)
    from .terminal_view import TerminalView

    return TerminalView(settings)
