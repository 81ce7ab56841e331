"""Answers of ``--exact`` in a page: what a table holds is text there, and figures have titles."""

from __future__ import annotations

import json

import pytest

from browser.front import Attacker, Jupyter, Page
from browser.payloads import CASES, SEEN, sample
from browser.shared import LOAD, only_lab
from browser.watch import check_inert
from emulator import Answer, OpenRouter

pytestmark = pytest.mark.browser

NAME = f"{SEEN}><img src=x onerror=top.pwned=1>{{{{v.n}}}}"
SQL = (
    "SELECT value, n, odd AS {name} -- <script>top.pwned=1</script> {{v.n}} \" onfocus='x'\n"
    "FROM wild ORDER BY n"
)
FIGURES = """() => [...front.nodes(2)[0].querySelectorAll('abbr')].map(
  one => [one.innerText, one.title, one.className])"""


@only_lab
def test_values_names_and_queries_are_text_with_titles(
    page: Page, jupyter: Jupyter, openrouter: OpenRouter, attacker: Attacker
) -> None:
    values = [case.text(attacker.base) for case in (*sample(), *CASES[::7])]
    values += ["{{v.n}}", "\x1b[31m\x00\u202e", "</abbr></details>", "\U00100000\U000f0000"]
    name = '"' + NAME.replace('"', '""') + '"'
    rows = "".join(
        f"{n}. {{{{v.value[{n}]}}}} `{{{{v.value[{n}]}}}}` **{{{{v.n[{n}]}}}}**\n"
        for n in range(len(values))
    )
    sql = SQL.replace("{name}", name)
    text = f"```sql v\n{sql}\n```\n# {{{{v.n}}}} of 17 {{{{v.no}}}}\n\n{rows}\n{{{{v}}}}\n\nend."
    openrouter.say(Answer(text=text, piece=512), Answer(text=text, piece=512))
    cells = [
        LOAD + "\n%config M1.repairs = 0",
        f"import pandas\nvalues = {values!r}\n"
        "wild = pandas.DataFrame({'value': values, 'n': range(len(values)), 'odd': values})",
        "%%m1 -d wild --exact\nattack",
        "%config M1.render = 'markdown'",
        "%%m1 -d wild --exact --fresh\nattack",
    ]
    page.open(jupyter.write("exact.ipynb", cells))
    assert page.run_all()
    for cell in (2, 4):
        page.until_shown(cell, "end.")
    check_inert(page, attacker)

    figures = page.js(FIGURES)
    assert len(figures) == 3 * len(values) + 2
    # As the page shows it, and as a screen reader is told.
    by = "computed here by v: SELECT value, n, odd AS"
    for shown, title, kind in figures:
        if shown == "?":
            assert kind == "m1-unknown" and "not computed: v has no column no" in title
        else:
            assert kind == "m1-computed" and f'{by} """ style=' in title
    tree = page.tab.context.new_cdp_session(page.tab).send("Accessibility.getFullAXTree")
    told = json.dumps([node.get("name") for node in tree["nodes"]])
    assert f"0 \\u00b7 {by}" in told and "1 query \\u00b7" in told
    # The fold is opened by the keyboard alone.
    fold = page.tab.locator(".jp-OutputArea-output details").first
    fold.evaluate("one => { one.open = false; }")
    fold.locator("summary").focus()
    page.tab.keyboard.press("Enter")
    page.until("() => document.querySelector('.jp-OutputArea-output details').open")
    assert "onfocus='x'" in fold.inner_text()
