"""Any table gives a true page: columns of all kinds at random, each statement of it compared."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from m1_magic.context.frames import between_columns, summarise
from m1_magic.context.frames.copies import copies
from page_checks import check

R = np.random.Generator
DAY = pd.Timestamp("2024-02-27")


def moments(r: R, n: int) -> pd.Series:
    step = pd.Timedelta(int(r.choice([1, 60, 3600, 86400])), "s")
    return pd.Series(DAY + r.integers(0, 2 * n, n) * step)


KINDS: dict[str, Callable[[R, int], Any]] = {
    "digits": lambda r, n: r.integers(0, 7, n),
    "whole": lambda r, n: r.integers(-50, 1000, n),
    "big": lambda r, n: r.integers(-(2**60), 2**60, n),
    "bytes": lambda r, n: r.integers(0, 255, n).astype("uint8"),
    "running": lambda r, n: np.arange(n) + 7,
    "normal": lambda r, n: r.normal(0, 1, n),
    "skewed": lambda r, n: r.lognormal(3, 2, n).round(2),
    "tiny": lambda r, n: r.normal(0, 1e-200, n),
    "single": lambda r, n: r.normal(5, 2, n).astype("float32"),
    "infinite": lambda r, n: np.where(r.random(n) < 0.2, np.inf * r.choice([-1, 1], n), 1.5),
    "rarely other": lambda r, n: np.where(r.random(n) < 0.03, 9.0, 2.0),
    "constant": lambda r, n: np.full(n, 5),
    "sentinel": lambda r, n: np.where(r.random(n) < 0.2, -999, r.integers(1, 60, n)),
    "flag": lambda r, n: r.random(n) < 0.4,
    "label": lambda r, n: r.choice(["a", "b", 'c "d"', "é, f; g", ""], n),
    "word": lambda r, n: [f"w{i}" for i in r.integers(0, 3 * n + 1, n)],
    "weight": lambda r, n: [f"{i / 4} kg" for i in r.integers(0, 99, n)],
    "day in words": lambda r, n: [f"{DAY + pd.Timedelta(int(i), 'D'):%Y-%m-%d}"
                                  for i in r.integers(0, n + 1, n)],
    "moment": moments,
    "moment in a zone": lambda r, n: moments(r, n).dt.tz_localize("Europe/Berlin"),
    "date": lambda r, n: [dt.date(2020, 1, 1) + dt.timedelta(int(i)) for i in r.integers(0, 90, n)],
    "duration": lambda r, n: pd.to_timedelta(r.integers(0, 99, n), "s"),
    "Decimal": lambda r, n: [Decimal(int(i)) / 8 for i in r.integers(-20, 99, n)],
    "category": lambda r, n: pd.Categorical(r.choice(list("xyz"), n), list("zyxw"), ordered=True),
    "Int64": lambda r, n: pd.array(r.integers(0, 99, n), dtype="Int64"),
    "boolean": lambda r, n: pd.array(r.random(n) < 0.5, dtype="boolean"),
}  # fmt: skip


def column(kind: str, seed: int, nulls: float, n: int) -> pd.Series:
    """Return a column of a kind, the same for the same seed."""
    r = np.random.default_rng(seed)
    made = pd.Series(KINDS[kind](r, n))
    return made.mask(r.random(n) < nulls) if nulls else made


def test_a_maker_that_fails_says_so_and_costs_its_own_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(rows: object) -> list[object]:
        raise KeyError("zqxwvj")

    monkeypatch.setattr(between_columns, "MAKERS", (broken, copies))
    frame = pd.DataFrame({"a": np.arange(40.0) ** 2, "b": np.arange(40.0) ** 2})
    with pytest.warns(UserWarning, match=r"What broken tells .* is left out: KeyError\.") as said:
        text = summarise(frame, "t").text
    assert "`b` is a copy of `a`" in text and "zqxwvj" not in text + str(said[0].message)


COLUMNS = st.tuples(
    st.sampled_from(sorted(KINDS)), st.integers(0, 9), st.sampled_from([0, 0, 0.02, 0.3, 1])
)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    n=st.integers(0, 12) | st.integers(20, 150),
    kinds=st.lists(COLUMNS, min_size=1, max_size=7),
    again=st.booleans(),
    k=st.sampled_from([5, 5, 0, 2]),
)
def test_any_table_is_told_truly(
    n: int, kinds: list[tuple[str, int, float]], again: bool, k: int
) -> None:
    made = {f"c{i} {kind[0]}": column(*kind, n) for i, kind in enumerate(kinds)}
    if again:  # the first column once more, and but for a row
        first = next(iter(made.values()))
        made |= {"again": first, "nearly": first.mask(np.arange(n) == 0)}
    frame = pd.DataFrame(made)
    wish = {"min_group": k} if k else {"level": "sample", "rows": 0}
    summary = summarise(frame, "t", tokens=100_000, **wish)
    assert "not summarised" not in summary.text
    assert check(frame, summary, k)[0] == [], summary.text
