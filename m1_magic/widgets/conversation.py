"""Which chat a panel's questions go to, and where in it the next one begins.

Each panel is a chat of its notebook, which a later kernel finds in the ledger: the first panel's is
``panel``, and ``panel.2`` once it began anew; the second panel's is ``panel2``.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from .. import api
from ..chats.turns import ChatHead
from ..errors import LedgerProblem
from ..ledger import history
from ..ledger.history import Past
from ..session.loop import Session
from .history_list import again
from .transcript import MOST, Transcript

# Where the panel's questions are asked, for the chats: it is no cell that could be run again.
PLACE = "panel"
_open: weakref.WeakSet[Conversation] = weakref.WeakSet()


class Conversation:
    """A panel's chat, shown in ``transcript``; ``named`` returns the name that a user gave it."""

    def __init__(self, session: Session, named: Callable[[], str | None]) -> None:
        self._session, self._named = session, named
        self._number, self._own = 0, ""
        self._begins: Callable[[], ChatHead] | None = None  # if not at the end of the chat
        self.transcript = Transcript()
        _open.add(self)

    @property
    def name(self) -> str:
        """The chat that the next question goes to."""
        if not self._own:
            taken = {one._number for one in _open}
            self._number = min(n for n in range(1, len(taken) + 2) if n not in taken)
            own_chats = (name for name in self._notebook_chats() if self._turn(name))
            self._own = next(own_chats, self._first)
        named = self._named()
        return self._own if named is None else named

    def head(self, prompt: str = "") -> ChatHead:
        """Return where the next question begins; UsageError: there is nothing to go on from."""
        return self._begins() if self._begins else api.chats().head(self.name, prompt, PLACE)

    def show(self, head: ChatHead) -> None:
        """Show the turns that the next question goes on from, as the ledger keeps them."""
        displayed = self.transcript.calls
        if head.calls[-len(displayed) :] == displayed if displayed else not head.calls:
            return
        calls = [history.called(self._session.ledger, id) for id in head.calls[-MOST:]]
        settings = self._session.settings
        self.transcript.show([(p.id, again(p, settings)) for p in calls if p is not None])

    def refresh(self) -> None:
        """Show no turn whose text was forgotten since."""
        known, ledger = api.chats(), self._session.ledger
        absent = [id for id in self.transcript.calls if not known.turns(ChatHead(None, (id,)))]
        with suppress(LedgerProblem):
            pasts = [(id, history.called(ledger, id)) for id in absent]
            self.transcript.forget([id for id, past in pasts if not past or past.prompt is None])

    def went_on(self) -> None:
        """Let the next question go on from the one that is asked now."""
        self._begins = None

    def begin_anew(self) -> None:
        """Begin another chat, without what was said in this one."""
        turns = map(self._turn, (self.name, self._own, *self._notebook_chats()))
        if latest := max(turns):
            self._own = f"{self._first}.{latest + 1}"
        self._begins = None
        self.transcript.show(())

    def resume(self, past: Past) -> None:
        """Go on from any past call, in a new chat; UsageError: its text is not kept."""
        api.chats().resume(past.id)
        self.begin_anew()
        self._begins = lambda: replace(api.chats().resume(past.id), name=self._own)
        self.show(self._begins())

    def ask_again(self, past: Past) -> None:
        """Let a question that is a turn here be asked in its own place."""
        head = self.head()
        if past.id in head.calls:
            before = head.calls[: head.calls.index(past.id)]
            self._begins = lambda: replace(head, calls=before)

    def close(self) -> None:
        """Let the next panel have its number."""
        _open.discard(self)

    @property
    def _first(self) -> str:
        return "panel" if self._number == 1 else f"panel{self._number}"

    def _turn(self, name: str) -> int:
        """Return which of this panel's own chats it is, from 1; 0: none of them."""
        match = re.fullmatch(rf"{self._first}(?:\.(\d+))?", name)
        return int(match[1] or 1) if match else 0

    def _notebook_chats(self) -> list[str]:
        """Return the chats of this notebook, the last one first."""
        with suppress(LedgerProblem):
            return [n for n, _ in history.chats(self._session.ledger, self._session.notebook)]
        return []
