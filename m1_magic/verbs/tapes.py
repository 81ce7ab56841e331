"""Tapes: ``%m1 tape``, and ``m1-magic tape``, which runs notebooks on theirs without a network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import UsageError
from ..kept.keeper import BESIDE, kept_answer, tape_path
from ..kept.tape import Tape, line
from ..ledger import answers
from ..render import page
from ..settings import config
from ..text import md_cell, plural
from .cost_report import notebooks
from .notebook_runs import run
from .verb_context import VerbContext

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
        cells = run(path, path.with_suffix(BESIDE))
        bad = [one for one in cells if not one.well]
        well = well and not bad
        rows = [(one.number, one.begins, one.outcome) for one in cells if one.outcome]
        head = f"**{md_cell(path)}**: {'all on the tape' if not bad else plural(len(bad), 'cell')}"
        head += " not on the tape, or failed" if bad else ""
        parts.append(f"{head}\n\n{page.table(['cell', 'begins', ''], rows)}" if rows else head)
    return "\n\n".join(parts), well
