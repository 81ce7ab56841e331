"""The process's one App: composed once whoever asks first, kept over ``%reload_ext``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import kernels
import notebooks
from emulator import Answer, OpenRouter
from ledgers import full_disk, ordinary_user, rows
from m1_magic import api, app, locks
from m1_magic.calls import Receipt
from m1_magic.errors import BudgetExceeded
from m1_magic.options.fields import Options
from m1_magic.session.view import Silent
from m1_magic.settings.sources import save

COLD_RUNS = 20 if os.environ.get("M1_TEST_FULL") else 1
BUDGET = Decimal("0.0004")
COST = Decimal("0.00005")
NANO = Decimal("1e-9")
# Threads that ask first thing, all at once, in each of some processes; each prints a line: ids of
# sessions, calls that went through, refusals, and the highest session total in a footer.
COLD = """
import json, os, sys, threading
from m1_magic import api
from m1_magic.errors import BudgetExceeded
from m1_magic.options.fields import Options
from m1_magic.session.view import Silent

class Footer(Silent):
    def close(self, receipt):
        totals.append(receipt.totals)

def ask():
    start.wait()
    try:
        api.run("hi", Options(max_tokens=20), {}, Footer())
        answered.append(1)
    except BudgetExceeded:
        refused.append(1)
    sessions.add(id(api.session()))

count, processes = map(int, sys.argv[1:])
children = 0
for _ in range(processes - 1):
    if os.fork() == 0:
        children = 0
        break
    children += 1
totals, answered, refused, sessions = [], [], [], set()
start = threading.Barrier(count)
threads = [threading.Thread(target=ask) for _ in range(count)]
for one in threads: one.start()
for one in threads: one.join()
line = json.dumps({
    "sessions": len(sessions), "answered": len(answered), "refused": len(refused),
    "footer": str(max(t.session for t in totals)) if totals else "0",
    "total": str(api.session().totals().session),
})
os.write(1, line.encode() + b"\\n")  # at once, where others write, too
for _ in range(children):
    assert os.wait()[1] == 0
"""


def cold(threads: int, processes: int = 1) -> list[dict[str, Any]]:
    """Return what each of the processes found; several do not import anything first."""
    python = [sys.executable] if processes == 1 else kernels.python()
    argv = [*python, "-c", COLD, str(threads), str(processes)]
    ran = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True, timeout=300)
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(found) == processes
    return found


def spent(home: Path) -> tuple[Decimal, int]:
    """What the attempts' rows add up to, in dollars, and how many sessions there are."""
    ((nano, sessions),) = rows(
        home / "ledger.db", "SELECT sum(cost_nano), count(DISTINCT session) FROM attempts"
    )
    assert rows(home / "ledger.db", "SELECT count(*) FROM attempts WHERE state <> 'settled'") == [
        (0,)
    ]
    return Decimal(nano) * NANO, sessions


@pytest.fixture
def billed(server: OpenRouter, monkeypatch: pytest.MonkeyPatch) -> OpenRouter:
    monkeypatch.setenv("M1_BUDGET", str(BUDGET))
    server.say(*[Answer("Yes.", cost=float(COST)) for _ in range(64)])
    return server


@pytest.mark.parametrize("run", range(COLD_RUNS))
def test_threads_that_ask_first_thing_share_one_session_and_its_budget(
    billed: OpenRouter, own_home: Path, run: int
) -> None:
    (found,) = cold(64)
    total, sessions = spent(own_home)
    assert (found["sessions"], sessions) == (1, 1)
    assert found["answered"] + found["refused"] == 64
    assert 0 < total <= BUDGET and total == COST * found["answered"]
    assert Decimal(found["footer"]) == Decimal(found["total"]) == total


@pytest.mark.parametrize("run", range(COLD_RUNS))
def test_processes_that_ask_first_thing_share_a_days_budget(
    billed: OpenRouter, own_home: Path, run: int
) -> None:
    save("budget_period", "day")
    found = cold(4, 8)
    total, sessions = spent(own_home)
    assert all(one["sessions"] == 1 for one in found)
    # A process whose calls are all refused leaves no row.
    assert sessions == sum(one["answered"] > 0 for one in found)
    assert 0 < total <= BUDGET
    assert sum(Decimal(one["footer"]) for one in found) == total
    assert sum(Decimal(one["total"]) for one in found) == total


# -- fork -------------------------------------------------------------------------------------


def in_child(work: Callable[[], object]) -> int:
    """Return the exit status of a forked child that does this; a deadlock is killed."""
    child = os.fork()
    if not child:
        signal.alarm(120)
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_child_finds_no_lock_held_by_a_thread_it_does_not_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0.1)
    held, done = threading.Event(), threading.Event()
    one = locks.lock()

    def hold() -> None:
        with one:
            held.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(60)
    try:
        assert in_child(lambda: one.acquire()) == 0
    finally:
        done.set()
        thread.join()


