"""Requests that differ in the words of their last message only: what is written down of each.

Fingerprint, hashes and the messages as JSON are made once, of a request with a mark in place of
those words; of each other one only the words are put there. What does not fit is made as a whole.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import Any, NamedTuple

from ..calls import Message, Request, Text
from .sent import at_a_server, hash_of, kept

MARK = "m1-words-7c1f0e"
HASHED = hash_of(MARK)
PATTERNS = 4  # as typed, and within the limits of a server
SAME = attrgetter(*(field.name for field in fields(Request) if field.name != "messages"))
quoted = json.JSONEncoder(ensure_ascii=False).encode


class Record(NamedTuple):
    """What the ledger writes of a request: its prompt and messages, what it is found by, hashes."""

    prompt: str
    kept: str
    fingerprint: str
    parts: str


def record(request: Request) -> Record:
    """Return what is written down of a request."""
    parts = json.dumps(at_a_server(request))
    return Record(request.prompt_text, kept(request), request.fingerprint(), parts)


@dataclass(frozen=True, slots=True)
class Pattern:
    """What requests have in common, as pieces before and after what differs; ``begun`` hashed."""

    like: tuple[Any, ...]
    prompt: str
    begun: Any
    ending: bytes
    kept: tuple[str, ...]
    parts: tuple[str, ...]

    def fingerprint(self, words: str) -> str:
        """Return what a request with these words is found by."""
        return self._fingerprint(quoted(words)[1:-1])

    def _fingerprint(self, inside: str) -> str:
        digest = self.begun.copy()
        digest.update(inside.encode("utf-8", "surrogatepass"))
        digest.update(self.ending)
        return str(digest.hexdigest())

    def record(self, words: str) -> Record:
        """Return what is written down of a request with these words."""
        inside = quoted(words)[1:-1]
        kept, parts = inside.join(self.kept), hash_of(words).join(self.parts)
        return Record(self.prompt, kept, self._fingerprint(inside), parts)


class Alike:
    """Gives what is written down of requests, quickly where one is like one before it."""

    def __init__(self) -> None:
        self._patterns: list[Pattern] = []  # the last ones

    def record(self, request: Request) -> Record:
        """Return what is written down of a request."""
        words, pattern = self._pattern(request)
        return pattern.record(words) if pattern else record(request)

    def fingerprint(self, request: Request) -> str:
        """Return what a request is found by."""
        words, pattern = self._pattern(request)
        return pattern.fingerprint(words) if pattern else request.fingerprint()

    def _pattern(self, request: Request) -> tuple[str, Pattern | None]:
        """Return the words that alone differ, and the pattern of the rest; None: there is none."""
        *before, last = request.messages
        part = last.parts[0] if len(last.parts) == 1 else None
        if not isinstance(part, Text) or request.attachments or not request.prompt:
            return "", None
        like = (SAME(request), before, last.role)
        for pattern in self._patterns:
            if pattern.like == like:
                return part.text, pattern
        new = _pattern(request, replace(last, parts=(Text(MARK),)), like)
        if new is not None:
            self._patterns = [new, *self._patterns[: PATTERNS - 1]]
        return part.text, new


def _pattern(request: Request, last: Message, like: tuple[Any, ...]) -> Pattern | None:
    marked = replace(request, messages=(*request.messages[:-1], last))
    canonical = json.dumps(marked.lasting(), sort_keys=True, ensure_ascii=False)
    written = record(marked)
    canon, text, parts = (
        canonical.split(MARK),
        written.kept.split(MARK),
        written.parts.split(HASHED),
    )
    if any(len(pieces) != 2 for pieces in (canon, text, parts)):
        return None
    start, end = (piece.encode("utf-8", "surrogatepass") for piece in canon)
    begun = hashlib.sha256(start)
    return Pattern(like, request.prompt, begun, end, tuple(text), tuple(parts))
