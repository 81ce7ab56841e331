"""``--cells`` and ``--error``: what of earlier cells and of the last error leaves."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell

import notebooks
import shells
from emulator import OpenRouter
from m1_magic import ask
from m1_magic.context import last_error
from m1_magic.context.cells import Cell, chosen
from m1_magic.context.frames.summary import Wish
from m1_magic.errors import UsageError
from m1_magic.jupyter import history
from m1_magic.privacy import each_run, error_messages, outputs, redaction
from m1_magic.privacy.error_messages import ALWAYS, words
from m1_magic.privacy.personal_text import hidden
from m1_magic.text import clean_output, cut_middle

CANARY = "zqxwvj"  # a person's name, in no code
KEY = "sk-or-v1-" + "a1b2c3d4" * 8
BELOW = ("names", "schema", "stats")
LEVELS = (*BELOW, "sample")
Run = Callable[..., Any]


@pytest.fixture
def shell(server: OpenRouter, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """IPython's one shell, with a table in which one person is called CANARY."""
    names = [CANARY.title(), *(f"Person {chr(65 + i)}" for i in range(19))]
    table = pd.DataFrame({"who": names, "amount": range(20)})
    with shells.the_one(monkeypatch, df=table, key=KEY) as made:
        yield made


@pytest.fixture
def run(shell: InteractiveShell) -> Run:
    """Run cells as a notebook does; return what the last one showed, and its error."""

    def run_cells(*sources: str) -> tuple[str, BaseException | None]:
        for source in sources:
            out = io.StringIO()
            with redirect_stdout(out), redirect_stderr(io.StringIO()):
                result = shell.run_cell(source, store_history=True)
        return out.getvalue(), result.error_before_exec or result.error_in_exec

    return run_cells


def everything(server: OpenRouter) -> str:
    return "\n".join(str(chat.body) for chat in server.chats).casefold()


# --- cells ------------------------------------------------------------------------------------


def test_a_notebooks_cells_go_with_what_they_printed_and_showed(server: OpenRouter) -> None:
    book = notebooks.run(
        "%load_ext m1_magic",
        "import pandas as pd\n"
        f"df = pd.DataFrame({{'who': ['Ann'] * 9 + ['{CANARY[:3]}' + '{CANARY[3:]}']}})",
        "print(df.tail(1))\ndf",
        "acc = 0.93\nprint(f'accuracy: {acc}')\nlen(df)",
        "1 / 0",
        "%%m1 --cells 3-5\nwhat is this?",
        "%%m1 --cells last\nand this?",
        "from m1_magic import ask\n'x' + ask('why?', cells='all', error=True).text",
    )
    assert "ZeroDivisionError" in notebooks.errors(book)[0]
    assert len(notebooks.errors(book)) == 1
    assert CANARY not in everything(server)
    first, last, python = (str(c.body["messages"][-1]["content"]) for c in server.chats)
    for part in (
        "In [3]:\nprint(df.tail(1))\ndf",
        "stdout:\n[2 lines left out at level stats]",
        "`Out[3]`: 10 rows × 1 columns",
        "stdout:\naccuracy: 0.93",
        "value:\n10",
        "In [5]:\n1 / 0",
        "raised:\nZeroDivisionError",
    ):
        assert part in first.replace("column;", "columns;"), part
    assert re.search(r"cells 3-5 → stats, [\d.k]+ tokens, .*1 output left out", str(book.cells[5]))
    assert 'cell="last cell"' in last
    assert "In [last]:\n1 / 0" in last and "In [3]" not in last
    assert 'cell="all cells"' in python
    assert "In [1]:\nimport pandas" in python and "In [4]:\n1 / 0" in python
    assert "ZeroDivisionError: division by zero" in python
    assert "ask(" not in python
    assert "%%m1" not in python


