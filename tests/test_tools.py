"""Functions that M1 may call: described, asked about, run, told, settled, by the public doors."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import functools
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Annotated, Any, Literal

import pandas as pd
import pytest
from pydantic import BaseModel, Field

from emulator import Answer, OpenRouter
from m1_magic import api, ask
from m1_magic.calls import Reply
from m1_magic.errors import (
    BudgetExceeded,
    EmptyAnswer,
    M1Error,
    SecretInPrompt,
    Stopped,
    UsageError,
)
from m1_magic.interrupts import Stop
from m1_magic.messages import ToolCall
from m1_magic.session.view import Decision
from m1_magic.tools import answer as tool_answer
from m1_magic.tools.signature import Misfit, described
from shells import Run


@pytest.fixture(autouse=True)
def nothing_allowed() -> None:
    tool_answer.ALWAYS.clear()


def add(a: int, b: int = 2) -> int:
    """Add two numbers."""
    return a + b


def called(server: OpenRouter, function: Callable[..., Any], given: Any = None, **more: Any) -> Any:
    """The reply of a call in which M1 calls this function once, and what it was told of it."""
    name = more.pop("name", None) or function.__name__
    server.say(Answer.calling((name, given or {})), Answer(text="Done."))
    reply = ask("go", tools=[function], yes=True, **more)
    settled(server, reply)
    return server.chats[-1].body["messages"][-1]["content"]


def settled(server: OpenRouter, reply: Reply) -> None:
    """What a reply cost is what the ledger has of its call, and what the server billed."""
    billed = sum(round(one["total_cost"] * 10**9) for one in server.generations.values())
    ledger = api.session().ledger
    nano = ledger.rows("SELECT sum(cost_nano), sum(state <> 'settled') FROM attempts")
    assert nano == [(billed, 0)]
    assert reply.cost is not None


def test_a_function_is_offered_called_and_its_result_told(server: OpenRouter) -> None:
    adding = Answer.calling(("add", {"a": 2, "b": 3}), text="Let me add.")
    server.say(adding, Answer(text="It is 5."))
    reply = ask("2 + 3?", tools=[add], yes=True)
    first, second = (one.body for one in server.chats)
    parameters = {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer", "default": 2}},
        "required": ["a"],
        "additionalProperties": False,
    }
    function = {"name": "add", "description": "Add two numbers.", "parameters": parameters}
    assert first["tools"] == second["tools"] == [{"type": "function", "function": function}]
    call = {"name": "add", "arguments": '{"a":2,"b":3}'}
    assert second["messages"][2:] == [
        {
            "role": "assistant",
            "content": "Let me add.",
            "tool_calls": [{"id": "call_0", "type": "function", "function": call}],
        },
        {"role": "tool", "content": "5", "tool_call_id": "call_0"},
    ]
    assert reply.text == "Let me add.\n\nIt is 5."
    (one,) = reply.tools
    assert (one.call.name, one.text, one.outcome, one.at) == ("add", "5", "ran", 11)
    settled(server, reply)


# --- what cannot be a tool, before anything is sent ---------------------------------------------


def no_hint(city):  # type: ignore[no-untyped-def]
    """Find."""


def many(*cities: str) -> None:
    """Find."""


def named(**cities: str) -> None:
    """Find."""


def takes_table(table: pd.DataFrame, n: int) -> None:
    """Find."""


class Shop:
    """A shop."""

    def __init__(self, price: float = 2.5) -> None:
        self.price = price

    def cost(self, pieces: int) -> float:
        """What pieces cost."""
        return pieces * self.price

    def __call__(self, pieces: int) -> float:
        """What pieces cost here."""
        return self.cost(pieces)


@pytest.mark.parametrize(
    ("tool", "says"),
    [
        (no_hint, "no_hint: its parameter city has no type hint. Nothing was sent"),
        (lambda x: x, "<lambda> cannot be the name of a tool"),
        (many, "many takes *cities, of which no schema can be made"),
        (named, "named takes **cities"),
        (takes_table, "no schema can be made of its parameter table (DataFrame)"),
        (Shop, "Shop is a class, and tools are functions"),
        (Shop.cost, "cost: its parameter self has no type hint"),
        ("add2", "There is no function 'add2'. Nothing was sent, nothing was charged. Did you me"),
        ("number", "number is no function but of type int"),
        (print, "print takes *args"),
        ("sql", "--tools sql queries tables, and none goes along"),
        ([add, lambda a: a], "cannot be the name"),
    ],
)
def test_what_cannot_be_a_tool_is_refused_by_name(server: OpenRouter, tool: Any, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        ask("go", tools=tool, yes=True, namespace={"add": add, "number": 3})
    assert says in str(caught.value) and len(str(caught.value)) < 400
    assert not server.chats


def test_options_that_do_not_go_with_tools_are_refused(server: OpenRouter, run: Run) -> None:
    run("def f(a: int) -> int: return a\nimport pandas as pd\nt = pd.DataFrame({'a': ['x']})")
    assert "--tools is for one answer at a time" in run("%%m1 --tools f -n 2\nhi").told
    assert "--yes is about --tools, and there are none" in run("%%m1 --yes\nhi").told
    assert "--tools is for one question, not for rows" in run("%%m1 --each t --tools f\n{{a}}").told
    assert "--code is for one question, not for rows" in run("%%m1 --each t --code\n{{a}}").told
    assert "rounds" in run("%m1 set rounds 0").told
    assert not server.chats


def test_a_secret_in_a_docstring_does_not_leave(server: OpenRouter) -> None:
    def find(city: str) -> str:
        return city

    find.__doc__ = "Use the key sk-or-v1-" + "0123456789abcdef" * 4
    with pytest.raises(SecretInPrompt, match="describes the tools"):
        ask("go", tools=[find], yes=True)
    assert not server.chats


def test_a_model_whose_list_takes_no_tools_is_refused(server: OpenRouter) -> None:
    for listed in server.endpoints["minimax/minimax-m1"]:
        listed["supported_parameters"] = ["max_tokens", "temperature"]
    with pytest.raises(UsageError, match="minimax/minimax-m1 takes no tools, as its list says"):
        ask("go", tools=[add], yes=True)
    assert not server.chats


# --- what a function may look like --------------------------------------------------------------


class Colour(enum.Enum):
    RED = "red"


class Lamp(BaseModel):
    name: str
    price: Decimal


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0


def rich(
    lamp: Lamp,
    at: Point,
    colour: Colour = Colour.RED,
    kind: Literal["a", "b"] = "a",
    days: Annotated[int, Field(ge=1, description="how many")] = 3,
    tags: list[str] | None = None,
    more: int = Field(4, le=9),
) -> str:
    return repr((lamp.price, at.x, colour, kind, days, tags, more))


async def slow(city: str) -> str:
    await asyncio.sleep(0)
    return city.upper()


def test_models_dataclasses_enums_and_fields_are_types(server: OpenRouter) -> None:
    given = {"lamp": {"name": "A", "price": 1.10}, "at": {"x": 1}, "tags": ["u"]}
    told = called(server, rich, given)
    assert told == "(Decimal('1.1'), 1.0, <Colour.RED: 'red'>, 'a', 3, ['u'], 4)"
    parameters = server.chats[0].body["tools"][0]["function"]["parameters"]
    days = {"default": 3, "description": "how many", "minimum": 1, "type": "integer"}
    assert parameters["properties"]["days"] == days
    assert parameters["required"] == ["lamp", "at"]
    assert parameters["$defs"]["Lamp"]["properties"]["name"] == {"type": "string"}


@pytest.mark.parametrize(
    ("function", "name", "given", "told"),
    [
        (Shop().cost, "cost", {"pieces": 2}, "5.0"),
        (functools.partial(add, b=40), "add", {"a": 2}, "42"),
        (slow, "slow", {"city": "porto"}, "PORTO"),
        (functools.lru_cache(add), "add", {"a": 1}, "3"),
    ],
)
def test_methods_partials_and_async_functions_are_tools(
    server: OpenRouter, function: Any, name: str, given: Any, told: str
) -> None:
    space = {"add": function} if isinstance(function, functools.partial) else {}
    assert called(server, function, given, name=name, namespace=space) == told


def test_a_callable_has_the_name_that_it_has_here(server: OpenRouter) -> None:
    shop = Shop()
    assert called(server, shop, {"pieces": 2}, name="shop", namespace={"shop": shop}) == "5.0"


def test_a_partial_without_a_name_is_called_as_its_function(server: OpenRouter) -> None:
    bound = functools.partial(functools.partial(add), b=40)
    assert called(server, bound, {"a": 2}, name="add", namespace={}) == "42"


def test_what_is_awaited_is_awaited_beside_a_running_loop(server: OpenRouter) -> None:
    async def main() -> str:
        return str(called(server, slow, {"city": "a"}))

    assert asyncio.run(main()) == "A"


def test_positional_only_and_default_values(server: OpenRouter) -> None:
    def where(x: int, y: list[int] = [1], /, *, z: int) -> str:  # noqa: B006
        return f"{x} {y} {z}"

    assert called(server, where, {"x": 1, "z": 3}) == "1 [1] 3"
    assert described(where, "where").spec["function"]["parameters"]["required"] == ["x", "z"]


# --- arguments ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        '{"a": 2, "b": 3}',
        "{'a': 2, 'b': 3}",
        '{"a": 2, "b": 3,}',
        '```json\n{"a": 2, "b": 3}\n```',
        '{"a": "2", "b": 3.0}',
        '"{\\"a\\": 2, \\"b\\": 3}"',
        "{a: 2, b: 3}",
    ],
)
def test_malformed_arguments_are_read_and_sent_back_as_json(
    server: OpenRouter, arguments: str
) -> None:
    assert called(server, add, arguments) == "5"
    (call,) = server.chats[-1].body["messages"][-2]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) in ({"a": 2, "b": 3}, {"a": "2", "b": 3.0})


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("", "a: missing"),
        ("{}", "a: missing"),
        ('{"a": 2.5}', "a:"),
        ('{"a": "two"}', "a:"),
        ('{"a": 1, "c": 2}', "c:"),
        ('{"a": 1, "a": 2}', "a:"),
        ("nonsense", "no such data"),
        ('{"a": 12, "b": 1', "b:"),
        ("[1, 2]", ""),
    ],
)
def test_arguments_that_do_not_fit_are_told_and_nothing_runs(
    server: OpenRouter, arguments: str, says: str
) -> None:
    ran: list[int] = []

    def add(a: int, b: int = 2) -> int:
        ran.append(a)
        return a + b

    told = called(server, add, arguments)
    assert told.startswith("Not called, its arguments do not fit: ") and "\n" not in told
    assert says in told and not ran
    (call,) = server.chats[-1].body["messages"][-2]["tool_calls"]
    assert isinstance(json.loads(call["function"]["arguments"]), dict)


@pytest.mark.parametrize("text", ['{"t": "\\ttab \\\\alpha ..."}', '{"t": "<think>x</think>y"}'])
def test_no_value_is_changed(server: OpenRouter, text: str) -> None:
    def take(t: str) -> bool:
        return t == json.loads(text)["t"]

    assert called(server, take, text) == "True"


def test_no_parameters_and_empty_arguments(server: OpenRouter) -> None:
    def now() -> str:
        return "noon"

    for given in ("", "{}", "null"):
        assert called(server, now, given) == "noon"


def test_a_tool_called_with_anothers_name_is_told(server: OpenRouter) -> None:
    server.say(Answer.calling(("rm", {"a": 1}), ("add", {"a": 1})), Answer(text="Done."))
    reply = ask("go", tools=[add], yes=True)
    one, two = (m["content"] for m in server.chats[-1].body["messages"][-2:])
    assert (one, two) == ("There is no function rm here. There is add.", "3")
    assert [one.outcome for one in reply.tools] == ["failed", "ran"]
    settled(server, reply)


# --- what it does -------------------------------------------------------------------------------


def test_an_error_is_one_line_without_this_machine(server: OpenRouter, tmp_path: Any) -> None:
    def broken(n: int) -> int:
        if n == 0:
            raise FileNotFoundError(f"no file {tmp_path}/secret/data.csv\nin two lines")
        if n == 1:
            sys.exit("bye")
        if n == 2:
            raise GeneratorExit
        if n == 3:
            return broken(3)
        if n == 4:
            raise KeyError("sk-or-v1-" + "0123456789abcdef" * 4)
        raise ValueError(f"no row for {name}")

    name = "".join(reversed("nolubez"))
    told = [called(server, broken, {"n": n}) for n in range(6)]
    assert all(text.startswith("It raised ") and "\n" not in text for text in told)
    kinds = [text.removeprefix("It raised ").split(":")[0] for text in told]
    assert kinds == [
        "FileNotFoundError", "SystemExit", "GeneratorExit", "RecursionError", "KeyError",
        "ValueError",
    ]  # fmt: skip
    assert told[5] == "It raised ValueError: no row for …"
    assert str(tmp_path) not in told[0] and "0123456789abcdef" not in told[4]


def test_what_it_prints_is_shown_and_not_sent(
    server: OpenRouter, capsys: pytest.CaptureFixture[str]
) -> None:
    def talk() -> None:
        print("printed here")

    assert called(server, talk) == "None"
    assert "printed here" in capsys.readouterr().out
    assert "printed here" not in json.dumps(server.chats[-1].body)


def test_results_go_by_the_level(server: OpenRouter) -> None:
    frame = pd.DataFrame({"name": [f"P{n}" for n in range(40)], "n": range(40)})
    values: list[Any] = [
        frame, frame["name"], frame.to_dict("records"), frame.to_numpy(), frame.to_csv(),
        {"rows": frame.to_dict("records")},
    ]  # fmt: skip
    for value in values:

        def give(value: Any = value) -> Any:
            return value

        def show() -> Any:
            return give()

        assert "P7" not in called(server, show)
    told = called(server, lambda_of(frame), send="sample:40")
    assert "P7" in told
    mail = pd.DataFrame({"mail": [f"p{n}@example.org" for n in range(3)]})
    assert "@example" not in called(server, lambda_of(mail), send="sample:3")
    assert "p1@example.org" in called(
        server, lambda_of(mail), df={"m": mail}, send="sample:3", allow="mail"
    )


def lambda_of(value: Any) -> Callable[[], Any]:
    def show() -> Any:
        return value

    return show


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "None"),
        (3.5, "3.5"),
        ("", ""),
        ("two\nlines", "two\nlines"),
        ([1, 2, 3], "[1, 2, 3]"),
        ({"price": 3}, '{"price": 3}'),
        (Lamp(name="A", price=Decimal(2)), '{"name": "A", "price": "2"}'),
        (object(), "(a value of type object, of which nothing can be told)"),
        (b"abc", "(a value of type bytes, of which nothing can be told)"),
        ("write to jane.doe@example.org", "write to [masked: e-mail address]"),
    ],
)
def test_plain_results_are_text(server: OpenRouter, value: Any, told: str) -> None:
    assert called(server, lambda_of(value)) == told


def test_secrets_are_masked_and_long_text_is_cut(server: OpenRouter) -> None:
    key = "sk-or-v1-" + "0123456789abcdef" * 4
    assert "0123456789abcdef" not in called(server, lambda_of(f"the key is {key}"))
    told = called(server, lambda_of("x " * 5_000_000))
    assert len(told) < 20_100 and told.endswith("\n[cut: 9,980,000 characters more]")


def test_a_generator_is_taken_to_its_end_or_to_a_thousand(server: OpenRouter) -> None:
    def few() -> Iterator[int]:
        yield from (1, 2)

    def endless() -> Iterator[int]:
        while True:
            yield 1

    assert called(server, few) == "[1, 2]"
    assert "only the first 1,000 items" in called(server, endless)


# --- who is asked, Stop, rounds, money ----------------------------------------------------------


class Says:
    """An approver with answers written down."""

    def __init__(self, *decisions: Decision) -> None:
        self.decisions, self.shown = list(decisions), list[str]()

    def decide(self, call: ToolCall, shown: str) -> Decision:
        self.shown.append(shown)
        return self.decisions.pop(0)


def test_each_call_is_asked_about_until_always(
    server: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    says = Says("no", "yes", "always")
    monkeypatch.setattr(api, "approver", lambda shell: says)
    calls = [("add", {"a": n}) for n in range(5)]
    server.say(Answer.calling(*calls), Answer(text="Done."))
    reply = ask("go", tools=[add])
    assert says.shown == ["add(a=0)", "add(a=1)", "add(a=2)"]
    assert [one.outcome for one in reply.tools] == ["refused", "ran", "ran", "ran", "ran"]
    assert reply.tools[0].text == "The user did not allow this call. It was not run."
    settled(server, reply)

    def other(a: int, b: int = 2) -> int:
        return 0

    other.__name__ = "add"  # another function of that name is asked about again
    server.say(Answer.calling(("add", {"a": 1})), Answer(text="Done."))
    says.decisions.append("no")
    assert ask("go", tools=[other]).tools[0].outcome == "refused"


def test_where_nobody_can_be_asked_nothing_runs(server: OpenRouter) -> None:
    server.say(Answer.calling(("add", {"a": 1})), Answer(text="Done."))
    assert ask("go", tools=[add]).tools[0].outcome == "refused"


def test_stop_ends_what_blocks_and_all_is_settled(server: OpenRouter) -> None:
    def blocks() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(60)

    server.say(Answer.calling(("blocks", {}), ("blocks", {}), text="I look."))
    with pytest.raises(Stopped) as caught:
        ask("go", tools=[blocks], yes=True)
    reply = caught.value.reply
    assert reply is not None and (reply.text, reply.status) == ("I look.", "stopped")
    assert [one.text for one in reply.tools] == ["Stopped by the user."] * 2
    settled(server, reply)
    assert len(server.chats) == 1


def test_rounds_end_and_the_answer_so_far_stays(server: OpenRouter) -> None:
    server.say(*(Answer.calling(("add", {"a": n}), text=f"Step {n}.") for n in range(8)))
    reply = ask("go", tools=[add], yes=True)
    assert len(server.chats) == 8 and len(reply.tools) == 8
    assert reply.text == "\n\n".join(f"Step {n}." for n in range(8))
    assert (reply.status, reply.finish) == ("truncated", "tool_calls")
    assert any("8 rounds of tools, and M1 wants more" in note for note in reply.notes)
    assert [one.outcome for one in reply.tools] == ["ran"] * 7 + ["refused"]
    assert len({one.call.id for one in reply.tools}) == 8
    settled(server, reply)


def test_a_budget_ends_it_between_two_rounds(server: OpenRouter) -> None:
    api.settings().budget = Decimal("0.04")
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "cost": 0.035}
    server.say(Answer.calling(("add", {"a": 1}), text="I add.", usage=usage))
    with pytest.raises(BudgetExceeded) as caught:
        ask("go", tools=[add], yes=True)
    reply = caught.value.reply
    assert reply is not None and reply.text == "I add." and reply.tools[0].text == "3"
    assert len(server.chats) == 1 and "What came is kept; it cost $0.03" in str(caught.value)


def test_an_end_that_says_tool_calls_and_has_none_is_no_answer(server: OpenRouter) -> None:
    server.say(Answer(text="", finish="tool_calls"))
    with pytest.raises(EmptyAnswer):
        ask("go", tools=[add], yes=True)


def test_a_round_that_breaks_keeps_what_came(server: OpenRouter) -> None:
    half = Answer.broken("It is")
    server.say(Answer.calling(("add", {"a": 1}), text="I add."), half)
    with pytest.raises(M1Error) as caught:
        ask("go", tools=[add], yes=True)
    reply = caught.value.reply
    assert reply is not None and reply.text == "I add.\n\nIt is"
    assert [one.text for one in reply.tools] == ["3"]


def test_calls_that_were_cut_off_do_not_run(server: OpenRouter) -> None:
    server.say(Answer.calling(("add", {"a": 1}), text="I add.", finish="length"))
    reply = ask("go", tools=[add], yes=True)
    assert (reply.status, reply.tools[0].outcome) == ("truncated", "refused")
    settled(server, reply)


def test_data_and_tools_go_together(server: OpenRouter) -> None:
    server.say(Answer.calling(("add", {"a": 1}), text="I add."), Answer(text='{"sum": 3}'))
    reply = ask("go", tools=[add], yes=True, returns={"sum": int})
    assert reply.data == {"sum": 3} and len(reply.tools) == 1
    settled(server, reply)


def test_the_default_does_nothing_to_requests_without_tools(server: OpenRouter) -> None:
    ask("go")
    assert "tools" not in server.chats[0].body


def test_misfits_are_no_json(server: OpenRouter) -> None:
    with pytest.raises(Misfit):
        described(add, "add").read("{")


def test_figures_and_tools_go_together(server: OpenRouter) -> None:
    frame = pd.DataFrame({"a": [1, 2]})
    template = "```sql t\nSELECT sum(a) s FROM df\n```\nThe sum is {{t.s}}, as said."
    server.say(Answer.calling(("add", {"a": 1}), text="I add."), Answer(text=template))
    reply = ask("go", df=frame, tools=[add], yes=True, exact=True)
    assert reply.text.strip() == "I add.\n\nThe sum is 3, as said."
    assert len(reply.queries) == 1 and [one.at for one in reply.tools] == [0]
    settled(server, reply)


def test_continue_goes_on_where_the_rounds_ended(server: OpenRouter, run: Run) -> None:
    run("def add(a: int) -> int: return a")
    run("%m1 set rounds 1")
    server.say(Answer.calling(("add", {"a": 1})), Answer.calling(("add", {"a": 2})))
    assert "1 round of tools, and M1 wants more (M1.rounds)" in run("%%m1 --tools add\ngo").text
    run("%m1 set rounds 8")
    server.say(Answer(text="Done."))
    ran = run("%m1 continue")
    assert ran.error is None, ran.text
    body = server.chats[-1].body
    assert body["tools"] and [m["role"] for m in body["messages"][1:4]] == [
        "user", "assistant", "tool",
    ]  # fmt: skip


def test_what_is_awaited_is_cancelled_by_stop(server: OpenRouter) -> None:
    ended: list[bool] = []

    async def waits() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    server.say(Answer.calling(("waits", {})))
    with pytest.raises(Stopped):
        ask("go", tools=[waits], yes=True)
    assert ended == [True]


def test_stop_ends_a_function_in_a_thread_that_no_signal_reaches(server: OpenRouter) -> None:
    stop, seen = Stop(), list[BaseException]()

    def blocks() -> None:
        stop.press()
        try:
            for _ in range(6_000):
                threading.Event().wait(0.01)
        except BaseException as error:
            seen.append(error)
            raise

    def asks() -> None:
        with stop.listening():
            with pytest.raises(Stopped) as caught:
                ask("go", tools=[blocks], yes=True)
            seen.append(caught.value)

    server.say(Answer.calling(("blocks", {})))
    thread = threading.Thread(target=asks)
    thread.start()
    thread.join(60)
    assert [type(one) for one in seen] == [KeyboardInterrupt, Stopped]


def test_numbers_of_a_result_stand_in_what_was_sent(server: OpenRouter, run: Run) -> None:
    run("import pandas as pd\nt = pd.DataFrame({'a': ['x'] * 9})")
    run("def price(city: str) -> int: return 4711")
    server.say(Answer.calling(("price", {"city": "a"})), Answer(text="It is 4711 euros."))
    text = run("%%m1 --tools price --yes -d t\ngo").text
    assert "1 of 1 figure stands in what was sent" in text or "1 of 1 figures stand" in text


def test_a_dry_run_shows_what_describes_them(server: OpenRouter, run: Run) -> None:
    run("def price(city: str) -> int:\n    'Look it up.'\n    return 1")
    text = run("%%m1 --tools price --dry-run\ngo").text
    assert '"description": "Look it up."' in text and not server.chats
