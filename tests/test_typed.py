"""Answers that are data: asked for, read, asked for again, shown, kept, through every door."""

from __future__ import annotations

import enum
import json
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from IPython.core.interactiveshell import InteractiveShell
from pydantic import BaseModel, ConfigDict, Field, field_validator

from emulator import Answer, OpenRouter
from m1_magic import api, ask, records
from m1_magic.app import PROCESS
from m1_magic.calls import Reply
from m1_magic.errors import UsageError
from m1_magic.options.fields import Options
from m1_magic.render.answer import bundle
from m1_magic.settings.config import M1
from m1_magic.typed.again import BETWEEN, read_both
from m1_magic.typed.reading import read
from m1_magic.typed.schema import Wanted, wanted
from shells import Cell, Run

LAMP = {"name": str, "price": float}
FORM = (
    "\n\nAnswer with JSON only, in this form, without any other words:\n"
    '{"name": text, "price": number}\nExample: {"name": "…", "price": 1.5}'
)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Maker(BaseModel):
    city: str
    since: int | None = None


class Lamp(BaseModel):
    name: str
    price: Decimal = Field(ge=0, description="in euros")
    colour: Colour = Colour.RED
    made: date
    maker: Maker
    tags: list[str] = []


LAMPS = (
    '[{"name": "A", "price": 1.10, "colour": "Blue", "made": "2026-01-05",'
    ' "maker": {"city": "Porto"}}]'
)


def kind(returns: Any = None, *choices: str, **namespace: Any) -> Wanted:
    made = wanted(Options(returns=returns, choices=choices), namespace)
    assert made
    return made


def last(server: OpenRouter) -> dict[str, Any]:
    return server.chats[-1].body


# --- asked for ------------------------------------------------------------------------------------


def test_m1_is_told_the_form_in_words_and_a_plain_question_is_as_ever(server: OpenRouter) -> None:
    server.say(Answer('{"name": "Lux", "price": 3}'), Answer("3"))
    reply = ask("Which?", returns=LAMP)
    assert reply.data == {"name": "Lux", "price": 3.0} and isinstance(reply.data["price"], float)
    assert last(server)["messages"][-1]["content"] == "Which?" + FORM
    assert "response_format" not in last(server) and reply.notes == ()
    assert reply.text == '{"name": "Lux", "price": 3}' and reply.json()["price"] == 3
    assert ask("Which?").data is None
    assert last(server)["messages"][-1]["content"] == "Which?"


def listed(server: OpenRouter, *names: str) -> None:
    for endpoints in server.endpoints.values():
        for one in endpoints:
            one["supported_parameters"] = [*one["supported_parameters"], *names]


def test_where_the_list_has_it_the_schema_takes_the_place_of_the_words(server: OpenRouter) -> None:
    listed(server, "response_format", "structured_outputs")
    server.say(Answer('{"answer": ["a"]}'), Answer('{"name": "Lux"}'), Answer('{"price": 1}'))
    assert ask("Which?", returns="list[str]").data == ["a"]
    sent = last(server)["response_format"]["json_schema"]
    assert sent["strict"] is True and sent["schema"]["required"] == ["answer"]
    assert last(server)["messages"][-1]["content"] == "Which?"
    assert ask("Which?", returns=LAMP).data == {"name": "Lux", "price": 1.0}
    assert "response_format" not in last(server), "a part of it has another form"
    assert server.chats[-2].body["response_format"]["json_schema"]["schema"] == {
        "type": "object",
        "properties": {"name": {"type": "string"}, "price": {"type": "number"}},
        "required": ["name", "price"],
        "additionalProperties": False,
    }


def test_one_endpoint_without_it_is_told_in_words_and_json_mode_needs_them_too(
    server: OpenRouter,
) -> None:
    server.say(*[Answer('{"name": "Lux", "price": 3}')] * 2)
    one = server.endpoints["minimax/minimax-m1"][0]
    one["supported_parameters"] = [*one["supported_parameters"], "structured_outputs"]
    assert ask("Which?", returns=LAMP).data
    assert "response_format" not in last(server)
    api.end()
    listed(server, "response_format")
    assert ask("Which?", returns=LAMP).data
    assert last(server)["response_format"] == {"type": "json_object"}
    assert last(server)["messages"][-1]["content"] == "Which?" + FORM


