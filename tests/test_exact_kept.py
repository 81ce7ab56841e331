"""Exact answers in ledger, chats and tapes: templates are kept and sent again, never a result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from emulator import Answer, OpenRouter
from m1_magic.app import PROCESS
from shells import Run

Cell = Callable[..., str]
QUERY = """```sql top
SELECT region, sum(amount) AS total FROM sales GROUP BY region ORDER BY total DESC
```
"""
WORDS = "**{{top.region}}** leads with {{top.total:,.0f}}, before {{top.region[1]}}.\n\n{{top}}\n"
TEXT = QUERY + WORDS
FILLED = """**s** leads with 100, before n.

| region | total |
| --- | ---: |
| s | 100 |
| n | 90 |
"""
ASK = "%%m1 -d sales --exact\nWho leads?"


@pytest.fixture(autouse=True)
def in_a_notebook(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "lesson.ipynb"))


@pytest.fixture
def cell(run: Run, monkeypatch: pytest.MonkeyPatch) -> Cell:
    """Run a cell that has an id."""
    here: dict[str, Any] = {"id": "", "run": 0}
    monkeypatch.setattr("m1_magic.jupyter.shell.place", lambda: (here["id"], str(here["run"])))

    def go(source: str, id: str = "a") -> str:
        here["id"], here["run"] = id, here["run"] + 1
        ran = run(source)
        assert ran.error is None, ran.text
        return ran.text

    return go


# --- kept answers ---------------------------------------------------------------------------------


def test_a_kept_answer_computes_its_figures_on_the_tables_of_today(
    server: OpenRouter, cell: Cell, shell: InteractiveShell
) -> None:
    server.say(Answer(TEXT))
    assert FILLED in cell(ASK)
    PROCESS.end()
    shell.user_ns["sales"] = pd.concat([shell.user_ns["sales"]] * 2, ignore_index=True)
    shown = cell(ASK)
    assert "**s** leads with 200, before n." in shown and "$0 (was $" in shown
    assert len(server.chats) == 1
