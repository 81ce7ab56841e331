"""A list of students → their names: a CSV file of any origin, each student in it once.

Two names are the same student where they differ only in case, in Unicode's normal form or in
signs that nobody sees.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from ..errors import UsageError
from ..text import CONTROL, HIDDEN, one_line, thousands

LARGEST = 20_000_000
LONGEST = 100
# Which column names a student, the first of these that there is; letters only, in lower case.
COLUMNS = (
    ("student", "students", "studentname"),
    ("name", "fullname", "nome", "nombre", "nom", "username", "user", "login"),
    ("email", "emailaddress", "mail"),
    ("id", "studentid", "idnumber", "userid", "matriculation", "number"),
)
EMPTY = " \t,;"  # what a line without a student may have
ALONE = "\x1f"  # the separator where there is none: no line has it
BESIDE = {"firstname", "lastname", "surname", "group", "section", "class"}  # in headers, too
MAIL = re.compile(r"\s*[^@\s]+@[^@\s]+\s*")
KNOWN = BESIDE.union(*COLUMNS)


@dataclass(frozen=True, slots=True)
class Students:
    """Names in the order of the file, and which column they are from, for people."""

    names: tuple[str, ...]
    column: str


def same(name: str) -> str:
    """Return what all spellings of a name have in common."""
    seen = "".join(
        c for c in unicodedata.normalize("NFKC", name) if unicodedata.category(c) != "Cf"
    )
    return " ".join(unicodedata.normalize("NFKC", seen.casefold()).split())


def students(path: Path) -> Students:
    """Return the students of a CSV file; UsageError names the lines that are wrong."""
    lines = [(n, cells) for n, cells in rows(text_of(path)) if "".join(cells).strip(EMPTY)]
    if not lines:
        raise _bad(path, "lists no student")
    head, body = lines[0][1], lines[1:]
    header = _is_header(head, [cells for _, cells in body])
    index = _column(head) if header else 0
    column = f"column {one_line(head[index].strip(), 40)}" if header else "no header, first column"
    first_line: dict[str, tuple[int, str]] = {}
    for number, cells in body if header else lines:
        name = _name(path, number, cells[index] if index < len(cells) else "")
        line, other = first_line.setdefault(same(name), (number, name))
        if line != number:
            spelled = "" if other == name else f", as {one_line(name, LONGEST)}"
            raise _bad(
                path, f"has {one_line(other, LONGEST)} twice: lines {line} and {number}{spelled}"
            )
    if not first_line:
        raise _bad(path, "lists no student below its header")
    return Students(tuple(name for _, name in first_line.values()), column)


def text_of(path: Path) -> str:
    """Return the text of a small file: UTF-8, UTF-16 with its mark, else Windows-1252."""
    try:
        if not path.is_file():
            raise _bad(path, "is no file")
        if path.stat().st_size > LARGEST:
            raise _bad(path, f"is over {LARGEST // 1_000_000} MB")
        data = path.read_bytes()
    except OSError as error:
        raise _bad(path, f"cannot be read ({error.strerror})") from None
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise _bad(path, "is no text")


def rows(text: str) -> list[tuple[int, list[str]]]:
    """Return the rows of a CSV with the line each ends in, whatever separates its columns."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", first)
    separator = max(",;\t", key=bare.count)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator if separator in bare else ALONE
    )
    try:
        return [(reader.line_num, cells) for cells in reader]
    except csv.Error as error:
        line = thousands(reader.line_num)
        raise UsageError(f"The CSV is broken in line {line} ({error}).", cost="") from None


def _is_header(head: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Is the first row one of names of columns: known ones, or no address above addresses?"""
    if KNOWN & set(map(_plain, head)):
        return True
    if len(head) < 2 or not body:
        return False
    columns = enumerate(zip_longest(*body, fillvalue=""))
    mailed = [n for n, cells in columns if all(map(MAIL.fullmatch, cells))]
    return any(n >= len(head) or not MAIL.fullmatch(head[n]) for n in mailed)


def _column(head: Sequence[str]) -> int:
    names = list(map(_plain, head))
    places = (names.index(name) for kind in COLUMNS for name in kind if name in names)
    return next(places, 0)


def _plain(cell: str) -> str:
    return "".join(filter(str.isalpha, cell.casefold()))


def _name(path: Path, number: int, cell: str) -> str:
    """Return a student's name in one form; UsageError for what is none."""
    name = unicodedata.normalize("NFC", cell.strip())
    if CONTROL.search(name) or HIDDEN.search(name) or "\n" in name or "\t" in name:
        raise _bad(path, f"has a control character or one that nobody sees in line {number}")
    name = " ".join(name.split())
    if not same(name):
        raise _bad(path, f"has no name in line {number}")
    if len(name) > LONGEST:
        raise _bad(path, f"has a name of over {LONGEST} characters in line {number}")
    return name


def _bad(path: Path, what: str) -> UsageError:
    return UsageError(f"{one_line(path, 200)} {what}.", cost="", todo="No key was made.")
