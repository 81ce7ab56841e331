"""The shape of a table: its key, rows of totals, and files that were read wrongly."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from ...privacy.personal.column_names import key_of
from . import codes
from .arrays import Array
from .counting import SHORT
from .facts import Described, Fact
from .in_process import array
from .kinds import is_moment, is_number, is_text
from .lines import name_of, quoted, share
from .regularity import every, is_known
from .summary import UNIQUE, Column

LEAST = 20  # rows from which their order and their key say something
HEAD = 500  # rows by which most pairs are seen to be no key
WIDE = 40  # columns of which pairs are looked at
TESTED = 3  # pairs that are looked at in all rows
FILLED = 4  # times as many pairs as rows there may be; in small tables by chance, so
SMALL = 200  # rows up to which it is half as many
STEPS = 20_000  # rows up to which the steps within each thing are looked at
TOTAL = re.compile(r"(?:grand |sub)?totals?|sum|all|overall|gesamt|summe|insgesamt|ensemble", re.I)
TIME = re.compile(r"_(?:year|yr|jahr|month|week|day|date|time|period|quarter|wave|round|t|hour)s?_")
UNNAMED = re.compile(r"Unnamed(?:: \d+.*)?|\d{1,4}|column_?\d{1,4}")
SEPARATORS = (";", "\t", "|", ",")
FIELDS = 1_000  # rows whose fields are counted


def shape(table: Described) -> list[Fact]:
    """Return what is to say of a table's form."""
    misread = [*_fields(table), *_header(table)]
    return misread if misread or not table.complete else [*_totals(table), *_keys(table)]


# --- Files that were read wrongly -----------------------------------------------------------


def _fields(table: Described) -> list[Fact]:
    """Return that the only column holds several, with a sign between them."""
    if len(table.sample.names) != 1 or table.sample.rows < 2:
        return []
    (place, column), *_ = table.columns.items()
    series = table.sample.series(place)
    if column.masked or not is_text(series.dtype) or column.type != "text" or column.nulls:
        return []
    texts = [str(text) for text in series.head(FIELDS).to_list()]
    for sign in SEPARATORS:
        many = {text.count(sign) for text in texts}
        named = column.name.count(sign)
        most = many.pop() if len(many) == 1 else 0
        if most and (named == most or (most > 1 and not named and texts[0][:1] not in "{[")):
            separator = "\\t" if sign == "\t" else sign
            text = f'{name_of(column)} holds {most + 1} fields a row: read with sep="{separator}"'
            return [Fact(text, (place,), rank=0)]
    return []


def _header(table: Described) -> list[Fact]:
    """Return that the first row has the names of the columns."""
    columns, sample = table.columns, table.sample
    if not table.complete or sample.rows < 3 or len(columns) != len(sample.names):
        return []
    unnamed = [bool(UNNAMED.fullmatch(sample.names[place])) for place in columns]
    if 2 * sum(unnamed) < len(unnamed):
        return []
    series = [sample.series(place) for place, column in columns.items() if not column.masked]
    if not series or not all(is_text(one.dtype) for one in series):
        return []
    first = [one.head(1).to_list()[0] for one in series]
    texts = [text for text in first if isinstance(text, str) and not re.search(r"^\W*\d", text)]
    read = [c for c in columns.values() if c.type.endswith("as text")]
    if len(texts) < len(first) or len(set(texts)) < len(texts) or not read:
        return []
    return [
        Fact("the first row looks like the names of the columns: read with it as header", (), 0)
    ]


def _totals(table: Described) -> list[Fact]:
    """Return that a row at an end holds the sums of all others."""
    columns, sample = table.varying, table.sample
    numbers = [
        p for p, c in columns.items() if is_number(sample.dtype(p)) and not codes.named(c.name)
    ]
    for place, column in columns.items():
        series = sample.series(place)
        if not numbers or not is_text(sample.dtype(place)):
            continue
        short = sample.rows <= SHORT
        texts = sample.first(place, sample.rows) if short else (series.item(0), series.item(-1))
        for row, text in ((0, texts[0]), (sample.rows - 1, texts[-1])):
            if TOTAL.fullmatch(str(text).strip()):
                sums = [_is_sum(sample.floats(p), row) for p in numbers]
                known = [one for one in sums if one is not None]
                if known and 2 * sum(known) > len(known):
                    end = "last" if row else "first"
                    text = f"the {end} row holds totals of the others, by {name_of(column)}"
                    return [Fact(f"{text}: leave it out", (place,), rank=1)]
        if fact := _subtotals(table, place, numbers):
            return [fact]
    return []


