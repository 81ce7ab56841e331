"""The panel as a conversation: what a click carries, what goes along, what a later kernel shows."""

from __future__ import annotations

import threading
from typing import Any

import pandas as pd
import pytest

from emulator import Answer, OpenRouter
from m1_magic import api
from m1_magic.widgets.loop_variables import loops
from m1_magic.widgets.scripts import Listener
from panels import Hand, Page
from test_widgets_along import cell, roles

TABLES = "import pandas as pd\nsales = pd.DataFrame({'a': [1, 2]})\nother = sales * 2"


def hears(hand: Hand, prompt: str, button: str = "Send", **more: Any) -> None:
    """Hand the panel a click as the page sends it."""
    (listener,) = hand.all(Listener)
    content = {"button": button, "prompt": prompt, "turn": listener.turn, **more}
    listener.comm.hears({"method": "custom", "content": content})


# -- a click -----------------------------------------------------------------------------
def test_a_click_carries_all_that_the_page_knows(server: OpenRouter, page: Page) -> None:
    """Its state may come later, or after the click: JupyterLab has a thread for either."""
    page.run(TABLES)
    hand = page.panel()
    hand.tick("sales")
    page.run("del sales")
    ticks, model, send = hand.ticks(), hand.labelled("model"), hand.labelled("tables as")
    controls: dict[str, object] = {
        ticks["sales  (gone)"].model_id: False,
        ticks["other  2 × 1"].model_id: True,
        model.model_id: "openai/gpt-4o-mini",
        send.model_id: 0,
        "closed-since": 1,
    }
    hears(hand, "why?", controls=controls)
    hand.end()
    assert hand.error == "" and "names" in hand.shown
    assert server.chats[0].body["model"] == "openai/gpt-4o-mini"
    assert "other" in server.prompt and "sales" not in server.prompt
    # What no page of ours sends changes nothing.
    for odd in ([1], {model.model_id: ["x"]}, {send.model_id: 99}, "all", None):
        hears(hand, "", controls=odd)
    assert model.value == "openai/gpt-4o-mini" and send.value == "names"


def test_what_is_not_sent_goes_back_where_it_was_typed(server: OpenRouter, page: Page) -> None:
    page.run("%m1 budget 0.00001")
    hand = page.panel()
    hears(hand, "")
    assert '{"method": "custom", "content": {"taken": false}}' in page.wire.all
    hears(hand, "Too dear?")
    hand.end()
    assert "budget" in hand.error and hand.shown == "" and server.chats == []
    assert '"content": {"taken": true, "back": "Too dear?"}' in page.wire.all


