"""What a run of many calls has got and not committed yet: lines beside the ledger, one write each.

A line that is written is there, however the process ends; the ledger gets it with the next batch,
which takes longer. Of two files one takes what comes while the other one's lines are committed, and
is emptied then. What a process leaves that was killed, the next one that opens the ledger does.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path

from . import journal, processes
from .journal import Write

SILENT = 3600.0  # seconds after which a process counts as ended that cannot be seen from here
encoded = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Ahead:
    """The two files of one run; ``ledger`` None: there is no file to be ahead of."""

    def __init__(self, ledger: Path | None) -> None:
        self._ledger = ledger
        self._files: list[tuple[int, Path]] = []
        self._now = 0
        self._written = [False, False]

    def add(self, write: Write) -> bool:
        """Add a line; return whether it is written, and nothing but the disk can lose it."""
        if self._ledger is None:
            return False
        line = f"\n{encoded([write])}".encode("utf-8", "replace")
        try:
            if not self._files:
                self._files = [_made(self._ledger, n) for n in (0, 1)]
            self._written[self._now] = True
            return os.write(self._files[self._now][0], line) == len(line)
        except OSError:
            return False

    def turn(self) -> None:
        """Let what comes from now on go into the other file."""
        self._now = 1 - self._now

    def done(self) -> None:
        """Forget what was added before the last turn: it is committed."""
        before = 1 - self._now
        if self._written[before]:
            self._written[before] = False
            with suppress(OSError):
                os.ftruncate(self._files[before][0], len(_head()))

    def close(self) -> None:
        """Take the files away: all that they had is committed, or kept elsewhere."""
        for number, path in self._files:
            with suppress(OSError):
                os.close(number)
                path.unlink(missing_ok=True)
        self._files, self._ledger = [], None


def left(ledger: Path) -> list[Path]:
    """Return the files of processes that have ended, the oldest first."""
    files = sorted(ledger.parent.glob(f"{ledger.stem}-unwritten-*.jsonl"))
    return list(filter(_over, files))


def read(path: Path) -> list[Write]:
    """Return the writes in a file, but one that was not written to its end.

    Raises:
        ValueError: it is no file of a run.
    """
    head, *lines = path.read_text("utf-8", "replace").split("\n")
    if not head and not lines:  # killed between the file and its first line
        return []
    if "process" not in json.loads(head):
        raise ValueError("not a file of a run")
    writes: list[Write] = []
    for line in filter(None, lines):
        try:
            writes += journal.writes(line)
        except json.JSONDecodeError:  # killed in the middle of it, or the disk was full
            continue
    return writes


def _made(ledger: Path, number: int) -> tuple[int, Path]:
    name = f"{ledger.stem}-unwritten-{time.time_ns():020}-{os.getpid()}-{number}.jsonl"
    path = ledger.with_name(name)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
    file = os.open(path, flags, 0o600)
    os.write(file, _head())
    return file, path


def _head() -> bytes:
    return json.dumps({"process": processes.me()}).encode()


def _over(file: Path) -> bool:
    """Has the process of a file come to its end?"""
    ended = None
    try:
        with file.open(encoding="utf-8") as lines, suppress(ValueError, LookupError, TypeError):
            if head := lines.readline():
                ended = processes.ended(json.loads(head)["process"])
            elif processes.gone(int(file.stem.split("-")[-2])):  # killed before it was written
                ended = True
        return time.time() - file.stat().st_mtime > SILENT if ended is None else ended
    except OSError:  # another kernel has just done it
        return False
