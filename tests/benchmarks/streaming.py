"""Streaming an answer into a notebook: ours beside the SDK's default loop, in real kernels.

    python tests/benchmarks/streaming.py [--write] [CASE …]    # --write: into the page beside it

The emulator sends the same text in deltas of four characters, from a process of its own. Each row
is one cell in a fresh kernel, after a short call that is not counted. Measured are all IOPub
frames of the cell (headers, too), the kernel's CPU seconds (``process_time``, all threads), the
growth of its peak memory (``VmHWM``, reset before the cell), and the time from the emulator's
first delta to the first message that holds text of the answer. The bare loop only joins what it is
given; each row is held against the bare loop of the same length and pace.

Where Chromium is, a cell of ours runs in JupyterLab once more, at 2,000 deltas a second:
how long after the kernel the page shows the last words (and how much CPU its main thread took in
that time: what others on the machine take does not count), and its CPU until it came to rest.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

sys.path.insert(0, str(Path(__file__).parent.parent))

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from browser.front import HELPERS, KEPT, Jupyter, chromium_path
from emulator import Answer, OpenRouter

if TYPE_CHECKING:
    from devtools import Tab

SHORT, LONG = 100_000, 1_000_000
BRISK, READING, FAST = 2_000, 100, 0  # deltas a second; 0: as fast as they are taken
WATCHED = 2_000  # deltas a second that a page is sent: twenty times what a model writes
PATIENCE = 300.0  # seconds for the slowest cell
FIRST, LAST = "Eige", "Quod erat demonstrandum."
SECTION = r"""## {n}. The spectrum of a sample covariance

For {n} samples in $p$ dimensions the largest eigenvalue of $\hat\Sigma = \frac1n X^\top X$ does not
settle at $\sigma^2$: with $p/n \to \gamma$ it goes to the **edge of the bulk**,

$$
\lambda_{{\max}} \to \sigma^2 \left(1 + \sqrt{{\gamma}}\right)^2, \qquad n = {n}.
$$

- Below the edge, a spike is *invisible*: no test on eigenvalues alone finds it.
- Above it, its eigenvector turns towards the true one; see `numpy.linalg.eigh`.

1. Centre the columns.
2. Take the singular values, not the covariance.

```python
def edge(samples: int, dimensions: int, sigma: float = 1.0) -> float:
    ratio = dimensions / samples  # section {n}
    return sigma**2 * (1 + ratio**0.5) ** 2
```

| samples | dimensions | edge |
|--:|--:|:--|
| {n} | 50 | 1.23 |
| {n}0 | 500 | 4.56 |

"""

WARM, HELLO = "Say hello.", Answer(text="Hello.")  # the call that is not counted
QUESTION = "Tell me about spectra."
SDK = """
import os, openai
from IPython.display import Markdown, display, update_display
client = openai.OpenAI(base_url=os.environ["M1_BASE_URL"])
def ask(question):
    messages = [{"role": "user", "content": question}]
    model = "minimax/minimax-m1"
    return client.chat.completions.create(model=model, messages=messages, stream=True)
"""
LOOP = """
parts, text = [], ""
shown = display(Markdown(""), display_id=True) if %(naive)s else None
for chunk in ask(%(question)r):
    if chunk.choices and (piece := chunk.choices[0].delta.content):
        %(each)s
text = text or "".join(parts)
"""
PANEL = """
import time, m1_magic
before, panel = _m1, m1_magic.panel(prompt=%r)
display(panel)
panel.send()
while _m1 is before:
    time.sleep(0.01)
