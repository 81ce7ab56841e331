"""Out of the panel and back: past calls, code and variables, what a saved notebook keeps."""

from __future__ import annotations

import html
import json
import re
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from emulator import Answer, OpenRouter
from m1_magic import api
from m1_magic.calls import Reply
from m1_magic.ledger import history
from m1_magic.render import footer
from m1_magic.verbs import cost_report
from panels import Hand, Page, in_sight, live

CODE = "First:\n```python\nx = 1  # <b>&amp;\n```\nthen:\n```python\n\ny = 2\n```\n"
EVIL = '<img src=x onerror="alert(1)">[a](javascript:alert(2))<script>alert(3)</script>'


def listed(hand: Hand) -> list[str]:
    return [label for label, _ in hand.of_class("m1-list").options]


def choose(hand: Hand, *numbers: int) -> None:
    """Choose calls in the list, the latest first."""
    hand.labelled("History").value = True
    field = hand.of_class("m1-list")
    field.value = [field.options[number][1] for number in numbers]


def still(page: Page) -> dict[str, Any]:
    (found,) = [o for o in page.outputs if "m1-still" in str(o.get("text/html"))]
    return found


# -- past calls --------------------------------------------------------------------------
def test_calls_are_listed_searched_and_shown_again_for_free(server: OpenRouter, hand: Hand) -> None:
    server.say(Answer("an answer about Äpfel", thinking="hm", cost=0.25), Answer(EVIL, cost=0.5))
    hand.ask("first?")
    hand.labelled("History").value = True
    hand.ask("second\n" + EVIL)
    assert [re.sub(r"^\S+ \S+ · ", "", line)[:16] for line in listed(hand)] == [
        "$0.5000 · second",
        "$0.2500 · first?",
    ]
    hand.labelled("search").value = "äPFEL"
    assert len(listed(hand)) == 1 and "first?" in listed(hand)[0]
    hand.labelled("search").value = "nothing"
    assert listed(hand) == [] and "none with that word" in hand.text
    hand.labelled("search").value = ""
    choose(hand, 1)
    hand.press("Show")
    assert "an answer about Äpfel" in hand.shown and "hm" in hand.shown and "$0.2500" in hand.shown
    choose(hand, 0, 1)
    hand.press("Show")
    *_, side_by_side = hand.of_class("m1-shown").children
    assert len(side_by_side.children) == 2
    assert "Äpfel" in hand.shown and "first?" in hand.shown and "alert(2)" in hand.shown
    assert live(hand.text) == [] != live(EVIL)
    assert len(server.chats) == 2 and hand.tiles["session"] == "$0.7500"


def test_calls_of_cells_and_of_earlier_kernels_are_there(server: OpenRouter, page: Page) -> None:
    page.run("%m1 ask from a cell?")
    hand = page.panel()
    hand.labelled("History").value = True
    assert "from a cell?" in listed(hand)[0]
    page.run("%m1 ask from another?")
    assert "from another?" in listed(hand)[0] and len(listed(hand)) == 2
    choose(hand, 1)
    hand.press("Edit")
    assert hand.prompt.value == "from a cell?" and len(server.chats) == 2


def test_ask_again_asks_the_same(server: OpenRouter, page: Page) -> None:
    page.shell.user_ns["sales"] = pd.DataFrame({"region": ["n", "s"] * 10})
    hand = page.panel(seed=7)
    hand.tick("sales")
    hand.fill(temperature="0", max_tokens="77", thinking="low")
    hand.labelled("tables as").value = "names"
    hand.ask("first {{sales}}?")
    hand.tick("sales", on=False)
    hand.fill(temperature="", max_tokens="", thinking="", model="openai/gpt-4o-mini")
    hand.labelled("tables as").value = "sample"
    hand.ask("second?")
    choose(hand, 1)
    hand.press("Ask again")
    hand.end()
    first, second, again = (chat.body for chat in server.chats)
    assert again == first != second and first["seed"] == second["seed"] == 7
    choose(hand, 1)
    hand.press("Edit")
    assert hand.prompt.value == "second?" and len(server.chats) == 3
    assert hand.labelled("model").value == "openai/gpt-4o-mini"
    assert not any(tick.value for tick in hand.ticks().values())


