"""The extension of the front end where a notebook, its kernel or the page is odd."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from browser.front import Jupyter, Page
from browser.shared import LOAD, RECORD, check_accessible, shoot
from browser.test_labextension import CODE, FAILING, LOOK, PROMPT, put_output, sources
from emulator import Answer, OpenRouter

pytestmark = pytest.mark.browser
expect.set_options(timeout=12000)

ANSWER = '<div class="m1-answer"><pre><code>seen</code></pre></div>'
END = """() => void front.kernel().requestExecute(
  {code: 'import os; os._exit(1)', silent: true, store_history: false})"""
SAY = """source => front.nodes(0)[0].dispatchEvent(
  new CustomEvent('m1-magic:insert', {detail: {source}, bubbles: true}))"""
# Of notebooks opened from now on, as their setting does it.
WINDOWING = """mode => {
  const factory = jupyterapp.docRegistry.getWidgetFactory('Notebook');
  factory.notebookConfig = {...factory.notebookConfig, windowingMode: mode};
}"""


def test_a_kernel_that_ends_takes_its_error_along(page: Page, jupyter: Jupyter) -> None:
    name = jupyter.write("ends.ipynb", [*FAILING, PROMPT])
    put_output(jupyter, name, 3, {"text/html": ANSWER})
    page.open(name)
    views = 1
    if jupyter.app == "lab":  # Notebook 7 has one view of a notebook
        before = page.js("() => [...jupyterapp.shell.widgets('main')].length")
        page.js("() => jupyterapp.commands.execute('docmanager:clone')")
        page.until(f"() => [...jupyterapp.shell.widgets('main')].length === {before + 1}")
        views = 2
    rows = page.tab.get_by_role("group", name="This error")
    blocks = page.tab.get_by_role("group", name="Code block")
    expect(blocks).to_have_count(views)
    assert page.run(0) and not page.run(1)
    expect(rows).to_have_count(1)  # in the view where it ran
    page.js(END)
    expect(rows).to_have_count(0)
    for left in reversed(range(views)):  # each says that it ended
        page.tab.get_by_role("button", name="Ok").last.click()
        expect(page.tab.get_by_role("button", name="Ok")).to_have_count(left)
    page.until("() => front.ready()")
    assert not page.run(1)  # in the new kernel we are not loaded
    assert page.run(0) and not page.run(1)
    expect(rows).to_have_count(1)

    page.js("() => front.panel().sessionContext.shutdown()")
    page.until("() => !front.kernel()")
    expect(rows).to_have_count(0)
    before = sources(page)
    blocks.last.get_by_role("button", name="Into a new cell").click()
    assert sorted(sources(page)) == sorted([*before, "seen"])
    page.until(f"() => ({LOOK})(front.cells().length - 1)[0][0] === 'command'")
    assert page.unrest() == []


def test_what_is_added_is_seen_in_the_dark_and_from_right_to_left(
    page: Page, jupyter: Jupyter, openrouter: OpenRouter
) -> None:
    openrouter.say(Answer(text=CODE))
    page.open(jupyter.write("dark.ipynb", [f"{LOAD}\n%m1 ask What?", PROMPT, "1 / 0"]))
    assert page.run(0) and not page.run(2)
    expect(page.tab.get_by_role("group", name="This error")).to_have_count(1)
    rows = page.tab.get_by_role("group", name="Code block")
    rows.first.get_by_role("button").first.focus()
    page.js("() => { document.documentElement.dir = 'rtl'; }")
    shoot(page, "extension-rtl")
    for part in (".m1-answer", ".m1-error", ".m1-cost"):
        check_accessible(page, part)
    colours = page.js(INKS)
    assert len(colours) >= 8 and min(colours) >= 4.5
    row, block = rows.first.bounding_box(), page.tab.locator(".m1-answer pre").first.bounding_box()
    assert row and block and row["x"] > block["x"] + block["width"] / 2  # beside the code
    page.js("() => document.documentElement.removeAttribute('dir')")
    assert page.unrest() == []


def test_without_a_kernel_all_is_there_but_fix(page: Page, jupyter: Jupyter) -> None:
    name = jupyter.write("none.ipynb", [PROMPT, "1 / 0", "3"])
    book = json.loads(jupyter.read(name)) | {"metadata": {}}
    failed = {"output_type": "error", "ename": "ValueError", "evalue": "x", "traceback": ["x"]}
    book["cells"][1]["outputs"] = [failed]
    (jupyter.root / name).write_text(json.dumps(book))
    put_output(jupyter, name, 2, {"text/html": ANSWER})
    put_output(jupyter, name, 2, {RECORD: {"id": "a", "cost_usd": 0.5}, "text/plain": ""})
    page.open(name, kernel=False)
    page.tab.get_by_role("dialog").get_by_role("button", name="No Kernel").click()
    page.until(f"() => ({LOOK})(0)[0].join() === 'command'")
    expect(page.tab.locator(".m1-cost")).to_have_text("M1: 1 call · 0 in · 0 out · $0.5000")
    page.tab.get_by_role("button", name="Into a new cell").click()
    assert sources(page) == [PROMPT, "1 / 0", "3", "seen"]
    expect(page.tab.get_by_role("group", name="This error")).to_have_count(0)
    assert page.js("() => !front.kernel()")
    assert page.unrest() == []


# The contrast of what is no text of the page, and so unseen by axe-core: buttons, coloured lines.
INKS = """() => {
  const light = text => text.match(/[\\d.]+/g).slice(0, 3).map(value => value / 255)
    .map(one => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)
    .reduce((sum, one, at) => sum + one * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = one => {
    const {backgroundColor: colour} = getComputedStyle(one);
    return /, 0\\)$/.test(colour) ? ground(one.parentElement) : colour;
  };
  const parts = document.querySelectorAll('.m1-button, .m1-cost, .m1-command, .m1-command span');
  return [...parts].map(one => {
    const pair = [light(getComputedStyle(one).color), light(ground(one))];
    return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
  });
}"""


def test_a_file_that_cannot_be_written_gets_no_cells(page: Page, jupyter: Jupyter) -> None:
    name = jupyter.write("locked.ipynb", ["1", "2"])
    put_output(jupyter, name, 0, {"text/html": ANSWER})

    def locked(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"writable": False})

    page.tab.route(re.compile(r"/api/contents/locked\.ipynb\?"), locked)
    page.open(name)
    row = page.tab.get_by_role("group", name="Code block")
    expect(row.get_by_role("button", name="Copy")).to_have_count(1)
    assert page.js("() => front.panel().context.contentsModel.writable") is False
    expect(row.get_by_role("button")).to_have_count(1)
    page.js(SAY, "x")
    assert sources(page) == ["1", "2"]
    assert page.unrest() == []


def test_a_long_notebook_and_a_long_answer(
    page: Page, jupyter: Jupyter, openrouter: OpenRouter
) -> None:
    page.open(jupyter.write("short.ipynb", []))
    page.close_notebook()
    # As JupyterLab does by itself: what is out of sight is not in the page.
    page.js(WINDOWING, "full")
    try:
        check_long(page, jupyter, openrouter)
    finally:
        page.js(WINDOWING, "none")


def check_long(page: Page, jupyter: Jupyter, openrouter: OpenRouter) -> None:
    sent: list[Any] = []
    page.tab.on("websocket", lambda one: one.on("framesent", lambda frame: sent.append(frame)))
    page.open(jupyter.write("long.ipynb", [f"{LOAD}\n%m1 ask What?", *[PROMPT] * 299]))
    assert not page.js("() => front.cells()[299].node.isConnected")
    section = "Some *words*. " * 40 + "\n\n```python\nprint(1)\n```\n\n"
    # Notebook 7 shows outputs by the same code.
    text = section * ((1_000_000 if jupyter.app == "lab" else 200_000) // len(section))
    openrouter.say(Answer(text=text, piece=2000))
    before = len(sent)
    assert page.run(0)
    assert len(sent) - before <= 3  # the cell, and what JupyterLab itself asks
    blocks = "() => document.querySelectorAll('.m1-answer pre').length"
    rows = page.tab.locator(".m1-answer .m1-code")
    expect(rows).to_have_count(page.js(blocks))
    assert page.js(blocks) > 100
    page.js("() => jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    page.js("() => front.panel().content.scrollToItem(299)")
    page.until(f"() => front.cells()[299].node.isConnected && ({LOOK})(299)[0][0] === 'command'")
    page.js("() => front.panel().content.scrollToItem(150)")
    page.until(f"() => ({LOOK})(150)[0].join() === 'command'")
    assert page.unrest() == []
