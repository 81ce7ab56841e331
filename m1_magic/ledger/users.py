"""Whether several people share this ledger: then its sums are of all of them."""

from __future__ import annotations

import getpass
import hashlib
import os
from contextlib import suppress

from ..errors import LedgerProblem
from . import Ledger
from .journal import row

KIND = "user "


def sign(ledger: Ledger) -> None:
    """Write down that this user has a session here; by a hash, which names nobody."""
    sql = "INSERT OR IGNORE INTO facts (name, value) VALUES (?, '')"
    ledger.write(lambda db: db.execute(sql, row(KIND + _me())))


def shared(ledger: Ledger) -> tuple[str, ...]:
    """Return the note of a footer where others use this ledger, too."""
    with suppress(LedgerProblem):  # the totals have said so
        ((count,),) = ledger.rows("SELECT count(*) FROM facts WHERE name LIKE ?", KIND + "%")
        return (f"M1_HOME is shared by {count} users: the sums are of all",) if count > 1 else ()
    return ()


def _me() -> str:
    name = os.environ.get("JUPYTERHUB_USER", "")  # whose containers have one account for all
    with suppress(OSError, KeyError, ImportError):
        name = name or getpass.getuser()
    return hashlib.sha256(f"{name} {getattr(os, 'getuid', int)()}".encode()).hexdigest()[:12]
