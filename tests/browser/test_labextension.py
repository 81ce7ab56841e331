"""The extension of the front end: prompts in colour, code that can be taken, the cost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import expect

from browser.front import Jupyter, Page
from browser.shared import LOAD, check_accessible
from emulator import Answer, OpenRouter

pytestmark = pytest.mark.browser

PROMPT = "%%m1 --df sales\nWhat **is** it?\n\n```python\nimport os\n```"
CELLS = [
    LOAD,
    PROMPT,
    f"# a note\n\n{PROMPT}",
    'text = """\n%%m1\n**is**"""',
    "%%m1x\n**is**",
]
CODE = "```python\nprint('x' * 3)\n```\n\n```bash\nls\n```"
# Of a cell: its first lines' classes, and what is bold in it.
LOOK = """cell => {
  const {node} = front.cells()[cell];
  const lines = [...node.querySelectorAll('.cm-line')].map(one => one.className);
  const bold = [...node.querySelectorAll('.cm-line span')].filter(
    one => +getComputedStyle(one).fontWeight >= 600).map(one => one.textContent);
  return [lines.filter(one => one !== 'cm-line').map(one => one.split('m1-')[1]), bold.join(' ')];
}"""
BOLD = "** is ** import"


def looks(page: Page, cell: int, lines: list[str], bold: str = BOLD) -> None:
    """Wait until a cell looks so: the code in it gets its language when that is loaded."""
    expected = json.dumps([lines, bold], separators=(",", ":"))
    same = f"([cell, expected]) => JSON.stringify(({LOOK})(cell)) === expected"
    page.until(same, [cell, expected])


def do(page: Page, *commands: str) -> None:
    """Execute JupyterLab's own commands."""
    for command in commands:
        page.js("command => jupyterapp.commands.execute(command)", command)


def select(page: Page, cell: int, offset: int | None = None) -> None:
    """Make a cell the active one; with an offset, edit it there."""
    page.js(
        """([cell, offset]) => {
          const {content} = front.panel();
          [content.activeCellIndex, content.mode] = [cell, offset === null ? 'command' : 'edit'];
          const {editor} = content.activeCell;
          if (offset !== null) editor.setCursorPosition(editor.getPositionAt(offset));
          if (offset !== null) editor.focus();
        }""",
        [cell, offset],
    )


def test_prompts_have_their_own_colours(page: Page, jupyter: Jupyter) -> None:
    name = jupyter.write("colours.ipynb", CELLS)
    page.open(name)
    looks(page, 1, ["command"])
    looks(page, 2, ["above", "above", "command"])
    assert [page.js(LOOK, cell)[0] for cell in (0, 3, 4)] == [[], [], []]
    saved = page.save()

    select(page, 1, 0)
    page.tab.keyboard.type("1")
    page.until(f"() => ({LOOK})(1)[0].length === 0")
    page.tab.keyboard.press("Control+z")
    looks(page, 1, ["command"])
    select(page, 1)
    do(page, "notebook:change-cell-to-markdown")
    page.until("() => !front.cells()[1].node.querySelector('.m1-command')")
    do(page, "notebook:change-cell-to-code")
    looks(page, 1, ["command"])
    do(page, "notebook:move-cell-up")
    looks(page, 0, ["command"])
    select(page, 0, PROMPT.index("```") - 1)
    do(page, "notebook:split-cell-at-cursor")
    looks(page, 0, ["command"], "** is **")
    page.until(f"() => ({LOOK})(1)[0].length === 0")

    assert page.unrest() == []

    # Without the extension all goes on, and the same file is the same, to the byte.
    jupyter.write(name, CELLS)
    page.tab.route("**/extensions/m1-magic/**", lambda route: route.abort())
    page.load(name)
    page.until("() => front.ready()")
    assert page.js("() => document.documentElement.dataset.m1Magic") is None
    assert page.save() == saved
    page.tab.close()


def test_code_can_be_taken(page: Page, jupyter: Jupyter, openrouter: OpenRouter) -> None:
    openrouter.say(Answer(text=CODE))
    page.open(jupyter.write("taken.ipynb", [f"{LOAD}\n%m1 ask What?", "1"]))
    assert page.run(0)
    shown = [one.text for one in page.outputs(0)]
    bars = page.tab.get_by_role("group", name="Code block")
    expect(bars).to_have_count(2)
    assert [one.text for one in page.outputs(0)] == shown
    check_accessible(page, ".m1-bar")

    bars.first.get_by_role("button", name="Into a new cell").click()
    assert sources(page)[1:] == ["print('x' * 3)", "1"]
    assert page.counts()[1:] == [None, None]
    do(page, "notebook:undo-cell-action")
    assert sources(page)[1:] == ["1"]

    page.tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    bars.nth(1).get_by_role("button", name="Copy").focus()
    page.tab.keyboard.press("Enter")
    expect(bars.nth(1).get_by_role("button", name="Copied")).to_be_focused()
    assert page.js("() => navigator.clipboard.readText()") == "ls"
    page.tab.keyboard.press("Tab")
    page.tab.keyboard.press("Space")
    assert sources(page)[1:] == ["ls", "1"]
    assert page.unrest() == []


def sources(page: Page) -> list[str]:
    """Return the source of each cell."""
    found: list[Any] = page.js("() => front.cells().map(one => one.model.sharedModel.getSource())")
    return found