def test_all_kinds_of_types() -> None:
    assert read(LAMPS, kind([Lamp])).data == [
        Lamp(name="A", price=Decimal("1.1"), colour=Colour.BLUE, made=date(2026, 1, 5),
             maker=Maker(city="Porto"))
    ]  # fmt: skip
    assert read(LAMPS, kind(list[Lamp])).data == read(LAMPS, kind("list[Lamp]", Lamp=Lamp)).data
    words = kind(Lamp).form.words
    assert '"colour": "red" or "blue", "made": YYYY-MM-DD, "maker": {"city": text, ' in words
    assert "- price: in euros; at least 0" in words
    nested = {"a": {"b": [{"c": Literal["x", "y"]}]}, "unit price": float | None}
    text = '{"a": {"b": [{"c": "x"}]}, "unit price": null}'
    assert read(text, kind(nested)).data == {"a": {"b": [{"c": "x"}]}, "unit price": None}
    written = "a: list[b: Literal['x', 1], n: int | None], 'unit price': dict[str, float]"
    made = read('{"a": [{"b": 1, "n": null}], "unit price": {"k": 2}}', kind(written))
    assert made.data == {"a": [{"b": 1, "n": None}], "unit price": {"k": 2.0}}
    named = {"a": "list[b: str]", "c": ["d: int"], "e": "list[date]"}
    made = read('{"a": [{"b": "x"}], "c": [{"d": 1}], "e": ["2026-01-05"]}', kind(named))
    assert made.data == {"a": [{"b": "x"}], "c": [{"d": 1}], "e": [date(2026, 1, 5)]}
    either = kind("a: list[str] | None, b: list[n: int] | str, c: Optional[list[list[int]]]")
    for made in ({"a": None, "b": [{"n": 1}], "c": [[1]]}, {"a": ["x"], "b": "y", "c": None}):
        assert read(json.dumps(made), either).data == made
    assert read("12.5", kind("float")).data == 12.5
    assert read("2026-01-05", kind(date)).data == date(2026, 1, 5)


@pytest.mark.parametrize(
    "text",
    [
        "name", "name: strr", "name str", "name: str, name: int", "x: __import__('os')", "a: b.c",
        "list[", "lambda: 1", "f: open('x')", "a: str = 'x'", "a: [str]", "x" * 5000, "a: 1:2",
        "Frame", "a: list[str][0]", "sales", "a: Optional | None", "a: dict[Union, str]",
    ],
)  # fmt: skip
def test_text_that_names_no_type_is_refused_and_never_run(server: OpenRouter, text: str) -> None:
    hit: list[int] = []

    class Trap:
        def __class_getitem__(cls, item: object) -> None:
            hit.append(1)

    with pytest.raises(UsageError) as caught:
        ask("Which?", returns=text, namespace={"Frame": pd.DataFrame, "sales": 1, "b": Trap})
    assert "--returns" in str(caught.value) and len(str(caught.value)) < 400
    assert not hit and server.requests == []


def test_what_does_not_go_together_is_refused(server: OpenRouter) -> None:
    sales = pd.DataFrame({"a": [1, 2]})
    for wrong in (
        {"returns": LAMP, "choices": ["a", "b"]},
        {"returns": LAMP, "exact": True},
        {"choices": ["a", "b"], "exact": True},
        {"choices": ["a"]},
        {"choices": ["a", "a"]},
        {"returns": pd.DataFrame},
        {"returns": [str, int]},
    ):
        with pytest.raises(UsageError, match="Nothing was sent"):
            ask("Which?", df=sales, **wrong)
    assert server.requests == []