def test_a_fork_while_a_thread_looks_for_the_folder_of_temporary_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inside, folder = threading.Event(), tempfile.gettempdir()

    def slow() -> str:
        inside.set()
        threading.Event().wait(0.5)
        return folder

    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_get_default_tempdir", slow)
    thread = threading.Thread(target=tempfile.gettempdir)
    thread.start()
    assert inside.wait(60)
    assert in_child(lambda: tempfile.TemporaryFile().close()) == 0
    thread.join()


def test_a_fork_while_threads_ask_first_thing(server: OpenRouter, own_home: Path) -> None:
    threads = [threading.Thread(target=api.ask, args=("hi",)) for _ in range(8)]
    for one in threads:
        one.start()
    assert in_child(lambda: api.ask("from the child")) == 0
    for one in threads:
        one.join()
    assert api.ask("after it").status == "ok"
    assert rows(own_home / "ledger.db", "SELECT count(*) FROM calls") == [(10,)]


def test_a_childs_calls_count_for_its_session(billed: OpenRouter, own_home: Path) -> None:
    few = {"max_tokens": 20}
    api.ask("hi", **few)  # type: ignore[arg-type]

    def spend() -> None:
        with pytest.raises(BudgetExceeded):
            for _ in range(20):
                api.ask("hi", **few)  # type: ignore[arg-type]

    assert in_child(spend) == 0
    with pytest.raises(BudgetExceeded):
        api.ask("hi", **few)  # type: ignore[arg-type]
    total, sessions = spent(own_home)
    assert sessions == 1 and total <= BUDGET


def test_a_child_knows_what_was_spent_where_nothing_can_be_written(billed: OpenRouter) -> None:
    with ordinary_user() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("M1_HOME", str(folder))
        folder.chmod(0o500)
        with pytest.warns(UserWarning, match="cannot be written"):
            api.ask("hi", max_tokens=20)

        def look() -> None:
            assert api.session().totals().session == COST

        assert in_child(look) == 0
        api.end()


# -- unload and reload ------------------------------------------------------------------------


def test_a_budget_settings_chats_and_m1_survive_a_reload(server: OpenRouter) -> None:
    server.say(*[Answer("Yes.", cost=float(COST)) for _ in range(64)])
    few = "%config M1.max_tokens = 20"
    again = "for _ in range(20): ask('hi')"
    book = notebooks.run(
        "%load_ext m1_magic\nfrom m1_magic import ask, api\nimport os",
        f"{few}\n%m1 budget {BUDGET}\n%m1 set top_p 0.5",
        "%%m1 --chat=one\nhi",
        "session, name = api.session(), api.session().ledger.session",
        again,
        "%reload_ext m1_magic",
        "%%m1\nhi",
        "s = api.settings()\n"
        "print(s.budget, s.top_p, s.max_tokens, _m1.text, session is api.session(),"
        " name == api.session().ledger.session, api.chats().names())",
    )
    refusals = [text for text in notebooks.errors(book) if "BudgetExceeded" in text]
    assert len(refusals) == 2, notebooks.errors(book)
    assert notebooks.printed(book, 5).startswith("m1-magic · ")
    assert f"budget ${BUDGET} per session" in notebooks.printed(book, 5)
    assert notebooks.printed(book, 7).split() == [
        *(str(BUDGET), "0.5", "20", "Yes.", "True", "True", "['one']")
    ]


def test_a_reload_applies_what_sources_newly_say_but_not_over_a_hand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("M1_BUDGET", "1")
    monkeypatch.setenv("M1_MODEL", "from/environment")
    save("max_tokens", 100)
    save("top_p", 0.5)
    settings = api.settings()
    settings.model, settings.top_p = "by/hand", 0.9
    app.PROCESS.load()
    assert (settings.budget, settings.model, settings.top_p) == (1, "by/hand", 0.9)
    monkeypatch.setenv("M1_BUDGET", "0.5")
    monkeypatch.setenv("M1_MODEL", "from/environment/anew")
    save("max_tokens", 200)
    save("top_p", 0.6)
    save("temperature", 0.1)
    app.PROCESS.load()
    assert (settings.budget, settings.max_tokens) == (Decimal("0.5"), 200)
    assert (settings.model, settings.top_p, settings.temperature) == ("by/hand", 0.9, 0.1)
    # What is gone drops no budget; what is there again and the same changes nothing.
    monkeypatch.delenv("M1_BUDGET")
    app.PROCESS.load()
    assert settings.budget == Decimal("0.5")
    settings.budget = None
    monkeypatch.setenv("M1_BUDGET", "0.5")
    app.PROCESS.load()
    assert settings.budget is None


