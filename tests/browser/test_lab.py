"""What a user sees: ``%%m1`` in JupyterLab and Notebook 7, looked at in Chromium.

The emulator answers; an attacker's web server listens for what an answer may try to load. The
attack tests have a control: the same text, shown by IPython itself, springs every trap.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from browser.front import Attacker, Jupyter, Output, Page, chromium, chromium_path
from emulator import Answer, OpenRouter

pytestmark = pytest.mark.browser
only_lab = pytest.mark.parametrize("jupyter", ["lab"], indirect=True)

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "artifacts"
RECORD = "application/vnd.m1-magic.call+json"
WAIT = 30.0

TEXT = """Gentoo is the **heaviest** of the three species.

| species | mean mass (g) |
|:--|--:|
| Gentoo | 5,076 |
| Chinstrap | 3,733 |

To see it yourself:

```python
penguins.groupby("species").body_mass_g.mean()  # grams
```

1. Group by `species`.
2. Take the mean $\\bar{m} = \\frac{1}{n}\\sum_i m_i$; it costs $5, not $6.
"""
THINKING = "The user has a table of penguins.\n\nI compare the means: **Gentoo** leads."
USAGE = {
    "prompt_tokens": 1204,
    "completion_tokens": 2345,
    "total_tokens": 3549,
    "cost": 0.0054,
    "prompt_tokens_details": {"cached_tokens": 312},
    "completion_tokens_details": {"reasoning_tokens": 1900},
}
FIRST_CALL = [
    "%load_ext m1_magic",
    "from palmerpenguins import load_penguins\n\npenguins = load_penguins()\npenguins.head(3)",
    "%%m1 --df penguins -o r\nWhich species is the heaviest?",
    f"print(r.text == {TEXT!r}, r.usage, r.cost)",
]


@pytest.fixture(scope="module")
def openrouter() -> Iterator[OpenRouter]:
    with OpenRouter() as emulator:
        yield emulator
        assert emulator.crashes == []


@pytest.fixture(scope="module")
def browser() -> Iterator[BrowserContext]:
    if chromium_path() is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no chromium: apt install chromium")
    with chromium() as context:
        yield context


@pytest.fixture(scope="module", params=["lab", "notebook"])
def jupyter(
    request: pytest.FixtureRequest,
    browser: BrowserContext,
    openrouter: OpenRouter,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Jupyter]:
    env = {"M1_BASE_URL": openrouter.base_url, "OPENROUTER_API_KEY": openrouter.key}
    with Jupyter(request.param, tmp_path_factory.mktemp(request.param), env) as server:
        yield server


@pytest.fixture
def page(browser: BrowserContext, jupyter: Jupyter, openrouter: OpenRouter) -> Iterator[Page]:
    one = Page(browser, jupyter)
    try:
        yield one
    finally:
        one.close()
        while openrouter.pending:
            openrouter.take()


@pytest.fixture
def attacker() -> Iterator[Attacker]:
    with Attacker() as server:
        yield server


def test_first_call(page: Page, jupyter: Jupyter, openrouter: OpenRouter) -> None:
    openrouter.say(Answer(thinking=THINKING, text=TEXT, usage=USAGE))
    page.open(jupyter.write("first.ipynb", FIRST_CALL))
    assert page.run_all()

    answer, foot = page.outputs(2)
    assert page.js(LOOK, 2) == {
        "folded": [True],
        "summary": ["thought 1,900 tokens"],
        "bold": ["heaviest"],
        "cells": ["species", "mean mass (g)", "Gentoo", "5,076", "Chinstrap", "3,733"],
        "code": ['penguins.groupby("species").body_mass_g.mean()  # grams\n', "species"],
        "coloured": True,
        "formulas": 1,
    }
    assert "it costs $5, not $6." in answer.text
    assert "I compare the means" in answer.html
    assert re.fullmatch(
        r"minimax/minimax-m1 · 1,204 in \(312 cached\) · 2,345 out \(1,900 thinking\) · \$0\.0054"
        r" · session \$0\.0054 · \d+\.\d s\n"
        r"penguins 344 × 8 → stats, [\d,.k]+ tokens, 0 rows, \d+ labels",
        foot.text.strip(),
    )
    used = "Usage(input=1204, output=2345, cached=312, reasoning=1900)"
    assert page.outputs(3)[0].raw["text"] == f"True {used} 0.0054\n"
    check_saved(page.save(), openrouter)

    page.shot(SHOTS / f"first-{jupyter.app}-light.png")
    page.shot(SHOTS / f"first-{jupyter.app}-dark.png", dark=True)
    assert page.unrest() == []


LOOK = """cell => {
  const [answer] = front.nodes(cell);
  const all = selector => [...answer.querySelectorAll(selector)];
  const colour = one => one && getComputedStyle(one).color;
  const outside = one => !one.closest('details');
  return {
    folded: all('details').map(one => !one.open),
    summary: all('summary').map(one => one.innerText),
    bold: all('strong').filter(outside).map(one => one.innerText),
    cells: all('th, td').map(one => one.innerText),
    code: all('code').map(one => one.textContent),
    coloured: all('pre span').some(one => colour(one) !== colour(all('pre')[0])),
    formulas: all('mjx-container').length,
  };
}"""


def check_saved(file: str, openrouter: OpenRouter) -> None:
    assert openrouter.key not in file
    outputs = json.loads(file)["cells"][2]["outputs"]
    assert [sorted(one["data"]) for one in outputs] == [
        ["text/html", "text/plain"],
        [RECORD, "text/html", "text/plain"],
    ]
    record = outputs[1]["data"][RECORD]
    assert record["usage"] == {"input": 1204, "output": 2345, "reasoning": 1900, "cached": 312}
    assert (record["cost_usd"], record["cost_source"]) == (0.0054, "billed")
    assert (record["status"], record["finish"]) == ("ok", "stop")
    assert record["generation_id"] in openrouter.generations


# -- attacks -----------------------------------------------------------------------------------
RUN = "top.pwned=[...(top.pwned||[]),'{name}']"
EXECUTED = {
    "img": '<img src="data:image/png,x" onerror="RUN">',
    "script": "<script>RUN</script>",
    "details": '<details open ontoggle="RUN"><summary>a</summary>b</details>',
    "srcdoc": '<iframe srcdoc="<script>RUN</script>"></iframe>',
}
LOADED = {
    "picture": "![x](SITE/picture)",
    "reference": "![x][here]\n\n[here]: SITE/reference",
    "tag": '<img src="SITE/tag">',
    "srcset": '<img srcset="SITE/srcset 1x">',
    "poster": '<video poster="SITE/poster"></video>',
    "css": '<p style="background:url(SITE/css)">paper</p>',
    "sheet": '<link rel="stylesheet" href="SITE/sheet">',
    "import": "<style>@import url(SITE/import);</style>",
    "object": '<object data="SITE/object"></object>',
    "frame": '<iframe src="SITE/frame"></iframe>',
}
OWN = ("![x](attack-relative)", '<img src="attack-tag">', "![x](/api/attack-absolute)")
APPEARING = (
    "<style>body{outline-color:rgb(1, 2, 3) !important}</style>",
    '<div style="position:fixed;inset:0;z-index:9999;background:red">over it all</div>',
    '<form action="SITE/form"><input name="password"><button>Sign in</button></form>',
    '<button data-commandlinker-command="notebook:insert-cell-below"'
    ' data-commandlinker-args="{}">More</button>',
    '<a href="javascript:RUN" target="_self">go</a>',
)
# These would take the page away from its control, or do nothing in today's front ends.
OTHER = (
    '<svg onload="RUN"><a xlink:href="javascript:RUN"><text>go</text></a></svg>',
    '<meta http-equiv="refresh" content="0;url=SITE/refresh">',
    '<base href="SITE/base/">',
    '<math><mtext><img src="data:image/png,x" onerror="RUN"></mtext></math>',
    '<input autofocus onfocus="RUN">',
    '<embed src="SITE/embed"><audio src="SITE/audio" autoplay></audio>',
    "[go](javascript:RUN) [go](JaVaScRiPt:RUN) [go](&#106;avascript:RUN) <javascript:RUN>",
    "[go](data:text/html,<script>RUN</script>) [go](vbscript:RUN) [go](file:///etc/passwd)",
    "[go](<javascript:RUN> 'x') [go][js]\n\n[js]: javascript:RUN",
    "![x](<SITE/angle>) ![![x](SITE/inner)](SITE/outer) [![x](SITE/linked)](SITE/link)",
    "![x](//SITE/scheme) ![x](javascript:RUN) ![x](data:image/svg+xml,<svg onload=RUN>)",
    "$\\href{javascript:RUN}{x}$ $\\style{position:fixed}{x}$ $\\class{m1}{x}$"
    " $$\\unicode[x;background:url(SITE/tex)]{65}$$",
    '```"><img src="SITE/info" onerror="RUN">\ncode\n```',
    '```mermaid\ngraph TD; a["<img src=SITE/mermaid onerror=RUN>"]; click a "javascript:RUN"\n```',
)
FRAMES = (
    "- {}",
    "> {}",
    "# {}",
    "**{}",
    "| a | b |\n|:-:|---|\n| {} | {} |",
    '[{}](https://example.org "{}")',
    "[^1] \n\n[^1]: {}",
    "`{}",
    "text {} &lt;{}",
)


def attack(site: str) -> str:
    named = EXECUTED | LOADED | {str(n): text for n, text in enumerate(OWN + APPEARING)}
    made = [text.replace("RUN", RUN.format(name=name)) for name, text in named.items()]
    return "\n\n".join(made).replace("SITE", site)


def harder(site: str) -> str:
    """Return the same and more, also inside of other Markdown."""
    run = RUN.format(name="harder")
    all_of_them = (*EXECUTED.values(), *LOADED.values(), *OWN, *APPEARING, *OTHER)
    lines = [text.replace("RUN", run).replace("SITE", site) for text in all_of_them]
    short = [line for line in lines if "\n" not in line]
    framed = [frame.replace("{}", line) for frame in FRAMES for line in short]
    return "\n\n".join([*lines, *framed, "\n".join(short)])


def test_answers_are_inert(
    page: Page, jupyter: Jupyter, openrouter: OpenRouter, attacker: Attacker
) -> None:
    first, second = attack(attacker.base), harder(attacker.base)
    tag = EXECUTED["img"].replace("RUN", RUN.format(name="tag"))
    openrouter.say(
        Answer(text=first, thinking=first, piece=16),
        Answer(text=second, thinking=second, piece=128, model=tag, provider=tag),
        Answer(text=second, thinking=second, piece=128),
        Answer.http_error(400, tag + EXECUTED["script"]),
    )
    cells = [
        "%load_ext m1_magic",
        "%%m1\nattack",
        "%%m1\nattack harder",
        f"import pandas\nwild = pandas.DataFrame({{{tag!r}: [{tag!r}] * 9}})\n%m1 df wild",
        "%config M1.render = 'markdown'\n%config M1.thinking = 'show'",
        "%%m1 --df wild\nattack in Markdown",
        "%%m1\nattack in an error",
    ]
    page.open(jupyter.write("attacks.ipynb", cells))
    assert not page.run_all()
    assert None not in page.counts()
    shown = check_inert(page, attacker)
    page.shot(SHOTS / f"attacks-{jupyter.app}.png")

    page.save()
    page.open("attacks.ipynb")
    assert page.js("() => front.cells().every(cell => cell.model.trusted)")
    assert check_inert(page, attacker) == shown


ATTACKED = (1, 2, 3, 5)


def check_inert(page: Page, attacker: Attacker) -> list[int]:
    """Check that all of the attack is there as text and that none of it is alive."""
    for cell in ATTACKED:
        page.until_shown(cell, "onerror")
    settle(page, attacker)
    assert page.js("() => window.pwned ?? null") is None
    assert [hit for hit in attacker.hits if not hit.startswith("/fence")] == []
    assert [url for url in page.seen.requests if "attack-" in url] == []
    assert page.js(ALIVE) == []
    assert page.js("() => getComputedStyle(document.body).outlineColor") != "rgb(1, 2, 3)"
    assert [one for one in page.unrest() if not one.startswith(attacker.base + "/fence")] == []
    return [len(page.outputs(cell)) for cell in ATTACKED]


def settle(page: Page, attacker: Attacker) -> None:
    """Wait until whatever the outputs may have set going has happened."""
    page.js(SETTLE, attacker.base)
    page.until("() => settled")


# Unfolds everything; then a broken picture, and one that is loaded after all others.
SETTLE = """site => {
  window.settled = false;
  for (const one of document.querySelectorAll('.jp-OutputArea details')) one.open = true;
  const broken = new Image(), last = new Image();
  last.onload = () => requestAnimationFrame(() => requestAnimationFrame(() => { settled = true; }));
  broken.onerror = () => { last.src = site + '/fence?' + Math.random(); };
  broken.src = 'data:image/png,x';
}"""

# What in an output is more than text, tables, lists, code and links to elsewhere. The front end's
# own drawings are not meant: a formula's twin for screen readers, a diagram as a still picture.
ALIVE = r"""() => {
  const words = text => new Set(text.trim().split(/\s+/));
  const tags = words(`script iframe frame object embed applet form input button textarea select
    video audio source track img picture image link meta base svg math template dialog canvas`);
  const loads = words(`src srcset srcdoc poster action formaction background data ping xlink:href
    autofocus data-commandlinker-command`);
  const ours = rule => rule.selectorText?.split(',').every(one => /^\s*\.m1-/.test(one));
  const attribute = ({name, value}) => name.startsWith('on') || loads.has(name)
    || (name === 'href' && !/^(https?:\/\/|mailto:|#)/.test(value))
    || (name === 'style' && /url|image/.test(value));
  const drawn = one => one.closest('mjx-assistive-mml')
    || (one.matches('.jp-RenderedMermaid img') && one.src.startsWith('data:image/svg+xml,'));
  const places = ['fixed', 'sticky', 'absolute'];
  const alive = one => tags.has(one.localName)
    || [...one.attributes].some(attribute)
    || (one.localName === 'style' && ![...one.sheet.cssRules].every(ours))
    || (places.includes(getComputedStyle(one).position) && !one.closest('mjx-container'))
    || getComputedStyle(one).position === 'fixed';
  return [...document.querySelectorAll('.jp-OutputArea-output *')]
    .filter(one => alive(one) && !drawn(one)).map(one => one.outerHTML.slice(0, 200));
}"""


@only_lab
def test_the_traps_of_the_attack_work(page: Page, jupyter: Jupyter, attacker: Attacker) -> None:
    text = attack(attacker.base)
    shown = f"from IPython.display import Markdown\n\nMarkdown({text!r})"
    page.open(jupyter.write("control.ipynb", [shown]))
    assert page.run_all()
    page.until("names => names.every(name => window.pwned?.includes(name))", list(EXECUTED))
    settle(page, attacker)
    assert {f"/{name}" for name in LOADED} <= set(attacker.hits)
    asked = " ".join(page.seen.requests)
    assert all(name in asked for name in ("attack-relative", "attack-tag", "attack-absolute"))
    assert page.js("() => getComputedStyle(document.body).outlineColor") == "rgb(1, 2, 3)"
    alive = " ".join(page.js(ALIVE))
    for trace in ("position:fixed", "<form", "commandlinker", 'href="javascript:', "outline-color"):
        assert trace in alive


# -- while it comes ----------------------------------------------------------------------------
WORDS = [f"word{number} " for number in range(40)]
SLOW = ["%load_ext m1_magic", "%%m1 -o r\nTell me a story."]


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
    assert page.js("() => front.kernel().status") == "busy"
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


@only_lab
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
    page.shot(SHOTS / "stopped.png")
    assert page.unrest() == []


@only_lab
def test_an_error_is_one_paragraph(page: Page, jupyter: Jupyter) -> None:
    wrong = "import os\n\nos.environ['OPENROUTER_API_KEY'] = 'sk-or-v1-' + 'cd' * 32"
    page.open(jupyter.write("error.ipynb", [wrong, *SLOW]))
    assert not page.run_all()
    check_paragraph(page.outputs(2)[-1], "KeyRefused")
    assert "cd" * 32 not in page.save()
    page.shot(SHOTS / "error.png")
    assert page.unrest() == []


def check_paragraph(output: Output, name: str) -> None:
    assert (output.kind, output.raw["ename"]) == ("error", name)
    shown = output.text.strip()
    assert shown.startswith(f"{name}: ")
    assert len(shown.splitlines()) == 1
    assert not re.search(r"Traceback|File |Cell In|line \d", shown)


# -- the project's own notebook ----------------------------------------------------------------
def test_quickstart(page: Page, jupyter: Jupyter, openrouter: OpenRouter) -> None:
    answers = ["A flipper is for **swimming**.", "Adelie, with 152 birds.", "Dear Gentoo!"]
    openrouter.say(*(Answer(text=text, thinking="Hm.") for text in answers))
    shutil.copy(ROOT / "notebooks" / "quickstart.ipynb", jupyter.root)
    page.open("quickstart.ipynb")
    assert page.run_all()
    assert None not in page.counts()
    outputs = page.all_outputs()
    assert "error" not in {one.kind for one in outputs}
    seen = "\n".join(one.text for one in outputs)
    for text in answers:
        assert text.replace("*", "") in seen
    assert "\\" not in seen
    assert sum(RECORD in one.mimes for one in outputs) == len(answers)
    page.shot(SHOTS / f"quickstart-{jupyter.app}.png")
    assert page.unrest() == []
