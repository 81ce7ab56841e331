"""Stop, restart and timeouts in real kernels: the connection closes, the text and its row stay.

The names are those of the catalogue in tests/README.md.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from emulator import Answer, OpenRouter
from faulty import until
from ledgers import rows
from notebooks import Manager

LOAD = "%load_ext m1_magic\nfrom m1_magic import ask\nimport asyncio"
MAY = "The provider may still finish and charge (MiniMax's own endpoint cannot be stopped)."


class Kernel:
    """A real kernel, driven as a front end does: execute, interrupt, restart."""

    def __init__(self) -> None:
        self.manager = Manager(kernel_name="python3")
        self.manager.start_kernel(env=dict(os.environ))
        self._connect()

    def _connect(self) -> None:
        self.client: BlockingKernelClient = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=180)

    def start(self, code: str) -> str:
        """Begin a cell."""
        return self.client.execute(code)

    def outputs(self, cell: str) -> list[dict[str, Any]]:
        """Wait for the end of a cell; return its outputs' contents."""
        found = []
        while True:
            message = self.client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") != cell:
                continue
            content, kind = message["content"], message["msg_type"]
            if kind == "status" and content["execution_state"] == "idle":
                return found
            if kind in ("error", "stream", "display_data"):
                found.append(content)

    def run(self, code: str) -> str:
        """Run a cell; return what it printed, or how it failed."""
        return "".join(
            o.get("text") or f"{o['ename']}: {o['evalue']}"
            for o in self.outputs(self.start(code))
            if "text" in o or "ename" in o
        )

    def shows(self, text: str) -> bool:
        """Wait until an output has that text in it."""
        while True:
            message = self.client.get_iopub_msg(timeout=60)
            if text in str(message["content"].get("data")):
                return True

    def restart(self) -> None:
        """Restart it as the button does, in the middle of whatever it does."""
        self.client.stop_channels()
        self.manager.restart_kernel(now=False)
        self._connect()

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """One kernel for the tests of this file; each sets its own home and server in it."""
    kernel = Kernel()
    yield kernel
    kernel.close()


@pytest.fixture
def kernel(shared: Kernel, server: OpenRouter, own_home: Path) -> Kernel:
    names = ("M1_HOME", "M1_BASE_URL", "OPENROUTER_API_KEY")
    environ = {name: os.environ[name] for name in names}
    shared.run(f"import os; os.environ.update({environ!r})")
    assert "m1-magic · " in shared.run(
        "from m1_magic.session import reconciler; reconciler.PAUSES = ()\n%reload_ext m1_magic\n"
        "from m1_magic import ask\nimport asyncio"
    )
    return shared


def attempt(home: Path) -> tuple[Any, ...]:
    return rows(home / "ledger.db", "SELECT state, generation_id, cost_nano FROM attempts")[0]


def ended(home: Path) -> list[Any]:
    return rows(home / "ledger.db", "SELECT status, answer FROM calls")


def held(server: OpenRouter, home: Path) -> None:
    """Wait until the server stands still in its answer, and the kernel knows of it."""
    assert server.wait_chats(1) and server.wait_held()
    assert until(lambda: attempt(home)[0] == "streaming")


def streaming(server: OpenRouter, after: int, **more: Any) -> None:
    pieces = ["one ", "two ", "three "]
    server.say(
        Answer(
            text=pieces, hold=threading.Event(), hold_after=after, generation_id="gen-1-k", **more
        )
    )


@pytest.mark.parametrize(
    ("after", "told", "generation", "text"),
    [
        pytest.param(
            None, "before the server answered. It may be charged", None, "", id="i02_no_headers_yet"
        ),
        pytest.param(0, MAY, "gen-1-k", "", id="i03_no_token_yet"),
        pytest.param(2, MAY, "gen-1-k", "one two ", id="i04_mid_answer"),
    ],
)
def test_s109_stopped_while_it_reads(
    kernel: Kernel,
    server: OpenRouter,
    own_home: Path,
    after: int | None,
    told: str,
    generation: str | None,
    text: str,
) -> None:
    if after is None:
        server.say(Answer(text="late", first_delay=600.0))
    else:
        streaming(server, after)
    cell = kernel.start("%%m1 -o r\nwhy?")
    assert server.wait_chats(1)
    if after is not None:
        held(server, own_home)
    kernel.manager.interrupt_kernel()
    (error,) = [o for o in kernel.outputs(cell) if "ename" in o]
    assert error["ename"] == "Stopped" and told in error["evalue"] and MAY in error["evalue"]
    assert "\n" not in error["evalue"] and len(error["traceback"]) == 1
    assert server.wait_closed()
    assert attempt(own_home) == ("pending", generation, None)
    ((status, answer),) = ended(own_home)
    assert status == "stopped" and text.startswith(answer)
    assert kernel.run("print(repr(_m1.text), _m1.status)") == f"{answer!r} stopped\n"
    assert kernel.run("print(globals().pop('r', None) is _m1)") == f"{bool(answer)}\n"


