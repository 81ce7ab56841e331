"""How several calls at the same time ended, and the one error of those that failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..calls import Reply
from ..errors import SomeFailed, Stopped, UserFacingError
from ..text import one_line

Failure = BaseException | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one of the calls ended, and what there is to say of it."""

    reply: Reply
    error: Failure = None
    notes: tuple[str, ...] = ()


def failure(ended: Sequence[Outcome], labels: Sequence[str]) -> UserFacingError | None:
    """Return the error of several calls, with all replies; None if none of them failed.

    Where all failed alike, that is the first one's; else one that says which failed, and how.
    """
    errors = [one.error for one in ended if one.error is not None]
    if not errors:
        return None
    error, kinds = errors[0], {type(one) for one in errors}
    stopped = next((one for one in errors if isinstance(one, KeyboardInterrupt)), None)
    if stopped is None and (len(errors) < len(ended) or len(kinds) > 1):
        error = _named(ended, labels)
    elif stopped is not None:
        complete = sum(one.reply.status in ("ok", "truncated") for one in ended)
        what = f"Stopped by you; {complete} of {len(ended)} answers had ended, what came is kept."
        unsettled = any(one.reply.cost is None for one in ended)
        error = Stopped(what, cost="%m1 cost shows what is not settled." if unsettled else "")
    if not isinstance(error, UserFacingError):
        error = SomeFailed(f"All {len(ended)} answers failed: {one_line(repr(error), 300)}.")
    error.replies = [one.reply for one in ended]
    error.reply = first(error.replies)
    return error


def _named(ended: Sequence[Outcome], labels: Sequence[str]) -> SomeFailed:
    why: dict[str, list[str]] = {}
    for number, (one, label) in enumerate(zip(ended, labels, strict=True), 1):
        if one.error is not None:
            message = str(one.error) or type(one.error).__name__
            why.setdefault(one_line(message, 400), []).append(label or f"#{number}")
    count = sum(map(len, why.values()))
    causes = " ".join(f"{', '.join(names)}: {message}" for message, names in why.items())
    return SomeFailed(f"{count} of {len(ended)} answers failed, the others stand. {causes}")


def first(replies: Sequence[Reply]) -> Reply:
    """Return the first complete reply, else the first with text, else the first."""
    complete = (one for one in replies if one.status == "ok")
    partial = (one for one in replies if one.text)
    return next(complete, None) or next(partial, replies[0])
