"""Rounds of tools that do not come to their end: too many calls, Stop, errors, a killed kernel."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import kernels
from emulator import Answer, OpenRouter
from killed import finish, forks
from ledgers import rows
from m1_magic import api, ask
from m1_magic.calls import Finish, Message, Reply, Request, Started, Text, TextDelta
from m1_magic.errors import (
    CannotConnect,
    CutOff,
    KeyRefused,
    PromptTooLarge,
    Stopped,
    UserFacingError,
)
from m1_magic.events import MOST_CALLS
from m1_magic.settings.config import M1
from scripted import Again, Script, Scripted, Seen, answer, request, session
from shells import Run
from test_tools import add, settled

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "cost": 0.0125}


def results(server: OpenRouter) -> list[str]:
    """What M1 was told of its calls last."""
    return [m["content"] for m in server.chats[-1].body["messages"] if m["role"] == "tool"]


# --- more calls than are made --------------------------------------------------------------------


@pytest.mark.parametrize("count", [MOST_CALLS, MOST_CALLS + 1, 3 * MOST_CALLS])
def test_calls_that_are_too_many_are_not_made_and_m1_is_told(
    server: OpenRouter, count: int
) -> None:
    ran: list[int] = []

    def add(a: int) -> int:
        ran.append(a)
        return a

    calls = [("add", {"a": n}) for n in range(count)]
    server.say(Answer.calling(*calls), Answer(text="Done."))
    reply = ask("go", tools=[add], yes=True)
    assert ran == [*range(MOST_CALLS)]
    *made, last = results(server)
    if count == MOST_CALLS:
        assert last == str(MOST_CALLS - 1)
        return
    assert made == [str(n) for n in range(MOST_CALLS)]
    assert last.startswith("Not made, nor any call behind it: 64 are the most in one round.")
    (call,) = server.chats[-1].body["messages"][2]["tool_calls"][MOST_CALLS:]
    assert json.loads(call["function"]["arguments"]) == {"a": MOST_CALLS}
    assert [one.outcome for one in reply.tools] == ["ran"] * MOST_CALLS + ["refused"]
    settled(server, reply)


def test_the_page_says_that_calls_were_too_many(server: OpenRouter, run: Run) -> None:
    run("def add(a: int) -> int: return a")
    server.say(Answer.calling(*(("add", {"a": n}) for n in range(80))), Answer(text="Done."))
    ran = run("%%m1 --tools add --yes\ngo")
    assert ran.error is None
    assert "add(a=64) and all behind it not made: 64 are the most in one round" in ran.text
    assert "64 calls of tools, those over 64 in a round not made" in ran.text


# --- a kernel that is killed --------------------------------------------------------------------

CHILD = """
import os
from m1_magic import ask

def look(n: int) -> int:
    if n == 2:
        os.kill(os.getpid(), 9)
    return n

