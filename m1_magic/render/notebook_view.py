"""A call in a notebook: the answer, which grows, and below it a line that ends as the footer.

An update sends all of the output that it replaces. So the answer's blocks are typeset once they
are finished, and stay as outputs of their own; the rest is painted again, throttled by time and by
bytes. ``close`` always paints, so that what came is on the page however the call ended.

Consoles and some runners leave updates out. So the finished answer is a message of its own, in
place of all that was painted: in a cell that is all ours what grew is cleared, in another one it
becomes empty, where the front end is not known to show updates. A very long answer stays as it
is where they are shown: to set it again takes a page seconds.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..calls import RECORD, Event, Receipt, Reply
from ..events import ToolAsked
from ..session.view import Silent
from . import footer
from .answer import bundle, thought
from .blocks import definitions
from .front_end import Mode, asked_by, attended, mode, updates
from .inert_markdown import literal
from .markup import html
from .throttled import ThrottledView

if TYPE_CHECKING:
    from ..settings.config import M1

FEWEST = 16  # blocks that there may be in any case
MOVED = 8  # blocks up to which each leaves an empty output above the next one
TOGETHER = 100_000  # characters of an answer up to which a cell of ours ends as one output


class Output:
    """One output of a cell, which can be replaced."""

    def __init__(self, shell: Any) -> None:
        self._shell, self._id = shell, uuid.uuid4().hex
        self.displayed = False

    def put(self, data: Mapping[str, Any]) -> int:
        """Show ``data`` here, in place of what was; return about how many bytes that took."""
        self._shell.display_pub.publish(
            data=dict(data), metadata={}, transient={"display_id": self._id}, update=self.displayed
        )
        self.displayed = True
        return sum(len(text.encode()) for text in data.values() if isinstance(text, str))


class NotebookView(ThrottledView):
    """Shows a call through the display publisher of ``shell``.

    ``pure`` says that all of the cell is ours, so that its outputs may be cleared, until M1 calls a
    function of the user's.
    """

    # JupyterLab shows the first fifty outputs of a cell: the last of these blocks ends behind a
    # megabyte.
    first_block, larger = 2_000, 1_000
    most_blocks: int = 44

    def __init__(
        self,
        shell: Any,
        settings: M1,
        now: Callable[[], float] = time.monotonic,
        *,
        pure: bool = False,
    ) -> None:
        super().__init__(settings, now)
        self._shell, self._pure = shell, pure
        self._mode: Mode = mode(settings, shell)
        self._updates = updates(shell)
        # What would become empty at the end is for eyes only.
        self._watched = self._updates or pure or attended(shell)
        self._outputs: list[Output] = []  # of the blocks
        self._rest: Output | None = None
        self._line = Output(shell)

    def feed(self, event: Event) -> None:
        if isinstance(event, ToolAsked):
            self._pure = False  # what the function shows is the user's
            self._leave_room()  # for the question
        super().feed(event)

    def close(self, receipt: Receipt) -> None:
        reply = receipt.call.reply
        together = self._pure and len(reply.text) <= TOGETHER
        # Without a kernel a page is cleared by control characters.
        if not self._updates or (together and (self._blocks or asked_by(self._shell))):
            self._begin_again()
        rest = self._remaining(reply)
        shared = definitions(reply.text) if self._blocks and self._mode == "html" else {}
        if rest.text or rest.tools or rest.queries or thought(rest, self._settings) or self._rest:
            self._below_the_line().put(bundle(rest, self._settings, self._mode, shared))
        self._revise(reply, shared)
        if rest.tools:
            self._move_line()
        self._line.put(footer.bundle(receipt, self._settings, html=self._mode != "text"))

    def _paint(self) -> None:
        if self._watched:
            super()._paint()

    def _begin_again(self) -> None:
        """Take away what was painted; what follows are outputs of their own."""
        if self._pure:
            self._shell.display_pub.clear_output(wait=True)
        else:
            for output in (*self._outputs, self._rest, self._line):
                if output is not None and output.displayed:
                    output.put({"text/plain": ""})
        self._blocks, self._outputs = [], []
        self._rest, self._line = None, Output(self._shell)

    def _add(self, block: Reply) -> int:
        output, self._rest = self._below_the_line(), None  # what follows gets one of its own
        self._outputs.append(output)
        if block.tools:
            self._move_line()
        return output.put(bundle(block, self._settings, self._mode))

    def _move_line(self) -> None:
        """Let what follows stand below what a function showed."""
        if self._line.displayed and len(self._outputs) <= MOVED:
            self._line.put({"text/plain": ""})
            self._line, self._line_next = Output(self._shell), 0.0
            self._leave_room()

    def _leave_room(self) -> None:
        """Let one output less be a block of the answer."""
        self.most_blocks = max(self.most_blocks - 1, FEWEST)

    def _take_back(self) -> None:
        if self._outputs and self._pure:
            self._shell.display_pub.clear_output(wait=True)
            self._rest, self._line, self._line_next = None, Output(self._shell), 0.0
        else:
            for output in self._outputs:
                output.put({"text/plain": ""})
        self._outputs.clear()

    def _paint_rest(self) -> int:
        if self._empty:
            return 0
        # In one form only: it is replaced soon.
        if self._mode == "text":
            return self._below_the_line().put({"text/plain": self._growing_plain()})
        if self._mode == "markdown":
            return self._below_the_line().put({"text/markdown": self._growing_markdown()})
        return self._below_the_line().put({"text/html": self._growing_html()})

    def _paint_line(self) -> None:
        line = self._progress.line()
        if self._mode == "text":
            self._line.put({"text/plain": line})
        elif self._mode == "markdown":
            self._line.put({"text/markdown": f"*{literal(line)}*"})
        else:
            self._line.put({"text/html": self._waiting()})

    def _below_the_line(self) -> Output:
        """Return the output of the rest; a new one takes the place of the line, which moves on."""
        if self._rest is None:
            self._rest, self._line = self._line, Output(self._shell)
            self._line_next = 0.0
        return self._rest

    def _revise(self, reply: Reply, shared: Mapping[str, Any]) -> None:
        """Show blocks again that refer to what was defined below them, or that have changed."""
        blocks = zip(self._outputs, self._blocks, self._ended(reply), strict=True)
        for output, before, block in blocks:
            refers = shared and "[" in block.text
            if block != before or (refers and html(block.text, shared=shared) != html(block.text)):
                output.put(bundle(block, self._settings, self._mode, shared))


class RecordView(Silent):
    """Shows nothing in a notebook, and keeps the record of the call."""

    def __init__(self, shell: Any, settings: M1) -> None:
        self._shell, self._settings = shell, settings

    def close(self, receipt: Receipt) -> None:
        record = footer.record(receipt, self._settings)
        self._shell.display_pub.publish(data={RECORD: record, "text/plain": ""}, metadata={})


class CapturedView(RecordView):
    """Publishes answer and footer in one bundle, as a cell under ``%%capture`` wants it.

    Updates would pile up there as outputs of their own.
    """

    def close(self, receipt: Receipt) -> None:
        form = mode(self._settings, self._shell)
        answer = bundle(receipt.call.reply, self._settings, form)
        foot = footer.bundle(receipt, self._settings, html=form == "html")
        joined = {
            kind: f"{answer[kind]}\n\n{foot.get(kind, foot['text/plain'])}" for kind in answer
        }
        self._shell.display_pub.publish(data={**foot, **joined}, metadata={})
