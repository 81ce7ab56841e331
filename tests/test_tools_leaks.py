"""Ways around the level: columns that hardly differ, nested and doubled columns, texts, errors."""

from __future__ import annotations

import fractions
import json
import linecache
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from emulator import Answer, OpenRouter
from m1_magic import ask
from m1_magic.context.frames.summary import Wish
from m1_magic.privacy import redaction
from m1_magic.tools.results import Results
from test_tools_sql import told

ROWS = 120
PEOPLE = [f"Zyx{n:03}q" for n in range(60)]
MAILS = [f"kq{n:03}vv@corp.example" for n in range(60)]
CODES = pd.DataFrame({"who": PEOPLE, "born": pd.date_range("1971-03-04", periods=60)})


def teams() -> pd.DataFrame:
    """Two columns that differ in one row."""
    team = np.where(np.arange(ROWS) % 2, "red", "blue")
    moved = team.copy()
    moved[7] = "blue"
    return pd.DataFrame({"team": team, "moved": moved})


def line(text: str, column: str) -> str:
    """What is said of a column."""
    return next(one for one in text.splitlines() if one.startswith(f"- `{column}`"))


def sent(server: OpenRouter, number: int) -> list[str]:
    return [str(one["content"]) for one in server.chats[number].body["messages"]]


def test_a_query_tells_of_a_column_what_was_told_beside_its_like(server: OpenRouter) -> None:
    for query in ("SELECT moved FROM staff", "SELECT count(*) FROM staff GROUP BY moved"):
        (text,) = told(server, [query], teams())
        (attached,) = (one for one in sent(server, -2) if "`moved`" in one)
        assert line(text, "moved") == line(attached, "moved")
        assert "50.8 %" not in text and "`team`: text" not in text


def test_queries_of_two_tables_tell_of_them_as_of_both(server: OpenRouter) -> None:
    whole, less = teams(), teams().drop(index=7)
    calls = [("sql", {"query": f"SELECT team FROM {name}"}) for name in ("a", "b")]
    server.say(Answer.calling(*calls), Answer(text="Done."))
    ask("go", df={"a": whole, "b": less}, tools="sql", yes=True)
    texts = sent(server, -1)
    assert "but for fewer than 5 rows" in line(texts[-1], "team")
    assert "49.6 %" not in texts[-1]


def test_a_result_is_told_like_the_table_that_went_along(server: OpenRouter) -> None:
    table = teams()

    def fewer() -> object:
        table.loc[7] = table.loc[6]  # in what was told, too
        return table[["team"]]

    server.say(Answer.calling(("fewer", {})), Answer(text="Done."))
    ask("go", df={"table": table}, tools=[fewer], yes=True)
    assert "but for fewer than 5 rows" in line(sent(server, -1)[-1], "team")


HIDDEN = [
    pd.concat(
        [pd.Series(MAILS, name="via"), pd.Series(["web", "desk"] * 30, name="via")], axis=1
    ).assign(n=range(60)),
    pl.DataFrame({"n": range(60), "via": [{"mail": one, "way": "x"} for one in MAILS]}),
    pl.DataFrame({"n": range(60), "via": [[one] for one in MAILS]}),
    pl.DataFrame({"n": range(60), "via": [[{"email": one.partition("@")[0]}] for one in MAILS]}),
]


@pytest.mark.parametrize("table", HIDDEN)
def test_queries_do_not_see_into_what_looks_personal(server: OpenRouter, table: Any) -> None:
    queries = ["SELECT * FROM staff", "SELECT reverse(CAST(via AS VARCHAR)) AS x FROM staff"]
    queries += [
        "SELECT reverse(via.mail) FROM staff",
        "SELECT reverse(via[1]) FROM staff",
        "SELECT n FROM staff",
    ]
    *texts, plain = told(server, queries, table, send="sample:60")
    assert not [t for t in texts if "kq" in t or "vv" in t or "qk" in t]
    assert plain.count("\nrow ") == 60


