"""What a summary of a table says, and what it never says."""

from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from palmerpenguins import load_penguins

from m1_magic.context import gather
from m1_magic.context.frames import frame_named, summarise
from m1_magic.context.frames.tables import is_frame
from m1_magic.errors import UsageError
from m1_magic.options.fields import Options
from m1_magic.prompt import build
from m1_magic.settings.config import M1
from scripted import fenced

GOLDEN = Path(__file__).parent / "golden"
LEVELS = ("names", "schema", "stats", "sample")


def small() -> pd.DataFrame:
    """Forty made rows: two genders of column, nulls, dates, an e-mail column, a rare city."""
    days = [dt.datetime(2024, 1 + i % 4, 1 + i % 27, i % 24) for i in range(40)]
    return pd.DataFrame(
        {
            "city": ["Bern"] * 20 + ["Basel"] * 17 + ["Zermatt"] * 3,
            "price": [None if i % 13 == 0 else 10 + i * 1.37 for i in range(40)],
            "rooms": [1 + i % 4 for i in range(40)],
            "sold": [i % 3 == 0 for i in range(40)],
            "listed": pd.Series(days, dtype="datetime64[us]"),
            "contact": [f"person{i}@example.org" for i in range(40)],
            "Phone Number": [f"079 555 {i:04}" for i in range(40)],
        }
    )


def made(which: str, library: str) -> object:
    frame = small() if which == "small" else load_penguins()
    return frame if library == "pandas" else pl.from_pandas(frame)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("which", ["small", "penguins"])
def test_summary_is_the_golden_text(which: str, library: str, level: str) -> None:
    summary = summarise(made(which, library), which, level=level, rows=3)
    again = summarise(made(which, library), which, level=level, rows=3)
    assert summary == again
    golden = (GOLDEN / f"{which}-{level}.md").read_text("utf-8")
    assert summary.text + "\n" == golden


def test_receipt_counts_what_left() -> None:
    stats = summarise(small(), "homes").attachment()
    assert (stats.kind, stats.name, stats.level, stats.shape) == (
        "frame",
        "homes",
        "stats",
        (40, 7),
    )
    assert (stats.rows, stats.labels, stats.masked) == (0, 6, 2)
    assert stats.tokens == math.ceil(len(stats.text) / 2.4)
    sample = summarise(small(), "homes", level="sample", rows=4).attachment()
    assert sample.rows == 4
    assert "@" not in sample.text and "079" not in sample.text


def test_shared_extremes_are_exact() -> None:
    text = summarise(
        pd.DataFrame({"n": [0] * 5 + list(range(10, 60)) + [12_345_678] * 5}), "t"
    ).text
    assert "min 0 " in text and "max 12345678 " in text


@settings(max_examples=40)
@given(
    columns=st.integers(1, 200),
    tokens=st.integers(0, 2000),
    level=st.sampled_from(LEVELS),
    rows=st.integers(0, 9),
    width=st.integers(1, 70),
)
def test_never_over_the_budget(
    columns: int, tokens: int, level: str, rows: int, width: int
) -> None:
    frame = pd.DataFrame({f"{'c' * width}{i}": range(12) for i in range(columns)})
    summary = summarise(frame, "wide", level=level, rows=rows, tokens=tokens)
    assert math.ceil(len(summary.text) / 2.4) == summary.tokens <= tokens