def test_choices(server: OpenRouter) -> None:
    server.say(Answer("**Pos.**"), Answer("It is not pos."), Answer("neg"), *[Answer("2")] * 2)
    assert ask("Mood?", choices=["pos", "neg"]).data == "pos"
    form = "\n\nAnswer with one of these and nothing else: pos | neg"
    assert last(server)["messages"][-1]["content"] == "Mood?" + form
    reply = ask("Mood?", choices="pos,neg")
    assert reply.data == "neg" and reply.text == f"It is not pos.{BETWEEN}neg"
    assert ask("How many?", choices=[1, 2]).data == 2
    assert type(ask("How many?", choices=np.array([1, 2])).data) is int


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    a: int


@pytest.mark.parametrize(
    ("returns", "text"),
    [
        ({"a": Any}, '{"a": {"b": "cut he'),
        ({"a": dict}, '{"a": {"b": 1, "c": "cut'),
        ({"a": list}, '{"a": [1, "x" "y"]}'),
        ({"a": dict[str, float]}, '{"a": {"x": 1.5, "y": 2'),
        ("list", '[1, {"a": "c'),
        (Open, '{"a": 1, "more": "cut he'),
        (Open, '{"a": 1, "more": undefined}'),
    ],
)
def test_where_anything_may_stand_what_was_cut_is_no_value_either(returns: Any, text: str) -> None:
    assert read(text, kind(returns)).data is None
    assert read('{"a": 1, "more": "all"}', kind(Open)).data == Open(a=1, more="all")


def test_a_check_of_ones_own_says_nothing_to_m1(server: OpenRouter) -> None:
    class Known(BaseModel):
        name: str

        @field_validator("name")
        @classmethod
        def known(cls, name: str) -> str:
            if name != "Ada":
                raise ValueError("only Ada, Zoe and Secret Person are customers")
            return name

    server.say(Answer('{"name": "Bob"}'), Answer('{"name": "Ada"}'))
    assert ask("Who?", returns=Known).data == Known(name="Ada")
    assert "- name: text (not accepted)" in last(server)["messages"][-1]["content"]
    assert "Secret" not in str(server.chats[-1].body)


# --- asked for again ------------------------------------------------------------------------------


def test_what_does_not_fit_is_asked_for_once_and_only_that(server: OpenRouter) -> None:
    first = "```json\n{'name': 'Lux', 'price': 'about 3', 'parts': [{'n': 1}, {'n': 1.5}]}\n```"
    server.say(Answer(first, cost="0.002"), Answer('{"price": 3.5, "parts[1].n": 2}', cost="0.001"))
    reply = ask("Which?", returns="name: str, price: float, parts: list[n: int]")
    assert reply.data == {"name": "Lux", "price": 3.5, "parts": [{"n": 1}, {"n": 2}]}
    asked = last(server)["messages"]
    assert [one["role"] for one in asked[-2:]] == ["assistant", "user"]
    assert asked[-2]["content"] == first
    assert '"price": …, "parts[1].n": …' in asked[-1]["content"]
    assert "name" not in asked[-1]["content"].replace("names", "")
    assert reply.cost == Decimal("0.003") and api.session().totals().spent == Decimal("0.003")
    assert len(server.chats) == 2 and reply.status == "ok"
    assert reply.notes == ("1 field mended here, $0",)


@pytest.mark.parametrize(
    "second",
    ['{"price": 4}', '{"name": "Other", "price": 4}', "4", '```\n{"lamp": 1, "price": "4"}\n```'],
)
def test_what_fitted_is_not_touched_by_the_second_answer(second: str) -> None:
    text = f'{{"name": "Lux", "price": "four"}}{BETWEEN}{second}'
    assert read_both(text, kind(LAMP)).data == {"name": "Lux", "price": 4.0}