def rows() -> list[dict[str, Any]]:
    return [{str(name): cell for name, cell in row.items()} for row in CODES.to_dict("records")]


class Money(fractions.Fraction):
    """A number that prints more than itself."""

    def __str__(self) -> str:
        return CODES.to_csv()


@pytest.mark.parametrize("level", ["names", "stats"])
@pytest.mark.parametrize(
    "value",
    [
        repr(rows()),
        f"The rows are {rows()!r}.",
        "Found: " + json.dumps({"who": PEOPLE, "n": [*range(60)]}),
        "\n".join(PEOPLE),
        ", ".join(PEOPLE),
        "\n".join(f"- {one}" for one in PEOPLE),
        "People:\n" + "\n".join(PEOPLE),
        "\n".join(map(repr, rows())),
        "\n".join(map(repr, CODES.itertuples())),
        Money(1, 3),
        [Money(1, 3)] * 3,
    ],
)
def test_a_table_is_one_in_any_text(value: object, level: str) -> None:
    text = Results(Wish(level=level), redaction.ISSUERS).told(value)
    assert text and "Zyx" not in text


@pytest.mark.parametrize(
    "text",
    [
        "It rains, as it did yesterday, but not in Rome, Oslo or Paris; and it is cold.",
        "red, blue, green",
        "1. Open the door.\n2. Go out.\n" * 5,
        "Use f([1, 2]) or g({'a': 1}).",
        "[f(x) for x in y]",
    ],
)
def test_words_stay_words(text: str) -> None:
    assert Results(Wish(), redaction.ISSUERS).told(text) == text.strip()


NAMED = "Ottokar Abendroth"
RAISING = {
    "no file": "raise ValueError(f'nobody is called {name} here')",
    "no words": "raise ValueError(name)",
    "syntax": "raise SyntaxError(name)",
    "system": "raise OSError(2, name)",
    "a type of its own": "raise type(name.replace(' ', ''), (LookupError,), {})",
}


@pytest.mark.parametrize("read", [True, False])
@pytest.mark.parametrize("how", RAISING)
def test_an_error_tells_no_value_whether_its_code_can_be_read(how: str, read: bool) -> None:
    source, file = f"def look(name):\n    {RAISING[how]}\n", f"<{how} {read}>"
    space: dict[str, Any] = {}
    exec(compile(source, file, "exec"), space)
    if read:
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    with pytest.raises(Exception) as caught:
        space["look"](NAMED)
    text = Results(Wish(), redaction.ISSUERS).raised(caught.value, "{}")
    assert text.startswith("It raised ")
    assert not any(word in text for word in NAMED.split())


def test_pythons_own_words_leave_where_no_code_can_be_read() -> None:
    space: dict[str, Any] = {}
    exec("def look(name):\n    return int(name)\n", space)
    with pytest.raises(ValueError, match="invalid") as caught:
        space["look"](NAMED)
    text = Results(Wish(), redaction.ISSUERS).raised(caught.value, "{}")
    assert text == "It raised ValueError: invalid literal for int() with base 10: '…'"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT pay FROM staff, range(100) WHERE name = 'Zebulon'",
        "FROM staff, range(100) SELECT pay",
        "staff.loc[[0] * 100].assign(pay=lambda d: d.pay)",
    ],
)
def test_a_function_that_runs_what_m1_wrote_tells_no_figure(server: OpenRouter, sql: str) -> None:
    def query(sql: str) -> object:
        return pd.DataFrame({"pay": [918_273] * 100})

    server.say(Answer.calling(("query", {"sql": sql}), ("query", {"sql": "all"})), Answer(text="."))
    ask("go", tools=[query], yes=True)
    one, plain = sent(server, -1)[-2:]
    assert "918" not in one and "100 rows" in one
    assert "always 918273" in plain
