"""Where the key comes from, for which host, and that it is never shown.

Order: environment, Colab Secrets, system keyring, a 0600 file in ``M1_HOME``; what is empty or
blank is no key, wherever it stands. Whatever is read
becomes a ``Key`` at once, whose ``repr`` names its source and nothing else, so that a verbose
traceback has nothing to print. An OpenRouter key goes to openrouter.ai or to this machine only.
``OPENAI_API_KEY`` and ``OPENAI_BASE_URL`` are never read.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Mapping

from ..errors import BadKey, NoKey
from ..settings.endpoints import Endpoint
from . import file, ring
from .key import Key, as_endpoint, check

__all__ = ["Key", "check", "find", "forget", "known", "management", "store", "without"]

LATER = "looked up at first use"
VARIABLES = ("M1_API_KEY", "OPENROUTER_API_KEY")
# The name in OpenRouter's docs, and that of the time when these were called provisioning keys.
MANAGEMENT = ("OPENROUTER_MANAGEMENT_KEY", "OPENROUTER_PROVISIONING_KEY")


def find(endpoint: Endpoint, environ: Mapping[str, str] | None = None) -> Key:
    """Return the key for ``endpoint``; a local server needs none and gets ``none``.

    Raises:
        NoKey: there is none; the message says how to go on.
        BadKey: there is one that cannot be a key, or that must not go to this host.
    """
    if endpoint.offline:
        return Key("none", "not needed")
    key = _from_environment(endpoint, environ)
    # A verbose traceback of an interrupted look-up prints arguments, and these hold the key.
    environ = None
    key = _from_colab(endpoint) if key is None else key
    key = _stored(endpoint) if key is None else key
    if key is not None:
        return key
    if endpoint.loopback:
        return Key("none", "not needed")
    raise _missing(endpoint)


def management(endpoint: Endpoint, environ: Mapping[str, str] | None = None) -> Key:
    """Return the key that makes other keys: of the environment, never one that was stored.

    Raises:
        NoKey, BadKey: there is none, or what cannot be one.
    """
    for name in MANAGEMENT:
        if _given(name, environ):
            try:
                return check(_variables(environ)[name], name, endpoint.host)
            except BadKey as problem:
                problem.todo = "Give the bare key there."  # %m1 login stores none of these
                raise
    raise NoKey(
        "There is no management key, which making keys takes.",
        todo=f"Put one into {MANAGEMENT[0]}; openrouter.ai/settings/management-keys makes it.",
    )


def known(endpoint: Endpoint, environ: Mapping[str, str] | None = None) -> str:
    """Return where the key comes from, for the status line, without asking keyring or files."""
    if endpoint.offline:
        return "not needed"
    return next((name for name in _names(endpoint) if _given(name, environ)), LATER)


def store(host: str, text: str) -> str:
    """Keep a key for a host or base URL, in the system keyring or else a file; return where."""
    slot = _slot(host)
    key = text = check(text, "%m1 login", slot)
    if ring.put(slot, key):
        return ring.KEYRING
    return str(file.change(slot, key))


def forget(host: str, environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Remove the stored keys of ``host``; return the places, and what still holds one."""
    slot = _slot(host)
    path = file.change(slot, None)
    removed = (str(path) if path else None, ring.drop(slot))
    silent = f"the {ring.KEYRING} does not answer and may still hold one" if ring.hangs() else None
    still = (
        f"{name} is still set in the environment"
        for name in _names(as_endpoint(slot))
        if _given(name, environ)
    )
    return tuple(place for place in (*removed, silent, *still) if place)


def without(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without keys, for a process that needs none."""
    held = (*VARIABLES, *MANAGEMENT)
    return {name: value for name, value in environ.items() if name not in held}


def _stored(target: Endpoint) -> Key | None:
    """Return what ``%m1 login`` stored for the host: the keyring's before the file's."""
    slot = _slot(target.host)
    key = ring.get(slot)
    key = key if key and not key.isspace() else file.get(slot)
    return check(key, key.source, target.host) if key and not key.isspace() else None


def _slot(host: str) -> str:
    """Return the name that keys are stored under."""
    name = as_endpoint(host).host
    return "openrouter.ai" if name.endswith(".openrouter.ai") else name


def _names(target: Endpoint) -> tuple[str, ...]:
    """Return the variables whose key may go to ``target``, the first one first."""
    if target.loopback:
        return VARIABLES
    return ("OPENROUTER_API_KEY",) if target.openrouter else ("M1_API_KEY",)


def _variables(environ: Mapping[str, str] | None) -> Mapping[str, str]:
    return os.environ if environ is None else environ


def _given(name: str, environ: Mapping[str, str] | None) -> bool:
    """Does a variable hold anything? An empty one is no key."""
    return bool(_variables(environ).get(name, "").strip())


def _missing(target: Endpoint) -> NoKey:
    late = " The system keyring does not answer (is it locked?)." if ring.hangs() else ""
    if target.openrouter:
        login = "%m1 login (a key from openrouter.ai/keys, needs credit)"
    else:
        login = f"%m1 login {target.host}, or a key of {target.host} in M1_API_KEY"
    return NoKey(
        f"There is no key for {target.host}.{late}",
        todo=f"{login}; %m1 use offline (small local model, 98 MB once, often wrong); "
        "--dry-run (what would leave and its price, no key needed).",
    )


def _from_environment(target: Endpoint, environ: Mapping[str, str] | None) -> Key | None:
    for name in _names(target):
        if _given(name, environ):
            return check(_variables(environ)[name], name, target.host)
    return None


def _from_colab(target: Endpoint) -> Key | None:
    """Return the notebook's Colab secret; None outside Colab, or if it is not there or denied."""
    for name in _names(target) if "google.colab" in sys.modules else ():
        source = f"{name} in Colab Secrets"
        secret = None
        with contextlib.suppress(Exception):
            secret = Key(importlib.import_module("google.colab.userdata").get(name) or "", source)
        if secret and not secret.isspace():
            return check(secret, source, target.host)
    return None
