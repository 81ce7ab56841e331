"""What ``%load_ext m1_magic`` imports, and that nothing is looked up or written by it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = {
    "openai", "httpx2", "pydantic", "ipywidgets", "anywidget", "ipylab", "m1_magic.widgets",
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
