"""Locks that a fork respects: it waits until nobody holds one, and the child finds them free.

The threads that held a lock are not there in the child. Python frees neither its locks of modules
nor tempfile's, and OpenSSL none of its own: so a fork waits, for a while, until imports of other
threads are through, and what they make under a lock of ours. Tempfile's is made anew in the child.
"""

from __future__ import annotations

import _imp
import os
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress

PATIENCE = 12.0  # seconds that a fork waits; a transaction may wait 10 for another kernel
_locks: weakref.WeakSet[threading.RLock] = weakref.WeakSet()
_held: list[Callable[[], object]] = []  # how to let go of what is held


def lock() -> threading.RLock:
    """Return a new reentrant lock, free in a forked child whoever held it in the parent."""
    made = threading.RLock()
    _locks.add(made)
    return made


def _importing() -> bool:
    """Is a thread but this one importing a module? Asked under the lock of all imports."""
    modules = getattr(sys.modules.get("_frozen_importlib"), "_module_locks", {})
    alive = filter(None, [ref() for ref in list(modules.values())])
    return any(one.owner != threading.get_ident() for one in alive)


def _hold() -> None:
    """Hold all locks, once no other thread imports; after a while go on without."""
    until = time.monotonic() + PATIENCE
    while True:
        _imp.acquire_lock()
        _held.append(_imp.release_lock)
        if all(map(_taken, _locks.copy())) and not _importing():
            return
        _release()
        if time.monotonic() > until:
            return
        time.sleep(0.001)


def _taken(one: threading.RLock) -> bool:
    taken = one.acquire(blocking=False)
    if taken:
        _held.append(one.release)
    return taken


def _release() -> None:
    while _held:
        _held.pop()()


def _free() -> None:
    if _held:
        _held.clear()
        with suppress(RuntimeError):  # Python may have freed it by itself
            _imp.release_lock()
    tempfile._once_lock._at_fork_reinit()  # type: ignore[attr-defined]
    for one in list(_locks):
        one._at_fork_reinit()  # type: ignore[attr-defined]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_free)
