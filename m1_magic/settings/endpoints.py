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
        openrouter = self.host == "openrouter.ai" or self.host.endswith(".openrouter.ai")
        return openrouter or (self.loopback and not self.offline)


def endpoint(url: str) -> Endpoint:
    """Return the checked endpoint of ``base_url``.

    Raises:
        BadSetting: not a URL, not http(s), with a password in it, or plain http off loopback.
    """
    if url.strip().lower() == OFFLINE:
        return Endpoint(OFFLINE, OFFLINE, loopback=True)
    todo = "Set it with %m1 use openrouter, or %m1 use https://host/v1."
    try:
        parts = urlsplit(url.strip())
        host, _ = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise BadSetting("base_url is not a URL.", cost=BadSetting.cost, todo=todo) from None
    shown = one_line(url, 80)
    blank = any(c.isspace() or not c.isprintable() for c in url.strip())
    if parts.scheme not in ("http", "https") or not host or blank:
        raise BadSetting(
            f"base_url {shown!r} is not an http(s) URL.", cost="Nothing was sent.", todo=todo
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise BadSetting(
            f"base_url for {host} holds a password or a query, which would end in logs.",
            cost="Nothing was sent.",
            todo="Leave only https://host/path, and store the key with %m1 login " + host + ".",
        )
    if not HOST.fullmatch(host):
        raise BadSetting(
            f"The host of base_url {shown!r} is not in plain ASCII letters.",
            cost="Nothing was sent.",
            todo="Write an international name in its ASCII form, xn--….",
        )
    near = is_loopback(host)
    if parts.scheme == "http" and not near:
        raise BadSetting(
            f"base_url {shown!r} is plain http: key and prompt could be read on the way.",
            cost="Nothing was sent.",
            todo="Use https; http is taken only for this machine (127.0.0.1).",
        )
    return Endpoint(url.strip().rstrip("/"), host, near)


def is_loopback(host: str) -> bool:
    """Is ``host`` this very machine?"""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
