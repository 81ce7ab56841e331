"""What tasks get and give back, how a partition is looked through, and how answers are looked up.

All of it is sent between processes, and none of it holds a key.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from .. import keys
from ..calls import Call, Request
from ..errors import KeyProblem, UsageError
from ..ledger import processes
from ..options.fields import Options
from ..settings.endpoints import endpoint
from .cells import Column
from .columns import columns
from .lease import FOLDERS, Lease
from .outcomes import Outcome
from .questions import Asking, check_personal, questions, texts_of

Place = Literal["here", "beside", "away"]  # this process, this machine, another one


@dataclass(frozen=True, slots=True)
class Errand:
    """What a task needs to know, as the engine sends it: no key, and no headers.

    ``mark`` is a keyed hash of the kernel's key, by which a task knows whether its own is that.
    ``texts``: those of the questions are wanted back.
    """

    run: str
    home: str
    driver: str
    session: str
    notebook: str | None
    settings: Mapping[str, Any]
    template: Request
    asking: Asking
    options: Options
    mark: tuple[bytes, bytes]
    texts: bool = False

    @property
    def lease(self) -> Lease:
        """The run's folder."""
        return Lease(Path(self.home) / f"{FOLDERS}{self.run}", self.driver)

    @property
    def place(self) -> Place:
        """Where this is read."""
        me = processes.me()
        if me == self.driver:
            return "here"
        same = me.split(" ")[0] == self.driver.split(" ")[0]
        return "beside" if same and self.lease.holds() else "away"


@dataclass(frozen=True, slots=True)
class Contents:
    """The distinct questions of a partition, each with its first row and how many rows ask it.

    ``sizes`` are characters and bytes of each of its texts, ``samples`` the texts of the first of
    them, or of all; ``personal``: why a column may not be sent.
    """

    place: Place
    has_key: bool
    rows: int
    blank: int
    keys: tuple[bytes, ...]
    fingerprints: tuple[str, ...]
    first: tuple[int, ...]
    counts: tuple[int, ...]
    sizes: tuple[tuple[tuple[int, int], ...], ...]
    samples: tuple[tuple[str, ...], ...]
    personal: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """Which questions a task asks, how many at once, and what they may cost together."""

    keys: frozenset[bytes] = frozenset()
    workers: int = 1
    most: Decimal | None = None


@dataclass(slots=True)
class TaskResult:
    """What became of the questions of a partition: outcomes, and the calls that made them."""

    place: Place
    outcomes: dict[bytes, Outcome] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    stopped_by: BaseException | None = None
    note: str = ""


def digest(texts: Sequence[str]) -> bytes:
    """Return what stands for a question."""
    made = hashlib.blake2b(digest_size=16)
    for text in texts:
        part = text.encode("utf-8", "surrogatepass")
        made.update(len(part).to_bytes(8, "big") + part)
    return made.digest()


def key_mark(key: str, salt: bytes) -> tuple[bytes, bytes]:
    """Return what tells a key from another one, and nothing else of it."""
    return salt, hmac.digest(salt, key.encode(), "sha256")


@dataclass(frozen=True, slots=True)
class Survey:
    """Looks a partition through; nothing is sent. See `engine.Work`."""

    errand: Errand

    def only(self, number: int) -> Survey:
        """See `engine.Work`."""
        return self

    def __call__(self, number: int, columns: Sequence[Column], again: bool) -> Contents:
        """Return the questions of a partition."""
        errand, personal = self.errand, None
        made = questions(errand.template, columns)
        try:
            check_personal(errand.asking, columns, errand.options.allow)
        except UsageError as problem:
            personal = problem.what, problem.todo
        texts = [made.texts(n) for n in range(len(made))]
        return Contents(
            errand.place,
            _has_key(errand),
            len(made.of_row),
            made.of_row.count(-1),
            tuple(map(digest, texts)),
            tuple(made.request(n).fingerprint() for n in range(len(made))),
            tuple(made.first),
            tuple(made.counts()),
            tuple(tuple(map(_size, one)) for one in texts),
            tuple(texts if errand.texts else texts[:3]),
            personal,
        )


def _size(text: str) -> tuple[int, int]:
    return len(text), len(text.encode("utf-8", "replace"))


def _has_key(errand: Errand) -> bool:
    if errand.place == "here":
        return True
    with suppress(KeyProblem):
        key = keys.find(endpoint(errand.settings["base_url"]))
        return key_mark(key.reveal(), errand.mark[0]) == errand.mark
    return False


@dataclass(frozen=True, slots=True)
class Labels:
    """Looks a row's answer up by its texts: the new columns of any part of a table.

    ``answers`` are only looked up, so a lazy table may be computed as often as one likes.
    """

    answers: Mapping[bytes, Outcome]
    into: str
    fields: tuple[str, ...]
    status: bool

    def __call__(self, rows: Iterable[Sequence[object]]) -> dict[str, list[Any]]:
        """Return the new columns of these rows."""
        texts = map(texts_of, rows)
        of_row = [None if one is None else digest(one) for one in texts]
        made = columns(of_row, self.answers, self.into, self.fields)
        name = f"{self.into}_status"
        if self.status:
            made.setdefault(name, [None] * len(of_row))
        return {one: values for one, values in made.items() if self.status or one != name}