@pytest.mark.parametrize(
    "cell",
    [
        "df", "df.head(1)", "df.who", "df.who[:1]", "df.who[0]", "df.who.tolist()",
        "df.who.to_numpy()", "df.who.to_dict()", "df.to_dict('records')", "df.iloc[0].tolist()",
        "print(df)", "print(df.who[0])", "print(df.head(1).to_html())",
        "print(f'it is {df.who[0]}')",
        "for n in df.who: print(n)", "import sys; print(df.who[0], file=sys.stderr)",
        "display(df)", "display(df.who[0])", "df.style", "df.itertuples(index=False).__next__()",
        "from IPython.display import Markdown\nMarkdown('is ' + df.who[0])", "{'a': df.who[0]}",
        "df.groupby('who')", "print('\\x1b[31m' + df.who[0])",
        "!echo $(python -c \"print('zqx' 'wvj')\")",
    ],
)  # fmt: skip
def test_canaries_in_outputs_do_not_leave(server: OpenRouter, run: Run, cell: str) -> None:
    run("df", cell)
    for level in LEVELS:
        _, error = run(f"%%m1 --cells 2 --send {level}\nwhy?")
        assert error is None
        assert "In [2]:" in server.prompt
        if level != "sample":
            assert CANARY not in everything(server), level


def test_at_level_sample_printed_text_goes_along_but_personal_data_and_keys(
    server: OpenRouter, run: Run
) -> None:
    run(f"print('mail a.b@{CANARY}.org, card 4111111111111111,', key, df.who[0])")
    shown, error = run("%%m1 --cells last --send sample\nwhy?")
    assert error is None
    assert CANARY.title() in server.prompt
    printed_ = server.prompt.partition("stdout:\n")[2].split("\n")[0]
    assert printed_ == (
        "mail [masked: e-mail address], card [masked: card number], "
        f"[masked: OpenRouter key] {CANARY.title()}"
    )
    assert "3 values masked" in shown
    assert KEY not in everything(server)


def test_a_key_in_code_is_masked_and_counted(server: OpenRouter, run: Run) -> None:
    run(f"token = '{KEY}'\n" + "x = 1\n" * 9000, "1 / 0 # " + KEY)
    shown, error = run("%%m1 --cells all --error\nwhy?")
    assert error is None
    assert KEY[:20] not in everything(server)
    assert server.prompt.count("[masked: OpenRouter key]") == 4
    assert "characters left out]" in server.prompt
    assert "2 values masked" in shown


def test_pictures_are_named_and_stay(server: OpenRouter, run: Run) -> None:
    run("from IPython.display import Image\nImage(b'\\x89PNG' + b'x' * 12_000, format='png')")
    run("%%m1 --cells last\nwhat is in it?")
    assert "[picture, image/png, 12 kB]" in server.prompt
    assert "eHh4" not in server.prompt


def test_a_long_output_is_cut_in_the_middle(server: OpenRouter, run: Run) -> None:
    run("for i in range(9000): print('line', i)")
    run("%%m1 --cells last --send sample\nwhy?")
    text = server.prompt
    assert "line 0\n" in text and "line 8999" in text and "line 4500" not in text
    assert re.search(r"\[\d\d,\d{3} characters left out\]", text)
    assert len(text) < 4000


def test_what_ran_is_told_apart_from_what_runs(run: Run, shell: InteractiveShell) -> None:
    run("a = 1", "", "%%m1 --dry-run\nwhy?", "# only\nb = 2")
    assert [(cell.number, cell.source.split("\n")[0]) for cell in history.cells()] == [
        (1, "a = 1"), (2, "%%m1 --dry-run"), (3, "# only")]  # fmt: skip
    assert [cell.number for cell in history.cells() if cell.ours] == [2]
    run("from m1_magic.jupyter import history\nran = [c.number for c in history.cells()]")
    assert shell.user_ns["ran"] == [1, 2, 3]
    shell.run_cell("hidden = 1", store_history=False)
    assert len(history.cells()) == 4


@pytest.mark.parametrize(
    ("source", "ours"),
    [
        ("%%m1\nwhy?", True), ("# a\n\n%%m1 -m x\nwhy?", True), ("%m1 cost", True),
        ("%m1 cost\n# b\n%m1 log", True), ("%load_ext m1_magic", True), ("x = 1\n%m1 cost", False),
        ("%%m1x", False), ("ask('why?')", False), ("%%bash\n%m1", False), ("# a", False),
    ],
)  # fmt: skip
def test_cells_of_ours_are_known(source: str, ours: bool) -> None:
    assert Cell(1, source).ours is ours


def test_a_cell_of_ours_goes_only_by_its_number(server: OpenRouter, run: Run) -> None:
    run("a = 1", "%%m1\nfirst question", "b = 2")
    shown, _ = run("%%m1 --cells 1-3\nwhy?")
    assert "first question" not in server.prompt.partition("In [1]")[2]
    assert "%%m1: cell 2 left out" in shown
    shown, _ = run("%%m1 --cells 1,2\nwhy?")
    assert "first question" in server.prompt
    assert "%%m1: cell" not in shown


