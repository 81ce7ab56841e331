"""The panel while it asks: answer and numbers, Stop, other calls, and the end of it all."""

from __future__ import annotations

import gc
import re
import socket
import threading
import time
import weakref

import pandas as pd
import pytest

from emulator import MISSING, Answer, OpenRouter
from faulty import listening, settled, take, url_of
from ledgers import rows
from m1_magic import api
from m1_magic.calls import Receipt
from m1_magic.ledger.store import now_utc
from m1_magic.pricing.dollars import money
from m1_magic.widgets import assembly
from m1_magic.widgets.panel_view import LiveView
from m1_magic.widgets.question import Question
from panels import PATIENCE, Hand, Page, running

SALES = {"region": ["n", "s"] * 10, "amount": range(20)}
CODE = "First:\n```python\nx = 1\n```\nthen:\n```python\ny = 2\n```\n"


# -- asked -------------------------------------------------------------------------------
def test_a_question_is_answered_and_bound(server: OpenRouter, page: Page, hand: Hand) -> None:
    server.say(Answer("Forty-**two**.", thinking="Hm <b>."))
    text = hand.ask("why {{x}}?")
    assert "Forty-<strong>two</strong>." in text and "Hm &lt;b&gt;." in text
    assert page.shell.user_ns["_m1"].text == "Forty-**two**."
    assert hand.busy == (True, False) and hand.error == ""
    assert page.run("_m1") == "Forty-**two**.\n" or "Forty" in page.run("print(_m1)")


def test_m1s_calls_are_asked_about_in_the_conversation(server: OpenRouter, page: Page) -> None:
    page.run("def best(city: str) -> str:\n    return city[::-1]")
    calls = Answer.calling(("best", {"city": "<b>Paris"}))
    server.say(calls, Answer("So."), calls, Answer("No."), calls)
    hand = page.panel(tools="best")
    for answer, end in (("yes", "siraP&gt;b&lt;"), ("no", "refused"), (None, "Stopped by")):
        hand.send("which?")
        asked = threading.Event()
        while not (found := hand.all(Question)) and not asked.wait(0.02):
            pass
        (question,) = found
        assert question.call == "best(city='<b>Paris')"
        if answer is None:
            hand.press("Stop")
        else:
            question._handle_custom_msg({"shown": True}, [])
            question._handle_custom_msg({"answer": answer}, [])
        hand.end()
        assert hand.all(Question) == [] and end in hand.text
    assert page.shell.user_ns["_m1"].status == "stopped" and hand.text.count("So.") == 1


def test_the_counters_are_the_ledgers(server: OpenRouter, page: Page) -> None:
    page.run("%m1 budget 1")
    server.say(Answer("four words of it", thinking="hm", cost=0.00012345, cached=3))
    hand = page.panel()
    hand.ask("why?")
    reply = page.shell.user_ns["_m1"]
    assert hand.tiles["this call"] == money(reply.cost) == "$0.00012"
    usage = reply.usage
    counts = [hand.tiles[name] for name in ("tokens in", "cached", "out", "thinking")]
    assert counts == [f"{n:,}" for n in (usage.input, 3, usage.output, usage.reasoning)]
    for spent, held, _ in api.session().ledger.spent(now_utc()).values():
        assert held == 0 and spent == reply.cost
    page.run("%m1 cost")
    cost = page.outputs[-1]["text/plain"]
    for name, shown in (("session", "session"), ("today", "day"), ("month", "month")):
        (line,) = [line for line in cost.splitlines() if re.match(rf"\W*{shown}\b", line)]
        assert hand.tiles[name] in line and hand.tiles[name] == "$0.00012"
    assert f"session budget: {hand.tiles['session']} of $1.00" in hand.text


def test_the_forecast_is_a_tile_while_it_runs(server: OpenRouter, page: Page, hand: Hand) -> None:
    for n in range(9):
        server.say(Answer("Yes.", cost=0.001 * (n + 1)))
        api.ask("why?", namespace={})
    hold = threading.Event()
    server.say(Answer("one two three", hold=hold, cost=0.001))
    hand.send("why?")
    page.wire.wait("<p>one")
    assert hand.tiles["calls like it"] == "likely $0.005, 9 of 10 below $0.009"
    hold.set()
    hand.end()
    assert "calls like it" not in hand.tiles


def test_an_estimate_while_it_runs_then_the_bill(
    server: OpenRouter, page: Page, hand: Hand
) -> None:
    hold = threading.Event()
    server.say(Answer("one two three", hold=hold, cost=0.125))
    hand.send("why?")
    page.wire.wait("<p>one")
    assert re.fullmatch(r"≈\$0\.0\d+ · at most \$0\.0\d+", hand.tiles["this call"])
    assert "calls like it" not in hand.tiles
    assert hand.tiles["tokens in"].startswith("≈ ") and " held" in hand.tiles["session"]
    hold.set()
    hand.end()
    assert hand.tiles["this call"] == "$0.1250" == hand.tiles["session"]


def tell() -> None:
    """Say what the settler says once prices came."""
    for listener in api.session().settler.listeners:
        listener()


