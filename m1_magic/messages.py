"""What a message is: parts in order, some of which stand for what goes along with it.

Frozen data, standard library only. The form on the wire and the form in the ledger are views of
the parts; nothing is ever looked for in a message's text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Attachment:
    """Text that goes along with a prompt, and what a receipt has to say about it.

    ``rows`` and ``labels`` count the raw rows and the category labels inside ``text``;
    ``lasting`` is what of a text an answer depends on that computes its figures: the columns of a
    table, "" where that is all of it; ``tables`` are those that its queries may read.
    ``masked`` counts columns or secrets that were hidden, ``dropped`` outputs of cells that were
    left out; ``shape`` is rows × columns of the source where it is a table.
    """

    kind: str
    name: str
    text: str
    level: str | None = None
    shape: tuple[int, int] | None = None
    rows: int = 0
    labels: int = 0
    masked: int = 0
    tokens: int = 0
    dropped: int = 0
    lasting: str = ""
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    """Words of a message."""

    text: str


@dataclass(frozen=True, slots=True)
class Attached:
    """The place of an attachment: its index among those of the request, and its two marks."""

    index: int
    opening: str
    closing: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function that the model wants called; ``arguments`` is JSON as the model wrote it."""

    id: str
    name: str
    arguments: str

    @property
    def python(self) -> str:
        """The call as Python, ``best(city='Paris', top=3)``; foreign text.

        Arguments that are no JSON object stay as they came.
        """
        with suppress(ValueError, RecursionError):
            given = json.loads(self.arguments or "{}")
            if isinstance(given, dict) and all(name.isidentifier() for name in given):
                values = (f"{name}={value!r}" for name, value in given.items())
                return f"{self.name}({', '.join(values)})"
        return f"{self.name}({self.arguments})"


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What the function gave that the `ToolCall` of this id asked for."""

    id: str
    text: str


Part = Text | Attached | ToolCall | ToolResult


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the conversation: ``system``, ``user``, ``assistant`` or ``tool``."""

    role: str
    parts: tuple[Part, ...]

    def content(self, attachments: Sequence[Attachment] = ()) -> str:
        """Return its words, each of the request's attachments in its place."""
        return "".join([_content(part, attachments) for part in self.parts])

    def text(self, attachments: Sequence[Attachment] = ()) -> str:
        """Return all that leaves in it, for counting and for scanning: its calls, too."""
        words, calls = self.content(attachments), self._of(ToolCall)
        return words + "".join(f"{call.name}({call.arguments})" for call in calls)

    def wire(self, attachments: Sequence[Attachment] = ()) -> dict[str, Any]:
        """Return the message as JSON of ``POST /chat/completions`` (OpenAI docs, chat/create)."""
        content = self.content(attachments)
        calls = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in self._of(ToolCall)
        ]
        message: dict[str, Any] = {"role": self.role, "content": content}
        if calls:
            message |= {"content": content or None, "tool_calls": calls}
        for result in self._of(ToolResult):
            message["tool_call_id"] = result.id
        return message

    def lasting(self, attachments: Sequence[Attachment]) -> Message:
        """Return the message without the marks of attachments of which only a part lasts."""
        parts = (
            Text(attachments[part.index].lasting)
            if isinstance(part, Attached) and attachments[part.index].lasting
            else part
            for part in self.parts
        )
        return replace(self, parts=tuple(parts))

    def moved(self, indices: Mapping[int, int]) -> Message:
        """Return the message with other indices of its attachments, by those that they have."""
        parts = (
            replace(part, index=indices[part.index]) if isinstance(part, Attached) else part
            for part in self.parts
        )
        return replace(self, parts=tuple(parts))

    def _of(self, kind: type[Any]) -> list[Any]:
        return [part for part in self.parts if isinstance(part, kind)]


def merged(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Return the parts with neighbouring words as one, and without empty ones."""
    made: list[Part] = []
    for part in parts:
        before = made[-1] if made else None
        if isinstance(part, Text) and isinstance(before, Text):
            made[-1] = Text(before.text + part.text)
        elif part != Text(""):
            made.append(part)
    return tuple(made)


def own(
    messages: Sequence[Message], attachments: Sequence[Attachment]
) -> tuple[tuple[Message, ...], tuple[Attachment, ...]]:
    """Return the messages with those of the attachments only that stand in them."""
    used = {part.index for message in messages for part in message._of(Attached)}
    indices = {index: number for number, index in enumerate(sorted(used))}
    return (
        tuple(message.moved(indices) for message in messages),
        tuple(attachments[index] for index in indices),
    )


def _content(part: Part, attachments: Sequence[Attachment]) -> str:
    if isinstance(part, Attached):
        text = attachments[part.index].text.encode("utf-8", "replace").decode("utf-8")
        return f"{part.opening}\n{text}\n{part.closing}"  # lone surrogates cannot go
    return "" if isinstance(part, ToolCall) else part.text