@pytest.mark.parametrize(
    "spec", ["9", "last,9", "7-9", "3-1", "0", "-1", "frist", "1;2", "''", "1-", "last-3"]
)
def test_a_wrong_spec_is_told_and_nothing_leaves(server: OpenRouter, run: Run, spec: str) -> None:
    run("a = 1")
    _, error = run(f"%%m1 --cells={spec}\nwhy?")
    assert isinstance(error, UsageError)
    assert "--cells" in str(error)
    assert server.chats == []


def test_where_nothing_ran_or_failed_it_is_told(server: OpenRouter, run: Run) -> None:
    for option, told in (("--cells last", "no cell ran"), ("--error", "no error")):
        _, error = run(f"%%m1 {option}\nwhy?")
        assert isinstance(error, UsageError)
        assert told in str(error)
    assert server.chats == []


def test_outside_of_ipython_there_are_none(server: OpenRouter, monkeypatch: Any) -> None:
    monkeypatch.delattr(sys, "last_value", raising=False)
    for options in ({"cells": "all"}, {"cells": 3}, {"error": True}):
        with pytest.raises(UsageError):
            ask("why?", **options)
    assert server.chats == []


def test_tab_completes_what_cells_takes(shell: InteractiveShell) -> None:
    assert {"last", "all"} <= set(shell.complete("", "%%m1 --cells ", 13)[1])
    assert "--error" in shell.complete("--er", "%%m1 --er", 9)[1]


def test_where_ipython_keeps_no_outputs_the_last_lines_value_goes(
    server: OpenRouter, run: Run, shell: InteractiveShell
) -> None:
    run("print('unkept')\n41 + 1", "df")
    manager: Any = shell.history_manager
    manager.outputs.clear()
    run("%%m1 --cells 1,2\nwhy?")
    assert "value:\n42" in server.prompt
    assert "`Out[2]`: 20 rows × 2 columns" in server.prompt


numbers = st.lists(st.integers(1, 40), unique=True, min_size=1).map(sorted)


@given(numbers, st.data())
def test_a_spec_chooses_what_it_says(ran: list[int], data: st.DataObject) -> None:
    ours = set(data.draw(st.lists(st.sampled_from(ran))))
    there = [Cell(n, "%%m1\nx" if n in ours else "x = 1") for n in ran]
    picked = data.draw(st.lists(st.sampled_from(ran), min_size=1))
    low, high = min(picked), max(picked)
    found = chosen(",".join(map(str, picked)), there)
    assert [cell.number for _, cell in found.cells] == sorted(set(picked))
    assert found.passed_over == ()
    inside = [n for n in ran if low <= n <= high]
    if set(inside) <= ours:
        with pytest.raises(UsageError):
            chosen(f"{low}-{high}", there)
        return
    meant = chosen(f"{low}-{high}", there)
    named = [(str(n), n) for n in inside if n not in ours]
    assert [(label, cell.number) for label, cell in meant.cells] == named
    assert list(meant.passed_over) == [n for n in inside if n in ours]
    assert [(label, cell.number) for label, cell in chosen("last", there).cells] == [
        ("last", max(set(ran) - ours))
    ]
    assert {cell.number for _, cell in chosen("all", there).cells} == set(ran) - ours


# --- tables that are summaries, and what is withheld -------------------------------------------


@pytest.fixture
def grouped(shell: InteractiveShell) -> None:
    """A table with groups of 9 rows, one of 3, and a canary in each extreme."""
    amounts = [float(n % 7) for n in range(27)]
    shell.user_ns["t"] = pd.DataFrame(
        {
            "region": ["north"] * 9 + ["south"] * 9 + ["east"] * 9 + ["tiny"] * 3,
            "amount": [*amounts, 8.25, 9.75, 7777.5],
            "who": [f"{CANARY} {n}" for n in range(30)],
        }
    )


