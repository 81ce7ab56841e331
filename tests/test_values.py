"""What ``{{name}}`` in a prompt becomes, and which braces stay as typed."""

from __future__ import annotations

import datetime as dt
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m1_magic.calls import Attachment, Message, Text
from m1_magic.context.values import Gathered, insert
from m1_magic.errors import UsageError


def summary(value: object, name: str) -> Attachment:
    return Attachment(kind="frame", name=name, text=f"<summary of {name}>")


def done(prompt: str, **namespace: object) -> Gathered:
    return insert(prompt, namespace, summary)


def text(gathered: Gathered) -> str:
    """Return the prompt as it leaves."""
    return Message("user", gathered.parts).content(gathered.inserted)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("{{s}}", "text"),
        ("a{{n}}b{{n}}", "a3b3"),
        ("{{f}} {{t}} {{none}}", "1.5 True None"),
        ("{{o.x}}", "7"),
        ("{{rows[0]}} {{rows[-1]}}", "1 é"),
        ("{{d['key']}}{{d[\"key\"]}}", "vv"),
        ("{{rows}}", '[1, 2, "é"]'),
        ("{{d}}", '{"key": "v", "at": "2024-01-02"}'),
        ("{{pair}}", "[1, 2]"),
        ("{{many}}", '["a", "b", "c"]'),
        ("{{odd}}", "{(1, 2): 3}"),
        ("{{scalar}}", "2.5"),
        ("{{o.d['a'][1].y}}", "deep"),
    ],
)
def test_values(prompt: str, expected: str) -> None:
    deep = SimpleNamespace(x=7, d={"a": [0, SimpleNamespace(y="deep")]})
    result = done(
        prompt, s="text", n=3, f=1.5, t=True, none=None, o=deep, rows=[1, 2, "é"], pair=(1, 2),
        d={"key": "v", "at": dt.date(2024, 1, 2)}, many={"c", "a", "b"}, odd={(1, 2): 3},
        scalar=np.float64(2.5),
    )  # fmt: skip
    assert result == Gathered((Text(expected),))


@pytest.mark.parametrize(
    "typed",
    [
        "{{ s }}", "{s}", "{{{s}}}", "{{s!r}}", "{{s:>10}}", "{{s._hidden}}", "{{s.__class__}}",
        "{{s()}}", "{{s[x]}}", "{{s[1:2]}}", "{{s + 1}}", "{{1}}", "{{}}", "{{s}", "{ {s}}",
        'f"{s!r} {{literal text}}"', '{"a": {"b": 1}}', "{% for x in s %}{{ x }}{% endfor %}",
        r"\frac{{{s}}}{2} \textbf{s}", "{{s\n}}", "{{ s}}", "${s}", "function(){return {s:{}}}",
    ],
)  # fmt: skip
def test_other_braces_stay(typed: str) -> None:
    assert text(done(typed, s="VALUE", x=1)) == typed


@given(st.text(alphabet=st.sampled_from("{}[]().'\" \\ab1_%\n") | st.characters(), max_size=80))
def test_text_without_a_value_comes_back(text: str) -> None:
    if not re.search(r"\{\{[^\s{]", text):
        assert done(text, a=1, b=2, s=3) == Gathered((Text(text),) if text else ())


def test_values_are_inserted_once() -> None:
    result = done("{{a}} and {{b}}", a="{{b}} {b} \\1 \\g<0>", b="B")
    assert text(result) == "{{b}} {b} \\1 \\g<0> and B"
    assert result.notes == ()
    huge = "x" * 3_000_000
    assert text(done("{{huge}}", huge=huge)) == huge


def test_tables_go_through_the_summary() -> None:
    frame = pd.DataFrame({"canary": [1, 2]})
    space = {
        "frame": frame,
        "array": np.ones(3),
        "grid": np.ones((2, 2)),
        "rows": [{"canary": 1}],
        "lists": {"canary": [1]},
    }
    prompt = "{{frame}} {{frame.canary}} {{array}} {{grid}} {{rows}} {{lists}} {{frame}}"
    result = done(prompt, **space)
    assert "canary" not in text(result).replace("frame.canary", "")
    assert [a.name for a in result.inserted] == [
        "frame", "frame.canary", "array", "grid", "rows", "lists"
    ]  # fmt: skip
    assert text(result).count("<summary of frame>") == 2
    assert text(done("{{rows[0]}}", **space)) == '{"canary": 1}'


