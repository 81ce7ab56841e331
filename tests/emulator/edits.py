"""Faults that only change what a healthy stream says: edits of its list of events.

An edit takes the events of the whole answer and returns the ones to send; the
framing around them stays correct HTTP.  Importing this module adds them to FAULTS.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

from .answer import Json
from .exchange import Exchange
from .faults import fault, half, raw, spot
from .wire import COMMENT, DONE, Event, event, usage

BIG = 5_000_000
BOM = b"\xef\xbb\xbf"
ODD_USAGE = {"prompt_tokens": "12", "completion_tokens": None, "total_tokens": "many"}
Edit = Callable[[list[Event], Exchange], list[Event]]


def edit(name: str, change: Edit) -> None:
    fault(name, Exchange.head, lambda x: x.play(change(x.events(), x)), Exchange.end)


def each(name: str, change: Callable[[bytes], bytes]) -> None:
    """Register an edit of the bytes of every event."""
    edit(name, lambda es, _: [replace(e, raw=change(e.raw)) for e in es])


def insert(name: str, make: Callable[[list[Event], Exchange], Event] | bytes) -> None:
    """Register an edit that adds bytes or an event after the first text delta."""

    def added(es: list[Event], x: Exchange) -> list[Event]:
        one = raw(make) if isinstance(make, bytes) else make(es, x)
        return [*es[: spot(es)], one, *es[spot(es) :]]

    edit(name, added)


def last_words(name: str, data: bytes) -> None:
    """Register an edit that ends the stream in the middle with these bytes."""
    edit(name, lambda es, _: [*half(es), raw(data)])


def like_the_first(es: list[Event], content: Any = "") -> Json:
    """Copy the first text chunk, with another content."""
    chunk = deepcopy(es[spot(es) - 1].payload or {"choices": [{"delta": {}}]})
    chunk["choices"][0]["delta"]["content"] = content
    return chunk


def odd_content(name: str, content: Any) -> None:
    """Register an edit that adds a text delta with this content."""
    insert(name, lambda es, _: event("other", like_the_first(es, content)))


def strange(name: str, change: Callable[[Json], Any]) -> None:
    """Register an edit that adds a changed copy of the first text chunk after it."""

    def made(es: list[Event], _: Exchange) -> Event:
        chunk = like_the_first(es)
        change(chunk)
        return event("other", chunk)

    insert(name, made)


def in_many_lines(data: bytes) -> bytes:
    """Spread a JSON event over many data lines."""
    if not data.startswith(b"data: {"):
        return data
    text = json.dumps(json.loads(data[6:]), indent=1)
    return "".join(f"data: {line}\n" for line in text.split("\n")).encode() + b"\n"


def with_unknown(data: bytes) -> bytes:
    """Add unknown SSE fields and an unknown JSON field to a data event."""
    if not data.startswith(b"data: {"):
        return data
    return b"id: 1\nretry: 3000\nfoo: bar\nx\n" + data.replace(b"{", b'{"x_new":{"a":[1]},', 1)


def without_usage(one: Event) -> list[Event]:
    """Leave out a usage event; what also finishes stays as a plain finish event."""
    if one.kind != "usage" or not one.payload:
        return [one]
    rest = {name: value for name, value in one.payload.items() if name != "usage"}
    finishes = rest["choices"] and rest["choices"][0]["finish_reason"] is not None
    return [event("finish", rest)] if finishes else []


def unterminated(es: list[Event], _: Exchange) -> list[Event]:
    """End after the usage event, without its blank line."""
    *kept, last = [e for e in es if e.kind not in ("done", "comment")]
    return [*kept, replace(last, raw=last.raw[:-1])]


def with_usage(one: Event, given: Json) -> Event:
    return event("usage", (one.payload or {}) | {"usage": given}) if one.kind == "usage" else one


def early_usage(es: list[Event], x: Exchange) -> Event:
    """Make a chunk with a smaller usage than the right one, which comes last."""
    early = dict(usage(x.order)) | {"completion_tokens": 1, "cost": 0.000001}
    return event("other", like_the_first(es) | {"choices": [], "usage": early})


def twice(es: list[Event], x: Exchange) -> list[Event]:
    """Send the first text delta and the usage twice."""
    again = (es[spot(es) - 1], *(e for e in es if e.kind == "usage"))
    return [e for e in es for _ in range(2 if any(e is one for one in again) else 1)]


each("crlf", lambda data: data.replace(b"\n", b"\r\n"))
each("cr", lambda data: data.replace(b"\n", b"\r"))
each("multi_line_data", in_many_lines)
each("no_space", lambda data: data.replace(b"data: ", b"data:", 1))
each("unknown_fields", with_unknown)
insert("retry_only_block", b"retry: 3000\n\n")
insert("id_only_block", b"id: 7\n\n")
insert("event_ping", b"event: ping\n\n")
insert("event_ping_braces", b"event: ping\ndata: {}\n\n")
insert("empty_data", b"data:\n\n")
insert("malformed_json", b'data: {"id": broken\n\n')
insert("data_null", b"data: null\n\n")
insert("data_string", b'data: "hi"\n\n')
insert("data_list", b"data: []\n\n")
insert("invalid_utf8", b'data: {"choices":[{"index":0,"delta":{"content":"\xff"}}]}\n\n')
insert("usage_early_and_last", early_usage)
last_words("error_string", b'data: {"error":"boom"}\n\n')
last_words("event_error", b'event: error\ndata: {"error":{"code":502,"message":"boom"}}\n\n')
last_words("event_error_message", b'event: error\ndata: {"message":"boom"}\n\n')
last_words("event_error_text", b"event: error\ndata: boom\n\n")
last_words("no_finish_no_done", b"")
strange("delta_null", lambda c: c["choices"][0].update(delta=None))
strange("choices_missing", lambda c: c.pop("choices"))
strange("choices_null", lambda c: c.update(choices=None))
strange("choices_empty", lambda c: c.update(choices=[]))
strange("big_event", lambda c: c.update(padding="x" * BIG))
odd_content("content_null", None)
odd_content("content_int", 5)
odd_content("content_list", [{"type": "text", "text": "part"}])
odd_content("lone_surrogate", "\ud83d")
odd_content("nul", "a\0b")
odd_content("line_separators", "a\u2028b\x85c")
edit("bom", lambda es, _: [raw(BOM), *(e for e in es if e.kind != "comment")])
edit("bom_comment", lambda es, _: [raw(BOM + COMMENT), *es])
edit("no_done", lambda es, _: [e for e in es if e.kind != "done"])
edit("no_usage", lambda es, _: [kept for e in es for kept in without_usage(e)])
edit("usage_unterminated", unterminated)
edit("usage_strings", lambda es, _: [with_usage(e, ODD_USAGE | {"cost": "0.01"}) for e in es])
edit("duplicated", twice)
edit("two_done", lambda es, _: [*es, raw(DONE)])
edit("data_after_done", lambda es, _: [*es, event("other", like_the_first(es, "AFTER"))])