def test_what_cannot_be_done_with_a_choice_is_told(server: OpenRouter, hand: Hand) -> None:
    hand.labelled("History").value = True
    assert "No calls yet" in hand.text
    hand.ask("one?")
    hand.ask("two?")
    for button in ("Show", "Edit", "Ask again"):
        choose(hand)
        hand.press(button)
        assert "Choose one call" in hand.text
    choose(hand, 0, 1)
    hand.press("Ask again")
    assert "Choose one call" in hand.text and len(server.chats) == 2


def test_text_that_is_forgotten_is_gone_from_the_list(
    server: OpenRouter, page: Page, hand: Hand
) -> None:
    server.say(Answer("the answer"))
    hand.ask("a secret question?")
    choose(hand, 0)
    page.run("%m1 forget --all")
    assert hand.shown == ""
    assert "secret" not in listed(hand)[0] and "(not kept)" in listed(hand)[0]
    for button in ("Edit", "Ask again"):
        hand.press(button)
        assert "Its text is not kept" in hand.text
    hand.press("Show")
    assert "(not kept)" in hand.shown and "the answer" not in hand.shown
    assert len(server.chats) == 1


def test_what_is_looked_up_while_a_call_runs_leaves_nothing(
    server: OpenRouter, page: Page, hand: Hand
) -> None:
    hand.ask("one?")
    hold = threading.Event()
    server.say(Answer("one two", hold=hold))
    hand.send("two?")
    page.wire.wait("<p>one")
    choose(hand, 1)
    known = len(page.left)
    for _ in range(3):
        hand.press("Show")
        assert "A call is running" in hand.text
    hold.set()
    hand.end()
    assert len(page.left) <= known + 3 and "one two" in hand.shown


def test_a_long_answer_is_cut_when_shown_again(server: OpenRouter, page: Page) -> None:
    page.run("%m1 set max_cost 100")
    server.say(Answer(["word " * 1_000] * 30))
    hand = page.panel()
    hand.ask("why?")
    hand.press("New chat")
    choose(hand, 0)
    hand.press("Show")
    assert len(hand.shown) < 150_000 and "50,000 characters more: %m1 log" in hand.shown


# -- exits -------------------------------------------------------------------------------
def test_code_is_chosen_and_shown_to_be_copied(server: OpenRouter, page: Page, hand: Hand) -> None:
    server.say(Answer(CODE), Answer("no code"))
    hand.ask("why?")
    (blocks,) = [w for w in hand.all() if getattr(w, "tooltip", "") == "Code blocks of the answer"]
    assert [label for label, _ in blocks.options] == ["1: x = 1 # <b>&amp;", "2: y = 2"]
    for number, code in enumerate(["x = 1  # <b>&amp;", "\ny = 2"]):
        blocks.value = number
        hand.press("Code into a new cell")
        (copied,) = re.findall(r'<pre class="m1-copy[^>]*>(.*?)</pre>', hand.text, re.DOTALL)
        assert html.unescape(copied) == code and "<b>" not in copied
    assert "x" not in page.shell.user_ns and "y" not in page.shell.user_ns
    text = hand.ask("and?")
    assert '<pre class="m1-copy' not in text
    assert hand.labelled("Code into a new cell") not in in_sight(hand.panel.box)