def words(count: int) -> list[str]:
    """Column names that have nothing in common."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return [
        "x" + letters[i // 676 % 26] + letters[i // 26 % 26] + letters[i % 26] for i in range(count)
    ]


def test_wide_tables_say_what_was_left_out() -> None:
    frame = pd.DataFrame(np.ones((20, 1700)), columns=words(1700))
    text = summarise(frame, "wide").text
    assert "of 1,700 columns in detail" in text and "more columns, not named here" in text
    middle = summarise(frame.iloc[:, :200], "wide").text
    assert "of 200 columns in detail" in middle and f"`{words(200)[-1]}`" in middle
    assert "more columns" not in middle


def test_columns_that_look_alike_are_told_together() -> None:
    frame = pd.DataFrame({f"q{i}": [i % 5] * 20 for i in range(400)} | {"answer": range(20)})
    text = summarise(frame, "survey", tokens=300).text
    assert "`q0` … `q10` (11 columns): whole number, no nulls; always 0 to 4" in text
    assert "`answer`: whole number" in text
    assert "other columns: `q11` … `q399` (389, whole number)" in text
    some = summarise(frame.iloc[:, 390:], "survey", tokens=120).text
    assert "`q390` … `q399` (10 columns)" in some and "`answer`" in some


def test_columns_may_be_chosen() -> None:
    frame = small()
    assert [c.name for c in summarise(frame, cols=["price", "city"]).columns] == ["city", "price"]
    assert [c.name for c in summarise(frame, cols=["!P*", "!c*"]).columns] == [
        "price",
        "rooms",
        "sold",
        "listed",
    ]
    assert "2 columns" in summarise(frame, cols=["price", "city"], level="names").text
    with pytest.raises(UsageError, match="Did you mean price"):
        summarise(frame, cols=["prise"])
    with pytest.raises(UsageError, match="either columns or"):
        summarise(frame, cols=["price", "!city"])


def test_facts_are_typed() -> None:
    made = summarise(load_penguins(), "penguins")
    mass = made.columns["body_mass_g"]
    assert mass.figures["median"] == 4050 and mass.nulls == 2 and mass.distinct.value == 94
    assert made.columns["species"].labels["Adelie"] == 152 / 344
    assert made.columns[0].name == "species" and made.rows == 344 and made.width == 8
    assert made.to_markdown() == made.text == str(made)
    told = json.loads(json.dumps(made.to_dict()))
    assert told["columns"][5]["figures"]["mean"] == 4200 and told["tokens"] == made.tokens
    with pytest.raises(KeyError):
        made.columns["mass"]


def test_what_changed_between_two_tables() -> None:
    before = load_penguins().assign(key=range(344))
    after = before.drop(columns="sex").assign(key=range(10, 354), extra=1)
    after["body_mass_g"] *= 1.1
    after.loc[:40, "island"] = "Torgersen"
    after.loc[:100, "year"] = None
    space = {"before": before, "after": after}
    made = gather(Options(df=("before", "after"), diff=True), "?", space, M1()).attachments
    text = made[0].text
    assert len(made) == 1 and made[0].name == "before → after"
    assert "- by `key`: 334 rows in both, 10 gone, 10 new" in text
    assert "- columns gone: `sex`" in text and "- columns new: `extra`" in text
    assert "median 4050 → 4455" in text and "+0.48 sd" in text
    assert '"Torgersen" 15.1 % → ' in text and "nulls 0 % → 29.4 %" in text
    assert "unchanged: `species`, `bill_length_mm`" in text
    with pytest.raises(UsageError, match="--diff compares two tables"):
        gather(Options(df=("before",), diff=True), "?", space, M1())
    assert (
        "- unchanged: "
        in gather(Options(df=("before", "same"), diff=True), "?", {**space, "same": before}, M1())
        .attachments[0]
        .text
    )


def test_a_diff_keeps_to_its_budget() -> None:
    space = {
        "a": pd.DataFrame(np.zeros((20, 300)), columns=words(300)),
        "b": pd.DataFrame(np.ones((20, 300)), columns=words(300)),
    }
    for tokens in (40, 300):
        options = Options(df=("a", "b"), diff=True, df_tokens=tokens)
        made = gather(options, "?", space, M1()).attachments[0]
        assert made.tokens <= tokens and "more lines" in made.text


def test_files_are_scanned(tmp_path: Path) -> None:
    load_penguins().to_csv(tmp_path / "penguins.csv", index=False)
    load_penguins().to_parquet(tmp_path / "penguins.parquet")
    space: dict[str, object] = {"here": tmp_path / "penguins.csv"}
    for name in (str(tmp_path / "penguins.csv"), str(tmp_path / "penguins.parquet"), "here"):
        made = summarise(frame_named(name, space), "penguins")
        assert made.rows == 344 and made.columns["species"].labels["Adelie"] == 152 / 344
    with pytest.raises(UsageError, match="no file"):
        summarise(frame_named("nowhere.csv", {}))
    (tmp_path / "all*.csv").write_text("a\n1\n")
    with pytest.raises(UsageError, match="reads like a pattern"):
        summarise(frame_named(str(tmp_path / "all*.csv"), {}))
    (tmp_path / "broken.parquet").write_bytes(b"no parquet")
    with pytest.raises(UsageError, match=r"broken\.parquet cannot be read as a table"):
        summarise(frame_named(str(tmp_path / "broken.parquet"), {}))


def test_a_groupby_tells_its_groups() -> None:
    frame = load_penguins()
    for grouped in (
        frame.groupby(["species", "island"]),
        pl.from_pandas(frame).group_by("species", "island"),
    ):
        text = summarise(grouped, "by").text
        assert "grouped by `species`, `island`: 5 groups, 44 to 124 rows each, median 56" in text
        assert '"Adelie" 44.2 %' in text


def test_the_index_of_a_time_series_is_a_column() -> None:
    frame = pd.DataFrame({"v": [1] * 60}, pd.date_range("2020", periods=60, name="day"))
    summary = summarise(frame, "series")
    assert summary.attachment().shape == (60, 1)
    assert (
        "`day (index)`: date and time, no nulls; 60 distinct; from 2020-01 to 2020-02"
        in summary.text
    )
    assert "every day, no gaps" in summary.text


def test_is_frame() -> None:
    assert all(map(is_frame, (small(), pl.DataFrame(), small()["city"], pa.table({"a": [1]}))))
    assert is_frame(pd.DataFrame(np.ones((1, 2)), columns=["a", "a"]))
    assert is_frame(pl.LazyFrame()) and is_frame(small().groupby("city"))
    assert not any(map(is_frame, (pd.Timestamp(0), [1], np.ones(3), pd, pl)))


def test_frame_named() -> None:
    space = {"sales": small(), "parts": [small()], "salts": 3, "In": [], "_x": 1}
    assert frame_named("sales", space) is space["sales"]
    assert is_frame(frame_named("parts[0]", space)) and is_frame(frame_named("sales.city", space))
    with pytest.raises(UsageError, match="Did you mean sales"):
        frame_named("sale", space)
    with pytest.raises(UsageError, match="DataFrames here: sales"):
        frame_named("zzz", space)
    with pytest.raises(UsageError, match="of type str") as error:
        frame_named("secret", {"secret": "hunter2"})
    assert "hunter2" not in str(error.value)


def test_gather_takes_the_level_of_the_call_then_of_the_settings() -> None:
    space = {"homes": small()}
    named = gather(Options(df=("homes", "homes"), send="names"), "?", space, M1())
    assert [a.level for a in named.attachments] == ["names"]
    both = gather(Options(df=("homes",)), "see {{homes}}", space, M1(send="sample:2", min_group=20))
    assert both.attachments == () and both.inserted[0].rows == 2  # it is not sent twice
    assert both.inserted[0].level == "sample" and both.inserted[0].labels == 7
    text = build(Options(), both.parts, M1(), (), both.inserted).texts[-1]
    assert text.startswith(f"see \n{fenced(both.inserted[0])}\n")
    with pytest.raises(UsageError):
        gather(Options(send="all"), "?", space, M1())
