"""Nothing of an answer is alive in the panel, and no key and nothing alive is saved with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser.front import Attacker, Jupyter, Page
from browser.panels import OPEN, PUT, STILL, Panel, opened
from browser.payloads import CASES, IMG, framed, plain
from browser.shared import both_saved
from browser.watch import check_inert, check_outputs_inert
from emulator import Answer, OpenRouter

pytestmark = pytest.mark.browser

STATE = "application/vnd.jupyter.widget-state+json"
TYPED = "sk-or-v1-" + "ab12" * 16
BROKEN = "Error displaying|Loading widget|not found"
LOADED = "() => front.nodes(1).every(one => !one.textContent.startsWith('Loading widget'))"
LAST = CASES[-1].name  # what all cases together end with
# As without the extension.
WITHOUT = """() => {
  const {dataset} = document.documentElement, version = dataset.m1Magic;
  delete dataset.m1Magic;
  return version;
}"""
WIDE = """import pandas
texts = {!r}
names = [f"{{texts[at % len(texts)]}} {{at}}" for at in range(200)]
wild = pandas.DataFrame({{name: [texts[0]] for name in names}})"""


def test_nothing_of_others_is_alive_in_a_panel(
    page: Page, jupyter: Jupyter, openrouter: OpenRouter, attacker: Attacker
) -> None:
    first, second = plain(attacker.base), framed(attacker.base)
    texts = [case.text(attacker.base) for case in CASES]
    fenced = "~~~~~\n" + "\n".join(texts) + "\n~~~~~\n\n~~~~~\nanother\n~~~~~"
    openrouter.say(
        Answer(text=first, thinking=first, piece=512),
        Answer(text=second, thinking=first, piece=512, model=IMG, provider=IMG),
        Answer.http_error(400, f"Not {texts[0]} nor {texts[1]}"),
        Answer(text=fenced, piece=512),
    )
    panel = opened(page, "attacked.ipynb", "pass", WIDE.format(texts), OPEN)
    for cell in (2, 3, 4):
        assert page.run(cell)
    panel = Panel(page, 1)
    panel.tick("wild 1 × 200")

    panel.ask(first)
    panel.until_free()
    panel.until(LAST)
    check_inert(page, attacker)
    panel.ask(second)
    panel.until_free()
    check_inert(page, attacker)
    panel.ask(texts[0])
    panel.until_told("onerror")
    check_inert(page, attacker)
    panel.press("More")
    panel.prompt.evaluate(PUT, texts[0])
    panel.press("Dry run")
    panel.until("nothing was sent")  # "wild" stands in the last call's footer, too
    panel.until("wild")
    check_inert(page, attacker)

    panel.ask(texts[1])
    panel.until_free()
    panel.until(LAST)
    version = page.js(WITHOUT)
    panel.press("Code into a new cell")
    expect(panel.box.locator(".m1-copy")).to_contain_text(LAST)
    panel.press("History")
    asked = panel.calls.locator("option")
    expect(asked.nth(3)).to_be_attached()
    for number in range(4):  # the last ones; before them come other tests' calls
        panel.calls.select_option(index=number)
        panel.press("Show")
        expect(panel.box.get_by_text("Shown again from the ledger")).to_be_visible()
    check_inert(page, attacker)
    page.js("version => { document.documentElement.dataset.m1Magic = version; }", version)


# -- what is saved -----------------------------------------------------------------------------
# As on a machine that has no key yet.
KEYLESS = """import os

for name in ("M1_BASE_URL", "OPENROUTER_API_KEY"):
    del os.environ[name]
