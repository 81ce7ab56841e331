"""What one call is going to do, worked out in one place before anything is sent or written.

A dry run shows a plan, `Session.ask` carries one out; refusals and the hint at ``%m1 continue``
explain themselves by it alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from ..backends import Backend
from ..calls import FREE, Call, Reply, Request, Text
from ..errors import PromptTooLarge, UsageError
from ..kept.replaying import Kept, KeptAnswer
from ..kept.turns import Turn
from ..pricing.dollars import money_at_most
from ..pricing.forecast import Forecast
from ..pricing.prices import FREE as NOTHING
from ..pricing.prices import ModelLimits, hold
from ..pricing.tokens import ANSWER_TOKENS, TEMPLATE_TOKENS, likely_tokens
from ..text import one_line, thousands
from .processor import Processor

# No text of any size has so few tokens: below this, a prompt may fit and the server decides.
FEWEST_CHARACTERS_A_TOKEN = 4.5
NO_MORE = "These were all the tokens that the endpoint gives"


@dataclass(frozen=True, slots=True)
class Plan:
    """A request as it leaves, who answers it, and what that could cost.

    ``backend`` is None in a dry run, which asks nobody; ``tokens``, about how many the prompt has,
    is a guess. ``hold`` is the most that one round could cost, ``max_cost`` what the call may cost,
    in US dollars; ``hold`` None: not known, which ``strict`` refuses where there is a ``max_cost``.
    ``kept`` is the answer that is shown instead of asking.
    """

    request: Request
    backend: Backend | None = None
    limits: ModelLimits | None = None
    hold: Decimal | None = None
    max_cost: Decimal | None = None
    processor: Processor | None = None
    tokens: int = 0
    strict: bool = False
    forecast: Forecast | None = None
    kept: KeptAnswer | None = None

    def following(self, reply: Reply) -> Plan | None:
        """Return the plan of the next round, None where there is no other; raise as ``fitted``."""
        request = self.processor.next_request(self.request, reply) if self.processor else None
        return None if request is None else within(self, request)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call that may be carried out: its plan, which time it is made, why it is asked anew."""

    plan: Plan
    call: Call
    turn: Turn
    why: tuple[str, ...] = ()

    @property
    def paid(self) -> bool:
        """Is it written down, with a hold: is somebody asked?"""
        return self.plan.backend is not None and self.plan.backend.billing != "replayed"


def replaying(
    request: Request, answer: KeptAnswer, pace: float = 0.0, processor: Processor | None = None
) -> Plan:
    """Return the plan that shows a kept answer: nothing is asked, nothing is owed."""
    backend = Kept(answer, pace)
    return Plan(request, backend, hold=Decimal(0), kept=answer, processor=processor)


def within(plan: Plan, request: Request | None = None) -> Plan:
    """Return the plan with what its request, or this one in its place, could cost.

    The request is ``fitted`` to the limits; raises as that does.
    """
    request = fitted(request or plan.request, plan.limits)
    return replace(plan, request=request, hold=hold_for(plan, request))


def hold_for(plan: Plan, request: Request) -> Decimal | None:
    """Return the most that this request could cost in US dollars, None where it is not known."""
    limits = plan.limits
    if (plan.backend and plan.backend.billing in FREE) or given_away(limits):
        return Decimal(0)
    return hold(request, limits.dearest) if limits and limits.dearest else None


def given_away(limits: ModelLimits | None) -> bool:
    """Did the user say that this model costs nothing?"""
    return limits is not None and limits.own and limits.dearest == NOTHING


def fitted(request: Request, limits: ModelLimits | None) -> Request:
    """Return the request within limits, if they are known, with a note where that changes a wish.

    Raises:
        PromptTooLarge: it cannot fit the context, however well it is tokenised.
        UsageError: it has tools, which the model does not take.
    """
    if limits is None:
        return request
    if request.tools and limits.parameters and "tools" not in limits.parameters:
        what = f"{one_line(request.model, 80)} takes no tools, as its list says."
        raise UsageError(what, todo="Leave out --tools, or name another model: -m NAME.")
    text = request.text
    if limits.context and not fits(text, limits.context):
        raise too_large(request, limits)
    most = _most_output(len(request.messages), text, limits)
    if most is None or request.max_tokens <= most:
        return request
    changed = [f"max_tokens {request.max_tokens:,} → {most:,}"]
    reasoning = request.reasoning
    room = max(most - ANSWER_TOKENS, 1)
    if reasoning and reasoning.get("max_tokens", 0) > room:
        changed.append(f"thinking {reasoning['max_tokens']:,} → {room:,}")
        reasoning = {"max_tokens": room}
    note = f"{', '.join(changed)}, the endpoint's limit"
    notes = (*request.notes, note) if request.max_tokens_explicit else request.notes
    return replace(request, max_tokens=most, reasoning=reasoning, notes=notes)


