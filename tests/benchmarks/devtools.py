"""One tab of Chromium over bare DevTools.

Playwright's driver takes a copy of every WebSocket frame of the page, which is most of the work
at the rate of a stream; here the page is asked nothing but what is measured.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import websocket

from browser.front import FLAGS, HEIGHT, WIDTH, chromium_path

START = 30.0  # seconds for the browser to come up
SLOWEST = 240.0  # seconds that a busy page may take to answer
POLL = 0.2
SAMPLE = 0.05
REST = 0.1  # CPU seconds in a second: a page that does less has come to rest


class Tab:
    """A page that runs JavaScript, and how much CPU its main thread took."""

    def __init__(self, socket: websocket.WebSocket, browser: psutil.Process) -> None:
        self._socket, self._browser, self._sent = socket, browser, 0

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
        """Return the CPU seconds of the main thread, also while it is busy."""
        return _main_threads(self._renderers())

    @contextmanager
    def watched(self) -> Iterator[Callable[[float], float]]:
        """Within the block, watch the CPU seconds; yield what tells them of a moment in it."""
        renderers, over = self._renderers(), threading.Event()
        seen: list[tuple[float, float]] = []

        def watch() -> None:
            while not over.wait(SAMPLE):
                seen.append((time.time(), _main_threads(renderers)))

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield lambda moment: float(np.interp(moment, *zip(*seen, strict=True)))
        finally:
            over.set()
            thread.join()

    def rest(self) -> float:
        """Wait until the page has no more to do; return its CPU seconds."""
        now = self.cpu()
        while True:
            time.sleep(1)
            before, now = now, self.cpu()
            if now - before < REST:
                return now

    def _renderers(self) -> list[int]:
        children = self._browser.children(recursive=True)
        return [one.pid for one in children if "--type=renderer" in one.cmdline()]

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
            yield Tab(socket, psutil.Process(browser.pid))
            socket.close()
        finally:
            browser.terminate()


def _main_threads(processes: list[int]) -> float:
    stats = (Path(f"/proc/{one}/task/{one}/schedstat").read_text() for one in processes)
    return sum(int(stat.split()[0]) for stat in stats) / 1e9


def _address(file: Path) -> str:
    end = time.monotonic() + START
    while not file.exists() or "\n" not in file.read_text():
        assert time.monotonic() < end, "Chromium did not start"
        time.sleep(POLL)
    port = file.read_text().split("\n")[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
        pages = [one for one in json.load(answer) if one["type"] == "page"]
    return str(pages[0]["webSocketDebuggerUrl"])
