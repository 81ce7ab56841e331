"""Where requests go: a base URL that was checked before a key or a prompt comes near it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..errors import BadSetting
from ..text import one_line

OPENROUTER = "https://openrouter.ai/api/v1"
OFFLINE = "offline"
USE = "Set it with %m1 use openrouter, or %m1 use https://host/v1."
# A name in ASCII or an address: other letters can pass for these, and a stray "\" or "%" makes
# one library read another host than the next.
HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A base URL that was checked: where requests and keys may go."""

    url: str
    host: str
    loopback: bool

    @property
    def offline(self) -> bool:
        """Is it the model on this machine, which needs neither network nor key?"""
        return self.host == OFFLINE

    @property
    def openrouter(self) -> bool:
        """Does the wire of OpenRouter (provider preferences, ``usage.cost``) apply?"""
        return at_openrouter(self.host) or (self.loopback and not self.offline)

    @property
    def whole_api(self) -> bool:
        """Is it OpenRouter, with ``/key``, ``/generation``, price lists and plugins?

        On this machine its path tells: a proxy or a model server has ``/v1``.
        """
        return self.openrouter and (not self.loopback or self.url.endswith("/api/v1"))


def at_openrouter(host: str) -> bool:
    """Is it OpenRouter itself, not a server on this machine that may speak like it?"""
    return host == "openrouter.ai" or host.endswith(".openrouter.ai")


def endpoint(url: str) -> Endpoint:
    """Return the checked endpoint of ``base_url``, or raise BadSetting."""
    if url.strip().lower() == OFFLINE:
        return Endpoint(OFFLINE, OFFLINE, loopback=True)
    try:
        parts = urlsplit(url.strip())
        host, _ = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise BadSetting("base_url is not a URL.", todo=USE) from None
    displayed = one_line(url, 80)
    blank = any(c.isspace() or not c.isprintable() for c in url.strip())
    if parts.scheme not in ("http", "https") or not host or blank:
        raise _refused(f"base_url {displayed!r} is not an http(s) URL.", USE)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise _refused(
            f"base_url for {host} holds a password or a query, which would end in logs.",
            f"Leave only https://host/path, and store the key with %m1 login {host}.",
        )
    if not HOST.fullmatch(host):
        raise _refused(
            f"The host of base_url {displayed!r} is not in plain ASCII letters.",
            "Write an international name in its ASCII form, xn--….",
        )
    loopback = _loopback(host)
    if parts.scheme == "http" and not loopback:
        raise _refused(
            f"base_url {displayed!r} is plain http: key and prompt could be read on the way.",
            "Use https; http is taken only for this machine (127.0.0.1).",
        )
    return Endpoint(url.strip().rstrip("/"), host, loopback)


def _refused(what: str, todo: str) -> BadSetting:
    return BadSetting(what, cost="Nothing was sent.", todo=todo)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
