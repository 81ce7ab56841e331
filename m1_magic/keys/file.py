"""The 0600 file ``keys.json`` in ``M1_HOME``: host → key, read only if nobody else can."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

from .. import files
from ..errors import BadKey, KeyProblem, LedgerProblem
from ..settings.home import home
from .key import Key


def get(slot: str) -> Key | None:
    """Return the key kept for a host, or None; raises BadKey if others can read the file."""
    try:
        path = home() / "keys.json"
    except LedgerProblem:
        return None
    return _keys(path).get(slot)


def change(slot: str, key: Key | None) -> Path | None:
    """Set or, with None, remove the key of one host in the file; return the file if it changed."""
    path = home() / "keys.json"
    try:
        with files.locked(path.parent):
            keys = _keys(path)
            if key is None and keys.pop(slot, None) is None:
                return None
            keys = keys if key is None else keys | {slot: key}
            files.replace(path, json.dumps(keys, indent=1), sync=True)
            return path
    except OSError as error:
        reason = error.strerror
    raise KeyProblem(
        f"The key file {path} cannot be written ({reason}).",
        todo="Set M1_HOME to a folder that you may write, or put the key in the environment.",
    )


def _keys(path: Path) -> dict[str, Key]:
    """Return the keys in the file; raise BadKey unless only its owner can read it."""
    problem, keys = None, None
    try:
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        with open(os.open(path, flags), encoding="utf-8") as file:
            problem = _exposed(os.fstat(file.fileno()))
            if problem is None:
                keys = json.load(file)
    except FileNotFoundError:
        return {}
    except OSError as error:
        problem = "is a link" if path.is_symlink() else f"cannot be read ({error.strerror})"
    except ValueError:
        pass  # a JSONDecodeError holds the whole text: it must not become this error's context
    if problem:
        raise BadKey(
            f"The key file {path} {problem}.",
            todo=f"Make it a plain file of your own and run chmod 600 {path}; if others could read "
            "it, replace the key.",
        )
    if not isinstance(keys, dict) or not all(isinstance(text, str) for text in keys.values()):
        raise BadKey(f"The key file {path} is damaged.", todo="Delete it and run %m1 login again.")
    return {host: Key(text, str(path)) for host, text in keys.items()}


def _exposed(status: os.stat_result) -> str | None:
    """Return why a file with this status must not hold keys; Windows keeps no such modes."""
    if not stat.S_ISREG(status.st_mode):
        return "is not a plain file"
    if hasattr(os, "geteuid"):
        if status.st_uid != os.geteuid():
            return "belongs to another user"
        if status.st_mode & 0o077:
            return "can be read or written by others"
    return None
