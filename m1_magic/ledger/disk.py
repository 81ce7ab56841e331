"""Where the ledger lies: opened in private, in WAL mode or not, and what if it cannot be.

A file that is broken is set aside and never deleted, a newer or a foreign one is left alone, and
where nothing may be written the ledger is kept in memory, with the sums of the file that is there.
"""

from __future__ import annotations

import errno
import os
import re
import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from .. import files
from ..errors import LedgerProblem
from ..text import one_line
from . import schema

# Seconds to wait for another kernel's write.
BUSY = 10.0
BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
# Such a file cannot be used any more as it was opened: it is broken, or read-only by now.
LOST = BROKEN | {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}
UNWRITABLE = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
# Seconds that SQLite may look through the file, once a day.
CHECK = 0.5
# What a ledger in memory takes over: columns of the first version, without text.
COPIED = {
    "calls": "id, at, session, model, fingerprint, status",
    "attempts": "id, call_id, at, session, pid, endpoint, state, hold_nano, cost_nano",
}
MOUNTS = Path("/proc/self/mounts")
OCTAL = re.compile(r"\\([0-7]{3})")
# File systems whose locks, or memory shared between machines, WAL cannot rely on.
NETWORK = {
    "9p", "acfs", "afs", "beegfs", "ceph", "cifs", "cvmfs", "davfs", "drvfs", "fakeowner",
    "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "panfs", "prl_fs",
    "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs", "wekafs",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Opened:
    """An open ledger: its connection, which file that is (None: memory), and what to tell."""

    db: sqlite3.Connection
    file: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()


def opened(path: Path, now: datetime, suspect: bool = False) -> Opened:
    """Open the ledger at ``path``, made with mode 0600 in a 0700 folder if it is not there.

    A ``suspect`` file has just failed: all of it is looked through. The file of a newer version or
    of another program is a LedgerProblem.
    """
    notes: list[str] = []
    if path.is_dir():
        raise LedgerProblem(
            f"The ledger {path} is a folder.", todo="Move it, or set M1_HOME to another folder."
        )
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with files.locked(path.parent, BUSY):
            db = _connected(path, now, notes, suspect)
            file = identity(path)
    except (OSError, sqlite3.OperationalError) as error:
        if not _unwritable(error):
            raise
        note = (
            f"The ledger {path} cannot be written ({one_line(error)}): until this kernel ends,"
            " calls are kept in memory only, and budgets count what can be read of the file. Make"
            " the folder writable, or set M1_HOME to another one; then %reload_ext m1_magic."
        )
        return Opened(_in_memory(path, now), None, (note,))
    return Opened(db, file, tuple(notes))


def local(path: Path) -> bool:
    """Is the file on a disk of this machine, where WAL works? Unknown: yes."""
    try:
        mounts = MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return True
    where, best, kind = f"{path.resolve()}/", -1, ""
    for line in mounts:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = OCTAL.sub(lambda octal: chr(int(octal[1], 8)), fields[1])  # \040 is a space
        point = f"{point.rstrip('/')}/"
        if where.startswith(point) and len(point) >= best:
            best, kind = len(point), fields[2]
    return kind not in NETWORK and not kind.startswith("fuse.")


def identity(path: Path) -> tuple[int, int] | None:
    """Return which file lies at ``path``, whatever else it is called; None if none does."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def primary(error: BaseException) -> int | None:
    """Return SQLite's primary error code, without the details in the upper bits."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def aside(path: Path, now: datetime, why: str = "broken") -> Path:
    """Rename a file, with what belongs to it, to a name that says when; return that."""
    stamp, number = now.strftime("%Y%m%d-%H%M%S"), 0
    target = path.with_name(f"{path.stem}-{why}-{stamp}.db")
    while target.exists():
        number += 1
        target = path.with_name(f"{path.stem}-{why}-{stamp}-{number}.db")
    for suffix in ("", "-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(target.with_name(target.name + suffix))
    return target


def _connected(path: Path, now: datetime, notes: list[str], suspect: bool) -> sqlite3.Connection:
    """Return the ledger's connection; a file that is broken makes way for a new one, once."""
    _create(path, now)
    try:
        return _up_to_date(path, now, suspect)
    except sqlite3.DatabaseError as error:
        if primary(error) not in BROKEN:
            raise
        copy = aside(path, now)
        notes.append(
            f"The ledger was broken ({one_line(error)}) and begins anew; the old file is kept as"
            f" {copy}. Budgets count from now on."
        )
    _create(path, now)
    return _up_to_date(path, now)


def _create(path: Path, now: datetime) -> None:
    """Make the file, private, if it is not there; what an old one left is not for the new one."""
    with suppress(FileExistsError):  # closing a file that is open drops this process's locks on it
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        if any(path.with_name(path.name + end).exists() for end in ("-wal", "-journal")):
            path.unlink()
            aside(path, now, "left")
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    for one in (path, path.parent):
        if not os.access(one, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
            raise PermissionError(errno.EACCES, "it may not be written", str(one))


def _up_to_date(path: Path, now: datetime, suspect: bool = False) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=BUSY, isolation_level=None, check_same_thread=False)
    try:
        _ours(db, path)
        mode = _journal_mode(db, "WAL" if local(path) else "DELETE")
        db.execute(f"PRAGMA synchronous = {'NORMAL' if mode == 'wal' else 'FULL'}")
        db.execute("PRAGMA secure_delete = ON")  # what is forgotten shall be gone
        db.execute("PRAGMA temp_store = MEMORY")  # what each statement could have to take back
        if (old := schema.version(db)) < len(schema.SCHEMA):
            stamp = now.strftime("%Y%m%d-%H%M%S")
            schema.migrate(db, path.with_name(f"{path.stem}-version-{old}-{stamp}.db"))
        _checked(db, now, suspect)
    except BaseException:
        db.close()
        raise
    return db


def _ours(db: sqlite3.Connection, path: Path) -> None:
    """Raise unless the file is a ledger of this version, of an older one, or empty."""
    number = schema.version(db)
    if number > len(schema.SCHEMA):
        raise LedgerProblem(
            f"The ledger {path} was written by a newer m1-magic.",
            todo="Upgrade this one, or set M1_HOME to another folder.",
        )
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if (number and not tables >= COPIED.keys()) or (not number and tables):
        raise LedgerProblem(
            f"{path} is the database of another program; it is left as it is.",
            todo="Set M1_HOME to another folder.",
        )


def _journal_mode(db: sqlite3.Connection, mode: str) -> str:
    """Switch, and return what it is then; SQLite does not wait for another that does the same."""
    end = time.monotonic() + BUSY
    while True:
        try:
            return str(db.execute(f"PRAGMA journal_mode = {mode}").fetchone()[0])
        except sqlite3.OperationalError as error:
            if primary(error) != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
        time.sleep(0.01)


def _checked(db: sqlite3.Connection, now: datetime, suspect: bool) -> None:
    """Let SQLite look through the file: once a day, in less than a second; if suspect, whole."""
    today = now.strftime("%Y-%m-%d")
    lately = db.execute("SELECT value FROM facts WHERE name = 'checked'").fetchone()
    if lately and lately[0] == today and not suspect:
        return
    end = time.monotonic() + (BUSY if suspect else CHECK)
    db.set_progress_handler(lambda: time.monotonic() > end, 10_000)
    try:
        (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if primary(error) != sqlite3.SQLITE_INTERRUPT:
            raise
        verdict = "ok"  # as far as it came
    finally:
        db.set_progress_handler(None, 0)
    if verdict != "ok":
        broken = sqlite3.DatabaseError(one_line(verdict))
        broken.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise broken
    db.execute("PRAGMA busy_timeout = 0")
    with suppress(sqlite3.OperationalError):  # in use, or full: then it is looked through again
        db.execute("INSERT OR REPLACE INTO facts (name, value) VALUES ('checked', ?)", (today,))


def _unwritable(error: OSError | sqlite3.Error) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT)
    return primary(error) in UNWRITABLE


def _in_memory(path: Path, now: datetime) -> sqlite3.Connection:
    """Return a ledger in memory that knows what this month has cost, if the file can be read."""
    db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    schema.migrate(db)
    for how in ("mode=ro", "immutable=1"):  # the first one sees what is in the WAL, if it may
        try:
            with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True)) as old:
                schema.copy(old, db, COPIED, since=now.strftime("%Y-%m-01"))
            break
        except sqlite3.Error:
            continue
    return db
