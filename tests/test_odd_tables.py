"""Sixty-two odd tables, counted: does the page tell what an analyst would have to know?

A table counts as told if each line that is expected stands on its page, or pages.
"""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import xarray
from shapely import Point
from uncertainties import ufloat

from m1_magic.context.frames import frame_named, summarise
from m1_magic.errors import UsageError
from page_checks import check
from warm import UNITS

N = 400
R = np.random.default_rng(62)
PRICES = R.lognormal(5, 0.5, N)
DAYS = pd.date_range("2023-03-01", periods=N)
NOISE = R.normal(0, 1, N)
GROUP = R.choice(list("ABC"), N)
AGREE = "strongly disagree", "disagree", "neutral", "agree", "strongly agree"
WORDS = "the a table chair lamp old new very nice broken shop again never came late".split()


def one(values: Any, name: str = "x") -> pd.DataFrame:
    """Return a table of one column."""
    return pd.DataFrame({name: list(values)})


def every(n: int, value: Any, values: Any) -> list[Any]:
    """Return values, each n-th of which is another one."""
    return [value if i % n == 0 else v for i, v in enumerate(values)]


def german(value: float) -> str:
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


def panel(a: str, b: str, times: Any) -> pd.DataFrame:
    things = np.repeat([f"{a}{i}" for i in range(30)], len(times))
    return pd.DataFrame({a: things, b: [*times] * 30, "y": R.normal(size=len(things))})


def indexed(index: Any) -> pd.DataFrame:
    return pd.DataFrame({"y": range(len(index))}, index=index)


def season() -> pd.DataFrame:
    days = pd.date_range("2020-01-01", periods=1200)
    wave = 10 * np.sin(2 * np.pi * days.day_of_year / 365.25)
    return pd.DataFrame({"day": days, "y": wave + R.normal(0, 2, 1200)})


def sensors(n: int, rows: int = 60) -> pd.DataFrame:
    return pd.DataFrame(R.normal(20, 3, (rows, n)), columns=[f"sensor_{i}" for i in range(n)])


def named(n: int) -> pd.DataFrame:
    names = ["_".join(words) for words in product(WORDS, repeat=4)][:n]
    return pd.DataFrame(R.normal(20, 3, (40, n)), columns=names)


def totals() -> pd.DataFrame:
    made = pd.DataFrame({"region": [f"R{i}" for i in range(40)], "a": R.integers(1, 99, 40)})
    made.loc[40] = ["TOTAL", made["a"].sum()]
    return made


def answers() -> pd.DataFrame:
    parts = [np.roll([0.1, 0.2, 0.3, 0.25, 0.15], i) for i in range(12)]
    return pd.DataFrame({f"s{i:02}": R.choice(AGREE, N, p=p) for i, p in enumerate(parts)})


def leap() -> pd.DataFrame:
    x = np.linspace(-5, 5, N)
    return pd.DataFrame({"x": x, "y": x**2, "e": np.exp(x)})


def lost() -> pd.DataFrame:
    old = np.where(R.random(N) < 0.2, "old", "new")
    gone = np.where(old == "old", np.nan, NOISE)
    return pd.DataFrame({"g": old, "a": gone, "b": np.where(old == "old", None, GROUP)})


def late() -> pd.DataFrame:
    start = DAYS[R.integers(0, N, N)]
    end = start + pd.to_timedelta(R.integers(1, 30, N), "D")
    return pd.DataFrame(
        {"start": start, "end": np.where(np.arange(N) < 12, start - pd.Timedelta(3, "D"), end)}
    )


X = R.normal(50, 9, N).round(2)
Y = R.normal(20, 3, N).round(2)
UP = (NOISE > 0).astype(int)
TEXT = "number as text, no nulls; "
WHOLE = "all read as numbers after removing "
FULL = "every day, no gaps; every value distinct"
DATES = {"%m/%d/%Y": "%m/%d/%Y", "%d.%m.%Y": "%d.%m.%Y", "%B %d, %Y": "%B %d, %Y"}

