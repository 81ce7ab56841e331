"""What a footer says of ``%m1 continue``, where an answer met its limit or was cut off."""

from __future__ import annotations

from dataclasses import replace

from ..calls import Reply
from ..pricing.dollars import money_at_most
from ..text import thousands
from .plan import Plan, within

NO_MORE = "These were all the tokens that the endpoint gives"


def hint(plan: Plan, reply: Reply) -> tuple[str, ...]:
    """Return what to do about an answer that is not whole; nothing if it is."""
    if reply.finish != "length" and not (reply.status in ("failed", "stopped") and reply.text):
        return ()
    if reply.text.strip():
        return ("%m1 continue asks for the rest",)
    limits, request = plan.limits, plan.request
    wider = doubled(request.max_tokens, limits.max_output if limits else None)
    if not wider:
        return (f"{NO_MORE}; ask for less at once",)
    again = within(replace(plan, request=replace(request, max_tokens=wider)))
    price = "" if again.hold is None else f" (at most {money_at_most(again.hold)})"
    return (f"%m1 continue asks again with {thousands(wider)}{price}",)


def doubled(tokens: int, most: int | None) -> int:
    """Return twice as many tokens, as far as the endpoint gives them; 0 if it gives no more."""
    wider = min(2 * tokens, most or 2 * tokens)
    return wider if wider > tokens else 0
