"""Calls of tools in chats, kept answers and tapes: sent again, shown again, and never run again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import m1_magic
from emulator import Answer, OpenRouter
from m1_magic import api
from m1_magic.app import PROCESS
from m1_magic.errors import UsageError
from m1_magic.ledger import tool_turns
from scripted import request
from shells import Cell, Run

ADD = """
ran = []
def add(a: int, b: int = 2) -> int:
    "Add two numbers."
    ran.append(a)
    return a + b
"""
SUMMING = Answer.calling(("add", {"a": 2}), text="I add.")
TURN = [
    {
        "role": "assistant",
        "content": "I add.",
        "tool_calls": [
            {
                "id": "call_0",
                "type": "function",
                "function": {"name": "add", "arguments": '{"a":2}'},
            }
        ],
    },
    {"role": "tool", "content": "4", "tool_call_id": "call_0"},
    {"role": "assistant", "content": "It is 4."},
]


def restart() -> None:
    """As a new kernel begins."""
    PROCESS.end()


@pytest.fixture
def tape(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("M1_TAPE", str(tmp_path / "t.tape.jsonl"))
    restart()
    return tmp_path / "t.tape.jsonl"


def test_a_request_without_tools_has_the_fingerprint_that_it_had() -> None:
    assert request("hi").fingerprint().startswith("b521bbbc87671d48")
    spec = {"type": "function", "function": {"name": "f"}}
    assert request("hi", tools=(spec,)).fingerprint() != request("hi").fingerprint()


@pytest.mark.usefixtures("in_a_notebook")
@pytest.mark.parametrize("new_kernel", [False, True])
def test_a_chat_sends_calls_and_results_again(
    server: OpenRouter, cell: Cell, new_kernel: bool
) -> None:
    server.say(SUMMING, Answer(text="It is 4."), Answer(text="Because."))
    cell(ADD)
    cell("%%m1 --tools add --yes -c sums\n2 + 2?", "a")
    if new_kernel:
        restart()
    cell("%%m1 -c sums\nWhy?", "b")
    messages = server.chats[-1].body["messages"]
    assert messages[2:5] == TURN
    assert messages[5]["role"] == "user" and "tools" not in server.chats[-1].body


@pytest.mark.usefixtures("in_a_notebook")
def test_calls_of_two_turns_have_ids_of_their_own(server: OpenRouter, cell: Cell) -> None:
    server.say(SUMMING, Answer(text="It is 4."), SUMMING, Answer(text="Again."))
    cell(ADD)
    cell("%%m1 --tools add --yes -c sums\n2 + 2?", "a")
    cell("%%m1 --tools add --yes -c sums\nOnce more.", "b")
    messages = server.chats[-1].body["messages"]
    made = [one["id"] for m in messages for one in m.get("tool_calls", ())]
    assert len(made) == len(set(made)) == 2
    assert [m["tool_call_id"] for m in messages if m["role"] == "tool"] == made


@pytest.mark.usefixtures("in_a_notebook")
def test_the_log_shows_calls_and_forgets_them(server: OpenRouter, cell: Cell) -> None:
    server.say(SUMMING, Answer(text="It is 4."))
    cell(ADD)
    cell("%%m1 --tools add --yes\n2 + 2?")
    log, sent = cell("%m1 log 1"), cell("%m1 sent 1")
    assert 'add({"a":2}) ran:' in log and '"name": "add"' in sent
    ledger = api.session().ledger
    assert ledger.rows("SELECT count(*) FROM calls WHERE tools LIKE '%add%'") == [(1,)]
    cell("%m1 forget --all")
    assert ledger.rows("SELECT count(tools), count(answer) FROM calls") == [(0, 0)]
    assert b"I add" not in ledger.path.read_bytes()


@pytest.mark.usefixtures("in_a_notebook")
def test_a_kept_answer_runs_and_asks_nothing(server: OpenRouter, cell: Cell) -> None:
    server.say(SUMMING, Answer(text="It is 4."))
    cell(ADD)
    first = cell("%%m1 --tools add --yes -o r\n2 + 2?")
    restart()
    cell("ran.clear()")
    again = cell("%%m1 --tools add -o r\n2 + 2?")  # nobody is asked, though --yes is not there
    assert "add(a=2) → 4" in first and "add(a=2) → 4" in again and "kept from" in again
    assert len(server.chats) == 2
    cell("assert ran == [] and r.tools[0].text == '4' and r.text == 'I add.\\n\\nIt is 4.'")


def test_a_tape_replays_without_the_function(
    server: OpenRouter,
    cell: Cell,
    tape: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    server.say(SUMMING, Answer(text="It is 4."), Answer(text="Because."))
    cell(ADD)
    cell("%%m1 --tools add --yes -c sums\n2 + 2?", "a")
    cell("%%m1 -c sums\nWhy?", "b")
    written = tape.read_bytes()
    assert len(written.splitlines()) == 3
    server.close()
    monkeypatch.setenv("M1_HOME", str(tmp_path / "other"))
    monkeypatch.setenv("M1_MODE", "replay")
    monkeypatch.delenv("OPENROUTER_API_KEY")
    restart()
    cell("del add")
    again = cell("%%m1 --tools add -c sums\n2 + 2?", "a")
    assert "add(a=2) → 4" in again and "kept on t.tape.jsonl" in again
    assert "Because." in cell("%%m1 -c sums\nWhy?", "b")
    assert tape.read_bytes() == written
    monkeypatch.setenv("M1_MODE", "auto")
    restart()
    ran = api.session()
    assert ran.keeper.offered().keys() == {"add"}


@pytest.mark.usefixtures("in_a_notebook")
def test_a_kept_answer_is_shown_without_the_function(
    server: OpenRouter, cell: Cell, run: Run
) -> None:
    server.say(SUMMING, Answer(text="It is 4."), SUMMING, Answer(text="Other."))
    cell(ADD)
    cell("%%m1 --tools add --yes -o r\n2 + 2?", "a")
    cell("ran.clear()\ndef add(a: int) -> int:\n    'Another one.'\n    return a")
    cell("%%m1 --tools add --yes\n2 + 3?", "b")
    restart()
    cell("del add")
    again = cell("%%m1 --tools add -o r\n2 + 2?", "a")
    assert "add(a=2) → 4" in again and "kept from" in again
    assert "Other." in cell("%%m1 --tools add\n2 + 3?", "b")
    cell("assert ran == [] and r.text == 'I add.\\n\\nIt is 4.'")
    for more in ("", " --dry-run"):  # another question, and one that is to be asked anew
        other = run(f"%%m1 --tools add{more}\n2 + 4?").told
        assert "There is no function 'add'. Nothing was sent" in other
        anew = run(f"%%m1 --tools add --fresh{more}\n2 + 2?").told
        assert "There is no function 'add', and no answer that is kept to show." in anew
        assert "Run the cell that defines it." in anew
    assert len(server.chats) == 4


@pytest.mark.usefixtures("in_a_notebook")
def test_without_its_function_a_question_is_the_one_that_was_answered_last(
    server: OpenRouter, cell: Cell
) -> None:
    server.say(SUMMING, Answer(text="First."), SUMMING, Answer(text="Second."))
    cell(ADD)
    cell("%%m1 --tools add --yes\n2 + 2?", "a")
    cell("def add(a: int) -> int:\n    'Another one.'\n    return a")
    cell("%%m1 --tools add --yes\n2 + 2?", "a")
    restart()
    cell("del add")
    assert "Second." in cell("%%m1 --tools add\n2 + 2?", "a")
    cell(ADD)
    assert "First." in cell("%%m1 --tools add\n2 + 2?", "a")
    assert len(server.chats) == 4


def test_outside_of_notebooks_a_kept_answer_is_shown_without_the_function(
    server: OpenRouter,
) -> None:
    def add(a: int, b: int = 2) -> int:
        return a + b

    server.say(SUMMING, Answer(text="It is 4."))
    m1_magic.ask("2 + 2?", tools=[add], yes=True, keep=True)
    restart()
    reply = m1_magic.ask("2 + 2?", tools="add", keep=True, namespace={})
    assert (reply.text, reply.cost_source) == ("I add.\n\nIt is 4.", "replayed")
    with pytest.raises(UsageError, match="no answer that is kept to show"):
        m1_magic.ask("2 + 2?", tools="add", namespace={})
    assert len(server.chats) == 2


ODD = [
    Answer.calling(("rm", {"a": 2}), ("add", {"b": 2}), ("add", "{'a': 2,}"), text="I add."),
    Answer.calling(("add", {"a": 3}), ("add", json.dumps('{"a": 4}')), finish="stop"),
    Answer(deltas=[{"tool_calls": [{"id": "", "function": {"name": "add", "arguments": one}}]}
                   for one in ('{"a": 5}', '{"a": "six"}')], finish="tool_calls"),
    Answer(text="Done."),
]  # fmt: skip
BECAME = [
    "rm(a=2) failed: There is no function rm here.", "add(b=2) failed: Not called, its argu",
    "add(a=2) → 4", "add(a=3) → 5", "add(a=4) → 6", "add(a=5) → 7", "add(a='six') failed: Not c",
]  # fmt: skip


@pytest.mark.parametrize("where", ["ledger", "tape"])
@pytest.mark.usefixtures("in_a_notebook")
def test_odd_calls_are_shown_again_as_they_were(
    server: OpenRouter, cell: Cell, tape: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    if where == "ledger":
        monkeypatch.delenv("M1_TAPE")
        restart()
    server.say(*ODD)
    cell(ADD)
    first = cell("%%m1 --tools add --yes -c sums -o r\ngo", "a")
    assert tape.exists() is (where == "tape")
    restart()
    cell("before = r.tools\ndel add, r")
    again = cell("%%m1 --tools add -c sums -o r\ngo", "a")
    assert all(one in first and one in again for one in BECAME)
    assert ("kept on t.tape.jsonl" if where == "tape" else "kept from") in again
    cell("assert before == r.tools and len(before) == 7 and ran == [2, 3, 4, 5]")
    assert len({*(id for id in cell("print(*(one.call.id for one in before))").split())}) == 7
    server.say(Answer(text="Because."))
    cell("%%m1 -c sums\nWhy?", "b")
    roles = [one["role"][0] for one in server.chats[-1].body["messages"]]
    assert "".join(roles) == "su" + "a" + "t" * 7 + "au"  # rounds with no words between are one


@pytest.mark.parametrize(("id", "name"), [("a b", "add"), ("a", "<img src=x>"), ("", "add")])
def test_a_call_on_a_tape_that_no_server_would_take_is_none(id: str, name: str) -> None:
    assert tool_turns.read([["a", "add", "{}", "3", "ran", 0]])
    with pytest.raises(ValueError, match="no id, or no name"):
        tool_turns.read([[id, name, "{}", "3", "ran", 0]])
