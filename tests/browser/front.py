"""A real JupyterLab or Notebook 7, and a real Chromium that looks at it.

    with Jupyter("lab", folder, {"M1_BASE_URL": …}) as jupyter, chromium() as browser:
        page = Page(browser, jupyter)
        page.open(jupyter.write("a.ipynb", ["1 + 1"]))
        page.run_all()

Everything listens on 127.0.0.1, lives in ``folder`` and ends with its ``with`` block. Waits are for
conditions in the page; a page is watched from its first request on.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import urlsplit

import kernels
import labextension

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Dialog, ViewportSize
    from playwright.sync_api import Page as Tab

App = Literal["lab", "notebook"]
KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR")  # of the environment; keys stay out
PATHS = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
SETTINGS: dict[str, dict[str, object]] = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/apputils-extension/themes": {"adaptive-theme": True},
    # Otherwise outputs out of sight are not in the page.
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
}
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
WIDTH, HEIGHT = 1000, 800
VIEWPORT: ViewportSize = {"width": WIDTH, "height": HEIGHT}
# What Notebook 7 logs on an empty notebook, too; 4.2 and 7.2, on a cell that was replaced; and all,
# on a kernel that ends while it is asked for a thread of its own for comms, on cells that are
# scrolled to while their order in the page is made anew, and on cells that are gone when the frame
# comes in which Jupyter wanted to measure them (a callback of its own: one line of stack).
KNOWN = re.compile(
    r"reading 'schema'|\[yjs#509\]|null \(reading 'type'\)|undefined \(reading 'last_modified'\)"
    r"|Canceled future for create_subshell_request|Inconsistent dataset index"
    r"|null \(reading 'id'\)\n +at \S+/(?:jlab|notebook)_core\.\S+$"
)

HELPERS = """
window.front = {
  panel() {
    const notebook = w => w && w.content && w.content.widgets && w.sessionContext;
    const shell = jupyterapp.shell;
    return [shell.currentWidget, ...shell.widgets('main')].find(notebook);
  },
  open(path) {
    this.close();
    // Without a reference Notebook 7, too, opens it here and not in a tab of its own.
    const options = {ref: '_noref'};
    jupyterapp.commands.execute('docmanager:open', {path, factory: 'Notebook', options});
  },
  close() { [...jupyterapp.shell.widgets('main')].forEach(one => one.dispose()); },
  kernel() { return this.panel()?.sessionContext?.session?.kernel; },
  ready() {
    const {status, connectionStatus} = this.kernel() ?? {};
    return this.panel()?.context.isReady && status === 'idle' && connectionStatus === 'connected';
  },
  cells() { return this.panel().content.widgets; },
  areas() { return this.cells().flatMap(cell => cell.outputArea ?? []); },
  bottom() { return this.cells().at(-1).node.getBoundingClientRect().bottom; },
  whole() {
    this.cells()[0].node.scrollIntoView();
    return this.bottom() <= innerHeight || this.height() > innerHeight;
  },
  height() { return this.bottom() - this.cells()[0].node.getBoundingClientRect().top; },
  nodes(cell) { return [...this.cells()[cell].node.querySelectorAll('.jp-OutputArea-output')]; },
  shows(cell, text) {
    // What is shown makes the page be laid out: asked only where the words are there.
    const words = text.trim().split(/\\s+/);
    return this.nodes(cell).some(one => {
      const all = one.textContent;
      return words.every(word => all.includes(word)) && one.innerText.includes(text);
    });
  },
  start() {
    this.went = undefined;
    jupyterapp.commands.execute('notebook:run-all-cells').then(
      well => { this.went = well === true; }, error => { this.went = String(error); });
  },
  run(cell) {
    this.went = undefined;
    this.panel().content.activeCellIndex = cell;
    jupyterapp.commands.execute('notebook:run-cell').then(
      well => { this.went = well === true; }, error => { this.went = String(error); });
  },
  done() {
    return this.went !== undefined && this.kernel().status === 'idle'
      && this.areas().every(area => area.widgets.length >= area.model.length);
  },
  outputs(cell) {
    const {outputArea: area} = this.cells()[cell];
    if (!area) return [];
    const shown = this.nodes(cell);
    return Array.from({length: area.model.length}, (_, i) => {
      const model = area.model.get(i);
      return {kind: model.type, mimes: Object.keys(model.data), raw: model.toJSON(),
              text: shown[i]?.innerText ?? '', html: shown[i]?.innerHTML ?? ''};
    });
  },
};
"""


@dataclass(frozen=True)
class Output:
    """One output of a cell: what the document holds of it, and what the page shows of it."""

    kind: str
    mimes: list[str]
    raw: dict[str, Any]
    text: str
    html: str


class Jupyter:
    """A JupyterLab or Notebook 7 server of its own: folders, token, settings, environment.

    Args:
        app: which of the two.
        folder: an empty folder for everything it reads and writes.
        env: for the server and its kernels; little else is passed on.
    """

    def __init__(self, app: App, folder: Path, env: Mapping[str, str]) -> None:
        self.app, self.root = app, folder / "notebooks"
        self.port, self.token = _free_port(), secrets.token_hex(16)
        self.base = f"http://127.0.0.1:{self.port}"
        self._config, self._modules = folder / "config", folder / "modules"
        self._env = {name: os.environ[name] for name in KEPT if name in os.environ} | {
            "HOME": str(folder),
            "JUPYTER_CONFIG_DIR": str(self._config),
            "JUPYTER_DATA_DIR": str(folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "IPYTHONDIR": str(folder / "ipython"),
            "M1_HOME": str(folder / "m1"),
            "JUPYTER_PATH": kernels.path(),
            "JUPYTER_PREFER_ENV_PATH": "no",  # the folders above come first
            "PYTHONPATH": os.pathsep.join([str(self._modules), *PATHS]),
            **env,
        }
        self._log: list[str] = []
        self.spare: Tab | None = None

    def __enter__(self) -> Self:
        self.root.mkdir(parents=True)
        self._modules.mkdir()
        self._config.mkdir()
        # The extension as it stands here, whatever is installed.
        extensions = Path(self._env["JUPYTER_DATA_DIR"]) / "labextensions"
        extensions.mkdir(parents=True)
        (extensions / "m1-magic").symlink_to(labextension.FOLDER)
        # Nor looks for a build of JupyterLab, for each page and with node.
        page = {"page_config_data": {"buildCheck": False, "buildAvailable": False}}
        server = {"ServerApp": {"tornado_settings": page}}
        (self._config / "jupyter_server_config.json").write_text(json.dumps(server))
        # With it jsonschema parses grammars of addresses for two seconds.
        (self._modules / "rfc3987_syntax.py").write_text("raise ImportError")
        for name, values in SETTINGS.items():
            self.set(name, values)
        self._process = subprocess.Popen(
            self._command(),
            env=self._env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            self._await_start()
        except BaseException:
            self._kill()
            raise
        self._drain = threading.Thread(target=self._read, daemon=True)
        self._drain.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.end_kernels()
            self._api("/api/shutdown", "POST")
            self._process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            pass
        finally:
            self._kill()
            self._drain.join(5)

    def set(self, name: str, values: Mapping[str, object]) -> None:
        """Change the user's settings of an extension's plugin, for pages loaded from now on."""
        file = self._config / f"lab/user-settings/{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
        if self.spare is not None:
            self.spare.close()
            self.spare = None

    def write(self, name: str, cells: Sequence[str]) -> str:
        """Write a notebook of code cells and return its name."""
        made = [
            {
                "cell_type": "code",
                "id": f"cell-{number}",
                "metadata": {},
                "source": source,
                "execution_count": None,
                "outputs": [],
            }
            for number, source in enumerate(cells)
        ]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = {"cells": made, "nbformat": 4, "nbformat_minor": 5}
        (self.root / name).write_text(json.dumps(notebook | {"metadata": {"kernelspec": kernel}}))
        return name

    def read(self, name: str) -> str:
        """Return a notebook as it is saved."""
        return (self.root / name).read_text("utf-8")

    def address(self, name: str) -> str:
        """Return where the browser finds a notebook."""
        if self.app == "lab":
            return f"{self.base}/lab/tree/{name}?token={self.token}&reset"
        return f"{self.base}/notebooks/{name}?token={self.token}"

    def end_kernels(self) -> None:
        """End every kernel, so that the next notebook starts with a fresh one."""
        for session in self._api("/api/sessions"):
            self._api(f"/api/sessions/{session['id']}", "DELETE")

    def _command(self) -> list[str]:
        module, exposed = {
            "lab": ("jupyterlab", "LabApp"),
            "notebook": ("notebook", "JupyterNotebookApp"),
        }[self.app]
        return [
            *(sys.executable, "-m", module, "--no-browser", "--allow-root", "--ip=127.0.0.1"),
            *(f"--port={self.port}", "--ServerApp.port_retries=0"),
            *(f"--IdentityProvider.token={self.token}", f"--ServerApp.root_dir={self.root}"),
            *(f"--{exposed}.expose_app_in_browser=True", "--LabApp.news_url=None"),
            "--LanguageServerManager.autodetect=False",  # or npm is asked for some
        ]

    def _await_start(self) -> None:
        limit = threading.Timer(60, self._process.kill)
        limit.start()
        try:
            if not any("is running at" in line for line in self._lines()):
                raise RuntimeError("Jupyter did not start:\n" + "".join(self._log[-30:]))
            while not self._answers():  # it says so before it listens
                time.sleep(0.05)
        finally:
            limit.cancel()

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 5).close()
        except OSError:
            if self._process.poll() is None:
                return False
            raise
        return True

    def _lines(self) -> Iterator[str]:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._log.append(line)
            yield line

    def _read(self) -> None:
        for _ in self._lines():
            pass

    def _api(self, path: str, method: str = "GET") -> Any:
        request = urllib.request.Request(
            self.base + path,
            method=method,
            data=b"{}" if method == "POST" else None,
            headers={"Authorization": f"token {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or b"null")

    def _kill(self) -> None:
        """End what is left of the server and its kernels."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def chromium_path() -> str | None:
    """Return where Debian's Chromium is, or None."""
    return shutil.which("chromium")


