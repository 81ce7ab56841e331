"""What the ledger keeps of a request: the messages as they left, without what was attached.

Where an attachment stood, a line says which one, at what level, and how long it was. Earlier turns
of a chat are not kept twice: the ids of their calls stand for them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..calls import Attachment, Message, Request
from ..text import one_line


@dataclass(frozen=True, slots=True)
class Sent:
    """What left in a request, as far as it is kept.

    ``messages`` are its own; those of the calls ``after`` stood before the last of them.
    ``attached`` counts what was attached to its own.
    """

    messages: tuple[Message, ...]
    sampling: dict[str, Any]
    after: tuple[str, ...] = ()
    attached: int = 0


def kept(request: Request) -> str:
    """Return the messages and sampling of a request as JSON, attachments replaced by a line."""
    sampling = {k: v for k, v in request.body().items() if k not in ("model", "messages")}
    mine = own(request)
    messages = [[m.role, without(m.content, request.attachments)] for m in mine]
    count = len(attached(mine[-1].content, request.attachments)) if mine else 0
    whole = {"messages": messages, "sampling": sampling, "after": request.after, "attached": count}
    return json.dumps(whole, ensure_ascii=False)


def own(request: Request) -> tuple[Message, ...]:
    """Return the messages of a request without those of earlier turns: system and question."""
    first = [m for m in request.messages[:1] if m.role == "system"]
    return (*first, *request.messages[len(first) + 2 * len(request.after) :])


def attached(content: str, attachments: Sequence[Attachment]) -> tuple[Attachment, ...]:
    """Return those of the attachments that stand in a message."""
    return tuple(one for one in attachments if f">\n{_body(one)}\n</data-" in content)


def read(text: str) -> Sent:
    """Return what ``kept`` wrote."""
    found = json.loads(text)
    messages = tuple(Message(*pair) for pair in found["messages"])
    after = tuple(found.get("after", ()))
    return Sent(messages, found["sampling"], after, found.get("attached", 0))


def without(content: str, attachments: Sequence[Attachment]) -> str:
    """Return a message with a line in place of each attachment's body.

    An attachment stands between two marks of its own (see ``context.fence``).
    """
    for one in attachments:
        body = _body(one)
        content = content.replace(f">\n{body}\n</data-", f">\n{line(one)}\n</data-")
    for one in attachments:
        body = one.text.encode("utf-8", "replace").decode("utf-8")
        if body.strip() and body in content:  # not as it was fenced: rather nothing than a value
            return f"[{len(content):,} characters with {one_line(one.name, 80)} in them, not kept]"
    return content


def line(attachment: Attachment) -> str:
    """Return what stands for an attachment: ``[sales 344 × 8, level stats, 1,204 characters, …]``.

    Its name and level, and how long it was.
    """
    shape = attachment.shape
    size = f" {shape[0]:,} × {shape[1]:,}" if shape else ""
    level = f"level {attachment.level}" if attachment.level else attachment.kind
    length = f"{len(attachment.text):,} characters"
    return f"[{one_line(attachment.name, 80)}{size}, {level}, {length}, not kept]"


def _body(one: Attachment) -> str:
    return one.text.encode("utf-8", "replace").decode("utf-8")
