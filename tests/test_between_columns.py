"""Lines on what holds between columns: each odd table's, true, and of no use to an attacker."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import truth_between
from m1_magic.context.frames import between_columns, opened, summarise, summary, table_summary
from m1_magic.context.frames.facts import Described, Fact
from m1_magic.context.frames.row_by_row import Rows
from m1_magic.context.frames.summary import Wish

K = 5
N = 400
SIZES = (60, 80, 150, 300)
AGREE = "strongly disagree", "disagree", "neutral", "agree", "strongly agree"


@pytest.fixture(autouse=True)
def _unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A maker that fails is a failed test, not a page that says less."""

    def made(table: Described) -> list[Fact]:
        if table.sample.rows < max(between_columns.LEAST, 2 * table.k):
            return []
        rows = Rows(table)
        facts = [fact for make in between_columns.MAKERS for fact in make(rows)]
        assert between_columns.between_columns(table) == sorted(facts, key=lambda f: f.rank)[:12]
        return sorted(facts, key=lambda fact: fact.rank)

    monkeypatch.setattr(table_summary, "FACTS", (made,))


# --- The tables -------------------------------------------------------------------------------


def tables() -> dict[str, tuple[pd.DataFrame, list[str]]]:
    """Tables, each with what an analyst would want to know of it, as the page says it."""
    r = np.random.default_rng(0)
    noise, group = r.normal(0, 1, N), r.choice(list("ABC"), N)
    height = pd.Series(group).map({"A": 0, "B": 10, "C": 20})
    x, gone = np.linspace(-5, 5, N), r.random(N) < 0.13
    old = np.where(r.random(N) < 0.2, "old", "new")
    a, b = r.normal(50, 9, N).round(2), r.normal(20, 3, N).round(2)
    pieces = r.integers(1, 9, N)
    views = pieces + r.integers(1, 50, N)
    start = pd.Timestamp("2024-01-01") + pd.to_timedelta(r.integers(0, 300, N), "D")
    end = (start + pd.to_timedelta(r.integers(1, 30, N), "D")).to_series(index=range(N))
    early, earlier = end.copy(), end.copy()
    early[:12], earlier[:3] = start[:12] - pd.Timedelta(3, "D"), start[:3] - pd.Timedelta(3, "D")
    kind, target = r.choice(list("abc"), N), (r.random(N) < 0.2).astype(int)
    answers = {f"s{i:02}": r.choice(AGREE, N, p=np.roll([0.1, 0.2, 0.3, 0.25, 0.15], i))
               for i in range(12)}  # fmt: skip
    total = pd.DataFrame({f"q{i}": r.integers(0, 50, N) for i in range(4)})
    lost = np.where(gone, np.nan, noise)
    return {
        "group and number": (
            pd.DataFrame({"group": group, "y": height + noise}),
            [r'mean `y` by `group` \(η² 0.98\): "B" ≈ 10, "A" ≈ -0.05, "C" ≈ 19.95'],
        ),
        "group decides number": (
            pd.DataFrame({"group": group, "y": height, "z": noise}),
            ['`group` and `y` decide each other: "B" = 10, "A" = 0, "C" = 20'],
        ),
        "curves": (
            pd.DataFrame({"x": x, "y": x**2, "e": np.exp(x)}),
            [
                r"`e` rises with `x`, not in a line: Spearman 1.00, correlation 0.69",
                r"`y` follows `x` in a curve, lowest in the middle: η² 0.95 over tenths of it.*",
            ],
        ),
        "missing together": (
            pd.DataFrame({"a": lost, "b": np.where(gone, None, kind), "c": noise}),
            [rf"`a` and `b` are null in the same {gone.sum()} rows"],
        ),
        "missing where": (
            pd.DataFrame(
                {
                    "g": old,
                    "a": np.where(old == "old", np.nan, noise),
                    "b": np.where((old == "old") & (noise > 0), np.nan, noise),
                }
            ),
            [
                '`a` is null where `g` is "old", and only there',
                '`b` is null only where `g` is "old"',
            ],
        ),
        "total": (
            pd.DataFrame({"a": a, "b": b, "total": a + b, "n": pieces, "sum": (a * pieces)}),
            ["`total` = `a` [+] `b` in each row", "`sum` = `a` × `n` in each row"],
        ),
        "total of many": (
            total.assign(total=total.sum(axis=1).where(total.q0 > 3, -1)),
            [
                rf"`total` = `q0` [+] `q1` [+] `q2` [+] `q3`, but for {(total.q0 <= 3).sum()} rows"
                if (total.q0 <= 3).sum() <= 0.05 * N
                else "weaker correlations: .+"
            ],
        ),
        "rounded": (
            pd.DataFrame({"price": a, "share": b / 100, "paid": (a * b / 100).round(2)}),
            ["`paid` = `price` × `share` in each row, rounded"],
        ),
        "ratio": (
            pd.DataFrame({"clicks": pieces, "views": views, "ctr": 100 * pieces / views}),
            ["`ctr` = 100 × `clicks` / `views` in each row"],
        ),
        "shares": (
            pd.DataFrame(r.dirichlet([2, 3, 4], N) * 100, columns=["oil", "gas", "coal"]),
            ["`oil` [+] `gas` [+] `coal` = 100 in each row"],
        ),
        "end before start": (
            pd.DataFrame({"start": start, "end": early}),
            ["`end` is before `start` in 12 rows"],
        ),
        "few ends before start": (
            pd.DataFrame({"start": start, "end": earlier}),
            ["`end` is before `start` in fewer than 5 rows"],
        ),
        "in order": (
            pd.DataFrame({"start": start, "end": end}).astype(str),
            ["`end` is never before `start`"],
        ),
        "one-hot": (
            pd.DataFrame({f"c_{x}": (kind == x).astype(int) for x in "abc"}).assign(v=noise),
            ["`c_a`, `c_b`, `c_c`: exactly one is 1 in each row"],
        ),
        "one-hot but the first": (
            pd.DataFrame({f"c_{x}": kind == x for x in "abc"}).assign(c_c=False).assign(v=noise),
            [],
        ),
        "scale": (
            pd.DataFrame(answers),
            [
                r"`s00` … `s11` \(12 columns\): one scale, "
                + " < ".join(f'"{one}"' for one in AGREE)
                + r", highest mean `s01` ≈ 3.42, lowest `s03` ≈ 2.6 \(1 to 5\)"
            ],
        ),
        "scale in numbers": (
            pd.DataFrame({f"q{i}": r.integers(1, 6, N) for i in range(12)}),
            [r"`q0` … `q11` \(12 columns\): one scale, 1 to 5, highest mean .+"],
        ),
        "leak as text": (
            pd.DataFrame({"target": a, "leak_s": a.astype(str), "z": noise}),
            ["`leak_s` is `target` as text"],
        ),
        "leak as a word": (
            pd.DataFrame({"target": target, "leak_s": np.where(target, "yes", "no"), "z": noise}),
            ['`leak_s` and `target` decide each other: "no" = 0, "yes" = 1'],
        ),
        "imbalanced": (
            pd.DataFrame({"target": (noise > 1.8).astype(int), "z": noise}),
            [r"mean `z` by `target` \(η² ≈ 0.\d+\): 0: ≈ -0.1, 1: ≈ 2.2"],
        ),
        "copies": (
            pd.DataFrame({"a": x, "b": x, "t": kind, "u": kind, "z": noise}),
            ["`b` is a copy of `a`"],
        ),
        "coordinates": (
            pd.DataFrame(
                {"lat": np.where(gone, 0, 48 + noise), "lon": np.where(gone, 0, 11 + noise)}
            ),
            [
                "`lat` and `lon`: latitude and longitude in degrees, "
                rf"0 and 0 in {gone.sum()} rows"
            ],
        ),
        "shares by group": (
            pd.DataFrame({"class": group, "alive": r.random(N) < height / 30 + 0.1, "z": noise}),
            [r"share of `alive` true by `class` \(η² .+\): \"B\" ≈ \d+ %, .+"],
        ),
        "years": (
            pd.DataFrame({"year": 2020 + pieces % 4, "month": pd.Series(pieces % 3).map(
                {0: "May", 1: "January", 2: "March"}), "y": noise + pieces % 4}),
            [
                r"mean `y` by `year` .+: 2020: .+, 2021: .+, 2022: .+, 2023: .+",
                r'mean `y` by `month`.*: "January" .+, "March" .+, "May" .+',
            ],
        ),
    }  # fmt: skip


