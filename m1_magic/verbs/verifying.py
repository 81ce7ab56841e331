"""``%m1 verify`` and ``m1-magic verify``: figures of exact answers, computed again.

Nobody is asked and nothing leaves. What they showed is known from this kernel's replies, or from
the records in the saved notebook; what M1 wrote from there, too, or the ledger, or a tape.
"""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..calls import RECORD
from ..computed import Figure
from ..errors import LedgerProblem, TapeProblem, UsageError
from ..exact.verifying import Given, again, differences, table_rows
from ..kept.keeper import BESIDE, kept_answer, tape_path
from ..kept.tape import Line, Tape, line
from ..ledger import answers, history
from ..render import page
from ..text import md_cell, one_line, plural
from .cost_report import LARGEST, notebooks
from .notebook_runs import run
from .quickstart import code_cells
from .verb_context import VerbContext, none

NONE = "No answer with computed figures yet: `%%m1 --df NAME --exact` asks for one."
NOT_KEPT = "what M1 wrote is not kept: purged, forgotten, or never in this ledger"
NOT_ASKED = "it was not asked again, so its figures could not be computed"
UNCOMPARED = "no figures are saved beside it to compare with: run the notebook and save it"


@dataclass
class Tally:
    """What came of the figures of one notebook; ``notes`` are no failures."""

    figures: int = 0
    changed: int = 0
    failed: int = 0  # figures that could not be computed
    missing: int = 0  # answers and cells
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def well(self) -> bool:
        """Is every figure as it was?"""
        return not self.rows

    def compare(self, place: str, old: Sequence[Figure], new: Sequence[Figure]) -> None:
        """Count the figures of an answer."""
        differing = differences(old, new)
        self.figures += max(len(old), len(new))
        failed = sum(bool(one.reason) for one in differing)
        self.failed, self.changed = self.failed + failed, self.changed + len(differing) - failed
        self.rows += [[place, *row] for row in table_rows(differing)]

    def miss(self, place: str, why: str) -> None:
        """Count an answer whose figures are not known."""
        self.missing += 1
        self.rows.append([place, "", "", one_line(why, 300)])

    def page(self, place: str) -> str:
        """Return the page: a table of what changed or failed, and a line on what did not."""
        rest = self.figures - self.changed - self.failed
        counts = (
            (self.changed, "figure", "changed"),
            (self.failed, "figure", "could not be computed"),
            (self.missing, place, "not verified"),
        )
        parts = [f"{plural(n, noun)} {what}" for n, noun, what in counts if n]
        if rest or not parts:
            parts.append(f"{plural(rest, 'figure')} unchanged")
        head = f"{', '.join(parts)}." if self.figures or parts[1:] or self.missing else NONE
        table = page.table([place, "query", "figure", "was → is"], self.rows)
        return "\n\n".join([*([table] if self.rows else []), head, *self.notes])


def verify(context: VerbContext, args: Sequence[str]) -> str:
    """Compute the figures of this notebook's exact answers again; list those that changed."""
    none(args, "verify")
    tally, given = Tally(), list(context.chats.computed)
    path = Path(context.session.notebook or "")
    saved: list[Saved] = []
    if context.session.notebook and path.is_file():
        with suppress(ValueError):
            saved = saved_records(path)
    ids, cells = {one.id for one in given}, {one.cell for one in given if one.cell}
    for one in saved:
        if one.id in ids or one.cell in cells:
            continue
        given_answer = _kept(context, one, path)
        if given_answer is None:
            tally.miss(f"cell {one.number}", NOT_KEPT)
        else:
            given.append(given_answer)
    for answer in given:
        new = again(answer, context.namespace, context.settings)
        tally.compare(one_line(answer.prompt, 40), answer.figures, new)
    return tally.page("answer")


def _kept(context: VerbContext, saved: Saved, path: Path) -> Given | None:
    """Return a saved answer with what M1 wrote, from the ledger or the notebook's tape."""
    past = history.called(context.session.ledger, saved.id)
    if past is not None and past.id == saved.id and past.answer:
        before = context.chats.before(past.prompt or "", past.sent.after if past.sent else ())
        prompt = past.prompt or ""
        return Given(saved.id, prompt, past.answer, saved.tables, saved.figures, before)
    with suppress(TapeProblem):
        for id, one in _on_tape(context, path):
            if id == saved.id:
                return Given(id, one.prompt, one.text, saved.tables, saved.figures)
    return None


def _on_tape(context: VerbContext, path: Path) -> Iterator[tuple[str, Line]]:
    """Yield the answers on a notebook's tape, each with the id that it is shown under."""
    named = tape_path(context.settings.tape, str(path))
    times = Counter[str]()
    for one in Tape(named or path.with_suffix(BESIDE)).lines():
        times[one.fingerprint] += 1
        yield one.answer(times[one.fingerprint], "").id, one


