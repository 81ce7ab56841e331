"""Bytes of a ``text/event-stream`` → events, by the WHATWG rules, forgiving where servers are not.

The SDK's own reader loses the first event after a BOM and a last event without its blank line,
and fails on blocks without data (``: keep-alive``, ``retry:``); here none of these costs a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

# How an event stream begins that is not labelled as one.
SIGNS = (b"data:", b":", b"event:", b"id:", b"retry:")
LINE_END = re.compile(rb"\r\n|\n|\r")
BOM = b"\xef\xbb\xbf"
# An event of more bytes, or so many blanks before the first one, is no answer.
LARGEST = 64_000_000
MOST_BLANKS = 1_000_000


def start(chunks: Iterator[bytes]) -> tuple[bytes, bytes]:
    """Return the first bytes of a body, as many as SIGNS need, with and without BOM and blanks."""
    taken = b""
    for chunk in chunks:
        taken += chunk
        if len(taken.lstrip()) >= len(BOM) + max(map(len, SIGNS)) or len(taken) > MOST_BLANKS:
            break
    return taken, taken.lstrip().removeprefix(BOM)


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a byte stream cut anywhere: LF, CRLF or CR, the last one unterminated."""
    begun: list[bytes] = []
    size, tail = 0, b""
    for chunk in chunks:
        fresh = tail + chunk if tail else chunk
        tail = b""
        if b"\r" not in fresh:  # nearly always
            *lines, rest = fresh.split(b"\n")
        else:
            # A CR at the very end may be the first half of a CRLF: it waits for the next chunk.
            tail = b"\r" if fresh.endswith(b"\r") else b""
            *lines, rest = LINE_END.split(fresh[: len(fresh) - len(tail)])
        for line in lines:
            yield b"".join((*begun, line)) if begun else line
            begun.clear()
            size = 0
        if rest:
            begun.append(rest)
            size += len(rest)
        if size > LARGEST:
            raise ValueError("an event without an end")
    last = b"".join(begun)
    if last or tail:
        yield last


def events(chunks: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """Yield (event name, data) of each block that has data; all other blocks are skipped."""
    name, first = "", True
    data: list[bytes] = []
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
