"""The model's Markdown as HTML that cannot run, load, restyle or reach anything.

Raw HTML is off in the parser, pictures and doubtful links become text while they are still
tokens, and nh3 has the last word with a list of what may be there at all. MathJax is kept to the
formulas: all else stands in ``mathjax_ignore``. Code gets Pygments' short classes, which
JupyterLab, Notebook and nbconvert colour by the theme; nothing here carries a style.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .text import escape, visible

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_core import StateCore
    from markdown_it.token import Token

LINK = re.compile(
    r"https?://(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])(?::\d{1,5})?(?:[/?#][!-~]*)?"
    r"|mailto:[\w.+%-]+@[\w.-]+(?:\?[!-~]*)?",
    re.IGNORECASE | re.ASCII,
)
SHORTCLASS = re.compile(r"[a-z][a-z0-9]{0,2}")
# What may be in an answer: attributes with the values that they may have, and tags without any.
ALLOWED: dict[str, dict[str, re.Pattern[str]]] = {
    "a": {"href": LINK},
    "code": {"class": re.compile(r"language-[\w+#.-]{1,30}")},
    "div": {"class": re.compile("highlight")},
    "ol": {"start": re.compile(r"\d{1,9}")},
    "span": {"class": re.compile(f"mathjax_process tex2jax_process|{SHORTCLASS.pattern}")},
    "td": {"align": re.compile("left|right|center")},
    "th": {"align": re.compile("left|right|center")},
} | {
    tag: {}
    for tag in (
        *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "li", "blockquote", "pre"),
        *("em", "strong", "s", "del", "table", "thead", "tbody", "tr", "sup", "sub"),
    )
}
# Added to each link by nh3, never taken from the text.
LINK_REL, LINK_TARGET = "noopener noreferrer nofollow", "_blank"
COLOURED = 20_000  # characters of a code block that Pygments is given; longer ones stay plain

_HOSTLIKE = re.compile(r"[\w-]+(?:[.\u3002\uff0e\uff61][\w-]+)*[.\u3002\uff0e\uff61][^\W\d_]{2,}")
_URL_PATH = re.compile(r"(https?://[^\s/?#]+)\S*", re.IGNORECASE)
_LINE_END = re.compile(r"\r\n?|\n")
# Names and punctuation stay in the text's own colour: half of the bytes, in every saved file.
_UNCOLOURED = re.compile('<span class="[np]">([^<]*)</span>')
_TASK = re.compile(r"\[([ xX])\][ \u00a0]")
_DELIMITER = re.compile(r"[\s|:\-]*-[\s|:\-]*")
_MARKS = re.compile(r"[\s\-=*_`~|:#+>$\\\[\]]*|\s*\d{1,9}[.)]?\s*")


def html(markdown: str, *, typeset: bool = True) -> str:
    """Return untrusted Markdown as one safe ``<div>``; ``typeset=False`` leaves TeX as text."""
    source = visible(markdown)
    try:
        # Once more after parsing: "&#x202e;" and its like are characters only now.
        inner = _clean(visible(_parser().render(source, {"typeset": typeset})))
    except Exception:  # a paid answer is shown whatever a parser makes of it
        inner = f"<pre>{escape(source)}</pre>"
    return f'<div class="m1-answer mathjax_ignore tex2jax_ignore">{inner}</div>'


def settled(prefix: str) -> str:
    """Return the part of a growing answer whose meaning its next characters cannot turn round.

    Held back are a last line of nothing but marks (``-`` under a paragraph is a heading until it
    is a list) and the head of a table whose second row is not there yet.
    """
    lines = prefix.split("\n")
    body = lines[:-1] if _MARKS.fullmatch(lines[-1]) else lines
    begin = len(body)
    while begin and body[begin - 1].lstrip().startswith("|"):
        begin -= 1
    head = body[begin:]
    if len(head) == 1 or (len(head) == 2 and not _DELIMITER.fullmatch(head[1])):
        body = body[:begin]
    return "\n".join(body) if body is lines else "".join(line + "\n" for line in body)


def finished(prefix: str) -> int:
    """Return how many characters of a growing answer are blocks that nothing can change.

    All blocks but the last one are; what refers to later definitions (footnotes, links by name)
    is not, and becomes right when the answer is shown as a whole.
    """
    tokens = _parser().parse(prefix, {})
    starts = [token.map[0] for token in tokens if token.map and not token.level]
    if len(starts) < 2 or not starts[-1]:
        return 0
    ends = [match.end() for match in _LINE_END.finditer(prefix)]
    return ends[starts[-1] - 1]


def _clean(text: str) -> str:
    return str(_cleaner().clean(text))


@cache
def _cleaner() -> Any:
    import nh3

    return nh3.Cleaner(
        tags=set(ALLOWED),
        attributes={tag: set(values) for tag, values in ALLOWED.items() if values},
        attribute_filter=_attribute,
        url_schemes={"http", "https", "mailto"},
        link_rel=LINK_REL,
        set_tag_attribute_values={"a": {"target": LINK_TARGET}},
    )


def _attribute(tag: str, name: str, value: str) -> str | None:
    if tag == "a" and name in ("rel", "target"):
        return value  # nh3's own: they are not among the attributes taken from the text
    allowed = ALLOWED.get(tag, {}).get(name)
    return value if allowed and allowed.fullmatch(value) else None


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt
    from mdit_py_plugins.footnote import footnote_plugin

    from .mathematics import math

    md = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    md.use(footnote_plugin, inline=False).use(math)
    md.core.ruler.push("defuse", _defuse)
    for name, rule in _rules().items():
        md.add_render_rule(name, rule)
    return md


def _rules() -> dict[str, Callable[..., str]]:
    fixed = {
        "footnote_block_open": "<hr><ol>",
        "footnote_block_close": "</ol>",
        "footnote_open": "<li>",
        "footnote_close": "</li>",
        "footnote_anchor": "",
    }
    rules: dict[str, Callable[..., str]] = {
        name: (lambda *_, text=text: text) for name, text in fixed.items()
    }
    rules["footnote_ref"] = lambda _, tokens, at, *__: f"<sup>[{tokens[at].meta['id'] + 1}]</sup>"
    rules["fence"] = rules["code_block"] = lambda _, tokens, at, *__: _code(tokens[at])
    rules["math"] = lambda _, tokens, at, __, env: _formula(tokens[at], env["typeset"])
    rules["math_open_end"] = lambda _, tokens, at, *__: f"<pre>{escape(tokens[at].content)}</pre>"
    return rules


def _formula(token: Token, wanted: bool) -> str:
    from .mathematics import typeset

    tex = escape(token.content)
    if wanted and not typeset(token.content):
        return f"<code>{tex}</code>"
    closing = "\\]" if token.markup == "\\[" else "\\)"
    text = f"{token.markup}{tex}{closing}"
    shown = f'<span class="mathjax_process tex2jax_process">{text}</span>' if wanted else text
    return f"<p>{shown}</p>" if token.block else shown


def _code(token: Token) -> str:
    from markdown_it.common.utils import unescapeAll

    language = next(iter(unescapeAll(token.info).split(maxsplit=1)), "")
    mark = f' class="language-{escape(language)}"' if language else ""
    inner = _coloured(token.content, language) or escape(token.content)
    return f'<div class="highlight"><pre><code{mark}>{inner}</code></pre></div>'


def _coloured(code: str, language: str) -> str:
    """Return code as Pygments' spans, or nothing where its language is not known."""
    if not language or len(code) > COLOURED:
        return ""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return ""
    return _UNCOLOURED.sub(r"\1", str(highlight(code, lexer, HtmlFormatter(nowrap=True))))