TABLES = tables()
ENGINES: dict[str, Callable[[pd.DataFrame], Any]] = {
    "polars": pl.from_pandas,
    "lazy": lambda frame: pl.from_pandas(frame).lazy(),
    "arrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    "nullable": lambda frame: frame.convert_dtypes(),
    "arrow dtypes": lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
}


def truths(frame: pd.DataFrame, lines: tuple[str, ...], k: int = K, sampled: int = 0) -> list[str]:
    """Return what is wrong about lines, or has no check."""
    said = [truth_between.wrong(line, frame, k, sampled) for line in lines]
    return [one or f"no check: {line}" for one, line in zip(said, lines, strict=True) if one != ""]


@pytest.mark.parametrize("name", TABLES)
def test_an_odd_table_is_told_the_same_and_truly_by_every_engine(name: str) -> None:
    frame, expected = TABLES[name]
    told = summarise(frame, "t")
    for form in expected:
        assert any(re.fullmatch(form, line) for line in told.relations), told.text
    assert truths(frame, told.relations) == []
    exact = summarise(frame, "t", level="sample")
    assert truths(frame, exact.relations, 0) == []
    assert "≈" not in exact.text
    for engine, make in ENGINES.items():
        assert summarise(make(frame), "t").text == told.text, engine
    with duckdb.connect() as connection:
        assert summarise(connection.from_df(frame), "t").text == told.text


