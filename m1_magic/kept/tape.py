"""A tape: answers in a file that lies beside a notebook, so that it runs without a key.

JSON lines, the first with the format's version; then an answer a line, in the order asked. No key,
no message, no time, no id, nothing of the machine. What is recorded again takes its line's place,
so that the same answer gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from .. import files
from ..calls import Reply, Request, Usage
from ..errors import TapeProblem
from ..ledger.history import Past
from ..ledger.sent import hashed
from ..text import one_line
from .replaying import KeptAnswer

VERSION = 1
HEAD = {"m1_magic_tape": VERSION}
FINGERPRINT = re.compile(r'\{"fingerprint": "([0-9a-f]{64})"')
LARGEST = 500_000_000  # bytes
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

    def written(self) -> str:
        """Return it as a line of JSON, always in the same order, what is empty left out."""
        values = {name: value for name, value in asdict(self).items() if value not in (None, "")}
        return json.dumps(values, ensure_ascii=False, allow_nan=False)

    def answer(self, n: int, tape: str) -> KeptAnswer:
        """Return it as the ``n``-th kept answer to its request, on the tape of that name."""
        id = hashlib.sha256(f"{self.fingerprint} {n}".encode()).hexdigest()[:16]
        usage = None if self.usage is None else Usage(*(self.usage.get(c, 0) for c in COUNTS))
        cost = None if self.cost is None else Decimal(self.cost)
        return KeptAnswer(
            id, self.text, self.thinking, self.model, self.finish, usage, cost, tape=tape
        )


def line(request: Request, reply: Reply, cost: Decimal | None, *, thinking: bool) -> Line:
    """Return the line of an answer that did ``cost`` so much; its thinking where that is wanted."""
    counts = None if reply.usage is None else dict(zip(COUNTS, reply.usage.counts, strict=True))
    return Line(
        fingerprint=request.fingerprint(),
        prompt=request.prompt_text,
        model=reply.model,
        parts=hashed(request),
        text=reply.text,
        thinking=reply.thinking if thinking else "",
        usage=counts,
        cost=None if cost is None else f"{cost.normalize():f}",
        finish=reply.finish,
    )


def kept_line(past: Past, key: str, parts: Mapping[str, Any], *, thinking: bool) -> Line:
    """Return the line of an answer that the ledger keeps."""
    counts = None if past.usage is None else dict(zip(COUNTS, past.usage.counts, strict=True))
    return Line(
        fingerprint=key,
        prompt=past.prompt or "",
        model=past.model,
        parts=parts,
        text=past.answer or "",
        thinking=(past.thinking or "") if thinking else "",
        usage=counts,
        cost=None if past.cost is None else f"{past.cost.normalize():f}",
        finish=past.finish,
    )


@dataclass(slots=True)
class Tape:
    """The answers in one file; lines are read when they are asked for.

    ``noted`` says what of the file could not be used, "" if all could.
    """

    path: Path
    noted: str = ""
    _seen: tuple[int, int] | None = None
    _lines: list[str] = field(default_factory=list)
    _places: dict[str, list[int]] = field(default_factory=dict)

    def lines(self) -> Sequence[Line]:
        """Return all answers, in the order asked; raises TapeProblem."""
        self._fresh()
        return [line for line in map(_line, self._lines) if line is not None]

    def nth(self, request: Request, n: int) -> Line | None:
        """Return the ``n``-th answer (from 1) to a request, if there is one; raises TapeProblem.

        A line whose parts are another request's is none.
        """
        self._fresh()
        places = self._places.get(request.fingerprint(), ())
        found = _line(self._lines[places[n - 1]]) if n <= len(places) else None
        same = found and json.loads(json.dumps(hashed(request))) == found.parts
        return found if same else None

    def extend(self, lines: Iterable[tuple[Line, int]]) -> None:
        """Write answers, each the so manyth to its request, in place of those that were there.

        Raises:
            TapeProblem: it cannot be written; nothing of the file is lost.
        """
        try:
            with files.locked(self.path.parent):
                self._fresh()
                for line, n in lines:
                    self._put(line, n)
                text = "\n".join([json.dumps(HEAD), *self._lines, ""])
                files.replace(self.path, text, shared=True)
                self._seen = None
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
            found = self.path.stat()
        except OSError:
            self._lines, self._places, self._seen = [], {}, None
            return
        seen = (found.st_mtime_ns, found.st_size)
        if seen == self._seen:
            return
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
            raise self._no_tape("it is no file of at most 500 MB")
        try:
            text = self.path.read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise self._no_tape(f"it cannot be read ({type(error).__name__})") from None
        self._read(text)
        self._seen = seen

    def _read(self, text: str) -> None:
        head, _, rest = text.partition("\n")
        try:
            version = json.loads(head).get("m1_magic_tape")
        except (ValueError, AttributeError, RecursionError):
            raise self._no_tape("its first line is not of our format") from None
        if not isinstance(version, int) or version > VERSION:
            raise self._no_tape("it was made by a newer version of m1-magic: update this one")
        self._lines, self._places, broken = [], {}, 0
        for one in rest.split("\n"):
            if not one.strip():
                continue
            found = FINGERPRINT.match(one)
            if found and one.rstrip().endswith("}"):
                self._places.setdefault(found[1], []).append(len(self._lines))
            else:
                broken += 1
            self._lines.append(one)  # what cannot be read is not lost
        self.noted = f"{broken:,} lines of the tape could not be read" if broken else ""

    def _no_tape(self, reason: str) -> TapeProblem:
        return TapeProblem(
            f"{one_line(self.path.name, 80)} is no tape that can be used: {reason}.",
            todo="%m1 tape PATH takes another one, %m1 tape off none.",
        )


def _line(text: str) -> Line | None:
    """Return a line of a file, None if it is none that can be used."""
    try:
        return _checked(json.loads(text))
    except (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return None


def _checked(values: Any) -> Line:
    """Return a line of foreign JSON; raises as it comes where a value is of another kind."""
    names = set(Line.__slots__)
    made = Line(**{name: value for name, value in values.items() if name in names})
    texts = (made.fingerprint, made.prompt, made.model, made.text, made.thinking)
    if not all(isinstance(text, str) for text in texts) or not made.text.strip():
        raise ValueError("no answer")
    if not isinstance(made.parts, dict) or not isinstance(made.finish, str | None):
        raise TypeError("no parts")
    if made.usage is not None and not all(
        isinstance(made.usage.get(c, 0), int) and made.usage.get(c, 0) >= 0 for c in COUNTS
    ):
        raise TypeError("no usage")
    if made.cost is not None and not 0 <= Decimal(made.cost) < 10**6:
        raise ValueError("no cost")
    return made