@pytest.mark.parametrize(
    ("second", "price"),
    [
        ("price: 4", 4),
        ("**price:** 4", 4),
        ("| price |\n|---|\n| 4 |", 4),
        ("**4**", 4),
        ("The answer is 4.", 4),
        ('{"answer": 4}', 4),
        ('[{"price": 4}]', 4),
        ('{"name": "f", "arguments": {"price": 4}}', 4),
        ('"price": 4}', 4),
        ('{"price": 4}\nSorry, the price is 5.', None),
        ("The answer is not 4.", None),
        ("price: 4 or 5", None),
        ("(4)", None),
        ('{"weight": 4}', None),
    ],
)
def test_the_second_answer_is_read_as_leniently_as_the_first(
    second: str, price: float | None
) -> None:
    data = read_both(f'{{"name": "Lux"}}{BETWEEN}{second}', kind(LAMP)).data
    assert data == (price and {"name": "Lux", "price": price})


def test_places_asked_for_again_are_named_by_their_path_or_by_its_end() -> None:
    whole = kind({"maker": {"city": str, "zip": str}, "parts": [{"sku": str, "qty": int}]})
    first = '{"maker": {"city": "Oslo"}, "parts": [{"sku": "A", "qty": "two"}]}'
    data = {"maker": {"city": "Oslo", "zip": "01"}, "parts": [{"sku": "A", "qty": 2}]}
    for second in (
        '{"maker.zip": "01", "parts[0].qty": 2}',
        '{"zip": "01", "qty": "2"}',
        '{"name": "f", "arguments": {"maker.zip": "01", "parts[0].qty": 2}}',
    ):
        assert read_both(first + BETWEEN + second, whole).data == data


def test_what_never_fits_is_none_with_the_reason_and_the_text_stays(server: OpenRouter) -> None:
    server.say(Answer('{"name": "Lux", "price": "N/A"}'), Answer('{"price": "unknown"}'))
    reply = ask("Which?", returns=LAMP)
    assert reply.data is None and reply.status == "ok" and len(server.chats) == 2
    assert reply.notes == ("no data: price: a valid number",)
    assert reply.text.startswith('{"name": "Lux"') and "unknown" in reply.text
    with pytest.raises(ValueError, match="no data"):
        reply.table()
    api.settings().repairs = 0
    server.say(Answer("no idea"))
    assert ask("Which?", returns=LAMP).notes == ("no data: no such data in the answer",)
    assert len(server.chats) == 3


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        ('{"reason": "good"}', "good"),
        ('"good"', "good"),
        ('<think>{"reason": "bad"}</think>{"Reason": "good"}', "good"),
        ('{"answer": {"reason": "good"}}', "good"),
        ("I am sorry, I do not know.", None),
        ("reason: good", None),
        ('"reason": "good"', None),
        ('{"reason": "good"} or {"reason": "bad"}', None),
        ('{"maker": {"reason": "good"}, "x": 1}', None),
        ('{"reason": "go', None),
    ],
)
def test_a_text_asked_for_again_is_taken_by_its_name_never_from_a_sentence(
    second: str, reason: str | None
) -> None:
    data = read_both(f'{{"score": 8}}{BETWEEN}{second}', kind("score: int, reason: str")).data
    assert data == (reason and {"score": 8, "reason": reason})


@pytest.mark.parametrize(
    ("asked", "text", "data"),
    [
        ({"returns": "float"}, "3.2", None),
        ({"returns": "str"}, "Hello th", None),
        ({"returns": "str"}, '"Hello"', "Hello"),
        ({"choices": ["neg", "negative"]}, "neg", None),
        ({"choices": ["1", "10"]}, "Answer: 1", None),
        ({"choices": ["1", "10"]}, "10", "10"),
        ({"choices": ["pos", "neg"]}, "pos\nor rather n", None),
        ({"choices": ["neg", "negative"]}, '{"answer": "neg"}', "neg"),
        ({"returns": "date"}, "2024-05-0", None),
        ({"returns": "a: int"}, '{"a": 1}', {"a": 1}),
        ({"returns": "a: int"}, "a: 1", None),
        ({"returns": "list[str]"}, "- red\n- blue", None),
        ({"returns": "int"}, "The answer is 42", None),
        ({"choices": ["a", "b"]}, "The answer is a", None),
    ],
)
def test_what_was_cut_off_is_no_value_without_a_sign_of_its_end(
    server: OpenRouter, asked: dict[str, Any], text: str, data: Any
) -> None:
    server.say(Answer(text, finish="length"), *[Answer("?", finish="length")] * (data is None))
    assert ask("Which?", **asked).data == data
    assert len(server.chats) == (2 if data is None else 1)


