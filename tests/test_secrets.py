"""The key is in no output, traceback, ledger, log or notebook file."""

from __future__ import annotations

from pathlib import Path

import pytest

import notebooks
from emulator import Answer, OpenRouter

CELLS = (
    "import logging; logging.basicConfig(level=logging.DEBUG, filename='debug.log')",
    "%load_ext m1_magic",
    "%%m1 -o r\nwhy?",
    "r",
    "%%m1\nwhy?",  # 401, with the key echoed by the server
    "%%m1\nwhy?",  # 500
    "%%m1\nwhy?",  # breaks in mid-answer
    "from m1_magic import ask, api\nask('why?')",
    "from m1_magic.keys import find\nfrom m1_magic.endpoints import endpoint\n"
    "key = find(endpoint(api.settings().base_url))\n"
    "print(key, [key], {'k': key})\n1 / len(key[:0])",
    "api.session().backend().stream(None).send(1)",
    "next(api.session().backend().stream(None))",  # a bug of ours, with all frames shown
    "%config M1.traceback = True",
    "%%m1 --nope\nwhy?",
    "%m1 key",
    "%m1 doctor",
    "%m1",
    "import m1_magic.backends as b\nprint(vars(api.session()), repr(api.session().backend()))",
)


@pytest.mark.parametrize("mode", ["Plain", "Context", "Verbose", "Minimal"])
def test_the_key_is_nowhere(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_LOG", "debug")
    echo = Answer.http_error(401, f"The key {server.key} is not valid")
    server.say(Answer(text="fine"), echo, Answer.http_error(500), Answer.broken("Half"), echo)
    book = notebooks.run(f"%xmode {mode}", *CELLS)
    assert len(server.chats) == 5
    assert len(notebooks.errors(book)) >= 6
    secret = server.key.removeprefix("sk-or-v1-")
    assert len(secret) > 8
    assert secret not in notebooks.saved(book)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert own_home / "ledger.db" in written
    assert tmp_path / "debug.log" in written
    for path in written:
        assert secret.encode() not in path.read_bytes(), path