"""
BARE = "parts.append(piece)"
PRINTED = 'parts.append(piece); print(piece, end="", flush=True)'
NAIVE = "text += piece; shown.update(Markdown(text))"
BEFORE = """
import json, re, time
from pathlib import Path
def memory(name):
    found = re.search(name + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024
Path("/proc/self/clear_refs").write_text("5")
print(json.dumps({"memory": memory("VmRSS"), "cpu": time.process_time()}))
"""
AFTER = """
print(json.dumps({"cpu": time.process_time(), "memory": memory("VmHWM"), "size": len(%s)}))
"""
WATCH = """
window.seen = {idle: 0, text: 0};
front.kernel().iopubMessage.connect((_, message) => {
  if (message.content.execution_state === 'idle' &&
      message.parent_header.msg_type === 'execute_request')
    seen.idle = Date.parse(message.header.date);
});
new MutationObserver(records => {
  const added = records.flatMap(record => [...record.addedNodes]);
  if (added.some(node => node.textContent.includes(%(last)r)))
    requestAnimationFrame(() => setTimeout(() => { seen.text = Date.now(); }));
}).observe(front.cells()[2].node, {childList: true, subtree: true});
"""


@dataclass(frozen=True)
class Case:
    """One row: what asks, for how long an answer, at what pace."""

    label: str
    size: int
    rate: float = FAST
    each: str = ""  # what the SDK's loop does with a delta; empty: ours
    panel: bool = False  # a panel, and not a cell of ours


CASES = {
    "ours": Case("`%%m1`, 100 kB", SHORT),
    "long": Case("`%%m1`, 1 MB", LONG),
    "brisk": Case("`%%m1`, 100 kB, 2,000 deltas/s", SHORT, BRISK),
    "slow": Case("`%%m1`, 6 kB, 100 deltas/s", 6_000, READING),
    "panel": Case("panel, 100 kB", SHORT, panel=True),
    "long panel": Case("panel, 1 MB", LONG, panel=True),
    "naive": Case("update on each delta, 20 kB", 20_000, FAST, NAIVE),
    "printed": Case("`print(…, flush=True)`, 100 kB", SHORT, FAST, PRINTED),
    "printed long": Case("`print(…, flush=True)`, 1 MB", LONG, FAST, PRINTED),
}
SIZES = {SHORT: "100 kB", LONG: "1 MB"}
FLOORS = {
    (size, rate): Case(f"bare loop, {SIZES.get(size)}", size, rate, BARE)
    for size, rate in dict.fromkeys((case.size, case.rate) for case in CASES.values())
}
HEAD = (
    "| | bytes ÷ answer | messages | outputs | CPU, ÷ bare loop | memory "
    "| first text | page lag, its CPU | page CPU |\n"
    "|---|---:|---:|---:|---:|---:|---:|---:|---:|\n"
    "| *goal* | ≤ 10; 1 MB ≤ 14 | | < 50 | ≤ 1 | | ≤ 150 ms | < 1 s | |"
)


@dataclass
class Found:
    """What was measured of one cell."""

    bytes: int = 0
    messages: int = 0
    outputs: int = 0
    cpu: float = 0.0
    memory: int = 0
    first: float = 0.0


@dataclass
class Page:
    """What was measured of the page that shows a cell; ``late`` is the CPU within the lag."""

    lag: float
    late: float
    cpu: float


@dataclass
class Outputs:
    """Counts a cell's outputs as the notebook's document does."""

    count: int = 0
    cleared: bool = False
    stream: str = ""  # the name of the stream that the last output is

    def take(self, kind: str, content: Mapping[str, Any]) -> None:
        if kind == "clear_output":
            self.cleared = True
        elif kind in ("display_data", "execute_result", "error", "stream"):
            name = str(content.get("name", "")) if kind == "stream" else ""
            if self.cleared:
                self.count, self.cleared, self.stream = 0, False, ""
            self.count += not (name and name == self.stream)
            self.stream = name


def answer(size: int) -> str:
    """Return Markdown of ``size`` characters: numbered sections of all that Markdown has."""
    made = "Eigenvalues, one section after another.\n\n"
    number = 1
    while len(made) + len(SECTION) + 20 < size - len(LAST):
        made += SECTION.format(n=number)
        number += 1
    return made + "and so on " * ((size - len(made) - len(LAST)) // 10) + LAST


def serve(pipe: Connection) -> None:
    """Be the emulator: say what is sent, and tell when the last answer began."""
    with OpenRouter() as server:
        pipe.send((server.base_url, server.key))
        while (answers := pipe.recv()) is not None:
            server.say(*answers)
            pipe.send(server.chats[-1].began if server.chats else None)


class Emulator:
    """The emulator in a process of its own, so that its work is not the kernel's."""

    def __init__(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, other = spawn.Pipe()
        self._process = spawn.Process(target=serve, args=(other,), daemon=True)
        self._process.start()
        self.url, self.key = self._pipe.recv()

    def say(self, *answers: Answer) -> float | None:
        """Queue answers; return when the last one so far began."""
        self._pipe.send(answers)
        began: float | None = self._pipe.recv()
        return began

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.send(None)
        self._process.join(10)


class Kernel:
    """A fresh kernel and all that it says on IOPub."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self._client = client

    def run(self, code: str) -> tuple[Found, float, str]:
        """Run a cell; return what was counted, when text of the answer came, and its stdout."""
        asked = self._client.execute(code)
        found, outputs, printed, came = Found(), Outputs(), "", 0.0
        while True:
            frames = self._frames()
            now = time.monotonic()
            header, parent, _, content = self._parts(frames)
            if json.loads(parent).get("msg_id") != asked:
                continue
            found.bytes += sum(map(len, frames))
            found.messages += 1
            kind = json.loads(header)["msg_type"]
            shows = kind in ("display_data", "update_display_data", "stream", "comm_msg")
            if not came and shows and FIRST.encode() in content:
                came = now
            small = kind in ("clear_output", "stream", "error", "status")
            told = json.loads(content) if small else {}
            outputs.take(kind, told)
            assert kind != "error", told
            printed += told.get("text", "")
            if told.get("execution_state") == "idle":
                found.outputs = outputs.count
                return found, came, printed

    def _frames(self) -> list[bytes]:
        socket = self._client.iopub_channel.socket
        assert socket.poll(PATIENCE * 1000), "the kernel is silent"
        return list(socket.recv_multipart())

    def _parts(self, frames: list[bytes]) -> list[bytes]:
        return self._client.session.feed_identities(frames)[1][1:5]


def environment(emulator: Emulator, folder: Path) -> dict[str, str]:
    return {
        "M1_BASE_URL": emulator.url,
        "OPENROUTER_API_KEY": emulator.key,
        "OPENAI_API_KEY": emulator.key,
        "M1_HOME": str(folder / "m1"),
        "IPYTHONDIR": str(folder / "ipython"),
    }


def long(size: int, rate: float | None) -> Answer:
    """Return an answer of that many characters, also where it is longer than was asked for."""
    counts = {"prompt_tokens": 20, "completion_tokens": size // 4, "total_tokens": 20 + size // 4}
    return Answer(text=answer(size), rate=rate, usage=counts)


@contextmanager
def kernel(env: Mapping[str, str]) -> Iterator[Kernel]:
    """Start a kernel in an environment with little else."""
    manager = KernelManager()
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    manager.start_kernel(env={**kept, **env}, stderr=subprocess.DEVNULL)
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(60)
        yield Kernel(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def cells(case: Case) -> tuple[str, str, str, str]:
    """Return the cells of a case: set up, warm up, the one that is measured, and its text."""
    if case.panel:
        return "%load_ext m1_magic", f"%%m1\n{WARM}", PANEL % QUESTION, "_m1.text"
    if not case.each:
        return "%load_ext m1_magic", f"%%m1\n{WARM}", f"%%m1\n{QUESTION}", "_m1.text"
    warm, ask = (
        LOOP % {"question": question, "each": case.each, "naive": case.each == NAIVE}
        for question in (WARM, QUESTION)
    )
    return SDK, warm, ask, "text"


def measure(case: Case, emulator: Emulator) -> Found:
    """Run a case in a kernel of its own."""
    emulator.say(HELLO, long(case.size, case.rate))
    set_up, warm, ask, text = cells(case)
    with tempfile.TemporaryDirectory() as scratch:
        with kernel(environment(emulator, Path(scratch))) as cell:
            for code in (set_up, warm):
                cell.run(code)
            before = json.loads(cell.run(BEFORE)[2])
            found, came, _ = cell.run(ask)
            after = json.loads(cell.run(AFTER % text)[2])
    assert after["size"] == len(answer(case.size)), after
    found.cpu = after["cpu"] - before["cpu"]
    found.memory = after["memory"] - before["memory"]
    found.first = came - (emulator.say() or came) if came else 0.0
    return found


@contextmanager
def watching(emulator: Emulator) -> Iterator[Callable[[Case], Page | None]]:
    """Start JupyterLab and Chromium; yield what runs a case of ours and watches the page."""
    if not chromium_path():
        yield lambda case: None
        return
    from devtools import tab

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        env = environment(emulator, folder)
        with Jupyter("lab", folder / "jupyter", env) as jupyter, tab(folder / "browser") as page:
            yield lambda case: shown(case, emulator, jupyter, page)


def shown(case: Case, emulator: Emulator, jupyter: Jupyter, page: Tab) -> Page | None:
    """Run a case of ours in JupyterLab and watch the page."""
    if case.each or case.rate == READING:
        return None
    emulator.say(HELLO, long(case.size, case.rate or WATCHED))
    name = f"{case.size}-{case.rate}-{case.panel}.ipynb"
    page.open(jupyter.address(jupyter.write(name, cells(case)[:3])))
    page.until("window.jupyterapp")
    page.js(HELPERS)
    page.until("front.ready()")
    page.js(WATCH % {"last": LAST})
    before = page.rest()
    with page.watched() as busy:
        page.js("front.start()")
        page.until("front.done() && seen.text")
        after, seen = page.rest(), page.js("seen")
        idle, text = seen["idle"] / 1000, seen["text"] / 1000
        found = Page(max(text - idle, 0), busy(text) - busy(min(idle, text)), after - before)
    jupyter.end_kernels()
    return found


def row(case: Case, found: Found, floor: Found, page: Page | None = None) -> str:
    """Return a case's line of the table."""
    first = f"{found.first * 1000:,.0f} ms" if found.first else ""
    lag, busy = (f"{page.lag:.2f} s, {page.late:.2f}", f"{page.cpu:.1f} s") if page else ("", "")
    share = f", {found.cpu / floor.cpu:.2f}" if found is not floor else ""
    return (
        f"| {case.label} | {found.bytes / case.size:,.1f} | {found.messages:,} | {found.outputs} "
        f"| {found.cpu:.2f} s{share} | +{found.memory / 1e6:,.0f} MB | {first} | {lag} | {busy} |"
    )


def table(only: Collection[str] = ()) -> Iterator[str]:
    """Measure all cases, or those that are named; yield the lines of the table."""
    cases = [case for name, case in CASES.items() if not only or name in only]
    needed = {(case.size, case.rate) for case in cases}
    with Emulator() as emulator, watching(emulator) as watched:
        yield HEAD
        floors = {key: measure(FLOORS[key], emulator) for key in FLOORS if key in needed}
        for case in cases:
            floor = floors[case.size, case.rate]
            yield row(case, measure(case, emulator), floor, watched(case))
        if only:
            return
        for key in ((SHORT, FAST), (LONG, FAST)):
            yield row(FLOORS[key], floors[key], floors[key])


def main() -> None:
    """Measure, print the table; ``--write``: its new lines go into the page beside it."""
    only = [name for name in sys.argv[1:] if name != "--write"]
    lines = []
    for line in table(only):
        print(line, flush=True)
        lines += line.splitlines()
    if "--write" in sys.argv:
        import readme

        if only:
            new = {label(line): line for line in lines}
            before = readme.measured("streaming").splitlines()
            lines = [new.get(label(line), line) for line in before]
        readme.write_measured("streaming", "\n".join(lines))


def label(line: str) -> str:
    """Return what a line of the table is about."""
    return line.split(" | ")[0]


if __name__ == "__main__":
    main()
