"""JupyterLab and Notebook 7 with our extension and without it: loaded, streamed to, typed into.

    python tests/benchmarks/labextension.py [--write]    # --write: into the page beside it

A server for each in real Chromium; with and without by turns, so that what else the machine does
falls on both. Without: as `jupyter labextension disable m1-magic` leaves it. CPU is that of the
page's main thread, until it has come to rest: what the extension does later counts, too.
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

import readme
from browser.front import App, Jupyter, Page, chromium
from browser.shared import LOAD
from emulator import Answer, OpenRouter

TIMES, KEYS, CELLS, CHARACTERS = 7, 40, 300, 20_000
TEXT = "Some *words* on it, as an answer has them. " * 10
SECTION = f"## A section\n\n{TEXT}\n\n```python\nfor one in few:\n    print(one)\n```\n\n"
PROMPT = "%%m1\nWhat **is** it?\n\n```python\nimport os\n```\n"
FEW = [LOAD, "%%m1\nTell.", *[PROMPT] * 18]
WHAT = {
    "loaded": ("page load, until a notebook of 20 cells is shown", "ms"),
    "streamed": (f"an answer of {CHARACTERS:,} characters, CPU", "ms"),
    "typed": (f"a key typed into a prompt among {CELLS} cells, CPU", "ms"),
}
NAMES: dict[App, str] = {"lab": "JupyterLab", "notebook": "Notebook 7"}
REST = """() => new Promise(rested => {
  let last = performance.now();
  const watch = new MutationObserver(() => { last = performance.now(); });
  watch.observe(document.body, {childList: true, subtree: true, attributes: true});
  const timer = setInterval(() => {
    if (performance.now() - last < 600) return;
    clearInterval(timer);
    watch.disconnect();
    rested();
  }, 100);
})"""
EDIT = """cell => {
  const {content} = front.panel();
  [content.activeCellIndex, content.mode] = [cell, 'edit'];
  content.activeCell.editor.setCursorPosition({line: 1, column: 0});
  content.activeCell.editor.focus();
}"""
BUTTONS = "() => document.querySelectorAll('.m1-code').length"
COLOURED = "() => document.querySelectorAll('.m1-command').length"


class Bench:
    """The figures of one front end, by what was measured and whether the extension was there."""

    def __init__(self, jupyter: Jupyter, browser: Any, openrouter: OpenRouter) -> None:
        self.jupyter, self.browser, self.openrouter = jupyter, browser, openrouter
        self.seen: dict[tuple[str, bool], list[float]] = {}

    def run(self) -> None:
        """Measure, by turns, each first in its turn; the first turn fills the browser's cache."""
        for turn in range(TIMES + 1):
            for there in (turn % 2 == 0, turn % 2 == 1):
                for what, figure in self._measured(there):
                    if turn:
                        self.seen.setdefault((what, there), []).append(figure)

    def _measured(self, there: bool) -> Iterator[tuple[str, float]]:
        few = self.jupyter.write("few.ipynb", FEW)
        many = self.jupyter.write("many.ipynb", [PROMPT, "print(1)"] * (CELLS // 2))
        self._enable(there)
        page = Page(self.browser, self.jupyter)
        self.session = page.tab.context.new_cdp_session(page.tab)
        self.session.send("Performance.enable")
        began = time.monotonic()
        page.load(few)
        page.until("count => document.querySelectorAll('.cm-content').length === count", len(FEW))
        yield "loaded", 1000 * (time.monotonic() - began)
        assert page.js("() => 'm1Magic' in document.documentElement.dataset") is there

        page.until("() => front.ready()")
        assert page.run(0)
        sections = CHARACTERS // len(SECTION)
        self.openrouter.say(Answer(text=SECTION * sections))
        before = self._cpu(page)
        assert page.run(1)
        yield "streamed", self._cpu(page) - before
        assert page.js(BUTTONS) == (sections if there else 0)

        page.js("path => front.open(path)", many)
        page.until(f"() => front.ready() && front.cells().length === {CELLS}")
        page.js(EDIT, CELLS // 2)
        page.tab.keyboard.type("warm")
        assert page.js(COLOURED) == (CELLS // 2 if there else 0)
        before = self._cpu(page)
        page.tab.keyboard.type("x" * KEYS)
        yield "typed", (self._cpu(page) - before) / KEYS
        page.tab.close()
        page.close()  # its kernels, too

    def _enable(self, there: bool) -> None:
        """Turn the extension on or off, for pages loaded from now on."""
        config = self.jupyter.root.parent / "config" / "labconfig" / "page_config.json"
        config.parent.mkdir(exist_ok=True)
        config.write_text(json.dumps({"disabledExtensions": {"m1-magic": not there}}))

    def _cpu(self, page: Page) -> float:
        """Return the milliseconds of the main thread, once nothing changes in the page."""
        page.js(REST)
        metrics = self.session.send("Performance.getMetrics")["metrics"]
        return 1000 * float(next(one["value"] for one in metrics if one["name"] == "ThreadTime"))

    def rows(self) -> list[str]:
        """Return the table's rows."""
        return [
            " | ".join(
                (
                    f"| {NAMES[self.jupyter.app]}: {text}",
                    *(f"{told(self.seen[what, there])} {unit}" for there in (False, True)),
                )
            )
            + " |"
            for what, (text, unit) in WHAT.items()
        ]


def told(figures: list[float]) -> str:
    """Return the median of the figures, and their range."""
    digits = 0 if max(figures) > 100 else 1
    middle, low, high = statistics.median(figures), min(figures), max(figures)
    return f"{middle:,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"


def line(seen: dict[tuple[str, bool], list[float]]) -> str:
    """Return the line of the page on speed: of JupyterLab."""
    without, there = (told(seen["loaded", one]).split()[0] for one in (False, True))
    page = "[JupyterLab with the extension](../../tests/benchmarks/labextension.md)"
    return f"| {page}, loaded after | {there} ms | without: {without} ms |"


def main() -> None:
    """Measure, print the table, and with ``--write`` put it into the page beside it."""
    rows = ["| | without | with the extension |", "|---|--:|--:|"]
    lines = []
    with tempfile.TemporaryDirectory() as folder, OpenRouter() as server:
        env = {"M1_BASE_URL": server.base_url, "OPENROUTER_API_KEY": server.key}
        for app in NAMES:
            with chromium() as browser, Jupyter(app, Path(folder) / app, env) as jupyter:
                bench = Bench(jupyter, browser, server)
                bench.run()
                rows += bench.rows()
                lines.append(line(bench.seen))
    print("\n".join(rows), lines[0], sep="\n\n")
    if "--write" in sys.argv:
        readme.write_measured("labextension", "\n".join(rows))
        readme.write_speed("labextension", lines[0])


if __name__ == "__main__":
    main()
