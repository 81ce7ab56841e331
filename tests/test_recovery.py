"""Attacks on one call: what a row holds is recovered from its figures no better than by guessing.

Each attack sees what leaves of tables or columns that differ in one row, and tells its best
estimate of that row's value. The bar is an attacker who has the mean alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from m1_magic.context import gather
from m1_magic.context.frames import summarise
from m1_magic.context.frames.summary import Summary
from m1_magic.options.fields import Options
from m1_magic.settings.config import M1

K = 5
SIZES = (15, 30, 100, 300, 1000)
TRIALS = 60 if os.environ.get("M1_TEST_FULL") else 4
FORMS: dict[str, Callable[[np.random.Generator, int], Any]] = {
    "normal": lambda r, n: r.normal(50, 9, n),
    "skewed": lambda r, n: np.exp(r.normal(3, 1, n)),
    "whole": lambda r, n: r.integers(18, 90, n).astype(float),
    "heavy": lambda r, n: 50 + 9 * r.standard_t(3, n),
}
# What an analyst would make of a column, and how its value is read back.
DERIVED: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "itself": (lambda v: v, lambda v: v),
    "square": (lambda v: v * v, lambda v: np.sqrt(np.abs(v))),
    "inverse": (lambda v: 1 / v, lambda v: 1 / v),
    "logarithm": (lambda v: np.log(np.abs(v)), np.exp),
    "in another currency": (lambda v: 0.93 * v, lambda v: v / 0.93),
    "from zero": (lambda v: v - 17, lambda v: v + 17),
}


def missing(values: Any, row: int = 0) -> Any:
    less = np.array(values, dtype=float)
    less[row] = np.nan
    return less


def figure(summary: Summary, name: str, which: str) -> float:
    return float(summary.columns[name].figures.get(which, np.nan))


def by_means(first: float, second: float, n: int) -> float:
    return n * first - (n - 1) * second


def by_sds(summary: Summary, one: str, other: str, n: int) -> list[float]:
    """Return the two values that a row may have by the sums of squares."""
    mean = figure(summary, one, "mean")
    squares = (n - 1) * figure(summary, one, "sd") ** 2 - (n - 2) * figure(
        summary, other, "sd"
    ) ** 2
    away = np.sqrt(max(0.0, squares * (n - 1) / n))
    return [mean - away, mean + away]


class Score:
    """How far estimates are from the true values, in sd, beside those of the guess."""

    def __init__(self) -> None:
        self.errors: list[float] = []
        self.guesses: list[float] = []

    def add(self, estimate: float, guess: float, values: Any) -> None:
        if np.isfinite(estimate) and np.isfinite(guess):
            sd = values.std(ddof=1)
            self.errors.append(abs(estimate - values[0]) / sd)
            self.guesses.append(abs(guess - values[0]) / sd)

    def is_guessing(self) -> None:
        """Neither hits (within 1 % and 10 % of the sd) nor nearness are beyond the guess's."""
        assert len(self.errors) > 10
        errors, guesses = np.array(self.errors), np.array(self.guesses)
        for near in (0.01, 0.1):
            hits, free = float((errors < near).sum()), float((guesses < near).sum())
            luck = 3 * np.sqrt(max(free, near * len(guesses)) + 1)
            assert hits <= free + luck, f"{hits} of {len(errors)} within {near} sd, guessing {free}"
        assert np.median(errors) >= 0.8 * np.median(guesses)


def trials(form: str, count: int = TRIALS) -> Iterator[tuple[int, Any]]:
    """Yield tables' lengths and their values; the row that is asked about is the first."""
    for n in SIZES:
        random = np.random.default_rng(n)
        for _ in range(count):
            yield n, FORMS[form](random, n)


