"""``--exact`` from the prompt to the page: figures are computed here, none of them leaves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from emulator import Answer, OpenRouter
from ledgers import rows
from m1_magic import api, ask
from m1_magic.app import PROCESS

SALES = pd.DataFrame({"region": ["North", "South", "North", "East"] * 50, "amount": range(200)})
TEXT = """```sql top
SELECT region, sum(amount) AS total FROM sales GROUP BY region ORDER BY total DESC
```
**{{top.region}}** leads with {{top.total:,.0f}}, before {{top.region[1]}}. About 17 of 200 rows.

{{top}}
"""
FILLED = """**North** leads with 9,900, before East. About 17 of 200 rows.

| region | total |
| --- | ---: |
| North | 9900 |
| East | 5050 |
| South | 4950 |
"""

ENDS = """
import threading, time, pandas, m1_magic
from m1_magic.exact.sql.sandbox import Sandbox

def close(box, closed=Sandbox.close):
    if threading.current_thread() is not threading.main_thread():
        threading.main_thread().join()  # the program is through
        time.sleep(0.5)
        print("closed")
    closed(box)

Sandbox.close = close
print(m1_magic.ask("Who leads?", df={"sales": pandas.DataFrame({"amount": [1, 2]})}, exact=True))
"""


def test_figures_are_computed_here_and_the_text_has_them(server: OpenRouter) -> None:
    server.say(Answer(TEXT))
    reply = ask("Who leads?", df={"sales": SALES}, exact=True)
    assert reply.text == FILLED and reply.template == TEXT
    (query,) = reply.queries
    assert (query.name, query.columns, query.count, query.error) == (
        "top",
        ("region", "total"),
        3,
        "",
    )
    assert [one.text for one in reply.figures if one.query][:3] == ["North", "9,900", "East"]
    assert [one.text for one in reply.figures if not one.query] == ["17"]
    ((kept,),) = rows(PROCESS.session().ledger.path, "SELECT answer FROM calls")
    assert kept == TEXT


def test_a_query_that_failed_is_asked_for_once_more_without_a_value(server: OpenRouter) -> None:
    bad = TEXT + "\n```sql odd\nSELECT ammount AS n FROM sales\n```\nSo {{odd.n}}.\n"
    server.say(Answer(bad), Answer("```sql odd\nSELECT max(amount) AS n FROM sales\n```"))
    reply = ask("Who leads?", df={"sales": SALES}, exact=True)
    assert reply.text.endswith("So 199.\n") and "max(amount)" in reply.template
    assert len(server.chats) == 2 and reply.status == "ok"
    repair = server.chats[1].body["messages"][-1]["content"]
    assert '"amount"' in repair and "North" not in repair


@pytest.mark.parametrize("second", [Answer("no"), Answer(status=500)])
def test_what_fails_twice_shows_a_question_mark_and_the_cell_passes(
    server: OpenRouter, second: Answer
) -> None:
    server.say(Answer("```sql odd\nSELECT ammount AS n FROM sales\n```\nSo {{odd.n}}.\n"), second)
    reply = ask("Who leads?", df={"sales": SALES}, exact=True)
    assert reply.text == "So ?.\n" and "a column that does not exist" in " ".join(reply.notes)


def test_a_chat_sends_templates_again_never_results(server: OpenRouter) -> None:
    server.say(Answer(TEXT), Answer("More: {{top.region}}"))
    ask("Who leads?", df={"sales": SALES}, exact=True, chat="c")
    ask("And?", exact=True, chat="c", namespace={"sales": SALES})
    earlier = server.chats[1].body["messages"][2]["content"]
    assert earlier == TEXT and "9,900" not in str(server.chats[1].body)


def test_without_a_table_it_is_refused_before_anything_is_sent(server: OpenRouter) -> None:
    with pytest.raises(Exception, match="none goes along"):
        ask("Who leads?", exact=True)
    assert not server.chats and api.session().last is None


def test_the_setting_holds_where_a_table_goes_along_and_a_chat_stays_exact(
    server: OpenRouter,
) -> None:
    api.settings().exact = True
    server.say(Answer("plain 5"), Answer(TEXT), Answer(TEXT))
    assert ask("Hello?").figures == ()
    assert ask("Who?", df={"sales": SALES}, chat="c").text == FILLED
    api.settings().exact = False
    assert ask("And?", chat="c", namespace={"sales": SALES}).text == FILLED


COUNT = "```sql q\nSELECT count(*) AS n FROM {}\n```\n{{{{q.n}}}} rows\n"


@pytest.mark.parametrize(
    ("tables", "wishes"),
    [
        ("old JOIN sales USING (region)", {"df": {"old": SALES, "sales": SALES[:1]}, "diff": True}),
        ("sales", {"prompt": "How {{sales}}?", "namespace": {"sales": SALES}}),
        ('"x y.csv"', {"file": ["x y.csv"]}),
        ('"data.sales"', {"df": {"data.sales": SALES}}),
        ("sales", {"df": {"sales": SALES.groupby("region")}}),
        ("sales", {"df": {"sales": SALES.to_numpy()}}),
        ("sales", {"df": {"sales": SALES["amount"]}}),
        ("sales", {"df": {"sales": SALES}, "send": "names"}),
    ],
)
def test_queries_read_whatever_goes_along_as_a_table(
    server: OpenRouter,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tables: str,
    wishes: dict[str, Any],
) -> None:
    monkeypatch.chdir(tmp_path)
    SALES.to_csv("x y.csv", index=False)
    server.say(Answer(COUNT.format(tables)))
    reply = ask(**{"prompt": "How many?", **wishes}, exact=True)
    assert reply.text == ("100 rows\n" if "JOIN" in tables else "200 rows\n")
    asked = str(server.chats[0].body)
    assert "SQL table" in asked and ("BIGINT: " in asked) == ("send" not in wishes)


def test_a_process_that_ends_lets_go_of_the_tables_first(server: OpenRouter) -> None:
    """A thread that is in DuckDB's C++ when Python ends would abort it, with a false exit code."""
    server.say(Answer("```sql top\nSELECT max(amount) AS n FROM sales\n```\nSo {{top.n}}."))
    ran = subprocess.run([sys.executable, "-c", ENDS], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.returncode) == ("So 2.\nclosed\n", 0), ran.stderr
