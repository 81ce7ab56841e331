"""What cells do with options, names and answers, once in a real kernel that all of it shares."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import notebooks
from emulator import Answer, OpenRouter
from m1_magic.imports import hiding

CELLS = {
    "one": "%load_ext m1_magic\n%m1 ask why?",
    "frame": "import pandas as pd\nfrom m1_magic import ask\n"
    "df = pd.DataFrame({'a': ['x'] * 20 + ['y'] * 20, 'b': [n * n % 17 for n in range(40)]})",
    "taken": "%%m1 -o df\nwhy?",
    "late": "%m1 ask slogan -o r",
    "bound": "%m1 ask -o r slogan",
    "assigned": "r2 = %m1 ask why?",
    "function": "def f(where):\n    %m1 ask in {{where}} {{where.upper()}} {{nosuch}}?\nf('Vigo')",
    "python": "def g(x):\n    return [ask('and {{x}} {{y}}?') for y in [2]][0]\n"
    "r3 = g(1); r3.text, _m1 is r3",
    "config": "%config M1.send = 'everything'",
    "send": "%config M1.send",
    "help": "%%m1 --help",
    "meant": "%%m1 --temp 1\nwhy?",
    "unseen": "\ufeff%%m1\u00a0-t 0.5\r\nhello\r\nthere",
    "summary": "df.groupby('a').b.mean()",
    "cells": "%%m1 --cells last\nwhy?",
    "log": "%m1 log",
    "again": "%m1 log 2 -o old\nprint(old.text, old.status)",
}


def test_cells_behave_in_a_kernel(server: OpenRouter) -> None:
    server.say(*(Answer(text=f"answer {n}") for n in range(1, 7)))
    book = notebooks.run(*CELLS.values())
    outputs = {
        name: "\n".join(
            o.get("text", "") or "\n".join(o.get("traceback", ())) or str(o.data.get("text/plain"))
            for o in cell.outputs
        )
        for name, cell in zip(CELLS, book.cells, strict=True)
    }
    assert [str(one.body["messages"][-1]["content"]).split("\n<")[0] for one in server.chats] == [
        "why?", "slogan", "in Vigo {{where.upper()}} {{nosuch}}?", "and 1 2?", "hello\nthere",
        "why?\n",
    ]  # fmt: skip
    told = {
        "taken": "df is there already and is no Reply (DataFrame)",
        "late": "Write `%m1 ask -o r slogan`",
        "assigned": "Write `%m1 ask -o r2 why?`",
        "function": "{{nosuch}} left as typed: no such name; {{where.upper()}} left as typed",
        "python": "('answer 4', True)",
        "config": "names, schema, stats, sample or sample:N",
        "send": "'stats'",
        "help": "--temperature",
        "meant": "Did you mean --temperature?",
        "cells": "Out[last]: values withheld; --send sample sends these 2 rows",
        "log": "| 1 |",
        "again": "answer 5 ok",
    }
    for name, words in told.items():
        assert words in outputs[name], (name, outputs[name])
    assert "mean `b` by `a`" in server.prompt


def test_a_file_that_hides_a_package_is_named(
    server: OpenRouter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process of its own: here the package is there already."""
    (tmp_path / "openai.py").write_text("x = 1\n")
    monkeypatch.chdir(tmp_path)
    rows = "import m1_magic\nm1_magic.map(['a'], 'Is {{text}} it?')"
    book = notebooks.run("%load_ext m1_magic\n%m1 ask why?", rows, forked=False)
    told, of_rows = notebooks.errors(book)
    assert told.startswith("HiddenPackage: ") and "openai.py hides the package openai" in told
    assert told == of_rows.splitlines()[-1]
    assert "\n" not in told and server.chats == []


HIDING = {
    "colorsys": ("", "from colorsys import rgb_to_hls"),
    "chunk": ("", "import chunk\nchunk.Chunk"),
    "this": ("client = nosuch\n", "import this"),
    "antigravity": ("", "import antigravity.deep"),
    "mailcap": ("from mailcap import getcaps\n", "import mailcap"),
}


@pytest.mark.parametrize("name", HIDING)
def test_whatever_comes_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, name, raising=False)
    text, code = HIDING[name]
    (tmp_path / f"{name}.py").write_text(text)
    with pytest.raises(Exception) as raised:
        exec(compile(code, "m1_magic/inner.py", "exec"), {"__name__": "m1_magic.inner"})
    assert hiding(raised.value) == tmp_path / f"{name}.py"
    monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.mark.parametrize("name", ["mine", "helpers"])
def test_a_module_of_the_users_hides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / f"{name}.py").write_text("x = 1\n")
    with pytest.raises(AttributeError) as raised:
        exec(f"import {name}\n{name}.nosuch", {"__name__": "m1_magic.inner"})
    monkeypatch.delitem(sys.modules, name)
    assert hiding(raised.value) is None
    with pytest.raises(ImportError) as missing:
        exec("from json import nosuch")
    assert hiding(missing.value) is None
