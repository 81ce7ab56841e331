"""A tape: answers in a file that lies beside a notebook, so that it runs without a key.

JSON lines, the first with the format's version; then an answer a line, in the order asked. No key,
no message, no time, no id, nothing of the machine. What is recorded again takes its line's place,
so that the same answer gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from errno import EROFS
from pathlib import Path
from threading import RLock
from typing import Any, TextIO

from .. import files
from ..calls import Reply, Request, Usage
from ..errors import TapeProblem
from ..ledger import tool_turns
from ..ledger.sent import hashed
from ..locks import lock
from ..text import one_line, plural
from .replaying import KeptAnswer

VERSION = 1
HEAD = json.dumps({"m1_magic_tape": VERSION})
FINGERPRINT = re.compile(r'\{"fingerprint": "([0-9a-f]{64})"')
LARGEST = 500_000_000  # bytes
LONGEST = 1_000  # characters of the first line
MOST_TOKENS = 10**12
COST = re.compile(r"[0-9]{1,6}(\.[0-9]{1,40})?")
PARTS = {"typed", "words", "system", "chat", "along", "sampling"}
COUNTS = ("input", "output", "cached", "reasoning")


@dataclass(frozen=True, slots=True)
class Line:
    """An answer on a tape, and the parts of the request that it answers, as `hashed` has them."""

    fingerprint: str
    prompt: str
    model: str
    parts: Mapping[str, Any]
    text: str
    thinking: str = ""
    usage: Mapping[str, int] | None = None
    cost: str | None = None
    finish: str | None = None
    tools: Sequence[Sequence[Any]] | None = None

    def written(self) -> str:
        """Return it as a line of JSON, always in the same order, what is empty left out."""
        values = {name: value for name, value in asdict(self).items() if value not in (None, "")}
        return _unicode(json.dumps(values, ensure_ascii=False, allow_nan=False))

    def answer(self, n: int, tape: str) -> KeptAnswer:
        """Return it as the ``n``-th kept answer to its request, on the tape of that name."""
        id = hashlib.sha256(f"{self.fingerprint} {n}".encode()).hexdigest()[:16]
        usage = None if self.usage is None else Usage(*(self.usage.get(c, 0) for c in COUNTS))
        cost = None if self.cost is None else Decimal(self.cost)
        return KeptAnswer(
            id,
            self.text,
            self.thinking,
            self.model,
            self.finish,
            usage,
            cost,
            tape=tape,
            tools=tool_turns.read(self.tools or ()),
        )


def line(
    key: str,
    prompt: str,
    parts: Mapping[str, Any],
    answer: Reply | KeptAnswer,
    cost: Decimal | None,
    *,
    thinking: bool,
) -> Line:
    """Return the line of an answer to the request of this fingerprint, prompt and parts.

    Args:
        cost: what it did cost, in US dollars; None: not known.
        thinking: is the model's thinking recorded, too?
    """
    usage = answer.usage
    return Line(
        fingerprint=key,
        prompt=prompt,
        model=answer.model or "",
        parts=parts,
        text=answer.written,
        thinking=answer.thinking if thinking else "",
        usage=None if usage is None else dict(zip(COUNTS, usage.counts, strict=True)),
        cost=None if cost is None else f"{cost.normalize():f}",
        finish=answer.finish,
        tools=tool_turns.written(answer.tools) or None,
    )


@dataclass(slots=True)
class Tape:
    """The answers in one file; lines are read when they are asked for.

    ``noted`` says what of the file could not be used, "" if all could.
    """

    path: Path
    noted: str = ""
    _lock: RLock = field(default_factory=lock)
    _seen: tuple[int, ...] | None = None
    _lines: list[str] = field(default_factory=list)
    _places: dict[str, list[int]] = field(default_factory=dict)

    def check(self) -> None:
        """Raise TapeProblem where nothing could be written on it."""
        with self._lock:
            self._fresh()

    def lines(self) -> Sequence[Line]:
        """Return all answers, in the order asked; raises TapeProblem."""
        with self._lock:
            self._fresh()
            return [line for line in map(_line, self._lines) if line is not None]

    def nth(self, request: Request, n: int) -> Line | None:
        """Return the ``n``-th answer (from 1) to a request, if there is one; raises TapeProblem.

        A line whose parts are another request's is none.
        """
        with self._lock:
            self._fresh()
            places = self._places.get(request.fingerprint(), ())
            line = _line(self._lines[places[n - 1]]) if n <= len(places) else None
        same = line and json.loads(json.dumps(hashed(request))) == line.parts
        return line if same else None

    def extend(self, lines: Iterable[tuple[Line, int]]) -> None:
        """Write answers, each the so manyth to its request, in place of those that were there.

        Raises:
            TapeProblem: it cannot be written; nothing of the file is lost.
        """
        try:
            with self._lock, files.locked(self.path.parent):
                self._fresh()
                if self._seen and not self.path.stat().st_mode & 0o222:
                    raise PermissionError(EROFS, "it is read-only")
                for line, n in lines:
                    self._put(line, n)
                files.replace(self.path, "\n".join([HEAD, *self._lines, ""]), shared=True)
                self._seen = _state(self.path.stat())
        except OSError as error:
            self._seen = None
            raise TapeProblem(
                f"The tape {one_line(self.path.name, 80)} cannot be written ({error.strerror}).",
                cost="",
                todo="The answer is in the ledger; %m1 tape PATH records elsewhere.",
            ) from None

    def _put(self, line: Line, n: int) -> None:
        places = self._places.setdefault(line.fingerprint, [])
        if n <= len(places):
            self._lines[places[n - 1]] = line.written()
        else:
            places.append(len(self._lines))
            self._lines.append(line.written())

    def _fresh(self) -> None:
        """Read the file anew, if it is there and another one than was read."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            self._lines, self._places, self._seen = [], {}, None
            return
        except OSError as error:
            raise self._no_tape(f"it cannot be read ({error.strerror})") from None
        if _state(status) == self._seen:
            return
        if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
            raise self._no_tape("it is no file of at most 500 MB")
        try:
            # What was cut in a character is one line that cannot be used.
            with self.path.open(encoding="utf-8-sig", errors="replace", newline="\n") as file:
                self._read(file)
        except OSError as error:
            raise self._no_tape(f"it cannot be read ({error.strerror})") from None
        self._seen = _state(status)

    def _read(self, file: TextIO) -> None:
        head = file.readline(LONGEST)
        if head.strip():
            self._check(head)
        self._lines, self._places, broken = [], {}, 0
        for one in filter(str.strip, file):
            key = _fingerprint(one)
            if key:
                self._places.setdefault(key, []).append(len(self._lines))
            else:
                broken += 1
            self._lines.append(one.rstrip("\r\n"))  # what cannot be read is not lost
        self.noted = f"{plural(broken, 'line')} of the tape could not be read" if broken else ""

    def _check(self, head: str) -> None:
        try:
            version = json.loads(head).get("m1_magic_tape")
        except (ValueError, AttributeError, RecursionError):
            version = None
        if type(version) is not int:
            raise self._no_tape("its first line is not of our format")
        if version > VERSION:
            raise self._no_tape("it was made by a newer version of m1-magic: update this one")

    def _no_tape(self, reason: str) -> TapeProblem:
        return TapeProblem(
            f"{one_line(self.path.name, 80)} is no tape that can be used: {reason}.",
            todo="%m1 tape PATH takes another one, %m1 tape off none.",
        )


