"""What the body of a refusal says, whatever shape the server has for it.

OpenRouter sends ``{"error": {code, message, metadata}}``, newer ones ``{error_type, http_status,
availability}`` without a code, and a provider's own body as text in ``metadata.raw`` (OpenRouter
docs, api_reference/errors-and-debugging). FastAPI (vLLM) says ``{"detail": text or [{loc, msg}]}``,
MiniMax ``{"base_resp": {status_code, status_msg}}`` in HTTP 200 (its docs, error codes).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ..text import one_line

LOOKED_AT = 20_000  # characters of a body's words that are looked at
MOST_NAMES = 50
DEEPEST = 8  # bodies within bodies
MINIMAX = {
    1001: 504, 1002: 429, 1004: 401, 1008: 402, 1026: 403, 1027: 403, 1039: 429, 1041: 429,
    1042: 400, 2013: 400, 2045: 429, 2049: 401, 2056: 429,
}  # fmt: skip
# Names of errors (OpenRouter's ApiErrorType and availability, OpenAI's, Anthropic's) → status.
NAMED = {
    400: "invalid_request invalid_request_error invalid_prompt context_length_exceeded "
    "max_tokens_exceeded token_limit_exceeded string_too_long bad_request",
    401: "authentication authentication_error invalid_api_key unauthorized",
    402: "payment_required insufficient_quota insufficient_credits insufficient_balance "
    "billing_error in_flight_budget_exhausted weight_exceeds_budget",
    403: "permission_denied permission_error content_policy_violation content_filter refusal "
    "region_restricted",
    404: "not_found not_found_error model_not_found no_endpoints model_deprecated "
    "privacy_restricted constraint_filtered free_variant_ended",
    413: "payload_too_large request_too_large",
    422: "unprocessable",
    429: "rate_limit_exceeded rate_limit_error capacity_exhausted too_many_requests",
    503: "temporarily_unavailable service_unavailable",
    504: "timeout timeout_error",
    529: "provider_overloaded overloaded_error",
}
STATUS = {
    name.removesuffix("_error"): status for status, names in NAMED.items() for name in names.split()
}
NAME = re.compile(r"[A-Za-z][\w.:-]{2,60}")  # what an error may be called, no words and no prompt
PAGE = re.compile(r"<(!doctype|html|head|body|\?xml)\b", re.IGNORECASE)
CODES = ("code", "http_status", "http_code", "status", "status_code", "statusCode")
WORDS = ("message", "detail", "msg", "status_msg", "error_description", "errors", "title", "error")


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """A refusal, read: ``words`` are the server's own on one line, untrusted, without the key.

    ``signs`` are all its words and names in lower case, to be searched; ``facts`` the fields of
    its error, metadata and availability in one; ``is_error``: not a page or nothing.
    """

    words: str
    signs: str
    facts: Mapping[str, Any]
    is_error: bool


def read(body: Any, secret: str) -> ErrorBody:
    """Return what a body says: decoded JSON, an error object of it, or text."""
    objects = list(_objects(body))
    facts = {name: value for each in reversed(objects) for name, value in each.items()}
    # What a provider said to OpenRouter says more than OpenRouter's "Provider returned error".
    raws = (_words(_parsed(each["raw"])) for each in reversed(objects) if each.get("raw"))
    words = next(filter(None, raws), "") or _words(body)
    both = (_words(body), words, *_names(objects))
    line = one_line(without(secret, words), 200)
    # An error object may quote a page, too; any other tag in it is what the server says.
    page = PAGE.match(line) if objects else line.startswith("<")
    return ErrorBody(
        words="a web page" if page else line.rstrip("."),
        signs=" ".join(without(secret, each) for each in both).lower(),
        facts=facts,
        is_error=has_error(body) or bool(objects and words),
    )


def full_body(inner: Any, text: str) -> Any:
    """Return a body in full, where the SDK took out a mere word: ``{"error": "…", "message": …}``.

    ``inner`` is what it took out, ``text`` the body as it came.
    """
    return inner if isinstance(inner, dict) else _parsed(text)


def has_error(body: Any) -> bool:
    """Is this JSON, a whole body or an event of a stream, an error and no answer?"""
    if not isinstance(body, dict):
        return False
    if body.get("error") or _minimax(body) or "error" in (body.get("type"), body.get("object")):
        return True
    if {"choices", "data", "usage"} & body.keys():
        return False
    coded = {"detail", "errors", "type", *CODES} & body.keys()  # a mere message may be a greeting
    return bool(coded or body.get("success") is False) and bool(_words(body))


def status_of(body: Any, otherwise: int = 500) -> int:
    """Return the HTTP status that an error names, one that came with 200 or in mid-stream, say."""
    if code := _minimax(body):
        return MINIMAX.get(code, 500)
    objects = list(_objects(body))
    for name in CODES:
        for each in objects:
            if status := _status(each.get(name)):
                return status
    names = (name.lower().removesuffix("_error") for name in _names(objects))
    return next((STATUS[name] for name in names if name in STATUS), otherwise)


def without(secret: str, text: str) -> str:
    """Return text without the key in it."""
    return text.replace(secret, "(the key)") if secret else text


def _objects(body: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the objects of a body that may hold facts, the outermost first."""
    if isinstance(body, list):  # Gemini's: a list of one error
        yield from (each for one in body[:1] for each in _objects(one, depth))
    if isinstance(body, dict) and depth < DEEPEST:
        yield body
        for name in ("error", "metadata", "availability", "base_resp", "detail", "raw"):
            yield from _objects(_parsed(body.get(name)), depth + 1)


def _names(objects: list[dict[str, Any]]) -> list[str]:
    """Return what the objects of a body call the error, wherever in them."""
    values = (v for each in objects for name, v in each.items() if name != "flagged_input")
    return list(islice((v for v in values if isinstance(v, str) and NAME.fullmatch(v)), MOST_NAMES))


def _words(value: Any, depth: int = 0) -> str:
    """Return what a body says in words: text as it is, of objects the first name that has any."""
    if isinstance(value, str):
        return value[:LOOKED_AT].strip()
    if depth > DEEPEST:
        return ""
    if isinstance(value, list):
        return "; ".join(filter(None, (_words(each, depth + 1) for each in value[:5])))
    if not isinstance(value, dict):
        return ""
    if isinstance(value.get("error"), dict):
        return _words(value["error"], depth + 1)
    if isinstance(value.get("base_resp"), dict) and (
        words := _words(value["base_resp"], depth + 1)
    ):
        return words
    words = next(filter(None, (_words(value.get(name), depth + 1) for name in WORDS)), "")
    # FastAPI: where in the request. Its "input" is not repeated: that is the prompt.
    where = value.get("loc")
    if words and isinstance(where, list):
        place = ".".join(str(each) for each in where if each != "body")
        return f"{place}: {words}" if place else words
    return words


def _parsed(value: Any) -> Any:
    """Return a body that came as text within another one, parsed if it is JSON."""
    if isinstance(value, str) and value.lstrip().startswith(("{", "[{")):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _minimax(body: Any) -> int:
    """Return the number of MiniMax's own error, 0 for none."""
    base = body.get("base_resp") if isinstance(body, dict) else None
    if not isinstance(base, dict):
        return 0
    code = base.get("status_code")
    text = str(code) if isinstance(code, int | str) else ""
    return int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else 0


def _status(value: Any) -> int:
    """Return an HTTP status of failure, also one that is text; else 0."""
    text = str(value) if isinstance(value, int | str) else ""
    return int(text) if re.fullmatch(r"[45]\d\d", text, re.ASCII) else 0
