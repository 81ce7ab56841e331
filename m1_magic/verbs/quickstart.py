"""``m1-magic demo``: the quickstart notebook, cell by cell, in a terminal.

The cells run in a real IPython shell, as they stand, on the notebook's tape: recorded texts, whose
figures are computed now. With ``--local`` the small local model answers what it can answer, which
is no question about a table. After each call stands what the same tokens would have cost on M1.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .. import api
from ..calls import Reply
from ..errors import M1Error
from ..kept.keeper import BESIDE
from ..pricing.dollars import money
from ..pricing.prices import estimate, known_limits
from ..settings.config import MODEL
from ..settings.endpoints import OFFLINE
from ..settings.sources import ENVIRONMENT
from ..text import show_controls

RECORDED = """\
The texts below are recorded, and were made up for the tests of m1-magic. Each figure
in them is computed now, from the table on this machine. Nothing leaves it."""
BY_MODEL = """\
A small model on this machine answers. It is fluent and often wrong, so it is asked
nothing about the table; what would leave of that is shown."""
NEXT = """
m1-magic demo --local   a small model on this machine answers (98 MB, fetched once)
m1-magic lab            the notebook of this demo, in JupyterLab
m1-magic login          a key of openrouter.ai, for M1 itself"""
LOCAL = (
    "%load_ext m1_magic",
    "from palmerpenguins import load_penguins\n\npenguins = load_penguins()",
    "%m1 df penguins --df-tokens 300",
    "%%m1 -t 0.2 --max-tokens 120\nIn two sentences: what is a penguin's flipper for?",
    "%m1 cost",
)


def on_tape(notebook: Path) -> None:
    """Run a notebook on the tape beside it, with no setting or ledger of the user's."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ENVIRONMENT:
            os.environ.pop(name, None)
        tape = str(notebook.with_suffix(BESIDE))
        os.environ.update(M1_HOME=folder, M1_TAPE=tape, M1_MODE="replay")
        print(RECORDED)
        run(cell.source for cell in code_cells(notebook))
        api.end()  # its ledger is in that folder
    print(NEXT)


def with_model() -> None:
    """Ask the local model, or the server that ``M1_BASE_URL`` names."""
    if os.environ.setdefault("M1_BASE_URL", OFFLINE) == OFFLINE:
        print(BY_MODEL)
    run(LOCAL)


def run(cells: Iterable[str]) -> None:
    """Run cells, up to one that fails; print output and price on M1."""
    shell = fresh_shell()
    for cell in cells:
        step(shell, cell)


def fresh_shell() -> Any:
    """Return the process's IPython, whose history is in memory only."""
    from IPython.terminal.interactiveshell import TerminalInteractiveShell
    from traitlets.config import Config

    config = Config({"HistoryManager": {"hist_file": ":memory:"}})
    return TerminalInteractiveShell.instance(config=config, colors="nocolor", simple_prompt=True)


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
