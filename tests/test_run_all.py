"""Restart & Run All: what did not change costs nothing; what did is asked, and says why."""

from __future__ import annotations

import io
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbformat.v4 import new_code_cell, new_notebook
from traitlets.config import Config

import notebooks
from emulator import Answer, OpenRouter
from m1_magic import api

NOTEBOOK = {
    "setup": (
        "import pandas as pd, m1_magic\n"
        "sales = pd.DataFrame({'region': ['n', 's'] * 20, 'amount': range(40)})\n"
        "staff = pd.DataFrame({'region': ['n', 's'] * 10, 'head': range(20)})\n"
        "x = 3"
    ),
    "median": "%%m1\nWhat is a median?",
    "region": "%%m1 -d sales\nWhich region grew?",
    "join": "%%m1 -d sales -d staff --send schema\nHow do I join them?",
    "eda 1": "%%m1 -c eda -d sales\nWhat stands out?",
    "eda 2": "%%m1 -c eda\nAnd by month?",
    "eda 3": "%%m1 -c eda\nSum up.",
    "notes": "%%m1 --file notes.txt -s 'Be brief.'\nSum up.",
    "fails": "sales.nosuch",
    "why": "%%m1 --error\nWhy?",
    "jokes": "for _ in range(3): print(m1_magic.ask('A joke').text)",
    "value": "%%m1 --cells last -t 0.2\nExplain {{x}} and {{staff}}.",
}
ASK = [name for name in NOTEBOOK if name not in ("setup", "fails")]
CHAT = ["eda 1", "eda 2", "eda 3"]
TABLES = ["region", "join", "eda 1"]


@dataclass(frozen=True)
class Change:
    """One change before Run All, and the cells that ask then, each with what it says.

    ``cells`` have other code; ``settings`` are set; ``notes`` is the file's text.
    """

    asked: dict[str, str]
    cells: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    notes: str = "Notes."


def setup(old: str, new: str) -> dict[str, str]:
    assert old in NOTEBOOK["setup"]
    return {"setup": NOTEBOOK["setup"].replace(old, new)}


def each(names: list[str], why: str) -> dict[str, str]:
    return dict.fromkeys(names, why)


