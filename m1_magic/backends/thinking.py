"""Thinking that stands inside the content, between tags, comes apart from the answer.

MiniMax-M1, docs/function_call_guide: the raw answer is ``<think>\\n…\\n</think>\\n answer``. Where
a server's chat template has opened the tag already, only its end comes: by then, what was thinking
has been shown as text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from ..calls import Event, ReasoningDelta, TextDelta, ThinkingEnded

OPEN, CLOSE = "<think>", "</think>"
FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)
ESCAPED = re.compile(r"\\.", re.DOTALL)


class ThinkSplitter:
    """Splits thinking off the start of the content, wherever the chunks cut the tags.

    ``apart``: thinking came in a field of its own, so that the content has at most a stray tag.
    """

    def __init__(self) -> None:
        self.apart = False
        self._held = ""
        self._state: Literal["start", "opened", "think", "after", "text"] = "start"
        # The text so far, as long as a closing tag could make thinking of it.
        self._so_far: list[str] | None = []

    def feed(self, content: str) -> Sequence[Event]:
        """Return the thinking and text that is certain so far."""
        if self._state == "text" and self._so_far is None:
            return some(TextDelta, content)
        self._held += content
        if self._state == "start":
            self._begin()
        events: tuple[Event, ...] = ()
        if self._state in ("opened", "think"):
            events = self._thought()
        elif self._state == "text":
            events = self._unopened()
        if self._state == "after":
            self._held = self._held.lstrip()
            if self._held:
                self._state, self._so_far = "text", None
                events = (*events, *self.close())
        return events

    def close(self) -> Sequence[Event]:
        """Return what was held back when the stream ends."""
        held, self._held = self._held, ""
        return some(TextDelta if self._state in ("start", "text") else ReasoningDelta, held)

    def _begin(self) -> None:
        start = self._held.lstrip()
        if start.startswith(OPEN):
            self._state, self._held = "opened", start[len(OPEN) :]
        elif not OPEN.startswith(start):
            self._state = "text"

    def _thought(self) -> tuple[Event, ...]:
        held = self._held.lstrip("\n") if self._state == "opened" else self._held
        thought, tag, self._held = held.partition(CLOSE)
        if tag:
            self._state = "after"
            return some(ReasoningDelta, thought.removesuffix("\n"))
        keep = max(_overlap(thought, CLOSE), _overlap(thought, "\n" + CLOSE))
        thought, self._held = thought[: len(thought) - keep], thought[len(thought) - keep :]
        if thought:
            self._state = "think"
        return some(ReasoningDelta, thought)

    def _unopened(self) -> tuple[Event, ...]:
        """Look for a closing tag in text; one that the answer writes about ends the search."""
        text, tag, after = self._held.partition(CLOSE)
        so_far = [] if self._so_far is None else self._so_far
        if not tag:
            keep = _overlap(text, CLOSE)
            text, self._held = text[: len(text) - keep], text[len(text) - keep :]
            so_far.append(text)
        elif self._ends("".join(so_far) + text):
            self._state, self._held = "after", after
            return (*some(TextDelta, text), *([ThinkingEnded()] if text or any(so_far) else []))
        else:
            text, self._held, self._so_far = self._held, "", None
        return some(TextDelta, text)

    def _ends(self, before: str) -> bool:
        """Is it a tag of the model, not one in code or JSON, nor one of a pair in the answer?"""
        if OPEN in before or (self.apart and before.strip()):
            return False
        if before.lstrip()[:1] in ("{", "[") and ESCAPED.sub("", before).count('"') % 2:
            return False
        line = before.rpartition("\n")[2]
        return line.count("`") % 2 == 0 and len(FENCE.findall(before)) % 2 == 0


def some(kind: type[TextDelta] | type[ReasoningDelta], text: str) -> tuple[Event, ...]:
    """Return an event, if there is any text."""
    return (kind(text),) if text else ()


def _overlap(text: str, tag: str) -> int:
    """How many characters at the end of ``text`` may be the start of ``tag``?"""
    if tag[0] not in text[1 - len(tag) :]:
        return 0
    return next((n for n in range(len(tag) - 1, 0, -1) if text.endswith(tag[:n])), 0)
