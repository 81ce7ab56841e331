"""Files of our own: replaced in one step, and changed by one process at a time.

Whoever reads a file sees all of the old one or all of the new one, whenever a process is killed.
Only its owner can read it (0600). A link at the path is replaced, not followed.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]
if not hasattr(fcntl, "flock"):  # JupyterLite has it empty
    fcntl = None  # type: ignore[assignment]

# Seconds to wait for another process that changes files in the same folder.
PATIENCE = 10.0
PAUSE = 0.005
UNFINISHED = ".m1-"  # what the names of files begin with that are not written to their end


def replace(path: Path, text: str, *, sync: bool = False, shared: bool = False) -> None:
    """Make ``text`` the content of the file at ``path``, or raise OSError and leave what was there.

    With ``sync`` it is on the disk before this returns, so that it outlives a power failure.
    ``shared``: others may read it as any file of the user's.
    """
    with replacing(path) as file:
        file.write(text)
        if shared:
            os.chmod(file.name, _mode(path))
        if sync:
            file.flush()
            os.fsync(file.fileno())


def _mode(path: Path) -> int:
    """Return the permissions of a file; of one that is not there, those that a new one gets."""
    with suppress(OSError):
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


@contextmanager
def replacing(path: Path) -> Iterator[IO[str]]:
    """Open a new file, which takes the place of ``path`` if the block comes to its end.

    Its ``name`` is the path that it has until then, in the same folder. Line ends stay as written.
    """
    fresh = tempfile.NamedTemporaryFile(  # noqa: SIM115 (closed and renamed below)
        "w", encoding="utf-8", newline="", dir=path.parent, prefix=UNFINISHED, delete=False
    )
    try:
        with fresh:
            yield fresh
        os.replace(fresh.name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(fresh.name)
        raise


@contextmanager
def locked(folder: Path, patience: float = PATIENCE) -> Iterator[bool]:
    """Keep other processes and threads out of this block, for changes to files in ``folder``.

    Where no lock is to be had, or another holds it for longer than ``patience`` (seconds), the
    block runs without, and gets False: each file is whole all the same.
    """
    number = None if fcntl is None else os.open(folder, os.O_RDONLY)
    ours = None
    try:
        held = None if number is None else _flocked(number, patience)
        if held is None:
            ours = _lock_file(folder, patience)
        yield held or ours is not None
    finally:
        if number is not None:
            with suppress(OSError):  # a child that was forked meanwhile holds the same lock
                fcntl.flock(number, fcntl.LOCK_UN)
            os.close(number)
        if ours is not None:
            ours.unlink(missing_ok=True)


def set_aside(path: Path) -> Path:
    """Rename a broken file to a name that says so, and when; return that."""
    stamp, number = datetime.now(UTC).strftime("%Y%m%d-%H%M%S"), 0
    aside = path.with_name(f"{path.name}.broken-{stamp}")
    while os.path.lexists(aside):
        number += 1
        aside = path.with_name(f"{path.name}.broken-{stamp}-{number}")
    path.rename(aside)
    return aside


def _flocked(number: int, patience: float) -> bool | None:
    """Lock a folder that is open, if no other has it; None: its file system has no such locks."""
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(PAUSE)
        except OSError:
            return None


def _lock_file(folder: Path, patience: float) -> Path | None:
    """Make the file that means the folder is locked; None if it cannot be made."""
    path, end = folder / ".m1-lock", time.monotonic() + patience
    while time.monotonic() < end:
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            return path
        except FileExistsError:
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > patience:  # its process was killed
                    path.unlink()
            time.sleep(PAUSE)
        except OSError:
            break
    return None
