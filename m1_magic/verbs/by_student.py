"""``m1-magic report --by student``: what each student's notebooks cost, and who shares calls.

A student is a folder or a file: in nbgrader's layout what stands below ``submitted``; else what
lies in the folder that is named; of several that are named, each. The record of one call in the
notebooks of two students says that one of them has it from the other, or both from a third.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..render import page
from ..text import md_cell, md_to_text, one_line, plural, thousands
from .cost_report import Tally, call_id, is_kept, notebooks, records
from .money import write_csv

NBGRADER = ("submitted", "autograded", "feedback")
HEAD = [
    "student", "notebooks", "calls", "tokens_in", "tokens_out", "cost_usd", "estimated",
    "cost_unknown", "kept", "shared", "shares_with",
]  # fmt: skip
MOST_PAIRS = 60
MANY = 8  # students: a call that more of them have was handed out with the notebook


@dataclass
class Work:
    """A student's notebooks, and the calls in them."""

    tally: Tally = field(default_factory=Tally)
    paths: set[Path] = field(default_factory=set)
    places: dict[str, Path] = field(default_factory=dict)  # a call's id → the first notebook
    shared: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)

    def add(self, path: Path, record: dict[str, Any]) -> bool:
        """Take a record; False if the student has that call already."""
        if id := _call(record):
            if id in self.places:
                return False
            self.places[id] = path
        self.tally.add(record)
        return True


def report(names: Sequence[str], csv: str | None = None) -> str:
    """Return the page on the students with these notebooks; write the table to a path, if given."""
    work, total, seen, notes = dict[str, Work](), Tally(), set[str](), list[str]()
    for path, student in owned(names):
        try:
            saved = records(path)
        except ValueError as error:
            notes.append(f"{md_cell(one_line(path, 200))}: {md_cell(error)}")
            continue
        its = work.setdefault(student, Work())
        its.paths.add(path)
        for record in saved:
            if its.add(path, record) and not _again(record, seen):
                total.add(record)
    if not work:
        raise UsageError("No notebook could be read. " + " ".join(map(md_to_text, notes)), cost="")
    notes += total.notes
    pairs, many = _shared(work)
    if csv:
        path = Path(csv).expanduser()
        write_csv(path, HEAD, (_cells(name, work[name]) for name in sorted(work)))
        notes.append(f"{plural(len(work), 'student')} written to {md_cell(path)}")
    return "\n\n".join([_students(work, total), *_pairs(pairs, many), *notes])


def owned(names: Sequence[str]) -> list[tuple[Path, str]]:
    """Return the notebooks that are named, each once, and whose they are."""
    given = [Path(name).expanduser() for name in names]
    folders = [path for path in given if path.is_dir()]
    files = Counter(path.stem for path in given if path not in folders)
    owners: dict[Path, str] = {}
    for root in given:
        for path in notebooks([str(root)]):
            if root not in folders:
                own = path.stem if files[path.stem] == 1 else path.absolute().parent.name
            elif len(folders) > 1:
                own = root.absolute().name
            else:
                first, *more = path.relative_to(root).parts
                own = first if more else path.stem
            owners.setdefault(path, _of_nbgrader(path) or own)
    return list(owners.items())


def _of_nbgrader(path: Path) -> str | None:
    """Return the student of ``submitted/STUDENT/ASSIGNMENT/…/x.ipynb``; None elsewhere."""
    parts = path.absolute().parts
    places = [n for n, part in enumerate(parts[:-3]) if part in NBGRADER]
    return parts[places[-1] + 1] if places else None


def _again(record: dict[str, Any], seen: set[str]) -> bool:
    """Was this call counted for another student? Remember it."""
    id = _call(record)
    known = id in seen
    if id:
        seen.add(id)
    return known


def _call(record: dict[str, Any]) -> str:
    """Return the id of the call that a record is of, "" for a kept answer or where it has none."""
    return "" if is_kept(record) else call_id(record)


def _shared(work: dict[str, Work]) -> tuple[Counter[tuple[Path, Path]], Counter[int]]:
    """Note who shares calls; return how many two notebooks share, and how many so many have."""
    owners: dict[str, list[str]] = {}
    for student in sorted(work):
        for id in work[student].places:
            owners.setdefault(id, []).append(student)
    pairs, many = Counter[tuple[Path, Path]](), Counter[int]()
    for id, who in owners.items():
        if len(who) < 2:
            continue
        for student in who:
            work[student].shared.add(id)
            work[student].others.update(who[: MANY + 1])
        if len(who) > MANY:
            many[len(who)] += 1
        else:
            pairs.update(combinations([work[student].places[id] for student in who], 2))
    return pairs, many


def _students(work: dict[str, Work], total: Tally) -> str:
    rows = []
    for name in sorted(work):
        its = work[name]
        rows.append([*its.tally.row(one_line(name, 100)), thousands(len(its.shared))])
    if len(rows) > 1:
        rows.append([*total.row("all, each call once"), ""])
    return page.table(
        ["student", "calls", "tokens in", "out", "cost", "shared calls"], rows, aligned=True
    )


def _pairs(pairs: Counter[tuple[Path, Path]], many: Counter[int]) -> list[str]:
    parts = [
        f"{plural(calls, 'call')} stand in the notebooks of {students} students each:"
        " handed out with the notebook?"
        for students, calls in sorted(many.items(), reverse=True)
    ]
    if pairs:
        rows = [
            [thousands(calls), one_line(a, 200), one_line(b, 200)]
            for (a, b), calls in pairs.most_common(MOST_PAIRS)
        ]
        parts.append(page.table(["calls shared", "in", "and in"], rows))
    if len(pairs) > MOST_PAIRS:
        parts.append(f"{plural(len(pairs) - MOST_PAIRS, 'pair')} more")
    return parts


def _cells(name: str, its: Work) -> list[object]:
    others = sorted(its.others - {name})
    shares = "; ".join(others[:MANY]) + ("; …" if len(others) > MANY else "")
    tally = its.tally
    figures = (tally.calls, tally.input, tally.output, tally.cost, "yes" if tally.about else "no")
    rest = (tally.unknown, tally.kept, len(its.shared), shares)
    return [one_line(name, 200), len(its.paths), *figures, *rest]
