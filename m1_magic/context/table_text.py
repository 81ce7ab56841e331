"""Text → the table that it is in other clothes: CSV, JSON, Markdown, HTML, what ``print`` makes.

Of files whole texts are judged, not parts: prose with a table in it is prose; in a prompt's value
lines of a table are looked for, too. What reads as code or settings is none. What is a table, but
of a form that is not read here, counts as `UNREAD`.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from . import table_json
from .frames.containers import plainly_none
from .repeated_text import has_rows, is_repeated, is_settings
from .table_json import UNREAD

LEAST = 3  # lines of a table
LINES = 200  # lines by which a text is judged
LOOKED_AT = 200_000  # characters in which signs of a form are looked for
NUMBERS = 20  # in a row, from which they are data
SIGNS = ("\t", ";", "|", "^", "~", "\x01", "\x1f", ",")  # that part fields

NUMBER = re.compile(
    r"[-+$€£]?(?:\d(?:[\d.,_]*\d)?|\.\d+|nan|inf|null|none|na|n/a)%?(?:e[-+]?\d+)?", re.I
)
VALUE = re.compile(rf"{NUMBER.pattern}|\d{{1,4}}[-/.:]\d{{1,2}}(?:[-/.:T ]\d+)*Z?|true|false", re.I)
RULE = re.compile(r"[|+]? {0,9}:?-{2,}:? {0,9}(?:[|+] {0,9}:?-{2,}:? {0,9})*[|+]?")
DRAWN = re.compile(r"[│┃║|].*[│┃║|]|[┌├└╭╰╞┡┏┗╔╠╚+][─━═╌┄+=┬┼┴╪┯┳╇╤╦╬-]{3,}.*|shape: \(.*\)")
ELSEWHERE = (
    re.compile(r"\\begin\{(?:tabular|longtable|array)\w*\*?\}"),
    re.compile(r"(?:INSERT\s+INTO\b[^\n]*\n?\s*){3}", re.I),
    re.compile(r"\A\{\||^=+(?: +=+)+$", re.M),  # MediaWiki, reStructuredText
    re.compile(r"\A(?:shape: \(|<?pyarrow\.|<xarray\.)"),
    re.compile(r"\[\d+ rows x \d+ columns\]|^(?:Name: .*)?, dtype: \w+|\bdtype=\w+\)", re.M),
)
# Files of code and settings, which are text whatever stands in them.
CODE = re.compile(
    r"(?:py[ixw]?|ipynb|r|jl|m?jsx?|tsx?|c|h|cc|[ch]pp|cs|go|rs|java|kt|scala|swift|rb|php|pl|z?sh"
    r"|bash|fish|ps1|bat|lua|sql|s?css|ya?ml|toml|ini|cfg|conf|properties|xml|xslt?|j2|tpl|lock"
    r"|make|cmake|(?:make|docker)file|git\w+|editorconfig|rst|tex)",
    re.I,
)
PROSE = re.compile(r"[.!?:]$|[.!?] +[^\W\d_]")


def is_code(name: str) -> bool:
    """Is it a file of code or settings by its name?"""
    return CODE.fullmatch(name.rpartition(".")[2]) is not None


def table_of(text: str, *, any_data: bool = False) -> Any:
    """Return the records or columns of a text that is a table, None if it is none.

    Args:
        text: all of it.
        any_data: a value that was put into a prompt, not a file: JSON that is no dict of settings
            counts as a table, too.

    Returns:
        ``UNREAD`` for a table that is not read here.
    """
    stripped = text.strip("\ufeff \t\r\n")
    if stripped[:1] in ("{", "[", "("):
        table = table_json.table_of(stripped, any_data=any_data)
        if table is not None:
            return table if table is not table_json.PLAIN else None
    forms = (table_json.in_code, table_json.quoted, table_json.within)
    if any_data and any(form(stripped) for form in forms):
        return UNREAD
    lines = [line.rstrip() for line in stripped.split("\n") if line.strip()]
    if rows := _markdown(lines):
        return rows
    if any_data and table_json.rows(lines):
        return UNREAD
    if _is_drawn(stripped, lines, any_data):
        return UNREAD
    if len(lines) < LEAST:
        written = any_data and (_is_numbers(stripped) or has_rows(stripped[:LOOKED_AT]))
        return UNREAD if written else None
    if is_settings(lines):
        return None
    table = _delimited(lines) or _aligned(lines) or _one_column(lines, any_data)
    if table:
        return table
    head = lines[:LINES]
    repeated = is_repeated(stripped[:LOOKED_AT], head, _is_value, any_data=any_data)
    return UNREAD if repeated or (any_data and _has_gutter(lines)) else None


def _one_column(lines: Sequence[str], any_data: bool) -> Any:
    """Return the rows of numbers that stand below each other, UNREAD of others that are many."""
    if any_data and _is_numbers("\n".join(lines)):
        return UNREAD
    numbers = [line.strip() for line in lines[0 if _is_value(lines[0].strip()) else 1 :]]
    if not all(map(NUMBER.fullmatch, numbers)) or len(numbers) < (LEAST if any_data else NUMBERS):
        return None
    made = [_float(number) for number in numbers]
    return None if any_data and plainly_none(made) else [{"value": one} for one in made]


def _float(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _is_drawn(text: str, lines: Sequence[str], any_data: bool) -> bool:
    """Is most of a text a table that was drawn, for people, a page or a document?"""
    text = text[:LOOKED_AT]
    if "<table" in text.lower() and (
        any_data or 'class="dataframe"' in text or re.match(r"<(?:table|style)\b", text, re.I)
    ):
        return True
    if any_data and (any(form.search(text) for form in ELSEWHERE) or _is_repeated(text)):
        return True
    lines = [line.strip() for line in lines[:LINES]]
    ruled = sum(bool(RULE.fullmatch(line)) for line in lines)
    drawn = sum(bool(DRAWN.match(line) or RULE.fullmatch(line)) for line in lines)
    boxed = any(line[:1] in "┌╭┏╔+" for line in lines)
    most = 0.5 if any_data else 0.9
    return len(lines) >= LEAST and bool(ruled or boxed) and drawn > most * len(lines)


def _is_repeated(text: str) -> bool:
    """Is it the repr of rows, or XML of them: one name again and again, with the same inside?"""
    calls = Counter(re.findall(r"\b(\w+)\(\w+=", text))
    tags = Counter(re.findall(r"</(\w+)>", text))
    markup = "<html" in text.lower() or "<svg" in text.lower()
    rows = text[:1] in "[({" and max(calls.values(), default=0) > 1
    return rows or (text[:1] == "<" and not markup and max(tags.values(), default=0) >= LEAST)


def _markdown(lines: Sequence[str]) -> list[dict[str, str]] | None:
    """Return the rows of a Markdown table that is all there is."""
    if (
        len(lines) < LEAST
        or not RULE.fullmatch(lines[1].strip())
        or not all("|" in line for line in lines)
    ):
        return None
    cells = [[c.strip() for c in line.strip().strip("|").split("|")] for line in lines]
    rows = [dict(zip(_names(cells[0]), row, strict=False)) for row in cells[2:]]
    return rows if len(cells[0]) > 1 else None


def _delimited(lines: Sequence[str]) -> list[dict[str, str]] | None:
    """Return the rows of lines that one sign parts into as many fields each."""
    for sign in SIGNS:
        head = lines[:LINES]
        if 10 * sum(sign in line for line in head) < 9 * len(head):
            continue
        try:
            rows = list(csv.reader(lines, delimiter=sign))
        except csv.Error:
            continue
        widths = Counter(len(row) for row in rows[:LINES])
        width, most = widths.most_common(1)[0]
        if width > 1 and 10 * most >= 9 * len(head) and _is_data(rows[:LINES], sign, width):
            first = next(i for i, row in enumerate(rows) if len(row) >= width - 1 > 0)
            return _records(rows[first:])  # below a title or comments
    return None


def _is_data(rows: Sequence[Sequence[str]], sign: str, width: int) -> bool:
    """Do the fields hold values, and no words of a sentence or of code?"""
    cells = [[cell.strip() for cell in row] for row in rows[1:] if len(row) == width]
    fields = [cell for row in cells for cell in row]
    if not fields or sum(map(len, fields)) > 80 * len(fields):
        return False
    columns = list(zip(*cells, strict=True))
    valued = any(10 * sum(map(_is_value, column)) >= 9 * len(column) for column in columns)
    if valued or sign == "\t":
        return True
    spaced = sum(row[i][:1] == " " for row in rows for i in range(1, len(row)))
    sentences = sum(bool(PROSE.search(row[-1])) for row in cells)
    code = sum(bool(re.search(r"[(){}=<>\[\]]", cell)) for cell in fields)
    least = LEAST if sign != "," else 5
    return (
        len(rows) >= least
        and 4 * spaced < len(fields)
        and 4 * sentences < len(cells)
        and 10 * code < len(fields)
    )


def _is_value(cell: str) -> bool:
    return bool(VALUE.fullmatch(cell)) or not cell


def _records(rows: Sequence[Sequence[str]]) -> list[dict[str, str]]:
    """Return rows as records; a first line that is like the others is no header."""
    header = [cell.strip() for cell in rows[0]]
    named = len(set(header)) == len(header) and not any(one and _is_value(one) for one in header)
    names = _names(header) if named and _differs(rows) else _names([""] * max(map(len, rows)))
    body = rows[1:] if named and _differs(rows) else rows
    return [dict(zip(names, [cell.strip() for cell in row], strict=False)) for row in body]


def _differs(rows: Sequence[Sequence[str]]) -> bool:
    """Is there a column of values below words? Else the first line may be a row like the others."""
    below = [row for row in rows[1:LINES] if len(row) == len(rows[0])]
    columns = list(zip(*below, strict=True))
    return any(sum(map(_is_value, c)) >= 0.9 * len(c) and any(c) for c in columns)


def _aligned(lines: Sequence[str]) -> Any:
    """Return the rows of columns that blanks part, as a printed frame has them."""
    head = lines[:LINES]
    for split in (r"\s{2,}", r"\s+"):
        rows = [re.split(split, line.strip()) for line in head]
        widths = Counter(map(len, rows[1:]))
        width, most = widths.most_common(1)[0]
        if width < 2 or 10 * most < 9 * len(rows[1:]) or abs(len(rows[0]) - width) > 1:
            continue
        body = [row for row in rows[1:] if len(row) == width]
        columns = list(zip(*body, strict=True))
        if any(sum(map(_is_value, column)) >= 0.9 * len(column) for column in columns):
            every = [re.split(split, line.strip()) for line in lines]
            extra = [""] * (width - len(rows[0]))
            return _records([[*extra, *every[0]], *every[1:]]) if extra else _records(every)
    return UNREAD if _is_printed(head) else None


def _is_printed(lines: Sequence[str]) -> bool:
    """Are lines counted from row to row?"""
    first = [re.match(r"\s*(\d+)\s+\S", line) for line in lines]
    counted = [int(match[1]) for match in first if match]
    runs = sum(b == a + 1 for a, b in pairwise(counted))
    return runs >= LEAST - 1 and 10 * runs >= 8 * (len(lines) - 2)


def _has_gutter(lines: Sequence[str]) -> bool:
    """Do blanks that stand below each other part all lines but a heading?"""
    return any(_parted(lines[top:LINES]) for top in (1, 2) if len(lines) - top >= LEAST - 1)


def _parted(body: Sequence[str]) -> bool:
    width = max(map(len, body))
    padded = [line.ljust(width) for line in body]
    blank = "".join(" " if set(column) == {" "} else "x" for column in zip(*padded, strict=True))
    for gap in re.finditer(r" {2,}", blank):
        sides = [(line[: gap.start()].strip(), line[gap.end() :].strip()) for line in padded]
        if sum(bool(left and right) for left, right in sides) >= 0.9 * len(sides):
            return True
    return False


def _names(header: Sequence[str]) -> list[str]:
    """Return names of their own for columns."""
    names: list[str] = []
    for number, name in enumerate(header, 1):
        names.append(name if name and name not in names else f"column {number}")
    return names


def _is_numbers(text: str) -> bool:
    """Is it a run of numbers, as arrays print themselves?"""
    words = re.findall(r"[^\s,;()\[\]{}]+", text[:20_000])
    numbers = sum(bool(NUMBER.fullmatch(word)) for word in words)
    if numbers >= NUMBERS and 2 * numbers > len(words):
        return True
    return LEAST <= numbers == len(words) and not plainly_none([*map(_float, words)])
