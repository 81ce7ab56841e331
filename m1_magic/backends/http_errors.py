"""HTTP statuses and error bodies → one of our errors, in words a user can act on.

Statuses, shapes and messages: OpenRouter docs, api_reference/errors-and-debugging and limits.
The status comes from HTTP first; newer bodies carry no ``error.code``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from .. import errors as e
from ..text import one_line

TOO_LONG = ("context_length", "context length", "context size", "maximum context", "exceed_context")
LONGEST_RETRY_AFTER = 120.0


def refusal(
    status: int, body: Any, headers: Mapping[str, str], host: str, model: str, secret: str
) -> e.M1Error:
    """Return the error for an answer that is no completion.

    Args:
        status: the HTTP status, or the ``error.code`` of a body that came with 200.
        body: the decoded JSON body or its ``error`` object, else the raw text.
        headers: the response's headers (``Retry-After``, ``Date``, ``Location``).
        host: who answered.
        model: the slug that was asked for.
        secret: the key, which some servers quote when they refuse it.
    """
    said = message(body, secret)
    quoted = f" ({host} says: {said})" if said else ""
    if 300 <= status < 400:
        return redirected(headers, host)
    if status == 401:
        return e.KeyRefused(
            f"{host} does not accept the key{quoted}.", todo="%m1 login stores another one."
        )
    if status == 402:
        return e.OutOfCredit(
            f"The account is out of credit, or the key's own limit is reached{quoted}.",
            todo="Add credit at openrouter.ai/credits; %m1 key shows the key's limit.",
        )
    if status == 403:
        return e.Flagged(
            f"{host} refuses this request{reasons(body, secret)}{quoted}.",
            todo="Change the prompt, or the account's guardrail and privacy settings.",
        )
    if status in (400, 413, 422) and (status == 413 or _too_long(body, said)):
        return e.PromptTooLarge(
            f"The prompt is too large for {model}{quoted}.", cost=e.NOT_CHARGED, todo="Attach less."
        )
    if status == 404 or "not a valid model" in said:
        return e.NoSuchModel(
            f"{one_line(model, 80)} cannot be had from {host}{quoted}.",
            todo="%m1 models lists what can; provider settings (zdr, max_price) may exclude it.",
        )
    if status == 429 or status >= 500 or status == 408:
        return failure(status, headers, quoted)
    return e.BadRequest(f"{host} does not take the request (HTTP {status}){quoted}.")


def failure(status: int, headers: Mapping[str, str], quoted: str) -> e.M1Error:
    """Return the error for a server that would take the request, but cannot now."""
    if status == 429:
        return _later(e.RateLimited(f"Too many requests{quoted}.", todo="Wait a little."), headers)
    if status == 503:
        busy = e.ProviderDown(
            f"No provider is free{quoted}.", cost=e.NOT_CHARGED, todo="Wait a little."
        )
        busy.retry, busy.charged = True, False
        return _later(busy, headers)
    if status in (408, 504, 524):
        return e.SentNoAnswer(
            f"The request was sent, but no answer came in time (HTTP {status}){quoted}.",
            todo="It was not sent again; run the cell to send it again.",
        )
    return e.ProviderDown(f"The provider failed (HTTP {status}){quoted}.", todo="Try again later.")


def error_of(body: Any) -> dict[str, Any]:
    """Return the error object of a body; of one without such an object, its text as message."""
    error = body.get("error", body) if isinstance(body, dict) else body
    return error if isinstance(error, dict) else {"message": error}


def message(body: Any, secret: str) -> str:
    """Return the server's own words on one line, without control characters and the key."""
    said = error_of(body).get("message")
    text = one_line(without(secret, said) if isinstance(said, str) else "", 200)
    return "a web page" if text.startswith("<") else text.rstrip(".")


def code_of(body: Mapping[str, Any]) -> int:
    """Return the status that stands for a body with an error in it, sent with HTTP 200."""
    code = error_of(body).get("code")
    return code if isinstance(code, int) and 400 <= code < 600 else 500


def without(secret: str, text: str) -> str:
    """Return text without the key in it."""
    return text.replace(secret, "(the key)") if secret else text


def reasons(body: Any, secret: str) -> str:
    """Return why a request was flagged, if the body says so."""
    metadata = error_of(body).get("metadata")
    reasons = metadata.get("reasons") if isinstance(metadata, dict) else None
    if not isinstance(reasons, list) or not reasons:
        return ""
    named = without(secret, ", ".join(str(reason) for reason in reasons))
    return ": flagged for " + one_line(named, 100)


def redirected(headers: Mapping[str, str], host: str) -> e.M1Error:
    """Return the error for a redirect: following it would take the prompt elsewhere."""
    target = "another address"
    with suppress(ValueError):
        target = urlsplit(headers.get("location", "")).hostname or target
    return e.LoginPage(
        f"{host} redirects to {one_line(target, 80)}; not followed, for the prompt would go along.",
        todo="Check base_url, and whether a proxy or login page is in between.",
    )


def web_page(host: str) -> e.M1Error:
    """Return the error for HTML with status 200."""
    return e.LoginPage(
        f"A web page answered instead of {host}: a proxy's or network's login page?",
        todo="Log in to the network, or check base_url.",
    )


def broken(host: str, reason: str, begun: bool) -> e.M1Error:
    """Return the error for an answer that ended too early, before or after its first word."""
    if begun:
        return e.CutOff(f"The answer was cut off: {reason}. The text so far is kept.")
    return e.SentNoAnswer(f"The request was sent, but {host} gave no answer: {reason}.")


@contextmanager
def free() -> Iterator[None]:
    """Let errors say that nothing was charged: questions about models and the key cost nothing."""
    try:
        yield
    except e.M1Error as error:
        uncharged(error)
        raise


def uncharged(error: e.M1Error) -> None:
    """Let an error that could have cost something say that it did not."""
    if error.charged:
        error.charged, error.cost = False, e.NOT_CHARGED
        error.args = (str(error),)


def _too_long(body: Any, said: str) -> bool:
    error, named = error_of(body), ("type", "error_type", "code", "metadata")
    text = " ".join((said, *(str(error.get(name, "")) for name in named))).lower()
    return any(sign in text for sign in TOO_LONG)


def _later(error: e.M1Error, headers: Mapping[str, str]) -> e.M1Error:
    """Note when to try again; a wait that is too long is none to sit through."""
    seconds = retry_after(headers)
    if seconds is None:
        return error
    if seconds <= LONGEST_RETRY_AFTER:
        error.retry_after = seconds
    else:
        error.retry = False
        error.todo = f"{seconds:.0f} s is what the server asks you to wait."
    return error


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, in figures or as a date, else None.

    A date counts from the server's own ``Date``, so that this machine's clock may be wrong.
    """
    retry_after = headers.get("retry-after", "")
    try:
        seconds = float(retry_after)
    except ValueError:
        then, now = moment(retry_after), moment(headers.get("date", ""))
        if then is None:
            return None
        return max(then - (time.time() if now is None else now), 0.0)
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def moment(date: str) -> float | None:
    """Return an HTTP date in seconds since 1970, None where it is none."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
