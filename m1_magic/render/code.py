"""Code as spans of Pygments' short classes, which the front end colours by its theme.

Only what has a colour gets a span: a third of the bytes, and of the work for the page, of
Pygments' own formatter.
"""

from __future__ import annotations

from functools import cache, lru_cache
from itertools import groupby
from typing import TYPE_CHECKING

from ..text import escape_html

if TYPE_CHECKING:
    from pygments.lexer import Lexer

LONGEST = 20_000  # characters of code that Pygments is given; longer code stays plain
# Token types, the special ones first. The last four of these classes have their colour from
# ``answer.STYLES``, the others from JupyterLab, Notebook and nbconvert.
CLASSES = {
    "Comment": "c",
    "Keyword": "k",
    "Literal.String": "s",
    "Literal.Number": "m",
    "Operator": "o",
    "Name.Builtin": "nb",
    "Name.Function": "nf",
    "Name.Class": "nf",
    "Name.Decorator": "nf",
    "Name.Tag": "nf",
    "Generic.Inserted": "gi",
    "Generic.Deleted": "gd",
}


@lru_cache(64)  # a fence that grows is painted again and again, and those above it
def coloured(code: str, language: str) -> str:
    """Return code as HTML, or nothing where its language is not known, or it is too long."""
    lexer = _lexer(language) if language and len(code) <= LONGEST else None
    if lexer is None:
        return ""
    tokens = list(lexer.get_tokens(code))
    if "".join(value for _, value in tokens) != code:
        return ""  # to the letter, if need be without colours
    spans = []
    for name, run in groupby(tokens, lambda token: _class(str(token[0]))):
        text = escape_html("".join(value for _, value in run))
        spans.append(f'<span class="{name}">{text}</span>' if name else text)
    return "".join(spans)


@cache
def _lexer(language: str) -> Lexer | None:
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


@cache
def _class(kind: str) -> str:
    """Return the class of a token type, of which ``Token.Name.Builtin.Pseudo`` is one."""
    path = kind.removeprefix("Token.") + "."
    return next((name for start, name in CLASSES.items() if path.startswith(start + ".")), "")
