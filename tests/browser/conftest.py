"""The servers and the browser, once for all tests of this folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest
from playwright.sync_api import BrowserContext

from browser.front import App, Attacker, Jupyter, Page, chromium, chromium_path
from emulator import OpenRouter

pytest.register_assert_rewrite("browser.shared", "browser.watch")

# "package" and not "session": Playwright's loop would run on under the tests of other folders.


@pytest.fixture(scope="package")
def openrouter() -> Iterator[OpenRouter]:
    with OpenRouter() as emulator:
        yield emulator
        assert emulator.crashes == []


@pytest.fixture(scope="package")
def browser() -> Iterator[BrowserContext]:
    if chromium_path() is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no chromium: apt install chromium")
    with chromium() as context:
        yield context


@pytest.fixture(scope="package")
def servers(
    browser: BrowserContext, openrouter: OpenRouter, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[App], Jupyter]]:
    """Give the one server of each front end, which is started when it is first asked for."""
    env = {"M1_BASE_URL": openrouter.base_url, "OPENROUTER_API_KEY": openrouter.key}
    with ExitStack() as stack:
        yield cache(
            lambda app: stack.enter_context(Jupyter(app, tmp_path_factory.mktemp(app), env))
        )


@pytest.fixture(scope="package", params=["lab", "notebook"])
def jupyter(request: pytest.FixtureRequest, servers: Callable[[App], Jupyter]) -> Jupyter:
    return servers(request.param)


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
