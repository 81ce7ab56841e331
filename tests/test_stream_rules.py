"""What must hold beyond single faults: S104–S120 of the catalogue, and its rules R01–R10."""

from __future__ import annotations

import gc
import json
import os
import random
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell

from emulator import MIDNIGHT, Answer, OpenRouter
from emulator.exchange import Exchange
from emulator.wire import COMMENT, Event
from faulty import (
    SHORT,
    TEXT,
    THOUGHT,
    asking,
    connections,
    listening,
    own,
    settled,
    take,
    told,
    url_of,
)
from m1_magic import errors
from m1_magic.backends import retry_times
from m1_magic.backends.openrouter import OpenRouter as Backend
from m1_magic.calls import ReasoningDelta, TextDelta
from m1_magic.session.view import Silent
from scripted import Seen, request
from shells import Run
from test_stream_faults import ROWS

KEY = "sk-or-v1-test-0000"
# No clock decides, every run tries the same, and one server and one home serve all examples.
STEADY = settings(derandomize=True, max_examples=40)


# -- S105, S106: never an empty success -------------------------------------------------------


CUT = ["eof_cut", "eof_cut_in_json", "no_finish_no_done"]


@pytest.mark.parametrize("name", ["html_200", "json_error_200", "empty_200", "status_204", *CUT])
def test_s105_s106_no_cell_passes_without_a_whole_answer(
    server: OpenRouter, shell: InteractiveShell, run: Run, name: str
) -> None:
    server.say(Answer(text=TEXT, fault=name))
    ran = run("%%m1\nhi")
    reply, out, error = shell.user_ns["_m1"], ran.text, ran.error
    text = TEXT[:20] if name in CUT else ""
    assert isinstance(error, errors.CutOff if text else errors.M1Error)
    assert told(error) in out and text in out
    assert ("The answer was cut off" in out and "The text so far is kept." in out) is bool(text)
    assert (reply.text, reply.status, reply.finish) == (text, "failed", None)


# -- S107, S108, R02: deadlines ---------------------------------------------------------------


def word(text: str) -> bytes:
    chunk = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def body(start: bytes, then: bytes) -> Callable[[Exchange], None]:
    """A stream that starts so, and then says the same for ever."""

    def run(x: Exchange) -> None:
        x.head()
        x.write(start)
        x.repeat(b"%x\r\n%b\r\n" % (len(then), then))

    return run


def early(start: bytes, then: bytes) -> Callable[[Exchange], None]:
    """Bytes from the status line on, and then the same for ever."""

    def run(x: Exchange) -> None:
        x.send(start)
        x.repeat(then)

    return run


