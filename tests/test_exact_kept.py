"""Exact answers in ledger, chats and tapes: templates are kept and sent again, never a result."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from emulator import Answer, OpenRouter
from m1_magic import api
from m1_magic.app import PROCESS
from m1_magic.computed import Query
from m1_magic.exact.continuing import pieces_after
from m1_magic.exact.filling import fill
from m1_magic.exact.template import pieces_of
from shells import Cell, Run

pytestmark = pytest.mark.usefixtures("in_a_notebook")
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
ROWS = "{{n.n}} rows.\n\n```sql n\nSELECT count(*) AS n FROM sales\n```"
ASK = "%%m1 -d sales --exact\nWho leads?"


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


@pytest.mark.parametrize(
    "other",
    [
        pd.DataFrame({"region": ["n", "s"] * 10, "amount": range(20), "kind": "a"}),
        pd.DataFrame({"region": ["n", "s"] * 10, "amount": [0.5 + n for n in range(20)]}),
        pd.DataFrame({"region": ["n", "s"] * 10, "sum": range(20)}),
    ],
    ids=["one more", "another type", "another name"],
)
def test_other_columns_are_asked_anew_and_the_footer_says_so(
    server: OpenRouter, cell: Cell, shell: InteractiveShell, other: pd.DataFrame
) -> None:
    server.say(Answer(TEXT), Answer("No figures."))
    cell(ASK)
    PROCESS.end()
    shell.user_ns["sales"] = other
    shown = cell(ASK)
    assert "No figures." in shown and len(server.chats) == 2
    assert "asked anew: columns of sales\n" in shown


def test_switched_on_it_is_asked_anew_for_that(server: OpenRouter, cell: Cell) -> None:
    server.say(Answer("s leads."), Answer(TEXT))
    cell("%%m1 -d sales\nWho leads?")
    PROCESS.end()
    assert "asked anew: --exact\n" in cell(ASK)
    server.say(Answer(TEXT), Answer("n."))
    cell("%%m1 -d sales --exact\nWho is last?", "b")
    assert "asked anew: without --exact\n" in cell("%%m1 -d sales\nWho is last?", "b")


def test_of_a_kept_answer_no_query_is_asked_for_again(
    server: OpenRouter, cell: Cell, shell: InteractiveShell
) -> None:
    text = "```sql n\nSELECT max(CAST(amount AS TINYINT)) AS n FROM sales\n```\nSo {{n.n}}.\n"
    server.say(Answer(text))
    assert "So 19." in cell(ASK)
    PROCESS.end()
    shell.user_ns["sales"] = pd.DataFrame({"region": ["n", "s"] * 10, "amount": range(771, 791)})
    shown = cell(ASK)
    assert "So ?." in shown and "the query n failed: It has a value that cannot" in shown
    assert "$0 (was $" in shown and len(server.chats) == 1 and "77" not in shown


def test_on_a_tape_the_same_without_a_network(
    server: OpenRouter,
    cell: Cell,
    shell: InteractiveShell,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("M1_TAPE", "on")
    PROCESS.end()
    server.say(Answer(TEXT))
    assert FILLED in cell(ASK)
    tape = (tmp_path / "lesson.tape.jsonl").read_text()
    assert "{{top.total:,.0f}}" in tape and "leads with 100" not in tape
    server.close()
    monkeypatch.setenv("M1_MODE", "replay")
    PROCESS.end()
    shell.user_ns["sales"] = pd.concat([shell.user_ns["sales"]] * 2, ignore_index=True)
    assert "**s** leads with 200, before n." in cell(ASK)
    PROCESS.end()
    shell.user_ns["sales"] = shell.user_ns["sales"].rename(columns={"amount": "sum"})
    with pytest.raises(AssertionError, match="columns of sales differ"):
        cell(ASK)
    assert (tmp_path / "lesson.tape.jsonl").read_text() == tape


# --- chats ----------------------------------------------------------------------------------------


def test_a_later_turn_has_the_tables_of_earlier_ones_by_name(
    server: OpenRouter, cell: Cell, shell: InteractiveShell
) -> None:
    server.say(Answer(TEXT), Answer(ROWS))
    cell("%%m1 -d sales --exact -c eda\nWho leads?")
    assert "20 rows." in cell("%%m1 --exact -c eda\nHow many?", "b")
    earlier = server.chats[1].body["messages"][-2]["content"]
    assert earlier == TEXT
    PROCESS.end()  # Run All again
    del shell.user_ns["sales"]
    shell.user_ns["sales"] = pd.DataFrame({"region": ["n", "s"] * 20, "amount": range(40)})
    cell("%%m1 -d sales --exact -c eda\nWho leads?")
    assert "40 rows." in cell("%%m1 --exact -c eda\nHow many?", "b") and len(server.chats) == 2


def test_a_table_that_was_deleted_costs_its_figures_or_nothing_is_sent(
    server: OpenRouter, cell: Cell, run: Run, shell: InteractiveShell
) -> None:
    server.say(Answer(TEXT), Answer(ROWS))
    cell("%%m1 -d sales --exact -c eda\nWho leads?")
    cell("%%m1 --exact -c eda\nHow many?", "b")
    PROCESS.end()
    cell("%%m1 -d sales --exact -c eda\nWho leads?")
    del shell.user_ns["sales"]
    shown = cell("%%m1 --exact -c eda\nHow many?", "b")  # kept: the cell passes
    assert "? rows." in shown and 'There is no table "sales" here.' in shown
    assert "There is no DataFrame 'sales'." in run("%%m1 --exact -c eda\nAnd now?").told
    assert len(server.chats) == 2


def test_a_new_kernel_says_which_tables_to_name_again(server: OpenRouter, cell: Cell) -> None:
    server.say(Answer(TEXT), Answer("Well."), Answer("{{n.n}}\n```sql n\nSELECT 20 AS n\n```"))
    cell("%%m1 -d sales --exact -c eda\nWho leads?")
    PROCESS.end()
    with pytest.raises(AssertionError, match=r"only named in this kernel.*again: --df sales"):
        cell("%%m1 --exact -c eda\nAnd?", "b")
    assert len(server.chats) == 1
    assert "figures are not computed: the chat's tables are named only" in cell(
        "%%m1 -c eda\nAnd?", "b"
    )
    assert server.chats[1].body["messages"][-2]["content"] == TEXT
    assert "20" in cell("%%m1 --exact -c eda -d sales\nAnd?", "c")


def test_again_and_what_stands_in_the_ledger(
    server: OpenRouter, cell: Cell, tmp_path: Path
) -> None:
    server.say(Answer("s leads."), Answer(TEXT), Answer(TEXT))
    cell("%%m1 -d sales\nWho leads?")
    assert FILLED in cell("%m1 again --exact") and FILLED in cell("%m1 again")
    id = api.session().last.id
    shown = cell(f"%m1 log {id}")
    assert "each figure is a query" in shown and "{{top.total:,.0f}}" in shown
    assert "leads with 100" not in shown
    cell(f"%m1 export {tmp_path / 'chat.ipynb'}")
    book = (tmp_path / "chat.ipynb").read_text()
    assert "each figure is a query" in book and "leads with 100" not in book


# --- an answer that was cut off -------------------------------------------------------------------

RESULTS = {"top": Query("top", "", ("region", "total"), (("s", 100), ("n", 90)), count=2)}


@pytest.mark.parametrize("text", [TEXT, f"{WORDS}\n{QUERY}"], ids=["queries first", "last"])
def test_wherever_it_is_cut_the_rest_has_its_figures(text: str) -> None:
    whole = fill(pieces_of(text), RESULTS)
    assert whole.text.startswith(FILLED.rstrip())
    for at in range(1, len(text)):
        rest = fill(pieces_after(text[:at], text[at:]), RESULTS)
        assert whole.text.rstrip().endswith(rest.text.strip()), at
        assert not rest.notes, at
        shown = [one.text for one in rest.figures]
        assert shown == [one.text for one in whole.figures][-len(shown) or 99 :], at
        if text.startswith(WORDS) and at > text.index("}}") + 2:
            assert rest.text == whole.text, "figures before their query are shown again"


def test_a_query_that_is_written_again_from_its_beginning_is_one() -> None:
    for at in (len("```sql top\n"), len("```sql top\nSELECT reg")):
        rest = fill(pieces_after(TEXT[:at], TEXT), RESULTS)
        assert rest.text == FILLED and not rest.notes


def test_continue_is_exact_and_names_hold(server: OpenRouter, cell: Cell) -> None:
    first = TEXT.index("total:,.0f")
    server.say(
        Answer(TEXT[:first], finish="length"), Answer(TEXT[first:-9], finish="length"),
        Answer(TEXT[-9:] + "\nSo {{top.total[-1]}}.\n"),
    )  # fmt: skip
    assert "**s** leads with {{top." in cell(ASK)
    assert "100, before n." in cell("%m1 continue", "b")
    shown = cell("%m1 continue", "c")
    assert FILLED.rpartition("\n\n")[2] in shown and "So 90." in shown
    assert [m["content"] for m in server.chats[2].body["messages"] if m["role"] == "assistant"] == [
        TEXT[:first], TEXT[first:-9],
    ]  # fmt: skip
    assert "5 figures unchanged" in cell("%m1 verify", "d")
