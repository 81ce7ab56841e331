"""The panel in a page, as a user finds it: by what its controls are called."""

from __future__ import annotations

import re
import sqlite3
import threading
from typing import Any

from playwright.sync_api import Locator, TimeoutError, expect

from browser.front import Jupyter, Page
from browser.shared import LOAD, WAIT
from emulator import Answer

FRAMES = f"""{LOAD}
import pandas

sales = pandas.DataFrame({{"region": ["North", "South"] * 6, "units": range(12)}})
weather = pandas.DataFrame({{"degrees": range(5)}})"""
OPEN = "%m1 panel"
WORDS = [f"word{number} " for number in range(40)]
STILL = ".m1-still"

# The last question and an error; both are made anew by a call.
STANDS = """box => ['.m1-asked', '.m1-error'].map(one => [...box.querySelectorAll(one)].at(-1))"""
CHANGED = f"""([box, before]) => ({STANDS})(box).some((now, at) => now && now !== before[at])"""

# Where all that Playwright knows of roles would look through each answer, again and again.
SAYS = """([number, text]) => document.querySelectorAll('.m1-panel')[number]
  ?.querySelector('.m1-shown')?.textContent.replace(/\\s+/g, ' ').includes(text)"""
FREE = """number => {
  const entry = document.querySelectorAll('.m1-panel')[number]?.querySelector('.m1-entry');
  const [send, stop] = ['Send', 'Stop'].map(name => [...entry?.querySelectorAll('button') ?? []]
    .find(one => one.textContent.trim() === name));
  return send && !send.disabled && !stop?.checkVisibility({visibilityProperty: true});
}"""

# As Playwright's own way, which lays the page out for each line of a long text.
PUT = """(one, text) => {
  one.focus();
  one.value = text;
  for (const kind of ['input', 'change']) one.dispatchEvent(new Event(kind, {bubbles: true}));
}"""

expect.set_options(timeout=WAIT * 1000)


def held() -> tuple[Answer, threading.Event]:
    """Return an answer that stops after 30 of 40 words until its event is set."""
    hold = threading.Event()
    return Answer(text=WORDS, hold=hold, hold_after=30), hold


class Panel:
    """One of the panels in a page, the first one counted as 0."""

    def __init__(self, page: Page, number: int = 0) -> None:
        self.number, self.page = number, page
        self.box = page.tab.locator(".m1-panel").nth(number)
        self.entry = self.box.locator(".m1-entry")
        self.shown = self.box.locator(".m1-shown")
        self.prompt = self.control("textbox", "Prompt")
        self.calls = self.control("listbox", "Past calls")
        self.aside = self.shown.locator(".m1-side")  # what was looked up
        expect(self.box.locator(".m1-shown[role=region]")).to_be_attached()

    def control(self, role: Any, name: str) -> Locator:
        """Return a control by what a screen reader calls it."""
        place = self.entry if name in ("Prompt", "Send", "Stop") else self.box
        return place.get_by_role(role, name=name, exact=True)

    def press(self, name: str) -> None:
        """Press a button."""
        self.control("button", name).click()

    def open_history(self) -> None:
        """List past calls."""
        self.press("More")
        self.press("History")
        expect(self.calls).to_be_visible()

    def open_counts(self) -> None:
        """Open the line of what the call and the session cost."""
        self.box.locator("button.m1-counts").click()
        expect(self.box.locator(".m1-tiles").last).to_be_visible()

    def open_adding(self) -> None:
        """Show what can be added."""
        self.press("Add")
        expect(self.control("textbox", "files")).to_be_visible()

    def tick(self, name: str) -> None:
        """Add a table, whose size stands behind its name."""
        self.press("Add")
        self.box.get_by_role("checkbox", name=name).check()
        self.press("Add")

    def ask(self, prompt: str) -> None:
        """Send a prompt, and wait until it is under way or refused."""
        self.prompt.evaluate(PUT, prompt)
        before = self.box.evaluate_handle(STANDS)
        self.press("Send")
        self.page.until(CHANGED, [self.box.element_handle(), before])

    def until(self, text: str) -> None:
        """Wait until that stands where answers stand; else tell what the panel says instead."""
        try:
            self.page.until(SAYS, [self.number, text])
        except TimeoutError as error:
            error.add_note(f"the whole panel:\n{self.box.inner_text()}")
            raise

    def until_free(self) -> None:
        """Wait until no call runs."""
        self.page.until(FREE, self.number)

    def until_told(self, text: str) -> None:
        """Wait until an error says that."""
        expect(self.box.get_by_role("alert").filter(has_text=text)).to_be_visible()

    def tile(self, name: str) -> Locator:
        """Return the number below that name."""
        named = self.box.page.locator(".m1-name", has_text=re.compile(f"^{name}$"))
        return self.box.locator(".m1-tiles > div", has=named).locator("span").last


def opened(page: Page, name: str, *cells: str, before: str = "") -> Panel:
    """Open a notebook with tables, a panel in the second cell, and more cells; run the two."""
    page.open(page.jupyter.write(name, [before + FRAMES, OPEN, *cells]))
    assert page.run(0) and page.run(1)
    return Panel(page)


def ledger(jupyter: Jupyter, query: str) -> list[tuple[Any, ...]]:
    """Return what the ledger of a server's kernels says, read beside them."""
    file = jupyter.root.parent / "m1" / "ledger.db"
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as db:
        return db.execute(query).fetchall()