def test_a_long_table_says_from_how_many_rows_it_speaks() -> None:
    r, n = np.random.default_rng(1), 120_000
    kind = r.choice(list("ab"), n)
    frame = pd.DataFrame({"kind": kind, "y": r.normal(0, 1, n) + (kind == "a"), "x": r.random(n)})
    frame["z"] = frame.x + frame.y
    told = summarise(frame, "t")
    assert any(line.startswith("mean `y` by `kind` (η² ≈ 0.2") for line in told.relations)
    assert "`z` = `y` + `x` in each row (≈ in 10,000 rows)" in told.relations
    assert truths(frame, told.relations, K, 10_000) == []


def test_what_the_prompt_names_comes_first() -> None:
    r = np.random.default_rng(2)
    frame = pd.DataFrame({f"x{c}": r.normal(0, 1, 200) for c in "abcdefgh"})
    frame = frame.assign(g=r.choice(list("pq"), 200), h=r.choice(list("rs"), 200),
                         i=r.choice(list("tu"), 200))  # fmt: skip
    rows = {}

    def kept(table: Described) -> list[Fact]:
        rows["named"] = Described(table.rows, table.columns, table.sample, table.k, (10, 7))
        return []

    table_summary.FACTS = (kept,)
    summarise(frame, "t")
    first = between_columns.between_columns(rows["named"])[0]
    assert first.text.startswith("mean `xh` by `i`") and first.columns == (7, 10)


def test_types_of_their_own_are_grouped_by() -> None:
    r, n = np.random.default_rng(6), 200
    size = pd.Series(r.integers(0, 90, n))
    frame = pd.DataFrame(
        {
            "cut": pd.cut(size, [-1, 30, 60, 90]),
            "grade": pd.Categorical(r.choice(list("abc"), n), list("cab"), ordered=True),
            "known": pd.array(r.choice([True, False, None], n), dtype="boolean"),
            "y": size.astype("Float32"),
            "wait": pd.to_timedelta(size, "s"),
        }
    )
    told = summarise(frame, "t")
    assert truths(frame, tuple(x for x in told.relations if "`cut`" not in x)) == []
    text = "\n".join(told.relations)
    assert re.search(r'mean `y` by `cut` \(η² 0\.\d+\): "\(', text)
    assert re.search(r'mean `y` by `grade`.*: "c" .+, "a" .+, "b"', text), text


