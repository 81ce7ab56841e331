"""Find, mask and refuse secrets in text that would leave this machine.

A secret is known by its form (``secret_formats``) or by what stands before it
(``secret_contexts``), so prose, hashes and base64 stay untouched. Each rule starts with a literal
that is looked for first, and its repeats are bounded or end the pattern, so that the work grows
with the text and no faster.
Patterns of one's own (``M1.own_secrets``) come beside them; ``M1.allowed_secrets`` lets single
strings through, known by their hash only, so that a notebook can say it without holding them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from ..calls import Request
from ..errors import SecretInPrompt
from ..settings.config import M1
from ..text import escape_value, one_line
from . import disguises
from .literals import Literals, lowered
from .secret_contexts import CONTEXTS, Context
from .secret_formats import CLOUDS, MODELS, Format
from .secret_formats_apps import APPS, CHATS, CODE, WATCHING

# A secret that was broken over lines goes on behind quotes, indents and marks of quotation.
BREAK = r"[\"'\\+= \t]{0,6}(?:\\n|\r?\n)[ \t\"'>#|*]{0,60}(?://[ \t]{1,4})?"
REPEATED = re.compile(r"(\[[^^\]][^\]]*\])\{(\d+)(,?)(\d*)\}")
# What else may be of a secret without a fixed length: letters with digits, and nothing after it.
MORE = (
    rf"(?:{BREAK}(?!LITERAL|[A-Za-z_][A-Za-z0-9_]{{0,40}}=(?![=\s]|$))"
    r"(?=[A-Za-z_/+=.-]{0,60}(?:[0-9]|[a-z][A-Z]{1,9}[a-z]{1,3}[A-Z]))"
    r"(?=[0-9_/+=.-]{0,60}[A-Za-z])CHARS{1,200}+(?=[\"'\\,;.)\]]{0,4}(?:\s|$)|\\[nr])){0,20}"
)
# Behind a letter only where the beginning is no part of a word, nor of a run of base64.
CLEAR = re.compile(r".{3,}_|(?!sk-).{6,}|sk-cp-|.{7,}", re.DOTALL)
BEHIND = 12


def _wrapped(rest: str, literal: str) -> str:
    """Return a pattern that also finds what was broken over lines."""

    def spread(match: re.Match[str]) -> str:
        chars, least, comma, most = match[1], int(match[2]), match[3], match[4]
        if least < 16:
            return match[0]
        body = f"{chars}(?:(?:{BREAK}(?={chars}))?{chars}){{{least - 1}}}"
        more = MORE.replace("LITERAL", re.escape(literal)).replace("CHARS", chars)
        if comma and most:
            extra = int(most) - least
            return f"{body}{chars}{{0,{extra}}}{more if extra > least else ''}"
        return f"{body}{chars}*{more}" if comma else body

    return REPEATED.sub(spread, rest)


@cache
def pattern_of(form: Format, literal: str) -> re.Pattern[str]:
    """Return the pattern of a form with that literal at its beginning, compiled when needed."""
    escaped = re.escape(literal)
    behind = f"[A-Za-z0-9_-]{{{BEHIND}}}" if CLEAR.fullmatch(literal) else "[A-Za-z0-9]"
    start = f"(?<!{behind}{escaped})"
    if form.left:  # looked for at once where its length is known, else by ``_left_of``
        start = f"(?<={form.left}{escaped})" if _is_fixed(form.left) else ""
    rest = form.rest if form.kind == "private key" else _wrapped(form.rest, literal)
    is_open = form.kind == "private key" or form.rest.endswith(("+", "*", ",}", "?"))
    return re.compile(f"{escaped}{start}{rest}{'' if is_open else '(?![A-Za-z0-9])'}")


def _is_fixed(left: str) -> bool:
    try:
        re.compile(f"(?<={left})")
    except re.error:
        return False
    return True


@cache
def _left_of(form: Format) -> re.Pattern[str]:
    return re.compile(f"(?<![A-Za-z0-9])(?:{form.left})$" if form.left else "$")


@cache
def named_pattern(context: Context, literal: str) -> re.Pattern[str]:
    """Return the pattern of a context with that literal at its beginning, for lower case."""
    return re.compile(re.escape(literal) + context.rest)


FORMATS = (*MODELS, *CLOUDS, *CODE, *WATCHING, *CHATS, *APPS)
RULES = tuple((form, literal) for form in FORMATS for literal in form.literals)
NAMED = tuple((context, literal) for context in CONTEXTS for literal in context.literals)
FORMS, NAMES = Literals(one for _, one in RULES), Literals(one for _, one in NAMED)
# Without one of these there is neither: what is short is looked through for them first.
ANY = re.compile(r"[A-Za-z0-9+/_.~-]{12}|[:=]|(?i:pass|machine|login|bearer|basic)")
BRIEF = 200
BEFORE = 120  # characters before a literal that may be of its secret


# How much of a SHA-256 names a string in the allow-list: 64 bits.
DIGEST = 16


@dataclass(frozen=True, slots=True)
class Policy:
    """What counts as a secret beside the issuers' rules, and which strings do not."""

    own: tuple[tuple[str, re.Pattern[str]], ...] = ()
    allowed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret stands in a text, and whose it is; never its text."""

    kind: str
    start: int
    end: int


ISSUERS = Policy()
LOOKED_AT = 20_000  # characters of a long value in which keys are looked for
MASK = "[masked: "


def policy(settings: M1) -> Policy:
    """Return the policy of these settings."""
    allowed = (word.strip().lower() for word in settings.allowed_secrets)
    patterns = settings.own_secrets or {}
    own = tuple((one_line(kind, 60), re.compile(text)) for kind, text in patterns.items())
    return Policy(own, frozenset(filter(None, allowed)))


def digest(secret: str) -> str:
    """Return the name under which the allow-list knows a string."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()[:DIGEST]


