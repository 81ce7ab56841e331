"""What a call is, from the question to the settled price.

Frozen data only, standard library only: every other module speaks in these types and none of
them does anything, but that a ``Reply`` reads code and JSON out of its text. ``None`` always means
"not known", never zero; money is ``Decimal`` US dollars; tokens are whole numbers counted by the
model's own tokenizer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from .computed import Figure as Figure
from .computed import Query as Query
from .events import Event as Event
from .events import Finish as Finish
from .events import ReasoningDelta as ReasoningDelta
from .events import Started as Started
from .events import TextDelta as TextDelta
from .events import ThinkingEnded as ThinkingEnded
from .events import Unsettled as Unsettled
from .events import Usage as Usage
from .events import Waiting as Waiting
from .messages import Attached as Attached
from .messages import Attachment as Attachment
from .messages import Message as Message
from .messages import Text as Text

Status = Literal["ok", "truncated", "failed", "stopped"]
CostSource = Literal["billed", "estimated", "cached", "free", "offline", "replayed", "unknown"]
# Who answers without a bill: a model on this machine, or an answer that was kept.
FREE: frozenset[CostSource] = frozenset(("offline", "replayed"))
AttemptState = Literal["reserved", "streaming", "settled", "pending"]

# The MIME type of the record that a call leaves in a notebook, beside its footer.
RECORD = "application/vnd.m1-magic.call+json"
# What stands before the links below an answer.
SOURCES = "\n\nSources:\n\n"


@dataclass(frozen=True, slots=True)
class Request:
    """Everything that leaves for the model; ``prompt``, ``attachments`` and ``notes`` tell of it.

    ``prompt`` is what the user typed, without the values and tables that went into ``messages``;
    ``after`` are the calls of the chat whose questions and answers stand before its last message.
    ``keep_thinking`` False: the model's thinking is neither shown nor kept, anywhere.
    ``extra`` are fields and ``headers`` HTTP headers that the user adds; ``fallbacks`` are models
    to be tried in this one's place.
    ``max_tokens_explicit``: the number is the user's own wish, not the default; ``max_cost`` is
    what the call may cost at most in US dollars, None: as the setting says; ``task`` is its name.
    ``exact``: its figures are computed here, by queries that the model writes.
    ``keep`` True: a kept answer is shown if there is one, False: asked anew, None: as the setting
    says; ``cell`` is the front end's id of the cell that asks, ``run`` that of this run of it, ""
    where there is none; ``repeats`` is the call that this one is made in place of, in a chat that
    was asked in an earlier kernel.
    """

    model: str
    messages: tuple[Message, ...]
    max_tokens: int
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    reasoning: Mapping[str, Any] | None = None
    provider: Mapping[str, Any] | None = None
    fallbacks: tuple[str, ...] = ()
    extra: Mapping[str, Any] | None = None
    headers: Mapping[str, str] | None = None
    attachments: tuple[Attachment, ...] = ()
    notes: tuple[str, ...] = ()
    prompt: str = ""
    keep_thinking: bool = True
    chat: str | None = None
    after: tuple[str, ...] = ()
    max_tokens_explicit: bool = False
    max_cost: Decimal | None = None
    task: str = ""
    keep: bool | None = None
    cell: str = ""
    run: str = ""
    repeats: str = ""
    exact: bool = False

    @property
    def prompt_text(self) -> str:
        """What the ledger keeps of the question: as typed, never an attachment's text."""
        if self.prompt:
            return self.prompt
        return "\n\n".join(m.content(self.attachments) for m in self.messages if m.role == "user")

    @property
    def texts(self) -> tuple[str, ...]:
        """The text of each message as it leaves, for counting and for scanning."""
        return tuple(message.text(self.attachments) for message in self.messages)

    @property
    def text(self) -> str:
        """All message text."""
        return "\n".join(self.texts)

    @property
    def own(self) -> tuple[Message, ...]:
        """The messages without those of earlier turns: system, question, rounds."""
        first = [message for message in self.messages[:1] if message.role == "system"]
        return (*first, *self.messages[len(first) + 2 * len(self.after) :])

    def body(self) -> dict[str, Any]:
        """Return the JSON body of ``POST /chat/completions``, without what was left unset."""
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [message.wire(self.attachments) for message in self.messages],
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "seed": self.seed,
            "stop": list(self.stop) or None,
            "reasoning": dict(self.reasoning) if self.reasoning else None,
            "provider": dict(self.provider) if self.provider else None,
            "models": list(self.fallbacks) or None,
        }
        extra = dict(self.extra or {})
        if "max_completion_tokens" in extra:
            extra["max_completion_tokens"] = body.pop("max_tokens")
        return {key: value for key, value in body.items() if value is not None} | extra

    def lasting(self) -> dict[str, Any]:
        """Return the body with what lasts of its attachments: of some tables only the columns."""
        along = self.attachments
        messages = [message.lasting(along).wire(along) for message in self.messages]
        return self.body() | {"messages": messages}

    def fingerprint(self) -> str:
        """Return the sha256 of the canonical JSON body: equal requests, equal fingerprints."""
        body = self.lasting()
        canonical = json.dumps(body, sort_keys=True, ensure_ascii=False, allow_nan=False)
        return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request on the wire, with its own hold, generation id and price."""

    id: str
    hold: Decimal | None = None
    generation_id: str | None = None
    usage: Usage | None = None
    cost: Decimal | None = None
    cost_source: CostSource = "unknown"
    state: AttemptState = "reserved"
    provider: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Reply:
    """What came back; shown again in a notebook, it displays itself without a new call.

    ``cost`` is in US dollars, ``None`` while unknown. ``status`` and ``finish`` are
    ``ok``/``stop``, ``ok``/``refusal`` (the text is how the model refused),
    ``truncated``/``length`` or ``/content_filter``, ``failed`` or ``stopped`` with a partial text.
    Links that the model cited end the text. ``notes`` say what else came, and is not kept.
    ``template`` is what the model wrote where ``queries`` computed ``figures`` of the text.
    """

    text: str = ""
    thinking: str = ""
    usage: Usage | None = None
    cost: Decimal | None = None
    cost_source: CostSource = "unknown"
    model: str = ""
    finish: str | None = None
    status: Status = "ok"
    id: str = ""
    data: Any = None
    notes: tuple[str, ...] = ()
    template: str = ""
    queries: tuple[Query, ...] = ()
    figures: tuple[Figure, ...] = ()

    @property
    def written(self) -> str:
        """What the model wrote, as it is kept and sent again: without a computed figure."""
        return self.template or self.text

    @property
    def code(self) -> list[str]:
        """The contents of the answer's fenced code blocks, in order."""
        from .markdown.reading import code_blocks

        return code_blocks(self.text)

    def json(self) -> Any:
        """Return the answer as Python data, or else the first JSON in it.

        That is a fenced block that is JSON, or else an object or array between its words.

        Raises:
            ValueError: nothing in the answer is JSON.
        """
        from .markdown.reading import json_value

        return json_value(self.text, self.text.partition(SOURCES)[0], *self.code)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        start = self.text if len(self.text) <= 60 else self.text[:59] + "…"
        return f"Reply({start!r}, status={self.status!r}, cost={self.cost}, id={self.id!r})"


@dataclass(frozen=True, slots=True)
class Replay:
    """The call that a kept answer came of: its id, when (None: not known), and what it cost.

    ``tape`` is the name of the tape that it stands on, "" for the ledger's own; ``estimated``: the
    cost is not billed yet.
    """

    id: str
    at: datetime | None = None
    cost: Decimal | None = None
    tape: str = ""
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One question: its request, all attempts at it, and the reply; costs are sums.

    ``original`` is the request before limits changed it, by which a kept answer is found; None: the
    same. ``replay`` is the call whose answer is shown again.
    """

    id: str
    at: datetime
    request: Request
    reply: Reply = field(default_factory=Reply)
    attempts: tuple[Attempt, ...] = ()
    seconds: float = 0.0
    error: str | None = None
    original: Request | None = None
    replay: Replay | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """Dollars spent and held, in this session and in the budget's period."""

    session: Decimal = Decimal(0)
    spent: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    budget: Decimal | None = None
    period: str = "session"
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a footer needs: the call, the totals after it, and what is worth saying.

    ``beside``: it stands beside others, and what they have in common is told once, below all.
    """

    call: Call
    totals: Totals = field(default_factory=Totals)
    notes: tuple[str, ...] = ()
    beside: bool = False
