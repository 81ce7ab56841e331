"""The panel: ``%m1 panel`` and ``panel()``, a form of ipywidgets over the process's one session."""

from __future__ import annotations

from typing import Any

from ..context.frames import named
from ..errors import UsageError
from ..jupyter import shell
from ..options import flags
from ..render.front_end import in_notebook
from .assembly import Panel, close_all

__all__ = ["Panel", "close_all", "panel"]


def panel(df: object = None, **options: Any) -> Panel:
    """Return a panel; as the last line of a cell, or by ``display``, it is shown.

    Args:
        df: a DataFrame, a list of them, a mapping of name to DataFrame, or names, ticked at once.
        **options: what its fields begin with: ``prompt``, and options of ``ask()`` by name.

    Raises:
        UsageError: there is no front end that shows widgets.
        TypeError: an option that there is not.
    """
    if not in_notebook(shell.current()):
        what = "A panel needs a notebook: JupyterLab, Notebook 7, VS Code or Colab."
        raise UsageError(what, cost="", todo="%m1 ask and %%m1 work here.")
    prompt = str(options.pop("prompt", None) or "")
    names = shell.namespace()
    given = named(df, names)
    # What has a name here is looked up when it is asked about, as in a cell.
    apart = {name: table for name, table in given.items() if names.get(name) is not table}
    return Panel(prompt, flags.from_python(options, tuple(given)), apart)
