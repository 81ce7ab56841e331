"""Find, mask and refuse secrets in text that would leave this machine.

A secret is known by its issuer's prefix and its length, never by entropy, so prose, hashes and
base64 stay untouched. Each rule starts with a literal that ``in`` looks for first, and its
repeats are bounded or end the pattern, so that the work grows with the text and no faster.
Patterns of one's own (``M1.own_secrets``) come beside them; ``M1.allowed_secrets`` lets single
strings through, known by their hash only, so that a notebook can say it without holding them.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

from ..calls import Request
from ..errors import SecretInPrompt
from ..settings.config import M1
from ..text import escape_value, one_line

CHARS = "[A-Za-z0-9_-]"
# A run of key characters: hyphenated lower-case words (a slug) are not one.
RUN = rf"(?=[a-z_-]{{0,40}}[0-9A-Z]|[A-Za-z0-9]{{20}}){CHARS}{{20,}}"
END = r"(?![A-Za-z0-9])"
AWS = r"[\"']?\s{0,3}[:=,]\s{0,3}[\"']?(?P<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])"
GAP = r"(?:\s|\\[nrt]|[\"',])"
B64 = r"[A-Za-z0-9+/=]"
PEM = (
    r"(?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    rf"{GAP}{{0,12}}(?:[A-Z][A-Za-z-]{{2,20}}: [^\n\\]{{1,80}}{GAP}{{1,4}}){{0,5}}{B64}{{16,}}"
    rf"(?:{GAP}{{1,12}}{B64}{{16,4000}})*"
    rf"(?:(?:{GAP}{{1,12}}{B64}{{1,80}}){{0,2}}{GAP}{{0,12}}-----END [A-Z0-9 ]{{0,50}}-----)?"
)

# kind, the literals it starts with, what follows. Shapes: the issuers' documentation and the
# rules of gitleaks.
RULES = tuple(
    (kind, literal, re.compile(f"{re.escape(literal)}(?<![A-Za-z0-9]{re.escape(literal)}){rest}"))
    for kind, literals, rest in (
        ("OpenRouter key", ["sk-or-"], r"(?:v\d{1,2}-)?[A-Za-z0-9]{20,}"),
        (
            "Anthropic key",
            ["sk-ant-"],
            rf"(?:[a-z]{{2,8}}\d{{2}}-{CHARS}{{16,}}|[A-Za-z0-9]{{20}}{CHARS}*)",
        ),
        ("OpenAI key", ["sk-"], rf"(?:(?:proj|svcacct|admin|None)-{RUN}|[A-Za-z0-9]{{32,}})"),
        ("MiniMax key", ["sk-"], rf"(?:api|cp)-{RUN}"),
        ("Hugging Face token", ["hf_"], r"[A-Za-z0-9]{30,}"),
        ("Google key", ["AIza"], r"[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"),
        ("GitHub token", ["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], r"[A-Za-z0-9]{36,}"),
        ("GitHub token", ["github_pat_"], r"[A-Za-z0-9_]{40,}"),
        ("GitLab token", ["glpat-"], rf"{RUN}(?:\.[A-Za-z0-9]{{2,20}}){{0,2}}"),
        (
            "Slack token",
            ["xox"],
            r"[abeprs]-(?=[A-Za-z-]{0,10}\d|[A-Za-z0-9]{20})[A-Za-z0-9-]{10,}",
        ),
        ("AWS key", ["AKIA", "ASIA"], rf"[A-Z0-9]{{16}}{END}"),
        ("AWS key", ["aws_secret_access_key", "AWS_SECRET_ACCESS_KEY", "SecretAccessKey"], AWS),
        ("Stripe key", ["sk_live_", "rk_live_", "sk_test_", "rk_test_"], r"[A-Za-z0-9]{16,}"),
        ("private key", ["-----BEGIN "], PEM),
        # Only at the start of a run: else each "-eyJ" of a long one would scan the rest of it.
        ("JWT", ["eyJ"], rf"(?<!{CHARS}eyJ){CHARS}{{8,}}\.eyJ{CHARS}{{8,}}\.{CHARS}{{16,}}"),
        ("npm token", ["npm_"], rf"[A-Za-z0-9]{{36}}{END}"),
        ("PyPI token", ["pypi-AgE"], r"[A-Za-z0-9_-]{50,}"),
    )
    for literal in literals
)


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
    secrets = []
    for kind, literal, pattern in RULES:
        if literal in text:
            group = "secret" if "secret" in pattern.groupindex else 0
            secrets += [Secret(kind, *match.span(group)) for match in pattern.finditer(text)]
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
