"""How long a panel takes to open in JupyterLab, beside a bare form of ipywidgets.

    python tests/benchmarks/panel.py [--write]      # --write: the table into the page beside it

Each figure is the median of several runs of one cell in one real JupyterLab, after the imports
and after both were shown once: the milliseconds of the kernel, and those from the start of the
cell to the first frame in which the form is in the page. The floor is one text area and a button.
"""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
import readme
from browser.front import Jupyter, Page, chromium
from emulator import OpenRouter

RUNS = 7
FORMS = {
    "one text area and one button": (
        "display(ipywidgets.VBox([ipywidgets.Textarea(), ipywidgets.Button()]))",
        ".widget-textarea",
    ),
    "`%m1 panel`, 3 DataFrames": ('get_ipython().run_line_magic("m1", "panel")', ".m1-counts"),
}
FRAMES = "pandas.DataFrame({str(n): range(10) for n in range(20)})"
PREPARE = (
    "%load_ext m1_magic\nimport time, ipywidgets, pandas, m1_magic.widgets\n"
    f"first, second, third = {FRAMES}, {FRAMES}, {FRAMES}"
)
TIMED = "start = time.perf_counter()\n{}\nprint('kernel', (time.perf_counter() - start) * 1000)"
WATCH = """([cell, what]) => new Promise(shown => {
  const start = performance.now(), node = front.cells()[cell].node;
  new MutationObserver((_, watch) => {
    if (!node.querySelector(what)) return;
    watch.disconnect();
    requestAnimationFrame(() => shown(performance.now() - start));
  }).observe(node, {childList: true, subtree: true});
  front.run(cell);
})"""


def measure(page: Page, cell: int, what: str) -> tuple[float, float]:
    """Return the milliseconds of the kernel, and until it is seen."""
    page.js("cell => front.cells()[cell].outputArea.model.clear()", cell)
    page.until("([cell, what]) => !front.cells()[cell].node.querySelector(what)", [cell, what])
    seen = page.js(WATCH, [cell, what])
    page.finish()
    text = " ".join(output.text for output in page.outputs(cell))
    kernel = re.search(r"kernel ([\d.]+)", text)
    assert kernel, text
    return float(kernel[1]), float(seen)


def main() -> None:
    """Measure, print the table, and with ``--write`` put it into the page beside it."""
    rows = ["| opening | kernel, ms | seen after, ms |", "|---|---:|---:|", "| *goal* | | < 300 |"]
    with tempfile.TemporaryDirectory() as scratch, OpenRouter() as server, chromium() as browser:
        env = {"M1_BASE_URL": server.base_url, "OPENROUTER_API_KEY": server.key}
        with Jupyter("lab", Path(scratch) / "lab", env) as jupyter:
            page = Page(browser, jupyter)
            cells = [PREPARE, *(TIMED.format(code) for code, _ in FORMS.values())]
            page.open(jupyter.write("panel.ipynb", cells))
            assert page.run_all()
            for cell, (label, (_, what)) in enumerate(FORMS.items(), 1):
                measured = [measure(page, cell, what) for _ in range(RUNS)]
                kernel, seen = (
                    statistics.median(figures) for figures in zip(*measured, strict=True)
                )
                rows.append(f"| {label} | {kernel:.0f} | {seen:.0f} |")
            page.close()
    table = "\n".join(rows)
    print(table)
    if "--write" in sys.argv:
        readme.write_measured("panel", table)


if __name__ == "__main__":
    main()
