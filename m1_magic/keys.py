"""Where the key comes from, for which host, and that it is never shown.

Order: environment, Colab Secrets, system keyring, a 0600 file in ``M1_HOME``. Whatever is read
becomes a ``Key`` at once, whose ``repr`` names its source and nothing else, so that a verbose
traceback has nothing to print. An OpenRouter key goes to openrouter.ai or to this machine only.
``OPENAI_API_KEY`` and ``OPENAI_BASE_URL`` are never read.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import queue
import re
import stat
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, SupportsIndex, TypeVar
from urllib.parse import urlencode

from .config import home
from .endpoints import OFFLINE, Endpoint, endpoint
from .errors import BadKey, KeyProblem, LedgerProblem, NoKey, plain

SERVICE = "m1-magic"
KEYRING = "system keyring"
KEYRING_SECONDS = 5.0
LATER = "looked up at first use"
BARE = 'Give the bare key there: one line, no quotes, no spaces, no "Bearer "; or use %m1 login.'
QUOTES = "\"'`\u2018\u2019\u201c\u201d"
PROBLEMS = tuple(
    (words, re.compile(pattern))
    for words, pattern in (
        ("is empty", r"\A\s*\Z"),
        ("ends with a line break", r"\A[^\r\n]*[\r\n]+\Z"),
        ("holds a line break", r"[\r\n]"),
        ("begins or ends with a space", r"\A\s|\s\Z"),
        ("stands in quotes", rf"\A[{QUOTES}]|[{QUOTES}]\Z"),
        ('begins with "Bearer"', r"(?i)\Abearer\s"),
        ("has a space inside", r"\s"),
        ("holds a character that is not ASCII", r"[^\x00-\x7f]"),
        ("holds a control character", r"[\x00-\x1f\x7f]"),
    )
)

T = TypeVar("T")


class Key(str):
    """An API key that shows only where it came from; ``reveal()`` gives its text.

    ``f"{key}"`` gives the text too, because the OpenAI SDK builds its header that way
    (``openai/lib/_client_auth.py``); ``str()``, ``repr()``, ``print`` and ``%s`` do not.
    """

    __slots__ = ("source",)
    source: str

    def __new__(cls, text: str, source: str) -> Key:
        """Mark ``text`` as a key read from ``source``; ``check`` says whether it can be one."""
        self = super().__new__(cls, text.reveal() if isinstance(text, Key) else text)
        self.source = source
        return self

    def reveal(self) -> str:
        """Return the text of the key, for the wire and for the keyring."""
        return str.__str__(self)

    def __repr__(self) -> str:
        return f"<key from {self.source}>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(self.reveal(), spec)

    def __getitem__(self, index: SupportsIndex | slice) -> Key:
        # Tools that shorten long locals (rich's show_locals) slice before they print.
        return Key(self.reveal()[index], self.source)

    def __copy__(self) -> Key:
        return self

    def __deepcopy__(self, memo: object) -> Key:
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a key is never pickled; let the other process find its own key")


def check(text: str, source: str, host: str) -> Key:
    """Return ``text`` as a key for ``host``, or say what is wrong without showing any of it.

    Args:
        text: the key as it was read, not stripped.
        source: where it was read, as an error should name it.
        host: where it would be sent.

    Raises:
        BadKey: empty, line breaks, spaces, quotes, "Bearer ", not ASCII; or an OpenRouter key
            for a host that is neither openrouter.ai nor loopback.
    """
    key = text = Key(text, source)
    for words, pattern in PROBLEMS:
        if pattern.search(key):
            raise BadKey(f"The key from {source} {words}.", todo=BARE)
    if key.lower().startswith("sk-or-") and not _endpoint(host).openrouter:
        raise BadKey(
            f"The key from {source} is an OpenRouter key: it goes only to openrouter.ai, not to "
            f"{plain(host, 80)}.",
            todo=f"Put a key of {plain(host, 80)} into M1_API_KEY, store one with %m1 login "
            f"{plain(host, 80)}, or go back with %m1 use openrouter.",
        )
    return key


def find(endpoint: Endpoint, environ: Mapping[str, str] | None = None) -> Key:
    """Return the key for ``endpoint``; a local server needs none and gets ``none``.

    Args:
        endpoint: where the key will be sent.
        environ: instead of ``os.environ``.

    Raises:
        NoKey: there is none; the message says how to go on.
        BadKey: there is one that cannot be a key, or that must not go to this host.
    """
    if endpoint.url == OFFLINE:
        return Key("none", "not needed")
    key = _from_environment(endpoint, environ)
    # A verbose traceback of an interrupted look-up prints arguments, and these hold the key.
    environ = None
    key = key or _from_colab(endpoint)
    key = key or _from_keyring(endpoint.host)
    key = key or _from_file(endpoint.host)
    if key:
        return key
    if endpoint.loopback:
        return Key("none", "not needed")
    raise _missing(endpoint)


def known(endpoint: Endpoint, environ: Mapping[str, str] | None = None) -> str:
    """Return where the key comes from, for the status line, without asking keyring or files."""
    if endpoint.url == OFFLINE:
        return "not needed"
    return next((name for name in _names(endpoint) if name in _variables(environ)), LATER)


def store(host: str, text: str) -> str:
    """Keep a key for ``host``, in the system keyring or else in a 0600 file; return where.

    Args:
        host: a host name or a base URL; subdomains of openrouter.ai share one key.
        text: the key.

    Raises:
        BadKey: it cannot be a key, or not one for this host; or the file is not private.
        KeyProblem: neither place can be written.
    """
    slot = _slot(host)
    key = text = check(text, "%m1 login", slot)

    def put(backend: Any) -> bool:
        backend.set_password(SERVICE, slot, key.reveal())
        return bool(backend.get_password(SERVICE, slot) == key)

    if _ask_keyring(put):
        return KEYRING
    return str(_rewrite(slot, key))


def forget(host: str, environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Remove the stored keys of ``host``; return the places, and what still holds one.

    Raises:
        BadKey: the key file is not private; nothing was removed.
        KeyProblem: the key file cannot be written.
    """
    slot = _slot(host)

    def remove(backend: Any) -> str | None:
        if backend.get_password(SERVICE, slot) is None:
            return None
        with contextlib.suppress(Exception):
            backend.delete_password(SERVICE, slot)
        left = backend.get_password(SERVICE, slot) is not None
        return f"the {KEYRING} still holds one" if left else KEYRING

    path = _rewrite(slot, None)
    removed = (str(path) if path else None, _ask_keyring(remove))
    silent = f"the {KEYRING} does not answer and may still hold one" if _keyring_hangs() else None
    still = (
        f"{name} is still set in the environment"
        for name in _names(_endpoint(slot))
        if name in _variables(environ)
    )
    return tuple(place for place in (*removed, silent, *still) if place)