@contextmanager
def chromium() -> Iterator[BrowserContext]:
    """Start the browser, with one fresh profile that shares its cache among the pages."""
    from playwright.sync_api import sync_playwright

    # With a profile on disk, scripts that were compiled once are not compiled again.
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as profile:
        browser = driver.chromium.launch_persistent_context(
            profile, executable_path=chromium_path(), args=FLAGS, viewport=VIEWPORT
        )
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Seen:
    """What a page did that a test may want to know of."""

    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    popups: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Page:
    """A notebook in the browser; everything that happens to it from the start is in ``seen``.

    A front end takes most of a test's time to load. So a calm page leaves its tab, without its
    notebook, to the next one on the same server.
    """

    def __init__(self, browser: BrowserContext, jupyter: Jupyter) -> None:
        self.jupyter, self.seen = jupyter, Seen()
        self.tab, self._loaded = jupyter.spare or browser.new_page(), jupyter.spare is not None
        jupyter.spare = None
        self.tab.set_default_timeout(180_000)
        self._handlers: dict[str, Callable[[Any], None]] = {
            "request": lambda request: self.seen.requests.append(request.url),
            "websocket": lambda one: self.seen.requests.append(one.url),
            "dialog": self._dialog,
            "popup": lambda popup: self.seen.popups.append(popup.url),
            "pageerror": lambda error: self._error(error.stack or str(error)),
            "console": lambda line: self._error(line.text) if line.type == "error" else None,
        }
        for event, handler in self._handlers.items():
            self.tab.on(event, handler)  # type: ignore[call-overload]

    def close(self) -> None:
        """End the kernel, and leave the tab to the next page or close it."""
        try:
            if not self.tab.is_closed() and not self.unrest():
                self._leave()
            else:
                self.tab.close()
        finally:
            self.jupyter.end_kernels()

    def _leave(self) -> None:
        for event, handler in self._handlers.items():
            self.tab.remove_listener(event, handler)
        self.tab.unroute_all()
        self.tab.emulate_media(color_scheme="light")
        self.tab.set_viewport_size(VIEWPORT)
        self.close_notebook()
        self.jupyter.spare = self.tab

    # -- driving -------------------------------------------------------------------
    def open(self, name: str, *, kernel: bool = True) -> None:
        """Open a notebook, and wait until its kernel is idle; without one, until it is there."""
        if self._loaded:
            self.js("path => front.open(path)", name)
        else:
            self.load(name)
        self.until("() => front.ready()" if kernel else "() => front.panel()?.context.isReady")

    def close_notebook(self) -> None:
        """Close what is open in the page."""
        self.js("() => front.close()")

    def load(self, name: str) -> None:
        """Load the whole page, with a notebook."""
        self.tab.goto(self.jupyter.address(name), wait_until="domcontentloaded")
        self.until("() => !!window.jupyterapp")
        self.js(HELPERS)
        self._loaded = True

    def run_all(self) -> bool:
        """Run all cells to the end; tell whether none failed."""
        self.start()
        return self.finish()

    def run(self, cell: int) -> bool:
        """Run one cell to the end; tell whether it did not fail."""
        self.start(cell)
        return self.finish()

    def start(self, cell: int | None = None) -> None:
        """Set one cell going, or all of them."""
        self.js("cell => cell === null ? front.start() : front.run(cell)", cell)

    def finish(self) -> bool:
        """Wait until all that was started has run; tell whether no cell failed."""
        self.until("() => front.done()")
        went = self.js("() => front.went")
        assert went in (True, False), went
        return bool(went)

    def interrupt(self) -> None:
        """Press the stop button."""
        self.js("() => front.kernel().interrupt()")

    def save(self) -> str:
        """Save the notebook and return its file's text."""
        name = self.js("() => front.panel().context.save().then(() => front.panel().context.path)")
        return self.jupyter.read(name)

    def js(self, code: str, value: object = None) -> Any:
        """Run JavaScript in the page and return what it gives."""
        return self.tab.evaluate(code, value)

    def until(self, condition: str, value: object = None) -> None:
        """Wait until a JavaScript function of ``value`` is true in the page."""
        self.tab.wait_for_function(condition, arg=value, polling=50)

    def until_shown(self, cell: int, text: str) -> None:
        """Wait until the outputs of a cell show ``text``."""
        self.until("([cell, text]) => front.shows(cell, text)", [cell, text])

    # -- looking -------------------------------------------------------------------
    def outputs(self, cell: int) -> list[Output]:
        """Return the outputs of a cell."""
        return [Output(**one) for one in self.js("cell => front.outputs(cell)", cell)]

    def all_outputs(self) -> list[Output]:
        """Return the outputs of all cells, in order."""
        return [
            one
            for cell in range(self.js("() => front.cells().length"))
            for one in self.outputs(cell)
        ]

    def counts(self) -> list[int | None]:
        """Return the execution count of each code cell; None: it did not run."""
        cells = "front.cells().filter(one => one.model.type === 'code')"
        return list(self.js(f"() => {cells}.map(one => one.model.executionCount ?? null)"))

    def foreign(self) -> list[str]:
        """Return the requests that went elsewhere than to the page's own server."""
        parts = ((url, urlsplit(url)) for url in self.seen.requests)
        own = urlsplit(self.jupyter.base).netloc
        return [
            url
            for url, part in parts
            if part.scheme not in ("data", "blob", "about") and part.netloc != own
        ]

    def unrest(self) -> list[str]:
        """Return all that a calm page has none of: foreign requests, dialogs, popups, errors."""
        seen = self.seen
        return [*self.foreign(), *seen.dialogs, *seen.popups, *seen.errors]

    def shot(self, file: Path, *, dark: bool = False) -> None:
        """Take a picture of the whole notebook, in the light or in the dark theme."""
        self.tab.emulate_media(color_scheme="dark" if dark else "light")
        self.until("dark => document.body.dataset.jpThemeLight === String(!dark)", dark)
        self.until("() => !document.querySelector('#jupyterlab-splash')")
        self.js("() => jupyterapp.shell.collapseLeft?.()")
        tall = self.js("() => front.height()")
        self.tab.set_viewport_size({"width": WIDTH, "height": min(6000, int(tall) + 250)})
        self.until("() => front.whole()")
        file.parent.mkdir(exist_ok=True)
        self.tab.screenshot(path=file)

    # -- watching ------------------------------------------------------------------
    def _dialog(self, dialog: Dialog) -> None:
        if dialog.type == "beforeunload":
            dialog.accept()
            return
        self.seen.dialogs.append(dialog.message)
        dialog.dismiss()

    def _error(self, text: str) -> None:
        if not KNOWN.search(text):
            self.seen.errors.append(text)


class Attacker:
    """A web server of somebody else, on this machine, that remembers what it was asked for.

    It has a picture at every address, and what is put into ``pages`` as HTML.
    """

    PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")

    def __init__(self) -> None:
        hits = self.hits = []  # type: list[str]
        change = self._change = threading.Condition()
        pages = self.pages = {}  # type: dict[str, str]

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page = pages.get(self.path)
                if page is None:
                    with change:
                        hits.append(self.path)
                        change.notify_all()
                body = Attacker.PIXEL if page is None else page.encode()
                kind = "image/gif" if page is None else "text/html; charset=utf-8"
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def wait(self, paths: set[str], timeout: float = 60.0) -> set[str]:
        """Wait until all of the paths were asked for; return those that were not."""
        with self._change:
            self._change.wait_for(lambda: paths <= set(self.hits), timeout)
        return paths - set(self.hits)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
