"""A call in a notebook: two outputs, the answer that grows and the footer with its record.

Painting happens inside ``feed``, without timers or threads. Each update sends all of the output
that grows: so it is throttled by time and by bytes, and once its first blocks are finished, they
are typeset and stay as an output of their own. In a cell that is all ours these become one again
at the end, unless they are very long. ``close`` always paints, so that what came is on the page
however the call ended.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..calls import Event, Receipt, Reply, Request, Text, Thinking, Waiting
from . import Mode, footer, mode
from .markup import finished, html, settled
from .text import escape, inert, visible

if TYPE_CHECKING:
    from ..config import M1

EVERY = 0.1  # seconds between two paintings
BYTES_PER_SECOND = 60_000  # what updates may send; a page keeps up with it
GROWN = 8_000  # characters from which the first blocks of an output stay; more in long answers
# JupyterLab shows fifty outputs of a cell: with a twelfth of the answer each, 1 MB makes 41.
TWELFTH = 12
TOGETHER = 100_000  # characters of an answer up to which a cell of ours ends as one output
TYPESET_THINKING = 20_000  # characters; typesetting costs about 25 ms a thousand
# JupyterLab aligns the cells of HTML tables to the right and Arabic to the left, breaks lines of
# code inside of words and gives code no box. Wide tables and long lines scroll by themselves, not
# with the text around.
LOOKS = (
    "<style>.m1-answer :is(p,li,h1,h2,h3,th,td){unicode-bidi:plaintext;text-align:start!important}"
    ".m1-answer [align=left]{text-align:left!important}"
    ".m1-answer [align=right]{text-align:right!important}"
    ".m1-answer [align=center]{text-align:center!important}"
    ".m1-answer table{display:block;max-width:100%;overflow-x:auto}"
    ".m1-answer .highlight{margin:1em 0;padding:.4em .8em;overflow-x:auto;"
    "background:var(--jp-cell-editor-background,#8881)}"
    ".m1-answer .highlight :is(pre,code){margin:0;padding:0;white-space:pre;word-break:normal;"
    "background:none;overflow:visible}</style>"
)
# Clips what a formula could draw over its neighbours.
FRAME = "overflow-x:auto;overflow-y:hidden"


class NotebookView:
    """Shows a call through the display publisher of ``shell``.

    Args:
        shell: an IPython shell.
        settings: for ``render``, ``thinking`` and ``footer``.
        now: a clock, in seconds.
        pure: is all of the cell ours, so that its outputs may be cleared?
    """

    def __init__(
        self,
        shell: Any,
        settings: M1,
        now: Callable[[], float] = time.monotonic,
        *,
        pure: bool = False,
    ) -> None:
        self._shell, self._settings, self._now, self._pure = shell, settings, now, pure
        self._mode: Mode = mode(settings, shell)
        self._id = uuid.uuid4().hex
        self._shown = False
        self._status = ""
        self._kept = 0  # characters of the answer in outputs that stay
        self._text: list[str] = []  # what came after them
        self._thinking: list[str] = []
        self._thought = 0
        self._next = 0.0

    def open(self, request: Request, at_most: Decimal | None, sent: str) -> None:
        price = "" if at_most is None else f"at most {footer.at_most(at_most)}"
        parts = (f"asking {request.model}", sent, price)
        self._status = visible(" · ".join(part for part in parts if part))
        self._paint()

    def feed(self, event: Event) -> None:
        if isinstance(event, Text):
            self._text.append(event.text)
        elif isinstance(event, Thinking):
            self._thinking.append(event.text)
            self._thought += len(event.text)
        elif isinstance(event, Waiting):
            reason = visible(event.reason)
            self._status = f"{reason} Trying again in {event.seconds:.0f} s."
            self._next = 0.0
        else:
            return
        if self._now() >= self._next:
            self._paint()

    def close(self, receipt: Receipt) -> None:
        reply = receipt.call.reply
        if _captured(self._shell):
            self._publish_once(receipt)
            return
        together = self._kept and self._pure and len(reply.text) <= TOGETHER
        nothing = not (reply.text or thought(reply))
        if together or (nothing and self._pure):
            self._shell.display_pub.clear_output(wait=True)
            self._kept, self._shown = 0, False
        if self._kept:
            rest = Reply(text=reply.text[self._kept :])
            if rest.text or self._shown:
                self._publish(bundle(rest, self._settings, self._mode))
        elif not nothing or not self._pure:
            self._publish(bundle(reply, self._settings, self._mode))
        _publish_footer(self._shell, receipt, self._settings, self._mode)

    def _publish_once(self, receipt: Receipt) -> None:
        """Publish answer and footer in one bundle, as a cell under ``%%capture`` wants it."""
        answer = bundle(receipt.call.reply, self._settings, self._mode)
        foot = footer.bundle(receipt, self._settings, html=self._mode == "html")
        joined = {
            kind: f"{answer[kind]}\n\n{foot.get(kind, foot['text/plain'])}" for kind in answer
        }
        self._shell.display_pub.publish(data={**foot, **joined}, metadata={})

    def _paint(self) -> None:
        if _captured(self._shell):
            return
        growing = "".join(self._text)
        self._text = [growing]
        if len(growing) > max(GROWN, self._kept // TWELFTH):
            self._keep(growing)
        size = self._publish(self._unfinished())
        self._next = self._now() + max(EVERY, size / BYTES_PER_SECOND)

    def _keep(self, growing: str) -> None:
        """Leave the finished blocks as they are, and go on in an output of their own."""
        end = finished(growing)
        if end < len(growing) // 2:
            return
        thinking = "" if self._kept else "".join(self._thinking)
        part = Reply(text=growing[:end], thinking=thinking)
        self._publish(bundle(part, self._settings, self._mode))
        self._id, self._shown = uuid.uuid4().hex, False
        self._kept += end
        self._text = [growing[end:]]

    def _unfinished(self) -> dict[str, str]:
        """Return the output so far, in one form only: it is replaced soon."""
        text = settled("".join(self._text))
        status = self._status
        if self._kept and not text:
            status = "…"
        elif self._thinking and not text and self._settings.thinking != "drop":
            status = f"thinking… {footer.count(self._thought)} characters so far"
        if self._mode == "text":
            return {"text/plain": visible(text) or status}
        if self._mode == "markdown":
            return {"text/markdown": inert(text) or f"*{_literal(status)}*"}
        peek = self._peek() if not (text or self._kept) else ""
        body = html(text, typeset=False) if text else _quiet(escape(status)) + peek
        return {"text/html": _page(body)}

    def _peek(self) -> str:
        """Return the end of the thinking, folded: all of it, ten times a second, is too much."""
        if not self._thinking or self._settings.thinking not in ("fold", "show"):
            return ""
        tail = "".join(self._thinking[-400:])[-1500:]
        return _details("the last of it", _prose(escape(tail)), self._settings.thinking == "show")

    def _publish(self, data: Mapping[str, str]) -> int:
        self._shell.display_pub.publish(
            data=dict(data), metadata={}, transient={"display_id": self._id}, update=self._shown
        )
        self._shown = True
        return sum(len(text.encode()) for text in data.values())


class RecordView:
    """Shows nothing in a notebook, and keeps the record of the call."""

    def __init__(self, shell: Any, settings: M1) -> None:
        self._shell, self._settings = shell, settings

    def open(self, request: Request, at_most: Decimal | None, sent: str) -> None:
        pass

    def feed(self, event: Event) -> None:
        pass

    def close(self, receipt: Receipt) -> None:
        kept = footer.record(receipt, stable=self._settings.footer == "stable")
        self._shell.display_pub.publish(data={footer.RECORD: kept, "text/plain": ""}, metadata={})


def bundle(reply: Reply, settings: M1, shown: Mode | None = None) -> dict[str, str]:
    """Return the output of a finished reply; ``text/plain`` is its Markdown.

    Args:
        reply: the reply, whole or cut off.
        settings: for ``render`` and ``thinking``.
        shown: what to display it as; None: what ``settings`` say.
    """
    shown = shown or mode(settings)
    plain = {"text/plain": visible(reply.text)}
    if shown == "html":
        answer = html(reply.text) if reply.text else ""
        return {"text/html": _page(_thoughts(reply, settings) + answer), **plain}
    if shown == "markdown":
        return {"text/markdown": _thoughts_markdown(reply, settings) + inert(reply.text), **plain}
    return plain


def _captured(shell: Any) -> bool:
    """Is the cell under ``%%capture``? Updates would pile up there as outputs of their own."""
    from IPython.core.displaypub import CapturingDisplayPublisher

    return isinstance(shell.display_pub, CapturingDisplayPublisher)


def _publish_footer(shell: Any, receipt: Receipt, settings: M1, shown: Mode) -> None:
    data = footer.bundle(receipt, settings, html=shown != "text")
    shell.display_pub.publish(data=data, metadata={})


def _page(body: str) -> str:
    return f'{LOOKS}<div style="{FRAME}">{body}</div>'


def _quiet(markup: str) -> str:
    return f'<div class="mathjax_ignore tex2jax_ignore" style="{footer.STYLE}">{markup}</div>'


def _prose(markup: str) -> str:
    return f'<div style="white-space:pre-wrap;overflow-wrap:anywhere">{markup}</div>'


def _details(summary: str, body: str, unfolded: bool) -> str:
    state = " open" if unfolded else ""
    return _quiet(f"<details{state}><summary>{summary}</summary>{body}</details>")


def thought(reply: Reply) -> str:
    """Return how much was thought: ``thought 1,900 tokens``; nothing where nothing was."""
    if reply.usage and reply.usage.reasoning:
        return f"thought {footer.many(reply.usage.reasoning, 'token')}"
    return f"thought {footer.count(len(reply.thinking))} characters" if reply.thinking else ""


def _thoughts(reply: Reply, settings: M1) -> str:
    summary = thought(reply)
    if not summary or settings.thinking == "drop":
        return ""
    if settings.thinking == "hide" or not reply.thinking:
        return _quiet(summary)
    body = html(reply.thinking, typeset=len(reply.thinking) <= TYPESET_THINKING)
    # Not in _quiet's mathjax_ignore as a whole: the formulas inside ask for themselves.
    return _details(summary, body, settings.thinking == "show")


def _thoughts_markdown(reply: Reply, settings: M1) -> str:
    """Return the thinking as a quotation: Markdown has no fold without raw HTML."""
    summary = thought(reply)
    if not summary or settings.thinking == "drop":
        return ""
    if settings.thinking != "show" or not reply.thinking:
        return f"*{summary}*\n\n"
    quoted = "\n".join(f"> {row}" for row in inert(reply.thinking, quoted=True).split("\n"))
    return f"*{summary}*\n\n{quoted}\n\n---\n\n"


def _literal(text: str) -> str:
    return inert(text).replace("*", "\\*").replace("_", "\\_").replace("`", "\\`")
