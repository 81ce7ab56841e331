"""``m1-magic report NOTEBOOK…``: what notebooks cost, from the records saved in them.

Every call leaves one record beside its footer. Notebooks come from anywhere: what is no notebook,
or too large to be one, has a line of its own. The front end's extension adds up the same records,
to the same sum: a number is what JavaScript reads, a cost is rounded to the ledger's last digit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, TypeVar

from ..calls import RECORD
from ..errors import UsageError
from ..pricing.dollars import money
from ..render import page
from ..settings.traits import MOST
from ..text import md_cell, md_to_text, one_line, plural, thousands

T = TypeVar("T", list[Any], dict[str, Any])
LARGEST = 200_000_000
NANO = Decimal("1e-9")


@dataclass
class Tally:
    """What calls add up to; ``about`` says that a part of it is an estimate."""

    calls: int = 0
    input: int = 0
    output: int = 0
    cost: Decimal = field(default_factory=Decimal)
    about: bool = False
    unknown: int = 0
    kept: int = 0

    def add(self, record: dict[str, Any]) -> None:
        """Take one call's record."""
        if is_kept(record):
            self.kept += 1
            return
        usage = _part(record, "usage", dict)
        self.calls += calls(record)
        self.input += _count(usage.get("input"))
        self.output += _count(usage.get("output"))
        cost = _number(record.get("cost_usd"))
        self.unknown += cost is None
        self.cost += Decimal(cost or 0).quantize(NANO, ROUND_HALF_UP).normalize()
        self.about = self.about or record.get("cost_source") == "estimated"

    @property
    def notes(self) -> list[str]:
        """What stands below a table of tallies."""
        return [f"{plural(self.kept, 'kept answer')} besides, at $0"] if self.kept else []

    def row(self, name: str) -> list[object]:
        """Return the tally as a row of a table."""
        unknown = f" + {self.unknown} unknown" if self.unknown else ""
        cost = money(self.cost, about=self.about) + unknown
        return [name, *map(thousands, (self.calls, self.input, self.output)), cost]


def report(names: Sequence[str]) -> str:
    """Return the page on these notebooks, or all notebooks in these folders."""
    by_notebook: dict[str, Tally] = {}
    by_model: dict[str, Tally] = {}
    total, notes, seen, twice = Tally(), [], set[str](), 0
    for path in notebooks(names):
        try:
            saved = records(path)
        except ValueError as error:
            notes.append(f"{md_cell(one_line(path, 200))}: {md_cell(error)}")
            continue
        tally = by_notebook.setdefault(str(path), Tally())
        for record in saved:
            if is_kept(record):
                total.add(record)
                continue
            id = call_id(record)
            if id and id in seen:
                twice += calls(record)  # a copy of the notebook, or of its cell
                continue
            seen.add(id)
            model = by_model.setdefault(one_line(record.get("model") or "(no name)", 80), Tally())
            for one in (tally, model, total):
                one.add(record)
    if not by_notebook:
        raise UsageError("No notebook could be read. " + " ".join(map(md_to_text, notes)), cost="")
    notes += total.notes
    if twice:
        notes.append(f"{plural(twice, 'call')} stand in more than one place, and are counted once")
    return _page(by_notebook, by_model, total, notes)


def notebooks(names: Iterable[str]) -> Iterator[Path]:
    """Yield the notebooks that are named, each once, those in folders in order."""
    paths: dict[Path, None] = {}
    for name in names:
        path = Path(name).expanduser()
        inside = sorted(path.rglob("*.ipynb")) if path.is_dir() else [path]
        paths |= dict.fromkeys(p for p in inside if ".ipynb_checkpoints" not in p.parts)
    yield from paths


def records(path: Path) -> list[dict[str, Any]]:
    """Return the records of the calls saved in a notebook; ValueError: what is wrong with it."""
    try:
        if not path.is_file():
            raise ValueError("there is no such file")
        if path.stat().st_size > LARGEST:
            raise ValueError(f"over {LARGEST // 1_000_000} MB, left out")
        book = json.loads(path.read_bytes())
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("not a notebook (not JSON)") from None
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror})") from None
    cells = book.get("cells") if isinstance(book, dict) else None
    if not isinstance(cells, list):
        raise ValueError("not a notebook of a current format (it has no cells)")
    saved: list[Any] = []
    for output in (output for cell in cells for output in _part(cell, "outputs", list)):
        record = _part(output, "data", dict).get(RECORD)
        # A cell's call leaves one, a panel a list.
        saved += record if isinstance(record, list) else [record]
    return [record for record in saved if isinstance(record, dict)]


def is_kept(record: dict[str, Any]) -> bool:
    """Is this an answer that was kept, of a call that another record is of?"""
    replays = record.get("replays")
    return isinstance(replays, str) and bool(replays)


def calls(record: dict[str, Any]) -> int:
    """Return how many calls this is the record of: one, or a run's over the rows of a table."""
    return max(1, _count(record.get("questions")))


def call_id(record: dict[str, Any]) -> str:
    """Return the id of the call, "" where it has none."""
    id = record.get("id")
    return id if isinstance(id, str) else ""


def _part(value: object, name: str, kind: type[T]) -> T:
    """Return a part of foreign JSON; an empty one where there is none of that kind."""
    part = value.get(name) if isinstance(value, dict) else None
    return part if isinstance(part, kind) else kind()


def _page(
    by_notebook: dict[str, Tally], by_model: dict[str, Tally], total: Tally, notes: list[str]
) -> str:
    figures = ["calls", "tokens in", "out", "cost"]
    rows = [tally.row(one_line(name, 200)) for name, tally in by_notebook.items()]
    if len(rows) > 1:
        rows.append(total.row("all"))
    parts = [page.table(["notebook", *figures], rows, aligned=True)]
    if len(by_model) > 1:
        models = [tally.row(name) for name, tally in by_model.items()]
        parts.append(page.table(["model", *figures], models, aligned=True))
    return "\n\n".join([*parts, *notes])


def _count(value: object) -> int:
    return int(_number(value) or 0)


def _number(value: object) -> float | None:
    """Return what a record has as a number; text that is one is none that we wrote."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 <= value <= MOST else None