HOOKS = """
def everything():
    import threading
    shell = get_ipython()
    manager, formatter = shell.input_transformer_manager, shell.display_formatter
    return {
        "threads": sorted(t.name for t in threading.enumerate() if t.name.startswith("m1-")),
        "hooks": {name: len(them) for name, them in shell.events.callbacks.items()},
        "transformers": [len(manager.cleanup_transforms), len(manager.token_transformers),
                         len(manager.line_transforms), len(shell.input_transformers_post)],
        "configurables": [str(one) for one in shell.configurables if "m1_magic" in str(type(one))],
        "magics": sorted(name for kind in shell.magics_manager.magics.values() for name in kind),
        "registry": [name for name in shell.magics_manager.registry if "M1" in name],
        "completers": [key.pattern for key in shell.strdispatchers["complete_command"].regexs],
        "formatters": [key for one in formatter.formatters.values()
                       for key in one.deferred_printers if "m1" in str(key)]
                    + [str(key) for one in formatter.formatters.values()
                       for key in one.type_printers if "m1" in str(key)],
    }
"""
UNTIL = """
def changes():
    now = everything()
    return {name: (before[name], now[name]) for name in before if before[name] != now[name]}

import time
end = time.monotonic() + 30
while everything()["threads"] and time.monotonic() < end: time.sleep(0.02)
"""


def test_unloading_leaves_no_thread_hook_or_transformer(server: OpenRouter) -> None:
    server.say(Answer("Yes."), Answer("No bill yet.", usage=None), Answer("In the panel"))
    book = notebooks.run(
        HOOKS + "before = everything()",
        "%load_ext m1_magic\nfrom m1_magic import ask, panel",
        "%%m1\nhi",
        "ask('hi')\npanel()",
        "%unload_ext m1_magic",
        f"{UNTIL}print(changes() or True)",
        "%load_ext m1_magic",
        "%%m1\nand now?",
        f"%unload_ext m1_magic\n{UNTIL}print(changes() or True)",
    )
    assert notebooks.errors(book) == []
    assert notebooks.printed(book, 5) == notebooks.printed(book, 8) == "True\n"


def test_a_reload_in_the_middle_of_a_call_in_a_thread_does_not_lose_it(
    server: OpenRouter, own_home: Path
) -> None:
    go = threading.Event()
    server.say(Answer("one two three", hold=go))
    seen: list[Receipt] = []

    class Seen(Silent):
        def close(self, receipt: Receipt) -> None:
            seen.append(receipt)

    thread = threading.Thread(target=api.run, args=("hi", Options(), {}, Seen()))
    thread.start()
    assert server.wait_chats(1) and server.wait_held()
    app.PROCESS.rest()
    app.PROCESS.load()
    go.set()
    thread.join(60)
    (receipt,) = seen
    assert receipt.call.reply.text == "one two three" and receipt.notes == ()
    assert rows(own_home / "ledger.db", "SELECT status, answer FROM calls") == [
        ("ok", "one two three")
    ]
    assert api.chats().last is not None


@pytest.fixture
def loose() -> Iterator[Path]:
    with ordinary_user() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("M1_HOME", str(folder))
        yield folder
        api.end()


def test_a_read_only_home_costs_what_cannot_be_kept_only(billed: OpenRouter, loose: Path) -> None:
    loose.chmod(0o500)
    settings = app.PROCESS.load()
    (problem,) = settings.problems
    assert str(loose) in problem and "cannot be written" in problem
    settings.max_tokens = 20
    assert api.ask("hi").status == "ok"
    assert api.session().ledger.in_memory
    with pytest.raises(BudgetExceeded):
        for _ in range(20):
            api.ask("hi")
    spent_so_far = api.session().totals().session
    app.PROCESS.rest()
    app.PROCESS.load()
    assert api.session().totals().session == spent_so_far and settings.max_tokens == 20
    # As the ledger's note says: made writable, then reloaded, it goes on in the file.
    loose.chmod(0o700)
    app.PROCESS.rest()
    assert app.PROCESS.load().problems == ()
    assert not api.session().ledger.in_memory
    assert api.session().totals().session == spent_so_far == spent(loose)[0]
    with pytest.raises(BudgetExceeded):
        api.ask("hi")


def test_another_home_is_taken_up_by_a_reload(
    server: OpenRouter, own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.ask("hi")
    monkeypatch.setenv("M1_HOME", str(tmp_path / "other"))
    app.PROCESS.rest()
    app.PROCESS.load()
    api.ask("hi")
    for home in (own_home, tmp_path / "other"):
        assert rows(home / "ledger.db", "SELECT count(*) FROM calls") == [(1,)]


def test_a_full_home_does_not_keep_the_extension_from_loading(own_home: Path) -> None:
    with full_disk():
        assert app.PROCESS.load().problems == ()  # what is full is told where it can be seen
        app.PROCESS.load()
