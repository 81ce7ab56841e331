"""Texts between quotes: which quote ends one, and what its backslashes mean."""

from __future__ import annotations

import re

QUOTES = {'"': '"', "'": "'", "“": '”“"', "‘": "’‘'", "„": '“”"', "`": "`", "«": "»"}
# Behind a quote within a text: a text in two pieces, or what follows a text.
_NEXT = r"\s*[+:]|\s*[^\W\d]\w*\s*:|\s*(?:or|and|[/|])\s*[\"“]"
SPLIT = {
    "value": re.compile(_NEXT + r"|\s+[\"'“‘]"),
    "item": re.compile(_NEXT + r"|\s*\)?\s*[\"'“‘]"),
}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "/": "/"}
# What "\\frac", "\\times", "\\nabla", "C:\\new\\table" become where their backslash is taken for
# JSON's.
TEX = re.compile(
    r"[\b\f]|\t(?:ext\w*\{|imes\b|heta\b)|\n(?:abla|eq|otin)\b|\r(?:ight\b|ho\b|angle\b)"
    r"|(?<![A-Za-z])[C-Fc-f]:(?:[\t\r]\w|\n[a-z][\w.-]*(?:[\\\t\r]|\Z))"
)


def paired(raw: str, inner: int, inches: int) -> bool:
    """Can the quotes within a text be the text's? ``""Lux""`` may be doubled ones."""
    doubled = inner == 2 and raw[:1] == raw[-1:] == '"'
    return not doubled and (inner % 2 == 0 or (inner - inches) % 2 == 0)


def unescaped(raw: str, opener: str) -> str | None:
    """Return the text that stands between quotes; None: a backslash in it could be two things.

    Before a letter that JSON has no escape for it is a character (``\\d``, ``C:\\Users``), unless
    other letters behind one are escapes; so it is before a sign then (``\\w+\\.py``).
    """
    if "\\" not in raw:
        return raw
    out, at, escapes, literal_backslash, before_sign = [], 0, False, False, False
    while at < len(raw):
        char = raw[at]
        after = raw[at + 1 : at + 2]
        if char != "\\":
            out.append(char)
            at += 1
            continue
        if after == "u":
            code = raw[at + 2 : at + 6]
            if not re.fullmatch(r"[0-9a-fA-F]{4}", code):
                return None
            out.append(chr(int(code, 16)))
            at, escapes = at + 6, True
            continue
        if after == "x" and re.match(r"[0-9a-fA-F]{2}", raw[at + 2 : at + 4]):
            return None
        if after in ('"', "'", opener):
            out.append(after)
        elif after in _ESCAPES or after == "\\":
            out.append(_ESCAPES.get(after, "\\"))
            escapes = True
        elif after.isalpha() and after.isascii():
            out.append("\\" + after)
            literal_backslash = True
        elif after and not after.isspace():
            out.append("\\" + after)
            before_sign = True
        else:
            return None
        at += 2
    text = "".join(out)
    if (literal_backslash and escapes) or (before_sign and not literal_backslash):
        return None
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