def _defuse(state: StateCore) -> None:
    """Turn pictures and doubtful links into text, styles into ``align``, tasks into ☐ and ☑."""
    for at, token in enumerate(state.tokens):
        if token.type in ("td_open", "th_open"):
            style = str(token.attrs.pop("style", ""))
            if style:
                token.attrs["align"] = style.removeprefix("text-align:")
        elif token.type == "inline" and token.children:
            token.children = _links(_pictures(token.children))
            if at > 1 and state.tokens[at - 2].type == "list_item_open":
                _task(token.children)


def _task(children: list[Token]) -> None:
    if children and (box := _TASK.match(children[0].content)) and children[0].type == "text":
        children[0].content = ("☐ " if box[1] == " " else "☑ ") + children[0].content[box.end() :]


def _pictures(children: Sequence[Token]) -> list[Token]:
    out: list[Token] = []
    for token in children:
        if token.type != "image":
            out.append(token)
            continue
        address = str(token.attrs.get("src", ""))
        host = _host(address)
        alt = "".join(inner.content for inner in token.children or ())
        out.append(_text(f"picture: {alt} ({host}) " if host else f"picture: {alt} "))
        out.append(_text(_short(address), "code_inline", "code"))
    return out


def _links(children: Sequence[Token]) -> list[Token]:
    """Return the tokens with only safe links, and the host where the text names another one."""
    out: list[Token] = []
    start, href = 0, ""
    for token in children:
        if token.type == "link_open":
            start, href = len(out), str(token.attrs.get("href", ""))
            token.attrs = {"href": href}
            if LINK.fullmatch(href):
                out.append(token)
        elif token.type == "link_close":
            label = "".join(inner.content for inner in out[start:])
            if LINK.fullmatch(href):
                out.append(token)
                if _misleads(label, _host(href)):
                    out.append(_text(f" ({_host(href)})"))
            elif label != href:
                out.append(_text(f" ({_short(href)})"))
        else:
            out.append(token)
    return out


def _misleads(label: str, host: str) -> bool:
    own = host.casefold()
    if label.casefold().removeprefix("mailto:") == own:
        return False
    named = {found.casefold() for found in _HOSTLIKE.findall(_URL_PATH.sub(r"\1", label))}
    return bool(named - {own.rpartition("@")[2]})


def _host(address: str) -> str:
    if address.lower().startswith("mailto:"):
        return address[7:].partition("?")[0]
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _short(address: str) -> str:
    return address if len(address) <= 200 else address[:199] + "…"


def _text(content: str, kind: str = "text", tag: str = "") -> Token:
    from markdown_it.token import Token

    return Token(kind, tag, 0, content=content)
