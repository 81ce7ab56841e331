"""Chats: which calls follow each other, and what of them is sent again.

A turn is a question as it left, with what was attached, and the answer; never the thinking. The
process keeps the turns that a chat or the last reply needs. A named chat can be taken up again
from the ledger by the next kernel of its notebook: what was attached is then named only.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from ..calls import Reply, Request
from ..errors import LedgerProblem, UsageError
from ..ledger import history
from ..ledger.history import Past
from ..locks import lock
from ..options import command_line
from ..options.fields import Options, changed
from ..privacy import redaction
from ..session.loop import Session
from ..text import one_line
from .beside import Alternative, Beside
from .repeating import CONTINUE as CONTINUE
from .repeating import RepeatableCall as RepeatableCall
from .repeating import rest
from .turns import ChatHead, Turn, given, joined, replaced, stored_turn, turn, with_tables

if TYPE_CHECKING:
    from ..exact.verifying import Given

NAME = re.compile(r"[\w.][\w.-]*")
MOST = 1_000  # answers whose figures are kept in memory


@dataclass(frozen=True, slots=True)
class Listed:
    """A chat of this notebook: its name, its turns, and when it was last used."""

    name: str
    turns: int
    at: datetime


class Chats:
    """The chats of this process, and those of the session's notebook that its ledger keeps."""

    def __init__(self, session: Session) -> None:
        self.last: RepeatableCall | None = None
        self.session = session
        self._lock = lock()
        self._turns: dict[str, Turn] = {}
        self._named: dict[str, tuple[str, ...]] = {}
        self._stored: dict[str, tuple[str, ...]] = {}  # as an earlier kernel left them
        self._current = ChatHead()
        self.computed: list[Given] = []  # answers of this kernel with computed figures
        self.beside = Beside()

    def head(self, chat: str, prompt: str = "", cell: str = "", run: str = "") -> ChatHead:
        """Return where a call begins that is asked with this ``--chat``.

        A ``cell`` that is run again takes the place of its own turn, and what followed is no more
        part of the chat; so does the same question after an answer that was cut off or stopped,
        and, where cells have no ids, the first question of a chat in a new kernel.
        """
        head = self._current
        if not chat:
            self.beside.settled()
        if chat:
            head = self._of_name(chat, prompt, cell)
        elif not self.turns(head):
            raise UsageError(
                "There is no reply in this session that could be continued.",
                todo="Leave -c out, or name a chat: --chat=NAME.",
            )
        calls = self._until(head.calls, cell, run)
        if chat:
            stored = self._stored.get(chat, ())
            at = len(calls)
            follows = stored[at] if stored[:at] == calls and at < len(stored) else ""
            head = replace(head, next=follows)
        if calls != head.calls:
            return replace(head, calls=calls)
        last = self._turns.get(head.calls[-1]) if head.calls else None
        if last and last.status in ("failed", "stopped") and last.prompt == prompt:
            return replace(head, calls=head.calls[:-1])
        return head

    def _of_name(self, chat: str, prompt: str, cell: str) -> ChatHead:
        """Return where a named chat stands; in a new kernel, as an earlier one left it."""
        if chat in self._named:
            return ChatHead(chat, self._named[chat])
        calls = self._loaded(self._last_turn(chat))
        self._stored[chat] = calls
        first = self._turns.get(calls[0]) if calls else None
        begins = first is not None and not cell and first.prompt == prompt
        return ChatHead(chat, () if begins else calls)

    def _until(self, calls: tuple[str, ...], cell: str, run: str) -> tuple[str, ...]:
        """Return the calls before the first turn that another run of this cell asked."""
        for place, id in enumerate(calls):
            turn = self._turns.get(id)
            if turn and cell and turn.cell == cell and turn.run != run:
                return calls[:place]
        return calls

    def turns(self, head: ChatHead) -> tuple[Turn, ...]:
        """Return the turns up to a head that are there."""
        return tuple(self._turns[id] for id in head.calls if id in self._turns)

    def system(self, head: ChatHead) -> str | None:
        """Return the system prompt that holds at a head; None where nothing was asked yet."""
        turns = self.turns(head)
        return turns[-1].system if turns else None

    def continued(self, request: Request, head: ChatHead, secrets: redaction.Policy) -> Request:
        """Return the request with the turns up to a head before its question."""
        joint = with_tables(joined(request, head, self._turns, secrets), self._turns)
        if head.name:
            joint = replace(joint, notes=(*joint.notes, *self.beside.notes(head.name)))
        if head.name and not joint.after and not joint.alone:
            others = [one_line(one.name) for one in self.listed() if one.name != head.name]
            near = command_line.did_you_mean(head.name, others)
            note = f"chat {one_line(head.name)} begins here.{near}"
            return replace(joint, notes=(*joint.notes, note))
        return joint

    def remember(self, call: RepeatableCall, request: Request, reply: Reply | None) -> None:
        """Keep a request, to be made again; and as a turn, if any text came."""
        before = self.before(request.prompt, request.after)
        head = ChatHead(request.chat, request.after)
        with self._lock:
            self.beside = Beside()
            self.last = replace(call, head=head, max_tokens=request.max_tokens, reply=reply)
            if reply is not None and reply.template:
                self._verifiable(given(request, reply, before))
            if reply is not None and (reply.text.strip() or reply.tools):
                self._turns[reply.id] = turn(request, reply)
                self._current = replace(head, calls=(*head.calls, reply.id))
                if head.name:
                    self._named[head.name] = self._current.calls
            # Only what a chat, the last reply or ``again`` needs.
            needed = {*head.calls, *self._current.calls}.union(*self._named.values())
            self._turns = {id: one for id, one in self._turns.items() if id in needed}

    def _verifiable(self, one: Given) -> None:
        earlier = [old for old in self.computed if not replaced(old, one)]
        self.computed = [*earlier, one][-MOST:]

    def remember_each(self, call: RepeatableCall, answers: Sequence[Alternative]) -> None:
        """Keep answers that stand side by side; no chat goes on from one of several yet."""
        request = answers[0].request
        if len(answers) == 1:
            alone = RepeatableCall(call.prompt, answers[0].options)
            self.remember(alone, request, answers[0].reply)
            return
        before = self.before(request.prompt, request.after)
        with self._lock:
            self.last = replace(call, head=ChatHead(request.chat, request.after))
            self.beside = Beside(tuple(answers))
            for one in answers:
                if one.reply.template:
                    self._verifiable(given(one.request, one.reply, before))

    def choose(self, number: int) -> Alternative:
        """Let the chat go on from one of the answers that stand side by side, from 1."""
        beside = self.beside
        one = beside.numbered(number)
        self.remember(RepeatableCall(one.request.prompt, one.options), one.request, one.reply)
        self.beside = replace(beside, chosen=True)
        if name := one.request.chat:
            ids = [other.reply.id for other in beside.answers]
            history.chosen(self.session.ledger, name, one.reply.id, ids)
        return one

    def again(self, given: Options) -> RepeatableCall:
        """Return the last request with the options that are given; its answer takes the place."""
        if self.last is None:
            raise UsageError("There is no request yet to make again.", todo="%m1 ask TEXT asks.")
        head = self.last.head if given.chat is None else None
        fresh = given.fresh or not self.last.options.by_row  # of rows, those without an answer
        options = replace(self.last.options, **(changed(given) | {"fresh": fresh}))
        return replace(self.last, options=options, head=head)

    def rest(self, most: int | None) -> RepeatableCall | None:
        """Return what asks for the rest of the last answer, see `repeating.rest`."""
        self.beside.settled()
        return rest(self.last, self._current, most)

    def before(self, prompt: str, after: Sequence[str]) -> str:
        """Return what M1 wrote of the answer whose rest a prompt asks for, "" if it does not."""
        parts: list[str] = []
        for id in reversed(after if prompt == CONTINUE else ()):
            self._load(id)
            turn = self._turns.get(id)
            if turn is None:
                break
            parts.insert(0, turn.answer)
            if turn.prompt != CONTINUE:
                break
        return "".join(parts)

    def resume(self, id: str) -> ChatHead:
        """Make a past call the last reply, so that ``chat=""`` goes on from it."""
        past = history.called(self.session.ledger, id)
        calls = self._loaded(past)
        if past is None or past.id not in self._turns:
            raise UsageError(
                f"Of a call {one_line(id, 40)!r} no text is kept.", todo="%m1 log lists them."
            )
        self._current = ChatHead(None, calls)
        return self._current

    def listed(self) -> list[Listed]:
        """Return the chats of this notebook that can be continued, the latest first."""
        chats = []
        for name, at in history.chats(self.session.ledger, self.session.notebook):
            count = len(self.turns(ChatHead(name, self._named.get(name, ()))))
            if not count:
                past = self._last_turn(name)
                count = len(past.sent.after) + 1 if past and past.sent else 0
            if count:
                chats.append(Listed(name, count, at))
        return chats

    def names(self) -> list[str]:
        """Return the names of the chats that a line can hold without quotes, for completion."""
        with suppress(LedgerProblem):
            return [one.name for one in self.listed() if NAME.fullmatch(one.name)]
        return []

    def of_session(self) -> ChatHead:
        """Return the calls of this session that the ledger keeps, in order, whatever chat."""
        calls = history.of_session(self.session.ledger)
        for id in calls:
            self._load(id)
        return ChatHead(None, tuple(calls))

    def calls(self, name: str) -> list[str]:
        """Return all calls of a chat of this notebook, by id; those without an answer, too."""
        stored = history.of_chat(self.session.ledger, self.session.notebook, name)
        return list(dict.fromkeys((*stored, *self._named.get(name, ()))))

    def forget(self, calls: Collection[str] | None = None) -> None:
        """Drop what the process has of these calls, or of all."""
        with self._lock:
            last = self.last.reply if self.last else None
            if calls is None or (last and last.id in calls):
                self.last = None
            if calls is None or any(one.reply.id in calls for one in self.beside.answers):
                self.beside = Beside()
            self.computed = [one for one in self.computed if calls and one.id not in calls]
            gone = set(self._turns if calls is None else calls)
            self._turns = {id: one for id, one in self._turns.items() if id not in gone}
            named = self._named.items()
            self._named = {name: ids for name, ids in named if any(i in self._turns for i in ids)}

    def _last_turn(self, name: str) -> Past | None:
        return history.last_turn(self.session.ledger, self.session.notebook, name)

    def _loaded(self, past: Past | None) -> tuple[str, ...]:
        """Return the calls of the chat that ends with a past call, and load their turns."""
        if past is None:
            return ()
        calls = (*(past.sent.after if past.sent else ()), past.id)
        for id in calls:
            self._load(id)
        return calls

    def _load(self, id: str) -> None:
        """Take a turn from the ledger, if it is kept there and not here."""
        past = None if id in self._turns else history.called(self.session.ledger, id)
        if past and past.sent and ((past.answer or "").strip() or past.tools):
            self._turns[id] = stored_turn(past)
