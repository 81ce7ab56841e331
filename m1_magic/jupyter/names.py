"""Which names a question sees: the user's variables, and above them those of the asking function.

A string is no reference, so Python keeps no closure for ``{{name}}``; but where the function around
a comprehension, a lambda or an inner function is still running, its variables are there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from types import CodeType, FrameType

from ..imports import installed

INNER = {"m1_magic", "IPython", "ipykernel", "traitlets"}


def visible(variables: Mapping[str, object]) -> Mapping[str, object]:
    """Return the user's variables, and above them what the function that called us sees."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and str(frame.f_globals.get("__name__")).partition(".")[0] in INNER:
        frame = frame.f_back
    if frame is None or installed(frame.f_code.co_filename):
        return variables
    scopes = [*(one.f_locals for one in _around(frame)), frame.f_globals]
    local_names: dict[str, object] = {}
    for scope in reversed(scopes):
        if scope is not variables:
            local_names |= scope
    return {**variables, **local_names} if local_names else variables


def _around(frame: FrameType) -> Iterator[FrameType]:
    """Yield a frame, and those that run the code in which its own code stands."""
    inner: CodeType = frame.f_code
    yield frame
    outer = frame.f_back
    while outer is not None:
        if any(constant is inner for constant in outer.f_code.co_consts):
            yield outer
            inner = outer.f_code
        outer = outer.f_back
