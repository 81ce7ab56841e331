"""The chats of a notebook, as far as the ledger has them; without a notebook, of this session."""

from __future__ import annotations

from datetime import datetime

from . import Ledger
from .history import Past, called

HERE = "(session = ? OR session IN (SELECT session FROM notebooks WHERE notebook = ?))"
# A turn: the call has ended, and its question and answer are kept.
TURN = "status IS NOT NULL AND sent IS NOT NULL AND trim(answer) <> ''"
MOST = 200


def names(ledger: Ledger, notebook: str | None) -> list[tuple[str, datetime]]:
    """Return the chats and when each was last used, the latest first."""
    rows = ledger.rows(
        "SELECT chat, max(at) AS last FROM calls"
        f" WHERE chat IS NOT NULL AND {HERE} GROUP BY chat ORDER BY last DESC LIMIT {MOST}",
        ledger.session,
        notebook,
    )
    return [(name, datetime.fromisoformat(at)) for name, at in rows]


def latest(ledger: Ledger, notebook: str | None, name: str) -> Past | None:
    """Return the last turn of a chat; None where no text of it is kept."""
    ids = _ids(ledger, notebook, name, f"AND {TURN} ORDER BY at DESC LIMIT 1")
    return called(ledger, ids[0]) if ids else None


def calls(ledger: Ledger, notebook: str | None, name: str) -> list[str]:
    """Return the ids of all calls of a chat."""
    return _ids(ledger, notebook, name, "ORDER BY at")


def of_session(ledger: Ledger) -> list[str]:
    """Return the ids of this session's calls that are kept with their answer, in order."""
    sql = f"SELECT id FROM calls WHERE session = ? AND {TURN} ORDER BY at"
    return [id for (id,) in ledger.rows(sql, ledger.session)]


def _ids(ledger: Ledger, notebook: str | None, name: str, more: str) -> list[str]:
    sql = f"SELECT id FROM calls WHERE chat = ? AND {HERE} {more}"
    return [id for (id,) in ledger.rows(sql, name, ledger.session, notebook)]
