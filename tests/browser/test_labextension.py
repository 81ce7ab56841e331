"""The extension of the front end: prompts in colour, code that can be taken, the cost."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect

from browser.front import Jupyter, Page
from browser.shared import LOAD, RECORD, WAIT, bare, check_accessible
from emulator import Answer, OpenRouter
from m1_magic.verbs import cost_report

pytestmark = pytest.mark.browser
expect.set_options(timeout=WAIT * 1000)

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
  const lines = [...node.querySelectorAll('[class*=m1-]')].map(one => one.classList);
  const bold = [...node.querySelectorAll('.cm-line span')].filter(
    one => +getComputedStyle(one).fontWeight >= 600).map(one => one.textContent);
  const kinds = ['above', 'command'];
  return [lines.map(has => kinds.find(kind => has.contains('m1-' + kind))), bold.join(' ')];
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
    saved = saved_by(page)

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
    assert saved_by(page) == saved
    page.tab.close()


def saved_by(page: Page) -> str:
    """Save a notebook, once its kernel's language stands in it."""
    page.until("() => front.panel().content.model.getMetadata('language_info')?.version")
    return page.save()


NAMES = """() => {
  const {contentWindow} = document.body.appendChild(document.createElement('iframe'));
  const empty = new Set(Object.getOwnPropertyNames(contentWindow));
  return Object.getOwnPropertyNames(window).filter(name => !empty.has(name));
}"""


def test_its_names_are_not_the_page_s(browser: BrowserContext) -> None:
    tab = bare(browser)
    names = [one for one in tab.evaluate(NAMES) if not one.isdecimal()]  # 0: the frame
    assert names == ["_JUPYTERLAB"]
    errors: list[Any] = []
    tab.on("pageerror", lambda one: errors.append(str(one)))
    tab.add_script_tag(url="extension.js")  # what a page has a name for it has once
    tab.evaluate("() => 0")
    assert errors == []
    tab.close()


GROWS = "() => document.querySelector('.m1-answer').append(document.createElement('pre'))"


def test_code_can_be_taken(page: Page, jupyter: Jupyter, openrouter: OpenRouter) -> None:
    openrouter.say(Answer(text=CODE))
    page.open(jupyter.write("taken.ipynb", [f"{LOAD}\n%m1 ask What?", "1"]))
    assert page.run(0)
    shown = [one.text for one in page.outputs(0)]
    bars = page.tab.get_by_role("group", name="Code block")
    expect(bars).to_have_count(2)
    assert [one.text for one in page.outputs(0)] == shown
    check_accessible(page, ".m1-buttons")

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
    page.js(GROWS)
    expect(bars).to_have_count(3)
    assert page.unrest() == []


HIDDEN = {
    "display": '<pre>echo 1<span style="display:none">HIDDEN</span></pre>',
    "opacity": '<pre>echo 2<span style="opacity:0">HIDDEN</span></pre>',
    "size": '<pre>echo 3<span style="font-size:0">HIDDEN</span></pre>',
    "colour": '<pre>echo 4<span style="color:transparent">HIDDEN</span></pre>',
    "a sheet's": '<style>.zz{opacity:0}</style><pre>echo 5<span class="zz">HIDDEN</span></pre>',
    "a sheet's colour": '<style>.y{color:#eee}</style><pre>echo 6<b class="y">HIDDEN</b></pre>',
    "around": '<div style="font-size:0"><pre><code>HIDDEN</code></pre></div>',
    "far": '<pre style="text-indent:-999px">HIDDEN</pre>',
    "before": '<style>.w::before{content:"echo 7"}</style><pre hidden class="w">HIDDEN</pre>',
}
# Hidden by what is around it, or under something: there are buttons, which take nothing.
AROUND = [
    *("opacity:0", "opacity:.01", "display:none", "height:1.6em;overflow:hidden", "zoom:.01"),
    *("position:absolute;left:-9999px", "position:relative;top:-9999px", "margin-left:-9999px"),
    *("height:0;overflow:auto", "width:1px;overflow:hidden", "word-spacing:-99em"),
    *("transform:scale(0)", "filter:opacity(0)", "clip-path:inset(100%)", "translate:-999px"),
]
COVER = "position:absolute;inset:0;top:0;left:0;width:100%;height:100%;background:white"
UNDER = [
    *(f'<div style="{style}"><pre>echo 8\nHIDDEN</pre></div>' for style in AROUND),
    "<details><pre>HIDDEN</pre></details>",
    f'<pre>HIDDEN</pre><div style="{COVER}">.</div>',
]
PRESSED = """() => {
  const buttons = [...document.querySelectorAll('.m1-code button:last-child')];
  const said = buttons.map(one => (one.click(), one.ariaLabel));
  return [said, front.cells().map(one => one.model.sharedModel.getSource())];
}"""
UNSEEN = "a\u202eb\u200bc\u2066d\U000e0041e\u00adf\x07g\u3164h\u200di"
BUTTONS = "count => document.querySelectorAll('.m1-code + pre').length === count"