AGGREGATED = [
    "t.describe()", "t.amount.describe()", "t[['amount']].describe().round(2)", "t.describe().T",
    "t.describe(include='all')", "t.groupby('region').amount.mean()", "s = t.describe()\ns",
    "t.groupby('region')['amount'].agg(['count', 'mean', 'max'])", "t.groupby('who').amount.sum()",
    "t.groupby(['region'], sort=False)[['amount']].sum().reset_index()", "t.region.value_counts()",
    "t.groupby('region').size().sort_values().head(2)", "x = 1\nt.groupby('region').amount.max()",
    "t[t.amount < 6].describe()", "v = t.groupby('region').amount.mean()\nv.to_frame()\nv",
    "t[(t['amount'] < 99) & ~(t.region == 'south')].groupby('region').amount.mean()",
    "t[t.region.isin(['north', 'south'])].describe()", "t.dropna().groupby('region').mean"
    "(numeric_only=True)",
]  # fmt: skip


@pytest.mark.parametrize("cell", AGGREGATED)
def test_a_table_that_aggregates_one_goes_as_the_figures_that_df_would_send(
    server: OpenRouter, run: Run, grouped: None, cell: str
) -> None:
    run(cell)
    shown, error = run("%%m1 --cells last\nwhy?")
    assert error is None
    text = server.prompt
    rows = re.search(r"`t[^`]*`: (\d+) rows × ", text)
    assert "[aggregates t" in text and rows and int(rows[1]) in (18, 20, 24, 30)
    assert "values withheld; --send sample sends" in shown
    assert CANARY not in everything(server) and "7777" not in text and "tiny" not in text
    if "groupby('region')" in cell and "amount" in cell:
        assert "mean `amount` by `region`" in text and '"north"' in text


@pytest.mark.parametrize(
    "cell",
    [
        "t.nlargest(3, 'amount').describe()", "t[t.region == 'tiny'].describe()",
        "t[t.amount < 7000].describe()", "t[lambda x: x.amount > 3].describe()",
        "t.query('amount > 3').describe()",
        "t.head(8)", "t.sort_values('amount').head(1)",
        "t.nlargest(3, 'amount')", "t.groupby('region').amount.apply(max)", "t.T",
        "t.amount.head(3)",
        "t.groupby('region').amount.agg(lambda x: x.max())", "t.groupby('region').head(1)",
        "t[t.amount.map(float) > 3].describe()", "t.eval('amount')", "t.describe() + 1",
        "t.agg('max').to_frame() * 1",
        "list(t.groupby('region').amount.sum().items())",
        "pd = __import__('pandas')\npd.concat([t])",
    ],
)  # fmt: skip
def test_where_that_is_not_certain_the_values_stay(
    server: OpenRouter, run: Run, grouped: None, cell: str
) -> None:
    run(cell)
    _, error = run("%%m1 --cells last\nwhy?")
    assert error is None
    assert "[aggregates" not in server.prompt
    assert CANARY not in everything(server) and "7777" not in server.prompt


@pytest.mark.parametrize(
    "cell",
    [
        "t.tail(1).describe()", "t.tail(1).amount.describe()",
        "t.tail(1)[['amount']].describe().T.T",
        "t.nlargest(1, 'amount').amount.agg(['min', 'max', 'mean', 'median', 'sum'])",
        "t.tail(1)[['amount']].quantile([0, 0.1, 0.2, 0.5, 0.9, 1])",
        "w = t.tail(1).describe()\nw", "display(t.tail(1).describe())",
        "t.assign(g=1).groupby('g').amount.transform('max')", "t.amount[::-1].cummax()",
        "t.amount[::-1].rolling(9, min_periods=1).max()", "t.amount[::-1].expanding().max()",
        "t.tail(1).reindex(range(29, 40), method='ffill')", "u.tail(1).describe()",
        "u.with_columns(pl.col('amount').max().over(pl.lit(1)))",
    ],
)  # fmt: skip
def test_one_row_in_many_rows_of_what_a_cell_computed_stays(
    server: OpenRouter, run: Run, grouped: None, shell: InteractiveShell, cell: str
) -> None:
    import polars as pl
    from IPython.display import display

    shell.user_ns |= {"u": pl.from_pandas(shell.user_ns["t"]), "pl": pl, "display": display}
    run(cell)
    _, error = run("%%m1 --cells last\nwhy?")
    assert error is None
    assert CANARY not in everything(server) and "7777" not in server.prompt


def test_a_table_that_has_changed_since_is_not_what_was_shown(
    server: OpenRouter, run: Run, grouped: None, shell: InteractiveShell
) -> None:
    run("t.describe()", "t = t[t.amount < 7]")
    run("%%m1 --cells 1\nwhy?")
    assert "[aggregates" not in server.prompt


