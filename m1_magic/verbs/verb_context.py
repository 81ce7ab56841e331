"""What a verb works with, and the small checks that all of them share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import IO

from .. import api, files
from ..chats.chats import Chats
from ..errors import UsageError
from ..pricing.dollars import money_limit
from ..session.loop import Session
from ..settings.config import M1
from ..text import one_line


@dataclass(frozen=True, slots=True)
class VerbContext:
    """What a verb works with.

    ``secret`` asks the user for a line without showing it, and fails where nobody can answer.
    ``bind`` binds a variable (its name, by force, its value) as ``--out`` does; None where there
    are no variables.
    """

    session: Session
    namespace: Mapping[str, object]
    secret: Callable[[str], str]
    bind: Callable[[str, bool, object], None] | None = None

    @property
    def settings(self) -> M1:
        """The settings in force."""
        return self.session.settings

    @property
    def chats(self) -> Chats:
        """The chats of this process and its notebook."""
        return api.chats()


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb: how it is used, what it does, and the function that does it."""

    usage: str
    help: str
    run: Callable[[VerbContext, Sequence[str]], str]


def million(price: Decimal | None) -> str:
    """Return a price a token as a price a million tokens."""
    return "?" if price is None else money_limit(price * 1_000_000)


def none(args: Sequence[str], name: str) -> None:
    """Raise if a verb without arguments was given some."""
    if args:
        given = one_line(" ".join(args), 40)
        raise UsageError(f"%m1 {name} takes no arguments, not {given!r}.", cost="")


@contextmanager
def written(path: Path, ours: Callable[[Path], bool], another: str) -> Iterator[IO[str]]:
    """Write a file in one step: all of it stands at ``path`` in the end, or what stood there.

    It takes the place of a file of ours only; ``another`` says what any other one is.
    """
    try:
        with files.replacing(path) as file:
            if os.path.lexists(path) and not ours(path):
                what = f"{one_line(path, 200)} exists{another}; it was not overwritten."
                raise UsageError(what, cost="", todo="Give another path.")
            yield file
    except OSError as error:
        what = f"{one_line(path, 200)} cannot be written ({error.strerror})."
        todo = "Give a path in a folder that you can write to."
        raise UsageError(what, cost="", todo=todo) from None