def test_the_question_is_seen_before_the_request_is_made(
    server: OpenRouter, page: Page, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, prepare = [], api.prepare

    def prepared(*args: Any) -> Any:
        seen.append(hand.shown)
        return prepare(*args)

    monkeypatch.setattr(api, "prepare", prepared)
    hand.ask("why <b>now</b>?")
    assert seen == ['<div class="m1-asked mathjax_ignore">why &lt;b&gt;now&lt;/b&gt;?</div>']
    hand.ask("w" * 5_000)
    assert "3,000 characters more" in hand.shown and "w" * 2_001 not in hand.shown


# -- chips -------------------------------------------------------------------------------
def test_folded_it_is_a_line_with_what_goes_along(server: OpenRouter, page: Page) -> None:
    page.run(TABLES)
    hand = page.panel("sales", unfold=False, exact=True)
    chips = hand.of_class("m1-chips")
    assert [tick.description for tick in chips.children if tick.value] == [
        "sales  2 × 1",
        "exact figures",
    ]
    assert hand.of_class("m1-counts").description == "session $0"
    assert "other" not in str([tick.description for tick in chips.children])
    add = hand.labelled("Add")
    add.value = True
    hand.tick("other")
    hand.tick("sales", on=False)
    add.value = False
    assert list(hand.ticks()) == ["other  2 × 1"]
    add.value = True
    assert {label: tick.value for label, tick in hand.ticks().items()} == {
        "other  2 × 1": True,
        "sales  2 × 1": False,
    }


def test_what_is_written_in_a_field_is_a_chip_that_empties_it(page: Page) -> None:
    hand = page.panel(file="*.md")
    hand.fill(cells="last")
    files, cells = hand.labelled("files: '*.md'"), hand.labelled("cells: last")
    assert files.value and cells.value
    files.value = False
    assert hand.labelled("files").value == "" and hand.labelled("cells").value == "last"
    hand.fill(cells="3")
    assert cells.description == "cells: 3" and cells.value


# -- loop variables ----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("source", "left"),
    [
        ("for df in tables: pass", ["df"]),
        ("for n, (a, *b) in x:\n  df = a", ["a", "b", "n"]),
        ("for df in tables:\n  df = df.dropna()\n  if df: df = 1", ["df"]),
        ("for df in tables:\n  print(df)\ndf = tables[0]", []),
        ("df = 1\nasync def f():\n  for df in x: pass", []),
        ("with f() as g:\n  for df in x:\n    last = df", ["df"]),
        ("try:\n  for df in x: pass\nexcept E:\n  df = 1", []),
        ("[df for df in tables]; total = 1", []),
        ("import a.b, c as d\nfor d in x: pass\nimport d", []),
        ("for a.b in x: pass", []),
        ("for x in", []),
        ("\0", []),
    ],
)
def test_what_only_a_loop_bound_last(source: str, left: list[str]) -> None:
    assert sorted(name for name, loop in loops(source).items() if loop) == left


def test_what_a_loop_left_behind_is_no_table(page: Page, hand: Hand) -> None:
    cell(page, TABLES)
    cell(page, "for df in (sales, other):\n    part = df.head(1)")
    assert list(hand.ticks()) == ["other  2 × 1", "part  1 × 1", "sales  2 × 1"]
    cell(page, "df = sales")
    assert "df  2 × 1" in hand.ticks()


# -- conversations -----------------------------------------------------------------------
@pytest.fixture
def known(in_a_notebook: None, page: Page) -> Page:
    """A notebook whose path is known, and so its chats after a restart."""
    return page


def restarted(page: Page) -> Page:
    page.run("%unload_ext m1_magic")
    api.end()  # what an unloaded extension leaves for the next one
    page.run("%load_ext m1_magic")
    return page


def test_a_later_kernel_shows_and_goes_on_with_the_conversation(
    server: OpenRouter, known: Page
) -> None:
    server.say(Answer("first **answer**"), Answer("of the other"), Answer("second"), Answer("end"))
    one, two = known.panel(), known.panel()
    one.ask("first?")
    two.ask("elsewhere?")
    one.ask("next?")
    restarted(known)
    one, two = known.panel(), known.panel()
    assert "first <strong>answer</strong>" in one.shown and "elsewhere?" in two.shown
    assert one.shown.index("first?") < one.shown.index("next?") < one.shown.index("second")
    assert "2 turns before it go along" in one.prompt.placeholder and len(server.chats) == 3
    one.ask("last?")
    assert [words for _, words in roles(server)[1:]] == [
        "first?",
        "first **answer**",
        "next?",
        "second",
        "last?",
    ]
    assert one.shown.count("m1-asked") == 3


def test_a_new_chat_is_the_one_that_a_later_kernel_shows(server: OpenRouter, known: Page) -> None:
    hand = known.panel()
    hand.ask("old?")
    hand.press("New chat")
    hand.ask("new?")
    assert "chat panel" not in hand.shown  # no word about a name that nobody typed
    hand = restarted(known).panel()
    assert "new?" in hand.shown and "old?" not in hand.shown
    hand.press("New chat")
    hand.ask("newest?")
    names = [one.name for one in api.chats().listed()]
    assert names == ["panel.3", "panel.2", "panel"]


