"""The OpenRouter backend on the wire: a real server, real sockets, and how all of it breaks."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

import tls
from emulator import STATUSES, Answer, closed_port, routes
from emulator import OpenRouter as Emulator
from emulator.exchange import Exchange
from faulty import TEXT, THOUGHT, own, told, without_proxies
from m1_magic import errors as e
from m1_magic.backends import exchange
from m1_magic.backends.deadlines import Timeouts
from m1_magic.backends.openrouter import OpenRouter
from m1_magic.calls import Event, Finish, Message, ReasoningDelta, Request, Started, Text, TextDelta
from m1_magic.keys import Key
from m1_magic.settings.endpoints import Endpoint, endpoint
from scripted import MODEL
from scripted import request as ask

KEY = "sk-or-v1-test-0000"
SHORT = 0.3


def at(server: Emulator, host: str = "") -> Endpoint:
    """The server's endpoint; with ``host``, as if it were that one."""
    return Endpoint(server.base_url, host, loopback=False) if host else endpoint(server.base_url)


@dataclass
class Came:
    """What one call brought, to its end or to its error."""

    events: list[Event] = field(default_factory=list)
    error: BaseException | None = None

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    @property
    def thinking(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, ReasoningDelta))

    @property
    def finish(self) -> Finish | None:
        """The Finish, which is the last event and the only one."""
        ends = [event for event in self.events if isinstance(event, Finish)]
        assert ends in ([], self.events[-1:])
        return ends[0] if ends else None


def call(where: Emulator | Endpoint, request: Request | None = None, **timeouts: float) -> Came:
    """Make one call, with time enough unless ``timeouts`` says otherwise."""
    place = at(where) if isinstance(where, Emulator) else where
    came = Came()
    with closing(OpenRouter(place, Key(KEY, "a test"), Timeouts(**timeouts))) as backend:
        try:
            for event in backend.stream(request or ask()):
                came.events.append(event)
        except BaseException as error:
            came.error = error
    return came


def is_told(error: BaseException | None) -> str:
    """Return the error's one paragraph, without the key anywhere in its chain."""
    said = told(error)
    assert error is not None and "Traceback" not in said
    link: BaseException | None = error
    while link is not None:
        shown = (str(link), repr(link), repr(link.args), repr(vars(link)))
        assert not any(KEY in text for text in shown), shown
        link = link.__cause__ or link.__context__
    assert KEY not in "".join(traceback.format_exception(error))
    return said


@pytest.fixture
def fault(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Exchange], None]], Answer]:
    """Makes an Answer of a function that answers one exchange in a way of its own."""

    return lambda run: own(monkeypatch, run)


# --- how a stream ends ---------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["a", "b", "c"])
def test_the_usage_in_each_of_its_places(server: Emulator, shape: Any) -> None:
    server.say(Answer(text=TEXT, thinking=THOUGHT, usage_shape=shape, cached=2))
    finish = call(server).finish
    assert finish is not None
    assert finish.usage is not None
    assert (finish.reason, finish.usage.cached) == ("stop", 2)
    assert finish.cost is not None
    assert finish.cost > 0


@pytest.mark.parametrize("ending", ["close", "reset", "hang"])
def test_r04_what_breaks_after_the_finish_reason_took_nothing(
    server: Emulator, fault: Any, ending: str
) -> None:
    """Without [DONE] the end is told by the finish reason; the usage before it counts."""

    def run(x: Exchange) -> None:
        x.head()
        x.play([one for one in x.events() if one.kind != "done"])
        {"close": x.leave, "reset": x.reset, "hang": x.hang}[ending]()

    server.say(fault(run))
    came = call(server, token=SHORT if ending == "hang" else 60)
    assert (came.text, came.error) == (TEXT, None)
    assert came.finish is not None
    assert (came.finish.reason, came.finish.cost is None) == ("stop", False)
    assert server.wait_closed()


