"""OpenRouter, or any OpenAI-compatible server, through the OpenAI SDK: the only importer of it.

One ``stream`` is one request on the wire: the SDK's own retries, redirects, environment
variables and telemetry headers are off, the response is checked before it is read, and every
way in which it can break ends in one of our errors.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any
from urllib.parse import quote

import httpx2
import openai

from .. import errors as e
from ..calls import Event, Request, Started, Text, Thinking
from ..endpoints import Endpoint
from ..keys import Key
from ..prices import Offer, offer_of
from . import sse
from .refusals import message, refusal, web_page
from .watchdog import Timeouts, Watchdog
from .wire import Reader

# Who we are, for OpenRouter's app page (OpenRouter docs, app-attribution).
USER_AGENT = "m1-magic"
IDENTITY = {
    "HTTP-Referer": "https://github.com/m1-magic/m1-magic",
    "X-OpenRouter-Title": "m1-magic",
}
# All else that the SDK would send (x-stainless-*, OPENAI_CUSTOM_HEADERS, …) stays here.
HEADERS = ("host", "accept", "accept-encoding", "connection", "content-type", "content-length")
LARGEST_JSON = 32_000_000
# Before a byte of the request can have left.
UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError, httpx2.UnsupportedProtocol)


class OpenRouter:
    """Request → Events over HTTP.

    Args:
        endpoint: the checked base URL.
        key: what is sent as ``Authorization: Bearer``.
        timeouts: in seconds.
    """

    def __init__(self, endpoint: Endpoint, key: Key, timeouts: Timeouts | None = None) -> None:
        self.endpoint = endpoint
        self.name = endpoint.host
        self.prices_known = endpoint.openrouter
        self._timeouts = limits = timeouts or Timeouts()
        self._client = openai.OpenAI(
            base_url=endpoint.url,
            api_key=key,
            max_retries=0,
            timeout=httpx2.Timeout(limits.first_token, connect=limits.connect, write=60, pool=5),
            http_client=openai.DefaultHttpxClient(
                follow_redirects=False, event_hooks={"request": [self._only_ours]}
            ),
        )
        self._key = key

    def ready(self) -> None:
        """Do nothing: the first call connects by itself."""

    def stream(self, request: Request) -> Generator[Event]:
        """Yield the events of one completion; closing the iterator closes the connection.

        Raises:
            M1Error: see ``refusals`` and ``errors``; after the first event, ``CutOff``.
        """
        with self._sending(request) as response:
            generation_id = response.headers.get("x-generation-id")
            yield Started(generation_id)
            reader = Reader(request.model, generation_id)
            network = response.extensions.get("network_stream")
            with Watchdog(network, self._timeouts) as watchdog:
                yield from self._events(response, reader, watchdog, request)

    def offer(self, model: str, max_price: Mapping[str, Any] | None = None) -> Offer | None:
        """Return limits and prices of ``model``, None where the server does not tell them."""
        if not self.endpoint.openrouter:
            return None
        path = "/models/" + quote(model.split(":")[0], safe="/") + "/endpoints"
        try:
            data = self._get(path, timeout=5.0)
        except e.M1Error:
            return None
        endpoints = data.get("endpoints") if isinstance(data, dict) else None
        return (
            offer_of(model, [x for x in endpoints if isinstance(x, dict)], max_price)
            if endpoints
            else None
        )

    def models(self) -> list[dict[str, Any]]:
        """Return the models to be had (``GET /models``)."""
        data = self._get("/models")
        return (
            [model for model in data if isinstance(model, dict)] if isinstance(data, list) else []
        )

    def key(self) -> dict[str, Any]:
        """Return the key's limit and use, in US dollars (``GET /key``)."""
        data = self._get("/key")
        return data if isinstance(data, dict) else {}

    def generation(self, generation_id: str) -> dict[str, Any] | None:
        """Return the record of a completion, None while there is none (``GET /generation``)."""
        try:
            data = self._get("/generation?id=" + quote(generation_id, safe=""), timeout=10.0)
        except e.NoSuchModel:
            return None
        return data if isinstance(data, dict) else None

    def exchange(self, code: str, verifier: str) -> str:
        """Return the key for a pasted login code (OpenRouter docs, auth/oauth)."""
        body = {"code": code, "code_verifier": verifier, "code_challenge_method": "S256"}
        with _told(self.name, "login"):
            answer = self._client.post("/auth/keys", cast_to=object, body=body)
        key = answer.get("key") if isinstance(answer, dict) else None
        if not isinstance(key, str):
            raise e.KeyRefused(
                "OpenRouter gave no key for that code.", todo="Start %m1 login again."
            )
        return key

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _only_ours(self, request: httpx2.Request) -> None:
        """Send these headers and no other, and this key and no other."""
        kept = {name: request.headers[name] for name in HEADERS if name in request.headers}
        ours = IDENTITY if self.endpoint.openrouter else {}
        authorization = {"authorization": f"Bearer {self._key}", "user-agent": USER_AGENT}
        request.headers = httpx2.Headers({**kept, **authorization, **ours})

    def _get(self, path: str, timeout: float = 30.0) -> Any:
        with _told(self.name, path):
            answer = self._client.get(path, cast_to=object, options={"timeout": timeout})
        if not isinstance(answer, dict) or "data" not in answer:
            raise web_page(self.name)
        return answer["data"]

    @contextmanager
    def _sending(self, request: Request) -> Iterator[httpx2.Response]:
        """Post the request; yield the response once its headers are there, close it at the end."""
        body = request.body() | {"stream": True}
        if self.endpoint.host != "openrouter.ai":
            body["stream_options"] = {"include_usage": True}
        with _told(self.name, request.model):
            stream = self._client.post(
                "/chat/completions",
                cast_to=object,
                body=body,
                stream=True,
                stream_cls=openai.Stream[object],
            )
        with stream:
            yield stream.response

    def _events(
        self, response: httpx2.Response, reader: Reader, watchdog: Watchdog, request: Request
    ) -> Iterator[Event]:
        begun = False
        try:
            chunks = self._checked(response, reader, request)
            for name, data in chunks:
                watchdog.fed()
                for event in reader.feed(data, name):
                    begun = begun or isinstance(event, (Thinking, Text))
                    yield event
                if reader.done:
                    break
        except (httpx2.HTTPError, OSError) as error:
            reason = watchdog.expired or e.plain(error, 120) or type(error).__name__
            raise self._broken(reason, begun) from None
        yield from self._ended(reader, watchdog, begun)

    def _checked(
        self, response: httpx2.Response, reader: Reader, request: Request
    ) -> Iterable[tuple[str, str]]:
        """Return the SSE blocks; what is no event stream is told or taken as a whole answer."""
        bytes_ = response.iter_bytes()
        kind = response.headers.get("content-type", "").lower()
        if kind.startswith("text/event-stream"):
            return sse.events(bytes_)
        start = next((chunk for chunk in bytes_ if chunk.strip()), b"")
        head = start.lstrip().removeprefix(sse.BOM)
        if head.startswith((b"data:", b":", b"event:", b"id:", b"retry:")):
            return sse.events(chain([start], bytes_))
        if not head:
            raise self._broken(f"HTTP {response.status_code} with nothing in it", begun=False)
        if not head.startswith((b"{", b"[")):
            raise web_page(self.name)
        return self._whole(start, bytes_, reader, request)

    def _whole(
        self, start: bytes, rest: Iterator[bytes], reader: Reader, request: Request
    ) -> list[tuple[str, str]]:
        """Read an answer that is JSON instead of a stream; return it as if it had been streamed."""
        body = bytearray(start)
        for chunk in rest:
            body += chunk
            if len(body) > LARGEST_JSON:
                raise web_page(self.name)
        try:
            answer = json.loads(body)
        except ValueError:
            raise web_page(self.name) from None
        if not isinstance(answer, dict) or not (answer.get("choices") or answer.get("error")):
            raise web_page(self.name)
        if answer.get("error"):
            code = answer["error"].get("code") if isinstance(answer["error"], dict) else None
            raise refusal(
                code if isinstance(code, int) else 500, answer, {}, self.name, request.model
            )
        return [("", json.dumps(_as_chunk(answer))), ("", "[DONE]")]

    def _ended(self, reader: Reader, watchdog: Watchdog, begun: bool) -> Iterator[Event]:
        *held, finish = reader.finish()
        yield from held
        if watchdog.expired:
            raise self._broken(watchdog.expired, begun)
        yield finish
        if finish.reason is None:  # type: ignore[union-attr]
            raise self._broken("the stream ended without a finish reason", begun)
        if finish.reason == "error":  # type: ignore[union-attr]
            raise self._broken("the provider reports an error", begun)

    def _broken(self, reason: str, begun: bool) -> e.M1Error:
        if begun:
            return e.CutOff(f"The answer was cut off: {reason}. The text so far is kept.")
        return e.SentNoAnswer(
            f"The request was sent, but {self.name} gave no answer: {reason}.",
            todo="It was not sent again by itself; run the cell to do so.",
        )


