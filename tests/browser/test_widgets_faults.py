"""What may go wrong with a panel is said in it, and costs neither text nor money."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.front import Jupyter, Page
from browser.panels import WORDS, Panel, held, opened
from browser.shared import WAIT
from emulator import Answer, OpenRouter

pytestmark = pytest.mark.browser


def test_what_goes_wrong_is_said_and_costs_no_text(
    page: Page, jupyter: Jupyter, openrouter: OpenRouter
) -> None:
    answer, hold = held()
    openrouter.say(Answer(text=WORDS, fault="rst_mid"), answer)
    panel = opened(page, "wrong.ipynb", "del sales", "%m1 budget 0.0001 --per session")
    before = len(openrouter.chats)
    panel.ask("Is it cut off?")
    panel.until_told("connection")
    panel.until_free()
    panel.until("word3")

    panel.prompt.fill("Sent twice?")
    panel.control("button", "Send").dblclick()
    panel.until("word29")
    panel.prompt.press("Control+Enter")
    expect(panel.box.get_by_text("One call at a time in a panel")).to_be_visible()
    hold.set()
    panel.until("word39")
    panel.until_free()

    panel.tick("sales 12 × 2")
    assert page.run(2)
    expect(panel.box.get_by_role("checkbox", name="sales (gone)")).to_be_checked()
    panel.ask("Without its table?")
    panel.until_told("sales")
    panel.box.get_by_role("checkbox", name="sales (gone)").uncheck()
    panel.press("Send")
    panel.until_free()
    panel.until("Hello from the emulator")

    assert page.run(3)
    expect(panel.box.get_by_role("button", name="nearly spent")).to_be_visible()
    panel.open_counts()
    expect(panel.box.get_by_text("a call of full length would not fit")).to_be_visible()
    panel.ask("Too dear?")
    panel.until_told("budget")
    panel.until_free()
    asked = [chat.body["messages"][-1]["content"] for chat in openrouter.chats[before:]]
    assert asked == ["Is it cut off?", "Sent twice?", "Without its table?"]
    assert page.unrest() == []


def test_a_kernel_that_restarts_has_the_call_in_its_history(
    page: Page, jupyter: Jupyter, openrouter: OpenRouter
) -> None:
    answer, _ = held()
    openrouter.say(answer)
    panel = opened(page, "restarted.ipynb")
    panel.ask(f"Cut short in {jupyter.app}?")
    panel.until("word29")
    page.js("() => front.panel().sessionContext.restartKernel()")
    page.until("() => front.ready()")
    assert openrouter.wait_closed(timeout=WAIT)
    assert page.run(0) and page.run(1)
    panel = Panel(page)
    panel.until(f"Cut short in {jupyter.app}?")  # the conversation, as the ledger has it
    panel.until("word29")
    panel.open_history()
    expect(panel.calls.locator("option").first).to_contain_text(f"Cut short in {jupyter.app}?")
    panel.calls.select_option(index=0)
    panel.press("Show")
    expect(panel.aside).to_contain_text("Cut short in")
    expect(panel.aside).to_contain_text("word29")
    assert page.unrest() == []