class Person(BaseModel):
    name: str
    email: str | None = None


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "Ann", "email: "a@x.org"}',
        '{"name": "Ann", email": "a@x.org"}',
        '{"name": "Ann", "e-mail": "a@x.org"}',
        '{"name": "Ann"}, "email": "a@x.org"}',
        '{"name": "Ann"},\n"email": "a@x.org"\n}',
        '{"name": "Ann"} {"email": "a@x.org"}',
        '{"name": "Ann", "email" "a@x.org"}',
        '{"name": "Ann", "email: a@x.org"}',
        '{"name": "Ann", ??? "email": "a@x.org"}',
        "name: Ann\nE-mail address: a@x.org",
        '[{"name": "Ann"}, "email": "a@x.org"}]',
    ],
)
def test_a_field_that_may_be_missing_is_not_lost(text: str) -> None:
    assert read(text, kind(Person)).data in (None, Person(name="Ann", email="a@x.org"))
    assert read(f"[{text}]", kind(list[Person])).data in (
        None,
        [Person(name="Ann", email="a@x.org")],
    )


class Shelf(BaseModel):
    room: str
    lamps: list[Person]
    tags: list[str] = []


SHELF = Shelf(room="Attic", lamps=[Person(name="Ann", email="a@x.org"), Person(name="Bo")])


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("room: Attic\nlamps:\n  - name: Ann\n    email: a@x.org\n  - name: Bo", []),
        ("room: Attic\nlamps:\n- name: Ann\n  email: a@x.org\n- name: Bo\ntags: [x]", ["x"]),
        ("room: 'Attic'\nlamps:\n- name: Ann\n  email: a@x.org\n- name: Bo\ntags:\n- '01'", ["01"]),
        ("shelf:\n  room: Attic\n  tags:\n    - x\n  lamps:\n    - name: Ann\n"
         "      email: a@x.org\n    - name: Bo", ["x"]),
        ("<shelf><room>Attic</room><lamps><l><name>Ann</name><email>a@x.org</email></l>"
         "<l><name>Bo</name></l></lamps></shelf>", []),
    ],
)  # fmt: skip
def test_records_in_records_are_read_of_lines_and_tags(text: str, tags: list[str]) -> None:
    assert read(text, kind(Shelf)).data == SHELF.model_copy(update={"tags": tags})


@pytest.mark.parametrize(
    "text",
    [
        "room: Attic\nlamps:\n  - name: Ann\n    mail: a@x.org\n  - name: Bo",
        "room: Attic\nlamps:\n  - name: Ann\n      Miller\n  - name: Bo",
        "room: Attic\nlamps:\n  - name: Ann\n  - name: Bo\n  - ...",
        "room: Attic\nlamps:\n  - name: Ann\n  - name: Bo\n\nand more",
        "room: Attic\nlamps:\n  - name: Ann\n  - name: Bo\nroom: Cellar",
        "room: Attic\nlamps:",
        "<shelf><room>Attic</room><lamps><l><name>Ann</name></l><l><name>Bo</name></l></lamps>",
        "<shelf><room>Attic</room><lamps><l><name>A <b>n</b></name></l></lamps></shelf>",
    ],
)
def test_a_record_of_lines_with_more_or_other_names_is_asked_for_again(text: str) -> None:
    assert read(text, kind(Shelf)).data is None


def test_items_told_twice_do_not_say_where_the_rest_begins() -> None:
    again = f'[{{"n": 1}}, {{"n": 2}}, {{"n"{BETWEEN}'
    whole = kind("list[n: int]")
    assert read_both(again + '[{"n": 2}, {"n": 3}]', whole).data is None
    assert read_both(again + '{"items": [{"n": 3}]}', whole).data == [{"n": n} for n in (1, 2, 3)]


