"""What goes along with a panel's question: tasks, files, cells, the last error, a conversation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emulator import Answer, OpenRouter
from panels import Hand, Page
from test_widgets_past import choose


def roles(server: OpenRouter) -> list[tuple[str, str]]:
    """The messages of the last call: who, and the first line of what."""
    messages = server.chats[-1].body["messages"]
    return [(m["role"], m["content"].splitlines()[0]) for m in messages]


def sent(server: OpenRouter) -> str:
    return str(server.chats[-1].body["messages"])


def cell(page: Page, source: str) -> None:
    page.shell.run_cell(source, store_history=True)


def test_a_task_a_file_and_cells_go_along(
    server: OpenRouter, page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my notes.md").write_text("The harbour freezes in May.")
    hand = page.panel()
    cell(page, "answer = 6 * 7\nanswer")
    hand.fill(files="'my notes.md'", cells="last")
    hand.labelled("task").value = "explain"
    hand.ask("why?")
    assert hand.error == ""
    assert server.chats[-1].body["messages"][0]["content"].startswith("You explain code")
    assert "The harbour freezes in May." in sent(server) and "answer = 6 * 7" in sent(server)
    assert "my notes.md → file" in hand.shown and "task explain" in hand.shown


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"files": "no-such-*.md"}, "no-such-*.md"),
        ({"cells": "99"}, "99"),
        ({"cells": "first"}, "first"),
        ({"thinking": "deep"}, "no thinking level 'deep'"),
        ({"files": "'open"}, "quote is not closed"),
        ({"tools": "best, wurst"}, "There is no function 'wurst'. Nothing was sent"),
        ({"tools": "sql"}, "--tools sql queries tables, and none goes along. Nothing was sent"),
        ({"tools": "best", "model": "a,b"}, "Here one answer at a time"),
    ],
    ids=["file", "cell", "spec", "thinking", "quote", "tool", "tool sql", "models"],
)
def test_what_cannot_go_along_is_told_and_nothing_sent(
    server: OpenRouter, page: Page, hand: Hand, fields: dict[str, str], told: str
) -> None:
    cell(page, "def best(city: str) -> str: return city")
    hand.fill(**fields)
    hand.ask("why?")
    assert told in hand.error and server.chats == []
    assert hand.busy == (True, False)


def test_the_last_error_can_be_ticked_once_there_is_one(
    server: OpenRouter, page: Page, hand: Hand
) -> None:
    tick = hand.labelled("last error: none")
    assert tick.disabled
    cell(page, "total = 12\ntotal / 0")
    assert tick.description == "last error: ZeroDivisionError: division by zero"
    assert not tick.disabled
    tick.value = True
    hand.ask("why?")
    assert "ZeroDivisionError" in sent(server) and "total / 0" in sent(server)


def test_tasks_of_ones_own_are_offered_as_soon_as_they_are_set(
    server: OpenRouter, page: Page, hand: Hand
) -> None:
    field = hand.labelled("task")
    field.value = "math"
    page.run("%m1 set tasks {'tutor': 'Ask back.'}")
    assert "tutor" in dict(field.options).values() and field.value == "math"
    field.value = "tutor"
    hand.ask("why?")
    assert roles(server)[0] == ("system", "Ask back.")


def test_options_without_a_field_go_along_and_are_told(server: OpenRouter, page: Page) -> None:
    hand = page.panel(
        system="Answer in <b>verse</b>.", top_p=0.5, temperature=0.0, seed=7, send="sample:3"
    )
    assert hand.labelled("tables as").value == "sample:3"
    hand.labelled("More").value = True
    assert "also: system Answer in &lt;b&gt;verse&lt;/b&gt;., top_p 0.5, seed 7" in hand.text
    hand.ask("why?")
    body = server.chats[-1].body
    assert (body["temperature"], body["top_p"], body["seed"]) == (0.0, 0.5, 7)
    assert roles(server)[0] == ("system", "Answer in <b>verse</b>.")


def test_a_named_chat_goes_on_in_panel_and_cell(server: OpenRouter, page: Page, hand: Hand) -> None:
    server.say(Answer("first answer"), Answer("second answer"), Answer("third answer"))
    hand.fill(chat="eda")
    hand.ask("first?")
    hand.ask("second?")
    assert roles(server)[1:] == [
        ("user", "first?"),
        ("assistant", "first answer"),
        ("user", "second?"),
    ]
    page.run("%%m1 -c eda\nthird?")
    assert [words for _, words in roles(server)[-3:]] == ["second?", "second answer", "third?"]


def test_a_question_goes_on_from_the_panels_own_last_answer(
    server: OpenRouter, page: Page, hand: Hand
) -> None:
    server.say(Answer("of the panel"), Answer("of the cell"), Answer("end"), Answer("alone"))
    hand.ask("one?")
    page.run("%%m1\nbetween?")
    assert "1 turn before it goes along" in hand.prompt.placeholder
    hand.ask("two?")
    assert [words for _, words in roles(server)[1:]] == ["one?", "of the panel", "two?"]
    assert hand.shown.index("of the panel") < hand.shown.index("two?") < hand.shown.index("end")
    hand.press("New chat")
    assert hand.shown == "" and "before it" not in hand.prompt.placeholder
    hand.ask("three?")
    assert [words for _, words in roles(server)[1:]] == ["three?"]


def test_continue_goes_on_from_any_past_call(server: OpenRouter, hand: Hand) -> None:
    server.say(Answer("first answer"), Answer("second answer"), Answer("end"))
    hand.ask("first?")
    hand.ask("second?")
    choose(hand, 1)
    hand.press("Continue")
    assert "goes on from: first?" in hand.text and hand.prompt.value == ""
    hand.ask("and then?")
    assert [words for _, words in roles(server)[1:]] == ["first?", "first answer", "and then?"]


def saved(hand: Hand, path: Path) -> str:
    hand.labelled("chat as").value = str(path)
    hand.press("Save")
    return hand.text


def test_the_chat_is_saved_as_a_notebook(server: OpenRouter, hand: Hand, tmp_path: Path) -> None:
    server.say(Answer("first answer", thinking="hush"), Answer("second answer"))
    hand.fill(chat="eda")
    hand.ask("first?")
    hand.ask("second?")
    assert "2 turns of chat eda written to" in saved(hand, tmp_path / "talk.ipynb")
    book = json.loads((tmp_path / "talk.ipynb").read_text())
    text = json.dumps(book["cells"])
    assert all(words in text for words in ("first?", "second answer")) and "hush" not in text
    (tmp_path / "mine.ipynb").write_text("{}")
    assert "it was not overwritten" in saved(hand, tmp_path / "mine.ipynb")
    assert (tmp_path / "mine.ipynb").read_text() == "{}"
    assert "is not the name of a notebook" in saved(hand, tmp_path / "talk.txt")


def described(server: OpenRouter) -> list[str]:
    """The functions of the last call, by name."""
    return [one["function"]["name"] for one in server.chats[-1].body.get("tools", ())]


def test_functions_are_named_in_a_field(server: OpenRouter, page: Page, hand: Hand) -> None:
    cell(page, "def best(city: str) -> str: return city\ndef worst(city: str) -> str: return city")
    hand.fill(tools=" best, worst ")
    hand.ask("why?")
    assert described(server) == ["best", "worst"] and hand.error == ""
    hand.fill(tools="")
    hand.ask("and now?")
    assert described(server) == []


def test_functions_that_are_handed_over_need_no_name_here(server: OpenRouter, page: Page) -> None:
    def best(city: str) -> str:
        return city

    cell(page, "def worst(city: str) -> str: return city")
    hand = page.panel(tools=[best, "worst"])
    assert hand.labelled("tools").value == "best,worst"
    hand.ask("why?")
    assert described(server) == ["best", "worst"] and "best  " not in str(hand.ticks())
