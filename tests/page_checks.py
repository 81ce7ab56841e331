"""What is true of a page's first line, of each column's line, and of the lines below them.

``check(frame, summary, k)`` is the door: what is wrong, and how many statements were compared.
"""

from __future__ import annotations

import itertools
import math
import re
from decimal import Decimal
from functools import cache, cached_property

import numpy as np
import pandas as pd

import texts_truth
import truth_between
from m1_magic.context.frames.lines import stem_of
from m1_magic.context.frames.measures import SAMPLE, WHOLE
from m1_magic.context.frames.summary import Column, Summary
from m1_magic.privacy.personal import safe_name
from m1_magic.privacy.redaction import masked_value
from page_truth import (
    FACTS,
    HEADS,
    LABEL,
    NOTES,
    NUMBER,
    PARTS,
    SHARE,
    Told,
    Truth,
    fact,
    fits,
    head,
    note,
    run,
    told,
)

SHAPED = 100  # texts, spread evenly, whose shape is looked at
SAMPLED = 0.012  # of rank, that a quantile of `SAMPLE` rows may be off
STRONG, TOLD, WIDEST = 0.8, 4, 30  # correlations that are told, how many, of how many columns
COPIES = 6  # that are told
QUARTILES = {"P25": 25, "median": 50, "P75": 75}
ENDS, MOMENTS = ("min", "max", "always"), ("mean", "sd")
OBJECT = r"(, dtype object.*)?"


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


def percent_of(name: str) -> int:
    """Return which quantile a name means."""
    return QUARTILES.get(name) or int(re.fullmatch(r"P(\d\d?)", name)[1])


def place(value: float, digits: int) -> float:
    """Return a unit in the last of so many significant digits."""
    return 10.0 ** (math.floor(math.log10(abs(value))) - digits + 1) if value else 0.0


@cache
def written(label: str) -> str:
    """Return a label as it is written on a page."""
    return '"' + masked_value(label).replace('"', '\\"') + '"'


def number(text: str) -> float:
    """Return a number as it is written, whole where it is."""
    return int(text) if re.fullmatch(r"-?\d+", text) else float(text)


