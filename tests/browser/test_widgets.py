"""The panel in JupyterLab and Notebook 7: the whole way by clicks, and what may go wrong on it."""

from __future__ import annotations

import json
import re
import threading

import pytest
from playwright.sync_api import expect

from browser.front import HEIGHT, WIDTH, Jupyter, Page
from browser.panels import OPEN, STILL, WORDS, Panel, held, ledger, opened
from browser.shared import LOAD, SHOTS, WAIT, both_saved, check_accessible, only_lab, shoot
from emulator import Answer, OpenRouter

pytestmark = pytest.mark.browser

CODE = 'total = sales["units"].sum()\nprint(total)'
WITH_CODE = f"Add them up:\n\n```python\n{CODE}\n```\n\nThat is **all**."
USAGE = {
    "prompt_tokens": 1204,
    "completion_tokens": 2345,
    "total_tokens": 3549,
    "cost": 0.0054,
    "prompt_tokens_details": {"cached_tokens": 312},
    "completion_tokens_details": {"reasoning_tokens": 1900},
}
SPENT = """SELECT status, answer, sum(input), sum(cached), sum(output), sum(reasoning),
    sum(cost_nano) FROM calls JOIN attempts ON calls.id = call_id
    WHERE prompt = '{}' GROUP BY calls.id"""


def test_the_whole_way(page: Page, jupyter: Jupyter, openrouter: OpenRouter) -> None:
    answer, _ = held()
    openrouter.say(answer, Answer(text=WITH_CODE, thinking="Hm.", usage=USAGE))
    cells = ["print('mine')", "%m1 cost", "print(kept.text, kept.code)"]
    panel = opened(page, "whole.ipynb", "%m1 budget 1 --per session", *cells)
    assert page.run(2)
    before = len(openrouter.chats)

    panel.open_history()
    panel.tick("sales 12 × 2")
    panel.ask(f"First in {jupyter.app}?")
    panel.until("word29")
    assert "word30" not in panel.shown.inner_text()
    assert page.run(3)
    assert [one.raw["text"] for one in page.outputs(3)] == ["mine\n"]
    shown = [one.text for number in (0, 2, 3) for one in page.outputs(number)]
    assert not any("word" in text for text in shown)

    panel.press("Stop")
    assert openrouter.wait_closed(timeout=WAIT)
    panel.until_free()
    panel.until("word29")
    ((status, text, *_),) = ledger(jupyter, SPENT.format(f"First in {jupyter.app}?"))
    assert (status, text) == ("stopped", "".join(WORDS[:30]))

    panel.ask(f"Second in {jupyter.app}?")
    panel.until("That is all.")
    panel.until_free()
    sent = [str(chat.body["messages"]) for chat in openrouter.chats[before:]]
    assert [len(re.findall(r"\bsales\b.*12", text)) > 0 for text in sent] == [True, True]
    assert f"First in {jupyter.app}?" in sent[1]  # one asks on
    check_numbers(page, panel, jupyter)
    check_exits(page, panel)

    listed = panel.calls.locator("option")
    expect(listed.nth(0)).to_contain_text(f"$0.0054 · Second in {jupyter.app}?")
    expect(listed.nth(1)).to_contain_text(f"stopped · First in {jupyter.app}?")
    panel.calls.select_option(index=1)
    panel.press("Show")
    expect(panel.aside).to_contain_text("word29")
    expect(panel.aside).not_to_contain_text("That is all.")
    assert len(openrouter.chats) == before + 2
    assert page.unrest() == []