@pytest.mark.parametrize("form", FORMS)
def test_two_columns_that_differ_in_one_row(form: str) -> None:
    means, sds = Score(), Score()
    for n, values in trials(form):
        told = summarise(pd.DataFrame({"age_all": values, "age_known": missing(values)}), "t")
        first, second = (figure(told, name, "mean") for name in ("age_all", "age_known"))
        means.add(by_means(first, second, n), first, values)
        for estimate in by_sds(told, "age_all", "age_known", n):
            sds.add(estimate, first, values)
    means.is_guessing()
    sds.is_guessing()


@pytest.mark.parametrize("way", DERIVED)
def test_a_derived_column_without_the_row(way: str) -> None:
    """Of one column and of a multiple without the row, which is no copy: each value differs."""
    make, back = DERIVED[way]
    score = Score()
    for n, values in trials("normal"):
        table = {
            "pay": make(values),
            "known": make(missing(values)),
            "k": 1.7 * missing(values) + 3,
        }
        told = summarise(pd.DataFrame(table | {"all": values}), "t")
        first, second, third = (figure(told, name, "mean") for name in ("pay", "known", "k"))
        score.add(back(by_means(first, second, n)), back(first), values)
        guess = figure(told, "all", "mean")
        score.add(by_means(guess, (third - 3) / 1.7, n), guess, values)
    score.is_guessing()


def together(tables: dict[str, Any], **more: Any) -> list[str]:
    options = Options(df=tuple(tables), **more)
    return [one.text for one in gather(options, "?", tables, M1()).attachments]


def told_as(text: str, name: str, which: str) -> float:
    found = re.search(rf"`{name}`.*?\b{which} (?:≈ )?(-?[\d.e+-]+)", text)
    return float(found[1]) if found else float("nan")


@pytest.mark.parametrize("copies", [2, 3, 10])
def test_filtered_copies_in_one_call(copies: int) -> None:
    """Of ``copies`` tables, each but the first lacks the row, and some others besides."""
    score, random = Score(), np.random.default_rng(copies)
    for n, values in trials("normal"):
        frame = pd.DataFrame({"pay": values})
        gone = [random.choice(np.arange(1, n), i, replace=False) for i in range(copies - 1)]
        tables: dict[str, Any] = {"raw": frame}
        tables |= {f"t{i}": frame.drop(index=[0, *rows]) for i, rows in enumerate(gone)}
        first, *others = (told_as(text, "pay", "mean") for text in together(tables))
        for i, (mean, rows) in enumerate(zip(others, gone, strict=True)):
            score.add(n * first - (n - 1 - i) * mean - values[rows].sum(), first, values)
    score.is_guessing()


def test_a_comparison() -> None:
    for n, values in trials("normal", 2):
        frame = pd.DataFrame({"pay": values, "kind": [str(int(v) % 3) for v in values]})
        (text,) = together({"raw": frame, "clean": frame.iloc[1:]}, diff=True)
        assert not re.search(r"mean|sd |median|P\d|min|max|%", text), (n, text)


def test_the_label_of_one_row() -> None:
    """Two tables with one row less, and two columns with one null, have the same shares."""
    random = np.random.default_rng(0)
    for n in (*SIZES, 14, 16, 31):
        kinds = random.choice(["low", "mid", "high"], n)
        sizes = np.char.str_len(kinds)
        frame = pd.DataFrame({"kind": kinds, "up": kinds == "high", "grade": sizes})
        raw, clean = together({"raw": frame, "clean": frame.iloc[1:]})
        for name in frame:
            lines = [re.search(rf"`{name}`:.*", text)[0] for text in (raw, clean)]
            shares = [re.findall(r"[\d.]+ %|mean \S+|sd \S+", line) for line in lines]
            assert shares[0] == shares[1], lines
        for seen in ({"a": kinds}, {"a": kinds == "high"}):
            hidden = [None, *seen["a"][1:].tolist()]
            told = summarise(pd.DataFrame(seen | {"b": pd.array(hidden)}), "t").columns
            assert told["a"].labels == told["b"].labels and told["b"].follows


