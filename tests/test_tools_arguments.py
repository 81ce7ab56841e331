"""Arguments of tools as models write them, and what becomes of odd results."""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
import linecache
import pathlib
import types
import uuid
from collections.abc import Callable
from typing import Any

import pandas as pd
import pydantic
import pytest

from m1_magic.context.frames.summary import Wish
from m1_magic.events import ToolEnded, rounds
from m1_magic.messages import ToolCall
from m1_magic.privacy import redaction
from m1_magic.tools.results import Results
from m1_magic.tools.signature import Misfit, Tool, described

SECRET = "sk-or-v1-" + "0f" * 32
# In no code, whose words errors may say.
CANARY = "Jvw axqZ"[::-1]


def best(city: str, top: int = 3) -> str:
    """Return the best places of a city."""
    return f"{top} in {city}"


def read(tool: Tool, text: str) -> dict[str, Any] | str:
    """Return arguments as they were read, or why they were not."""
    try:
        given, _ = tool.read(text)
    except Misfit as misfit:
        return str(misfit)
    assert isinstance(given, dict)
    return given


# What was meant, or None where that is not certain.
WHERE = {"city": "Paris", "top": 3}
PLAIN = '{"city": "Paris", "top": 3}'
MALFORMED: list[tuple[str, dict[str, Any] | None]] = [
    (PLAIN, WHERE),
    ('{"city":"Paris","top":3}', WHERE),
    (f"  {PLAIN}\n", WHERE),
    ('{"city": "Paris", "top": 3,}', WHERE),
    ('{"city": "Paris", "top": 3,,}', WHERE),
    ("{'city': 'Paris', 'top': 3}", WHERE),
    ("{city: 'Paris', top: 3}", WHERE),
    ("{“city”: “Paris”, “top”: 3}", WHERE),
    ('{"city": "Paris" "top": 3}', WHERE),
    ('{"city": "Paris"\n "top": 3}', WHERE),
    ('{"city": "Paris", "top": 3', None),  # or 30
    ('{"top": 3, "city": "Paris"', WHERE),
    ('{"city": "Paris", "top": 3}}', WHERE),
    ('{"city": "Paris", "top": 3}}}', WHERE),
    (f"```json\n{PLAIN}\n```", WHERE),
    (f"```\n{PLAIN}\n```", WHERE),
    (f"```json\n{PLAIN}", WHERE),
    (f"{PLAIN}\n```", WHERE),
    (f"<tool_call>{PLAIN}</tool_call>", WHERE),
    (f"{PLAIN}</tool_call>", WHERE),
    (f"{PLAIN}<|tool_call_end|>", WHERE),
    (f"<think>top 5? No.</think>{PLAIN}", WHERE),
    (f"<think>{{'city': 'Rome'}}</think>\n{PLAIN}", WHERE),
    (f"Here are the arguments:\n{PLAIN}", WHERE),
    (json.dumps(PLAIN), WHERE),
    (f"{{}}{PLAIN}", WHERE),
    (f"{PLAIN}{PLAIN}", WHERE),
    (f'{{"arguments": {PLAIN}}}', WHERE),
    (f'{{"name": "best", "arguments": {PLAIN}}}', WHERE),
    (f'{{"name": "best", "parameters": {PLAIN}}}', WHERE),
    (f'{{"function": "best", "arguments": {json.dumps(PLAIN)}}}', WHERE),
    ('{"City": "Paris", "Top": 3}', WHERE),
    ('{"city": "Paris", "top": "3"}', WHERE),
    ('{"city": "Paris", "top": 3.0}', WHERE),
    ('{"city": "Paris", /* the best */ "top": 3}', WHERE),
    ('{"city": "Paris", // the best\n "top": 3}', WHERE),
    ('{\n"city": "Paris",\n"top": 3\n# three\n}', WHERE),
    ("{'city': \"Paris\", 'top': 3, }", WHERE),
    ('{"city": "Paris"}', {"city": "Paris"}),
    ('{"city": "São\\u00a0Paulo"}', {"city": "São\xa0Paulo"}),
    ('{"city": "O\'Fallon", "top": 3}', {"city": "O'Fallon", "top": 3}),
    ("{'city': \"O'Fallon\", 'top': 3}", {"city": "O'Fallon", "top": 3}),
    ('{"city": "a \\"b\\" c", "top": 3}', {"city": 'a "b" c', "top": 3}),
    ('{"city": "two\nlines", "top": 3}', {"city": "two\nlines", "top": 3}),
    ('{"city": "a, b: {c}", "top": 3}', {"city": "a, b: {c}", "top": 3}),
    ('{"city": "Paris,", "top": -3}', {"city": "Paris,", "top": -3}),
    ('{"city": " Paris ", "top": 0}', {"city": " Paris ", "top": 0}),
    ('{"city": "true", "top": 3}', {"city": "true", "top": 3}),
    ('{"city": "007", "top": 3}', {"city": "007", "top": 3}),
    ('{"city": "```x```", "top": 3}', {"city": "```x```", "top": 3}),
    ('{"city": "</tool_call>", "top": 3}', {"city": "</tool_call>", "top": 3}),
    ('{"city": "", "top": 3}', {"city": "", "top": 3}),
    ("", None),
    ("{}", None),
    ("null", None),
    ("{", None),
    ('{"city"', None),
    ('{"city": ', None),
    ('{"city": "Par', None),
    ('{"city": "Paris", "to', None),
    ('{"city": "Paris", "top": ', None),
    ('{"city": "Paris"', None),  # was there more?
    ('{"city": "Paris", "top": 3.7}', None),
    ('{"city": "Paris", "top": "three"}', None),
    ('{"city": "Paris", "top": "3 or 4"}', None),
    ('{"city": "Paris", "top": "1,234"}', {"city": "Paris", "top": 1234}),
    ('{"city": "Paris", "top": true}', None),
    ('{"city": "Paris", "top": null}', None),
    ('{"city": null, "top": 3}', None),
    ('{"city": ["Paris"], "top": 3}', None),
    ('{"city": {"name": "Paris"}, "top": 3}', None),
    ('{"city": "Paris", "city": "Rome"}', None),
    ('{"city": "Paris"}{"city": "Rome"}', None),
    ('{"city": "Paris", "limit": 3}', None),
    ('{"name": "other", "arguments": {"city": "Paris"}}', None),
    ('["Paris", 3]', None),
    ('"Paris"', None),
    ("Paris", None),
    ('city="Paris", top=3', WHERE),
    ('best(city="Paris")', None),
    ('The city is Rome. {"top": 3}', None),
    ('"city": "Paris", "top": 3}', WHERE),
    ("<think>the user wants", None),
    ('{"city": "Pa"ris", "top": 3}', None),
    ("[" * 100_000, None),
    ('{"city": ' * 50_000, None),
    ("\x00", None),
]