def test_unknown_names() -> None:
    result = done("{{nmae}} {{nmae}} {{user.x}}", name="n")
    assert text(result) == "{{nmae}} {{nmae}} {{user.x}}"
    assert result.notes == ("{{nmae}}, {{user.x}} left as typed: no such name",)
    with pytest.raises(UsageError, match=r"Did you mean \{\{sales\}\}"):
        done("{{saless}}", sales=1)
    for hidden in ("_sales", "get_ipython", "exit", "In", "Out"):
        assert done(f"{{{{{hidden}s}}}}", **{hidden: 1}).notes


@pytest.mark.parametrize(
    "code",
    [
        "df.x.nunique()", "x+1", "len(df)", "round(x, 2)", "-x", "(x + 1) * 2", "s!r", "s:>10",
        "x:.2f", "f'{x:.1f}'", "[r for r in df]", "x if x else 1", "d['a'][x]", "s[1:2]", "s|upper",
        "s._hidden", "s.__class__", "nosuch.count()", "df[df.x > 1]", "d.get('a', {})",
    ],
)  # fmt: skip
def test_code_in_braces_is_named_and_stays(code: str) -> None:
    typed = f"How many? {{{{{code}}}}} and {{{{{code}}}}}"
    result = done(typed, x=1, s="v", d={}, df=pd.DataFrame({"x": [1]}))
    why = "left as typed: code in braces is not run; put its value into a variable"
    assert result.notes == (f"{{{{{code}}}}} {why}",)
    assert text(result) == typed


@pytest.mark.parametrize(
    "typed",
    [
        "{{ x+1 }}", "{{ x+1}}", "{{x+1 }}", "{{literal text}}", "{{1}}", "{{1 + 2}}", "{{}}",
        "{{'a': 1}}", "style={{color: 'red'}}", r"\frac{{x}^2}{3}", "{{{x+1}}}", "{{x+\n1}}",
        "{% for x in s %}{{ x|upper }}{% endfor %}", "{{% url 'x' %}}", "{{#if x}} {{/if}}",
        "{x+1}", "{{> partial}}", "{{! comment }}",
    ],
)  # fmt: skip
def test_braces_of_other_languages_are_not_named(typed: str) -> None:
    result = done(typed, x=1, s="v", color="c")
    assert (text(result), result.notes) == (typed, ())


def test_all_that_stays_is_one_line() -> None:
    result = done(" ".join(f"{{{{x+{n}}}}} {{{{no{n}.thing}}}}" for n in range(20)), x=1)
    (note,) = result.notes
    assert note.startswith("{{no0.thing}}, {{no1.thing}}, {{no2.thing}}, 17 more left as typed")
    assert "{{x+0}}, {{x+1}}, {{x+2}}, 17 more left as typed: code" in note


def test_single_braces_that_name_a_frame_earn_a_hint() -> None:
    result = done("{sales} {sales} {n}", sales=pd.DataFrame(), n=1)
    assert result.notes == ("{sales} left as typed: write {{sales}} to insert its summary",)
    assert text(result) == "{sales} {sales} {n}"


class Trap:
    """Everything about it speaks out of turn."""

    @property
    def door(self) -> str:
        raise RuntimeError("hunter2")

    def __str__(self) -> str:
        return "hunter2"

    __repr__ = __str__


@pytest.mark.parametrize(
    "expression", ["o.door", "o.nothing", "o[0]", "o", "l[9]", "d['no']", "nest"]
)
def test_failures_name_type_only(expression: str) -> None:
    with pytest.raises(UsageError) as error:
        done(f"{{{{{expression}}}}}", o=Trap(), l=["hunter2"], d={"a": "hunter2"}, nest=[Trap()])
    assert "hunter2" not in str(error.value) and expression in str(error.value)
    assert error.value.__context__ is None or error.value.__suppress_context__
    assert "Nothing was sent" in str(error.value)


def test_circular_and_other_objects_are_refused() -> None:
    loop: list[object] = []
    loop.append(loop)
    for value in (loop, object(), b"bytes", print, 10**5000):
        with pytest.raises(UsageError, match=r"str\(value\)"):
            done("{{value}}", value=value)
