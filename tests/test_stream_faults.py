"""Every fault of the catalogue (S001–S103), asked through a session over real sockets.

For each one: which error, in one paragraph; which text is shown, returned and written down; what
it cost; how many requests left; and that no connection stays open.
"""

from __future__ import annotations

import importlib.util
import math
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import tls
from emulator import FAULTS, MIDNIGHT, Answer, OpenRouter, closed_port
from faulty import (
    SHORT,
    TEXT,
    THOUGHT,
    Asked,
    Asking,
    asking,
    connections,
    settled,
    told,
    without_proxies,
)
from m1_magic import errors as e
from m1_magic.calls import Usage
from m1_magic.pricing.tokens import WRITTEN
from scripted import Seen
from scripted import request as first_question

HALF_A_MINUTE_LATER = "Mon, 01 Jan 2024 00:00:30 GMT"


@dataclass(frozen=True)
class Fault:
    """A row of the catalogue: what the server does, and what must come of it."""

    id: str
    answer: Answer
    error: type[e.M1Error] | None = None
    text: str = ""
    says: str = ""
    posts: int = 1
    waits: tuple[float, ...] = ()
    settings: tuple[tuple[str, float], ...] = ()

    @property
    def charged(self) -> bool:
        """May it cost something, though no price came? What OpenRouter refused costs nothing."""
        refused = self.answer.status >= 400 or self.answer.fault in ("json_error_200", "html_502")
        return bool(self.error and self.error.charged) and not refused


BIG = "x" * 5_000_000


def whole(id: str, fault: str | None = None, text: str = TEXT, **more: Any) -> Fault:
    """A fault that costs no word."""
    said = [BIG] if text is BIG else TEXT
    return Fault(id, Answer(thinking=THOUGHT, text=said, fault=fault, **more), text=text)


def cut(id: str, fault: str | None, says: str, text: str = TEXT[:20], **settings: float) -> Fault:
    """A fault in mid-answer: the text so far is kept."""
    made = Answer(thinking=THOUGHT, text=TEXT, fault=fault)
    return Fault(id, made, e.CutOff, text, says, settings=tuple(settings.items()))


def silent(id: str, fault: str, says: str, **settings: float) -> Fault:
    """Sent, and no answer."""
    made = Answer(thinking=THOUGHT, text=TEXT, fault=fault)
    return Fault(id, made, e.SentNoAnswer, says=says, settings=tuple(settings.items()))


def refused(
    id: str,
    status: int,
    error: type[e.M1Error],
    says: str,
    waits: tuple[float, ...] = (),
    **more: Any,
) -> Fault:
    """A status that is none of success; ``waits`` between attempts."""
    made = Answer.http_error(status, **more)
    return Fault(id, made, error, says=says, posts=1 + len(waits), waits=waits)


def page(id: str, fault: str, error: type[e.M1Error], says: str) -> Fault:
    """Something else than an answer."""
    return Fault(id, Answer(text=TEXT, fault=fault), error, says=says)