@pytest.mark.parametrize("level", ["names", "schema"])
def test_below_stats_no_figures_go(server: OpenRouter, run: Run, grouped: None, level: str) -> None:
    run("t.describe()")
    run(f"%%m1 --cells last --send {level}\nwhy?")
    assert "[aggregates" not in server.prompt and "mean" not in server.prompt.partition("Out")[2]


def test_what_is_withheld_is_said_and_is_what_the_flag_sends(server: OpenRouter, run: Run) -> None:
    run("df.head(8)", "df.tail(3)", "df", "'text'")
    for cells, told in (
        ("1", "Out[1]: values withheld; --send sample sends these 8 rows"),
        ("1,2", "values withheld of Out[1] (these 8 rows), Out[2] (these 3 rows); --send sample"),
        ("3", "Out[3]: values withheld; --send sample sends these 20 rows"),
    ):
        for option in ("", "--dry-run"):
            shown, _ = run(f"%%m1 --cells {cells} {option}\nwhy?")
            assert told in shown
            assert shown.count("withheld;") + shown.count("withheld of") == 1
    assert CANARY not in everything(server)
    shown, _ = run("%%m1 --cells 1 --send sample\nwhy?")
    assert "withheld" not in shown
    rows = [line for line in server.prompt.splitlines() if line.startswith("row ")]
    assert len(rows) == 8 and CANARY.title() in rows[0]
    run("%%m1 --cells 1 --send sample:2\nwhy?")
    assert len([line for line in server.prompt.splitlines() if line.startswith("row ")]) == 2
    shown, _ = run("%%m1 --cells 4\nwhy?")
    assert "values withheld" not in shown


# --- errors -----------------------------------------------------------------------------------


def test_an_error_goes_with_its_frames_and_its_cell(server: OpenRouter, run: Run) -> None:
    run(
        "def share(table):\n    secret_local = 1\n    return table['amuont'].sum()",
        "\n\nx = 1\nshare(df)",
    )
    shown, error = run("%%m1 --error\nwhy?")
    assert error is None
    text = server.prompt
    assert 'error="KeyError"' in text
    assert "KeyError: 'amuont'" in text
    assert "  cell A:2 in <module>: share(df)" in text
    assert "  cell B:3 in share: return table['amuont'].sum()" in text
    assert re.search(r"  pandas/core/frame\.py:\d+ in __getitem__\n", text)
    assert "caused by: KeyError: 'amuont'" in text
    assert "     1 x = 1\n>>   2 share(df)" in text
    assert "secret_local" not in text
    assert str(Path.home()) not in text and "site-packages" not in text
    assert re.search(r"KeyError → stats, \d+ tokens", shown)


