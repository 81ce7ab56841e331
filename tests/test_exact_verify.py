"""``%m1 verify`` and ``m1-magic verify``: which figures are others on the tables of today."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from emulator import Answer, OpenRouter
from m1_magic import api, cli
from m1_magic.calls import RECORD
from m1_magic.exact.verifying import Given
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


def record(given: Given) -> dict[str, object]:
    """Return what the footer of an answer saves for it, as far as it is looked at."""
    figures = [{"query": f.query, "source": f.source, "text": f.text} for f in given.figures]
    return {"id": given.id, "figures": figures, "tables": list(given.tables)}


def saved(run: Run, *sources: str) -> None:
    """Run cells, and save them with the records of their answers as this folder's notebook."""
    cells = []
    for source in sources:
        before = len(api.chats().computed)
        ran = run(source)
        assert ran.error is None, ran.text
        records = map(record, api.chats().computed[before:])
        outputs = [new_output("display_data", {RECORD: one}) for one in records]
        cells.append(new_code_cell(source, outputs=outputs))
    nbformat.write(new_notebook(cells=cells), "lesson.ipynb")


def checked(capsys: pytest.CaptureFixture[str], *names: str) -> tuple[int, str]:
    """Return what ``m1-magic verify`` exits with and says."""
    capsys.readouterr()
    status = cli.main(["verify", *(names or ("lesson.ipynb",))])
    out, err = capsys.readouterr()
    return status, out + err


# --- m1-magic verify ------------------------------------------------------------------------------


def test_probe(
    server: OpenRouter, folder: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    server.say(Answer(TEXT))
    saved(run, LOAD, "%%m1 -d sales --exact\nWho leads?")
    api.end()
    r = []
    before = Path("lesson.ipynb").read_bytes()
    asked = len(server.requests)
    r.append(checked(capsys))
    table(2)
    r.append(checked(capsys))
    api.end()
    server.close()
    r.append(len(server.requests) - asked)
    assert before == Path("lesson.ipynb").read_bytes()
    p = Path("sales.csv")
    p.rename("other.csv")
    r.append(checked(capsys))
    pd.DataFrame({"region": ["n", "s"] * 10, "amount": ["x"] * 20}).to_csv("sales.csv", index=False)
    r.append(checked(capsys))
    import os

    r.append(os.listdir())
    for x in r:
        print(x if not isinstance(x, tuple) else x[1])
