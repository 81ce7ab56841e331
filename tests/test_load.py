"""What ``%load_ext m1_magic`` and the first calls import; nothing is looked up or written by it."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from emulator import OpenRouter
from m1_magic.jupyter import banner
from m1_magic.settings.config import M1

WIDGETS = {"ipywidgets", "anywidget", "m1_magic.widgets.panel_view"}
HEAVY = WIDGETS | {
    "openai", "httpx2", "pydantic", "m1_magic.widgets",
    "pandas", "polars", "numpy", "narwhals", "nbformat", "markdown", "markdown_it", "nh3",
    "rich", "keyring", "sqlite3", "genai_prices", "m1_magic.calls", "m1_magic.options.fields",
    "tqdm", "xllamacpp", "importlib.metadata", "argparse.none",
}  # fmt: skip
LOAD = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("1 + 1")
before = set(sys.modules)
shell.run_line_magic("load_ext", "m1_magic")
print(*sorted(set(sys.modules) - before))
"""


def test_loading_imports_nothing_heavy_and_writes_nothing(own_home: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, check=True)
    *_, banner, modules = ran.stdout.splitlines()
    loaded = set(modules.split())
    assert "m1_magic.magics" in loaded
    assert not HEAVY & loaded
    assert banner == "m1-magic · minimax/minimax-m1 at openrouter.ai · no budget · %m1 help"
    assert not own_home.exists() or not list(own_home.iterdir())


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({}, "m1-magic · minimax/minimax-m1 at openrouter.ai · no budget · %m1 help"),
        (
            {"model": "m1", "budget": Decimal(1), "budget_period": "day"},
            "m1-magic · m1 at openrouter.ai · budget $1.00 per day · %m1 help",
        ),
        (
            {"model": "m1"},
            "m1-magic · m1 at openrouter.ai · key: OPENROUTER_API_KEY · no budget · %m1 help",
        ),
        (
            {"base_url": "offline"},
            "m1-magic · the small local model, offline, free · no budget · %m1 help",
        ),
        ({"model": "maker/" + "m" * 80, "budget": Decimal("12.5")}, "m1-magic · maker/mmm"),
        (
            {"base_url": f"https://{'a' * 60}.example.org/v1"},
            "m1-magic · minimax/minimax-m1 at aaa",
        ),
        ({"base_url": f"ftp://{'a' * 60}"}, "m1-magic · base_url 'ftp://aaa"),
    ],
)
def test_the_line_of_loading_fits_80_columns(
    given: dict[str, object], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-v1-" + "0" * 64)
    settings = M1()
    for name, value in given.items():
        setattr(settings, name, value)  # also what %m1 set would refuse
    shown = banner.banner(settings)
    assert shown.startswith(line) and len(shown) <= 80
    assert shown.endswith(" · %m1 help") and "budget" in shown


FRAMES, LAZY = "narwhals pandas polars openai", "narwhals polars dask pyspark numpy ibis duckdb"
VIEWS = "m1_magic.render, m1_magic.render.notebook_view, m1_magic.render.terminal_view"
LIGHT = {  # what is imported or done, and what that must not import
    "m1_magic.keys, m1_magic.privacy.redaction": "keyring openai pandas pydantic IPython",
    VIEWS: "markdown_it nh3 pygments rich IPython pandas openai",
    "m1_magic.context.frames as f; any(map(f.is_frame, (1, 'a', [], {}, object())))": FRAMES,
    "m1_magic.context.frames.lazy as f; f.is_lazy(object())": LAZY,
}


@pytest.mark.parametrize("step", LIGHT)
def test_each_part_imports_its_libraries_at_first_use(step: str) -> None:
    code = f"import sys, {step}\nprint(*set(sys.argv) & set(sys.modules))"
    command = [sys.executable, "-c", code, *LIGHT[step].split()]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout == "\n"


WITHOUT_WIDGETS = """
import sys
from IPython.core.interactiveshell import InteractiveShell
import m1_magic
shell = InteractiveShell.instance()
cells = ["%load_ext m1_magic", "%m1", "%m1 help", "%m1 version", "%m1 doctor", "%m1 ask why?",
         "%%m1 --df t\\nwhy?", "m1_magic.ask('why?')", "%m1 cost", "%m1 again", "%m1 df t"]
shell.user_ns.update(t={"a": [1, 2]}, m1_magic=m1_magic)
for cell in cells:
    assert shell.run_cell(cell).success, cell
    print("loaded:", cell[:9], *sorted(sys.modules))
"""


def test_only_the_panel_imports_widgets(server: OpenRouter) -> None:
    code = [sys.executable, "-c", WITHOUT_WIDGETS]
    ran = subprocess.run(code, capture_output=True, text=True, check=True)
    steps = [line for line in ran.stdout.splitlines() if line.startswith("loaded:")]
    assert len(steps) == 11 and len(server.chats) == 4
    for step in steps:
        modules = set(step.split())
        assert not WIDGETS & modules, step[:20]
        assert not any(name.startswith("m1_magic.widgets") for name in modules)
