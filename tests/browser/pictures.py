"""The README's pictures: real answers of the local model in a real JupyterLab.

That of computed figures is an answer of the notebook's tape, which says so; its figures are real.

PYTHONPATH=tests python -m browser.pictures
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import local_model
from browser.front import Jupyter, Page, chromium
from m1_magic.verbs.quickstart import code_cells

PICTURES = Path(__file__).parent.parent.parent / "notebooks"
QUICKSTART = (
    "%load_ext m1_magic\n%m1 use offline",
    "from palmerpenguins import load_penguins\n\npenguins = load_penguins()",
    "%m1 df penguins",
    # So small a model makes little of more.
    "%%m1 --df penguins --df-tokens 200 -o reply -t 0\nWhich species is in the table most often?",
    "reply.usage, reply.cost, reply.model",
)
PANEL = (
    "from palmerpenguins import load_penguins\n\npenguins = load_penguins()\n"
    "gentoo = penguins[penguins.species == 'Gentoo']",
    "%load_ext m1_magic\n%m1 budget 0.50\n%m1 use offline",
    "import m1_magic\n\nm1_magic.panel(df='penguins', df_tokens=200, temperature=0.0)",
)
COMPUTED = PICTURES / "exact.ipynb"
ASKED = "Which species is in the table most often?"


def main() -> int:
    """Take the pictures."""
    with tempfile.TemporaryDirectory() as scratch, chromium() as browser:
        home = Path(scratch) / "home"
        local_model.give(home)
        with Jupyter("lab", Path(scratch) / "lab", {"M1_HOME": str(home)}) as jupyter:
            page = Page(browser, jupyter)
            page.open(jupyter.write("quickstart.ipynb", QUICKSTART))
            if not page.run_all():
                return 1
            page.shot(PICTURES / "quickstart.png")
            page.close()
            page = Page(browser, jupyter)
            page.open(jupyter.write("panel.ipynb", PANEL))
            if not page.run_all():
                return 1
            ask(page)
            for theme in ("light", "dark"):
                page.shot(PICTURES / f"panel-{theme}.png", dark=theme == "dark")
            page.close()
        with Jupyter("lab", Path(scratch) / "tape", on_tape(Path(scratch))) as jupyter:
            page = Page(browser, jupyter)
            cells = [cell.source for cell in code_cells(COMPUTED)]
            page.open(jupyter.write(COMPUTED.name, cells[:3]))
            if not page.run_all():
                return 1
            page.shot(COMPUTED.with_suffix(".png"))
            page.close()
    return 0


def on_tape(scratch: Path) -> dict[str, str]:
    """Return the environment of a notebook on its tape, without warnings of packages."""
    startup = scratch / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "quiet.py").write_text("import warnings\nwarnings.simplefilter('ignore')\n")
    tape = str(COMPUTED.with_suffix(".tape.jsonl"))
    folders = {"M1_HOME": str(scratch / "taped"), "IPYTHONDIR": str(scratch / "ipython")}
    return {**folders, "M1_TAPE": tape, "M1_MODE": "replay"}


def ask(page: Page) -> None:
    """Ask in the panel, and wait for the end."""
    page.tab.fill(".m1-prompt textarea", ASKED)
    page.tab.get_by_role("button", name="Send").click()
    page.until("() => document.querySelector('.m1-shown .m1-footer')")


if __name__ == "__main__":
    sys.exit(main())