@dataclass(frozen=True, slots=True)
class Challenge:
    """One browser login: the URL to open, and the verifier that the pasted code needs."""

    verifier: str = field(repr=False)
    url: str


def challenge(label: str = "m1-magic") -> Challenge:
    """Return a new login at OpenRouter whose page shows a code to paste.

    Without ``callback_url`` and with a challenge the page shows the code instead of redirecting
    (OpenRouter docs, "OAuth PKCE"); the verifier is 43 characters, as RFC 7636 asks.

    Args:
        label: the name of the new key in the user's list at OpenRouter.
    """
    import base64
    import hashlib
    import secrets

    verifier = secrets.token_urlsafe(32)
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    query = {
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii"),
        "code_challenge_method": "S256",
        "key_label": label,
    }
    return Challenge(verifier, f"https://openrouter.ai/auth?{urlencode(query)}")


def _endpoint(host: str) -> Endpoint:
    """Return the https endpoint of a host name, or of a base URL as typed."""
    if "://" in host:
        return endpoint(host)
    return endpoint(
        f"https://[{host}]" if host.count(":") > 1 and host[0] != "[" else f"https://{host}"
    )


def _slot(host: str) -> str:
    """Return the name that keys are stored under."""
    name = _endpoint(host).host
    return "openrouter.ai" if name.endswith(".openrouter.ai") else name


