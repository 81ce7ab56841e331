"""What leaves depends on the data and the options, not on the machine, library or process."""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

if __name__ == "__main__":
    sys.modules["pyarrow"] = None  # type: ignore[assignment]

import numpy as np
import pandas as pd
import polars as pl
from palmerpenguins import load_penguins

from m1_magic.context.frames import summarise
from m1_magic.options.fields import Options

LEVELS = ("names", "schema", "stats", "sample:3")
CITIES = ["Bern", "Basel", "Zürich", "Genf", "Chur"]
DAY = dt.datetime(2024, 1, 1)
LONG = 120_000

Columns = dict[str, list[Any]]


@cache
def columns() -> dict[str, Columns]:
    """Return the columns of the made tables."""
    r = random.Random(7)
    rows = range(400)
    some = [r.random() < 0.1 for _ in rows]  # where there is no value
    price = [r.lognormvariate(3, 1) for _ in rows]
    days = [DAY + dt.timedelta(days=i % 90) for i in rows]
    return {
        "numbers": {"i": [r.randrange(50) for _ in rows], "f": price, "tie": [0.125, 0.135] * 200},
        "float_nulls": {"f": [None if n else p for n, p in zip(some, price, strict=True)]},
        "no_values": {"a": [None] * 400, "b": list(rows)},
        "truths": {"b": [i % 3 == 0 for i in rows], "rare": [i == 7 for i in rows]},
        "texts": {
            "city": [r.choice(CITIES) for _ in rows],
            "equal": ["b", "a", "d", "c"] * 100,
            "code": [f"KL-{i:04}" for i in rows],
            "mail": [f"person{i}@example.org" for i in rows],
        },
        "text_nulls": {"t": [None if n else r.choice("abcdefgh") for n in some]},
        "as_text": {
            "date": [day.date().isoformat() for day in days],
            "number": [str(r.randrange(100)) for _ in rows],
        },
        "moments": {"naive": days, "odd": [DAY + dt.timedelta(seconds=0.5 * i) for i in rows]},
        "moment_nulls": {"m": [None if n else d for n, d in zip(some, days, strict=True)]},
        "zoned": {"utc": [day.replace(tzinfo=dt.UTC) for day in days]},
        "dates": {"d": [None if i == 9 else day.date() for i, day in enumerate(days)]},
        "durations": {"d": [dt.timedelta(seconds=r.randrange(10_000)) for _ in rows]},
        "related": {"x": price, "y": [2 * p for p in price], "z": [3 - p for p in price]},
        "wide": {f"{name}{i}": [i] * 400 for i in range(80) for name in ("q", "answer")},
        "long": {
            "key": list(range(LONG)),
            "far": [r.randrange(10**9) for _ in range(LONG)],
            "value": [r.gauss(0, 1) for _ in range(LONG)],
            "name": [f"user {r.randrange(5_000)}" for _ in range(LONG)],
            "digest": [f"{r.randrange(2**60):x}" for _ in range(LONG)],
        },
    }


@cache
def frames(library: str) -> dict[str, Any]:
    """Return penguins and the made tables in pandas or Polars; Polars needs no pyarrow for it."""
    penguins = load_penguins()
    there = penguins.astype(object).where(penguins.notna(), None)
    plain = {str(name): there[name].tolist() for name in there}
    if library == "polars":
        made = {name: pl.DataFrame(each, strict=False) for name, each in columns().items()}
        made["penguins"] = pl.DataFrame(plain)
        labels = pl.Series("c", columns()["texts"]["city"])
        made["categories"] = pl.DataFrame(
            [labels.cast(pl.Categorical), labels.cast(pl.Enum(CITIES)).alias("ordered")]
        )
        made["zoned"] = made["zoned"].with_columns(
            zone=pl.col("utc").dt.convert_time_zone("Europe/Zurich")
        )
        return made
    tables = {name: pd.DataFrame(each) for name, each in columns().items()}
    tables["penguins"] = penguins
    city = columns()["texts"]["city"]
    tables["categories"] = pd.DataFrame(
        {"c": pd.Categorical(city), "ordered": pd.Categorical(city, CITIES, ordered=True)}
    )
    tables["zoned"]["zone"] = tables["zoned"]["utc"].dt.tz_convert("Europe/Zurich")
    return tables


@cache
def bodies(library: str) -> dict[str, str]:
    """Return the bodies of requests about each table at each level."""
    from m1_magic.api import prepare

    records = [{"n": None if i % 9 == 0 else i, "t": f"t{i % 3}"} for i in range(400)]
    space = {**frames(library), "records": records}
    return {
        f"{name} {level}": json.dumps(
            prepare(f"What of {{{{{name}}}}}?", Options(send=level, df_tokens=900), space).body()
        )
        for name in space
        for level in LEVELS
    }