def check_numbers(page: Page, panel: Panel, jupyter: Jupyter) -> None:
    """Check that panel, ``%m1 cost`` and SQLite say the same."""
    query = SPENT.format(f"Second in {jupyter.app}?")
    ((*_, tokens_in, cached, out, thinking, nano),) = ledger(jupyter, query)
    assert (tokens_in, cached, out, thinking, nano) == (1204, 312, 2345, 1900, 5_400_000)
    panel.open_counts()
    names = ("tokens in", "cached", "out", "thinking", "this call")
    counted = [panel.tile(name).inner_text() for name in names]
    assert counted == ["1,204", "312", "2,345", "1,900", "$0.0054"]

    assert page.run(4)
    # Below the table it may say what kept answers did not cost.
    rows = [line.split("\t") for line in page.outputs(4)[0].text.strip().splitlines()]
    sums = {row[0]: (row[1], row[2]) for row in rows if len(row) > 2}
    for period, tile in (("session", "session"), ("day", "today"), ("month", "month")):
        spent, held = sums[period]
        expect(panel.tile(tile)).to_have_text(spent if held == "$0" else f"{spent} + {held} held")
    assert sums["session"][1] == "$0"
    budget = panel.box.get_by_text("session budget:")
    expect(budget).to_have_text(f"session budget: {sums['session'][0]} of $1.00")


def check_exits(page: Page, panel: Panel) -> None:
    """Take code into a cell and the answer into a variable; neither runs anything."""
    cells = page.js("() => front.cells().length")
    panel.control("textbox", "answer into").fill("kept")
    panel.press("Bind")
    expect(panel.box.get_by_text("kept is the Reply now")).to_be_visible()
    assert page.run(5)
    assert page.outputs(5)[0].raw["text"] == f"{WITH_CODE} {[CODE + chr(10)]!r}\n"

    panel.press("Code into a new cell")
    page.until("count => front.cells().length === count", cells + 1)
    page.until("code => front.cells()[2].model.sharedModel.getSource() === code", CODE)
    page.until("() => front.kernel().status === 'idle'")
    assert page.counts()[2] is None


def test_two_panels_and_a_cell_at_once(
    page: Page, jupyter: Jupyter, openrouter: OpenRouter
) -> None:
    hold, names = threading.Event(), ("alpha", "beta", "gamma")
    words = {name: [f"{name}{n} " for n in range(20)] for name in names}
    openrouter.say(*(Answer(words[name], hold=hold, hold_after=10) for name in names))
    before = len(openrouter.chats)
    first = opened(page, "two.ipynb", OPEN, "%%m1\nThe third?")
    assert page.run(2)
    second = Panel(page, 1)
    for number, panel in enumerate((first, second), 1):
        panel.ask(f"Number {number}?")
        assert openrouter.wait_chats(before + number, WAIT)
    page.start(3)
    page.until_shown(3, "gamma9")
    first.until("alpha9")
    second.until("beta9")
    hold.set()
    assert page.finish()
    first.until_free()
    second.until_free()
    seen = [first.shown.inner_text(), second.shown.inner_text(), page.outputs(3)[0].text]
    for name, text in zip(names, seen, strict=True):
        assert re.findall(r"(?:alpha|beta|gamma)\d+", text) == "".join(words[name]).split()
    for number, name in enumerate(names, 1):
        text = "".join(one.text for one in page.outputs(number))
        assert [other for other in names if other in text] == [name]
    assert page.unrest() == []


# -- the page ----------------------------------------------------------------------------------
@only_lab
def test_a_second_view_follows_and_narrow_ones_fit(
    page: Page, jupyter: Jupyter, openrouter: OpenRouter
) -> None:
    answer, hold = held()
    wide = "| " + " | ".join(["a_very_long_heading"] * 9) + " |\n" + "|---" * 9 + "|\n"
    openrouter.say(answer, Answer(text=f"{'x' * 400}\n\n{wide}\n```\n{'y' * 400}\n```"))
    panel = opened(page, "narrow.ipynb")
    page.js("() => { front.panel().content.activeCellIndex = 1; }")
    page.js("() => jupyterapp.commands.execute('notebook:create-output-view')")
    view = page.tab.locator(".jp-LinkedOutputView .m1-panel")
    expect(view).to_be_visible()
    panel.ask("Seen twice?")
    expect(view.locator(".m1-shown")).to_contain_text("word29")
    view.get_by_role("button", name="Stop").click()
    panel.until_free()
    hold.set()
    expect(view.get_by_role("button", name="Send")).to_be_enabled()
    view.get_by_role("button", name="More").click()
    view.get_by_role("button", name="History").click()
    expect(panel.calls).to_be_visible()
    panel.open_adding()
    panel.open_counts()
    panel.ask("A wide one?")
    panel.until("yyy")
    panel.until_free()
    view.get_by_role("button", name="Code into a new cell").click()  # beside the notebook: no cell
    expect(view.locator(".m1-copy")).to_contain_text("yyy")
    page.js("() => jupyterapp.shell.collapseLeft()")
    page.tab.set_viewport_size({"width": 480, "height": HEIGHT})
    page.until("() => document.querySelectorAll('.m1-panel')[1].clientWidth < 450")
    page.until(f"() => ({TOO_WIDE})().length === 0")
    page.tab.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    check_end_in_sight(page, panel, openrouter)
    assert page.unrest() == []


