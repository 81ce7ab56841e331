"""What the ledger keeps of a request: the messages as they left, without what was attached.

Where an attachment stood, a line says which one, at what level, and how long it was.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..calls import Attachment, Message, Request
from ..errors import plain


@dataclass(frozen=True, slots=True)
class Sent:
    """What left in a request, as far as it is kept: its messages, and its sampling."""

    messages: tuple[Message, ...]
    sampling: dict[str, Any]


def kept(request: Request) -> str:
    """Return the messages and sampling of a request as JSON, attachments replaced by a line."""
    sampling = {k: v for k, v in request.body().items() if k not in ("model", "messages")}
    messages = [[m.role, without(m.content, request.attachments)] for m in request.messages]
    return json.dumps({"messages": messages, "sampling": sampling}, ensure_ascii=False)


def read(text: str) -> Sent:
    """Return what ``kept`` wrote."""
    found = json.loads(text)
    return Sent(tuple(Message(*pair) for pair in found["messages"]), found["sampling"])


def without(content: str, attachments: Sequence[Attachment]) -> str:
    """Return a message with a line in place of each attachment's body.

    An attachment stands between two marks of its own (see ``context.fence``).
    """
    for one in attachments:
        body = one.text.encode("utf-8", "replace").decode("utf-8")
        content = content.replace(f">\n{body}\n</data-", f">\n{line(one)}\n</data-")
    for one in attachments:
        body = one.text.encode("utf-8", "replace").decode("utf-8")
        if body.strip() and body in content:  # not as it was fenced: rather nothing than a value
            return f"[{len(content):,} characters with {plain(one.name, 80)} in them, not kept]"
    return content


def line(attachment: Attachment) -> str:
    """Return what stands for an attachment: ``[sales 344 × 8, level stats, 1,204 characters, …]``.

    Its name and level, and how long it was.
    """
    shape = attachment.shape
    size = f" {shape[0]:,} × {shape[1]:,}" if shape else ""
    level = f"level {attachment.level}" if attachment.level else attachment.kind
    length = f"{len(attachment.text):,} characters"
    return f"[{plain(attachment.name, 80)}{size}, {level}, {length}, not kept]"
