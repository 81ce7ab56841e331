"""What careless viewers make of Markdown: raw HTML on, any address, and formulas taken out first.

JupyterLab and nbconvert look for formulas before they look for code, and so may swallow the marks
that begin or end it. ``live`` reads a text as they do, and tells whether anything in it would be
more than words; it is asked only where code holds what may not get out of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

HARMLESS = re.compile(r"(?:<br ?/?>|</?su[bp]>)+", re.IGNORECASE)
PLAIN_INFO = re.compile(r"[\w+#.-]*", re.ASCII)
_ADDRESS = re.compile(r"(?:https?://|mailto:)(?:(?!@@)[^\s\"<>])*")

# JupyterLab 4, latex.ts: how formulas are distinguished from code.
_FENCE = re.compile(r"^(`{3,}|~{3,})[^`\n]*\n(.*?)^\1`*$", re.MULTILINE | re.DOTALL)
_TICKS = re.compile(r"(^|[^\\])(`+)([^\n]*?[^`\n])\2(?!`)", re.MULTILINE)
_SPLIT = re.compile(
    r"(\$\$?|\\(?:begin|end)\{[a-z]*\*?\}|\\[{}$]|[{}]|(?:\n\s*)+|@@\d+@@|\\\\[()\[\]])", re.I
)
# nbconvert 7, markdown_mistune.py: what comes first, a fence, a code span or a formula.
_EARLIEST = re.compile(
    r"^[ \t>*+\-\d.)]*(?P<fence>`{3,}|~{3,})[^\n]*\n(?:.*?\n)?[ \t>]*(?P=fence)[`~]*[ \t]*$"
    r"|(?<!`)(?P<ticks>`+)(?!`)(?:(?!\n[ \t>]*\n).)+?(?<!`)(?P=ticks)(?!`)"
    r"|(?P<math>(?<!\\)\$\$.*?(?<!\\)\$\$|(?<![\\$])\$(?:(?!\n[ \t>]*\n).)+?(?<![\\$])\$"
    r"|\\\\\[.*?\\\\\]|\\\\\((?:(?!\n[ \t>]*\n).)*?\\\\\)"
    r"|\\begin\{(?P<name>[a-z]*\*?)\}.*?\\end\{(?P=name)\})",
    re.MULTILINE | re.DOTALL,
)


def live(markdown: str) -> bool:
    """Does any of these viewers find something in it that is more than words, links and code?"""
    readings = (markdown, without_formulas(markdown), _EARLIEST.sub(_without_math, markdown))
    return any(_alive(token) for text in readings for token in _tokens(text))


def _without_math(match: re.Match[str]) -> str:
    return " X " if match["math"] else match[0]


def without_formulas(markdown: str) -> str:
    """Return what JupyterLab gives to its parser, with ``@@0@@`` for what it takes out."""
    text = markdown.replace("~", "~T")
    text = re.sub(r"(?:~T){3,}", lambda run: "~" * (len(run[0]) // 2), text)
    text = _FENCE.sub(lambda match: match[0].replace("$", "\x00"), text)
    text = _TICKS.sub(lambda match: match[0].replace("$", "\x00"), text)
    blocks = _SPLIT.split(text)
    start = last = -1
    end, braces = "", 0
    for at in range(1, len(blocks), 2):
        block = blocks[at]
        if block.startswith("@"):
            blocks[at] = "@@0@@"
        elif start < 0:
            start, end, braces = (at, _end_of(block), 0) if _end_of(block) else (-1, "", 0)
        elif block == end and not braces:
            _take(blocks, start, at)
            start = last = -1
        elif block == end:
            last = at
        elif re.match(r"\n.*\n", block, re.DOTALL):
            if last >= 0:
                _take(blocks, start, last)
            start = last = -1
        else:
            braces = max(0, braces + (block == "{") - (block == "}"))
    if last >= 0:
        _take(blocks, start, last)
    return "".join(blocks).replace("\x00", "$").replace("~T", "~")


def _end_of(block: str) -> str:
    if block in ("$", "$$"):
        return block
    if block in ("\\\\(", "\\\\["):
        return "\\\\)" if block == "\\\\(" else "\\\\]"
    return "\\end" + block[6:] if block[1:6].lower() == "begin" else ""


def _take(blocks: list[str], start: int, end: int) -> None:
    blocks[start : end + 1] = ["@@0@@", *[""] * (end - start)]


def _tokens(markdown: str) -> Iterator[Token]:
    for token in _careless().parse(markdown):
        yield token
        yield from token.children or ()


@cache
def _careless() -> MarkdownIt:
    from markdown_it import MarkdownIt

    viewer = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    viewer.validateLink = lambda url: True  # type: ignore[method-assign]
    viewer.normalizeLink = lambda url: url  # type: ignore[method-assign]
    return viewer


def _alive(token: Token) -> bool:
    if token.type in ("html_block", "html_inline"):
        return not HARMLESS.fullmatch(token.content.strip())
    if token.type == "link_open":
        return not _ADDRESS.fullmatch(str(token.attrs["href"])) or "title" in token.attrs
    return token.type == "image" or (token.type == "fence" and not language_is_plain(token.info))


# Languages whose fences are drawn or run by one front end or another, some with what they name.
DRAWN = {
    *("geojson", "topojson", "stl", "math", "plantuml", "puml", "dot", "graphviz", "vega"),
    *("vegalite", "vega-lite", "d2", "nomnoml", "wavedrom", "echarts", "abc", "flowchart"),
    *("flow", "sequence", "chart", "markmap", "ditaa", "svgbob", "excalidraw", "kroki"),
    *("bpmn", "pikchr", "structurizr", "erd", "blockdiag", "seqdiag", "actdiag", "nwdiag"),
    *("dbml", "bytefield", "tikz"),
}


def language_is_plain(info: str) -> bool:
    """Is this info string one plain word, and no language that a front end draws?"""
    word = info.strip().casefold()
    return bool(PLAIN_INFO.fullmatch(info)) and not word.startswith("mermaid") and word not in DRAWN
