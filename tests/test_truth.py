"""Statements of a page about odd columns: each the line that an analyst expects, and true."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from m1_magic.context.frames import summarise

DAYS = pd.date_range("2016-06-03", periods=900)
FAR = pd.Timestamp("1950-02-03")


def line(values: Any, **wish: Any) -> str:
    """Return the line of a column."""
    text = summarise(pd.DataFrame({"d": values}), "t", **wish).text
    return next(line for line in text.split("\n") if line.startswith("- `d`"))


def first(frame: Any, **wish: Any) -> str:
    return summarise(frame, "t", **wish).text.split("\n")[0]


RANGES: dict[str, tuple[Any, str]] = {
    "a day": (
        pd.date_range("2024-01-01", periods=1440, freq="min"),
        "all on 2024-01-01, every minute, no gaps",
    ),
    "one moment": ([pd.Timestamp("2024-01-01 10:00")] * 9, "always 2024-01-01 10:00:00"),
    "nanoseconds": (
        pd.date_range("2024-01-01", periods=12, freq="ns"),
        "12 distinct; all on 2024-01-01; every value distinct",
    ),
    "a cut end": (
        [FAR, *np.repeat(DAYS, 5)],
        "to 2018-11-19; fewer than 5 rows before 2016-06-03; every day, no gaps",
    ),
    "both ends cut": (
        [FAR, *np.repeat(DAYS, 5), pd.Timestamp("2050-01-01")],
        "902 distinct; fewer than 5 rows before 2016-06-03; "
        "fewer than 5 rows after 2018-11-19; every day, no gaps",
    ),
    "gaps": (DAYS.delete([100, 101, 300]), "every day, 3 missing in 2 gaps"),
    "a gap that would tell an end": (DAYS.delete([2, 300]), "every day, 2 gaps"),
    "weekdays": (
        pd.bdate_range("2020", periods=300).delete([50, 51, 100]),
        "every weekday, 3 missing in 2 gaps",
    ),
    "quarters": (
        pd.date_range("1962", periods=200, freq="QS"),
        "from 1960s to 2010s; one moment a quarter, no gaps",
    ),
    "before 1970": (
        pd.date_range("1890", periods=70, freq="YS"),
        "from 1890s to 1950s; one moment a year, no gaps",
    ),
    "hours over summer time": (
        pd.date_range("2024-03-20", periods=600, freq="h", tz="Europe/Berlin"),
        "every hour, no gaps",
    ),
    "days over summer time": (
        pd.date_range("2024-03-20", periods=100, tz="Europe/Berlin"),
        "every day, no gaps",
    ),
    "for ever": (
        [*DAYS, *[pd.Timestamp("2099-12-31")] * 40],
        "from 2016-06 to 2099-12-31; every day, no gaps; "
        "sentinel 2099-12-31 in 4.26 %, else to 2018-11",
    ),
    "none": (
        [*DAYS, *[pd.Timestamp("1900-01-01")] * 40],
        "sentinel 1900-01-01 in 4.26 %, else from 2016-06",
    ),
    "no sentinel": (
        np.repeat(pd.date_range("1900-01-01", periods=200), 5),
        "from 1900-01-01 to 1900-07-19; every day, no gaps",
    ),
}


@pytest.mark.parametrize("name", RANGES)
def test_ranges_of_dates(name: str) -> None:
    values, said = RANGES[name]
    assert said in line(values)
    assert "sentinel" in said or "sentinel" not in line(values)


def test_a_cut_end_of_a_long_table_is_counted_in_all_rows() -> None:
    minutes = pd.date_range("2016-06-03", periods=150_000, freq="min", tz="Europe/Berlin")
    for far, said in ((3, "fewer than 5 rows"), (12, "fewer than 20 rows")):
        early = pd.date_range("1950", periods=far, freq="YS", tz="Europe/Berlin")
        assert f"{said} before 2016-06-03" in line([*early, *minutes])


def test_near_copies_of_dates_say_no_more_than_the_first() -> None:
    days = [*np.repeat(DAYS, 5)]
    frame = pd.DataFrame({"a": days, "b": [FAR, *days[1:]], "c": [*days[:-1], DAYS[-2]]})
    text = summarise(frame, "t").text
    assert "before" not in text and "1950" not in text
    assert text.count("as `a`, but for fewer than 5 rows") == 2


def objects(values: list[Any]) -> pd.Series:
    return pd.Series(values, dtype=object)


TYPES = {
    "dates, dtype object: `.dt` fails": [dt.date(2020, 1, 1) + dt.timedelta(i) for i in range(40)],
    "dates and times, dtype object: `.dt` fails": [
        dt.datetime(2020, 1, 1) + dt.timedelta(i) for i in range(40)
    ],
    "dates and times (UTC), dtype object: `.dt` fails": [
        dt.datetime(2020, 1, 1, tzinfo=dt.UTC) + dt.timedelta(i) for i in range(40)
    ],
    "number, dtype object (Decimal)": [Decimal(i) / 7 for i in range(40)],
    "whole number, dtype object": [*range(39), None],
    "true/false, dtype object": [None, *[i % 3 == 0 for i in range(39)]],
    "duration in seconds, dtype object: `.dt` fails": [dt.timedelta(i) for i in range(40)],
    "text": list("abcd") * 10,
    "text among other objects": [*list("abcd") * 30, 1],
}


@pytest.mark.parametrize("word", TYPES)
def test_objects_of_pandas_are_told_as_such(word: str) -> None:
    assert line(objects(TYPES[word])).startswith(f"- `d`: {word}, ")
    if not word.startswith("text"):
        records = summarise([{"d": value} for value in TYPES[word]], "t").text
        assert "dtype" not in records  # which are no pandas table of the user's


def test_the_same_data_have_the_same_type_in_every_library() -> None:
    numbers = [1, None, 3] * 10
    start, end = "- `d`: whole number, 10 null (33.3 %); ", "1 50 %, 3 50 %"
    for values in (
        pd.array(numbers, dtype="Int64"),
        pd.array(numbers, dtype="int64[pyarrow]"),
        pl.Series(numbers),
        pl.Series(numbers, dtype=pl.Int128),
    ):
        frame = (pl if isinstance(values, pl.Series) else pd).DataFrame({"d": values})
        told = summarise(frame, "t").text.split("\n")[1]
        assert told.startswith(start) and told.endswith(end)
        if hasattr(frame, "lazy"):
            assert summarise(frame.lazy(), "t").text == summarise(frame, "t").text


def test_keys_that_are_no_strings() -> None:
    mixed = pd.DataFrame({1: range(9), None: range(9), ("x", 1): range(9), "a": range(9)})
    text = summarise(mixed, "t").text
    assert 'keys that are no strings: `1`, `None`, `("x", 1)`' in text and '- `("x", 1)`: ' in text
    assert "column keys are integers" in first(pd.DataFrame({1: range(9), 2: range(9)}))
    assert "column keys are tuples" in first(mixed[[("x", 1)]], level="names")
    assert "keys" not in first(np.ones((9, 2))) and "keys" not in first(mixed[["a"]])


def test_index_labels_that_repeat() -> None:
    frame = pd.DataFrame({"a": range(20)}, index=[*range(15), 0, 1, 2, 3, 4])
    assert "5 of 20 index labels repeat an earlier one" in first(frame)
    assert "index" not in first(frame.reset_index(drop=True))


def test_infinities_are_apart_from_always() -> None:
    assert line([np.inf, 1.0, -np.inf] * 20) == (
        "- `d`: whole number as float, no nulls; infinite 66.7 %; 3 distinct; all finite values 1"
    )
    assert "distinct" not in line([None] * 20) + line([np.nan] * 20)
    nans = pl.DataFrame({"d": [float("nan")] * 20, "e": [float("nan"), 1.0] * 10})
    text = summarise(nans, "t").text
    assert "always" not in text and "0 distinct" not in text and "all finite values 1" in text


def test_relations_are_of_all_rows_or_say_of_how_many() -> None:
    rng = np.random.default_rng(1)
    x, noise = rng.normal(size=6_000), rng.normal(size=6_000)
    code = rng.integers(0, 6, 6_000)
    names = np.array(list("abcdef"))[code]
    wrong = np.array(list("xxyyzz"))[code]
    wrong[5_990] = "x" if wrong[5_990] != "x" else "y"
    frame = pd.DataFrame({"x": x, "down": -x, "near": x + 1e-4 * noise, "code": names})
    frame["name"], frame["broken"] = np.array(list("uuvvww"))[code], wrong
    text = summarise(frame, "t").text
    assert "`x` and `down`: move together exactly, one up, the other down" in text
    assert "`x` and `near`: correlation 1.00" in text
    assert "`code` decides `name`" in text and "decides `broken`" not in text
    text = summarise(pd.concat([frame] * 20, ignore_index=True), "t").text
    assert "`x` and `near`: correlation ≈ 1.00 in 10,000 rows" in text
    assert "`code` decides `name` in 10,000 rows" in text
    tiny = pd.DataFrame({"x": x * 1e-200, "y": -x * 1e200})
    assert "move together exactly, one up" in summarise(tiny, "t").text


def test_the_first_line_says_what_holds() -> None:
    frame = pd.DataFrame({"a": [*range(40), *[999] * 6]})
    assert "outliers by Tukey's 1.5 IQR" in first(frame)
    assert "exact figures: `--send sample:0`" in first(frame)
    assert "exact figures" in first(frame, level="sample", rows=0)
    assert first(frame, level="schema").endswith("types and nulls only")
    assert "outliers" not in first(frame[:40])


def test_durations_of_ibis() -> None:
    ibis, pa = pytest.importorskip("ibis"), pytest.importorskip("pyarrow")
    lengths = [dt.timedelta(seconds=i, microseconds=5) for i in range(40)]
    table = pa.table({"d": [*lengths, None], "x": range(41)})
    assert summarise(ibis.memtable(table), "t").text == summarise(table, "t").text
