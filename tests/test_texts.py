"""Texts that are something else, codes, and the shape of a table: the line an analyst expects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import texts_truth
from m1_magic.context.frames import summarise

RANDOM = np.random.default_rng(15)
N = 400
PRICES = RANDOM.lognormal(7, 1, N)
DAYS = pd.date_range("2023-03-01", periods=N)


def german(value: float) -> str:
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


def lakh(value: float) -> str:
    head, tail = f"{value:.0f}"[:-3], f"{value:.0f}"[-3:]
    groups = []
    while head:
        groups.insert(0, head[-2:])
        head = head[:-2]
    return ",".join([*groups, tail])


def line(values: Any, name: str = "x", **wish: Any) -> str:
    """Return the line of a single column; each of its notes is looked at with plain pandas."""
    frame = pd.DataFrame({name: list(values)})
    made = summarise(frame, "t", **wish)
    (column,) = made.columns
    k = wish.get("min_group", 5) if wish.get("level", "stats") == "stats" else 0
    for note in column.notes:
        assert not texts_truth.wrong_note(note, column, frame[name], k), note
    other = summarise(pl.from_pandas(frame), "t", **wish)
    assert other.text == made.text
    return made.text.split("\n")[1]


NUMBERS = {
    "francs": (
        [f"CHF {v:,.2f}".replace(",", "'") for v in PRICES],
        'all read as numbers after removing "\'", "CHF "',
    ),
    "yen": ([f"¥{v:,.0f}" for v in PRICES], 'all read as numbers after removing ",", "¥"'),
    "rupees": (["₹" + lakh(v * 999) for v in PRICES], 'after removing ",", "₹"'),
    "accounting": (
        [f"({-v:,.2f})" if v < 0 else f"{v:,.2f}" for v in PRICES - 1000],
        'all read as numbers after removing ",", negative in parentheses',
    ),
    "trailing": (
        [f"{-v:.2f}-" if v < 0 else f"{v:.2f}" for v in PRICES - 1000],
        "all read as numbers, minus behind",
    ),
    "lengths": (
        [f"{v:.1f} cm" if i % 5 else f"{v / 2.54:.1f} in" for i, v in enumerate(PRICES)],
        '80 % read as numbers after removing " cm"; 20 % end in " in"',
    ),
    "some euros": (
        [f"{v:,.2f}" if i % 25 < 22 else f"{v:.2f} €" for i, v in enumerate(PRICES)],
        '88 % read as numbers after removing ","; 12 % end in " €"',
    ),
    "few": ([f"{i % 4 * 5} %" for i in range(N)], 'all read as numbers after removing " %"'),
}


@pytest.mark.parametrize("case", NUMBERS)
def test_numbers_as_text(case: str) -> None:
    values, expected = NUMBERS[case]
    told = line(values)
    assert told.startswith("- `x`: number as text, no nulls; ")
    assert expected in told, told


def test_figures_of_texts_are_those_of_the_numbers() -> None:
    texts = summarise(pd.DataFrame({"x": [f"${v:,.2f}" for v in PRICES]})).columns[0]
    plain = summarise(pd.DataFrame({"x": PRICES.round(2)})).columns[0]
    assert texts.figures == plain.figures and texts.approximate == plain.approximate
    assert texts.left_out == plain.left_out and texts.counts == plain.counts
    exact = summarise(pd.DataFrame({"x": [german(v) for v in PRICES]}), level="sample").columns[0]
    assert exact.figures["max"] == pytest.approx(PRICES.max().round(2), rel=1e-9)


DATES = {
    "short": ("%d %b %Y", "%d %b %Y"),
    "slashes": ("%Y/%m/%d", "%Y/%m/%d"),
    "a moment": ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%SZ"),
    "half days": ("%m/%d/%Y %I:%M %p", "%m/%d/%Y %I:%M %p"),
}


@pytest.mark.parametrize("case", DATES)
def test_dates_as_text(case: str) -> None:
    form, expected = DATES[case]
    told = line([day.strftime(form) for day in DAYS])
    assert told.startswith("- `x`: date as text, no nulls; 400 distinct; from 2023-03"), told
    assert f"; {expected}; every day, no gaps; every value distinct" in told


def test_formats_have_shares() -> None:
    mixed = [d.strftime("%d/%m/%Y" if i % 4 == 0 else "%Y-%m-%d") for i, d in enumerate(DAYS)]
    assert "%Y-%m-%d 75 %, %d/%m/%Y 25 %" in line(mixed)
    doubtful = [f"{1 + i % 12:02}/{1 + i % 11:02}/2024" for i in range(N)]
    told = line(doubtful)
    assert "date as text" in told and "day or month first is not decidable" in told
    assert "from" not in told
    assert "month as text" in line([d.strftime("%Y-%m") for d in DAYS])
    assert "time as text, no nulls; 60 distinct; %H:%M" in line(
        [f"{i % 12:02}:{i % 60:02}" for i in range(N)]
    )
    assert "quarter as text" in line([f"{2020 + i % 9}-Q{1 + i % 4}" for i in range(N)])


def test_numbers_that_are_no_dates() -> None:
    money = RANDOM.integers(1_500_000_000, 1_600_000_000, N)
    for name, values in {"gdp": money, "year": 1990 + np.arange(N) % 30, "n": money // 100}.items():
        assert "date" not in line(values, name) and "mean" in line(values, name)
    assert "epoch in seconds" in line(money, "created_at")


def test_identifiers_have_no_mean() -> None:
    for name, low, high in (("zip", 10_000, 99_999), ("product_id", 100, 999), ("naics", 11, 99)):
        told = line(RANDOM.integers(low, high, N), name)
        assert f"identifier, {len(str(low))} digits" in told
        assert not any(word in told for word in ("mean", "median", "sd", "P25"))
    for dtype in ("uint8", "uint64"):
        assert "running" not in line(np.arange(200)[::-1].astype(dtype))
    assert "running" not in line([2**62 + i for i in range(N)])
    for name in ("quantity", "paid", "grid", "n_id", "unit_price", "tax_code_words"):
        assert "mean" in line(RANDOM.integers(10, 900, N), name), name
    assert "running number" in line(range(5001, 5001 + N), "order") and "mean" not in line(
        range(5001, 5001 + N), "order"
    )
    assert "codes of 5 digits with leading zeros" in line(
        [f"{v:05}" for v in RANDOM.integers(0, 99_999, N)]
    )


def test_values_that_are_no_sentinels() -> None:
    for values in (
        RANDOM.integers(18, 100, N),  # ages
        [99 if i < 3 else 1 + i % 5 for i in range(N)],  # fewer than k
        RANDOM.integers(-1, 2, N),
        RANDOM.integers(-1, 30, N),
        np.minimum(RANDOM.lognormal(8, 1, N).round(), 9999),
    ):
        assert "missing" not in line(values)


def test_impossible_values() -> None:
    ages = RANDOM.normal(40, 10, N).round().clip(1, 90)
    told = line(
        [-5 if i % 50 == 0 else 250 if i % 40 == 1 else v for i, v in enumerate(ages)], "age"
    )
    assert "ages above 120 in 2.5 %, below 0 in 2 %" in told
    assert "ages" not in line([250 if i < 3 else v for i, v in enumerate(ages)], "age")
    assert "ages" not in line(RANDOM.integers(0, 190, N), "age")  # of houses
    shares = RANDOM.integers(0, 101, N)
    told = line([140 if i % 40 == 0 else v for i, v in enumerate(shares)], "pct")
    assert "values above 100 % in 2.5 %" in told


CONTENTS = {
    "yes/no in words, 4 spellings": ["yes", "Yes", "no", "NO"] * 100,
    "yes/no in words": ["Y", "N"] * 200,
    "6 labels, 3 after trim and case-fold": [" Bern", "bern", "BERN", "Rom", "rom ", "Ulm"] * 60,
    '"N/A" 25 %, "" 12.5 %, "?" 12.5 % read as missing': list("ab") * 100
    + ["N/A"] * 100
    + ["", "?"] * 50,
    'JSON, keys "a", "b"': [f'{{"a": {i}, "b": "x{i}"}}' for i in range(N)],
    'URLs, host "example.com" 75 %': [
        f"https://{'example.com' if i % 4 else f'h{i}.example'}/{i}" for i in range(N)
    ],
    "HTML": [f"<p>words {i}</p>" for i in range(N)],
    'file paths, ending ".csv"': [f"/data/in/part_{i}.csv" for i in range(N)],
    "hierarchical codes, in the form of ICD-10": [
        f"{'EIJ'[i % 3]}{10 + i % 90}.{i % 10}" for i in range(N)
    ],
    'lists separated by "," of 3 labels: "b" in 75 %, "a" in 50 %, "c" in 25 %': [
        "a, b", "b", "c", "b, a"
    ] * 100,
}  # fmt: skip


@pytest.mark.parametrize("expected", CONTENTS)
def test_contents(expected: str) -> None:
    assert f"; {expected}" in line(CONTENTS[expected])


def facts(frame: pd.DataFrame) -> list[str]:
    """Return the lines below the columns; each is looked at with plain pandas."""
    made = summarise(frame, "t")
    for fact in made.relations:
        assert not texts_truth.wrong_fact(fact, frame, made), fact
    assert summarise(pl.from_pandas(frame), "t").text == made.text
    return list(made.relations)


def test_keys_of_two_columns() -> None:
    panel = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(60) + 100, 10),
            "year": list(range(2010, 2020)) * 60,
            "y": RANDOM.normal(size=600),
        }
    )
    told = facts(panel)
    assert "`firm` and `year` are a key: each pair once, balanced, 60 × 10" in told
    assert "rows are sorted by `firm`, `year`" in told
    told = facts(panel.drop(index=range(90)).sample(frac=1, random_state=1))
    assert "`firm` and `year` are a key: each pair once, 100 % of 51 × 10" not in told
    assert any("are a key" in fact for fact in told) and not any("sorted" in f for f in told)
    assert not any(
        "key" in fact for fact in facts(pd.concat([panel, panel.head(1)], ignore_index=True))
    )


def test_steps_within_each_thing() -> None:
    weeks = pd.date_range("2024-01-01", periods=30, freq="W")
    shops = pd.DataFrame({"shop": [f"S{i}" for i in range(20)] * 30, "week": weeks.repeat(20)})
    told = facts(shops)
    assert told[0] == "`shop` and `week` are a key: each pair once, balanced, 20 × 30"
    assert told[1] == "`week` within each `shop`: every week, no gaps"
    few = shops.drop(index=[45, 99])
    assert "`week` within each `shop`: every week, fewer than 5 gaps" in facts(few)
    more = shops.drop(index=range(45, 600, 41))
    assert "`week` within each `shop`: every week, 14 gaps" in facts(more)


def test_near_copies_of_texts_tell_no_shares() -> None:
    texts = [f"{i} kg" if i % 4 else "N/A" for i in range(N)]
    frame = pd.DataFrame({"a": texts, "b": ["7 kg", *texts[1:]]})
    told = summarise(frame, "t").text.split("\n")
    assert told[2].endswith("as `a`, but for fewer than 5 rows") and "%" not in told[2]
    days = [f"{d:%d/%m/%Y}" if i % 4 else f"{d:%Y-%m-%d}" for i, d in enumerate(DAYS)]
    frame = pd.DataFrame({"a": days, "b": [f"{DAYS[0]:%d/%m/%Y}", *days[1:]]})
    assert "%d/%m/%Y 75 %" in summarise(frame, "t").text.split("\n")[1]
    assert " %" not in summarise(frame, "t").text.split("\n")[2]


def test_of_a_long_table_a_statement_says_what_was_read() -> None:
    n = 100_100
    frame = pd.DataFrame(
        {
            "paid": [f"${i % 7001:,}" for i in range(n)],
            "day": [f"{2000 + i % 9}-0{1 + i % 8}-1{i % 10}" for i in range(n)],
            "x": np.where(np.arange(n) % 20 == 0, -999, np.arange(n) % 77 + 0.5),
            "sent_at": 1_700_000_000 + np.arange(n) * 60,
        }
    )
    told = summarise(frame, "t").text.split("\n")
    assert 'all read as numbers after removing "$", "," in 10,000 rows' in told[1]
    assert "; %Y-%m-%d" in told[2]
    assert "-999 in 5 % looks like a code for missing" in told[3]
    assert "epoch in seconds in 10,000 rows" in told[4]


def test_trends() -> None:
    table = pd.DataFrame({"day": DAYS, "y": np.arange(N) + RANDOM.normal(0, 40, N)})
    table["z"] = RANDOM.normal(size=N)
    told = facts(table.sample(frac=1, random_state=2))
    assert any(f.startswith("`y` rises over `day`: rank correlation") for f in told)
    assert not any("`z`" in fact or "sorted" in fact for fact in told)


def test_tables_that_were_read_wrongly() -> None:
    sums = pd.DataFrame({"region": [f"R{i}" for i in range(30)], "a": RANDOM.integers(1, 99, 30)})
    sums.loc[30] = ["Total", sums["a"].sum()]
    assert "the last row holds totals of the others, by `region`: leave it out" in facts(sums)
    assert not any("totals" in fact for fact in facts(sums.assign(a=range(31))))
    rows = [["name", "age"], *([f"x{i}", str(20 + i % 50)] for i in range(60))]
    header = pd.DataFrame(rows, columns=["Unnamed: 0", "Unnamed: 1"])
    assert any(f.startswith("the first row looks like the names") for f in facts(header))
    assert not any("first row" in fact for fact in facts(header.iloc[1:]))
    one = pd.DataFrame({"a;b;c": [f"{i};{i * 2};x{i}" for i in range(60)]})
    assert facts(one) == ['`a;b;c` holds 3 fields a row: read with sep=";"']
    assert facts(pd.DataFrame({"said": [f"well, {'so, ' * (i % 3)}{i}" for i in range(60)]})) == []


@pytest.mark.parametrize("swap", ["N/A", "7.5 kg", "12/31/2024", "xyz", "99999"])
def test_a_single_row_changes_no_share(swap: str) -> None:
    """Two columns that differ in one row say nothing that gives this row away."""
    texts = [f"{v / 20:.1f} kg" for v in PRICES]
    one, other = line(texts), line([swap, *texts[1:]])
    assert swap not in other.replace("≈", "")
    assert "%" not in other.split("read as", 1)[0].rsplit(";", 1)[-1], other
    assert one.split("; outlier")[0] == other.split("; outlier")[0]


@pytest.mark.parametrize(
    "values", [["$1,200.50"] * 3, ["", "N/A", "?"], ["{", "[1"], ["1e5", "0x1"]]
)
def test_few_rows_say_nothing(values: list[str]) -> None:
    told = line(values)
    assert "fewer than 5 values" in told and not any(value in told for value in values if value)
    line(values * 9, level="sample")


def test_dates_of_any_format_stand_beside_each_other() -> None:
    frame = pd.DataFrame({"a": [f"{d:%d/%m/%Y}" for d in DAYS], "b": [f"{d:%Y%m%d}" for d in DAYS]})
    frame["c"] = [f"{d:%Y-%m-%d}" for d in DAYS]
    assert summarise(frame, "t").text.count("date as text") == 3