@pytest.mark.parametrize(
    "cell",
    [
        "float(df.who[0])", "{}[df.who[0]]", "df[df.who[0]]",
        "df.set_index('who').loc[[df.who[0]]].x",
        "raise ValueError(f'no {df.who[0]} here')", "raise KeyError(df.who[0])",
        "assert False, df.who[0]", "raise ValueError('two lines\\n' + df.who[0])", "int(df.who[0])",
        "e = ValueError('one')\ne.add_note(df.who[0])\nraise e", "eval('1 +* ' + df.who[0])",
        "try: int(df.who[0])\nexcept ValueError: 1 / 0",
        "try: int(df.who[0])\nexcept ValueError as e: raise TypeError from e",
        "raise ExceptionGroup('g', [ValueError(df.who[0]), KeyError(df.who[0])])",
        "pd = __import__('pandas')\npd.to_datetime(df.who)", "df.who.astype(float)",
        "pd = __import__('pandas')\npd.Timestamp(df.who[0])", "df.query('who == ' + df.who[0])",
        "pd = __import__('pandas')\npd.Categorical(['a'])[0:1].__setitem__(0, df.who[0])",
        "import json\njson.loads(df.who[0])", "open('/' + df.who[0])", "getattr(df, df.who[0])",
        "__import__(df.who[0])",
        "import sqlite3\nsqlite3.connect(':memory:').execute('select ' + df.who[0])",
        "(1).__class__.__call__(\"it's \" + df.who[0])", "exec('raise ' + df.who[0])",
        "import sys\nsys.exit(df.who[0])",
        "import duckdb\nduckdb.sql(f\"select '{df.who[0]}'::int\").fetchall()",
        "import polars as pl\npl.Series(list(df.who)).cast(pl.Int64)", "[].index(df.who[0])",
    ],
)  # fmt: skip
def test_canaries_in_errors_do_not_leave(
    server: OpenRouter, run: Run, shell: InteractiveShell, cell: str
) -> None:
    shell.user_ns["df"]["who"] = shell.user_ns["df"]["who"].replace(CANARY.title(), CANARY)
    _, raised = run(cell)
    assert raised is not None
    for level in BELOW:
        _, error = run(f"%%m1 --error --cells last --send {level}\nwhy?")
        assert error is None
        assert f"{type(raised).__name__}" in server.prompt
        assert CANARY not in everything(server), level


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("undefined_name", "NameError: name 'undefined_name' is not defined"),
        ("1 + 'a'", "TypeError: unsupported operand type(s) for +: 'int' and 'str'"),
        ("df.nosuch", "AttributeError: 'DataFrame' object has no attribute 'nosuch'"),
        ("None[0]", "TypeError: 'NoneType' object is not subscriptable"),
        ("import numpy as np\nnp.ones((3, 4)) + np.ones((5, 6))",
         "ValueError: operands could not be broadcast together with shapes (3,4) (5,6)"),
        ("raise ValueError('my own words, 12')", "ValueError: my own words, 12"),
        ("raise ValueError('sum ' + str(1234.5))", "ValueError: sum …"),
        ("float('12a')", "ValueError: could not convert string to float: '12a'"),
        ("x = (1", "SyntaxError: incomplete input\n  cell A:1: x = (1"),
        ("def f():\nx = 1",
         "IndentationError: expected an indented block after function definition"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt\n  cell A:1 in <module>"),
        ("%nosuchmagic", "UsageError"),
        ("def g(): g()\ng()", "(the same 9"),
        ("def g(n): g(n - 1) if n else 1 / 0\ng(9)", "(the same 9 more times)"),
        ("class E(Exception):\n    def __str__(self): 1 / 0\nraise E", 'error="ZeroDivisionError"'),
        ("raise ValueError('x' * 1_000_000)", "ValueError: … [997,600 more characters left out]"),
        ("raise ValueError('x\\n' * 1_000)", "ValueError: x [999 more lines left out]"),
        ("e = ValueError('a')\nfor i in range(99):\n    try: raise ValueError from e\n"
         "    except ValueError as n: e = n\nraise e", "caused by: ValueError"),
        ("e = ValueError('a')\ne.__cause__ = e\nraise e", "ValueError: a"),
        ("import asyncio\nawait asyncio.sleep('a')",
         "not supported between instances of 'str' and 'int'"),
    ],
)  # fmt: skip
def test_errors_of_all_kinds_are_told(server: OpenRouter, run: Run, cell: str, told: str) -> None:
    _, raised = run(cell)
    assert raised is not None
    _, error = run("%%m1 --error\nwhy?")
    assert error is None
    assert told in server.prompt
    assert len(server.prompt) < 12_000


def test_at_level_sample_the_whole_message_goes(server: OpenRouter, run: Run) -> None:
    run("raise ValueError(f'{df.who[0]} 1234.5\\nmail: x.y@example.org\\n' + key + '!' * 9000)")
    run("%%m1 --error --send sample\nwhy?")
    assert (
        f"ValueError: {CANARY.title()} 1234.5\nmail: [masked: e-mail address]\n[masked"
        in server.prompt
    )
    assert "characters left out]" in server.prompt
    assert KEY not in everything(server)


def test_an_error_of_ours_does_not_hide_the_last_one(server: OpenRouter, run: Run) -> None:
    run(
        "1 / 0",
        "%%m1 --nosuch\nwhy?",
        "%m1 nosuch",
        "from m1_magic import ask",
        "ask('', cells='x')",
    )
    run("%%m1 --error\nwhy?")
    assert "ZeroDivisionError" in server.prompt
    last = history.failure()
    assert last is not None
    assert last.label == "ZeroDivisionError: division by zero"


