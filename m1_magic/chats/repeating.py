"""A request that can be made again, and what asks for the rest of its answer."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..calls import Reply
from ..errors import UsageError
from ..options.fields import Options, in_groups
from ..session.plan import NO_MORE, doubled
from .turns import ChatHead

CONTINUE = "Continue exactly where you stopped."


@dataclass(frozen=True, slots=True)
class RepeatableCall:
    """A request that can be made again: its prompt, options, and where in a chat it began.

    ``head`` None means that the options say it. ``reply`` is what came, if anything did.
    """

    prompt: str
    options: Options
    head: ChatHead | None = None
    max_tokens: int = 0
    reply: Reply | None = None


def rest(last: RepeatableCall | None, current: ChatHead, most: int | None) -> RepeatableCall | None:
    """Return what asks for the rest of the last answer; None if it is complete.

    Where all tokens went into thinking, that is the same question with twice as many, but not
    more than ``most``, which the endpoint gives.
    """
    reply = last.reply if last else None
    if last is None or reply is None:
        raise UsageError("There is no answer yet to continue.", todo="%m1 ask TEXT asks.")
    if reply.status == "ok":
        return None
    if reply.cost_source == "replayed":
        return last  # it is all there
    if reply.finish == "content_filter":
        raise UsageError(
            "The provider's content filter ended that answer, and would end its rest.",
            todo="Ask in other words, or another model: %m1 again -m NAME.",
        )
    if reply.text.strip() or reply.tools:
        # What was attached, and the system prompt, are in the chat already.
        same = {n: getattr(last.options, n) for n in in_groups("sampling", "display")}
        options = Options(**same, chat="", exact=bool(reply.template))
        return RepeatableCall(CONTINUE, options, current)
    if reply.finish != "length":
        raise UsageError("No text came that could be continued.", todo="%m1 again asks anew.")
    wider = doubled(last.max_tokens, most)
    if not wider:
        raise UsageError(
            f"{NO_MORE}, and all of them went into thinking.", todo="Ask for less at once."
        )
    return replace(last, options=replace(last.options, max_tokens=wider), reply=None)
