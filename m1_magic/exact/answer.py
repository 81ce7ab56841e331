"""An answer whose figures are computed while it comes: between the session and the view.

The view is fed what nothing can change any more, paragraph by paragraph, with its figures in
place; what still waits for a query or a word is shown below it as unsettled, and painted again.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

from ..calls import (
    Event,
    ReasoningDelta,
    Receipt,
    Replay,
    Reply,
    Request,
    TextDelta,
    ThinkingEnded,
    ToolEnded,
    Unsettled,
)
from ..computed import Figure
from ..errors import Stopped, UserFacingError
from ..interrupts import stoppable
from ..locks import lock
from ..session.processor import Failure
from ..session.view import View
from ..text import plural
from .continuing import begun, pieces_after
from .filling import Filled, fill
from .numbers import unchecked
from .repairs import repaired, repairing, with_queries
from .running import Running
from .sql.engine import Engine
from .template import Piece, Template, Words, Written, joined, pieces_of

EVERY = 0.1  # seconds between two fillings of what is not settled
PARAGRAPH = re.compile(r"\n(?:[ \t>]*\n)+")
NOTES = 5  # reasons and notes that a footer has


class ExactAnswer:
    """Shows an answer in ``view`` with its figures, and asks once more for queries that failed.

    Args:
        opened: opens the tables that the queries may read.
        sent: texts whose numbers are no figures of the model's.
        repairs: how often queries that failed are asked for again.
        before: what M1 wrote of the answer before it was cut off, and this is its rest.
    """

    def __init__(
        self,
        view: View,
        opened: Callable[[], Engine],
        sent: Sequence[str],
        repairs: int,
        before: str = "",
    ) -> None:
        self._view, self._opened = view, opened
        self._sent, self._repairs, self._before = sent, repairs, before
        self._lock = lock()
        self._first: Reply | None = None  # of the round that brought the text
        self._failed: tuple[str, ...] = ()  # queries that are asked for again
        self._thought = 0  # characters
        self._begin()

    def _begin(self) -> None:
        self._running = Running(self._opened)
        self._template: Template | None = None
        self._text = ""
        self._open: list[Piece] = []  # what is not settled
        self._written: list[Piece] = []  # the queries
        self._settled = 0  # characters that the view has
        self._next, self._displayed = 0.0, ("", "")

    # As a view.

    def open(
        self, request: Request, at_most: Decimal | None, sent: str, replay: Replay | None = None
    ) -> None:
        """See View.open."""
        if replay is not None:  # nobody is asked
            self._repairs = 0
        self._view.open(request, at_most, sent, replay)

    def feed(self, event: Event) -> None:
        """See View.feed."""
        with self._lock:
            if self._first is not None and isinstance(event, TextDelta | ReasoningDelta):
                return  # queries again, which are not shown
            if not isinstance(event, TextDelta):
                if isinstance(event, ReasoningDelta):
                    self._thought += len(event.text)
                if isinstance(event, ThinkingEnded):
                    self._thought += len(self._text)
                    self._running.close()
                    self._begin()
                if isinstance(event, ToolEnded):  # its numbers are not M1's own
                    self._sent = [*self._sent, event.text]
                self._view.feed(event)
                return
            self._text += event.text
            self._take(self._parser().feed(event.text))
            self._refresh()

    def tick(self) -> float | None:
        """See View.tick."""
        with self._lock:
            self._refresh()
            return self._view.tick()

    def close(self, receipt: Receipt) -> None:
        """See View.close."""
        with self._lock:
            self._view.close(receipt)

    # As a processor.

    def next_request(self, request: Request, reply: Reply) -> Request | None:
        """See Processor; queries that failed are asked for again."""
        first = self._first
        if first is None:
            self._end(reply.text)
            first = reply
        else:
            fixed = repaired(reply.text, self._failed)
            first = replace(first, text=with_queries(first.text, fixed))
            with self._lock:
                self._first = first
                for name, sql in fixed.items():
                    self._running.add(name, sql)
        self._compute(first.text)
        results = self._running.results.values()
        # Not those that another part of the answer has.
        here = {one.name for one in pieces_of(first.text) if isinstance(one, Written)}
        failed = [one for one in results if one is not None and one.error and one.name in here]
        with self._lock:
            self._first, again = first, failed if self._may_repair else []
            self._repairs -= 1
            self._failed = tuple(one.name for one in again)
        return repairing(request, reply.text, again) if again else None

    def so_far(self, reply: Reply) -> Reply:
        """See Processor."""
        return self._first or reply

    def finished(self, reply: Reply, error: Failure) -> tuple[Reply, Failure]:
        """See Processor; what failed or was stopped is ``?``, with the reason."""
        try:
            return self._finished(reply, error)
        except Exception as bug:  # it costs the figures, not the answer
            first = self._first or reply
            note = f"the figures could not be put in ({type(bug).__name__})"
            return replace(reply, text=first.text, notes=(*reply.notes, note)), error
        finally:
            self._running.close()

    def _finished(self, reply: Reply, error: Failure) -> tuple[Reply, Failure]:
        first = self._first
        if first is None:
            self._end(reply.text)
            if not isinstance(error, KeyboardInterrupt):
                with suppress(KeyboardInterrupt), stoppable():
                    self._compute(reply.text)
        elif isinstance(error, UserFacingError) and not isinstance(error, Stopped):
            again = f"queries that failed could not be asked for again: {error.what}"
            first, error = replace(first, notes=(*first.notes, again)), None
        if first is not None:
            reply = replace(reply, text=first.text, thinking=first.thinking, model=first.model)
            if error is None:
                reply = replace(reply, status=first.status, finish=first.finish, notes=first.notes)
        self._running.close()
        if not reply.text:
            return reply, error
        return self._filled(reply), error

    @property
    def _may_repair(self) -> bool:
        return self._repairs > 0 and not self._running.unopened

    def _compute(self, text: str) -> None:
        """Wait for all results, and for the rows that figures of the text name."""
        self._running.wait()
        made = fill(
            pieces_after(self._before, text), self._running.results, more=self._running.more
        )
        for name, row in made.to_fetch:
            self._running.fetch(name, row)
        self._running.wait()

    def _filled(self, reply: Reply) -> Reply:
        """Return the reply with its figures."""
        pieces = pieces_after(self._before, reply.text)
        results = self._running.results
        made = fill(pieces, results, more=self._running.more)
        own = [
            Figure(one.start, one.end, "", one.text, one.text)
            for one in unchecked(made.text, made.figures, self._sent)
        ]
        figures = tuple(sorted((*made.figures, *own), key=lambda one: one.start))
        notes = made.notes
        more = (f"{plural(len(notes) - NOTES, 'more note')}",) if len(notes) > NOTES else ()
        order = [p.name for p in pieces if isinstance(p, Written)]
        queries = [results[name] for name in dict.fromkeys(order) if name in results]
        return replace(
            reply,
            text=made.text,
            template=reply.text,
            queries=tuple(one for one in queries if one is not None),
            figures=figures,
            notes=(*reply.notes, *notes[:NOTES], *more),
        )

    def _end(self, text: str) -> None:
        """Take the end of the model's text; all of it, where it came otherwise than to a view."""
        with self._lock:
            if text != self._text:
                shown = self._text
                self._running.close()
                self._begin()
                self._next = math.inf if shown else 0.0  # what the view has is not said again
                self._take(self._parser().feed(text))
            self._take(self._parser().finish())

    def _parser(self) -> Template:
        """Return what takes the text; at first, with the part before it."""
        if self._template is None:
            self._template, pieces = begun(self._before)
            self._take(pieces)
        return self._template

    def _take(self, pieces: list[Piece]) -> None:
        for piece in pieces:
            if isinstance(piece, Written):
                self._written.append(piece)
                if not piece.problem and piece.name not in self._running.results:
                    self._running.add(piece.name, piece.sql)
        self._open = joined([*self._open, *pieces])

    def _refresh(self) -> None:
        """Give the view what is settled, and what is not, as it stands now."""
        now = time.monotonic()
        if now < self._next:
            return
        while cut := paragraph(self._open):
            first, rest = cut
            made = self._fill(first)
            if not made.settled:
                break
            self._view.feed(TextDelta(made.text, moved(made.figures, self._settled)))
            self._settled += len(made.text)
            self._open = rest
        tail, waiting = self._fill(self._open).text, self._running.waiting
        noun = "query" if waiting == 1 else "queries"
        now_shown = (tail, f"computing {waiting} {noun}" if waiting else "")
        if now_shown != self._displayed:
            self._displayed = now_shown
            self._view.feed(Unsettled(tail, self._thought + len(self._text), now_shown[1]))
        self._next = time.monotonic() + EVERY

    def _fill(self, pieces: Sequence[Piece]) -> Filled:
        results = dict(self._running.results)
        for name, one in results.items():
            if (
                one is not None
                and one.error
                and (self._may_repair if self._first is None else name in self._failed)
            ):
                results[name] = None  # it is asked for again
        made = fill([*self._written, *pieces], results, more=self._running.more, done=False)
        for name, row in made.to_fetch:
            self._running.fetch(name, row)
        return made


def paragraph(pieces: Sequence[Piece]) -> tuple[list[Piece], list[Piece]] | None:
    """Return pieces up to the end of their first paragraph, and the rest; None: it has no end."""
    for number, piece in enumerate(pieces):
        if isinstance(piece, Words) and (end := PARAGRAPH.search(piece.text)):
            first = [*pieces[:number], Words(piece.text[: end.end()])]
            rest = [Words(piece.text[end.end() :])] if end.end() < len(piece.text) else []
            return first, [*rest, *pieces[number + 1 :]]
    return None


def moved(figures: Sequence[Figure], by: int) -> tuple[Figure, ...]:
    """Return figures that stand so many characters further on."""
    return tuple(replace(one, start=one.start + by, end=one.end + by) for one in figures)
