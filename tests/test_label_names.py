"""Names of columns that are values: pivots, crosstabs, dummies, transposed tables, rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pandas as pd
import polars as pl
import pytest

from m1_magic import api
from m1_magic.context.frames import summarise
from m1_magic.options.fields import Options

CANARY = "Zqxwvj"
N = 60
BELOW = ("names", "schema", "stats")


def visits() -> pd.DataFrame:
    """Sixty rows of five towns, of which two are rare."""
    towns = ["Bern", "Basel", "Genf"] * 19 + [f"{CANARY} one", f"{CANARY} two", f"{CANARY} two"]
    return pd.DataFrame({"town": towns, "day": [i // 3 for i in range(N)], "pay": range(1, N + 1)})


def wide() -> pd.DataFrame:
    """A row of a table for each of thirty people."""
    return pd.DataFrame(
        {"who": [f"{CANARY} {i}" for i in range(30)], "age": range(30), "pay": range(30)}
    )


def pivot() -> pd.DataFrame:
    return visits().pivot_table(index="day", columns="town", values="pay")


def many() -> pd.DataFrame:
    """A long table of thirty towns, one of them with three rows."""
    rows = [(f"T{chr(97 + t)}wn", day, t) for t in range(25) for day in range(20)]
    return pd.DataFrame([*rows, *[(CANARY, day, 1) for day in range(3)]],
                        columns=["town", "day", "pay"])  # fmt: skip


TABLES: dict[str, Callable[[], Any]] = {
    "pivot": pivot,
    "pivot with zeros": lambda: pivot().fillna(0),
    "pivot reset": lambda: pivot().reset_index(),
    "pivot of two": lambda: visits().pivot_table(index="day", columns="town", values=["pay"]),
    "unstacked": lambda: visits().groupby(["day", "town"]).pay.sum().unstack(),
    "crosstab": lambda: pd.crosstab(visits().day, visits().town),
    "dummies": lambda: pd.get_dummies(visits(), columns=["town"]),
    "dummies alone": lambda: pd.get_dummies(visits().town, prefix="town"),
    "dummies without prefix": lambda: pd.get_dummies(many().town),
    "whole dummies": lambda: pd.get_dummies(many().town, dtype=int).rename_axis(None, axis=1),
    "real dummies": lambda: pd.get_dummies(many(), columns=["town"], dtype=float, prefix_sep="="),
    "sparse counts": lambda: pd.crosstab(many().index, many().town).rename_axis(None, axis=1)
    .reset_index(drop=True),
    "lists by name": lambda: {f"{CANARY} {c}": [1, 2, 3] for c in "abcdefghi"},
    "one key each": lambda: [{f"{CANARY} {c}": 1.5} for c in "abcdefghi"],
    "transposed": lambda: wide().set_index("who").T,
    "transposed objects": lambda: wide().assign(x="y").set_index("who").rename_axis(None).T,
    "transposed numbers": lambda: wide().set_index("who").rename_axis(None).T,
    "row": lambda: wide().set_index("who").iloc[3],
    "row of objects": lambda: wide().assign(x="y").set_index("who").loc[f"{CANARY} 3"],
    "two levels": lambda: pivot().set_axis(
        pd.MultiIndex.from_product([["pay"], pivot().columns]).rename([None, None]), axis=1
    ),
    "polars transposed": lambda: pl.from_pandas(wide()).transpose(
        include_header=True, column_names="who"
    ),
    "by id": lambda: {who: {"age": 1, "city": "Bern"} for who in wide().who},
    "polars dummies": lambda: pl.from_pandas(visits()).to_dummies("town"),
    "polars pivot": lambda: pl.from_pandas(many()).pivot("town", index="day", values="pay"),
    "pivot unnamed": lambda: many().pivot(index="day", columns="town", values="pay")
    .rename_axis(None, axis=1).reset_index(),
    "arrow": lambda: pl.from_pandas(many()).pivot("town", index="day", values="pay").to_arrow(),
}  # fmt: skip


@pytest.mark.parametrize("kind", TABLES)
def test_rare_names_stay_below_sample(kind: str) -> None:
    table = TABLES[kind]()
    says = kind != "by id"  # there, names are a column
    for level in BELOW:
        summary = summarise(table, "t", level=level, tokens=20_000)
        assert CANARY not in summary.text, summary.text
        assert CANARY not in str(summary.to_dict())
        assert ("[masked name]" in summary.text) == says
        assert bool(re.search(r"\d+ names? looks? like values", summary.text)) == says
        assert CANARY not in api.prepare("why {{t}}?", Options(send=level), {"t": table}).text
    assert CANARY in summarise(table, "t", level="sample", rows=1, tokens=20_000).text


@pytest.mark.parametrize("kind", ["pivot", "crosstab", "unstacked"])
def test_what_is_said_of_them(kind: str) -> None:
    text = summarise(TABLES[kind](), "t").text
    assert "5 names look like values of `town`, 2 of them masked: fewer than 5 rows each" in text
    assert "`Bern`" in text


def test_names_of_people_are_masked_at_every_level() -> None:
    people = ["John Smith", "Mary Jones", "Anna Weber", "Peter Meier"]
    frame = pd.DataFrame({name: range(20) for name in people})
    for table in (frame, pl.from_pandas(frame)):
        for level in (*BELOW, "sample"):
            text = summarise(table, "t", level=level, rows=1).text
            assert not [name for name in people if name in text]
            assert "the names of columns look like personal data: masked" in text


def test_ordinary_names_are_none() -> None:
    frame = pd.DataFrame({f"{a}_{b}": range(20) for a in "abc" for b in ("x", "y", "mean")})
    frame["is_new"] = frame["is_old"] = frame["is_big"] = [i % 2 == 0 for i in range(20)]
    for table in (
        frame,
        frame.describe(),
        frame.corr(),
        frame.set_index("a_x"),
        frame.a_x,
        frame.groupby("b_x").mean(),
        frame.agg(["min", "max"]),
        pl.from_pandas(frame),
        frame.isna().sum(),
        wide().set_index("who").pay,
        visits().town.value_counts(),
    ):
        text = summarise(table, "t").text
        assert "masked" not in text and "like values" not in text, text


def test_columns_of_zeros_and_nulls_are_summarised() -> None:
    # pandas' nulls are neither true nor false.
    values = [pd.NA if i % 10 == 0 else i % 2 for i in range(60)]
    frame = pd.DataFrame({f"v{c}": pd.array(values, dtype="Int64") for c in "abcdefghijklmno"})
    assert "60 rows × 15 columns" in summarise(frame).text