# The tables, each with the lines, or their parts, that its page has to have.
Odd = list[tuple[Any, list[str]]]
ODD: dict[str, Odd] = {
    "currency": [(one(f"${v:,.2f}" for v in PRICES * 20), [TEXT, WHOLE + '"$", ","'])],
    "euros": [
        (
            one(german(v) + " €" for v in PRICES * 20),
            [TEXT, WHOLE + '" €", ".", with decimal comma'],
        )
    ],
    "percent": [(one(f"{v:.0f}%" for v in R.uniform(1, 99, N)), [TEXT, WHOLE + '"%"', "mean ≈"])],
    "thousands": [(one(f"{v:,.0f}" for v in PRICES * 90), [TEXT, WHOLE + '","', "mean ≈"])],
    "unit in text": [(one(f"{v:.1f} kg" for v in PRICES), [TEXT, WHOLE + '" kg"'])],
    "numbers and tokens": [
        (
            one(every(9, "N/A", every(10, "-", [f"{v:.0f}" for v in PRICES]))),
            [TEXT, '80 % read as numbers; "N/A" 11.2 %, "-" 8.75 % read as missing'],
        ),
        (
            one(every(N, "unknown", [f"{v:.0f}" for v in PRICES])),
            [TEXT, "all but fewer than 5 rows read as numbers"],
        ),
    ],
    "-999": [
        (
            one(every(20, -999, R.normal(15, 4, N).round(1))),
            ["-999 in 5 % looks like a code for missing; without it mean ≈ 15"],
        )
    ],
    "9999999 and 999": [
        (
            one(every(20, 9999999, every(21, 999, R.integers(0, 50, N)))),
            ["999, 9999999 in 9.75 % look like codes for missing; without them mean ≈ 24"],
        )
    ],
    "99 in Likert": [
        (
            one(every(20, 99, R.integers(1, 6, N))),
            ["99 in 5 % looks like a code for missing; without it mean ≈ 3"],
        )
    ],
    "missing as text": [
        (
            one(["N/A", "unknown", "-", " ", "", "red", "blue", "red"] * 50),
            ['"" 12.5 %, " " 12.5 %, "-" 12.5 %, "N/A" 12.5 %, "unknown" 12.5 % read as missing'],
        )
    ],
    "dates as text": [
        *((one(d.strftime(f) for d in DAYS), ["date as text", f"; {f}; {FULL}"]) for f in DATES),
        (
            one(d.strftime("%Y-%m-%d" if i % 4 else "%d/%m/%Y") for i, d in enumerate(DAYS)),
            ["date as text", "%Y-%m-%d 75 %, %d/%m/%Y 25 %"],
        ),
    ],
    "dates as numbers": [
        (one(int(f"{d:%Y%m%d}") for d in DAYS), ["date as number", "from 2023-03", "%Y%m%d"]),
        (one(f"{d:%Y%m%d}" for d in DAYS), ["date as text", "from 2023-03", "%Y%m%d"]),
        (one(int(d.timestamp()) for d in DAYS), ["date as number", "epoch in seconds", FULL]),
        (one(1000 * int(d.timestamp()) for d in DAYS), ["date as number", "epoch in ms", FULL]),
    ],
    "months as text": [(one(f"{d:%Y-%m}" for d in DAYS), ["month as text", "; %Y-%m"])],
    "indices": [
        (
            indexed(DAYS),
            ["- `(index)`: date and time, no nulls; ", FULL],
        ),
        (indexed(pd.Index([f"k{i}" for i in range(N)], name="key")), ["- `key (index)`: text"]),
        (
            panel("store", "day", DAYS[:20]).set_index(["store", "day"]),
            ["`store (index)` and `day (index)` are a key: each pair once, balanced, 30 × 20"],
        ),
    ],
    "periods": [
        (frame, ["period by month, no nulls; 400 distinct; from 1990 to 2020s; every month"])
        for months in [pd.period_range("1990-01", periods=N, freq="M")]
        for frame in (indexed(months), one(months))
    ],
    "gaps": [(one(DAYS.delete([100, 101, 300])), ["every day, 3 missing in 2 gaps"])],
    "a day of minutes": [
        (
            one(pd.date_range("2024-01-01", periods=1440, freq="min")),
            ["all on 2024-01-01, every minute, no gaps"],
        )
    ],
    "sorted": [
        (pd.DataFrame({"day": DAYS.repeat(2)[:N], "y": NOISE}), ["- rows are sorted by `day`"])
    ],
    "trend and season": [
        (
            pd.DataFrame({"day": DAYS, "y": np.arange(N) + R.normal(0, 40, N)}),
            ["- `y` rises over `day`: rank correlation 0.9"],
        ),
        (season(), ["- `y` has a season over `day`: by month η² 0.9"]),
    ],
    "panels": [
        (
            panel("firm", "year", range(2010, 2020)),
            ["`firm` and `year` are a key: each pair once, balanced, 30 × 10"],
        ),
        (
            panel("store", "week", pd.date_range("2024-01-01", periods=20, freq="W")),
            ["are a key: each pair once, balanced, 30 × 20", "every week, no gaps"],
        ),
    ],
    "levels of columns": [
        (
            pd.DataFrame(np.c_[X, Y], columns=pd.MultiIndex.from_product([["a"], ["mean", "n"]])),
            ["column keys are tuples", '- `("a", "mean")`: number'],
        )
    ],
    "sensors": [
        (sensors(200), ["`sensor_0` … `sensor_199` (200 columns): number, no nulls; mean ≈ "]),
        (sensors(5000), ["60 of 5,000 columns in detail", "`sensor_60` … `sensor_4999` (4,940"]),
    ],
    "many names": [
        (named(1000), ["60 of 1,000 columns in detail", "- 940 more columns, not named"])
    ],
    "one-hot": [
        (
            pd.get_dummies(pd.Series(GROUP), prefix="g", dtype=int),
            ["`g_A`, `g_B`, `g_C`: exactly one is 1 in each row"],
        )
    ],
    "Likert": [
        (
            answers(),
            [
                "`s00` … `s11` (12 columns): one scale, "
                + " < ".join(f'"{step}"' for step in AGREE),
                "highest mean `s",
            ],
        )
    ],
    "coordinates": [
        (
            pd.DataFrame({"lat": 48 + NOISE, "lon": 11 + X / 50}),
            ["`lat` and `lon`: latitude and longitude in degrees"],
        )
    ],
    "identifiers": [
        (one(R.integers(10**4, 10**5, N), "zip"), ["distinct; identifier, 5 digits"]),
        (one((f"{v:05}" for v in range(0, 10**5, 250)), "zip"), ["codes of 5 digits with leading"]),
        (one(R.integers(1000, 9999, N), "sku"), ["identifier, 4 digits"]),
        (one(R.integers(2 * 10**9, 3 * 10**9, N), "phone"), ["masked: looks personal"]),
        (one(R.permutation(999)[:N] + 5000, "customer_id"), ["identifier, 4 digits; every value"]),
    ],
    "order numbers": [
        (one(range(5001, 5001 + N), "order_no"), ["running number; every value distinct"])
    ],
    "yes and no": [
        (one(["Y", "N"] * 200), ["yes/no in words"]),
        (one(["yes", "Yes", "no", "NO"] * 100), ["yes/no in words, 4 spellings"]),
        (one(["True", "False"] * 200), ["yes/no in words"]),
    ],
    "contents": [
        (one(json.dumps({"a": i, "b": f"x{i}"}) for i in range(N)), ['JSON, keys "a", "b"']),
        (one(f"<p>words {i}</p>" for i in range(N)), ["; HTML"]),
        (one(f"https://example.com/{i}" for i in range(N)), ['URLs, host "example.com"']),
    ],
    "free text": [
        (one(" ".join(R.choice(WORDS, 20)) for _ in range(N)), ["about ", " characters; every"])
    ],
    "codes": [
        (
            one(f"{'EIJ'[i % 3]}{10 + i % 90}.{i % 10}" for i in range(N)),
            ["hierarchical codes, in the form of ICD-10"],
        ),
        (one([236115, 236116, 541511, 722511, 722513] * 80, "naics"), ["identifier, 6 digits"]),
        (one(f"/data/in/part_{i}.csv" for i in range(N)), ['file paths, ending ".csv"']),
    ],
    "spellings": [
        (
            one([" Berlin", "berlin", "BERLIN", "Rom", "rom "] * 80),
            ["5 labels, 2 after trim and case-fold"],
        )
    ],
    "an outlier": [(one([1e6, *PRICES[1:]]), ["mean and sd withheld: one value dominates"])],
    "rows that repeat": [
        (
            pd.DataFrame({"a": [*range(200), *range(40)], "b": [*range(200), *range(40)]}),
            ["- 40 of 240 rows repeat an earlier one"],
        )
    ],
    "index labels that repeat": [
        (
            pd.DataFrame({"a": NOISE[:20]}, index=[*range(15), *range(5)]),
            ["5 of 20 index labels repeat an earlier one"],
        )
    ],
    "constant, copies, leakage": [
        (
            pd.DataFrame({"c": 5, "a": X, "b": X, "target": UP, "leak": UP * 2}),
            [
                "always 5",
                "- `b` is a copy of `a`",
                "- `target` and `leak` decide each other: 0 = 0, 1 = 2",
            ],
        )
    ],
    "leak as text": [
        (pd.DataFrame({"target": X, "leak_s": X.astype(str)}), ["- `leak_s` is `target` as text"])
    ],
    "group and number": [
        (
            pd.DataFrame(
                {"g": GROUP, "y": pd.Series(GROUP).map({"A": 0, "B": 10, "C": 20}) + NOISE}
            ),
            ["- mean `y` by `g` (η² 0.99): ", '"C" ≈ 20', '"A" ≈ 0.05'],
        )
    ],
    "curves": [
        (
            leap(),
            [
                "- `e` rises with `x`, not in a line: Spearman 1.00, correlation 0.69",
                "- `y` follows `x` in a curve, lowest in the middle: η² 0.95",
            ],
        )
    ],
    "null together": [(lost(), ['`a` and `b` are null where `g` is "old", and only there'])],
    "total": [
        (pd.DataFrame({"a": X, "b": Y, "total": X + Y}), ["- `total` = `a` + `b` in each row"])
    ],
    "columns of one name": [
        (pd.DataFrame(np.c_[X, Y], columns=["a", "a"]), ["- `a`: number, no nulls; 3"])
    ],
    "keys that are no strings": [
        (
            pd.DataFrame({1: NOISE, 2.5: NOISE**2, None: X, ("x", 1): Y}),
            ["column keys are no strings", "- `2.5`: ", "- `None`: ", '- `("x", 1)`: '],
        )
    ],
    "names in any script": [
        (
            pd.DataFrame({"区域": GROUP, "مدينة": X, "a\nb": NOISE, "c`d": X, "": Y}),
            ["- `区域`: text", "- `مدينة`: number", "- `a\\nb`: ", "- `c\\x60d`: ", "- ``: "],
        )
    ],
    "next to nothing": [
        (pd.DataFrame(), ["0 rows × 0 columns"]),
        (pd.DataFrame({"a": [], "b": []}, dtype=float), ["0 rows × 2 columns", "- `a`: number"]),
        (pd.DataFrame({"a": [1.5]}), ["1 rows × 1 columns", "fewer than 5 values: no figures"]),
        (pd.DataFrame(index=range(5)), ["5 rows × 0 columns"]),
    ],
    "a cell of 1 MB": [
        (
            one(["x y" * 350_000, *(f"t{i} words" for i in range(60))]),
            ['61 distinct; shape "a99 aaaaa" in 82 %'],
        )
    ],
    "values of other types": [
        (
            pd.DataFrame({"x": pd.arrays.SparseArray([0.0] * 300 + [1.5] * 100, fill_value=0.0)}),
            ["sparse: density 25 %, fill 0.0"],
        ),
        (
            pd.DataFrame({"x": pd.arrays.IntervalArray.from_breaks([0, 20, 40]).repeat(200)}),
            ["interval, no nulls", "closed right; width always 20"],
        ),
        (one(np.exp(1j * X)), ["complex number, no nulls; magnitude: "]),
        (one([b"abc", b"de"] * 200), ["bytes, no nulls; length min 2 · max 3"]),
        (one(dt.time(8 + i % 2, 30) for i in range(N)), ["time of day, no nulls; min 08:30"]),
        (one(Fraction(i % 4, 4) for i in range(N)), ["number as Fraction", "0.25 25 %"]),
        (
            pa.table({"x": pa.array([[("a", 1), ("b", 2)]] * N, pa.map_("string", "int64"))}),
            ["map, no nulls; always 2 long"],
        ),
    ],
    "values in values": [
        (pa.table({"x": [[1, 2]] * N}), ["list of whole number, no nulls; always 2 long"]),
        (pa.table({"x": [{"a": 1, "b": 2}] * N}), ["struct, no nulls; fields `a`, `b`"]),
        (one({i} for i in range(N)), ["set, no nulls; always 1 long"]),
        (one({"a": i} for i in range(N)), ["dict, no nulls; always 1 long; keys `a`"]),
        (one([np.zeros(3)] * N), ["ndarray, no nulls; shape 3; float64"]),
    ],
    "infinities": [
        (
            one([np.inf, -np.inf, np.nan, 1.0] * 100),
            ["infinite 50 %", "; all finite values 1"],
        )
    ],
    "objects": [
        (
            pd.DataFrame(
                {
                    "date": [dt.date(2020, 1, 1) + dt.timedelta(i) for i in range(N)],
                    "int": pd.Series([None, *range(N - 1)], dtype=object),
                    "decimal": [Decimal(i) / 7 for i in range(N)],
                    "bool": pd.Series([None, *(i % 3 == 0 for i in range(N - 1))], dtype=object),
                }
            ),
            [
                "- `date`: dates, dtype object: `.dt` fails",
                "- `int`: whole number, dtype object",
                "- `decimal`: number, dtype object (Decimal)",
                "- `bool`: true/false, dtype object",
            ],
        )
    ],
    "all null": [(one([None] * N), ["- `x`: empty, 400 null (100 %)"])],
    "files read wrongly": [
        (
            one((f"{i};{i * 2};x{i}" for i in range(N)), "a;b;c"),
            ['3 fields a row: read with sep=";"'],
        ),
        (
            pd.DataFrame(
                [["name", "age"], *([f"x{i}", str(20 + i)] for i in range(60))]
            ).add_prefix("Unnamed: "),
            ["- the first row looks like the names of the columns: read with it as header"],
        ),
        (totals(), ["- the last row holds totals of the others, by `region`: leave it out"]),
    ],
    "two units, two heaps": [
        (
            one(f"{v:.1f} cm" if i % 5 else f"{v / 2.54:.1f} in" for i, v in enumerate(PRICES)),
            ['80 % read as numbers after removing " cm"; 20 % end in " in"'],
        ),
        (
            one(np.where(np.arange(N) % 4, 170 + 8 * NOISE, 67 + 3 * NOISE), "height"),
            ["- `height` is bimodal: 25 % about 67, 75 % about 170"],
        ),
    ],
    "what cannot be": [
        (
            one(every(50, -5, every(40, 250, (X - 10).round().clip(1, 90))), "age"),
            ["ages above 120 in 2 %, below 0 in 2 %"],
        ),
        (one(every(40, 140, R.integers(0, 101, N)), "pct"), ["values above 100 % in 2.5 %"]),
    ],
    "dates for none": [
        (
            one([*DAYS[40:], *pd.to_datetime(["1900-01-01", "2099-12-31"] * 20)]),
            ["1900-01-01, 2099-12-31 in 10 % look like codes for missing", "else from 2023-04"],
        )
    ],
    "end before start": [(late(), ["- `end` is before `start` in 12 rows"])],
    "imbalanced": [(pd.DataFrame({"target": [1] * 8 + [0] * 392, "z": X}), ["0 98 %, 1 2 %"])],
    "geometry": [
        (
            geopandas.GeoDataFrame(geometry=[*map(Point, X / 50, Y)], crs=4326),
            ["geometry, no nulls; Point; CRS EPSG:4326; x ≈ 0."],
        )
    ],
    "units and images": [
        (one(UNITS.Quantity(i % 3, "m/s") for i in range(N)), ["number in meter / second"]),
        (one(ufloat(i % 3, 0.25) for i in range(N)), ["own uncertainty (sd): median 0.25"]),
        (one([np.zeros((28, 28), np.uint8)] * N), ["ndarray, no nulls; shape 28 × 28; uint8"]),
    ],
    "xarray as a table": [
        (
            xarray.DataArray(
                NOISE.reshape(20, 20), {"lat": range(20), "time": DAYS[:20]}, name="t"
            ).to_dataframe(),
            ["- `lat (index)`: ", "- `time (index)`: ", "each pair once, balanced, 20 × 20"],
        )
    ],
}


