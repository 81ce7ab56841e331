"""Events of an attempt → what came so far; attempts of a call → its Reply, or how it failed."""

from __future__ import annotations

from decimal import Decimal

from .calls import Call, Event, Finish, Reply, Started, Status, Text, Thinking
from .errors import EmptyAnswer, Stopped, Told


class Fold:
    """The events of one attempt, folded into what came so far."""

    def __init__(self) -> None:
        self.started = False
        self.generation_id: str | None = None
        self.finish: Finish = Finish()
        self._text: list[str] = []
        self._thinking: list[str] = []

    def feed(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, Text):
            self._text.append(event.text)
        elif isinstance(event, Thinking):
            self._thinking.append(event.text)
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


def reply(call: Call, fold: Fold, error: Told | None) -> Reply:
    """Return the reply of all attempts so far; the text is the last attempt's."""
    end, last = fold.finish, call.attempts[-1]
    costs = [attempt.cost for attempt in call.attempts]
    usages = [attempt.usage for attempt in call.attempts if attempt.usage]
    status: Status = "stopped" if isinstance(error, Stopped) else "failed" if error else "ok"
    if status == "ok" and end.reason in ("length", "content_filter"):
        status = "truncated"
    return Reply(
        text=fold.text,
        thinking=fold.thinking,
        usage=sum(usages[1:], usages[0]) if usages else None,
        cost=None if None in costs else sum((c for c in costs if c is not None), Decimal(0)),
        cost_source=last.cost_source,
        model=end.model or call.request.model,
        finish=None if isinstance(error, Stopped) else end.reason,
        status=status,
        id=call.id,
    )


def unfinished(call: Call) -> Told | None:
    """Return the error for a call that ended in order and brought nothing."""
    if call.reply.text.strip() or call.reply.status != "ok" or call.reply.finish == "tool_calls":
        return None
    return EmptyAnswer(
        "The model answered without a word.",
        cost="" if call.reply.cost is None else f"It cost ${call.reply.cost}.",
        todo="Ask again, or in other words.",
    )


def stopped(fold: Fold) -> Stopped:
    """Return the error for a Ctrl-C, by how far the call had come."""
    if not fold.started:
        return Stopped(
            "Stopped by you, before the server answered.",
            todo="%m1 cost shows what is not settled.",
        )
    kept = "the text so far is kept" if fold.text or fold.thinking else "no text had come"
    return Stopped(
        f"Stopped by you; {kept}.",
        cost="The provider may still finish and charge (MiniMax's own endpoint cannot be stopped).",
        todo="%m1 cost shows the price once it is known.",
    )
