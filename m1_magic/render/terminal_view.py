"""A call in a terminal: a live tail while it grows, then the whole answer, once, to scroll in.

All of it goes through ``sys.stdout`` of the moment, so that captures see it. rich draws the tokens
of which the HTML is made: its own parser drops raw tags and eats the backslashes of formulas.
Foreign text passes ``show_controls`` first, and links are printed as addresses: no escape sequence
is the model's.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, TextIO

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
from ..session.view import Silent
from ..text import show_controls
from . import footer, queries
from .answer import thought
from .blocks import settled
from .marks import NONE, Marks
from .markup import parser
from .progress import EVERY
from .sanitizer import paragraph, text_token
from .throttled import ThrottledView

if TYPE_CHECKING:
    from markdown_it.token import Token
    from rich.console import Console, RenderableType
    from rich.markdown import Markdown

    from ..settings.config import M1

TAIL = 6000  # characters of the answer that a painting looks at; more than fills a screen
# The tags of figures, computed and unchecked ones, and how they are drawn.
FIGURES = {"abbr", "span"}
STYLES = {"markdown.abbr": "underline", "markdown.span": "dim"}
# Footnotes are drawn as the list that they are.
AS = {
    "footnote_block_open": "ordered_list_open",
    "footnote_block_close": "ordered_list_close",
    "footnote_open": "list_item_open",
    "footnote_close": "list_item_close",
}


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
        self._came: list[str] = []  # of the answer
        self._held: list[str] | None = None

    def open(
        self, request: Request, at_most: Decimal | None, sent: str, replay: Replay | None = None
    ) -> None:
        self._held = None if request.keep_thinking else []

    def feed(self, event: Event) -> None:
        if isinstance(event, TextDelta) and event.text:
            self._came.append(event.text)
            if self._held is None:
                self._write(show_controls(event.text))
            else:
                self._held.append(event.text)
        elif isinstance(event, ReasoningDelta):
            self._release()  # it comes apart: text is text
        elif isinstance(event, ThinkingEnded):
            self._came.clear()
            if self._held is None:
                self._write("\n\n(Up to here it was thinking. The answer:)\n\n")
            self._held = None
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
        told = [summary] if summary else []
        told += queries.lines(reply, self._settings.footer != "stable")
        if told and not self._raw:
            self._write("".join(f"{line}\n" for line in told))
        if self._shell is None:
            self._write("\n".join(footer.lines(receipt, self._settings)) + "\n")
        else:
            data = footer.bundle(receipt, self._settings)
            self._shell.display_pub.publish(data=data, metadata={})

    def _complete(self, reply: Reply) -> None:
        """Write what waited for its figures until the end."""
        came = "".join(self._came)
        if reply.text.startswith(came):
            self._write(show_controls(reply.text[len(came) :]))
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


class TerminalView(ThrottledView):
    """Shows a call with rich on a terminal: ``file``, or ``sys.stdout`` when the call opens."""

    most_blocks = 0  # a terminal scrolls: what is painted again is the end only

    def __init__(
        self, settings: M1, file: TextIO | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(settings, now)
        self._file = file
        self._live: Any = None

    def open(
        self, request: Request, at_most: Decimal | None, sent: str, replay: Replay | None = None
    ) -> None:
        from rich.live import Live

        self._live = Live(
            console=self._console,
            transient=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()
        super().open(request, at_most, sent, replay)
        self._next = self._now() + EVERY  # a first word by itself would flicker

    def close(self, receipt: Receipt) -> None:
        from rich.text import Text as Line

        if self._live:
            self._live.stop()
            self._live = None
        console, reply = self._console, receipt.call.reply
        if summary := thought(reply, self._settings):
            console.print(Line(summary, style="dim"))
        if reply.thinking and self._settings.thinking == "show":
            console.print(Line(show_controls(reply.thinking), style="dim"))
        if reply.page:
            console.print(to_rich(reply.page))
        elif reply.text:
            console.print(to_rich(reply.text, Marks(reply.text, reply.figures)))
        below = queries.lines(reply, self._settings.footer != "stable")
        for text in (*below, *footer.lines(receipt, self._settings)):
            console.print(Line(text, style="dim"), soft_wrap=True)

    @cached_property
    def _console(self) -> Console:
        from rich.console import Console
        from rich.theme import Theme

        file = self._file or sys.stdout
        return Console(file=file, highlight=False, theme=Theme(STYLES))

    def _paint_rest(self) -> int:
        self._paint_line()
        return 0  # a terminal is near: its bytes need no measure

    def _paint_line(self) -> None:
        if self._live:
            self._live.update(self._picture(), refresh=True)

    def _picture(self) -> RenderableType:
        """Return the last lines that fit the screen; a live picture that is higher would tear."""
        from rich.text import Text as Line

        line = Line(self._progress.line(), style="dim")
        tail = self._rest_text[-TAIL:]
        if not tail:
            return line
        console = self._console
        shown = settled(tail)
        marks = self._marks(shown, len(self._rest_text) - len(tail))
        rows = console.render_lines(to_rich(shown, marks), pad=False)
        painted = [
            Line.assemble(*((piece.text, piece.style or "") for piece in row))
            for row in rows[-max(1, console.height - 3) :]
        ]
        return Line("\n").join([*painted, line])


def to_rich(markdown: str, marks: Marks = NONE) -> Markdown:
    """Return untrusted Markdown, with the marks of its figures, for rich to draw."""
    from rich.markdown import Markdown

    document = Markdown("", hyperlinks=False, code_theme="ansi_dark")
    document.inlines = {*document.inlines, *FIGURES}
    source = show_controls(marks.text if marks else markdown)
    try:
        env = {"typeset": False, "marks": marks}
        document.parsed = list(_drawable(parser().parse(source, env)))
    except Exception:  # as in markup.html: an answer is shown whatever a parser makes of it
        document.parsed = paragraph(show_controls(markdown))
    return document


def _drawable(tokens: Iterable[Token]) -> Iterable[Token]:
    for token in tokens:
        token.content = show_controls(token.content)  # "&#x202e;" is a character only now
        token.type = AS.get(token.type, token.type)
        if token.children:
            token.children = list(_drawable(token.children))
        if token.type in ("sub_open", "sup_open"):
            token.type, token.content = "text", "_" if token.tag == "sub" else "^"
            token.nesting = 0
        if token.type == "task_box":
            token.type = "text"
        if "align" in token.attrs:  # as rich has it
            token.attrs["style"] = f"text-align:{token.attrs['align']}"
        if token.type in ("sub_close", "sup_close"):
            continue
        if token.type == "footnote_ref":
            token.type, token.content = "text", f"[{token.meta['id'] + 1}]"
        if token.type == "math":
            mark = "$$" if token.markup == "\\[" else "$"
            token.content = f"{mark}{token.content}{mark}"
        if token.type.startswith("math"):
            yield from paragraph(token.content) if token.block else [text_token(token.content)]
        elif token.type != "footnote_anchor":
            yield token
