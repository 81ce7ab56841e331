"""OpenRouter, or any OpenAI-compatible server, through the OpenAI SDK: the only importer of it.

One ``stream`` is one request on the wire: the SDK's own retries, redirects, environment
variables and telemetry headers are off, the response is checked before it is read, and every
way in which it can break ends in one of our errors.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Mapping
from functools import partial
from typing import Any, TypeVar

import httpx2
import openai

from .. import errors as e
from ..calls import CostSource, Event, Request
from ..keys import Key
from ..settings.endpoints import Endpoint
from ..text import one_line
from . import answers, error_bodies, http_errors, retry_times
from .answers import Answers, Deadlines
from .deadlines import Timeouts, Watchdog
from .dialect import DIALECTS
from .facts import Facts

T = TypeVar("T")
# Who we are, for OpenRouter's app page (OpenRouter docs, app-attribution).
USER_AGENT = "m1-magic"
IDENTITY = {
    "HTTP-Referer": "https://github.com/m1-magic/m1-magic",
    "X-OpenRouter-Title": "m1-magic",
}
# All else that the SDK would send (x-stainless-*, OPENAI_CUSTOM_HEADERS, …) stays here.
HEADERS = ("host", "accept", "accept-encoding", "connection", "content-type", "content-length")
# Before a byte of the request can have left.
UNSENT = (
    httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout,
    httpx2.ProxyError, httpx2.UnsupportedProtocol, httpx2.InvalidURL,
)  # fmt: skip
# While an answer is read, beside `answers.BROKEN`; and before its headers are there.
BROKEN: tuple[type[BaseException], ...] = (
    *answers.BROKEN,
    openai.OpenAIError,
    httpx2.HTTPError,
    httpx2.StreamError,
)
FAILED: tuple[type[BaseException], ...] = (*BROKEN, httpx2.InvalidURL, RecursionError)
# A shorter word, like the "none" of a server without keys, is no secret and may be in any text.
SHORTEST_KEY = 8


class OpenRouter(Answers, Facts):
    """Request → Events over HTTP, with one key for one base URL; timeouts are in seconds.

    Raises:
        CannotConnect: proxy or certificate settings of the environment are no use.
    """

    broken = BROKEN
    failed: tuple[type[BaseException], ...] = FAILED

    def __init__(
        self,
        endpoint: Endpoint,
        key: Key,
        timeouts: Timeouts | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.endpoint = endpoint
        # Names are compared in lower case: what the user adds never stands beside ours twice.
        sent = httpx2.Headers(
            {**(IDENTITY if endpoint.openrouter else {}), "user-agent": USER_AGENT}
        )
        sent.update(headers or {})
        self._sent = dict(sent)
        # What OpenRouter takes is documented; other servers tell it when they refuse.
        self._dialect = None if endpoint.whole_api else DIALECTS[endpoint.url]
        self.name = endpoint.host
        self.billing: CostSource = "billed"
        self.prices_known = endpoint.whole_api
        self.skew: float | None = None
        self.timeouts = timeouts = timeouts or Timeouts()
        self._key = key
        self._secret: str = key if len(key) >= SHORTEST_KEY else ""
        self._asking = threading.local()
        self._client = openai.OpenAI(
            base_url=endpoint.url,
            api_key=key,
            max_retries=0,
            # Reading ends by the watchdog, who knows tokens from comments; this is behind it.
            timeout=httpx2.Timeout(timeouts.deadline + 1, connect=timeouts.connect, write=60),
            http_client=self._http_client(),
        )
        # Never sent (`HEADERS`), and asked of the system by a program, under a lock of Python's.
        vars(self._client)["platform_headers"] = dict

    def ready(self) -> None:
        """Do nothing: the first call connects by itself."""

    def stream(self, request: Request) -> Generator[Event]:
        """See Backend.stream; closing the iterator closes the connection."""
        with Watchdog(self.timeouts) as watchdog, self._post(request, watchdog) as stream:
            yield from self.read(stream.response, watchdog, request.model, bool(request.tools))

    def exchange(self, code: str, verifier: str) -> str:
        """Return the key for a pasted login code (OpenRouter docs, auth/oauth)."""
        body = {"code": code, "code_verifier": verifier, "code_challenge_method": "S256"}
        post = partial(self._client.post, cast_to=object, body=body)
        try:
            answer = self._ask(post, "/auth/keys")
        except (e.BadRequest, e.Flagged):
            answer = None
        key = answer.get("key") if isinstance(answer, dict) else None
        if not isinstance(key, str):
            raise e.KeyRefused(
                "OpenRouter gave no key for that code.", todo="Start %m1 login again."
            )
        return key

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _http_client(self) -> openai.DefaultHttpxClient:
        """Return the SDK's own HTTP client; raise what in the environment does not allow one."""
        try:
            return openai.DefaultHttpxClient(
                follow_redirects=False,
                # What is for this machine, in plain http, is not for a proxy to read.
                trust_env=not self.endpoint.loopback,
                # A connection that was left open may be dead: what goes into it "was sent".
                limits=httpx2.Limits(max_keepalive_connections=0),
                event_hooks={"request": [self._traced], "response": [self._see_head]},
            )
        except (ImportError, OSError, ValueError, httpx2.InvalidURL) as error:
            reason = type(error).__name__  # its words may quote the proxy's password
        unusable = e.CannotConnect(
            f"The proxy or certificate settings are no use ({reason}).",
            todo="Check HTTPS_PROXY, ALL_PROXY, NO_PROXY and SSL_CERT_FILE; "
            "a SOCKS proxy needs pip install socksio.",
        )
        unusable.retry = False
        raise unusable

    def only_ours(self, request: httpx2.Request) -> None:
        """Send these headers and no other, and this key and no other."""
        headers = {name: request.headers[name] for name in HEADERS if name in request.headers}
        authorization = {"authorization": f"Bearer {self._key}"}
        request.headers = httpx2.Headers({**headers, **self._sent, **authorization})

    def _traced(self, request: httpx2.Request) -> None:
        self.only_ours(request)
        request.extensions["trace"] = self._asking.watchdog.trace

    def _see_head(self, response: httpx2.Response) -> None:
        """Keep what a refusal says before its body, which may break, and compare the clocks."""
        self._asking.head = (response.status_code, response.headers)
        there = retry_times.moment(response.headers.get("date", ""))
        if there is not None:
            self.skew = time.time() - there

    def _get(self, path: str, timeout: float = 30.0) -> Any:
        answer = self._ask(partial(self._client.get, cast_to=object), path, timeout)
        if not isinstance(answer, dict) or "data" not in answer:
            raise http_errors.web_page(self.name)
        return answer["data"]

    def _ask(self, ask: Callable[..., T], path: str, timeout: float = 30.0) -> T:
        timeouts = Timeouts(self.timeouts.connect, timeout, timeout, timeout)
        with http_errors.free(), Watchdog(timeouts) as watchdog:
            return self._answer(partial(ask, path), path, watchdog)

    def _post(self, request: Request, watchdog: Watchdog) -> openai.Stream[object]:
        """Post the request; return the stream of its response once its headers are there."""
        body = self.body(request)
        kind = openai.Stream[object]
        post = partial(self._client.post, cast_to=object, body=body, stream=True, stream_cls=kind)
        return self._answer(partial(post, "/chat/completions"), request.model, watchdog, request)

    def body(self, request: Request) -> dict[str, Any]:
        """Return the body of a request as this server takes it, answered as a stream."""
        body = self._dialect.body(request) if self._dialect else request.body()
        body["stream"] = True
        if self.endpoint.host != "openrouter.ai":
            body["stream_options"] = {"include_usage": True}
        return body

    def _answer(
        self, ask: Callable[[], T], what: str, watchdog: Watchdog, request: Request | None = None
    ) -> T:
        """Return the SDK's answer, or raise what it raises before the headers are there as ours."""
        self._asking.watchdog, self._asking.head = watchdog, (0, {})
        problem: e.M1Error
        try:
            return ask()
        except FAILED as error:
            problem = self.problem(error, what, watchdog, self._asking.head, request)
        raise problem  # outside of ``except``, for the SDK's error holds key and prompt

    def problem(
        self,
        error: BaseException,
        what: str,
        watchdog: Deadlines,
        head: tuple[int, Mapping[str, str]],
        request: Request | None = None,
    ) -> e.M1Error:
        """Return what one of ``FAILED`` means that was raised before a response could be read.

        ``head`` has status and headers, if any came; a refusal of ``request`` may teach how this
        server wants to be asked.
        """
        if isinstance(error, openai.APIStatusError):
            response = error.response
            body = error_bodies.full_body(error.body, response.text)
            refused = self.refusal(response.status_code, body, response.headers, what)
            if request is None or self._dialect is None:
                return refused
            words = error_bodies.without(self._secret, response.text)
            return self._dialect.again(self.name, request, refused, words)
        if isinstance(error, (openai.APIConnectionError, httpx2.HTTPError, httpx2.InvalidURL)):
            cause = error.__cause__ if isinstance(error, openai.APIConnectionError) else None
            status, headers = head
            if status >= 400:
                return self.refusal(status, "", headers, what)
            return self._unreached(cause or error, watchdog)
        if isinstance(error, UnicodeEncodeError):
            return e.BadRequest(
                "The prompt holds half a character (a lone surrogate), which cannot be sent.",
                cost=e.NOTHING_SENT,
                todo="Take it out of the prompt.",
            )
        words = error_bodies.read(str(error), self._secret).words or type(error).__name__
        return e.SentNoAnswer(
            f"{self.name} answered with something that cannot be read ({words}).",
            todo="Check base_url: it usually ends in /v1.",
        )

    def _unreached(self, cause: BaseException, watchdog: Deadlines) -> e.M1Error:
        words = one_line(error_bodies.without(self._secret, str(cause)), 160)
        detail = words or type(cause).__name__
        if isinstance(cause, UNSENT) or not watchdog.sent:
            what = f"{self.name} cannot be reached ({detail})."
            return e.CannotConnect(what, todo="Check network, proxy and base_url.")
        reason = watchdog.expired or detail.rstrip(".")
        return http_errors.broken(self.name, reason, begun=False)
