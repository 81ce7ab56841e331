"""The bytes of a table file → is it text, and in which encoding? Else a copy in UTF-8 is made.

DuckDB reads UTF-8 with one kind of line ends. All else (UTF-16, Windows-1252, old line ends) is
written anew beside, which is looked through once, in pieces; nothing is held as a whole.
"""

from __future__ import annotations

import codecs
import gzip
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ...errors import UsageError

PIECE = 1 << 20
LARGEST = 2_000_000_000  # bytes of text that a copy is made of
STRANGE = 64_000  # bytes beyond ASCII by which an encoding is judged
BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
FIX = "Save it as UTF-8, or load it yourself and name the DataFrame."
# What text of Western Europe hardly has: many letters beyond ASCII in a row, signs inside words,
# capitals after small letters.
UNLIKELY = re.compile(
    r"[^\x00-\x7f]{4,}|[^\W\d_][\xa1-\xb4\xb6-\xb9\xbb-\xbf\xd7\xf7‚ƒ„†‡ˆ‰‹›˜™¨][^\W\d_]|[ÿþ]|[^\W\d_][‚„ˆ]"
    r"|[a-zß-öø-ÿ][À-ÖØ-ÞŠŒŽŸ]|[^\W\d_][À-ÖØ-ÞŠŒŽŸ][a-zß-öø-ÿ]"
)


@dataclass(frozen=True, slots=True)
class TextFile:
    """A text file that DuckDB can read: itself, or a copy that is ours to delete."""

    path: Path
    encoding: str = ""  # of the file, where it is not UTF-8
    copy: bool = False


def readable(path: Path, *, marked: bool = True) -> TextFile:
    """Return a file, or a copy of it, as UTF-8 with one kind of line ends.

    Args:
        marked: may there be a byte order mark?

    Raises:
        UsageError: it is empty, binary, or in an encoding that cannot be told.
    """
    with opened(path) as file:
        encoding, broken_ends = _judged(file)
    if encoding in ("utf-8", "utf-8-sig" if marked else "") and not broken_ends:
        return TextFile(path)
    handle, name = tempfile.mkstemp(prefix="m1-", suffix=".csv")
    copy = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as target, opened(path) as source:
            _copy(source, encoding, target)
    except BaseException:
        copy.unlink(missing_ok=True)
        raise
    return TextFile(copy, "" if encoding.startswith("utf-8") else encoding, copy=True)


def opened(path: Path) -> IO[bytes]:
    """Return a file's bytes, unpacked."""
    return gzip.open(path) if is_packed(path) else path.open("rb")  # type: ignore[return-value]


def is_packed(path: Path) -> bool:
    """Is it a gzip file, whatever its name ends in?"""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(PIECE):
        yield piece


def _judged(file: IO[bytes]) -> tuple[str, bool]:
    """Return the encoding, and whether there are line ends of several kinds, or old ones."""
    first = file.read(PIECE)
    if not first.strip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0"):
        raise UsageError("It is empty.", todo="Nothing can be said of it.")
    encoding = next((code for mark, code in BOMS.items() if first.startswith(mark)), "")
    if encoding == "utf-16" or (encoding := encoding or _wide(first)).startswith("utf-16"):
        return encoding, True
    decoder = codecs.getincrementaldecoder("utf-8")()
    utf8, strange = True, bytearray()
    feeds = returns = pairs = lines = 0
    last = b""
    for piece in (first, *()) if not first else _chain(first, file):
        if b"\0" in piece:
            line = lines + piece[: piece.index(b"\0")].count(b"\n") + 1
            raise UsageError(f"Line {line:,} has NUL bytes: it is binary, or broken.", todo=FIX)
        feeds, returns = feeds + piece.count(b"\n"), returns + piece.count(b"\r")
        pairs += piece.count(b"\r\n") + (last == b"\r" and piece[:1] == b"\n")
        lines, last = feeds, piece[-1:]
        if utf8 and not piece.isascii():
            try:
                decoder.decode(piece)
            except UnicodeDecodeError:
                utf8 = False
        if not piece.isascii() and len(strange) < STRANGE:
            strange += b"\n".join(line for line in piece.splitlines() if not line.isascii())
    ends = returns > pairs or (pairs > 0 and feeds > pairs)
    if utf8:
        return encoding or "utf-8", ends
    return _western(bytes(strange[: 4 * STRANGE])), ends


def _chain(first: bytes, file: IO[bytes]) -> Iterator[bytes]:
    yield first
    yield from _pieces(file)


def _wide(first: bytes) -> str:
    """Return UTF-16 where every other byte is NUL, else ""."""
    head = first[:4096]
    zeros = [head[start::2].count(0) for start in (0, 1)]
    for zero, other, code in ((1, 0, "utf-16-le"), (0, 1, "utf-16-be")):
        if zeros[zero] > 0.3 * len(head) and zeros[other] < 0.02 * len(head):
            return code
    return ""


def _western(strange: bytes) -> str:
    """Return the encoding of text that is no UTF-8, if it reads as Western European.

    Raises:
        UsageError: it does not.
    """
    for encoding in ("cp1252", "latin-1"):
        try:
            text = strange.decode(encoding)
        except UnicodeDecodeError:
            continue
        letters = sum(not c.isascii() for c in text)
        unlikely = sum(sum(not c.isascii() for c in run) for run in UNLIKELY.findall(text))
        if unlikely <= 0.1 * letters and (
            encoding == "cp1252" or not re.search("[\x80-\x9f]", text)
        ):
            return encoding
    raise UsageError("It is no text in UTF-8, and its encoding cannot be told.", todo=FIX)


def _copy(source: IO[bytes], encoding: str, target: IO[str]) -> None:
    decoder = codecs.getincrementaldecoder(encoding)()
    written, pending = 0, ""
    try:
        for piece in _pieces(source):
            text = pending + decoder.decode(piece)
            pending = "\r" if text.endswith("\r") else ""
            text = text[: len(text) - len(pending)].replace("\r\n", "\n").replace("\r", "\n")
            written += target.write(text)
            if written > LARGEST:
                size = f"{LARGEST / 1e9:.0f} GB"
                raise UsageError(f"It is {encoding}, and longer than {size}.", todo=FIX)
        target.write((pending + decoder.decode(b"", final=True)).replace("\r", "\n"))
    except UnicodeDecodeError:
        raise UsageError(f"It begins as {encoding}, but not all of it is.", todo=FIX) from None
