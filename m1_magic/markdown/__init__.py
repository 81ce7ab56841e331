"""Markdown as models write it: CommonMark, tables, strikethrough, footnotes, formulas.

One parser for whatever reads an answer: what is shown, ``Reply.code``, what is made inert.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_core import StateCore
    from markdown_it.token import Token


def parser() -> MarkdownIt:
    """Return a new parser, with raw HTML off."""
    from markdown_it import MarkdownIt
    from mdit_py_plugins.footnote import footnote_plugin

    from .emphasis import emphasis
    from .fences import fences
    from .mathematics import math
    from .tags import tags

    md = MarkdownIt("commonmark", {"html": False})
    emphasis(md)
    md.configure("commonmark", {"html": False}).enable(["table", "strikethrough"])
    md.use(footnote_plugin, inline=False).use(math).use(fences).use(tags)
    md.core.ruler.at("block", _block)
    return md


def plain() -> MarkdownIt:
    """Return a new parser of what all viewers have: no footnotes, and formulas are text."""
    from markdown_it import MarkdownIt

    from .fences import fences

    return MarkdownIt("commonmark", {"html": False}).enable(["table"]).use(fences)


def blocks(md: MarkdownIt, source: str, env: MutableMapping[str, Any]) -> list[Token]:
    """Return the blocks of a text, whose line ends are ``\\n``, without what is inside of them."""
    from .tables import guarded, restored

    tokens: list[Token] = []
    safe = guarded(source)
    md.block.parse(safe, md, env, tokens)
    if safe is not source:
        for token in tokens:
            token.content, token.info = restored(token.content), restored(token.info)
    return tokens


def _block(state: StateCore) -> None:
    state.tokens += blocks(state.md, state.src, state.env)
