"""Tab in cells of ours: our options first and only, and each name reads back as it was meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from IPython.core.completer import provisionalcompleter
from IPython.terminal.ptutils import IPythonPTCompleter
from prompt_toolkit.document import Document

import shells
from emulator import Answer, OpenRouter
from m1_magic.app import PROCESS
from m1_magic.context.frames import opened
from m1_magic.context.frames.column_names import column_names
from m1_magic.context.variables import resolve
from m1_magic.jupyter import completer
from m1_magic.jupyter.completion import offered
from m1_magic.jupyter.completion_place import Known, find
from m1_magic.options import flags
from m1_magic.options.command_line import quoted, token
from m1_magic.settings.config import M1

ODD = ["region", "unit price", "a,b", 'q"x', "it's", "!not", "bad\u202ename", "Amount", "back\\"]
LINES = {
    "%%m1 --d|": ["--df", "--df-tokens", "--diff", "--dry-run"],  # no --delattr
    "%%m1 --dx|": [],
    "# of sales\n\n%%m1 --di|\nwhy?": ["--diff"],
    "%%m1 --dif| sales": ["--diff"],
    "%m1 ask --di|": ["--diff"],
    "if True:\n    %m1 ask --di|": ["--diff"],
    "x = 1\n%m1 cos|": ["cost"],
    "%%time\n%m1 cos|": ["cost"],
    "m1 cos|": ["cost"],
    "%m1 again -t 0 --te|": [],  # it is there
    "%m1 again --te|": ["--temperature"],
    "%m1 ask why --di|": [],  # text
    "%m1 ask -- --di|": [],
    "%%m1 why --di|": [],
    "%%m1 -d |": ["sales", "reviews", "series"],
    "%%m1 -d sales,|": ["reviews", "series"],
    "%%m1 --df=re|": ["reviews"],
    "%%m1 --cols | -d sales": [
        "region",
        '"unit price"',
        '"q\\"x"',
        '"it\'s"',
        "Amount",
        '"back\\\\"',
    ],
    "%%m1 -d sales --cols am|": ["Amount"],
    "%%m1 -d sales --cols region,un|": ['"unit price"'],
    '%%m1 -d sales --cols "unit pr|': ['"unit price"'],
    '%%m1 -d sales --cols "region,unit|': ['"region,unit price"'],
    "%%m1 -d sales --cols '!un|": ['"!unit price"'],
    "%%m1 -d nosuch --cols |": [],
    "%%m1 --each reviews --into t|": ["text", '"two words"'],
    "%%m1 --each reviews --gold te|": ["text"],
    "%%m1 -m |": ["minimax/minimax-m1", "own/model"],
    "%%m1 -m own/model,|": ["minimax/minimax-m1"],
    "%%m1 --send s|": ["schema", "stats", "sample"],
    "%%m1 --think h|": ["high"],
    "%%m1 --task de|": ["debug"],
    "%%m1 --temperature |": [],
    "%%m1 --returns |": ["Order"],
    "%%m1 --tools |": ["sql", "cheapest"],
    "%%m1 --tools sql,ch|": ["cheapest"],
    "%m1 df |": ["sales", "reviews", "series"],
    "%m1 df sales --cols re|": ["region"],
    "%m1 set sen|": ["send"],
    "%m1 set send s|": ["schema", "stats", "sample"],
    "%m1 set keep |": ["on", "off"],
    "%m1 set keep on -|": ["--save"],
    "%m1 use o|": ["openrouter", "offline"],
    "%m1 cost --by d|": ["day"],
    "%m1 budget 1 --per m|": ["month"],
    "%m1 forget -|": ["--all"],
    "%m1 explain la|": ["last"],
    "%m1 nosuch |": [],
    "%%m1\nHow is {{sa|": ["sales}}"],
    "%%m1\nHow is {{sa|}}": ["sales"],
    "%%m1\nHow is {{sales['un|": ["sales['unit price']}}"],
    "%%m1\nHow is {{sales.|": ["sales.region}}", "sales.Amount}}"],
    "%%m1 --each reviews\nIs {{t|": ["text}}", "two words}}", "text}}"],
    "%m1 ask how is {{sal|": ["sales}}"],
    "%m1 ask how is {{series[|": [],
    "%m1 ask how is {{reviews['te|": ["reviews['text']}}"],
}
NOT_OURS = (
    "sal|", "ask(sal|", "%%m1x --d|", "%%bash\n%m1 ask --d|", "%%m1\nwhat is sal|",
    "%m1 ask is sal|", "print('%m1')\nsal|", "%%m1\n%m1 |", "%m|", "%%m1|", "{{sal|",
    "# %%m1 --d|", "%%m1\n{{{sal|",
)  # fmt: skip


@pytest.fixture
def shell() -> Iterator[Any]:
    with shells.loaded() as made:
        made.user_ns |= {
            "sales": pd.DataFrame([range(len(ODD))], columns=ODD),
            "reviews": pl.DataFrame({"text": ["a"], "two words": ["b"]}),
            "text": "some",
            "series": pd.Series([1], name="n"),
            "cheapest": lambda: 1,
            "Order": type("Order", (), {"model_fields": {}}),
        }
        yield made
        made.run_line_magic("unload_ext", "m1_magic")


def texts(shell: Any, line: str) -> list[str]:
    """Return what the front end is offered where the ``|`` stands."""
    place, cell = line.index("|"), line.replace("|", "", 1)
    with provisionalcompleter():
        found = list(shell.Completer.completions(cell, place))
    assert all(one.end == place for one in found)
    return [one.text for one in found]


@pytest.mark.parametrize("jedi", [True, False])
def test_our_options_come_first_and_alone(shell: Any, jedi: bool) -> None:
    shell.Completer.use_jedi = jedi
    PROCESS.settings().model = "own/model"
    offered = {line: texts(shell, line) for line in LINES}
    assert offered == {line: list(dict.fromkeys(words)) for line, words in LINES.items()}
    assert texts(shell, "%config M1.temp|") == ["M1.temperature"]


def test_other_cells_are_completed_as_without_us(shell: Any) -> None:
    shell.Completer.use_jedi = False  # which takes seconds
    offered = {line: texts(shell, line) for line in NOT_OURS}
    shell.run_line_magic("unload_ext", "m1_magic")
    left = "m1_magic" in [getattr(m, "matcher_identifier", "") for m in shell.Completer.matchers]
    assert not left
    ours = {"%m1", "%%m1"}
    assert {line: [w for w in words if w not in ours] for line, words in offered.items()} == {
        line: texts(shell, line) for line in NOT_OURS
    }
    assert offered["sal|"] == ["sales"] and ours & {*offered["%m|"]}
    shell.run_line_magic("load_ext", "m1_magic")


def test_a_terminal_offers_the_same(shell: Any) -> None:
    terminal = IPythonPTCompleter(shell.Completer)
    for line in LINES:
        place, cell = line.index("|"), line.replace("|", "", 1)
        got = terminal.get_completions(Document(cell, place), None)
        assert [one.text for one in got] == texts(shell, line), line


NAMES = st.text(max_size=30) | st.text("ab ,'\"\\!*{}$=-\u00a0\u200b\t\n#?", max_size=8)


@settings(max_examples=25, deadline=None)
@given(st.lists(NAMES, min_size=8, max_size=8))
@example(['a"b', "it's", "a b", "back\\", "!a", "a,b", " a", "a\n"])
def test_a_completed_name_reads_back_as_itself(names: list[str]) -> None:
    named = dict.fromkeys(["other", *names])
    table = pd.DataFrame([range(len(named))], columns=list(named))
    known = Known({"t": table}, M1(), lambda: None, lambda: None)
    line = "%%m1 -d t --cols "
    offer = offered(find(line, 0, len(line)), known)  # type: ignore[arg-type]
    assert offer is not None and "other" in offer.words
    options, rest = flags.options(f"{line[5:]}{','.join(offer.words)} --quiet")
    assert len(options.cols) == len(offer.words) and {*options.cols} <= {"other", *names}
    assert options.quiet and not rest
    offer = offered(find("%%m1\n{{t['", 1, 5), known)  # type: ignore[arg-type]
    assert offer is not None and "t['other']}}" in offer.words
    for word in offer.words:
        assert resolve(word.removesuffix("}}"), known.namespace).name in ("other", *names)


@given(st.text(min_size=1).filter(lambda word: "\x00" not in word))
def test_a_quoted_word_is_one_word(word: str) -> None:
    assert token(f"{quoted(word)} rest") == (word, " rest")


def test_names_of_columns_are_those_of_the_table() -> None:
    plain = pd.DataFrame({"a": [1], 2: [2], ("x", 1): [3], "obj": [4], "column_names": [5]})
    named = plain[["a"]].set_index(pd.Index([7], name="key"))
    wide = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")]))
    tables = [plain, named, wide, plain["a"], plain.groupby("a"), pl.DataFrame({"b": [1]})]
    tables += [pl.Series("s", [1]), duckdb.sql("SELECT 1 AS one"), plain[["a"]].set_index([[1.5]])]
    tables += [pa.table({"r": [1]}), named.groupby("a"), pl.DataFrame({"g": [1]}).group_by("g")]
    for table in tables:
        names = opened(table).names
        assert column_names(table) == [one for one in names if one != "(index)"], type(table)


def test_no_table_is_computed_and_nothing_foreign_breaks(shell: Any) -> None:
    class Sick:
        def __getattribute__(self, name: str) -> object:
            raise RuntimeError("asked")

    def fails(*_: object) -> object:
        raise RuntimeError("computed")

    plan = pl.LazyFrame({"a": [1]}).map_batches(fails, schema=None)
    shell.user_ns.update(plan=plan, sick=Sick())
    assert texts(shell, "%%m1 -d |") == ["sales", "reviews", "series", "plan"]
    assert texts(shell, "%%m1 -d plan --cols |") == []
    assert "sick}}" not in texts(shell, "%%m1\n{{|")


def test_what_goes_wrong_here_leaves_other_completions(shell: Any, capsys: Any) -> None:
    def broken() -> Known:
        raise RuntimeError("ours")

    completer.watch(shell, broken)
    shell.Completer.use_jedi = False
    assert "--df" not in texts(shell, "%m1 ask --d|") and texts(shell, "sal|") == ["sales"]
    assert capsys.readouterr() == ("", "")


def test_answers_and_blocks_are_offered_by_number(server: OpenRouter, shell: Any) -> None:
    server.say(Answer("```python\n1\n```\n```python\n2\n```"))
    run = shells.runner(shell)
    run("%%m1\nwhy?")
    assert texts(shell, "%m1 code |") == ["1", "2"] and texts(shell, "%m1 continue |") == []
    run("%%m1 -n 3\nwhy?")
    assert texts(shell, "%m1 continue |") == ["1", "2", "3"]
