"""What a call is, from the question to the settled price.

Frozen data only, standard library only: every other module speaks in these types and none of
them does anything, but that a ``Reply`` reads code and JSON out of its text. ``None`` always means
"not known", never zero; money is ``Decimal`` US dollars; tokens are whole numbers counted by the
model's own tokenizer.
"""

from __future__ import annotations

import importlib
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
from .events import ToolEnded as ToolEnded
from .events import Unsettled as Unsettled
from .events import Usage as Usage
from .events import Waiting as Waiting
from .messages import Attached as Attached
from .messages import Attachment as Attachment
from .messages import Message as Message
from .messages import Text as Text
from .request import AnswerForm as AnswerForm
from .request import Request as Request

Status = Literal["ok", "truncated", "failed", "stopped"]
CUT_OFF = ("length", "content_filter")  # why an answer ended that is ``truncated``
CostSource = Literal["billed", "estimated", "cached", "free", "offline", "replayed", "unknown"]
# Who answers without a bill: a model on this machine, or an answer that was kept.
FREE: frozenset[CostSource] = frozenset(("offline", "replayed"))
AttemptState = Literal["reserved", "streaming", "settled", "pending"]

# The MIME type of the record that a call leaves in a notebook, beside its footer.
RECORD = "application/vnd.m1-magic.call+json"
# What stands before the links below an answer.
SOURCES = "\n\nSources:\n\n"


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
    ``truncated``/``length``, ``/content_filter`` or ``/tool_calls`` (no more rounds), ``failed`` or
    ``stopped`` with a partial text. Links that the model cited end the text. ``notes`` say what
    else came, and is not kept.
    ``template`` is what the model wrote where ``queries`` computed ``figures`` of the text.
    ``data`` is what was asked for by ``returns=`` or ``choices=``, None where the answer did not
    fit, for which ``notes`` say why; ``page`` is Markdown that shows it. ``tools`` are the calls of
    functions that M1 wanted, and what became of each.
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
    page: str = ""
    tools: tuple[ToolEnded, ...] = ()

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

    def _repr_html_(self) -> str:
        """Return the answer as safe HTML, for marimo and others that ask a value for it."""
        return self._displayed("html")["text/html"]

    def _repr_markdown_(self) -> str:
        """Return the answer as Markdown in which nothing is live."""
        return self._displayed("markdown")["text/markdown"]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """Return both, and the text."""
        return {**self._displayed("html"), **self._displayed("markdown")}

    def _displayed(self, mode: str) -> Mapping[str, str]:
        # By name: what displays a reply stands above what a reply is.
        settings = importlib.import_module("m1_magic.app").PROCESS.settings()
        answer = importlib.import_module("m1_magic.render.answer")
        return dict(answer.bundle(self, settings, mode))

    def table(self) -> Any:
        """Return ``data`` as a DataFrame: pandas, or Polars where only that is imported.

        Raises:
            ValueError: there is no data.
        """
        from .records import table

        return table(self.data)

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
