"""Which kept answer a request gets: in one kernel, the n-th time it is made, the n-th.

So Restart & Run All shows the same and costs nothing, a cell that is run once more asks anew, and
a loop that asks the same three times gets its three answers again. A tape goes before the ledger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..calls import Call, Request
from ..errors import LedgerProblem, TapeProblem
from ..ledger import Ledger, answers
from ..ledger.history import Past, called
from ..ledger.sent import hashed
from ..locks import lock
from ..settings.config import M1
from ..settings.endpoints import endpoint
from . import misses
from .changes import changes, listed
from .replaying import KeptAnswer
from .tape import Tape, line

BESIDE = ".tape.jsonl"  # the end of a tape's name that lies beside its notebook


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
        self._tape: Tape | None = None

    def taken(self, request: Request) -> tuple[KeptAnswer | None, int]:
        """Count a request that is made now; return the answer to show, and which time this is.

        Without an answer it is to be asked.

        Raises:
            TapeProblem: nothing may be asked, and the tape has no answer; or it cannot be read.
        """
        key = request.fingerprint()
        with self._lock:
            self._made[key] += 1
            n = self._made[key]
        return self._answer(request, key, n), n

    def coming(self, request: Request) -> KeptAnswer | None:
        """Return the answer that would be shown, without counting; raises as ``taken``."""
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
        return (f"asked anew: {listed(what)}",) if what else ()

    def record(self, call: Call, n: int) -> tuple[str, ...]:
        """Write the answer of a call, the ``n``-th to its request, on the tape; return notes."""
        tape, reply, request = self.tape(), call.reply, call.original or call.request
        if tape is None or self._settings.mode not in ("auto", "record"):
            return ()
        if reply.status != "ok" or not reply.text.strip() or (call.replay and call.replay.tape):
            return ()
        cost = call.replay.cost if call.replay else reply.cost
        new = line(request, reply, cost, thinking=self._settings.tape_thinking)
        try:
            tape.extend([(new, n)])
        except TapeProblem as problem:
            return (f"not on the tape: {problem}",)
        return (tape.noted,) if tape.noted else ()

    def tape(self) -> Tape | None:
        """Return the tape that the settings name, None where they name none."""
        path = tape_path(self._settings.tape, self._notebook)
        if path is None or self._settings.mode == "live":
            return None
        with self._lock:
            if self._tape is None or self._tape.path != path:
                self._tape = Tape(path)
            return self._tape

    def _wanted(self, request: Request) -> bool:
        """May the ledger's answer be shown for this request?

        Outside of notebooks only where the call says so: nobody expects the same joke for a month.
        """
        if request.keep is not None:
            return request.keep
        return self._settings.keep and self._notebook is not None

    def _answer(self, request: Request, key: str, n: int) -> KeptAnswer | None:
        tape, mode = self.tape(), self._settings.mode
        if mode == "replay":
            return self._on_tape(tape, request, n)
        if mode == "record" and tape is not None:
            tape.check()  # before anything is paid
            return None
        if tape is not None and request.keep is not False and (found := tape.nth(request, n)):
            return found.answer(n, tape.path.name)
        if not self._wanted(request):
            return None
        with suppress(LedgerProblem):  # the call itself says what is wrong with it
            past = self._past(request, key, n)
            return None if past is None else _kept(past)
        return None

    def _on_tape(self, tape: Tape | None, request: Request, n: int) -> KeptAnswer:
        """Return the answer on the tape; raises TapeProblem, which says what differs."""
        if tape is None:
            raise TapeProblem(
                "There is no tape to run on, and M1_MODE=replay asks nobody.",
                todo="Name one: M1_TAPE=PATH, or %m1 tape PATH.",
            )
        found = tape.nth(request, n)
        if found is None:
            raise misses.miss(tape, request, n)
        return found.answer(n, tape.path.name)

    def _past(self, request: Request, key: str, n: int) -> Past | None:
        ledger, same = self._ledger(), request.repeats
        if n == 1 and same and answers.is_answer(ledger, same, key):
            return called(ledger, same)  # what follows in the chat followed this one
        offline = endpoint(self._settings.base_url).offline
        return answers.nth(ledger, key, self._notebook, n, offline=offline)


def tape_path(named: str, notebook: str | None) -> Path | None:
    """Return where a tape lies that the setting names; ``on``: beside the notebook.

    Raises:
        TapeProblem: the notebook is not known.
    """
    if named.strip().lower() in ("", "off"):
        return None
    if named.strip().lower() != "on":
        return Path(named).expanduser()
    if notebook is None:
        what = "Which notebook this is is not known here, so no tape can lie beside it."
        raise TapeProblem(what, todo="%m1 tape PATH, or M1_TAPE=PATH.")
    return Path(notebook).with_suffix(BESIDE)


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
