"""An answer with calls of tools: between the session and the view, round after round.

The calls of a round are read, asked about and run in their order; what becomes of them is the next
round's question. The view is fed all rounds as one text, each call where it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from functools import partial

from ..calls import Event, Receipt, Replay, Reply, Request, TextDelta, ThinkingEnded
from ..errors import MAY_COST, EmptyAnswer, PromptTooLarge, UserFacingError
from ..events import MOST_CALLS, ToolAsked, ToolCallDelta, ToolEnded, rounds
from ..interrupts import check_swallowed, stoppable
from ..locks import lock
from ..messages import ToolCall
from ..pricing.dollars import money
from ..session.processor import Failure, Processor
from ..session.view import Approver, View
from ..text import one_line, plural
from .results import Results
from .running import run
from .signature import Misfit, Tool

GAP = "\n\n"  # between the texts of two rounds
LISTED = 20  # names of tools that are told
SAID_NO = "The user did not allow this call. It was not run."
TOO_MANY = (
    f"Not made, nor any call behind it: {MOST_CALLS} are the most in one round."
    " What is still needed goes into the next."
)
CUT_OFF = "The answer was cut off here. It was not run."
STOPPED = "Stopped by the user."
LESS = "Results of tools count, too: let the functions give less."
GOES_ON = "%m1 continue goes on from there."
ALWAYS: set[object] = set()  # functions that may be called without asking, until the kernel ends


class ToolAnswer:
    """Runs the tools that an answer calls, and asks on with what became of it.

    Args:
        view: shows it; where it is a processor, too (``inner``), that gets the text of all rounds.
        approver: asks the user about each call; None: all are allowed.
        rounds: how many there are at most.
        apart: returns the text of a round as it can stand behind those before it.
    """

    def __init__(
        self,
        view: View,
        tools: Mapping[str, Tool],
        results: Results,
        approver: Approver | None,
        rounds: int,
        inner: Processor | None = None,
        apart: Callable[[str], str] = str,
    ) -> None:
        self._view, self._inner, self._apart = view, inner, apart
        self._lock = lock()  # the ticker is another thread
        self._tools, self._results, self._approver = tools, results, approver
        self._left = rounds
        self._rounds = rounds
        self._text, self._thinking = "", ""
        self._ended: list[ToolEnded] = []
        self._consumed: Reply | None = None  # the last round that was worked with
        self._again = False  # the inner one asks for itself
        self._earlier: set[str] = set()  # ids of calls in earlier turns of a chat
        self._begins = False  # nothing has come of a round that follows another
        self._over: tuple[str, ...] = ()
        self._replayed = False

    # As a view.

    def open(
        self, request: Request, at_most: Decimal | None, sent: str, replay: Replay | None = None
    ) -> None:
        """See View.open."""
        self._replayed = replay is not None
        parts = (part for message in request.messages for part in message.parts)
        self._earlier = {part.id for part in parts if isinstance(part, ToolCall)}
        with self._lock:
            self._view.open(request, at_most, sent, replay)

    def feed(self, event: Event) -> None:
        """See View.feed."""
        if isinstance(event, ToolCallDelta) and event.id:
            event = replace(event, id=self._unique(event.id))
        elif isinstance(event, ToolEnded) and self._replayed:
            self._ended.append(event)
        elif isinstance(event, ThinkingEnded):
            self._begins = bool(self._text)
        elif isinstance(event, TextDelta) and self._begins and event.text.strip():
            self._begins = False
            event = replace(event, text=self._gap + event.text.lstrip("\n"))
        with self._lock:
            self._view.feed(event)

    def tick(self) -> float | None:
        """See View.tick."""
        with self._lock:
            return self._view.tick()

    def close(self, receipt: Receipt) -> None:
        """See View.close."""
        with self._lock:
            self._view.close(receipt)

    # As a processor.

    def next_request(self, request: Request, reply: Reply) -> Request | None:
        """See Processor; what became of the calls is told."""
        if self._again and self._inner:
            return self._inner.next_request(request, reply)
        self._take(reply)
        calls = [self._named(one.call) for one in reply.tools]
        self._left -= 1
        cut = reply.finish in ("length", "content_filter", "refusal")
        if not calls or cut or self._replayed:
            self._end_all(calls, CUT_OFF)
            return self._asked_by_inner(request, reply)
        if self._left <= 0:
            rounds = plural(self._rounds, "round")
            self._end_all(calls, f"The {rounds} of this call are over. It was not run.")
            note = f"{rounds} of tools, and M1 wants more (M1.rounds): %m1 continue goes on"
            self._over = (note,)
            return None
        first = len(self._ended)
        made, others = calls[:MOST_CALLS], calls[MOST_CALLS:]
        for number, call in enumerate(made):
            try:
                self._end(*self._done(call))
            except KeyboardInterrupt:
                self._end(call, STOPPED, "failed")
                self._end_all(calls[number + 1 :], STOPPED)
                raise
        self._end_all(others, TOO_MANY)
        self._begins = True
        return told(request, reply.text, self._ended[first:])

    def so_far(self, reply: Reply) -> Reply:
        """See Processor."""
        text, thinking = self._text, self._thinking
        return replace(reply, text=text, thinking=thinking, tools=tuple(self._ended))

    def finished(self, reply: Reply, error: Failure) -> tuple[Reply, Failure]:
        """See Processor."""
        if not self._again and not self._same(reply, error):
            self._take(reply)
            self._end_all([self._named(one.call) for one in reply.tools], CUT_OFF)
        if not self._again:
            reply = replace(reply, text=self._text, thinking=self._thinking)
        if error is None and not (self._text.strip() or self._ended):
            cost = MAY_COST if reply.cost is None else f"It cost {money(reply.cost)}."
            what = "No answer came: the model called a tool, and did not say which."
            error = EmptyAnswer(what, cost=cost, todo="Ask again, or in other words.")
            reply = replace(reply, status="failed")
        if self._over and error is None:
            notes = (*reply.notes, *self._over)
            reply = replace(reply, status="truncated", finish="tool_calls", notes=notes)
        if isinstance(error, UserFacingError) and self._ended:
            too_large = isinstance(error, PromptTooLarge)
            error.todo = f"{error.todo} {LESS if too_large else GOES_ON}".strip()
        if self._inner is not None:
            reply, error = self._inner.finished(reply, error)
        ended = self._ended
        if reply.template:  # its figures make it longer or shorter: calls stand above it
            ended = [replace(one, at=0) for one in ended]
        return replace(reply, tools=tuple(ended)), error

    def _asked_by_inner(self, request: Request, reply: Reply) -> Request | None:
        if self._inner is None:
            return None
        reply = replace(reply, text=self._text, tools=tuple(self._ended))
        following = self._inner.next_request(request, reply)
        self._again = True
        return following

    @property
    def _gap(self) -> str:
        """What stands between the text so far and that of the next round."""
        return GAP[len(self._text) - len(self._text.rstrip("\n")) :] if self._text else ""

    def _take(self, reply: Reply) -> None:
        """Add what a round brought."""
        text = self._apart(reply.text)
        if self._text and text.strip() and self._consumed is not None:
            text = self._gap + text.lstrip("\n")
        self._text += text
        self._thinking = GAP.join(one for one in (self._thinking, reply.thinking) if one)
        self._consumed = reply

    def _same(self, reply: Reply, error: Failure) -> bool:
        """Is it the reply of a round that was worked with already?"""
        last = self._consumed
        if last is None:
            return False
        return error is None or (reply.text, reply.tools) == (last.text, last.tools)

    def _named(self, call: ToolCall) -> ToolCall:
        return replace(call, id=self._unique(call.id))

    def _unique(self, id: str) -> str:
        """Return an id that no call of an earlier round, or turn of the chat, has."""
        taken = {one.call.id for one in self._ended} | self._earlier
        while id in taken:
            id += "_"
        return id

    def _end_all(self, calls: list[ToolCall], why: str) -> None:
        for call in calls:
            self._end(call, why, "refused")

    def _end(self, call: ToolCall, text: str, outcome: str) -> None:
        ended = ToolEnded(call, text, outcome, len(self._text))  # type: ignore[arg-type]
        self._ended.append(ended)
        self._show(ended)

    def _done(self, call: ToolCall) -> tuple[ToolCall, str, str]:
        """Return a call as it was read, what it came to, and how; KeyboardInterrupt: Stop."""
        tool = self._tools.get(call.name)
        if tool is None or tool.run is None:
            names = ", ".join(list(self._tools)[:LISTED])
            none = f"There is no function {one_line(call.name, 60)} here. There is {names}."
            return call, none, "failed"
        try:
            given, written = tool.read(call.arguments)
        except Misfit as misfit:
            return call, f"Not called, its arguments do not fit: {misfit}.", "failed"
        call = replace(call, arguments=written)
        self._show(ToolAsked(call))
        if not self._allowed(tool, call):
            return call, SAID_NO, "refused"
        try:
            with stoppable():
                self._results.begin()
                made_by = {"source": tool.source, "arguments": call.arguments}
                tell = partial(self._results.told, **made_by)
                text = run(tool.run, given, tell)
                check_swallowed()
                return call, text, "ran"
        except KeyboardInterrupt:
            raise
        except Misfit as misfit:
            return call, self._results.clean(str(misfit)), "failed"
        except BaseException as error:  # SystemExit, too: it is M1 that is told
            check_swallowed()
            return call, self._results.raised(error, call.arguments), "failed"

    def _show(self, event: Event) -> None:
        with suppress(Exception), self._lock:  # a display that fails costs no result
            self._view.feed(event)

    def _allowed(self, tool: Tool, call: ToolCall) -> bool:
        if self._approver is None or tool.key in ALWAYS:
            return True
        with stoppable():
            decision = self._approver.decide(call, call.python)
        if decision == "always":
            ALWAYS.add(tool.key)
        return decision != "no"


def told(request: Request, text: str, ended: list[ToolEnded]) -> Request:
    """Return the request that tells what became of the calls of a round."""
    more = rounds(text, [replace(one, at=len(text)) for one in ended])[:-1]
    return replace(request, messages=(*request.messages, *more))