def _as_chunk(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return a whole completion in the shape of a chunk."""
    choices = answer["choices"]
    first = (
        choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    )
    return {**answer, "choices": [{**first, "delta": first.get("message")}]}


@contextmanager
def _told(host: str, model: str) -> Iterator[None]:
    """Turn whatever the SDK raises before the headers are there into one of our errors."""
    try:
        yield
    except openai.APIStatusError as error:
        headers = {name.lower(): value for name, value in error.response.headers.items()}
        raise refusal(error.status_code, error.body, headers, host, model) from None
    except openai.APIConnectionError as error:
        raise _unreached(error.__cause__ or error, host) from None
    except ImportError as error:
        raise e.CannotConnect(f"The proxy cannot be used: {e.plain(error)}.") from None
    except (openai.OpenAIError, httpx2.HTTPError, OSError, ValueError) as error:
        raise e.SentNoAnswer(
            f"{host} answered with something that cannot be read ({message(str(error))}).",
            todo="Check base_url: it usually ends in /v1.",
        ) from None


def _unreached(cause: BaseException, host: str) -> e.M1Error:
    detail = e.plain(cause, 160) or type(cause).__name__
    if isinstance(cause, UNSENT):
        return e.CannotConnect(
            f"{host} cannot be reached ({detail}).", todo="Check network, proxy and base_url."
        )
    return e.SentNoAnswer(
        f"The request was sent, but {host} gave no answer ({detail}).",
        todo="It was not sent again by itself; run the cell to do so.",
    )