def _state(status: os.stat_result) -> tuple[int, ...]:
    """Return what is another one where a file was written or replaced."""
    return status.st_mtime_ns, status.st_size, status.st_ino


def _fingerprint(text: str) -> str:
    """Return which request a line answers, "" if it is no line of a tape."""
    match = FINGERPRINT.match(text)
    if match:
        return match[1] if text.rstrip().endswith("}") else ""
    line = _line(text)  # as another program writes JSON
    return line.fingerprint if line else ""


def _line(text: str) -> Line | None:
    """Return a line of a file, None if it is none that can be used."""
    try:
        return _checked(json.loads(text))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _checked(values: Any) -> Line:
    """Return a line of foreign JSON; raises as it comes where a value is of another kind."""
    names = set(Line.__slots__)
    made = Line(**{name: value for name, value in values.items() if name in names})
    texts = (made.fingerprint, made.prompt, made.model, made.text, made.thinking)
    if not all(isinstance(text, str) for text in texts) or not made.text.strip():
        raise ValueError("no answer")
    if set(made.parts) != PARTS or not isinstance(made.finish, str | None):
        raise TypeError("no parts")
    if not all(type(n) is int and 0 <= n < MOST_TOKENS for n in (made.usage or {}).values()):
        raise TypeError("no usage")
    tool_turns.read(made.tools or ())
    if made.cost is not None and not COST.fullmatch(made.cost):
        raise ValueError("no cost")
    return replace(made, text=_unicode(made.text), thinking=_unicode(made.thinking))


def _unicode(text: str) -> str:
    """Return text without halves of characters, which no notebook file can take."""
    return text.encode("utf-8", "replace").decode("utf-8")