class Audit:
    """One column's line against its values; what is wrong is kept in ``wrong``.

    Args:
        known: the column as data, for how many figures are left out; None where the line is short.
    """

    def __init__(
        self, line: Told, known: Column | None, series: pd.Series, k: int, nan: bool = False
    ) -> None:
        self.line, self.known, self.k, self.rows = line, known, k, len(series)
        self.full, self.series = known is not None, series.dropna()
        self.n = len(self.series)
        self.sampled = self.rows > WHOLE
        self.wrong: list[str] = []
        if known and not known.labels:  # what looks so is a note
            line.notes += [f"{label} {share}" for label, share in line.labels.items()]
            line.labels = {}
        missing = self.rows - self.n
        floats = nan and pd.api.types.is_float_dtype(series) and missing < self.rows
        self.missing(0 if floats else missing, missing if floats else 0)
        kind = line.type
        if pd.api.types.is_bool_dtype(series) or kind.startswith("true/false"):
            self.truths()
        elif kind == "empty":
            self.must(not self.n, "empty")
        elif kind in texts_truth.READ_AS and not line.labels:
            self.read_as()
        elif kind.endswith("as text"):
            self.labels()
        elif any(map(texts_truth.CODES.fullmatch, line.notes)):
            self.few_figures()
        elif kind.startswith("duration"):
            length = pd.to_timedelta(self.series).to_numpy("timedelta64[ns]").astype("int64")
            micro = not np.any(length % 1_000)
            self.numbers(length // 1_000 / 1e6 if micro else length / 1e9, told_as="duration")
        elif pd.api.types.is_numeric_dtype(series) or re.fullmatch(
            r"(whole )?number( as float)?" + OBJECT, kind
        ):
            whole = pd.api.types.is_integer_dtype(series)
            self.numbers(self.series.to_numpy("int64" if whole else "float64"))
        elif pd.api.types.is_datetime64_any_dtype(series) or kind.startswith("date"):
            form = r"date( and time)?( \(.+\))?|dates( and times)?( \(.+\))?, dtype object.*"
            self.must(re.fullmatch(form, kind), f"type {kind}")
            self.moments(pd.to_datetime(self.series, utc=" (UTC)" in kind))
        else:
            text = kind in ("text", "category", "text among other objects") or not self.full
            text = text or kind.endswith("as text")
            self.must(text, f"type {kind}")
            self.labels()
        if self.full:
            self.distinct()
        self.notes()

    def must(self, true: object, said: str) -> None:
        if not true:
            self.wrong.append(f"{self.line.name}: {said}")

    def few_figures(self) -> None:
        """Codes and running numbers have few figures, or none; those that are told are true."""
        if self.line.figures and pd.api.types.is_numeric_dtype(self.series):
            self.values, self.odd = np.sort(self.series.to_numpy()), False
            for name, shown in self.line.figures.items():
                self.figure(name, shown)

    def read_as(self) -> None:
        """Look at the figures of the numbers or moments that texts or codes stand for."""
        ranges = any(re.match("all (?:on|in) |no (?:range|start|end)", x) for x in self.line.notes)
        if not self.line.figures and not ranges:
            return
        values, rows = texts_truth.values_of(self.series, self.known or self.line), self.n
        self.n = len(values)
        if pd.api.types.is_numeric_dtype(values):
            self.numbers(values.to_numpy("float64"), told_as="text")
        else:
            self.moments(values)
        self.n = rows

    def missing(self, nulls: int, nans: int) -> None:
        c = self.line
        if c.nulls is None:
            return
        self.must(c.nulls == nulls, f"{c.nulls} null, not {nulls}")
        self.must(not nulls or fits(c.nulls_share, nulls / self.rows), f"null {c.nulls_share}")
        share = c.counts.pop("NaN", "")
        self.must(fits(share, nans / self.rows) if share else not nans or not self.full, "NaN")

    def texts_are(self, form: str) -> None:
        self.must(self.series.astype(str).str.fullmatch(form).all(), f"no {self.line.type}")

    # Numbers

    def numbers(self, raw: np.ndarray, told_as: str = "") -> None:
        values = np.sort(raw[np.isfinite(raw)])
        self.values, c = values, self.line
        self.odd = len(values) < len(raw)
        fraction = bool(np.any(values != np.rint(values)))
        if not told_as:
            types = r"number" if fraction else r"(whole )?number( as float)?"
            self.must(re.fullmatch(types + OBJECT, c.type) or not len(values), f"type {c.type}")
        if len(values) < max(self.k, 1):
            return self.must(not c.figures and not c.labels, f"told of {len(values)} values")
        constant = values[0] == values[-1]
        if told_as == "text" and not c.figures:
            return None
        always = "always" in c.figures
        self.must(always <= (constant and not self.odd), "always")
        silent = self.odd or c.follows or not self.full
        self.must(always or not constant or silent, "no always")
        if c.follows:  # another column's figures, which the recovery suite looks at
            for name in set(c.figures) - c.about:
                self.figure(name, c.figures[name])
            return None
        self.counts(raw, values, constant)
        for name, shown in c.figures.items():
            self.figure(name, shown)
        self.in_order()
        if self.full and not (
            constant or self.sampled or c.labels or not 1e-150 < float(np.ptp(values)) < 1e150
        ):
            self.left_out()
        self.shares()
        if self.k < 2 and not constant and self.full and not c.labels:
            self.must({"min", "max"} <= set(c.figures), "min and max are missing")
        return None

    def counts(self, raw: np.ndarray, values: np.ndarray, constant: bool) -> None:
        c = self.line
        zero = int((values == 0).sum())
        true = {"infinite": int(np.isinf(raw).sum())}
        few = {}
        if not constant:
            true |= {"zero": zero, "negative": int((values < 0).sum())}
            for name in ("zero", "negative"):
                few[name] = true[name] < self.k or 0 < len(values) - true[name] < self.k
        for name, share in c.counts.items():
            self.must(name in {*true, "outlier"}, f"counts {c.counts}")
            if name in true:
                self.must(fits(share, true[name] / self.rows), f"{name} {share}")
                self.must(not few.get(name), f"{name} {share} is of few")
        if self.full and c.type != "number as text":
            for name, number in true.items():
                shown = name in c.counts or few.get(name) or not number
                # The shares of few values say as much; few zeros are not worth it.
                shown = shown or (name == "zero" and (c.labels or zero < 0.01 * self.rows))
                self.must(shown, f"{name} is untold")
        self.outliers(values, constant)

    def outliers(self, values: np.ndarray, constant: bool) -> None:
        share = self.line.counts.get("outlier")
        if constant:
            return self.must(not share, f"outlier {share}")
        if not math.isfinite(3 * float(np.ptp(values))):
            return None  # fences beyond all numbers
        least, most = 10**9, 0
        for slack in (-SAMPLED, SAMPLED) if self.sampled else (0,):
            ends = [0.25 - slack, 0.75 + slack]
            first, third = np.quantile(values, ends) if slack else self.quartiles
            away = 1.5 * (third - first)
            found = int(((values < first - away) | (values > third + away)).sum())
            least, most = min(least, found if away else 0), max(most, found if away else 0)
        if self.sampled:
            error = 3 * math.sqrt(max(most, 100) / self.rows / SAMPLE) * self.rows
            least, most = least - error, most + error
            if share:
                number = float(share.strip("≈<> %")) / 100 * self.rows
                self.must("≈" in share, "outlier is not marked")
                self.must(least <= number * 1.01 + 1 and number <= most * 1.01 + 1, f"outl {share}")
            return None
        if share:
            return self.must(fits(share, most / self.rows), f"outlier {share}, not {most}")
        many = most >= self.k and not 0 < len(values) - most < self.k
        return self.must(not self.full or not many or not most, f"{most} outliers untold")

    def figure(self, name: str, shown: float) -> None:
        values, rounded = self.values, name in self.line.about
        if name in ENDS:
            end = values[-1 if name == "max" else 0]
            digits = 7 if self.k or self.series.dtype.kind != "f" else 12
            near = {float(f"{end:.{n}g}") for n in range(digits, 16)} | {end}
            near |= {float(f"{end:.7g}")} if self.series.dtype == np.float32 else set()
            self.must(shown in near, f"{name} {shown}, not {end}")
            self.must((values == end).sum() >= self.k, f"{name} is shared by too few")
            self.must(not rounded, f"{name} is marked")
        elif name in MOMENTS:
            self.moment(name, shown, rounded)
        else:
            self.quantile(name, percent_of(name), shown, rounded)

    @cached_property
    def exact(self) -> tuple[float, float, float, float]:
        """The mean, the sd, the mean size and how far a value is from the mean at most."""
        values = self.values.astype(np.longdouble)
        mean, size = values.mean(), np.abs(values).mean()
        most = np.abs(values - float(mean)).max()
        return float(mean), float(values.std(ddof=1)), float(size), float(most)

    @cached_property
    def quantiles(self) -> dict[str, float]:
        """Those that the line tells of, at once: each takes NumPy 0.1 ms."""
        names = [name for name in self.line.figures if name not in (*ENDS, *MOMENTS)]
        percents = np.array([percent_of(name) for name in names])
        found = np.quantile(self.values.astype(np.float64), percents / 100)
        return dict(zip(names, found.tolist(), strict=True))

    @cached_property
    def quartiles(self) -> tuple[float, float]:
        """The first and the third."""
        return tuple(np.quantile(self.values, [0.25, 0.75]))

    def moment(self, name: str, shown: float, rounded: bool) -> None:
        """A mean or sd: a multiple of a unit that k rows cannot move, and next to the true one."""
        (mean, sd, size, most), n = self.exact, len(self.values)
        true, noise = (mean if name == "mean" else sd), 1e-12 * size
        off = abs(shown - true)
        digits = 4 if self.k else 7
        half = max(place(true, digits), place(sd, digits + 1) if name == "mean" else 0) / 1.9999
        self.must(rounded or off <= half + noise, f"{name} {shown} is not marked, {true}")
        if not self.k or not math.isfinite(sd):
            return self.must(self.k or not rounded, f"{name} is marked")
        moves = max(self.k * sd, most if name == "mean" else most**2 / sd / 2) / n
        step = largest_unit(shown, sd)
        self.must(step >= self.k * sd / n * (1 - 1e-9), f"{name} {shown} is finer than {moves}")
        near = max(1.2500001 * moves, half) + noise
        return self.must(off <= near, f"{name} {shown}, not {true}")

    def quantile(self, name: str, percent: int, shown: float, rounded: bool) -> None:
        values, n = self.values, len(self.values)
        if self.sampled:
            low, high = (
                values[min(n - 1, max(0, round((percent / 100 + turn * 2 * SAMPLED) * (n - 1))))]
                for turn in (-1, 1)
            )
            self.must(rounded, f"{name} {shown} is not marked")
            return self.must(low <= shown <= high, f"{name} {shown}, not {low} to {high}")
        true = self.quantiles[name]
        if not rounded:
            self.must(math.isclose(shown, true, rel_tol=5e-7), f"{name} {shown}, not {true}")
            shared = np.isclose(values, true, rtol=1e-14, atol=0)
            return self.must(shared.sum() >= self.k, f"{name} {shown} is rare")
        below, above = around(percent, n)
        low, high = values[above - self.k], values[below + self.k]
        self.must(low <= shown <= high, f"{name} {shown}, not {low} to {high}")
        first, third = self.quartiles
        return self.must(
            high - low <= 0.1000001 * (third - first), f"{name} {shown}: far neighbours"
        )

    def left_out(self) -> None:
        """What is not told is counted; a quartile that the rule lets leave is told."""
        (first, third), values = self.quartiles, self.values
        told, n = self.line.figures, len(values)
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
        said = self.known.left_out
        self.must(said == missing, f"{said}, not {missing} figures left out")

    def in_order(self) -> None:
        ranks = {"min": 0, "max": 100, **QUARTILES}
        shown = [
            (ranks.get(name) if name in ranks else int(name[1:]), value)
            for name, value in self.line.figures.items()
            if name not in ("mean", "sd", "always")
        ]
        told = [value for _, value in sorted(shown)]
        self.must(told == sorted(told), f"not in order: {self.line.figures}")

    def shares(self) -> None:
        """Few distinct numbers: those that k rows share, each with its share."""
        found, sizes = np.unique(self.values, return_counts=True)
        labels, n = self.line.labels, len(self.values)
        if not labels:
            # Up to `FEW_VALUES` = 6 distinct numbers are told, unless it is one.
            many = len(found) > 6 or len(found) == 1 or not (sizes >= self.k).any()
            many = many or self.line.type == "number as text" or not self.full
            return self.must(many, "few values, no shares")
        true = dict(zip(found.tolist(), sizes.tolist(), strict=True))
        for label, share in labels.items():
            size = true.get(number(label), 0)
            if "labels" in self.line.about and (self.line.follows or not self.full):
                # Another column's, which differs in fewer than k rows.
                told = float(share.strip("≈<> %")) / 100 * n
                self.must(abs(told - size) < self.k + 0.01 * n, f"{label} {share}, not {size}")
                continue
            self.must(size and fits(share, size / n), f"{label} {share}, not {size} of {n}")
            self.must(size >= self.k, f"{label} is rare")
        if self.line.others and not self.line.follows:
            rest = 1 - sum(true.get(number(label), 0) for label in labels) / n
            self.must(fits(self.line.others, rest), f"others {self.line.others}, not {rest}")
        if not self.sampled and self.full and not self.line.follows:
            common = {v for v, size in true.items() if size >= self.k}
            self.must({number(label) for label in labels} == common, f"labels {labels}")
        return None

    # Texts

    def written(self) -> pd.Series:
        """Labels as they are written on a page → in how many rows, the most frequent first."""
        true = self.series.astype(str).value_counts()
        return true.groupby(true.index.map(written)).sum().sort_values(ascending=False)

    def labels(self) -> None:
        """The labels that k rows share: the twenty most frequent, if of 1 %; else two of 0.1 %."""
        c = self.line
        if c.follows:
            return None
        self.must(not c.figures and not c.counts, "figures of texts")
        if self.n < self.k:
            return self.must(not c.labels, f"labels of {self.n} values")
        true = self.written()
        sizes = {label: int(true.get(label, 0)) for label in c.labels}
        for label, share in c.labels.items():
            size = sizes[label]
            self.must(size and fits(share, size / self.n), f"{label} {share}, not {size}")
            self.must(size >= self.k, f"{label} is of {size} rows")
        self.must(list(sizes.values()) == sorted(sizes.values())[::-1], "label order")
        if c.others:
            rest = 1 - sum(sizes.values()) / self.n
            self.must(fits(c.others, rest), f"others {c.others}, not {rest}")
        if not self.full:
            return None
        rest = self.series.astype(str).value_counts()
        rest = rest[[written(label) not in c.labels for label in rest.index]]
        next_best = int(rest.iloc[0]) if len(rest) else 0
        least = min(sizes.values(), default=0)
        few = len(c.labels) < (20 if least >= 0.01 * self.n else 2)
        untold = max(self.k, (0.01 if least >= 0.01 * self.n else 0.001) * self.n)
        limit = untold if few else least + 1
        luck = 4 * math.sqrt(max(limit, 1) * self.rows / SAMPLE) if self.sampled else 0
        said = f"{rest.index[:1].tolist()} ({next_best}) is untold"
        return self.must(not next_best or next_best < limit + luck, said)

    def truths(self) -> None:
        c = self.line
        if c.follows or self.n < self.k or not self.n:
            return
        true = int((self.series == True).sum())  # noqa: E712 (objects)
        rare = min(true, self.n - true)
        if "always" in c.figures:
            self.must(not rare and (c.figures["always"] == "true") == (true > 0), "always")
        elif c.labels:
            self.must(list(c.labels) == ["true"] and rare >= max(self.k, 1), f"{c.labels}")
            self.must(fits(c.labels.get("true", "0 %"), true / self.n), f"true {c.labels}")
        else:
            self.must(rare < self.k or not self.full, "shares of true are untold")

    # Moments

    def moments(self, values: pd.Series) -> None:
        if values.dt.tz is not None:
            values = values.dt.tz_localize(None)
        self.when = values.sort_values()
        figures = self.line.figures
        if self.n < self.k or self.line.follows:
            marked = set(figures) <= self.line.about
            return self.must(marked or not figures, f"told of {self.n} values")
        for name, text in figures.items():
            self.must(name in ("from", "to", "always"), f"figure {name}")
            if name == "always":
                self.must(self.when.iloc[0] == self.when.iloc[-1] == pd.Timestamp(text), "always")
                continue
            start, end = spanned(text)
            inside = int(((values >= start) & (values < end)).sum())
            self.must(inside >= self.k, f"{name} {text} is of {inside} rows")
            right = self.when.iloc[-1 if name == "to" else 0]
            if name not in self.line.about:
                self.must(start <= right < end, f"{name} {text}, not {right}")
            else:  # what the sample holds: nearly the right one
                near = self.when.iloc[int(SAMPLED * self.n) * (-1 if name == "to" else 1)]
                self.must(start < max(right, near) and end > min(right, near), f"{name} {text}")
        if self.full and self.n:
            said = " ".join([*figures, *self.line.notes])
            ends = [re.search(r"from|always|all|before|no (?:range|start)", said)]
            ends += [re.search(r"to|always|all|after|no (?:range|end)", said)]
            self.must(all(ends), "an end of the range is not told")

    # What all columns have

    def distinct(self) -> None:
        found, true = self.line.distinct, self.series.nunique()
        silent = "always" in self.line.figures or true < 2 or self.known.distinct is None
        if found is None:
            return self.must(silent or bool(self.line.labels), "distinct is not told")
        value, read = found
        if not read:
            return self.must(value == true, f"{value} distinct, not {true}")
        self.must(self.sampled, "distinct of a sample of a whole table")
        return self.must(value <= min(true, read), f"{value} of {true} distinct")

    def notes(self) -> None:
        for text in self.line.notes:
            wrong = texts_truth.wrong_note(text, self.known or self.line, self.series, self.k)
            if wrong is not None:
                self.must(not wrong, f"{text}: {wrong}")
                continue
            self.must(run(NOTES, self, text), f"nothing checks the note {text!r}")
        key = self.series.is_unique and self.n == self.rows > 1 and not self.line.follows
        key = key and not re.match(r"number(?! as text)|duration|true", self.line.type)
        if self.full and key and not self.sampled and self.n >= self.k:
            self.must("every value distinct" in self.line.notes, "a key is not told")


def spanned(text: str) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the start and the end of a moment, day, month, year or decade as it is written."""
    if text.endswith("s"):
        return pd.Timestamp(text[:-1]), pd.Timestamp(f"{int(text[:-1]) + 10:04}")
    start, units = pd.Timestamp(text), {4: "YS", 7: "MS", 10: "D"}
    if unit := units.get(len(text)):
        return start, start + pd.tseries.frequencies.to_offset(unit)
    return start, start + (pd.Timedelta(1, "us") if len(text) > 19 else pd.Timedelta(1, "s"))


# --- Notes on columns ---------------------------------------------------------------------


@note("every value distinct")
def every_value_distinct(a: Audit) -> None:
    a.must(a.series.is_unique and a.n == a.rows, "is no key")


@note("nearly all distinct")
def nearly_all_distinct(a: Audit) -> None:
    a.must(a.sampled and a.series.nunique() >= 0.9 * a.rows, "is far from a key")


@note(r"fewer than (\d+) values.*")
def fewer(a: Audit, k: str) -> None:
    a.must(int(k) == a.k > a.n or (a.odd and int(k) == a.k > len(a.values)), f"has {a.n} values")


@note("mean and sd withheld: one value dominates")
def one_dominates(a: Audit) -> None:
    a.must(not {"mean", "sd"} & set(a.line.figures) and a.k > 1, "withheld")
    size = np.abs(a.values)
    a.must(2 * size.max() >= size.sum(), "no value dominates")


@note(r"(?:mean and )?sd withheld: fewer than \d+ rows decide (?:it|them)")
def few_decide(a: Audit) -> None:
    a.must("sd" not in a.line.figures and a.k > 1, "withheld")
    middle = float(a.values[len(a.values) // 2])
    away = np.sort(np.abs(a.values - middle) / np.abs(a.values - middle).max())
    most = False
    for power in (1.0, 2.0):
        far = away**power
        # Of a table that is read in part, the furthest value stands for the k - 1 furthest.
        last = (a.k - 1) * far[-1] if a.sampled else far[1 - a.k :].sum()
        most = most or 2 * far[-1] > 0.99 * far.sum() or last > 0.89 * far.sum()
    sizes = np.unique(a.values, return_counts=True)[1]
    rest = sizes[sizes < a.k].sum()
    a.must(most or (len(sizes) <= 6 and 0 < rest < a.k), "many rows decide the mean")


@note(r"all finite values (\S+)")
def all_finite(a: Audit, value: str) -> None:
    a.must(len(a.values) and np.all(a.values == float(value)), f"all finite values {value}")
    a.must(a.odd or len(a.series) < a.rows, "that is always")


@note(r"(?:about )?(\d+) characters")
def long(a: Audit, characters: str) -> None:
    lengths = a.series.astype(str).str.len()
    true = lengths.mean()
    near = 0.5 + 0.02 * true + 1.25 * max(a.k * lengths.std(), np.ptp(lengths)) / a.n
    a.must(abs(int(characters) - true) <= near, f"{characters} long, not {true}")


LETTERS = {c for c in map(chr, range(0x250)) if c.isalpha()}


@note(r'shape "(.+)" in (?:≈ )?(\d+) %')
def shaped(a: Audit, shape: str, percent: str) -> None:
    shapes = a.series.astype(str).str.replace(r"\d", "9", regex=True)
    shapes = shapes.str.translate({ord(c): "A" if c.isupper() else "a" for c in LETTERS})
    true = float((shapes == shape).mean())
    near = 0.0050001 if a.n <= SHAPED else 0.15
    a.must(abs(true - int(percent) / 100) <= near, f"{shape} in {percent} %, not {true:.0%}")


@note(r"(true|false) in all but fewer than (\d+) rows")
def nearly(a: Audit, value: str, k: str) -> None:
    rare = int((a.series != (value == "true")).sum())
    a.must(0 < rare < int(k) == a.k, f"{value} in all but {rare}")


@note(r"as (`.+`|before), but for fewer than (\d+) rows")
def follow(a: Audit, other: str, k: str) -> None:
    a.must(int(k) == a.k, "follows none")


@note(r"ordered: .+")
def ordered(a: Audit) -> None:
    a.must(a.series.dtype.ordered, "no order")


@note(r"no (range|start|end) that (\d+) rows share")
def no_range(a: Audit, what: str, k: str) -> None:
    decades = a.when.dt.year // 10
    ends = {"range": (0, -1), "start": (0,), "end": (-1,)}[what]
    shared = [int((decades == decades.iloc[end]).sum()) for end in ends]
    a.must(int(k) == a.k > max(shared), "a decade that could be told")


@note(r"fewer than ([\d,]+) rows (before|after) (\S+(?: [\d:.]+)?)")
def cut(a: Audit, most: str, word: str, text: str) -> None:
    start, end = spanned(text)
    beyond = a.when < start if word == "before" else a.when >= end
    inside = int(((a.when >= start) & (a.when < end)).sum())
    a.must(0 < beyond.sum() < int(most.replace(",", "")), f"{beyond.sum()} {word} {text}")
    a.must(int(most.replace(",", "")) >= a.k <= inside, f"{word} {text} is of {inside} rows")


@note(r"all (?:on|in) (\d{4}(?:s|-\d\d(?:-\d\d)?)?)(?:, (.+))?")
def all_on(a: Audit, text: str, step: str | None) -> None:
    start, end = spanned(text)
    a.must(start <= a.when.iloc[0] and a.when.iloc[-1] < end, f"all on {text}")
    a.must(a.when.iloc[0] < a.when.iloc[-1], "that is always")
    if step:
        a.must(run(NOTES, a, step), f"nothing checks the note {step!r}")


@note(r"sentinel (\S+) in (.+ %)(?:, else (from|to) (\S+))?")
def sentinel(a: Audit, day: str, share: str, way: str | None, text: str | None) -> None:
    at = a.when.dt.strftime("%Y-%m-%d") == day
    a.must(fits(share, float(at.mean())), f"sentinel {day} {share}, not {at.mean()}")
    a.must(at.sum() >= a.k and at.iloc[[0, -1]].any(), f"sentinel {day}")
    if text:
        start, end = spanned(text)
        right = a.when[~at].iloc[0 if way == "from" else -1]
        a.must(start <= right < end, f"else {way} {text}, not {right}")


UNITS = {"week": "W", "day": "D", "hour": "h", "minute": "min", "second": "s",
         "millisecond": "ms", "microsecond": "us"}  # fmt: skip
GAPS = r"(no gaps|[\d,]+ missing in [\d,]+ gaps?|[\d,]+ gaps?)"


def counted(text: str) -> tuple[int, int | None]:
    """Return how many gaps there are, and how many are missing in them, if that is said."""
    numbers = [int(n.replace(",", "")) for n in re.findall(r"[\d,]+", text)]
    return {0: (0, None), 1: (*numbers, None), 2: (*numbers[::-1],)}[len(numbers)]


@note("every day of it has rows")
def every_day(a: Audit) -> None:
    days = a.when.dt.normalize().drop_duplicates()
    a.must((days.diff().dropna() == pd.Timedelta(1, "D")).all(), "a day without rows")


@note(rf"every weekday, {GAPS}")
def every_weekday(a: Audit, gaps: str) -> None:
    days = pd.DatetimeIndex(inside(a).drop_duplicates())
    true = pd.bdate_range(days[0], days[-1])
    number, missing = counted(gaps)
    a.must(days.isin(true).all(), "moments that are no weekdays")
    holes = np.flatnonzero(np.diff(true.get_indexer(days)) > 1)
    a.must(len(holes) == number, f"{gaps}, not {len(holes)} between weekdays")
    lost = len(true) - len(days)
    a.must(missing is None or lost == missing, f"{missing} missing, not {lost}")


@note(r"one moment a (month|quarter|year), no gaps")
def every_span(a: Audit, unit: str) -> None:
    spans = inside(a).drop_duplicates().dt.to_period(unit[0].upper())
    true = pd.period_range(spans.iloc[0], spans.iloc[-1], freq=unit[0].upper())
    a.must(list(spans) == list(true), f"not every {unit}")


@note(rf"every (.+), {GAPS}")
def every(a: Audit, step: str, gaps: str) -> None:
    number, unit = re.fullmatch(r"(?:([\d,]+) )?(\w+?)s?", step).groups()
    wanted = pd.Timedelta(int((number or "1").replace(",", "")), UNITS[unit])
    steps = inside(a).drop_duplicates().diff().dropna()
    others, missing = counted(gaps)
    true = steps[steps != wanted]
    a.must(len(true) == others, f"every {step}, {gaps}, not {len(true)}")
    a.must(len(true) <= 0.1 * len(steps), f"every {step} in spite of {len(true)} gaps")
    lost = (true / wanted - 1).sum()
    a.must(missing is None or lost == missing, f"{missing} missing, not {lost}")


def inside(a: Audit) -> pd.Series:
    """Return the moments that a regularity is about: not beyond a cut, and no sentinels."""
    when = a.when
    for text in a.line.notes:
        if found := re.fullmatch(r"fewer than [\d,]+ rows (before|after) (.+)", text):
            start, end = spanned(found[2])
            when = when[when >= start] if found[1] == "before" else when[when < end]
        if found := re.fullmatch(r"sentinel (\S+) in .+", text):
            when = when[when.dt.strftime("%Y-%m-%d") != found[1]]
    return when


# --- The first line -----------------------------------------------------------------------


@head(r"`.+`: ([\d,]+) rows × ([\d,]+) columns(?: and the index)?")
def size(t: Truth, rows: str, width: str) -> None:
    true = f"{t.rows:,} × {len(t.frame.columns):,}"
    t.must(f"{rows} × {width}" == true, f"{rows} × {width}, not {true}")


@head(r"no value that fewer than (\d+) rows share")
def shared_by(t: Truth, k: str) -> None:
    t.must(int(k) == t.k, f"no value of fewer than {k}")


@head(r"([\d,]+) figures? left out")
def left_out(t: Truth, number: str) -> None:
    true = sum(column.left_out for column in t.summary.columns)
    t.must(int(number.replace(",", "")) == true, f"{number} left out, not {true}")


@head(r"exact figures: `--send sample:0`")
def advice(t: Truth) -> None:
    t.must(t.k, "exact figures are here")


@head(r"exact figures")
def exact(t: Truth) -> None:
    t.must(not t.k, "figures are not exact")


@head(r"types and nulls only")
def bare(t: Truth) -> None:
    t.must(t.summary.level == "schema", "more than types")


@head(r"outliers by Tukey's 1\.5 IQR")
def tukey(t: Truth) -> None:
    t.must(any("outlier" in c.counts for c in t.summary.columns), "no outliers")


@head(r"quantiles and outliers ≈ from ([\d,]+) rows")
def sampled(t: Truth, rows: str) -> None:
    t.must(t.rows > WHOLE and rows == f"{SAMPLE:,}", f"from {rows}")


@head(r"[\d,]+ names? looks? like .+")
def like_values(t: Truth) -> None:
    """Whether names are values is a guess; `test_label_names` looks at it."""


@head(r"column keys are (tuples|integers|no strings)")
def keys(t: Truth, what: str) -> None:
    kinds = {"tuples": tuple, "integers": (int, np.integer), "no strings": object}[what]
    t.must(all(isinstance(name, kinds) for name in t.frame.columns), f"keys are {what}")


@head(r"([\d,]+) of ([\d,]+) index labels repeat an earlier one")
def index_labels(t: Truth, number: str, rows: str) -> None:
    true = f"{t.frame.index.duplicated().sum():,} of {t.rows:,}"
    t.must(f"{number} of {rows}" == true, f"index labels: not {true}")


@head(r"([\d,]+) of ([\d,]+) columns in detail")
def in_detail(t: Truth, number: str, width: str) -> None:
    t.must(width == f"{len(t.frame.columns):,}", f"{number} of {width} columns")


# --- Lines below the columns --------------------------------------------------------------

IN_ROWS = r"( in [\d,]+ rows)?"


def pair(t: Truth, one: str, other: str) -> float:
    """Return Pearson's r of two columns."""
    both = pd.concat([t.column(one), t.column(other)], axis=1, keys=["a", "b"])
    if both["a"].dtype.kind == "m":
        both = both.apply(lambda c: c.dt.total_seconds() if c.dtype.kind == "m" else c)
    values = both.astype(float).to_numpy()
    values = values[np.isfinite(values).all(axis=1)]
    return float(np.corrcoef(values / np.abs(values).max(axis=0), rowvar=False)[0, 1])


def near(t: Truth, about: str | None, part: str | None) -> float:
    """Return how far a correlation may be off, by its mark."""
    t.must(bool(part) == (t.rows > WHOLE), f"{part} of {t.rows} rows")
    if part:
        t.must(about, "a correlation of a sample without a mark")
        return 0.03
    return 0.1 if about else 0.005001


@fact(rf"`(.+?)` and `(.+?)`: correlation (≈ )?(-?[\d.]+){IN_ROWS}")
def correlation(t: Truth, one: str, other: str, about: str, shown: str, part: str) -> None:
    true = pair(t, one, other)
    t.correlations[frozenset((one, other))] = true
    said = f"{one} and {other}: {shown}, not {true:.4f}"
    t.must(abs(true - float(shown)) <= near(t, about, part), said)


@fact(rf"`(.+?)` and `(.+?)`: move together exactly{IN_ROWS}(, one up, the other down)?")
def exactly(t: Truth, one: str, other: str, part: str, opposite: str) -> None:
    true = pair(t, one, other)
    t.correlations[frozenset((one, other))] = true
    near(t, "≈", part)
    limit = 0.9999 if part else 1 - 2e-9
    t.must(-true > limit if opposite else true > limit, f"{one} and {other}: exactly, not {true}")


@fact(r"`(.+?)` is a copy of `(.+?)`(?: \(≈ in [\d,]+ rows\))?")
def copied(t: Truth, one: str, other: str) -> None:
    x, y = t.column(one).reset_index(drop=True), t.column(other).reset_index(drop=True)
    t.must(((x == y) | (x.isna() & y.isna())).all(), f"{one} is no copy of {other}")
    t.copies[one] = t.copies.get(other, other)


@fact(rf"`(.+?)` and `(.+?)`: correlated{IN_ROWS}(, one up, the other down)?")
def correlated(t: Truth, one: str, other: str, part: str, opposite: str) -> None:
    true = pair(t, one, other)
    t.correlations[frozenset((one, other))] = true
    sign = -1 if opposite else 1
    t.must(sign * true > STRONG - (0.03 if part else 1e-6), f"{one} and {other}: {true}")


@fact(rf"`(.+?)` (and|decides) `(.+?)`( decide each other)?{IN_ROWS}")
def decides(t: Truth, one: str, word: str, other: str, each: str, part: str) -> None:
    near(t, "≈", part)
    if part:
        return
    both = pd.concat([t.column(one), t.column(other)], axis=1, keys=["a", "b"])
    both = both.astype(object).where(both.notna(), "\0none").astype(str)
    for a, b in [("a", "b")] + [("b", "a")] * (word == "and"):
        most = both.groupby(a)[b].nunique().max()
        t.must(most == 1, f"{one} {word} {other}: up to {most} of one")


@fact(r"([\d,]+) of ([\d,]+) rows repeat an earlier one")
def repeats(t: Truth, number: str, rows: str) -> None:
    true = f"{t.frame.duplicated().sum():,} of {t.rows:,}"
    t.must(f"{number} of {rows}" == true, f"{number} of {rows} repeat, not {true}")


def untold(t: Truth) -> list[str]:
    """Return correlations that are stronger than those told."""
    numeric = [
        (n, column.name)
        for n, column in enumerate(t.summary.columns)
        if not column.masked
        and not column.follows  # which says more
        and "always" not in column.figures
        and pd.api.types.is_numeric_dtype(t.frame.iloc[:, n])
        and not pd.api.types.is_bool_dtype(t.frame.iloc[:, n])
    ]
    if len(numeric) > WIDEST or len(t.frame) < max(20, 4 * t.k) or len(numeric) < 2:
        return []
    values = t.frame.iloc[:, [n for n, _ in numeric]].astype(float)
    values = values.replace([np.inf, -np.inf], np.nan)
    matrix = (values / values.abs().max()).corr(min_periods=20).abs().to_numpy()
    told = t.correlations
    least = min((abs(r) for r in told.values()), default=1.0) if len(told) >= TOLD else STRONG
    slack = 0.03 if t.rows > WHOLE else 1e-5
    names = [masked_value(name) for _, name in numeric]
    return [
        f"{names[i]} and {names[j]}: {matrix[i, j]:.3f} is untold"
        for i, j in itertools.combinations(range(len(numeric)), 2)
        if matrix[i, j] > least + slack
        and frozenset((names[i], names[j])) not in told
        and t.copies.get(names[i], names[i]) != t.copies.get(names[j], names[j])
        and not (len(t.copies) >= COPIES and matrix[i, j] > 1 - 1e-9)
    ]


# --- The door -----------------------------------------------------------------------------

_right: list[tuple[pd.DataFrame, set[tuple[object, ...]]]] = []  # of the table seen last


def audited(t: Truth, made: Told, line: str, n: int, nan: bool) -> list[str]:
    """Return what is wrong about a column's line; a table's other forms may have the very same."""
    if not _right or _right[0][0] is not t.frame:
        _right[:] = [(t.frame, set())]
    column, series, right = t.summary.columns[n], t.frame.iloc[:, n], _right[0][1]
    which = (n, line, repr(column), t.k, nan and pd.api.types.is_float_dtype(series))
    wrong = [] if which in right else Audit(made, column, series, t.k, nan).wrong
    right |= set() if wrong else {which}
    return wrong


def checked_head(t: Truth) -> list[str]:
    """Check the first line of a page; return the others."""
    first, *lines = t.summary.text.split("\n")
    said = re.split(r"; (?=(?:[^`]*`[^`]*`)*[^`]*$)", first)
    for part in said:
        t.must(run(HEADS, t, part), f"nothing checks {part!r} of the first line")
    t.statements += len(said)
    return lines


def check(
    frame: pd.DataFrame, summary: Summary, k: int, nan: bool = False
) -> tuple[list[str], int]:
    """Return what is wrong about a full page of a table, and how many statements it makes.

    Args:
        frame: the table, texts and numbers in one column as texts.
        k: rows that must share what leaves; 0 where all may.
        nan: are missing floats NaN, not null?
    """
    t = Truth(frame, summary, k)
    lines = checked_head(t)
    width = len(summary.columns)
    t.must(width == len(frame.columns), f"{width} columns")
    for n, column in enumerate(summary.columns[: len(lines)]):
        made = told(lines[n], masked_value(column.name))
        t.statements += made.statements
        if made.masked:
            t.must(made.statements == 1, f"{made.name} is masked, and told")
        elif summary.level == "schema":
            true = int(frame.iloc[:, n].isna().sum())
            t.must(
                made.nulls == (0 if nan else true), f"{made.name}: {made.nulls} null, not {true}"
            )
            t.must(made.statements == 2, f"{made.name} is told at schema")
        else:
            t.wrong += audited(t, made, lines[n], n, nan)
    for line in lines[width:]:
        below(t, line)
    return t.wrong + (untold(t) if summary.level != "schema" else []), t.statements


# --- Pages within a budget ----------------------------------------------------------------

SPAN = rf"(min|P\d\d?|median|mean|max|always) (≈ )?({NUMBER}|true|false)(?: to ({NUMBER}))?"


def below(t: Truth, line: str) -> None:
    """Check a line below those of the columns."""
    t.statements += 1
    text = line.removeprefix("- ")
    shaped = texts_truth.wrong_fact(text, t.frame, t.summary)
    if shaped is not None:
        t.must(not shaped, f"{text}: {shaped}")
    elif not run(FACTS, t, text):
        said = truth_between.wrong(text, t.frame, t.k, SAMPLE if t.rows > WHOLE else 0)
        t.must(said is not None, f"nothing checks the line {line!r}")
        t.must(not said, str(said))


def check_short(frame: pd.DataFrame, summary: Summary, k: int) -> tuple[list[str], int]:
    """Return what is wrong about a page that may be short, and how many statements it makes.

    Lines may tell of a column in short, or of columns that look alike, or be left out.
    """
    t = Truth(frame, summary, k)
    lines = checked_head(t)
    names = [masked_value(safe_name(str(name))) for name in frame.columns]
    places = {name: place for place, name in enumerate(names)}
    for line in lines:
        _line(t, line, names, places)
    return t.wrong, t.statements


def _line(t: Truth, line: str, names: list[str], places: dict[str, int]) -> None:
    found = re.match(
        r"- `(.+?)` … `(.+?)` \(([\d,]+) columns\): (?!one scale|exactly|at most)", line
    )
    listing = re.match(r"- (?:other columns|columns): |- [\d,]+ more columns, not named", line)
    name = next((n for n in names if line.startswith(f"- `{n}`: ")), None)
    if found and found[1] in places and found[2] in places:
        members = _members(t, range(places[found[1]], places[found[2]] + 1))
        t.must(f"{len(members):,}" == found[3], f"{line}: not {len(members)} columns")
        _alike(t, line[found.end() :], members)
    elif listing:
        t.statements += 1
    elif name is not None:
        made = told(line, name)
        t.statements += made.statements
        if not made.masked:
            t.wrong += Audit(made, None, t.frame.iloc[:, places[name]], t.k).wrong
    else:
        below(t, line)


def _members(t: Truth, places: range) -> list[int]:
    """Return the columns that look like the first of some: others between them stand apart."""
    known = {c.name: c.type for c in t.summary.columns}
    names = {n: safe_name(str(t.frame.columns[n])) for n in places}
    forms = {n: (stem_of(name), known.get(name)) for n, name in names.items()}
    return [n for n in places if forms[n] == forms[places[0]]]


def _alike(t: Truth, text: str, members: list[int]) -> None:
    """What is said of columns that look alike: spans of what is true of each (`check`)."""
    parts = re.split(r"; |, (?=no nulls|[\d,]+ null)", text)
    columns = {c.name: c for c in t.summary.columns}
    nulls = [int(t.frame.iloc[:, n].isna().sum()) / t.rows for n in members]
    for part in parts[1:]:
        t.statements += 1
        if found := re.fullmatch(SPAN, part):
            known = [columns[safe_name(str(t.frame.columns[n]))].figures[found[1]] for n in members]
            low, high = f"{min(known):.15g}", f"{max(known):.15g}"
            ends = (float(found[3]), float(found[4] or found[3]))
            t.must(ends == (float(low), float(high)), f"{part}, not {low} to {high}")
        elif found := re.fullmatch(rf"({SHARE}|0 %) to ({SHARE}) null", part):
            for shown, true in zip(found.groups(), (min(nulls), max(nulls)), strict=True):
                t.must(fits(shown, true), f"{part}: {true}")
        elif part == "no nulls":
            t.must(not any(nulls), "no nulls")
        elif re.fullmatch(rf"(?:≈ )?{LABEL}(?:, {LABEL})*", part):
            for label, share in re.findall(LABEL, part):
                for n in members if label.strip() != "others" else ():
                    known = columns[safe_name(str(t.frame.columns[n]))].labels
                    said = known.get(label.strip().strip('"'), -1)
                    t.must(fits(share, said), f"{label} {share}, not {said}")
        elif found := re.fullmatch(rf"([\d,]+) null \(({SHARE})\)", part):
            t.must(fits(found[2], nulls[0]) and min(nulls) == max(nulls), part)
        else:
            t.must(run(PARTS, t, part), f"nothing checks {part!r} of {text!r}")
