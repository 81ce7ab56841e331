"""Which columns a prompt names: they come first, and in full."""

from __future__ import annotations

import re
from collections.abc import Sequence


def prompted(prompt: str, names: Sequence[str]) -> tuple[int, ...]:
    """Return the places of the columns that the prompt names, in its order."""
    words = prompt.casefold()
    found = []
    for place, name in enumerate(names):
        at = re.search(rf"(?<!\w){re.escape(name.casefold())}(?!\w)", words) if name else None
        if at:
            found.append((at.start(), place))
    return tuple(place for _, place in sorted(found))
