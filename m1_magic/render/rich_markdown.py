"""The model's Markdown for a terminal: rich draws the tokens of which the HTML is made.

rich's own parser drops raw tags and eats the backslashes of formulas. No escape sequence comes
from the model, not even one for a link: addresses are printed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..text import show_controls
from .markup import parser
from .sanitizer import paragraph, text_token

if TYPE_CHECKING:
    from markdown_it.token import Token
    from rich.markdown import Markdown

# Footnotes are drawn as the list that they are.
AS = {
    "footnote_block_open": "ordered_list_open",
    "footnote_block_close": "ordered_list_close",
    "footnote_open": "list_item_open",
    "footnote_close": "list_item_close",
}


def to_rich(markdown: str) -> Markdown:
    """Return untrusted Markdown for rich to draw."""
    from rich.markdown import Markdown

    document = Markdown("", hyperlinks=False, code_theme="ansi_dark")
    source = show_controls(markdown)
    try:
        document.parsed = list(_drawable(parser().parse(source, {"typeset": False})))
    except Exception:  # as in markup.html: an answer is shown whatever a parser makes of it
        document.parsed = paragraph(source)
    return document


def _drawable(tokens: Iterable[Token]) -> Iterable[Token]:
    for token in tokens:
        token.content = show_controls(token.content)  # "&#x202e;" is a character only now
        token.type = AS.get(token.type, token.type)
        if token.children:
            token.children = list(_drawable(token.children))
        if token.type == "footnote_ref":
            token.type, token.content = "text", f"[{token.meta['id'] + 1}]"
        if token.type.startswith("math"):
            text = token.content if token.type == "math_open_end" else _formula(token)
            yield from paragraph(text) if token.block else [text_token(text)]
        elif token.type != "footnote_anchor":
            yield token


def _formula(token: Token) -> str:
    closing = "$$" if token.markup == "\\[" else "$"
    return f"{closing}{token.content}{closing}"
