"""Calls of tools in an answer, where they were made: folded in HTML, a line each elsewhere.

Names, arguments and results are foreign text everywhere. What is shown of a result is what M1 was
told of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from ..calls import Call, ToolEnded
from ..events import MOST_CALLS
from ..messages import ToolCall
from ..text import escape_html, one_line, plural, show_controls, thousands
from .code import coloured
from .inert_markdown import inert, literal

LONGEST = 5_000  # characters of arguments or of a result that are shown
TAIL = 2_000  # characters of arguments that still come
HEAD, END = 80, 50  # of a call and of what came of it, in one line
STILL = "max-height:20em;margin:.4em 0!important"


@dataclass
class Coming:
    """A call whose arguments still come, or that waits for yes or no, or runs."""

    id: str
    name: str
    arguments: str = ""
    complete: bool = False

    @property
    def text(self) -> str:
        """The call as it stands now."""
        if self.complete:
            return ToolCall(self.id, self.name, self.arguments).python
        over = len(self.arguments) - TAIL
        return f"{self.name}({'…' if over > 0 else ''}{self.arguments[max(0, over) :]}"


class Calls:
    """The calls of an answer that grows: those that come, and those that have ended."""

    def __init__(self) -> None:
        self.coming: dict[int, Coming] = {}
        self.ended: list[ToolEnded] = []  # by their place in the answer

    def piece(self, index: int, id: str, name: str, arguments: str) -> None:
        """Take a piece of a call."""
        one = self.coming.setdefault(index, Coming(id, ""))
        one.id, one.name = one.id or id, one.name + name
        one.arguments += arguments

    def take(self, call: ToolCall) -> None:
        """Take a call that is complete."""
        place = self._place(call)
        self.coming[place] = Coming(call.id, call.name, call.arguments, complete=True)

    def end(self, call: ToolEnded) -> None:
        """Take what became of a call."""
        self.coming.pop(self._place(call.call), None)
        self.ended.append(call)

    def _place(self, call: ToolCall) -> int:
        """Return where the call stands among those that come; behind them, if it is another."""
        same = (n for n, one in self.coming.items() if (one.id, one.name) == (call.id, call.name))
        return next(same, max(self.coming, default=-1) + 1)


def summary(call: Call, stable: bool) -> list[str]:
    """Return how many tools were called, in how many requests, and how to let M1 call them.

    ``stable`` says nothing that differs from run to run.
    """
    ends = [_ended(one) for one in call.reply.tools if not _too_many(one)]
    if not ends:
        return []
    parts = [f"{plural(len(ends), 'call')} of tools"]
    if len(ends) < len(call.reply.tools):
        parts += [f"those over {MOST_CALLS} in a round not made"]
    for how in ("failed", "refused", "not made"):
        number = ends.count(how)
        parts += [f"{thousands(number)} {how}"] if number else []
        if how == "refused" and any(_not_allowed(one) for one in call.reply.tools):
            parts[-1] += " (--yes calls without asking)"
    requests = 0 if stable or call.replay else len(call.attempts)
    parts += [plural(requests, "request")] if requests > 1 else []
    return [", ".join(parts)]


def parts(text: str, calls: Iterable[ToolEnded]) -> Iterator[tuple[int, str, list[ToolEnded]]]:
    """Return each part of a text, where it begins, and the calls that stand behind it."""
    begins = 0
    for at, some in groupby(calls, lambda call: min(call.at, len(text))):
        end = max(at, begins)
        yield begins, text[begins:end], list(some)
        begins = end
    yield begins, text[begins:], []


def html(calls: Sequence[ToolEnded], coming: Iterable[Coming] = ()) -> str:
    """Return calls as HTML, each with its result folded; below them those that come."""
    folds = "".join(map(_fold, calls))
    running = "".join(map(_running, coming))
    if not folds and not running:
        return ""
    style = 'class="m1-answer mathjax_ignore tex2jax_ignore" style="font-size:.9em;margin:.4em 0"'
    return f"<div {style}>{folds}{running}</div>"


def markdown(calls: Sequence[ToolEnded], coming: Iterable[Coming] = ()) -> str:
    """Return calls as Markdown, which has no fold without raw HTML."""
    made = []
    for call in calls:
        text = _cut(call.text)
        mark = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text + "`")))
        made += [f"*{literal(line(call))}*", inert(f"{mark}\n{text}\n{mark}")]
    made += [f"*{literal(one_line(one.text, HEAD))}*" for one in coming]
    return "".join(f"\n\n{one}" for one in made) + "\n\n" * bool(made)


def lines(calls: Sequence[ToolEnded], coming: Iterable[Coming] = ()) -> list[str]:
    """Return calls as lines of plain text."""
    return [*map(line, calls), *(one_line(one.text, HEAD) for one in coming)]


def plain(text: str, calls: Sequence[ToolEnded], coming: Iterable[Coming] = ()) -> str:
    """Return an answer with its calls as plain text, in which they are code for Markdown, too."""
    made = [(part, lines(some)) for _, part, some in parts(text, calls)]
    made.append(("", lines((), coming)))
    if not any(some for _, some in made):
        return show_controls(text)
    pieces = [
        piece
        for part, some in made
        for piece in (part.strip("\n"), "\n".join(f"    {one}" for one in some))
    ]
    return show_controls("\n\n".join(piece for piece in pieces if piece))


def line(call: ToolEnded) -> str:
    """Return a call and what became of it: ``best(city='Paris') → 3 rows``."""
    return f"{one_line(call.call.python, HEAD)} {_end(call)}"


def _ended(call: ToolEnded) -> str:
    """Return what became of a call in a word or two; of some, M1 was told nothing any more."""
    return call.outcome if call.text or call.outcome != "refused" else "not made"


def _too_many(call: ToolEnded) -> bool:
    """Does it stand for all calls of a round that were too many?"""
    from ..tools.answer import TOO_MANY

    return call.text == TOO_MANY


def _not_allowed(call: ToolEnded) -> bool:
    """Did the user, or nobody who could be asked, say no?"""
    if call.outcome != "refused":
        return False
    from ..tools.answer import SAID_NO

    return call.text == SAID_NO


def _end(call: ToolEnded) -> str:
    if _too_many(call):
        return f"and all behind it not made: {MOST_CALLS} are the most in one round"
    text = one_line(call.text, END)
    if call.outcome == "ran":
        return f"→ {text or '(nothing)'}"
    return f"failed: {text}" if text and call.outcome == "failed" else _ended(call)


def _fold(call: ToolEnded) -> str:
    text = call.call.python
    short = one_line(text, HEAD)
    above = "" if short == text else _block(text)
    result = f'<pre style="{STILL}">{escape_html(_cut(call.text))}</pre>'
    head = f'<code>{_code(short)}</code> <span style="opacity:.7">{escape_html(_end(call))}</span>'
    return f"<details><summary>{head}</summary>{above}{result}</details>"


def _running(one: Coming) -> str:
    if not one.complete:
        return _block(one.text)
    return f"<div><code>{_code(one_line(one.text, HEAD))}</code> …</div>"


def _block(text: str) -> str:
    return f'<pre class="m1-wraps" style="{STILL}"><code>{_code(text)}</code></pre>'


def _code(text: str) -> str:
    cut = show_controls(_cut(text))
    return coloured(cut, "python") or escape_html(cut)


def _cut(text: str) -> str:
    over = len(text) - LONGEST
    return f"{text[:LONGEST]}\n… {thousands(over)} characters more" if over > 0 else text