def test_nothing_hidden_is_taken(page: Page, jupyter: Jupyter) -> None:
    hidden, under = (
        [f'<div class="m1-answer">{one}</div>' for one in blocks]
        for blocks in (HIDDEN.values(), UNDER)
    )
    unseen = f'<div class="m1-answer"><pre>{UNSEEN} \u06cc\u200c\u06a9 \u2764\ufe0f</pre></div>'
    seen = '<div class="m1-answer"><pre>seen</pre></div>'
    name = jupyter.write("forged.ipynb", ["1", "2"])
    for cell, html in zip((0, 1), ("".join(hidden), unseen), strict=True):
        put_output(jupyter, name, cell, {"text/html": html})
    page.open(name)

    def press(blocks: int) -> tuple[list[str], list[str]]:
        page.until(BUTTONS, blocks + 1)
        before = sources(page)
        said, after = page.js(PRESSED)
        assert set(said) == {"Not taken: not all in sight", "Into a new cell"}
        for one in before:
            after.remove(one)
        assert said.count("Into a new cell") == len(after)
        return said, sorted(after)

    # JupyterLab takes the sheets out of what is not trusted: nothing is hidden by them.
    clean = "abcdefghi \u06cc\u200c\u06a9 \u2764\ufe0f"
    assert press(len(hidden))[1] == ["HIDDEN", clean, "echo 5HIDDEN"]
    for blocks in (hidden, under):
        data = {"text/html": "".join([*blocks, seen])}
        page.js(TRUSTED, {"output_type": "display_data", "data": data, "metadata": {}})
        page.until("() => document.querySelector('.m1-answer:last-child pre').innerText === 'seen'")
        said, after = press(len(blocks) + 1)
        assert after == [clean, "seen"]
        assert said[:-2] == ["Not taken: not all in sight"] * len(blocks)
    assert page.unrest() == []


# What is no property of a part, or one of very many: no sheet's rule comes over our own.
SHEETS = {
    "first line": "pre::first-line {color: transparent !important; font-size: 0 !important}",
    "first letter": "pre::first-letter {font-size: 0; -webkit-text-fill-color: #fff}",
    "reversed": ".k {unicode-bidi: bidi-override !important; direction: rtl !important}",
    "in its place": ".k {position: static} .k::before {content: 'ls'; position: absolute; "
    "background: white; width: 9em; height: 2em}",
    "words more": ".k::after {content: ' --not'}",
    "a size of its own": ".k {font-size-adjust: 0 !important}",
    "masked": "pre {-webkit-mask-box-image: linear-gradient(transparent, transparent)}",
    "lowered": ".k {vertical-align: -999px}",
    "framed": ".k {border: 40px solid white} pre {outline: 99px solid white}",
    "in a later layer": "@layer z {pre::first-line {color: transparent !important}}",
    "in another's letters": "@font-face {font-family: monospace; src: local('DejaVu Serif')} "
    "@font-face {font-family: Other; src: local('DejaVu Serif')} .k {font-family: Other, serif}",
    "as discs": ".k {-webkit-text-security: disc}",
    "under a shadow": ".k {text-shadow: -30px -20px 0 black, 0 20px 0 black}",
    "reflected": "pre {-webkit-box-reflect: below -40px}",
    "as a ruby": ".k {display: ruby-text}",
    "in columns": "pre {columns: 2; column-gap: 999px; max-height: 1em; overflow: auto}",
}
SHOWN = """([sheet, code]) => { document.body.innerHTML = `<div class="jp-OutputArea-output">
  <style>${sheet}</style><div class="m1-answer"><pre>${code}</pre></div></div>`; }"""


def test_no_sheet_hides_a_part_of_code(browser: BrowserContext) -> None:
    tab = bare(browser)
    tab.evaluate("() => window._JUPYTERLAB['m1-magic'].get()")
    tab.wait_for_function("() => document.querySelector('link')?.sheet")
    code = "one\n<span class='k'>two or</span> three\nfour"

    def look(sheet: str, code: str) -> bytes:
        tab.evaluate(SHOWN, [sheet, code])
        return tab.screenshot(clip={"x": 0, "y": 0, "width": 400, "height": 200})

    plain = look("", code)
    assert plain != look("", "one\n\nfour")
    assert [name for name, sheet in SHEETS.items() if look(sheet, code) != plain] == []
    tab.close()


TRUSTED = """output => {
  const {model} = front.cells()[0];
  model.outputs.clear();
  model.trusted = true;
  model.outputs.add(output);
}"""


