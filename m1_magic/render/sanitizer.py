"""An answer's tokens, made harmless and complete before they become HTML.

Pictures and doubtful links become text, styles ``align``, tasks ☐ and ☑; ``> [!NOTE]`` becomes a
note, text that runs from right to left says so, and no footnote is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import dropwhile
from typing import TYPE_CHECKING, Literal

from ..text import one_line
from . import marks
from .links import host, leads_away, misleads

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_core import StateCore
    from markdown_it.token import Token

Nesting = Literal[-1, 0, 1]
# GitHub docs, basic writing and formatting syntax: alerts.
NOTES = ("note", "tip", "important", "warning", "caution")
_NOTE = re.compile(rf"\[!({'|'.join(NOTES)})\][ \t]*(?:\n|$)", re.IGNORECASE)
# Hebrew, Arabic and their neighbours.
_LEFTWARDS = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_TASK = re.compile(r"\[([ xX])\][ \u00a0]")


def install(md: MarkdownIt) -> None:
    """Teach ``md`` all of this; footnotes are to be installed before."""
    md.core.ruler.after("block", "borrow", _borrow)
    # Before the footnotes' own rule, which drops those that nothing refers to.
    md.core.ruler.after("inline", "keep", _keep)
    md.core.ruler.push("marks", marks.install)  # first: what a link says is read without them
    md.core.ruler.push("defuse", _defuse)


def _borrow(state: StateCore) -> None:
    """Put the footnotes of the whole text to those of this part, see ``blocks.definitions``."""
    state.tokens[:0] = state.env.get("notes", ())


def _keep(state: StateCore) -> None:
    """Leave a footnote where it stands, with its name, if nothing refers to it."""
    referred = {one.get("label") for one in state.env.get("footnotes", {}).get("list", {}).values()}
    referred |= {one.meta.get("label") for one in state.env.get("notes", ())}  # elsewhere
    out: list[Token] = []
    name = ""  # of the footnote that begins here and stays
    open_notes: list[bool] = []
    for token in state.tokens:
        if token.type == "footnote_reference_open":
            label = token.meta["label"]
            open_notes.append(label not in referred)
            name = f"[^{label}]: " if open_notes[-1] else ""
        if token.type == "inline" and name:
            token.children = [text_token(name), *(token.children or ())]
            name = ""
        stays = token.type.startswith("footnote_reference_") and open_notes[-1]
        if not stays:
            out.append(token)
        elif name and token.type == "footnote_reference_close":  # it held no words
            out += paragraph(name)
            name = ""
        if token.type == "footnote_reference_close":
            open_notes.pop()
    state.tokens = out


def _defuse(state: StateCore) -> None:
    """Turn pictures and doubtful links into text, styles into ``align``, tasks into ☐ and ☑."""
    around: list[Token] = []
    for at, token in enumerate(state.tokens):
        if token.nesting > 0:
            around.append(token)
        elif token.nesting < 0 and around:
            around.pop()
        if token.type in ("td_open", "th_open") and "style" in token.attrs:
            token.attrs["align"] = str(token.attrs.pop("style")).removeprefix("text-align:")
        elif token.type == "inline" and token.children:
            before = state.tokens[at - 2].type if at > 1 else ""
            if before == "list_item_open":
                _task(token.children, _bulleted(around))
            elif before == "blockquote_open":
                _note(state.tokens[at - 2], token)
            token.children = _harmless(token.children)
            if _LEFTWARDS.search(token.content):
                for outer in around:
                    outer.attrs["dir"] = "auto"


def _note(quotation: Token, first: Token) -> None:
    """Make a quotation that begins with ``[!NOTE]`` a note of that kind."""
    head = _NOTE.match(first.content)
    if not head or not first.children or first.children[0].type != "text":
        return
    kind = head[1].lower()
    quotation.attrs["class"] = f"m1-callout m1-{kind}"
    breaks = ("softbreak", "hardbreak")
    rest = list(dropwhile(lambda child: child.type not in breaks, first.children))[1:]
    title = [text_token("", "strong_open", "strong", 1), text_token(kind.capitalize())]
    title.append(text_token("", "strong_close", "strong", -1))
    first.children = [*title, *([text_token("", "hardbreak", "br"), *rest] if rest else [])]


def _task(children: list[Token], bulleted: bool) -> None:
    """Give a task its box, marked so that a style can take the bullet away."""
    if not children or children[0].type != "text" or not (box := _TASK.match(children[0].content)):
        return
    children[0].content = " " + children[0].content[box.end() :]
    sign = "☐" if box[1] == " " else "☑"
    children.insert(0, text_token(sign, "task_box" if bulleted else "text"))


def _bulleted(around: Sequence[Token]) -> bool:
    lists = (token.type for token in reversed(around) if token.type.endswith("_list_open"))
    return next(lists, "") == "bullet_list_open"


def _harmless(children: Sequence[Token]) -> list[Token]:
    """Return the tokens with pictures as text, only safe links, and where a misleading one goes."""
    out: list[Token] = []
    start, href = 0, ""
    for token in children:
        if token.type == "image":
            address = str(token.attrs.get("src", ""))
            name = host(address)
            alt = "".join(inner.content for inner in token.children or ())
            out.append(text_token(f"picture: {alt} ({name}) " if name else f"picture: {alt} "))
            out.append(text_token(one_line(address, 200), "code_inline", "code"))
        elif token.type == "link_open":
            start, href = len(out), str(token.attrs.get("href", ""))
            token.attrs = {"href": href}
            if leads_away(href):
                out.append(token)
        elif token.type == "link_close":
            label = "".join(inner.content for inner in out[start:])
            if leads_away(href):
                out.append(token)
                if misleads(label, href):
                    out.append(text_token(f" ({host(href)})"))
            elif label != href:
                out.append(text_token(f" ({one_line(href, 200)})"))
        else:
            out.append(token)
    return out


def text_token(content: str, kind: str = "text", tag: str = "", nesting: Nesting = 0) -> Token:
    """Return a token with text that nothing is read into."""
    from markdown_it.token import Token

    return Token(kind, tag, nesting, content=content)


def paragraph(text: str) -> list[Token]:
    """Return the tokens of a paragraph of such text."""
    inline = text_token(text, "inline")
    inline.children = [text_token(text)]
    opening = text_token("", "paragraph_open", "p", 1)
    return [opening, inline, text_token("", "paragraph_close", "p", -1)]
