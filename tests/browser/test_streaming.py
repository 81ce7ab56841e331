"""An answer while it comes: shown in time, whole at the end, and nothing else is touched."""

from __future__ import annotations

import re
import threading

import pytest

from browser.front import Jupyter, Page
from browser.shared import LOAD, RECORD, SHOTS, WAIT, check_paragraph, only_lab, shoot
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
    assert not page.js("() => front.done()")
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


def written(size: int, every: int) -> str:
    """Return an answer of that many characters, with a formula in one of ``every`` parts."""
    parts: list[str] = []
    while sum(map(len, parts)) < size:
        n = len(parts)
        formula = f" It tends to $x_{{{n}}}^2$." if n % every == 0 else ""
        parts.append(
            f"## Part {n}.\n\nThe **weight** of species {n} costs $5.{formula} "
            + f"Its mean is known, the median of group {n} is not. " * 8
            + f"\n\n- one\n- two of *{n}*\n\n```python\nmean = {n}  # grams\n```\n\n"
            f"| species | mass |\n|---|--:|\n| Gentoo | {n} |\n\n"
        )
    return "".join(parts)


OTHERS = """() => [0, 1, 3].flatMap(cell => front.nodes(cell)).map(one => {
  const touched = one.seen !== true;
  one.seen = true;
  return [touched, one.innerHTML];
})"""
IDLE = "() => new Promise(done => requestIdleCallback(() => done(front.kernel().status)))"


@only_lab
@pytest.mark.parametrize(
    ("size", "piece", "delay", "every"),
    [(100_000, 200, 0.004, 1), (1_000_000, 4000, 0.04, 10)],
    ids=["100kB", "1MB"],
)
def test_a_very_long_answer_is_all_there(
    page: Page,
    jupyter: Jupyter,
    openrouter: OpenRouter,
    size: int,
    piece: int,
    delay: float,
    every: int,
) -> None:
    text = written(size, every)
    pieces = [text[at : at + piece] for at in range(0, len(text), piece)]
    hold = threading.Event()
    openrouter.say(Answer(text=pieces, delay=delay, hold=hold, hold_after=len(pieces) // 2))
    before = len(openrouter.chats)
    own = "from IPython.display import HTML, display\n\nprint('mine')\ndisplay(HTML('<b>mine</b>'))"
    page.open(jupyter.write("very-long.ipynb", [LOAD, own, f"%%m1\nTell me {size}.", own]))
    for cell in (0, 1, 3):
        assert page.run(cell)
    others = page.js(OTHERS)

    page.start(2)
    page.until_shown(2, "Part 1.")
    assert openrouter.wait_chats(before + 1, WAIT)
    assert openrouter.wait_held(timeout=WAIT)
    page.until_shown(2, f"Part {text[: size // 4].count('## ')}.")
    assert not page.js("() => front.done()")
    hold.set()
    assert page.finish()

    outputs = page.outputs(2)
    assert len(outputs) < 50
    assert page.js("() => document.querySelector('.jp-TrimmedOutputs')") is None
    assert "".join(one.raw["data"]["text/plain"] for one in outputs[:-1]) == text
    shown = "\n".join(one.text for one in outputs)
    assert re.findall(r"Part (\d+)\.", shown) == [str(n) for n in range(text.count("## "))]
    formulas = "count => front.cells()[2].node.querySelectorAll('mjx-container').length === count"
    page.until(formulas, text.count("$x_"))
    assert page.js(IDLE) == "idle"
    assert page.js(OTHERS) == [[False, html] for _, html in others]
    assert page.unrest() == []
    if size > 100_000:  # at once: with so much in it, it would long be busy
        page.tab.close()


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
    shoot(page, "stopped")
    assert page.unrest() == []