def test_a_price_that_is_owed_is_settled_later(server: OpenRouter, page: Page) -> None:
    server.generation_lag = 1
    server.say(Answer("one two three four", fault="fin_mid_chunked", generation_id="gen-1"))
    hand = page.panel()
    hand.ask("why?")
    assert hand.tiles["this call"] == "$?" and "held" in hand.tiles["session"]
    assert "one" in hand.shown and "cut off" in hand.shown
    settled(server, "gen-1")
    assert [api.session().reconcile() for _ in range(2)] == [0, 1]
    page.run("1")
    spent, held, _ = api.session().ledger.spent(now_utc())["session"]
    assert held == 0 != spent and hand.tiles["session"] == money(spent)
    tell()
    assert hand.tiles["this call"] == money(spent)


def test_an_estimate_stays_one_until_the_bill_is_there(server: OpenRouter, hand: Hand) -> None:
    server.say(Answer("one two", usage_shape="a", cost=MISSING, generation_id="gen-1"))
    hand.ask("why?")
    estimate = hand.tiles["this call"]
    assert estimate.startswith("≈$")
    tell()  # of another call
    assert hand.tiles["this call"] == estimate
    settled(server, "gen-1")
    assert api.session().reconcile() == 1
    tell()
    assert re.fullmatch(r"\$0\.\d+", hand.tiles["this call"])


def test_the_budget_bar_turns_before_it_blocks(server: OpenRouter, page: Page) -> None:
    page.run("%m1 budget 1")
    hand = page.panel()
    bar = hand.of_class("m1-bar")
    seen = []
    for cost in (0.5, 0.35, 0.12, 0.02, 0.0):
        seen.append((bar.bar_style, round(bar.value, 6)))
        server.say(Answer("yes", cost=cost))
        hand.ask("why?")
    assert seen == [("", 0), ("", 0.5), ("warning", 0.85), ("danger", 0.97), ("danger", 0.97)]
    assert len(server.chats) == 3 and bar.value == pytest.approx(0.97)
    assert "budget" in hand.error and "Nothing was sent" in hand.error
    assert "a call of full length would not fit" in hand.text


def test_what_asks_in_the_page_sends_what_stands_there_once(server: OpenRouter, page: Page) -> None:
    hand = page.panel()
    (listener,) = [w for w in hand.all() if hasattr(w, "_esm")]

    def hears(**content: object) -> None:
        listener.comm.hears({"method": "custom", "content": content})

    said = {"button": "Send", "prompt": "typed, and not yet left?", "turn": 0}
    hears(**said)
    hand.end()
    assert server.chats[0].body["messages"][-1]["content"] == "typed, and not yet left?"
    # Pressed before the page knew of that call, or of its end, and come after it.
    hears(**said)
    assert "One call at a time" in hand.text
    for content in ({}, {"prompt": 3}, {"button": "Send", "turn": 1}, {**said, "turn": None}):
        hears(**content)
    assert len(server.chats) == 1
    hears(**{**said, "turn": 1})
    hand.end()
    assert len(server.chats) == 2


@pytest.mark.parametrize("thinking", ["drop", "hide"])
def test_thinking_that_is_not_to_be_seen_is_nowhere(
    server: OpenRouter, page: Page, thinking: str
) -> None:
    page.run(f"%m1 set thinking {thinking}")
    server.say(Answer("the answer", thinking=["so hushed"] * 3))
    hand = page.panel()
    assert "the answer" in hand.ask("why?")
    assert "hushed" not in page.wire.all
    assert thinking == "hide" or "hushed" not in str(page.outputs)
    assert "hushed" in page.shell.user_ns["_m1"].thinking


# -- stopped -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("answer", "seen", "text", "told"),
    [
        (Answer("", fault="never_answers"), None, "", "before the server answered"),
        (Answer("", thinking="hm hm", hold=threading.Event()), "<div>hm", "", "is kept"),
        (Answer("one two", hold=threading.Event()), "<p>one", "one ", "the text so far is kept"),
        (Answer.http_error(429, headers={"Retry-After": "20"}), "again in", "", "waiting to try"),
    ],
    ids=["no headers", "thinking", "answering", "counting down"],
)
def test_i10_stop(
    server: OpenRouter,
    page: Page,
    hand: Hand,
    answer: Answer,
    seen: str | None,
    text: str,
    told: str,
) -> None:
    server.say(answer)
    hand.send("why?")
    page.wire.wait(seen) if seen else server.wait_chats(1)
    assert hand.busy == (False, True)
    hand.press("Stop")
    hand.end()
    assert told in hand.error and hand.busy == (True, False)
    assert page.shell.user_ns["_m1"].status == "stopped"
    assert page.shell.user_ns["_m1"].text == text and text.strip() in hand.shown
    assert server.wait_closed()
    if answer.hold:
        answer.hold.set()
    assert hand.ask("again?") and hand.error == ""