AT_END = "one => one.scrollHeight - one.scrollTop - one.clientHeight"


def check_end_in_sight(page: Page, panel: Panel, openrouter: OpenRouter) -> None:
    """Check that the end of a growing answer stays in sight, but for who scrolled up."""
    hold = threading.Event()
    lines = [f"line{number}\n\n" for number in range(90)]
    openrouter.say(Answer(text=lines, hold=hold, hold_after=60))
    panel.ask("A long one?")
    panel.until("line59")
    shown = panel.shown.element_handle()
    page.tab.wait_for_function(f"one => one.scrollTop > 300 && ({AT_END})(one) < 24", arg=shown)
    panel.shown.evaluate("one => one.scrollBy(0, -200)")
    page.tab.wait_for_function(f"one => ({AT_END})(one) > 100", arg=shown)
    before = panel.shown.evaluate("one => one.scrollTop")
    hold.set()
    panel.until("line89")
    panel.until_free()
    assert panel.shown.evaluate("one => one.scrollTop") == before


# What of a panel reaches out of its output.
TOO_WIDE = """() => [...document.querySelectorAll('.m1-panel')].flatMap(panel => {
  const area = panel.closest('.jp-OutputArea-output');
  const edge = area.getBoundingClientRect().right + 1;
  const out = one => one.offsetParent && one.getBoundingClientRect().right > edge;
  // A wide table or line of code scrolls within the answer.
  const wide = one => out(one) && !one.closest('.m1-answer *');
  return [...(area.scrollWidth > area.clientWidth ? [area] : []),
    ...[...panel.querySelectorAll('*')].filter(wide)].map(one => one.outerHTML.slice(0, 200));
})"""


def test_the_keyboard_is_enough(page: Page, jupyter: Jupyter, openrouter: OpenRouter) -> None:
    openrouter.say(Answer(text="By **keys**."))
    panel = opened(page, "keys.ipynb")
    panel.open_history()
    panel.open_adding()
    panel.open_counts()
    expect(panel.control("button", "Ask again")).to_be_visible()
    controls = CONTROL.findall(panel.box.aria_snapshot())
    assert [one for one in controls if not one[1]] == []
    panel.prompt.focus()
    reached = []
    for one in (one for one in controls if not one[2]):
        reached += CONTROL.findall(page.tab.locator(":focus").aria_snapshot())
        assert reached[-1] == one and page.js(SHOWS_FOCUS), reached
        page.tab.keyboard.press("Tab")
    assert [name for _, name, _ in reached[:3]] == ["Prompt", "Send", "Add"]

    counts = page.counts()
    panel.prompt.click()
    page.tab.keyboard.type("Does it go by keys?")
    before = len(openrouter.chats)
    with openrouter._change:  # no request reaches the server
        page.tab.keyboard.press("Shift+Enter")
        expect(panel.box.get_by_text("Does it go by keys?", exact=True).first).to_be_visible()
        assert len(openrouter.chats) == before
    panel.until("By keys.")
    panel.until_free()
    expect(panel.shown).to_contain_text("Does it go by keys?")
    expect(panel.prompt).to_have_value("")
    assert page.counts() == counts
    assert page.unrest() == []


