"""Figures of ``--exact`` from end to end: what is right is shown right, what is bad costs nothing.

Through ``ask()`` and cells, the emulator answering.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import palmerpenguins
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import notebooks
import tapes
from emulator import Answer, OpenRouter
from faulty import until
from ledgers import rows
from m1_magic import api, ask
from m1_magic.app import PROCESS
from m1_magic.calls import Event, Reply, Started, TextDelta, Unsettled
from m1_magic.computed import Query
from m1_magic.errors import Stopped, UsageError
from m1_magic.exact import answer
from m1_magic.exact.running import Running
from m1_magic.interrupts import Stop
from m1_magic.options import flags
from m1_magic.render.markup import html
from scripted import Seen
from shells import Run
from test_exact_sandbox import FAILING

SALES = pd.DataFrame({"region": ["North", "South", "North", "East"] * 50, "amount": range(200)})
TOP = "SELECT region, sum(amount) AS total FROM sales GROUP BY region ORDER BY total DESC"


def fence(name: str, sql: str) -> str:
    return f"```sql {name}\n{sql}\n```\n"


def exact(server: OpenRouter, *answers: str | Answer, df: Any = None, **more: Any) -> Reply:
    """Ask of a table, each of the answers being one round."""
    server.say(*(Answer(one) if isinstance(one, str) else one for one in answers))
    return ask("Who leads?", df={"sales": SALES} if df is None else df, exact=True, **more)


# 168 statistics of groups

MEASURES = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
STATISTICS = {
    "count": "count",
    "mean": "avg",
    "median": "median",
    "min": "min",
    "max": "max",
    "std": "stddev_samp",
}
FORMATS = (",.2f", "", ".1f", ",.0f", ".3e", "08.2f")


def statistics() -> Iterator[tuple[str, str, str, str, float]]:
    """Yield column, group, measure, statistic and value, as pandas has them."""
    table = palmerpenguins.load_penguins()
    for by in ("species", "island", "sex"):
        for group, part in table.groupby(by):
            for measure in MEASURES[: 4 if by != "sex" else 2]:
                found = part[measure].agg(list(STATISTICS))
                yield from ((by, str(group), measure, what, found[what]) for what in STATISTICS)


def test_168_statistics_of_the_penguins_are_shown_right(server: OpenRouter) -> None:
    queries = ""
    for by in ("species", "island", "sex"):
        each = [f"{f}({m}) AS {m}_{what}" for m in MEASURES for what, f in STATISTICS.items()]
        queries += fence(by, f"SELECT {by}, {', '.join(each)} FROM penguins GROUP BY {by}")
    lines, expected = [], []
    for at, (by, group, measure, what, value) in enumerate(statistics()):
        spec = FORMATS[at % len(FORMATS)]
        place = f"{by}.{measure}_{what}[{group}]" + (f":{spec}" if spec else "")
        shown = format(value, spec) if spec else f"{value:.4g}"
        lines.append(f"- {measure} of {group}, {what}: **{{{{{place}}}}}**\n")
        expected.append(f"- {measure} of {group}, {what}: **{shown}**\n")
    assert len(lines) == 168
    server.say(Answer("".join(lines) + queries, piece=50))
    reply = ask("?", df={"penguins": palmerpenguins.load_penguins()}, exact=True)
    assert reply.text == "".join(expected) + "\n" * reply.text.endswith("\n\n")
    assert [(one.query, one.reason, one.note) for one in reply.figures] == [
        (line.split("{{")[1].split(".")[0], "", "") for line in lines
    ]
    assert [reply.text[one.start : one.end] for one in reply.figures] == [
        line.split("**")[1] for line in expected
    ]


def test_false_figures_of_the_penguins_are_unchecked_and_never_computed(
    server: OpenRouter,
) -> None:
    lines, false = [], []
    for at, (_, group, measure, what, value) in enumerate(statistics()):
        told = f"{value * (1.13 if at % 2 else 1):.2f}"
        lines.append(f"- {measure} of {group}, {what}: {told}\n")
        false += [told] * (at % 2)
    assert (len(lines), len(false)) == (168, 84)
    server.say(Answer("".join(lines), piece=50))
    reply = ask("?", df={"penguins": palmerpenguins.load_penguins()}, exact=True)
    assert reply.text == "".join(lines) and not reply.queries
    assert not [one for one in reply.figures if one.query]
    unchecked = [one.text for one in reply.figures]
    assert [one for one in unchecked if one in false] == false


# Bad queries

BAD = """
CREATE TABLE x AS SELECT 1|DROP VIEW sales|ALTER VIEW sales RENAME TO s|CREATE MACRO sum(a) AS 1
INSERT INTO sales VALUES ('x', 1)|UPDATE sales SET amount = 0|DELETE FROM sales|TRUNCATE sales
PRAGMA database_list|CALL duckdb_settings()|COPY sales TO '{new}'|COPY sales FROM '{file}'
ATTACH '{new}' AS x|SET memory_limit = '99GB'|SET enable_external_access = true|RESET threads
SELECT 1; SELECT 2|SELECT 1; DROP VIEW sales|SELECT getenv('HOME')|SELECT current_setting('threads')
FROM read_csv('{file}')|SELECT * FROM '{file}'|SELECT * FROM glob('*')|FROM read_text('{file}')
FROM 'https://example.com/a.csv'|FROM read_parquet('s3://b/a.parquet')|INSTALL httpfs
SELECT * FROM secret_frame|FROM "sales;DROP VIEW sales"|SELECT 1 /* */; /* */ DROP VIEW sales
SELECT 1 -- x; SELECT 2{line}; DROP VIEW sales|/* SELECT 1 */|-- SELECT 1|hello|SELECT|SELECT 'a
""".replace("\n", "|")
AT_ITS_LIMIT = """
SELECT count(*) FROM sales a, sales b, sales c, sales d, sales e, sales f
SELECT count(*) FROM range(10000000000) a, range(10000000000) b
WITH RECURSIVE x AS (SELECT 1 a UNION ALL SELECT a + 1 FROM x) SELECT count(*) FROM x
WITH RECURSIVE x AS (SELECT 1 a UNION ALL SELECT a + 1 FROM x) FROM x
"""


def fails_in_one_sentence(query: Query) -> None:
    assert query.error[:3] == "It " or query.error[:5] == "There", query
    assert query.error[-1] in ".?" and not query.rows and "\n" not in query.error, query
    assert len(query.error) < 200 and "CANARY" not in query.error


def test_an_endless_query_ends_at_its_limit(server: OpenRouter) -> None:
    api.settings().query_timeout, api.settings().repairs = 0.1, 0
    endless = AT_ITS_LIMIT.split("\n")[1:-1]
    parts = (f"Of {n}: {{{{e{n}.x}}}}.\n\n" + fence(f"e{n}", sql) for n, sql in enumerate(endless))
    reply = exact(server, Answer("".join(parts), piece=200), df={"sales": SALES})
    assert reply.text.split() == [word for n in range(4) for word in ("Of", f"{n}:", "?.")]
    assert len(reply.queries) == 4
    for query in reply.queries:
        fails_in_one_sentence(query)


def test_each_bad_query_is_one_clear_sentence_and_nothing_is_run_or_lost(
    server: OpenRouter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file, new = tmp_path / "there.csv", tmp_path / "new.out"
    file.write_text("secret\nCANARY\n")
    api.settings().repairs = 0
    bad = [one for one in BAD.split("|") if one]
    text = fence("top", TOP)
    for number, sql in enumerate(bad):
        sql = sql.replace("{file}", str(file)).replace("{new}", str(new)).replace("{line}", "\n")
        text += f"Of {number}: {{{{bad{number}.x}}}} and {{{{top.total}}}}.\n\n"
        text += fence(f"bad{number}", sql)
    frame = SALES.copy(deep=True)
    reply = exact(
        server,
        Answer(text, piece=200),
        df={"sales": frame},
        namespace={"secret_frame": pd.DataFrame({"a": [1]})},
    )
    assert reply.text.split("\n\n") == [
        f"Of {number}: ? and 9900." + "\n" * (number == len(bad) - 1) for number in range(len(bad))
    ]
    top, *failed = reply.queries
    assert not top.error and len(failed) == len(bad)
    for query in failed:
        fails_in_one_sentence(query)
    pd.testing.assert_frame_equal(frame, SALES)
    assert [one.name for one in tmp_path.iterdir() if one.suffix] == ["there.csv"]
    reasons = [one.reason for one in reply.figures if one.text == "?"]
    assert reasons == [f"the query {one.name} failed: {one.error}" for one in failed]
    assert reply.status == "ok" and reply.cost is not None and len(server.chats) == 1
    assert reply.template == text and any("more note" in note for note in reply.notes)


def test_results_of_ten_million_rows_and_of_five_thousand_columns(server: OpenRouter) -> None:
    wide = pa.table({f"c{number}": [number] for number in range(5_000)})
    text = (
        fence("all", "SELECT range AS n, 10000000 - range AS m FROM range(10000000)")
        + fence("wide", "FROM wide")
        + fence("cross", "SELECT a.amount FROM sales a, sales b")
        + "{{all.m[-1]}} {{all.n[1000]}} {{all.m[5000000]}} {{all.m[9999999]}} {{all.n[99999999]}}"
        + " {{all.m[4000000]:,d}} {{wide.c4999}} {{cross.amount[-1]}} {{cross.amount[x]}}"
        + "\n\n{{wide}}\n"
    )
    api.settings().query_timeout = 100
    reply = exact(server, Answer(text, piece=100), df={"sales": SALES, "wide": wide})
    line, _, table = reply.text.partition("\n\n")
    assert line == "1 1000 5000000 1 – 6,000,000 4999 199 –"
    assert table.endswith("… 4,980 more columns\n")
    assert [(one.count, len(one.rows)) for one in reply.queries] == [
        (10_000_000, 1_000),
        (1, 1),
        (40_000, 1_000),
    ]
    assert [one.note for one in reply.figures if one.note] == ["cross has no row x"]


NAMES = ['a"b', "a'b", "{x}", "<b>*x*</b>", "a|b", "select", "größe", "a;b", "-- x", "{{top.x}}"]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def test_names_with_quotes_markup_and_braces(server: OpenRouter) -> None:
    frame = pd.DataFrame({name: [at, 2 * at] for at, name in enumerate(NAMES)})
    sql = f"SELECT {', '.join(map(quoted, NAMES))} FROM {quoted(NAMES[0])}"
    places = "".join(f"- {{{{q.{quoted(name)}[1]}}}}\n" for name in NAMES if "{{" not in name)
    reply = exact(server, fence("q", sql) + places + "\n{{q}}\n", df={NAMES[0]: frame})
    assert not reply.queries[0].error and reply.queries[0].columns == tuple(NAMES)
    items, _, table = reply.text.partition("\n\n")
    assert items.splitlines() == [f"- {2 * at}" for at in range(len(NAMES) - 1)]
    assert "<b>" not in table and "a|b" not in table and "{{top.x}}" not in table


ODD = [
    "*x* _y_ `z` [a](https://evil.example) ![b](x)",
    "<script>alert(1)</script>&amp;",
    "{{top.total}} {{v.x}}",
    "a\x1b[31m\u202e\r\n\r\n# b\x00",
    "```sql evil\nSELECT 1\n```\n",
    "| a | b |",
    "$x^2$ \\(y\\)",
    "1. x",
]


def test_values_with_markup_are_shown_and_what_they_name_is_not_filled_in(
    server: OpenRouter,
) -> None:
    frame = pd.DataFrame({"x": ODD})
    places = "".join(f"\nA{at} {{{{v.x[{at}]}}}} B\n" for at in range(len(ODD)))
    reply = exact(server, fence("v", "FROM t") + places + "\n{{v}}\n", df={"t": frame})
    assert len(reply.queries) == 1 and len(reply.figures) == len(ODD) + 1
    lines = reply.text.split("\n\n")
    assert len(lines) == len(ODD) + 1 and not re.search("[\x00-\x09\x0b-\x1f\u202e]", reply.text)
    page = re.sub("<[^>]*>", "", html(reply.text))
    for value in ODD[:3] + ODD[5:]:
        assert unescape(page).count(value) >= 2, value
    assert "<script" not in html(reply.text) and 'evil.example"' not in html(reply.text)


def test_a_fence_without_an_end_and_two_queries_of_one_name(server: OpenRouter) -> None:
    text = fence("top", TOP) + fence("top", "SELECT 1 AS total") + "A {{top.total}}, {{b.x}}.\n"
    reply = exact(server, text + "\n```sql b\nSELECT 1 AS x\n")
    assert reply.text.startswith("A ?, ?.\n") and "SELECT 1 AS x" in reply.text
    assert [one.reason for one in reply.figures] == [
        "another query is named top, too: this one was not run",
        "the query b does not end: it was not run",
    ]
    assert (reply.status, len(server.chats)) == ("ok", 1) and set(reply.notes) >= {
        one.reason for one in reply.figures
    }


def test_without_a_query_it_is_an_ordinary_answer_with_all_its_numbers_unchecked(
    server: OpenRouter,
) -> None:
    text = "About 17 % of 812 rows; {{name}} is Jinja, $x_1 = 3.14$, `5`.\n"
    reply = exact(server, text)
    assert (reply.text, reply.template, reply.queries) == (text, text, ())
    assert [one.text for one in reply.figures] == ["17 %", "812", "3.14"]
    assert not any(one.query for one in reply.figures)


@pytest.mark.parametrize("change", ["del", "rebind"])
def test_a_table_that_is_deleted_meanwhile_costs_nothing(server: OpenRouter, change: str) -> None:
    """It is the table that was sent; what is gone before a chat goes on is told so, once."""
    text = fence("top", TOP) + "{{top.total}}"
    ask_of = {"sales": SALES}
    server.say(Answer(text), Answer(text))
    reply = ask("Who?", df="sales", namespace=ask_of, exact=True, chat="c")
    assert reply.text == "9900"
    gone = {"sales": 5} if change == "rebind" else {}
    with pytest.raises(UsageError, match="sales") as refused:
        ask("And now?", namespace=gone, exact=True, chat="c")
    assert "Nothing was sent" in str(refused.value) and len(server.chats) == 1


# While it comes


def test_however_it_comes_the_answer_is_the_same(
    server: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer, "EVERY", 0.0)
    text = (
        "# Sales\n\nA **{{top.region}}** of {{top.total:,.0f}}, 12.5 %.\n\n"
        + fence("top", TOP)
        + "- a\n- {{top.total[1]}}\n\n"
        + fence("n", "SELECT count(*) FROM sales")
        + "\n{{top:bar}}\n\nOf {{n}}: {{no.x}} and `{{top.region[-1]}}`.\n"
    )
    replies, told = [], []
    for piece in (1, 3, 50, 1000):
        view = Seen()
        server.say(Answer(text, piece=piece))
        options = flags.from_python({"exact": True, "fresh": True}, ("sales",))
        replies.append(api.run("Who?", options, {"sales": SALES}, view))
        told.append(view.text)
        assert replies[-1].text.startswith(view.text)
        for event in view.events:  # what is settled is so to the letter, its figures in place
            for one in event.figures if isinstance(event, TextDelta) else ():
                assert one in replies[-1].figures
    assert len({one.text for one in replies}) == len({one.figures for one in replies}) == 1
    for part in ("**North** of 9,900, 12.5 %", "Of 200: ? and `South`"):
        assert part in replies[0].text
    every = {tuple(replace(q, seconds=0) for q in one.queries) for one in replies}
    assert len(every) == 1 and told[0].startswith("# Sales")


@pytest.mark.parametrize("moment", ["open", "feed", "tick", "close"])
def test_a_view_that_breaks_costs_no_figure(server: OpenRouter, moment: str) -> None:
    server.say(Answer(fence("top", TOP) + "A {{top.total}}.\n\nB\n", piece=5))
    options = flags.from_python({"exact": True}, ("sales",))
    with pytest.warns(Warning, match="display"):
        reply = api.run("Who?", options, {"sales": SALES}, Seen(**{moment: ValueError("x")}))
    assert (reply.text, reply.status) == ("A 9900.\n\nB\n", "ok") and reply.cost


# The repair

BROKEN = fence("odd", "SELECT ammount AS n FROM sales") + fence("top", TOP)
BROKEN += "{{top.total}}, so {{odd.n}}.\n"
FIXED = fence("odd", "SELECT max(amount) AS n FROM sales")


def spent() -> list[tuple[Any, ...]]:
    path = PROCESS.session().ledger.path
    return rows(path, "SELECT state, cost_nano FROM attempts")


@pytest.mark.parametrize(
    ("second", "text"),
    [
        (FIXED, "9900, so 199.\n"),
        (f"Sorry!\n{FIXED}\n{{{{odd.n}}}} 77", "9900, so 199.\n"),
        (FIXED.replace("sql odd", "sql other"), "9900, so ?.\n"),
        (fence("top", "SELECT 1 AS total, 2 AS region"), "9900, so ?.\n"),
        (fence("odd", "SELECT amunt AS n FROM sales"), "9900, so ?.\n"),
        (fence("odd", "DROP VIEW sales"), "9900, so ?.\n"),
        (fence("odd", "SELECT 1 AS other"), "9900, so ?.\n"),
        (FIXED + fence("odd", "SELECT 5 AS n"), "9900, so 199.\n"),
        ("```sql odd\nSELECT max(amount) AS n FROM sales", "9900, so ?.\n"),
        (Answer(""), "9900, so ?.\n"),
        (Answer(status=500), "9900, so ?.\n"),
        (Answer.broken("```sql o"), "9900, so ?.\n"),
        (Answer(FIXED, finish="length"), "9900, so 199.\n"),
    ],
)
def test_whatever_a_repair_brings_neither_the_answer_nor_a_cent_is_lost(
    server: OpenRouter, second: str | Answer, text: str
) -> None:
    api.settings().max_retries = 0
    view = Seen()
    server.say(Answer(BROKEN), second if isinstance(second, Answer) else Answer(second))
    options = flags.from_python({"exact": True}, ("sales",))
    reply = api.run("Who?", options, {"sales": SALES}, view)
    assert (reply.text, reply.status, len(server.chats)) == (text, "ok", 2)
    call = view.receipt.call
    assert len(call.attempts) == 2 and call.reply is not None and call.reply.text == text
    told = {(a.state, a.cost if a.cost is None else int(a.cost * 10**9)) for a in call.attempts}
    assert told == set(spent())
    costs = [a.cost for a in call.attempts]
    assert reply.cost == (None if None in costs else sum(costs))
    ((kept, status),) = rows(PROCESS.session().ledger.path, "SELECT answer, status FROM calls")
    assert (kept, status) == (reply.template, "ok") and "9900" not in kept
    assert "{{odd.n}}" in reply.template and [one.name for one in reply.queries] == ["odd", "top"]
    if "?" in text:
        assert any("odd" in note for note in reply.notes)


def test_a_budget_that_forbids_the_repair_costs_the_failed_figure_only(server: OpenRouter) -> None:
    server.say(Answer(BROKEN, cost=0.02))
    api.settings().max_cost = None
    api.settings().budget = 0.025
    reply = ask("Who?", df={"sales": SALES}, exact=True, max_tokens=4_000)
    assert (reply.text, reply.status, len(server.chats)) == ("9900, so ?.\n", "ok", 1)
    assert float(reply.cost or 0) == 0.02 and len(spent()) == 1
    assert "could not be asked for again" in " ".join(reply.notes)


@pytest.mark.parametrize(("repairs", "text"), [(0, "?"), (1, "?"), (2, "199"), (3, "199")])
def test_it_is_asked_again_as_often_as_the_setting_says(
    server: OpenRouter, repairs: int, text: str
) -> None:
    api.settings().repairs = repairs
    rounds = [BROKEN, fence("odd", "SELECT amunt AS n FROM sales"), FIXED][: 1 + repairs]
    reply = exact(server, *rounds)
    assert reply.text == f"9900, so {text}.\n" and len(spent()) == len(rounds)


# Stop

ENDLESS = "SELECT count(*) FROM range(10000000000) a, range(10000000000) b"


def stopped(server: OpenRouter, view: Seen, *answers: Answer) -> Stopped:
    """Ask in a thread whose Stop the view presses; return how it ended."""
    ended: list[BaseException] = []

    def work() -> None:
        with stop.listening():
            try:
                options = flags.from_python({"exact": True}, ("sales",))
                api.run("Who?", options, {"sales": SALES}, view)
            except BaseException as error:
                ended.append(error)

    stop = Stop()
    view.stop = stop  # type: ignore[attr-defined]
    api.settings().query_timeout = 600
    server.say(*answers)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    (error,) = ended
    assert isinstance(error, Stopped) and not thread.is_alive()
    return error


class Presses(Seen):
    """A view that presses Stop as soon as it is told of such an event."""

    def __init__(self, when: Callable[[Event], bool]) -> None:
        super().__init__()
        self._when = when

    def feed(self, event: Event) -> None:
        super().feed(event)
        if self._when(event):
            self.stop.press()  # type: ignore[attr-defined]

    def tick(self) -> float | None:
        return 0.01


def test_stop_ends_a_query_without_end_at_once_and_keeps_the_rest(server: OpenRouter) -> None:
    text = f"{fence('top', TOP)}A {{{{top.total}}}}.\n\n{fence('e', ENDLESS)}B {{{{e.x}}}}.\n"
    view = Presses(lambda event: isinstance(event, Unsettled) and "A 9900" in event.text)
    reply = stopped(server, view, Answer(text)).reply
    assert reply and reply.status == "stopped" and reply.text == "A 9900.\n\nB ?.\n"
    assert reply.cost and [one.sql for one in reply.queries] == [TOP, ENDLESS]
    assert reply.figures[1].reason == "the query e failed: It was stopped."
    assert len(server.chats) == 1 and view.receipt.call.reply == reply
    ((kept, status),) = rows(PROCESS.session().ledger.path, "SELECT answer, status FROM calls")
    assert (kept, status) == (text, "stopped")


def test_stop_while_it_is_asked_again_keeps_the_first_answer(server: OpenRouter) -> None:
    view = Presses(lambda event: isinstance(event, Started) and len(server.chats) == 2)
    again = Answer(FIXED, hold=threading.Event(), hold_after=1)
    reply = stopped(server, view, Answer(BROKEN), again).reply
    assert reply and (reply.text, reply.status) == ("9900, so ?.\n", "stopped")
    assert len(view.receipt.call.attempts) == 2 and len(spent()) == 2
    assert again.hold is not None
    again.hold.set()


def test_ctrl_c_in_a_cell_ends_what_it_computes(
    run: Run, server: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"{fence('top', TOP)}A {{{{top.total}}}}.\n\n{fence('e', ENDLESS)}B {{{{e.x}}}}.\n"
    server.say(Answer(text))
    wait, pressed = Running.wait, []

    def press(running: Running) -> None:
        assert until(lambda: running.results["top"])
        os.kill(os.getpid(), signal.SIGINT)

    def waits(self: Running) -> None:
        if not pressed:
            pressed.append(threading.Thread(target=press, args=[self]))
            pressed[0].start()
        wait(self)

    monkeypatch.setattr(Running, "wait", waits)
    api.settings().query_timeout = 600
    ran = run("%%m1 -d sales --exact -o r\nWho leads?")
    assert isinstance(ran.error, KeyboardInterrupt) and "Stopped by you" in ran.text
    assert "A 100." in ran.text and "B ?." in ran.text


# No result leaves

TEXT = st.text(st.sampled_from("\"'\\n|%{}`$<>;-é\x1b\u202e"), max_size=6)
CANARIES = {
    "t": st.builds("{}Qzx7canary{}".format, TEXT, TEXT),
    "n": st.integers(123_456_789, 10**9 - 1),
    "f": st.floats(1_234_567, 9_876_543).map(lambda value: round(value, 3) + 0.0005),
    "d": st.builds("{:04}-13-{:02}".format, st.integers(1000, 9999), st.integers(40, 99)),
    "l": st.lists(st.just("Lst9canary"), min_size=1, max_size=2),
    "s": st.fixed_dictionaries({"Key5canary": st.just("Vl3canary")}),
    "w": st.datetimes(pd.Timestamp("1910-01-01"), pd.Timestamp("1949-01-01")),
}
ODD_QUERIES = [one for one in FAILING.split("|") if one.strip()]
ODD_QUERIES += [
    "SELECT t AS x FROM t",
    "SELECT * FROM t",
    "SELECT error(t || n) AS x FROM t",
    "SELECT max(t) || 'x' AS x, nonsense FROM t",
    "FROM tt",
    "SELECT t.nn FROM t",
    "SELECT getenv(max(t)) FROM t",
    "SELECT CASE WHEN min(n) > 0 THEN error('yes') END FROM t",
]


def planted(value: object) -> list[str]:
    if isinstance(value, str):
        return re.findall(r"Qzx7canary|\d{4}-13-\d\d", value)
    if isinstance(value, list | dict):
        return ["Lst9canary", "Key5canary", "Vl3canary"]
    return [str(value)[:10] if hasattr(value, "year") else str(value).split(".")[0]]


@settings(max_examples=6, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    st.lists(st.fixed_dictionaries(CANARIES), min_size=1, max_size=4),
    st.lists(st.sampled_from(ODD_QUERIES), min_size=9, max_size=9),
)
def test_no_cell_stands_in_any_byte_that_leaves(
    records: list[dict[str, Any]], sqls: list[str]
) -> None:
    frame = pd.DataFrame(records)
    rounds = [
        "".join(fence(f"q{at}", sql) + f"\n{{{{q{at}}}}}\n" for at, sql in enumerate(part))
        for part in (sqls, sqls[3:] + sqls[:3], sqls[6:] + sqls[:6])
    ]
    with (
        OpenRouter() as server,
        pytest.MonkeyPatch.context() as patch,
        TemporaryDirectory() as home,
    ):
        patch.setenv("M1_HOME", home)
        patch.setenv("M1_BASE_URL", server.base_url)
        patch.setenv("OPENROUTER_API_KEY", server.key)
        api.end()
        api.settings().repairs = 2
        server.say(*map(Answer, [*rounds, rounds[0], "no", "no"]))
        names = {"t": frame}
        ask("What?", df="t", namespace=names, exact=True, chat="c", max_cost=5)
        ask("More?", namespace=names, exact=True, chat="c", max_cost=5)
        api.end()
        left = [str(one.body) for one in server.chats]
    words = {word for record in records for value in record.values() for word in planted(value)}
    assert len(left) >= 2 and words
    for body in left:
        assert not [word for word in words if word in body], body


def test_the_notebook_on_336776_flights_runs_on_its_tape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tapes.record("exact", tmp_path)
    assert made == tapes.kept("exact").read_bytes(), "python tests/tapes.py --write"
    assert b"70,774" not in made and str(tmp_path).encode() not in made
    monkeypatch.setenv("M1_MODE", "replay")
    monkeypatch.setenv("M1_TAPE", str(tapes.kept("exact")))
    monkeypatch.chdir(notebooks.FOLDER)
    shown = tapes.run(notebooks.FOLDER / "exact.ipynb")
    assert "**70,774** of 336,776 flights left more than 15 minutes late, 21.5%" in shown
    assert f"answered {tapes.MODEL} · text on exact.tape.jsonl, figures computed now" in shown
    assert "14 figures computed here, 1 unchecked" in shown
    assert "every 7.4 minutes of the year" in shown and round(365 * 24 * 60 / 70_774, 1) == 7.4
    assert "70,774 → 36,483" in shown and "| January | 4918 | ███" in shown
