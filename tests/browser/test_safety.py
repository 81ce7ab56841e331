"""Nothing of an answer runs, is fetched, restyles the page or can be clicked into harm.

Every way that an answer takes to a page is attacked with all of ``payloads.py``: a fresh cell,
the reopened file, each prefix of a stream, widgets, the exported page. Each has its control: the
same text without us springs the traps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from playwright.sync_api import BrowserContext, Request
from playwright.sync_api import Page as Tab

import notebooks
from browser.front import Attacker, Jupyter, Page
from browser.payloads import CASES, KINDS, RUN, Case, framed, plain, sample
from browser.shared import LOAD, SHOTS, only_lab
from browser.watch import ALIVE, OUTLINE, check_inert, check_outputs_inert, outline, settle
from emulator import Answer, OpenRouter

pytestmark = pytest.mark.browser

# No "data:" in it: JupyterLab makes a link of that in errors, which leads nowhere.
TAG = f'<img src="x" onerror="{RUN.format(name="tag")}">'
SCRIPT = f"<script>{RUN.format(name='script')}</script>"
# The classes of what executes, loads, overlays or leads away in a notebook's page.
CLASSES = {
    *("img onerror", "script", "details", "srcdoc", "svg", "style", "fixed", "form"),
    *("javascript link", "self link", "commandlinker", "picture", "reference picture"),
    *("own picture", "img src", "srcset", "poster", "media", "css url", "link", "object"),
    *("iframe", "meta", "base", "clobber", "ping", "mathml", "latex", "mermaid", "code"),
    *("handlers", "broken", "put back"),
}


def test_there_are_cases_of_every_class() -> None:
    assert set(KINDS) == CLASSES
    assert len({case.pattern for case in CASES}) >= 150
    assert len({case.name for case in CASES}) == len(CASES)
    traps = {trap: sum(case.trap == trap for case in CASES) for trap in ("runs", "asks", "shows")}
    assert min(traps.values()) >= 30, traps


# -- the control -------------------------------------------------------------------------------
def shown(cases: list[Case], site: str, by: str = "Markdown") -> list[str]:
    """Return cells in which IPython itself shows the cases, each as an output of its own."""
    texts = [case.text(site) for case in cases]
    return [
        f"from IPython.display import {by}, display\n\n"
        f"for text in {texts[at : at + 40]!r}:\n    display({by}(text))"
        for at in range(0, len(texts), 40)
    ]


@only_lab
def test_the_traps_of_the_attack_work(page: Page, jupyter: Jupyter, attacker: Attacker) -> None:
    cases = [case for case in CASES if case.trap != "none"]
    page.open(jupyter.write("control.ipynb", shown(cases, attacker.base)))
    assert page.run_all()
    names = {trap: [case.name for case in cases if case.trap == trap] for trap in TRAPS}
    settle(page.tab, attacker)
    check_ran(page, names["runs"])
    # What a browser thinks less urgent comes when it has time.
    assert attacker.wait({f"/{name}" for name in names["asks"]}) == set()
    asked = " ".join(page.seen.requests)
    assert [name for name in names["own"] if f"attack-{name}" not in asked] == []
    assert outline(page.tab) == OUTLINE
    alive = [bool(found) for found in page.js(ALIVE)]
    assert [case.name for case, found in zip(cases, alive, strict=True) if not found] == []


TRAPS = ("runs", "asks", "own", "shows")


def check_ran(page: Page, names: list[str]) -> None:
    assert set(names) - set(page.js("() => window.pwned ?? []")) == set()


# -- answers -----------------------------------------------------------------------------------
ATTACKED = (1, 2, 3, 5)


def test_answers_are_inert(
    page: Page, jupyter: Jupyter, openrouter: OpenRouter, attacker: Attacker
) -> None:
    first, second = plain(attacker.base), framed(attacker.base)
    openrouter.say(
        Answer(text=first, thinking=first, piece=64),
        Answer(text=second, thinking=first, piece=512, model=TAG, provider=TAG),
        Answer(text=second, thinking=first, piece=512),
        Answer.http_error(400, TAG + SCRIPT),
    )
    cells = [
        LOAD,
        "%%m1\nattack",
        "%%m1\nattack harder",
        f"import pandas\nwild = pandas.DataFrame({{{TAG!r}: [{TAG!r}] * 9}})\n%m1 df wild",
        "%config M1.render = 'markdown'\n%config M1.thinking = 'show'",
        "%%m1 --df wild\nattack in Markdown",
        "%%m1\nattack in an error",
    ]
    page.open(jupyter.write("attacks.ipynb", cells))
    assert not page.run_all()
    assert None not in page.counts()
    seen = check_all_there(page, attacker)
    page.shot(SHOTS / f"attacks-{jupyter.app}.png")

    page.save()
    page.open("attacks.ipynb")
    assert page.js("() => front.cells().every(cell => cell.model.trusted)")
    assert check_all_there(page, attacker) == seen


def check_all_there(page: Page, attacker: Attacker) -> list[int]:
    """Check that all of the attack is there as text and that none of it is alive."""
    for cell in ATTACKED:
        page.until_shown(cell, "onerror")
    check_inert(page, attacker)
    return [len(page.outputs(cell)) for cell in ATTACKED]


@only_lab
def test_each_case_alone_is_inert(page: Page, jupyter: Jupyter, attacker: Attacker) -> None:
    """Where each is an output of its own, none can hide in what another one opened."""
    make = (
        "from IPython.display import display\nfrom m1_magic.calls import Reply\n"
        "from m1_magic.settings.config import M1\nfrom m1_magic.render.answer import bundle\n\n"
        "def show(texts, mode):\n    for text in texts:\n"
        "        reply = Reply(text=text, thinking=text)\n"
        "        display(bundle(reply, M1(thinking='show'), mode), raw=True)"
    )
    texts = [case.text(attacker.base) for case in CASES]
    parts = [texts[at : at + 40] for at in range(0, len(texts), 40)]
    cells = [f"show({part!r}, {mode!r})" for mode in ("html", "markdown") for part in parts]
    page.open(jupyter.write("alone.ipynb", [make, *cells]))
    assert page.run_all()
    assert len(page.js(ALIVE)) == 2 * len(texts)
    check_inert(page, attacker)


@only_lab
def test_every_prefix_of_a_stream_is_inert(
    page: Page, jupyter: Jupyter, attacker: Attacker
) -> None:
    few = sample()
    assert len(few) >= 25
    make = (
        "from IPython.display import HTML, display\n"
        "from m1_magic.render.blocks import settled\nfrom m1_magic.render.markup import html\n\n"
        "def show(texts):\n    for text in texts:\n"
        "        starts = [text[:size] for size in range(1, len(text) + 1)]\n"
        "        shown = [html(settled(start), typeset=False) for start in starts]\n"
        "        display(HTML(''.join([*shown, *map(html, starts)])))"
    )
    texts = [case.text(attacker.base) for case in few]
    cells = [f"show({texts[at : at + 40]!r})" for at in range(0, len(texts), 40)]
    page.open(jupyter.write("prefixes.ipynb", [make, *cells]))
    assert page.run_all()
    shown = "() => document.querySelectorAll('.jp-OutputArea-output .m1-answer').length"
    assert page.js(shown) == 2 * sum(map(len, texts))
    check_inert(page, attacker)


# Each would fill the page, or change other formulas, if it were typeset as it stands.
BOMBS = (
    r"\rule{100000px}{100000px}", r"a\hspace{99999em}b", r"\kern100000mu x", r"\\[9999em] x",
    r"\raisebox{90000pt}{x}", r"\def\a{xx}\def\b{\a\a}\def\c{\b\b}\c", r"\newcommand{\x}{1}\x",
    r"\href{/api/shutdown}{x}", r"\includegraphics{x}", r"\class{jp-Dialog}{x}",
    r"\style{top:0}{x}",
    r"\bbox[border:9999px solid red]{x}", r"\colorbox{red}{x}", r"\color{red}{x}" * 30,
    r"\Huge{\Huge{\Huge{\Huge{x}}}}", r"\begin{array}{*{99999}{c}}x\end{array}",
    r"\hdotsfor{99999}", r"\eqref{x}", "{" * 90 + "x" + "}" * 90,
)  # fmt: skip
MEASURED = """cell => front.nodes(cell).map(one => ({
  high: one.scrollHeight, wide: one.scrollWidth,
  largest: Math.max(0, ...[...one.querySelectorAll('mjx-container')].map(formula =>
    Math.max(formula.offsetHeight, formula.offsetWidth))),
  links: [...one.querySelectorAll('a')].filter(a => a.target === '_self'
    || a.host === location.host || !/^(https?|mailto):/.test(a.getAttribute('href'))).length,
}))"""


def test_formulas_stay_as_small_as_their_text(
    page: Page, jupyter: Jupyter, openrouter: OpenRouter
) -> None:
    text = "".join(f"\n\nSo ${bomb}$ and $$x = {bomb}$$ end." for bomb in BOMBS)
    openrouter.say(Answer(text=text), Answer(text=text))
    cells = [LOAD, "%%m1\nbombs", "%config M1.render = 'markdown'", "%%m1\nbombs"]
    page.open(jupyter.write("bombs.ipynb", cells))
    assert page.run_all()
    page.until_shown(3, "end.")
    for cell in (1, 3):
        shown = page.js(MEASURED, cell)[0]
        assert shown["high"] < 9000 and shown["wide"] < 4000, (cell, shown)
        assert shown["largest"] < 4000 and shown["links"] == 0, (cell, shown)
    assert page.foreign() == []


LINKS = (
    "[google.com](https://a.example/x)", "[10.0.0.1](https://a.example/)",
    "[localhost:8888](https://a.example/)", "[google\u2024com](https://a.example/)",
    "[google\uff0ecom](https://a.example/)", "[google.com][r]\n\n[r]: https://a.example/",
    "[x](#main)", "[x](/lab)", "[x](lab)", "[x]: /lab\n\n[x]", "[x](http://localhost:1/)",
    "[x](http://2130706433/)", "<https://a.example/b>", "https://google.com@a.example/",
    "www.google.com@a.example", "https://g\u043e\u043egle.com/", "[ok](https://a.example/ok)",
)  # fmt: skip
GOALS = """cell => front.nodes(cell)[0].querySelectorAll('a[href]:not(.jp-InternalAnchorLink)')
  .values().map(a => [a.innerText, a.getAttribute('href'), a.target]).toArray()"""


@only_lab
def test_links_lead_away_and_say_where(
    page: Page, jupyter: Jupyter, openrouter: OpenRouter
) -> None:
    text = "\n\n".join(LINKS)
    openrouter.say(Answer(text=text), Answer(text=text))
    cells = [LOAD, "%%m1\nlinks", "%config M1.render = 'markdown'", "%%m1\nlinks"]
    page.open(jupyter.write("links.ipynb", cells))
    assert page.run_all()
    for cell in (1, 3):
        page.until_shown(cell, "ok")
        goals = page.js(GOALS, cell)
        assert {target for _, _, target in goals} == {"_blank"}, goals
        assert all(
            re.match("https://(a.example|xn--)|mailto:google.com@", href) for _, href, _ in goals
        ), goals
        told = page.outputs(cell)[0].text
        for name in ("google.com", "10.0.0.1", "localhost:8888"):
            assert f"{name} (a.example)" in told, (cell, name, told)
        assert ["ok", "https://a.example/ok", "_blank"] in goals


# -- widgets -----------------------------------------------------------------------------------
WIDGETS = ("HTML", "HTMLMath")


PANEL = """
from datetime import UTC, datetime
from m1_magic.calls import Call, Message, Receipt, Reply, Request, TextDelta, ReasoningDelta, Text
from m1_magic.settings.config import M1
from m1_magic.widgets.panel_view import PanelView