@pytest.mark.parametrize("form", ["datetime64[us]", "str", "date32[pyarrow]"])
def test_the_last_day_of_a_range(form: str) -> None:
    """Five rows share it; without one of them, it would no longer be told."""
    days = pd.Series([f"2024-03-{1 + i % 20:02}" for i in range(60)] + ["2024-05-07"] * 5)
    made = pd.to_datetime(days)
    column = days if form == "str" else made.dt.date.astype(form) if "32" in form else made
    frame = pd.DataFrame({"day": column})
    raw, clean = together({"raw": frame, "clean": frame.iloc[:-1]})
    assert "to 2024-05-07" in raw and "to ≈ 2024-05-07" in clean
    assert "to ≈ 2024-05-07" in summarise(frame.assign(b=column.where(frame.index < 64)), "t").text


def test_thresholds_of_one_column() -> None:
    """Indicators of a column at nine heights, in two tables, find no decile of the row's value."""
    for n, values in [*trials("normal", 1)][2:]:
        cuts = zip("abcdefghi", np.quantile(values, np.arange(0.1, 1, 0.1)), strict=True)
        frame = {f"{kind}_{c}": values - cut for c, cut in cuts for kind in ("over", "minus")}
        frame |= {name: v > 0 for name, v in frame.items() if name.startswith("over")}
        table = pd.DataFrame(frame)
        texts = together({"raw": table, "clean": table.iloc[1:]}, df_tokens=9_000)
        shares = [re.findall(r"true (?:≈ )?([\d.]+) %", text) for text in texts]
        assert shares[0] == shares[1] and len(shares[0]) == 9
        rows = [re.findall(r"negative (?:≈ )?([\d.]+) %", text) for text in texts]
        counts = [
            [round(float(p) * m / 100) for p in ps] for ps, m in zip(rows, (n, n - 1), strict=True)
        ]
        assert counts[0] == counts[1]


def test_correlations_move_less_than_a_row_could_tell() -> None:
    """The product of the row's standard scores, from r with and without it, is no nearer."""
    random, errors, guesses = np.random.default_rng(0), [], []
    for n in SIZES[1:] * TRIALS:
        x = random.normal(0, 1, n)
        y = x + random.normal(0, 0.4, n)
        raw = pd.DataFrame({"x": x, "y": y})
        clean = pd.DataFrame({"u": 2 * x[1:] + 1, "v": 3 * y[1:] - 1})
        facts = "".join(together({"raw": raw, "clean": clean}))
        forms = (rf"`{a}` and `{b}`: correlation (?:≈ )?([\d.]+)" for a, b in ("xy", "uv"))
        r = [re.search(form, facts) for form in forms]
        if all(r):
            first, second = (float(one[1]) for one in r)
            zx, zy = ((v[0] - v.mean()) / v.std() for v in (x, y))
            move = zx * zy - first / 2 * (zx * zx + zy * zy)
            errors.append(abs(n * (first - second) - move))
            guesses.append(abs(move))
    assert len(errors) > 5 and np.median(errors) >= 0.8 * np.median(guesses)


def test_lengths_of_texts_and_lists() -> None:
    score, random = Score(), np.random.default_rng(0)
    for n in SIZES * 3:
        sizes = random.integers(1, 400, n)
        texts = ["x" * size for size in sizes]
        table = {"a": texts, "b": [None, *(text + "yy" for text in texts[1:])]}
        told = summarise(pd.DataFrame(table), "t").text
        means = [float(mean) for mean in re.findall(r"about (\d+) characters", told)]
        if len(means) == 2:
            estimate = by_means(means[0], means[1] - 2, n)
            score.add(estimate, means[0], sizes.astype(float))
        lists = pl.DataFrame({"a": [[0] * int(size) for size in sizes]})
        for number in re.findall(r"[\d.]+(?= long)|[\d.]+(?= to)", summarise(lists, "t").text):
            assert (sizes == float(number)).sum() >= K
    score.is_guessing()


