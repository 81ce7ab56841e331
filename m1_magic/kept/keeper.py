"""Which kept answer a request gets: in one kernel, the n-th time it is made, the n-th.

So Restart & Run All shows the same and costs nothing, a cell that is run once more asks anew, and
a loop that asks the same three times gets its three answers again. A tape goes before the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from ..calls import Call, Request
from ..errors import LedgerProblem, TapeProblem
from ..ledger import Ledger, answers
from ..ledger.history import Past
from ..ledger.sent import at_a_server, hash_of, hashed, headers
from ..locks import lock
from ..settings.config import M1
from ..settings.endpoints import endpoint
from . import misses
from .changes import changes, listed
from .replaying import KeptAnswer
from .tape import Tape, line
from .turns import Turn, Turns

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
        self._turns = Turns()
        self._began: dict[str, tuple[str, datetime]] = {}
        self._tape: Tape | None = None

    def taken(self, request: Request) -> tuple[KeptAnswer | None, Turn]:
        """Count a request that is made now; return the answer to show, and which time this is.

        Without an answer it is to be asked.

        Raises:
            TapeProblem: nothing may be asked, and the tape has no answer; or it cannot be read.
        """
        turn = self._turns.take(*self._keys(request))
        try:
            return self._answer(request, turn, taken=True), turn
        except BaseException:
            self.give_back(turn)
            raise

    def answered_by(self, request: Request, turn: Turn, id: str) -> None:
        """Say which call brings a turn its answer: another kernel may ask the same meanwhile."""
        if self._wanted(request):
            self._turns.give(turn, id)

    def give_back(self, turn: Turn) -> None:
        """Let the next request have this turn: it brought no complete answer."""
        self._turns.give_back(turn)

    def coming(self, request: Request) -> KeptAnswer | None:
        """Return the answer that would be shown, without counting; raises as ``taken``."""
        return self._answer(request, self._turns.next(*self._keys(request)))

    def changed(self, request: Request, at: datetime) -> tuple[str, ...]:
        """Return why a cell asks anew ``at`` this time, as a note: what changed since it ran last.

        Raises:
            LedgerProblem: it cannot be read.
        """
        if not request.cell or not self._wanted(request):
            return ()
        new = at_a_server(request)
        began = self._run_began(request, at)
        before = answers.before(self._ledger(), request.cell, self._notebook, began)
        # A cell may ask several times: the same question is compared, if there is one, as it was
        # asked of the same model.
        same = [one for one in before if one.get("typed") == new["typed"]] or before[:1]
        alike = (one for one in same if one.get("sampling") == new["sampling"])
        old = next(alike, same[0] if same else None)
        what = changes(old, new, request.exact) if old else []
        return (f"asked anew: {listed(what)}",) if what else ()

    def record(self, call: Call, turn: Turn) -> tuple[str, ...]:
        """Write the answer of a call on the tape, at the place of its turn; return notes."""
        tape, reply, request = self.tape(), call.reply, call.original or call.request
        if tape is None or self._settings.mode not in ("auto", "record"):
            return ()
        if reply.status != "ok" or not reply.text.strip() or (call.replay and call.replay.tape):
            return ()
        cost = call.replay.cost if call.replay else reply.cost
        key, parts = request.fingerprint(), hashed(request)
        thinking = self._settings.tape_thinking
        new = line(key, request.prompt_text, parts, reply, cost, thinking=thinking)
        try:
            tape.extend([(new, turn.n)])
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

    def offered(self, prompt: str = "") -> dict[str, Any]:
        """Return what described the functions that M1 might call in kept answers, by name.

        As they were described last, before all when this ``prompt`` was answered; those on the tape
        go before those in the ledger.

        Raises:
            TapeProblem: it cannot be read.
        """
        mode, typed = self._settings.mode, hash_of(prompt)
        tape = None if mode in ("live", "record") else self.tape()
        taped = [one.parts for one in (tape.lines() if tape else ())]
        taped.sort(key=lambda parts: bool(parts["typed"] == typed))
        known: list[Mapping[str, Any]] = []
        if mode in ("auto", "live"):
            with suppress(LedgerProblem):  # the call itself says what is wrong with it
                known = answers.to_question(self._ledger(), typed, self._notebook)
        lists = (parts["sampling"].get("tools") for parts in (*known, *taped))
        return {one["function"]["name"]: one for specs in lists if specs for one in specs}

    def _wanted(self, request: Request) -> bool:
        """May the ledger's answer be shown for this request?

        Outside of notebooks only where the call says so: nobody expects the same joke for a month.
        """
        return self._may_replay(request) and (request.keep is True or self._notebook is not None)

    def _may_replay(self, request: Request) -> bool:
        """May a kept answer be shown, by what the call or the setting says?"""
        return self._settings.keep if request.keep is None else request.keep

    def _run_began(self, request: Request, at: datetime) -> datetime:
        """Return when this run of a cell asked first."""
        with self._lock:
            run, began = self._began.get(request.cell, ("", at))
            began = min(began, at) if request.run and run == request.run else at
            self._began[request.cell] = request.run, began
        return began

    def _keys(self, request: Request) -> tuple[str, str]:
        """Return what a request is counted by: anywhere, and as this server gets it."""
        key, host = request.fingerprint(), endpoint(self._settings.base_url).host
        return key, f"{key} {host} {headers(request)}"

    def _answer(self, request: Request, turn: Turn, taken: bool = False) -> KeptAnswer | None:
        tape, mode = self.tape(), self._settings.mode
        if mode == "replay":
            return self._on_tape(tape, request, turn.n)
        if mode == "record" and tape is not None:
            tape.check()  # before anything is paid
        if mode == "record" or not self._may_replay(request):
            return None
        if tape is not None and (line := tape.nth(request, turn.n)):
            return line.answer(turn.n, tape.path.name)
        if not self._wanted(request):
            return None
        with suppress(LedgerProblem):  # the call itself says what is wrong with it
            past = self._past(request, turn, taken)
            return None if past is None else kept_answer(past)
        return None

    def _on_tape(self, tape: Tape | None, request: Request, n: int) -> KeptAnswer:
        """Return the answer on the tape; raises TapeProblem, which says what differs."""
        if tape is None:
            raise TapeProblem(
                "There is no tape to run on, and M1_MODE=replay asks nobody.",
                todo="Name one: M1_TAPE=PATH, or %m1 tape PATH.",
            )
        line = tape.nth(request, n)
        if line is None:
            raise misses.miss(tape, request, n)
        return line.answer(n, tape.path.name)

    def _past(self, request: Request, turn: Turn, taken: bool) -> Past | None:
        """Return the answer in the ledger; the one that a chat went on from, before all others."""
        host = endpoint(self._settings.base_url).host
        question = answers.Lookup(turn.key, host, headers(request))
        ledger, here = self._ledger(), self._notebook
        while True:
            given, earlier = self._turns.given(turn)
            only = request.repeats if request.repeats not in given else ""
            past = only and answers.nth(ledger, question, here, 1, only=only)
            past = past or answers.nth(ledger, question, here, turn.here - earlier, but=given)
            if not past or not taken or self._turns.give(turn, past.id):
                return past or None


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


def kept_answer(past: Past) -> KeptAnswer:
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
        estimated=past.estimated,
        tools=past.tools,
    )