PAGE = b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n\r\n"
SO_FAR = word("so ") + word("far")
ENDLESS: dict[str, tuple[Callable[[Exchange], None], str, str]] = {
    "S107-only comments": (body(b"", COMMENT), "first_token_timeout", ""),
    "S107-comments after text": (body(SO_FAR, COMMENT), "token_timeout", "so far"),
    "S107-an event that grows": (body(SO_FAR + b"data: ", b"x"), "token_timeout", "so far"),
    "S108-only comments": (body(b"", COMMENT), "deadline", ""),
    "S108-slow tokens": (body(SO_FAR, word(".")), "deadline", "so far."),
    "R02-102 for ever": (early(b"", b"HTTP/1.1 102 Processing\r\n\r\n"), "first_token_timeout", ""),
    "R02-headers for ever": (early(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"), "deadline", ""),
    "R02-an error for ever": (early(PAGE, b"<p>"), "first_token_timeout", ""),
    "R02-a whole answer for ever": (
        early(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{", b" "),
        "first_token_timeout",
        "",
    ),
}


@pytest.mark.parametrize("case", ENDLESS)
def test_s107_s108_r02_no_server_is_listened_to_for_ever(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    run, limit, text = ENDLESS[case]
    server.say(own(monkeypatch, run))
    with asking(own_home, **{limit: SHORT}) as asked:
        came = asked.ask()
        assert server.wait_closed()
        assert server.chats[0].left  # not the server, which would have gone on
        assert connections(server.base_url) == 0
    said = told(came.error)
    if case == "R02-an error for ever":
        assert type(came.error) is errors.ProviderDown
        assert "HTTP 502" in said
        return
    assert type(came.error) is (errors.CutOff if text else errors.SentNoAnswer)
    reasons = {
        "first_token_timeout": f"no token in {SHORT} s",
        "token_timeout": f"no token for {SHORT} s",
        "deadline": f"the call took longer than {SHORT} s",
    }
    assert reasons[limit] in said
    assert came.view.text.startswith(text)
    assert came.view.text.rstrip(".") == text.rstrip(".")
    assert [(row.state, row.cost) for row in came.attempts] == [("pending", None)]
    assert len(server.chats) == 1


def test_r02_a_question_for_prices_that_is_never_answered_does_not_hold_up_the_call(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``limits`` asks first; without its own deadline a page in drops would hold it for ever."""
    get = Backend._get
    monkeypatch.setattr(Backend, "_get", lambda backend, path, **_: get(backend, path, SHORT))

    def slow(near: socket.socket) -> None:
        if b"/endpoints" in take(near):
            near.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
            for _ in range(500):
                near.sendall(b" ")
                time.sleep(0.02)
            return
        whole(near)

    with listening(slow) as raw, asking(own_home, base_url=url_of(raw)) as asked:
        assert asked.ask().view.text == "Yes."


def whole(near: socket.socket) -> None:
    """Answer a chat in one go."""
    said = word("Yes.") + b"data: [DONE]\n\n"
    near.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n%b"
        % (len(said), said)
    )


# -- S114, S120, R01: what is sent again, and when --------------------------------------------

DEFAULT_WAITS = (0.5, 1.0)
RETRY_AFTER: dict[str, tuple[str, tuple[float, ...]]] = {
    "1": ("1", (1, 1)),
    "30": ("30", (30, 30)),
    "120": ("120", (120, 120)),
    "300": ("300", ()),
    "a date": ("Mon, 01 Jan 2024 00:00:30 GMT", (30, 30)),
    "a date gone by": ("Mon, 01 Jan 2024 00:00:00 GMT", (0, 0)),
    "a late date": ("Mon, 01 Jan 2024 00:05:00 GMT", ()),
    "no date": ("Mon, 99 Foo 2024 00:00:30 GMT", DEFAULT_WAITS),
    "too many": ("1e9", ()),
    "a far date": ("Fri, 31 Dec 9999 23:59:59 GMT", ()),
    "0": ("0", (0, 0)),
    "garbage": ("soon", DEFAULT_WAITS),
    "inf": ("inf", DEFAULT_WAITS),
    "nan": ("nan", DEFAULT_WAITS),
    "negative": ("-1", DEFAULT_WAITS),
}


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("case", RETRY_AFTER)
def test_s114_retry_after_is_waited_for_and_shown(
    server: OpenRouter, own_home: Path, case: str, status: int
) -> None:
    given, waits = RETRY_AFTER[case]
    refusal = Answer.http_error(status, retry_after=given, headers=MIDNIGHT)
    server.say(*[refusal] * (1 + len(waits)))
    with asking(own_home) as asked:
        came = asked.ask()
    assert (" s is what the server asks" in told(came.error)) is (not waits)
    assert came.waits == asked.slept == list(waits)
    assert len(server.chats) == len(came.attempts) == 1 + len(waits)
    assert {(row.state, row.cost) for row in came.attempts} == {("settled", 0)}


def test_r02_no_wait_goes_past_the_deadline(server: OpenRouter, own_home: Path) -> None:
    server.say(Answer.http_error(429, retry_after=100))
    with asking(own_home, deadline=99.0) as asked:
        came = asked.ask()
    assert isinstance(came.error, errors.RateLimited)
    assert (asked.slept, came.waits, len(server.chats)) == ([], [], 1)


@pytest.mark.parametrize("years", [-20, 20])
@pytest.mark.parametrize("dated", [True, False], ids=["with its Date", "without"])
def test_s120_a_clock_that_is_wrong_makes_no_odd_wait(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch, dated: bool, years: int
) -> None:
    """The machine's clock has jumped; the server says when, by its own."""

    def run(x: Exchange) -> None:
        date = b"Date: Mon, 01 Jan 2024 00:00:00 GMT\r\n" if dated else b""
        when = b"Retry-After: Mon, 01 Jan 2024 00:00:30 GMT\r\nContent-Length: 0\r\n\r\n"
        x.send(b"HTTP/1.1 429 Too Many Requests\r\n" + date + when)

    midnight = 1_704_067_200.0
    monkeypatch.setattr(retry_times.time, "time", lambda: midnight + years * 365 * 86_400)
    server.say(own(monkeypatch, run), Answer(text="again"))
    with asking(own_home) as asked:
        came = asked.ask()
    if not dated and years < 0:  # in twenty years, as far as this machine can tell
        assert isinstance(came.error, errors.RateLimited)
        assert asked.slept == []
        return
    assert came.view.text == "again"
    assert sum(asked.slept) == (30 if dated else 0)


OUTCOMES: dict[str, tuple[Answer, bool]] = {
    "429": (Answer.http_error(429), True),
    "503": (Answer.http_error(503, retry_after=2), True),
    "500": (Answer.http_error(500), False),
    "401": (Answer.http_error(401), False),
    "sent": (Answer(fault="rst_before_headers"), False),
    "cut": (Answer(text=TEXT, fault="rst_mid"), False),
    "page": (Answer(fault="html_200"), False),
    "ok": (Answer(text="Yes."), False),
}


@STEADY
@given(st.lists(st.sampled_from(sorted(OUTCOMES)), min_size=1, max_size=4), st.integers(0, 3))
def test_r01_each_request_is_an_attempt_and_only_what_may_be_is_sent_again(
    server: OpenRouter, own_home: Path, plan: Sequence[str], retries: int
) -> None:
    before = len(server.chats)
    server.say(*(OUTCOMES[name][0] for name in plan))
    expected = 0
    for name in [*plan, "ok"]:  # the emulator's own default, when the list is at its end
        expected += 1
        if not OUTCOMES[name][1] or expected > retries:
            break
    with asking(own_home, max_retries=retries) as asked:
        came = asked.ask()
    while server.pending:
        server.take()
    assert len(server.chats) - before == len(came.attempts) == expected
    assert len({chat.raw for chat in server.chats[before:]}) == 1


def test_r01_what_was_not_sent_is_tried_again(own_home: Path) -> None:
    """A server that starts while we wait."""
    with socket.socket() as later:
        later.bind(("127.0.0.1", 0))
        with asking(own_home, base_url=url_of(later)) as asked:
            servers: list[Any] = []

            def start(seconds: float) -> None:
                servers.append(listening(lambda near: (take(near), whole(near))[1], later))
                servers[0].__enter__()

            asked.session._sleep = start
            came = asked.ask()
        servers[0].__exit__(None, None, None)
    assert came.view.text == "Yes."
    unsent, sent = sorted(came.attempts, key=lambda row: row.cost or 0)
    assert (unsent.state, unsent.cost) == ("settled", 0)
    assert (sent.state, sent.source) == ("settled", "estimated")  # nothing to ask for it by


# -- S116: large ------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "count", "times"), [(5_000_000, 1, 12), (1, 10_000, 500)])
def test_s116_memory_is_bounded(own_home: Path, size: int, count: int, times: int) -> None:
    """A small multiple of the answer: nothing that came is kept for longer than it is needed."""
    said = word("x" * size) * count + b"data: [DONE]\n\n"

    def answer(near: socket.socket) -> None:
        take(near)
        near.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + said)

    with listening(answer) as raw, asking(own_home, base_url=url_of(raw)) as asked:
        tracemalloc.start()
        try:
            reply = asked.session.ask(request(), Silent())
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert len(reply.text) == size * count
    assert peak < times * size * count


def test_s116_an_event_without_an_end_is_given_up(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from m1_magic.backends import sse

    monkeypatch.setattr(sse, "LARGEST", 100_000)

    def run(x: Exchange) -> None:
        x.head()
        x.write(SO_FAR + b"data: ")
        for _ in range(1000):
            x.write(b"x" * 10_000)

    server.say(own(monkeypatch, run))
    with asking(own_home) as asked:
        came = asked.ask()
        assert server.wait_closed()
    assert isinstance(came.error, errors.CutOff)
    assert "an event without an end" in told(came.error)
    assert came.view.text == "so far"


# -- S117: at random --------------------------------------------------------------------------


def open_files() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


LIGHT = [row for row in ROWS if not row.id.startswith("S060")]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="no /proc")
@pytest.mark.usefixtures("little_to_collect")
@pytest.mark.parametrize("seed", range(3))
def test_s103_s117_rows_are_requests_what_was_shown_stays_and_no_file_is_open(
    server: OpenRouter, own_home: Path, seed: int
) -> None:
    rows = random.Random(seed).choices(LIGHT, k=60)
    assert server.other_host.requests == []  # its sockets are open from now on
    with asking(own_home) as asked:
        asked.ask()
        assert server.wait_closed()
        before = settled_files(10**6)
        for row in rows:
            server.say(*[row.answer] * row.posts)
            for name in ("first_token_timeout", "token_timeout"):
                setattr(asked.settings, name, dict(row.settings).get(name, 60.0))
            came = asked.ask()
            assert type(came.error) is (row.error or type(None)), row.id
            assert came.view.text == row.text, row.id
            assert server.wait_closed(), row.id
        ((attempts,),) = asked.rows("SELECT count(*) FROM attempts")
        answers = asked.rows("SELECT answer FROM calls ORDER BY at")
        assert [answer for (answer,) in answers[1:]] == [row.text for row in rows]  # S103
        ((open_,),) = asked.rows(
            "SELECT count(*) FROM attempts WHERE state NOT IN ('settled', 'pending')"
        )
        assert attempts == len(server.chats) == 1 + sum(row.posts for row in rows)
        assert open_ == 0
        assert settled_files(before) <= before
    assert [t.name for t in threading.enumerate() if t.name == "m1-watcher" and busy(t)] == []


def busy(thread: threading.Thread) -> bool:
    thread.join(60)
    return thread.is_alive()


def settled_files(most: int) -> int:
    """Count the open files once the server's side has closed its own, too."""
    end, last = time.monotonic() + 5, -1
    while time.monotonic() < end:
        count = open_files()
        if count <= most and count == last:
            break
        last = count
        time.sleep(0.05)
    return open_files()


# -- S119: two addresses ----------------------------------------------------------------------


@pytest.mark.parametrize("dead", ["refuses", "silent"])
def test_s119_a_dead_address_first(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch, dead: str
) -> None:
    """The name stands for an IPv6 address that does not answer, and then for one that does."""
    port = int(server.base_url.split(":")[2].split("/")[0])
    with socket.socket(socket.AF_INET6) as v6, socket.socket(socket.AF_INET6) as filler:
        try:
            v6.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 here")
        if dead == "silent":  # its queue is full: it answers no further connection
            v6.listen(0)
            filler.connect(v6.getsockname()[:2])
        found = socket.getaddrinfo

        def getaddrinfo(host: Any, *args: Any, **more: Any) -> Any:
            if host not in ("localhost", b"localhost"):
                return found(host, *args, **more)
            kind = (socket.SOCK_STREAM, 6, "")
            return [
                (socket.AF_INET6, *kind, ("::1", v6.getsockname()[1], 0, 0)),
                (socket.AF_INET, *kind, ("127.0.0.1", port)),
            ]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        url = server.base_url.replace("127.0.0.1", "localhost")
        with asking(own_home, base_url=url, connect_timeout=SHORT) as asked:
            came = asked.ask()
    assert came.error is None
    assert len(came.attempts) == len(server.chats) == 1


# -- R03–R06, R09: what is read ---------------------------------------------------------------


def test_r03_a_page_without_an_end_is_not_read_to_its_end(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<!DOCTYPE html><html>"
    server.say(own(monkeypatch, early(page, b"<p>Log in</p>")))
    with asking(own_home, first_token_timeout=60.0) as asked:
        came = asked.ask()
        assert server.wait_closed()
    assert isinstance(came.error, errors.LoginPage)
    assert "A web page answered" in told(came.error)
    assert [(row.state, row.cost) for row in came.attempts] == [("settled", 0)]


@pytest.mark.parametrize("done", [True, False], ids=["[DONE]", "no [DONE]"])
@pytest.mark.parametrize("finish", ["stop", None], ids=["finish", "no finish"])
def test_r04_complete_is_what_has_a_finish_reason_or_done(
    server: OpenRouter, own_home: Path, finish: str | None, done: bool
) -> None:
    server.say(Answer(text=TEXT, finish=finish, done=done))
    with asking(own_home) as asked:
        came = asked.ask()
    assert came.reply is not None
    assert came.reply.text == TEXT
    complete = finish is not None or done
    assert (came.error is None) is complete
    assert (came.reply.status, came.reply.finish) == (
        ("ok", "stop") if complete else ("failed", None)
    )


def test_r04_half_an_event_after_the_finish_reason_costs_the_price_only(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is whole, and the price is asked for later."""

    def run(x: Exchange) -> None:
        x.head(chunked=False)
        x.play([one for one in x.events() if one.kind not in ("usage", "done")])
        x.write(b'data: {"choices":[],"usa')

    server.say(own(monkeypatch, run))
    with asking(own_home) as asked:
        came = asked.ask()
        settled(server, came.attempts[0].generation)
        assert asked.session.reconcile() == 1
    assert came.reply is not None
    assert (came.reply.text, came.reply.status, came.reply.cost) == (TEXT, "ok", None)


BREAKS: list[BaseException] = [
    openai.APIError("no", httpx2.Request("POST", "http://127.0.0.1"), body=None),
    openai.APITimeoutError(httpx2.Request("POST", "http://127.0.0.1")),
    json.JSONDecodeError("no", "x", 0),
    UnicodeDecodeError("utf-8", b"x", 0, 1, "no"),
    UnicodeEncodeError("ascii", "x", 0, 1, "no"),
    httpx2.ReadError("no"),
    httpx2.DecodingError("no"),
    httpx2.StreamClosed(),
    OSError(5, "no"),
    ImportError("no"),
    ValueError("no"),
]


@pytest.mark.parametrize("error", BREAKS, ids=lambda error: type(error).__name__)
def test_r05_whatever_breaks_the_reading_the_text_so_far_is_kept(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    read = httpx2.Response.iter_bytes

    def breaking(response: httpx2.Response, *args: Any) -> Iterator[bytes]:
        seen = b""
        for chunk in read(response, *args):
            yield chunk
            seen += chunk
            if b"wor" in seen:
                raise error

    monkeypatch.setattr(httpx2.Response, "iter_bytes", breaking)
    server.say(Answer(text=["Hello ", "world", "!"], thinking=THOUGHT))
    with asking(own_home) as asked:
        came = asked.ask()
        assert server.wait_closed()
        assert connections(server.base_url) == 0
    assert isinstance(came.error, errors.CutOff)
    said = told(came.error)
    assert errors.MAY_COST in said
    assert "The text so far is kept." in said
    assert (came.view.text, came.thinking) == ("Hello world", THOUGHT)
    assert len(server.chats) == 1


NAMES = ("choices", "delta", "role", "index", "id", "model", "object", "logprobs", "", "x")
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
    ),
    max_leaves=8,
)
EMPTY = st.sampled_from([None, 5, "", [], {}, [None], [{}], True])
ODD = st.fixed_dictionaries(
    {
        "choices": st.lists(
            st.fixed_dictionaries(
                {"delta": st.fixed_dictionaries({"content": EMPTY, "reasoning": EMPTY}) | JUNK}
            ),
            max_size=2,
        )
        | JUNK
    },
    optional={"usage": EMPTY, "error": st.sampled_from([None, "", [], {}, 0, False])},
)


@STEADY
@given(st.lists(JUNK | ODD, max_size=6))
def test_r06_odd_chunks_cost_no_word(server: OpenRouter, own_home: Path, odd: list[Any]) -> None:
    def run(x: Exchange) -> None:
        said = x.events()
        places = [n for n, one in enumerate(said) if one.kind in ("think", "text")]
        for number, one in enumerate(odd):
            raw = b"data: " + json.dumps(one).encode() + b"\n\n"
            said.insert(places[number % len(places)] + 1 + number, Event("other", raw))
        x.head()
        x.play(said)
        x.end()

    with pytest.MonkeyPatch.context() as patch, asking(own_home) as asked:
        server.say(own(patch, run, generation_id=f"gen-{len(server.chats)}"))
        came = asked.ask()
        record = settled(server, came.attempts[0].generation)
    assert (came.error, came.view.text, came.thinking) == (None, TEXT, THOUGHT)
    assert came.reply is not None
    assert came.reply.cost_source == "billed"
    assert came.reply.usage is not None
    assert came.reply.usage.output == record["native_tokens_completion"]


@pytest.mark.parametrize(
    "where", ["content", "reasoning", "model", "provider", "finish_reason", "id", "last"]
)
def test_r09_half_a_character_anywhere_can_be_shown_and_written_down(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    half = "a\ud83d"

    def run(x: Exchange) -> None:
        x.leave()
        x.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        delta = {"content": "Yes. ", where: half}
        choice = {"delta": delta, "finish_reason": half if where == "finish_reason" else "stop"}
        chunk: dict[str, Any] = {"choices": [choice], "model": "m", "id": "gen-1"}
        if where in ("model", "provider", "id"):
            chunk[where] = f"gen-{half}"
        if where == "last":
            choice["delta"] = {"content": "Yes. " + half}
        x.send(b"data: " + json.dumps(chunk).encode() + b"\n\ndata: [DONE]\n\n")

    server.say(own(monkeypatch, run))
    with asking(own_home) as asked:
        view = Seen()
        reply = asked.session.ask(request(), view)
        kept = asked.rows("SELECT answer, thinking, model, status, finish FROM calls")
        ids = asked.rows("SELECT generation_id, provider, state FROM attempts")
    for event in view.events:
        if isinstance(event, (TextDelta, ReasoningDelta)):
            event.text.encode()
    reply.text.encode()
    assert kept[0][:2] == (reply.text, reply.thinking)
    assert (kept[0][3], ids[0][2]) == ("ok", "pending")
    assert view.receipt.notes == ()