REST = ["eda 2", "eda 3"]
# What follows in a chat has other turns before it.
FOLLOWS = each(REST, "chat eda")
CHANGES: dict[str, Change] = {
    "nothing": Change({}),
    "a word": Change({"median": "the prompt"}, {"median": "%%m1\nWhat is a mean?"}),
    "white space": Change({"median": "the prompt"}, {"median": "%%m1\nWhat is  a median?"}),
    "the order of options": Change(
        {}, {"join": "%%m1 --send schema -d sales -d staff\nHow do I join them?"}
    ),
    "a comment": Change({}, {"median": "# once\n%%m1\nWhat is a median?"}),
    "an output name": Change({}, {"median": "%%m1 -o r\nWhat is a median?"}),
    "another code cell": Change({}, {"setup": NOTEBOOK["setup"] + "\nprint(1)"}),
    "temperature": Change(
        {"median": "temperature 0.2 (1.0)"}, {"median": "%%m1 -t 0.2\nWhat is a median?"}
    ),
    "temperature again": Change(
        {"value": "temperature 1.0 (0.2)"}, {"value": NOTEBOOK["value"].replace(" -t 0.2", "")}
    ),
    "top_p": Change({"median": "top_p 0.5 ("}, {"median": "%%m1 --top-p 0.5\nWhat is a median?"}),
    "seed": Change({"median": "seed 7 (not set)"}, {"median": "%%m1 --seed 7\nWhat is a median?"}),
    "stop": Change(
        {"median": 'stop ["END"] (not set)'}, {"median": "%%m1 --stop END\nWhat is a median?"}
    ),
    "max tokens": Change(
        {"median": "max_tokens 700 ("}, {"median": "%%m1 --max-tokens 700\nWhat is a median?"}
    ),
    "model": Change(
        {"median": "model minimax/minimax-m2.5 ("},
        {"median": "%%m1 -m minimax/minimax-m2.5\nWhat is a median?"},
    ),
    "system": Change(
        {"median": "the system prompt"}, {"median": "%%m1 -s 'Rhyme.'\nWhat is a median?"}
    ),
    "no system": Change(
        {"notes": "the system prompt"}, {"notes": "%%m1 --file notes.txt\nSum up."}
    ),
    "task": Change(
        {"median": "the system prompt"}, {"median": "%%m1 --task explain\nWhat is a median?"}
    ),
    "a table more": Change(
        {"median": "table sales added"}, {"median": "%%m1 -d sales\nWhat is a median?"}
    ),
    "a table less": Change(
        {"join": "without table staff"},
        {"join": "%%m1 -d sales --send schema\nHow do I join them?"},
    ),
    "the other table": Change(
        {"region": "table staff added, without table sales"},
        {"region": "%%m1 -d staff\nWhich region grew?"},
    ),
    "level": Change(
        {"region": "table sales at names (stats)"},
        {"region": "%%m1 -d sales --send names\nWhich region grew?"},
    ),
    "rows seen": Change(
        {"region": "table sales at sample"},
        {"region": "%%m1 -d sales --send sample:3\nWhich region grew?"},
    ),
    "rows": Change(
        each(["region", "eda 1"], "sales has 38 rows (40 before)")
        | {"join": "sales has 38 rows (40 before)"}
        | FOLLOWS,
        setup("* 20, 'amount': range(40)", "* 19, 'amount': range(38)"),
    ),
    "values": Change(
        each(["region", "eda 1"], "table sales") | FOLLOWS,
        setup("'amount': range(40)", "'amount': [7] * 40"),
    ),
    "values of the other": Change(
        {"value": "table staff"}, setup("'head': range(20)", "'head': [7] * 20")
    ),
    "a column's name": Change(
        each(TABLES, "table sales") | FOLLOWS,
        setup("'amount'", "'money'"),
    ),
    "a column's type": Change(
        each(TABLES, "table sales") | FOLLOWS, setup("range(40)})", "map(float, range(40))})")
    ),
    "a column more": Change(
        {"join": "table staff", "value": "table staff"},
        setup("'head': range(20)", "'head': range(20), 'age': 3"),
    ),
    "rows of the other": Change(
        {"join": "staff has 22 rows (20 before)", "value": "staff has 22 rows (20 before)"},
        setup("* 10, 'head': range(20)", "* 11, 'head': range(22)"),
    ),
    "a value": Change({"value": "a value in the prompt"}, setup("x = 3", "x = 4")),
    "a value's type": Change({"value": "a value in the prompt"}, setup("x = 3", "x = 3.0")),
    "a value that is not put in": Change({}, setup("x = 3", "x = 3\ny = 4")),
    "the first turn": Change(
        {"eda 1": "the prompt"} | FOLLOWS, {"eda 1": "%%m1 -c eda -d sales\nWhat is odd?"}
    ),
    "a turn in the middle": Change(
        {"eda 2": "the prompt", "eda 3": "chat eda"}, {"eda 2": "%%m1 -c eda\nAnd by week?"}
    ),
    "the last turn": Change({"eda 3": "the prompt"}, {"eda 3": "%%m1 -c eda\nSum up in a line."}),
    "the chat's name": Change(
        {},
        {name: NOTEBOOK[name].replace("-c eda", "-c look") for name in CHAT},
    ),
    "out of the chat": Change({"eda 3": "chat eda"}, {"eda 3": "%%m1\nSum up."}),
    "the temperature of a turn": Change(
        {"eda 1": "temperature 0.5 (1.0)"} | FOLLOWS,
        {"eda 1": "%%m1 -c eda -d sales -t 0.5\nWhat stands out?"},
    ),
    "the file": Change({"notes": "file notes.txt"}, notes="Other notes."),
    "no file": Change(
        {"notes": "without file notes.txt"}, {"notes": "%%m1 -s 'Be brief.'\nSum up."}
    ),
    "the error": Change({"why": "error "}, {"fails": "sales.other"}),
    "its type": Change(
        {"why": "error KeyError added, without error AttributeError"}, {"fails": "sales['nosuch']"}
    ),
    "its line": Change({"why": "error AttributeError"}, {"fails": "\n\ny = 1\nsales.nosuch"}),
    "no error attached": Change({"why": "without error AttributeError"}, {"why": "%%m1\nWhy?"}),
    "the cell before": Change({"value": "last cell"}, {"jokes": NOTEBOOK["jokes"] + "  # three"}),
    "one joke more": Change(
        {"jokes": "", "value": "last cell"}, {"jokes": NOTEBOOK["jokes"].replace("3", "4")}
    ),
    "asked fresh": Change({"median": ""}, {"median": "%%m1 --fresh\nWhat is a median?"}),
    "the temperature's setting": Change(
        each([n for n in ASK if n != "value"], "temperature 0.5 (1.0)"),
        settings={"temperature": 0.5},
    ),
    "the level's setting": Change(
        {
            "region": "table sales at schema (stats)",
            "eda 1": "table sales at schema (stats)",
            **FOLLOWS,
            "value": "last cell at schema (stats)",
        },
        settings={"send": "schema"},
    ),
    "the smallest group": Change(
        each(["region", "eda 1"], "table sales") | FOLLOWS | {"value": "table staff"},
        settings={"min_group": 30},
    ),
    "the model's setting": Change(
        each(ASK, "model minimax/minimax-m2.5 ("), settings={"model": "minimax/minimax-m2.5"}
    ),
    "the system prompt's setting": Change(
        each([n for n in ASK if n != "notes"], "the system prompt"), settings={"system": "Rhyme."}
    ),
    "a field of one's own": Change(
        each(ASK, "transforms [] (not set)"), settings={"extra_body": {"transforms": []}}
    ),
    "how it is shown": Change({}, settings={"footer": "full", "theme": "dark"}),
}


