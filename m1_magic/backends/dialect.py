"""How one server wants to be asked, learned from its refusals and kept for this process.

Two things only, which each cost nothing to learn: ``max_completion_tokens`` in place of
``max_tokens``, and a ``max_tokens`` that its context has room for.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from ..calls import Request
from ..errors import BadRequest, M1Error
from ..pricing.tokens import likely_tokens
from ..settings.extras import COMPLETION
from .too_long import LIMIT, too_long


@dataclass
class Dialect:
    """What one server wants: the name that it wants, and by model how many tokens it takes in all.

    ``total`` counts the prompt as it is guessed. A limit of the answer alone is the user's to keep.
    """

    completion: bool = False
    total: dict[str, int] = field(default_factory=dict)

    def body(self, request: Request) -> dict[str, Any]:
        """Return the body of a request as this server takes it."""
        body = request.body()
        name = COMPLETION if COMPLETION in body else "max_tokens"
        most = min(body.pop(name), self._room(request))
        return body | {COMPLETION if self.completion else name: most}

    def again(self, host: str, request: Request, problem: M1Error, refusal: str) -> M1Error:
        """Return the error of a request that is made again as a refusal asks, else the problem."""
        wish = self.learned(request, refusal) if isinstance(problem, BadRequest) else ""
        if not wish:
            return problem
        again = BadRequest(f"{host} {wish}.", todo="From now on it is asked so.")
        again.retry, again.retry_after = True, 0.0
        return again

    def learned(self, request: Request, refusal: str) -> str:
        """Return what a refusal's text asks for, which is done from now on; "" if nothing."""
        sent, signs = self._room(request), refusal.lower()
        excess = too_long(signs, 400)
        if excess and excess.output and excess.room and LIMIT.search(signs):
            self.total[request.model] = excess.room + likely_tokens(request.text)
        elif excess is None and not self.completion and {COMPLETION, "max_tokens"} <= named(signs):
            self.completion = True
            return f"wants {COMPLETION} in place of max_tokens"
        room = self._room(request)
        return f"takes fewer tokens: max_tokens {sent:,} → {room:,}" if room < sent else ""

    def _room(self, request: Request) -> int:
        """Return the most output tokens that there is room for, by what the server said."""
        if request.model not in self.total:
            return request.max_tokens
        left = self.total[request.model] - likely_tokens(request.text)
        return min(request.max_tokens, max(left, 1))


def named(signs: str) -> set[str]:
    """Return the names of ``max_tokens`` that stand in a text."""
    return set(re.findall(r"max_(?:completion_)?tokens", signs))


DIALECTS: defaultdict[str, Dialect] = defaultdict(Dialect)
