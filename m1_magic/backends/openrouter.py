"""OpenRouter, or any OpenAI-compatible server, through the OpenAI SDK: the only importer of it.

One ``stream`` is one request on the wire: the SDK's own retries, redirects, environment
variables and telemetry headers are off, the response is checked before it is read, and every
way in which it can break ends in one of our errors.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any, TypeVar

import httpx2
import openai

from .. import errors as e
from ..calls import CostSource, Event, ReasoningDelta, Request, Started, TextDelta
from ..keys import Key
from ..settings.endpoints import Endpoint
from ..text import one_line
from . import error_bodies, http_errors, retry_times, sse
from .chunks import Reader, as_chunk, error_of, whole
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
# While an answer is read; ValueError: a TLS socket that the watchdog shut down between two reads,
# an event that is no JSON.
BROKEN = (
    openai.OpenAIError, httpx2.HTTPError, httpx2.StreamError, ImportError, OSError, ValueError,
)  # fmt: skip
# A shorter word, like the "none" of a server without keys, is no secret and may be in any text.
SHORTEST_KEY = 8


class OpenRouter(Facts):
    """Request → Events over HTTP, with one key for one base URL; timeouts are in seconds.

    Raises:
        CannotConnect: proxy or certificate settings of the environment are no use.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        key: Key,
        timeouts: Timeouts | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._headers = headers or {}
        # What OpenRouter takes is documented; other servers tell it when they refuse.
        self._dialect = None if endpoint.whole_api else DIALECTS[endpoint.url]
        self.name = endpoint.host
        self.billing: CostSource = "billed"
        self.prices_known = endpoint.whole_api
        self.skew: float | None = None
        self._timeouts = timeouts = timeouts or Timeouts()
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
        with Watchdog(self._timeouts) as watchdog, self._post(request, watchdog) as stream:
            headers = stream.response.headers
            generation_id = headers.get("x-generation-id") or None
            yield Started(generation_id)
            cached = headers.get("x-openrouter-cache-status", "").upper() == "HIT"
            free = self.endpoint.openrouter
            reader = Reader(request.model, generation_id, cached=cached, free=free)
            yield from self._events(stream.response, reader, watchdog, request.model)

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
                event_hooks={"request": [self._only_ours], "response": [self._see_head]},
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

    def _only_ours(self, request: httpx2.Request) -> None:
        """Send these headers and no other, and this key and no other."""
        headers = {name: request.headers[name] for name in HEADERS if name in request.headers}
        ours = IDENTITY if self.endpoint.openrouter else {}
        authorization = {"authorization": f"Bearer {self._key}"}
        # Names are compared in lower case: what the user adds never stands beside ours twice.
        added = httpx2.Headers({**ours, "user-agent": USER_AGENT})
        added.update(self._headers)
        request.headers = httpx2.Headers({**headers, **added, **authorization})
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
        timeouts = Timeouts(self._timeouts.connect, timeout, timeout, timeout)
        with http_errors.free(), Watchdog(timeouts) as watchdog:
            return self._answer(partial(ask, path), path, watchdog)

    def _post(self, request: Request, watchdog: Watchdog) -> openai.Stream[object]:
        """Post the request; return the stream of its response once its headers are there."""
        body = self._dialect.body(request) if self._dialect else request.body()
        body["stream"] = True
        if self.endpoint.host != "openrouter.ai":
            body["stream_options"] = {"include_usage": True}
        kind = openai.Stream[object]
        post = partial(self._client.post, cast_to=object, body=body, stream=True, stream_cls=kind)
        return self._answer(partial(post, "/chat/completions"), request.model, watchdog, request)

    def _answer(
        self, ask: Callable[[], T], what: str, watchdog: Watchdog, request: Request | None = None
    ) -> T:
        """Return the SDK's answer, or raise what it raises before the headers are there as ours.

        Raised outside of ``except``, for the SDK's error holds key and prompt.
        """
        self._asking.watchdog, self._asking.head = watchdog, (0, {})
        problem: e.M1Error
        try:
            return ask()
        except openai.APIStatusError as error:
            response = error.response
            body = error_bodies.whole(error.body, response.text)
            problem = self._refusal(response.status_code, body, response.headers, what)
            if request is not None and self._dialect is not None:
                words = error_bodies.without(self._secret, response.text)
                problem = self._dialect.again(self.name, request, problem, words)
        except (openai.APIConnectionError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            cause = error.__cause__ if isinstance(error, openai.APIConnectionError) else None
            status, headers = self._asking.head
            problem = self._unreached(cause or error, watchdog)
            if status >= 400:
                problem = self._refusal(status, "", headers, what)
        except UnicodeEncodeError:
            problem = e.BadRequest(
                "The prompt holds half a character (a lone surrogate), which cannot be sent.",
                cost=e.NOTHING_SENT,
                todo="Take it out of the prompt.",
            )
        except (*BROKEN, RecursionError) as error:
            words = error_bodies.read(str(error), self._secret).words or type(error).__name__
            problem = e.SentNoAnswer(
                f"{self.name} answered with something that cannot be read ({words}).",
                todo="Check base_url: it usually ends in /v1.",
            )
        raise problem

    def _refusal(
        self, status: int, body: object, headers: Mapping[str, str], model: str
    ) -> e.M1Error:
        free, openrouter = self.endpoint.openrouter, self.endpoint.whole_api
        return http_errors.refusal(
            status, body, headers, self.name, model, self._secret, openrouter, free
        )

    def _unreached(self, cause: BaseException, watchdog: Watchdog) -> e.M1Error:
        words = one_line(error_bodies.without(self._secret, str(cause)), 160)
        detail = words or type(cause).__name__
        if isinstance(cause, UNSENT) or not watchdog.sent:
            what = f"{self.name} cannot be reached ({detail})."
            return e.CannotConnect(what, todo="Check network, proxy and base_url.")
        reason = watchdog.expired or detail.rstrip(".")
        return http_errors.broken(self.name, reason, begun=False)

    def _events(
        self, response: httpx2.Response, reader: Reader, watchdog: Watchdog, model: str
    ) -> Iterator[Event]:
        begun, problem = False, ""
        try:
            for name, data in self._checked(response, model):
                if begun:
                    watchdog.fed()
                for event in reader.feed(error_bodies.without(self._secret, data), name):
                    if not begun and isinstance(event, (ReasoningDelta, TextDelta)):
                        begun = True
                        watchdog.fed()
                    yield event
                if reader.done:
                    break
            problem = watchdog.expired or ""
        except BROKEN as error:
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
            raise self._refusal(200, reader.error, response.headers, model)
        if finish.reason in (None, "error"):
            failed = "the provider reports an error" if finish.reason else problem
            reason = failed or "the stream ended without a finish reason"
            raise http_errors.broken(self.name, reason, begun, free and bool(finish.reason))

    def _checked(self, response: httpx2.Response, model: str) -> Iterable[tuple[str, str]]:
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
        answer = whole(chain([taken], bytes_)) if head.startswith(b"{") else None
        if answer is None:
            raise http_errors.web_page(self.name)
        if error_of(answer) is answer:
            raise self._refusal(200, answer, response.headers, model)
        return [("", json.dumps(as_chunk(answer))), ("", "[DONE]")]
