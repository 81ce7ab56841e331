"""Distinct counts: exact and the same in every library, in a sample where nearly all differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from m1_magic.context.frames import summarise
from m1_magic.context.frames.arrays import distinct
from m1_magic.context.frames.measures import SAMPLE, WHOLE, Count

LONG = WHOLE + 20_000
INTEGERS = [f"{sign}{size}" for sign in "iu" for size in (1, 2, 4, 8)]
LIBRARIES: dict[str, Callable[[Any], Any]] = {
    "pandas": lambda values: pd.DataFrame({"v": values}),
    "objects": lambda values: pd.DataFrame({"v": pd.Series(values, dtype=object)}),
    "polars": lambda values: pl.DataFrame({"v": values}),
    "arrow": lambda values: pa.table({"v": values}),
}
rng = np.random.default_rng


def counted(library: str, values: Any) -> Count:
    """Return the distinct count of a column of so many values."""
    found = summarise(LIBRARIES[library](values), tokens=5000).columns["v"].distinct
    assert found is not None
    return found


def wide(count: int, seed: int) -> np.ndarray[Any, Any]:
    """Return so many different integers, far apart and in no order."""
    return rng(seed).integers(-(2**63), 2**63 - 1, count)


@pytest.mark.parametrize("dtype", [*INTEGERS, ">i4", ">u2"])
@settings(max_examples=60)
@given(data=st.data())
def test_a_quick_count_of_integers_is_right(dtype: str, data: st.DataObject) -> None:
    limits = np.iinfo(dtype)
    span = data.draw(st.sampled_from([3, 50, 2**70]))
    low, high = max(int(limits.min), -span), min(int(limits.max), span)
    values = data.draw(st.lists(st.integers(low, high)))
    for order in (values, sorted(values), sorted(values, reverse=True)):
        found = distinct(np.array(order, dtype))
        assert found in (None, len(set(values)))
        assert found is not None or order == values


def test_values_are_only_read() -> None:
    for values in (wide(100_000, 9), rng(9).integers(0, 9, 100_000), -np.zeros(70_000)):
        before = values.tobytes()
        values.flags.writeable = False
        for part in (values, values[::-3]):
            assert distinct(part) in (None, len(set(part.tolist())))
        assert values.tobytes() == before


NUMBERS: dict[str, Callable[[], Any]] = {
    "few": lambda: rng(1).integers(0, 10, LONG),
    "in order": lambda: np.sort(wide(LONG, 1)),
    "falling": lambda: np.repeat(np.sort(wide(LONG // 4, 1)), 4)[::-1],
    "narrow": lambda: rng(2).permutation(LONG),
    "far apart": lambda: rng(3).choice(wide(60_000, 3), LONG),
    "whole floats": lambda: 2.0**60 + 256.0 * rng(4).integers(0, 50_000, LONG),
    "zeros": lambda: np.where(rng(5).random(LONG) < 0.5, -0.0, 0.0) * rng(5).integers(0, 2, LONG),
    "32-bit floats": lambda: rng(6).integers(0, 50_000, LONG).astype(np.float32) * 1024,
    "between steps": lambda: np.r_[rng(7).integers(0, 1000, LONG) * 86_400, 7],
    "unsigned": lambda: rng(8).choice(wide(50_000, 8).view(np.uint64), LONG),
    "days": lambda: rng(9).integers(0, 40_000, LONG).astype("M8[D]").astype("M8[us]"),
    "seconds": lambda: (
        rng(10).choice(wide(40_000, 10) // 10**13, LONG).astype("M8[s]").astype("M8[us]")
    ),
    "nothing": lambda: np.full(LONG, np.nan),
}


@pytest.mark.parametrize("library", ["pandas", "polars", "arrow"])
@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_of_a_long_table_are_counted_exactly(name: str, library: str) -> None:
    values = NUMBERS[name]()
    if name == "nothing":
        summary = summarise(LIBRARIES[library](values), tokens=5000)
        assert summary.columns["v"].distinct is None
        return
    if name == "zeros":
        values[0] = 3.0  # not always 0
    assert counted(library, values) == Count(len(np.unique(values)))


TEXTS: dict[str, Callable[[], list[str | None]]] = {
    "a few": lambda: rng(1).choice(["", "a", "a\0", "\0", "é" * 9], LONG).tolist(),
    "a thousand": lambda: [f"code {n}" for n in rng(2).integers(0, 1000, LONG).tolist()],
    "with nulls": lambda: [
        None if n % 7 == 0 else f"{n:05} of a long name" for n in rng(4).integers(0, 9000, LONG)
    ],
    "one byte differs": lambda: [f"prefix {n:06} suffix" for n in rng(3).integers(0, 50_000, LONG)],
    "as wide as a number": lambda: [f"c{n:03}" for n in rng(5).integers(0, 300, LONG).tolist()],
    "long ones": lambda: [f"{n % 2000} {'long ' * 150}" for n in range(LONG)],
}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", TEXTS)
def test_texts_of_a_long_table_are_counted_exactly(name: str, library: str) -> None:
    values = TEXTS[name]()
    # What NumPy strips of its texts is no concern of ours.
    assert counted(library, values) == Count(len(set(values) - {None}))


@pytest.mark.parametrize("library", LIBRARIES)
def test_where_nearly_all_differ_the_sample_says_so(library: str) -> None:
    values = [f"{n:x}" for n in rng(11).permutation(LONG).tolist()]
    assert counted(library, values) == Count(SAMPLE, sample=SAMPLE)
    if library != "objects":
        assert counted(library, wide(LONG, 11)) == Count(SAMPLE, sample=SAMPLE)


def test_labels_of_one_width_are_the_same_in_every_library() -> None:
    """pandas' are counted as whole numbers, but for one that is as wide in characters alone."""
    few = rng(13).integers(0, 6, LONG)
    labels = {
        "letter": list("abcdeé"),
        "pair": ["ab", "aé", "bc", "cd", "zz", "ba"],
        "year": [f"{y} " for y in range(194, 200)],
        "code": [f"{n:08}" for n in range(6)],
        "short": ["äö", "ab", "öä", "ba", "cd", "dc"],
    }
    frame = pd.DataFrame({name: np.array(six)[few] for name, six in labels.items()}, dtype="str")
    twice = pd.concat([frame.iloc[: LONG // 2], frame.iloc[LONG // 2 :]], ignore_index=True)
    pages = {summarise(one, "t").text for one in (frame, twice, pl.from_pandas(frame))}
    assert len(pages) == 1
    top = np.bincount(few).max() / LONG
    assert max(summarise(frame).columns["code"].labels.values()) == top


def test_only_labels_that_are_used_count() -> None:
    codes = rng(12).integers(0, 3, LONG)
    labels = pd.Categorical.from_codes(codes, ["a", "b", "c", "unused"])
    for frame in (pd.DataFrame({"v": labels}), pl.from_pandas(pd.DataFrame({"v": labels}))):
        assert summarise(frame).columns["v"].distinct == Count(3)