@pytest.mark.parametrize("first", ['[{"n": 1}, {"n": 2}, {"n"', '{"n": 1}\n{"n": 2}'])
def test_the_rest_of_a_list_is_asked_for(server: OpenRouter, first: str) -> None:
    server.say(Answer(first, finish="length"), Answer('[{"n": 3}]'))
    reply = ask("Which?", returns="list[n: int]")
    assert reply.data == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert "the items that follow the first 2," in last(server)["messages"][-1]["content"]
    again = f'[{{"n": 1}}, {{"n": 2}}, {{"n"{BETWEEN}'
    whole = kind("list[n: int]")
    assert read_both(again + '[{"n": 1}, {"n": 2}, {"n": 3}]', whole).data == reply.data
    assert read_both(again + '[{"n": 1}, {"n": 7}]', whole).data is None


def test_no_money_for_the_second_round_keeps_the_first(server: OpenRouter) -> None:
    server.say(Answer('{"name": "Lux"}', cost="0.03"))
    reply = ask("Which?", returns=LAMP, max_tokens=2000, max_cost="0.0301")
    assert reply.data is None and reply.text == '{"name": "Lux"}' and reply.cost == Decimal("0.03")
    assert "what does not fit could not be asked for again" in reply.notes[0]
    assert reply.notes[1] == "no data: price: missing"


# --- shown, kept, told again ----------------------------------------------------------------------


def test_a_cell_shows_a_table_and_what_was_mended(
    server: OpenRouter, run: Run, shell: InteractiveShell
) -> None:
    shell.user_ns["Lamp"] = Lamp
    server.say(Answer("[{'name': 'A|*b*', 'price': 1.5}, {'name': '$2 $3', 'price': 20}]"))
    shown = run('%%m1 --returns "list[name: str, price: float]" -o lamps\nWhich?').text
    assert "| A|*b* | 1.5 |\n| $2 $3 | 20.0 |" in shown and "2 fields mended here, $0" in shown
    lamps = shell.user_ns["lamps"]
    assert list(lamps.table().columns) == ["name", "price"]
    page = bundle(lamps, M1(), "html")["text/html"]
    assert "<td" in page and "<em>" not in page and "the answer as it came" in page
    server.say(Answer(LAMPS))
    assert run("%%m1 --returns list[Lamp]\nWhich?").error is None
    assert shell.user_ns["_m1"].data[0].maker.city == "Porto"
    server.say(Answer("neg"))
    assert "**neg**" in run("%%m1 --choices pos,neg\nWhich?").text


HOSTILE = "<img src=x onerror=alert(1)> ``` </pre><script>x</script> \x1b[31m"


@pytest.mark.parametrize("returns", ["list[a: str]", "a: str", "a: list[str]", "str"])
def test_values_are_text_wherever_they_are_shown(server: OpenRouter, returns: str) -> None:
    value = HOSTILE.replace("\x1b", "\\u001b")
    text = {"list[a: str]": '[{"a": "%s"}]', "a: list[str]": '{"a": ["%s"]}', "str": '"%s"'}
    server.say(Answer(text.get(returns, '{"a": "%s"}') % value))
    reply = ask("Which?", returns=returns)
    assert reply.data is not None, reply.notes
    for mode in ("html", "markdown", "text"):
        for form in bundle(reply, M1(), mode).values():
            assert "\x1b" not in form
        shown = bundle(reply, M1(), mode).get("text/html", "")
        assert "<script" not in shown and "<img" not in shown


