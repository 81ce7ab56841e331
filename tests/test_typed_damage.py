"""Answers damaged at random are read to what they were, or not at all: no value is another one."""

from __future__ import annotations

import json
import math
import os
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal, NotRequired

from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import TypedDict

from m1_magic.options.fields import Options
from m1_magic.typed.reading import read
from m1_magic.typed.schema import Wanted, wanted


class Part(TypedDict):
    sku: str
    qty: int


class Order(TypedDict):
    name: str
    price: float
    total: Decimal
    count: int | None
    kind: Literal["new", "used"]
    made: date
    open: bool
    tags: list[str]
    parts: list[Part]
    note: NotRequired[str]


ORDER = wanted(Options(returns=Order), {})
ORDERS = wanted(Options(returns=list[Part]), {})
assert ORDER and ORDERS
WORD = st.text("abc éß,.:;'\"{}[]\\/#-+*_$%0123456789\n\t😀“”", max_size=12)
NAME = st.one_of(
    WORD, st.sampled_from(["it's", 'the "big" one', "a, b", "null", "12", "a: b", "…"])
)
WHOLE = st.integers(-(10**6), 10**6)
CENTS = st.integers(-(10**8), 10**8).map(lambda n: n / 100)
PART = st.fixed_dictionaries({"sku": NAME, "qty": WHOLE})
VALUE = st.fixed_dictionaries(
    {
        "name": NAME,
        "price": CENTS,
        "total": CENTS,
        "count": st.none() | WHOLE,
        "kind": st.sampled_from(["new", "used"]),
        "made": st.dates(date(1999, 1, 1)).map(str),
        "open": st.booleans(),
        "tags": st.lists(NAME, max_size=3),
        "parts": st.lists(PART, max_size=3),
    },
    optional={"note": NAME},
)
FULL = bool(os.environ.get("M1_TEST_FULL"))
FIRST, SECOND = (3_000, 2_000) if FULL else (80, 80)
Damage = Callable[[str, random.Random], str]


def cut(text: str, rng: random.Random) -> str:
    return text[: rng.randrange(len(text))] if text else text


@dataclass
class Style:
    """How a value is written that is not JSON."""

    quote: str = '""'
    bare_keys: bool = False
    escaped: bool = True
    spaces: str = " "
    literals: tuple[str, str, str] = ("true", "false", "null")
    trailing: str = ""
    raw_lines: bool = False


STYLES = st.builds(
    Style,
    quote=st.sampled_from(['""', '""', "''", "“”"]),
    bare_keys=st.booleans(),
    escaped=st.booleans(),
    spaces=st.sampled_from([" ", "", "\n  "]),
    literals=st.sampled_from([("true", "false", "null"), ("True", "False", "None")]),
    trailing=st.sampled_from(["", ",", " // last"]),
    raw_lines=st.booleans(),
)
# Brackets and commas that are none of a text's, until all damage is done.
SIGNS = {chr(0xE000 + n): sign for n, sign in enumerate("{}[],:")}
MARK = {sign: mark for mark, sign in SIGNS.items()}
# What no reader could tell from the end of a text.
ENDS = re.compile(r"[\"'“”]\s*(?:[,:}\])+]|//|#|/\*|[\"'“”]|$)|^[\"'“”]")


def written(value: Any, style: Style) -> str:
    """Return a value in a style; a text that would end early in it is escaped."""
    if isinstance(value, str):
        plain = json.dumps(value, ensure_ascii=False)[1:-1]
        first, last = style.quote
        if not style.escaped and not ENDS.search(value) and value.count('"') % 2 == 0:
            plain = plain.replace('\\"', '"')
        elif first == "'":
            plain = plain.replace("'", "\\'")
        if first != '"' and (first in value or last in value) and first != "'":
            first, last = '""'
            plain = json.dumps(value, ensure_ascii=False)[1:-1]
        if style.raw_lines:
            plain = re.sub(r"(?<!\\)\\n", "\n", plain)
        return f"{first}{plain}{last}"
    true, false, null = style.literals
    if value is None or isinstance(value, bool):
        return null if value is None else true if value else false
    if not isinstance(value, dict | list):
        return repr(value)
    m = MARK
    after = style.trailing.replace(",", m[","]) if value else ""
    after += "\n" if "/" in after else ""
    comma = m[","] + style.spaces
    if isinstance(value, list):
        inner = comma.join(written(one, style) for one in value)
        return f"{m['[']}{inner}{after}{m[']']}"
    pairs = (
        f"{key if style.bare_keys else written(key, style)}{m[':']} {written(one, style)}"
        for key, one in value.items()
    )
    return f"{m['{']}{style.spaces}{comma.join(pairs)}{after}{m['}']}"