def test_malformed_arguments_are_mended_or_told_and_never_altered():
    made = described(best, "best")
    assert len(MALFORMED) >= 80
    for text, meant in MALFORMED:
        given = read(made, text)
        if isinstance(given, str):
            assert meant is None, (text, given)
            assert given and "\n" not in given and len(given) < 1_001, text
        else:
            assert given == meant, text


def test_positional_arguments_stay_in_their_places():
    def place(a: int, b: int = 2, c: int = 3, /, d: int = 4) -> str:
        return f"{a} {b} {c} {d}"

    made = described(place, "place")
    assert made.run is not None
    assert made.run(read(made, '{"c": 30, "a": 10}')) == "10 2 30 4"
    assert made.run(read(made, '{"a": 10, "d": 40}')) == "10 2 3 40"


def test_arguments_come_in_their_places_as_people_write_them():
    @functools.singledispatch
    def twice(a: int, b: int = 2) -> str:
        return f"{a} {b}"

    def placed(function: Callable[..., Any]) -> Callable[..., Any]:
        return functools.wraps(function)(lambda *values: function(*values))

    def many(a: int, b: int = 2, c: int = 3, *, d: int = 4) -> str:
        return f"{a} {b} {c} {d}"

    for function, text, gives in (
        (twice, '{"a": 1}', "1 2"),
        (placed(many), '{"a": 1, "b": 5}', "1 5 3 4"),
        (many, '{"d": 9, "c": 8, "a": 1}', "1 2 8 9"),
        (functools.partial(many, 7), '{"b": 5}', "7 5 3 4"),
        (functools.partial(many, b=7), '{"a": 1, "c": 5}', "1 7 5 4"),
    ):
        made = described(function, "many")
        assert made.run is not None and made.run(read(made, text)) == gives


