"""The model's Markdown as HTML that cannot run, load, restyle or reach anything.

Raw HTML is off in the parser, pictures and doubtful links become text while they are still
tokens, and nh3 has the last word with a list of what may be there at all. MathJax is kept to the
formulas: all else stands in ``mathjax_ignore``. Nothing here carries a style.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import cache
from typing import TYPE_CHECKING, Any

from .. import markdown
from ..interrupts import uninterrupted
from ..markdown.fences import language
from ..text import escape_html, show_controls
from .code import coloured
from .links import LINK
from .marks import CLASS, NONE, Marks
from .sanitizer import NOTES, install
from .tex import LABEL, typesettable

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

# What may be in an answer: attributes with the values that they may have, and tags.
AUTO = {"dir": re.compile("auto")}
ALLOWED: dict[str, dict[str, re.Pattern[str]]] = {
    "a": {"href": LINK},
    "abbr": {"class": re.compile(CLASS)},
    "blockquote": AUTO | {"class": re.compile(f"m1-callout m1-(?:{'|'.join(NOTES)})")},
    "code": {"class": re.compile(r"language-[\w+#.-]{1,30}")},
    "div": {"class": re.compile("highlight")},
    "ol": AUTO | {"start": re.compile(r"\d{1,9}")},
    "span": {"class": re.compile(f"mathjax_process tex2jax_process|[a-z][a-z0-9]{{0,2}}|{CLASS}")},
    "table": AUTO | {"class": re.compile(CLASS)},
    "td": AUTO | {"align": re.compile("left|right|center")},
    "th": AUTO | {"align": re.compile("left|right|center")},
    **dict.fromkeys(("p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "li"), AUTO),
    **{tag: {} for tag in ("br", "hr", "pre", "em", "strong", "s", "del", "sup", "sub")},
    **{tag: {} for tag in ("thead", "tbody", "tr")},
}
# Line ends that only make a notebook's file longer; in <pre> none of these tags stand.
_BETWEEN = re.compile(
    r"\n(?=</?(?:p|h[1-6]|hr|ul|ol|li|blockquote|table|thead|tbody|tr|th|td|div)\b|$)"
)
# What the footnotes' own rules would draw with ids, classes and links.
FOOTNOTES = {
    "footnote_block_open": "<hr><ol>",
    "footnote_block_close": "</ol>",
    "footnote_open": "<li>",
    "footnote_close": "</li>",
    "footnote_anchor": "",
}


def html(
    text: str,
    *,
    typeset: bool = True,
    shared: Mapping[str, Any] | None = None,
    marks: Marks = NONE,
) -> str:
    """Return untrusted Markdown, or a part of it, as one safe ``<div>``.

    Without ``typeset`` TeX stays text; ``shared`` is what the rest of the text defines for this
    part, see ``blocks.definitions``; ``marks`` are those of its figures.
    """
    source = show_controls(marks.text if marks else text)
    try:
        # Once more after parsing: "&#x202e;" and its like are characters only now.
        rendered = show_controls(parser().render(source, _env(typeset, shared, marks)))
        inner = marks.put(_clean(_BETWEEN.sub("", rendered)))
    except Exception:  # a paid answer is shown whatever a parser makes of it
        inner = f"<pre>{escape_html(text)}</pre>"
    return f'<div class="m1-answer mathjax_ignore tex2jax_ignore">{inner}</div>'


def _env(typeset: bool, shared: Mapping[str, Any] | None, marks: Marks) -> dict[str, Any]:
    """Return what the rules of one rendering know besides the text."""
    env: dict[str, Any] = {"typeset": typeset, "marks": marks}
    if shared:
        # The inline rules write into tokens: each rendering gets its own.
        notes = deepcopy(shared["notes"])
        labels = {f":{note.meta['label']}": -1 for note in notes if note.meta.get("label")}
        footnotes = {"refs": labels, "list": {}}
        env |= {"references": dict(shared["references"]), "notes": notes, "footnotes": footnotes}
    return env


def _clean(text: str) -> str:
    with uninterrupted():  # nh3 swallows what its filter raises, a Ctrl-C, too
        return str(_cleaner().clean(text))


@cache
def _cleaner() -> Any:
    import nh3

    return nh3.Cleaner(
        tags=set(ALLOWED),
        attributes={tag: set(values) for tag, values in ALLOWED.items() if values},
        attribute_filter=_attribute,
        url_schemes={"http", "https", "mailto"},
        # Added to each link, never taken from the text.
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )


def _attribute(tag: str, name: str, value: str) -> str | None:
    if tag == "a" and name in ("rel", "target"):
        return value  # nh3's own: they are not among the attributes taken from the text
    allowed = ALLOWED.get(tag, {}).get(name)
    return value if allowed and allowed.fullmatch(value) else None


@cache
def parser() -> MarkdownIt:
    """Return the one parser of what is shown."""
    md = markdown.parser()
    install(md)
    own = ("footnote_ref", "fence", "code_block", "math", "math_open_end", "task_box")
    for kind in (*FOOTNOTES, *own):
        md.add_render_rule(kind, _drawn)
    return md


def _drawn(_: Any, tokens: Sequence[Token], at: int, __: Any, env: Mapping[str, Any]) -> str:
    """Return one token as HTML, where the parser's own rule would draw more than is wanted."""
    token = tokens[at]
    if token.type in FOOTNOTES:
        return FOOTNOTES[token.type]
    if token.type == "footnote_ref":
        return f"<sup>[{token.meta['id'] + 1}]</sup>"
    if token.type == "task_box":
        return f'<span class="tk">{token.content}</span>'
    if token.type == "math":
        return _formula(token, env["typeset"])
    if token.type == "math_open_end":
        return f"<pre>{escape_html(token.content)}</pre>"
    return _code(token)


def _formula(token: Token, wanted: bool) -> str:
    tex = escape_html(token.content)
    if wanted and not typesettable(token.content):
        return f"<code>{tex}</code>"
    tex = LABEL.sub("", tex)  # shows nothing, and two answers may have the same one
    closing = "\\]" if token.markup == "\\[" else "\\)"
    text = f"{token.markup}{tex}{closing}"
    markup = f'<span class="mathjax_process tex2jax_process">{text}</span>' if wanted else text
    return f"<p>{markup}</p>" if token.block else markup


def _code(token: Token) -> str:
    word = language(token.info)
    mark = f' class="language-{escape_html(word)}"' if word else ""
    inner = coloured(token.content, word) or escape_html(token.content)
    return f'<div class="highlight"><pre><code{mark}>{inner}</code></pre></div>'
