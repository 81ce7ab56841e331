"""Several answers at once, in a page: side by side where there is room, and they stream."""

from __future__ import annotations

import json
import threading

import pytest

from browser.front import HEIGHT, WIDTH, Jupyter, Page
from browser.shared import LOAD, RECORD, SHOTS, WAIT
from emulator import Answer, OpenRouter

pytestmark = pytest.mark.browser

TEXT = (
    "The **mean** is $\\mu = 4$.\n\n```python\nprint(sum(x) / len(x))\n```\n\n"
    "| species | mass |\n|---|--:|\n| Gentoo | 5,076 |\n| Adelie | 3,701 |\n\n"
    + "One more line. "
    * 9
)
COLUMNS = "[...document.querySelectorAll('.m1-beside > section')]"
LABELS = f"() => {COLUMNS}.map((one) => one.getAttribute('aria-label'))"
ROWS = f"rows => new Set({COLUMNS}.map((one) => one.getBoundingClientRect().top)).size === rows"


def test_answers_side_by_side(page: Page, jupyter: Jupyter, openrouter: OpenRouter) -> None:
    hold = threading.Event()
    openrouter.say(
        *[Answer(TEXT, hold=hold, hold_after=9) for _ in range(2)], Answer.http_error(500)
    )
    before = len(openrouter.chats)
    name = jupyter.write("beside.ipynb", [LOAD, "%%m1 -t 0,0.5,1 -o r\nWhat is the mean?"])
    page.open(name)
    page.start()
    assert openrouter.wait_chats(before + 3, WAIT)
    page.until_shown(1, "The mean is")
    assert not page.js("() => front.done()")
    hold.set()
    assert not page.finish()  # one failed, and the others stand
    page.tab.set_viewport_size({"width": 1400, "height": HEIGHT})
    page.until(ROWS, 1)
    assert page.js(LABELS) == ["temperature 0", "temperature 0.5", "temperature 1"]
    SHOTS.mkdir(exist_ok=True)
    page.tab.screenshot(path=SHOTS / f"beside-{jupyter.app}.png")
    narrow = {"lab": 700, "notebook": 480}[jupyter.app]  # Lab has its sidebars beside it
    page.tab.set_viewport_size({"width": narrow, "height": HEIGHT})
    page.until(ROWS, 3)
    page.tab.screenshot(path=SHOTS / f"beside-narrow-{jupyter.app}.png")
    page.tab.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    outputs = page.outputs(1)
    assert "3 answers · $" in outputs[0].text and outputs[0].text.count("One more line") == 18
    assert "SomeFailed: 1 of 3 answers failed" in outputs[-1].text
    page.save()
    cells = json.loads(jupyter.read(name))["cells"]
    data = [one["data"] for one in cells[1]["outputs"] if "data" in one]
    assert sum(RECORD in one for one in data) == 3