def test_a_first_question_is_kept_as_without_a_chat(server: OpenRouter, known: Page) -> None:
    server.say(Answer("of the cell"))
    known.run("%m1 ask why?")
    hand = restarted(known).panel()
    hand.ask("why?")
    hand.ask("and then?")
    assert "of the cell" in hand.shown and "kept from" in hand.shown
    assert len(server.chats) == 2 and len(roles(server)) == 4


def test_an_exact_answer_of_an_earlier_kernel_is_labelled(server: OpenRouter, known: Page) -> None:
    server.say(Answer("```sql n\nSELECT count(*) AS n FROM sales\n```\n{{n.n}} rows."))
    known.run(TABLES)
    hand = known.panel("sales")
    hand.labelled("exact figures").value = True
    hand.ask("how many?")
    assert "1 figure computed here" in hand.shown
    hand = restarted(known).panel()
    assert "each figure is a query, computed when it is shown; none is kept" in hand.shown


def test_turns_of_a_cell_in_the_same_chat_are_shown_too(server: OpenRouter, page: Page) -> None:
    server.say(Answer("of the panel"), Answer("of the cell"), Answer("end"))
    hand = page.panel(chat="eda")
    hand.ask("one?")
    page.run("%%m1 -c eda\ntwo?")
    hand.ask("three?")
    order = [hand.shown.index(words) for words in ("one?", "two?", "of the cell", "three?", "end")]
    assert order == sorted(order)


def test_only_so_many_turns_are_shown(server: OpenRouter, hand: Hand) -> None:
    for number in range(22):
        server.say(Answer("Hm."))
        hand.ask(f"number {number}?")
    assert "number 1?" not in hand.shown and "number 2?" in hand.shown
    assert "Earlier turns stand in the history" in hand.shown
    assert len(roles(server)) == 1 + 2 * 22 - 1  # all of them are sent again


# -- spoken ------------------------------------------------------------------------------
def spoken(hand: Hand) -> list[str]:
    (listener,) = hand.all(Listener)
    said: list[str] = []
    listener.observe(lambda change: said.append(change["new"]), "said")
    return said


def test_milestones_are_spoken_and_never_tokens(server: OpenRouter, hand: Hand) -> None:
    said = spoken(hand)
    server.say(
        Answer.http_error(429, retry_after=0),
        Answer([f"word{n} " for n in range(300)], thinking=["hm "] * 50, cost=0.0054),
    )
    hand.ask("why?")
    *first, last = said
    assert first == [
        "Sent to minimax/minimax-m1.",
        "Waiting to try again.",
        "M1 is thinking.",
        "The answer begins.",
    ]
    assert last.startswith("Answered, ") and "$0.0054" in last and "word" not in "".join(said)
    said.clear()
    server.say(Answer("one two", hold=threading.Event()))
    hand.send("again?")
    hand.page.wire.wait("<p>one")
    hand.press("Stop")
    hand.end()
    assert len(said) == 3 and said[-1].startswith("Stopped, ")


def test_what_streams_is_marked_and_the_line_counts(
    server: OpenRouter, page: Page, hand: Hand
) -> None:
    hold, line = threading.Event(), hand.of_class("m1-counts")
    server.say(Answer("one two", hold=hold, cost=0.25))
    hand.send("why?")
    page.wire.wait("<p>one")
    assert hand.of_class("m1-streams").value and "at most $" in line.description
    hold.set()
    hand.end()
    assert not [one for one in hand.all() if "m1-streams" in getattr(one, "_dom_classes", ())]
    assert line.description.startswith("$0.2500 · ") and "session $0.2500" in line.description


def test_a_table_that_was_handed_over_stays_offered(page: Page) -> None:
    hand = page.panel({"Sheet 1": pd.DataFrame({"a": [1]})})
    hand.tick("Sheet 1", on=False)
    assert list(hand.ticks()) == ["Sheet 1  1 × 1"]
