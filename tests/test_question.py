"""The question chooses what a summary begins with, and never what may leave."""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from palmerpenguins import load_penguins

from m1_magic.context import gather
from m1_magic.context.cells import Cell
from m1_magic.context.frames import summarise
from m1_magic.context.frames.prompted import labelled, prompted
from m1_magic.options.fields import Options
from m1_magic.settings.config import M1

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))
import questions

PENGUINS = list(load_penguins().columns)
XAY = ["x", "a", "y"]


GOLDEN = Path(__file__).parent / "golden"


def odd() -> pd.DataFrame:
    """Sixty made rows of what is found in real tables."""
    n = range(60)
    return pd.DataFrame(
        {
            "Order No.": [1000 + i for i in n],
            "区域": [["north", "south", "east"][i % 3] for i in n],
            "unitPrice": [9.5 + i % 7 if i % 11 else None for i in n],
            "x": [i % 4 for i in n],
            "a": [-999 if i % 10 == 0 else 20 + i % 6 for i in n],
            "e-mail": [f"person{i}@example.org" for i in n],
            "when": pd.date_range("2024-01-01", periods=60),
            "flag": [i % 5 == 0 for i in n],
            "nothing": [None] * 60,
        }
    )


def wide() -> pd.DataFrame:
    """Two kinds of sensors, side by side, and what they were read for."""
    n = range(120)
    sensors = {
        f"{kind}_{i}": [round((j * (i + 3) * scale) % 97 / scale, 3) for j in n]
        for i in range(60)
        for kind, scale in (("temp", 7), ("load", 31))
    }
    sensors["temp_9"][:8] = [None] * 8
    return pd.DataFrame({**sensors, "machine": [f"m{j % 4}" for j in n], "y": [j % 3 for j in n]})


PAGES = {
    "penguins-prompt": (load_penguins, "Are Gentoo heavier? Mean body mass by species, please."),
    "odd": (odd, ""),
    "odd-prompt": (odd, "How does the unit price in the 区域 south depend on x over time?"),
    "wide": (wide, ""),
    "wide-prompt": (wide, "Does temp_57 differ by machine?"),
}


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_the_golden_ones(name: str) -> None:
    make, prompt = PAGES[name]
    assert page(make(), prompt) + "\n" == (GOLDEN / f"page-{name}.md").read_text("utf-8")
    if name != "odd":
        assert page(pl.from_pandas(make()), prompt) == page(make(), prompt)


def page(frame: object, prompt: str, **options: object) -> str:
    made = gather(Options(df=("t",), **options), prompt, {"t": frame}, M1())  # type: ignore[arg-type]
    return made.attachments[0].text


@pytest.mark.parametrize(
    ("prompt", "names", "found"),
    [
        ("What is the mean flipper length by species?", PENGUINS, "flipper_length_mm species"),
        ("flippers' lengths per island", PENGUINS, "island flipper_length_mm"),
        ("Which islands have the heaviest, by body mass", PENGUINS, "island body_mass_g"),
        ("FLIPPER_LENGTH_MM", PENGUINS, "flipper_length_mm"),
        ("flipperLengthMm, please", PENGUINS, "flipper_length_mm"),
        ("df.sex or df['year']?", PENGUINS, "sex year"),
        ("bills", PENGUINS, "bill_length_mm bill_depth_mm"),
        ("{{species}} is a table", PENGUINS, ""),
        ("Tell me more", PENGUINS, ""),
        ("", PENGUINS, ""),
        ("Is `a` a factor?", XAY, "a"),
        ("What is a good model?", XAY, ""),
        ("plot x against y", XAY, "x y"),
        ("a correlation between x and y", XAY, "x y"),
        ("y ~ x", XAY, "y x"),
        ("the mean of x", XAY, "x"),
        ("a plot of column a", XAY, "a"),
        ("Compare A and B", ["A", "B", "C", "a"], "A B"),
        ("the temperature's maximum", ["temp_max", "temp_min", "wind"], "temp_max temp_min"),
        ("q12", ["q1", "q12", "q2"], "q12"),
        ("价格的平均值是多少？", ["价格", "数量"], "价格"),
        ("평균 가격은?", ["가격", "수량"], "가격"),
        ("какова средняя цены?", ["цена", "город"], "цена"),
        ("prix moyen par région", ["Prix", "region", "ville"], "Prix region"),
        ("Сколько 'х'?", ["х", "у"], "х"),
        ("is the unit price (EUR) high?", ["unit price (EUR)", "no"], "unit price (EUR)"),
        ("new\nlines", ["new\nlines", "a"], "new\nlines"),
        ("the unit price and ORDERDATE", ["unitprice", "OrderDate", "no"], "unitprice OrderDate"),
        ("id and hp", ["id", "hp", "am", "vs"], "id hp"),
        ("the age", ["age_years", "page", "wage"], "age_years"),
        ("sales per month", ["ts", "sales", "month"], "sales month"),
    ],
)
def test_a_prompt_names_columns(prompt: str, names: list[str], found: str) -> None:
    told = [names[place] for place in prompted(prompt, names)]
    assert sorted(told) == sorted(
        n for n in names if re.search(rf"(^| ){re.escape(n)}( |$)", found)
    )


