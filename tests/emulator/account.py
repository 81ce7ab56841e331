"""The keys of an account: OpenRouter's management API, which a management key opens.

From its docs (guides/overview/auth/management-api-keys) and its OpenAPI (``/keys`` and below;
what ``expires_at`` must look like, ``include_expired`` and ``last_used_at``: as the docstrings of
its Python SDK 1.3 say). Newest first, a hundred at a time; disabled and expired ones on demand.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from .answer import Answer, Json
from .exchange import Exchange

if TYPE_CHECKING:
    from .server import OpenRouter

PAGE = 100
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
RESETS = ("daily", "weekly", "monthly", None)
SUMS = [
    f"{own}usage{span}" for own in ("", "byok_") for span in ("", "_daily", "_weekly", "_monthly")
]


@dataclass(frozen=True)
class Odd:
    """An answer to a method that is not the healthy one; ``done``: after what was asked is done."""

    method: str
    run: Callable[[Exchange], None]
    done: bool = False


@dataclass
class Account:
    """The keys, newest first, and the odd answers that wait for a request."""

    management_key: str = "sk-or-v1-management-0000"
    keys: list[Json] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)  # hash → key, which only POST tells
    odd: deque[Odd] = field(default_factory=deque)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def make(self, body: Json) -> tuple[Json, str]:
        """Make a key; return it as the API tells it, and its text."""
        text = "sk-or-v1-" + secrets.token_hex(32)
        hash, limit = hashlib.sha256(text.encode()).hexdigest(), body.get("limit")
        key = {
            "hash": hash,
            "name": body["name"],
            "label": f"{text[:12]}...{text[-4:]}",
            "disabled": False,
            "limit": limit,
            "limit_remaining": limit,
            "limit_reset": body.get("limit_reset"),
            "include_byok_in_limit": body.get("include_byok_in_limit", False),
            **dict.fromkeys(SUMS, 0),
            "created_at": datetime.now(UTC).isoformat(),
            "updated_at": None,
            "expires_at": body.get("expires_at"),
            "last_used_at": None,
            "creator_user_id": "user_emulated",
            "external_user": None,
            "workspace_id": "0df9e665-d932-5740-b2c7-b52af166bc11",
        }
        with self.lock:
            self.keys.insert(0, key)
            self.texts[hash] = text
        return key, text

    def spend(self, name: str, dollars: float) -> None:
        """Let the keys whose name holds ``name`` have been used."""
        for key in self.keys:
            if name in key["name"]:
                key |= dict.fromkeys(SUMS[:4], dollars)
                key |= {"limit_remaining": key["limit"] - dollars}
                key |= {"last_used_at": "2026-11-20T10:00:00.000Z"}

    def take(self, method: str) -> Odd | None:
        """Use the first odd answer that waits for this method."""
        with self.lock:
            found = next((odd for odd in self.odd if odd.method == method), None)
            if found is not None:
                self.odd.remove(found)
            return found


def refused(status: int, message: str | None = None, **more: Any) -> Callable[[Exchange], None]:
    """Give an odd answer that is a documented refusal."""
    said = Answer.http_error(status, message, **more)

    def run(x: Exchange) -> None:
        x.json(said.status, {"error": said.error}, said.headers)

    return run


def page(data: bytes, kind: str = "text/html", status: int = 200) -> Callable[[Exchange], None]:
    """Give an odd answer that is these bytes."""
    return lambda x: x.page(status, data, kind)


def redirect(x: Exchange) -> None:
    """Send the client to another host, which takes any key."""
    x.page(307, b"", "text/plain", {"Location": x.elsewhere() + "/keys"})


def cut(x: Exchange) -> None:
    """Close the connection without a word."""
    x.leave()


def keys(emulator: OpenRouter, x: Exchange) -> None:
    """Answer ``/keys`` and ``/keys/{hash}``."""
    from .routes import Refusal

    account = emulator.account
    method, hash = x.received.method, unquote(x.received.route.removeprefix("/keys").strip("/"))
    odd = account.take(method)
    if odd is not None and not odd.done:
        return odd.run(x)
    given = x.received.headers.get("authorization", "")
    if given == f"Bearer {emulator.key}":
        raise Refusal(403, "Only management keys can perform this operation")
    if given != f"Bearer {account.management_key}" and not emulator.accept_any_key:
        raise Refusal(401)
    status, body = _done(account, x, method, hash)
    return odd.run(x) if odd is not None else x.json(status, body)


def _done(account: Account, x: Exchange, method: str, hash: str) -> tuple[int, Json]:
    from .routes import Refusal

    body = x.received.body
    with account.lock:
        if method == "GET" and not hash:
            return 200, {"data": _listed(account, x)}
        if method == "POST" and not hash:
            key, text = account.make(_checked(body))
            return 201, {"data": key, "key": text}
        found = next((key for key in account.keys if key["hash"] == hash), None)
        if found is None:
            raise Refusal(404, "Resource not found")
        if method == "DELETE":
            account.keys.remove(found)
            return 200, {"deleted": True}
        if method == "PATCH":
            names = ("name", "disabled", "limit", "limit_reset", "include_byok_in_limit")
            found |= {name: body[name] for name in names if name in body}
        return 200, {"data": found}


def _listed(account: Account, x: Exchange) -> list[Json]:
    asked = {name: said[0] for name, said in parse_qs(urlsplit(x.received.path).query).items()}
    now, offset = datetime.now(UTC), int(asked.get("offset", 0))
    found = [
        key
        for key in account.keys
        if (asked.get("include_disabled") == "true" or not key["disabled"])
        and (
            asked.get("include_expired") == "true"
            or not key["expires_at"]
            or datetime.fromisoformat(key["expires_at"]) > now
        )
    ]
    return found[offset : offset + PAGE]


def _checked(body: Any) -> Json:
    """Return the body of a POST, or refuse it as documented."""
    from .routes import Refusal

    bad = Refusal(400, "Invalid request parameters")
    if not isinstance(body, dict) or not isinstance(body.get("name"), str) or not body["name"]:
        raise bad
    limit, expires = body.get("limit"), body.get("expires_at")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int | float)):
        raise bad
    if expires is not None and not (isinstance(expires, str) and MOMENT.fullmatch(expires)):
        raise bad
    if body.get("limit_reset") not in RESETS:
        raise bad
    return body