def find(text: str, policy: Policy = ISSUERS) -> tuple[Secret, ...]:
    """Return the secrets of ``text`` in order, without overlaps."""
    secrets = list(_seen(text))
    if undisguised := disguises.plain(text):
        for secret in _seen(undisguised.text):
            start, end = undisguised.place(secret.start), undisguised.place(secret.end)
            secrets.append(Secret(secret.kind, start, end))
    for kind, pattern in policy.own:
        secrets += [Secret(kind, *match.span()) for match in pattern.finditer(text) if match[0]]
    apart: list[Secret] = []
    for secret in sorted(secrets, key=lambda one: (one.start, -one.end)):
        if not apart or secret.start >= apart[-1].end:
            apart.append(secret)
        elif secret.end > apart[-1].end:
            apart[-1] = Secret(apart[-1].kind, apart[-1].start, secret.end)
    if policy.allowed:
        apart = [s for s in apart if digest(text[s.start : s.end]) not in policy.allowed]
    return tuple(apart)


def _seen(text: str) -> Iterator[Secret]:
    """Yield what shows by its form or by its name, overlaps included."""
    if len(text) < BRIEF and not ANY.search(text):
        return
    there = FORMS.within(text)
    for form, literal in RULES if there else ():
        if literal in there:
            for match in pattern_of(form, literal).finditer(text):
                start, end = match.span()
                before = _left_of(form).search(text[max(0, start - BEFORE) : start])
                if before:
                    yield Secret(form.kind, start - len(before[0]), end)
    lower = lowered(text)
    there = NAMES.within(lower)
    for context, literal in NAMED if there else ():
        if literal in there and (context.near is None or context.near.search(lower)):
            for match in named_pattern(context, literal).finditer(lower):
                start, end = match.span(match.lastgroup or 0)
                if context.judge(text, start, end):
                    yield Secret(context.kind, start, end)


def mask(text: str, policy: Policy = ISSUERS) -> tuple[str, int]:
    """Return ``text`` with ``[masked: OpenRouter key]`` for each secret, and their number."""
    secrets = find(text, policy)
    pieces, at = [], 0
    for secret in secrets:
        pieces += [text[at : secret.start], f"{MASK}{secret.kind}]"]
        at = secret.end
    return "".join((*pieces, text[at:])), len(secrets)


def check(request: Request, policy: Policy = ISSUERS) -> None:
    """Raise if a secret stands anywhere in what would leave: the one scan over the whole of it.

    Attachments come masked; what is found was typed, or is a value that was put in its place.

    Raises:
        SecretInPrompt: names kinds, places and hashes, never the text.
    """
    for message, text in zip(request.messages, request.texts, strict=True):
        if message.role == "system":
            refuse(text, policy, "The system prompt")
        else:
            refuse(text, policy, typed=request.prompt)
    if request.tools:
        refuse(request.offered, policy, "What describes the tools")
    refuse(request.model, policy, "--model")
    if request.chat:
        refuse(request.chat, policy, "--chat")
    refuse("\n".join(request.stop), policy, "--stop")
    added = [request.provider, request.fallbacks, request.extra, request.headers]
    if any(added):
        settings = json.dumps(added, ensure_ascii=False, default=str)
        refuse(settings, policy, "A setting of M1 that goes along")


def refuse(text: str, policy: Policy = ISSUERS, place: str = "The prompt", typed: str = "") -> None:
    """Raise if a secret stands in the text.

    Args:
        place: how the message calls the text.
        typed: the prompt as typed, if ``text`` holds values besides; lines are counted in it.

    Raises:
        SecretInPrompt: names kinds and line numbers, never the text.
    """
    secrets = find(text, policy)
    if not secrets:
        return
    places = [f"{s.kind} {_line(text[s.start : s.end], typed or text)}" for s in secrets[:5]]
    more = f" and {len(secrets) - 5} more" if len(secrets) > 5 else ""
    hashes = dict.fromkeys(digest(text[s.start : s.end]) for s in secrets[:5])
    raise SecretInPrompt(
        f"{place} contains a secret: {', '.join(places)}{more}.",
        todo="Delete it from the cell, and replace the key where it was made: this one is in the "
        "notebook's history. Keep keys in the environment, or with %m1 login. If it is a false "
        f"alarm, run this in a cell: %m1 set allowed_secrets {','.join(hashes)}.",
    )


def _line(secret: str, source: str) -> str:
    at = source.find(secret)
    return "in a {{value}}" if at < 0 else f"in line {source.count(chr(10), 0, at) + 1}"


def masked_value(value: object, limit: int = 60) -> str:
    """Return a value as `text.escape_value` shows it; a key that is cut off is masked first."""
    text = str(value)
    if len(text) > limit:  # what is cut off may be what a key would be known by
        text, _ = mask(text[:LOOKED_AT])
    return escape_value(text, limit)