TAPE = "lesson.tape.jsonl"


class Book:
    """A notebook whose cells have ids, run from its top in a kernel of its own."""

    def __init__(self, server: OpenRouter) -> None:
        self._server, self._parent = server, {}
        config = Config({"HistoryManager": {"enabled": False}})
        self._shell: Any = InteractiveShell.instance(config=config)
        self._shell.run_line_magic("colors", "nocolor")
        self._shell.InteractiveTB.set_mode("Plain")
        self._shell.get_parent = lambda: self._parent
        past = self._shell.history_manager  # its outputs are those of all shells
        for left in (past.outputs, past.exceptions):
            left.clear()
        with redirect_stdout(io.StringIO()):
            self._shell.run_line_magic("load_ext", "m1_magic")

    def run(self, cells: dict[str, str]) -> tuple[dict[str, str], list[str]]:
        """Return what each cell shows, and which asked."""
        shown, asked = {}, []
        for name, source in cells.items():
            self._parent = {"metadata": {"cellId": name}, "header": {"msg_id": name}}
            before, out = len(self._server.chats), io.StringIO()
            with redirect_stdout(out), redirect_stderr(out):
                ran = self._shell.run_cell(source, store_history=True, cell_id=name)
            assert ran.success == (name != "fails"), out.getvalue()
            shown[name] = out.getvalue()
            if len(self._server.chats) > before:
                asked.append(name)
        return shown, asked

    def close(self) -> None:
        with redirect_stdout(io.StringIO()):
            self._shell.run_line_magic("unload_ext", "m1_magic")
        self._shell.history_manager = None
        InteractiveShell.clear_instance()
        api.end()


