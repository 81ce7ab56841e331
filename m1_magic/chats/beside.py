"""Answers that stand side by side: no chat goes on from one of them before it is chosen."""

from __future__ import annotations

from dataclasses import dataclass

from ..calls import Reply, Request
from ..errors import UsageError
from ..options.fields import Options

CHOOSE = "%m1 continue 2 goes on from the second."


@dataclass(frozen=True, slots=True)
class Alternative:
    """One of several answers: by which options it was asked for, what was asked, what came.

    ``label`` is what it differs by, in words.
    """

    label: str
    options: Options
    request: Request
    reply: Reply


@dataclass(frozen=True, slots=True)
class Beside:
    """The last answers, if they were several; ``chosen``: a chat goes on from one of them."""

    answers: tuple[Alternative, ...] = ()
    chosen: bool = False

    @property
    def open(self) -> bool:
        """Is one of them still to be chosen?"""
        return bool(self.answers) and not self.chosen

    def settled(self) -> None:
        """Raise UsageError where one is to be chosen first."""
        if self.open:
            raise UsageError(f"Which of the {len(self.answers)} answers side by side?", todo=CHOOSE)

    def notes(self, chat: str) -> tuple[str, ...]:
        """Return what a receipt has to say in a chat of that name."""
        if not self.open or self.answers[0].request.chat != chat:
            return ()
        count = len(self.answers)
        return (f"it goes on from none of the {count} answers side by side: {CHOOSE}",)

    def numbered(self, number: int) -> Alternative:
        """Return the answer of that number, from 1; raises UsageError."""
        if not 1 <= number <= len(self.answers):
            todo = f"They are 1 to {len(self.answers)}." if self.answers else "-n 3 asks for three."
            raise UsageError(f"There is no answer {number} side by side.", cost="", todo=todo)
        one = self.answers[number - 1]
        if not one.reply.text.strip():
            raise UsageError(f"Answer {number} has no text.", cost="", todo="Choose another one.")
        return one
