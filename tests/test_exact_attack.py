"""What outsiders try on exact answers: each was wrong once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from emulator import Answer, OpenRouter
from m1_magic import ask
from m1_magic.computed import Query
from m1_magic.errors import UsageError
from m1_magic.exact.filling import fill
from m1_magic.exact.sql.sandbox import Sandbox
from m1_magic.exact.template import pieces_of

TABLE = pd.DataFrame({"name": ["ab", "ac", None], "n": [1, 2, 3]})
TABLE = TABLE.assign(s="x", o="y", r="xo", a="1", b="222")


@pytest.fixture(scope="module")
def box() -> Sandbox:
    return Sandbox({"t": TABLE})


def test_a_column_that_does_not_leave_has_no_other_ones_name(server: OpenRouter) -> None:
    table = pd.DataFrame([[1, 100, 10]] * 30, columns=["x", "X", "x"])
    server.say(Answer("```sql q\nSELECT sum(x) AS a, sum(x_2) AS b FROM t\n```\n{{q.a}} {{q.b}}\n"))
    assert ask("Sums?", df={"t": table}, exact=True, cols="x").text == "30 300\n"
    assert "SQL table t: BIGINT: x, x_2" in str(server.chats[0].body)


LONG, LONGER = "repeat('a', 900000)", "repeat('b', 900000)"


@pytest.mark.parametrize(
    "call",
    [
        f"levenshtein({LONG}, {LONGER})",
        f"editdist3({LONG}, {LONGER})",
        f"damerau_levenshtein({LONG}, {LONGER})",
        f"jaro_similarity({LONG}, {LONGER}, 0.5)",
        f"{LONG}.jaro_winkler_similarity({LONGER})",
        f"replace({LONG}, 'a', {LONGER})",
        f"replace({LONG}, '', {LONGER})",
        f"regexp_replace({LONG}, 'a', {LONGER}, 'g')",
        f"regexp_replace({LONG}, '', {LONGER}, 'g')",
        "list_transform([1], lambda x: levenshtein('a', 'b'))",
        f"system.main.replace({LONG}, 'a', {LONGER})",
    ],
)
def test_what_would_fill_the_memory_or_never_end_is_not_run(box: Sandbox, call: str) -> None:
    query = box.run("q", f"SELECT {call} FROM t")
    assert "more than 1,000,000 parts" in query.error or "It may not call" in query.error
    assert query.seconds < 5


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("max(levenshtein(name, 'ab'))", 1),
        ("min(jaro_winkler_similarity(name, 'ab', 0.1)) < 1", True),
        ("max(replace(name, 'b', 'xyz'))", "axyz"),
        ("max(regexp_replace(name, '(.)', '\\1\\1'))", "aac"),
        ("max(regexp_replace(name, '.', '', 'g'))", ""),
        ("min(list_transform([name], lambda x: replace(x, 'a', '-')))", ["-b"]),
        ("max(replace(r, s, o))", "yo"),  # names of the macros' own
        ("max(levenshtein(b, a))", 3),
    ],
)
def test_what_is_short_runs(box: Sandbox, sql: str, value: object) -> None:
    query = box.run("q", f"SELECT {sql} FROM t")
    assert (query.error, query.rows) == ("", ((value,),))


def test_what_cannot_be_stopped_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    box = Sandbox({"t": TABLE}, timeout=0.05)
    monkeypatch.setattr(box, "_grace", 0.05)
    interrupt = box._interrupt
    monkeypatch.setattr(box, "_interrupt", lambda run: None)
    endless = "SELECT sum(hash(a.range + b.range)) FROM range(1000000) a, range(1000000) b"
    first = box.run("q", endless)
    second = box.run("r", "SELECT 1")
    interrupt("q")
    while not box._free.acquire(blocking=False):
        time.sleep(0.01)
        interrupt("q")
    assert "took longer than 0.05 s" in first.error and "before it" in second.error
    box._free.release()
    monkeypatch.undo()
    box.close()


def doubled(times: int) -> str:
    """Return a query in which each of so many subqueries is used twice."""
    pairs = [(f"a{n}", f"a{n - 1}" if n else "t") for n in range(times)]
    parts = [f"{new} AS NOT MATERIALIZED (FROM {old} UNION ALL FROM {old})" for new, old in pairs]
    return f"WITH {', '.join(parts)} SELECT count(*) FROM a{times - 1}"


def test_subqueries_may_use_each_other_but_not_for_ever(box: Sandbox) -> None:
    assert box.run("q", doubled(7)).rows == ((3 * 2**7,),)
    assert "too often" in box.run("q", doubled(60)).error


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DESCRIBE t", "DESCRIBE, SHOW or SUMMARIZE"),
        ("SELECT max FROM (SUMMARIZE t)", "DESCRIBE, SHOW or SUMMARIZE"),
        ("FROM memory.main.t", 'names "t" with a catalog'),
    ],
)
def test_a_refusal_says_what_is_wrong(box: Sandbox, sql: str, said: str) -> None:
    assert said in box.run("q", sql).error


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"df": {"": TABLE}}, "name that SQL cannot write"),
        ({"df": {"empty": TABLE[[]]}}, "no column of empty"),
        ({"file": ["t.json"]}, "cannot read t.json"),
    ],
)
def test_what_queries_cannot_read_is_said_before_anything_is_sent(
    server: OpenRouter,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wishes: dict[str, Any],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    TABLE.to_json("t.json", orient="records")
    with pytest.raises(UsageError, match=said):
        ask("How many?", exact=True, **wishes)
    assert not server.chats


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("\x1b[31m", '""'),
        ("\ufeff", '""'),
        ("---", "\\---"),
        ("+", "\\+"),
    ],
)
def test_a_value_is_seen_and_begins_nothing(value: str, text: str) -> None:
    pieces = pieces_of("```sql q\nSELECT 1\n```\n{{q.v}}\n===\n\n**{{q.v}}**\n")
    made = fill(pieces, {"q": Query("q", "SELECT 1", ("v",), ((value,),), count=1)})
    assert made.text == f"{text}\n===\n\n**{text.removeprefix(chr(92))}**\n"


def test_notes_of_a_reply_name_rows_and_stay_here(server: OpenRouter) -> None:
    table = pd.DataFrame({"who": [f"Zqx{n}wvj" for n in range(30)], "n": range(30)})
    text = "```sql q\nSELECT who, n FROM t\n```\n{{q.n[Zqx3wvk]}}\n"
    server.say(Answer(text), Answer("a"), Answer("b"))
    reply = ask("Who?", df={"t": table}, exact=True)
    assert "the nearest is Zqx3wvj" in " ".join(reply.notes)
    for place in ("{{r.notes}}", "{{r.notes[0]}}"):
        ask(f"Why {place}?", namespace={"r": reply})
    assert len(server.chats) == 3 and "Zqx3wvj" not in str([one.body for one in server.chats])


@pytest.mark.parametrize("place", ["{{q:}}", "{{q:,}}"])
def test_a_list_of_no_columns_is_all_of_them(place: str) -> None:
    pieces = pieces_of(f"```sql q\nSELECT 1\n```\n{place}\n")
    made = fill(pieces, {"q": Query("q", "SELECT 1", ("v", "w"), ((1, 2),), count=1)})
    assert made.text == "| v | w |\n| ---: | ---: |\n| 1 | 2 |\n"


def test_numbers_too_long_for_a_machine_word_are_compared_as_numbers() -> None:
    with Sandbox({"t": pd.DataFrame({"x": [2**70, 9, None]}, dtype=object)}) as box:
        assert box.run("q", "SELECT max(x), min(x) FROM t").rows == ((2**70, 9),)


def test_months_of_an_interval_are_no_days(box: Sandbox) -> None:
    sql = "SELECT age(DATE '2024-02-29', DATE '2024-01-01') AS a, 5 AS b, INTERVAL 40 DAY AS c"
    query = box.run("q", sql)
    assert (query.columns, query.rows) == (("a", "b", "c"), (("1 month 28 days", 5, "40 days"),))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{{one:,.0f}}\n", "8,560\n"),
        ("{{one:,}}\n", "8,560.4\n"),
        ("- {{one:,.0f}}\n- x", "- 8,560\n- x"),
        ("> {{one:.1f}}", "> 8560.4"),
        ("{{one:n}}", "| n |\n| ---: |\n| 8560 |"),
    ],
)
def test_one_value_with_a_format_is_no_table_where_it_stands_alone(text: str, shown: str) -> None:
    one = Query("one", "SELECT 1", ("n",), ((8560.4,),), count=1)
    assert fill(pieces_of(f"```sql one\nSELECT 1\n```\n{text}"), {"one": one}).text == shown
