"""A request that is not on its tape: what differs from the nearest line, down to table or word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from ..calls import Request
from ..errors import TapeProblem
from ..ledger.sent import hashed
from ..text import one_line, plural
from .changes import changes
from .tape import Line, Tape

LOOKED_AT = 20  # lines whose words are compared
SHOWN = 24  # characters of a prompt from where it differs


def miss(tape: Tape, request: Request, n: int) -> TapeProblem:
    """Return the error for the ``n``-th time that a request is made."""
    name, lines = one_line(tape.path.name, 80), tape.lines()
    todo = "Run it once with M1_MODE=auto and a key to record it."
    key = request.fingerprint()
    count = sum(line.fingerprint == key for line in lines)
    if count:
        what = f"{name} has {plural(count, 'answer')} to this request, asked {n} times here"
        return TapeProblem(f"{what}.", todo=todo)
    if not lines:
        what = "has no answers yet" if tape.path.exists() else "is not there"
        return TapeProblem(f"The tape {name} {what}.", todo=todo)
    parts = hashed(request)
    near = nearest(lines, parts, request)
    differences = "; ".join(differing(near, parts, request)) or "the request differs"
    return TapeProblem(f"This request is not on {name} (the tape / now): {differences}.", todo=todo)


def nearest(lines: Sequence[Line], parts: Mapping[str, Any], request: Request) -> Line:
    """Return the line that differs in least parts, among equals in least words."""
    # No difference in a line of another request: it cannot be compared.
    counted = sorted(
        (len(changes(one.parts, parts, request.exact)) or 99, n) for n, one in enumerate(lines)
    )
    close = [lines[n] for count, n in counted[:LOOKED_AT] if count <= counted[0][0] + 1]
    return max(close, key=lambda line: SequenceMatcher(None, line.prompt, request.prompt).ratio())


def differing(line: Line, parts: Mapping[str, Any], request: Request) -> Iterator[str]:
    """Yield what differs, in words."""
    for change in changes(line.parts, parts, request.exact):
        if change.part == "the prompt":
            old, new = excerpts(line.prompt, request.prompt)
            yield f'the prompt differs: "{old}" / "{new}"'
        else:
            yield change.missed


def excerpts(old: str, new: str) -> tuple[str, str]:
    """Return two texts from the word on in which they differ."""
    old, new = one_line(old, 2_000), one_line(new, 2_000)
    pairs = zip(old, new, strict=False)
    start = next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(old), len(new)))
    start = max(old.rfind(" ", 0, start) + 1, 0)
    lead = "…" if start else ""
    return (f"{lead}{one_line(old[start:], SHOWN)}", f"{lead}{one_line(new[start:], SHOWN)}")