# In Playwright's outline of a page: kind, name, and whether it is disabled.
CONTROL = re.compile(
    r'^ *- (button|textbox|combobox|checkbox|listbox|spinbutton|radio)(?: "(.*?)")?'
    r"(?: \[(?:checked|active|expanded)\])*( \[disabled\])?",
    re.M,
)
SHOWS_FOCUS = """() => {
  const one = document.activeElement, seen = [one, one.closest('.m1-entry') ?? one];
  const look = () => seen.map(it => getComputedStyle(it))
    .map(({outline, border, boxShadow}) => outline + border + boxShadow).join();
  const on = look();
  one.blur();
  const off = look();
  one.focus({focusVisible: true});
  return on !== off;
}"""


# -- pictures ----------------------------------------------------------------------------------
PENGUINS = f"{LOAD}\n%m1 budget 0.25 --per session\n\nfrom palmerpenguins import load_penguins\n\n\
penguins = load_penguins()"
HEAVIEST = """**Gentoo** is the heaviest species, by a third.

| species | birds | mean mass (g) |
|:--|--:|--:|
| Gentoo | 124 | 5,076 |
| Chinstrap | 68 | 3,733 |
| Adelie | 152 | 3,701 |

Its mean is $\\bar m = \\frac{1}{n} \\sum_i m_i$ over the birds that were weighed. To see it:

```python
for name, birds in penguins.groupby("species"):
    print(name, birds.body_mass_g.mean() / 1000)  # kg
```
"""


SPOKEN = """() => {
  window.spoken = [];
  const region = document.querySelector('.m1-panel [role=status]');
  const hear = () => spoken.push(region.textContent);
  new MutationObserver(hear).observe(region, {childList: true, characterData: true, subtree: true});
}"""
TREE = """- region "Conversation"
- status: {}
- textbox "Prompt"
- button "Send"
- button "Add"
- checkbox "penguins 344 × 8" [checked]
- button "New chat"
- button "{}"
- button "More"
"""


def test_how_it_looks_sounds_and_weighs(
    page: Page, jupyter: Jupyter, openrouter: OpenRouter
) -> None:
    thinking = "The table has a body mass for each bird. I compare the means."
    openrouter.say(Answer(text=HEAVIEST, thinking=thinking, usage=USAGE))
    page.open(jupyter.write("panel.ipynb", [PENGUINS, OPEN]))
    assert page.run(0)
    bare = len(page.save())
    assert page.run(1)
    panel = Panel(page)
    stateless, stateful = (len(text) - bare for text in both_saved(page).values())
    assert stateless < 5_000 < stateful < 20_000
    panel.tick("penguins 344 × 8")
    page.js(SPOKEN)
    panel.ask("Which species is the heaviest, and how do I see that?")
    panel.until_free()
    expect(panel.shown.locator("mjx-container")).to_be_visible()
    expect(panel.shown.get_by_text("thought 1,900 tokens")).to_be_visible()
    expect(panel.shown.get_by_text("I compare the means")).to_be_hidden()
    expect(panel.shown.locator("th")).to_have_text(["species", "birds", "mean mass (g)"])
    assert page.js(
        f"() => [...document.querySelectorAll('{STILL}')].every(one => !one.offsetParent)"
    )
    shoot(page, "panel")
    spoken = page.js("() => spoken")
    assert [spoken[0], *spoken[-3:-1]] == [
        "Sent to minimax/minimax-m1.",
        "M1 is thinking.",
        "The answer begins.",
    ]
    assert len(spoken) <= 6 and spoken[-1].startswith("Answered, 2,345 tokens, $0.0054, ")
    line = panel.box.locator("button.m1-counts").inner_text()
    expect(panel.box).to_match_aria_snapshot(TREE.format(json.dumps(spoken[-1]), line))
    panel.open_history()
    panel.open_adding()
    panel.open_counts()
    for theme in ("light", "dark"):
        page.shot(SHOTS / f"panel-open-{jupyter.app}-{theme}.png", dark=theme == "dark")
        check_accessible(page, ".m1-panel")
    assert page.unrest() == []
