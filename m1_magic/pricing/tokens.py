"""How many tokens a text has, before a tokenizer saw it: a bound for holds, a guess for people.

The bound is one of bytes and cannot be passed. The guess is characters over characters a token,
learned per model and kind of text from what servers counted; it never changes what is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

# Room for an answer beside thinking of a limited length.
ANSWER_TOKENS = 4_000
# What a chat template adds around each message; M1's own is about a dozen tokens.
TEMPLATE_TOKENS = 32
# Characters a token: measured against M1's own merges, but for other scripts, which is a guess.
USUAL = {"prose": 3.8, "code": 3.0, "numbers": 2.1, "script": 1.5}
# The same of what a model writes, which is some of each.
WRITTEN = 3.0
# A shorter prompt is mostly template, and teaches nothing about its text.
LEAST_CHARACTERS = 400
# What no tokenizer does; a server that says so counts something else.
BELIEVED = (0.3, 12.0)
# So much evidence outweighs what is usual by two to one.
WEIGHT = 2_000.0
LOOKED_AT = 20_000
SIGNS = re.compile(r"[{}()\[\];=<>_|\\]")
DIGITS = re.compile(r"[0-9]")
SCRIPT = re.compile(r"[\u0400-\U0010ffff]")


def most_tokens(texts: Sequence[str]) -> int:
    """Return a bound that no prompt passes: M1's BPE works on bytes, a token is at least one."""
    size = sum(len(text.encode("utf-8", "replace")) for text in texts)
    return size + TEMPLATE_TOKENS * (len(texts) + 1)


def kind_of(text: str) -> str:
    """Return which kind of text this mostly is: prose, code, numbers, or another script."""
    looked = text[:LOOKED_AT]
    size = max(len(looked), 1)
    if len(SCRIPT.findall(looked)) > size / 5:
        return "script"
    if len(DIGITS.findall(looked)) > size / 4:
        return "numbers"
    return "code" if len(SIGNS.findall(looked)) > size / 25 else "prose"


def likely_tokens(text: str, learned: Mapping[str, tuple[int, int]] | None = None) -> int:
    """Return about how many tokens a text has; ``learned``: characters and tokens by kind."""
    kind = kind_of(text)
    characters, tokens = (learned or {}).get(kind, (0, 0))
    # As if the usual ratio had been seen first: one odd prompt does not carry the day.
    ratio = (characters + WEIGHT) / (tokens + WEIGHT / USUAL[kind])
    return round(len(text) / ratio)


def teaches(characters: int, tokens: int) -> bool:
    """Do these counts of one prompt say something about its kind of text?"""
    least, most = BELIEVED
    return characters >= LEAST_CHARACTERS and tokens > 0 and least < characters / tokens < most
