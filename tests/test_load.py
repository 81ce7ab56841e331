"""What ``%load_ext m1_magic`` and the first calls import; nothing is looked up or written by it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from emulator import OpenRouter

WIDGETS = {"ipywidgets", "anywidget", "ipylab", "m1_magic.widgets.panel_view"}
HEAVY = WIDGETS | {
    "openai", "httpx2", "pydantic", "m1_magic.widgets",
    "pandas", "polars", "numpy", "narwhals", "nbformat", "markdown", "markdown_it", "nh3",
    "rich", "keyring", "sqlite3", "genai_prices",
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
    assert banner == (
        "m1-magic · minimax/minimax-m1 at openrouter.ai · key: looked up at first use"
        " · no budget: %m1 budget 1 --per day · %m1 help"
    )
    assert not own_home.exists() or not list(own_home.iterdir())


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
