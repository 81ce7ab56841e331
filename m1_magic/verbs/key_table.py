"""The file of a class: a CSV of students and their keys, the only place where keys are kept.

Each file has a mark of its own, which stands in the names of the keys made for it. So a key with
that mark that the file lacks is one whose text nobody has seen: a run was cut off before it was
written. The file is replaced in one step after each key, readable by its owner only.
"""

from __future__ import annotations

import csv
import io
import os
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from .. import files
from ..errors import UsageError
from ..text import one_line
from .money import cell
from .students import rows, same, text_of

HEAD = ["student", "key", "limit_usd", "expires", "hash", "class"]
FIRST = f"{','.join(HEAD)}\r\n".encode()
MARK = re.compile(r"[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Row:
    """What the file says of one student, cell by cell; no ``key`` while none is made."""

    student: str
    key: str = field(default="", repr=False)
    limit: str = ""
    expires: str = ""
    hash: str = ""
    mark: str = ""


class KeyTable:
    """The keys of a class by student; without a path, they are kept nowhere.

    Raises:
        UsageError: another file stands at the path.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._rows = _read(path) if path is not None else {}
        marks = {row.mark: None for row in self._rows.values() if MARK.fullmatch(row.mark)}
        self.marks = list(marks) or [secrets.token_hex(4)]
        self._lines = {name: _line(row) for name, row in self._rows.items()}

    def of(self, student: str) -> Row | None:
        """Return the row of a student who has a key here."""
        row = self._rows.get(same(cell(student)))
        return row if row and row.key else None

    def expect(self, students: Iterable[str]) -> None:
        """Write down who is to get a key, and the mark, before the first key is made."""
        for student in students:
            self._set(Row(cell(student), mark=self.marks[0]))
        if self.path is not None:
            _tidy(self.path.parent)
        self._write(sync=True)

    def put(self, student: str, key: str, limit: str, expires: str, hash: str) -> None:
        """Write down a key, whole or not at all."""
        student, key, limit, expires, hash = map(cell, (student, key, limit, expires, hash))
        self._set(Row(student, key, limit, expires, hash, self.marks[0]))
        self._write(sync=False)

    def drop(self, student: str) -> None:
        """Forget the key of a student, which is deleted."""
        self._set(Row(cell(student), mark=self.marks[0]))
        self._write(sync=True)

    def _set(self, row: Row) -> None:
        self._rows[same(row.student)] = row
        self._lines[same(row.student)] = _line(row)

    def _write(self, *, sync: bool) -> None:
        if self.path is None:
            return
        try:
            text = FIRST.decode() + "".join(self._lines.values())
            files.replace(self.path, text, sync=sync)
        except OSError as error:
            raise UsageError(
                f"{one_line(self.path, 200)} cannot be written ({error.strerror}).",
                cost="",
                todo="Give a path in a folder that you can write to.",
            ) from None


def _read(path: Path) -> dict[str, Row]:
    """Return the rows of a file that is there; UsageError if it is none of ours."""
    if not os.path.lexists(path):
        return {}
    if path.is_symlink() or not path.is_file():
        raise _another(path, "is no plain file")
    lines = [cells for _, cells in rows(text_of(path)) if any(cells)]
    if not lines or lines[0][: len(HEAD)] != HEAD:
        raise _another(path, "exists and is no table of keys")
    table_rows = (Row(*(cells + [""] * len(HEAD))[: len(HEAD)]) for cells in lines[1:])
    return {same(row.student): row for row in table_rows}


def _tidy(folder: Path) -> None:
    """Delete what a run that was killed while it wrote a table has left beside it: keys."""
    for path in folder.glob(f"{files.UNFINISHED}*"):
        with suppress(OSError):
            if path.is_file() and not path.is_symlink() and _begins(path):
                path.unlink()


def _begins(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(FIRST)) == FIRST


def _another(path: Path, what: str) -> UsageError:
    return UsageError(
        f"{one_line(path, 200)} {what}; it was not overwritten.", cost="", todo="Give another path."
    )


def _line(row: Row) -> str:
    out = io.StringIO()
    cells = (row.student, row.key, row.limit, row.expires, row.hash, row.mark)
    csv.writer(out).writerow(cells)  # each cell was made safe for spreadsheets where it was set
    return out.getvalue()
