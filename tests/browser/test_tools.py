"""Calls of tools in a page: what is foreign in them is text, and who asks is heard meanwhile."""

from __future__ import annotations

import pytest

from browser.front import Attacker, Jupyter, Page
from browser.payloads import SEEN, sample
from browser.shared import check_accessible, only_lab
from browser.watch import attacked, check_inert

pytestmark = pytest.mark.browser

SHOW = """
import json
from IPython.display import display
from m1_magic.calls import Reply, ToolEnded
from m1_magic.messages import ToolCall
from m1_magic.render.answer import bundle
from m1_magic.render.approval import approver
from m1_magic.settings.config import M1

given = {texts!r}
calls = [ToolCall("c", text, json.dumps(dict(a=text, b="$x$" * 60))) for text in given]
calls += [ToolCall("c", "f", text) for text in given]
ended = tuple(ToolEnded(call, call.name + call.arguments, "failed") for call in calls)
for mode in ("html", "markdown"):
    display(bundle(Reply("before $y$ end.", tools=ended), M1(), mode), raw=True)
"""
ASK = """
who, said = approver(get_ipython()), []
for name in ("best", "worst", given[0], "last"):
    said.append(who.decide(ToolCall("c", name, "{}"), f"{name}(city={given[0]!r})"))
"""
QUESTION = """name => [...document.querySelectorAll('.m1-question')].some(
  one => one.innerText.includes(name) && !one.querySelector('button').disabled)"""
FOCUSED = "() => document.activeElement.className.includes('m1-question')"


@only_lab
def test_calls_are_text_and_are_asked_about_while_their_cell_runs(
    page: Page, jupyter: Jupyter, attacker: Attacker
) -> None:
    texts = [f"{SEEN}><img src=x onerror=top.pwned=1>"]
    texts += [case.text(attacker.base) for case in sample()]
    texts += ["\x1b[31m\x00\u202e", "</pre></details></summary>"]
    cells = [SHOW.replace("{texts!r}", repr(texts)), ASK, "print(said)", "print('behind')"]
    page.open(jupyter.write("tools.ipynb", cells))
    assert page.run(0)
    page.until_shown(0, "before")
    check_inert(page, attacker)

    page.start()
    page.until(QUESTION, "best")
    check_accessible(page, ".m1-question")
    page.until(FOCUSED)
    page.tab.click(".m1-question button:has-text('Yes')")
    page.until(QUESTION, "worst")
    page.until(FOCUSED)
    page.tab.keyboard.press("n")
    page.until(QUESTION, "onerror")
    page.until(FOCUSED)
    for key in ("Tab", "Tab", "Tab", "Tab", "Enter"):  # the call, Yes, No, Always
        page.tab.keyboard.press(key)
    page.until(QUESTION, "last")
    page.interrupt()
    assert not page.finish()
    assert page.outputs(1)[-1].raw["ename"] == "KeyboardInterrupt"
    assert page.outputs(2) == []  # as after any cell that fails
    assert page.run(2) and page.outputs(2)[0].text == "['yes', 'no', 'always']\n"
    assert page.js("() => front.cells().length") == len(cells)  # no key went to the notebook
    assert page.js("() => window.pwned ?? null") is None and attacked(attacker) == []
