"""One thread watches all calls; where there can be none, calls are made without."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from emulator import Answer, OpenRouter
from faulty import until
from m1_magic import api
from m1_magic.errors import CutOff
from m1_magic.interrupts import heard, uninterrupted
from m1_magic.options.fields import Options
from m1_magic.session import reconciler
from m1_magic.session.view import Silent
from m1_magic.watcher import TICKER, WATCHER, Watch, Watcher

PATIENCE = 60.0


def threads(name: str) -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == name]


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    made = Watcher("m1-tried")
    yield made
    made.rest()
    assert until(lambda: not threads("m1-tried"))


class Work:
    """Work that counts how often it was done, and says when it wants to be done again."""

    def __init__(self, *seconds: float | None) -> None:
        self.seconds, self.count = list(seconds), 0
        self.done = threading.Event()

    def __call__(self) -> float | None:
        self.count += 1
        again = self.seconds.pop(0) if self.seconds else None
        if again is None:
            self.done.set()
        return again


def test_work_is_done_in_its_time_by_one_thread(watcher: Watcher) -> None:
    later, now = Work(), Work(0.0, 0.01, None)
    last = Watch(later, 600.0)
    watcher.begin(last)
    watcher.begin(Watch(now, 0.0))  # wakes the thread, which waits for the other
    assert now.done.wait(PATIENCE) and now.count == 3
    assert len(threads("m1-tried")) == 1 and later.count == 0
    watcher.end(last)


def test_work_that_fails_or_was_ended_is_not_done_again(watcher: Watcher) -> None:
    ended, after = Work(math.inf), Work()
    watch = Watch(ended, 0.05)
    watcher.begin(watch)
    watcher.end(watch)

    def fails() -> None:
        raise ValueError

    watcher.begin(Watch(fails, 0.0))
    watcher.begin(Watch(after, 0.2))
    assert after.done.wait(PATIENCE)
    assert ended.count == 0 and len(threads("m1-tried")) == 1


def test_an_idle_thread_ends_and_another_begins(watcher: Watcher) -> None:
    for _ in range(2):
        work = Work()
        watcher.begin(Watch(work, 0.0))
        assert work.done.wait(PATIENCE)
        watcher.rest()
        assert until(lambda: not threads("m1-tried"))


def test_a_thread_that_hangs_is_replaced(watcher: Watcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m1_magic.watcher.STUCK", 0.05)
    inside, go, work = threading.Event(), threading.Event(), Work()

    def hang() -> None:
        inside.set()
        go.wait(PATIENCE)

    watcher.begin(Watch(hang, 0.0))
    assert inside.wait(PATIENCE)
    time.sleep(0.1)
    watcher.begin(Watch(work, 0.0))
    assert work.done.wait(PATIENCE)
    go.set()
    assert until(lambda: len(threads("m1-tried")) <= 1)


def test_a_forked_child_has_a_watcher_of_its_own(watcher: Watcher) -> None:
    first = Watch(Work(), 600.0)
    watcher.begin(first)
    child = os.fork()
    if not child:
        work = Work()
        watcher.begin(Watch(work, 0.0))
        os._exit(0 if work.done.wait(30) and not watcher._watches else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    watcher.end(first)


# -- calls ------------------------------------------------------------------------------------


def test_many_calls_share_one_watcher_and_each_keeps_its_deadline(server: OpenRouter) -> None:
    server.default = Answer("one two", hold=threading.Event())
    api.settings().token_timeout = 1.0
    failed: list[BaseException] = []

    def ask() -> None:
        try:
            api.ask("hi")
        except CutOff as error:
            failed.append(error)

    callers = [threading.Thread(target=ask) for _ in range(16)]
    for one in callers:
        one.start()
    assert until(lambda: server.chats)
    assert len(threads("m1-watcher")) <= 1
    for one in callers:
        one.join(PATIENCE)
    assert len(failed) == 16 and all("no token for 1 s" in str(error) for error in failed)


class Hangs(Silent):
    """A view that stands still when it is given the time."""

    def __init__(self) -> None:
        self.inside, self.go = threading.Event(), threading.Event()
        self.calls = 0

    def tick(self) -> float | None:
        self.calls += 1
        if self.calls > 1:
            self.inside.set()
            self.go.wait(PATIENCE)
            return None
        return 0.0


def test_a_view_that_hangs_delays_no_deadline(server: OpenRouter) -> None:
    go = threading.Event()  # for both: whichever call comes first
    server.say(Answer("one two", hold=go), Answer("three four", hold=go))
    view = Hangs()
    first = threading.Thread(target=api.run, args=("hi", Options(), {}, view))
    first.start()
    assert view.inside.wait(PATIENCE)
    api.settings().token_timeout = 0.5
    with pytest.raises(CutOff, match=r"no token for 0\.5 s"):
        api.ask("hi")
    view.go.set()
    go.set()
    first.join(PATIENCE)
    assert not first.is_alive()


def test_a_call_in_a_thread_while_the_main_thread_is_in_one(server: OpenRouter) -> None:
    replies: list[Any] = []
    with uninterrupted(), heard():
        thread = threading.Thread(target=lambda: replies.append(api.ask("hi")))
        thread.start()
        thread.join(PATIENCE)
    assert [reply.status for reply in replies] == ["ok"]


# -- no threads -------------------------------------------------------------------------------


@pytest.fixture
def threadless(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread can be started from the main one, as in Pyodide; the server's own can."""
    for one in (WATCHER, TICKER):
        one.rest()
        assert until(lambda one=one: one._thread is None)
    start = threading.Thread.start

    def refused(thread: threading.Thread) -> None:
        if threading.current_thread() is threading.main_thread():
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refused)


class Ticked(Silent):
    def tick(self) -> float | None:
        return 0.01


def test_calls_come_to_their_end_where_no_thread_can_be_started(
    server: OpenRouter, threadless: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "PAUSES", (0.0,))
    server.say(Answer("Yes."), Answer("No bill.", usage=None), Answer("one two", fault="eof_cut"))
    assert api.run("hi", Options(), {}, Ticked()).text == "Yes."
    assert api.ask("hi").text == "No bill."
    with pytest.raises(CutOff):
        api.ask("hi")
    assert api.ask("hi").status == "ok"
    assert not [one for one in threading.enumerate() if one.name.startswith("m1-")]


ALONE = """
import threading
def refused(self): raise RuntimeError("can't start new thread")
threading.Thread.start = refused
from m1_magic import ask
print(ask("hi").text)
"""


def test_a_process_without_threads_asks(server: OpenRouter) -> None:
    server.say(Answer("Yes."))
    ran = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, timeout=300)
    assert (ran.stdout, ran.returncode) == ("Yes.\n", 0), ran.stderr
