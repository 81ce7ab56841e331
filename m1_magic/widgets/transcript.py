"""The conversation as widgets: questions with their answers, the oldest first, one looked up last.

It shows what the next question goes on from, as far as there is room, and calls without an answer
until the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..text import escape_html, show_controls, thousands
from .styles import column, dispose, html, note

MOST, ROOM = 20, 300_000  # turns that are shown, and characters of their answers
LONGEST = 2_000  # characters of a question that are shown
EARLIER = note("Earlier turns stand in the history, below More.")


@dataclass(eq=False)
class ShownTurn:
    """A question with what is shown of its answer; ``call`` once it is a turn of the chat."""

    box: Any
    call: str = ""
    size: int = 0


@dataclass(eq=False)
class Transcript:
    """The turns of one chat, in ``box``."""

    box: Any = field(default_factory=lambda: column(name="m1-shown"))
    _earlier: list[Any] = field(default_factory=list)
    _turns: list[ShownTurn] = field(default_factory=list)
    _aside: list[Any] = field(default_factory=list)

    @property
    def calls(self) -> tuple[str, ...]:
        """The calls that it shows and that the next one goes on from."""
        return tuple(turn.call for turn in self._turns if turn.call)

    def begin(self, prompt: str) -> ShownTurn:
        """Show a question, and return its turn."""
        turns = [*self._turns, ShownTurn(column(html(question_markup(prompt)), name="m1-turn"))]
        while len(turns) > MOST or (len(turns) > 1 and sum(one.size for one in turns) > ROOM):
            del turns[0]
            self._earlier = self._earlier or [html(EARLIER)]
        self._show(turns)
        return turns[-1]

    def answer(self, turn: ShownTurn, *parts: Any) -> None:
        """Show an answer below its question."""
        turn.box.children = (turn.box.children[0], *parts)

    def keep(self, turn: ShownTurn, call: str, size: int) -> None:
        """Count a turn among those that the next question goes on from."""
        turn.call, turn.size = call, size

    def drop(self, *turns: ShownTurn) -> None:
        """Take away questions that were not sent, or are forgotten."""
        self._show([one for one in self._turns if one not in turns], *self._aside)
        dispose(*(one.box for one in turns))

    def forget(self, calls: Sequence[str]) -> None:
        """Take these calls away."""
        if gone := [turn for turn in self._turns if turn.call in calls]:
            self.drop(*gone)

    def show(self, turns: Sequence[tuple[str, Sequence[Any]]]) -> None:
        """Show these calls, each with its widgets, and nothing else."""
        gone, self._earlier = self._earlier, []
        self._show([ShownTurn(column(*parts, name="m1-turn"), call) for call, parts in turns])
        dispose(*gone)

    def aside(self, *parts: Any) -> None:
        """Show what is no turn below them, in the place of what stood there."""
        self._show(self._turns, *parts)

    def _show(self, turns: list[ShownTurn], *aside: Any) -> None:
        before = [*(one.box for one in self._turns), *self._aside]
        self._turns, self._aside = turns, list(aside)
        now = [*(one.box for one in turns), *aside]
        self.box.children = (*self._earlier, *now)
        dispose(*(one for one in before if one not in now))


def question_markup(prompt: str) -> str:
    """Return a question as markup; no more of it than one wants to see again."""
    over = len(prompt) - LONGEST
    cut = f" … {thousands(over)} characters more" if over > 0 else ""
    words = escape_html(show_controls(prompt[:LONGEST].strip()) + cut)
    return f'<div class="m1-asked mathjax_ignore">{words}</div>'
