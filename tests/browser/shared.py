"""Words and checks that several of the tests need."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Route
from playwright.sync_api import Page as Tab

import labextension
from browser.front import Output, Page

only_lab = pytest.mark.parametrize("jupyter", ["lab"], indirect=True)

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "artifacts"
RECORD = "application/vnd.m1-magic.call+json"
WAIT = 120.0  # a busy machine does late what it does
LOAD = "%load_ext m1_magic"


def shoot(page: Page, name: str) -> None:
    """Take a picture in the light and one in the dark theme."""
    for theme in ("light", "dark"):
        page.shot(SHOTS / f"{name}-{page.jupyter.app}-{theme}.png", dark=theme == "dark")


# Whether the state of widgets is saved with the notebook: the menu's entry turns it over.
TURN = "() => jupyterapp.commands.execute('@jupyter-widgets/jupyterlab-manager:saveWidgetState')"
SAVES = """() => jupyterapp.commands.isToggled(
  '@jupyter-widgets/jupyterlab-manager:saveWidgetState')"""


def both_saved(page: Page) -> dict[str, str]:
    """Save a notebook without and with the state of its widgets, and return both."""
    saved = {}
    for name in ("stateless", "stateful"):
        page.until(f"() => ({SAVES})() === {str(name == 'stateful').lower()}")
        saved[name] = page.save()
        page.js(TURN)
    page.js("() => front.panel().context.model.deleteMetadata('widgets')")  # it would stay
    return saved


def check_accessible(page: Page, part: str) -> None:
    """Check a part of a page by the rules of axe-core."""
    from axe_playwright_python.sync_playwright import Axe

    # JupyterLab's body is as high as nothing, and so nothing in it would be in sight for axe-core.
    page.js(
        "() => { for (const one of [document.documentElement, document.body]) "
        "one.style.height = '100vh'; }"
    )
    found = Axe().run(page.tab, context=part)
    assert found.violations_count == 0, found.generate_report()


def check_paragraph(output: Output, name: str) -> None:
    assert (output.kind, output.raw["ename"]) == ("error", name)
    shown = output.text.strip()
    assert shown.startswith(f"{name}: ")
    assert len(shown.splitlines()) == 1
    assert not re.search(r"Traceback|File |Cell In|line \d", shown)


def bare(browser: BrowserContext) -> Tab:
    """Return an empty page with the front end's extension, of which nothing was asked yet."""

    def serve(route: Route) -> None:
        if ".css" in route.request.url:
            route.fulfill(path=labextension.STYLE)
        elif ".js" in route.request.url:
            route.fulfill(path=labextension.script())
        else:
            body = '<!doctype html><meta charset="utf-8"><script src="extension.js"></script>'
            route.fulfill(content_type="text/html", body=body)

    tab = browser.new_page()
    tab.route("**/*", serve)
    tab.goto("http://127.0.0.1/page")
    return tab
