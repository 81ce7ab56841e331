"""Past calls, from the ledger: found again, shown again, and what of them is forgotten.

A call's numbers stay for good; its text stays until it is purged or forgotten, and is then gone
from the file, not just from its index.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from ..calls import CostSource, Reply, Status, ToolEnded, Usage
from ..errors import LedgerProblem
from ..pricing.dollars import from_nano
from . import Ledger, stamp, tool_turns
from .journal import do, write
from .schema import HAS_TEXT
from .sent import Sent, read
from .store import HASTE

BILLS = (
    "SELECT cost_nano, cost_source, estimate_nano, input, output, cached, reasoning"
    " FROM attempts WHERE call_id = ?"
)
COLUMNS = (
    "id, at, model, status, finish, error, seconds, prompt, thinking, answer, sent, cell, chat,"
    " tools"
)
# The newest first; of the same moment, always in one order.
NEWEST = "ORDER BY at DESC, id DESC"
WIPE = (
    "UPDATE calls SET prompt = NULL, thinking = NULL, answer = NULL, sent = NULL, parts = NULL,"
    " tools = NULL"
)
# The name of a chat was typed, too: it is forgotten, but not purged, for sums are by it.
NAMELESS = ", chat = NULL"
TYPED = f"({HAS_TEXT} OR chat IS NOT NULL)"
SHORTEST_ID = 4
MOST_NUMBER = 10_000_000
# The chats of a notebook; without one, of this session.
HERE = "(session = ? OR session IN (SELECT session FROM notebooks WHERE notebook = ?))"
# A turn: the call has ended, and its question and answer are kept.
TURN = "status IS NOT NULL AND sent IS NOT NULL AND (trim(answer) <> '' OR tools IS NOT NULL)"
MOST_CHATS = 200


@dataclass(frozen=True, slots=True)
class Bill:
    """An attempt as the ledger has it, in US dollars; ``estimate`` is what a bill replaced."""

    cost: Decimal | None
    source: str
    estimate: Decimal | None
    usage: Usage | None


@dataclass(frozen=True, slots=True)
class Past:
    """A call as the ledger has it; text that was not kept, or is gone, is None."""

    id: str
    at: datetime
    model: str
    status: str | None
    finish: str | None
    error: str | None
    seconds: float | None
    prompt: str | None
    thinking: str | None
    answer: str | None
    sent: Sent | None
    cell: str | None
    chat: str | None
    bills: tuple[Bill, ...]
    tools: tuple[ToolEnded, ...] = ()

    @property
    def cost(self) -> Decimal | None:
        """US dollars of all attempts; None while a part of it is not known."""
        costs = [bill.cost for bill in self.bills if bill.cost is not None]
        return sum(costs, Decimal(0)) if len(costs) == len(self.bills) else None

    @property
    def estimated(self) -> bool:
        """Is a part of the cost an estimate?"""
        return any(bill.source == "estimated" for bill in self.bills)

    @property
    def usage(self) -> Usage | None:
        """Tokens of all attempts that are known."""
        known = [bill.usage for bill in self.bills if bill.usage]
        return sum(known[1:], known[0]) if known else None

    @property
    def reply(self) -> Reply:
        """The reply, as far as its text is kept."""
        source = self.bills[-1].source if self.bills else "unknown"
        return Reply(
            text=self.answer or "",
            thinking=self.thinking or "",
            usage=self.usage,
            cost=self.cost,
            cost_source=cast(CostSource, source),
            model=self.model,
            finish=self.finish,
            status=cast(Status, self.status or "failed"),
            id=self.id,
            tools=self.tools,
        )


def latest(ledger: Ledger, count: int, word: str = "") -> list[Past]:
    """Return the last calls, the newest first; with a word, in any case, in text, model or chat."""
    folded = word.casefold()
    where = " OR ".join(f"found({name})" for name in ("prompt", "answer", "model", "chat"))
    sql = f"SELECT {COLUMNS} FROM calls {f'WHERE {where}' if word else ''} {NEWEST} LIMIT ?"

    def reading(db: sqlite3.Connection) -> list[Past]:
        db.create_function("found", 1, lambda text: folded in str(text or "").casefold())
        rows = db.execute(sql, (count,)).fetchall()
        return [past for past in (_past(db, row) for row in rows) if past is not None]

    return ledger.read(reading)


def called(ledger: Ledger, start: str) -> Past | None:
    """Return the call whose id is, or alone begins with, ``start``; None if there is none."""
    if not (len(start) >= SHORTEST_ID and start.isascii() and start.isalnum()):
        return None
    sql = f"SELECT {COLUMNS} FROM calls WHERE id >= ? AND id < ? LIMIT 2"

    def reading(db: sqlite3.Connection) -> Past | None:
        rows = db.execute(sql, (start.lower(), start.lower() + "~")).fetchall()
        return _past(db, rows[0]) if len(rows) == 1 else None

    return ledger.read(reading)


def numbered(ledger: Ledger, number: int) -> Past | None:
    """Return the call of that number: 1 is the newest."""
    sql = f"SELECT id FROM calls {NEWEST} LIMIT 1 OFFSET ?"
    rows = ledger.rows(sql, number - 1) if 0 < number < MOST_NUMBER else []
    return called(ledger, rows[0][0]) if rows else None


def number(ledger: Ledger, call: Past) -> int:
    """Return the number of a call: how many there are from the newest on."""
    at, later = stamp(call.at), "at > ? OR (at = ? AND id >= ?)"
    ((count,),) = ledger.rows(f"SELECT count(*) FROM calls WHERE {later}", at, at, call.id)
    return int(count)


def chats(ledger: Ledger, notebook: str | None) -> list[tuple[str, datetime]]:
    """Return the chats and when each was last used, the latest first."""
    rows = ledger.rows(
        "SELECT chat, max(at) AS last FROM calls"
        f" WHERE chat IS NOT NULL AND julianday(at) AND {HERE}"
        f" GROUP BY chat ORDER BY last DESC LIMIT {MOST_CHATS}",
        ledger.session,
        notebook,
    )
    return [(name, datetime.fromisoformat(at)) for name, at in rows]


def last_turn(ledger: Ledger, notebook: str | None, name: str) -> Past | None:
    """Return the last turn of a chat; None where no text of it is kept."""
    ids = _ids(ledger, notebook, name, f"AND {TURN} ORDER BY at DESC LIMIT 1")
    return called(ledger, ids[0]) if ids else None


def of_chat(ledger: Ledger, notebook: str | None, name: str) -> list[str]:
    """Return the ids of all calls of a chat."""
    return _ids(ledger, notebook, name, "ORDER BY at")


def of_session(ledger: Ledger) -> list[str]:
    """Return the ids of this session's calls that are kept with their answer, in order."""
    sql = f"SELECT id FROM calls WHERE session = ? AND {TURN} ORDER BY at"
    return [id for (id,) in ledger.rows(sql, ledger.session)]