def _subtotals(table: Described, place: int, numbers: Sequence[int]) -> Fact | None:
    """Return that rows of one label hold the sums of the others, thing by thing."""
    columns, sample, least = table.varying, table.sample, max(table.k, 2)
    label = next((x for x in columns[place].labels if TOTAL.fullmatch(x.strip())), None)
    if label is None or table.rows < LEAST:
        return None
    total = np.array([str(x) == label for x in sample.series(place).to_list()])
    for by, column in columns.items():
        if by == place or not is_text(sample.series(by).dtype) or column.nulls:
            continue
        things, codes_of = np.unique([*map(str, sample.series(by).to_list())], return_inverse=True)
        rows = np.bincount(codes_of, total, len(things))
        if np.count_nonzero(rows) < least or rows.max() > 1:
            continue
        hits = [_are_sums(sample.floats(p), total, codes_of) for p in numbers]
        if 2 * sum(hits) > len(hits):
            text = f"rows where {name_of(columns[place])} is {quoted(label)} hold totals of the"
            text += f" others, by {name_of(column)}: leave them out"
            return Fact(text, (by, place), rank=1, labels=1)
    return None


def _are_sums(values: Array, total: Array, codes_of: Array) -> bool:
    """Are the values of some rows the sums of all others with the same code, but for few?"""
    values = np.nan_to_num(values)
    sums = np.bincount(codes_of, np.where(total, 0.0, values))[codes_of[total]]
    near = np.abs(values[total] - sums) <= 1e-6 * np.maximum(1.0, np.abs(sums))
    return bool(sums.any() and near.mean() >= 0.9)


def _is_sum(values: Array, row: int) -> bool | None:
    """Is one value the sum of all others? None where it is not there."""
    if not np.isfinite(values[row]):
        return None
    rest = float(np.nansum(np.delete(values, row)))
    return bool(rest != 0 and abs(values[row] - rest) <= 1e-6 * max(1.0, abs(rest)))


# --- Keys ------------------------------------------------------------------------------------


def _keys(table: Described) -> list[Fact]:
    """Return the two columns that no two rows share, if no column alone is so."""
    columns, rows = table.varying, table.rows
    if rows < max(LEAST, 4 * table.k) or any(UNIQUE in c.notes for c in columns.values()):
        return []
    sizes = {
        place: column.distinct.value
        for place, column in columns.items()
        if column.distinct and column.distinct.exact and not column.nulls
        and 1 < column.distinct.value <= 0.7 * rows and _counted(column, table.sample.dtype(place))
    }  # fmt: skip
    most = rows * FILLED / (2 if rows < SMALL else 1)
    pairs = [
        (sizes[a] * sizes[b], a, b)
        for a, b in combinations(list(sizes)[:WIDE], 2)
        if rows <= sizes[a] * sizes[b] <= most
    ]
    tested = 0
    for product, a, b in sorted(pairs):
        telling = any(_names_rows(columns[p], table.sample.dtype(p)) for p in (a, b))
        if (product != rows and not telling) or not _unique(table, a, b, HEAD):
            continue
        if _unique(table, a, b, rows):
            of = f"{sizes[a]:,} × {sizes[b]:,}"
            much = f"balanced, {of}" if product == rows else f"{share(rows / product)} of {of}"
            names = f"{name_of(columns[a])} and {name_of(columns[b])}"
            key = Fact(f"{names} are a key: each pair once, {much}", (a, b), rank=2)
            return [key, *_steps(table, a, b), *_steps(table, b, a)]
        tested += 1
        if tested == TESTED:
            break
    return []


def _steps(table: Described, of: int, time: int) -> list[Fact]:
    """Return how far apart the moments of each thing are, if that is nearly always the same."""
    series, things = table.sample.series(time), table.sample.series(of)
    if not is_moment(series.dtype) or is_moment(things.dtype) or table.rows > STEPS:
        return []
    codes_of = np.unique([str(thing) for thing in things.to_list()], return_inverse=True)[1]
    moments = array(series)
    rows = np.lexsort((moments, codes_of))
    same = np.diff(codes_of[rows]) == 0
    steps, times = np.unique(np.diff(moments[rows])[same], return_counts=True)
    step, often = int(steps[times.argmax()]), int(times.max())
    if not is_known(step) or often < 0.9 * times.sum() or steps[0] < step:
        return []
    many = int(times.sum()) - often
    gaps = "no gaps" if not many else f"fewer than {table.k} gaps" if many < table.k else ""
    names = f"{name_of(table.columns[time])} within each {name_of(table.columns[of])}"
    return [Fact(f"{names}: {every(step)}, {gaps or f'{many:,} gaps'}", (of, time), rank=4)]


def _counted(column: Column, dtype: Any) -> bool:
    """Are its values labels, moments or whole numbers?"""
    is_whole = column.type.startswith(("whole number", "date as number"))
    return is_whole or is_text(dtype) or is_moment(dtype)


def _names_rows(column: Column, dtype: Any) -> bool:
    """Is it a column that things and times are named by?"""
    if is_text(dtype) or is_moment(dtype) or codes.named(column.name):
        return True
    return bool(TIME.search(key_of(column.name)))


def _unique(table: Described, a: int, b: int, rows: int) -> bool:
    """Do no two of the first rows share both values?"""
    try:
        pair = [table.sample.series(p).head(rows).alias(str(p)).to_frame() for p in (a, b)]
        both = nw.concat(pair, how="horizontal")
        return len(both.unique()) == len(both)
    except Exception:  # objects that cannot be compared
        return False
