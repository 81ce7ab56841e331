"""The table of options: each is read by one function, whichever door it comes through."""

from __future__ import annotations

import math
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from emulator import OpenRouter
from m1_magic import ask
from m1_magic.errors import UsageError
from m1_magic.magics import M1Magics
from m1_magic.options import flags
from m1_magic.options.fields import KEYWORDS, OPTIONS, Options

ROOT = Path(__file__).parent.parent
WHOLE = ["1.5", "many", "", "1e3", "1,00", "0x1", "9" * 5000, "True"]
BAD = {
    "temperature": ["hot", "", "3", "-0.1", "nan", "inf", "1e999", "0,5", "True", "2.000001"],
    "top_p": ["hot", "", "1.1", "-0.1", "nan"],
    "max_tokens": [*WHOLE, "0", "-3"],
    "df_tokens": [*WHOLE, "0", "-3"],
    "seed": WHOLE,
    "n": [*WHOLE, "0", "-3"],
    "send": ["", "all", "sample:-1", "names,stats"],
    "think": ["", "hard", "0", "-1", "1.5", "9" * 9],
    "cells": ["", "x", "7-3", "1.5", "last-all"],
    "chat": ["x" * 61, "a\x1bb"],
    "max_cost": ["", "x", "-1", "nan", "1,50", "1e12"],
    "task": ["", "sumarize"],
    "at_least": ["", "x", "-0.1", "1.5"],
    "workers": ["", "0", "-1", "1.5", "x"],
    "out": ["2x", "class", ""],
    "returns": ["", "name str", "name: strr", "a: b.c", "["],
    "choices": ["a", "a,a"],
    "tools": ["no_such_function", "sql"],
} | {name: ["yes", "True", ""] for name, one in OPTIONS.items() if one.switch}
ROWS = {"each", "into", "gold", "at_least", "workers"}
# What takes any text on a line.
ANY = {"each", "into", "gold", "df", "cols", "allow", "file", "model", "system", "stop"}
# From Python, what is no text and no number; and numbers and texts where they do not belong.
FOREIGN: list[Any] = [object(), {"a": 1}, 1 + 2j, pd.DataFrame({"a": [1]}), np.arange(3), ...]
NO_NUMBER = [*FOREIGN, [], True, False, b"1"]
NO_TEXT = [*FOREIGN, [], 3, 1.5, True, b"x"]
WRONG: dict[str, list[Any]] = {
    "temperature": [*NO_NUMBER, ["x"], [[1]], [0, 3], math.nan, math.inf, 2.1],
    "top_p": [*NO_NUMBER, [1], math.nan, -1],
    "max_tokens": [*NO_NUMBER, [1], 1.5, 2.0, math.nan, 0, Decimal(3)],
    "df_tokens": [*NO_NUMBER, [1], 1.5, -1],
    "seed": [*NO_NUMBER, [1], 1.5, math.nan],
    "n": [*NO_NUMBER, [1], 1.5, 0],
    "max_cost": [*NO_NUMBER, [1], math.nan, -1],
    "send": NO_TEXT,
    "model": NO_TEXT,
    "system": NO_TEXT,
    "task": NO_TEXT,
    "think": [*FOREIGN, [], 1.5, True, 0],
    "cells": [*FOREIGN, [3], 1.5, True],
    "chat": [*FOREIGN, [], 3],
    "error": [*FOREIGN, [], 3, "yes", ""],
    "diff": [*FOREIGN, 2, "no"],
    "exact": [*FOREIGN, 2, "no"],
    "keep": [*FOREIGN, 2, "no"],
    "fresh": [*FOREIGN, 2, "no"],
    "stop": [3, 1.5, True, object(), ["a", 3]],
    "file": [3, True, object(), ["a", 3]],
    "cols": [3, True, object(), ["a", 3]],
    "allow": [3, object(), [("a",)]],
    "returns": [3, 1.5, True, object(), {"a": 1}, [], {}, b"x"],
    "tools": [3, 1.5, True, object(), ["a", 3], [None]],
    "yes": [*FOREIGN, 2, "no"],
    "choices": [True, object(), ["a", None], [["a"]], ["a", math.nan]],
}


@pytest.fixture(scope="module")
def magics() -> Iterator[M1Magics]:
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    yield M1Magics(shell)
    shell.history_manager = None