def test_moments_are_named_by_time() -> None:
    days = pd.DataFrame({"v": range(30), "w": 1, "ts": pd.date_range("2024", periods=30)})
    first = page(days, "How does v develop over time?").split("\n")
    assert first[1].startswith("- `v`") and first[2].startswith("- `ts`")


def test_labels_name_their_column() -> None:
    text = page(load_penguins(), "Are Gentoos heavy?")
    assert text.split("\n")[1].startswith("- `species`")
    made = summarise(load_penguins(), "t")
    columns = dict(enumerate(made.columns))
    assert labelled("male", columns) == {6: {"male"}}
    assert labelled("in 2008", columns) == {7: {"2008"}}
    assert labelled("is it so?", columns) == {}
    places = dict(enumerate(summarise(pd.DataFrame({"c": ["US", "is"] * 20}), "t").columns))
    assert labelled("is the US larger?", places) == {0: {"US"}}


def test_a_label_that_few_rows_share_names_nothing() -> None:
    frame = pd.DataFrame({"n": range(40), "town": ["Bern"] * 38 + ["Zermatt"] * 2})
    assert page(frame, "Who lives in Zermatt?") == page(frame, "Who lives in Nowhere?")


@pytest.mark.parametrize("prompt", ["How does c871 behave?", "the mean of `c871`"])
def test_a_named_column_of_a_wide_table_is_looked_at(prompt: str) -> None:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.random((60, 900))).add_prefix("c")
    text = page(frame, prompt)
    assert text.split("\n")[1].startswith("- `c871`: number, no nulls; 60 distinct; ")
    assert len(text) <= 3600 and text == page(frame, prompt)


