"""Which kernel a row of the ledger belongs to, and whether that kernel is still there.

A process id alone says little: it is used again, and another machine or container that shares the
folder has its own. So a row names the place (node, boot, namespace of ids), the id, and when the
process was born.
"""

from __future__ import annotations

import functools
import os
import platform
from pathlib import Path

PROC = Path("/proc")


def me() -> str:
    """Return the name of this process: ``place pid birth``."""
    return _named(os.getpid())


@functools.cache
def _named(pid: int) -> str:
    return f"{_place()} {pid} {_born(pid)}"


def ended(process: str) -> bool | None:
    """Has that process come to its end? None: it cannot be seen from here."""
    place, pid, birth = process.split(" ")
    if place != _place() or birth == "-":
        return None
    return _born(int(pid)) != birth


def gone(pid: int) -> bool:
    """Is there no process of that id here? False where that is not known."""
    return _born(pid) == "gone"


def _place() -> str:
    """Return what processes that can see each other have in common; Linux knows it best."""
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
        space = os.readlink(PROC / "self/ns/pid")
    except OSError:
        return platform.node().replace(" ", "_") or "-"
    return f"{boot}/{space}"


def _born(pid: int) -> str:
    """Return the ticks since boot at which a process began: ``gone``, or ``-`` where not known."""
    try:
        text = (PROC / str(pid) / "stat").read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return "gone" if (PROC / "self/stat").exists() else "-"
    except OSError:
        return "-"
    after_name = text.rpartition(")")[2].split()  # the name in brackets may hold anything
    return "gone" if after_name[0] in "ZX" else after_name[19]
