"""A finished reply as an output: the thinking, folded, and the answer.

The same function serves cells, the panel, ``ask()`` and what is shown again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..calls import Reply
from ..text import plural, show_controls, thousands
from . import footer
from .front_end import Mode, mode
from .inert_markdown import inert
from .markup import html

if TYPE_CHECKING:
    from ..settings.config import M1

TYPESET_THINKING = 20_000  # characters; typesetting costs about 25 ms a thousand
# What front ends lack for answers: they align cells to the right, break code inside words and
# squeeze wide tables. The class names are ours; the model has no way to them. Each part with the
# mark in an answer that needs it.
STYLES = {
    "<table": ".m1-answer th,.m1-answer td{text-align:left!important}"
    ".m1-answer [align=right]{text-align:right!important}"
    ".m1-answer [align=center]{text-align:center!important}"
    ".m1-answer table{display:block;width:max-content;max-width:100%;overflow-x:auto}",
    "<pre": ".m1-answer pre{white-space:pre!important;overflow-x:auto;padding:.5em .8em!important;"
    "background:var(--jp-cell-editor-background,transparent)!important;margin:0 0 1em!important}"
    ".m1-answer pre *{background:none!important;white-space:pre!important}"
    ".m1-answer .nf{color:var(--jp-mirror-editor-def-color,#795e26)}"
    ".m1-answer .nb{color:var(--jp-mirror-editor-builtin-color,#05a)}"
    ".m1-answer .gi{color:var(--jp-success-color1,#1a7f37)}"
    ".m1-answer .gd{color:var(--jp-error-color1,#cf222e)}",
    'dir="auto"': ".m1-answer [dir]{text-align:start!important}",
    "m1-callout": ".m1-callout{--m1:var(--jp-info-color1,#0969da);margin-inline:0!important;"
    "border:0 solid var(--m1)!important;border-inline-start-width:4px!important;"
    "padding-inline:1em 0!important}"
    ".m1-tip{--m1:var(--jp-success-color1,#1a7f37)}"
    ".m1-important{--m1:var(--jp-brand-color1,#8250df)}"
    ".m1-warning{--m1:var(--jp-warn-color1,#9a6700)}"
    ".m1-caution{--m1:var(--jp-error-color1,#cf222e)}"
    ".m1-callout>p:first-child>strong:first-child{color:var(--m1)}",
}
# Clips what a formula could draw over its neighbours.
FRAME = "overflow-x:auto;overflow-y:hidden"


def bundle(
    reply: Reply,
    settings: M1,
    shown: Mode | None = None,
    shared: Mapping[str, Any] | None = None,
    typeset: bool = True,
) -> dict[str, str]:
    """Return the output of a finished reply, or of a part; ``text/plain`` is its Markdown.

    ``shown`` is what to display it as, by default as ``settings`` say; ``shared`` what the whole
    answer defines for this part (see ``blocks.definitions``); without ``typeset`` TeX stays text.
    """
    shown = shown or mode(settings)
    plain = {"text/plain": show_controls(reply.text)}
    if shown == "html":
        answer = html(reply.text, shared=shared, typeset=typeset) if reply.text else ""
        return {"text/html": framed(_thoughts(reply, settings) + answer), **plain}
    if shown == "markdown":
        return {"text/markdown": _thoughts_markdown(reply, settings) + inert(reply.text), **plain}
    return plain


def thought(reply: Reply, settings: M1) -> str:
    """Return how much was thought: ``thought 1,900 tokens``; nothing where nothing was."""
    if settings.thinking == "drop":
        return ""
    if reply.usage and reply.usage.reasoning:
        return f"thought {plural(reply.usage.reasoning, 'token')}"
    return f"thought {thousands(len(reply.thinking))} characters" if reply.thinking else ""


def framed(body: str) -> str:
    """Return markup in a box that nothing in it can leave, and before it the style it needs."""
    needed = "".join(style for mark, style in STYLES.items() if mark in body)
    style = f"<style>{needed}</style>" if needed else ""
    return f'{style}<div style="{FRAME}">{body}</div>'


def quiet(markup: str) -> str:
    """Return markup of ours as small text in the theme's second colour."""
    return f'<div class="mathjax_ignore tex2jax_ignore" style="{footer.STYLE}">{markup}</div>'


def _thoughts(reply: Reply, settings: M1) -> str:
    summary = thought(reply, settings)
    if not summary or settings.thinking == "hide" or not reply.thinking:
        return quiet(summary) if summary else ""
    # The formulas inside ask to be typeset themselves, in spite of the class around them.
    body = html(reply.thinking, typeset=len(reply.thinking) <= TYPESET_THINKING)
    state = " open" if settings.thinking == "show" else ""
    return quiet(f"<details{state}><summary>{summary}</summary>{body}</details>")


def _thoughts_markdown(reply: Reply, settings: M1) -> str:
    """Return the thinking as a quotation: Markdown has no fold without raw HTML."""
    summary = thought(reply, settings)
    if not summary or settings.thinking != "show" or not reply.thinking:
        return f"*{summary}*\n\n" if summary else ""
    quoted = "\n".join(f"> {row}" for row in inert(reply.thinking, quoted=True).split("\n"))
    return f"*{summary}*\n\n{quoted}\n\n---\n\n"
