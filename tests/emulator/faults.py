"""Everything that goes wrong between a client and OpenRouter, by name.

Each fault is a small function that answers one exchange badly; `FAULTS` maps its
name to it.  What a client makes of what is left is the client's test.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .exchange import Exchange
from .wire import COMMENT, Event, completion, dump

Run = Callable[[Exchange], None]
LOGIN = b"<!DOCTYPE html><html><title>Wi-Fi login</title><body>Please sign in.</body></html>"


@dataclass(frozen=True)
class Fault:
    """A named fault: whether it is billed, how it acts."""

    name: str
    paid: bool
    run: Run


FAULTS: dict[str, Fault] = {}


def fault(*, paid: bool = True) -> Callable[[Run], Run]:
    """Register a function under its own name."""

    def register(run: Run) -> Run:
        name = run.__name__
        FAULTS[name] = Fault(name, paid, run)
        return run

    return register


def spot(events: list[Event], after: int = 1) -> int:
    """Find the place just after so many text deltas (else after the first data event)."""
    texts = [i for i, e in enumerate(events) if e.kind == "text"]
    if texts:
        return texts[min(after, len(texts)) - 1] + 1
    data = [i for i, e in enumerate(events) if e.payload is not None] or [-1]
    return data[0] + 1


def spot_in(events: list[Event], x: Exchange) -> int:
    """Find the place of the fault that the answer asks for."""
    return spot(events, x.order.answer.fault_after)


def half(events: list[Event]) -> list[Event]:
    """Keep the events up to about half of the text, at least one delta, never all."""
    texts = [i for i, e in enumerate(events) if e.kind == "text"]
    if len(texts) > 1:
        return events[: texts[(len(texts) - 1) // 2] + 1]
    return events[: spot(events)] if not texts else events[: texts[0]]


def raw(data: bytes) -> Event:
    """Make an event of plain bytes."""
    return Event("other", data)


# -- no usable response ------------------------------------------------------------
@fault()
def rst_before_headers(x: Exchange) -> None:
    """Read the request, then RST."""
    x.reset()


@fault()
def fin_before_headers(x: Exchange) -> None:
    """Read the request, then close politely."""
    x.leave()


def _greeting(name: str, data: bytes) -> None:
    def run(x: Exchange) -> None:
        x.send(data)
        x.leave()

    FAULTS[name] = Fault(name, True, run)


_greeting("half_status_line", b"HTTP/1.")
_greeting("ssh_banner", b"SSH-2.0-OpenSSH_9.6\r\n")
_greeting("truncated_headers", b"HTTP/1.1 200 OK\r\nContent-Type: text/event-str")


@fault()
def never_answers(x: Exchange) -> None:
    """Accept the request and stay silent."""
    x.hang()


@fault()
def close_after_headers(x: Exchange) -> None:
    """Send good headers and close."""
    x.head()
    x.leave()


# -- redirects -------------------------------------------------------------------------
def _redirect(name: str, status: int, target: Callable[[Exchange], str]) -> None:
    def run(x: Exchange) -> None:
        x.page(status, b"", "text/plain", {"Location": target(x)})

    FAULTS[name] = Fault(name, False, run)


_redirect("redirect_307_same", 307, lambda _x: "/api/v1/elsewhere")
_redirect("redirect_302_same", 302, lambda _x: "/api/v1/elsewhere")
_redirect("redirect_307_other", 307, lambda x: x.elsewhere() + "/chat/completions")
_redirect("redirect_loop", 307, lambda _x: "/api/v1/loop")


# -- 200 (or 502) that is not an event stream -----------------------------------------
def _page(name: str, status: int, data: bytes, kind: str) -> None:
    def run(x: Exchange) -> None:
        x.page(status, data, kind)

    FAULTS[name] = Fault(name, False, run)


_page("html_200", 200, LOGIN, "text/html; charset=utf-8")
_page("html_502", 502, b"<html><h1>502 Bad Gateway</h1></html>", "text/html")
_error = {"error": {"code": 502, "message": "Provider returned error"}}
_page("json_error_200", 200, dump(_error), "application/json")


@fault()
def json_answer_200(x: Exchange) -> None:
    """Answer a streaming request with a whole JSON completion."""
    x.settle(x, False)
    x.json(200, completion(x.order))


@fault()
def empty_200(x: Exchange) -> None:
    """Open an event stream and end it properly without an event."""
    x.head()
    x.end()


@fault(paid=False)
def status_204(x: Exchange) -> None:
    """Answer 204 No Content."""
    x.received.status = 204
    x.send(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
    x.leave()


@fault()
def text_plain_sse(x: Exchange) -> None:
    """Send a healthy stream labelled text/plain."""
    x.head(kind="text/plain")
    x.play(x.events())
    x.end()


# -- transport under a stream ---------------------------------------------------------------
@fault()
def one_byte_chunks(x: Exchange) -> None:
    """Send every byte as its own HTTP chunk."""
    x.head()
    for one in x.events():
        x.pace(one)
        x.send(b"".join(b"1\r\n%c\r\n" % byte for byte in one.raw))
        x.received.sent += len(one.raw)
    x.settle(x, False)
    x.end()


@fault()
def utf8_split(x: Exchange) -> None:
    """End an HTTP chunk inside each character of more than one byte."""
    x.head()
    for one in x.events():
        x.pace(one)
        for part in re.split(rb"(?<=[\xc0-\xff])", one.raw):
            x.write(part)
    x.settle(x, False)
    x.end()


@fault()
def gzip(x: Exchange) -> None:
    """Compress the stream."""
    x.head(headers={"Content-Encoding": "gzip"})
    x.play(map(raw, _squeezed(x.events(), end=True)))
    x.end()


@fault()
def gzip_truncated(x: Exchange) -> None:
    """Compress the stream and stop in the middle of it, with a proper HTTP end."""
    x.head(headers={"Content-Encoding": "gzip"})
    for data in _squeezed(half(x.events()), end=False):
        x.write(data)
    x.end()


def _squeezed(events: list[Event], *, end: bool) -> Iterator[bytes]:
    """Compress event by event, so that each can be read at once."""
    squeeze = zlib.compressobj(wbits=31)
    for one in events:
        yield squeeze.compress(one.raw) + squeeze.flush(zlib.Z_SYNC_FLUSH)
    if end:
        yield squeeze.flush()


@fault()
def says_gzip(x: Exchange) -> None:
    """Claim gzip and send plain text."""
    x.head(headers={"Content-Encoding": "gzip"})
    x.play(x.events())
    x.end()


def _first_half(x: Exchange, *, chunked: bool = True, length: int | None = None) -> None:
    """Send headers and the stream up to about half of the text."""
    x.head(chunked=chunked, length=length)
    for one in half(x.events()):
        x.pace(one)
        x.write(one.raw)


@fault()
def rst_mid(x: Exchange) -> None:
    """RST in the middle."""
    _first_half(x)
    x.reset()


@fault()
def fin_mid_chunked(x: Exchange) -> None:
    """Close in the middle of a chunked body."""
    _first_half(x)
    x.leave()


@fault()
def short_content_length(x: Exchange) -> None:
    """Close before Content-Length bytes were sent."""
    _first_half(x, length=sum(len(e.raw) for e in x.events()))
    x.leave()


@fault()
def bad_chunk_header(x: Exchange) -> None:
    """Send a chunk size that is not a number."""
    _first_half(x)
    x.send(b"zz\r\nnot a chunk\r\n")
    x.leave()


@fault()
def eof_cut(x: Exchange) -> None:
    """Cut a body that ends by closing: looks like a clean end."""
    _first_half(x, chunked=False)


@fault()
def eof_cut_in_json(x: Exchange) -> None:
    """Cut such a body inside a JSON event."""
    _first_half(x, chunked=False)
    rest = x.events()[len(half(x.events())) :]
    data = next(e for e in rest if e.payload is not None).raw
    x.write(data[: len(data) // 2])


@fault()
def stall_mid(x: Exchange) -> None:
    """Send no more bytes after the middle."""
    _first_half(x)
    x.hang()


@fault()
def comments_forever(x: Exchange) -> None:
    """Send only keep-alive comments after the middle."""
    _first_half(x)
    x.repeat(b"%x\r\n%b\r\n" % (len(COMMENT), COMMENT))


@fault()
def done_then_open(x: Exchange) -> None:
    """Send everything and [DONE], but never end the body."""
    x.head()
    x.play(x.events())
    x.hang()
