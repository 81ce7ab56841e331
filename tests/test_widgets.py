"""The panel in a real shell, with real calls: opened, filled in, asked, stopped, closed."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import duckdb
import pandas as pd
import pytest
from IPython.terminal.interactiveshell import TerminalInteractiveShell

import kernels
import m1_magic
from emulator import OpenRouter
from m1_magic import api
from m1_magic.errors import UsageError
from panels import Hand, Page

SALES = {"region": ["n", "s"] * 10, "amount": range(20)}


def body(server: OpenRouter, number: int = -1) -> dict[str, Any]:
    made: dict[str, Any] = server.chats[number].body
    return made


# -- opened ------------------------------------------------------------------------------
def test_the_magic_shows_a_panel_below_what_a_saved_notebook_keeps(page: Page) -> None:
    assert page.run("%m1 panel") == ""
    still, live = page.outputs[-2:]
    assert "not running" in still["text/plain"]
    assert live["text/plain"] == ""
    assert "application/vnd.jupyter.widget-view+json" in live


def test_the_magic_takes_nothing_more(page: Page) -> None:
    told = page.run("%m1 panel sales")
    assert "UsageError" in told and "m1_magic.panel(df=…" in told and not page.left


@pytest.mark.parametrize("given", ["frame", "list", "mapping", "name", "names"])
def test_tables_are_ticked_at_once(server: OpenRouter, page: Page, given: str) -> None:
    sales, other = pd.DataFrame(SALES), pd.DataFrame({"kind": ["a"] * 30})
    page.shell.user_ns |= {"sales": sales, "other": other, "third": other.copy()}
    df = {
        "frame": sales,
        "list": [sales, other],
        "mapping": {"Sheet 1": sales},
        "name": "sales",
        "names": "sales, other",
    }[given]
    hand = page.panel(df, prompt="why?", model="openai/gpt-4o-mini", temperature=0.25)
    ticked = {label for label, tick in hand.ticks().items() if tick.value}
    assert (
        ticked
        == {
            "frame": {"sales  20 × 2"},
            "list": {"sales  20 × 2", "other  30 × 1"},
            "mapping": {"Sheet 1  20 × 2"},
            "name": {"sales  20 × 2"},
            "names": {"sales  20 × 2", "other  30 × 1"},
        }[given]
    )
    hand.press("Send")
    hand.end()
    assert server.prompt.startswith("why?") and server.prompt.count(" frame=") == len(ticked)
    assert (body(server)["model"], body(server)["temperature"]) == ("openai/gpt-4o-mini", 0.25)


def test_a_setting_of_none_leaves_its_field_empty(page: Page) -> None:
    api.settings().temperature = None
    assert page.panel(prompt=None).labelled("temperature").placeholder == ""


def test_an_unknown_option_is_an_error_and_leaves_nothing(page: Page) -> None:
    with pytest.raises(TypeError, match=r"temprature.*temperature"):
        m1_magic.panel(temprature=1)
    with pytest.raises(UsageError, match="There is no DataFrame 'nosuch'"):
        m1_magic.panel("nosuch")
    with pytest.raises(UsageError, match="temperature"):
        m1_magic.panel(temperature=9)
    assert not page.left


def test_a_terminal_has_no_panel(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = object.__new__(TerminalInteractiveShell)
    for shell in (terminal, None):
        monkeypatch.setattr("m1_magic.jupyter.shell.current", lambda shell=shell: shell)
        with pytest.raises(UsageError, match=r"needs a notebook.*%m1 ask and %%m1 work here"):
            m1_magic.panel()


def test_plain_python_has_no_panel() -> None:
    code = "import m1_magic\nm1_magic.panel()"
    ran = subprocess.run(
        [*kernels.python(), "-c", code], capture_output=True, text=True, check=False
    )
    assert "UsageError: A panel needs a notebook" in ran.stderr


def test_opening_a_panel_loads_neither_client_nor_data_libraries() -> None:
    code = (
        "import sys\nfrom IPython.core.interactiveshell import InteractiveShell\n"
        "InteractiveShell.instance().run_cell('import m1_magic; p = m1_magic.panel()')\n"
        "assert 'm1_magic.widgets' in sys.modules\nprint(*sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"openai", "httpx2", "pandas", "polars", "narwhals", "numpy"} & set(
        ran.stdout.split()
    )


# -- tables ------------------------------------------------------------------------------
def test_tables_are_listed_anew_after_each_cell(page: Page, hand: Hand) -> None:
    assert "No DataFrames here yet" in hand.text
    page.shell.user_ns["db"] = duckdb.sql("SELECT 1 AS a")
    page.run(
        "import pandas as pd\nsales = pd.DataFrame({'a': range(2000)})\n"
        "_hidden = sales\nseries = sales.a\nnumber = 3"
    )
    assert list(hand.ticks()) == ["db  (lazy)", "sales  2,000 × 1", "series  2,000 × 1"]
    assert "No DataFrames here yet" not in hand.text
    page.run("sales = pd.DataFrame({'a': [1], 'b': [2]})\ndel series, db")
    assert list(hand.ticks()) == ["sales  1 × 2"]


def test_two_hundred_tables_and_names_that_are_markup(page: Page) -> None:
    frames = {f"t{n:03}": pd.DataFrame({"a": [n]}) for n in range(200)}
    page.shell.user_ns |= frames
    evil = "<img src=x onerror=alert(1)>\u202e\n" + "x" * 500
    hand = page.panel({evil: pd.DataFrame({"a": [1]})})
    assert len(hand.ticks()) == 201
    (name,) = [label for label in hand.ticks() if "img" in label]
    assert name.isprintable() and len(name) < 100
    assert not hand.ticks()[name].description_allow_html
    for one in frames:
        del page.shell.user_ns[one]
    hand.panel.refresh()
    assert len(hand.ticks()) == 1


def test_a_table_that_is_gone_is_not_left_out_silently(server: OpenRouter, page: Page) -> None:
    page.run("import pandas as pd\nsales = pd.DataFrame({'a': [1]})")
    hand = page.panel()
    hand.tick("sales")
    page.run("del sales")
    assert list(hand.ticks()) == ["sales  (gone)"]
    hand.ask("why?")
    assert "There is no DataFrame 'sales'" in hand.error and server.requests == []
    hand.tick("sales", on=False)
    hand.panel.refresh()
    assert not hand.ticks()
    hand.ask("why?")
    assert hand.error == "" and "<data-" not in server.prompt


def test_a_table_handed_over_is_the_one_that_its_name_stands_for_now(
    server: OpenRouter, page: Page
) -> None:
    page.shell.user_ns["sales"] = pd.DataFrame(SALES)
    hand = page.panel(page.shell.user_ns["sales"])
    page.run("sales = sales.head(3)")
    assert list(hand.ticks()) == ["sales  3 × 2"]
    hand.ask("why?")
    assert "3 rows × 2 columns" in server.prompt
    page.run("del sales")
    hand.ask("why?")
    assert "There is no DataFrame 'sales'" in hand.error


# -- fields ------------------------------------------------------------------------------
def test_empty_fields_are_the_settings(server: OpenRouter, page: Page) -> None:
    page.run("%m1 set max_tokens 1234")
    page.panel().ask("why?")
    sent = {k: body(server).get(k) for k in ("model", "temperature", "max_tokens", "reasoning")}
    assert sent == {
        "model": "minimax/minimax-m1",
        "temperature": 1.0,
        "max_tokens": 1234,
        "reasoning": None,
    }


def test_fields_arrive_on_the_wire(server: OpenRouter, page: Page) -> None:
    page.shell.user_ns["sales"] = pd.DataFrame(SALES)
    hand = page.panel()
    hand.tick("sales")
    hand.fill(model="openai/gpt-4o-mini", thinking="low", temperature="0", max_tokens="1,000")
    hand.labelled("tables as").value = "names"
    hand.ask("why?")
    sent = {k: body(server)[k] for k in ("model", "temperature", "max_tokens", "reasoning")}
    assert sent["model"] == "openai/gpt-4o-mini" and sent["temperature"] == 0
    assert sent["reasoning"] == {"effort": "low"}
    assert "sales → names" in hand.shown and "50 %" not in server.prompt


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("temperature", "hot", "--temperature takes a number from 0 to 2, not 'hot'."),
        ("temperature", "9", "--temperature takes a number from 0 to 2, not 9."),
        ("temperature", "nan", "temperature"),
        ("max_tokens", "1.5", "--max-tokens takes a whole number of at least 1, not 1.5."),
        ("max_tokens", "0", "--max-tokens takes a whole number of at least 1, not 0."),
        ("thinking", "deep", "deep"),
    ],
)
def test_a_wrong_field_is_told_by_name(
    server: OpenRouter, hand: Hand, field: str, value: str, told: str
) -> None:
    hand.fill(**{field: value})
    for button in ("Dry run", "Send"):
        hand.prompt.value = "why?"
        hand.press(button)
        hand.end()
        assert told in hand.error
    assert server.requests == [] and hand.busy == (True, False)


def test_an_empty_prompt_is_refused(server: OpenRouter, hand: Hand) -> None:
    hand.ask("  ")
    assert hand.error and server.requests == []