@contextmanager
def opened(folder: Path, server: OpenRouter, **environment: str) -> Iterator[Book]:
    """Open the notebook of a folder in a new kernel."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(sys, "last_value", raising=False)
        patch.setenv("M1_BASE_URL", server.base_url)
        patch.setenv("OPENROUTER_API_KEY", server.key)
        patch.setenv("M1_HOME", str(folder / "home"))
        patch.setenv("JPY_SESSION_NAME", "lesson.ipynb")
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.chdir(folder)
        api.end()
        book = Book(server)
        yield book
        book.close()


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the notebook ran once, with its home and its tape."""
    folder = tmp_path_factory.mktemp("past")
    (folder / "notes.txt").write_text("Notes.")
    with OpenRouter() as server, opened(folder, server, M1_TAPE=TAPE) as book:
        server.say(*(Answer(f"answer {n}") for n in range(12)))
        book.run(NOTEBOOK)
        assert len(server.chats) == 12
    return folder


@pytest.mark.parametrize("what", CHANGES)
def test_exactly_the_changed_cells_ask_and_each_says_why(
    past: Path, tmp_path: Path, server: OpenRouter, what: str
) -> None:
    change = CHANGES[what]
    shutil.copytree(past, tmp_path / "now")
    (tmp_path / "now" / "notes.txt").write_text(change.notes)
    server.say(*(Answer(f"new {n}") for n in range(20)))
    with opened(tmp_path / "now", server) as book:
        for name, value in change.settings.items():
            setattr(api.settings(), name, value)
        shown, asked = book.run(NOTEBOOK | change.cells)
    assert asked == [name for name in NOTEBOOK if name in change.asked]
    for name in (name for name in ASK if name != "jokes"):
        if why := change.asked.get(name):
            assert re.search(f"asked anew: .*{re.escape(why)}", shown[name])
        else:
            assert "asked anew" not in shown[name]
            assert name in asked or re.search(r"kept from .* · \$0 \(was \$", shown[name])


def test_pandas_and_polars_take_the_same_answers_from_a_tape_elsewhere(
    past: Path, tmp_path: Path, server: OpenRouter
) -> None:
    shutil.copy(past / TAPE, tmp_path)
    (tmp_path / "notes.txt").write_text("Notes.")
    polars = NOTEBOOK["setup"].replace("import pandas", "import polars")
    texts = []
    for setup in (NOTEBOOK["setup"], polars):
        # An error is another one in another library.
        cells = {n: s for n, s in NOTEBOOK.items() if n not in ("fails", "why")} | {"setup": setup}
        with opened(
            tmp_path, server, M1_TAPE=TAPE, M1_MODE="replay", OPENROUTER_API_KEY=""
        ) as book:
            shown, _ = book.run(cells)
            texts.append(shown)
    assert texts[0] == texts[1]
    assert "answer 1" in texts[0]["region"] and f"kept on {TAPE}" in texts[0]["region"]
    assert server.requests == []


def test_two_runs_on_a_tape_give_the_same_notebook_byte_by_byte(
    past: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(past / TAPE, tmp_path)
    (tmp_path / "notes.txt").write_text("Notes.")
    monkeypatch.chdir(tmp_path)
    for name, value in {"M1_TAPE": TAPE, "M1_MODE": "replay"}.items():
        monkeypatch.setenv(name, value)
    made = []
    for home in "ab":
        monkeypatch.setenv("M1_HOME", str(tmp_path / home))
        # What a terminal printed of the jokes is not what a kernel does.
        sources = [source for name, source in NOTEBOOK.items() if name != "value"]
        cells = [new_code_cell(source, id=f"c{n}") for n, source in enumerate(sources)]
        cells.insert(
            0, new_code_cell("%load_ext m1_magic\n%config M1.footer = 'stable'", id="load")
        )
        book = notebooks.execute(new_notebook(cells=cells), timing=False)
        assert len(notebooks.errors(book)) == 1  # the cell that fails
        made.append(notebooks.saved(book))
    assert made[0] == made[1]
    assert "answer 10" in made[0]
