"""How one server wants to be asked, learned from its refusals and kept for this process.

Two things only, which each cost nothing to learn: ``max_completion_tokens`` in place of
``max_tokens``, and a ``max_tokens`` that its context or its output limit leaves room for.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from ..calls import Request
from ..errors import BadRequest, M1Error, PromptTooLarge
from ..pricing.tokens import TEMPLATE_TOKENS, likely_tokens
from ..settings.extras import COMPLETION

NUMBER = r"\D{0,12}?(\d[\d,]*)"
# The words of vLLM, SGLang, llama.cpp, TGI, OpenAI, Groq, DeepSeek and what copies them.
CONTEXT = (
    rf"context (?:length|window|size)(?: of| is| limit)*{NUMBER}",
    rf"n_ctx\W+{NUMBER}",
    rf"max_new_tokens\W+must be <={NUMBER}",
)
INPUT = (
    r"(\d[\d,]*)(?: tokens)? (?:of text input|in the (?:messages|prompt|input)|prompt tokens"
    r"|(?:input )?tokens (?:from|in) the (?:input|prompt|messages)|input tokens)",
    r"(\d[\d,]*) `?inputs`? tokens",
    rf"n_prompt_tokens\W+{NUMBER}",
)
OUTPUT = (
    r"at most (\d[\d,]*) (?:completion|output)",
    rf"max(?:_completion)?_tokens.{{0,40}}?(?:less than or equal to|at most|<=){NUMBER}",
    r"range of max_tokens is \[\d+, ?(\d[\d,]*)\]",
)


@dataclass
class Dialect:
    """What one server told: by model its context and its most output tokens, and the name."""

    completion: bool = False
    context: dict[str, int] = field(default_factory=dict)
    output: dict[str, int] = field(default_factory=dict)
    fits: dict[str, int] = field(default_factory=dict)

    def body(self, request: Request) -> dict[str, Any]:
        """Return the body of a request as this server takes it."""
        body = request.body()
        name = COMPLETION if COMPLETION in body else "max_tokens"
        most = min(body.pop(name), self._room(request))
        return body | {COMPLETION if self.completion else name: most}

    def again(self, host: str, request: Request, problem: M1Error, refusal: str) -> M1Error:
        """Return the error of a request that is made again as a refusal asks, else the problem."""
        asks = isinstance(problem, (BadRequest, PromptTooLarge))
        wish = self.learned(request, refusal[:4000]) if asks else ""
        if not wish:
            return problem
        again = BadRequest(f"{host} {wish}.", todo="From now on it is asked so.")
        again.retry, again.retry_after = True, 0.0
        return again

    def learned(self, request: Request, refusal: str) -> str:
        """Return what a refusal's text asks for, which is done from now on; "" if nothing."""
        sent, model = self.body(request), request.model
        tokens = sent.get(COMPLETION) or sent["max_tokens"]
        context, output = _first(CONTEXT, refusal), _first(OUTPUT, refusal)
        if context:
            used = _first(INPUT, refusal)
            if used >= context or not (used or "max_tokens" in refusal):
                return ""  # it is the prompt that is too large
            used = used or likely_tokens(request.text) + TEMPLATE_TOKENS
            self.context[model], self.fits[request.fingerprint()] = context, context - used
        elif output:
            self.output[model] = output
        elif not self.completion and COMPLETION in refusal and "max_tokens" in refusal:
            self.completion = True
            return f"wants {COMPLETION} in place of max_tokens"
        room = self._room(request)
        if not (context or output) or room >= tokens:
            return ""
        return f"takes {context or output:,} tokens: max_tokens {tokens:,} → {room:,}"

    def _room(self, request: Request) -> int:
        """Return the most output tokens that there is room for, by what was told."""
        model, room = request.model, request.max_tokens
        if model in self.context:
            likely = self.context[model] - likely_tokens(request.text) - TEMPLATE_TOKENS
            room = min(room, max(self.fits.get(request.fingerprint(), likely), 1))
        return min(room, self.output.get(model, room))


def _first(patterns: tuple[str, ...], text: str) -> int:
    """Return the first number that one of the patterns finds, 0 for none."""
    found = (re.search(pattern, text, re.IGNORECASE) for pattern in patterns)
    return next((int(one[1].replace(",", "")) for one in found if one), 0)


DIALECTS: defaultdict[str, Dialect] = defaultdict(Dialect)
