"""``m1-magic report``: notebooks from anywhere are added up, or told in a line."""

from __future__ import annotations

import json
import os
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import kernels
import notebooks
from emulator import Answer, OpenRouter
from m1_magic.errors import UsageError
from m1_magic.render import page
from m1_magic.render.footer import RECORD
from m1_magic.text import md_to_text
from m1_magic.verbs import report as reported

USAGE = {"input": 1204, "output": 2345, "reasoning": 1900, "cached": 312}


def report(*paths: Path | str) -> str:
    return md_to_text(reported([str(path) for path in paths]))


def record(id: str | None, cost: Any = 0.0054, **more: Any) -> dict[str, Any]:
    base = {"model": "minimax/minimax-m1", "usage": USAGE, "cost_source": "billed"}
    return {"id": id, "cost_usd": cost, **base, **more}


def book(*records: Any) -> dict[str, Any]:
    outputs = [{"output_type": "display_data", "data": {RECORD: one}} for one in records]
    cells = [{"cell_type": "markdown", "source": "hi"}, {"cell_type": "code", "outputs": outputs}]
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def put(path: Path, content: Any) -> Path:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(text)
    return path


def test_notebooks_and_models_are_added_up(tmp_path: Path) -> None:
    a = put(tmp_path / "a.ipynb", book(record("1"), record("2", 0.1, model="other/model")))
    b = put(tmp_path / "b.ipynb", book(record("3", 0.2, cost_source="estimated")))
    shown = report(a, b)
    assert f"| {a} | 2 | 2,408 | 4,690 | $0.1054 |" in shown
    assert f"| {b} | 1 | 1,204 | 2,345 | ≈$0.2000 |" in shown
    assert "| all | 3 | 3,612 | 7,035 | ≈$0.3054 |" in shown
    assert "| minimax/minimax-m1 | 2 | 2,408 | 4,690 | ≈$0.2054 |" in shown
    assert "| other/model | 1 | 1,204 | 2,345 | $0.1000 |" in shown


def test_a_call_that_stands_twice_counts_once(tmp_path: Path) -> None:
    a = put(tmp_path / "a.ipynb", book(record("1"), record("1"), record(None), record(None)))
    copy = put(tmp_path / "copy.ipynb", book(record("1")))
    shown = report(a, copy, a)
    assert f"| {a} | 3 |" in shown
    assert f"| {copy} | 0 | 0 | 0 | $0 |" in shown
    assert "2 calls stand in more than one place, and are counted once" in shown


@pytest.mark.parametrize("cost", [None, "free", "0.5", -1, 1e30, True, [1], {"a": 1}], ids=repr)
def test_a_cost_that_is_none_is_unknown_and_not_zero(tmp_path: Path, cost: Any) -> None:
    path = put(tmp_path / "a.ipynb", book(record("1", cost), record("2", 0.00004)))
    assert f"| {path} | 2 | 2,408 | 4,690 | $0.000040 + 1 unknown |" in report(path)


@pytest.mark.parametrize(
    "odd",
    [
        [],
        "text",
        5,
        {},
        {"usage": "many"},
        {"usage": {"input": -5, "output": 1e40}},
        {"usage": {"input": "lots", "output": "7"}, "id": 7, "model": ["x"]},
        {"id": {"a": 1}, "model": None, "cost_usd": "NaN"},
    ],
)
def test_an_odd_record_disturbs_no_other(tmp_path: Path, odd: Any) -> None:
    path = put(tmp_path / "a.ipynb", book(odd, record("1")))
    assert (
        f"| 1,204 | 2,345 | $0.0054{' + 1 unknown' if isinstance(odd, dict) else ''} |"
        in report(path)
    )


