"""What ``%m1 doctor`` says of the front-end extension, by the server that runs this kernel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import shells
from m1_magic import __version__
from m1_magic.app import PROCESS
from m1_magic.jupyter import marker
from m1_magic.verbs import front_end
from m1_magic.verbs.health import doctor
from m1_magic.verbs.verb_context import VerbContext


@pytest.fixture
def server_env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The environment of a server, another than this one, whose process has started us."""
    prefix = tmp_path / "server"
    program = prefix / "bin" / "jupyter-lab"
    program.parent.mkdir(parents=True)
    program.write_text("input()")
    (program.parent / "python").symlink_to(sys.executable)
    for name in ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setattr(marker, "page_asked", False)
    command = [str(program.parent / "python"), str(program)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        monkeypatch.setenv("JPY_PARENT_PID", str(process.pid))
        monkeypatch.setenv("JPY_SESSION_NAME", "lesson.ipynb")
        yield prefix
        process.kill()


def write(file: Path, **content: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))


def test_it_is_looked_for_where_the_server_looks(
    server_env: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shells.the_one(monkeypatch) as shell:
        assert front_end.state(os.environ, {}) is None  # a terminal
        shell.kernel = object()

        def told(**names: str) -> tuple[str, str]:
            state = front_end.state({**os.environ, **names}, {})
            assert state is not None
            return state

        state, words = told()
        assert state == "not there" and str(server_env) in words and "pip install" in words
        assert "single-user server" in told(JUPYTERHUB_API_URL="http://hub")[1]
        package = server_env / "share/jupyter/labextensions/m1-magic/package.json"
        write(package, version="0.0.9")
        state, words = told()
        assert state == "fails" and "has 0.0.9" in words and __version__ in words
        write(package, version=__version__)
        state, words = told()
        assert state == "works" and "enabled" in words and str(package.parent.parent) in words

        page = server_env / "etc/jupyter/labconfig/page_config.json"
        write(page, disabledExtensions={"m1-magic:plugin": True})
        state, words = told()
        assert state == "off" and str(page) in words and "jupyter labextension enable" in words
        write(page, disabledExtensions={"m1-magic": False, "other": True})
        assert told()[0] == "works"
        user = tmp_path / "JUPYTER_CONFIG_DIR/labconfig"
        write(user / "page_config.d/later.json", disabledExtensions=["m1-magic"])
        write(page, disabledExtensions={"other": True})
        assert told()[0] == "off"
        (user / "page_config.d/later.json").write_text("no JSON")
        assert told()[0] == "works"

        assert told(VSCODE_PID="7")[1].startswith("VS Code takes no extension")
        assert told(COLAB_RELEASE_TAG="1")[1].startswith("Colab takes no extension")
        for pid in ("", "0", "-1", str(os.getpid())):  # none, or no server
            assert told(JPY_PARENT_PID=pid)[0] == "not known"
        monkeypatch.setattr(marker, "page_asked", True)
        assert told(JPY_PARENT_PID="")[0] == "works"
        page_of_doctor = doctor(VerbContext(PROCESS.session(), {}, input), [])
        assert "| front end | works | the page has asked this kernel" in page_of_doctor
