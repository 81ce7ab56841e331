"""``%m1 verify`` and ``m1-magic verify``: which figures are others on the tables of today."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbformat.v4 import new_code_cell, new_notebook, new_output

from emulator import Answer, OpenRouter
from m1_magic import api, cli
from m1_magic.app import PROCESS
from m1_magic.calls import RECORD
from m1_magic.exact.verifying import differences
from shells import Run

LOAD = "import pandas as pd\n%load_ext m1_magic\nsales = pd.read_csv('sales.csv')"
TEXT = """```sql top
SELECT region, sum(amount) AS total FROM sales GROUP BY region ORDER BY total DESC
```
**{{top.region}}** leads with {{top.total:,.0f}}, before {{top.region[1]}}; about 17 rows.

{{top}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a table, in which a notebook is at work."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "work" / "lesson.ipynb"))
    table(100)
    return tmp_path / "work"


def table(last: int) -> None:
    """Write the table; one amount of region s is ``last``."""
    pd.DataFrame({"region": ["n", "s"] * 10, "amount": [*range(19), last]}).to_csv(
        "sales.csv", index=False
    )


def test_probe(server: OpenRouter, folder: Path, run: Run, capsys) -> None:
    server.say(Answer(TEXT))
    assert run(LOAD).error is None
    print(run("%%m1 -d sales --exact\nWho leads?").text)
    print(run("%m1 verify").text)
    table(2)
    run("sales = pd.read_csv('sales.csv')")
    print(run("%m1 verify").text)
    run("del sales")
    print(run("%m1 verify").text)