@cache
def elsewhere() -> dict[str, dict[str, str]]:
    """Return the bodies that a process of its own makes, without pyarrow."""
    env = {**os.environ, "PYTHONHASHSEED": "2", "PYTHONPATH": str(Path(__file__).parent.parent)}
    command = [sys.executable, "-W", "ignore", __file__]
    ran = subprocess.run(command, capture_output=True, text=True, env=env)
    assert ran.returncode == 0, ran.stderr
    made: dict[str, dict[str, str]] = json.loads(ran.stdout.splitlines()[-1])
    return made


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_two_processes_and_no_pyarrow_send_the_same(library: str) -> None:
    first, other = bodies(library), elsewhere()[library]
    assert len(first) >= 12 * len(LEVELS)
    assert [name for name in first if first[name] != other[name]] == []


def test_pandas_and_polars_send_the_same() -> None:
    ours, theirs = bodies("pandas"), bodies("polars")
    # The dates of pandas are objects, of which a page says that `.dt` fails.
    apart = [name for name in ours if ours[name] != theirs[name]]
    assert apart == ["dates schema", "dates stats", "dates sample:3"]
    assert all("dates, dtype object: `.dt` fails" in ours[name] for name in apart)


@pytest.mark.parametrize("level", ["schema", "stats", "sample"])
def test_arrow_and_nullable_dtypes_say_the_same(level: str) -> None:
    ours, theirs = frames("pandas"), frames("polars")
    for name in sorted(set(ours) - {"penguins", "no_values", "long", "dates"}):
        arrow = theirs[name].to_arrow()
        if name == "categories":  # older Polars forget the order of an Enum there
            pa = pytest.importorskip("pyarrow")
            arrow = pa.Table.from_pandas(ours[name], preserve_index=False)
        forms = [arrow, ours[name].convert_dtypes()]
        if name != "zoned" or not pd.__version__.startswith("2."):
            # pandas 2.2 writes the first moment of another zone as its date alone there
            forms.append(ours[name].convert_dtypes(dtype_backend="pyarrow"))
        want = summarise(ours[name], "t", level=level, rows=3).text
        assert [summarise(form, "t", level=level, rows=3).text for form in forms] == [want] * len(
            forms
        )


def test_a_long_table_is_read_by_the_same_rows_in_every_engine() -> None:
    pa, duckdb = pytest.importorskip("pyarrow"), pytest.importorskip("duckdb")
    draw, rows = np.random.default_rng(5), 150_000
    normal = draw.normal(size=rows)
    frame = pd.DataFrame(
        {
            "normal": normal,
            "near": normal + draw.normal(size=rows) / 3,
            "gaps": np.where(draw.random(rows) < 0.2, np.nan, draw.lognormal(size=rows)),
            "city": draw.choice(CITIES, rows),
            "rare": draw.random(rows) < 0.01,
        }
    )
    counted = frame.assign(
        n=draw.integers(0, 50, rows),
        day=pd.Timestamp("2020-01-01") + pd.to_timedelta(draw.integers(0, 999, rows), "D"),
        code=draw.choice([f"c{i:03}" for i in range(300)], rows),
        level=pd.Categorical(draw.choice(["low", "mid", "high"], rows)),
        digest=[f"{i:x}" for i in draw.integers(0, 2**60, rows)],
    )
    arrow = pa.Table.from_pandas(counted, preserve_index=False)
    want = summarise(counted, "t", tokens=9_000).text
    assert "≈ from 10,000 rows" in want
    forms = [arrow, pl.from_arrow(arrow), arrow.to_pandas(types_mapper=pd.ArrowDtype)]
    assert [summarise(form, "t", tokens=9_000).text for form in forms] == [want] * len(forms)
    # Other engines read the same rows, but count in these how many values differ.
    arrow = pa.Table.from_pandas(frame, preserve_index=False)
    want = summarise(frame, "t").text
    relation = duckdb.connect().from_arrow(arrow)
    for form in (pl.from_arrow(arrow).lazy(), relation):
        assert summarise(form, "t").text == want


def test_what_pandas_cannot_hold_is_said_of_its_type_alone() -> None:
    # pandas' NumPy columns have no whole numbers beside nulls: they become floats.
    values = [None if i % 9 == 0 else i for i in range(400)]
    ours, theirs = (summarise(library.DataFrame({"n": values})).text for library in (pd, pl))
    assert ours != theirs and ours.replace("whole number as float", "whole number") == theirs
    assert summarise(pd.DataFrame({"n": pd.array(values, dtype="Int64")})).text == theirs


if __name__ == "__main__":
    print(json.dumps({library: bodies(library) for library in ("pandas", "polars")}))
