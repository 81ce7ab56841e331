"""The key is in no output, traceback, ledger, log or notebook file."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbconvert import HTMLExporter
from traitlets.config import Config

import kernels
import notebooks
from emulator import Answer, OpenRouter
from m1_magic import api, ask
from m1_magic.errors import KeyRefused, SecretInPrompt

CELLS = (
    "import logging\nlogging.basicConfig(level=logging.DEBUG, filename='debug.log', force=True)",
    "from openai._utils import _logs\n_logs.setup_logging()",  # as at its import
    "%load_ext m1_magic",
    "%%m1 -o r\nwhy?",
    "r",
    "%%m1\nwhy?",  # 401, with the key echoed by the server
    "%%m1\nwhy?",  # 500
    "%%m1\nwhy?",  # breaks in mid-answer
    "from m1_magic import ask, api\nask('why?')",
    "from m1_magic.keys import find\nfrom m1_magic.settings.endpoints import endpoint\n"
    "key = find(endpoint(api.settings().base_url))\n"
    "print(key, [key], {'k': key})\n1 / len(key[:0])",
    "def f(secret, more):\n    held = [secret, {'k': secret}]\n    return held[0] + more / 0\n"
    "f(key, 1)",
    "import pickle\npickle.dumps(key)",
    "import os, signal, threading\nimport keyring.backend\n"
    "from m1_magic import keys\nfrom m1_magic.keys import ring\n"
    "class Interrupting(keyring.backend.KeyringBackend):\n"
    "    priority = 5\n"
    "    def get_password(self, service, username, password=None):\n"
    "        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)\n"
    "        threading.Event().wait()\n"
    "    set_password = get_password\n"
    "keyring.set_keyring(Interrupting())\nring.KEYRING_SECONDS = 600\n"
    "typed = lambda: os.environ['OPENROUTER_API_KEY']",
    "find(endpoint('https://openrouter.ai/api/v1'), {'OPENROUTER_API_KEY': typed() + chr(10)})",
    "find(endpoint('https://a.example/v1'), {'OPENROUTER_API_KEY': typed()})",  # stopped
    "keys.store('openrouter.ai', typed())",  # stopped
    "api.session().backend().stream(None).send(1)",
    "next(api.session().backend().stream(None))",  # a bug of ours, with all frames shown
    "%config M1.traceback = True",
    "%%m1 --nope\nwhy?",
    "%m1 key",
    "%m1 doctor",
    "%m1",
    "import m1_magic.backends as b\nprint(vars(api.session()), repr(api.session().backend()))",
)


MODES = {"K1": "Plain", "K2": "Context", "K3": "Verbose", "K4": "Minimal"}


@pytest.mark.parametrize("mode", [pytest.param(m, id=f"{k} {m}") for k, m in MODES.items()])
def test_k6_k7_k10_the_key_is_nowhere(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_LOG", "debug")
    echo = Answer.http_error(401, f"The key {server.key} is not valid")
    server.say(Answer(text="fine"), echo, Answer.http_error(500), Answer.broken("Half"), echo)
    book = notebooks.run(f"%xmode {mode}", *CELLS)
    assert len(server.chats) == 5
    assert len(notebooks.errors(book)) >= 11
    ends = [o.ename for cell in book.cells for o in cell.get("outputs", []) if "ename" in o]
    assert {"ZeroDivisionError", "TypeError", "BadKey"} <= set(ends)
    assert ends.count("KeyboardInterrupt") == 2
    secret = server.key.removeprefix("sk-or-v1-")
    assert len(secret) > 8
    assert secret not in notebooks.saved(book)
    shown = tmp_path / "saved.html"
    (tmp_path / "saved.ipynb").write_text(notebooks.saved(book), "utf-8")
    shown.write_text(HTMLExporter().from_notebook_node(book)[0], "utf-8")
    assert "from OPENROUTER_API_KEY" in shown.read_text("utf-8")
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert own_home / "ledger.db" in written
    assert tmp_path / "debug.log" in written
    for path in written:
        assert secret.encode() not in path.read_bytes(), path


def shell(history: Path) -> InteractiveShell:
    made = InteractiveShell(config=Config({"HistoryManager": {"hist_file": str(history)}}))
    made.run_line_magic("load_ext", "m1_magic")
    return made


def test_k8_the_history_keeps_the_verb_and_no_key(
    server: OpenRouter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getpass", lambda question: server.key)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    history = tmp_path / "history.sqlite"
    ours = shell(history)
    assert ours.history_manager is not None
    for cell in ("%m1 key", "%m1 login 127.0.0.1", "%%m1\nwhy?"):
        assert ours.run_cell(cell, store_history=True).success, cell
    ours.history_manager.end_session()
    with closing(sqlite3.connect(history)) as db:
        kept = [source for (source,) in db.execute("SELECT source_raw FROM history ORDER BY line")]
    assert kept == ["%m1 key", "%m1 login 127.0.0.1", "%%m1\nwhy?"]
    assert body_of(server.key) not in history.read_bytes()


TYPED = "sk-or-" + "v1-" + "0badc0de" * 8
PLACES = {
    "the prompt": "%%m1\nwhy does TYPED not work?",
    "one line": "%%m1 is TYPED a key?",
    "a line": "%m1 ask what is TYPED ?",
    "the system prompt": "%%m1 -s 'use TYPED'\nwhy?",
    "a stop": "%%m1 --stop TYPED\nwhy?",
    "a value": "%%m1\nWhat is {{secret}}?",
    "a dict": "%%m1\nWhat is {{d['key']}}?",
    "no verb": "%m1 TYPED",
    "login": "%m1 login TYPED",
    "no option": "%%m1 --key=TYPED\nwhy?",
    "a setting": "%m1 set model TYPED",
    "above a body": "%%m1 TYPED\nwhy?",
}


@pytest.mark.parametrize("place", PLACES)
def test_k9_a_key_typed_in_a_cell_is_refused_and_not_repeated(
    server: OpenRouter, own_home: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    ours = shell(own_home.with_name("history.sqlite"))
    ours.user_ns |= {"secret": f"the key {TYPED}", "d": {"key": TYPED}}
    ran = ours.run_cell(PLACES[place].replace("TYPED", TYPED))
    assert isinstance(ran.error_in_exec, SecretInPrompt)
    told = str(ran.error_in_exec)
    where = "in a {{value}}" if "{{" in PLACES[place] else "in line 1"
    assert f"OpenRouter key {where}" in told
    for words in ("Nothing was sent", "history", "%m1 login", "replace the key"):
        assert words in told
    shown = "".join(capsys.readouterr())
    assert "SecretInPrompt" in shown
    assert body_of(TYPED).decode() not in shown + told
    assert server.chats == []
    ledger = own_home / "ledger.db"
    assert not ledger.exists() or body_of(TYPED) not in ledger.read_bytes()


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"system": f"use {TYPED}"}, "The system prompt"),
        ({"stop": TYPED}, "--stop"),
        ({"model": TYPED}, "--model"),
        ({}, "The system prompt"),
    ],
)
def test_k9_a_key_in_an_argument_or_a_setting_is_refused(
    server: OpenRouter, options: dict[str, Any], place: str
) -> None:
    if not options:
        api.settings().system = f"use {TYPED}"
    with pytest.raises(
        SecretInPrompt, match=f"{place} contains a secret: OpenRouter key in line 1"
    ):
        ask("why?", namespace={}, **options)
    assert server.chats == []


def test_k9_a_command_line_is_no_place_for_a_key() -> None:
    argv = [*kernels.python(), "-m", "m1_magic.cli", "login", TYPED]
    ran = subprocess.run(argv, capture_output=True, text=True)
    assert ran.returncode == 1
    assert "OpenRouter key in line 1" in ran.stderr
    assert body_of(TYPED).decode() not in ran.stdout + ran.stderr


def body_of(key: str) -> bytes:
    """The part of a key that is secret."""
    return key.removeprefix("sk-or-v1-").encode()


CRASH = """
import faulthandler, os, sys
from IPython.core.crashhandler import CrashHandler
from IPython.terminal.ipapp import TerminalIPythonApp
from m1_magic.settings.endpoints import endpoint
from m1_magic.keys import find

