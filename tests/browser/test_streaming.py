"""An answer while it comes: shown in time, whole at the end, and nothing else is touched."""

from __future__ import annotations

import threading

import pytest

from browser.front import Jupyter, Page
from browser.shared import LOAD, RECORD, SHOTS, WAIT, check_paragraph, only_lab
from emulator import Answer, OpenRouter

pytestmark = pytest.mark.browser

WORDS = [f"word{number} " for number in range(40)]
SLOW = [LOAD, "%%m1 -o r\nTell me a story."]


def held() -> tuple[Answer, threading.Event]:
    """Return an answer that stops after 30 of 40 words until its event is set."""
    hold = threading.Event()
    # The pace lets the page be painted in between.
    return Answer(text=WORDS, delay=0.02, hold=hold, hold_after=30), hold


@only_lab
def test_text_is_shown_while_it_comes(page: Page, jupyter: Jupyter, openrouter: OpenRouter) -> None:
    answer, hold = held()
    openrouter.say(answer)
    before = len(openrouter.chats)
    page.open(jupyter.write("stream.ipynb", SLOW))
    page.start()
    assert openrouter.wait_chats(before + 1, WAIT)
    assert openrouter.wait_held(timeout=WAIT)
    page.until_shown(1, "word0 word1")
    assert page.js("() => front.kernel().status") == "busy"
    assert "word30" not in page.outputs(1)[0].text

    hold.set()
    assert page.finish()
    assert page.outputs(1)[0].text.split() == "".join(WORDS).split()
    assert page.unrest() == []


LONG = "".join(
    f"## Part {n}\n\nText with **weight** and $x_{n}^2$.\n\n- one\n- two\n\n"
    f"```python\nx = {n}\n```\n\n| a | b |\n|---|---|\n| {n} | 2 |\n\n"
    for n in range(300)
)


@only_lab
def test_a_long_answer_streams_in_blocks_and_ends_as_one(
    page: Page, jupyter: Jupyter, openrouter: OpenRouter
) -> None:
    pieces = [LONG[at : at + 40] for at in range(0, len(LONG), 40)]
    openrouter.say(Answer(text=pieces, delay=0.004))
    page.open(jupyter.write("long.ipynb", SLOW))
    page.start()
    page.until_shown(1, "Part 30")  # long before the end
    assert page.finish()
    answer, foot = page.outputs(1)
    assert answer.raw["data"]["text/plain"] == LONG
    assert "Part 299" in answer.text and RECORD in foot.raw["data"]
    page.shot(SHOTS / "long.png")
    assert page.unrest() == []


@only_lab
def test_stop_keeps_the_text(page: Page, jupyter: Jupyter, openrouter: OpenRouter) -> None:
    answer, _ = held()
    openrouter.say(answer)
    before = len(openrouter.chats)
    page.open(jupyter.write("stop.ipynb", SLOW))
    page.start()
    assert openrouter.wait_chats(before + 1, WAIT)
    page.until_shown(1, "word0 word1")
    so_far = page.outputs(1)[0].text.split()
    page.interrupt()
    assert not page.finish()
    assert openrouter.wait_closed(timeout=WAIT)

    text, foot, error = page.outputs(1)
    assert text.text.split()[: len(so_far)] == so_far
    assert foot.raw["data"][RECORD]["status"] == "stopped"
    check_paragraph(error, "Stopped")
    page.shot(SHOTS / "stopped.png")
    assert page.unrest() == []
