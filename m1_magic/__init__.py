"""MiniMax M1 inside the notebook: ``%%m1`` cells, ``%m1`` lines, ``ask()`` and ``panel()``.

``%load_ext m1_magic`` loads the magics; neither ``openai`` nor ``ipywidgets`` nor a DataFrame
library is imported before it is needed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .api import ask
    from .calls import Reply
    from .context.frames import summarise
    from .rows.mapping import map as map  # in no star import, where it would hide Python's own
    from .widgets import panel

__all__ = ["Reply", "__version__", "ask", "panel", "summarise"]

__version__ = "0.2.0"


# Where each public name lies, imported when it is asked for.
HOMES = {
    "ask": ".api",
    "Reply": ".calls",
    "summarise": ".context.frames",
    "panel": ".widgets",
    "map": ".rows.mapping",
}


def __getattr__(name: str) -> Any:
    if name in HOMES:
        return getattr(import_module(HOMES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Add ``%%m1``, ``%m1`` and ``%config M1`` to IPython."""
    from .errors import HiddenPackage

    try:
        from .magics import load

        load(shell)
    except Exception as error:
        if hidden := HiddenPackage.of(error):
            raise hidden from None
        raise


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take all of it away again: magics, completion, transformers, hooks, panels.

    Freed are the threads, the connections, the ledger's open file and the local model's process.
    Calls under way in threads of yours come to their end; a panel's call is stopped, with its text
    kept. Settings, the session with its budget, and chats stay for the next ``%load_ext``; what a
    settings file or the environment newly says by then is applied, unless it was set by hand.
    """
    from .magics import unload

    unload(shell)
