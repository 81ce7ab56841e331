"""What a refusal means, and what to do about it: one function for each kind.

`http_errors` decides which kind it is. Time, sum and names of a limit stand in the body's facts;
they are untrusted text like its words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .. import errors as e
from ..pricing.dollars import money_limit
from ..pricing.prices import amount
from ..text import one_line
from . import retry_times
from .error_bodies import ErrorBody, without

LONGEST_WAIT = 120.0  # seconds that are waited for; what takes longer is only reported
QUOTA = re.compile(
    r"per[- _](day|week|month)|/day\b|\bdaily\b|\bweekly\b|\bmonthly\b|usage limit exceeded"
)
PERIOD = re.compile(r"\b(daily|weekly|monthly|total)\b")
REGION = re.compile("region_restricted|unsupported_country|not available in your (region|country)")
NAMES = ("id", "slug", "model", "name")  # of what a list of objects names
SLUG = re.compile(r"[\w./:@-]{1,80}", re.ASCII)
KEY_LIMIT = re.compile(r"key limit|key_limit|settings/keys|key with a higher")


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was refused, by whom, and how it was said.

    ``openrouter``: is it OpenRouter, with its settings? ``coded``: was the status given, or is it
    what an error without one counts as?
    """

    status: int
    body: ErrorBody
    headers: Mapping[str, str]
    host: str
    model: str
    secret: str
    openrouter: bool
    coded: bool = True

    @property
    def number(self) -> str:
        """The status as the server gave it, to be put behind what happened; empty if it was not."""
        return f" (HTTP {self.status})" if self.coded else ""

    @property
    def wait(self) -> float | None:
        """The seconds after which to try again, None where nothing tells them."""
        return retry_times.wait(self.headers, self.body.facts, self.body.signs)

    @property
    def quoted(self) -> str:
        """The server's words, to be put behind ours; empty if it has none."""
        return f" ({self.host} says: {self.body.words})" if self.body.words else ""

    def fact(self, name: str, limit: int = 100) -> str:
        """Return a fact that the body tells, fit for a sentence; a list is joined."""
        value = self.body.facts.get(name)
        parts = [
            next(filter(None, map(part.get, NAMES)), None) if isinstance(part, dict) else part
            for part in (value[:10] if isinstance(value, list) else [value])
        ]
        text = ", ".join(str(part) for part in parts if isinstance(part, str | int | float))
        return one_line(without(self.secret, text), limit) if value else ""

    def has(self, pattern: str | re.Pattern[str]) -> bool:
        """Is this anywhere in what the body says?"""
        return re.search(pattern, self.body.signs) is not None


def limit_reached(r: Refusal) -> e.M1Error:
    """Return the error for a limit that somebody set: the key's own, or a budget."""
    limit = amount(r.body.facts.get("limit_usd"))
    of = "" if limit is None else f" of {money_limit(limit)}"
    resets = retry_times.reset(r.body.facts)
    again = f"It resets {resets}" if resets else "%m1 key shows when it resets, if it does"
    if r.has(KEY_LIMIT):
        period = PERIOD.search(r.body.signs)
        kind = f"{period[1]} limit" if period else "limit"
        what = f"The key has reached its own {kind}{of}"
        who, where = "who made the key can raise it", "openrouter.ai/settings/keys"
    else:
        what = f"A budget{of} that the account sets is used up"
        who, where = "who keeps the account can raise it", "openrouter.ai/settings"
    if not r.openrouter:
        where, again = r.host, again if resets else "It may reset by itself"
    return e.OutOfCredit(f"{what}{r.quoted}.", todo=f"{again}; {who} at {where}.")


def no_credit(r: Refusal) -> e.M1Error:
    """Return the error for money that is not there: for a moment, for this call, or at all."""
    if r.has("in[_ -]flight"):
        error = e.OutOfCredit(
            f"Calls that are under way hold the money that is left{r.quoted}.",
            todo="Try again when they have ended.",
        )
        error.retry = True
        return later(error, r)
    ours = r.openrouter and "base_resp" not in r.body.facts  # MiniMax's own, even on this machine
    credit = "openrouter.ai/credits" if ours else r.host
    afford = re.search(r"can only afford (\d[\d,]*)", r.body.signs)
    tokens = int(afford[1].replace(",", "")) if afford else 0
    if tokens or r.has("weight_exceeds_budget|prompt tokens limit exceeded"):
        fits = (
            f"--max-tokens {tokens} fits" if tokens else "A smaller --max-tokens or prompt may do"
        )
        more = f"add credit at {credit}"
        if ours and r.has(KEY_LIMIT):
            more = "a key with a higher limit is made at openrouter.ai/settings/keys"
        what = f"This call could cost more than is left{r.quoted}."
        return e.OutOfCredit(what, todo=f"{fits}; else {more}.")
    limit = "; %m1 key shows the key's limit" if r.openrouter else ""
    return e.OutOfCredit(
        f"The account is out of credit, or the key's own limit is reached{r.quoted}.",
        todo=f"Add credit at {credit}{limit}.",
    )


