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
from dataclasses import dataclass
from itertools import pairwise

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
        rows: the first rows of values.
    """

    separator: str
    skip: int
    names: tuple[str, ...]
    header: bool
    above: int
    lines: int
    rows: tuple[tuple[str, ...], ...]


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
    declared = DECLARED.match(head.split("\n", 1)[0].strip().strip('"'))
    best: tuple[tuple[float, ...], str, list[_Record], int] | None = None
    for separator in [declared[1]] if declared else SEPARATORS:
        records = _records(head, separator, complete=complete)
        if declared:
            records = records[1:]
        start = _start(records)
        body = records[start:]
        widths = Counter(len(record.fields) for record in body)
        width, often = max(widths.items(), key=lambda pair: (pair[1], pair[0]), default=(0, 0))
        clear = often / max(1, len(body)) if width > 1 else 0.0
        rank = (
            float(clear >= CLEAR and len(body[0].fields) > 1) if body else 0.0,
            -float(start),
            float(separator == usual and clear >= CLEAR),
            round(clear, 1),
            float(width),
        )
        if best is None or rank > best[0]:
            best = (rank, separator, records, start)
    assert best is not None
    (parted, *_), separator, records, start = best
    if not parted and not declared:
        separator = usual
        records = _records(head, separator, complete=complete)
        start = _start(records)
    if not records[start:]:
        raise UsageError("It is empty.", todo="Nothing can be said of it.")
    return _made(separator, records[start:])


def _made(separator: str, records: Sequence[_Record]) -> Dialect:
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
        return Dialect(separator, first.number, _unlike(names), True, above, first.last, rows)
    numbered = tuple(map(str, range(width)))
    return Dialect(
        separator, first.number - 1, numbered, False, above, above, (first.fields, *rows)
    )


def _records(head: str, separator: str, *, complete: bool) -> list[_Record]:
    """Return the first records that hold something; a last one that is cut off is left out."""
    records: list[_Record] = []
    with _LIMIT:  # of one field: 131,072 characters, unless said otherwise
        before = csv.field_size_limit(LONGEST)
        try:
            reader, line = csv.reader(io.StringIO(head), delimiter=separator), 0
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
    return _counts([first[place] for place in values])


def _counts(texts: Sequence[str]) -> bool:
    """Are these years or numbers that go up in equal steps, as names of columns do?"""
    if len(texts) < 2 or not all(text.strip().isdecimal() for text in texts):
        return False
    numbers = [int(text) for text in texts]
    steps = {after - before for before, after in pairwise(numbers)}
    return len(steps) == 1 and steps <= {1, 5, 10}


def _unlike(names: Sequence[str]) -> tuple[str, ...]:
    """Return names as pandas makes them, no two of them alike."""
    filled = [name if name else f"Unnamed: {place}" for place, name in enumerate(names)]
    taken, made = set(filled), list[str]()
    for name in filled:
        unlike, turn = name, 0
        while unlike in made:
            turn += 1
            unlike = f"{name}.{turn}"
            if unlike in taken and unlike not in made:
                continue
        made.append(unlike)
    return tuple(made)
