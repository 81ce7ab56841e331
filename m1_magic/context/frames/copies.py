"""Columns that say the same: one as text of another, copies, and dates that should be in order."""

from __future__ import annotations

from itertools import combinations

import narwhals.stable.v2 as nw
import numpy as np

from . import forms
from .arrays import Array
from .facts import Fact
from .kinds import is_moment
from .row_by_row import NUMBERS, Rows

HEAD = 64
LOOKED_AT = 12  # columns of texts that are compared with numbers
COPIES = 6  # that are shown
MOMENTS = 6  # columns of dates
LEAST = 20
ORDERED = 0.9  # of the rows have one date before the other: it should be so


def copies(rows: Rows) -> list[Fact]:
    """Return which columns are another one's copy, and which dates are out of order."""
    if rows.n < max(LEAST, 4 * rows.k):
        return []
    return [*_copied(rows), *_as_text(rows), *_mapped(rows), *_before(rows), *_coordinates(rows)]


def _copied(rows: Rows) -> list[Fact]:
    """Return numbers that are another column's, row by row; they tell nothing of their own."""
    facts, seen = [], list[int]()
    for place in [p for p in rows.columns if rows.is_number(p)][:NUMBERS]:
        values = rows.numbers(place)
        for one in seen:
            other = rows.numbers(one)
            alike = np.array_equal(values[:HEAD], other[:HEAD], equal_nan=True)
            if alike and np.array_equal(values, other, equal_nan=True):
                text = f"{rows.name(place)} is a copy of {rows.name(one)}{rows.among}"
                facts.append(Fact(text, (one, place), 3))
                rows.spare.add(place)
                break
        else:
            seen.append(place)
    return facts[:COPIES]


def _as_text(rows: Rows) -> list[Fact]:
    """Return texts that are the numbers of another column."""
    texts = [p for p in rows.columns if rows.dtype(p) == nw.String][:LOOKED_AT]
    numbers = [p for p, c in rows.columns.items() if rows.is_number(p)][:NUMBERS]
    facts: list[Fact] = []
    for text in texts if numbers else ():
        head = _parsed(rows, text, rows.n > 4 * HEAD)
        if head is None:
            continue
        for number in numbers:
            some = rows.numbers(number)[: len(head)]
            if np.array_equal(head, some, equal_nan=True):
                parsed = _parsed(rows, text, False)
                same = parsed is not None and np.array_equal(
                    parsed, rows.numbers(number), equal_nan=True
                )
                if same:
                    line = f"{rows.name(text)} is {rows.name(number)} as text{rows.among}"
                    facts.append(Fact(line, (text, number), 3))
                    break
    return facts[:3]


def _parsed(rows: Rows, place: int, briefly: bool) -> Array | None:
    """Return texts as numbers row by row, NaN for nulls; None where they are none."""
    texts = rows.table.sample.first(place, HEAD if briefly else rows.n)
    there = [isinstance(text, str) for text in texts]
    if sum(there) < LEAST / 2:
        return None
    made = np.full(len(texts), np.nan)
    for i, text in enumerate(texts):
        if there[i]:
            if not forms.NUMBER.match(text[: forms.LONGEST]):
                return None
            made[i] = float(text)
    return made


def _mapped(rows: Rows) -> list[Fact]:
    """Return labels that stand for a few numbers or for true and false, one for one."""
    facts = []
    counts = {place: rows.columns[place].distinct for place in rows.categories}
    many = {place: count.value if count else 2 for place, count in counts.items()}  # 2 of flags
    for one, other in combinations(rows.categories, 2):
        same = many[one] == many[other]
        pairs = _pairs(rows, one, other) if same and not {one, other} & rows.spare else []
        if pairs:
            rows.spare.add(max(one, other))
            if not all(rows.is_text(place) for place in (one, other)):  # `relations`
                head = f"{rows.name(one)} and {rows.name(other)} decide each other"
                pair = sorted((one, other), key=rows.is_text)
                text = f"{head}: {', '.join(pairs)}{rows.among}"
                facts.append(Fact(text, tuple(pair), 4, labels=len(pairs)))
    return facts[:2]


