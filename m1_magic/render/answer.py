"""A finished reply as an output: the thinking, folded, and the answer.

The same function serves cells, the panel, ``ask()`` and what is shown again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..calls import Reply
from ..text import escape_html, md_to_text, plural, show_controls, thousands
from . import footer, queries, tools
from .blocks import definitions
from .front_end import Mode, mode
from .inert_markdown import inert
from .marks import COMPUTED, UNCHECKED, UNKNOWN, Marks, within
from .markup import html

if TYPE_CHECKING:
    from ..settings.config import M1

FAINT = "var(--jp-ui-font-color3,#888)"
DOTTED = f"text-decoration:underline 1px dotted {FAINT};text-underline-offset:.2em"
TYPESET_THINKING = 20_000  # characters; typesetting costs about 25 ms a thousand
# What front ends lack for answers: they align cells to the right, break code inside words and
# squeeze wide tables. The class names are ours; the model has no way to them. Each part with the
# mark in an answer that needs it: every saved answer carries its own.
STYLES = {
    "<table": "td,th{text-align:left!important}table{display:block;overflow:auto}",
    "align=right": "[align=right]{text-align:right!important}",
    "align=center": "[align=center]{text-align:center!important}",
    "<pre": "pre,pre *{white-space:pre!important;"
    "background:var(--jp-cell-editor-background)!important}"
    "pre{overflow:auto;padding:.5em .8em!important;margin:0 0 1em!important}",
    "m1-wraps": ".m1-wraps,.m1-wraps *{white-space:pre-wrap!important;overflow-wrap:anywhere;"
    "word-break:normal}",
    "class=nf": ".nf{color:var(--jp-mirror-editor-def-color)}",
    "class=nb": ".nb{color:var(--jp-mirror-editor-builtin-color)}",
    "class=gi": ".gi{color:var(--jp-success-color1)}",
    "class=gd": ".gd{color:var(--jp-error-color1)}",
    "class=tk": "li:has(>.tk,>p>.tk){list-style:none}",
    "dir=auto": "[dir]{text-align:start!important}",
    "m1-callout": ".m1-callout{margin:1em 0;padding:0 1em;border:0;"
    "border-inline-start:4px solid var(--m1);>p:first-child>strong:first-child{color:var(--m1)}}",
    "m1-note": ".m1-note{--m1:var(--jp-info-color1,#0969da)}",
    "m1-tip": ".m1-tip{--m1:var(--jp-success-color1,#1a7f37)}",
    "m1-important": ".m1-important{--m1:var(--jp-brand-color1,#8250df)}",
    "m1-warning": ".m1-warning{--m1:var(--jp-warn-color1,#9a6700)}",
    "m1-caution": ".m1-caution{--m1:var(--jp-error-color1,#cf222e)}",
    f"class={COMPUTED}": f"abbr.{COMPUTED}{{{DOTTED};cursor:help}}"
    f"table.{COMPUTED}{{border-inline-start:2px dotted {FAINT}}}",
    f"class={UNKNOWN}": f".{UNKNOWN}{{{DOTTED};cursor:help}}",
    f"class={UNCHECKED}": f".{UNCHECKED}{{font-style:italic;opacity:.75;cursor:help}}",
}
# A long answer with its footer is saved in so many times the bytes of its text, a short one in so
# many more than twice its text; besides HTML, style and Markdown they take the last number. What
# is between keeps all of its colours.
LONG, TIMES = 4_000, 2.5
SHORT, MORE = 1_000, 1_500
BESIDES, FOLD = 980, 180  # the fold of thinking
# What the HTML can do without if there is more of it, least needed first: what HTML takes for
# granted (https://html.spec.whatwg.org, optional tags), and colours of code.
SPARED = (
    ('<span class="o">([^<]*)</span>', r"\1"),
    ("</(?:td|th|tr|li|thead|tbody|p)>", ""),
    ('(<t[dh]) align="left">', r"\1>"),
    ('(<t[dh] align=)"([a-z]+)"', r"\1\2"),
    ('(<pre><code) class="[^"]*">', r"\1>"),
    ('<(span|div) class="(m|nb|nf|s|k|c|gi|gd|highlight)">', r"<\1 class=\2>"),
    ("<span class=(?:m|nb)>([^<]*)</span>", r"\1"),
    ("<span class=nf>([^<]*)</span>", r"\1"),
)
# And a long one, whose code may be most of it.
SPARED_OF_LONG = (
    ("<span class=s>([^<]*)</span>", r"\1"),
    ("<span class=(?:k|c|gi|gd)>([^<]*)</span>", r"\1"),
    ("<div class=highlight>(<pre><code>[^<]*</code></pre>)</div>", r"\1"),
)
# Clips what a formula could draw over its neighbours.
FRAME = "overflow:auto hidden"


def bundle(
    reply: Reply,
    settings: M1,
    form: Mode | None = None,
    shared: Mapping[str, Any] | None = None,
    typeset: bool = True,
) -> dict[str, str]:
    """Return the output of a finished reply, or of a part; ``text/plain`` is its Markdown.

    ``form`` is what to display it as, by default as ``settings`` say; ``shared`` what the whole
    answer defines for this part (see ``blocks.definitions``); without ``typeset`` TeX stays text.
    """
    form = form or mode(settings)
    if reply.page:
        return _data(reply, settings, form)
    plain = {"text/plain": tools.plain(reply.text, reply.tools)}
    # A part of an answer has no template: its queries only say what its figures are of.
    for_queries, timed = reply if reply.template else Reply(), settings.footer != "stable"
    if form == "html":
        thoughts = _thoughts(reply, settings)
        answer = _answer(reply, shared, typeset, BESIDES + FOLD * bool(thoughts))
        fold = queries.html(for_queries, timed)
        below = f'<div style="font-size:.9em">{fold}</div>' if fold else ""
        return {"text/html": framed(thoughts + answer + below), **plain}
    if form == "markdown":
        below = queries.markdown(for_queries, timed)
        above = _thoughts_markdown(reply, settings)
        answer = "".join(
            inert(text) + tools.markdown(calls)
            for _, text, calls in tools.parts(reply.text, reply.tools)
        )
        return {"text/markdown": above + answer + below, **plain}
    return plain


def _answer(
    reply: Reply, shared: Mapping[str, Any] | None, typeset: bool, besides: int = BESIDES
) -> str:
    """Return the answer in its parts, each with the calls of tools behind it."""
    if reply.tools and not shared:
        shared = definitions(reply.text)
    made = []
    for begins, text, calls in tools.parts(reply.text, reply.tools):
        if text:
            figures = within(reply.figures, begins, text) if reply.tools else reply.figures
            marks = Marks(text, figures, reply.queries)
            answer = html(text, shared=shared, typeset=typeset, marks=marks)
            made.append(lean(answer, text, besides - marks.size))
        made.append(tools.html(calls))
    return "".join(made)


def _data(reply: Reply, settings: M1, form: Mode) -> dict[str, str]:
    """Return the output of an answer that is data; what M1 wrote is folded below it."""
    page = reply.page
    text = page if page.startswith("`") else md_to_text(page).replace("\\$", "$")
    plain = {"text/plain": show_controls(text)}
    if form == "html":
        fold = escape_html(reply.text)
        fold = f"<details><summary>the answer as it came</summary><pre>{fold}</pre></details>"
        above = _thoughts(reply, settings) + tools.html(reply.tools)
        return {"text/html": framed(above + html(page, typeset=False) + quiet(fold)), **plain}
    if form == "markdown":
        above = _thoughts_markdown(reply, settings) + tools.markdown(reply.tools)
        return {"text/markdown": above + inert(page), **plain}
    return plain


def lean(markup: str, text: str, besides: int = BESIDES) -> str:
    """Return an answer's HTML, with less in it that is spared easily if it is much of its text."""
    size = len(text.encode("utf-8", "replace"))
    if SHORT < size < LONG:
        return markup
    allowed = TIMES * size if size >= LONG else 2 * size + MORE
    most = allowed - _saved(text) - besides
    if "$" not in text and "\\" not in text:  # nothing that MathJax could take for a formula
        markup = markup.replace(" mathjax_ignore tex2jax_ignore", "", 1)
    for pattern, rest in SPARED + (SPARED_OF_LONG if size >= LONG else ()):
        if _saved(markup + _style(markup)) <= most:
            break
        markup = re.sub(pattern, rest, markup)
    return markup


