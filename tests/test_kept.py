"""Kept answers: asked once, shown again after a restart, and why a cell asks anew."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from emulator import Answer, OpenRouter
from ledgers import rows
from m1_magic import api, ask
from m1_magic.app import PROCESS
from shells import Run

Cell = Callable[..., str]


@pytest.fixture(autouse=True)
def in_a_notebook(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "lesson.ipynb"))


@pytest.fixture
def cell(run: Run, monkeypatch: pytest.MonkeyPatch) -> Cell:
    """Run a cell that has an id."""
    here = {"id": ""}
    monkeypatch.setattr("m1_magic.jupyter.shell.place", lambda: (here["id"], ""))

    def go(source: str, id: str = "a") -> str:
        here["id"] = id
        ran = run(source)
        assert ran.error is None, ran.text
        return ran.text

    return go


def restart() -> None:
    """As a new kernel of the same notebook begins."""
    PROCESS.end()


def test_run_all_after_a_restart_asks_nothing_and_shows_the_same(
    server: OpenRouter, cell: Cell
) -> None:
    server.say(Answer("one"), Answer("two"))
    assert "one" in cell("%%m1\nq1", "a") and "two" in cell("%%m1\nq2", "b")
    spent = api.session().totals()
    restart()
    asked = len(server.requests)
    first = cell("%%m1\nq1", "a")
    assert "one" in first and "two" in cell("%%m1\nq2", "b")
    assert len(server.requests) == asked
    assert "kept from " in first and "$0 (was $" in first and "--fresh asks anew" in first
    assert api.session().totals().session == 0 and spent.session > 0
    assert len(rows(PROCESS.session().ledger.path, "SELECT id FROM calls")) == 2
    assert "kept answers today: 2, " in cell("%m1 cost")


def test_the_nth_time_the_nth_answer_else_it_is_asked(server: OpenRouter, cell: Cell) -> None:
    server.say(*map(Answer, "123456"))
    loop = "from m1_magic import ask\nfor _ in range(3): print(ask('q').text)"
    assert cell(loop).split() == ["1", "2", "3"]
    assert "4" in cell("%%m1\nq")
    restart()
    assert cell(loop).split() == ["1", "2", "3"] and len(server.chats) == 4
    assert "4" in cell("%%m1\nq") and len(server.chats) == 4
    assert "5" in cell("%%m1\nq") and len(server.chats) == 5


@pytest.mark.parametrize(
    "how",
    [
        "%%m1 --fresh\nq",
        "%m1 again",
        "import m1_magic\nm1_magic.api.settings().keep = False\n%m1 ask q",
    ],
)
def test_fresh_again_and_the_setting_ask_anyway(server: OpenRouter, cell: Cell, how: str) -> None:
    server.say(Answer("1"), Answer("2"))
    cell("%%m1\nq")
    if "again" not in how:
        restart()
    cell("import m1_magic" if how.startswith("m1") else "")
    cell(how)
    assert len(server.chats) == 2


def test_outside_of_a_notebook_only_who_asks_for_it_gets_a_kept_answer(
    server: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JPY_SESSION_NAME")
    server.say(Answer("a joke"), Answer("another"), Answer("a third"))
    assert ask("q").text == "a joke"
    restart()
    assert ask("q", keep=True).text == "a joke" and len(server.chats) == 1
    restart()
    assert ask("q").text == "another"


def test_what_was_cut_forgotten_or_is_of_another_notebook_is_not_shown(
    server: OpenRouter, cell: Cell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server.say(Answer("cut", finish="length"), *map(Answer, ("two", "three", "four")))
    cell("%%m1\nq")
    restart()
    assert "two" in cell("%%m1\nq")
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "other.ipynb"))
    restart()
    assert "three" in cell("%%m1\nq")
    cell("%m1 forget --all")
    restart()
    assert "four" in cell("%%m1\nq")


def test_a_replay_needs_no_key_no_network_and_no_budget(
    server: OpenRouter, cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.say(Answer("one"))
    cell("%%m1\nq")
    restart()
    monkeypatch.delenv("OPENROUTER_API_KEY")
    monkeypatch.setenv("M1_BUDGET", "0")
    server.close()
    assert "one" in cell("%%m1\nq")
    assert "the kept answer" not in cell("%%m1 --dry-run\nq")
    restart()
    assert "the kept answer of" in cell("%%m1 --dry-run\nq")
    assert "one" in cell("%%m1\nq")


def test_its_record_costs_nothing_and_names_the_first_call(server: OpenRouter) -> None:
    server.say(Answer("one"))
    first = ask("q")
    restart()
    again = ask("q")
    assert (again.text, again.cost, again.cost_source) == ("one", Decimal(0), "replayed")
    assert again.id == first.id and again.usage == first.usage


# --- why it is asked anew ----------------------------------------------------------------------

CHANGES: dict[str, tuple[str, str, str]] = {
    "the prompt": ("%%m1\nq", "%%m1\nr", "the prompt"),
    "a value": ("%%m1\nq {{x}}", "x = 2\n", "a value in the prompt"),
    "temperature": ("%%m1 -t 1\nq", "%%m1 -t 0.2\nq", "temperature 0.2 (1.0)"),
    "temperature unset": ("%%m1 -t 0.2\nq", "%%m1\nq", "temperature 1.0 (0.2)"),
    "model": ("%%m1\nq", "%%m1 -m openai/gpt-4o\nq", "model openai/gpt-4o (minimax/minimax-m1)"),
    "system": ("%%m1\nq", "%%m1 -s 'Be brief.'\nq", "the system prompt"),
    "rows": ("%%m1 -d t\nq", "t = t.iloc[:90]", "t has 90 rows (100 before)"),
    "values": ("%%m1 -d t\nq", "t = t * 3", "table t"),
    "level": ("%%m1 -d t\nq", "%%m1 -d t --send schema\nq", "table t at schema (stats)"),
    "one more": ("%%m1\nq", "%%m1 -d t\nq", "table t added"),
    "one less": ("%%m1 -d t\nq", "%%m1\nq", "without table t"),
    "seed": ("%%m1\nq", "%%m1 --seed 3\nq", "seed 3 (not set)"),
    "max tokens": ("%%m1\nq", "%%m1 --max-tokens 500\nq", "max_tokens 500 ("),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_cell_asks_anew_and_says_why(server: OpenRouter, cell: Cell, what: str) -> None:
    before, after, why = CHANGES[what]
    setup = "import pandas as pd\nx = 1\nt = pd.DataFrame({'n': range(100)})"
    server.say(Answer("one"), Answer("two"))
    cell(setup, "s")
    cell(before, "a")
    restart()
    cell(setup, "s")
    if not after.startswith("%"):
        cell(after, "s")
        after = before
    text = cell(after, "a")
    assert len(server.chats) == 2, text
    assert f"asked anew: {why}" in text
