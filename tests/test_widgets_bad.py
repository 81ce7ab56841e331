"""The panel when something is wrong: errors, keys, broken displays, and clicks at random."""

from __future__ import annotations

import json
import re
import stat
import threading
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import anywidget
import ipywidgets
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator import Answer, OpenRouter
from ledgers import rows
from m1_magic import api, backends
from m1_magic.session.loop import Session
from m1_magic.settings.endpoints import Endpoint, endpoint
from m1_magic.widgets import assembly
from m1_magic.widgets.panel_view import LiveView
from panels import Hand, Page
from panels import live as alive

EVIL = 'said <img src=x onerror="alert(1)"><script>alert(2)</script>\x1b[31m\u202e$x$'
KEY = "sk-or-v1-" + "5ec2e7" * 8


def calls() -> list[Any]:
    return rows(api.session().ledger.path, "SELECT status, answer FROM calls ORDER BY at")


def states() -> list[Any]:
    return [s for (s,) in rows(api.session().ledger.path, "SELECT state FROM attempts")]


# -- errors ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer.http_error(401, EVIL), "does not accept the key"),
        (Answer.http_error(402, EVIL), "credit"),
        (Answer.http_error(403, EVIL), "refuses this request"),
        (Answer.http_error(404, EVIL), "model"),
        (Answer.http_error(500, EVIL), "500"),
        (Answer.http_error(429, EVIL, retry_after=0), "Too many requests"),
        (Answer("", fault="rst_before_headers"), "charged"),
        (Answer("", fault="close_after_headers"), "charged"),
        (Answer.broken("text so far " + EVIL, message=EVIL), "cut off|broke"),
        (Answer("one two three four", fault="fin_mid_chunked"), "cut off|broke"),
        (Answer(""), "empty|without a word"),
    ],
    ids=lambda value: None if isinstance(value, Answer) else value,
)
def test_an_error_is_a_paragraph_in_the_panel(
    server: OpenRouter, page: Page, hand: Hand, answer: Answer, told: str
) -> None:
    server.say(*[answer] * 3)
    hand.ask("why?")
    assert re.search(told, hand.error, re.IGNORECASE), hand.error
    assert "<img" not in page.wire.all and "<script" not in page.wire.all
    assert "\x1b" not in hand.text and "\u202e" not in hand.text
    reply = page.shell.user_ns["_m1"]
    assert reply.status == "failed" and calls()[-1] == ("failed", reply.text)
    assert (reply.text.split("<")[0].strip()) in hand.shown
    assert hand.busy == (True, False) and set(states()) <= {"settled", "pending"}
    server.say(*[Answer("good now")] * 3)
    while server.pending > 1:
        server.take()
    assert "good now" in hand.ask("again?") and hand.error == ""


def test_what_is_refused_sends_nothing_and_is_told(
    server: OpenRouter, page: Page, hand: Hand
) -> None:
    for prompt, told in [(f"my key {KEY}", "key"), ("{{sale}}", "sale")]:
        page.shell.user_ns["sales"] = pd.DataFrame({"a": [1]})
        hand.ask(prompt)
        assert told in hand.error and server.chats == [] and calls() == []
        assert KEY not in hand.error
    hand.fill(model="minimax/minimax-m9")
    hand.ask("why?")
    assert "minimax/minimax-m9" in hand.error and hand.busy == (True, False)


def test_no_connection(server: OpenRouter, hand: Hand) -> None:
    server.close()
    hand.ask("why?")
    assert "cannot be reached" in hand.error and hand.busy == (True, False)


