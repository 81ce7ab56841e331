"""JupyterLab and Notebook 7 with our extension and without it: loaded, streamed to, typed into.

    python tests/benchmarks/labextension.py [--write]    # --write: into the page beside it

One server each, in real Chromium; with and without by turns, so that what else the machine does
falls on both. Without: as `jupyter labextension disable m1-magic` leaves it. CPU is that of the
page's main thread.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from browser.front import App, Jupyter, Page, chromium
from browser.shared import LOAD
from emulator import Answer, OpenRouter

TIMES, KEYS, CELLS = 5, 40, 300
SECTION = (
    "## A section\n\nSome *words* on it.\n\n```python\nfor one in range(10):\n    print(one)\n```\n"
)
PROMPT = "%%m1\nWhat **is** it?\n\n```python\nimport os\n```\n"
WHAT = {
    "loaded": "page load, until a notebook of 20 cells is shown (ms)",
    "streamed": "an answer of 20,000 characters while it comes (s of CPU)",
    "typed": f"a key typed into a prompt among {CELLS} cells (ms of CPU)",
}


class Bench:
    """The figures of one front end, by what was measured and whether the extension was there."""

    def __init__(self, jupyter: Jupyter, browser: Any, openrouter: OpenRouter) -> None:
        self.jupyter, self.browser, self.openrouter = jupyter, browser, openrouter
        self.seen: dict[tuple[str, bool], list[float]] = {}

    def run(self) -> None:
        """Measure, by turns; the first of each warms up what is kept by the browser."""
        small = self.jupyter.write("small.ipynb", [PROMPT] * 20)
        many = self.jupyter.write("many.ipynb", [PROMPT, "print(1)"] * (CELLS // 2))
        for turn in range(TIMES + 1):
            for there in (True, False):
                for what, figure in self._measured(there, small, many):
                    print(turn, there, what, figure, file=sys.stderr, flush=True)
                    if turn:
                        self.seen.setdefault((what, there), []).append(figure)

    def _measured(self, there: bool, small: str, many: str) -> Iterator[tuple[str, float]]:
        config = self.jupyter.root.parent / "config" / "labconfig" / "page_config.json"
        config.parent.mkdir(exist_ok=True)
        config.write_text(json.dumps({"disabledExtensions": {"m1-magic": not there}}))
        page = Page(self.browser, self.jupyter)
        self.session = page.tab.context.new_cdp_session(page.tab)
        self.session.send("Performance.enable")
        began = time.monotonic()
        page.load(small)
        page.until("() => document.querySelectorAll('.jp-Notebook .cm-content').length === 20")
        yield "loaded", 1000 * (time.monotonic() - began)
        assert page.js("() => 'm1Magic' in document.documentElement.dataset") is there

        stream = self.jupyter.write("stream.ipynb", [LOAD, "%%m1\nTell."])
        page.js("path => front.open(path)", stream)
        page.until("() => front.ready()")
        assert page.run(0)
        self.openrouter.say(Answer(text=SECTION * (20_000 // len(SECTION))))
        before = self._cpu()
        assert page.run(1)
        yield "streamed", self._cpu() - before

        page.js("path => front.open(path)", many)
        page.until(f"() => front.ready() && front.cells().length === {CELLS}")
        page.js("""() => {
          const {content} = front.panel();
          [content.activeCellIndex, content.mode] = [150, 'edit'];
          content.activeCell.editor.setCursorPosition({line: 1, column: 0});
          content.activeCell.editor.focus();
        }""")
        page.tab.keyboard.type("warm")
        before = self._cpu()
        page.tab.keyboard.type("x" * KEYS)
        yield "typed", 1000 * (self._cpu() - before) / KEYS
        page.tab.close()
        page.close()  # its kernels, too

    def _cpu(self) -> float:
        metrics = self.session.send("Performance.getMetrics")["metrics"]
        return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))

    def rows(self) -> list[str]:
        """Return the table's rows."""
        name = {"lab": "JupyterLab", "notebook": "Notebook 7"}[self.jupyter.app]
        return [
            f"| {name} | {text} | "
            + " | ".join(_told(self.seen[what, there]) for there in (False, True))
            + " |"
            for what, text in WHAT.items()
        ]


def _told(figures: list[float]) -> str:
    digits = 0 if max(figures) > 100 else 2
    low, middle, high = min(figures), statistics.median(figures), max(figures)
    return f"{middle:,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"


def main() -> None:
    """Measure and tell, or write it into the page."""
    rows: list[str] = []
    apps: tuple[App, ...] = ("lab", "notebook")
    with tempfile.TemporaryDirectory() as folder, OpenRouter() as server:
        env = {"M1_BASE_URL": server.base_url, "OPENROUTER_API_KEY": server.key}
        for app in apps:
            with chromium() as browser, Jupyter(app, Path(folder) / app, env) as jupyter:
                bench = Bench(jupyter, browser, server)
                bench.run()
                rows += bench.rows()
    head = ["| | | without | with the extension |", "|---|---|--:|--:|"]
    page = "\n".join(
        ["# The extension of the front end", "", f"Medians of {TIMES} (and range).", ""]
    )
    page += "\n" + "\n".join([*head, *rows]) + "\n"
    print(page)
    if "--write" in sys.argv:
        Path(__file__).with_suffix(".md").write_text(page, "utf-8")


if __name__ == "__main__":
    main()
