"""Bytes of a ``text/event-stream`` → events, by the WHATWG rules, forgiving where servers are not.

The SDK's own reader loses the first event after a BOM and a last event without its blank line,
and fails on blocks without data (``: keep-alive``, ``retry:``); here none of these costs a word.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterable, Iterator
from itertools import chain

# How an event stream begins that is not labelled as one.
SIGNS = (b"data:", b":", b"event:", b"id:", b"retry:")
# An event of more bytes, or so many blanks before the first one, is no answer.
LARGEST = 64_000_000
MOST_BLANKS = 1_000_000


def start(chunks: Iterator[bytes]) -> tuple[bytes, bytes]:
    """Return the first bytes of a body, as many as SIGNS need, with and without BOM and blanks."""
    taken, needed = b"", len(codecs.BOM_UTF8) + max(map(len, SIGNS))
    for chunk in chunks:
        taken += chunk
        if len(taken.lstrip()) >= needed or len(taken) > MOST_BLANKS:
            break
    return taken, taken.lstrip().removeprefix(codecs.BOM_UTF8)


def lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines of a byte stream cut anywhere: LF, CRLF or CR, the last one unterminated."""
    utf8 = codecs.getincrementaldecoder("utf-8-sig")("replace")
    # A CR at the very end may be the first half of a CRLF: it waits for the next chunk.
    decoder = io.IncrementalNewlineDecoder(utf8, translate=True)
    begun: list[str] = []
    size = 0
    for chunk in chunks:
        *ended, rest = decoder.decode(chunk).split("\n")
        for line in ended:
            yield "".join((*begun, line)) if begun else line
            begun.clear()
            size = 0
        begun.append(rest)
        size += len(rest)
        if size > LARGEST:
            raise ValueError("an event without an end")
    yield ("".join(begun) + decoder.decode(b"", final=True)).removesuffix("\n")


def events(chunks: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """Yield (event name, data) of each block that has data; all other blocks are skipped."""
    name = ""
    data: list[str] = []
    for line in chain(lines(chunks), [""]):
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if key == "data":
            data.append(value)
        elif key in ("error", '{"error"'):  # llama.cpp and Ollama, when they fail in mid-stream
            name, data = "error", [value if key == "error" else line]
        elif key == "event":
            name = value
        elif not line:
            if data:
                yield name, "\n".join(data)
            name, data = "", []