def crash(key, more):
    held = [key, {"k": key}]
    if more == "report":
        return held[0] + 1
    faulthandler.dump_traceback()
    os.abort()

faulthandler.enable()
key = find(endpoint("https://openrouter.ai/api/v1"))
app = TerminalIPythonApp()
app.ipython_dir = sys.argv[1]
handler = CrashHandler(app, "us", "us@example.org", "https://example.org")
handler.call_pdb = False
try:
    crash(key, "report")
except TypeError:
    handler(*sys.exc_info())
crash(key, "abort")
"""


def test_k12_neither_a_crash_report_nor_faulthandler_shows_it(tmp_path: Path) -> None:
    environ = os.environ | {"OPENROUTER_API_KEY": TYPED}
    argv = [sys.executable, "-c", CRASH, str(tmp_path)]
    ran = subprocess.run(argv, capture_output=True, text=True, env=environ, input="\n")
    assert ran.returncode == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in ran.stderr
    (report,) = tmp_path.glob("*rash_report*")
    written = report.read_text("utf-8")
    assert "<key from OPENROUTER_API_KEY>" in written  # it prints locals
    assert body_of(TYPED).decode() not in written + ran.stdout + ran.stderr


def test_k30_a_new_key_is_used_from_the_next_call_on(
    server: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, server.key = server.key, "sk-or-" + "v1-" + "rotated0" * 8
    with pytest.raises(KeyRefused):
        ask("why?", namespace={})
    monkeypatch.setenv("OPENROUTER_API_KEY", server.key)
    assert ask("why?", namespace={}).status == "ok"
    sent = [chat.headers["authorization"] for chat in server.chats]
    assert sent == [f"Bearer {old}", f"Bearer {server.key}"]


@pytest.mark.parametrize("shown", [repr, str, vars], ids=lambda show: show.__name__)
def test_k5_what_holds_the_key_does_not_show_it(server: OpenRouter, shown: Any) -> None:
    ask("why?", namespace={})
    session = api.session()
    for ours in (session, session.backend(), session._backend):
        assert body_of(server.key).decode() not in str(shown(ours))
