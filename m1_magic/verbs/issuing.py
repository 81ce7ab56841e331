"""One key a student, and never two: also after a cut, a lost answer, or beside another run.

Before each key the account's own list says who has one. A key of this file's mark that the file
lacks was made by a run that was cut off: nobody has seen its text, so it is deleted and made anew.
A key of another mark stands in another file and stays. After the last key the list is read once
more: where two runs at once made one each, the older stays.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

from .. import errors as e
from ..backends.management import AccountKey, Management
from ..text import thousands
from .key_table import KeyTable
from .students import same

T = TypeVar("T")
NAME = re.compile(r"m1-magic class: (.+) \(([0-9a-f]{8})\)", re.DOTALL)
# The answer to making a key is lost, and the key may be there.
LOST = (e.SentNoAnswer, e.ProviderDown, e.CutOff)
PAUSES = (1.0, 2.0, 4.0)  # seconds before the next try, where the server names none
EARLIEST = datetime.min.replace(tzinfo=UTC)
SAID_EACH = 100


@dataclass(frozen=True, slots=True)
class ClassKey:
    """A key of the account that was made for a student, and the mark of the file it was for."""

    student: str
    mark: str
    key: AccountKey


@dataclass(frozen=True, slots=True)
class Issued:
    """How it went with one student: the key's text where it is known, and its terms."""

    state: str
    text: str = field(default="", repr=False)
    limit: Decimal | None = None
    expires: datetime | None = None
    new: bool = False


@dataclass(slots=True)
class Asking:
    """A server that is asked again, visibly, where it says that it is busy."""

    server: Management
    report: Callable[[str], None]

    def patiently(self, call: Callable[[], T]) -> T:
        """Return what a call returns; 429 and 503 are waited for, as the server asks."""
        for pause in PAUSES:
            try:
                return call()
            except (e.RateLimited, e.ProviderDown) as error:
                if not error.retry:
                    raise
                seconds = pause if error.retry_after is None else error.retry_after
                self.report(f"{error.what} Trying again in {seconds:.0f} s.")
                time.sleep(seconds)
        return call()

    def class_keys(self) -> list[ClassKey]:
        """Return the keys of the account that were made for students, in order."""
        keys = []
        for key in self.patiently(self.server.keys):
            if named := NAME.fullmatch(key.name):
                keys.append(ClassKey(named[1], named[2], key))
        return sorted(keys, key=lambda one: same(one.student))

    def delete(self, key: AccountKey) -> None:
        """Delete a key."""
        self.patiently(lambda: self.server.delete(key.hash))


@dataclass(frozen=True, slots=True)
class Sorted:
    """A student's keys: the one in the file, those of others, those nobody has seen."""

    held: AccountKey | None
    others: list[AccountKey]
    lost: list[AccountKey]


@dataclass(slots=True)
class Issue:
    """Keys for a class; ``issued`` says how far it came, whatever ends it."""

    asking: Asking
    table: KeyTable
    limit: Decimal
    expires: datetime | None
    issued: dict[str, Issued] = field(default_factory=dict)
    lost: dict[str, list[AccountKey]] = field(default_factory=dict)

    def missing(self, names: Sequence[str]) -> list[str]:
        """Return who has no key yet; note who has one, and which keys nobody has seen."""
        known = _by_student(self.asking.class_keys())
        wanted = []
        for name in names:
            its = self._sorted(name, known.get(same(name), []))
            self.lost[name] = its.lost
            if its.held is not None or its.others:
                self.issued[name] = self._existing(name, its)
            else:
                wanted.append(name)
        return wanted

    def run(self, names: Sequence[str]) -> None:
        """Make the keys that are missing."""
        wanted = self.missing(names)
        lost = {name for name, keys in self.lost.items() if keys}
        for key in (key for keys in self.lost.values() for key in keys):
            self.asking.delete(key)
        self.table.expect(wanted)
        if not wanted:
            return
        for number, name in enumerate(wanted, 1):
            self.issued[name] = self._make(name, name in lost)
            if number % SAID_EACH == 0:
                self.asking.report(f"{thousands(number)} of {thousands(len(wanted))} keys made.")
        self._settle(wanted)

    def _sorted(self, name: str, keys: Sequence[ClassKey]) -> Sorted:
        row, its = self.table.of(name), Sorted(None, [], [])
        for one in keys:
            if row is not None and one.key.hash == row.hash:
                its = Sorted(one.key, its.others, its.lost)
            elif one.mark in self.table.marks and not one.key.used:
                its.lost.append(one.key)
            else:
                its.others.append(one.key)
        return its

    def _existing(self, name: str, its: Sorted) -> Issued:
        row = self.table.of(name)
        key = its.held or its.others[0]
        words = ["has one"] if its.held else ["has one, whose text is not kept here"]
        words += key.ended
        words += ["its limit stays"] if key.limit != self.limit else []
        count = len(its.others) + (its.held is not None)
        words += [f"{count} keys"] if count > 1 else []
        text = row.key if its.held and row else ""
        return Issued(", ".join(words), text, key.limit, key.expires)

    def _make(self, name: str, lost: bool) -> Issued:
        """Make a key and write it down; once more where the answer was lost on the way."""
        try:
            made = self._create(name)
        except LOST as error:
            self.asking.report(f"{name}: {error.what} Looking whether the key was made.")
            time.sleep(PAUSES[0] if error.retry_after is None else error.retry_after)
            known = _by_student(self.asking.class_keys()).get(same(name), [])
            gone = self._sorted(name, known).lost
            for key in gone:
                self.asking.delete(key)
            made, lost = self._create(name), lost or bool(gone)
        return made if not lost else Issued(
            "made anew, for the first one's text was lost: that key is deleted",
            made.text, made.limit, made.expires, new=True,
        )  # fmt: skip

    def _create(self, name: str) -> Issued:
        server, mark = self.asking.server, self.table.marks[0]

        def create() -> tuple[str, AccountKey]:
            try:
                key, about = server.create(
                    f"m1-magic class: {name} ({mark})", self.limit, self.expires
                )
                return key.reveal(), about
            except e.ProviderDown as error:
                error.retry = False  # busy or not: the key may be there
                raise

        text, about = self.asking.patiently(create)
        until = f"{self.expires:%Y-%m-%dT%H:%M:%SZ}" if self.expires else ""
        try:
            self.table.put(name, text, f"{self.limit:f}", until, about.hash)
        except e.UsageError:
            self.asking.delete(about)  # nobody has seen it
            raise
        return Issued("made", text, self.limit, self.expires, new=True)

    def _settle(self, made: Sequence[str]) -> None:
        """Read the list again, and delete what another run made meanwhile or made first."""
        known = _by_student(self.asking.class_keys())
        for name in made:
            its = self._sorted(name, known.get(same(name), []))
            for key in its.lost:
                self.asking.delete(key)
            if its.held and its.others and min([its.held, *its.others], key=_age) is not its.held:
                self.asking.delete(its.held)
                self.table.drop(name)
                words = "another run made one at the same time: its text is kept there"
                self.issued[name] = Issued(words, "", its.others[0].limit, its.others[0].expires)


def _age(key: AccountKey) -> tuple[datetime, str]:
    return key.created or EARLIEST, key.hash


def _by_student(keys: Sequence[ClassKey]) -> dict[str, list[ClassKey]]:
    by_name: dict[str, list[ClassKey]] = {}
    for one in keys:
        by_name.setdefault(same(one.student), []).append(one)
    return by_name
