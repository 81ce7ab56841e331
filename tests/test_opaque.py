"""Types that no engine counts, and values that hold a table without being one: a line for each."""

from __future__ import annotations

from datetime import time
from fractions import Fraction
from typing import Any

import duckdb
import geopandas
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import xarray
from shapely import LineString, Point
from uncertainties import ufloat

from m1_magic.context.frames import frame_named, summarise
from m1_magic.errors import UsageError
from warm import UNITS

N = 400
DRAWN = np.random.default_rng(3)


def points(n: int = N) -> geopandas.GeoSeries:
    x, y = DRAWN.uniform(4, 5, n), DRAWN.uniform(52, 53, n)
    return geopandas.GeoSeries(map(Point, x, y), crs=4326)


COLUMNS: dict[str, Any] = {
    "months": (lambda: pd.period_range("1990-01", periods=N, freq="M"),
               "by month, no nulls; 400 distinct; from 1990 to "),
    "quarters": (lambda: pd.Series(list(pd.period_range("1990Q1", periods=200, freq="Q")) * 2),
                 "period by quarter, no nulls; 200 distinct; from 1990 to 2039; every quarter"),
    "days with gaps": (lambda: pd.period_range("2020", periods=N, freq="D").delete([50, 51, 99]),
                       "every day, 2 gaps"),
    "two weeks": (lambda: pd.period_range("2020", periods=N, freq="2W"), "period by 2 weeks"),
    "intervals": (lambda: pd.arrays.IntervalArray.from_breaks([0, 20, 40]).repeat(N // 2),
                  'interval, no nulls; "(0, 20]" 50 %, "(20, 40]" 50 %; closed right'),
    "one interval each": (lambda: pd.arrays.IntervalArray.from_breaks(range(N + 1), closed="left"),
                          "closed left; width always 1; from ≈ 5 to ≈ 395"),
    "sparse": (lambda: pd.arrays.SparseArray([0.0] * 300 + [1.5] * 100, fill_value=0.0),
               "0 75 %, 1.5 25 %; sparse: density 25 %, fill 0.0"),
    "nearly empty": (lambda: pd.arrays.SparseArray([0] * 398 + [7, 8], fill_value=0),
                     "sparse: fill 0"),
    "complex": (lambda: np.exp(1j * np.arange(N)) * 2, "complex number, no nulls; magnitude: "),
    "one magnitude": (lambda: [3 + 4j] * N, "complex number, no nulls; magnitude: always 5"),
    "bytes": (lambda: [b"abc", b"de"] * (N // 2), "bytes, no nulls; length min 2 · max 3 · mean"),
    "fractions": (lambda: [Fraction(i % 4, 4) for i in range(N)],
                  "number as Fraction, no nulls; "),
    "times": (lambda: [time(8 + i % 2, 30) for i in range(N)],
              "time of day, no nulls; min 08:30 · max 09:30 · mean ≈ 09:00"),
    "quantities": (lambda: [UNITS.Quantity(i % 3, "m/s") for i in range(N)],
                   "number in meter / second, no nulls; "),
    "several units": (lambda: [UNITS.Quantity(1, "m" if i % 4 else "inch") for i in range(N)],
                      "quantity, no nulls; in several units; meter 75 %; inch 25 %"),
    "uncertain": (lambda: [ufloat(i % 3, 0.25) for i in range(N)],
                  "number ± uncertainty, no nulls; "),
    "its sd": (lambda: [ufloat(i % 3, 0.25) for i in range(N)],
               "each with its own uncertainty (sd): median 0.25"),
    "images": (lambda: [np.zeros((28, 28), np.uint8)] * N,
               "ndarray, no nulls; shape 28 × 28; uint8"),
    "vectors": (lambda: [np.zeros(3 + i % 2) for i in range(N)],
                "ndarray, no nulls; length min 3 · max 4 · mean ≈ 3.5; float64"),
    "sets": (lambda: [frozenset({i}) for i in range(N)], "frozenset, no nulls; always 1 long"),
    "dicts": (lambda: [{"a": i, f"k{i}": 1} for i in range(N)],
              "dict, no nulls; always 2 long; keys `a`"),
    "series": (lambda: [pd.Series([1, 2])] * N, "Series, no nulls; shape 2; int64"),
    "tables": (lambda: [pd.DataFrame({"a": [1]})] * N, "DataFrame, no nulls; shape 1 × 1"),
    "points": (points, "geometry, no nulls; Point; CRS EPSG:4326; x ≈ 4"),
    "shapes": (lambda: [LineString([(0, 0), (i, 1)]) if i % 4 else Point(i, 0) for i in range(N)],
               "geometry, no nulls; LineString 75 %; Point 25 %; no CRS; x 0 to ≈ 39"),
}  # fmt: skip


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_has_its_line(kind: str) -> None:
    make, line = COLUMNS[kind]
    frame = pd.DataFrame({"c": make()})
    for level in ("names", "schema", "stats", "sample"):
        text = summarise(frame, "t", level=level).text
        assert len(text) < 700 and "not summarised" not in text
    text = summarise(frame, "t").text
    assert line in text, text
    nulls = pd.concat([frame.astype(object), pd.DataFrame({"c": [None] * 9})], ignore_index=True)
    assert " 9 null (" in summarise(nulls, "t").text
    one = summarise(frame[:1], "t").text
    assert "1 rows" in one and "≈" not in one and '"' not in one


def test_an_index_of_periods() -> None:
    frame = pd.DataFrame({"x": range(40)}, index=pd.period_range("2020", periods=40, freq="Y"))
    assert "- `(index)`: period by year" in summarise(frame, "t").text


def test_engines_tell_alike() -> None:
    lists = pa.list_(pa.int64(), 2)
    table = pa.table({
        "bytes": pa.array([bytes(i % 4) if i % 9 else None for i in range(N)]),
        "time": pa.array([time(i % 24, i % 60) for i in range(N)]),
        "array": pa.array([[1, 2]] * N, lists),
        "map": pa.array([[("a", 1), (f"k{i}", 2)] for i in range(N)], pa.map_("string", "int64")),
    })  # fmt: skip
    plain = table.select(["bytes", "time", "array"])
    text = summarise(table, "t").text
    assert "- `map`: map, no nulls; always 2 long\n" in text + "\n"
    assert "- `bytes`: bytes, 45 null (11.2 %); length min 0 · " in text
    assert summarise(duckdb.connect().from_arrow(table), "t").text == text
    assert summarise(table.to_pandas(types_mapper=pd.ArrowDtype), "t").text == text
    frame = pl.from_arrow(plain)
    assert isinstance(frame, pl.DataFrame)
    pages = {summarise(one, "t").text for one in (plain, frame, frame.lazy())}
    assert len(pages) == 1


def test_no_single_point_is_given_away() -> None:
    places = points()
    far = places.copy()
    far.iloc[0] = Point(-71.0589, 42.3601)
    near, one = (summarise(geopandas.GeoDataFrame({"n": 1}, geometry=g, index=g.index), "t").text
                 for g in (places, far))  # fmt: skip
    assert near == one and "x ≈ 4.0" in near
    exact = summarise(geopandas.GeoDataFrame(geometry=far), "t", level="sample").text
    assert "x -71.0589 to" in exact


TABLES: dict[str, Any] = {
    "styler": lambda: pd.DataFrame({"a": range(30)}).style,
    "index": lambda: pd.Index(range(30), name="a"),
    "levels": lambda: pd.MultiIndex.from_product([range(30), ["x"]], names=["a", "b"]),
    "categorical": lambda: pd.Categorical(["a", "b"] * 15),
}


@pytest.mark.parametrize("kind", TABLES)
def test_what_holds_a_table_is_one(kind: str) -> None:
    text = summarise(frame_named("t", {"t": TABLES[kind]()}), "t").text
    assert "30 rows" in text and "29" not in text


class Tensor:
    __module__ = "torch"
    shape = (3, 2)


GRID = xarray.DataArray(np.zeros((4, 3)), dims=("x", "y"))
NONE: dict[str, Any] = {
    "dataset": (GRID.to_dataset(name="t"), "xarray.Dataset", "df = g.to_dataframe()"),
    "data array": (GRID, "xarray.DataArray", 'df = g.to_dataframe("value")'),
    "no dimension": (np.array(5), "numpy.ndarray", "It is one value: g.item()"),
    "three dimensions": (np.zeros((4, 5, 6)), "numpy.ndarray", "g[0], or g.reshape(4, -1)"),
    "tensor": (Tensor(), "torch.Tensor", "a = g.numpy()"),
    "arrow array": (pa.array([1, 2]), "pyarrow.Int64Array", "df = g.to_pandas()"),
}


@pytest.mark.parametrize("kind", NONE)
def test_what_is_no_table_says_how_to_get_one(kind: str) -> None:
    value, name, todo = NONE[kind]
    with pytest.raises(UsageError) as refused:
        frame_named("g", {"g": value})
    assert f"g is no DataFrame; it is of type {name}." in str(refused.value)
    assert todo in str(refused.value)
    with pytest.raises(UsageError, match="is no DataFrame"):
        summarise(value)
