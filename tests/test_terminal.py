"""``%%m1`` in terminal IPython, on a real pseudo-terminal."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterator

import pexpect
import pytest

import kernels
from emulator import Answer, OpenRouter

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\x1b\][^\x07]*\x07")
TABLE = "**Adelie** leads:\n\n| species | n |\n|---|---|\n| Adelie | 152 |\n"


@pytest.fixture
def ipython(server: OpenRouter) -> Iterator[pexpect.spawn[str]]:
    """A terminal IPython with the extension loaded; its prompts are ``In [n]:``."""
    yield from loaded(*kernels.python())


@pytest.fixture
def ordinary(server: OpenRouter) -> Iterator[pexpect.spawn[str]]:
    """One that is forked from nothing, whose terminal is its own."""
    yield from loaded(sys.executable)


def loaded(*python: str) -> Iterator[pexpect.spawn[str]]:
    command = [*python, "-m", "IPython", "--no-banner", "--colors=nocolor", "--simple-prompt"]
    child = pexpect.spawn(
        command[0],
        command[1:],
        encoding="utf-8",
        dimensions=(60, 120),
        timeout=60,
    )
    child.expect(r"In \[1\]: ")
    child.sendline("%load_ext m1_magic")
    child.expect(r"In \[2\]: ")
    yield child
    child.close(force=True)


def plain(text: str | None) -> str:
    return ESCAPES.sub("", text or "")


def test_an_answer_is_drawn_and_its_footer_printed(
    server: OpenRouter, ipython: pexpect.spawn[str]
) -> None:
    # In one piece: what is drawn in the middle of a bold word has its stars.
    server.say(Answer(text=[TABLE + "\x1b]0;pwned\x07\x1b[2J"], thinking="hm"))
    ipython.sendline("%m1 ask which species?")
    ipython.expect(r"In \[3\]: ")
    shown = plain(ipython.before)
    assert "Adelie leads:" in shown
    assert "**" not in shown
    assert re.search(r"Adelie +152", shown)
    assert "thought" in shown
    assert re.search(r"minimax/minimax-m1 · \d+ in · \d+ out \(\d+ thinking\) · \$0\.0", shown)
    assert "\x1b]0;pwned" not in (ipython.before or "")
    ipython.sendline("_m1.status, type(_m1).__name__")
    ipython.expect(r"\('ok', 'Reply'\)")


def test_a_cell_magic_waits_for_its_body(server: OpenRouter, ipython: pexpect.spawn[str]) -> None:
    ipython.sendline("%%m1 --raw -o r")
    ipython.expect(r"\.\.\.: ")
    ipython.sendline("which species?")
    ipython.expect(r"\.\.\.: ")
    ipython.sendline("")  # IPython ends a cell magic at the second empty line
    ipython.expect(r"\.\.\.: ")
    ipython.sendline("")
    ipython.expect(r"In \[3\]: ")
    assert "Hello from the emulator" in plain(ipython.before)
    assert server.chats[0].body["messages"][-1]["content"].strip() == "which species?"


def test_ctrl_c_stops_keeps_the_text_and_says_so_in_one_paragraph(
    server: OpenRouter, ordinary: pexpect.spawn[str]
) -> None:
    server.say(Answer(text="Slowly, slowly, slowly", hold=threading.Event(), hold_after=3))
    ordinary.sendline("%m1 ask why?")
    assert server.wait_chats(1, 30)
    assert server.wait_held(-1, 30)
    ordinary.expect("Slow")
    ordinary.sendintr()
    ordinary.expect(r"In \[3\]: ")
    shown = plain(ordinary.before)
    assert "Stopped: Stopped by you; the text so far is kept." in shown
    assert "Traceback" not in shown
    assert server.wait_closed()
    ordinary.sendline("_m1.status, _m1.text[:4]")
    ordinary.expect(r"\('stopped', 'Slow'\)")


def test_cells_and_the_last_error_go_along(server: OpenRouter, ipython: pexpect.spawn[str]) -> None:
    for number, line in enumerate(
        ("print('n:', 41 + 1)", "1 / 0", "%m1 ask --cells 2 --error why"), 3
    ):
        ipython.sendline(line)
        ipython.expect(rf"In \[{number}\]: ")
    sent = server.prompt
    assert "stdout:\nn: 42" in sent
    assert "ZeroDivisionError: division by zero\n  cell A:1 in <module>: 1 / 0" in sent
    assert "ZeroDivisionError → stats" in plain(ipython.before)


def test_a_console_on_a_kernel_shows_the_answer_and_takes_code(server: OpenRouter) -> None:
    pytest.importorskip("jupyter_console")
    server.say(Answer(text=f"{TABLE}\n```python\n6 * 7\n```\n"))
    child = pexpect.spawn(
        sys.executable,
        ["-m", "jupyter_console", "--simple-prompt", "--ZMQTerminalInteractiveShell.banner="],
        env={**os.environ, "JUPYTER_PATH": kernels.path()},
        encoding="utf-8",
        dimensions=(60, 120),
        timeout=60,
    )
    child.expect(r"In \[1\]: ")
    child.sendline("%load_ext m1_magic")
    child.expect(r"In \[2\]: ")
    child.sendline("%m1 ask --code which species?")
    child.expect(r"In \[3\]: ")
    shown = plain(child.before)
    assert shown.count("**Adelie** leads:") == 1
    assert re.search(r"minimax/minimax-m1 · \d+ in · \d+ out · \$0\.0", shown)
    assert "in the next cell; it was not run." in shown
    child.close(force=True)
