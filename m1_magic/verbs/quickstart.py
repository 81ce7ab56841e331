"""``m1-magic demo``: the quickstart notebook, cell by cell, in a terminal.

The cells run in a real IPython shell, as they stand. Without ``M1_BASE_URL`` the local model
answers; after each call stands what the same tokens would have cost on M1.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .. import api
from ..calls import Reply
from ..errors import M1Error
from ..pricing.dollars import money
from ..pricing.prices import estimate, known_limits
from ..settings.config import MODEL
from ..settings.endpoints import OFFLINE
from ..text import show_controls


def run(notebook: Path) -> None:
    """Run the code cells of a notebook, up to one that fails; print output and price on M1."""
    os.environ.setdefault("M1_BASE_URL", OFFLINE)
    shell = fresh_shell()
    for cell in code_cells(notebook):
        step(shell, cell.source)


def fresh_shell() -> Any:
    """Return the process's IPython, which keeps no history."""
    from IPython.terminal.interactiveshell import TerminalInteractiveShell

    shell = TerminalInteractiveShell.instance(colors="nocolor", simple_prompt=True)
    if shell.history_manager is not None:
        shell.history_manager.enabled = False
    return shell


def code_cells(notebook: Path) -> list[Any]:
    """Return the code cells of a notebook."""
    import nbformat

    book = nbformat.read(notebook, as_version=4)
    return [cell for cell in book.cells if cell.cell_type == "code"]


def step(shell: Any, source: str) -> None:
    """Run one cell as a user would see it."""
    print("\n" + "\n".join(f"> {show_controls(line)}" for line in source.split("\n")))
    before = api.session().last
    result = shell.run_cell(source, store_history=True)
    if not result.success:
        raise M1Error("The demo stopped at the cell above.", cost="")
    last = api.session().last
    if last is not None and last is not before:
        print(on_m1(last))


def on_m1(reply: Reply) -> str:
    """Return what a reply's tokens would have cost on M1, at the dearest list price of today."""
    limits = known_limits(MODEL)
    if reply.usage is None or limits is None or limits.dearest is None:
        return "on M1: price not known"
    price = money(estimate(reply.usage, limits.dearest), about=True)
    return f"the same tokens on {MODEL}: {price}"