def refused(call: Any) -> str:
    """The paragraph with which a call is refused."""
    with pytest.raises(UsageError) as caught:
        call()
    paragraph = str(caught.value)
    assert "\n" not in paragraph and len(paragraph) < 300
    assert "Nothing was sent, nothing was charged." in paragraph
    return paragraph


def test_every_option_has_values_that_cannot_be() -> None:
    assert set(BAD) | ANY == set(OPTIONS)
    assert set(WRONG) == set(KEYWORDS)
    not_python = {"df", "out", "force_out", "dry_run", "code", "quiet", "raw"}
    assert set(OPTIONS) - set(KEYWORDS) == not_python | ROWS


@pytest.mark.parametrize("name", BAD)
def test_a_bad_value_is_the_same_paragraph_at_every_door(
    server: OpenRouter, magics: M1Magics, name: str
) -> None:
    for written in BAD[name]:
        option = f"{OPTIONS[name].flag}={shlex.quote(written)}"
        cell = refused(lambda option=option: magics.m1(option, "why?"))
        assert refused(lambda option=option: magics.m1(f"ask {option} why?")) == cell
        if OPTIONS[name].short:
            short = f"{OPTIONS[name].short} {shlex.quote(written)}"
            assert name == "chat" or refused(lambda line=short: magics.m1(line, "why?")) == cell
        if name in KEYWORDS:
            assert refused(lambda text=written: ask("why?", **{name: text})) == cell
        if OPTIONS[name].group == "tables" and not OPTIONS[name].switch:
            assert refused(lambda option=option: magics.m1(f"df sales {option}")) == cell
    assert server.requests == []


@pytest.mark.parametrize("name", WRONG)
def test_a_value_of_the_wrong_type_is_told_by_its_flag(server: OpenRouter, name: str) -> None:
    flag = OPTIONS[name].flag
    for wrong in WRONG[name]:
        paragraph = refused(lambda wrong=wrong: ask("why?", **{name: wrong}))
        quoted = isinstance(wrong, str | int | float) and name in ("think", "max_cost")
        assert paragraph.startswith(f"{flag} takes ") or quoted, paragraph
        assert " at 0x" not in paragraph and "0  1" not in paragraph
    assert server.requests == []


@pytest.mark.parametrize("name", KEYWORDS)
def test_none_is_not_given(name: str) -> None:
    assert flags.from_python({name: None}, ()) == Options()


NUMBERS = st.one_of(st.integers(), st.floats(), st.decimals(allow_nan=False).map(float))


@given(name=st.sampled_from(["temperature", "top_p", "max_tokens", "df_tokens"]), value=NUMBERS)
def test_a_number_means_the_same_written_and_passed(name: str, value: float) -> None:
    def by(door: Any) -> Options | str:
        try:
            return door()  # type: ignore[no-any-return]
        except UsageError as error:
            return str(error)

    on_a_line = by(lambda: flags.options(f"{OPTIONS[name].flag}={value!r}")[0])
    assert by(lambda: flags.from_python({name: value}, ())) == on_a_line
    assert by(lambda: flags.from_python({name: str(value)}, ())) == on_a_line


@pytest.mark.parametrize(
    ("given_as", "meant"),
    [
        ({"temperature": "0.3"}, {"temperature": 0.3}),
        ({"temperature": np.float32(0.5)}, {"temperature": 0.5}),
        ({"top_p": Decimal("0.5")}, {"top_p": 0.5}),
        ({"max_tokens": "16,000", "seed": np.int64(-3)}, {"max_tokens": 16000, "seed": -3}),
        ({"think": 20000, "cells": 3}, {"think": "20000", "cells": "3"}),
        ({"cells": " 3, 5-7 ,last"}, {"cells": "3,5-7,last"}),
        ({"max_cost": 0.1}, {"max_cost": Decimal("0.1")}),
        ({"stop": "END", "file": Path("a.md")}, {"stop": ("END",), "file": ("a.md",)}),
        ({"stop": ("a", "b")}, {"stop": ("a", "b")}),
        ({"file": ["a.md", Path("b")]}, {"file": ("a.md", "b")}),
        ({"stop": "", "file": []}, {}),
        ({"cols": "a, b", "allow": pd.Index(["x,y"])}, {"cols": ("a", "b"), "allow": ("x,y",)}),
        ({"error": np.True_, "diff": False}, {"error": True}),
        ({"chat": True}, {"chat": ""}),
        ({"chat": False}, {}),
    ],
    ids=str,
)  # fmt: skip
def test_what_python_may_pass(given_as: dict[str, Any], meant: dict[str, Any]) -> None:
    assert flags.from_python(given_as, ()) == Options(**meant)


