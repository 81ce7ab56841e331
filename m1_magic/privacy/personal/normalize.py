"""Text without disguise: plain digits, signs and dashes, nothing invisible."""

from __future__ import annotations

import unicodedata

from ...text import INVISIBLE


def fold(text: str) -> str:
    """Return the text without invisible characters, in plain digits, signs and dashes."""
    if text.isascii() and text.replace("\n", " ").isprintable():
        return text
    plain = {ord(c): new for c in set(text) - {"\n"} if (new := _folded(c)) != c}
    return text.translate(plain) if plain else text


def _folded(character: str) -> str:
    if character.isspace():
        return " "
    if character.isdecimal():
        return str(int(character))
    if "‐" <= character <= "―" or character == "−":
        return "-"
    return INVISIBLE.sub("", unicodedata.normalize("NFKC", character))
