"""A call as plain text: what comes is written to ``sys.stdout`` at once, then the footer."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..calls import (
    Event,
    ReasoningDelta,
    Receipt,
    Replay,
    Reply,
    Request,
    TextDelta,
    ThinkingEnded,
    Waiting,
)
from ..events import ToolAsked, ToolEnded
from ..session.view import Silent
from ..text import show_controls
from . import footer, queries, tools
from .answer import thought

if TYPE_CHECKING:
    from ..settings.config import M1


class PlainView(Silent):
    """Streams the answer to stdout as it comes, without a colour, then the footer.

    What is printed cannot be taken back: where the thinking is not to be seen, text waits until it
    is certain that it is none.
    With a notebook's ``shell``, the footer is an output with its record; ``raw`` says nothing but
    answer and footer.
    """

    def __init__(self, settings: M1, shell: Any = None, *, raw: bool = False) -> None:
        self._settings, self._shell, self._raw = settings, shell, raw
        self._last = "\n"
        self._written: list[str] = []  # of the answer
        self._held: list[str] | None = None

    def open(
        self, request: Request, at_most: Decimal | None, sent: str, replay: Replay | None = None
    ) -> None:
        self._held = None if request.keep_thinking else []

    def feed(self, event: Event) -> None:
        if isinstance(event, TextDelta) and event.text:
            self._written.append(event.text)
            if self._held is None:
                self._write(show_controls(event.text))
            else:
                self._held.append(event.text)
        elif isinstance(event, ReasoningDelta):
            self._release()  # it comes apart: text is text
        elif isinstance(event, ThinkingEnded):
            self._written.clear()
            if self._held is None:
                self._write("\n\n(Up to here it was thinking. The answer:)\n\n")
            self._held = None
        elif isinstance(event, ToolAsked | ToolEnded):
            self._take_call(event)
        elif isinstance(event, Waiting) and not self._raw:
            self._write(f"{show_controls(event.reason)} Trying again in {event.seconds:.0f} s.\n")

    def close(self, receipt: Receipt) -> None:
        self._release()
        reply = receipt.call.reply
        if reply.template:
            self._complete(reply)
        if not self._last.endswith("\n"):
            self._write("\n")
        summary = thought(reply, self._settings)
        lines = [summary] if summary else []
        lines += queries.lines(reply, self._settings.footer != "stable")
        if lines and not self._raw:
            self._write("".join(f"{line}\n" for line in lines))
        if self._shell is None:
            self._write("\n".join(footer.lines(receipt, self._settings)) + "\n")
        else:
            data = footer.bundle(receipt, self._settings)
            self._shell.display_pub.publish(data=data, metadata={})

    def _take_call(self, event: ToolAsked | ToolEnded) -> None:
        """Write what came before a call, which is an answer, and what became of the call."""
        held = self._held
        self._release()
        self._held = None if held is None else []  # for the next round
        if not self._last.endswith("\n"):
            self._write("\n")
        if isinstance(event, ToolEnded) and not self._raw:
            self._write(show_controls(tools.line(event)) + "\n")

    def _complete(self, reply: Reply) -> None:
        """Write what waited for its figures until the end."""
        written = "".join(self._written)
        if reply.text.startswith(written):
            self._write(show_controls(reply.text[len(written) :]))
        else:
            self._write(f"\n\n(With its figures:)\n\n{show_controls(reply.text)}")

    def _release(self) -> None:
        """Write what was held, and from now on at once."""
        held, self._held = self._held, None
        if held:
            self._write(show_controls("".join(held)))

    def _write(self, text: str) -> None:
        self._last = text or self._last
        sys.stdout.write(text)
        sys.stdout.flush()
