"""Many requests at the same time, in one event loop, by the SDK on aiohttp where that is installed.

The bytes of each answer are taken in as they come, under its deadlines; what they mean is read by
`answers`, as of any other call. What came before a Stop can be read, too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Protocol

import httpx2
import openai

from ..calls import Event, Request
from ..errors import M1Error
from ..settings.endpoints import Endpoint
from .answers import Response
from .deadlines import Timeouts

DONE = b"data: [DONE]"
TAIL = 0.05  # seconds for what ends a body behind its last event, so that its connection serves on
IDLE = 15.0  # seconds after which a connection is not used again: a server may have closed it


class Came:
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
        watchdog: Came,
        head: tuple[int, Mapping[str, str]],
        request: Request | None = None,
    ) -> M1Error:
        """Return what one of ``failed`` means."""

    def read(self, response: Response, watchdog: Came, model: str) -> Iterator[Event]:
        """Yield the events of a response."""


# Whose response an event of the client is about.
ASKING: ContextVar[Came] = ContextVar("came")


class ManyWires:
    """Asks as one backend does, ``calls`` at the same time; used within one event loop."""

    def __init__(self, wire: Wire, calls: int) -> None:
        self._wire, self._timeouts = wire, wire.timeouts
        self._client = openai.AsyncOpenAI(
            base_url=wire.endpoint.url,
            api_key="none",  # ours is put into the headers of each request
            max_retries=0,
            timeout=httpx2.Timeout(self._timeouts.deadline + 1, connect=self._timeouts.connect),
            http_client=self._http_client(calls),
        )
        vars(self._client)["platform_headers"] = dict

    def came(self) -> Came:
        """Return what one answer will be taken into."""
        return Came()

    async def fetch(
        self, request: Request, came: Came, started: Callable[[str | None], object]
    ) -> None:
        """Take in an answer; ``started`` is told its generation id once its headers are there.

        Raises:
            M1Error: no answer came.
        """
        failed: BaseException
        most = self._timeouts
        try:
            async with asyncio.timeout(min(most.first_token, most.deadline)) as until:
                try:
                    stream = await self._post(request, came)
                except self._wire.failed as error:
                    failed = error
                else:
                    started(came.headers.get("x-generation-id") or None)
                    await self._take(stream.response, came, until)
                    return
        except TimeoutError:
            came.expired = self._expired(came)
            if came.accepted:
                return
            failed = httpx2.ReadTimeout(came.expired)
        head = (came.status_code, came.headers)
        # Outside of ``except``, for the SDK's error holds key and prompt.
        raise self._wire.problem(failed, request.model, came, head, request)

    def events(self, came: Came, model: str) -> Iterator[Event]:
        """Yield the events of what came; raise M1Error where it broke."""
        return self._wire.read(came, came, model)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def _post(self, request: Request, came: Came) -> openai.AsyncStream[object]:
        ASKING.set(came)
        came.sent = True  # as far as anybody knows
        return await self._client.post(
            "/chat/completions",
            cast_to=object,
            body=self._wire.body(request),
            stream=True,
            stream_cls=openai.AsyncStream[object],
        )

    async def _take(self, response: httpx2.Response, came: Came, until: asyncio.Timeout) -> None:
        """Take in the body, up to its last event; ``until`` is put off by each data event."""
        now, most = asyncio.get_running_loop().time, self._timeouts
        end, tail = now() + most.deadline, b""
        body = response.aiter_bytes()
        try:
            async for piece in body:
                came.pieces.append(piece)
                tail = (tail + piece)[-2 * len(DONE) :]
                if DONE in tail:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(TAIL):
                            await anext(body, None)
                    return
                if b"data:" in piece:
                    came.fed()
                    until.reschedule(min(now() + most.token, end))
        except self._wire.broken as error:
            came.broke = error
        finally:
            await response.aclose()

    def _expired(self, came: Came) -> str:
        """Return which deadline has passed."""
        most = self._timeouts
        if not came.data:
            return f"no token in {most.first_token:g} s"
        if time.monotonic() - came.began >= most.deadline:
            return f"the call took longer than {most.deadline:g} s"
        return f"no token for {most.token:g} s"

    def _http_client(self, calls: int) -> httpx2.AsyncClient:
        """Return the SDK's client on aiohttp, where that is installed, else on httpx2 alone."""
        options: dict[str, Any] = {
            "follow_redirects": False,
            "trust_env": not self._wire.endpoint.loopback,
            "limits": httpx2.Limits(
                max_connections=calls, max_keepalive_connections=calls, keepalive_expiry=IDLE
            ),
            "event_hooks": {"request": [self._only_ours], "response": [_see_head]},
        }
        try:
            return openai.DefaultAioHttpClient(**options)
        except RuntimeError:
            return openai.DefaultAsyncHttpxClient(**options)

    async def _only_ours(self, request: httpx2.Request) -> None:
        self._wire.only_ours(request)


async def _see_head(response: httpx2.Response) -> None:
    """Keep what is said before the body, which may break."""
    came = ASKING.get()
    came.status_code, came.headers = response.status_code, response.headers