def test_an_error_before_the_extension_was_loaded_counts(server: OpenRouter, run: Run) -> None:
    run("%unload_ext m1_magic", "1 / 0", "%load_ext m1_magic", "%%m1 --nosuch\nwhy?")
    run("%%m1 --error\nwhy?")
    assert 'error="ZeroDivisionError"' in server.prompt
    assert ">>   1 1 / 0" in server.prompt


def test_an_error_that_run_shows_counts(server: OpenRouter, run: Run, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("x = 1\nx.nosuch\n")
    run(f"%run {tmp_path / 'script.py'}")
    run("%%m1 --error\nwhy?")
    assert "AttributeError: 'int' object has no attribute 'nosuch'" in server.prompt
    assert "  script.py:2 in <module>: x.nosuch" in server.prompt
    assert str(tmp_path) not in server.prompt.partition("Cell A")[0]


def test_no_frame_of_an_error_is_kept(run: Run) -> None:
    run("class Big: gone = False\n"
        "import weakref\nbig = Big()\nref = weakref.ref(big)\n"
        "def f(it): raise ValueError\n"
        "import gc", "f(big)", "del big")  # fmt: skip
    run("1 / 0", "import sys\nif hasattr(sys, 'last_exc'): del sys.last_exc", "gc.collect()")
    _, error = run("assert ref() is None")
    assert error is None


def test_an_error_that_cannot_say_anything_is_told() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise OSError(CANARY)

    failure = last_error.read(Mute(), lambda name: None)
    assert failure.label == "Mute: (no message: OSError)"
    made = last_error.attachment(failure, "stats", redaction.ISSUERS)
    assert made.text.startswith("Mute: (") and CANARY not in made.text


def test_unloading_forgets_the_error(run: Run, shell: InteractiveShell) -> None:
    run("1 / 0", "%unload_ext m1_magic")
    assert history.remember not in shell.events.callbacks["post_run_cell"]
    sys.last_value = UsageError("ours")
    assert history.failure() is None
    run("%load_ext m1_magic")


def test_errors_of_cells_that_are_not_in_the_history_do_not_count(
    run: Run, shell: InteractiveShell
) -> None:
    run("1 / 0")
    with redirect_stdout(io.StringIO()):
        shell.run_cell("nosuch", store_history=False)
    last = history.failure()
    assert last is not None
    assert last.label.startswith("ZeroDivisionError")


# --- the rules ---------------------------------------------------------------------------------

texts = st.text(alphabet=st.sampled_from("ab'\"` :.,()-\\\n1239eÄß=@"), max_size=60)


@given(st.sampled_from(BELOW), texts, texts, st.sampled_from([None, frozenset({"a"})]))
def test_what_a_message_quotes_leaves_only_if_it_was_typed(
    level: str, before: str, after: str, raiser: frozenset[str] | None
) -> None:
    before = before.replace("\n", " ")
    said = f"{before.rstrip()} '{CANARY} {CANARY}' {after}"
    told, count = error_messages.message(said, level, "x = 1", raiser)
    quotes = re.search(r"['\"`]", before + after)
    if not quotes or raiser is not None:
        assert CANARY not in told
        assert count
    told, _ = error_messages.message(f"'{CANARY}'", level, f"x = '{CANARY}'", raiser)
    assert told == f"'{CANARY}'"


@given(st.sampled_from(BELOW), st.text(max_size=80), st.integers(1000, 10**12))
def test_no_long_number_of_a_message_leaves(level: str, around: str, number: int) -> None:
    told, _ = error_messages.message(f"{around} {number} {around}", level, "x", None)
    assert str(number) not in told


@given(st.text(max_size=200), st.sampled_from(LEVELS))
def test_only_words_of_the_code_are_printed_below_sample(text: str, level: str) -> None:
    code = words("accuracy loss 12")
    if outputs.leaves(text, code, level):
        assert level in ("stats", "sample")
        if level == "stats":
            assert words(outputs.NUMBER.sub(" ", text)) <= code | ALWAYS
            assert len(re.findall(r"\d+", text)) <= 20
            assert "\n" not in text


@given(st.text(max_size=400), st.integers(10, 100))
def test_a_cut_text_keeps_its_ends(text: str, most: int) -> None:
    told = cut_middle(text, most)
    if len(text) <= most:
        assert told == text
    else:
        head, left, tail = re.fullmatch(
            r"(.*)\n\[([\d,]+) characters left out\]\n(.*)", told, re.S
        ).groups()  # type: ignore[union-attr]
        assert text.startswith(head) and text.endswith(tail)
        assert len(head) + len(tail) + int(left.replace(",", "")) == len(text)
        assert len(head) + len(tail) <= most + 1


@given(st.text(max_size=60), st.text(max_size=60))
def test_personal_data_is_hidden_and_nothing_else_changes(before: str, after: str) -> None:
    if "@" in before + after or re.search(r"[\d+]|://|<<|\$2", before + after):
        assert "x.y@example.org" not in hidden(f"{before} x.y@example.org {after}")
    else:
        told = hidden(f"{before} x.y@example.org {after}")
        assert told == f"{before} [masked: e-mail address] {after}"
        assert hidden(before + after) == before + after


def test_a_progress_bar_is_read_as_it_ended() -> None:
    assert clean_output("\x1b[31m 0%\r 50%\r100%\x1b[0m\r\ndone\r\n") == "100%\ndone"


def test_a_failure_whose_cell_is_long_shows_the_lines_around(server: OpenRouter, run: Run) -> None:
    run("x = 'some words that make a line long'\n" * 1500 + "1 / 0\n" + "y = 1\n" * 1500)
    run("%%m1 --error\nwhy?")
    assert ">> 1501 1 / 0" in server.prompt
    assert "[lines 1461 to 1541 of 3,001]" in server.prompt
    assert redaction.MASK not in server.prompt
    assert Wish().level == "stats"


# --- the same bytes in each run ---------------------------------------------------------------


NOTEBOOK = {
    "a": "class A: pass\nA()",
    "b": "%time sum(range(9))",
    "c": "import warnings\nwarnings.warn('odd')",
    "d": "def f(t): return t['nosuch']",
    "e": "f(df)",
}


@pytest.mark.usefixtures("little_to_collect")  # as IPython's reset does
@pytest.mark.parametrize("what", ["--cells all", "--cells last", "--error", "--cells last --error"])
@pytest.mark.parametrize("level", LEVELS)
def test_run_all_sends_what_was_sent_before_in_another_order(
    server: OpenRouter, shell: InteractiveShell, what: str, level: str
) -> None:
    def run(*ids: str) -> str:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            for id in ids:
                shell.run_cell(NOTEBOOK[id], store_history=True, cell_id=id)
            shell.run_cell(f"%%m1 {what} --send {level}\nwhy?", store_history=True, cell_id="q")
        return server.prompt

    first = run(*"abcabccdbede")
    shell.reset(new_session=True)
    past = shell.history_manager
    for left in (past.outputs, past.exceptions, past.output_hist, past.output_hist_reprs):
        left.clear()
    shell.user_ns["df"] = pd.DataFrame({"who": range(20)})
    again = run(*"abcde")
    assert again == first
    assert level != "sample" or "0x7" not in again
    assert len(server.chats) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("<A at 0x7f3c5e2a1d90>", "<A at 0x10a2b3c40>"),
        ("/tmp/ipykernel_12/345.py:1: UserWarning", "C:\\T\\ipykernel_9\\345.py:1: UserWarning"),
        ("Cell In[3], line 1", "Cell In[12], line 1"),
        ("<ipython-input-3-0123abc>", "<ipython-input-4-0123abc>"),
        ("/tmp/tmpab12cd_x/a.csv", "/var/folders/x1/T/tmp00000000/a.csv"),
        ("CPU times: user 3 µs\nWall time: 6.2 µs", "CPU times: user 1 s\nWall time: 3 s"),
        ("1 ms ± 2 µs per loop (mean of 7 runs)", "9 s ± 1 s per loop (mean of 7 runs)"),
        ("100%|██| 10/10 [00:01<00:00,  8.21it/s]", "100%|██| 10/10 [01:00<00:00, 1.02s/it]"),
    ],
)  # fmt: skip
def test_what_differs_in_each_run_is_a_constant(one: str, other: str) -> None:
    assert each_run.constant(one) == each_run.constant(other)


@pytest.mark.parametrize(
    "text",
    [
        "meet at 0x hours", "0xff", "tmp_df_2023", "/data/tmp/x.csv", "it took 3 s per loop",
        "Wall time:", "rows 10/10 [ok]", "In[3]", "color 0x7fff00",
    ],
)  # fmt: skip
def test_all_else_stays_as_it_is(text: str) -> None:
    assert each_run.constant(text) == text
