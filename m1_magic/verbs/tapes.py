"""Tapes: ``%m1 tape``, and ``m1-magic tape``, which runs notebooks on theirs without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import api, files, keys
from ..errors import UsageError
from ..kept.keeper import BESIDE, kept_answer, tape_path
from ..kept.tape import Tape, line
from ..ledger import answers
from ..render import page
from ..settings import config
from ..text import md_cell, one_line, plural
from .cost_report import notebooks
from .quickstart import fresh_shell, sources
from .verb_context import VerbContext

# What a notebook's own process runs: nothing of it may reach the network.
CHILD = "from m1_magic.verbs.tapes import child; child()"
END = ["", "", ""]  # a row that says that all cells were run
HOW = "`%m1 tape on`, `%m1 tape PATH`, `%m1 tape off`; M1_MODE=replay asks nobody."


def tape(context: VerbContext, args: Sequence[str]) -> str:
    """Put answers on a tape, and take them from it; without a word, say which one is in use."""
    if len(args) > 1:
        raise UsageError("Usage: %m1 tape on|off|PATH.", cost="")
    if args:
        named = "" if args[0].lower() == "off" else args[0]
        tape_path(named, context.session.notebook)
        config.change(context.settings, "tape", named)
    path = tape_path(context.settings.tape, context.session.notebook)
    if path is None:
        return f"No tape. {HOW}"
    in_use = Tape(path)
    count = len(in_use.lines()) if path.exists() else 0
    parts = [f"tape **{md_cell(path)}**", plural(count, "answer"), f"mode {context.settings.mode}"]
    return " · ".join(parts) + (f"\n\n{md_cell(in_use.noted)}" if in_use.noted else "")


def make(context: VerbContext, notebook: Path) -> tuple[str, bool]:
    """Write the tape of a notebook from what the ledger keeps; return what was done, and if any."""
    path, lines, made = notebook.with_suffix(BESIDE), [], dict[str, int]()
    for past, key, parts in answers.of_notebook(context.session.ledger, str(notebook.resolve())):
        answer, thinking = kept_answer(past), context.settings.tape_thinking
        made[key] = made.get(key, 0) + 1
        new = line(key, past.prompt or "", parts, answer, past.cost, thinking=thinking)
        lines.append((new, made[key]))
    if not lines:
        return f"{md_cell(notebook)}: the ledger keeps no answers of it", False
    Tape(path).extend(lines)
    return f"{md_cell(path)}: {plural(len(lines), 'answer')} written", True


def replayed(names: Sequence[str]) -> tuple[str, bool]:
    """Run notebooks on their tapes; return the page on their cells, and whether all went well."""
    parts, well = [], True
    paths = list(notebooks(names))
    if not paths:
        raise UsageError("There is no notebook there.", cost="")
    for path in paths:
        rows = _run(path)
        bad = [row for row in rows if row[2] not in ("", "on the tape")]
        well = well and not bad
        shown = [row for row in rows if row[2]]
        head = f"**{md_cell(path)}**: {'all on the tape' if not bad else plural(len(bad), 'cell')}"
        head += " not on the tape, or failed" if bad else ""
        parts.append(f"{head}\n\n{page.table(['cell', 'begins', ''], shown)}" if shown else head)
    return "\n\n".join(parts), well


def _run(notebook: Path) -> list[list[str]]:
    """Run one notebook in a process of its own; return number, beginning and outcome by cell."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "cells.json"
        environ = {
            **keys.without(os.environ),
            "M1_MODE": "replay",
            "M1_TAPE": str(notebook.with_suffix(BESIDE).resolve()),
            "M1_HOME": folder,
            "M1_NOTEBOOK_RUN": json.dumps([str(notebook.resolve()), str(results)]),
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
        rows: list[list[str]] = json.loads(results.read_text("utf-8")) if results.exists() else []
        if rows[-1:] == [END]:
            return rows[:-1]
        why = ran.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        return [*rows, ["", "", one_line(f"it was not run to its end: {why}", 300)]]


def child() -> None:
    """Run the code cells of the notebook that the environment names, and say how each went."""
    notebook, results = json.loads(os.environ.pop("M1_NOTEBOOK_RUN"))
    sys.addaudithook(_offline)
    sys.path.insert(0, "")  # as a kernel has it: modules beside the notebook
    shell, rows = fresh_shell(), list[list[str]]()
    for number, source in enumerate(sources(Path(notebook)), 1):
        rows.append([str(number), one_line(source, 40), _step(shell, source)])
        files.replace(Path(results), json.dumps(rows))
    files.replace(Path(results), json.dumps([*rows, END]))


def _step(shell: Any, source: str) -> str:
    """Run one cell; return "" if it did not ask, or how it went."""
    before = api.session().last
    result = shell.run_cell(source, store_history=True)
    error = result.error_before_exec or result.error_in_exec
    if error is not None:
        return one_line(f"{type(error).__name__}: {error}", 300)
    return "" if api.session().last is before else "on the tape"


def _offline(event: str, args: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        raise OSError("m1-magic tape runs notebooks without a network")
