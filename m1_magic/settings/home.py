"""``M1_HOME``: the folder of the ledger, saved settings, price lists, keys and weights."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ..errors import LedgerProblem

WRITABLE = "Set M1_HOME to a folder that you may write."
# Bytes without which nothing more can be written there.
ROOM = 1 << 16
UNKNOWN = 65534  # the user that stands for all that are not mapped


def place() -> Path:
    """Return ``M1_HOME`` (default: the platform's data folder), whether or not it is there."""
    named = os.environ.get("M1_HOME")
    if named:
        return Path(os.path.expanduser(named))
    from platformdirs import user_data_path

    return user_data_path("m1-magic", appauthor=False)


def home() -> Path:
    """Return ``place``, made with mode 0700 if it is not there; raises LedgerProblem."""
    path = place()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerProblem(
            f"The folder {path} cannot be made ({error.strerror}).", todo=WRITABLE
        ) from None
    return path


def unwritable() -> str:
    """Return one line on why nothing can be kept in ``M1_HOME``, "" if it can; makes it."""
    path, reason = place(), ""
    try:
        home()
    except LedgerProblem as problem:
        reason = problem.what
    else:
        if not os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
            reason = f"The folder {path} cannot be written."
        elif _full(path):
            reason = f"The disk of {path} is full."
    return reason and f"{reason} Settings hold for this kernel only. {WRITABLE}"


def distrusted(path: Path) -> str:
    """Return why a file in ``M1_HOME`` may hold another user's words, "" if only one's own.

    Root's files are everybody's. For root, and where the owner is not known (a container's
    mapped users), the folder's owner counts, who was chosen with the folder. Windows keeps no
    such modes; a file that is not there is nobody's.
    """
    if not hasattr(os, "geteuid"):
        return ""
    try:
        file, folder = path.stat(), path.parent.stat()
        real = path.resolve().parent  # where a link leads, others may write, too
        folders = {path.parent: folder.st_mode, real: real.stat().st_mode}
    except OSError:
        return ""
    us = os.geteuid()
    trusted = {us, 0, *([folder.st_uid] if us == 0 or folder.st_uid == UNKNOWN else [])}
    for where, mode in folders.items():
        if mode & stat.S_IWOTH:
            return f"everybody may write in {where}; run chmod o-w there"
    if file.st_mode & stat.S_IWOTH:
        return "everybody may write it; run chmod o-w"
    return "" if file.st_uid in trusted else "it belongs to another user"


def _full(path: Path) -> bool:
    if not hasattr(os, "statvfs"):
        return False
    disk = os.statvfs(path)
    # File systems that do not tell say 0 of 0.
    return bool(disk.f_blocks) and disk.f_bavail * disk.f_frsize < ROOM