def formed(request: Request, limits: ModelLimits | None) -> Request:
    """Return the request with its answer's form as a server takes it, in place of the words for it.

    One that takes JSON of any form is told the form in words.
    """
    known = limits.parameters if limits else frozenset()
    form, last = request.form, request.messages[-1]
    if form is None or not form.words or not known & {"structured_outputs", "response_format"}:
        return request
    if "structured_outputs" not in known:
        names = form.response_format["json_schema"]["schema"]["properties"]
        alone = list(names) == ["answer"]  # no object, which is all that it takes
        return request if alone else replace(request, response_format={"type": "json_object"})
    *parts, words = last.parts
    if isinstance(words, Text):
        parts.append(Text(words.text.removesuffix(f"\n\n{form.words}")))
    last = replace(last, parts=tuple(parts))
    messages = (*request.messages[:-1], last)
    return replace(request, messages=messages, response_format=form.response_format)


def _most_output(messages: int, text: str, limits: ModelLimits) -> int | None:
    """Return the most tokens of an answer: what the endpoint gives, and its context has room for.

    How much the prompt takes is a guess; a server that counts otherwise says so, at no cost.
    """
    most, taken = limits.max_output, likely_tokens(text)
    room = (limits.context or 0) - taken - TEMPLATE_TOKENS * (messages + 1)
    return most if room <= 0 else min(room, most or room)


def fits(prompt: str, context: int | None) -> bool:
    """May the prompt fit a context of so many tokens? One that is not known: yes."""
    return not context or len(prompt) / FEWEST_CHARACTERS_A_TOKEN <= context


def too_large(request: Request, limits: ModelLimits) -> PromptTooLarge:
    """Return the error that names the largest attachments, and who takes how much."""
    largest = sorted(request.attachments, key=lambda a: len(a.text), reverse=True)[:3]
    chat = f" Earlier turns of the chat count, too ({len(request.after)}): begin a new one."
    names = ", ".join(f"{one_line(a.name, 40)} ({len(a.text):,} characters)" for a in largest)
    least = round(len(request.text) / FEWEST_CHARACTERS_A_TOKEN)
    each = [f"{o.context:,} at {one_line(o.provider, 40)}" for o in limits.offers if o.context]
    takes = ", ".join(each[:5]) if len(each) > 1 else f"{limits.context:,}"
    return PromptTooLarge(
        f"The prompt has {len(request.text):,} characters, at least {least:,} tokens;"
        f" {one_line(request.model, 80)} takes {takes}.",
        todo=(f"Attach less. The largest: {names}." if names else "Shorten the text.")
        + (chat if request.after else ""),
    )


def hint(plan: Plan, reply: Reply) -> tuple[str, ...]:
    """Return what a footer says of ``%m1 continue`` below an answer that is not whole."""
    came = reply.text.strip() or reply.tools
    if reply.finish != "length" and not (reply.status in ("failed", "stopped") and came):
        return ()
    if plan.kept:
        return ("%m1 continue shows all of it, at $0",)
    if came:
        return ("%m1 continue asks for the rest",)
    limits, request = plan.limits, plan.request
    wider = doubled(request.max_tokens, limits.max_output if limits else None)
    if not wider:
        return (f"{NO_MORE}; ask for less at once",)
    again = within(plan, replace(request, max_tokens=wider))
    price = "" if again.hold is None else f" (at most {money_at_most(again.hold)})"
    return (f"%m1 continue asks again with {thousands(wider)}{price}",)


def price_hint(plan: Plan, call: Call, hinted: set[tuple[str, str]]) -> tuple[str, ...]:
    """Return how to say what a model without a known price costs, once for each of ``hinted``."""
    pair = (plan.backend.name if plan.backend else "", plan.request.model)
    if plan.hold is not None or call.reply.cost is not None or pair in hinted:
        return ()
    hinted.add(pair)
    model = one_line(pair[1], 80)
    return (f"no price is known: %config M1.prices = 'free', or dollars: {{{model!r}: …}}",)


def doubled(tokens: int, most: int | None) -> int:
    """Return twice as many tokens, as far as the endpoint gives them; 0 if it gives no more."""
    wider = min(2 * tokens, most or 2 * tokens)
    return wider if wider > tokens else 0