def _saved(text: str) -> int:
    """Return how many bytes a text takes in a notebook's file."""
    escapes = text.count('"') + text.count("\n") + text.count("\\")
    return len(text.encode("utf-8", "replace")) + escapes


def thought(reply: Reply, settings: M1) -> str:
    """Return how much was thought: ``thought 1,900 tokens``; nothing where nothing was."""
    if settings.thinking == "drop":
        return ""
    if reply.usage and reply.usage.reasoning:
        return f"thought {plural(reply.usage.reasoning, 'token')}"
    return f"thought {thousands(len(reply.thinking))} characters" if reply.thinking else ""


def framed(body: str) -> str:
    """Return markup with the style it needs, and in a box that no formula can leave."""
    boxed = f'<div style="{FRAME}">{body}</div>' if "mathjax_process" in body else body
    return _style(body) + boxed


def _style(body: str) -> str:
    marks = body.replace('"', "")
    needed = "".join(style for mark, style in STYLES.items() if mark in marks)
    return f"<style>.m1-answer{{{needed}}}</style>" if needed else ""


def quiet(markup: str) -> str:
    """Return markup of ours as small text in the theme's second colour."""
    return f'<div class="mathjax_ignore tex2jax_ignore" style="{footer.STYLE}">{markup}</div>'


def _thoughts(reply: Reply, settings: M1) -> str:
    summary = thought(reply, settings)
    if not summary or settings.thinking == "hide" or not reply.thinking:
        return quiet(summary) if summary else ""
    body = html(reply.thinking, typeset=len(reply.thinking) <= TYPESET_THINKING)
    state = " open" if settings.thinking == "show" else ""
    fold = f"<details{state}><summary>{summary}</summary>{body}</details>"
    return f'<div style="{footer.STYLE}">{fold}</div>'


def _thoughts_markdown(reply: Reply, settings: M1) -> str:
    """Return the thinking as a quotation: Markdown has no fold without raw HTML."""
    summary = thought(reply, settings)
    if not summary or settings.thinking != "show" or not reply.thinking:
        return f"*{summary}*\n\n" if summary else ""
    quoted = "\n".join(f"> {row}" for row in inert(reply.thinking, quoted=True).split("\n"))
    return f"*{summary}*\n\n{quoted}\n\n---\n\n"
