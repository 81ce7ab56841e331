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
from types import SimpleNamespace

import pytest
from palmerpenguins import load_penguins

import kernels
import local_model
from emulator import OpenRouter
from m1_magic import summarise
from m1_magic.cli import VERBS, main
from m1_magic.jupyter import shell
from m1_magic.settings.sources import save
from page_checks import check_short


def m1(*args: str, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*kernels.python(), "-m", "m1_magic.cli", *args],
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


def test_the_demo_needs_no_key_and_no_network_and_each_of_its_figures_is_pandas(
    own_home: Path,
) -> None:
    save("max_tokens", 77)  # no setting of the user's makes it another question
    before = sorted(own_home.iterdir())
    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
    ran = m1("demo", env=os.environ | nowhere | {"M1_MODEL": "another/model"})
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout + ran.stderr
    assert sorted(own_home.iterdir()) == before

    penguins = load_penguins()
    summary = summarise(penguins, "penguins", tokens=300)
    assert check_short(penguins, summary, 5)[0] == []
    assert all(line in ran.stdout for line in summary.text.splitlines())
    number = penguins.species.value_counts()
    grams = penguins.groupby("species").body_mass_g.mean().sort_values(ascending=False)
    assert (
        f"**{number.index[0]}** is there most often: {number.iloc[0]} penguins,"
        f" {number.iloc[0] / len(penguins):.1%} of all. The heaviest is **{grams.index[0]}**:"
        f" {grams.iloc[0]:,.0f} g on average, before {grams.index[1]} with {grams.iloc[1]:,.0f} g."
    ) in ran.stdout
    for species, count in number.items():
        assert f"| {species} | {count} | {grams[species]:.0f} |" in ran.stdout
    _, _, answer = ran.stdout.partition("and a table.\n")
    answer = answer.partition("queries")[0]
    assert len(re.findall(r"\d[\d,.]*", answer)) == 4 + 6 + 1  # said; in the table; queries

    said = ran.stdout
    assert "The texts below are recorded" in said and "m1-magic demo --local" in said
    assert "answered tests/made-up · text on quickstart.tape.jsonl, figures computed now" in said
    assert "8 figures computed here" in said and "unchecked" not in said
    assert len(re.findall(r"the same tokens on minimax/minimax-m1: ≈\$0\.0\d+", said)) == 2


@pytest.mark.offline
def test_with_the_local_model_the_demo_asks_nothing_about_the_table(own_home: Path) -> None:
    local_model.give(own_home)
    ran = m1("demo", "--local")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("SmolLM2-135M-Instruct · ") == 1
    assert len(re.findall(r"the same tokens on minimax/minimax-m1: ≈\$0\.0\d+", ran.stdout)) == 1
    assert "fluent and often wrong" in ran.stdout and "penguins 344 × 8 → stats," in ran.stdout
    assert "| session | $0 | $0 | 1 |" in ran.stdout


def test_a_download_in_a_pipe_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    told = shell.progress("fetching the local model")
    for done in range(0, 90_000_001, 4_500_000):
        told(done, 90_000_000)
    assert capsys.readouterr() == ("", "fetching the local model: 90 MB, once …\n")
    shell.progress("what is there already")(90_000_000, 90_000_000)
    assert capsys.readouterr() == ("", "")


def test_a_download_in_a_notebook_is_one_output_that_is_updated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, updated = [], []
    handle = SimpleNamespace(update=lambda bundle, raw: updated.append(bundle["text/plain"]))
    monkeypatch.setattr(shell, "current", lambda: SimpleNamespace(kernel=None))
    monkeypatch.setattr("IPython.display.display", lambda *a, **k: begun.append(a) or handle)
    told = shell.progress("fetching the local model")
    for done in range(0, 90_000_001, 100_000):
        told(done, 90_000_000)
    assert len(begun) == 1 and len(updated) == 20
    assert updated[-1] == "fetching the local model: 90 of 90 MB"


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
        _, errors = serving.communicate(timeout=180)
    assert serving.returncode == 130
    assert "Traceback" not in errors
