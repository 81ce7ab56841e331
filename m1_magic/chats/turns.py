"""A turn of a chat: a question as it left, with what was attached, and its answer; no thinking.

Pure functions: of a request and its reply, of a call in the ledger, and of turns and a new question
to the messages that leave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..calls import Attachment, Message, Reply, Request
from ..ledger.history import Past
from ..ledger.sent import attached, own
from ..privacy import redaction
from ..text import one_line, plural


@dataclass(frozen=True, slots=True)
class Turn:
    """A question as typed and as it left, and its answer; ``missing`` attachments are named only.

    ``status`` is the reply's: an answer may be there in part only.
    """

    prompt: str
    system: str
    user: str
    answer: str
    status: str
    attachments: tuple[Attachment, ...] = ()
    missing: int = 0

    @property
    def whole(self) -> bool:
        """Is the answer complete?"""
        return self.status == "ok"


@dataclass(frozen=True, slots=True)
class ChatHead:
    """Where a chat stands: its name, if it has one, and the calls that are its turns."""

    name: str | None = None
    calls: tuple[str, ...] = ()


def joined(
    request: Request, head: ChatHead, known: Mapping[str, Turn], secrets: redaction.Policy
) -> Request:
    """Return the request with the turns up to a head before its question, and notes on them.

    Args:
        request: the question alone.
        head: where the chat stands; those of its turns that are not ``known`` are gone.
        known: turns by their calls.
        secrets: what is masked in earlier turns.
    """
    calls = tuple(id for id in head.calls if id in known)
    turns = [known[id] for id in calls]
    earlier, masked = [], 0
    for one in turns:
        for role, text in (("user", one.user), ("assistant", one.answer)):
            text, count = redaction.mask(text, secrets)
            earlier.append(Message(role, text))
            masked += count
    *first, question = request.messages
    again = (item for one in turns for item in one.attachments)
    return replace(
        request,
        messages=(*first, *earlier, question),
        attachments=tuple(dict.fromkeys((*request.attachments, *again))),
        chat=head.name,
        after=calls,
        notes=(*request.notes, *told(head, turns, masked)),
    )


def told(head: ChatHead, turns: Sequence[Turn], masked: int) -> list[str]:
    """Return what a receipt has to say about earlier turns."""
    if not turns:
        return []
    what = f"chat {one_line(head.name)}" if head.name else "the last reply"
    counts = (
        ("earlier turn", len(head.calls) - len(turns), "forgotten or purged"),
        ("earlier answer", sum(not one.whole for one in turns), "in part only"),
        ("attachment", sum(one.missing for one in turns), "of earlier turns not sent again"),
        ("secret", masked, "in earlier turns masked"),
    )
    notes = [f"{plural(count, noun)} {how}" for noun, count, how in counts if count]
    return [f"{what}: {plural(len(turns), 'earlier turn')} sent again", *notes]


def turn(request: Request, reply: Reply) -> Turn:
    """Return the turn that a request and its reply are."""
    *first, question = own(request)
    return Turn(
        prompt=request.prompt_text,
        system=first[0].content if first else "",
        user=question.content,
        answer=sendable(reply.text),
        status=reply.status,
        attachments=attached(question.content, request.attachments),
    )


def kept(past: Past) -> Turn:
    """Return the turn that a call of the ledger was, without what was attached."""
    assert past.sent is not None
    *first, question = past.sent.messages
    return Turn(
        prompt=past.prompt or "",
        system=first[0].content if first else "",
        user=question.content,
        answer=sendable(past.answer or ""),
        status=past.status or "failed",
        missing=past.sent.attached,
    )


def sendable(text: str) -> str:
    """Return text without what UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
