"""Files that were found → their text, read now; notebooks as cells, tables opened for a summary.

Text is UTF-8, or UTF-16 with its byte order mark; ends of lines become ``\\n``; nothing is cut.
Text that is a table, whatever its name ends in, goes as one; but code and settings are text.
Secrets are masked and counted.
"""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from ..calls import Attachment
from ..errors import PromptTooLarge, UsageError
from ..pricing.tokens import likely_tokens
from ..privacy import redaction
from ..text import one_line, plural
from . import ipynb_reader
from .frames import opened
from .frames.tables import Source
from .globs import LARGEST, File, too_large
from .table_json import UNREAD
from .table_text import is_code, table_of

GZIP = b"\x1f\x8b"
# Characters of all of them: more than any model's context.
TOTAL = 10_000_000


def tables(files: Sequence[File]) -> dict[str, Source]:
    """Return the tables among the files by name, ready to be asked where they lie.

    Raises:
        UsageError: naming one that is not what its name says.
    """
    by_name: dict[str, Source] = {}
    for file in files:
        table = file.path if file.kind == "frame" else _in_text(file)
        if table is None or table is UNREAD:
            continue
        try:
            by_name[file.name] = opened(table)
        except UsageError as error:
            raise UsageError(
                f"{one_line(file.name, 120)}: {error.what}",
                todo="Open it and look, or leave it out.",
            ) from None
    return by_name


def _in_text(file: File) -> Any:
    """Return the table that a text file is, UNREAD if it cannot be read, None if it is none."""
    if file.kind != "file" or is_code(file.path.name):
        return None
    try:
        data = _content(file)
        if data.startswith(GZIP):  # no more of it than of any other text
            data = zlib.decompressobj(31).decompress(data, LARGEST["file"])
        return table_of(decoded(data, file.name))
    except (UsageError, zlib.error):  # `attached` says what it is
        return None


def attached(
    files: Sequence[File],
    level: str,
    secrets: redaction.Policy = redaction.ISSUERS,
    tables: Collection[str] = (),
) -> tuple[Attachment, ...]:
    """Return the text files and notebooks, read now, these with outputs by the privacy level.

    Those whose names are in ``tables`` are attached elsewhere.

    Raises:
        UsageError: a file that is no text or no notebook, or that cannot be read.
        PromptTooLarge: all of them are more than any model takes.
    """
    attachments: list[Attachment] = []
    for file in files:
        if file.kind == "frame" or file.name in tables:
            continue
        text = decoded(_content(file), file.name)
        if file.kind == "notebook" or ipynb_reader.is_notebook(text):
            attachment = ipynb_reader.attachment(text, file.name, level, secrets)
        elif level != "sample" and not is_code(file.path.name) and table_of(text) is UNREAD:
            size = plural(len(text.splitlines()), "line")
            text = f"(a table of {size}, withheld at level {level})"
            attachment = Attachment("file", file.name, text, level, dropped=1, tokens=20)
        else:
            text, masked = redaction.mask(text.removesuffix("\n"), secrets)
            tokens = likely_tokens(text)
            attachment = Attachment("file", file.name, text, masked=masked, tokens=tokens)
        masked = attachment.masked + file.name.count(redaction.MASK)
        attachments.append(replace(attachment, masked=masked))
        if sum(len(one.text) for one in attachments) > TOTAL:
            largest = sorted(attachments, key=lambda one: -len(one.text))[:3]
            sizes = (f"{one_line(a.name, 40)} ({len(a.text):,} characters)" for a in largest)
            raise PromptTooLarge(
                f"The files have more than {TOTAL:,} characters, more than any model accepts.",
                todo=f"Attach less. The largest: {', '.join(sizes)}.",
            )
    return tuple(attachments)


def decoded(data: bytes, name: str) -> str:
    """Return a file's bytes as text, with ``\\n`` at the ends of lines.

    Raises:
        UsageError: neither UTF-8 nor UTF-16 with a byte order mark; binary data.
    """
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise UsageError(
            f"{one_line(name, 120)} is not text in UTF-8: binary, or in an old encoding.",
            todo="Save text as UTF-8; of other files, attach the text in them.",
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _content(file: File) -> bytes:
    """Return the bytes of a plain file, or raise UsageError; a pipe is not waited for."""

    def opener(path: str, flags: int) -> int:
        return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))

    name = one_line(file.name, 120)
    try:
        with open(file.path, "rb", opener=opener) as stream:
            before = os.fstat(stream.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise UsageError(f"{name} is not a regular file.")
            data = stream.read(LARGEST[file.kind] + 1)
            after = os.fstat(stream.fileno())
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {one_line(error.strerror, 80)}.") from None
    if len(data) > LARGEST[file.kind]:
        raise too_large(replace(file, size=max(after.st_size, len(data))))
    if len(data) != after.st_size or before.st_mtime_ns != after.st_mtime_ns:
        raise UsageError(f"{name} changed while it was read.", todo="Run the cell again.")
    return data
