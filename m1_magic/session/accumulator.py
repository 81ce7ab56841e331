"""Events of an attempt → what came so far and its price; attempts of a call → its Reply."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

from ..calls import (
    CUT_OFF,
    FREE,
    Attempt,
    Call,
    CostSource,
    Event,
    Finish,
    ReasoningDelta,
    Reply,
    Request,
    Started,
    Status,
    TextDelta,
    ThinkingEnded,
    ToolEnded,
    Usage,
)
from ..errors import MAY_COST, NOTHING_SENT, EmptyAnswer, Stopped
from ..events import ToolCallDelta
from ..messages import ToolCall
from ..pricing.dollars import money
from ..pricing.prices import ModelLimits, amount, estimate
from ..pricing.tokens import TEMPLATE_TOKENS, WRITTEN, likely_tokens
from .plan import given_away

# OpenRouter docs, api_reference/streaming: closing the connection does not stop every provider.
MAY_FINISH = "The provider may still finish and charge."
CANNOT_BE_STOPPED = (
    "The provider may still finish and charge (MiniMax's own endpoint cannot be stopped)."
)
ANOTHER_SERVER = "The server may still finish it."


class Accumulator:
    """The events of one attempt, folded into what came so far; without thinking if none is kept."""

    def __init__(self, keep_thinking: bool = True) -> None:
        self._keep_thinking = keep_thinking
        self.sent = self.started = False
        self.generation_id: str | None = None
        self.finish: Finish = Finish()
        self.characters = 0  # of text and thinking, whether it is kept or not
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._calls: dict[int, list[ToolCallDelta]] = {}

    def feed(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, TextDelta):
            self.characters += len(event.text)
            self._text.append(event.text)
        elif isinstance(event, ReasoningDelta):
            self.characters += len(event.text)
            if self._keep_thinking:
                self._thinking.append(event.text)
        elif isinstance(event, ToolCallDelta):
            self.characters += len(event.name) + len(event.arguments)
            self._calls.setdefault(event.index, []).append(event)
        elif isinstance(event, ThinkingEnded):
            if self._keep_thinking:
                self._thinking.append(self.text.strip("\n"))
            self._text.clear()
        elif isinstance(event, Started):
            self.started, self.generation_id = True, event.generation_id
        elif isinstance(event, Finish):
            self.finish = event

    @property
    def text(self) -> str:
        """The answer so far."""
        return "".join(self._text)

    @property
    def thinking(self) -> str:
        """The thinking so far."""
        return "".join(self._thinking)

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The calls of tools so far."""
        made = []
        for pieces in self._calls.values():
            name = "".join(one.name for one in pieces)
            made.append(ToolCall(pieces[0].id, name, "".join(one.arguments for one in pieces)))
        return tuple(made)


def counted(request: Request, stream: Accumulator) -> Usage | None:
    """Return the tokens of an attempt as the server counts them; what it does not is estimated.

    Of a total, the answer is what the prompt leaves: thinking that is not shown is in it, too.
    """
    end = stream.finish
    usage, output = end.usage or Usage(), math.ceil(stream.characters / WRITTEN)
    given = usage.input
    if end.cached or (given and (usage.output or not output)) or not (output or end.total):
        return end.usage
    if not given:
        given = likely_tokens(request.text) + TEMPLATE_TOKENS
    if end.total and not usage.output:
        given = min(given, max(end.total - output, 0))
        output = end.total - given
    return replace(usage, input=given, output=usage.output or output, estimated=True)


def priced(
    attempt: Attempt,
    request: Request,
    stream: Accumulator,
    billing: CostSource,
    limits: ModelLimits | None,
    error: BaseException | None,
) -> Attempt:
    """Return the attempt with its usage, and its cost or that it is not known yet."""
    usage = counted(request, stream)
    cost, source = _cost_so_far(usage, stream, billing, limits, error)
    return replace(
        attempt,
        usage=usage,
        generation_id=stream.generation_id,
        provider=stream.finish.provider,
        cost=cost,
        cost_source=source,
        state="pending" if cost is None else "settled",
    )


def _cost_so_far(
    usage: Usage | None,
    stream: Accumulator,
    billing: CostSource,
    limits: ModelLimits | None,
    error: BaseException | None,
) -> tuple[Decimal | None, CostSource]:
    """Return what an attempt cost, None if that is not known yet, and how it is known."""
    end = stream.finish
    if billing in FREE:
        return Decimal(0), billing
    if end.cached and not end.cost:
        return Decimal(0), "cached"
    if end.cost is not None:
        return end.cost, "billed"
    if given_away(limits):
        return Decimal(0), "free"
    # What was only guessed is asked for, where it can be; the hold stays as long.
    guessed = usage and usage.estimated and not end.total and not end.usage
    to_ask = guessed and (error is not None or stream.generation_id)
    if usage and usage.output and not to_ask and limits and limits.dearest:
        about = amount(estimate(usage, limits.dearest))
        if about is not None:
            return about, "estimated"
    nothing = not stream.sent or (error is not None and not getattr(error, "charged", True))
    return Decimal(0) if nothing else None, "unknown"


