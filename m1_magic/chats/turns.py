"""A turn of a chat: a question as it left, with what was attached, and its answer; no thinking.

Pure functions: of a request and its reply, of a call in the ledger, and of turns and a new question
to the messages that leave.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..calls import Attached, Attachment, Message, Reply, Request, Text, ToolEnded
from ..errors import UsageError
from ..events import rounds
from ..ledger.history import Past
from ..messages import own
from ..privacy import redaction
from ..text import one_line, plural

if TYPE_CHECKING:
    from ..exact.verifying import Given


@dataclass(frozen=True, slots=True)
class Turn:
    """A question as typed and as it left, and its answer; ``missing`` attachments are named only.

    ``attachments`` are those of the question, by their index in it; ``cell`` asked it, in the
    ``run`` of that id. ``status`` is the reply's: an answer may be there in part only.
    ``exact``: the answer is a template, with queries in the place of figures.
    ``tables`` are the names of those that are named only; ``tools`` the calls in the answer.
    """

    prompt: str
    system: str
    question: Message
    answer: str
    status: str
    attachments: tuple[Attachment, ...] = ()
    missing: int = 0
    cell: str = ""
    run: str = ""
    exact: bool = False
    tables: tuple[str, ...] = ()
    tools: tuple[ToolEnded, ...] = ()

    @property
    def answers(self) -> tuple[Message, ...]:
        """The messages of the answer: its rounds with tools, if it has any, and its last words."""
        *before, last = rounds(self.answer, self.tools)
        return (*before, last) if last.content().strip() or not before else tuple(before)


@dataclass(frozen=True, slots=True)
class ChatHead:
    """Where a chat stands: its name, if it has one, and the calls that are its turns.

    ``next`` is the call that came next when an earlier kernel asked this chat.
    """

    name: str | None = None
    calls: tuple[str, ...] = ()
    next: str = ""


def joined(
    request: Request, head: ChatHead, known: Mapping[str, Turn], secrets: redaction.Policy
) -> Request:
    """Return the request with the ``known`` turns up to a head before its question, and notes."""
    calls = tuple(id for id in head.calls if id in known)
    clean = [masked(known[id], secrets) for id in calls]
    turns = [one for one, _ in clean]
    earlier: list[Message] = []
    attachments = dict.fromkeys(request.attachments)
    for one in turns:
        attachments |= dict.fromkeys(one.attachments)
        indices = {a: number for number, a in enumerate(attachments)}
        within = {number: indices[a] for number, a in enumerate(one.attachments)}
        earlier += [one.question.moved(within), *one.answers]
    *first, last = request.messages
    return replace(
        request,
        messages=(*first, *earlier, last),
        attachments=tuple(attachments),
        chat=head.name,
        after=calls,
        repeats=head.next,
        notes=(*request.notes, *notes(head, turns, sum(count for _, count in clean))),
    )


def with_tables(request: Request, known: Mapping[str, Turn]) -> Request:
    """Return a request with a note where tables of exact turns before it are named only.

    Raises:
        UsageError: its own figures are to be computed, and no table is there.
    """
    turns = [known[id] for id in request.after]
    if any(one.tables for one in request.attachments) or not any(t.exact for t in turns):
        return request
    names = dict.fromkeys(name for one in turns for name in one.tables)
    todo = f"Name them again: --df {','.join(one_line(name, 40) for name in names) or 'NAME'}."
    if request.exact:
        what = "The tables of this chat's earlier turns are only named in this kernel."
        raise UsageError(what, todo=todo)
    note = f"figures are not computed: the chat's tables are named only. {todo}"
    return replace(request, notes=(*request.notes, note))


def masked(turn: Turn, secrets: redaction.Policy) -> tuple[Turn, int]:
    """Return the turn with its secrets masked, and their number."""
    counts: list[int] = []

    def mask(text: str) -> str:
        text, count = redaction.mask(text, secrets)
        counts.append(count)
        return text

    parts = [
        replace(part, opening=mask(part.opening))
        if isinstance(part, Attached)
        else Text(mask(part.text))
        for part in turn.question.parts
        if isinstance(part, Attached | Text)
    ]
    clean = replace(
        turn,
        question=replace(turn.question, parts=tuple(parts)),
        answer=mask(turn.answer),
        tools=tuple(_masked_call(one, mask) for one in turn.tools),
        attachments=tuple(replace(one, text=mask(one.text)) for one in turn.attachments),
    )
    return clean, sum(counts)


def _masked_call(one: ToolEnded, mask: Callable[[str], str]) -> ToolEnded:
    call = replace(one.call, arguments=mask(one.call.arguments))
    return replace(one, call=call, text=mask(one.text))


def notes(head: ChatHead, turns: Sequence[Turn], masked: int) -> list[str]:
    """Return what a receipt has to say about earlier turns."""
    if not turns:
        return []
    what = f"chat {one_line(head.name)}" if head.name else "the last reply"
    counts = (
        ("earlier turn", len(head.calls) - len(turns), "forgotten or purged"),
        ("earlier answer", sum(one.status != "ok" for one in turns), "in part only"),
        ("attachment", sum(one.missing for one in turns), "of earlier turns not sent again"),
        ("secret", masked, "in earlier turns masked"),
    )
    more = [f"{plural(count, noun)} {how}" for noun, count, how in counts if count]
    return [f"{what}: {plural(len(turns), 'earlier turn')} sent again", *more]


def turn(request: Request, reply: Reply) -> Turn:
    """Return the turn that a request and its reply are."""
    (*first, question), attachments = own(request.own, request.attachments)
    return Turn(
        prompt=request.prompt_text,
        system=first[0].content() if first else "",
        question=question,
        answer=sendable(reply.written),
        status=reply.status,
        attachments=attachments,
        cell=request.cell,
        run=request.run,
        exact=request.exact,
        tools=reply.tools,
    )


def given(request: Request, reply: Reply, before: str) -> Given:
    """Return what is to be verified of an answer; ``before``: of the one whose rest it is."""
    from ..exact.verifying import Given  # loaded by what computed its figures

    return Given(
        id=reply.id,
        prompt=request.prompt,
        template=reply.template,
        tables=tuple(dict.fromkeys(n for one in request.attachments for n in one.tables)),
        figures=tuple(one for one in reply.figures if one.query),
        before=before,
        cell=request.cell,
        run=request.run,
    )


def replaced(old: Given, new: Given) -> bool:
    """Is it shown no more: the same call's, or of an earlier run of the cell?"""
    return old.id == new.id or (old.cell == new.cell != "" and old.run != new.run)


def stored_turn(past: Past) -> Turn:
    """Return the turn that a call of the ledger was, without what was attached."""
    assert past.sent is not None
    *first, (role, text) = past.sent.texts
    return Turn(
        prompt=past.prompt or "",
        system=first[0][1] if first else "",
        question=Message(role, (Text(text),)),
        answer=sendable(past.answer or ""),
        status=past.status or "failed",
        missing=past.sent.attached,
        cell=past.cell or "",
        exact=past.sent.exact,
        tables=tuple(one.name for one in past.sent.attachments if one.kind == "frame"),
        tools=past.tools,
    )


def sendable(text: str) -> str:
    """Return text without what UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
