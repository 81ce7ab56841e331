"""Notebooks that are run cell by cell in a process of their own, on a tape, without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import api, files, keys
from ..computed import Figure
from ..context.cells import Cell
from ..errors import UserFacingError
from ..jupyter.shell import NOTEBOOK
from ..kept.keeper import BESIDE
from ..settings import home, sources
from ..text import one_line
from .quickstart import code_cells, fresh_shell

# What a notebook's own process runs: nothing of it may reach the network.
CHILD = "from m1_magic.verbs.notebook_runs import child; child()"
END: list[Any] = ["", "", "", []]  # a row that says that all cells were run
ON_TAPE = "on the tape"
FAILS = "raises-exception"  # the tag of a cell that may, as nbclient has it


@dataclass(frozen=True, slots=True)
class Ran:
    """A cell that was run: its number and beginning, how it went, and figures by answer.

    ``outcome`` is "" where it did not ask; ``number`` "" where the whole run failed.
    """

    number: str
    begins: str
    outcome: str
    answers: tuple[tuple[Figure, ...], ...] = ()

    @property
    def well(self) -> bool:
        """Did it run to its end, with a kept answer if it asked?"""
        return self.outcome in ("", ON_TAPE)


def run(notebook: Path, tape: Path, *, settings: bool = False) -> list[Ran]:
    """Run the code cells of a notebook on a tape; the last one may say why it did not end.

    Args:
        settings: with the user's own saved settings, not the defaults.
    """
    with tempfile.TemporaryDirectory() as folder:
        own = home.place() / sources.FILE
        if settings and own.is_file() and not home.distrusted(own):
            (Path(folder) / sources.FILE).write_bytes(own.read_bytes())
        cells, results = Path(folder) / "cells.json", Path(folder) / "results.json"
        try:
            code = [[cell.source, FAILS in tags(cell)] for cell in code_cells(notebook)]
        except Exception as error:  # a file of any kind
            return [Ran("", "", one_line(f"it is no notebook: {error}", 300))]
        cells.write_text(json.dumps(code), "utf-8")
        environ = {
            **keys.without(os.environ),
            "M1_MODE": "replay",
            "M1_TAPE": str(tape.resolve()),
            "M1_HOME": folder,
            NOTEBOOK: str(tape.resolve()).removesuffix(BESIDE) + ".ipynb",  # %m1 tape on
            "M1_NOTEBOOK_RUN": json.dumps([str(cells), str(results)]),
        }
        ran = subprocess.run(
            [sys.executable, "-P", "-c", CHILD],
            env=environ,
            cwd=notebook.resolve().parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
        rows = json.loads(results.read_text("utf-8")) if results.exists() else []
        if rows[-1:] == [END]:
            return [_ran(*row) for row in rows[:-1]]
        why = ran.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        last = Ran("", "", one_line(f"it was not run to its end: {why}", 300))
        return [*(_ran(*row) for row in rows), last]


def _ran(number: str, begins: str, outcome: str, answers: list[list[list[str]]]) -> Ran:
    figures = (tuple(Figure(0, 0, *one) for one in answer) for answer in answers)
    return Ran(number, begins, outcome, tuple(figures))


def child() -> None:
    """Run the cells that the environment names the file of, and say how each went."""
    cells, results = json.loads(os.environ.pop("M1_NOTEBOOK_RUN"))
    sys.addaudithook(_offline)
    sys.path.insert(0, "")  # as a kernel has it: modules beside the notebook
    shell, rows = fresh_shell(), list[list[Any]]()
    for number, (source, fails) in enumerate(json.loads(Path(cells).read_text("utf-8")), 1):
        before = list(api.chats().computed)
        outcome = _step(shell, source, fails)
        _forget_displays(shell, source)
        new = (one for one in api.chats().computed if not any(one is old for old in before))
        answers = [[[f.query, f.source, f.text, f.reason] for f in one.figures] for one in new]
        rows.append([str(number), one_line(source, 40), outcome, answers])
        files.replace(Path(results), json.dumps(rows))
    files.replace(Path(results), json.dumps([*rows, END]))


def tags(cell: Any) -> Sequence[str]:
    """Return the tags of a cell."""
    names = cell.metadata.get("tags")
    return names if isinstance(names, list) else ()


def _step(shell: Any, source: str, fails: bool) -> str:
    """Run one cell; return "" if it did not ask or may fail, or how it went."""
    before = api.session().last
    result = shell.run_cell(source, store_history=True)
    error = result.error_before_exec or result.error_in_exec
    if error is not None and not (fails and not isinstance(error, UserFacingError)):
        return one_line(f"{type(error).__name__}: {error}", 300)
    return "" if api.session().last is before else ON_TAPE


def _forget_displays(shell: Any, source: str) -> None:
    """Keep of what the last cell showed what a kernel keeps, so that ``--cells`` sends the same."""
    outputs, number = shell.history_manager.outputs, shell.execution_count - 1
    remaining = [one for one in outputs.pop(number, []) if one.output_type != "display_data"]
    if remaining and not Cell(number, source).asks:  # a terminal prints what a notebook displays
        outputs[number] = remaining


def _offline(event: str, args: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        raise OSError("m1-magic runs this notebook without a network")
