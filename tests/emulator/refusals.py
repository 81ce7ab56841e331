"""What OpenRouter, MiniMax and servers in FastAPI refuse, word for word, in each of their shapes.

Written from OpenRouter's documentation (errors-and-debugging, availability, limits), from public
reports of the others, and not from the client.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .answer import Answer, Json

MINIMAX = {
    1000: "unknown error",
    1001: "request timeout",
    1002: "rate limit, please retry later",
    1004: "login fail: Please carry the API secret key",
    1008: "insufficient balance",
    1026: "input new_sensitive",
    1027: "output new_sensitive",
    1039: "TPM rate limit exceeded",
    2013: "invalid params, context window exceeds limit",
    2049: "invalid api key",
    2056: "usage limit exceeded, 5-hour usage limit reached for Token Plan",
}
SHAPES = ("old", "new", "200", "200 new", "stream", "raw")


def over(context: int, prompt: int, most: int) -> str:
    """Say that prompt and output have no room."""
    return (
        f"This endpoint's maximum context length is {context} tokens. However, you requested about"
        f" {prompt + most} tokens ({prompt} of text input, {most} in the output). Please reduce the"
        " length of either one, or use the context-compression plugin to compress your prompt"
        " automatically."
    )


@dataclass(frozen=True)
class Refusal:
    """One refusal: its status, words, error_type, and what stands beside them."""

    status: int
    message: str
    kind: str
    metadata: Json = field(default_factory=dict)
    availability: Json = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def answer(self, shape: str = "old") -> Answer:
        """Refuse in one of `SHAPES`."""
        old: Json = {"code": self.status, "message": self.message}
        metadata = {"error_type": self.kind, **self.metadata}
        new: Json = {"message": self.message, "error_type": self.kind, "http_status": self.status}
        if self.availability:
            new["availability"] = self.availability
            metadata |= self.availability
        old["metadata"] = metadata
        if self.metadata:
            new["metadata"] = self.metadata
        if shape == "stream":
            return Answer(mid_error=old, done=False, headers=self.headers)
        if shape == "raw":  # a provider's own body, passed on as text
            raw = json.dumps({"error": {"message": self.message, "type": self.kind} | metadata})
            old = {"code": self.status, "message": "Provider returned error"}
            old["metadata"] = {"raw": raw, "provider_name": "Minimax"}
        error = new if shape.endswith("new") else old
        status = 200 if shape.startswith("200") else self.status
        return Answer(status=status, error=error, headers=self.headers)


def headers_of_limits(seconds: float) -> Json:
    """OpenRouter's own limits, as it repeats them in the error: milliseconds since 1970."""
    reset = str(int((time.time() + seconds) * 1000))
    return {"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}


def refusals() -> dict[str, Refusal]:
    """Give the documented refusals by name; moments in them count from now."""
    return {
        "in flight": Refusal(
            402,
            "Budget is held by requests in flight. Please retry.",
            "in_flight_budget_exhausted",
            headers={"Retry-After": "1"},
        ),
        "afford": Refusal(
            402,
            "This request requires more credits, or fewer max_tokens. You requested up to 16000"
            " tokens, but can only afford 1234. To increase, visit"
            " https://openrouter.ai/settings/credits and upgrade to a paid account",
            "weight_exceeds_budget",
        ),
        "credit": Refusal(
            402,
            "Insufficient credits. Add more using https://openrouter.ai/credits",
            "payment_required",
        ),
        "key limit": Refusal(
            403,
            "Key limit exceeded (total limit). Manage it using https://openrouter.ai/settings/keys",
            "permission_denied",
            {"limit_source": "openrouter_key_limit", "limit_usd": 5, "resets_at": None},
        ),
        "key limit monthly": Refusal(
            403,
            "Key limit exceeded (monthly limit).",
            "permission_denied",
            {
                "limit_source": "openrouter_key_limit",
                "limit_usd": 2.5,
                "resets_at": "2030-01-01T00:00:00Z",
            },
        ),
        "budget": Refusal(
            403,
            "Budget exceeded",
            "permission_denied",
            {
                "limit_source": "openrouter_guardrail_budget",
                "limit_usd": "20.00",
                "resets_at": "2030-02-01T00:00:00Z",
            },
        ),
        "region": Refusal(403, "This model is not available in your region.", "region_restricted"),
        "guardrail": Refusal(
            403,
            "Request blocked by guardrail",
            "permission_denied",
            {"patterns": ["credit card", "IBAN"]},
        ),
        "moderation": Refusal(
            403,
            "Your input was flagged",
            "content_policy_violation",
            {"reasons": ["violence"], "flagged_input": "…", "provider_name": "Minimax"},
        ),
        "free quota": Refusal(
            429,
            "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model"
            " requests per day",
            "rate_limit_exceeded",
            {"headers": headers_of_limits(7 * 3600)},
        ),
        "free minute": Refusal(
            429,
            "Rate limit exceeded: free-models-per-min.",
            "rate_limit_exceeded",
            {"headers": headers_of_limits(45)},
        ),
        "upstream": Refusal(
            429,
            "minimax/minimax-m1 is temporarily rate-limited upstream. Please retry shortly.",
            "rate_limit_exceeded",
            availability={"code": "capacity_exhausted", "retryable": True, "retry_after": 4},
        ),
        "deprecated": Refusal(
            404,
            "minimax/minimax-m1 is deprecated.",
            "not_found",
            availability={
                "code": "model_deprecated",
                "retryable": False,
                "fallback_models": ["minimax/minimax-m2.5", "minimax/minimax-m3"],
            },
        ),
        "privacy": Refusal(
            404,
            "No endpoints found matching your data policy (Zero data retention).",
            "not_found",
            availability={"code": "privacy_restricted", "excluded_by": ["zdr"]},
        ),
        "constraint": Refusal(
            404,
            "No endpoints match the constraints.",
            "not_found",
            availability={"code": "constraint_filtered", "excluded_by": ["max_price"]},
        ),
        "free ended": Refusal(
            404,
            "The free period has ended.",
            "not_found",
            availability={"code": "free_variant_ended"},
        ),
        "output": Refusal(400, over(8192, 4000, 16_000), "context_length_exceeded"),
        "prompt": Refusal(400, over(8192, 9000, 16_000), "context_length_exceeded"),
        "500": Refusal(500, "Internal Server Error", "server"),
        "502": Refusal(502, "Provider returned error", "provider_unavailable"),
        "503": Refusal(
            503,
            "Service temporarily unavailable",
            "provider_unavailable",
            availability={"code": "temporarily_unavailable", "retryable": True, "retry_after": 3},
        ),
        "524": Refusal(524, "Request timed out. Please try again later.", "timeout"),
        "529": Refusal(529, "Provider is overloaded", "provider_overloaded"),
    }


def minimax(code: int) -> Json:
    """Give MiniMax's own refusal, which comes in HTTP 200."""
    made: Json = {"id": "06a1", "choices": None, "created": 1, "model": "MiniMax-M1"}
    made |= {"object": "", "usage": None, "input_sensitive": code == 1026}
    return made | {"base_resp": {"status_code": code, "status_msg": MINIMAX[code]}}


def detail(said: Any) -> Json:
    """Give the body with which servers in FastAPI refuse."""
    return {"detail": said}
