"""What the ledger keeps of a request: the messages as they left, without what was attached.

Where an attachment stood, a line says which one, at what level, and how long it was. Earlier turns
of a chat are not kept twice: the ids of their calls stand for them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

from ..calls import Attachment, Message, Request, Text
from ..messages import Attached, Part, ToolCall, ToolResult, own
from ..text import one_line

KINDS: dict[str, type[Part]] = {
    "attached": Attached,
    "tool_call": ToolCall,
    "tool_result": ToolResult,
}
NAMES = {kind: name for name, kind in KINDS.items()}


@dataclass(frozen=True, slots=True)
class Sent:
    """What left in a request, as far as it is kept.

    ``messages`` are its own; those of the calls ``after`` stood before the last of them.
    ``attachments`` have a line for a text; ``attached`` counts them, in old rows too, where the
    lines are part of the messages' text. ``exact``: its answer is a template.
    """

    messages: tuple[Message, ...]
    sampling: dict[str, Any]
    after: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    attached: int = 0
    exact: bool = False

    @property
    def texts(self) -> tuple[tuple[str, str], ...]:
        """Role and text of each message."""
        return tuple((one.role, one.text(self.attachments)) for one in self.messages)


def kept(request: Request) -> str:
    """Return the messages and sampling of a request as JSON, attachments replaced by a line."""
    sampling = {k: v for k, v in request.body().items() if k not in ("model", "messages")}
    safe = [_safe(message, request.attachments) for message in request.own]
    messages, attachments = own(safe, request.attachments)
    stored = {
        "messages": [[message.role, _stored(message)] for message in messages],
        "attachments": [[a.kind, a.name, line(a), a.level, a.shape] for a in attachments],
        "sampling": sampling,
        "after": request.after,
        **({"exact": True} if request.exact else {}),
    }
    return json.dumps(stored, ensure_ascii=False)


def hashed(request: Request) -> dict[str, Any]:
    """Return the parts by which one request differs from another, as JSON; texts as hashes.

    ``typed`` and ``words`` are the question before and after values went into it; ``along`` has
    for each attachment its kind, name, hash, shape and level; ``chat`` the earlier turns.
    """
    messages, attachments = own(request.own, request.attachments)
    body = request.lasting()
    earlier = body.pop("messages")[:-1]
    system = request.messages[0].content() if request.messages[0].role == "system" else ""
    words = "".join(part.text for part in messages[-1].parts if isinstance(part, Text))
    return {
        "typed": hash_of(request.prompt),
        "words": hash_of(words),
        "system": hash_of(system),
        "chat": [
            None if request.alone else request.chat,
            hash_of(json.dumps(earlier)) if request.after else "",
        ],
        "along": [_along(one) for one in attachments],
        "sampling": body,
    }


def _along(attachment: Attachment) -> list[Any]:
    """Return what of an attachment an answer depends on."""
    a, lasting = attachment, attachment.lasting
    return [a.kind, a.name, hash_of(lasting or a.text), None if lasting else a.shape, a.level]


def at_a_server(request: Request) -> dict[str, Any]:
    """Return the same with a hash of the headers, which belong to a server and to no tape."""
    added = headers(request)
    return hashed(request) | ({"headers": added} if added else {})


def headers(request: Request) -> str:
    """Return a hash of the headers that the user adds, "" where there are none."""
    if not request.headers:
        return ""
    return hash_of(json.dumps(dict(request.headers), sort_keys=True))


def hash_of(text: str) -> str:
    """Return a short hash of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def read(text: str) -> Sent:
    """Return what ``kept`` wrote, in this version or in an older one."""
    stored = json.loads(text)
    attachments = tuple(
        Attachment(kind, name, line, level, shape and tuple(shape))
        for kind, name, line, level, shape in stored.get("attachments", ())
    )
    return Sent(
        messages=tuple(Message(role, _parts(parts)) for role, parts in stored["messages"]),
        sampling=stored["sampling"],
        after=tuple(stored.get("after", ())),
        attachments=attachments,
        attached=stored.get("attached", len(attachments)),
        exact=stored.get("exact") is True,
    )


def line(attachment: Attachment) -> str:
    """Return what stands for it: ``[sales 344 × 8, level stats, 1,204 characters, …]``."""
    shape = attachment.shape
    size = f" {shape[0]:,} × {shape[1]:,}" if shape else ""
    level = f"level {attachment.level}" if attachment.level else attachment.kind
    length = f"{len(attachment.text):,} characters"
    return f"[{one_line(attachment.name, 80)}{size}, {level}, {length}, not kept]"


def _safe(message: Message, attachments: Sequence[Attachment]) -> Message:
    """Return the message, or how long it was if it quotes an attachment: nothing of one is kept."""
    words = "\0".join(part.text for part in message.parts if isinstance(part, Text))
    for one in attachments:
        body = one.text.encode("utf-8", "replace").decode("utf-8")
        if body.strip() and body in words:
            length = f"{len(message.content(attachments)):,} characters"
            name = one_line(one.name, 80)
            return replace(message, parts=(Text(f"[{length} with {name} in them, not kept]"),))
    return message


def _stored(message: Message) -> str | list[Any]:
    """Return the parts as JSON: words as they are, all else under the name of its kind."""
    parts = [
        part.text if isinstance(part, Text) else {NAMES[type(part)]: astuple(part)}
        for part in message.parts
    ]
    return parts[0] if len(parts) == 1 and isinstance(parts[0], str) else parts


def _parts(stored: str | list[Any]) -> tuple[Part, ...]:
    """Return what ``_stored`` made parts from; older versions kept the whole text."""
    return tuple(map(_part, [stored] if isinstance(stored, str) else stored))


def _part(stored: str | dict[str, Any]) -> Part:
    if isinstance(stored, str):
        return Text(stored)
    ((name, values),) = stored.items()
    return KINDS[name](*values)
