"""Locks that a forked child finds free: the threads that held them are not there."""

from __future__ import annotations

import os
import threading
import weakref

_locks: weakref.WeakSet[threading.RLock] = weakref.WeakSet()


def lock() -> threading.RLock:
    """Return a new reentrant lock, free in a forked child whoever held it in the parent."""
    made = threading.RLock()
    _locks.add(made)
    return made


def _free() -> None:
    for one in list(_locks):
        one._at_fork_reinit()  # type: ignore[attr-defined]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free)
