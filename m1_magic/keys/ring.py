"""The system keyring, where there is one: it may be absent, locked, failing, or hang."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from .key import Key

SERVICE = "m1-magic"
KEYRING = "system keyring"
KEYRING_SECONDS = 5.0

T = TypeVar("T")


def ask(action: Callable[[Any], T]) -> T | None:
    """Return what ``action`` gets from the keyring; None if it is absent, failing or too slow.

    A locked keyring may wait for a password that nobody sees: the thread that waits is left
    behind, and while it lives nobody asks again.
    """
    if hangs():
        return None
    answers: queue.SimpleQueue[T | None] = queue.SimpleQueue()

    def work() -> None:
        answer = None
        with contextlib.suppress(Exception):
            import keyring

            backend = keyring.get_keyring()
            answer = action(backend) if backend.priority >= 1 else None
        answers.put(answer)

    thread = threading.Thread(target=work, name=SERVICE, daemon=True)
    try:
        thread.start()
    except RuntimeError:  # no threads here, and without one a keyring that hangs would hang us
        return None
    try:
        return answers.get(timeout=KEYRING_SECONDS)
    except queue.Empty:
        thread.name = f"{SERVICE} {KEYRING} hangs"
        return None


def hangs() -> bool:
    """Is there a look-up that never came back?"""
    return any(t.name == f"{SERVICE} {KEYRING} hangs" for t in threading.enumerate())


def get(slot: str) -> Key | None:
    """Return the key stored under ``slot``, None if there is none."""

    def read(backend: Any) -> Key | None:
        password = backend.get_password(SERVICE, slot)
        return None if password is None else Key(password, KEYRING)

    return ask(read)


def put(slot: str, key: Key) -> bool:
    """Store a key; say whether the keyring really kept it."""

    def write(backend: Any) -> bool:
        backend.set_password(SERVICE, slot, key.reveal())
        return bool(backend.get_password(SERVICE, slot) == key)

    return bool(ask(write))


def drop(slot: str) -> str | None:
    """Remove the key stored under ``slot``; return what to tell of it, None if there was none."""

    def remove(backend: Any) -> str | None:
        if backend.get_password(SERVICE, slot) is None:
            return None
        with contextlib.suppress(Exception):
            backend.delete_password(SERVICE, slot)
        left = backend.get_password(SERVICE, slot) is not None
        return f"the {KEYRING} still holds one" if left else KEYRING

    return ask(remove)
