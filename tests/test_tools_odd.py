"""Odd functions as tools: whom "always" means, what of defaults and errors leaves, what is read."""

from __future__ import annotations

import contextlib
import functools
import json
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any, TypedDict

import pandas as pd
import pydantic
import pytest
import typing_extensions

from emulator import Answer, OpenRouter
from m1_magic import api, ask
from m1_magic.errors import Stopped, UsageError
from m1_magic.interrupts import Stop
from m1_magic.tools import answer as tool_answer
from test_tools import Says, add, called, settled

TABLE = pd.DataFrame({"name": ["Zebulon", *(f"Name{n:02}q" for n in range(1, 60))]})


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def decorated(text: str) -> Callable[..., str]:
    if text == "a":

        @logged
        def look(city: str) -> str:
            return city
    else:

        @logged
        def look(city: str) -> str:
            return city.upper()

    return look


def closed_over(text: str) -> Callable[..., str]:
    def look(city: str) -> str:
        return city + text

    return look


def with_default(text: str) -> Callable[..., str]:
    def look(city: str, host: str = text) -> str:
        return city + host

    return look


class Shop:
    def look(self, city: str) -> str:
        return city


SHOPS = {"a": Shop(), "b": Shop()}


@pytest.mark.parametrize(
    "make", [decorated, closed_over, with_default, lambda text: SHOPS[text].look]
)
def test_always_is_for_one_function_and_not_for_another_of_its_code(
    server: OpenRouter, monkeypatch: pytest.MonkeyPatch, make: Callable[[str], Callable[..., str]]
) -> None:
    tool_answer.ALWAYS.clear()
    says = Says("always", "no")
    monkeypatch.setattr(api, "approver", lambda shell: says)
    outcomes = []
    for which in ("a", "a", "b"):
        server.say(Answer.calling(("look", {"city": "x"})), Answer(text="Done."))
        outcomes.append(ask("go", tools=[make(which)]).tools[0].outcome)
    assert outcomes == ["ran", "ran", "refused"]