def over(r: Refusal, room: int | None, output: bool) -> e.M1Error:
    """Return the error for too many tokens: of the prompt, or of the answer that was asked for."""
    if not output:
        return e.PromptTooLarge(
            f"The prompt is too large for {r.model}{r.quoted}.",
            cost=e.NOT_CHARGED,
            todo="Attach less.",
        )
    fits = f"--max-tokens {room} fits." if room else "A smaller --max-tokens may do."
    return e.BadRequest(
        f"Not the prompt, but max_tokens is too large for {r.model}{r.quoted}.",
        todo=f"{fits} M1.max_tokens sets it for all calls.",
    )


def no_model(r: Refusal) -> e.M1Error:
    """Return the error for a model that is not there, retired, or shut out by a setting."""
    what = f"{r.model} cannot be had from {r.host}"
    todo = "%m1 models lists what can."
    if r.openrouter:
        todo = "%m1 models lists what can; M1.provider, zdr or max_price may exclude who serves it."
    if r.has("model_deprecated|deprecated|retired"):
        what, todo = f"{r.model} is retired at {r.host}", "%m1 models lists what is there."
    elif r.has("free_variant_ended"):
        what = f"{r.model} is not free any more at {r.host}"
        todo = f"-m {r.model.partition(':')[0]} asks it for its price, which %m1 models shows."
    elif r.has("privacy_restricted|data policy|privacy"):
        todo = (
            "The privacy settings exclude all who serve it: M1.zdr, M1.data_collection, or the "
            "account's at openrouter.ai/settings/privacy."
        )
    elif excluded := r.fact("excluded_by"):
        todo = f"Excluded by {excluded}: loosen that setting, or choose from %m1 models."
    elif not r.body.is_error or r.body.words == "Not Found":
        todo = "%m1 models lists what can; or base_url is not the API's: it usually ends in /v1."
    if instead := r.fact("fallback_models", limit=200):
        first = instead.partition(",")[0]
        asks = f" -m {first} asks it, at its own price." if SLUG.fullmatch(first) else ""
        todo = f"The server names in its place: {instead}.{asks}"
    return e.NoSuchModel(f"{what}{r.quoted}.", todo=todo)


def forbidden(r: Refusal) -> e.M1Error:
    """Return the error for what is not allowed: a region, a guardrail, a prompt, a key."""
    what, todo = f"{r.host} refuses this request", ""
    if r.status == 451 or r.has(REGION):
        what = f"{r.model} may not be had from where you are"
        todo = "It is not the prompt: another model or provider may be had; %m1 models lists them."
    elif r.has("guardrail") or r.fact("patterns"):
        patterns = r.fact("patterns")
        what = f"A guardrail of the account refuses this request{patterns and f': {patterns}'}"
        todo = "Take out what it names, or ask who keeps the account's guardrails to change them."
    elif reasons := r.fact("reasons"):
        what, todo = f"{what}: flagged for {reasons}", "Change the prompt."
    elif not r.body.is_error:
        todo = "No error of an API came with it: check network, proxy and base_url."
    elif r.has("permission|management key"):
        todo = "The key may not do this: %m1 key shows which one it is, %m1 login takes another."
    what = f"{what}{r.quoted}."
    error = e.Flagged(
        what, todo=todo or "Change the prompt, or the account's guardrail and privacy settings."
    )
    if r.body.facts.get("status_code") == 1027:  # MiniMax: the answer was flagged, so it was made
        error.charged, error.cost = True, e.MAY_COST
    return error


def rate_limited(r: Refusal) -> e.M1Error:
    """Return the error for too many requests: for a moment, or for today."""
    if not r.has(QUOTA) or r.has(r"per[- _]min"):
        error = e.RateLimited(f"Too many requests{r.quoted}.", todo="Wait a little.")
        return later(error, r)
    error = e.RateLimited(f"The quota of requests is used up{r.quoted}.")
    seconds = r.wait
    from_when = "when it begins anew" if seconds is None else f"from {retry_times.when(seconds)}"
    error.retry, error.used_up = False, True
    error.todo = f"Try again {from_when}, or with a model without this quota."
    return error


def later(error: e.M1Error, r: Refusal) -> e.M1Error:
    """Note when to try again; a wait that is too long is none to sit through."""
    seconds = r.wait
    if seconds is None:
        return error
    if seconds <= LONGEST_WAIT:
        error.retry_after = seconds
    else:
        error.retry = False
        until = retry_times.when(seconds)
        length = f"{seconds:.0f}" if seconds < 1e12 else f"{seconds:.0e}"
        error.todo = f"{length} s is what the server asks you to wait: until {until}."
    return error


def uncharged(error: e.M1Error) -> None:
    """Let an error that could have cost something say that it did not."""
    if error.charged:
        error.charged, error.cost = False, e.NOT_CHARGED
