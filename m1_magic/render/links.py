"""Where links lead, and whether their words say something else.

A link is http, https or mailto with a plain host: no user before it, no number that hides an
address, and not this machine, where the reader's own Jupyter answers with the reader's cookies.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from urllib.parse import urlsplit

LINK = re.compile(
    r"https?://(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])(?::\d{1,5})?(?:[/?#][!-~]*)?"
    r"|mailto:[\w.+%-]+@[\w.-]+(?:\?[!-~]*)?",
    re.IGNORECASE | re.ASCII,
)
TRAILING = ".,;:!?*_'\"~|"  # of a sentence rather than of an address
_AUTHORITY = re.compile(r"https?://([^\s/?#]*)", re.IGNORECASE)
# What looks like the dot of a host name, besides what NFKC makes one.
_DOTS = str.maketrans(dict.fromkeys("\u3002\uff61\u00b7\u2219\u22c5\u0701\u0702\u06d4\ua4f8", "."))
_HOSTLIKE = re.compile(
    r"[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}(?::\d{2,5})?"
    r"|(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?(?![\w.])"
    r"|(?<![\w.])(?:localhost\b|[a-z][\w-]*(?=:\d{2,5}\b))(?::\d{2,5})?",
    re.IGNORECASE,
)
_URL_PATH = re.compile(r"(https?://[^\s/?#]+)\S*", re.IGNORECASE)


def leads_away(address: str) -> bool:
    """Is this a link that may be clicked?"""
    return bool(LINK.fullmatch(address)) and not _own(host(address))


def plain_authority(address: str) -> bool:
    """Is what stands between ``https://`` and the path a host by its own name?"""
    match = _AUTHORITY.match(address)
    return match is not None and leads_away(f"http://{match[1].rstrip(TRAILING)}")


def misleads(label: str, address: str) -> bool:
    """Do the words of a link name another host than the one it leads to?"""
    goal = host(address).casefold()
    if label.casefold().removeprefix("mailto:") == goal:
        return False
    port = f":{_port(address)}"
    return bool(named(label) - {goal.rpartition("@")[2], goal.rpartition("@")[2] + port})


def named(label: str) -> set[str]:
    """Return what in some words reads like a host."""
    plain = unicodedata.normalize("NFKC", label.translate(_DOTS)).translate(_DOTS)
    return {name.casefold() for name in _HOSTLIKE.findall(_URL_PATH.sub(r"\1", plain))}


def host(address: str) -> str:
    """Return the host of an address, of mail the address itself; empty where it has none."""
    if address.lower().startswith("mailto:"):
        return address[7:].partition("?")[0]
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _port(address: str) -> int:
    try:
        parts = urlsplit(address)
        return parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return 0


def _own(name: str) -> bool:
    """Is it this machine, or a number that a browser reads as an address?"""
    bare = name.strip(".").casefold()
    last = bare.rpartition(".")[2]
    if bare == "localhost" or bare.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return last.isdigit() or bool(re.fullmatch(r"0x[0-9a-f]*", last))
    mapped = getattr(address, "ipv4_mapped", None) or address
    return mapped.is_loopback or mapped.is_unspecified