def put_output(jupyter: Jupyter, name: str, cell: int, data: dict[str, Any]) -> None:
    """Save an output in a notebook's file, as somebody else might."""
    book = json.loads(jupyter.read(name))
    output = {"output_type": "display_data", "data": data, "metadata": {}}
    book["cells"][cell]["outputs"].append(output)
    (jupyter.root / name).write_text(json.dumps(book))


FAILING = [LOAD, "1 / 0", "2 / 0", "pass"]


def test_errors_can_be_mended(page: Page, jupyter: Jupyter, openrouter: OpenRouter) -> None:
    page.open(jupyter.write("errors.ipynb", FAILING))
    bars = page.tab.get_by_role("group", name="This error")
    assert not page.run(1)  # not loaded
    assert page.run(0) and not page.run(1)
    expect(bars).to_have_count(1)
    assert not page.run(2)
    expect(bars).to_have_count(1)
    assert page.js("() => front.cells()[2].node.contains(document.querySelector('.m1-error'))")
    fix = bars.get_by_role("button", name="Fix with M1")
    assert (fix.bounding_box() or {})["height"] < 40
    expect(fix).to_have_attribute("title", re.compile(r"^Runs %m1 fix below: .*\$"))
    check_accessible(page, ".m1-error")
    assert page.run(3)
    expect(bars).to_have_count(0)

    assert not page.run(1)
    openrouter.say(Answer(text="Not by zero.\n\n```python\n1 / 1\n```"))
    fix.focus()
    page.tab.keyboard.press("Enter")
    expect(bars).to_have_count(0)
    page.until_shown(2, "Not by zero.")
    assert sources(page)[2] == "%m1 fix"

    assert not page.run(1)
    expect(bars).to_have_count(1)
    page.js("() => front.kernel().restart()")
    expect(bars).to_have_count(0)
    page.until("() => front.ready()")  # or what is asked of a kernel that ends fails later
    assert page.unrest() == []


RECORDS: list[Any] = [
    {"id": "a", "usage": {"input": 1204, "output": 345}, "cost_usd": 0.0054},
    {"id": "b", "usage": {"input": 10, "output": 5}, "cost_usd": 1e-9, "cost_source": "estimated"},
    {"id": "a", "usage": {"input": 1204, "output": 345}, "cost_usd": 0.0054},
    {"id": "c", "usage": None, "cost_usd": None},
    {"id": "d", "usage": {"input": 7, "output": 7}, "cost_usd": 5, "replays": "a"},
    [{"id": "e", "usage": {"input": 3, "output": 1}, "cost_usd": 1234.5}, None, 7, [1]],
    {"id": [], "usage": {"input": "<b>", "output": -4}, "cost_usd": "<img src=x>"},
    {"id": "f", "usage": [], "cost_usd": 1e300, "replays": {}},
    {"id": "h", "usage": {"input": "5", "output": " 5"}, "cost_usd": "0.5"},
    {"id": "g", "usage": {"input": True, "output": {}}, "cost_usd": True, "cost_source": 5},
    "x",
    None,
]


def test_the_cost_is_in_sight(page: Page, jupyter: Jupyter, openrouter: OpenRouter) -> None:
    name = jupyter.write("cost.ipynb", [LOAD, "%m1 ask What?"])
    for record in RECORDS:
        put_output(jupyter, name, 0, {RECORD: record, "text/plain": ""})
    page.open(name)
    cost = page.tab.locator(".m1-cost")
    expect(cost).to_be_visible()
    *_, calls, into, out, dollars, _ = cost_report.report([str(jupyter.root / name)]).split("|")
    told = [calls, into, out, dollars]
    assert [one.strip() for one in told] == ["8", "1,217", "351", "≈$1,234.5054 + 5 unknown"]
    expect(cost).to_have_text("M1: 8 calls · 1,217 in · 351 out · ≈$1,234.5054 + 5 unknown")
    check_accessible(page, ".m1-cost")
    details = page.tab.get_by_role("tooltip")
    for act, end in ((cost.hover, page.tab.mouse), (cost.focus, page.tab.keyboard)):
        act()
        expect(details).to_contain_text("1 kept answer besides, at $0")
        expect(details).to_contain_text("1 call in more than one place, counted once")
        end.move(400, 300) if act == cost.hover else end.press("Escape")
        expect(details).to_be_hidden()
    openrouter.say(Answer(text="This."))
    assert page.run(0)  # no record is left
    expect(cost).to_be_hidden()
    assert page.run(1)
    expect(cost).to_have_text(re.compile(r"M1: 1 call · .* · \$0\.0"))
    assert page.unrest() == []


def sources(page: Page) -> list[str]:
    """Return the source of each cell."""
    found: list[Any] = page.js("() => front.cells().map(one => one.model.sharedModel.getSource())")
    return found
