"""Statuses and bodies that are no answer → one of our errors, in words a user can act on.

What a refusal means stands in its body, not in its number alone: a 402 may be a matter of a
second, a 403 a limit of the key. Statuses, shapes and messages: OpenRouter docs,
api_reference/errors-and-debugging and limits; those of other servers as their users report them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from .. import errors as e
from ..text import one_line
from . import refusals, retry_times
from .error_bodies import read, status_of
from .refusals import Refusal, uncharged
from .too_long import too_long

TIMED_OUT = (408, 504, 524)
PASSING = (e.ProviderDown, e.NoSuchModel)  # in the way for so long as the server says
NO_CREDIT = re.compile(
    r"insufficient[ _](quota|credit|balance|funds)|exceeded your current quota|out of credit"
)
BAD_KEY = re.compile(
    r"(invalid|incorrect|wrong|expired)[ _]api[ _]key|api key not valid|authentication_error|"
    r"\bkey (has |is |was )?(been )?(expired|revoked|disabled|deactivated)|api_key_expired"
)
LIMIT = re.compile(
    r"key limit exceeded|limit_exceeded.*key|openrouter_\w*(limit|budget)|"
    r"\bbudget_exceeded|\bbudget has been exceeded"  # LiteLLM's
)
NO_MODEL = re.compile(
    r"not a valid model|model_not_found|model_deprecated|model .{1,200} (does not|doesn't) exist|"
    r"free_variant_ended|invalid[ _]model\b|(unknown|no such) model|model .{1,99}not found|"
    r"model not exist"
)
FORBIDDEN = re.compile(r"content_policy|content_filter|\brefusal\b|region_restricted")


def refusal(
    status: int,
    body: Any,
    headers: Mapping[str, str],
    host: str,
    model: str,
    secret: str,
    openrouter: bool = False,
    free: bool | None = None,
) -> e.M1Error:
    """Return the error for an answer that is no completion.

    Args:
        status: the HTTP status; 200: the body says it, if anything does.
        body: the decoded JSON body or its ``error`` object, else the raw text.
        headers: the response's headers (``Retry-After``, ``Date``, ``Location``).
        host: who answered.
        model: the slug that was asked for.
        secret: the key, which some servers quote when they refuse it.
        openrouter: was it OpenRouter?
        free: does an error cost nothing there? None: at OpenRouter it does not.
    """
    if 300 <= status < 400:
        return redirected(headers, host)
    error_body, coded = read(body, secret), True
    if status == 200:
        status = status_of(body, 0)
        coded, status = bool(status) and "base_resp" not in error_body.facts, status or 500
    elif status in (400, 500):  # what gateways make of all errors that they get
        status = status_of(body, status)
    r = Refusal(status, error_body, headers, host, one_line(model, 80), secret, openrouter, coded)
    error = _error(r)
    # Zero completion insurance. A gateway's page after a timeout says nothing of the completion.
    if (openrouter if free is None else free) and (error_body.is_error or status not in TIMED_OUT):
        uncharged(error)
    passes = status >= 500 or error_body.facts.get("retryable") is True
    if passes and type(error) in PASSING and not error.charged and r.wait is not None:
        error.retry = True
        refusals.later(error, r)
    return error


def in_answer(body: Any) -> e.CutOff:
    """Return the error for an event of a stream that is one, after the first word."""
    words = read(body, "").words or "no reason given"
    return e.CutOff(f"The provider broke off the answer: {words}.")


def _error(r: Refusal) -> e.M1Error:
    """Return the error that a refusal means: by what its body says, then by its status."""
    status = r.status
    if status == 401 or (status in (400, 403) and r.has(BAD_KEY)):
        return e.KeyRefused(
            f"{r.host} does not accept the key{r.quoted}.", todo="%m1 login stores another one."
        )
    if status in (400, 402, 403, 429) and (r.has(LIMIT) or r.fact("limit_source")):
        return refusals.limit_reached(r)
    # A provider's quota behind OpenRouter, and Gemini's, is no credit of the user's.
    upstream = r.openrouter and r.body.facts.get("raw")
    passes = status == 429 and (upstream or retry_times.in_words(r.body.signs) is not None)
    if status == 402 or (status in (400, 403, 429) and r.has(NO_CREDIT) and not passes):
        return refusals.no_credit(r)
    if status in (400, 413, 422, 500) and (tokens := too_long(r.body.signs, status)):
        return refusals.over(r, tokens.room, tokens.output)
    if status in (404, 410) or (status < 500 and r.has(NO_MODEL)):
        return refusals.no_model(r)
    if status in (403, 451) or (status < 500 and r.has(FORBIDDEN)):
        return refusals.forbidden(r)
    if status == 429:
        return refusals.rate_limited(r)
    if status == 408 or status >= 500:
        return failure(r)
    return e.BadRequest(f"{r.host} does not take the request{r.number}{r.quoted}.")


def failure(r: Refusal) -> e.M1Error:
    """Return the error for a server that would take the request, but cannot now."""
    if r.status == 503:
        busy = e.ProviderDown(
            f"No provider is free{r.quoted}.", cost=e.NOT_CHARGED, todo="Wait a little."
        )
        busy.retry, busy.charged = True, False
        return refusals.later(busy, r)
    if r.status in TIMED_OUT:
        return e.SentNoAnswer(
            f"The request was sent, but no answer came in time{r.number}{r.quoted}.",
            todo="It was not sent again; run the cell to send it again.",
        )
    what = f"The provider failed{r.number}{r.quoted}."
    return e.ProviderDown(what, todo="Try again later.")


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


def broken(host: str, reason: str, begun: bool, free: bool = False) -> e.M1Error:
    """Return the error for an answer that ended too early, before or after its first word.

    ``free``: where nothing had come, the server says that it charges nothing.
    """
    if begun:
        return e.CutOff(f"The answer was cut off: {reason}. The text so far is kept.")
    error = e.SentNoAnswer(f"The request was sent, but {host} gave no answer: {reason}.")
    if free:
        uncharged(error)
    return error


@contextmanager
def free() -> Iterator[None]:
    """Let errors say that nothing was charged: questions about models and the key cost nothing."""
    try:
        yield
    except e.M1Error as error:
        uncharged(error)
        raise