view = PanelView(M1(thinking="show"))
display(view.box)
request = Request(text[:200], (Message("user", (Text(text),)),), 100, notes=(text[:200],))
view.open(request, None, text)
view.feed(ReasoningDelta(text))
for at in range(0, len(text), 100):
    view.feed(TextDelta(text[at : at + 100]))
    view.tick()
reply = Reply(text, text, model=text[:200])
view.close(Receipt(Call("1", datetime.now(UTC), request, reply), notes=request.notes))
"""


def test_widgets_with_answers_are_inert(page: Page, jupyter: Jupyter, attacker: Attacker) -> None:
    first, second = plain(attacker.base), framed(attacker.base)
    cells = [
        "import ipywidgets\nfrom m1_magic.render.blocks import settled\n"
        "from m1_magic.render.markup import html\n\n"
        f"boxes = [getattr(ipywidgets, name)(html({first!r})) for name in {WIDGETS}]\n"
        "more = [ipywidgets.HTML(), ipywidgets.HTMLMath()]\n"
        "display(ipywidgets.VBox(boxes), *more)",
        f"text = {second!r}\nfor size in (*range(0, len(text), 10_000), len(text)):\n"
        "    for box in more:\n        box.value = html(settled(text[:size]), typeset=False)",
        "for box in more:\n    box.value = html(text)",
        PANEL,
    ]
    page.open(jupyter.write("widgets.ipynb", cells))
    assert page.run_all()
    # What all cases together end with.
    page.until_shown(0, CASES[-1].name)
    page.until("() => document.querySelectorAll('.jupyter-widgets .m1-answer').length > 5")
    page.until_shown(3, "session $0")
    page.until("() => document.querySelector('.jupyter-widgets mjx-container')")
    check_inert(page, attacker)


@only_lab
def test_the_traps_work_in_widgets(page: Page, jupyter: Jupyter, attacker: Attacker) -> None:
    live = ("img onerror", "details", "srcdoc", "img src", "srcset", "poster", "css url")
    cases = [case for case in CASES if case.kind in live and case.pattern.startswith("<")]
    halves = cases[::2], cases[1::2]
    texts = ["".join(case.text(attacker.base) for case in half) for half in halves]
    cells = [
        f"import ipywidgets\nboxes = [ipywidgets.HTML({texts[0]!r}), ipywidgets.HTMLMath()]\n"
        "display(*boxes)",
        f"boxes[1].value = {texts[1]!r}",
    ]
    page.open(jupyter.write("widget-control.ipynb", cells))
    assert page.run_all()
    page.until("() => document.querySelectorAll('.jupyter-widgets img').length > 1")
    settle(page.tab, attacker)
    check_ran(page, [case.name for case in cases if case.trap == "runs"])
    asked = {f"/{case.name}" for case in cases if case.trap == "asks"}
    assert attacker.wait(asked) == set()
    assert any(page.js(ALIVE))


# -- the exported page -------------------------------------------------------------------------
@pytest.fixture
def tab(browser: BrowserContext, attacker: Attacker) -> Iterator[Tab]:
    """A tab that reaches nobody but the attacker."""
    one = browser.new_page()
    one.route(
        lambda url: not url.startswith(attacker.base) and not url.startswith("data:"),
        lambda route: route.abort(),
    )
    try:
        yield one
    finally:
        one.close()


def exported(book: NotebookNode) -> str:
    page, _ = HTMLExporter().from_notebook_node(book)
    return str(page)


def asked(tab: Tab, attacker: Attacker, page: str) -> list[str]:
    """Open a page at the attacker's, and return who else is asked for something."""
    requests: list[str] = []

    def seen(request: Request) -> None:
        requests.append(request.url)

    attacker.pages["/page.html"] = page
    tab.on("request", seen)
    tab.goto(f"{attacker.base}/page.html", wait_until="load")
    settle(tab, attacker)
    tab.remove_listener("request", seen)
    return sorted({url for url in requests if not url.startswith((attacker.base, "data:"))})


