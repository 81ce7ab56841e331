"""Many requests at the same time, in one event loop: the SDK's HTTP client, or several of them.

What all requests have in common, address and headers, is made once; two thirds of what the SDK's
own ``post`` takes go into making it anew. The bytes of each answer are taken in as they come, under
its deadlines; what they mean is read by `answers`, as of any other call. What came before a Stop
can be read, too.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Protocol

import httpx2
import openai

from ..calls import Event, Request
from ..errors import M1Error
from ..settings.endpoints import Endpoint
from ..text import one_line
from .answers import Response
from .deadlines import Timeouts

# A line of its own: the same words in an answer's text, which is JSON, have no line's end before.
DONE = re.compile(rb"[\r\n]data: ?\[DONE\]")
MARK = 16  # bytes that hold it
LARGEST = 100_000_000  # bytes of an answer; the longest one that a model gives has half of that
TAIL = 0.05  # seconds for what ends a body behind its last event, so that its connection serves on
ENCODE = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
FEW = 32  # connections of a client on httpx2
LOST = 2  # requests without an answer after which each one gets a connection of its own
IDLE = 15.0  # seconds after which a connection is not used again: a server may have closed it


class RawAnswer:
    """What came of one answer: a response and its deadlines, as `answers` reads them."""

    def __init__(self) -> None:
        self.expired: str | None = None
        self.sent = False
        self.status_code = 0
        self.headers: Mapping[str, str] = {}
        self.pieces: list[bytes] = []
        self.broke: BaseException | None = None
        self.data = False
        self.began = time.monotonic()

    @property
    def accepted(self) -> bool:
        """Did the server accept the request?"""
        return 200 <= self.status_code < 300

    def fed(self) -> None:
        """A data event came."""
        self.data = True

    def iter_bytes(self) -> Iterator[bytes]:
        """Yield what came; raise what broke it."""
        yield from self.pieces
        if self.broke is not None:
            raise self.broke


class Wire(Protocol):
    """What a backend knows of one server, and of what it says."""

    endpoint: Endpoint
    timeouts: Timeouts
    failed: tuple[type[BaseException], ...]
    broken: tuple[type[BaseException], ...]

    def body(self, request: Request) -> dict[str, Any]:
        """Return the body of a request as this server takes it."""

    def only_ours(self, request: httpx2.Request) -> None:
        """Send these headers and no other, and this key and no other."""

    def problem(
        self,
        error: BaseException,
        what: str,
        watchdog: RawAnswer,
        head: tuple[int, Mapping[str, str]],
        request: Request | None = None,
    ) -> M1Error:
        """Return what one of ``failed`` means."""

    def read(self, response: Response, watchdog: RawAnswer, model: str) -> Iterator[Event]:
        """Yield the events of a response."""


class ManyWires:
    """Asks as one backend does, ``calls`` at the same time; used within one event loop."""

    def __init__(self, wire: Wire, calls: int) -> None:
        self._wire, self._timeouts = wire, wire.timeouts
        self._clients = self._http_clients(calls)
        self._free = [one for one, room in self._clients for _ in range(room)]
        self._url = httpx2.URL(f"{wire.endpoint.url.rstrip('/')}/chat/completions")
        kinds = {"accept": "application/json", "content-type": "application/json"}
        request = self._clients[0][0].build_request("POST", self._url, headers=kinds)
        del request.headers["content-length"]  # each has its own
        wire.only_ours(request)
        self._headers, self._lost = request.headers.raw, 0

    def new_answer(self) -> RawAnswer:
        """Return what one answer will be taken into."""
        return RawAnswer()

    async def fetch(
        self, request: Request, answer: RawAnswer, started: Callable[[str | None], object]
    ) -> None:
        """Take in an answer; ``started`` is told its generation id once its headers are there.

        Raises:
            M1Error: no answer came.
        """
        client = self._free.pop()
        try:
            await self._fetch(client, request, answer, started)
        finally:
            self._free.append(client)

    async def _fetch(
        self,
        client: httpx2.AsyncClient,
        request: Request,
        answer: RawAnswer,
        started: Callable[[str | None], object],
    ) -> None:
        failed: BaseException
        most = self._timeouts
        try:
            async with asyncio.timeout(min(most.first_token, most.deadline)) as until:
                try:
                    response = await self._post(client, request, answer)
                except (*self._wire.failed, *_aiohttps()) as error:
                    failed = _lost(error)
                    if not answer.status_code:
                        self._mistrust()
                else:
                    started(answer.headers.get("x-generation-id") or None)
                    await self._take(response, answer, until)
                    return
        except TimeoutError:
            answer.expired = self._expired(answer)
            if answer.accepted:
                return
            failed = httpx2.ReadTimeout(answer.expired)
        head = (answer.status_code, answer.headers)
        # Outside of ``except``, for the error holds key and prompt.
        raise self._wire.problem(failed, request.model, answer, head, request)

    def events(self, answer: RawAnswer, model: str) -> Iterator[Event]:
        """Yield the events of what came; raise M1Error where it broke."""
        return self._wire.read(answer, answer, model)

    async def close(self) -> None:
        """Close all connections."""
        for client, _ in self._clients:
            await client.aclose()

    def _mistrust(self) -> None:
        """Count a connection that was lost; some servers close them and do not say so."""
        self._lost += 1
        if self._lost == LOST:
            others = [one for one in self._headers if one[0].lower() != b"connection"]
            self._headers = [*others, (b"connection", b"close")]

    async def _post(
        self, client: httpx2.AsyncClient, request: Request, answer: RawAnswer
    ) -> httpx2.Response:
        """Return the response to a request once its headers are there; raise what is no answer."""
        words = ENCODE(self._wire.body(request)).encode()
        headers = [*self._headers, (b"content-length", b"%d" % len(words))]
        # As a stream, or its headers would be made twice more.
        body = httpx2.ByteStream(words)
        post = httpx2.Request("POST", self._url, headers=headers, stream=body)
        post.read()
        answer.sent = True  # as far as anybody knows
        response = await client.send(post, stream=True)
        answer.status_code, answer.headers = response.status_code, response.headers
        if not answer.accepted:
            try:
                await response.aread()
            finally:
                await response.aclose()
            refusal = f"Error code: {response.status_code}"
            raise openai.APIStatusError(refusal, response=response, body=_parsed(response.text))
        return response

    async def _take(
        self, response: httpx2.Response, answer: RawAnswer, until: asyncio.Timeout
    ) -> None:
        """Take in the body, up to its last event; ``until`` is put off by each data event."""
        now, most = asyncio.get_running_loop().time, self._timeouts
        end, tail, room = now() + most.deadline, b"\n", LARGEST
        body = response.aiter_bytes()
        try:
            async for piece in body:
                answer.pieces.append(piece)
                room -= len(piece)
                if room < 0:
                    raise httpx2.ReadError("an answer without an end")
                data = b"data:" in tail[-4:] + piece  # it may come byte by byte
                tail = (tail + piece)[-2 * MARK :]
                if DONE.search(tail):
                    with suppress(TimeoutError):
                        async with asyncio.timeout(TAIL):
                            await anext(body, None)
                    return
                if data:
                    answer.fed()
                    until.reschedule(min(now() + most.token, end))
        except (*self._wire.broken, *_aiohttps()) as error:
            answer.broke = _lost(error)
        finally:
            await response.aclose()

    def _expired(self, answer: RawAnswer) -> str:
        """Return which deadline has passed."""
        most = self._timeouts
        if not answer.data:
            return f"no token in {most.first_token:g} s"
        if time.monotonic() - answer.began >= most.deadline:
            return f"the call took longer than {most.deadline:g} s"
        return f"no token for {most.token:g} s"

    def _http_clients(self, calls: int) -> list[tuple[httpx2.AsyncClient, int]]:
        """Return clients, each with how many connections it has room for.

        The SDK's on aiohttp serves all of them, where that is installed; those on httpx2 alone look
        through all their connections at each request, so each has few.
        """
        try:
            return [(openai.DefaultAioHttpClient(**self._options(calls)), calls)]
        except RuntimeError:
            trust = not self._wire.endpoint.loopback
            verify = httpx2.create_ssl_context(trust_env=trust)  # once: it takes longest
            rooms = [min(FEW, calls - start) for start in range(0, calls, FEW)]
            one = openai.DefaultAsyncHttpxClient
            return [(one(**self._options(room), verify=verify), room) for room in rooms]

    def _options(self, calls: int) -> dict[str, Any]:
        """Return the options of a client for so many calls at the same time."""
        timeouts = self._timeouts
        return {
            "follow_redirects": False,
            "trust_env": not self._wire.endpoint.loopback,
            "limits": httpx2.Limits(
                max_connections=calls, max_keepalive_connections=calls, keepalive_expiry=IDLE
            ),
            "timeout": httpx2.Timeout(timeouts.deadline + 1, connect=timeouts.connect),
        }


def _parsed(text: str) -> object:
    """Return the body of a refusal, decoded where it is JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _aiohttps() -> tuple[type[Exception], ...]:
    """Return what aiohttp raises, for its client lets through what it has no other name for."""
    aiohttp = sys.modules.get("aiohttp")
    return () if aiohttp is None else (aiohttp.ClientError,)


def _lost(error: BaseException) -> BaseException:
    """Return a connection that broke as what it is: not as one that was never made.

    The client on aiohttp gives both the same type; only of the latter nothing can have left.
    """
    aiohttp, cause = sys.modules.get("aiohttp"), error.__cause__ or error
    if aiohttp is None or not isinstance(cause, aiohttp.ClientError):
        return error
    made = not isinstance(cause, (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError))
    return httpx2.ReadError(one_line(cause, 200)) if made else error