def test_an_empty_value_may_follow_a_short_flag() -> None:
    assert flags.options('-s "" why?')[0] == Options(system="")


def test_an_unknown_keyword_is_a_type_error(server: OpenRouter) -> None:
    for name, near in (
        ("temprature", "temperature"),
        ("max_token", "max_tokens"),
        ("dataframe", "df"),
        ("quiet", ""),
    ):
        with pytest.raises(TypeError, match=rf"argument '{name}'\..*{near}"):
            ask("why?", **{name: None})  # type: ignore[arg-type]
    assert server.requests == []


MEANT = {
    "--temp": "--temperature", "--max_tokens": "--max-tokens", "--maxtokens": "--max-tokens",
    "--model-name": "--model", "--dataframe": "--df", "--tables": "--df", "--DF": "--df",
    "--output": "--out", "--budget": "--max-cost", "--cost": "--max-cost", "--columns": "--cols",
    "--reasoning": "--think", "--effort": "--think", "--system-prompt": "--system",
    "--privacy": "--send", "--no-cache": "--fresh", "--preview": "--dry-run", "--dry": "--dry-run",
    "--tempreture": "--temperature", "--max_output_tokens": "--max-tokens", "--files": "--file",
    "--conversation": "--chat", "--traceback": "--error", "--overwrite": "--force-out",
    "--tokens": "--max-tokens", "--schema": "--returns", "--classes": "--choices",
    "--max": "--max-tokens or --max-cost",
}  # fmt: skip


@pytest.mark.parametrize("typed", MEANT)
def test_what_is_meant_is_suggested(server: OpenRouter, magics: M1Magics, typed: str) -> None:
    for line, cell in ((f"{typed} 1", "why?"), (f"ask {typed}=1 why?", None)):
        told = refused(lambda line=line, cell=cell: magics.m1(line, cell))
        assert f"Did you mean {MEANT[typed]}?" in told
    assert server.requests == []


@pytest.mark.parametrize("typed", ["--verbose", "--json", "--k", "--xyzzy"])
def test_what_nobody_means_is_not_suggested(magics: M1Magics, typed: str) -> None:
    assert "Did you mean" not in refused(lambda: magics.m1(f"{typed} 1", "why?"))


ADDED = """
from m1_magic.options import flags
from m1_magic.options.fields import Options, changed
from m1_magic.jupyter.completion import FLAGS
from m1_magic.prompt import build
from m1_magic.settings.config import M1
for options in (flags.options("--lang German")[0], flags.from_python({"lang": "German"}, ())):
    print(build(options, "why?", M1()).messages[0].parts[0].text)
print("| `--lang NAME` | answer in this language |" in flags.table(), "--lang" in FLAGS)
from m1_magic.widgets.form import Form
print(any(getattr(one, "description", "") == "language" for one in Form(M1(), {}).open().children))
"""


def test_the_commit_in_contributing_adds_an_option(tmp_path: Path, own_home: Path) -> None:
    shutil.copytree(ROOT / "m1_magic", tmp_path / "m1_magic")
    shown = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    _, *files = shown.split("```diff\n")[1].split("```")[0].split("--- a/")
    for part in files:
        name, _, *lines = part.splitlines()
        path = tmp_path / name
        for hunk in "\n".join(lines).split("@@")[2 if lines[0].count("@@") > 1 else 1 :]:
            body = hunk.splitlines()[1:]
            old, new = (
                "\n".join(line[1:] for line in body if line[:1] in kept) for kept in (" -", " +")
            )
            text = path.read_text("utf-8")
            assert text.count(old) == 1, old
            path.write_text(text.replace(old, new), "utf-8")
    code = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n{ADDED}"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    answer = "You are a helpful assistant. Answer in German."
    assert ran.stdout.splitlines() == [answer, answer, "True True", "True"]