os.environ["M1_HOME"] = {!r}
"""


def test_what_is_saved(
    page: Page, jupyter: Jupyter, openrouter: OpenRouter, attacker: Attacker, tmp_path: Path
) -> None:
    first = plain(attacker.base)
    openrouter.say(Answer(text=first, thinking=first, piece=512))
    openrouter.accept_any_key = True
    try:
        use = f"%m1 use {openrouter.base_url}"
        keyless = KEYLESS.format(str(tmp_path))
        panel = opened(page, "saved.ipynb", use, "input()", before=keyless)
        check_login(page, panel, tmp_path / "keys.json")
        assert page.run(2)
        panel.ask("What is saved of **this**?")
        panel.until_free()
        panel.until(LAST)
    finally:
        openrouter.accept_any_key = False
    saved = both_saved(page)
    assert [STATE in text for text in saved.values()] == [False, True]
    for text in saved.values():
        check_saved(text, page, attacker)
    check_reopened(page, saved, attacker)


def check_login(page: Page, panel: Panel, keys: Path) -> None:
    """Type a key, at first while the kernel is busy, and save at every step."""
    field = panel.box.get_by_placeholder("a key for openrouter.ai")
    page.start(3)
    page.until("() => document.querySelector('.jp-Stdin-input')")
    field.press_sequentially(TYPED)
    assert TYPED not in "".join(both_saved(page).values())
    field.press("Tab")
    assert TYPED not in "".join(both_saved(page).values())
    page.tab.locator(".jp-Stdin-input").press("Enter")
    assert page.finish()
    expect(panel.box.get_by_text("The key is kept.")).to_be_visible()
    expect(field).to_have_count(0)
    assert TYPED in keys.read_text()
    assert TYPED not in "".join(both_saved(page).values())


def check_saved(saved: str, page: Page, attacker: Attacker) -> None:
    """Check that a saved notebook has no key, and nothing that is alive where it is opened."""
    assert TYPED not in saved and TYPED[9:] not in saved
    book = json.loads(saved)
    state = book["metadata"].get("widgets", {}).get(STATE, {}).get("state", {})
    outputs = [one for cell in book["cells"] for one in cell["outputs"]]
    found = ["".join(one.get("data", {}).get("text/html", "")) for one in outputs]
    found += [
        one["state"].get("value", "") for one in state.values() if "HTML" in one["model_name"]
    ]

    assert any(LAST in one for one in found)
    parts = "".join(f'<div class="jp-OutputArea-output">{one}</div>' for one in found)
    attacker.pages["/saved.html"] = f'<!doctype html><link rel="icon" href="data:,">{parts}'
    tab = page.tab.context.new_page()
    try:
        tab.goto(f"{attacker.base}/saved.html")
        check_outputs_inert(tab, attacker)
    finally:
        tab.close()


def check_reopened(page: Page, saved: dict[str, str], attacker: Attacker) -> None:
    """Check what a notebook shows that was not run: with a kernel, without one, untrusted."""
    page.close_notebook()
    page.jupyter.end_kernels()
    for name, text in saved.items():
        (page.jupyter.root / f"{name}.ipynb").write_text(text)
        page.open(f"{name}.ipynb")
        assert page.js("() => front.cells()[1].model.trusted")
        page.until(LOADED)
        check_still(page, attacker)

        (page.jupyter.root / "foreign.ipynb").write_text(text.replace(OPEN, f"{OPEN} "))
        page.open("foreign.ipynb")
        assert not page.js("() => front.cells()[1].model.trusted")
        check_still(page, attacker)
        page.close_notebook()

    page.tab.route("**/api/sessions**", lambda route: route.abort())
    page.load("stateless.ipynb")
    for name in saved:
        page.js("path => front.panel()?.context.path === path || front.open(path)", f"{name}.ipynb")
        page.until("path => front.panel()?.context.path === path", f"{name}.ipynb")
        page.until("() => front.panel().context.isReady")
        check_still(page, attacker)
        assert page.js("() => !front.kernel() && front.cells()[1].model.trusted")


def check_still(page: Page, attacker: Attacker) -> None:
    """Check that question and answer are there, without a broken widget or one that is dead."""
    page.until_shown(1, LAST)
    page.until(f"() => !/{BROKEN}/.test(front.cells()[1].node.innerText)")
    still = page.tab.locator(STILL)
    expect(still).to_be_visible()
    expect(still).to_contain_text("What is saved of **this**?")
    expect(page.tab.get_by_role("button", name="Send", exact=True)).to_be_hidden()
    check_outputs_inert(page.tab, attacker)
    # Its own errors, on a model that is not there, ipywidgets log to the console.
    assert [url for url in page.seen.requests if "attack-" in url] == []
    assert [*page.seen.dialogs, *page.seen.popups] == []
