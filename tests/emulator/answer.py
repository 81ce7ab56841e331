"""What the emulator should say: one frozen value per expected chat call.

A test writes `Answer(thinking="...", text="...")` and gets OpenRouter's bytes;
every other field bends one detail of them (pace, usage, errors, faults).
Error messages and codes follow OpenRouter docs, api_reference/errors-and-debugging.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
# For answers whose dates are counted from the server's own.
MIDNIGHT = {"Date": "Mon, 01 Jan 2024 00:00:00 GMT"}
AUTO: Any = "auto"


MISSING: Any = object()  # `Answer(cost=MISSING)` leaves the key out of the usage
MESSAGES: dict[int, tuple[str, str]] = {
    400: ("invalid_request", "Invalid request"),
    401: ("authentication", "Missing Authentication header"),
    402: ("payment_required", "Insufficient credits. Add more using https://openrouter.ai/credits"),
    403: ("permission_denied", "Only management keys can perform this operation"),
    404: ("not_found", "No endpoints found for this model"),
    405: ("invalid_request", "Method Not Allowed"),
    408: ("timeout", "Operation timed out. Please try again later."),
    409: ("precondition_failed", "Conflict"),
    413: ("payload_too_large", "Request payload too large"),
    422: ("unprocessable", "Invalid argument"),
    429: ("rate_limit_exceeded", "Rate limit exceeded"),
    500: ("server", "Internal Server Error"),
    502: ("provider_unavailable", "Provider returned error"),
    503: ("provider_unavailable", "Service temporarily unavailable"),
    504: ("timeout", "Gateway timeout"),
    524: ("timeout", "Request timed out. Please try again later."),
    529: ("provider_overloaded", "Provider returned error"),
}
"""Status -> (error_type, message)."""

STATUSES = (400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 502, 503, 524, 529)
"""The statuses declared for a chat completion."""


def error_body(
    status: int,
    message: str | None = None,
    *,
    metadata: Json | None = None,
    new_shape: bool = False,
    retry_after: object = None,
) -> Json:
    """Give the value of "error" in an error answer, in the old or the newer shape."""
    kind, usual = MESSAGES.get(status, ("unmapped", "Unknown error"))
    said = usual if message is None else message
    if new_shape:
        return _new_error(status, kind, said, metadata, retry_after)
    error: Json = {"code": status, "message": said}
    if metadata is not None:
        error["metadata"] = metadata
    return error


def _new_error(
    status: int, kind: str, message: str, metadata: Json | None, retry_after: object
) -> Json:
    """Give the newer error value, which has no "code" (page: errors, availability)."""
    availability = {
        "code": {429: "capacity_exhausted", 404: "no_endpoints"}.get(
            status, "temporarily_unavailable"
        ),
        "retryable": status in (408, 429, 502, 503, 524, 529),
        "retry_after": retry_after,
        "requested_models": ["minimax/minimax-m1"],
        "affected_providers": ["Minimax"],
        "fallback_models": [],
        "excluded_by": None,
        "docs_url": "https://openrouter.ai/docs/api_reference/errors-and-debugging",
    }
    error: Json = {"message": message, "error_type": kind, "http_status": status}
    if status in (404, 429, 502, 503, 529):
        error["availability"] = availability
    if metadata is not None:
        error["metadata"] = metadata
    return error


@dataclass(frozen=True)
class Answer:
    """One answer to one POST /chat/completions; a sequence gives the exact deltas."""

    text: str | Sequence[str] = ""
    thinking: str | Sequence[str] = ""
    piece: int = 4
    usage: Json | Literal["auto"] | None = "auto"
    cost: Any = AUTO
    cached: int = 0
    usage_shape: Literal["a", "b", "c"] = "a"
    finish: str | None = "stop"
    native_finish: str | None = AUTO
    provider: str = "Minimax"
    model: str | None = None
    delay: float = 0.0
    rate: float = 0.0  # deltas a second, by the clock; 0: by `delay` alone
    first_delay: float = 0.0
    comments: bool = True
    comment_every: int = 10
    done: bool = True
    generation_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    error: Json | None = None
    body: Json | None = None  # sent as it is, with the status
    mid_error: Json | None = None
    fault: str | None = None
    think_tags: bool = False
    hold: threading.Event | None = None
    hold_after: int = 1
    reasoning_in: Literal["both", "reasoning", "details"] = "both"
    deltas: Sequence[Json] = ()  # besides, as they are: calls of tools

    @classmethod
    def calling(cls, *calls: tuple[str, object], text: str = "", **more: Any) -> Answer:
        """Call tools, each ``(name, arguments)``, streamed as OpenRouter's docs have it.

        The id and the name stand in a call's first delta only, its arguments in pieces of JSON.
        """
        deltas: list[Json] = []
        for index, (name, given) in enumerate(calls):
            arguments = given if isinstance(given, str) else json.dumps(given)
            of: Json = {"name": name, "arguments": ""}
            first = {"index": index, "id": f"call_{index}", "type": "function", "function": of}
            deltas.append({"tool_calls": [first]})
            for start in range(0, len(arguments), 5):
                piece = {"index": index, "function": {"arguments": arguments[start : start + 5]}}
                deltas.append({"tool_calls": [piece]})
        return cls(text=text, deltas=deltas, **{"finish": "tool_calls", **more})

    @classmethod
    def http_error(
        cls,
        status: int,
        message: str | None = None,
        *,
        retry_after: float | str | None = None,
        metadata: Json | None = None,
        new_shape: bool = False,
        headers: Mapping[str, str] | None = None,
        reset_in: float | None = None,
    ) -> Answer:
        """Refuse with a real HTTP status and the documented JSON body."""
        sent = dict(headers or {})
        if retry_after is not None:
            sent["Retry-After"] = str(retry_after)
        if reset_in is not None:  # OpenRouter's own limits only, not a provider's
            sent |= {"X-RateLimit-Limit": "20", "X-RateLimit-Remaining": "0"}
            sent["X-RateLimit-Reset"] = str(int((time.time() + reset_in) * 1000))
        error = error_body(
            status, message, metadata=metadata, new_shape=new_shape, retry_after=retry_after
        )
        return cls(status=status, error=error, headers=sent)

    @classmethod
    def broken(
        cls,
        text: str | Sequence[str],
        code: int | str = 502,
        message: str = "Provider disconnected",
        *,
        error_type: str = "provider_unavailable",
        **more: Any,
    ) -> Answer:
        """Stream the text, then the documented error event, and end without [DONE]."""
        metadata = {"error_type": error_type, "provider_code": str(code)}
        error = {"code": code, "message": message, "metadata": metadata}
        return cls(text=text, mid_error=error, **{"done": False, **more})