# --- notebooks, in processes of their own -------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Saved:
    """The record of a call in a saved notebook; without figures: of an ordinary answer."""

    id: str
    number: int
    cell: str
    figures: tuple[Figure, ...] = ()
    tables: tuple[str, ...] = ()
    exact: bool = False


def saved_records(path: Path) -> list[Saved]:
    """Return the records of the calls in a notebook, in order; ValueError: it cannot be read."""
    if not path.is_file() or path.stat().st_size > LARGEST:
        raise ValueError("there is no such notebook")
    try:
        records = [
            (number, str(cell.get("id", "")), output.get("data", {}).get(RECORD))
            for number, cell in enumerate(code_cells(path), 1)
            for output in cell.outputs
        ]
    except Exception:  # JSON of any shape may stand there, and nbformat meets it as it comes
        raise ValueError("it is not a notebook that can be read") from None
    return [
        _saved(one, number, cell)
        for number, cell, record in records
        for one in (record if isinstance(record, list) else [record])
        if isinstance(one, dict)
    ]


def _saved(record: Mapping[str, Any], number: int, cell: str) -> Saved:
    figures, tables = record.get("figures"), record.get("tables")
    listed = figures if isinstance(figures, list) else []
    return Saved(
        id=str(record.get("id", "")),
        number=number,
        cell=cell,
        figures=tuple(
            Figure(0, 0, *(str(one.get(name, "")) for name in ("query", "source", "text")))
            for one in listed
            if isinstance(one, dict) and one.get("query")
        ),
        tables=tuple(map(str, tables)) if isinstance(tables, list) else (),
        exact=isinstance(figures, list),
    )


def verified(context: VerbContext, names: Sequence[str]) -> tuple[str, bool]:
    """Run notebooks with their kept answers; return the page, and whether every figure is as saved.

    Raises:
        UsageError: there is none.
    """
    paths, parts, well = list(notebooks(names)), [], True
    if not paths:
        raise UsageError("There is no notebook there.", cost="")
    for path in paths:
        tally = Tally()
        try:
            _verify(context, path, tally)
        except (ValueError, TapeProblem) as problem:
            tally.miss("", str(problem))
        parts.append(f"**{md_cell(path)}**\n\n{tally.page('cell')}")
        well = well and tally.well
    return "\n\n".join(parts), well


def _verify(context: VerbContext, path: Path, tally: Tally) -> None:
    """Run a notebook, and compare its figures with those saved in it, by cell and place."""
    saved = saved_records(path)
    with tempfile.TemporaryDirectory() as folder:
        tape = Path(folder) / path.with_suffix(BESIDE).name
        lines = list(kept_lines(context, path, [one.id for one in saved]))
        if lines:
            Tape(tape).extend(lines)
        ran = run(path, tape, settings=True)
    before: defaultdict[str, list[Saved]] = defaultdict(list)
    for one in saved:
        if one.exact:
            before[str(one.number)].append(one)
    for cell in ran:
        old = before[cell.number]
        if not cell.well:
            tally.miss(cell.number, cell.outcome.removeprefix("TapeProblem: "))
        for new in cell.answers:
            if old:
                tally.compare(cell.number, old.pop(0).figures, new)
            else:
                tally.compare(cell.number, new, new)
                tally.notes.append(f"cell {cell.number}: {UNCOMPARED}")
        if cell.well:
            for _ in old:
                tally.miss(cell.number, NOT_ASKED)


def kept_lines(
    context: VerbContext, path: Path, displayed_ids: Iterable[str]
) -> Iterator[tuple[Line, int]]:
    """Yield the answers on a notebook's tape and in the ledger, each the so manyth to its request.

    Args:
        displayed_ids: ids of the calls whose answers the notebook shows; they go before others.
    """
    by_key: defaultdict[str, list[Line]] = defaultdict(list)
    known: dict[str, Line] = {}
    for id, one in _on_tape(context, path):
        by_key[one.fingerprint].append(one)
        known[id] = one
    taped = {key: list(lines) for key, lines in by_key.items()}
    with suppress(LedgerProblem):
        for past, key, parts in answers.of_notebook(context.session.ledger, str(path.resolve())):
            answer = kept_answer(past)
            new = line(key, past.prompt or "", parts, answer, past.cost, thinking=False)
            same = next((one for one in taped.get(key, ()) if one.text == new.text), None)
            if same is not None:
                taped[key].remove(same)
            else:
                by_key[key].append(new)
            known[past.id] = same or new
    first = Counter[str]()
    for one in (known[id] for id in displayed_ids if id in known):
        lines = by_key[one.fingerprint]
        lines.remove(one)
        lines.insert(first[one.fingerprint], one)
        first[one.fingerprint] += 1
    for lines in by_key.values():
        yield from ((one, n) for n, one in enumerate(lines, 1))