# --- The rule ---------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    values=st.lists(st.integers(-500, 500).map(lambda v: v / 4), min_size=12, max_size=80),
    group=st.integers(2, 7),
)
def test_each_figure_keeps_to_the_rule(values: Sequence[float], group: int) -> None:
    column = summarise(pd.DataFrame({"v": values}), "t", min_group=group).columns["v"]
    order, n = np.sort(values), len(values)
    for name, value in column.figures.items():
        if name in ("min", "max", "always") or name not in column.approximate:
            if name not in ("mean", "sd"):
                assert (order == value).sum() >= group, (name, value)
        elif name not in ("mean", "sd"):
            q = 50 if name == "median" else int(name[1:])
            below, rest = divmod(q * (n - 1), 100)
            assert order[below + bool(rest) - group] <= value <= order[below + group]
    for name, true in ("mean", order.mean()), ("sd", order.std(ddof=1)):
        if name in column.figures:
            most = np.abs(order - order.mean()).max()
            moves = max(group * order.std(ddof=1), most, most**2 / 2 / order.std(ddof=1)) / n
            assert abs(column.figures[name] - true) <= max(1.2501 * moves, 0.5e-3 * abs(true))


def test_one_value_that_dominates_does_not_withhold_the_minimum() -> None:
    values = [0] * 10 + [1, 2, 3, 4, 5, 6, 7, 8, 9, 10**9]
    column = summarise(pd.DataFrame({"v": values}), "t").columns["v"]
    assert column.notes == ("mean and sd withheld: one value dominates",)
    assert column.figures["min"] == 0 and not {"mean", "sd"} & column.figures.keys()


def test_what_is_left_out_is_counted_and_the_way_out_named() -> None:
    values = np.random.default_rng(1).normal(0, 1, 40)
    told = summarise(pd.DataFrame({"v": values}), "t")
    first = told.text.split("\n")[0]
    assert "5 figures left out; exact figures: `--send sample:0`" in first
    assert told.columns["v"].left_out == 5 and set(told.columns["v"].figures) == {"mean", "sd"}


def test_at_sample_all_figures_are_exact_and_personal_columns_stay_masked() -> None:
    values = [1.25, 2.5, 3.75, 80.0, 7.0, 6.5, 5.5]
    mails = [f"someone{i}@example.org" for i in range(7)]
    frame = pd.DataFrame({"v": values, "kind": list("aaabbbc"), "mail": mails})
    (text,) = together({"t": frame}, send="sample:0")
    assert text.startswith("`t`: 7 rows × 3 columns; exact figures; outliers by")
    assert "min 1.25 · P25 3.125 · median 5.5 · P75 6.75 · max 80 · mean 15.21429 · sd" in text
    assert '"c" 14.3 %' in text and "≈" not in text and "row " not in text
    assert "`mail`: text, masked" in text and "someone" not in text


def dask(frame: pd.DataFrame) -> Any:
    import dask.dataframe  # here, or every worker that collects this imports it

    return dask.dataframe.from_pandas(frame, npartitions=3)


def ibis(frame: pd.DataFrame) -> Any:
    import ibis

    return ibis.memtable(frame)


ENGINES: dict[str, Callable[[pd.DataFrame], Any]] = {
    "polars": pl.from_pandas,
    "lazy": lambda frame: pl.from_pandas(frame).lazy(),
    "arrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    "arrow dtypes": lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
    "dask": dask,
    "ibis": ibis,
    "records": lambda frame: frame.astype(object).where(frame.notna(), None).to_dict("records"),
}


@pytest.mark.parametrize("n", (15, 300))
def test_every_engine_tells_the_same(n: int) -> None:
    values = FORMS["skewed"](np.random.default_rng(n), n)
    labels = [f"kind {int(value) % 4}" for value in values]
    frame = pd.DataFrame({"all": values, "known": missing(values), "tenth": values.round(1)})
    frame = frame.assign(kind=labels, up=values > 20)
    text = summarise(frame, "t").text
    for engine, make in ENGINES.items():
        assert summarise(make(frame), "t").text == text, engine
    with duckdb.connect() as connection:
        assert summarise(connection.from_df(frame), "t").text == text