# --- Attacks ----------------------------------------------------------------------------------


def shown(text: str, label: str) -> float:
    """Return the mean of a group on the page, NaN where it is not told."""
    found = re.search(rf'mean `pay` by `group`.*"{label}" (?:≈ )?(-?[\d.e+-]+)', text)
    return float(found[1]) if found else float("nan")


def total_of(text: str) -> float:
    found = re.search(r"`pay`:.*\bmean (?:≈ )?(-?[\d.e+-]+)", text)
    return float(found[1]) if found else float("nan")


def no_better_than(errors: list[float], guesses: list[float]) -> None:
    """An attacker's errors, in sd, are those of one who guesses the mean."""
    assert len(errors) > 10
    for near in (0.02, 0.1):
        hits = sum(error < near for error in errors)
        free = sum(guess < near for guess in guesses)
        luck = 3 * np.sqrt(max(free, near * len(errors)) + 1)
        assert hits <= free + luck, (near, hits, free, len(errors))
    assert np.median(errors) >= 0.8 * np.median(guesses)


@pytest.mark.parametrize("hidden", [1, 2, 4])
def test_a_hidden_group_is_not_what_the_others_leave_of_the_total(hidden: int) -> None:
    errors, guesses, r = [], [], np.random.default_rng(hidden)
    for n in SIZES * 4:
        pay = r.normal(50, 9, n)
        group = np.where(np.arange(n) < hidden, "c", r.choice(list("ab"), n))
        told = summarise(pd.DataFrame({"pay": pay, "group": group}), "t").text
        assert '"c"' not in told
        sizes = {label: int((group == label).sum()) for label in "ab"}
        rest = n * total_of(told) - sum(size * shown(told, g) for g, size in sizes.items())
        if np.isfinite(rest):
            sd, true = pay.std(), pay[:hidden].mean()
            errors.append(abs(rest / hidden - true) / sd)
            guesses.append(abs(total_of(told) - true) / sd)
    no_better_than(errors, guesses)


@pytest.mark.parametrize("form", ["normal", "skewed", "whole"])
def test_two_tables_that_differ_in_one_row(form: str) -> None:
    """The group's mean with and without the row, in two calls, is no better than a guess."""
    r = np.random.default_rng(3)
    make = {
        "normal": lambda n: r.normal(50, 9, n),
        "skewed": lambda n: np.exp(r.normal(3, 1, n)),
        "whole": lambda n: r.integers(18, 90, n).astype(float),
    }[form]
    errors, guesses = [], []
    for n in SIZES * 4:
        pay, group = make(n), r.choice(list("ab"), n)
        frame = pd.DataFrame({"pay": pay, "group": group})
        one, other = (summarise(t, "t").text for t in (frame, frame.iloc[1:]))
        size = int((group == group[0]).sum())
        first, second = shown(one, group[0]), shown(other, group[0])
        if np.isfinite(first + second):
            own = pay[group == group[0]]
            errors.append(abs(size * first - (size - 1) * second - pay[0]) / own.std())
            guesses.append(abs(first - pay[0]) / own.std())
    no_better_than(errors, guesses)


def test_two_groupings_that_differ_in_one_row() -> None:
    """A row that is moved to another group: the groups' means with and without it."""
    r = np.random.default_rng(4)
    for n in SIZES:
        group = r.choice(list("ab"), n)
        moved = np.r_[np.where(group[:1] == "a", "b", "a"), group[1:]]
        frame = pd.DataFrame({"pay": r.normal(50, 9, n), "group": group, "moved": moved})
        told = summarise(frame, "t").text
        assert "`group`" in told and "by `moved`" not in told and "decide" not in told


def test_a_share_of_fewer_than_k_rows_is_told_as_none() -> None:
    lines = set()
    for rare in range(K):
        group = np.repeat(["a", "b"], 60)
        yes = np.r_[np.arange(60) < rare, np.arange(60) < 40]
        lines |= set(summarise(pd.DataFrame({"group": group, "yes": yes}), "t").relations)
    shares = {line for line in lines if line.startswith("share")}
    assert len({re.sub(r" \(η².*?\)", "", line) for line in shares}) == 1
    assert '"a" ≈ 0 %' in next(iter(shares))


