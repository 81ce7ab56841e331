"""The head of a CSV file → its separator, where its header is, and its names.

A title, comments and ``sep=;`` above the header are skipped; a first row that holds values is
none. Names become what pandas makes of them: a second ``a`` is ``a.1``, a blank ``Unnamed: 0``.
"""

from __future__ import annotations

import csv
import io
import re
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from ...errors import UsageError

RECORDS = 500  # of the head by which a file is judged
HEAD = 1 << 18  # characters of it
LONGEST = 1 << 24  # of one row
SEPARATORS = (",", ";", "\t", "|")
TITLES = 50  # lines above the header
CLEAR = 0.6  # of the records have as many fields
DECLARED = re.compile(r"sep=(.)\Z", re.I)
VALUE = re.compile(
    r"\s*(?:[-+]?(?:\d[\d.,]*|\.\d+)(?:e[-+]?\d+)?%?"
    r"|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[ T]\S+)?)\s*\Z",
    re.I,
)
DATE = re.compile(
    r"\s*(?:\d{1,4}[-/]\d{1,2}(?:[-/]\d{1,4})?|\d{1,2}\.\d{1,2}\.\d{2,4})(?:[ T]\S+)?\s*\Z"
)
ESCAPED = re.compile(r'[^\\"]\\"[^\s",;|\\]')  # a mark that cannot end its field
_LIMIT = threading.Lock()


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the fields of a file are parted and called.

    Args:
        skip: rows above the first one of values, the header and blank lines among them.
        names: of all columns.
        header: is there a line of names?
        above: lines above the header.
        lines: lines above the first row of values.
        rows: the first rows of values; all of them if it is ``complete``.
        escape: what stands before a quotation mark in a quoted field: another, or a backslash.
    """

    separator: str
    skip: int
    names: tuple[str, ...]
    header: bool
    above: int
    lines: int
    rows: tuple[tuple[str, ...], ...]
    complete: bool
    escape: str = '"'


@dataclass(frozen=True, slots=True)
class _Record:
    fields: tuple[str, ...]
    number: int  # rows to its end
    first: int  # lines above it
    last: int  # lines to its end

    @property
    def filled(self) -> int:
        return sum(bool(field.strip()) for field in self.fields)


def dialect(head: str, usual: str, *, complete: bool) -> Dialect:
    """Return how a file with this head is written.

    Args:
        usual: the separator that the file's name lets expect.
        complete: is the head all there is?

    Raises:
        UsageError: there is nothing but blank lines; rows are of several widths.
    """
    head = head.removeprefix("\ufeff")
    escape = "\\" if '"' in head and ESCAPED.search(head) else '"'
    declared = DECLARED.match(head.split("\n", 1)[0].strip().strip('"'))
    if declared:
        separator, records = declared[1], _records(head, declared[1], escape, complete=complete)[1:]
    else:
        parsed = {sign: _records(head, sign, escape, complete=complete) for sign in SEPARATORS}
        if _are_decimals(parsed[","]):
            del parsed[","]
            usual = ";"
        rank, separator = max((_rank(parsed[sign], sign, usual), sign) for sign in parsed)
        separator = separator if rank[0] else usual
        records = parsed[separator]
    start = _start(records)
    if not records[start:]:
        raise UsageError("It is empty.", todo="Nothing can be said of it.")
    made = _made(separator, records[start:], complete and len(records) <= RECORDS)
    return replace(made, escape=escape)


def _rank(records: Sequence[_Record], separator: str, usual: str) -> tuple[float, ...]:
    """Return how well a separator parts records into fields, as many in each."""
    start = _start(records)
    body = records[start:]
    widths = Counter(len(record.fields) for record in body)
    width, often = max(widths.items(), key=lambda pair: (pair[1], pair[0]), default=(0, 0))
    clear = often / max(1, len(body)) if width > 1 else 0.0
    parted = clear >= CLEAR and len(body[0].fields) > 1
    return float(parted), -float(start), float(separator == usual), round(clear, 1), float(width)


def _are_decimals(records: Sequence[_Record]) -> bool:
    """Are these one column of numbers with decimal commas, below one name?"""
    if len(records) < 2 or len(records[0].fields) > 1:
        return False
    numbers = [record.fields for record in records[1:] if len(record.fields) == 2]
    are_parts = all(re.fullmatch(r"[-+]?\d+", a) and b.isdecimal() for a, b in numbers)
    return are_parts and 2 * len(numbers) > len(records) - 1


def _made(separator: str, records: Sequence[_Record], complete: bool) -> Dialect:
    first, body = records[0], records[1:]
    above = first.first
    width = len(first.fields)
    names = [*first.fields]
    # R writes names of rows without a name above them.
    if body and all(len(record.fields) == width + 1 for record in body) and _are_names(names):
        trailing = all(not record.fields[-1] for record in body)
        names = names if trailing else ["(index)", *names]
    while len(names) > 1 and not names[-1].strip() and _empty_last(body, len(names)):
        names.pop()  # a separator at the end of each line
    rows = tuple(record.fields for record in body)
    if _has_names(first.fields, rows):
        skipped = above, first.last
        return Dialect(separator, first.number, _unlike(names), True, *skipped, rows, complete)
    numbered = tuple(map(str, range(width)))
    return Dialect(
        separator, first.number - 1, numbered, False, above, above, (first.fields, *rows), complete
    )


def reading(escape: str) -> dict[str, Any]:
    """Return how `csv` has to read quotation marks in quoted fields."""
    return {} if escape == '"' else {"escapechar": escape, "doublequote": False}


def _records(head: str, separator: str, escape: str, *, complete: bool) -> list[_Record]:
    """Return the first records that hold something; a last one that is cut off is left out."""
    records: list[_Record] = []
    with _LIMIT:  # of one field: 131,072 characters, unless said otherwise
        before = csv.field_size_limit(LONGEST)
        try:
            rows, line = io.StringIO(head), 0
            reader = csv.reader(rows, delimiter=separator, **reading(escape))
            for number, fields in enumerate(reader, 1):
                if any(field.strip() for field in fields) or len(fields) > 1:
                    records.append(_Record(tuple(fields), number, line, reader.line_num))
                line = reader.line_num
                if len(records) > RECORDS:
                    break
        except csv.Error:
            pass
        finally:
            csv.field_size_limit(before)
    cut = not complete and len(records) <= RECORDS
    return records[:-1] if cut and len(records) > 1 else records


def _start(records: Sequence[_Record]) -> int:
    """Return where the header is: below comments, and titles of one field above wider rows."""
    usual = Counter(len(record.fields) for record in records).most_common(1)
    width = usual[0][0] if usual else 0
    for start, record in enumerate(records[:TITLES]):
        if not _is_comment(records[start:], width) and not _is_title(record, width):
            return start
    return 0


def _is_title(record: _Record, width: int) -> bool:
    return record.filled <= 1 < width - (len(record.fields) == width)


def _is_comment(records: Sequence[_Record], width: int) -> bool:
    """Is the first of these a comment, and not a header that begins with #?"""
    first, below = records[0].fields, records[1:]
    if first[0].lstrip()[:1] != "#" or not below:
        return False
    if len(first) != width or below[0].fields[0].lstrip()[:1] == "#":
        return True
    numeric = _numeric([record.fields for record in below[1:]], width)
    return any(
        number and place < len(below[0].fields) and not VALUE.match(below[0].fields[place])
        for place, number in enumerate(numeric)
    )


