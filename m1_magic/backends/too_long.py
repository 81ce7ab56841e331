"""Too many tokens: is it the prompt, or the output that was asked for? Servers say it in words.

    … maximum context length is 8192 tokens. However, you requested about 20000 tokens (4000 of
    text input, 16000 in the output).        OpenRouter; OpenAI and vLLM in nearly the same words

Where the prompt alone fits, ``max_tokens`` is too large, and what is left of the context fits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

N = r"(\d[\d,]*)"
LIMIT = re.compile(
    rf"(?:context (?:length|window|size)|context limit)\D{{0,40}}{N}|must be <= {N}"
    rf"|number of tokens allowed \({N}\)"
    rf"|exceed context limit: \d+ \+ \d+ > {N}|\(\d+ > {N} - \d+\)"
)
INPUT = re.compile(
    rf"{N} (?:of |in the |from the )?(?:text |tool |image |audio )*"
    rf"(?:input\b|`inputs`|prompt\b|messages\b)"
    rf"|{N} tokens (?:in|from) the (?:messages|prompt|input)|input token count \({N}\)"
    rf"|context limit: {N} \+|input_tokens\D{{0,4}}{N}"
)
OUTPUT = re.compile(
    r"max_(?:completion_|new_|output_)?tokens|in the (?:output|completion)|token_limit_exceeded"
)
MOST = re.compile(
    rf"(?:at most|less than or equal to|less than|no more than|maximum (?:value )?(?:is|of)|<=?)"
    rf" `?{N}"
    rf"|: \d+ > {N}|\[\d+, {N}\]|not be greater than[^\d]{{0,40}}{N}"
)
LARGE = re.compile(
    r"too (?:large|long|big|many)|exceed|at most|less than|no more than|must be <|maximum"
    r"|not be greater than|\brange\b"
)
CONTEXT = re.compile(
    r"context[ _](?:length|size|window|limit)|maximum context|exceed_context|string_too_long"
    r"|(?:prompt|input) is too (?:long|large)|input token count .{0,20}exceeds"
)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What was too much: ``output``, which ``room`` would fit (None: not known), or the prompt."""

    output: bool
    room: int | None = None


def too_long(signs: str, status: int) -> Tokens | None:
    """Return what was too much, by all that a body says in lower case; None: nothing was."""
    text, output = signs[:5000], OUTPUT.search(signs[:5000])
    if CONTEXT.search(text) or (output and LARGE.search(text)):
        limit, prompt = _numbers(LIMIT, text), _numbers(INPUT, text)
        if limit and prompt:
            room = limit[0] - sum(prompt)
            return Tokens(output=room > 0, room=room if room > 0 else None)
        if output and not CONTEXT.search(text) and LARGE.search(text):
            most = _numbers(MOST, text)
            strictly = re.search(r"less than \d|< \d", text) is not None
            return Tokens(output=True, room=most[0] - strictly if most else None)
        return Tokens(output="max_tokens_exceeded" in text)
    return Tokens(output=False) if status == 413 else None


def _numbers(pattern: re.Pattern[str], text: str) -> list[int]:
    """Return the numbers that a pattern finds, each once: servers repeat their sentences."""
    matched = dict.fromkeys(match.group(0) for match in pattern.finditer(text))
    groups = (pattern.fullmatch(one) or pattern.search(one) for one in matched)
    texts = (next(filter(None, match.groups()), "0") for match in groups if match)
    return [int(text.replace(",", "")) for text in texts]