def test_what_was_billed_before_it_broke_is_told(server: Emulator, fault: Any) -> None:
    def run(x: Exchange) -> None:
        x.head()
        x.play([one for one in x.events() if one.kind not in ("done", "finish")])
        x.reset()

    server.say(fault(run))
    came = call(server)
    assert isinstance(came.error, e.CutOff)
    assert came.finish is not None
    assert came.finish.reason is None
    assert came.finish.cost == Decimal(str(next(iter(server.generations.values()))["total_cost"]))


def test_what_is_held_back_for_a_tag_is_kept_when_it_breaks(server: Emulator, fault: Any) -> None:
    def run(x: Exchange) -> None:
        x.head()
        for piece in ("<think>", "Hm </thi"):
            chunk = {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}
            x.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        x.reset()

    server.say(fault(run))
    came = call(server)
    assert (came.thinking, type(came.error)) == ("Hm </thi", e.CutOff)


def test_a_finish_reason_of_error_is_one(server: Emulator) -> None:
    server.say(Answer(text="so far", finish="error"))
    came = call(server)
    assert (came.text, type(came.error)) == ("so far", e.CutOff)
    assert came.finish is not None
    assert came.finish.reason == "error"


@pytest.mark.parametrize("padding", [b"", b"\n\n   \n", b"\xef\xbb\xbf"], ids=repr)
def test_s041_a_whole_answer_behind_blanks(server: Emulator, fault: Any, padding: bytes) -> None:
    def run(x: Exchange) -> None:
        choice = {"finish_reason": "length", "message": {"content": TEXT}}
        x.page(200, padding + json.dumps({"choices": [choice]}).encode(), "application/json")

    server.say(fault(run))
    came = call(server)
    assert (came.text, came.error) == (TEXT, None)
    assert came.finish == Finish("length", model=MODEL)


@pytest.mark.parametrize(
    "body",
    [b"{}", b"[]", b"null", b'"hi"', b'{"status":"up"}', b"\xff\xfe", b"[" * 100_000],
    ids=repr,
)
def test_r03_a_body_that_is_no_answer(server: Emulator, fault: Any, body: bytes) -> None:
    server.say(fault(lambda x: x.page(200, body, "application/json")))
    came = call(server)
    assert isinstance(came.error, e.LoginPage)
    is_told(came.error)
    assert server.wait_closed()


@pytest.mark.parametrize("body", [b"{", b'{"choices":[{"message":{"content":"Yes', b'{"a"' * 9000])
def test_s041_half_of_a_whole_answer_may_be_charged(
    server: Emulator, fault: Any, body: bytes
) -> None:
    server.say(fault(lambda x: x.page(200, body, "application/json")))
    came = call(server)
    assert isinstance(came.error, e.SentNoAnswer)
    assert "half an answer" in is_told(came.error)


# --- refusals ------------------------------------------------------------------------------------

CLASSES: dict[int, type[e.M1Error]] = {
    400: e.BadRequest,
    401: e.KeyRefused,
    402: e.OutOfCredit,
    403: e.Flagged,
    404: e.NoSuchModel,
    405: e.BadRequest,
    408: e.SentNoAnswer,
    409: e.BadRequest,
    413: e.PromptTooLarge,
    418: e.BadRequest,
    422: e.BadRequest,
    429: e.RateLimited,
    500: e.ProviderDown,
    501: e.ProviderDown,
    502: e.ProviderDown,
    503: e.ProviderDown,
    504: e.SentNoAnswer,
    524: e.SentNoAnswer,
    529: e.ProviderDown,
}
MAY_COST = {408, 500, 501, 502, 504, 524, 529}
FOUL = "\x1b[31mred\x1b[0m\r\n<script>alert(1)</script>\u202e\u200b\x9b" + "long " * 20_000


def test_every_documented_status_is_here() -> None:
    assert set(STATUSES) <= set(CLASSES)