def with_subtotals() -> pd.DataFrame:
    made = pd.DataFrame({"g": np.repeat([*"ABCDEF"], 9), "s": [*"abcdefgh", "Total"] * 6})
    made["v"] = R.integers(1, 99, 54)
    total = made.s == "Total"
    made.loc[total, "v"] = made[~total].groupby("g").v.sum().to_numpy()
    return made


HOURS = pd.date_range("2024", periods=960, freq="h")
WAVE = 50 + 20 * np.sin(HOURS.hour * np.pi / 12) + R.normal(0, 3, 960)
# More of their kinds, which are not counted.
MORE: dict[str, Odd] = {
    "years of two digits": [
        (one(f"{d:%m/%d/%y}" for d in DAYS), ["from 2023-03 to 2024", f"; %m/%d/%y; {FULL}"]),
        (one(f"02/23/{i % 100:02}" for i in range(N)), ["100 distinct; %m/%d/%y"]),
    ],
    "subtotals": [
        (with_subtotals(), ['- rows where `s` is "Total" hold totals of the others, by `g`: leave'])
    ],
    "days of Excel": [
        (one(range(45_000, 45_000 + N), "date"), ["from 2023-03 to 2024-04; Excel's days", FULL])
    ],
    "hours": [
        (
            pd.DataFrame({"t": HOURS, "load": WAVE}),
            ["- `load` has a season over `t`: by hour η² 0.9", "highest at 6:00, lowest at 18:00"],
        )
    ],
    "infinities alone": [(one([np.inf] * 60), ["infinite 100 %"])],
}


