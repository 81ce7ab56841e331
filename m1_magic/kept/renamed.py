"""A notebook that was renamed or moved keeps its answers: what it saved names its calls."""

from __future__ import annotations

import re
from pathlib import Path

from ..calls import RECORD
from ..ledger import Ledger, answers

LARGEST = 50_000_000  # bytes
# The id in the record of a call, whose counts, the only object in it, come after.
CALL = re.compile(rf'"{re.escape(RECORD)}":\s*{{[^{{}}]*?"id":\s*"(\w{{8,64}})"'.encode("ascii"))
MOST = 200  # calls that are looked up


def follow(ledger: Ledger, notebook: str | None) -> None:
    """Let a notebook that the ledger does not know have the calls of the one that it was.

    That is one which is there no more: a copy is another notebook. LedgerProblem, OSError: it
    cannot be read.
    """
    path = Path(notebook or "")
    if not notebook or not path.is_absolute() or answers.knows(ledger, notebook):
        return
    if not path.is_file() or path.stat().st_size > LARGEST:
        return
    ids = list(dict.fromkeys(call_id.decode() for call_id in CALL.findall(path.read_bytes())))
    for name in answers.notebooks(ledger, ids[:MOST]):
        before = Path(name)
        if before.is_absolute() and not before.exists():
            answers.renamed(ledger, name, notebook)
