"""The words of the user's own code: what is made of nothing else may leave."""

from __future__ import annotations

import re

WORD = re.compile(r"[^\W\d_]+")
SMALL = "true false none nan inf a an and or not of the is are to at in on by for from with"
ALWAYS = frozenset(SMALL.split())


def words(text: str) -> frozenset[str]:
    """Return the words of a text, whatever their case."""
    return frozenset(WORD.findall(text.casefold()))
