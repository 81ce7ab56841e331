"""The kernel's side of the front-end extension: found, asked what a fix would cost, gone again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pandas as pd
import polars as pl
import pytest
from jupyter_client.blocking.client import BlockingKernelClient

import shells
from emulator import OpenRouter
from m1_magic.app import PROCESS
from m1_magic.verbs import fixing
from m1_magic.verbs.verb_context import VerbContext
from notebooks import Quick

FAILS = "raise ValueError('SECRET-7351')"


class Page:
    """A front end with the extension, as far as the kernel sees it."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self.client = client
        self.seen: list[dict[str, Any]] = []

    def run(self, code: str) -> None:
        self.client.execute_interactive(code, output_hook=self.seen.append, timeout=60)

    def send(self, kind: str, **content: Any) -> list[dict[str, Any]]:
        """Send a message and return what the kernel published until it was done with it."""
        message = self.client.session.msg(kind, content)
        self.client.shell_channel.send(message)
        told: list[dict[str, Any]] = []
        while True:
            one = self.client.get_iopub_msg(timeout=60)
            if one["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            if one["msg_type"] == "status" and one["content"]["execution_state"] == "idle":
                return told
            told.append(one)

    def comms(self) -> list[str]:
        reply = self.client.comm_info("m1-magic", reply=True, timeout=60)
        return list(reply["content"]["comms"])

    def ask(self, comm: str, data: Any) -> list[Any]:
        told = self.send("comm_msg", comm_id=comm, data=data)
        return [one["content"]["data"] for one in told if one["msg_type"] == "comm_msg"]


@pytest.fixture
def page(server: OpenRouter) -> Iterator[Page]:
    manager = Quick(kernel_name="python3")
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=180)
    yield Page(client)
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_the_front_end_finds_the_kernel_and_learns_a_price(page: Page, server: OpenRouter) -> None:
    assert page.comms() == []
    page.run("%load_ext m1_magic")
    (comm,) = page.comms()
    cell = "# sales\n%%m1 --dr\nwhy?"
    offered = page.client.complete(cell, cell.index("\nwhy"), reply=True, timeout=60)["content"]
    assert (offered["matches"], offered["cursor_start"]) == (["--dry-run"], 13)
    assert page.ask(comm, {"ask": "fix"}) == [{"fix": None}]
    page.run(FAILS)
    for malformed in ({}, {"ask": "more"}, {"ask": ["fix"]}, {"fix": 1}):
        assert page.ask(comm, malformed) == []
    (told,) = page.ask(comm, {"ask": "fix"})
    assert re.fullmatch(r"(likely .*, )?at most \$0\.\d+", told["fix"]["title"])
    page.send("comm_close", comm_id=comm, data={})  # by a page that is closed
    (again,) = page.comms()
    assert page.ask(again, {"ask": "fix"}) == [told]
    page.run("%reload_ext m1_magic")
    assert len(page.comms()) == 1
    page.run("%unload_ext m1_magic")
    assert page.comms() == []
    published = [one for one in page.seen if one["msg_type"].startswith("comm_")]
    assert not published and not server.chats


def test_a_terminal_has_none_of_it() -> None:
    import comm

    with shells.loaded():
        assert "m1-magic" not in [one.target_name for one in comm.get_comm_manager().comms.values()]


TABLES = {
    "table": (pd.DataFrame({"a": range(9)}), "at most"),
    "plan": (pl.LazyFrame({"a": range(9)}), fixing.LATER),
    "large": (pd.DataFrame({"a": range(fixing.AT_ONCE)}), fixing.LATER),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_forecast_computes_no_table_that_takes_long(
    name: str, server: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, told = TABLES[name]
    with shells.the_one(monkeypatch, **{name: table}) as shell:
        run = shells.runner(shell, history=True)
        run(f"{name}.nosuch")
        forecast = fixing.forecast(VerbContext(PROCESS.session(), shell.user_ns, input))
        assert forecast is not None and told in forecast
        if told == "at most":
            assert f"out · {forecast} (" in run("%m1 fix --dry-run").text
    assert not server.chats
