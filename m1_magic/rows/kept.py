"""Answers that a table's questions have already: on the tape, else in the ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

from ..calls import CUT_OFF, Call, Reply, Request, Status
from ..errors import LedgerProblem, TapeProblem
from ..kept import misses
from ..kept.tape import Line, Tape, line
from ..ledger import answers
from ..ledger.alike import Alike
from ..ledger.answers import KeptText, Lookup
from ..ledger.sent import hashed, headers
from ..session.loop import Session
from ..settings.endpoints import endpoint

EVERY = 200  # answers after which the tape is written


@dataclass(frozen=True, slots=True)
class Kept:
    """The answer of a call that was made before; ``cost`` is what it did cost, in US dollars."""

    reply: Reply
    cost: Decimal | None = None
    taped: bool = False


class Answers:
    """What is kept for the questions of one run, and what the run adds to the tape.

    Args:
        fits: is the answer what is wanted? Another one is asked for again.
        preview: it is only to be said what a run would ask, and nothing is written.
    """

    def __init__(
        self,
        session: Session,
        fresh: bool,
        fits: Callable[[Reply], bool],
        *,
        preview: bool = False,
    ) -> None:
        self._session, self._settings, self._fits = session, session.settings, fits
        self._preview = preview
        self._tape: Tape | None = session.keeper.tape()
        self._reads = not fresh and self._settings.keep and self._settings.mode != "record"
        records = self._tape is not None and self._settings.mode in ("auto", "record")
        self._writes = records and not preview
        self._lines: list[tuple[Line, int]] = []
        self._alike = Alike()
        self.note = ""
        if self._tape is None and self.only_tape:
            raise TapeProblem(
                "There is no tape to run on, and M1_MODE=replay asks nobody.",
                todo="Name one: M1_TAPE=PATH, or %m1 tape PATH.",
            )
        if self._tape is not None:
            self._tape.check()  # before anything is paid

    @property
    def taped(self) -> bool:
        """Is there a tape?"""
        return self._tape is not None

    @property
    def only_tape(self) -> bool:
        """May nothing be asked? A preview asks nobody anyway."""
        return bool(self._settings.mode == "replay") and not self._preview

    def of(self, requests: Sequence[Request]) -> list[Kept | None]:
        """Return the kept answer to each request, None where it is to be asked."""
        if not (self._reads or self.only_tape):
            return [None] * len(requests)
        kept = [self._on_tape(request) for request in requests]
        if not self.only_tape and None in kept:
            with suppress(LedgerProblem):  # a call says what is wrong with it
                self._in_ledger(requests, kept)
        return kept

    def missing(self, request: Request) -> TapeProblem:
        """Return why a request is not on the tape that alone may answer."""
        assert self._tape is not None
        return misses.miss(self._tape, request, 1)

    def add(self, request: Request, reply: Reply, cost: Decimal | None) -> None:
        """Put an answer on the tape, if there is one, now and then."""
        if not self._writes or not reply.text.strip():
            return
        if reply.status != "ok" and not (reply.status == "truncated" and self._fits(reply)):
            return
        key, parts = request.fingerprint(), hashed(request)
        thinking = self._settings.tape_thinking
        new = line(key, request.prompt_text, parts, reply, cost, thinking=thinking)
        self._lines.append((new, 1))
        if len(self._lines) >= EVERY:
            self.write()

    def called(self, call: Call, reply: Reply) -> None:
        """Put the answer of a call on the tape."""
        self.add(call.original or call.request, reply, reply.cost)

    def write(self) -> None:
        """Write what is not on the tape yet."""
        if self._tape is None or not self._lines:
            return
        lines, self._lines = self._lines, []
        try:
            self._tape.extend(lines)
        except TapeProblem as problem:
            self.note = f"not on the tape: {problem}"

    def _on_tape(self, request: Request) -> Kept | None:
        taped = self._tape.nth(request, 1) if self._tape is not None else None
        if taped is None or self._tape is None:
            return None
        answer = taped.answer(1, self._tape.path.name)
        reply = _reply(answer.text, answer.model or "", answer.finish, answer.id)
        # Where nobody may be asked, one that does not fit says more than none.
        if not self._fits(reply) and not self.only_tape:
            return None
        return Kept(reply, answer.cost, taped=True)

    def _in_ledger(self, requests: Sequence[Request], kept: list[Kept | None]) -> None:
        open_ = [n for n, one in enumerate(kept) if one is None]
        if open_:
            names = [self._alike.fingerprint(requests[n]) for n in open_]
            for n, one in zip(open_, self.by_name(names, headers(requests[0])), strict=True):
                kept[n] = one

    def by_name(self, fingerprints: Sequence[str], added: str) -> list[Kept | None]:
        """Return what the ledger keeps for requests that got headers of the hash ``added``."""
        if not self._reads or self.only_tape:
            return [None] * len(fingerprints)
        host = endpoint(self._settings.base_url).host
        lookups = [Lookup(name, host, added) for name in fingerprints]
        ledger = self._session.ledger
        if ledger.unwritten():  # what a kernel had got that was killed
            ledger.take_in()
        there = answers.of_rows(ledger, lookups, self._session.notebook)
        return [self._fitting(there.get(name, ())) for name in fingerprints]

    def _fitting(self, there: Sequence[KeptText]) -> Kept | None:
        for kept in there:
            thinking = kept.thinking or ""
            reply = _reply(kept.text, kept.model, kept.finish, kept.id, thinking)
            if self._fits(reply):
                return Kept(reply, kept.cost)
        return None


def _reply(text: str, model: str, finish: str | None, id: str, thinking: str = "") -> Reply:
    status: Status = "truncated" if finish in CUT_OFF else "ok"
    return Reply(text, thinking, model=model, finish=finish, status=status, id=id)
