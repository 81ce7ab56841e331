"""Calls of tools as servers stream them, in the shapes seen in the wild, and in the text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from m1_magic.backends.chunks import Reader
from m1_magic.calls import Finish, TextDelta
from m1_magic.messages import ToolCall
from m1_magic.session.accumulator import Accumulator

A, B = '{"city": "Paris"}', '{"city": "Rome"}'


def read(*deltas: dict[str, Any], reason: str | None = "tool_calls") -> tuple[Accumulator, Finish]:
    """What comes of the deltas of one completion whose request offered tools."""
    reader, stream = Reader("m", tools=True), Accumulator()
    chunks = [{"choices": [{"delta": delta}]} for delta in deltas]
    chunks.append({"choices": [{"delta": {}, "finish_reason": reason}]})
    for chunk in chunks:
        for event in reader.feed(json.dumps(chunk)):
            stream.feed(event)
    list(reader.feed("[DONE]"))
    held, finish = reader.finish()
    for event in held:
        stream.feed(event)
    return stream, finish


def piece(arguments: Any = None, name: str | None = None, **more: Any) -> dict[str, Any]:
    """One piece of a call."""
    of = {"name": name, "arguments": arguments}
    function = {key: value for key, value in of.items() if value is not None}
    return {"tool_calls": [{**more, "function": function}]}


def both(*calls: dict[str, Any]) -> dict[str, Any]:
    return {"tool_calls": [one["tool_calls"][0] for one in calls]}


SHAPES: dict[str, list[dict[str, Any]]] = {
    "as documented": [
        piece("", "f", index=0, id="x"), piece(A[:5], index=0), piece(A[5:], index=0),
        piece("", "g", index=1, id="y"), piece(B, index=1),
    ],
    "mixed": [
        piece("", "f", index=0, id="x"), piece("", "g", index=1, id="y"),
        piece(A[:5], index=0), piece(B[:9], index=1), piece(A[5:], index=0), piece(B[9:], index=1),
    ],
    "all in one chunk": [both(piece(A, "f", index=0, id="x"), piece(B, "g", index=1, id="y"))],
    "no index": [
        piece("", "f", id="x"), piece(A[:7]), piece(A[7:]), piece("", "g", id="y"), piece(B),
    ],
    "no index, no id": [piece(A, "f"), piece(B, "g")],
    "no id at all": [
        piece("", "f", index=0), piece(A, index=0), piece("", "g", index=1), piece(B, index=1),
    ],
    "index 0 for both": [piece(A, "f", index=0, id="x"), piece(B, "g", index=0, id="y")],
    "index 0 for both, in pieces": [
        piece("", "f", index=0, id="x"), piece(A, index=0),
        piece("", "g", index=0, id="y"), piece(B[:4], index=0), piece(B[4:], index=0),
    ],
    "id and name in each piece": [
        piece(A[:5], "f", index=0, id="x"), piece(A[5:], "f", index=0, id="x"),
        piece("", "f", index=0, id="x"), piece(B[:5], "g", index=1, id="y"),
        piece(B[5:], "g", index=1, id="y"),
    ],
    "name in each piece, no id": [
        piece(A[:5], "f", index=0), piece(A[5:], "f", index=0), piece("", "f", index=0),
        piece(B, "g", index=1),
    ],
    "the id comes late": [
        piece("", "f", index=0), piece(A, index=0, id="x"), piece(B, "g", index=1, id="y"),
    ],
    "empty ids": [piece(A, "f", index=0, id=""), piece(B, "g", index=1, id="")],
    "one id for both": [piece(A, "f", index=0, id="x"), piece(B, "g", index=1, id="x")],
    "arguments are objects": [
        both(piece(json.loads(A), "f", index=0, id="x"), piece(json.loads(B), "g", index=1, id="y"))
    ],
    "nulls": [
        piece(None, "f", index=0, id="x", type=None), piece(A, index=0, id=None),
        piece(B, "g", index=1, id="y"), {"tool_calls": None}, {"tool_calls": []},
    ],
    "name and arguments beside": [
        {"tool_calls": [{"id": "x", "name": "f", "arguments": A},
                        {"id": "y", "name": "g", "input": json.loads(B)}]},
    ],
    "indices from 1": [piece(A, "f", index=1, id="x"), piece(B, "g", index=2, id="y")],
    "name in pieces": [
        piece("", "long_", index=0, id="x"), piece("", "name", index=0), piece(A, index=0),
        piece("", "g", index=1, id="y"), piece(B, index=1),
    ],
    "name in pieces, without arguments": [
        piece(None, "long_", index=0, id="x"), piece(None, "name", index=0, id="x"),
        piece(A, index=0, id="x"), piece(B, "g", index=1, id="y"),
    ],
    "another id in each piece": [
        piece("", "f", index=0, id="x"), piece(A[:5], index=0, id="x2"),
        piece(A[5:], index=0, id="x3"), piece(B, "g", index=1, id="y"),
    ],
    "indices are texts": [
        piece("", "f", index="0", id="x"), piece("", "g", index="1", id="y"),
        piece(A, index="0"), piece(B, index="1"),
    ],
    "indices are floats": [
        piece("", "f", index=0.0), piece("", "g", index=1.0), piece(B, index=1.0),
        piece(A, index=0.0),
    ],
    "no list": [
        {"tool_calls": piece(A, "f", index=0, id="x")["tool_calls"][0]},
        {"tool_calls": piece(B, "g", index=1, id="y")["tool_calls"][0]},
    ],
    "in both forms": [
        {**piece(A, "f", index=0, id="x"), "function_call": {"name": "f", "arguments": A}},
        {**piece(B, "g", index=1, id="y"), "function_call": {"name": "g", "arguments": B}},
    ],
    "in two blocks of the text": [
        {"content": f'<tool_calls>{{"name": "f", "arguments": {A}}}</tool_calls>\n'},
        {"content": f'<tool_calls>{{"name": "g", "arguments": {B}}}</tool_calls>'},
    ],
    "an empty piece at the end": [
        piece(A, "f", index=0, id="x"), piece(B, "g", index=1, id="y"), piece("", index=1),
    ],
    "in the text": [
        {"content": "<tool_"}, {"content": 'calls>\n{"name": "f", "argu'},
        {"content": f'ments": {A}}}\n{{"name": "g", "arguments": {B}}}\n</tool_c'},
        {"content": "alls>"},
    ],
    "in the text, not closed": [
        {"content": f'<tool_calls>{{"name": "f", "arguments": {A}}}\n'
                    f'{{"name": "g", "arguments": {B}}}'},
    ],
    "in the text, as a list": [
        {"content": f'<tool_calls>[{{"name": "f", "arguments": {A}}},'
                    f' {{"name": "g", "arguments": {json.dumps(B)}}}]</tool_calls>'},
    ],
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reason", ["tool_calls", "stop", "function_call"])
def test_both_calls_come_in_every_shape(shape: str, reason: str) -> None:
    stream, finish = read(*SHAPES[shape], reason=reason)
    first = "long_name" if "name in pieces" in shape else "f"
    assert [(one.name, json.loads(one.arguments)) for one in stream.calls] == [
        (first, {"city": "Paris"}),
        ("g", {"city": "Rome"}),
    ]
    assert len({one.id for one in stream.calls}) == 2 and all(one.id for one in stream.calls)
    assert (finish.reason, finish.notes, stream.text.strip()) == ("tool_calls", (), "")


def test_two_names_without_arguments_are_two_calls_if_they_have_ids_or_places() -> None:
    for how in ({"id": "y", "index": 0}, {"index": 1}):
        stream, _ = read(piece("", "f", index=0, id="x"), piece("", "g", **how))
        assert [one.name for one in stream.calls] == ["f", "g"]


def test_half_a_character_is_none_and_two_halves_are_one() -> None:
    stream, _ = read(
        piece('{"a": "\ud83d', "f", index=0, id="x"),
        piece('\ude00"}', index=0),
        piece('{"a": "\ud800!"}', "g", index=1, id="y"),
    )
    assert [one.arguments for one in stream.calls] == ['{"a": "😀"}', '{"a": "�!"}']


def test_an_older_function_call_is_one() -> None:
    deltas = [{"function_call": {"name": "f", "arguments": A[:4]}}]
    deltas.append({"function_call": {"arguments": A[4:]}})
    stream, finish = read(*deltas, reason="function_call")
    assert stream.calls == (ToolCall("call_1", "f", A),)
    assert finish.reason == "tool_calls"


def test_a_message_that_says_again_what_came_adds_nothing() -> None:
    reader, stream = Reader("m", tools=True), Accumulator()
    first = {"choices": [{"delta": piece(A, "f", index=0, id="x")}]}
    again = {"choices": [{"message": piece(A, "f", id="x"), "finish_reason": "tool_calls"}]}
    for chunk in (first, again):
        for event in reader.feed(json.dumps(chunk)):
            stream.feed(event)
    assert stream.calls == (ToolCall("x", "f", A),)


def test_names_are_such_as_servers_take_and_nothing_of_a_terminal() -> None:
    stream, _ = read(piece("", "get_\x1b[1m weather " + "x" * 90, index=0, id="a\x07b"))
    (call,) = stream.calls
    assert call.name.startswith("get_") and len(call.name) <= 64 and call.name.isprintable()
    assert call.id == "a_b"


def test_what_cannot_be_read_in_the_text_keeps_its_name() -> None:
    stream, _ = read({"content": '<tool_calls>\n{"name": "f", "arguments": {"city": Paris}\n'})
    (call,) = stream.calls
    assert call.name == "f" and "Paris" in call.arguments


@pytest.mark.parametrize(
    "text",
    [
        "M1 writes `<tool_calls>` then.",
        'So:\n```\n<tool_calls>\n{"name": "f", "arguments": {}}\n</tool_calls>\n```\nEnd.',
        "a < b and <tool",
    ],
)
def test_words_about_such_a_block_are_words(text: str) -> None:
    stream, finish = read(*({"content": one} for one in text), reason="stop")
    assert (stream.text, stream.calls, finish.reason) == (text, (), "stop")


def test_text_before_and_behind_a_block_stays() -> None:
    block = '<tool_calls>\n{"name": "f", "arguments": {}}\n</tool_calls>\n'
    stream, _ = read({"content": "First.\n" + block + "Then."})
    assert stream.text == "First.\nThen." and len(stream.calls) == 1


def test_without_tools_offered_nothing_of_it_changes() -> None:
    reader = Reader("m")
    text = '<tool_calls>\n{"name": "f", "arguments": {}}\n</tool_calls>'
    events = list(reader.feed(json.dumps({"choices": [{"delta": {"content": text}}]})))
    assert events == [TextDelta(text)]
