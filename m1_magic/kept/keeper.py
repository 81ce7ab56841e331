"""Which kept answer a request gets: in one kernel, the n-th time it is made, the n-th.

So Restart & Run All shows the same and costs nothing, a cell that is run once more asks anew, and
a loop that asks the same three times gets its three answers again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from ..calls import Request
from ..errors import LedgerProblem
from ..ledger import Ledger, answers
from ..ledger.history import Past, called
from ..ledger.sent import hashed
from ..locks import lock
from ..settings.config import M1
from ..settings.endpoints import endpoint
from .changes import changes
from .replaying import KeptAnswer


class Keeper:
    """How often this kernel made each request, and the answers that are kept for it.

    Args:
        settings: read at each call.
        ledger: opens the ledger that has them.
        notebook: the path of the notebook that asks, None where it is not known.
    """

    def __init__(self, settings: M1, ledger: Callable[[], Ledger], notebook: str | None) -> None:
        self._settings, self._ledger, self._notebook = settings, ledger, notebook
        self._lock = lock()
        self._made: Counter[str] = Counter()

    def taken(self, request: Request) -> KeptAnswer | None:
        """Count a request that is made now; return the answer to show, None: it is asked."""
        key = request.fingerprint()
        with self._lock:
            self._made[key] += 1
            n = self._made[key]
        return self._answer(request, key, n)

    def coming(self, request: Request) -> KeptAnswer | None:
        """Return the answer that would be shown, without counting."""
        key = request.fingerprint()
        return self._answer(request, key, self._made[key] + 1)

    def changed(self, request: Request) -> tuple[str, ...]:
        """Return why a cell asks anew, as a note: what changed since its last request.

        Raises:
            LedgerProblem: it cannot be read.
        """
        if not request.cell or not self._wanted(request):
            return ()
        before = answers.before(self._ledger(), request.cell, self._notebook)
        what = changes(before, hashed(request)) if before else []
        return (f"asked anew: {', '.join(what)}",) if what else ()

    def _wanted(self, request: Request) -> bool:
        """May a kept answer be shown for this request?

        Outside of notebooks only where the call says so: nobody expects the same joke for a month.
        """
        if request.keep is not None:
            return request.keep
        return self._settings.keep and self._notebook is not None

    def _answer(self, request: Request, key: str, n: int) -> KeptAnswer | None:
        if not self._wanted(request):
            return None
        offline = endpoint(self._settings.base_url).offline
        with suppress(LedgerProblem):  # the call itself says what is wrong with it
            ledger, same = self._ledger(), request.repeats
            if n == 1 and same and answers.is_answer(ledger, same, key):
                past = called(ledger, same)  # what follows in the chat followed this one
            else:
                past = answers.nth(ledger, key, self._notebook, n, offline=offline)
            return None if past is None else _kept(past)
        return None


def _kept(past: Past) -> KeptAnswer:
    """Return the answer of a call that the ledger has."""
    return KeptAnswer(
        id=past.id,
        text=past.answer or "",
        thinking=past.thinking or "",
        model=past.model,
        finish=past.finish,
        usage=past.usage,
        cost=past.cost,
        at=past.at,
    )