@pytest.mark.parametrize("new_shape", [False, True], ids=["old", "new"])
@pytest.mark.parametrize("said", [None, FOUL, f"Invalid key {KEY}!"], ids=["usual", "foul", "key"])
@pytest.mark.parametrize("status", CLASSES)
def test_s014_to_s032_a_refusal(
    server: Emulator, status: int, said: str | None, new_shape: bool
) -> None:
    server.say(Answer.http_error(status, said, new_shape=new_shape))
    came = call(server)
    assert came.events == []
    assert type(came.error) is CLASSES[status]
    words = is_told(came.error)
    assert came.error.charged is False  # zero completion insurance
    assert came.error.retry is (status in (429, 503))
    assert "may be charged" not in words
    if said == FOUL:
        assert "[31mred [0m <script>alert(1)</script> long long" in words
    elif said:
        assert "Invalid key (the key)!" in words
    assert len(server.requests) == 1
    assert server.wait_closed()


@pytest.mark.parametrize("status", CLASSES)
def test_another_host_may_charge_for_what_failed_there(server: Emulator, status: int) -> None:
    server.say(Answer.http_error(status))
    came = call(at(server, "llm.example.org"))
    assert type(came.error) is CLASSES[status]
    assert ("may be charged" in is_told(came.error)) is came.error.charged is (status in MAY_COST)


@pytest.mark.parametrize("status", [408, 504, 524])
def test_a_gateways_page_after_a_timeout_does_not_tell_whether_it_costs(
    server: Emulator, fault: Any, status: int
) -> None:
    server.say(fault(lambda x: x.page(status, b"<html>timeout</html>", "text/html")))
    came = call(server)
    assert came.error is not None and came.error.charged


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html", b"<!DOCTYPE html><h1>Bad gateway</h1>" + b"<p>" * 40_000),
        ("text/html", b"\n  <html>"),
        ("text/plain", b"no upstream"),
        ("application/json", b""),
        ("application/json", b"{broken"),
        ("application/json", b"null"),
        ("application/json", b"[1]"),
        ("application/json", b'"down"'),
        ("application/json", b'{"error":null}'),
        ("application/json", b'{"error":"down"}'),
        ("application/json", b'{"error":{"message":{"x":1},"metadata":7}}'),
        ("application/json", b'{"detail":"Not Found"}'),
        ("application/json", b"\xff\xfe\x00"),
        ("application/json", b"[" * 100_000),
    ],
)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 502, 503])
def test_a_refusal_with_an_odd_body(
    server: Emulator, fault: Any, status: int, kind: str, body: bytes
) -> None:
    server.say(fault(lambda x: x.page(status, body, kind)))
    came = call(server)
    assert type(came.error) is CLASSES[status]
    assert "<" not in is_told(came.error)


@pytest.mark.parametrize(
    ("status", "error", "kind", "words"),
    [
        (400, {"message": "x/y is not a valid model ID"}, e.NoSuchModel, "%m1 models"),
        (
            400,
            {"message": "This endpoint's maximum context length is 40960 tokens."},
            e.PromptTooLarge,
            "Attach less",
        ),
        (400, {"message": "?", "type": "exceed_context_size_error"}, e.PromptTooLarge, "Attach"),
        (400, {"message": "?", "code": "context_length_exceeded"}, e.PromptTooLarge, "Attach"),
        (
            400,
            {"message": "?", "error_type": "context_length_exceeded", "http_status": 400},
            e.PromptTooLarge,
            "Attach",
        ),
        (
            422,
            {"message": "?", "metadata": {"error_type": "context_length_exceeded"}},
            e.PromptTooLarge,
            "Attach",
        ),
        (400, {"message": "max_tokens is too large"}, e.BadRequest, "max_tokens"),
        (
            403,
            {"message": "Flagged", "metadata": {"reasons": ["violence", "\x1b[2Jhate"]}},
            e.Flagged,
            "flagged for violence, [2Jhate",
        ),
        (403, {"message": "Flagged", "metadata": {"reasons": [KEY, 5]}}, e.Flagged, "(the key), 5"),
        (403, {"message": "Flagged", "metadata": {"reasons": "x"}}, e.Flagged, "Flagged"),
        (402, {"message": "Insufficient credits."}, e.OutOfCredit, "openrouter.ai/credits"),
        (401, {"message": "No auth"}, e.KeyRefused, "%m1 login"),
    ],
)
def test_a_refusal_says_what_to_do(
    server: Emulator, status: int, error: Any, kind: type[e.M1Error], words: str
) -> None:
    server.say(Answer(status=status, error=error))
    came = call(server)
    assert type(came.error) is kind
    assert words in is_told(came.error)


