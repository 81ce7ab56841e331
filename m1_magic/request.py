"""What is asked: the request, frozen, as all backends get it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .messages import Attachment, Message

OF_PANELS = re.compile(r"panel\d*(\.\d+)?")  # their own chats, whose names nobody typed


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """How an answer that is data is to be written: in ``words``, or as a ``response_format``."""

    words: str
    response_format: Mapping[str, Any]


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
    ``exact``: its figures are computed here, by queries that the model writes. ``form``: its answer
    is data, of which ``response_format`` tells a server that takes it. ``tools`` are the functions
    that the model may have called, as the wire describes them.
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
    form: AnswerForm | None = None
    response_format: Mapping[str, Any] | None = None
    tools: tuple[Mapping[str, Any], ...] = ()

    @property
    def alone(self) -> bool:
        """Is it asked as without a chat? So is the first question of a panel's own one."""
        return not self.after and (self.chat is None or bool(OF_PANELS.fullmatch(self.chat)))

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
        """All text that leaves: of messages, and of what describes the tools."""
        return "\n".join((*self.texts, self.offered) if self.tools else self.texts)

    @property
    def offered(self) -> str:
        """What describes the tools, as text; "" where there are none."""
        return json.dumps(self.tools, ensure_ascii=False) if self.tools else ""

    @property
    def own(self) -> tuple[Message, ...]:
        """The messages without those of earlier turns: system, question, rounds."""
        first = [message for message in self.messages[:1] if message.role == "system"]
        questions = [n for n, message in enumerate(self.messages) if message.role == "user"]
        return (*first, *self.messages[questions[len(self.after)] if self.after else len(first) :])

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
            "response_format": self.response_format,
            "tools": [*self.tools] or None,
        }
        extra = dict(self.extra or {})
        if "max_completion_tokens" in extra:
            extra["max_completion_tokens"] = body.pop("max_tokens")
        return {key: value for key, value in body.items() if value is not None} | extra

    def lasting(self) -> dict[str, Any]:
        """Return the body with what lasts of its attachments: of some tables only the columns."""
        along = self.attachments
        messages = [message.lasting(along).wire(along) for message in self.messages]
        form = {"returns": _hash(self.form.response_format)} if self.form else {}
        return self.body() | {"messages": messages} | form

    def fingerprint(self) -> str:
        """Return the sha256 of the canonical JSON body: equal requests, equal fingerprints."""
        return _hash(self.lasting())


def _hash(value: Any) -> str:
    canonical = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()
