"""Which request gets which answer: the documented refusals first, then the queue.

One function per endpoint of OpenRouter's API, found in a table by method and path.
Errors: OpenRouter docs, api_reference/errors-and-debugging; PKCE: auth/oauth.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from . import account, catalog
from .answer import Answer
from .exchange import Exchange
from .faults import FAULTS
from .refusals import over
from .wire import prompt_tokens

if TYPE_CHECKING:
    from .server import OpenRouter


class Refusal(Exception):
    """A documented error answer."""

    def __init__(self, status: int, message: str | None = None, **metadata: Any) -> None:
        super().__init__(message)
        self.answer = Answer.http_error(status, message, metadata=metadata or None)


def parse(raw: bytes) -> Any:
    """Read JSON, or give None."""
    try:
        return json.loads(raw)
    except ValueError:
        return None


def answer(emulator: OpenRouter, x: Exchange) -> None:
    """Answer one request."""
    route = x.received.route
    whole = next((name for name in ("/models", "/keys") if route.startswith(f"{name}/")), route)
    table = ROUTES.get(whole)
    try:
        if table is None:
            raise Refusal(404, "Not Found")
        if x.received.method not in table[0]:
            raise Refusal(405, "Method Not Allowed")
        table[1](emulator, x)
    except Refusal as refusal:
        refuse(x, refusal.answer)


def refuse(x: Exchange, said: Answer) -> None:
    """Send an error answer."""
    body: dict[str, Any] = {"error": said.error}
    if said.status != 401:
        body["user_id"] = "user_emulated"
    x.json(said.status, body, said.headers)


def finish(emulator: OpenRouter, x: Exchange) -> None:
    """Record a call that ended before its text did."""
    if x.call is None or x.call.answer.error is not None:
        return
    fault = x.call.answer.fault
    if fault is None or FAULTS[fault].paid:
        emulator.settle(x, True)


def check_key(emulator: OpenRouter, x: Exchange) -> None:
    """Refuse a missing or wrong key."""
    given = x.received.headers.get("authorization", "")
    if not emulator.accept_any_key and given != f"Bearer {emulator.key}":
        raise Refusal(401)


# -- chat ------------------------------------------------------------------------------
def chat(emulator: OpenRouter, x: Exchange) -> None:
    """Answer POST /chat/completions."""
    check_key(emulator, x)
    body = x.received.body
    if not isinstance(body, dict):
        raise Refusal(400, "Invalid JSON body")
    if not isinstance(body.get("messages"), list) or not body["messages"]:
        raise Refusal(400, 'Input required: specify "prompt" or "messages"')
    if not emulator.any_model and not emulator.peek().think_tags:
        check_model(emulator, body)
        check_context(emulator, body)
    reply(emulator, x, emulator.take(str(body["messages"][-1].get("content"))))


def check_model(emulator: OpenRouter, body: dict[str, Any]) -> None:
    """Refuse an unknown model with 400 and a known one without endpoints with 404."""
    name = str(body.get("model"))
    base, _, variant = name.partition(":")
    if not emulator.find(base):
        raise Refusal(400, f"{name} is not a valid model ID")
    if variant and not emulator.find(name) and variant not in catalog.VARIANTS:
        raise Refusal(404, f"No endpoints found for {name}.", error_type="no_endpoints")


def check_context(emulator: OpenRouter, body: dict[str, Any]) -> None:
    """Refuse what no endpoint of the model has room for."""
    endpoints = emulator.endpoints.get(str(body.get("model")).partition(":")[0], [])
    context = max((one["context_length"] or 0 for one in endpoints), default=0)
    most = body.get("max_completion_tokens") or body.get("max_tokens") or 0
    prompt = prompt_tokens(body)
    if isinstance(most, int) and context and prompt + most > context:
        raise Refusal(400, over(context, prompt, most), error_type="context_length_exceeded")


def reply(emulator: OpenRouter, x: Exchange, said: Answer) -> None:
    """Send one answer."""
    x.call = emulator.accept(x.received.body, said)
    x.wait(said.first_delay)
    if said.error is not None:
        x.call = None
        refuse(x, said)
    elif said.body is not None:
        x.call = None
        x.json(said.status, said.body, said.headers)
    elif said.fault is not None:
        FAULTS[said.fault].run(x)
    else:
        x.head(said.status)
        x.play(x.events())
        x.end()


# -- facts -----------------------------------------------------------------------------
def models(emulator: OpenRouter, x: Exchange) -> None:
    """Answer GET /models and GET /models/{author}/{slug}/endpoints; no key is needed."""
    parts = x.received.route.strip("/").split("/")
    if len(parts) == 1:
        return x.json(200, catalog.models_page(emulator.models))
    listed = emulator.find("/".join(parts[1:3]))
    if len(parts) != 4 or parts[3] != "endpoints" or listed is None:
        raise Refusal(404, "Model not found")
    found = emulator.endpoints.get(listed["id"], [])
    return x.json(200, catalog.endpoints_page(listed, found))


def generation(emulator: OpenRouter, x: Exchange) -> None:
    """Answer GET /generation?id=, with 404 for the first few lookups if so wished."""
    check_key(emulator, x)
    wanted = parse_qs(urlsplit(x.received.path).query).get("id", [""])[0]
    if not wanted:
        raise Refusal(400, "Missing id")
    emulator.lookups[wanted] = emulator.lookups.get(wanted, 0) + 1
    found = emulator.generations.get(wanted)
    if found is None or emulator.lookups[wanted] <= emulator.generation_lag:
        raise Refusal(404, f"Generation {wanted} not found")
    x.json(200, {"data": found})


def key(emulator: OpenRouter, x: Exchange) -> None:
    """Answer GET /key."""
    check_key(emulator, x)
    x.json(200, {"data": emulator.key_info})


def exchange_code(emulator: OpenRouter, x: Exchange) -> None:
    """Answer POST /auth/keys: trade a code and its verifier for the key, once."""
    body = x.received.body
    if not isinstance(body, dict) or not isinstance(body.get("code"), str):
        raise Refusal(400, "Missing code")
    if body.get("code_challenge_method") != "S256":
        raise Refusal(400, "Invalid code_challenge_method")
    if emulator.auth_codes.get(body["code"]) != _challenge(body):
        raise Refusal(403, "Invalid code or code_verifier")
    del emulator.auth_codes[body["code"]]
    x.json(200, {"key": emulator.key, "user_id": "user_emulated"})


def _challenge(body: dict[str, Any]) -> str:
    """Compute the challenge that belongs to the verifier."""
    digest = hashlib.sha256(str(body.get("code_verifier")).encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


Route = tuple[tuple[str, ...], Callable[["OpenRouter", Exchange], None]]
ROUTES: dict[str, Route] = {
    "/chat/completions": (("POST",), chat),
    "/models": (("GET",), models),
    "/generation": (("GET",), generation),
    "/key": (("GET",), key),
    "/auth/keys": (("POST",), exchange_code),
    "/keys": (("GET", "POST", "PATCH", "DELETE"), account.keys),
}