AFTER = TEXT[:4]  # a fault within the stream comes after the first piece of the text
REST = TEXT[4:]
ROWS = (
    silent("S007-reset after the request", "rst_before_headers", "reset"),
    silent("S008-closed after the request", "fin_before_headers", "disconnected"),
    silent("S009-half a status line", "half_status_line", "gave no answer"),
    silent("S010-another protocol", "ssh_banner", "gave no answer"),
    silent("S011-half the headers", "truncated_headers", "gave no answer"),
    silent("S012-silence", "never_answers", f"no token in {SHORT} s", first_token_timeout=SHORT),
    silent("S013-closed after the headers", "close_after_headers", "gave no answer"),
    refused("S014-400", 400, e.BadRequest, "HTTP 400"),
    refused("S015-401 (S113)", 401, e.KeyRefused, "%m1 login"),
    refused("S016-402 (S112)", 402, e.OutOfCredit, "openrouter.ai/credits"),
    refused("S017-403", 403, e.Flagged, "refuses this request"),
    refused("S018-404", 404, e.NoSuchModel, "%m1 models"),
    refused("S019-408", 408, e.SentNoAnswer, "HTTP 408"),
    refused("S020-409", 409, e.BadRequest, "HTTP 409"),
    refused("S021-413", 413, e.PromptTooLarge, "too large"),
    refused("S022-422", 422, e.BadRequest, "HTTP 422"),
    refused("S023-429", 429, e.RateLimited, "Too many requests", (0.5, 1.0)),
    refused("S024-429 in 1 s", 429, e.RateLimited, "requests", (1.0, 1.0), retry_after=1),
    refused("S025-429 in 0 s", 429, e.RateLimited, "requests", (0.0, 0.0), retry_after=0),
    refused(
        "S026-429 at a date",
        429,
        e.RateLimited,
        "requests",
        (30.0, 30.0),
        retry_after=HALF_A_MINUTE_LATER,
        headers=MIDNIGHT,
    ),
    refused("S027-429 in 300 s", 429, e.RateLimited, "300 s is what", retry_after=300),
    refused("S028-500", 500, e.ProviderDown, "HTTP 500"),
    page("S029-502 with a page", "html_502", e.ProviderDown, "HTTP 502"),
    refused("S030-503", 503, e.ProviderDown, e.NOT_CHARGED, (0.5, 1.0)),
    refused("S031-504", 504, e.SentNoAnswer, "HTTP 504"),
    refused("S032-529", 529, e.ProviderDown, "HTTP 529"),
    refused(
        "S033-500, not to be retried",
        500,
        e.ProviderDown,
        "HTTP 500",
        headers={"x-should-retry": "false"},
    ),
    refused(
        "S034-400, to be retried", 400, e.BadRequest, "HTTP 400", headers={"x-should-retry": "true"}
    ),
    page("S035-307 to the same host", "redirect_307_same", e.LoginPage, "not followed"),
    page("S036-302 to the same host", "redirect_302_same", e.LoginPage, "not followed"),
    page("S037-307 to another host", "redirect_307_other", e.LoginPage, "not followed"),
    page("S038-307 for ever", "redirect_loop", e.LoginPage, "not followed"),
    page("S039-200 with a page", "html_200", e.LoginPage, "A web page answered"),
    page("S040-200 with an error", "json_error_200", e.ProviderDown, "Provider returned error"),
    whole("S041-200 with a whole answer", "json_answer_200"),
    silent("S042-200 with no event", "empty_200", "ended without a finish reason"),
    silent("S043-204", "status_204", "HTTP 204 with nothing in it"),
    whole("S044-labelled text/plain", "text_plain_sse"),
    whole("S045-CRLF", "crlf"),
    whole("S046-CR", "cr"),
    whole("S047-single bytes", "one_byte_chunks"),
    whole("S048-characters cut", "utf8_split"),
    whole("S049-comments between", comment_every=1),
    whole("S050-BOM, data", "bom"),
    whole("S051-BOM, comment", "bom_comment"),
    whole("S052-data in many lines", "multi_line_data"),
    whole("S053-no space", "no_space"),
    whole("S054-unknown fields", "unknown_fields"),
    whole("S055-only retry", "retry_only_block"),
    whole("S056-only id", "id_only_block"),
    whole("S057-only event", "event_ping"),
    whole("S058-event ping with {}", "event_ping_braces"),
    whole("S059-empty data", "empty_data"),
    whole("S060-an event of 5 MB", text=BIG),
    whole("S060-5 MB of other fields", "big_event"),
    whole("S061-gzip", "gzip"),
    cut("S062-gzip cut", "gzip_truncated", "without a finish reason"),
    silent("S063-says gzip", "says_gzip", "gave no answer"),
    whole("S064-no UTF-8", "invalid_utf8", f"{AFTER}\ufffd{REST}"),
    whole("S065-half a character", "lone_surrogate", f"{AFTER}\ufffd{REST}"),
    whole("S066-NUL", "nul", f"{AFTER}a\0b{REST}"),
    whole("S067-line separators", "line_separators", f"{AFTER}a\u2028b\x85c{REST}"),
    cut("S068-reset", "rst_mid", "reset"),
    cut("S069-closed in a chunk", "fin_mid_chunked", "incomplete chunked read"),
    cut("S070-closed before Content-Length", "short_content_length", "closed"),
    cut("S071-a bad chunk header", "bad_chunk_header", "chunk"),
    cut("S072-closed as if at the end", "eof_cut", "without a finish reason"),
    cut("S073-closed in JSON", "eof_cut_in_json", "no JSON"),
    cut("S074-no finish reason", "no_finish_no_done", "without a finish reason"),
    whole("S075-no [DONE]", "no_done"),
    whole("S076-usage without its blank line", "usage_unterminated"),
    cut("S077-silence", "stall_mid", f"no token for {SHORT} s", token_timeout=SHORT),
    cut("S078-only comments", "comments_forever", f"no token for {SHORT} s", token_timeout=SHORT),
    whole("S079-[DONE], then open", "done_then_open"),
    cut("S080-malformed JSON", "malformed_json", "broken", text=AFTER),
    replace(
        cut("S081-an error in mid-stream", None, "The provider left"),
        answer=Answer.broken(TEXT[:20], 502, "The provider left", thinking=THOUGHT),
    ),
    cut("S082-an error that is a string", "error_string", "boom"),
    cut("S083-event error, error", "event_error", "boom"),
    cut("S084-event error, message", "event_error_message", "boom"),
    cut("S085-event error, words", "event_error_text", "boom"),
    whole("S086-no usage", "no_usage"),
    whole("S087-text and usage twice", "duplicated", f"{AFTER}{AFTER}{REST}"),
    whole("S088-two [DONE]", "two_done"),
    whole("S089-data after [DONE]", "data_after_done"),
    whole("S090-unknown fields, reasoning", "unknown_fields", reasoning_in="details"),
    whole("S090-reasoning in one place", reasoning_in="reasoning"),
    whole("S091-content null", "content_null"),
    whole("S092-delta null", "delta_null"),
    whole("S093-choices missing", "choices_missing"),
    whole("S094-choices null", "choices_null"),
    whole("S095-choices empty", "choices_empty"),
    whole("S096-data null", "data_null"),
    whole("S097-data a string", "data_string"),
    whole("S098-data a list", "data_list"),
    whole("S099-content 5", "content_int"),
    whole("S100-content a list", "content_list", f"{AFTER}part{REST}"),
    whole("S101-usage of strings", "usage_strings"),
    whole("S102-usage early and last", "usage_early_and_last"),
)