def test_nan_is_no_json_and_is_sent_back_as_text():
    def half(of: float) -> float:
        return of / 2

    made = described(half, "half")
    given, written = made.read('{"of": NaN}')
    assert given["of"] != given["of"]
    call = ToolEnded(ToolCall("c", "half", written), "nan")
    (asks, *_) = rounds("", [call])
    (sent,) = asks.wire(())["tool_calls"]
    assert json.loads(sent["function"]["arguments"], parse_constant=pytest.fail) == {"of": "NaN"}


def test_an_argument_whose_default_is_none_may_be_null():
    def some(count: int = None) -> None: ...  # type: ignore[assignment]  # noqa: RUF013

    assert read(described(some, "some"), '{"count": null}') == {"count": None}


@dataclasses.dataclass
class Picky:
    x: int

    def __post_init__(self) -> None:
        raise KeyError(CANARY)


def test_what_code_of_types_raises_is_told_without_its_words():
    def take(value: Picky) -> None: ...

    assert read(described(take, "take"), '{"value": {"x": 1}}') == "their types raised KeyError"


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.0


class Item(pydantic.BaseModel):
    sku: str
    tags: list[str] = []


class Secretive:
    """Whatever is asked of it raises."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError(CANARY)


HOME = "/home/someone/"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", ""),
        (float("nan"), "nan"),
        (Colour.RED, "red"),
        (pathlib.Path(f"{HOME}data.csv"), "data.csv"),
        ([pathlib.Path(f"{HOME}data.csv")], '["data.csv"]'),
        (uuid.UUID(int=3), "00000000-0000-0000-0000-000000000003"),
        (Point(1, 2.5), '{"x": 1, "y": 2.5}'),
        ({"at": Point(1)}, '{"at": {"x": 1, "y": 0.0}}'),
        (Item(sku="a", tags=["x"]), '{"sku": "a", "tags": ["x"]}'),
        (types.SimpleNamespace(a=1), '{"a": 1}'),
        (range(3), "[0, 1, 2]"),
        (range(10**12), "(a value of type range, of which nothing can be told)"),
        (f"it is {SECRET}", "it is [masked: OpenRouter key]"),
        ("\x1b[31mred\x1b[0m\x00", "red"),
    ],
)
def test_plain_results_are_told(value: Any, text: str):
    assert Results(Wish(), redaction.ISSUERS).told(value) == text


PEOPLE = [{"who": f"{CANARY}{n}", "kind": "ab"[n % 2]} for n in range(24)]
ONE = pd.DataFrame({"pay": [918_273, 918_273]})


@pytest.mark.parametrize("level", ["names", "schema", "stats"])
@pytest.mark.parametrize(
    "make",
    [
        lambda: PEOPLE,
        lambda: iter(PEOPLE),
        lambda: (one for one in PEOPLE),
        lambda: pd.DataFrame(PEOPLE),
        lambda: pd.DataFrame(PEOPLE)["who"],
        lambda: pd.DataFrame(PEOPLE).to_csv(),
        lambda: pd.DataFrame(PEOPLE).to_json(orient="records"),
        lambda: pd.DataFrame(PEOPLE).to_string(),
        lambda: [Item(sku=one["who"]) for one in PEOPLE],
        lambda: {one["who"]: 1 for one in PEOPLE},
        lambda: Secretive(),
        lambda: CANARY.encode(),
        lambda: ValueError(CANARY),
        lambda: ONE.describe(),  # a row of another table, in many rows
        lambda: ONE.agg(["min", "max", "mean", "median", "sum"]),
        lambda: [[[[[[CANARY]]]]]],
        lambda: {"key": SECRET},
    ],
)
def test_no_result_tells_of_few_rows(level: str, make: Callable[[], Any]):
    text = Results(Wish(level=level), redaction.ISSUERS).told(make())
    assert text and not any(one in text for one in (*CANARY.split(), "918", "sk-or"))


@pytest.mark.parametrize(
    "make", [lambda *both: both, lambda *both: [*both], lambda *both: {CANARY: both[0], 1: both[1]}]
)
def test_frames_that_come_together_are_told_one_by_one(make: Callable[..., Any]):
    people, other = pd.DataFrame(PEOPLE), pd.DataFrame({"n": range(30)})
    text = Results(Wish(), redaction.ISSUERS).told(make(people, other))
    assert "`result 1`: 24 rows × 2 columns" in text and "`result 2`: 30 rows" in text
    assert not any(one in text for one in CANARY.split())
    shown = Results(Wish(level="sample", rows=2), redaction.ISSUERS).told((people, "so", other))
    assert f"{CANARY}0" in shown and "\n\nresult 2: so\n\n" in shown and "`result 3`" in shown
    many = Results(Wish(), redaction.ISSUERS).told([other] * 11)
    assert many == "(a value of type list, of which nothing can be told)"


def test_values_that_code_repeats_in_many_rows_are_not_figures():
    table = pd.DataFrame({"kind": ["a"] * 12 + ["b"] * 12, "pay": [*range(100, 123), 918_273]})

    def top() -> pd.DataFrame:
        return table.assign(most=table.groupby("kind").pay.transform("max"))

    made = described(top, "top")
    assert "918" not in Results(Wish(), redaction.ISSUERS).told(top(), made.source)


BEHIND = "def price(of): raise ValueError(f'no price for {of} today')\n"


def raising(how: str) -> BaseException:
    try:
        if how == "alone":
            raise ValueError(f"no price for {CANARY} today")
        if how == "behind":
            namespace: dict[str, Any] = {}
            linecache.cache["shop.py"] = (len(BEHIND), None, [BEHIND], "shop.py")
            exec(compile(BEHIND, "shop.py", "exec"), namespace)
            namespace["price"](CANARY)
        if how == "key":
            {}[CANARY]
        if how == "index":
            pd.DataFrame(PEOPLE).loc[CANARY]
        if how == "exit":
            raise SystemExit(CANARY)
        if how == "file":
            pathlib.Path(f"/home/{CANARY}/x.csv").read_text()
        if how == "secret":
            raise ValueError(f"key {SECRET}")
        int(CANARY)
    except BaseException as error:
        return error
    raise AssertionError


@pytest.mark.parametrize("how", "alone behind key index exit file secret number".split())
def test_an_error_is_one_line_without_values(how: str):
    text = Results(Wish(), redaction.ISSUERS).raised(raising(how), "{}")
    assert text.startswith("It raised ") and "\n" not in text
    assert not any(one in text for one in (*CANARY.split(), "/home", "sk-or"))
    shown = Results(Wish(level="sample"), redaction.ISSUERS).raised(raising(how), "{}")
    assert "/home" not in shown and "sk-or" not in shown


def test_long_results_are_cut_and_say_so():
    text = Results(Wish(), redaction.ISSUERS).told("word and " * 1_200_000)
    assert len(text) < 20_100 and text.endswith("[cut: 10,780,000 characters more]")
