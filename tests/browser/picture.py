"""The README's picture: real answers of the local model in a real JupyterLab.

PYTHONPATH=tests/browser:tests python tests/browser/picture.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from front import Jupyter, Page, chromium

import local_model

PICTURE = Path(__file__).parent.parent.parent / "notebooks" / "quickstart.png"
CELLS = (
    "%load_ext m1_magic\n%m1 use offline",
    "from palmerpenguins import load_penguins\n\npenguins = load_penguins()",
    "%m1 df penguins",
    "%%m1 --df penguins -o reply -t 0 --max-tokens 160\n"
    "Which species is in the table most often? Answer in one sentence.",
    "reply.usage, reply.cost, reply.model",
)


def main() -> int:
    """Take the picture."""
    with tempfile.TemporaryDirectory() as scratch, chromium() as browser:
        home = Path(scratch) / "home"
        local_model.give(home)
        with Jupyter("lab", Path(scratch) / "lab", {"M1_HOME": str(home)}) as jupyter:
            page = Page(browser, jupyter)
            page.open(jupyter.write("quickstart.ipynb", CELLS))
            if not page.run_all():
                return 1
            page.shot(PICTURE)
            page.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