def test_every_row_and_every_fault_of_the_emulator_is_here() -> None:
    numbers = {row.id[:4] for row in ROWS} | {name[:4] for name in UNREACHED}
    assert numbers == {f"S{number:03}" for number in range(1, 103)}
    here = {row.answer.fault for row in ROWS}
    assert set(FAULTS) <= here


def cost_is_right(came: Asked, row: Fault, server: OpenRouter) -> None:
    """The price is the server's, or it is unknown and held, or it is 0."""
    assert came.reply is not None
    if row.error is None and row.answer.fault != "no_usage":
        (attempt,) = came.attempts
        record = settled(server, attempt.generation)
        odd = row.answer.fault == "usage_strings"
        cost = Decimal("0.01") if odd else Decimal(str(record["total_cost"]))
        counts = ("prompt", "completion", "cached", "reasoning")
        usage = Usage(*(record[f"native_tokens_{name}"] for name in counts))
        assert (came.reply.cost, came.reply.cost_source) == (cost, "billed")
        guess = Usage(12, math.ceil(len(TEXT + THOUGHT) / WRITTEN), estimated=True)
        assert came.reply.usage == (guess if odd else usage)
        assert (attempt.state, attempt.cost) == ("settled", cost * 10**9)
        return
    known = row.error is not None and not row.charged
    assert came.reply.cost == (0 if known else None)
    assert came.reply.cost_source == "unknown"
    for attempt in came.attempts:
        assert (attempt.state, attempt.cost) == (("settled", 0) if known else ("pending", None))
        assert attempt.hold


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_s007_to_s102(server: OpenRouter, own_home: Path, row: Fault) -> None:
    server.say(*[row.answer] * row.posts)
    with asking(own_home, **dict(row.settings)) as asked:
        came = asked.ask()
        held = asked.session.totals().held
        assert server.wait_closed()
        if row.settings or row.answer.fault == "done_then_open":
            assert server.chats[0].left  # the server would have gone on
        assert connections(server.base_url) == 0
    assert type(came.error) is (row.error or type(None))
    assert came.reply is not None
    assert came.reply.text == row.text
    assert came.thinking == (THOUGHT if row.text else "")
    assert [r.route for r in server.requests if r.method == "POST"] == ["/chat/completions"] * (
        row.posts
    )
    assert server.other_host.requests == []
    assert len(came.attempts) == row.posts
    told_so = "S081" <= row.id <= "S086"
    ended = ("ok", "stop") if row.error is None else ("failed", "error" if told_so else None)
    assert (came.reply.status, came.reply.finish) == ended
    cost_is_right(came, row, server)
    assert (held > 0) is (came.reply.cost is None)
    if row.error is not None:
        said = told(came.error)
        assert row.says in said
        if row.error is e.SentNoAnswer:  # S104
            again = r"It was not sent again( by itself)?; run the cell to send it again\."
            assert re.search(again, said)
        assert (e.MAY_COST in said) is row.charged
    assert tuple(one for one in came.waits if one in row.waits) == row.waits
    assert sum(asked.slept) == sum(row.waits)


def test_s086_what_has_no_usage_is_settled_later(server: OpenRouter, own_home: Path) -> None:
    server.say(Answer(text=TEXT, fault="no_usage"))
    with asking(own_home) as asked:
        came = asked.ask()
        record = settled(server, came.attempts[0].generation)
        assert asked.session.reconcile() == 1
        ((cost, source),) = asked.rows("SELECT cost_nano, cost_source FROM attempts")
    assert (cost, source) == (Decimal(str(record["total_cost"])) * 10**9, "billed")