ask("go", tools=[look], yes=True)
"""


def test_calls_of_earlier_rounds_outlive_a_kernel_that_its_own_tool_kills(
    server: OpenRouter, own_home: Path
) -> None:
    for n in (1, 2):
        server.say(Answer.calling(("look", {"n": n}), text=f"I look {n}."))
    child = subprocess.run([*kernels.python(), "-c", CHILD], check=False, timeout=120)
    assert child.returncode == -signal.SIGKILL
    ledger = api.session().ledger  # which takes over what the other kernel left
    ((status, answer, tools),) = ledger.rows("SELECT status, answer, tools FROM calls")
    assert (status, answer) == ("failed", "I look 1.")
    assert json.loads(tools) == [["call_0", "look", '{"n":1}', "1", "ran", len("I look 1.")]]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_no_kill_leaves_a_text_without_its_calls(tmp_path: Path) -> None:
    """Whatever line the kernel dies at: text and calls of a finished answer come together."""
    found, line = set(), 0
    with forks(finish) as killed:
        while "end" not in found:
            line += 1
            died = killed(folder := tmp_path / str(line), line)
            sql = "SELECT status, answer, tools FROM calls"
            ((status, answer, tools),) = rows(folder / "ledger.db", sql)
            assert (status is None) == (answer is None) == (tools is None)
            found |= {status} if died else {status, "end"}
    assert found == {None, "ok", "end"} and line > 10


# --- a later round that fails -------------------------------------------------------------------


def once_more(request: Request, reply: Reply) -> Request:
    return replace(request, messages=(*request.messages, Message("user", (Text("Sure?"),))))


LATER: dict[str, tuple[Script, str]] = {
    "refused": ([KeyRefused("Not this key.")], "Not this key. What came is kept; it cost $0.0025."),
    "not sent": (
        [CannotConnect("No way.")],
        "No way. What came is kept; it cost $0.0025.",
    ),
    "cut off": (
        [Started("gen-2"), TextDelta("It"), CutOff("Cut.")],
        "The rounds before it are kept; they cost $0.0025.",
    ),
    "empty": (
        answer("", cost="0.01"),
        "It cost $0.0100. The rounds before it are kept; they cost $0.0025.",
    ),
    "stopped": (
        [Started("gen-2"), TextDelta("It"), KeyboardInterrupt()],
        "The rounds before it are kept; they cost $0.0025.",
    ),
}


@pytest.mark.parametrize("how", LATER)
def test_an_error_of_a_later_round_says_what_the_rounds_before_cost(
    tmp_path: Path, how: str
) -> None:
    script, says = LATER[how]
    backend = Scripted(answer("No."), script)
    with pytest.raises(UserFacingError) as caught:
        session(tmp_path, backend, M1(max_retries=0)).ask(request(), Seen(), Again(once_more))
    assert says in str(caught.value) and "Nothing was" not in str(caught.value)


@pytest.mark.parametrize("known", [True, False])
def test_stop_before_a_later_round_is_sent_says_what_the_call_cost(
    tmp_path: Path, known: bool
) -> None:
    def stop(seconds: float) -> None:
        raise KeyboardInterrupt

    def wait(request: Request, reply: Reply) -> Request:
        # As where another call was told to wait.
        asking.waits.hold_back(asking.settings.base_url, asking.clock() + 60, "Too many.")
        return once_more(request, reply)

    owed = [Started("gen-1"), TextDelta("No."), Finish("stop")]
    backend = Scripted(answer("No.") if known else owed, answer("Yes."))
    asking = session(tmp_path, backend, sleep=stop)
    with pytest.raises(Stopped) as caught:
        asking.ask(request(), Seen(), Again(wait))
    cost = "It cost $0.0025." if known else "It may be charged;"
    said = "Stopped by you, between two rounds; the text so far is kept. "
    assert str(caught.value).startswith(said + cost) and len(backend.sent) == 1


def test_continue_goes_on_where_a_later_round_failed(server: OpenRouter, run: Run) -> None:
    run("def add(a: int) -> int: return a")
    failing = Answer.http_error(401, "No auth credentials found")
    server.say(Answer.calling(("add", {"a": 1}), usage=USAGE), failing)
    ran = run("%%m1 --tools add --yes\ngo")
    assert "What came is kept; it cost $0.0125." in ran.told
    assert "%m1 continue goes on from there." in ran.told
    server.say(Answer(text="Done."))
    assert run("%m1 continue").error is None
    body = server.chats[-1].body
    roles = [one["role"] for one in body["messages"]]
    assert roles[1:] == ["user", "assistant", "tool", "user"] and body["tools"]


def test_results_that_are_too_much_for_the_context_say_so(server: OpenRouter) -> None:
    def read(n: int) -> str:
        return "word and " * 2_000

    for listed in server.endpoints["minimax/minimax-m1"]:
        listed["context_length"] = 30_000
    calls = [("read", {"n": n}) for n in range(9)]
    server.say(Answer.calling(*calls, usage=USAGE))
    with pytest.raises(PromptTooLarge) as caught:
        ask("go", tools=[read], yes=True)
    said = str(caught.value)
    assert "What came is kept; it cost $0.0125." in said and "%m1 continue" not in said
    assert "Results of tools count, too: let the functions give less." in said
    assert len(server.chats) == 1


# --- figures that are computed ------------------------------------------------------------------

T = pd.DataFrame({"a": [1, 2, 4], "k": ["x", "y", "x"]})


def query(name: str, sql: str, words: str) -> str:
    return f"```sql {name}\nSELECT {sql} FROM df\n```\n{words}"


def test_queries_of_two_rounds_may_have_one_name(server: OpenRouter) -> None:
    first = query("t", "sum(a) s", "The sum is {{t.s}}.")
    words = "The most is {{ t.s}}, {{t2.s}}, `{{t.s}}`:\n\n{{t}}\n\n```jinja\n{{t.s}}\n```\n"
    second = query("t", "max(a) s", query("t2", "min(a) s", words))
    third = query("t_2", "count(*) s", "Again: {{t.s}}, of {{t_2.s}}.")
    calls = [Answer.calling(("add", {"a": 1}), text=text) for text in (first, second)]
    server.say(*calls, Answer(text=third))
    reply = ask("go", df=T, tools=[add], yes=True, exact=True)
    said = "The sum is 7.\n\nThe most is 4, 1, `4`:\n\n| s |\n| ---: |\n| 4 |\n\n"
    assert reply.text == f"{said}```jinja\n{{{{t.s}}}}\n```\n\nAgain: 4, of 3."
    assert [(one.name, one.rows[0][0]) for one in reply.queries] == [
        ("t", 7), ("t_2", 4), ("t2", 1), ("t_2_2", 3),
    ]  # fmt: skip
    assert not [note for note in reply.notes if "query" in note]
    said = [m["content"] for m in server.chats[-1].body["messages"][2::2]]
    assert said == [first, second.strip()]


def test_a_repaired_query_is_not_put_in_the_place_of_a_later_one(server: OpenRouter) -> None:
    first = query("t", "nope s", "The least is {{t.s}}.")
    second = query("t", "max(a) s", "The most is {{t.s}}.")
    calling = Answer.calling(("add", {"a": 1}), text=first)
    server.say(calling, Answer(text=second), Answer(text=query("t", "min(a) s", "")))
    reply = ask("go", df=T, tools=[add], yes=True, exact=True)
    assert reply.text == "The least is 1.\n\nThe most is 4."


def test_numbers_of_a_result_are_not_m1s_own(server: OpenRouter) -> None:
    asked = Answer.calling(("sql", {"query": "SELECT sum(a) * 100 s FROM df"}))
    server.say(asked, Answer(text=query("t", "max(a) s", "It is 700, at most {{t.s}}, or 811.")))
    reply = ask("go", df=T, tools="sql", yes=True, exact=True, send="sample:3")
    assert [one.text for one in reply.figures if not one.query] == ["811"]
    (spec,) = server.chats[0].body["tools"]
    assert "A result has no name in the answer" in spec["function"]["description"]