def test_one_call_at_a_time_but_many_panels(server: OpenRouter, page: Page) -> None:
    hold = threading.Event()
    server.say(Answer("one two", hold=hold), Answer("three four", hold=hold))
    first, second = page.panel(), page.panel()
    first.send("1?")
    page.wire.wait("<p>one")
    for press in (first.panel.send, first.panel.dry_run):
        press()
        assert "call" in first.text and len(server.chats) == 1
    second.send("2?")
    page.wire.wait("<p>thre")
    assert page.run("print(6 * 7)") == "42\n"
    hold.set()
    first.end()
    assert "one two" in first.shown and "three four" in second.shown
    assert "three" not in first.shown and first.busy == second.busy == (True, False)


# -- closed ------------------------------------------------------------------------------
def used(hand: Hand, server: OpenRouter) -> None:
    server.say(Answer(CODE))
    hand.ask("why?")
    hand.press("Dry run")
    hand.labelled("History").value = True
    hand.press("Code into a new cell")


@pytest.mark.parametrize("click", ["Dry run", "Send"])
def test_a_click_waits_for_the_one_before(
    server: OpenRouter, page: Page, monkeypatch: pytest.MonkeyPatch, click: str
) -> None:
    """JupyterLab lets clicks be handled in two threads of the kernel."""
    began, go, prepare = threading.Event(), threading.Event(), api.prepare

    def slow(*args: object, **more: object) -> object:
        prepared = prepare(*args, **more)
        if not began.is_set():
            began.set()
            assert go.wait(PATIENCE)
        return prepared

    monkeypatch.setattr(api, "prepare", slow)
    hand = page.panel()
    hand.prompt.value = "why?"
    first, second = (threading.Thread(target=hand.press, args=(c,)) for c in (click, "Send"))
    first.start()
    assert began.wait(PATIENCE)
    second.start()
    second.join(0.5)
    go.set()
    first.join(PATIENCE)
    second.join(PATIENCE)
    hand.end()
    assert "Hello from the emulator" in hand.shown and "dry run" not in hand.shown
    assert len(server.chats) == 1


def test_closing_frees_everything(server: OpenRouter, page: Page) -> None:
    callbacks = list(page.shell.events.callbacks["post_run_cell"])
    page.shell.user_ns["sales"] = pd.DataFrame(SALES)
    hand = page.panel("sales")
    used(hand, server)
    assert len(page.left) > 50
    alive = weakref.ref(hand.panel)
    hand.press("Close")
    hand.panel.close()
    assert not page.left and not running()
    assert page.shell.events.callbacks["post_run_cell"] == callbacks
    del hand
    end = time.monotonic() + PATIENCE
    while alive() is not None and time.monotonic() < end:  # a thread that ends may still see it
        gc.collect()
        time.sleep(0.05)
    assert alive() is None


def test_unloading_stops_and_closes_all(server: OpenRouter, page: Page, hand: Hand) -> None:
    server.say(Answer("one two", hold=threading.Event()))
    page.panel()
    hand.send("why?")
    page.wire.wait("<p>one")
    path = api.session().ledger.path
    page.run("%unload_ext m1_magic")
    assert not page.left and not running()
    assert server.wait_closed()
    assert rows(path, "SELECT status, answer FROM calls") == [("stopped", "one ")]
    assert page.shell.user_ns["_m1"].text == "one "
    page.run("%load_ext m1_magic")


def test_answers_that_are_replaced_free_their_widgets(
    server: OpenRouter, page: Page, hand: Hand
) -> None:
    server.say(Answer(CODE))
    hand.ask("why?")
    before = len(page.left)
    for number in range(20):
        server.say(Answer(CODE if number % 2 else "word " * 3_000, thinking="hm", piece=100))
        hand.ask("why?")
        hand.press("Dry run")
        hand.press("Dry run")
    hand.press("New chat")
    server.say(Answer("short"))
    hand.ask("why?")
    assert len(page.left) == before


def test_stop_while_the_price_list_is_silent(page: Page) -> None:
    asked, gone = threading.Event(), threading.Event()

    def silent(sock: socket.socket) -> None:
        take(sock)
        asked.set()
        gone.wait(PATIENCE)

    with listening(silent) as server:
        api.settings().base_url = url_of(server)
        hand = page.panel()
        hand.send("why?")
        assert asked.wait(PATIENCE)
        hand.press("Stop")
        hand.end()
        assert "before anything was sent" in hand.error and hand.busy == (True, False)
        gone.set()


def test_a_call_that_outlives_its_panel_leaves_nothing(
    server: OpenRouter, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing, closed = threading.Event(), threading.Event()
    show = LiveView.close

    def slowly(view: LiveView, receipt: Receipt) -> None:
        closing.set()
        closed.wait(PATIENCE)
        show(view, receipt)

    monkeypatch.setattr(LiveView, "close", slowly)
    monkeypatch.setattr(assembly, "PATIENCE", 0)
    server.say(Answer("one two"))
    hand = page.panel()
    hand.send("why?")
    assert closing.wait(PATIENCE)
    hand.press("Close")
    closed.set()
    hand.end()
    assert not page.left and page.shell.user_ns["_m1"].text == "one two"
