"""Several questions asked at the same time: sent, remembered side by side, shown on a board."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..calls import Reply, Request
from ..errors import Stopped, UserFacingError
from ..interrupts import uninterrupted
from ..options.beside import Single
from ..session.beside import Job, ask_each, safe
from ..session.outcomes import failure, first
from ..session.view import Board, View
from .beside import Alternative
from .chats import Chats, RepeatableCall

Singles = Sequence[tuple[Single, Request]]


def apart(singles: Singles) -> list[Request]:
    """Return the requests; several are no turns of a chat: which it goes on from is not chosen."""
    if len(singles) == 1:
        return [singles[0][1]]
    return [replace(request, chat=None, repeats="") for _, request in singles]


def ask_together(
    chats: Chats,
    call: RepeatableCall,
    singles: Singles,
    job_of: Callable[[Request, View], Job],
    board: Board,
) -> list[Reply]:
    """Ask all, and return their replies in order.

    Args:
        call: all of them, as they can be made again.
        job_of: who shows an answer in a view, and computes its figures.

    Raises:
        UserFacingError: with ``replies``, where some were asked.
    """
    pairs = zip(apart(singles), board.views, strict=True)
    try:
        ended = ask_each(chats.session, [job_of(*pair) for pair in pairs], board.paint)
    except UserFacingError:
        chats.remember(call, singles[0][1], None)
        raise
    replies = [one.reply for one in ended]
    answers = [
        Alternative(one.label, one.options, request, reply)
        for (one, request), reply in zip(singles, replies, strict=True)
    ]
    chats.remember_each(call, answers)
    chats.session.last = first(replies)
    error = failure(ended, [one.label for one, _ in singles])
    notes = tuple(dict.fromkeys(note for one in ended for note in one.notes))
    try:
        with uninterrupted():
            safe(lambda: board.close(replies, chats.session.totals(), notes))()
    except KeyboardInterrupt:
        error = error or Stopped("Stopped by you, when all answers were complete.", cost="")
        error.replies, error.reply = replies, first(replies)
    if error is not None:
        raise error
    return replies
