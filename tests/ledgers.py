"""Attempts written into a ledger by hand, and what stands in its file afterwards."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import resource
import shutil
import signal
import sqlite3
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

from m1_magic.calls import Attempt, Call
from m1_magic.ledger import Ledger, new_id
from scripted import request

NOW = datetime(2026, 3, 15, 12, 0, tzinfo=UTC)
HOST = "openrouter.ai"
CENT = Decimal("0.01")
HEADER = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this thread
DAC_OVERRIDE = 1 << 1
CAP_READ = 1 << 2  # CAP_DAC_READ_SEARCH


def call(at: datetime = NOW, text: str = "hi") -> Call:
    return Call(new_id(), at, request(text))


def reserve(
    ledger: Ledger,
    hold: Decimal | None = CENT,
    budget: Decimal | None = None,
    period: str = "session",
    at: datetime = NOW,
    keep: bool = True,
    of: Call | None = None,
) -> Attempt:
    attempt = Attempt(new_id(), hold=hold)
    ledger.reserve(of or call(at), attempt, HOST, budget, period, keep)
    return attempt


def settle(ledger: Ledger, attempt: Attempt, cost: str | None, **more: Any) -> None:
    state = "pending" if cost is None else "settled"
    given = None if cost is None else Decimal(cost)
    source = "unknown" if cost is None else "billed"
    ledger.settle(replace(attempt, cost=given, state=state, cost_source=source, **more))  # type: ignore[arg-type]


def spend(ledger: Ledger, cost: str, at: datetime = NOW) -> None:
    settle(ledger, reserve(ledger, at=at), cost)


def rows(path: Path, sql: str, *values: object) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(sql, values).fetchall()


def sums(ledger: Ledger, period: str = "session", now: datetime = NOW) -> tuple[Decimal, Decimal]:
    totals = ledger.totals(None, period, now)
    return totals.spent, totals.held


def in_threads(count: int, work: Callable[[], object]) -> None:
    """Let threads do the same, and wait for all of them."""
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def race(work: Callable[..., Any], *args: Any, kernels: int, how: str = "fork") -> list[Any]:
    """Let processes do the same, which meet at a barrier; return what each returned or raised.

    ``how``: "fork" them from this process, or from one that has only imported what they do
    ("forkserver").
    """
    context = multiprocessing.get_context(how)
    if how == "forkserver":
        context.set_forkserver_preload([work.__module__])
    barrier, queue = context.Barrier(kernels), context.Queue()
    racers = [
        context.Process(target=_racing, args=(work, args, barrier, queue))  # type: ignore[attr-defined]
        for _ in range(kernels)
    ]
    for racer in racers:
        racer.start()
    found = [queue.get(timeout=300) for _ in racers]
    for racer in racers:
        racer.join(60)
    return found


def _racing(work: Callable[..., Any], args: tuple[Any, ...], barrier: Any, queue: Any) -> None:
    try:
        queue.put(work(*args, barrier))
    except BaseException as error:
        barrier.abort()
        queue.put(repr(error))


class AtLine:
    """A trace function that does something at one line of some files, counted from when armed."""

    def __init__(
        self, line: int, files: tuple[str, ...], act: Callable[[], object], armed: bool = True
    ) -> None:
        self.line, self.files, self.act, self.armed, self.lines = line, files, act, armed, 0

    def __call__(self, frame: FrameType, event: str, arg: object) -> Any:
        if not _is_of(frame.f_code.co_filename, self.files):
            return None
        if event == "line" and self.armed:
            self.lines += 1
            if self.lines == self.line:
                sys.settrace(None)  # what follows need not be slow
                self.act()
        return self


@cache
def _is_of(file: str, files: tuple[str, ...]) -> bool:
    return "m1_magic" in file and file.endswith(files)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def ordinary_user(more: int = 0) -> Iterator[Path]:
    """A folder, and for the time being no right of root's to write where the mode forbids it.

    ``more``: other rights that are taken, too.
    """
    folder = Path(tempfile.mkdtemp())
    rights = _rights()
    try:
        _set_rights([(one[0] & ~(DAC_OVERRIDE | more), *one[1:]) for one in rights])
        yield folder
    finally:
        _set_rights(rights)
        folder.chmod(0o700)
        shutil.rmtree(folder)


@contextmanager
def full_disk(ledger: Path | None = None) -> Iterator[None]:
    """Nothing fits that this process writes meanwhile (EFBIG; root heeds no disk quota).

    ``ledger``: nothing beyond the size that its log has now.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    most = ledger.with_name(f"{ledger.name}-wal").stat().st_size if ledger else 0
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _rights() -> list[tuple[int, int, int]]:
    """Effective, permitted and inheritable capabilities of this thread (capget(2))."""
    found = (ctypes.c_uint32 * 6)()
    assert ctypes.CDLL(None).capget(ctypes.byref(HEADER), ctypes.byref(found)) == 0
    return [(found[0], found[1], found[2]), (found[3], found[4], found[5])]


def _set_rights(rights: list[tuple[int, int, int]]) -> None:
    given = (ctypes.c_uint32 * 6)(*(number for one in rights for number in one))
    assert ctypes.CDLL(None).capset(ctypes.byref(HEADER), ctypes.byref(given)) == 0
