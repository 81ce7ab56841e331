"""Whole numbers that are no quantities: dates, epochs, identifiers, running numbers.

Their mean and quantiles say nothing, so none are shown. What is not sure stays a number.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import replace
from functools import lru_cache

import numpy as np

from ...privacy.personal.column_names import key_of
from . import datetimes
from .arrays import Array
from .measures import Measures, Span
from .summary import Column

EACH_ONCE = "consecutive numbers, each once"
LEAST = 20  # rows from which numbers are seen to run
DAYS = (1900_01_01, 2100_12_31)
MONTHS = (1900_01, 2100_12)
# Units of an epoch in microseconds; moments of which it counts lie between 1990 and 2100.
EPOCHS = {"seconds": 1_000_000, "ms": 1_000, "µs": 1}
SPAN = (631_152_000_000_000, 4_102_444_800_000_000)
EXCEL = (20_000, 60_000)  # 1954 to 2064
YEARS = (1500, 2200)
SURE = 12  # distinct values from which six digits are a month
TIMES = re.compile(
    r"_(?:date|datetime|dates?|time|times|timestamp|ts|epoch|unix|unixtime|created|updated|modified"
    r"|utc|at|datum|zeit|fecha|day|when)_"
)
DATED = re.compile(r"_(?:date|dates|datum|fecha)_")
MONTHLY = re.compile(r"_(?:date|month|months|period|ym|yyyymm|yearmonth|year_month|monat|datum)_")
NUMBERED = (
    "order|invoice|account|acct|serial|ticket|customer|case|policy|part|item|product|student"
    "|patient|tracking|route|receipt|purchase|record|store|transaction|employee|flight|article"
)
CODED = (
    "zip|postal|area|country|product|item|state|airport|airline|dept|department|naics|sic|icd|industry"
    "|occupation|region|city|county|district|station|school|agency|job|diagnosis|procedure|store"
    "|error|status|material|plant|vendor|supplier|stock|branch|bank|sort|fips|iso|commodity|census"
)
ID = re.compile(
    r"_(?:ids?|u?uid|guid|zip|zips|zipcodes?|zip_codes?|post_?codes?|postal|plz|naics|sic|fips|isic|nace"
    r"|skus?|isbn|issn|ean|upc|gtin|cusip|gvkey|permno|duns|barcode|phones?|fax"
    rf"|(?:{NUMBERED})_?(?:no|nr|num|number|nummer)|(?:{CODED})_?codes?)_$|^_codes?_$|^_(?:id|zip|sku|naics|sic|fips)_[a-z]+_$"
)
COUNTS = re.compile(r"_(?:n|count|counts|total|sum|avg|mean|median|pct|share|rate|size|length)_")


@lru_cache(maxsize=10_000)
def named(name: str) -> bool:
    """Is a column named as identifiers and codes are?"""
    key = _key(name)
    return bool(ID.search(key)) and not COUNTS.search(key)


def dates(
    known: Column, m: Measures, order: Array, k: int
) -> Generator[list[Span], list[int], Column | None]:
    """Return what may be said of dates that are kept as whole numbers; None if they are none."""
    if m.low is None or m.low < EXCEL[0] or m.high > SPAN[1] or not len(order):
        return None
    values = np.r_[m.low, order, m.high]
    as_read = (
        as_dates(known.name, values.astype(np.int64)) if m.integral else _real(known.name, values)
    )
    if not as_read:
        return None
    unit, moments = as_read[0], as_read[1][1:-1]
    bare, complete = Measures(m.rows, m.nulls, m.nan), len(order) == m.valid
    known = replace(known, type="date as number", formats=(unit,))
    made = yield from datetimes.moments(known, bare, moments, k, None)
    made = by_month(made) if unit == "%Y%m" else made
    unit += "" if complete else f" in {len(order):,} rows"
    return replace(made, notes=(unit, *made.notes))


def by_month(column: Column) -> Column:
    """Return a column of months with its range in months."""
    months = {name: str(value)[:7] for name, value in column.figures.items()}
    return replace(column, figures=months)


def _real(name: str, values: Array) -> tuple[str, Array] | None:
    """Return the seconds of an epoch with their fractions as microseconds, if named so."""
    seconds = SPAN[0] <= values[0] * 1_000_000 and values[-1] * 1_000_000 <= SPAN[1]
    if not seconds or not TIMES.search(_key(name)):
        return None
    return "epoch in seconds", np.rint(values * 1_000_000).astype(np.int64)


def _key(name: str) -> str:
    return key_of(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name[:200]))


def is_code(column: Column) -> bool:
    """Is it a column of dates or identifiers, whose numbers are no quantities?"""
    prefixes = ("identifier", "running number")
    return column.type == "date as number" or any(
        note.startswith(prefixes) for note in column.notes
    )


def as_dates(name: str, values: Array) -> tuple[str, Array] | None:
    """Return what kind of dates whole numbers in order are, and their microseconds since 1970."""
    if values[0] == values[-1] or values[0] < EXCEL[0]:
        return None
    low, high = int(values[0]), int(values[-1])
    key = _key(name)
    if DAYS[0] <= low and high <= DAYS[1]:
        moments = _days(values // 10_000, values // 100 % 100, values % 100)
        return None if moments is None else ("%Y%m%d", moments)
    if MONTHS[0] <= low and high <= MONTHS[1]:
        distinct = int(np.count_nonzero(np.diff(values))) + 1
        if distinct < SURE and not MONTHLY.search(key):
            return None
        moments = _days(values // 100, values % 100, np.ones_like(values))
        return None if moments is None or distinct < 3 else ("%Y%m", moments)
    for unit, scale in EPOCHS.items():
        if SPAN[0] <= low * scale and high * scale <= SPAN[1] and low * scale > 0:
            moments = values * scale
            sure = TIMES.search(key) or _regular(moments)
            return (f"epoch in {unit}", moments) if sure else None
    if EXCEL[0] <= low and high <= EXCEL[1] and DATED.search(key):
        return "Excel's days since 1899-12-30", (values - 25_569) * 86_400_000_000
    return None


def _days(year: Array, month: Array, day: Array) -> Array | None:
    """Return dates as microseconds since 1970, None if not all of them are there."""
    if month.min() < 1 or month.max() > 12 or day.min() < 1 or day.max() > 31:
        return None
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (day - 1)
    if not bool((days.astype("datetime64[M]") == months).all()):
        return None
    made: Array = days.astype("datetime64[us]").astype(np.int64)
    return made


def _regular(moments: Array) -> bool:
    """Do they look like times all by themselves: full minutes, at one distance?"""
    if np.any(moments % 60_000_000):
        return False
    times = np.unique(np.diff(np.unique(moments)), return_counts=True)[1]
    return len(moments) >= LEAST and bool(times.max(initial=0) >= 0.9 * times.sum())


def identifiers(column: Column, m: Measures, values: Array, order: Array) -> Column | None:
    """Return a column of identifiers or of running numbers without their figures.

    Floats and numbers in another order may be ranks: they keep theirs.

    Args:
        values: in the order of the rows.
    """
    complete = len(order) == m.rows
    running = _running(values, order) if complete and len(order) >= LEAST else ""
    if not running and not (named(column.name) and m.low is not None and m.low >= 0):
        return None
    if "always" in column.figures or not (column.figures or column.left_out):
        return None
    if running and (values.dtype.kind == "f" or running == EACH_ONCE):
        return replace(column, notes=(*column.notes, running))
    digits = {len(str(int(end))) for end in (m.low, m.high)}
    long = f", {digits.pop()} digits" if len(digits) == 1 and m.low > 9 else ""
    ends = {name: value for name, value in column.figures.items() if name in ("min", "max")}
    counts = {name: n for name, n in column.counts.items() if name in ("NaN", "infinite")}
    return replace(
        column, figures=ends, approximate=(), left_out=0, counts=counts,
        notes=(running or f"identifier{long}",),
    )  # fmt: skip


def _running(values: Array, order: Array) -> str:
    """Return that numbers run, one step from row to row, or in another order."""
    low, high = int(order[0]), int(order[-1])
    if max(-low, high) >= 2**53:
        return ""
    steps = np.diff(values.astype(np.float64))
    step = int(steps[0])
    if step > 0 and bool((steps == step).all()):
        years = YEARS[0] <= low and high <= YEARS[1]
        return "" if years else "running number" + (f", step {step:,}" if step > 1 else "")
    if high - low == len(order) - 1 and bool((np.diff(order.astype(np.float64)) == 1).all()):
        years = YEARS[0] <= low and high <= YEARS[1]
        return "" if years else EACH_ONCE
    return ""
