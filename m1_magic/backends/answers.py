"""A response → the events of its answer, whoever read its bytes.

It is checked before it is read, and every way in which it can break ends in one of our errors.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Protocol

from .. import errors as e
from ..calls import Event, ReasoningDelta, Started, TextDelta
from ..events import ToolCallDelta
from ..settings.endpoints import Endpoint
from ..text import one_line
from . import error_bodies, http_errors, sse
from .chunks import Reader, as_chunk, error_of, unstreamed

# While an answer is read; ValueError: a TLS socket that the watchdog shut down between two reads,
# an event that is no JSON.
BROKEN: tuple[type[BaseException], ...] = (ImportError, OSError, ValueError)
BEGINS = (ReasoningDelta, TextDelta, ToolCallDelta)


class Response(Protocol):
    """What is read: headers that are there, and bytes that come."""

    @property
    def status_code(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, in any case."""

    def iter_bytes(self) -> Iterator[bytes]:
        """Yield the body; raise what broke it."""


class Deadlines(Protocol):
    """Who watches it: ``expired`` says which deadline passed, ``sent`` whether it can have left."""

    expired: str | None
    sent: bool

    def fed(self) -> None:
        """Text or thinking came, or behind it any data event."""


class Answers:
    """Reads responses of one ``endpoint``; ``broken`` is what may be raised meanwhile."""

    endpoint: Endpoint
    name: str
    broken = BROKEN
    _secret: str

    def read(
        self, response: Response, watchdog: Deadlines, model: str, tools: bool = False
    ) -> Iterator[Event]:
        """Yield the events of a response whose headers are there; ``tools``: some were offered."""
        headers = response.headers
        generation_id = headers.get("x-generation-id") or None
        yield Started(generation_id)
        cached = headers.get("x-openrouter-cache-status", "").upper() == "HIT"
        free = self.endpoint.openrouter
        reader = Reader(model, generation_id, cached=cached, free=free, tools=tools)
        yield from self._events(response, reader, watchdog, model)

    def refusal(
        self, status: int, body: object, headers: Mapping[str, str], model: str
    ) -> e.M1Error:
        """Return the error for an answer that is no completion."""
        free, openrouter = self.endpoint.openrouter, self.endpoint.whole_api
        return http_errors.refusal(
            status, body, headers, self.name, model, self._secret, openrouter, free
        )

    def _events(
        self,
        response: Response,
        reader: Reader,
        watchdog: Deadlines,
        model: str,
    ) -> Iterator[Event]:
        begun, problem = False, ""
        try:
            for name, data in self._checked(response, model):
                if begun:
                    watchdog.fed()
                for event in reader.feed(error_bodies.without(self._secret, data), name):
                    if not begun and isinstance(event, BEGINS):
                        begun = True
                        watchdog.fed()
                    yield event
                if reader.done:
                    break
            problem = watchdog.expired or ""
        except self.broken as error:
            problem = watchdog.expired or one_line(error, 120) or type(error).__name__
        # What broke after a finish reason took nothing from the answer.
        held, finish = reader.finish()
        yield from held
        yield finish
        begun = begun or bool(held)
        free = self.endpoint.openrouter
        if reader.error is not None:
            if begun:
                raise http_errors.in_answer(reader.error)
            raise self.refusal(200, reader.error, response.headers, model)
        if finish.reason in (None, "error"):
            failed = "the provider reports an error" if finish.reason else problem
            reason = failed or "the stream ended without a finish reason"
            raise http_errors.broken(self.name, reason, begun, free and bool(finish.reason))

    def _checked(self, response: Response, model: str) -> Iterable[tuple[str, str]]:
        """Return the SSE blocks; what is no event stream is an error or taken as a whole answer."""
        bytes_ = response.iter_bytes()
        kind = response.headers.get("content-type", "").lower()
        labelled = kind.startswith("text/event-stream")
        taken, head = sse.start(bytes_)
        if head.startswith(sse.SIGNS) or (labelled and not head.startswith(b"{")):
            return sse.events(chain([taken], bytes_))
        if not head:
            raise http_errors.broken(
                self.name, f"HTTP {response.status_code} with nothing in it", begun=False
            )
        answer = unstreamed(chain([taken], bytes_)) if head.startswith(b"{") else None
        if answer is None:
            raise http_errors.web_page(self.name)
        if error_of(answer) is answer:
            raise self.refusal(200, answer, response.headers, model)
        return [("", json.dumps(as_chunk(answer))), ("", "[DONE]")]