def reply(call: Call, stream: Accumulator, error: BaseException | None) -> Reply:
    """Return the reply of all attempts so far; the text is the last attempt's.

    So are the calls of tools, of which nothing has become yet.
    """
    end = stream.finish
    costs = [attempt.cost for attempt in call.attempts]
    usages = [attempt.usage for attempt in call.attempts if attempt.usage]
    status: Status = "failed" if error else "ok"
    if isinstance(error, KeyboardInterrupt):
        status = "stopped"
    elif not error and end.reason in CUT_OFF:
        status = "truncated"
    return Reply(
        text=stream.text,
        thinking=stream.thinking,
        usage=sum(usages[1:], usages[0]) if usages else None,
        cost=None if None in costs else sum((c for c in costs if c is not None), Decimal(0)),
        cost_source=call.attempts[-1].cost_source,
        model=end.model or call.request.model,
        finish=end.reason if not error or (status, end.reason) == ("failed", "error") else None,
        status=status,
        id=call.id,
        notes=() if isinstance(error, EmptyAnswer) else end.notes,
        tools=tuple(ToolEnded(one, "", "refused", len(stream.text)) for one in stream.calls),
    )


def empty(stream: Accumulator, attempt: Attempt, tools: bool = False) -> EmptyAnswer | None:
    """Return the error for a completion that ended in order and brought no text.

    ``tools``: calls of tools are no error, for somebody answers them.
    """
    end = stream.finish
    called = tools and (end.reason == "tool_calls" or stream.calls)
    if stream.text.strip() or end.reason == "length" or called:
        return None
    reasons = end.notes or {
        "content_filter": ("the provider's content filter kept it back",),
        "refusal": ("the model refused, without a word",),
        "tool_calls": ("the model called a tool, which nobody offered",),
    }.get(end.reason or "", ("the model ended without a word",))
    what = f"No answer came: {'; '.join(reasons)}."
    return EmptyAnswer(what, cost=_cost(attempt.cost), todo="Ask again, or in other words.")


def may_finish(model: str, openrouter: bool) -> str:
    """Return what becomes of an answer whose connection was closed."""
    if not openrouter:
        return ANOTHER_SERVER
    return CANNOT_BE_STOPPED if model.startswith("minimax/") else MAY_FINISH


def stopped(stream: Accumulator, billing: CostSource, goes_on: str = MAY_FINISH) -> Stopped:
    """Return the error for a Ctrl-C, by how far the call had come."""
    if not stream.sent:
        return Stopped("Stopped by you, before anything was sent.", cost=NOTHING_SENT)
    what, cost = "Stopped by you, before the server answered.", f"{MAY_COST} {goes_on}"
    todo = "%m1 cost shows what is not settled."
    if stream.started:
        has_text = stream.text or stream.thinking
        what = f"Stopped by you; {'the text so far is kept' if has_text else 'no text had come'}."
        cost, todo = goes_on, "%m1 cost shows the price once it is known."
    if goes_on == ANOTHER_SERVER:
        todo = ""  # it tells no price later on
    if billing in FREE:
        cost = todo = ""
    elif stream.finish.cost is not None:
        cost, todo = _cost(stream.finish.cost), ""
    return Stopped(what, cost=cost, todo=todo)


def late(call: Call | None) -> Stopped:
    """Return the error for a Ctrl-C before there was a call, or when it was over."""
    if call is None:
        return stopped(Accumulator(), "unknown")
    what = "Stopped by you, when the answer was complete; it is kept."
    return Stopped(what, cost=_cost(call.reply.cost))


def between(call: Call) -> Stopped:
    """Return the error for a Ctrl-C between two rounds."""
    what = "Stopped by you, between two rounds; the text so far is kept."
    return Stopped(what, cost=_cost(call.reply.cost))


def spent(call: Call) -> str:
    """Return what the rounds of a call cost that was ended before another one."""
    cost = call.reply.cost
    return MAY_COST if cost is None else f"What came is kept; it cost {money(cost)}."


def spent_before(call: Call) -> str:
    """Return what the rounds of a call cost before one that failed, and cost something itself."""
    cost = call.reply.cost
    price = "their price is not known yet" if cost is None else f"they cost {money(cost)}"
    return f"The rounds before it are kept; {price}."


def _cost(cost: Decimal | None) -> str:
    return MAY_COST if cost is None else f"It cost {money(cost)}."