def _numeric(rows: Sequence[Sequence[str]], width: int) -> list[bool]:
    """Say of each column whether nearly all of it are values."""
    columns = [[row[place] for row in rows if place < len(row)] for place in range(width)]
    return [
        bool(c) and sum(bool(VALUE.match(x)) or not x for x in c) >= 0.9 * len(c) for c in columns
    ]


def _empty_last(body: Sequence[_Record], width: int) -> bool:
    return all(len(r.fields) < width or not r.fields[width - 1].strip() for r in body)


def _are_names(fields: Sequence[str]) -> bool:
    return not any(VALUE.match(field) or not field.strip() for field in fields)


def _has_names(first: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Is the first row one of names, not of values like those below it?"""
    values = [place for place, field in enumerate(first) if VALUE.match(field)]
    if not values or len(set(first)) < len([f for f in first if f.strip()]):
        return not values
    numeric = _numeric(rows, len(first))
    if not rows:
        return len(values) < len(first)
    # Names stand above numbers: then it is a header, years among its names or not.
    if any(numeric[p] and first[p].strip() and p not in values for p in range(len(first))):
        return True
    if len(values) < 2:
        return False
    below = [[row[place] for row in rows if place < len(row)] for place in values]
    return _goes_on([first[place] for place in values], below)


def _goes_on(texts: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Are these years, dates or numbers that go up, as names of columns above other values do?"""
    dates = [bool(DATE.match(text)) for text in texts]
    if any(dates):
        return all(dates) and not any(DATE.match(cell) for column in below for cell in column[:9])
    if not all(text.strip().isdecimal() for text in texts):
        return False
    numbers = [int(text) for text in texts]
    steps = {after - before for before, after in pairwise(numbers)}
    if len(steps) == 1 and steps <= {1, 5, 10}:
        return True
    years = all(1800 <= number <= 2100 for number in numbers) and min(steps) > 0
    cells = [cell.strip() for column in below for cell in column]
    like = sum(len(cell) == 4 and cell[:2] in ("18", "19", "20") for cell in cells)
    return years and 2 * like < len(cells)


def _unlike(names: Sequence[str]) -> tuple[str, ...]:
    """Return names as pandas makes them, no two of them alike."""
    filled = [name if name else f"Unnamed: {place}" for place, name in enumerate(names)]
    turns, made = dict[str, int](), dict[str, None]()
    for name in filled:
        unlike = name
        while unlike in made:
            turns[name] = turns.get(name, 0) + 1
            unlike = f"{name}.{turns[name]}"
        made[unlike] = None
    return tuple(made)