def signs(text: str, which: str, rng: random.Random) -> int:
    """Return the place of a sign of the form."""
    places = [at for at, char in enumerate(text) if SIGNS.get(char, "x") in which]
    return rng.choice(places) if places else len(text)


def more_commas(text: str, rng: random.Random) -> str:
    at = signs(text, "}]", rng)
    return text[:at] + MARK[","] + text[at:]


def fewer_commas(text: str, rng: random.Random) -> str:
    at = signs(text, ",", rng)
    return text[:at] + text[at + 1 :]


def fewer_brackets(text: str, rng: random.Random) -> str:
    at = signs(text, "{}[]", rng) or len(text)  # without the first, a list could be one item
    return text[:at] + text[at + 1 :]


def more_brackets(text: str, rng: random.Random) -> str:
    return text + rng.choice("}]") if SIGNS.get(text[-1:], "x") in "}]" else text


def comment(text: str, rng: random.Random) -> str:
    at = signs(text, ",", rng) + 1
    return f"{text[:at]} {rng.choice(['// a note: 1', '# x', '/* {} */'])}\n{text[at:]}"


def fenced(text: str, rng: random.Random) -> str:
    return f"Sure, [1] here:\n```json\n{text}\n```\nAnything else? {{x}}"


def thought(text: str, rng: random.Random) -> str:
    return f'<think>maybe {{"name": "x"}}?</think>\n\n{text}'


def quoted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: quoted(one) for key, one in value.items()}
    if isinstance(value, list):
        return [quoted(one) for one in value]
    return value if value is None else str(value)


INNER: list[Damage] = [
    cut, more_commas, fewer_commas, fewer_brackets, more_brackets, comment,
]  # fmt: skip
OUTER: list[Damage] = [fenced, thought, lambda text, rng: json.dumps(text)]


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return type(one) is type(other) and one == other


@dataclass
class Harm:
    """How an answer is damaged."""

    style: Style
    inner: list[Damage]
    outer: list[Damage]
    as_texts: bool
    wrapped: bool
    seed: int


HARM = st.builds(
    Harm,
    style=STYLES,
    inner=st.lists(st.sampled_from(INNER), max_size=2),
    outer=st.lists(st.sampled_from(OUTER), max_size=1),
    as_texts=st.sampled_from([False, False, True]),
    wrapped=st.sampled_from([False, False, True]),
    seed=st.integers(0, 10**6),
)


def checked(value: Any, kind: Wanted, harm: Harm) -> bool:
    """Is it read to what it was? Never to anything else."""
    rng = random.Random(harm.seed)
    shown = quoted(value) if harm.as_texts else value
    text = written({"result": shown} if harm.wrapped else shown, harm.style)
    meant = kind.adapter.validate_json(json.dumps(value, ensure_ascii=False))
    for damage in harm.inner:
        text = damage(text, rng)
    text = "".join(SIGNS.get(char, char) for char in text)
    for damage in harm.outer:
        text = damage(text, rng)
    data = read(text, kind).data
    assert data is None or same(data, meant), f"{text}\n{data}\n{meant}"
    return data is not None


@settings(max_examples=FIRST, derandomize=not FULL)
@given(value=VALUE, harm=HARM)
def test_a_damaged_record_is_read_to_what_it_was_or_not_at_all(value: Any, harm: Harm) -> None:
    assert ORDER
    checked(value, ORDER, harm)


@settings(max_examples=SECOND, derandomize=not FULL)
@given(value=st.lists(PART, max_size=5), harm=HARM)
def test_a_damaged_list_is_read_to_what_it_was_or_not_at_all(value: Any, harm: Harm) -> None:
    assert ORDERS
    checked(value, ORDERS, harm)


# --- choices, lines, tags -------------------------------------------------------------------------