# -- nothing can have been sent ---------------------------------------------------------------


@dataclass
class Net:
    """What is between this process and a server, as a test bends it."""

    server: OpenRouter
    patch: pytest.MonkeyPatch
    folder: Path

    def proxy(self, url: str) -> None:
        """Set the proxy of the environment."""
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            self.patch.setenv(name, url)


def no_name(net: Net) -> Iterator[str]:
    """A host that the resolver does not know."""
    found = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **more: Any) -> Any:
        if "nowhere" in str(host):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return found(host, *args, **more)

    net.patch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield "https://nowhere.example/v1"


def refusing(net: Net) -> Iterator[str]:
    """A port that refuses."""
    yield f"http://127.0.0.1:{closed_port()}/v1"


def own_certificate(net: Net) -> Iterator[str]:
    """A server whose certificate nobody knows."""
    with tls.front(net.server.base_url, tls.certificate(net.folder)) as url:
        yield url


def plain_port(net: Net) -> Iterator[str]:
    """A server that speaks plain HTTP where TLS is meant."""
    yield net.server.base_url.replace("http:", "https:")


def silent_port(net: Net) -> Iterator[str]:
    """A server that takes the connection and says nothing to TLS."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        yield f"https://127.0.0.1:{listening.getsockname()[1]}/v1"


def no_proxy_there(net: Net) -> Iterator[str]:
    """A proxy whose port refuses."""
    net.proxy(f"http://user:geheim@127.0.0.1:{closed_port()}")
    yield "https://openrouter.ai/api/v1"


def no_to_connect(net: Net) -> Iterator[str]:
    """A proxy that knows no CONNECT."""
    net.proxy(net.server.base_url.removesuffix("/api/v1").replace("//", "//user:geheim@"))
    yield "https://openrouter.ai/api/v1"


def silent_proxy(net: Net) -> Iterator[str]:
    """A proxy that never answers a CONNECT."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        net.proxy(f"http://user:geheim@127.0.0.1:{listening.getsockname()[1]}")
        yield "https://openrouter.ai/api/v1"


UNREACHED: dict[str, Callable[[Net], Iterator[str]]] = {
    "S001-refused": refusing,
    "S002-no such name": no_name,
    "S003-unknown certificate": own_certificate,
    "S004-https to plain http": plain_port,
    "S004-https to silence": silent_port,
    "S005-proxy refuses": no_proxy_there,
    "S005-proxy says no": no_to_connect,
    "S005-proxy says nothing": silent_proxy,
    "S006-socks": no_name,
}


@pytest.fixture
def net(server: OpenRouter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Net:
    without_proxies(monkeypatch)
    monkeypatch.setenv("M1_API_KEY", "sk-local-test-0000")
    server.accept_any_key = True
    return Net(server, monkeypatch, tmp_path)


@pytest.fixture
def place(net: Net, request: pytest.FixtureRequest) -> Iterator[str]:
    """A base URL that nothing can be sent to."""
    yield from UNREACHED[request.param](net)


@pytest.mark.parametrize("place", [name for name in UNREACHED if name[:4] != "S006"], indirect=True)
def test_s001_to_s005_s103(server: OpenRouter, own_home: Path, place: str) -> None:
    server.say(Answer(text="before"))
    with asking(own_home, connect_timeout=SHORT) as asked:
        asked.ask()
        asked.settings.base_url = place
        came = asked.ask()
        assert connections(place) == 0
        assert asked.rows("SELECT answer FROM calls ORDER BY at") == [("before",), ("",)]
    assert type(came.error) is e.CannotConnect
    said = told(came.error)
    assert e.NOTHING_SENT in said
    assert "geheim" not in said
    assert came.reply is not None
    assert (came.reply.text, came.reply.status, came.reply.cost) == ("", "failed", 0)
    assert [(row.state, row.cost) for row in came.attempts] == [("settled", 0)] * 3
    assert asked.slept == came.waits == [0.5, 1.0]
    assert len(server.chats) == 1


@pytest.mark.skipif(importlib.util.find_spec("socksio") is not None, reason="it has socksio")
def test_s006_a_socks_proxy_without_its_package(own_home: Path, net: Net) -> None:
    net.proxy(f"socks5://user:geheim@127.0.0.1:{closed_port()}")
    own_home.mkdir()
    asked = Asking(own_home, base_url="https://openrouter.ai/api/v1")
    with pytest.raises(e.CannotConnect) as caught:
        asked.session.ask(first_question(), Seen())
    assert "pip install socksio" in told(caught.value)
    assert "geheim" not in str(caught.value)
    assert (asked.slept, asked.rows("SELECT * FROM attempts")) == ([], [])