@pytest.mark.filterwarnings("ignore:The display failed")
@pytest.mark.parametrize("broken", ["open", "feed", "_paint_line", "_add", "close"])
def test_a_broken_display_costs_neither_answer_nor_price(
    server: OpenRouter, page: Page, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def fails(*_: Any) -> None:
        raise ZeroDivisionError

    server.say(Answer("one <b>two", cost=0.25))
    hand = page.panel()
    monkeypatch.setattr(LiveView, broken, fails)
    hand.ask("why?")
    assert page.shell.user_ns["_m1"].text == "one <b>two"
    assert "one &lt;b&gt;two" in hand.shown and "The display failed" in hand.text
    assert calls() == [("ok", "one <b>two")] and states() == ["settled"]
    assert hand.tiles["session"] == "$0.2500" and hand.busy == (True, False)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_after_the_call_leaves_the_panel_free(
    server: OpenRouter, page: Page, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand.ask("why?")
    with monkeypatch.context() as patched:
        patched.setattr(assembly.Actions, "refresh", lambda _: 1 / 0)
        hand.ask("why?")
    assert page.shell.user_ns["_m1"].status == "ok" and hand.busy == (True, False)
    server.say(Answer("second"))
    assert "second" in hand.ask("why?")


def test_a_bug_before_the_call_is_told(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "known_limits", lambda *_: {}[EVIL * 50])
    hand.ask("why?")
    assert hand.error.startswith("KeyError") and len(hand.error) < 400
    assert "<img" not in hand.text and hand.busy == (True, False)


def test_nothing_in_answer_names_or_columns_is_alive(server: OpenRouter, page: Page) -> None:
    frame = pd.DataFrame({f"{EVIL} {n}": [EVIL] * 20 for n in range(200)})
    server.say(Answer(EVIL + "\n\n" + EVIL, thinking=EVIL, model=EVIL, finish=EVIL))
    hand = page.panel({EVIL: frame}, prompt=EVIL, df_tokens=50_000)
    hand.press("Dry run")
    assert "onerror" in hand.shown and alive(hand.text) == []
    hand.ask(EVIL)
    assert hand.shown.count("onerror") > 2 and alive(hand.text) == []
    assert "<script" not in "".join(o.get("text/html", "") for o in page.outputs)
    assert hand.busy == (True, False)


# -- keys --------------------------------------------------------------------------------
@pytest.fixture
def keyless(page: Page, monkeypatch: pytest.MonkeyPatch) -> Page:
    """A notebook that would ask openrouter.ai, and has no key for it."""
    monkeypatch.delenv("OPENROUTER_API_KEY")
    api.settings().base_url = "https://openrouter.ai/api/v1"
    return page


def secrets(hand: Hand) -> list[Any]:
    return [one for one in hand.all(anywidget.AnyWidget) if "m1-secret" in one._dom_classes]


def type_into(field: Any, typed: str) -> None:
    field.comm.hears({"method": "custom", "content": {"typed": typed}})


def nowhere(page: Page, key: str = KEY) -> None:
    """The key is in no message, no widget, no output."""
    state = json.dumps(ipywidgets.Widget.get_manager_state(), default=str)
    seen = [state, page.wire.all, json.dumps(page.outputs), *map(repr, page.left)]
    assert not any(key in one or key[9:30] in one for one in seen)


def test_a_key_is_asked_for_kept_and_never_seen(keyless: Page, own_home: Path) -> None:
    hand = keyless.panel()
    assert "There is no key for openrouter.ai" in hand.error
    hand.ask("why?")
    assert "Nothing was sent" in hand.error
    hand.press("Dry run")
    assert "why?" in hand.shown and "$" in hand.shown and hand.text.count('"m1-error') == 1
    field, _ = secrets(hand)
    type_into(field, KEY)
    assert "The key is kept." in hand.text and not secrets(hand)
    (kept,) = [f for f in own_home.iterdir() if f.is_file() and KEY in f.read_text("latin-1")]
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert KEY not in repr(field)
    nowhere(keyless)


@pytest.mark.parametrize("typed", ["Bearer " + KEY, KEY + " x", f'"{KEY}"', KEY + "é"])
def test_a_bad_key_is_told_without_it(keyless: Page, own_home: Path, typed: str) -> None:
    hand = keyless.panel()
    field, _ = secrets(hand)
    type_into(field, typed)
    assert "The key from" in hand.error and secrets(hand) == [field, _]
    nowhere(keyless)
    assert not any(KEY in f.read_text("latin-1") for f in own_home.glob("*") if f.is_file())
    type_into(field, KEY)
    assert not secrets(hand)
    nowhere(keyless)


def test_a_key_of_openrouter_is_not_for_another_host(keyless: Page) -> None:
    api.settings().base_url = "https://llm.example.org/v1"
    hand = keyless.panel()
    (field,) = secrets(hand)
    assert "llm.example.org" in field._esm and "browser" not in hand.text
    type_into(field, KEY)
    assert "goes only to openrouter.ai" in hand.error
    nowhere(keyless)


def test_the_field_follows_the_endpoint(keyless: Page) -> None:
    api.settings().base_url = "https://llm.example.org/v1"
    hand = keyless.panel()
    api.settings().base_url = "https://openrouter.ai/api/v1"
    keyless.run("1")
    assert "a key for openrouter.ai" in secrets(hand)[0]._esm
    assert "There is no key for openrouter.ai" in hand.error


def test_a_login_with_the_browser(
    keyless: Page, server: OpenRouter, monkeypatch: pytest.MonkeyPatch, own_home: Path
) -> None:
    server.key = KEY

    def exchange(place: Endpoint, code: str, verifier: str) -> str:
        assert place.openrouter
        return backends.exchange(endpoint(server.base_url), code, verifier)

    monkeypatch.setattr("m1_magic.widgets.login.exchange", exchange)
    hand = keyless.panel()
    (url,) = re.findall(r'href="(https://openrouter\.ai/auth[^"]*)"', hand.text)
    asked = parse_qs(urlsplit(url.replace("&amp;", "&")).query)
    server.auth_codes["the-code"] = asked["code_challenge"][0]
    _, field = secrets(hand)
    type_into(field, "another-code")
    assert "no key for that code" in hand.error
    type_into(field, " the-code ")
    assert "The key is kept." in hand.text and not secrets(hand)
    assert any(KEY in f.read_text("latin-1") for f in own_home.iterdir() if f.is_file())
    nowhere(keyless)
    nowhere(keyless, "the-code-the-code")


# -- large -------------------------------------------------------------------------------
def test_a_megabyte_stays_within_bounds(server: OpenRouter, page: Page) -> None:
    text = "A sentence with **weight** and $x$ of an answer.\n\n" * 20_000
    server.say(Answer([text[at : at + 200] for at in range(0, len(text), 200)]))
    page.run("%m1 set max_cost 100")
    hand = page.panel()
    server.say(*reversed([server.take(), Answer("short")]))
    hand.ask("why?")
    first, known = len(page.wire.sent), len(page.left)
    hand.ask("why?")
    sent = sum(map(len, page.wire.sent[first:])) + page.shell.display_pub.bytes
    assert sent <= 10 * len(text)
    assert len(page.left) - known < 3 * len(text) / 4_000 + 20
    assert hand.shown.count("A sentence") == 20_000
    (still,) = [o for o in page.outputs if "m1-still" in o.get("text/html", "")]
    assert len(json.dumps(still)) < 1_000_000 and "characters more: %m1 log" in still["text/plain"]
    hand.ask("and now?")
    assert len(page.left) < known + 20


# -- clicks at random --------------------------------------------------------------------
STEPS = st.sampled_from(["send", "hold", "stop", "free", "Dry run", "history", "Edit", "Show"])


@settings(max_examples=25)
@given(steps=st.lists(STEPS, max_size=12))
def test_whatever_is_clicked_the_books_agree(
    server: OpenRouter, page: Page, steps: list[str]
) -> None:
    before, known = len(page.left), len(server.chats)
    done = len(calls())
    hand = page.panel()
    hold: threading.Event | None = None
    for step in steps:
        if step in ("send", "hold") and not hand.busy[0]:
            hand.panel.send()
        elif step == "send":
            server.say(Answer("all of it"))
            hand.ask("why?")
        elif step == "hold":
            hold = threading.Event()
            server.say(Answer("one two", hold=hold))
            number = len(server.chats)
            hand.send("why?")
            assert server.wait_chats(number + 1) and server.wait_held()
        elif step == "stop":
            hand.press("Stop")
            hand.end() if not hand.busy[0] else None
        elif step == "free" and hold is not None:
            hold.set()
            hand.end()
        elif step == "history":
            hand.labelled("History").value = True
            listed = hand.of_class("m1-list")
            listed.value = [id for _, id in listed.options[:2]]
        elif step == "Dry run" or (step in ("Edit", "Show") and hand.labelled("History").value):
            hand.press(step)
        assert hand.busy in ((True, False), (False, True), (False, False))
    hand.press("Close")
    assert len(page.left) == before
    if hold is not None:
        hold.set()
    assert len(calls()) - done == len(server.chats) - known
    assert set(states()) <= {"settled", "pending"}
    assert all(status in ("ok", "stopped") for status, _ in calls())
