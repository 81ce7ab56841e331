"""An answer that was cut off, and its rest: one template, of which the rest is shown.

What was cut in the middle (a figure's place, a query) is completed by the rest. Where the part
before has figures of queries that only come now, all of it is shown again.
"""

from __future__ import annotations

import re

from .template import Piece, Place, Template, Written, joined

_NAME = re.compile(r"[^\W\d]\w*")


def begun(before: str) -> tuple[Template, list[Piece]]:
    """Return what takes the rest of an answer, and the pieces before it that are needed.

    Args:
        before: what M1 wrote of it, "" where it begins now.
    """
    template = Template()
    pieces = template.feed(before)
    known = {piece.name for piece in pieces if isinstance(piece, Written)}
    named = (_NAME.match(p.source.strip()) for p in pieces if isinstance(p, Place))
    if all(name and name[0] in known for name in named):
        pieces = [piece for piece in pieces if isinstance(piece, Written)]
    return template, pieces


def pieces_after(before: str, text: str) -> list[Piece]:
    """Return the pieces of the rest of an answer, with those before it that are needed."""
    template, pieces = begun(before)
    return joined([*pieces, *template.feed(text), *template.finish()])
