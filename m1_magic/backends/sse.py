"""Bytes of a ``text/event-stream`` → events, by the WHATWG rules, forgiving where servers are not.

The SDK's own reader loses the first event after a BOM and a last event without its blank line,
and fails on blocks without data (``: keep-alive``, ``retry:``); here none of these costs a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

LINE_END = re.compile(rb"\r\n|\n|\r")
BOM = b"\xef\xbb\xbf"


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a byte stream cut anywhere: LF, CRLF or CR, the last one unterminated."""
    rest = b""
    for chunk in chunks:
        rest += chunk
        # A CR at the very end may be the first half of a CRLF: it waits for the next chunk.
        tail = b"\r" if rest.endswith(b"\r") else b""
        *whole, rest = LINE_END.split(rest[: len(rest) - len(tail)])
        rest += tail
        yield from whole
    if rest:
        yield rest.rstrip(b"\r")


def events(chunks: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """Yield (event name, data) of each block that has data; all other blocks are skipped."""
    name, data, first = "", [], True
    for raw in lines(chunks):
        line = raw.removeprefix(BOM) if first else raw
        first = False
        if not line:
            if data:
                yield name, _text(data)
            name, data = "", []
            continue
        key, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if key == b"data":
            data.append(value)
        elif key == b"event":
            name = value.decode("utf-8", "replace")
    if data:
        yield name, _text(data)


def _text(data: list[bytes]) -> str:
    return b"\n".join(data).decode("utf-8", "replace")
