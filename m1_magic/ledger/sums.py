"""What the ledger's rows add up to, and what lies beside them: notebooks, lengths of tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from ..errors import UsageError
from ..pricing.dollars import from_nano
from ..pricing.tokens import kind_of, teaches
from ..text import one_line
from . import Ledger, processes, since
from .journal import row

NOWHERE = "(no notebook)"
# What a sum can be by.
KEYS = {
    "model": "c.model",
    "day": "substr(a.at, 1, 10)",
    "notebook": f"coalesce(n.notebook, '{NOWHERE}')",
    "chat": "coalesce(c.chat, '(no chat)')",
}
ROWS = "FROM attempts a JOIN calls c ON c.id = a.call_id LEFT JOIN notebooks n USING (session)"
HELD = "coalesce(sum(CASE WHEN a.state <> 'settled' THEN a.hold_nano END), 0)"
AMOUNTS = (
    "count(DISTINCT a.call_id), coalesce(sum(a.input), 0), coalesce(sum(a.output), 0),"
    f" coalesce(sum(a.cost_nano), 0), {HELD},"
    " coalesce(sum(a.cost_nano IS NULL AND a.state <> 'reserved'), 0)"
)


@dataclass(frozen=True, slots=True)
class Sum:
    """What calls of one model, day or notebook used, spent and hold (US dollars)."""

    name: str
    calls: int
    input: int
    output: int
    spent: Decimal
    held: Decimal
    unknown: int


@dataclass(frozen=True, slots=True)
class Held:
    """An attempt whose hold still counts; ``process`` sent it, see ``processes``."""

    id: str
    at: datetime
    model: str
    hold: Decimal | None
    state: str
    pid: int
    process: str | None


def name_session(ledger: Ledger, notebook: str | None) -> None:
    """Write down which notebook this session serves; an unknown one is left out."""
    if notebook:
        _write(ledger, "INSERT OR REPLACE INTO notebooks VALUES (?, ?)", ledger.session, notebook)


def by(ledger: Ledger, key: str) -> list[Sum]:
    """Return the sums of all calls by a key: days in order, all else by what was spent."""
    order = "1" if key == "day" else "5 DESC, 2 DESC, 1"
    sql = f"SELECT {KEYS[key]} AS name, {AMOUNTS} {ROWS} GROUP BY name ORDER BY {order}"
    return [_sum(*row) for row in ledger.rows(sql)]


def of_notebook(ledger: Ledger, notebook: str) -> Sum:
    """Return the sum of all calls from one notebook."""
    sql = f"SELECT ?, {AMOUNTS} {ROWS} WHERE n.notebook = ?"
    (row,) = ledger.rows(sql, notebook, notebook)
    return _sum(*row)


def calls(ledger: Ledger) -> list[tuple[Any, ...]]:
    """Return one row a call, in order: what ``HEAD`` names, dollars as Decimal or None."""
    rows = ledger.rows(
        "SELECT c.at, c.id, coalesce(n.notebook, ''), c.model, c.status, sum(a.input),"
        " sum(a.output), sum(a.cached), sum(a.reasoning), sum(a.cost_nano),"
        f" {HELD}, count(*) > count(a.cost_nano), group_concat(DISTINCT a.cost_source)"
        f" {ROWS} GROUP BY c.id ORDER BY c.at, c.id",
    )
    return [
        (*row[:9], None if row[9] is None else from_nano(row[9]), from_nano(row[10]), *row[11:])
        for row in rows
    ]


HEAD = (
    "at", "id", "notebook", "model", "status", "input", "output", "cached", "reasoning",
    "cost_usd", "held_usd", "unknown", "cost_source",
)  # fmt: skip


def held(ledger: Ledger) -> list[Held]:
    """Return the attempts whose hold counts, the oldest thousand, in order."""
    rows = ledger.rows(
        f"SELECT a.id, a.at, c.model, a.hold_nano, a.state, a.pid, a.process {ROWS}"
        " WHERE a.state <> 'settled' ORDER BY a.at LIMIT 1000"
    )
    return [
        Held(i, datetime.fromisoformat(at), m, None if n is None else from_nano(n), *more)
        for i, at, m, n, *more in rows
    ]


def release(ledger: Ledger, id: str, now: datetime, longest: timedelta) -> Held:
    """Let go of one hold: what the attempt cost stays unknown, and counts no more.

    A call that is younger than ``longest``, and whose process lives, may still be running: then,
    and where not exactly one hold is meant, this raises UsageError.
    """
    matching = [one for one in held(ledger) if one.id.startswith(id.lower())] if id else []
    if len(matching) != 1:
        many = "more than one" if matching else "no"
        raise UsageError(
            f"There is {many} hold {one_line(id, 40)!r}.", cost="", todo="%m1 cost lists them."
        )
    (one,) = matching
    if one.state != "pending" and running(one) and now - one.at < longest:
        raise UsageError(
            f"The call of hold {one.id} may be running (process {one.pid}).",
            cost="",
            todo="Stop it first; what it cost is settled then.",
        )
    settle = "UPDATE attempts SET state = 'settled' WHERE id = ? AND state <> 'settled'"
    _write(ledger, settle, one.id)
    return one


def running(one: Held) -> bool:
    """May the process that sent it still be there? One that cannot be seen from here may."""
    return one.process is None or not processes.ended(one.process)


def learn(ledger: Ledger, model: str, text: str, tokens: int) -> None:
    """Write down how many tokens a server counted in a prompt, by model and kind of text."""
    if teaches(len(text), tokens):
        _write(
            ledger,
            "INSERT INTO lengths VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " characters = characters + excluded.characters, tokens = tokens + excluded.tokens",
            model,
            kind_of(text),
            len(text),
            tokens,
        )


def learned(ledger: Ledger, model: str) -> Mapping[str, tuple[int, int]]:
    """Return characters and tokens that were counted for a model, by kind of text."""
    rows = ledger.rows("SELECT kind, characters, tokens FROM lengths WHERE model = ?", model)
    return {kind: (characters, tokens) for kind, characters, tokens in rows}


def outcomes(ledger: Ledger, model: str, task: str, most: int) -> list[tuple[int, Decimal]]:
    """Return prompt tokens and dollars of answers to a model and task, the latest first."""
    rows = ledger.rows(
        "SELECT max(a.input), sum(a.cost_nano) AS cost FROM (SELECT id, at FROM calls"
        " INDEXED BY calls_asked WHERE asked = ? AND coalesce(task, '') = ?"
        " AND status IN ('ok', 'truncated') ORDER BY at DESC LIMIT ?) c"
        " JOIN attempts a ON a.call_id = c.id GROUP BY c.id"
        " HAVING count(*) = count(a.cost_nano) AND typeof(max(a.input)) = 'integer'"
        " AND max(a.input) > 0 AND cost > 0"
        " ORDER BY c.at DESC, c.id",
        model,
        task,
        most,
    )
    return [(tokens, from_nano(cost)) for tokens, cost in rows]


def lost(ledger: Ledger, now: datetime) -> int:
    """Return how many calls of this month have an unknown cost that nobody waits for."""
    ((calls,),) = ledger.rows(
        "SELECT count(DISTINCT call_id) FROM attempts"
        " WHERE state = 'settled' AND cost_nano IS NULL AND at >= ?",
        since("month", now),
    )
    return int(calls)


def latest(ledger: Ledger) -> datetime | None:
    """Return when the last call was made."""
    ((at,),) = ledger.rows("SELECT max(at) FROM attempts")
    return None if at is None else datetime.fromisoformat(at).astimezone(UTC)


def _write(ledger: Ledger, sql: str, *values: object) -> None:
    ledger.write(lambda db: db.execute(sql, row(*values)))


def _sum(name: str, calls: int, given: int, got: int, spent: int, hold: int, unknown: int) -> Sum:
    return Sum(str(name), calls, given, got, from_nano(spent), from_nano(hold), unknown)