def _names(target: Endpoint) -> tuple[str, ...]:
    """Return the variables whose key may go to ``target``, the first one first."""
    if target.loopback:
        return ("M1_API_KEY", "OPENROUTER_API_KEY")
    return ("OPENROUTER_API_KEY",) if target.openrouter else ("M1_API_KEY",)


def _variables(environ: Mapping[str, str] | None) -> Mapping[str, str]:
    return os.environ if environ is None else environ


def _missing(target: Endpoint) -> NoKey:
    late = " The system keyring does not answer (is it locked?)." if _keyring_hangs() else ""
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
        if name in _variables(environ):
            return check(_variables(environ)[name], name, target.host)
    return None


def _from_colab(target: Endpoint) -> Key | None:
    """Return the notebook's Colab secret; None outside Colab, or if it is not there or denied."""
    for name in _names(target) if "google.colab" in sys.modules else ():
        source = f"{name} in Colab Secrets"
        secret = None
        with contextlib.suppress(Exception):
            secret = Key(importlib.import_module("google.colab.userdata").get(name) or "", source)
        if secret is not None:
            return check(secret, source, target.host)
    return None


def _from_keyring(host: str) -> Key | None:
    slot = _slot(host)

    def get(backend: Any) -> Key | None:
        password = backend.get_password(SERVICE, slot)
        return None if password is None else Key(password, KEYRING)

    key = _ask_keyring(get)
    return None if key is None else check(key, KEYRING, host)


def _ask_keyring(action: Callable[[Any], T]) -> T | None:
    """Return what ``action`` gets from the keyring; None if it is absent, failing or too slow.

    A locked keyring may wait for a password that nobody sees: the thread that waits is left
    behind, and while it lives nobody asks again.
    """
    if _keyring_hangs():
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
    thread.start()
    try:
        return answers.get(timeout=KEYRING_SECONDS)
    except queue.Empty:
        thread.name = f"{SERVICE} {KEYRING} hangs"
        return None


def _keyring_hangs() -> bool:
    return any(t.name == f"{SERVICE} {KEYRING} hangs" for t in threading.enumerate())


def _from_file(host: str) -> Key | None:
    try:
        path = home() / "keys.json"
    except LedgerProblem:
        return None
    key = _kept(path).get(_slot(host))
    return None if key is None else check(key, key.source, host)


def _kept(path: Path) -> dict[str, Key]:
    """Return the keys in the file; raise BadKey unless only its owner can read it."""
    problem, kept = None, None
    try:
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        with open(os.open(path, flags), encoding="utf-8") as file:
            problem = _exposed(os.fstat(file.fileno()))
            if problem is None:
                kept = json.load(file)
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
    if not isinstance(kept, dict) or not all(isinstance(text, str) for text in kept.values()):
        raise BadKey(f"The key file {path} is damaged.", todo="Delete it and run %m1 login again.")
    return {host: Key(text, str(path)) for host, text in kept.items()}


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


def _rewrite(slot: str, key: Key | None) -> Path | None:
    """Set or, with None, remove the key of one host in the file; return the file if it changed."""
    path = home() / "keys.json"
    try:
        with _locked(path.with_suffix(".lock")):
            kept = _kept(path)
            if key is None and kept.pop(slot, None) is None:
                return None
            _write(path, kept if key is None else kept | {slot: key})
            return path
    except OSError as error:
        reason = error.strerror
    raise KeyProblem(
        f"The key file {path} cannot be written ({reason}).",
        todo="Set M1_HOME to a folder that you may write, or put the key in the environment.",
    )


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes from changing the file meanwhile, where the system can."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    with open(os.open(path, flags, 0o600), "r+", encoding="utf-8") as file:
        with contextlib.suppress(OSError):  # some network file systems know no locks
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write(path: Path, kept: Mapping[str, Key]) -> None:
    """Replace the file in one step; at no moment can others read it."""
    import tempfile

    descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix="keys.")  # 0600, whatever umask
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps(kept, indent=1))
            file.flush()
            os.fsync(descriptor)
        os.replace(fresh, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(fresh)
        raise