def test_what_chance_makes_is_not_told() -> None:
    r = np.random.default_rng(3)
    walk = pd.DataFrame({"day": pd.date_range("2020", periods=900), "y": r.normal(size=900)})
    walk["y"] = walk.y.cumsum()
    noise = pd.DataFrame(r.normal(size=(40, 20))).add_prefix("x")
    for frame in (walk, noise, one(r.uniform(size=N)), one(r.lognormal(size=N))):
        text = summarise(frame, "t", tokens=9_000).text
        assert not any(word in text for word in ("season", "bimodal", "weaker corr")), text


ALL = ODD | MORE
# Of these the notes of some columns, or an index, are looked at elsewhere (`test_opaque`, …).
OTHERS = {"values of other types", "values in values", "units and images", "periods", "indices",
          "index labels that repeat", "names in any script", "geometry", "xarray as a table",
          "sensors", "many names"}  # fmt: skip


@pytest.mark.parametrize("name", ALL)
def test_an_odd_table_is_told(name: str) -> None:
    for frame, lines in ALL[name]:
        text = summarise(frame, "t").text
        for line in lines:
            assert line in text, text
        assert "not summarised" not in text
        if name not in OTHERS:  # none of it is wrong
            assert check(frame, summarise(frame, "t", tokens=9_000), 5)[0] == []


def test_a_dataset_says_how_it_becomes_a_table() -> None:
    grid = xarray.DataArray(np.zeros((4, 3)), dims=("x", "y")).to_dataset(name="t")
    with pytest.raises(UsageError) as refused:
        frame_named("g", {"g": grid})
    assert "df = g.to_dataframe()" in str(refused.value)


def test_all_of_them_are_counted() -> None:
    assert len(ODD) + 1 == 62  # as the README says
