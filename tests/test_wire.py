"""Bytes → SSE blocks → events, wherever the network cuts them and however servers bend them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from encodings.utf_16_le import IncrementalDecoder
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from m1_magic.backends import sse
from m1_magic.backends.chunks import Reader, as_chunk, unstreamed
from m1_magic.backends.deltas import characters
from m1_magic.backends.thinking import CLOSE, OPEN, ThinkSplitter
from m1_magic.calls import (
    SOURCES,
    Event,
    Finish,
    ReasoningDelta,
    Reply,
    Started,
    TextDelta,
    Usage,
)
from m1_magic.session.accumulator import Accumulator

# No clock decides, and every run tries the same.
STEADY = settings(derandomize=True)
ENDS = ("\n", "\r\n", "\r")
BODY = (
    ': OPENROUTER PROCESSING\n\nretry: 3000\n\ndata: {"a":"Ça va? 日本 😀"}\n\nid: 7\n\n'
    "event: ping\n\nevent: error\ndata: boom\n\nfoo: bar\nx\ndata:no space\n\n"
    'data: {\ndata:  "b": 1\ndata: }\n\n\n\ndata\n\ndata:\n\n: keep-alive\ndata: a:b: c\n\n'
    'event: message\nid: gen-1\ndata: {"choices":[{"delta":{"content":"So."}}]}\n\ndata: [DONE]\n\n'
)
BLOCKS = [
    ("", '{"a":"Ça va? 日本 😀"}'),
    ("error", "boom"),
    ("", "no space"),
    ("", '{\n "b": 1\n}'),
    ("", ""),
    ("", ""),
    ("", "a:b: c"),
    ("message", '{"choices":[{"delta":{"content":"So."}}]}'),
    ("", "[DONE]"),
]


def blocks(*chunks: bytes) -> list[tuple[str, str]]:
    return list(sse.events(chunks))


def cut(data: Any, at: Iterable[int]) -> list[Any]:
    """Return ``data`` in pieces that end at these places."""
    places = [0, *sorted({place % (len(data) + 1) for place in at}), len(data)]
    return [data[i:j] for i, j in pairwise(places)]


# --- blocks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_s115_a_body_cut_at_any_byte_gives_the_same_blocks(end: str) -> None:
    body = BODY.replace("\n", end).encode()
    assert len(body) > 280
    assert blocks(body) == BLOCKS
    for at in range(len(body) + 1):
        assert blocks(body[:at], body[at:]) == BLOCKS, at
    assert blocks(*(body[i : i + 1] for i in range(len(body)))) == BLOCKS


@STEADY
@given(st.binary(max_size=80), st.lists(st.integers(0, 80), max_size=6))
def test_no_bytes_break_the_reader(data: bytes, at: list[int]) -> None:
    assert blocks(*cut(data, at)) == blocks(data)


@STEADY
@given(
    st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])),
    st.lists(st.integers(0, 100)),
)
def test_data_comes_through_as_it_was_sent(text: str, at: list[int]) -> None:
    assert blocks(*cut(f"data: {text}\n\n".encode(), at)) == [("", text)]


@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_mixed_line_ends_end_lines_alike(end: str) -> None:
    assert blocks(f"data: 1{end}data: 2\n\rdata: 3\r\n\n".encode()) == [("", "1\n2"), ("", "3")]


@pytest.mark.parametrize("first", ["data: 1\n\n", ": c\n\ndata: 1\n\n"])
def test_r10_a_byte_order_mark_costs_nothing(first: str) -> None:
    body = b"\xef\xbb\xbf" + first.encode()
    for at in range(len(body)):
        assert blocks(body[:at], body[at:]) == [("", "1")]


def test_only_the_first_line_may_have_a_byte_order_mark() -> None:
    assert blocks("data: 1\n\n\ufeffdata: 2\n\n".encode()) == [("", "1")]
    assert blocks("data: \ufeff1\n\n".encode()) == [("", "\ufeff1")]


@pytest.mark.parametrize("tail", ["", "\n", "\r", "\r\n"], ids=repr)
def test_a_last_block_without_its_blank_line_counts(tail: str) -> None:
    body = f"data: 1\n\nevent: e\ndata: 2{tail}".encode()
    for at in range(len(body) + 1):
        assert blocks(body[:at], body[at:]) == [("", "1"), ("e", "2")]


def test_an_event_name_holds_for_one_block() -> None:
    assert blocks(b"event: error\n\ndata: 1\n\nevent: a\nevent: b\ndata: 2\n\ndata: 3\n\n") == [
        ("", "1"),
        ("b", "2"),
        ("", "3"),
    ]


def test_one_space_after_the_colon_is_no_data() -> None:
    assert blocks(b"data:  two\n\ndata:\tx\n\n") == [("", " two"), ("", "\tx")]


def test_a_block_is_told_before_the_next_byte_comes() -> None:
    def chunks() -> Iterable[bytes]:
        yield b"data: 1\n\n"
        raise AssertionError("read on before the block was told")

    assert next(sse.events(chunks())) == ("", "1")


@pytest.mark.parametrize("body", ["data: 1\n\n", ": c\n", "\ufeffretry: 1\n", "\n\nevent: e\n", ""])
def test_the_start_of_a_body_is_all_of_it_and_shows_what_it_is(body: str) -> None:
    data = body.encode()
    rest = iter([data[i : i + 1] for i in range(len(data))])
    taken, head = sse.start(rest)
    assert taken + b"".join(rest) == data
    assert head.startswith(sse.SIGNS) == bool(body)


# --- thinking in tags ----------------------------------------------------------------------------


def split(*pieces: str) -> tuple[str, str]:
    """Return the thinking and the text that the pieces fold to."""
    splitter = ThinkSplitter()
    return fold([e for piece in pieces for e in splitter.feed(piece)] + list(splitter.close()))


def fold(events: Sequence[Event]) -> tuple[str, str]:
    stream = Accumulator()
    for event in events:
        stream.feed(event)
    return stream.thinking, stream.text


SCRAPS = st.text(st.sampled_from("<>/thinkTH \n\ta日") | st.characters(exclude_categories=["Cs"]))
TAGGED = st.lists(SCRAPS | st.sampled_from([OPEN, CLOSE, "\n", "<thi", "</th", " "])).map("".join)


@STEADY
@given(TAGGED, st.lists(st.integers(0, 60)))
@example("<think>\n\nHm.\n\n</think>\n\n yes", [3, 8, 9, 13, 14, 20])
def test_content_cut_anywhere_folds_to_the_same(content: str, at: list[int]) -> None:
    assert split(*cut(content, at)) == split(content) == split(*content)


@STEADY
@given(SCRAPS, SCRAPS, st.lists(st.integers(0, 60)))
def test_thinking_and_answer_come_apart(thought: str, answer: str, at: list[int]) -> None:
    assume(CLOSE not in thought)
    content = f"{OPEN}\n{thought}\n{CLOSE}\n\n{answer}"
    assert split(*cut(content, at)) == (thought.lstrip("\n"), answer.lstrip())


@STEADY
@given(TAGGED, st.lists(st.integers(0, 60)))
def test_content_without_a_leading_tag_is_text_to_the_letter(content: str, at: list[int]) -> None:
    assume(not content.lstrip().startswith(OPEN) and CLOSE not in content)
    assert split(*cut(content, at)) == ("", content)


@STEADY
@given(SCRAPS, SCRAPS, st.lists(st.integers(0, 60)))
def test_an_end_without_a_beginning_ends_thinking(thought: str, answer: str, at: list[int]) -> None:
    assume(CLOSE not in thought + answer and not {"`", "~"} & {*thought})
    assume(OPEN not in thought)
    assume('"' not in thought or thought.lstrip()[:1] not in ("{", "["))
    assume(not OPEN.startswith(thought.lstrip()) or not thought.strip())
    assert split(*cut(f"{thought}{CLOSE}\n\n{answer}", at)) == (
        thought.strip("\n"),
        answer.lstrip(),
    )


@pytest.mark.parametrize(
    "content",
    [
        "The tag `</think>` ends it.",
        "A pair: <think> and </think>.",
        "```\n</think>\n```",
        "~~~ html\nx</think>\n~~~\n",
        '{"text": "It ends \\"so\\": </think> and goes on."}',
        '[{"note": "</think>"}]',
    ],
)
def test_an_answer_that_writes_of_the_tag_stays_text(content: str) -> None:
    for at in range(len(content)):
        assert split(content[:at], content[at:]) == ("", content)
    assert split(content + "</think>") == ("", content + "</think>")


def test_a_stray_end_behind_thinking_in_its_own_field_is_dropped() -> None:
    thought = delta(content="", reasoning_content="Hm.")
    for text, answer in (("</think>\n\nYes.", "Yes."), ("a</think>b", "a</think>b")):
        for at in range(len(text)):
            events = feed(thought, delta(content=text[:at]), delta(content=text[at:]))[0]
            assert fold(events) == ("Hm.", answer)


def test_tags_in_the_answer_behind_the_thinking_stay_text() -> None:
    answer = "The tag is <think>, its end </think>."
    content = f"<think>\nHm.\n</think>\n{answer}"
    for at in range(len(content)):
        assert split(content[:at], content[at:]) == ("Hm.", answer)


@pytest.mark.parametrize(
    ("content", "thinking"),
    [
        ("<think>\nHm", "Hm"),
        ("<think>Hm</thin", "Hm</thin"),
        ("<think>a\n", "a\n"),
        ("<think>", ""),
    ],
)
def test_thinking_that_never_ends_is_thinking(content: str, thinking: str) -> None:
    assert split(content) == (thinking, "")


def test_nothing_is_held_back_that_cannot_be_a_tag() -> None:
    splitter = ThinkSplitter()
    assert list(splitter.feed("<think>\nHm, a < b")) == [ReasoningDelta("Hm, a < b")]
    assert list(splitter.feed("</")) == []
    assert list(splitter.feed("em> ")) == [ReasoningDelta("</em> ")]


@STEADY
@given(st.text(st.characters()), st.lists(st.integers(0, 40)))
@example("a\ud83d\ude00b", [2])
@example("\ud83d\ud83d\ude00\ude00", [1, 2, 3])
def test_characters_cut_into_halves_become_whole(text: str, at: list[int]) -> None:
    decoder = IncrementalDecoder("replace")
    pieces = [characters(decoder, piece) for piece in cut(text, at)]
    got = "".join([*pieces, characters(decoder, "", last=True)])
    assert got == text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    got.encode()


# --- chunks --------------------------------------------------------------------------------------


def delta(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def feed(*chunks: Any, id: str | None = "gen-1") -> tuple[list[Event], Finish]:
    """Return the events of chunks (JSON values, or raw text) and the Finish."""
    reader = Reader("asked", id)
    events = []
    for chunk in chunks:
        events += reader.feed(chunk if isinstance(chunk, str) else json.dumps(chunk))
    held, finish = reader.finish()
    return events + held, finish


@pytest.mark.parametrize(
    "fields",
    [
        {"reasoning": "Hm."},
        {"reasoning": None, "reasoning_content": "Hm."},
        {"reasoning": "", "reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]},
        {
            "reasoning_details": [
                {"text": "H"},
                None,
                5,
                {"text": None},
                {"data": "?"},
                {"text": "m."},
            ]
        },
        {"reasoning_details": [{"type": "reasoning.summary", "summary": "Hm."}]},
        {"reasoning": 5, "reasoning_content": "Hm.", "reasoning_details": "no list"},
    ],
)
def test_thinking_in_all_its_places(fields: dict[str, Any]) -> None:
    assert feed(delta(content="", **fields))[0] == [ReasoningDelta("Hm.")]


@pytest.mark.parametrize("given", ["x", 5, {}, [], None, [{"text": 5}], [{"summary": []}]])
def test_details_that_hold_no_text_are_no_thinking(given: Any) -> None:
    assert feed(delta(content="", reasoning_details=given))[0] == []


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("Yes", "Yes"),
        ("", ""),
        (None, ""),
        (5, ""),
        (True, ""),
        ({"text": "no"}, ""),
        ([{"type": "text", "text": "Y"}, {"type": "text", "text": "es"}], "Yes"),
        ([None, "x", 5, {}, {"text": None}, {"type": "image_url"}, {"text": "Yes"}], "Yes"),
    ],
)
def test_content_in_all_its_shapes(content: Any, text: str) -> None:
    assert fold(feed(delta(content=content))[0]) == ("", text)


@pytest.mark.parametrize(
    "odd",
    [
        {"usage": "none"},
        {"usage": [1]},
        {"choices": [{"delta": {}, "finish_reason": 5}]},
        {"id": 5, "model": 7, "provider": []},
        {"error": {}},
    ],
    ids=json.dumps,
)
def test_r06_odd_chunks_cost_nothing_at_the_end_either(odd: dict[str, Any]) -> None:
    events, finish = feed(delta(content="Y"), odd, delta("stop", content="es"), odd)
    assert fold(events) == ("", "Yes")
    assert finish == Finish("stop", model="asked")


def test_no_null_overwrites_a_finish_reason() -> None:
    late = delta(content="") | {"usage": {"prompt_tokens": 1, "cost": 0.5}}
    assert feed(delta("length", content=""), late)[1] == Finish(
        "length", Usage(1), Decimal("0.5"), "asked"
    )


def test_r06_m3_the_last_usage_wins_and_is_not_added_up() -> None:
    early = {"usage": {"prompt_tokens": 9, "completion_tokens": 1, "cost": 1e-06}, "choices": []}
    last = delta("stop") | {"usage": {"prompt_tokens": 9, "completion_tokens": 7, "cost": 2e-05}}
    for chunks in ([early, last], [early, last, last], [last, {"usage": None}, delta()]):
        finish = feed(*chunks)[1]
        assert (finish.usage, finish.cost) == (Usage(9, 7), Decimal("0.00002"))


def test_all_counts_of_a_usage() -> None:
    counts = {
        "prompt_tokens": 1204,
        "completion_tokens": 2345,
        "prompt_tokens_details": {"cached_tokens": 312},
        "completion_tokens_details": {"reasoning_tokens": 1900},
        "cost": 0.0054,
        "is_byok": False,
        "cost_details": {"upstream_inference_cost": 0.9},
    }
    finish = feed({"usage": counts, "model": "m", "provider": "P"})[1]
    assert finish == Finish(None, Usage(1204, 2345, 312, 1900), Decimal("0.0054"), "m", "P")


@pytest.mark.parametrize(
    ("given", "tokens"),
    [
        ("12", 12),
        (12.0, 12),
        (None, 0),
        ("many", 0),
        (-3, 0),
        (True, 0),
        ([], 0),
        (float("nan"), 0),
        (float("inf"), 0),
        (10**30, 0),
    ],
)
def test_counts_that_are_none_are_zero(given: Any, tokens: int) -> None:
    odd = {"prompt_tokens": given, "completion_tokens": 5, "prompt_tokens_details": given}
    odd["completion_tokens_details"] = {"reasoning_tokens": given}
    usage = feed({"usage": odd})[1].usage
    assert usage == Usage(tokens, 5, 0, min(tokens, 5))  # thinking is part of the answer


def test_the_generation_id_is_told_once_and_only_if_the_headers_had_none() -> None:
    chunks = [{"id": "gen-2"} | delta(content="a"), {"id": "gen-3"} | delta(content="b")]
    assert feed(*chunks, id=None)[0] == [Started("gen-2"), TextDelta("a"), TextDelta("b")]
    assert feed(*chunks, id="gen-1")[0] == [TextDelta("a"), TextDelta("b")]
    assert feed({"id": "chatcmpl-1"} | delta(content="a"), id=None)[0] == [TextDelta("a")]


@pytest.mark.parametrize("field", ["content", "reasoning", "reasoning_content"])
def test_a_character_cut_over_two_deltas_is_whole(field: str) -> None:
    halves = [delta(**{field: "a\ud83d"}), delta(**{field: "\ude00b"})]
    assert "".join(fold(feed(*halves)[0])) == "a😀b"
    assert "".join(fold(feed(halves[0])[0])) == "a\ufffd"


def test_half_a_character_of_thinking_in_tags_is_no_answer() -> None:
    assert fold(feed(delta(content="<think>Hm \ud83d"))[0]) == ("Hm \ufffd", "")


@STEADY
@given(TAGGED, TAGGED, st.lists(st.integers(0, 60)), st.lists(st.integers(0, 60)))
def test_deltas_cut_anywhere_fold_to_the_same(
    thought: str, answer: str, at: list[int], there: list[int]
) -> None:
    assume(not answer.lstrip().startswith(OPEN) and CLOSE not in answer)
    chunks = [delta(content="", reasoning=piece) for piece in cut(thought, at)]
    chunks += [delta(content=piece) for piece in cut(answer, there)]
    events, finish = feed(*chunks, delta("stop"))
    assert (fold(events), finish.reason) == ((thought, answer), "stop")


@pytest.mark.parametrize("data", ['{"id": broken', "[" * 100_000, "{", "\x1b[31m"])
def test_what_is_no_json_is_told_in_a_line(data: str) -> None:
    with pytest.raises(ValueError, match="no JSON") as caught:
        list(Reader("asked").feed(data))
    assert len(str(caught.value)) < 150
    assert str(caught.value).isprintable()


ERRORS = [
    {"error": {"code": 502, "message": "boom"}},
    {"error": {"code": "server_error", "message": "boom"}, "choices": [{"finish_reason": "stop"}]},
    {"error": "boom"},
    {"error": ["boom"]},
    {"choices": [{"delta": {"content": ""}, "finish_reason": "error", "error": "boom"}]},
    {"choices": None, "base_resp": {"status_code": 1027, "status_msg": "boom"}},
    {"choices": [{"delta": {}}], "base_resp": {"status_code": 1002, "status_msg": "boom"}},
    {"detail": "boom"},
    {"detail": [{"loc": ["body"], "msg": "boom"}]},
    {"code": 500, "message": "boom"},
    {"code": "busy", "message": "boom", "choices": [], "usage": None},
    {"object": "error", "message": "boom"},
    {"type": "error", "error": {"message": "boom"}},
]


@pytest.mark.parametrize("data", ERRORS, ids=json.dumps)
@pytest.mark.parametrize("finish", [None, "stop"])
def test_an_event_that_is_an_error_ends_the_answer(data: Any, finish: str | None) -> None:
    reader = Reader("asked")
    assert list(reader.feed(json.dumps(delta(finish, content="so far")))) == [TextDelta("so far")]
    assert list(reader.feed(json.dumps(data))) == []
    assert reader.done and "boom" in str(reader.error)
    assert reader.finish()[1].reason == "error"


def test_what_stands_beside_an_error_is_kept() -> None:
    reader = Reader("asked")
    last = delta("error", content=" far") | {"error": "boom", "usage": {"cost": 0.5}}
    events = [*reader.feed(json.dumps(delta(content="so"))), *reader.feed(json.dumps(last))]
    assert fold(events) == ("", "so far")
    assert reader.finish()[1].cost == Decimal("0.5")


@pytest.mark.parametrize(
    "data",
    [
        {"base_resp": {"status_code": 0, "status_msg": ""}},
        {"error": None, "detail": None},
        {"type": "ping"},
        {"object": "chat.completion.chunk", "choices": []},
        {"choices": [], "prompt_filter_results": [{"content_filter_results": {}}]},
        {"choices": [], "debug": {"echo_upstream_body": {"messages": []}}},
    ],
    ids=json.dumps,
)
def test_what_is_no_error_ends_nothing(data: Any) -> None:
    events, finish = feed(delta(content="Y"), data, delta("stop", content="es"))
    assert (fold(events), finish.reason) == (("", "Yes"), "stop")


@pytest.mark.parametrize(
    "data", ['{"message":"boom"}', '"boom"', '["boom"]', "boom", '{"error":"boom"}']
)
def test_an_event_named_error_is_one_whatever_it_holds(data: str) -> None:
    reader = Reader("asked")
    assert list(reader.feed(data, "error")) == []
    assert "boom" in str(reader.error)


@pytest.mark.parametrize(
    "data",
    [": OPENROUTER PROCESSING", ":", "  : x\n: y", ': one\n{"choices":[]}', ": [DONE]"],
)
def test_a_comment_that_was_sent_as_data_costs_nothing(data: str) -> None:
    events, finish = feed(data, delta(content="Yes."), data, delta("stop"))
    assert (fold(events), finish.reason) == (("", "Yes."), "stop")


# --- what is not text ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"thinking": "Hm."},
        {"reasoning": {"content": "Hm."}},
        {"reasoning_details": [{"type": "reasoning.summary", "summary": [{"text": "Hm."}]}]},
        {"thinking_blocks": [{"type": "thinking", "thinking": "Hm.", "signature": "x"}]},
        {"content": [{"type": "thinking", "thinking": "Hm."}]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]},
        {"content": [{"type": "reasoning", "text": "Hm."}]},
        {"content": [{"type": "reasoning", "summary": [{"type": "x", "text": "Hm."}]}]},
        {"content": [{"type": "thinking", "thinking": "Hm."}], "reasoning_content": "Hm."},
    ],
    ids=json.dumps,
)
def test_thinking_of_other_shapes(fields: dict[str, Any]) -> None:
    assert fold(feed(delta(**fields), delta(content="Yes."))[0]) == ("Hm.", "Yes.")


def test_thinking_that_cannot_be_read_is_told() -> None:
    hidden = {"type": "reasoning.encrypted", "data": "gAAAA"}
    for fields in ({"reasoning_details": [hidden]}, {"content": [{"type": "redacted_thinking"}]}):
        assert "encrypted" in feed(delta(**fields), delta("stop", content="a"))[1].notes[0]


@pytest.mark.parametrize(
    "chunks",
    [
        [delta(content=None, refusal="I can't "), delta(refusal="do that.")],
        [delta(content="I can't do that.", refusal="I can't do that.")],
        [delta(content=[{"type": "refusal", "refusal": "I can't do that."}])],
    ],
)
@pytest.mark.parametrize("reason", ["stop", "content_filter"])
def test_a_refusal_is_the_text_and_the_finish(chunks: list[Any], reason: str) -> None:
    events, finish = feed(*chunks, delta(reason))
    assert fold(events) == ("", "I can't do that.")
    known = chunks[0]["choices"][0]["delta"].get("content") == "I can't do that."
    assert finish.reason == (reason if known else "refusal")


def test_a_refusal_behind_text_begins_a_paragraph() -> None:
    events, finish = feed(delta(content="Well."), delta(refusal="No"), delta("stop", refusal="."))
    assert (fold(events), finish.reason) == (("", "Well.\n\nNo."), "refusal")


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("MAX_TOKENS", "length"),
        ("content-filter", "content_filter"),
        ("SAFETY", "content_filter"),
        ("sensitive", "content_filter"),
        ("abort", "error"),
        ("STOP", "STOP"),
        ("other", "other"),
    ],
)
def test_finish_reasons_in_other_words(word: str, reason: str) -> None:
    assert feed(delta(word, content="a"))[1].reason == reason


@pytest.mark.parametrize(
    "fields",
    [
        {"tool_calls": [{"index": 0, "function": {"name": "get_weather", "arguments": "{"}}]},
        {"function_call": {"name": "get_weather", "arguments": "{}"}},
    ],
)
@pytest.mark.parametrize("reason", ["stop", "tool_calls", "function_call"])
def test_calls_of_tools_are_told(fields: dict[str, Any], reason: str) -> None:
    more = delta(tool_calls=[{"index": 0, "function": {"arguments": "}"}}])
    finish = feed(delta(content=None, **fields), more, delta(reason))[1]
    assert finish.reason == "tool_calls"
    assert finish.notes == ("the model called a tool (get_weather), which nobody offered",)


def test_pictures_and_sounds_are_told() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    finish = feed(
        delta(images=[picture]),
        delta(content=[{"type": "text", "text": "Here."}, picture]),
        delta(audio={"id": "a"}),
        delta("stop", audio={"data": "AAAA"}),
    )[1]
    assert finish.notes == ("2 pictures, 1 sound came along, not kept: only text is",)


CITED = [
    {"type": "url_citation", "url_citation": {"url": "https://a.org/x y(1)", "title": "A *b* ]"}},
    {"type": "url_citation", "url": "http://b.org", "title": None},
    {"type": "url_citation", "url_citation": {"url": "https://a.org/x y(1)", "title": "again"}},
    *(
        {"type": "url_citation", "url_citation": {"url": url}}
        for url in (
            "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "https://u:p@c.org",
            "https://", "ftp://c.org", "//c.org", 5, None, "https://[",
            "https://c.org/" + "x" * 3_000,
        )
    ),
    {"type": "file_citation", "file": {}},
    {"type": "url_citation", "url_citation": None},
]  # fmt: skip


def test_citations_become_links_below_the_answer() -> None:
    links = "1. [A \\*b\\* \\]](https://a.org/x%20y%281%29)\n2. [b.org](http://b.org)"
    chunks = [delta(content="Yes."), delta(annotations=CITED), delta("stop")]
    assert fold(feed(*chunks)[0]) == ("", f"Yes.{SOURCES}{links}")
    assert fold(feed(delta(annotations=CITED), delta("stop"))[0]) == ("", "")
    given = [delta("stop", content="Yes.") | {"citations": ["https://a.org", "javascript:x"]}]
    assert fold(feed(*given)[0])[1].endswith("\n\n1. [a.org](https://a.org)")


def test_links_do_not_keep_json_from_being_read() -> None:
    assert Reply(f'{{"a": 1}}{SOURCES}1. [a](https://a.org)').json() == {"a": 1}


@pytest.mark.parametrize(
    ("counts", "usage", "total"),
    [
        ({"total_tokens": 640}, None, 640),
        ({"total_tokens": 640, "prompt_tokens": 0, "completion_tokens": 0}, None, 640),
        ({"total_tokens": 640, "prompt_tokens": 40}, Usage(40, 600), 640),
        ({"total_tokens": 640, "completion_tokens": 600}, Usage(40, 600), 640),
        ({"total_tokens": -5}, None, 0),
        ({"total_tokens": 10**30, "total_characters": 0}, None, 0),
        ({"input_tokens": 4, "output_tokens": 6}, Usage(4, 6), 0),
        (
            {"prompt_tokens": 4, "completion_tokens": 6, "total_tokens": 30,
             "completion_tokens_details": {"reasoning_tokens": 20}},
            Usage(4, 26, 0, 20), 30,
        ),
        (
            {"prompt_tokens": 4, "completion_tokens": 6,
             "prompt_tokens_details": {"cached_tokens": 900}},
            Usage(4, 6, 4), 0,
        ),
    ],
)  # fmt: skip
def test_usages_in_part(counts: Any, usage: Usage | None, total: int) -> None:
    finish = feed(delta("stop", content="a") | {"usage": counts})[1]
    assert (finish.usage, finish.total) == (usage, total)


def test_the_usage_may_stand_in_the_choice() -> None:
    chunk = delta("stop", content="a")
    chunk["choices"][0]["usage"] = {"prompt_tokens": 4, "completion_tokens": 6}
    assert feed(chunk)[1].usage == Usage(4, 6)


def test_a_message_in_a_stream_is_read_where_nothing_came_before() -> None:
    unstreamed = {"choices": [{"message": {"content": "Yes."}, "finish_reason": "stop"}]}
    assert (
        fold(feed(unstreamed)[0])
        == fold(feed(delta(content="Yes."), unstreamed)[0])
        == ("", "Yes.")
    )


def test_a_name_of_a_model_is_one_short_line() -> None:
    names = ["a\x1b[31m\nb" + "x" * 1_000_000, "", "\u202e", 5]
    finish = feed(*({"model": name} | delta(content="a") for name in names))[1]
    assert finish.model is not None and finish.model.isprintable() and len(finish.model) == 200


# --- a whole answer instead of a stream ----------------------------------------------------------


def test_a_whole_answer_reads_like_a_stream_of_it() -> None:
    message = {"role": "assistant", "content": "Yes.", "reasoning": "Hm."}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "cost": 0.1}
    answer = {"id": "gen-1", "model": "m", "usage": usage}
    answer["choices"] = [{"index": 0, "finish_reason": "length", "message": message}]
    body = json.dumps(answer).encode()
    read = unstreamed(cut(body, [5, 40, 41]))
    assert read is not None
    events, finish = feed(as_chunk(read))
    assert fold(events) == ("Hm.", "Yes.")
    assert finish == Finish("length", Usage(3, 2), Decimal("0.1"), "m")


@pytest.mark.parametrize("choices", [[], [None], [{}], [{"message": None}], "x", {"a": 1}])
def test_a_whole_answer_without_a_message_is_no_text(choices: Any) -> None:
    assert feed(as_chunk({"choices": choices}))[0] == []


def test_an_endless_body_is_not_read_to_its_end() -> None:
    def endless() -> Iterable[bytes]:
        for _ in range(100):
            yield b" " * 1_000_000
        raise AssertionError("read on and on")

    with pytest.raises(ValueError, match="without an end"):
        unstreamed(endless())