def test_code_goes_into_a_cell_where_the_front_end_can(server: OpenRouter, page: Page) -> None:
    server.say(Answer(CODE))
    hand = page.panel()
    hand.ask("why?")
    first = len(page.wire.sent)
    listener = hand.panel._listener.comm
    for block in (2, -1, None, "0"):  # no block of the answer
        listener.hears({"method": "custom", "content": {"cell": "0.7", "block": block}})
    assert not [m for m in page.wire.sent[first:] if '"source"' in m]
    listener.hears({"method": "custom", "content": {"cell": "0.7", "block": 1}})
    (put,) = [m for m in page.wire.sent[first:] if '"source"' in m]
    assert '{"put": "0.7", "source": "\\ny = 2"}' in put  # to the page that asked
    assert "In a new cell below" in hand.text and '<pre class="m1-copy' not in hand.text
    assert "y" not in page.shell.user_ns


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("sales", "sales is there already and is no Reply (DataFrame)"),
        ("nothing", "nothing is there already and is no Reply (NoneType)"),
        ("not a name", "cannot be the name"),
        ("class", "cannot be the name"),
        ("", "cannot be the name"),
        ("a.b", "cannot be the name"),
    ],
)
def test_a_variable_that_cannot_be_is_refused(page: Page, name: str, told: str) -> None:
    sales = pd.DataFrame({"a": [1]})
    page.shell.user_ns |= {"sales": sales, "nothing": None}
    hand = page.panel()
    hand.ask("why?")
    hand.labelled("answer into").value = name
    hand.press("Bind")
    assert told in hand.error
    assert page.shell.user_ns["sales"] is sales and page.shell.user_ns["nothing"] is None


def test_an_answer_is_bound_over_another(server: OpenRouter, page: Page, hand: Hand) -> None:
    server.say(Answer("one"), Answer("two"))
    for text in ("one", "two"):
        hand.ask("why?")
        hand.labelled("answer into").value = " mine "
        hand.press("Bind")
        assert isinstance(page.shell.user_ns["mine"], Reply)
        assert page.shell.user_ns["mine"].text == text and hand.error == ""


# -- what is saved -----------------------------------------------------------------------
def test_a_saved_notebook_has_the_last_answer_and_every_record(
    server: OpenRouter, page: Page, tmp_path: Path
) -> None:
    page.run("%m1 set footer stable")
    server.say(
        Answer(f"**one** {EVIL}", cost=0.25),
        Answer.http_error(402),
        Answer(f"**two** {EVIL}\n\n" + CODE, cost=0.5),
    )
    hand = page.panel()
    for number in range(3):
        hand.ask(f"{number} {EVIL}")
    kept = still(page)
    records = kept[footer.RECORD]
    assert [one["status"] for one in records] == ["ok", "failed", "ok"]
    assert [one["seconds"] for one in records] == [None] * 3
    past = history.latest(api.session().ledger, 9)
    assert [one["id"] for one in records] == [call.id for call in reversed(past)]
    assert "<strong>two</strong>" in kept["text/html"] and "one" not in kept["text/plain"][:5]
    assert live(kept["text/html"]) == []
    assert "session $" not in kept["text/html"] and "$0.5000" in kept["text/html"]
    page.run("%m1 ask from a cell")
    hand.press("Close")
    assert still(page) == kept
    cell = {"cell_type": "code", "outputs": [{"data": kept}]}
    file = tmp_path / "saved.ipynb"
    file.write_text(json.dumps({"cells": [cell, cell]}))
    assert [one["id"] for one in cost_report.records(file)] == [r["id"] for r in records] * 2
    report = cost_report.report([str(file)])
    assert "| 3 |" in report and "$0.7500" in report and "3 calls stand in more" in report


def test_the_same_calls_are_saved_the_same(server: OpenRouter, page: Page) -> None:
    page.run("%m1 set footer stable")
    saved = []
    for _ in range(2):
        server.say(Answer("the same", cost=0.25, generation_id="gen-1"))
        hand = page.panel()
        hand.press("New chat")
        hand.ask("why?")
        found = [o for o in page.outputs if "the same" in str(o.get("text/html"))][-1]
        saved.append({**found, footer.RECORD: [{**found[footer.RECORD][0], "id": ""}]})
        hand.press("Close")
    assert saved[0] == saved[1]


def test_a_panel_that_is_shown_twice_is_saved_twice(
    server: OpenRouter, page: Page, hand: Hand
) -> None:
    server.say(Answer("the answer"))
    hand.panel._ipython_display_()
    hand.ask("why?")
    assert sum("the answer" in str(o.get("text/html")) for o in page.outputs) == 2
