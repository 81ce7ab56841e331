"""``m1-magic`` in a shell: real processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import local_model
from emulator import OpenRouter
from m1_magic.cli import VERBS, main
from m1_magic.settings.sources import save


def m1(*args: str, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "m1_magic.cli", *args],
        capture_output=True,
        text=True,
        timeout=300,
        stdin=subprocess.DEVNULL,
        **more,  # type: ignore[arg-type]
    )


def test_version_and_help_everywhere() -> None:
    assert re.fullmatch(r"m1-magic \d+\.\d+\.\d+\n", m1("--version").stdout)
    usage = m1("--help").stdout
    for command in ("demo", "lab", "serve", *VERBS):
        assert command in usage
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0


def test_verbs(server: OpenRouter) -> None:
    assert "| session | $0 | $0 | 0 |" in m1("cost").stdout
    assert m1("log").stdout == "No calls yet.\n"
    assert "3 models at" in m1("doctor").stdout
    assert "$8.7500 left of $10.00" in m1("key").stdout
    assert "minimax/minimax-m1" in m1("models", "m1").stdout


def test_an_error_is_one_line_on_stderr_and_a_failure() -> None:
    ran = m1("login")
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr.startswith("m1-magic: There is no terminal here to ask for a key.")
    assert ran.stderr.count("\n") == 1


@pytest.mark.offline
def test_the_demo_answers_and_says_what_m1_would_have_cost(own_home: Path) -> None:
    local_model.give(own_home)
    save("min_group", 170)  # a short page: to read the prompt takes most of the time
    ran = m1("demo")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("SmolLM2-135M-Instruct · ") == 3
    assert len(re.findall(r"the same tokens on minimax/minimax-m1: ≈\$0\.0\d+", ran.stdout)) == 3
    assert "penguins 344 × 8 → stats" in ran.stdout
    assert "| session | $0 | $0 | 3 |" in ran.stdout


@pytest.mark.offline
def test_serve_answers_until_ctrl_c(own_home: Path) -> None:
    local_model.give(own_home)
    serving = subprocess.Popen(
        [sys.executable, "-m", "m1_magic.cli", "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    try:
        assert serving.stdout is not None
        address = re.search(r"http://127\.0\.0\.1:\d+/v1", serving.stdout.readline())
        assert address
        with urllib.request.urlopen(f"{address[0]}/models", timeout=30) as answer:
            assert json.load(answer)["data"][0]["id"] == "SmolLM2-135M-Instruct"
        of_a_page = urllib.request.Request(f"{address[0]}/chat/completions", b"{}")
        with pytest.raises(urllib.error.HTTPError, match="415"):
            urllib.request.urlopen(of_a_page, timeout=30)
    finally:
        serving.send_signal(signal.SIGINT)
        _, errors = serving.communicate(timeout=30)
    assert serving.returncode == 130
    assert "Traceback" not in errors
