"""``%m1 cost``: what calls cost, by period, model, day or notebook; what is held; CSV."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from ..errors import M1Error
from ..ledger import answers, sums
from ..ledger.store import now_utc
from ..options import command_line
from ..pricing.dollars import money
from ..render import page
from ..text import md_cell, one_line, plural, thousands
from .verb_context import VerbContext, written

# What a spreadsheet takes for the beginning of a formula (OWASP, CSV Injection), wide forms too.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
MOST_ROWS = 60
BARS = 30


def cost(context: VerbContext, args: Sequence[str]) -> str:
    """Add up calls by period or as ``--by`` says, list what is held, write CSV, release a hold."""
    parser = command_line.Parser("%m1 cost")
    parser.add_argument("--by", choices=tuple(sums.KEYS))
    parser.add_argument("--csv", metavar="PATH")
    parser.add_argument("--release", metavar="ID")
    given = parser.parse_args(list(args))
    ledger, now = context.session.ledger, now_utc()
    if given.release is not None:
        longest = timedelta(seconds=context.settings.deadline)
        gone = sums.release(ledger, given.release, now, longest)
        return (
            f"Hold {gone.id} of {money(gone.hold)} is released: what that call of"
            f" {gone.at:%Y-%m-%d %H:%M} UTC cost stays unknown, and is no longer counted."
        )
    with suppress(M1Error):  # what is pending stays so; the table says how much is held
        context.session.reconcile()
    parts = [_by(context, given.by) if given.by else _periods(context)]
    parts += [*_unknown(context), *_held(context), *_saved(context)]
    if given.csv:
        rows = sums.calls(ledger)
        path = Path(given.csv).expanduser()
        write_csv(path, sums.HEAD, rows)
        parts.append(f"{plural(len(rows), 'call')} written to {md_cell(path)}")
    parts += map(md_cell, ledger.news())
    return "\n\n".join(parts)


def _periods(context: VerbContext) -> str:
    rows: list[list[object]] = []
    for period, (spent, held, calls) in context.session.ledger.spent(now_utc()).items():
        rows.append([period, money(spent), money(held), calls])
        notebook = context.session.notebook
        if period == "session" and notebook:
            its = sums.of_notebook(context.session.ledger, notebook)
            name = f"notebook {os.path.basename(notebook)}"
            rows.append([name, money(its.spent), money(its.held), its.calls])
    return page.table(["", "spent", "held until settled", "calls"], rows, aligned=True)


def _saved(context: VerbContext) -> list[str]:
    """Return how many kept answers were shown today, and what they would have cost."""
    count, dollars = answers.saved(context.session.ledger, now_utc())
    return [f"kept answers today: {count:,}, {money(dollars)} not spent"] if count else []


def _by(context: VerbContext, key: str) -> str:
    totals = sums.by(context.session.ledger, key)
    if not totals:
        return "No calls yet."
    # The latest days, the dearest of all else.
    listed = totals[-MOST_ROWS:] if key == "day" else totals[:MOST_ROWS]
    rows = [
        [
            one.name,
            money(one.spent) + (f" + {one.unknown} unknown" if one.unknown else ""),
            money(one.held),
            thousands(one.calls),
            thousands(one.input),
            thousands(one.output),
        ]
        for one in listed
    ]
    head = [key, "spent", "held until settled", "calls", "tokens in", "out"]
    left = len(totals) - len(listed)
    more = f"\n\n{left} more; --csv PATH writes every call" if left else ""
    return f"{page.table(head, rows, aligned=True)}\n\n{page.code(chart(listed))}{more}"


def chart(totals: Sequence[sums.Sum]) -> str:
    """Return a bar for each sum as plain text; a sum that is not zero has at least a sliver."""
    most = max((one.spent for one in totals), default=Decimal(0))
    names = [one_line(one.name, 32) for one in totals]
    width = max(map(len, names), default=0)
    lines = []
    for name, one in zip(names, totals, strict=True):
        full = int(one.spent * BARS / most) if most else 0
        bar = "█" * full or ("▏" if one.spent else "")
        lines.append(f"{name:{width}} {bar:{BARS}} {money(one.spent)}")
    return "\n".join(lines)


def _unknown(context: VerbContext) -> list[str]:
    """Return how many calls of the month cost what nobody will know; nothing if none did."""
    lost = sums.lost(context.session.ledger, now_utc())
    return [f"cost unknown: {plural(lost, 'call')} of this month"] if lost else []


def _held(context: VerbContext) -> list[str]:
    """Return what is held and why, and how to let go of it; nothing if nothing is."""
    holds = sums.held(context.session.ledger)
    if not holds:
        return []
    rows = [
        [one.id, f"{one.at:%Y-%m-%d %H:%M}", one.model, money(one.hold), _why(one)]
        for one in holds[-10:]
    ]
    more = f" The latest 10 of {len(holds):,} are shown." if len(holds) > 10 else ""
    return [
        page.table(["held", "UTC", "model", "at most", ""], rows, aligned=True),
        "A price that never arrives stays held, for an hour where it cannot be asked for:"
        " `%m1 cost --release ID` releases it." + more,
    ]


def _why(one: sums.Held) -> str:
    if one.state == "pending":
        return "price not known yet"
    alive = sums.running(one)
    return f"process {one.pid} {'may be running it' if alive else 'has ended'}"


def write_csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table for spreadsheets, in one step; no cell of it is taken for a formula."""

    def ours(path: Path) -> bool:
        return path.read_text("utf-8-sig", "replace").startswith(",".join(head))

    with written(path, ours, " and is not such a table") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows([cell(value) for value in row] for row in rows)


def cell(value: object) -> str:
    """Return a value as CSV may hold it: exact numbers, text that begins no formula."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    text = str(value)
    return f"'{text}" if text.lstrip(" '").startswith(FORMULA) or text[:1] in FORMULA else text
