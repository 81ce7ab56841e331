"""Words and checks that several of the tests need."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from browser.front import Output, Page

only_lab = pytest.mark.parametrize("jupyter", ["lab"], indirect=True)

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "artifacts"
RECORD = "application/vnd.m1-magic.call+json"
WAIT = 120.0  # a busy machine does late what it does
LOAD = "%load_ext m1_magic"


def shoot(page: Page, name: str) -> None:
    """Take a picture in the light and one in the dark theme."""
    for theme in ("light", "dark"):
        page.shot(SHOTS / f"{name}-{page.jupyter.app}-{theme}.png", dark=theme == "dark")


def check_paragraph(output: Output, name: str) -> None:
    assert (output.kind, output.raw["ename"]) == ("error", name)
    shown = output.text.strip()
    assert shown.startswith(f"{name}: ")
    assert len(shown.splitlines()) == 1
    assert not re.search(r"Traceback|File |Cell In|line \d", shown)
