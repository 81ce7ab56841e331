"""What a backend yields while it answers, and the tokens that it counts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import groupby
from typing import Literal

from .computed import Figure
from .messages import Message, Part, Text, ToolCall, ToolResult


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of completions; ``input`` includes ``cached``, and ``output`` ``reasoning``.

    ``estimated``: the server did not count all of them; the rest is guessed from characters.
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0
    estimated: bool = field(default=False, kw_only=True, repr=False)

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """The four numbers."""
        return self.input, self.output, self.cached, self.reasoning

    def __add__(self, other: Usage) -> Usage:
        sums = map(sum, zip(self.counts, other.counts, strict=True))
        return Usage(*sums, estimated=self.estimated or other.estimated)


@dataclass(frozen=True, slots=True)
class Started:
    """The server accepted the request: from here on it may cost money."""

    generation_id: str | None = None


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """A piece of the model's thinking, as it comes."""

    text: str


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer, as it comes; ``figures`` are those in it, by place in the answer."""

    text: str
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True)
class Unsettled:
    """What follows the text so far, until the next event of this kind takes its place.

    ``characters`` counts what the model wrote so far; ``doing`` is what is done meanwhile, ""
    while it writes.
    """

    text: str
    characters: int = 0
    doing: str = ""


MOST_CALLS = 64  # of tools that are made in one round


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a call of a tool, as it comes: ``index`` says of which of the round's calls.

    ``id`` comes with the first piece, and mostly ``name``, of which other pieces may have the rest;
    ``arguments`` is a piece of JSON.
    """

    index: int
    arguments: str = ""
    id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class ToolAsked:
    """A call of a tool came to its end and waits for yes or no, or is about to run."""

    call: ToolCall


@dataclass(frozen=True, slots=True)
class ToolEnded:
    """What became of a call of a tool: ``text`` is what M1 is told of it.

    ``at`` is, in a finished reply, behind how many characters of its text the call stands.
    """

    call: ToolCall
    text: str
    outcome: Literal["ran", "failed", "refused"] = "ran"
    at: int = 0


@dataclass(frozen=True, slots=True)
class ThinkingEnded:
    """All text so far was thinking: its end came without a beginning."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing was charged; the session tries again in ``seconds`` because of ``reason``."""

    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of one completion: ``cost`` is what the server billed, in US dollars.

    ``total`` tokens are all that some servers count. ``cached``: the server had the answer ready,
    and nothing was computed. ``notes`` say what came beside the text.
    """

    reason: str | None = None
    usage: Usage | None = None
    cost: Decimal | None = None
    model: str | None = None
    provider: str | None = None
    total: int = 0
    cached: bool = False
    notes: tuple[str, ...] = ()


Event = (
    Started
    | ReasoningDelta
    | TextDelta
    | Unsettled
    | ToolCallDelta
    | ToolAsked
    | ToolEnded
    | ThinkingEnded
    | Waiting
    | Finish
)


def rounds(text: str, ended: Sequence[ToolEnded]) -> list[Message]:
    """Return the messages that an answer with calls of tools is: each round, and its results.

    The last one is the text behind all calls; it may be empty.
    """
    made: list[Message] = []
    begins = 0
    for at, some in groupby(ended, lambda one: min(one.at, len(text))):
        calls = tuple(some)
        words: tuple[Part, ...] = (
            (Text(text[begins:at].strip()),) if text[begins:at].strip() else ()
        )
        valid = (replace(one.call, arguments=_valid(one.call.arguments)) for one in calls)
        made.append(Message("assistant", (*words, *valid)))
        made += [Message("tool", (ToolResult(one.call.id, one.text),)) for one in calls]
        begins = max(begins, at)
    last = text[begins:].strip("\n") if ended else text
    return [*made, Message("assistant", (Text(last),))]


def _valid(arguments: str) -> str:
    """Return arguments as a JSON object: servers read them, also of calls that were wrong."""
    for constant in (_no_json, str):
        with suppress(ValueError, RecursionError):
            read = json.loads(arguments, parse_constant=constant)
            if isinstance(read, dict):
                return arguments if constant is _no_json else json.dumps(read, ensure_ascii=False)
    return json.dumps({"unreadable": arguments[:200]} if arguments.strip() else {})


def _no_json(word: str) -> None:
    """Refuse NaN and Infinity, which Python takes for JSON."""
    raise ValueError(word)
