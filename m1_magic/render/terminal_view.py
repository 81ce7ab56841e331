"""A call in a terminal: a live tail while it grows, then the whole answer, once, to scroll in.

All of it goes through ``sys.stdout`` of the moment, so that captures see it. rich draws the tokens
of which the HTML is made: its own parser drops raw tags and eats the backslashes of formulas.
Foreign text passes ``show_controls`` first, and links are printed as addresses: no escape sequence
is the model's.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, TextIO

from ..calls import (
    Event,
    Receipt,
    Replay,
    Reply,
    Request,
)
from ..events import ToolAsked, ToolEnded
from ..text import show_controls
from . import footer, queries, tools
from .answer import thought
from .blocks import settled
from .marks import NONE, Marks, within
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
        self._begin_live()
        super().open(request, at_most, sent, replay)
        self._next = self._now() + EVERY  # a first word by itself would flicker

    def feed(self, event: Event) -> None:
        if isinstance(event, ToolAsked | ToolEnded):
            self._keep_rest()
        elif self._live is None:
            self._begin_live()
        super().feed(event)
        if isinstance(event, ToolEnded):
            calls, self._calls.ended = self._calls.ended, []
            self._blocks.append(Reply(tools=tuple(calls)))
            self._print_answer("", calls)

    def _begin_live(self) -> None:
        from rich.live import Live

        self._live = Live(
            console=self._console,
            transient=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def _end_live(self) -> None:
        if self._live:
            self._live.stop()
            self._live = None

    def _keep_rest(self) -> None:
        """Print what stands before a call: the user is asked, or the function prints, below it."""
        self._end_live()
        rest = self._growing.rest
        if rest:
            figures = within(self._figures, self._begins, rest)
            self._print_answer(rest, (), Marks(rest, figures))
            self._blocks.append(Reply(text=self._growing.cut(len(rest))))

    def _print_answer(
        self, text: str, calls: Sequence[ToolEnded] = (), marks: Marks | None = None
    ) -> None:
        from rich.text import Text as Line

        if text.strip():
            self._console.print(to_rich(text, marks or NONE))
        for one in calls:
            self._console.print(Line(show_controls(tools.line(one)), style="dim"), soft_wrap=True)

    def close(self, receipt: Receipt) -> None:
        from rich.text import Text as Line

        self._end_live()
        console, full_reply = self._console, receipt.call.reply
        reply = self._remaining(full_reply)
        if summary := thought(full_reply, self._settings):
            console.print(Line(summary, style="dim"))
        if full_reply.thinking and self._settings.thinking == "show":
            console.print(Line(show_controls(full_reply.thinking), style="dim"))
        if reply.page:
            self._print_answer(reply.page, reply.tools)
        else:
            for begins, text, calls in tools.parts(reply.text, reply.tools):
                figures = within(reply.figures, begins, text) if reply.tools else reply.figures
                self._print_answer(text, calls, Marks(text, figures))
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
        for one in tools.lines((), self._calls.coming.values()):
            line = Line("\n").join([Line(show_controls(one), style="dim"), line])
        tail = self._rest_text[-TAIL:]
        if not tail:
            return line
        console = self._console
        visible = tail if self._calls.coming else settled(tail)
        marks = self._marks(visible, len(self._rest_text) - len(tail))
        rows = console.render_lines(to_rich(visible, marks), pad=False)
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