BAD = {
    "empty": b"",
    "not JSON": b"# Title\n",
    "binary": bytes(range(256)),
    "cut": json.dumps(book(record("1"))).encode()[:-20],
    "too deep": b"[" * 200_000 + b"]" * 200_000,
    "a long number": b'{"cells": ' + b"9" * 10_000 + b"}",
    "a list": [],
    "a number": 5,
    "no cells": {"a": 1},
    "cells is text": {"cells": "x"},
    "version 3": {"worksheets": [{"cells": []}], "nbformat": 3},
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_told_in_a_line_and_the_others_count(tmp_path: Path, name: str) -> None:
    bad = put(tmp_path / "bad.ipynb", BAD[name])
    good = put(tmp_path / "good.ipynb", book(record("1")))
    shown = report(bad, good)
    assert f"| {good} | 1 |" in shown
    (line,) = [line for line in shown.splitlines() if line.startswith(f"{bad}: ")]
    assert len(line) < 300
    with pytest.raises(UsageError, match="No notebook could be read"):
        report(bad)


def test_what_is_no_file_or_too_large_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = put(tmp_path / "good.ipynb", book(record("1")))
    os.mkfifo(tmp_path / "pipe.ipynb")
    (tmp_path / "link.ipynb").symlink_to(tmp_path / "nowhere.ipynb")
    huge = tmp_path / "huge.ipynb"
    with open(huge, "wb") as file:
        file.truncate(200_000_001)  # sparse: it takes no room
    shown = report(good, tmp_path / "pipe.ipynb", tmp_path / "link.ipynb", huge, "none.ipynb")
    for name in ("pipe.ipynb", "link.ipynb", "none.ipynb"):
        assert f"{name}: there is no such file" in shown
    assert f"{huge}: over 200 MB, left out" in shown
    assert f"| {good} | 1 |" in shown


CELLS: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["cells", "outputs", "data", RECORD, "usage", "input", "cost_usd", "id"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(CELLS)
@hypothesis_settings(max_examples=150)
def test_no_json_brings_it_down(tmp_path: Path, content: Any) -> None:
    foreign = put(
        tmp_path / "foreign.ipynb", {"cells": [{"outputs": [{"data": content}]}, content]}
    )
    good = put(tmp_path / "good.ipynb", book(record("mine", 0.125)))
    assert f"| {good} | 1 | 1,204 | 2,345 | $0.1250 |" in report(good, foreign)


def test_names_of_others_are_text(tmp_path: Path) -> None:
    model = "<img src=x onerror=alert(1)> | a\n| b | \x1b[31m"
    path = put(tmp_path / "a|b.ipynb", book(record("1", model=model), record("2")))
    shown = reported([str(path)])
    assert "<img" not in shown and "\x1b" not in shown
    assert "\n| b" not in shown
    assert "<img" not in page.html(shown)


def test_folders_are_searched_without_checkpoints(tmp_path: Path) -> None:
    put(tmp_path / "in" / "deep" / "a.ipynb", book(record("1")))
    put(tmp_path / "in" / ".ipynb_checkpoints" / "a-checkpoint.ipynb", book(record("9", 5)))
    shown = report(tmp_path / "in")
    assert "deep/a.ipynb | 1 |" in shown and "checkpoint" not in shown


def test_a_real_notebook_costs_what_the_ledger_says(server: OpenRouter, tmp_path: Path) -> None:
    server.say(*(Answer(text="a", cost=cost) for cost in (0.00012345, 0.02)))
    server.default = Answer(text="b", cost=0.001)
    rows = "texts = ['x', 'y', 'z', 'x']", "%%m1 --each texts\nIs {{text}} it?"
    ran = notebooks.run("%load_ext m1_magic", "%%m1\nwhy?", "%%m1\nwhy not?", *rows, "%m1 cost")
    path = tmp_path / "mine.ipynb"
    path.write_text(notebooks.saved(ran), "utf-8")
    total = Decimal("0.00012345") + Decimal("0.023")
    argv = [*kernels.python(), "-m", "m1_magic.cli", "report", str(path)]
    shown = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    assert f"| {path} | 5 |" in shown and f"${total:.4f} |" in shown
    said = notebooks.displays(ran, 5)[0].data["text/plain"]
    assert f"| session | ${total:.4f} | $0 | 5 |" in said


def test_in_a_shell_it_fails_in_a_line() -> None:
    argv = [*kernels.python(), "-m", "m1_magic.cli", "report", "none.ipynb"]
    ran = subprocess.run(argv, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
    assert "none.ipynb: there is no such file" in ran.stderr
