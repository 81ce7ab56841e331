"""One tab of Chromium over bare DevTools.

Playwright's driver takes a copy of every WebSocket frame of the page, which is most of the work
at the rate of a stream; here the page is asked nothing but what is measured.
"""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import websocket

from browser.front import FLAGS, HEIGHT, WIDTH, chromium_path

START = 30.0  # seconds for the browser to come up
SLOWEST = 240.0  # seconds that a busy page may take to answer
POLL = 0.2
REST = 0.1  # CPU seconds in a second: a page that does less has come to rest


class Tab:
    """A page that runs JavaScript and tells how much CPU its main thread took."""

    def __init__(self, socket: websocket.WebSocket) -> None:
        self._socket, self._sent = socket, 0
        self._call("Performance.enable", timeDomain="threadTicks")

    def open(self, address: str) -> None:
        self._call("Page.navigate", url=address)

    def js(self, code: str) -> Any:
        """Return what an expression gives."""
        told = self._call("Runtime.evaluate", expression=code, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def until(self, condition: str, limit: float = SLOWEST) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + limit
        while not self.js(f"Boolean({condition})"):
            assert time.monotonic() < end, condition
            time.sleep(POLL)

    def cpu(self) -> float:
        """Return the CPU seconds of the main thread's tasks."""
        metrics = self._call("Performance.getMetrics")["metrics"]
        return next(float(one["value"]) for one in metrics if one["name"] == "TaskDuration")

    def rest(self) -> float:
        """Wait until the page has no more to do; return its CPU seconds."""
        now = self.cpu()
        while True:
            time.sleep(1)
            before, now = now, self.cpu()
            if now - before < REST:
                return now

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._sent += 1
        self._socket.send(json.dumps({"id": self._sent, "method": method, "params": params}))
        while True:
            told = json.loads(self._socket.recv())
            if told.get("id") == self._sent:
                assert "error" not in told, told["error"]
                return dict(told["result"])


@contextmanager
def tab(profile: Path) -> Iterator[Tab]:
    """Start a browser with a fresh profile and yield its one tab."""
    command = [
        *(str(chromium_path()), *FLAGS, "--headless=new", "--remote-debugging-port=0"),
        *(f"--user-data-dir={profile}", f"--window-size={WIDTH},{HEIGHT}", "about:blank"),
    ]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet) as browser:
        try:
            socket = websocket.create_connection(
                _address(profile / "DevToolsActivePort"), SLOWEST, suppress_origin=True
            )
            yield Tab(socket)
            socket.close()
        finally:
            browser.terminate()


def _address(file: Path) -> str:
    end = time.monotonic() + START
    while not file.exists() or "\n" not in file.read_text():
        assert time.monotonic() < end, "Chromium did not start"
        time.sleep(POLL)
    port = file.read_text().split("\n")[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
        pages = [one for one in json.load(answer) if one["type"] == "page"]
    return str(pages[0]["webSocketDebuggerUrl"])
