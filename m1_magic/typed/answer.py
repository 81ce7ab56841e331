"""An answer that is data: between the session and the view, and asked for again where it misses.

The text streams as it comes and stays what M1 wrote; what was asked for again stands behind it, so
that a kept answer is read to the same data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from ..calls import Event, ReasoningDelta, Receipt, Replay, Reply, Request, TextDelta
from ..errors import Stopped, UserFacingError
from ..options.fields import Options
from ..session.processor import Failure
from ..session.view import View
from ..settings.config import M1
from ..text import one_line, plural
from .again import BETWEEN, asking, read_both
from .fitting import Fitted
from .pages import page
from .schema import Wanted, wanted
from .shape import shown

NOTES = 3  # places that do not fit which a footer names
NO_DATA = "no data: "
UNREADABLE = "the data could not be read"


class TypedAnswer:
    """Shows an answer in ``view``, reads its data, and asks once more for what does not fit.

    Args:
        repairs: how often that is asked for.
        before: what M1 wrote of the answer before it was cut off, and this is its rest.
    """

    def __init__(self, view: View, kind: Wanted, repairs: int, before: str = "") -> None:
        self._view, self._kind = view, kind
        self._repairs, self._before = repairs, before
        self._first: Reply | None = None  # of the round that brought the answer
        self._again = ""  # what came of what was asked for again
        self._cut = set[int]()  # which of the two answers are cut off

    # As a view.

    def open(
        self, request: Request, at_most: Decimal | None, sent: str, replay: Replay | None = None
    ) -> None:
        """See View.open."""
        if replay is not None:  # nobody is asked
            self._repairs = 0
        self._view.open(request, at_most, sent, replay)

    def feed(self, event: Event) -> None:
        """See View.feed; what is asked for again is not shown."""
        if self._first is None or not isinstance(event, TextDelta | ReasoningDelta):
            self._view.feed(event)

    def tick(self) -> float | None:
        """See View.tick."""
        return self._view.tick()

    def close(self, receipt: Receipt) -> None:
        """See View.close."""
        self._view.close(receipt)

    # As a processor.

    def next_request(self, request: Request, reply: Reply) -> Request | None:
        """See Processor; what does not fit is asked for again."""
        self._take(reply)
        try:
            fitted = self._read()
        except Exception:  # a check of the user's that breaks; ``finished`` says so
            return None
        if (
            not fitted.misfits
            or self._repairs <= 0
            or reply.finish in ("content_filter", "refusal")
        ):
            return None
        self._repairs -= 1
        text = reply.text[self._begins :].lstrip("\n")
        return asking(request, text, fitted, self._kind)

    def so_far(self, reply: Reply) -> Reply:
        """See Processor."""
        return replace(reply, text=self._text)

    def finished(self, reply: Reply, error: Failure) -> tuple[Reply, Failure]:
        """See Processor; without data the reply says why."""
        first, last = self._first, reply
        if first is None:
            self._take(reply)
        else:
            if isinstance(error, UserFacingError) and not isinstance(error, Stopped):
                again = f"what does not fit could not be asked for again: {error.what}"
                first, error = replace(first, notes=(*first.notes, again)), None
            reply = replace(reply, thinking=first.thinking, model=first.model)
            if error is None:
                ended = reply if 1 in self._cut else first
                reply = replace(reply, status=ended.status, finish=ended.finish, notes=first.notes)
        reply = replace(reply, text=self._text)
        try:
            made = self._with_data(reply)
            if first is not None and error is None and made.data is not None:
                made = replace(made, status=last.status, finish=last.finish)  # it is whole now
            return made, error
        except Exception as bug:  # it costs the data, not the answer
            note = f"{UNREADABLE} ({type(bug).__name__})"
            return replace(reply, notes=(*reply.notes, note)), error

    def _take(self, reply: Reply) -> None:
        """Take the answer of a round."""
        if reply.status != "ok":
            self._cut.add(0 if self._first is None else 1)
        if self._first is None:
            self._first = reply
        else:
            self._again += BETWEEN + reply.text

    @property
    def _text(self) -> str:
        return (self._first.text if self._first else "") + self._again

    @property
    def _begins(self) -> int:
        """Where the answer begins that is the data: behind the last call of a tool."""
        first = self._first
        at = max((one.at for one in first.tools), default=0) if first else 0
        return at if first and first.text[at:].strip() else 0

    def _read(self) -> Fitted:
        begins = self._begins
        before = "" if begins else self._before
        return read_both(before + self._text[begins:], self._kind, self._cut)

    def _with_data(self, reply: Reply) -> Reply:
        if not reply.text.strip():
            return reply
        fitted = self._read()
        if fitted.misfits:
            return replace(reply, notes=(*reply.notes, f"{NO_DATA}{reasons(fitted)}"))
        count = fitted.mended
        notes = (
            (*reply.notes, f"{plural(count, 'field')} mended here, $0") if count else reply.notes
        )
        written = self._kind.adapter.dump_python(fitted.data, mode="json", by_alias=True)
        return replace(reply, data=fitted.data, page=page(fitted.data, written), notes=notes)


def reasons(fitted: Fitted) -> str:
    """Return what does not fit, and why."""
    each = [
        f"{one_line(shown(one.path), 60)}: {one.why}" if one.path else one.why
        for one in fitted.misfits
    ]
    more = [f"{len(each) - NOTES} more"] if len(each) > NOTES else []
    return one_line("; ".join([*each[:NOTES], *more]), 400)


def answer(
    view: View,
    options: Options,
    namespace: Mapping[str, object],
    settings: M1,
    before: str = "",
) -> TypedAnswer:
    """Return what shows an answer in ``view`` and reads its data, by the options of the call.

    Args:
        before: what M1 wrote of the answer whose rest is asked for.

    Raises:
        UsageError: there is no such type.
    """
    kind = wanted(options, namespace)
    assert kind is not None
    return TypedAnswer(view, kind, settings.repairs, before)
