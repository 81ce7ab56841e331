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
from .faults import FAULTS, Fault, half, raw, spot, spot_in
from .wire import COMMENT, DONE, Event, event, usage

BIG = 5_000_000
Edit = Callable[[list[Event], Exchange], list[Event]]


def edit(change: Edit) -> Edit:
    """Register a function that rewrites the list of events."""
    add_edit(change.__name__, change)
    return change


def add_edit(name: str, change: Edit) -> None:
    """Register an edit under a name."""

    def run(x: Exchange) -> None:
        x.head()
        x.play(change(x.events(), x))
        x.end()

    FAULTS[name] = Fault(name, True, run)


def each(name: str, change: Callable[[bytes], bytes]) -> None:
    """Register an edit of the bytes of every event."""
    add_edit(name, lambda es, _x: [replace(e, raw=change(e.raw)) for e in es])


def insert(name: str, data: bytes) -> None:
    """Register an edit that adds bytes after the first text delta."""

    def added(es: list[Event], x: Exchange) -> list[Event]:
        at = spot_in(es, x)
        return [*es[:at], raw(data), *es[at:]]

    add_edit(name, added)


def last_words(name: str, data: bytes) -> None:
    """Register an edit that ends the stream in the middle with these bytes."""
    add_edit(name, lambda es, _x: [*half(es), raw(data)])


def strange(name: str, change: Callable[[Json], Any]) -> None:
    """Register an edit that adds a changed copy of the first text chunk after it."""

    def added(es: list[Event], x: Exchange) -> list[Event]:
        at = spot_in(es, x)
        chunk = deepcopy(es[at - 1].payload or {"choices": [{"delta": {}}]})
        chunk["choices"][0]["delta"]["content"] = ""
        change(chunk)
        return [*es[:at], event("other", chunk), *es[at:]]

    add_edit(name, added)


def _multi_line(data: bytes) -> bytes:
    """Spread a JSON event over many data lines."""
    if not data.startswith(b"data: {"):
        return data
    text = json.dumps(json.loads(data[6:]), indent=1)
    return "".join(f"data: {line}\n" for line in text.split("\n")).encode() + b"\n"


def _unknown(data: bytes) -> bytes:
    """Add unknown SSE fields and an unknown JSON field to a data event."""
    if not data.startswith(b"data: {"):
        return data
    return b"id: 1\nretry: 3000\nfoo: bar\nx\n" + data.replace(b"{", b'{"x_new":{"a":[1]},', 1)


each("crlf", lambda data: data.replace(b"\n", b"\r\n"))
each("cr", lambda data: data.replace(b"\n", b"\r"))
each("multi_line_data", _multi_line)
each("no_space", lambda data: data.replace(b"data: ", b"data:", 1))
each("unknown_fields", _unknown)
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


def odd_content(name: str, content: Any) -> None:
    """Register an edit that adds a text delta with this content."""
    strange(name, lambda c: c["choices"][0]["delta"].update(content=content))


odd_content("content_null", None)
odd_content("content_int", 5)
odd_content("content_list", [{"type": "text", "text": "part"}])
odd_content("lone_surrogate", "\ud83d")
odd_content("nul", "a\0b")
odd_content("line_separators", "a\u2028b\x85c")


@edit
def bom(events: list[Event], _x: Exchange) -> list[Event]:
    """Start with a byte order mark and a data event."""
    data = [e for e in events if e.kind != "comment"]
    return [raw(b"\xef\xbb\xbf"), *data]


@edit
def bom_comment(events: list[Event], _x: Exchange) -> list[Event]:
    """Start with a byte order mark and a comment."""
    return [raw(b"\xef\xbb\xbf" + COMMENT), *events]


@edit
def no_done(events: list[Event], _x: Exchange) -> list[Event]:
    """Leave out [DONE]."""
    return [e for e in events if e.kind != "done"]


@edit
def no_usage(events: list[Event], _x: Exchange) -> list[Event]:
    """Leave out the usage, but not a finish reason on the same chunk."""
    return [e for e in map(_without_usage, events) if e.kind != "usage"]


def _without_usage(one: Event) -> Event:
    """Turn a usage event that also finishes into a plain finish event."""
    if one.kind != "usage" or not one.payload:
        return one
    choices = one.payload["choices"]
    if not choices or choices[0]["finish_reason"] is None:
        return one
    return event("finish", {k: v for k, v in one.payload.items() if k != "usage"})


@edit
def usage_unterminated(events: list[Event], _x: Exchange) -> list[Event]:
    """End after the usage event, without its blank line."""
    kept = [e for e in events if e.kind not in ("done", "comment")]
    return [*kept[:-1], replace(kept[-1], raw=kept[-1].raw[:-1])]


@edit
def usage_strings(events: list[Event], _x: Exchange) -> list[Event]:
    """Give numbers of the usage as strings and nulls."""
    odd = {"prompt_tokens": "12", "completion_tokens": None, "total_tokens": "many", "cost": "0.01"}
    return [
        event("usage", (e.payload or {}) | {"usage": odd}) if e.kind == "usage" else e
        for e in events
    ]


@edit
def usage_early_and_last(events: list[Event], x: Exchange) -> list[Event]:
    """Give a smaller usage early and the right one last."""
    at = spot_in(events, x)
    early = dict(usage(x.order)) | {"completion_tokens": 1, "cost": 0.000001}
    chunk = (events[at - 1].payload or {}) | {"choices": [], "usage": early}
    return [*events[:at], event("other", chunk), *events[at:]]


@edit
def duplicated(events: list[Event], x: Exchange) -> list[Event]:
    """Send the first text delta and the usage twice."""
    first = spot_in(events, x) - 1
    twice = {first} | {i for i, e in enumerate(events) if e.kind == "usage"}
    return [e for i, e in enumerate(events) for _ in range(2 if i in twice else 1)]


@edit
def two_done(events: list[Event], _x: Exchange) -> list[Event]:
    """Send [DONE] twice."""
    return [*events, raw(DONE)]


@edit
def data_after_done(events: list[Event], x: Exchange) -> list[Event]:
    """Send another text delta after [DONE]."""
    late = deepcopy(events[spot(events) - 1].payload or {"choices": [{"delta": {}}]})
    late["choices"][0]["delta"]["content"] = "AFTER"
    return [*events, event("other", late)]