def test_the_exported_notebook_is_inert(
    tab: Tab, openrouter: OpenRouter, attacker: Attacker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("M1_BASE_URL", openrouter.base_url)
    monkeypatch.setenv("OPENROUTER_API_KEY", openrouter.key)
    first, second = plain(attacker.base), framed(attacker.base)
    openrouter.say(
        Answer(text=first, thinking=first, piece=512),
        Answer(text=second, thinking=first, piece=512, model=TAG, provider=TAG),
        Answer(text=first, thinking=first, piece=512),
        Answer.http_error(400, TAG + SCRIPT),
    )
    book = notebooks.run(
        LOAD,
        "%%m1\nattack",
        "%config M1.thinking = 'show'",
        "%%m1\nattack harder",
        "%config M1.render = 'markdown'",
        "%%m1\nattack in Markdown",
        f"%%m1\nattack {TAG}\n",
        f"%m1 {TAG}",
    )
    assert len(notebooks.errors(book)) == 2
    template = asked(tab, attacker, exported(notebooks.run("1")))
    assert template and all(urlsplit(url).netloc == "cdnjs.cloudflare.com" for url in template)
    assert asked(tab, attacker, exported(book)) == template
    text = tab.inner_text("body")
    named = {case.name for case in CASES if re.search("RUN|NAME", case.pattern)}
    assert {name for name in named if name not in text} == set()
    check_outputs_inert(tab, attacker)


def test_the_traps_work_in_the_exported_notebook(tab: Tab, attacker: Attacker) -> None:
    live = ("img onerror", "script", "details", "srcdoc", "picture", "img src", "srcset", "poster")
    cases = [case for case in CASES if case.kind in live and case.trap in ("runs", "asks")]
    book = notebooks.run(*shown(cases, attacker.base))
    asked(tab, attacker, exported(book))
    ran = tab.evaluate("() => window.pwned ?? []")
    assert {case.kind for case in cases if case.name in ran} == set(live[:4])
    loaded = {case.kind for case in cases if f"/{case.name}" in attacker.hits}
    assert loaded == set(live[4:])
    assert any(tab.evaluate(ALIVE))


# -- names and messages ------------------------------------------------------------------------
def test_names_and_messages_of_others_are_text(
    page: Page, jupyter: Jupyter, openrouter: OpenRouter, attacker: Attacker
) -> None:
    """Columns, files, model ids, hosts, options and errors: none is written by us."""
    bare = "<img src=x onerror=top.pwned=1>"
    (jupyter.root / f"{bare}.csv").write_text(f"{bare},b\n" + f"{bare},2\n" * 9)
    models = openrouter.models
    openrouter.models = [{**models[0], "id": f"a/{bare}", "name": TAG}, *models]
    openrouter.say(
        Answer(text="ok", model=f"a/{TAG}", provider=TAG),
        Answer(text="ok", model=f"a/{SCRIPT}"),
        Answer.http_error(429, TAG, retry_after=0),
        Answer(text="ok", finish="length", native_finish=TAG),
        Answer.broken("half", 502, TAG + SCRIPT),
        Answer.http_error(403, TAG, metadata={"reasons": [TAG], "flagged_input": TAG}),
    )
    cells = [
        LOAD,
        "import pandas\n"
        f"wild = pandas.DataFrame({{{TAG!r}: [{SCRIPT!r}] * 9, 'é': [{TAG!r}] * 9}})",
        "%m1 df wild --send sample:3",
        f'%m1 df "{bare}.csv"',
        "%%m1 --df wild\na",
        f'%%m1 --df "{bare}.csv"\na',
        "%%m1\na",
        "%%m1\na",
        "%%m1\na",
        f"%%m1 --dry-run --df wild -s '{bare}'\n{TAG}",
        f"%%m1 --model '{bare}'\na",
        f"%%m1 --{bare}\na",
        "%m1 models img",
        f"%m1 models {bare}",
        f"%m1 help {bare}",
        f"%m1 {bare}",
        f"%m1 set model {bare}",
        f"%m1 set {bare} 1",
        f"%m1 use http://{bare}",
        f"%m1 login {bare}",
        "%m1",
        "%m1 doctor",
        f"%%m1\n{{{{{bare}}}}} {{{{wild}}}}",
    ]
    try:
        page.open(jupyter.write("names.ipynb", cells))
        for cell in range(len(cells)):  # each, though some fail
            page.run(cell)
    finally:
        openrouter.models = models
    assert None not in page.counts()
    text = [" ".join(one.text for one in page.outputs(cell)) for cell in range(len(cells))]
    silent = [cell for cell in range(2, 19) if not re.search("<(img|script)", text[cell])]
    assert silent == [6, 18]  # retried, and well then; an address that is no address
    check_inert(page, attacker)
    page.shot(SHOTS / f"names-{jupyter.app}.png")