@pytest.mark.parametrize(
    ("code", "kind"),
    [(401, e.KeyRefused), (402, e.OutOfCredit), (429, e.RateLimited), ("x", e.ProviderDown)]
    + [(code, e.ProviderDown) for code in (None, 200, 302, 10**9, True)],
)
def test_s040_a_refusal_with_status_200(server: Emulator, fault: Any, code: Any, kind: Any) -> None:
    body = {"error": {"code": code, "message": f"no {KEY} today"}}
    server.say(fault(lambda x: x.json(200, body)))
    came = call(server)
    assert type(came.error) is kind
    assert "no (the key) today" in is_told(came.error)


@pytest.mark.parametrize(
    ("location", "named"),
    [
        ("https://portal.example/login?next=x", "portal.example"),
        ("//elsewhere.example", "elsewhere.example"),
        ("/there", "another address"),
        ("", "another address"),
        ("http://[broken", "another address"),
        ("https://" + "x" * 5000, "xxx…"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_r07_a_redirect_is_named_and_not_followed(
    server: Emulator, fault: Any, status: int, location: str, named: str
) -> None:
    server.say(fault(lambda x: x.page(status, b"", "text/plain", {"Location": location})))
    came = call(server)
    assert isinstance(came.error, e.LoginPage)
    assert named in is_told(came.error)
    assert len(server.requests) == 1


# --- what leaves ---------------------------------------------------------------------------------

ALWAYS = {"host", "accept", "accept-encoding", "connection", "authorization", "user-agent"}
POSTED = {"content-type", "content-length"}
NAMED = {"http-referer", "x-openrouter-title"}


def test_r08_s111_these_headers_leave_and_no_other(
    server: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("API_KEY", "ORG_ID", "PROJECT_ID", "ADMIN_KEY", "WEBHOOK_SECRET"):
        monkeypatch.setenv(f"OPENAI_{name}", "LEAK")
    monkeypatch.setenv("OPENAI_BASE_URL", server.other_host.base_url)
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Leak: LEAK\nAuthorization: Bearer LEAK")
    server.say(Answer(text="a", headers={"Set-Cookie": "id=LEAK"}), Answer(text="b"))
    with closing(OpenRouter(at(server), Key(KEY, "a test"))) as backend:
        list(backend.stream(ask()))
        list(backend.stream(ask()))
        backend.key()
    posts, (get,) = server.requests[:2], server.requests[2:]
    for post in posts:
        assert set(post.headers) == ALWAYS | POSTED | NAMED
    assert set(get.headers) == ALWAYS | NAMED
    for request in server.requests:
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert request.headers["user-agent"] == "m1-magic"
        assert b"LEAK" not in request.raw
        assert "LEAK" not in request.path + str(request.headers)
    assert server.other_host.requests == []


def test_another_host_is_not_told_the_name_of_the_app(server: Emulator) -> None:
    assert call(at(server, "llm.example.org")).error is None
    assert set(server.chats[0].headers) == ALWAYS | POSTED


def test_the_least_body(server: Emulator) -> None:
    call(at(server, "openrouter.ai"))
    messages = [{"role": "user", "content": "hi"}]
    assert server.chats[0].body == {
        "model": MODEL,
        "messages": messages,
        "max_tokens": 100,
        "stream": True,
    }


def test_the_fullest_body(server: Emulator) -> None:
    options: dict[str, Any] = {
        "temperature": 0.0,
        "top_p": 0.95,
        "seed": 0,
        "stop": ("END", "\n"),
        "reasoning": {"effort": "high"},
        "provider": {"data_collection": "deny", "zdr": True, "max_price": {"prompt": 0.5}},
    }
    messages = (
        Message("system", (Text("Sei nett.\u2028"),)),
        Message("user", (Text("Ça va? 日本 😀 \0"),)),
    )
    call(at(server, "openrouter.ai"), Request(MODEL, messages, 40_000, **options))
    assert server.chats[0].body == {
        "model": MODEL,
        "messages": [{"role": m.role, "content": m.content()} for m in messages],
        "max_tokens": 40_000,
        "stream": True,
        **options,
        "stop": ["END", "\n"],
    }


@pytest.mark.parametrize(("host", "asked"), [("openrouter.ai", False), ("llm.example.org", True)])
def test_usage_is_asked_for_where_it_does_not_come_by_itself(
    server: Emulator, host: str, asked: bool
) -> None:
    call(at(server, host))
    options = {"stream_options": {"include_usage": True}} if asked else {}
    body = server.chats[0].body
    assert {k: v for k, v in body.items() if k == "stream_options"} == options


def test_half_a_character_does_not_leave(server: Emulator) -> None:
    came = call(server, ask("a\ud83d"))
    assert isinstance(came.error, e.BadRequest)
    assert e.NOTHING_SENT in is_told(came.error)
    assert server.requests == []


# --- how it starts and how it ends ---------------------------------------------------------------


def test_the_generation_id_comes_with_the_headers(server: Emulator) -> None:
    hold = threading.Event()
    server.say(Answer(text=TEXT, comments=False, hold=hold, hold_after=0, generation_id="gen-1-h"))
    with (
        closing(OpenRouter(at(server), Key(KEY, "a test"))) as backend,
        closing(backend.stream(ask())) as events,
    ):
        assert next(events) == Started("gen-1-h")
        assert server.wait_held()
        hold.set()
        assert not any(isinstance(event, Started) for event in events)


@pytest.mark.parametrize("header", [b"", b"X-Generation-Id:\r\n"])
def test_without_the_header_the_generation_id_comes_with_the_first_chunk(
    server: Emulator, fault: Any, header: bytes
) -> None:
    def run(x: Exchange) -> None:
        x.leave()
        start = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n"
        x.send(start + header + b"\r\n")
        x.play(x.events())

    server.say(fault(run))
    came = call(server)
    (generation,) = server.generations
    assert came.events[:2] == [Started(None), Started(generation)]
    assert not any(isinstance(event, Started) for event in came.events[2:])
    assert (came.text, came.error) == (TEXT, None)


def test_the_events_can_be_closed_before_the_first(server: Emulator) -> None:
    with closing(OpenRouter(at(server), Key(KEY, "a test"))) as backend:
        backend.stream(ask()).close()
    assert server.requests == []


WORD = b'data: {"choices":[{"index":0,"delta":{"content":"la "}}]}\n\n'


def test_a_pause_may_last_longer_than_the_wait_for_the_first_token(
    server: Emulator, fault: Any
) -> None:
    def run(x: Exchange) -> None:
        x.head()
        x.write(WORD)
        x.wait(4.5)
        x.write(WORD + b"data: [DONE]\n\n")
        x.end()

    server.say(fault(run))
    came = call(server, first_token=4)
    assert (came.text, came.error) == ("la la ", None)


def test_r02_the_time_to_the_first_token_includes_the_headers(server: Emulator, fault: Any) -> None:
    """With the clock started anew at the headers, the silence would last past the next word."""

    def run(x: Exchange) -> None:
        x.wait(0.8)
        x.head()
        x.wait(0.8)
        x.write(WORD)
        x.write(b"data: [DONE]\n\n")

    server.say(fault(run))
    came = call(server, first_token=1.2)
    assert isinstance(came.error, e.SentNoAnswer)
    assert came.text == ""


# --- what lies between ---------------------------------------------------------------------------

PASSWORD = "geheim"
FAR = endpoint("https://openrouter.ai/api/v1")


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets the proxy of the environment, which every other test must not have."""
    without_proxies(monkeypatch)

    def put(url: str) -> None:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, url)

    return put


def unreached(place: Endpoint) -> str:
    """Return what is said where nothing can have been sent."""
    came = Came()
    try:
        came = call(place, connect=5)
    except e.M1Error as error:
        came.error = error
    assert came.events == []
    assert type(came.error) is e.CannotConnect
    assert came.error.charged is False
    said = is_told(came.error)
    assert e.NOTHING_SENT in said
    assert PASSWORD not in said + repr(came.error.__context__) + repr(came.error.__cause__)
    return said


@pytest.mark.parametrize(
    "url",
    [
        "http://user:geheim@[::1:1",
        "http://user:geheim@127.0.0.1:port",
        "http://user:geheim/@127.0.0.1:1",
        "ftp://user:geheim@127.0.0.1:1",
    ],
)
def test_s118_a_proxy_that_cannot_be_used(proxy: Callable[[str], None], url: str) -> None:
    proxy(url)
    assert "HTTPS_PROXY" in unreached(FAR)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_s118_what_is_for_this_machine_passes_no_proxy(
    server: Emulator, proxy: Callable[[str], None], host: str
) -> None:
    """Prompt and key go there in plain http, which a proxy could read."""
    proxy(server.other_host.base_url.removesuffix("/api/v1"))
    assert call(endpoint(server.base_url.replace("127.0.0.1", host))).error is None
    assert len(server.chats) == 1
    assert server.other_host.requests == []


def test_s003_certificates_that_are_not_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    assert "SSL_CERT_FILE" in unreached(FAR)


@pytest.fixture
def trusted(
    server: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Endpoint]:
    """The server behind TLS, as openrouter.ai is."""
    certificate = tls.certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with tls.front(server.base_url, certificate) as url:
        yield Endpoint(url, "openrouter.ai", loopback=False)


def test_r02_the_watchdog_wakes_a_read_over_tls(server: Emulator, trusted: Endpoint) -> None:
    server.say(Answer(text=TEXT, fault="stall_mid"))
    came = call(trusted, token=SHORT)
    assert (came.text, type(came.error)) == (TEXT[:20], e.CutOff)
    assert "no token for 0.3 s" in is_told(came.error)
    assert server.wait_closed()


# --- questions that cost nothing -----------------------------------------------------------------


@pytest.fixture
def backend(server: Emulator) -> Iterator[OpenRouter]:
    with closing(OpenRouter(at(server), Key(KEY, "a test"))) as made:
        yield made


ODD = ["x", 5, None, [], {}, [1, None, "x"], {"data": 1}]


def page(monkeypatch: pytest.MonkeyPatch, route: str, *answer: Any) -> None:
    """Let a route answer with a status, a body and its type."""
    run = (("GET", "POST"), lambda _emulator, x: x.page(*answer))
    monkeypatch.setitem(routes.ROUTES, route, run)


def test_an_offer_tells_limits_and_prices(server: Emulator, backend: OpenRouter) -> None:
    for slug in (MODEL, f"{MODEL}:nitro"):
        limits = backend.limits(slug)
        assert limits is not None
        assert (limits.context, limits.max_output) == (1_000_000, 40_000)
        assert limits.cheapest is not None
        assert limits.dearest is not None
        assert (limits.cheapest.input, limits.dearest.input) == (
            Decimal("0.0000004"),
            Decimal("0.00000055"),
        )
    assert {r.route for r in server.requests} == {f"/models/{MODEL}/endpoints"}
    cheap = backend.limits(MODEL, {"max_price": {"prompt": 0.5}})
    assert cheap is not None
    assert cheap.dearest == cheap.cheapest


def test_no_offer_where_there_is_none(server: Emulator, backend: OpenRouter) -> None:
    for slug in ("nobody/nothing", "x", "", "../key", "a b/ç?d#e"):
        assert backend.limits(slug) is None
    assert not any(r.route == "/key" for r in server.requests)


@pytest.mark.parametrize("endpoints", ODD, ids=str)
def test_no_offer_in_odd_answers(
    server: Emulator, backend: OpenRouter, endpoints: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for data in (endpoints, {"endpoints": endpoints}):
        page(monkeypatch, "/models", 200, json.dumps({"data": data}).encode(), "application/json")
        limits = backend.limits(MODEL)
        assert limits is None or (limits.dearest, limits.context) == (None, None)
        monkeypatch.undo()


def test_another_server_is_not_asked_for_offers(server: Emulator) -> None:
    with closing(OpenRouter(at(server, "llm.example.org"), Key(KEY, "a test"))) as backend:
        assert backend.limits(MODEL) is None
        assert backend.prices_known is False
    assert server.requests == []


def test_no_offer_without_a_server() -> None:
    place = endpoint(f"http://127.0.0.1:{closed_port()}/v1")
    with closing(OpenRouter(place, Key(KEY, "a test"))) as backend:
        assert backend.limits(MODEL) is None


def test_models_key_and_generation(server: Emulator, backend: OpenRouter) -> None:
    assert backend.models() == server.models
    assert backend.key() == server.key_info
    list(backend.stream(ask()))
    ((number, record),) = server.generations.items()
    server.generation_lag = 1
    assert backend.generation(number) is None
    assert backend.generation(number) == record
    for odd in ("gen-x&id=" + number, "../key", "ç d?#", "%2e"):
        assert backend.generation(odd) is None
    assert not any(r.route == "/key" for r in server.requests[2:])


@pytest.mark.parametrize("data", ODD, ids=str)
def test_models_key_and_generation_of_odd_answers(
    server: Emulator, backend: OpenRouter, data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for route in ("/models", "/key", "/generation"):
        page(monkeypatch, route, 200, json.dumps({"data": data}).encode(), "application/json")
    assert all(isinstance(model, dict) for model in backend.models())
    assert backend.key() == (data if isinstance(data, dict) else {})
    assert backend.generation("gen-1") == (data if isinstance(data, dict) else None)


QUESTIONS: dict[str, Callable[[OpenRouter], object]] = {
    "/models": lambda backend: backend.models(),
    "/key": lambda backend: backend.key(),
    "/generation": lambda backend: backend.generation("gen-1"),
    "/auth/keys": lambda backend: backend.exchange("code", "verifier"),
}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b"<html>Log in</html>", "text/html"),
        (200, b"", "application/json"),
        (200, b"{broken", "application/json"),
        (200, b"[" * 100_000, "application/json"),
        (200, b"[1]", "application/json"),
        (200, b'{"error":{"code":500}}', "application/json"),
        (200, b"\xff\xfe", "application/json"),
        (302, b"", "text/plain"),
        (401, json.dumps({"error": {"message": f"bad {KEY}"}}).encode(), "application/json"),
        (403, b"<html>", "text/html"),
        (429, b"", "text/plain"),
        (500, b"", "text/plain"),
        (504, FOUL.encode(), "text/plain"),
    ],
)
@pytest.mark.parametrize("route", QUESTIONS)
def test_questions_that_fail_are_told_and_free(
    backend: OpenRouter,
    monkeypatch: pytest.MonkeyPatch,
    route: str,
    status: int,
    body: bytes,
    kind: str,
) -> None:
    page(monkeypatch, route, status, body, kind)
    with pytest.raises(e.M1Error) as caught:
        QUESTIONS[route](backend)
    assert "may be charged" not in is_told(caught.value)
    assert caught.value.charged is False


def test_a_login_code_becomes_a_key_once(server: Emulator) -> None:
    digest = hashlib.sha256(b"verifier-verifier").digest()
    server.auth_codes["code-1"] = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    with pytest.raises(e.KeyRefused, match="login"):
        exchange(at(server), "code-1", "another verifier")
    assert exchange(at(server), "code-1", "verifier-verifier") == server.key
    with pytest.raises(e.KeyRefused, match="login"):
        exchange(at(server), "code-1", "verifier-verifier")
    assert KEY not in str([(r.path, r.headers, r.raw) for r in server.requests])


@pytest.mark.parametrize("answer", [{}, {"key": None}, {"key": 5}, {"data": {"key": "x"}}], ids=str)
def test_a_login_without_a_key_is_none(
    server: Emulator, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    page(monkeypatch, "/auth/keys", 200, json.dumps(answer).encode(), "application/json")
    with pytest.raises(e.KeyRefused, match="login"):
        exchange(at(server), "code", "verifier")


# --- the key, and the library's errors -----------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        json.dumps({"error": {"code": 401, "message": f"Wrong key {KEY}"}}).encode(),
        f"broken {KEY}".encode(),
        b"x" * 110 + KEY.encode(),
    ],
)
def test_a_stream_that_quotes_the_key(server: Emulator, fault: Any, data: bytes) -> None:
    def run(x: Exchange) -> None:
        x.head()
        x.write(b"data: " + data + b"\n\n")
        x.end()

    server.say(fault(run))
    came = call(server)
    assert isinstance(came.error, (e.CutOff, e.SentNoAnswer, e.KeyRefused))
    assert KEY[:12] not in is_told(came.error)


@pytest.mark.parametrize("name", ["rst_before_headers", "html_200", "rst_mid", "malformed_json"])
def test_a_verbose_traceback_shows_no_key(server: Emulator, name: str) -> None:
    server.say(Answer(text=TEXT, fault=name))
    error = call(server).error
    assert error is not None
    shown = "".join(
        traceback.TracebackException.from_exception(error, capture_locals=True).format()
    )
    assert "stream" in shown
    assert KEY not in shown


def test_a_server_without_keys_may_say_none(server: Emulator) -> None:
    server.accept_any_key = True
    server.say(Answer(text="There is none."))
    with closing(OpenRouter(at(server), Key("none", "not needed"))) as backend:
        assert Came(list(backend.stream(ask()))).text == "There is none."


def exported(module: Any, *roots: type[BaseException]) -> list[type[BaseException]]:
    public = [one for name, one in vars(module).items() if name[0] != "_"]
    # By the type alone: to look into a lazy part of the library would load it.
    return [kind for kind in public if type(kind) is type and issubclass(kind, roots)]


def raised(kind: type[BaseException]) -> BaseException:
    """An error as the library makes it; one of a kind that is not known here, without arguments."""
    request = httpx2.Request("POST", "http://127.0.0.1/v1", headers={"Authorization": KEY})
    response = httpx2.Response(418, request=request)
    if issubclass(kind, openai.OAuthError):
        return kind(response=response, body=None)
    if issubclass(kind, openai.APIStatusError):
        return kind("no", response=response, body=None)
    if issubclass(kind, openai.APITimeoutError):
        return kind(request)
    if issubclass(kind, openai.APIConnectionError):
        return kind(message="no", request=request)
    if issubclass(kind, httpx2.HTTPStatusError):
        return kind("no", request=request, response=response)
    return kind.__new__(kind)


LIBRARY = [
    *exported(openai, openai.OpenAIError),
    *exported(httpx2, httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError),
    *(OSError, ValueError, UnicodeError, json.JSONDecodeError, RecursionError),
]


def test_the_libraries_errors_are_found() -> None:
    assert {openai.RateLimitError, httpx2.ReadTimeout, httpx2.StreamClosed} <= set(LIBRARY)


@pytest.mark.parametrize("kind", dict.fromkeys(LIBRARY), ids=lambda kind: kind.__name__)
def test_r05_every_openai_error_is_mapped(
    monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]
) -> None:
    def post(*_: Any, **__: Any) -> None:
        raise raised(kind) from OSError(f"with {KEY} in it")

    monkeypatch.setattr(openai.OpenAI, "post", post)
    came = call(FAR)
    is_told(came.error)
    assert came.error is not None and came.error.__context__ is None