def test_always_is_for_queries_of_these_tables_at_this_level(
    server: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool_answer.ALWAYS.clear()
    says = Says("always", "no", "no")
    monkeypatch.setattr(api, "approver", lambda shell: says)
    other, outcomes = TABLE.copy(), []
    for table, level in ((TABLE, "stats"), (TABLE, "stats"), (other, "stats"), (TABLE, "sample")):
        server.say(Answer.calling(("sql", {"query": "SELECT 1"})), Answer(text="Done."))
        reply = ask("go", df={"t": table}, tools="sql", send=level)
        outcomes.append(reply.tools[0].outcome)
    assert outcomes == ["ran", "ran", "refused", "refused"]


def test_the_type_of_a_result_need_not_be_there(server: OpenRouter) -> None:
    def look(city: str) -> str:
        return city

    look.__annotations__ = {"city": "str", "return": "NotImported"}
    assert called(server, look, {"city": "x"}) == "x"


def test_a_default_value_that_holds_data_does_not_leave(server: OpenRouter) -> None:
    rows_of, names_of, text_of = TABLE.to_dict("records"), [*TABLE["name"]], TABLE.to_csv()

    def look(
        city: str = "Porto",
        rows: list[Any] = rows_of,
        names: list[str] = names_of,
        text: str = text_of,
    ) -> int:
        return len(rows) + len(names)

    assert called(server, look, {}) == "120"
    sent = json.dumps(server.chats[0].body)
    assert '"default": "Porto"' in sent and "Zebulon" not in sent and "Name07q" not in sent


def test_an_error_tells_no_value_that_stands_in_the_same_file(server: OpenRouter) -> None:
    def look(n: int) -> str:
        raise ValueError(f"no row for {TABLE['name'][n]}")  # whose name stands above

    assert called(server, look, {"n": 0}) == "It raised ValueError: no row for …"


def test_items_of_an_async_generator_are_taken(server: OpenRouter) -> None:
    async def few() -> AsyncIterator[int]:
        for n in (1, 2):
            yield n

    async def endless() -> AsyncIterator[int]:
        while True:
            yield 1

    assert called(server, few) == "[1, 2]"
    assert "only the first 1,000 items" in called(server, endless)


def test_stop_ends_a_generator_in_a_thread_that_no_signal_reaches(server: OpenRouter) -> None:
    stop, seen = Stop(), list[object]()

    def blocks() -> Iterator[int]:
        yield 1
        stop.press()
        for _ in range(6_000):
            threading.Event().wait(0.01)
        seen.append("it ran to its end")

    def asks() -> None:
        with stop.listening(), pytest.raises(Stopped) as caught:
            ask("go", tools=[blocks], yes=True)
        seen.append(type(caught.value))

    server.say(Answer.calling(("blocks", {})))
    thread = threading.Thread(target=asks)
    thread.start()
    thread.join(60)
    assert seen == [Stopped]


@pytest.mark.parametrize(
    ("before", "after", "kind", "data"),
    [
        ('I call it with {"sum": 1}.', '{"sum": 3}', {"sum": int}, {"sum": 3}),
        ("First [1, 2].", "[3, 4]", list[int], [3, 4]),
    ],
)
def test_the_data_are_in_the_answer_after_the_last_round(
    server: OpenRouter, before: str, after: str, kind: Any, data: Any
) -> None:
    server.say(Answer.calling(("add", {"a": 1}), text=before), Answer(text=after))
    reply = ask("go", tools=[add], yes=True, returns=kind)
    assert reply.data == data and len(server.chats) == 2
    settled(server, reply)


class Half:
    def __call__(self, of: float) -> float:
        return of / 2


HALF = Half()


def test_what_python_says_of_all_objects_describes_none(server: OpenRouter) -> None:
    assert called(server, HALF, {"of": 3}, name="half", namespace={"half": HALF}) == "1.5"
    assert "description" not in server.chats[0].body["tools"][0]["function"]


class Place(TypedDict):
    city: str


class Town(typing_extensions.TypedDict):
    city: str


def test_a_typed_dict_is_a_type_or_it_is_said_where_it_comes_from(server: OpenRouter) -> None:
    def old(place: Place) -> str:
        return place["city"]

    def new(place: Town) -> str:
        return place["city"]

    assert called(server, new, {"place": {"city": "Porto"}}) == "Porto"
    if sys.version_info >= (3, 12):
        assert called(server, old, {"place": {"city": "Porto"}}) == "Porto"
        return
    with pytest.raises(UsageError, match="Import TypedDict from typing_extensions"):
        ask("go", tools=[old], yes=True)


def test_a_table_is_bound_where_it_cannot_be_an_argument(server: OpenRouter) -> None:
    def count(city: str, table: pd.DataFrame = TABLE) -> int:
        return len(table)

    with pytest.raises(UsageError, match=r"or bound: functools\.partial\(f, table=df\)"):
        ask("go", tools=[count], yes=True)
    bound = functools.partial(count, table=TABLE)
    space = {"count": bound}
    assert called(server, bound, {"city": "x"}, name="count", namespace=space) == "60"
    assert "Zebulon" not in json.dumps(server.chats[0].body)


class Sensor(pydantic.BaseModel):
    limit: float = float("nan")


def leaving(value: int) -> int:
    raise SystemExit(value)


class Asked:
    """Nothing may be asked of it."""

    def __getattr__(self, name: str) -> Any:
        raise ZeroDivisionError

    @property
    def __signature__(self) -> Any:
        raise ZeroDivisionError

    def __call__(self, city: str) -> str:
        return city


def test_a_default_that_is_no_json_is_not_described(server: OpenRouter) -> None:
    def measure(at: Sensor) -> float:
        return at.limit

    assert called(server, measure, {"at": {}}) == "nan"
    assert "default" not in json.dumps(server.chats[0].body["tools"])


def test_what_raises_when_it_is_described_is_refused_by_name(server: OpenRouter) -> None:
    def find(city: str) -> str:
        return city

    find.__annotations__ = {"city": "the city"}

    for tool, name in ((find, "find"), (Asked(), "asked")):
        with pytest.raises(UsageError, match=f"^{name} cannot be described"):
            ask("go", tools=[tool], yes=True, namespace={"asked": tool})
    assert not server.chats


def test_a_check_that_ends_the_program_is_told(server: OpenRouter) -> None:
    def take(count: Annotated[int, pydantic.AfterValidator(leaving)]) -> None: ...

    told = called(server, take, {"count": 1})
    assert told == "Not called, its arguments do not fit: their types raised SystemExit."


def test_arguments_that_are_an_empty_list_or_far_too_many(server: OpenRouter) -> None:
    def now() -> str:
        return "noon"

    assert called(server, now, "[]") == "noon"
    many = {f"key{n}": n for n in range(2_000)}
    told = called(server, now, many, fresh=True)
    assert told == "Not called, its arguments do not fit: 2,000 fields, and now has 0."


@pytest.mark.parametrize("then", [lambda: 1, lambda: 1 / 0])
def test_a_stop_that_a_function_swallows_ends_the_call_after_it(
    server: OpenRouter, then: Callable[[], object]
) -> None:
    ran = []

    def deaf() -> object:
        ran.append(1)
        with contextlib.suppress(BaseException):
            signal.raise_signal(signal.SIGINT)
        return then()

    server.say(Answer.calling(("deaf", {}), ("deaf", {}), text="Two."), Answer(text="Done."))
    with pytest.raises(Stopped) as caught:
        ask("go", tools=[deaf], yes=True)
    reply = caught.value.reply
    assert reply is not None and ran == [1] and len(server.chats) == 1
    assert [one.outcome for one in reply.tools] == ["failed", "refused"]
    settled(server, reply)
