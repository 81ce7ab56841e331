"""Everything that goes wrong between a client and OpenRouter, by name.

Each fault is a list of steps that answer one exchange badly; `FAULTS` maps its
name to it.  What a client makes of what is left is the client's test.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .exchange import Exchange
from .wire import COMMENT, Event, completion, dump

Step = Callable[[Exchange], None]
LOGIN = b"<!DOCTYPE html><html><title>Wi-Fi login</title><body>Please sign in.</body></html>"
DOWN = {"error": {"code": 502, "message": "Provider returned error"}}
HTML, JSON = "text/html; charset=utf-8", "application/json"
GZIP = {"Content-Encoding": "gzip"}


@dataclass(frozen=True)
class Fault:
    """What is done, step by step, and whether it is billed."""

    steps: tuple[Step, ...]
    paid: bool = True

    def run(self, x: Exchange) -> None:
        for step in self.steps:
            step(x)


FAULTS: dict[str, Fault] = {}


def fault(name: str, *steps: Step, paid: bool = True) -> None:
    FAULTS[name] = Fault(steps, paid)


# -- places in a stream ------------------------------------------------------------
def spot(events: list[Event]) -> int:
    """Find the place just after the first text delta (else after the first data event)."""
    data = [i for i, e in enumerate(events) if e.payload is not None] or [-1]
    return next((i for i, e in enumerate(events) if e.kind == "text"), data[0]) + 1


def half(events: list[Event]) -> list[Event]:
    """Keep the events up to about half of the text, at least one delta, never all."""
    texts = [i for i, e in enumerate(events) if e.kind == "text"]
    if len(texts) > 1:
        return events[: texts[(len(texts) - 1) // 2] + 1]
    return events[: spot(events)] if not texts else events[: texts[0]]


def raw(data: bytes) -> Event:
    """Make an event of plain bytes."""
    return Event("other", data)


# -- steps -------------------------------------------------------------------------
def head(**more: Any) -> Step:
    return lambda x: x.head(**more)


def sends(data: bytes) -> Step:
    return lambda x: x.send(data)


def page(status: int, data: bytes, kind: str) -> Step:
    return lambda x: x.page(status, data, kind)


def redirect(status: int, target: Callable[[Exchange], str]) -> Step:
    return lambda x: x.page(status, b"", "text/plain", {"Location": target(x)})


def healthy(x: Exchange) -> None:
    x.play(x.events())


def first_half(**framing: Any) -> Step:
    """Send headers and the stream up to about half of the text."""

    def run(x: Exchange) -> None:
        x.head(**framing)
        for one in half(x.events()):
            x.pace(one)
            x.write(one.raw)

    return run


def in_pieces(cut: Callable[[bytes], list[bytes]]) -> Step:
    """Send the whole stream, each piece of an event as an HTTP chunk of its own."""

    def run(x: Exchange) -> None:
        for one in x.events():
            x.pace(one)
            for part in cut(one.raw):
                x.write(part)
        x.settle(x, False)

    return run


def squeezed(events: list[Event], *, end: bool) -> Iterator[Event]:
    """Compress event by event, so that each can be read at once."""
    squeeze = zlib.compressobj(wbits=31)
    for one in events:
        yield raw(squeeze.compress(one.raw) + squeeze.flush(zlib.Z_SYNC_FLUSH))
    if end:
        yield raw(squeeze.flush())


def half_squeezed(x: Exchange) -> None:
    for one in squeezed(half(x.events()), end=False):
        x.write(one.raw)


def too_short(x: Exchange) -> None:
    """Promise the length of the whole stream, and send half of it."""
    first_half(length=sum(len(e.raw) for e in x.events()))(x)


def half_an_event(x: Exchange) -> None:
    """Send the next JSON event up to its middle."""
    rest = x.events()[len(half(x.events())) :]
    data = next(e for e in rest if e.payload is not None).raw
    x.write(data[: len(data) // 2])


def whole_answer(x: Exchange) -> None:
    """Answer a streaming request with a whole JSON completion."""
    x.settle(x, False)
    x.json(200, completion(x.order))


# -- no usable response ------------------------------------------------------------
fault("rst_before_headers", Exchange.reset)
fault("fin_before_headers", Exchange.leave)
fault("half_status_line", sends(b"HTTP/1."), Exchange.leave)
fault("ssh_banner", sends(b"SSH-2.0-OpenSSH_9.6\r\n"), Exchange.leave)
fault(
    "truncated_headers", sends(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-str"), Exchange.leave
)
fault("never_answers", Exchange.hang)
fault("close_after_headers", Exchange.head, Exchange.leave)
fault("redirect_307_same", redirect(307, lambda _: "/api/v1/elsewhere"), paid=False)
fault("redirect_302_same", redirect(302, lambda _: "/api/v1/elsewhere"), paid=False)
fault("redirect_307_other", redirect(307, lambda x: x.elsewhere() + x.received.route), paid=False)
fault("redirect_loop", redirect(307, lambda x: x.received.path), paid=False)

# -- 200 (or 502) that is not an event stream ----------------------------------------
fault("html_200", page(200, LOGIN, HTML), paid=False)
fault("html_502", page(502, b"<html><h1>502 Bad Gateway</h1></html>", HTML), paid=False)
fault("json_error_200", page(200, dump(DOWN), JSON), paid=False)
fault("json_answer_200", whole_answer)
fault("empty_200", Exchange.head, Exchange.end)
fault(
    "status_204",
    sends(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"),
    Exchange.leave,
    paid=False,
)
fault("text_plain_sse", head(kind="text/plain"), healthy, Exchange.end)

# -- transport under a stream ----------------------------------------------------------
fault(
    "one_byte_chunks",
    head(),
    in_pieces(lambda b: [b[i : i + 1] for i in range(len(b))]),
    Exchange.end,
)
fault(
    "utf8_split",
    Exchange.head,
    in_pieces(lambda b: re.split(rb"(?<=[\xc0-\xff])", b)),
    Exchange.end,
)
fault("gzip", head(headers=GZIP), lambda x: x.play(squeezed(x.events(), end=True)), Exchange.end)
fault("gzip_truncated", head(headers=GZIP), half_squeezed, Exchange.end)
fault("says_gzip", head(headers=GZIP), healthy, Exchange.end)
fault("rst_mid", first_half(), Exchange.reset)
fault("fin_mid_chunked", first_half(), Exchange.leave)
fault("short_content_length", too_short, Exchange.leave)
fault("bad_chunk_header", first_half(), sends(b"zz\r\nnot a chunk\r\n"), Exchange.leave)
fault("eof_cut", first_half(chunked=False))  # looks like a clean end
fault("eof_cut_in_json", first_half(chunked=False), half_an_event)
fault("stall_mid", first_half(), Exchange.hang)
fault(
    "comments_forever", first_half(), lambda x: x.repeat(b"%x\r\n%b\r\n" % (len(COMMENT), COMMENT))
)
fault("done_then_open", Exchange.head, healthy, Exchange.hang)