@pytest.mark.usefixtures("in_a_notebook")
def test_a_kept_answer_is_read_to_the_same_data_and_nobody_is_asked(
    server: OpenRouter, cell: Cell, shell: InteractiveShell
) -> None:
    source = '%%m1 --returns "name: str, price: float"\nWhich?'
    server.say(Answer('{"name": "Lux", "price": 3'), Answer('{"price": 3.25}'))
    cell(source)
    PROCESS.end()
    assert "$0 (was $" in cell(source)
    assert shell.user_ns["_m1"].data == {"name": "Lux", "price": 3.25} and len(server.chats) == 2
    server.say(Answer('{"name": "Lux", "price": 3}'))
    PROCESS.end()
    assert "asked anew: --returns" in cell('%%m1 --returns "name: str, price: int"\nWhich?')
    assert len(server.chats) == 3


@pytest.mark.usefixtures("in_a_notebook")
@pytest.mark.parametrize(
    ("options", "first", "second", "data"),
    [
        ('--returns "price: float"', "price: 3.2", '{"price": 3.25}', {"price": 3.25}),
        ('--returns "price: float"', '{"price": 3.2', '{"price": 3.25}', {"price": 3.25}),
        ("--choices neg,negative", "neg", "negative", "negative"),
    ],
)
def test_what_was_cut_off_and_asked_for_again_is_kept_as_a_whole(
    server: OpenRouter,
    cell: Cell,
    shell: InteractiveShell,
    options: str,
    first: str,
    second: str,
    data: object,
) -> None:
    source = f"%%m1 {options}\nWhich?"
    server.say(Answer(first, finish="length"), Answer(second))
    assert "continue" not in cell(source)
    reply = shell.user_ns["_m1"]
    assert (reply.data, reply.status, reply.finish) == (data, "ok", "stop")
    PROCESS.end()
    assert "$0 (was $" in cell(source)
    assert shell.user_ns["_m1"].data == data and len(server.chats) == 2


@pytest.mark.usefixtures("in_a_notebook")
def test_on_a_tape_without_a_key_and_again(
    server: OpenRouter, run: Run, shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "%%m1 --choices pos,neg\nMood?"
    server.say(Answer("Pos"))
    assert run("%m1 tape on").error is None
    assert run(source).error is None
    PROCESS.end()
    monkeypatch.setenv("M1_MODE", "replay")
    monkeypatch.delenv("OPENROUTER_API_KEY")
    PROCESS.end()
    assert run("%m1 tape on").error is None
    assert run(source).error is None
    assert shell.user_ns["_m1"].data == "pos" and len(server.chats) == 1


def test_in_a_chat_each_question_has_its_own_form_and_continue_reads_all(
    server: OpenRouter, run: Run, shell: InteractiveShell
) -> None:
    server.say(Answer('{"n": 1}'), Answer("Because."), Answer("[1, 2,", finish="length"))
    server.say(Answer("?"), Answer(" 3]"))
    assert run("%%m1 --chat a --returns 'n: int'\nHow many?").error is None
    assert run("%%m1 --chat a\nWhy?").error is None
    assert [m["content"] for m in last(server)["messages"][-3:]][1:] == ['{"n": 1}', "Why?"]
    assert shell.user_ns["_m1"].data is None
    run("%%m1 --returns 'list[int]'\nWhich?")
    assert run("%m1 continue").error is None
    assert "Answer with JSON" not in last(server)["messages"][-1]["content"]
    again = run("%m1 again")
    assert again.error is None


def test_a_table_is_of_the_library_that_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = read(LAMPS, kind([Lamp])).data
    modules: dict[str, Any] = {"polars": pl}
    monkeypatch.setattr(records, "sys", SimpleNamespace(modules=modules))
    table = Reply(data=data).table()
    assert isinstance(table, pl.DataFrame) and table["colour"].to_list() == ["blue"]
    assert table["price"].to_list() == [Decimal("1.10")]
    modules["pandas"] = pd
    table = Reply(data=data).table()
    assert isinstance(table, pd.DataFrame) and table["maker"][0] == {"city": "Porto", "since": None}
    assert Reply(data=["a", "b"]).table()["value"].tolist() == ["a", "b"]
    assert Reply(data={"a": 1}).table()["a"].tolist() == [1]