def test_s109_stopped_while_several_answer(
    kernel: Kernel, server: OpenRouter, own_home: Path
) -> None:
    hold = threading.Event()
    server.say(*[Answer(text=["Hello ", "two "], hold=hold, hold_after=1) for _ in range(3)])
    cell = kernel.start("%%m1 -n 3 -o r\nwhy?")
    assert server.wait_chats(3) and all(server.wait_held(n) for n in range(3))
    assert kernel.shows("Hello")
    kernel.manager.interrupt_kernel()
    (error,) = [o for o in kernel.outputs(cell) if "ename" in o]
    assert error["ename"] == "Stopped" and "0 of 3 answers had ended" in error["evalue"]
    assert all(server.wait_closed(n) for n in range(3))
    kept = ended(own_home)
    assert [status for status, _ in kept] == ["stopped"] * 3
    printed = kernel.run("print(sorted(one.text for one in r))")
    assert printed == f"{sorted(text for _, text in kept)}\n"
    hold.set()


def test_i05_stopped_in_our_painting_closes_the_connection(
    kernel: Kernel, server: OpenRouter, own_home: Path
) -> None:
    """IPython keeps the traceback, and with it every frame: nothing may hang on its going away."""
    streaming(server, 3, delay=0.2)  # slower than a view paints
    kernel.run(
        "import signal\n"
        "def press(message):\n"
        "    if 'one' in str(message['content'].get('data')):\n"
        "        get_ipython().display_pub.unregister_hook(press)\n"
        "        signal.raise_signal(signal.SIGINT)\n"
        "    return message\n"
        "get_ipython().display_pub.register_hook(press)"
    )
    cell = kernel.start("%%m1\nwhy?")
    (error,) = [o for o in kernel.outputs(cell) if "ename" in o]
    assert error["ename"] == "Stopped"
    assert server.wait_closed()
    assert attempt(own_home)[:2] == ("pending", "gen-1-k")
    ((status, answer),) = ended(own_home)
    assert status == "stopped" and answer.startswith("one ")
    assert kernel.run("print(_m1.status)") == "stopped\n"


@pytest.mark.parametrize(
    "code",
    [
        "await asyncio.sleep(0)\nask('why?')",
        "async def mine():\n    await asyncio.sleep(0)\n    return ask('why?')\nawait mine()",
        "await asyncio.sleep(0)\nget_ipython().run_cell_magic('m1', '', 'why?')",
    ],
    ids=["i09_ask", "i09_in_a_coroutine", "i09_magic"],
)
def test_stopped_in_a_cell_with_a_top_level_await(
    kernel: Kernel, server: OpenRouter, own_home: Path, code: str
) -> None:
    """The kernel only cancels the cell's task, which waits for the loop, and the loop for us."""
    streaming(server, 2)
    cell = kernel.start(code)
    held(server, own_home)
    kernel.manager.interrupt_kernel()
    (error,) = [o for o in kernel.outputs(cell) if "ename" in o]
    assert error["ename"] == "Stopped" and MAY in error["evalue"]
    assert server.wait_closed()
    ((status, answer),) = ended(own_home)
    assert status == "stopped" and "one two ".startswith(answer)
    assert attempt(own_home)[:2] == ("pending", "gen-1-k")
    assert kernel.run("await asyncio.sleep(0); print('alive')") == "alive\n"


def test_i07_stopped_while_it_waits_to_try_again(
    kernel: Kernel, server: OpenRouter, own_home: Path
) -> None:
    server.say(Answer.http_error(429, retry_after=30), Answer(text="never asked for"))
    cell = kernel.start("%%m1\nwhy?")
    assert kernel.shows("Trying again")
    kernel.manager.interrupt_kernel()
    (error,) = [o for o in kernel.outputs(cell) if "ename" in o]
    assert error["ename"] == "Stopped"
    assert "while waiting to try again" in error["evalue"]
    assert "Nothing was charged." in error["evalue"]
    assert len(server.chats) == 1
    assert attempt(own_home) == ("settled", None, 0)


def test_i11_a_kernel_that_is_restarted_in_mid_answer(server: OpenRouter, own_home: Path) -> None:
    streaming(server, 2, cost=0.0042)
    kernel = Kernel()
    try:
        kernel.run(LOAD)
        kernel.start("%%m1\nwhy?")
        held(server, own_home)
        kernel.restart()
        assert server.wait_closed()
        kernel.run(LOAD)
        outputs = kernel.outputs(kernel.start("%m1 cost"))
        page = "".join(o["data"]["text/plain"] for o in outputs if "data" in o)
        assert "held until settled" in page
        state, generation, cost = attempt(own_home)
        billed = server.generations["gen-1-k"]["total_cost"]
        assert (state, generation, cost) == ("settled", "gen-1-k", round(billed * 10**9))
        assert ended(own_home)[0][0] in ("failed", "stopped")
        # And nothing more than this was ever sent.
        assert len(server.chats) == 1
    finally:
        kernel.close()


def test_i06_a_second_stop_right_after_the_first_loses_nothing(
    kernel: Kernel, server: OpenRouter, own_home: Path
) -> None:
    """Who is in a hurry presses again."""
    streaming(server, 2)
    cell = kernel.start("%%m1\nwhy?")
    held(server, own_home)
    for _ in range(3):
        kernel.manager.interrupt_kernel()
    errors = [o["ename"] for o in kernel.outputs(cell) if "ename" in o]
    assert errors in (["Stopped"], ["KeyboardInterrupt"]), kernel.outputs(cell)
    assert server.wait_closed()
    assert attempt(own_home)[:2] == ("pending", "gen-1-k")
    assert ended(own_home)[0][0] == "stopped"
    assert kernel.run("print('alive')").endswith("alive\n")