def _pairs(rows: Rows, one: int, other: int) -> list[str]:
    """Return which label stands for which, none if they do not decide each other."""
    a, b = rows.grouping(one), rows.grouping(other)
    if not len(a.disclosed) == len(a.labels) == len(b.disclosed) == len(b.labels):
        return []
    if not np.array_equal(a.codes < 0, b.codes < 0) or not np.array_equal(
        np.sort(a.sizes), np.sort(b.sizes)
    ):
        return []
    there = a.codes >= 0
    pairs = np.unique(a.codes[there] * len(b.labels) + b.codes[there])
    if len(pairs) != len(a.labels):
        return []
    match = dict(divmod(int(pair), len(b.labels)) for pair in pairs)
    return [f"{a.labels[g]} = {b.labels[match[g]]}" for g in a.disclosed]


def _moments(rows: Rows, place: int) -> Array | None:
    """Return a column of dates row by row as microseconds, NaN where there is none."""
    series = rows.series(place)
    if is_moment(series.dtype):
        if getattr(series.dtype, "time_zone", None):
            series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        missing = np.asarray(series.is_null().to_numpy(), dtype=bool)
        stamps = np.asarray(series.cast(nw.Datetime("us")).to_numpy()).astype("datetime64[us]")
        return np.where(missing | np.isnat(stamps), np.nan, stamps.astype(np.int64).astype(float))
    if rows.columns[place].type != "date as text":
        return None
    made = np.full(rows.n, np.nan)
    texts = [text if isinstance(text, str) else "" for text in series.to_list()]
    if not all(forms.DATE.match(text) for text in texts if text):
        return None  # in another format
    bare = [forms.ZONE.sub("", text) for text in texts]
    there = np.array([bool(text) for text in bare])
    stamps = np.array([text for text in bare if text], dtype="datetime64[us]")
    made[there] = stamps.astype(np.int64)
    return made


def _before(rows: Rows) -> list[Fact]:
    """Return pairs of dates of which one should not be before the other, and in how many it is."""
    places = [
        p for p, c in rows.columns.items() if is_moment(rows.dtype(p)) or c.type == "date as text"
    ][:MOMENTS]
    values = {place: made for place in places if (made := _moments(rows, place)) is not None}
    facts = []
    zones = {place: bool(getattr(rows.dtype(place), "time_zone", None)) for place in values}
    for one, other in combinations(values, 2):
        if zones[one] != zones[other]:
            continue  # nobody knows which comes first
        for first, second in ((one, other), (other, one)):
            text = _in_order(rows, values[first], values[second], (first, second))
            if text:
                facts.append(Fact(text, (first, second), 4))
                break
    return facts[:3]


def _in_order(rows: Rows, start: Array, end: Array, places: tuple[int, int]) -> str:
    both = np.isfinite(start) & np.isfinite(end)
    start, end = start[both], end[both]
    n, least = len(start), max(rows.k, 1)
    if n < LEAST or start.max() <= end.min():
        return ""  # one lies before the other as a whole
    wrong, equal = int(np.count_nonzero(end < start)), int(np.count_nonzero(end == start))
    if wrong > (1 - ORDERED) * n or equal > ORDERED * n or n - wrong - equal < least:
        return ""
    first, second = (rows.name(place) for place in places)
    if not rows.table.complete:
        times = f"≈ {100 * wrong / n:.2g} % of rows" if wrong >= 20 else "few rows or none"
        return f"{second} is before {first} in {times}{rows.among}"
    if not wrong:
        return f"{second} is never before {first}"
    if wrong < least:
        return f"{second} is before {first} in fewer than {least} rows"
    return f"{second} is before {first} in {wrong:,} rows"


def _coordinates(rows: Rows) -> list[Fact]:
    """Return which two columns are degrees of latitude and longitude."""
    lats, lons = (
        [
            p
            for p in rows.numeric
            if rows.columns[p].name.casefold().strip("_").split("_")[-1].split(" ")[-1] in names
            or rows.columns[p].name.casefold().split("_")[0] in names
        ]
        for names in (("lat", "latitude"), ("lon", "lng", "long", "longitude"))
    )
    facts = []
    for lat, lon in zip(lats, lons, strict=False):
        x, y = rows.numbers(lat), rows.numbers(lon)
        with np.errstate(all="ignore"):
            inside = not (np.any(np.abs(x) > 90) or np.any(np.abs(y) > 180))
        if not inside:
            continue
        nowhere = int(np.count_nonzero((x == 0) & (y == 0)))
        text = f"{rows.name(lat)} and {rows.name(lon)}: latitude and longitude in degrees"
        if nowhere >= max(rows.k, 1) and rows.table.complete:
            text += f", 0 and 0 in {nowhere:,} rows"
        facts.append(Fact(text, (lat, lon), 5))
    return facts[:2]