@pytest.mark.parametrize("n", (60, 400))
def test_a_mean_that_few_rows_make_is_left_out(n: int) -> None:
    group = np.repeat(["a", "b", "c"], n // 3)
    pay = np.random.default_rng(5).normal(50, 9, len(group))
    pay[0] = 1e7  # of "a"
    flat = np.where(group == "b", 7.0, pay)
    flat[n // 3] = 8.0  # all of "b" but one are 7
    for values in (pay, flat):
        told = "\n".join(summarise(pd.DataFrame({"pay": values, "group": group}), "t").relations)
        assert not re.search(r'"a" ≈? ?\d{4,}', told)
    assert np.isnan(shown(told, "b")) and np.isnan(shown(told, "a"))
    assert "more not told" in told or not told


def asked(frame: pd.DataFrame, prompt: str) -> str:
    """Return the page that a prompt gets."""
    return summary(opened(frame), "t", Wish(prompt=prompt)).text


@pytest.mark.parametrize("yes", [False, True])
def test_two_prompts_are_not_subtracted(yes: bool) -> None:
    """Each names another grouping; a group of the one is a group of the other and one row."""
    errors, guesses, r = [], [], np.random.default_rng(8)
    for n in SIZES * 4:
        pay = (r.random(n) < 0.5) * 1.0 if yes else r.normal(50, 9, n)
        team = np.where(np.arange(n) == 0, "c", r.choice(list("abc"), n))
        unit = np.where((team == "a") | (np.arange(n) == 0), "p", r.choice(list("qr"), n))
        frame = pd.DataFrame({"x1": r.choice(list("uv"), n), "x2": r.choice(list("st"), n),
                              "pay": pay == 1 if yes else pay, "team": team,
                              "unit": unit})  # fmt: skip
        means = []
        for column, label in (("team", "a"), ("unit", "p")):
            text = asked(frame, f"mean pay by {column}")
            head = f"`pay`(?: true)? by `{column}`"
            found = re.search(rf'{head}.*(?:"{label}"|:) (?:≈ )?(-?[\d.]+)(?! rows)', text)
            means.append(float(found[1]) / (100 if yes else 1) if found else np.nan)
        size = int((team == "a").sum())
        errors.append(abs((size + 1) * means[1] - size * means[0] - pay[0]) / pay.std())
        guesses.append(abs(means[0] - pay[0]) / pay.std())
    told = np.isfinite(errors)
    told = np.isfinite(errors)
    no_better_than([*np.array(errors)[told]], [*np.array(guesses)[told]])


def test_no_prompt_shows_a_label_of_few_rows() -> None:
    r = np.random.default_rng(9)
    group = np.r_[["zed"] * 4, r.choice(list("ab"), 196)]
    frame = pd.DataFrame(
        {"group": group, "other": r.permutation(group), "pay": r.normal(5, 1, 200)}
    )
    for prompt in ("mean pay of zed", 'share of "zed" by other', "pay where group == 'zed'"):
        text = asked(frame, prompt)
        assert "zed" not in text and text.count("1 more not told") >= 1


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    cells=st.lists(
        st.tuples(st.sampled_from("abcd"), st.integers(-50, 50) | st.none(), st.booleans()),
        min_size=10,
        max_size=90,
    ),
    group=st.integers(2, 7),
)
def test_any_table_is_told_truly_and_by_its_rule(
    cells: list[tuple[str, int | None, bool]], group: int
) -> None:
    frame = pd.DataFrame(cells, columns=["g", "y", "b"]).astype({"y": "Int64"})
    told = summarise(frame, "t", min_group=group)
    assert truths(frame, told.relations, group) == []
    for line in told.relations:
        for label in re.findall(r'"(\w)" (?:≈ )?[-\d]', line):
            assert (frame.g == label).sum() >= group
