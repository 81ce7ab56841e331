"""The panel in a real shell, with real calls: opened, filled in, asked, stopped, closed."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
import threading
import weakref
from decimal import Decimal
from typing import Any

import duckdb
import ipywidgets
import pandas as pd
import pytest
from IPython.terminal.interactiveshell import TerminalInteractiveShell

import m1_magic
from emulator import Answer, OpenRouter
from ledgers import rows
from m1_magic import api
from m1_magic.calls import Reply
from m1_magic.errors import UsageError
from m1_magic.ledger.store import now_utc
from m1_magic.render import footer
from panels import Hand, Page, running

SALES = {"region": ["n", "s"] * 10, "amount": range(20)}
CODE = "First:\n```python\nx = 1  # <b>\n```\nthen:\n```python\n\ny = 2\n```\n"


def body(server: OpenRouter, number: int = -1) -> dict[str, Any]:
    made: dict[str, Any] = server.chats[number].body
    return made


def prompt(server: OpenRouter) -> str:
    return str(body(server)["messages"][-1]["content"])


def attempts() -> list[Any]:
    return rows(api.session().ledger.path, "SELECT state, cost_nano FROM attempts")


# -- opened ------------------------------------------------------------------------------
def test_the_magic_shows_a_panel_below_what_a_saved_notebook_keeps(page: Page) -> None:
    assert page.run("%m1 panel") == ""
    still, live = page.outputs[-2:]
    assert "not running" in still["text/plain"]
    assert live["text/plain"] == "m1-magic panel"
    assert "application/vnd.jupyter.widget-view+json" in live


def test_the_magic_takes_nothing_more(page: Page) -> None:
    told = page.run("%m1 panel sales")
    assert "UsageError" in told and "m1_magic.panel(df=…" in told and not page.left


@pytest.mark.parametrize("given", ["frame", "list", "mapping", "name", "names"])
def test_tables_are_ticked_at_once(server: OpenRouter, page: Page, given: str) -> None:
    sales, other = pd.DataFrame(SALES), pd.DataFrame({"kind": ["a"] * 30})
    page.shell.user_ns |= {"sales": sales, "other": other, "third": other.copy()}
    df = {
        "frame": sales,
        "list": [sales, other],
        "mapping": {"Sheet 1": sales},
        "name": "sales",
        "names": "sales, other",
    }[given]
    hand = page.panel(df, prompt="why?", model="openai/gpt-4o-mini", temperature=0.25)
    ticked = {label for label, tick in hand.ticks().items() if tick.value}
    assert ticked == {
        "frame": {"sales  20 × 2"},
        "list": {"sales  20 × 2", "other  30 × 1"},
        "mapping": {"Sheet 1  20 × 2"},
        "name": {"sales  20 × 2"},
        "names": {"sales  20 × 2", "other  30 × 1"},
    }[given]
    hand.press("Send")
    hand.end()
    assert prompt(server).startswith("why?") and prompt(server).count(" frame=") == len(ticked)
    assert (body(server)["model"], body(server)["temperature"]) == ("openai/gpt-4o-mini", 0.25)


def test_options_without_a_field_go_along(server: OpenRouter, page: Page) -> None:
    hand = page.panel(system="Be brief.", seed=7, stop=["END"], send="sample:3", temperature=0)
    assert "Be brief." in hand.text and "seed" in hand.text
    hand.ask("why?")
    assert body(server)["messages"][0] == {"role": "system", "content": "Be brief."}
    sent = (body(server)["seed"], body(server)["stop"], body(server)["temperature"])
    assert sent == (7, ["END"], 0)
    assert hand.labelled("tables as").value == "sample:3"


def test_an_unknown_option_is_an_error_and_leaves_nothing(page: Page) -> None:
    with pytest.raises(TypeError, match="temprature.*temperature"):
        m1_magic.panel(temprature=1)
    with pytest.raises(UsageError, match="There is no DataFrame 'nosuch'"):
        m1_magic.panel("nosuch")
    with pytest.raises(UsageError, match="temperature"):
        m1_magic.panel(temperature=9)
    assert not page.left


def test_a_terminal_has_no_panel(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = object.__new__(TerminalInteractiveShell)
    for shell in (terminal, None):
        monkeypatch.setattr("m1_magic.render.shell.current", lambda shell=shell: shell)
        with pytest.raises(UsageError, match=r"needs a notebook.*%m1 ask and %%m1 work here"):
            m1_magic.panel()


def test_plain_python_has_no_panel() -> None:
    code = "import m1_magic\nm1_magic.panel()"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "UsageError: A panel needs a notebook" in ran.stderr


# -- tables ------------------------------------------------------------------------------
def test_tables_are_listed_anew_after_each_cell(page: Page) -> None:
    hand = page.panel()
    assert "No DataFrames here yet" in hand.text
    page.shell.user_ns["db"] = duckdb.sql("SELECT 1 AS a")
    page.run(
        "import pandas as pd\nsales = pd.DataFrame({'a': range(2000)})\n"
        "_hidden = sales\nseries = sales.a\nnumber = 3"
    )
    assert list(hand.ticks()) == ["db  (lazy)", "sales  2,000 × 1", "series  2,000 × 1"]
    assert "No DataFrames here yet" not in hand.text
    page.run("sales = pd.DataFrame({'a': [1], 'b': [2]})\ndel series, db")
    assert list(hand.ticks()) == ["sales  1 × 2"]


def test_two_hundred_tables_and_names_that_are_markup(page: Page) -> None:
    frames = {f"t{n:03}": pd.DataFrame({"a": [n]}) for n in range(200)}
    page.shell.user_ns |= frames
    evil = "<img src=x onerror=alert(1)>\u202e\n" + "x" * 500
    hand = page.panel({evil: pd.DataFrame({"a": [1]})})
    assert len(hand.ticks()) == 201
    (name,) = [label for label in hand.ticks() if "img" in label]
    assert name.isprintable() and len(name) < 100
    assert not hand.ticks()[name].description_allow_html
    for one in frames:
        del page.shell.user_ns[one]
    hand.panel.refresh()
    assert len(hand.ticks()) == 1


def test_a_table_that_is_gone_is_not_left_out_silently(server: OpenRouter, page: Page) -> None:
    page.run("import pandas as pd\nsales = pd.DataFrame({'a': [1]})")
    hand = page.panel()
    hand.tick("sales")
    page.run("del sales")
    assert list(hand.ticks()) == ["sales  (gone)"]
    hand.ask("why?")
    assert "There is no DataFrame 'sales'" in hand.error and server.requests == []
    hand.tick("sales", on=False)
    hand.panel.refresh()
    assert not hand.ticks()
    hand.ask("why?")
    assert hand.error == "" and "<data-" not in prompt(server)


def test_a_table_handed_over_is_the_one_that_its_name_stands_for_now(
    server: OpenRouter, page: Page
) -> None:
    page.shell.user_ns["sales"] = pd.DataFrame(SALES)
    hand = page.panel(page.shell.user_ns["sales"])
    page.run("sales = sales.head(3)")
    assert list(hand.ticks()) == ["sales  3 × 2"]
    hand.ask("why?")
    assert "3 rows × 2 columns" in prompt(server)
    page.run("del sales")
    hand.ask("why?")
    assert "There is no DataFrame 'sales'" in hand.error


# -- fields ------------------------------------------------------------------------------
def test_empty_fields_are_the_settings(server: OpenRouter, page: Page) -> None:
    page.run("%m1 set max_tokens 1234")
    page.panel().ask("why?")
    sent = {k: body(server).get(k) for k in ("model", "temperature", "max_tokens", "reasoning")}
    assert sent == {
        "model": "minimax/minimax-m1",
        "temperature": 1.0,
        "max_tokens": 1234,
        "reasoning": None,
    }


def test_fields_arrive_on_the_wire(server: OpenRouter, page: Page) -> None:
    page.shell.user_ns["sales"] = pd.DataFrame(SALES)
    hand = page.panel()
    hand.tick("sales")
    hand.fill(model="openai/gpt-4o-mini", thinking="low", temperature="0", max_tokens="1,000")
    hand.labelled("tables as").value = "names"
    hand.ask("why?")
    sent = {k: body(server)[k] for k in ("model", "temperature", "max_tokens", "reasoning")}
    assert sent["model"] == "openai/gpt-4o-mini" and sent["temperature"] == 0
    assert sent["reasoning"] == {"effort": "low"}
    assert "sales → names" in hand.shown and "50 %" not in prompt(server)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("temperature", "hot", "temperature: 'hot' is no number"),
        ("temperature", "9", "temperature goes from 0 to 2, not 9"),
        ("temperature", "nan", "temperature"),
        ("max_tokens", "1.5", "max tokens: '1.5' is no number"),
        ("max_tokens", "0", "max-tokens is at least 1"),
        ("thinking", "deep", "deep"),
    ],
)
def test_a_wrong_field_is_told_by_name(
    server: OpenRouter, page: Page, field: str, value: str, told: str
) -> None:
    hand = page.panel()
    hand.fill(**{field: value})
    for button in ("Dry run", "Send"):
        hand.prompt.value = "why?"
        hand.press(button)
        hand.end()
        assert told in hand.error
    assert server.requests == [] and hand.busy == (True, False)


def test_an_empty_prompt_is_refused(server: OpenRouter, page: Page) -> None:
    hand = page.panel()
    hand.ask("  ")
    assert hand.error and server.requests == []


# -- asked -------------------------------------------------------------------------------
def test_a_question_is_answered_and_bound(server: OpenRouter, page: Page) -> None:
    server.say(Answer("Forty-**two**.", thinking="Hm <b>."))
    hand = page.panel()
    text = hand.ask("why {{x}}?")
    assert "Forty-<strong>two</strong>." in text and "Hm &lt;b&gt;." in text
    assert page.shell.user_ns["_m1"].text == "Forty-**two**."
    assert hand.busy == (True, False) and hand.error == ""
    assert page.run("_m1") == "Forty-**two**.\n" or "Forty" in page.run("print(_m1)")


def test_the_counters_are_the_ledgers(server: OpenRouter, page: Page) -> None:
    page.run("%m1 budget 1")
    server.say(Answer("four words of it", thinking="hm", cost=0.00012345, cached=3))
    hand = page.panel()
    hand.ask("why?")
    reply = page.shell.user_ns["_m1"]
    assert hand.tiles["this call"] == footer.money(reply.cost) == "$0.00012"
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


def test_an_estimate_while_it_runs_then_the_bill(server: OpenRouter, page: Page) -> None:
    hold = threading.Event()
    server.say(Answer("one two three", hold=hold, cost=0.125))
    hand = page.panel()
    hand.send("why?")
    page.wire.wait("<p>one")
    assert re.fullmatch(r"≈\$0\.0\d+ · at most \$0\.0\d+", hand.tiles["this call"])
    assert hand.tiles["tokens in"].startswith("≈ ") and " held" in hand.tiles["session"]
    hold.set()
    hand.end()
    assert hand.tiles["this call"] == "$0.1250" == hand.tiles["session"]


def test_a_price_that_is_owed_is_settled_later(server: OpenRouter, page: Page) -> None:
    server.generation_lag = 1
    server.say(Answer("one two three four", fault="fin_mid_chunked"))
    hand = page.panel()
    hand.ask("why?")
    assert hand.tiles["this call"] == "$?" and "held" in hand.tiles["session"]
    assert "one" in hand.shown and "cut off" in hand.shown
    api.session().reconcile()
    page.run("%m1 cost")
    hand.panel.refresh()
    (spent, held, _) = api.session().ledger.spent(now_utc())["session"]
    assert "held" not in hand.tiles["session"] or held
    assert hand.tiles["session"].startswith(footer.money(spent))


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
def test_stop(
    server: OpenRouter, page: Page, answer: Answer, seen: str | None, text: str, told: str
) -> None:
    server.say(answer)
    hand = page.panel()
    hand.send("why?")
    page.wire.wait(seen) if seen else server.wait_chats(1, 60)
    assert hand.busy == (False, True)
    hand.press("Stop")
    hand.end()
    assert told in hand.error and hand.busy == (True, False)
    assert page.shell.user_ns["_m1"].status == "stopped"
    assert page.shell.user_ns["_m1"].text == text and text.strip() in hand.shown
    assert server.wait_closed(timeout=60)
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
    gc.collect()
    assert alive() is None


def test_unloading_stops_and_closes_all(server: OpenRouter, page: Page) -> None:
    server.say(Answer("one two", hold=threading.Event()))
    hand = page.panel()
    page.panel()
    hand.send("why?")
    page.wire.wait("<p>one")
    path = api.session().ledger.path
    page.run("%unload_ext m1_magic")
    assert not page.left and not running()
    assert server.wait_closed(timeout=60)
    assert rows(path, "SELECT status, answer FROM calls") == [("stopped", "one ")]
    assert page.shell.user_ns["_m1"].text == "one "
    page.run("%load_ext m1_magic")


def test_answers_that_are_replaced_free_their_widgets(server: OpenRouter, page: Page) -> None:
    hand = page.panel()
    hand.ask("why?")
    before = len(page.left)
    for number in range(20):
        server.say(Answer(CODE if number % 2 else "word " * 3_000, thinking="hm"))
        hand.ask("why?")
        hand.press("Dry run")
        hand.press("Dry run")
    server.say(Answer("short"))
    hand.ask("why?")
    assert len(page.left) == before


def test_the_widgets_are_those_that_a_page_can_show(page: Page) -> None:
    hand = page.panel()
    assert all(isinstance(one, ipywidgets.Widget) for one in page.left)
    labels = [w.tooltip or w.description for w in hand.all(ipywidgets.Button)]
    assert all(labels) and os.sep not in "".join(labels)
    assert Decimal(0) == 0 and Reply().code == []