def purge(ledger: Ledger, before: datetime) -> None:
    """Drop the text of calls before that time, and copies as old; numbers stay."""
    where = f"WHERE at < ? AND {HAS_TEXT}"
    if ledger.rows(f"SELECT 1 FROM calls {where} LIMIT 1", stamp(before)):
        _wipe(ledger, f" {where}", (stamp(before),), HASTE)
    _drop_copies(ledger, before.timestamp())


def forget(ledger: Ledger, ids: Sequence[str] | None = None) -> int:
    """Wipe the text of these calls, or of all; return how many had any. Numbers stay.

    Copies of older versions, which have the text too, are deleted.
    """
    ledger.take_in()
    which = "" if ids is None else f"id IN ({', '.join('?' * len(ids))}) AND "
    count = _wipe(ledger, f"{NAMELESS} WHERE {which}{TYPED}", tuple(ids or ()))
    _drop_copies(ledger)
    return count


def aside(path: Path) -> list[Path]:
    """Return the files beside the ledger that cannot be read, or are not in it yet."""
    kinds = ("broken-*.db", "left-*", "unwritten-*")
    return sorted(file for kind in kinds for file in path.parent.glob(f"{path.stem}-{kind}"))


def _ids(ledger: Ledger, notebook: str | None, name: str, more: str) -> list[str]:
    sql = f"SELECT id FROM calls WHERE chat = ? AND {HERE} {more}"
    return [id for (id,) in ledger.rows(sql, name, ledger.session, notebook)]


def _drop_copies(ledger: Ledger, before: float = math.inf) -> None:
    """Delete the copies that were made before the ledger was brought up to date."""
    for copy in ledger.path.parent.glob(f"{ledger.path.stem}-version-*.db"):
        with suppress(OSError):
            if copy.stat().st_mtime < before:
                copy.unlink()


def _wipe(ledger: Ledger, rest: str, values: tuple[str, ...], patience: float | None = None) -> int:
    count = ledger.write(lambda db: db.execute(f"{WIPE}{rest}", values).rowcount, patience)
    with suppress(LedgerProblem):  # the log of changes still has it; in use, it is emptied later
        ledger.read(lambda db: db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone())
    return count


def _past(db: sqlite3.Connection, row: tuple[Any, ...]) -> Past | None:
    """Return a call; None where a row is none that we wrote, but was changed by other hands."""
    values = dict(zip(COLUMNS.split(", "), row, strict=True))
    if any(isinstance(value, bytes) for value in row):
        return None
    try:
        values["at"], sent = datetime.fromisoformat(values["at"]), values["sent"]
        bills = tuple(_bill(*bill) for bill in db.execute(BILLS, (values["id"],)))
        ran = tool_turns.read(json.loads(values["tools"] or "[]"))
        return Past(**{**values, "sent": sent and read(sent), "bills": bills, "tools": ran})
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return None


def _bill(cost: int | None, source: str, estimate: int | None, *tokens: int | None) -> Bill:
    known = [int(count) for count in tokens if count is not None]
    return Bill(
        None if cost is None else from_nano(cost),
        source,
        None if estimate is None else from_nano(estimate),
        Usage(*known) if len(known) == len(tokens) else None,
    )


def chosen(ledger: Ledger, name: str, id: str, among: Sequence[str]) -> None:
    """Write down that a chat goes on from one of several calls, and from no other of them."""
    writes = [write("chat", name if one == id else None, one) for one in among]
    with suppress(LedgerProblem):  # this kernel knows it all the same
        ledger.write(lambda db: do(db, writes), HASTE)
