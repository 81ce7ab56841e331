"""Calls in threads: each is stopped by its own ``Stop``, wherever it is; none touches another."""

from __future__ import annotations

import threading

import pytest

from emulator import Answer, OpenRouter
from m1_magic import api
from m1_magic.calls import Event, Reply, TextDelta
from m1_magic.errors import CutOff, Stopped, UserFacingError
from m1_magic.interrupts import Stop
from m1_magic.options.fields import Options
from m1_magic.session.view import Silent

PATIENCE = 60.0


class Heard(Silent):
    """A view that lets a test wait for what it sees."""

    def __init__(self) -> None:
        self.text = threading.Event()

    def feed(self, event: Event) -> None:
        if isinstance(event, TextDelta):
            self.text.set()


class Asking(threading.Thread):
    """A call in a thread, its stop, and what came of it."""

    def __init__(self, prompt: str) -> None:
        super().__init__(daemon=True)
        self.stop, self.view = Stop(), Heard()
        self.reply: Reply | None = None
        self.error: BaseException | None = None
        self._prompt = prompt
        self.start()

    def run(self) -> None:
        try:
            with self.stop.listening():
                self.reply = api.run(self._prompt, Options(), {}, self.view)
        except UserFacingError as error:
            self.error, self.reply = error, error.reply

    def end(self) -> None:
        self.join(PATIENCE)
        assert not self.is_alive()


def test_i10_a_stop_before_the_call_sends_nothing(server: OpenRouter) -> None:
    stop = Stop()
    stop.press()
    with stop.listening(), pytest.raises(Stopped, match="before anything was sent"):
        api.ask("?")
    assert server.chats == []
    assert api.ask("And without it?").status == "ok"


def test_i10_a_stop_is_for_its_own_call_only(server: OpenRouter) -> None:
    held_back = threading.Event()
    server.say(Answer("one two", hold=held_back), Answer("three four", hold=held_back))
    first = Asking("?")
    assert first.view.text.wait(PATIENCE)
    second = Asking("?")
    assert second.view.text.wait(PATIENCE)
    first.stop.press()
    first.end()
    assert isinstance(first.error, Stopped) and second.is_alive()
    held_back.set()
    second.end()
    assert second.reply is not None and second.reply.text == "three four"


def test_another_endpoint_is_chosen_while_a_call_runs(server: OpenRouter) -> None:
    held_back = threading.Event()
    server.say(Answer("one two", hold=held_back))
    asking = Asking("?")
    assert asking.view.text.wait(PATIENCE)
    with OpenRouter(key=server.key) as other:
        api.settings().base_url = other.base_url
        other.say(Answer("from elsewhere"))
        assert api.ask("?").text == "from elsewhere"
    held_back.set()
    asking.end()
    assert asking.reply is not None and asking.reply.text == "one two"


def test_what_breaks_by_itself_was_not_stopped(server: OpenRouter) -> None:
    server.say(Answer("one two three four", fault="fin_mid_chunked"))
    asking = Asking("?")
    asking.end()
    assert isinstance(asking.error, CutOff) and not asking.stop.is_set()
