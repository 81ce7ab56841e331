"""``--tools sql``: what leaves of results is what the table itself would have told, or less."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emulator import Answer, OpenRouter
from m1_magic import ask
from m1_magic.errors import UsageError

HOSTILE = [
    "SELECT * FROM staff",
    "SELECT * FROM staff WHERE name = 'Zebulon'",
    "SELECT pay FROM staff WHERE name = 'Zebulon'",
    "SELECT max(pay), min(pay) FROM staff",
    "SELECT sum(CASE WHEN name = 'Zebulon' THEN pay ELSE 0 END) FROM staff",
    "SELECT pay FROM staff, range(100) WHERE name = 'Zebulon'",
    "SELECT unnest([pay, pay, pay, pay, pay, pay]) FROM staff WHERE name = 'Zebulon'",
    "SELECT team, avg(pay), count(*) FROM staff GROUP BY team",
    "SELECT count(*) FROM staff WHERE NOT (name = 'Zebulon' AND pay > 70000)",
    "PIVOT staff ON name USING sum(pay)",
    "PIVOT (SELECT CASE WHEN name = 'Zebulon' AND pay > 70000 THEN 'hi' ELSE 'lo' END k FROM staff)"
    " ON k USING count(*)",
    "SELECT CASE WHEN name = 'Zebulon' AND pay > 70000 THEN CAST('x' AS INT) END FROM staff",
    "SELECT error(CAST(pay AS VARCHAR)) FROM staff WHERE name = 'Zebulon'",
    "SELECT CAST(note AS INT) FROM staff",
    "SELECT string_agg(note, ' ') FROM staff",
    "SELECT to_json(staff) FROM staff",
    "SELECT staff FROM staff",
    "SELECT COLUMNS('.*') FROM staff",
    "FROM staff SELECT mail AS x",
    "WITH a AS (SELECT upper(mail) AS y FROM staff) SELECT * FROM a",
    "SELECT histogram(pay) FROM staff",
    "SUMMARIZE staff",
    "SELECT * FROM read_csv('/etc/passwd')",
    "COPY staff TO '/tmp/x.csv'",
    "nonsense",
]


def staff(pay: int = 74_321) -> pd.DataFrame:
    """A table in which one row is of interest, and each text is planted."""
    numbers = np.arange(60)
    return pd.DataFrame(
        {
            "name": ["Zebulon", *(f"Name{n:02}q" for n in range(1, 60))],
            "team": np.where(numbers % 2, "red", "blue"),
            "pay": [pay, *(40_000 + 137 * numbers[1:])],
            "note": [f"canary{n:02}note" for n in numbers],
            "mail": [f"canary{n:02}@example.org" for n in numbers],
        }
    )


def told(server: OpenRouter, queries: list[str], table: pd.DataFrame, **more: Any) -> list[str]:
    """What M1 is told of its queries, all in one round."""
    calls = [("sql", {"query": query}) for query in queries]
    server.say(Answer.calling(*calls), Answer(text="Done."))
    ask("go", df={"staff": table}, tools="sql", yes=True, fresh=True, **more)
    return [m["content"] for m in server.chats[-1].body["messages"] if m["role"] == "tool"]


@pytest.mark.parametrize("level", ["names", "stats"])
def test_below_sample_no_query_tells_of_a_row(server: OpenRouter, level: str) -> None:
    first = told(server, HOSTILE, staff(), send=level)
    assert len(first) == len(HOSTILE)
    assert told(server, HOSTILE, staff(74_322), send=level) == first
    sent = " ".join(first)
    for word in ("canary", "74321", "74,321", "Zebulon", "Name07q", "@"):
        assert word not in sent


def test_at_sample_0_no_query_runs(server: OpenRouter) -> None:
    (text,) = told(server, ["SELECT pay + 0.5 AS x FROM staff LIMIT 1"], staff(), send="sample:0")
    assert text.startswith("Level sample: not run") and "74321.5" not in text


def test_at_stats_the_summary_of_the_columns_that_a_query_names_leaves(server: OpenRouter) -> None:
    (text,) = told(server, ["SELECT team, avg(pay) FROM staff GROUP BY team"], staff())
    assert text.startswith("Level stats: not run, ")
    assert "`team`: text" in text and "mean ≈" in text and "note" not in text


def test_at_sample_results_leave_and_nothing_personal(server: OpenRouter) -> None:
    queries = [*HOSTILE[:1], *HOSTILE[2:3], *HOSTILE[7:8], *HOSTILE[15:20], *HOSTILE[21:22]]
    texts = told(server, queries, staff(), send="sample:5")
    assert "74321" in texts[1] and "row 1: blue" in texts[2]
    assert all("@" not in text and "CANARY" not in text for text in texts)
    sent = json.dumps(server.chats[-1].body)
    assert "@example.org" not in sent and "root:" not in sent
    assert len(texts[0].split("\nrow ")) == 6 and "does not exist" in texts[6]


def test_of_a_hidden_column_nothing_is_there(server: OpenRouter) -> None:
    queries = ["SELECT * FROM staff", "SELECT note FROM staff"]
    one, two = told(server, queries, staff(), send="sample:5", cols="team,pay")
    assert "canary" not in one + two and "does not exist" in two


def test_a_query_that_was_allowed_to_see_more_does(server: OpenRouter) -> None:
    (text,) = told(
        server, ["SELECT mail FROM staff LIMIT 1"], staff(), send="sample:5", allow="mail"
    )
    assert "canary00@example.org" in text


def test_tables_of_other_kinds_are_queried_too(server: OpenRouter) -> None:
    import polars as pl

    server.say(Answer.calling(("sql", {"query": "SELECT sum(a) s FROM t"})), Answer(text="Done."))
    ask("go", df={"t": pl.DataFrame({"a": [1, 2]})}, tools="sql", yes=True, send="sample")
    assert "row 1: 3" in server.chats[-1].body["messages"][-1]["content"]


def test_a_query_in_a_fence_is_one_and_a_long_result_says_what_its_figures_are_of(
    server: OpenRouter,
) -> None:
    queries = ["```sql\nSELECT 3 AS three\n```", "SELECT * FROM range(5000) AS t(n)"]
    one, many = told(server, queries, staff(), send="sample:5")
    assert "row 1: 3" in one
    assert many.startswith("Of 5,000 rows only the first 1,000:\n")


def test_tables_that_no_query_can_read_are_refused_before_anything_is_sent(
    server: OpenRouter,
) -> None:
    tables = {"t": staff(), "T": staff()}
    with pytest.raises(UsageError, match="Two tables have names that SQL does not tell apart"):
        ask("go", df=tables, tools="sql", yes=True, send="sample")
    assert not server.chats


def test_what_holds_between_columns_is_told_where_a_query_names_them(server: OpenRouter) -> None:
    numbers = np.arange(240)
    table = pd.DataFrame({"pay": numbers % 7 + 10 * (numbers % 4), "grade": numbers % 4})
    queries = ["SELECT grade, avg(pay) FROM staff GROUP BY grade", "SELECT pay FROM staff"]
    both, one = told(server, queries, table)
    assert "`pay` by `grade`" in both and "grade" not in one