# Not with a full stop at the end, which could be the sentence's.
SIGNED = (
    st.text("aB1+-#*>.<=_ ", min_size=1, max_size=4)
    .map(str.strip)
    .filter(lambda one: one and not one.endswith("."))
)
AROUND = [
    "{}", '"{}"', "**{}**", "`{}`", "Answer: {}", "The answer is {}", "**Label:** {}", "{}\n\nWhy?",
    '{{"answer": "{}"}}', "<think>a or 1</think>{}", "<answer>{}</answer>", "\\boxed{{{}}}",
    "- {}", "{}.", "> {}", "{} - it is so", "{} (so it is)", "({})", "It is {}.", "<b>{}</b>",
    "1. {}", "{}: it is", "{}, it is",
]  # fmt: skip


@settings(max_examples=20 * SECOND, derandomize=not FULL)
@given(
    choices=st.lists(SIGNED, min_size=2, max_size=5, unique=True),
    at=st.integers(0, 4),
    around=st.sampled_from(AROUND),
)
def test_a_choice_is_read_as_it_is_written_or_not_at_all(
    choices: list[str], at: int, around: str
) -> None:
    kind = wanted(Options(choices=tuple(choices)), {})
    assert kind
    meant = choices[at % len(choices)]
    data = read(around.format(meant), kind).data
    written = around.format(meant).strip() in choices  # "- -1" where that is a choice as well
    assert data in (None, meant) or written
    assert data == meant or around != "{}"


class Fields(TypedDict):
    name: str
    price: float
    count: int | None
    open: bool
    note: str


FIELDS = wanted(Options(returns=Fields), {})
SHAPES: list[Callable[[str, str], str]] = [
    lambda name, value: f"{name}: {value}",
    lambda name, value: f"- **{name.title()}:** {value}",
    lambda name, value: f"| {name} | {value} |",
    lambda name, value: f"<{name}>{value}</{name}>",
    lambda name, value: f'"{name}": {json.dumps(value) if name in ("name", "note") else value},',
    lambda name, value: f"{name} = {value}",
]


@settings(max_examples=10 * FIRST, derandomize=not FULL)
@given(
    value=st.fixed_dictionaries(
        {
            "name": NAME,
            "price": CENTS,
            "count": st.none() | WHOLE,
            "open": st.booleans(),
            "note": NAME,
        }
    ),
    shape=st.sampled_from(SHAPES),
    before=st.sampled_from(["", "Here it is:\n\n", "<think>name: x\nprice: 1</think>"]),
    cut_at=st.none() | st.integers(0, 200),
)
def test_fields_as_lines_are_what_they_were_or_none(
    value: dict[str, Any], shape: Callable[[str, str], str], before: str, cut_at: int | None
) -> None:
    assert FIELDS
    shown = {k: v if isinstance(v, str) else json.dumps(v) for k, v in value.items()}
    table = "|" in shape("a", "b")
    head = "| field | value |\n|---|---|\n" if table else ""
    text = before + head + "\n".join(shape(name, one) for name, one in shown.items())
    if shape is not SHAPES[4] and any(one[:1] == '"' for one in (value["name"], value["note"])):
        return  # a text that begins with a quote looks as one between quotes
    ends = cut_at is None or cut_at >= len(text)
    data = read(text[:cut_at], FIELDS, cut=not ends).data
    meant = {k: v.strip() if isinstance(v, str) else v for k, v in value.items()}
    assert data is None or same({**data, "name": data["name"].strip()}, meant) or same(data, value)
    plain = all(re.fullmatch(r"[a-z]+( [a-z]+)*", value[one]) for one in ("name", "note"))
    wordless = {value["name"], value["note"]} & {"na", "nil", "none", "null", "nan", "inf"}
    assert data is not None or not (ends and plain and not wordless)


@settings(max_examples=5 * FIRST, derandomize=not FULL)
@given(
    tag=st.sampled_from(["<think>", "</think>", "<think>x</think>", "<answer>y</answer>", "</s>"]),
    note=NAME,
    before=st.sampled_from(["", "<think>\nhm {\n</think>\n", '<think>{"note": "no"}</think>']),
    style=STYLES,
)
def test_a_tag_within_a_value_is_of_the_value(
    tag: str, note: str, before: str, style: Style
) -> None:
    kind = wanted(Options(returns={"note": str}), {})
    assert kind
    value = {"note": f"{note} {tag} {note}"}
    text = "".join(SIGNS.get(char, char) for char in written(value, style))
    data = read(before + text, kind).data
    assert data is None or data == value
    assert read(json.dumps(value), kind).data in (value, None if "\\t" in note else value)