def test_named_columns_come_first_and_in_full() -> None:
    draw = np.random.default_rng(0)
    names = ["x" + chr(97 + i // 26) + chr(97 + i % 26) for i in range(150)]
    frame = pd.DataFrame(draw.normal(size=(80, 150)), columns=names)
    text = page(frame, f"Is {names[140]} related to {names[3]}?").split("\n")
    assert [line.split("`")[1] for line in text[1:3]] == [names[140], names[3]]
    assert all(" · sd " in line for line in text[1:3])


def statements(text: str) -> set[str]:
    """All that a page says of single columns, but for what depends on what is left out."""
    found = set()
    for head, rest in re.findall(r"^(- `[^`]*`): (.*)$", text, re.MULTILINE):
        for part in re.split(r"; | · |, (?=\")", rest):
            found.add(f"{head}: {re.sub(', others .*', '', part)}")
    return found


WORDS = [
    *PENGUINS,
    "Adelie",
    "Gentoo",
    "bill",
    "length",
    "over time",
    "`sex`",
    "male",
    "2008",
    "by",
]


@settings(max_examples=12, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=8), st.integers(100, 700))
def test_no_prompt_widens_what_may_leave(words: list[str], tokens: int) -> None:
    text = page(load_penguins(), " ".join(words), df_tokens=tokens)
    assert len(text) <= tokens * 12 // 5
    assert statements(text) <= everything()


@cache
def everything() -> set[str]:
    return statements(page(load_penguins(), "", df_tokens=100_000))


def test_the_prompt_reaches_every_route() -> None:
    frame = load_penguins()
    space = {"t": frame}
    beside = gather(Options(df=("t",)), "the year", space, M1()).attachments[0].text
    inside = gather(Options(), "the year of {{t}}", space, M1()).inserted[0].text
    assert beside.split("\n")[1].startswith("- `year`")
    assert inside.split("\n")[1].startswith("- `year`")
    from m1_magic.privacy.outputs import Output

    ran = [Cell(1, "t", (Output("value", {}, frame),))]
    cell = gather(Options(cells="last"), "the year", space, M1(), ran).attachments[0].text
    assert cell.index("- `year`") < cell.index("- `species`")
    changed = {"t": frame, "u": frame.assign(year=frame.year + 1, island="x")}
    diff = gather(Options(df=("t", "u"), diff=True), "the year", changed, M1()).attachments[0].text
    assert diff.split("\n")[1].startswith("- `year`")


def test_a_wide_table_fills_its_budget() -> None:
    draw = np.random.default_rng(0)
    for rows, width in (200, 200), (40, 60), (120, 500):
        frame = pd.DataFrame(draw.normal(size=(rows, width))).add_prefix("sensor_")
        frame.iloc[:9, 7] = None
        made = summarise(frame, "sensors")
        assert 0.9 * 1500 <= made.tokens <= 1500
    # What has nulls or outliers is told singly first.
    made = summarise(frame.iloc[:, :200].clip(-2, 2), "sensors")
    assert "(200 columns)" in made.text
    assert "\n- `sensor_7`: number, 9 null" in made.text and "- `sensor_199`" not in made.text


def test_rows_take_no_line_away() -> None:
    draw = np.random.default_rng(0)
    names = [f"col {chr(65 + i // 26)}{chr(65 + i % 26)}" for i in range(45)]
    frame = pd.DataFrame(draw.normal(size=(90, 45)), columns=names)
    bare = summarise(frame, "t", level="sample", tokens=700)
    rows = summarise(frame, "t", level="sample", rows=5, tokens=700)
    assert rows.text.split("\n")[1:] == bare.text.split("\n")[1:]
    small = summarise(frame.iloc[:, :4], "t", level="sample", rows=5)
    assert len(small.cells) == 5 and small.text.count("\nrow ") == 5


def test_labels_unfold_while_there_is_room() -> None:
    frame = pd.DataFrame({"kind": [f"lab{'abcdefghij'[i % 10]}" for i in range(100)]})
    assert "others" not in summarise(frame, "t").text
    short = summarise(frame, "t", tokens=95).text
    assert "others 40 %" in short and '"labf" 10 %' in short
    asked = page(frame, "what of labj?", df_tokens=95)
    assert '"labj" 10 %' in asked and '"labf"' not in asked


def test_answers_stand_in_the_text() -> None:
    for send, least in ("stats", 0.8), ("sample:0", 0.97):
        result = questions.measured(send, prompted=False)
        right, asked = ({**c, "mean by group": 0} for c in (result.right, result.asked))
        assert sum(right.values()) >= least * sum(asked.values())


@pytest.mark.parametrize(
    ("statistic", "line", "right"),
    [
        ("mean", "- `v`: number, no nulls; mean 3.5 · sd 1.87", True),
        ("mean", "- `v`: number, no nulls; mean ≈ 3 · sd 1.87", True),
        ("mean", "- `v`: number, no nulls; mean ≈ 6 · sd 1.87", False),
        ("mean", "- `v`: number, no nulls; mean 3.6", False),
        ("mean", "- `w`: number, no nulls; mean 3.5", False),
        ("mean", "- `v` … `z` (5 columns): number, no nulls; mean 3.5", False),
        ("min", "- `v`: number, no nulls; P1 1 · median 3.5", False),
        ("min", "- `v`: number, no nulls; min 1 · median 3.5", True),
        ("max", '- `v`: text, no nulls; "a; max 6" 50 %', False),
        ("median", "- `v`: number, no nulls; min 1 · median 3.6", False),
    ],
)
def test_an_answer_is_parsed_strictly(statistic: str, line: str, right: bool) -> None:
    values = np.arange(1.0, 7.0)
    truth = {"mean": 3.5, "median": 3.5, "min": 1, "max": 6}[statistic]
    asked = questions.Question("", "?", truth, "v", statistic, values=values)
    assert questions.answered(f"`t`: 6 rows × 2 columns\n{line}", asked) is right


@pytest.mark.parametrize(
    ("line", "right"),
    [
        ('- mean `v` by `g` (η² 0.50): "a" ≈ 3, "b, c" 4.5', True),
        ("- mean `v` by `g`: ≈ 4.5 in each of 2 groups", True),
        ('- mean `v` by `g`: "a" 4.5, "b, c" ≈ 9', False),
        ('- mean `v` by `h`: "b, c" 4.5', False),
        ('- mean `v` by `g`: "a" 4.5, 1 more not told', False),
    ],
)
def test_means_by_group_are_parsed_strictly(line: str, right: bool) -> None:
    values = np.array([4.0, 5.0])
    asked = questions.Question("", "?", 4.5, "v", "mean", "g", "b, c", values)
    assert questions.answered(f"`t`: 6 rows × 2 columns\n{line}", asked) is right


if __name__ == "__main__":  # python tests/test_question.py: the golden pages anew
    for golden, (table, question) in PAGES.items():
        (GOLDEN / f"page-{golden}.md").write_text(page(table(), question) + "\n", "utf-8")
