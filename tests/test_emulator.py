"""The emulator itself, checked against the official SDK's own models and the openai SDK.

Whatever the emulator sends must validate as OpenRouter's schema says; every fault
must leave on the wire what it claims; nothing may outlive the server.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import openai
import openrouter
import pytest
from openrouter import components, errors, operations

from emulator import FAULTS, MISSING, STATUSES, Answer, OpenRouter, closed_port
from emulator.catalog import key_info
from emulator.wire import pieces

M1 = "minimax/minimax-m1"
ASK: dict[str, Any] = {"model": M1, "messages": [{"role": "user", "content": "Hi, Ça va?"}]}
FULL = Answer(thinking="I should greet them back.", text="Hello wörld 日本, 😀 and all of you!")
pytestmark = pytest.mark.filterwarnings("ignore:.*DEPRECATED:DeprecationWarning")
WAITING = ("never_answers", "stall_mid", "comments_forever", "done_then_open")


@pytest.fixture
def server() -> Iterator[OpenRouter]:
    """A running emulator that must not have crashed."""
    with OpenRouter() as running:
        yield running
    assert running.crashes == []


def post(server: OpenRouter, body: Any = None, *, path: str = "", key: str = "") -> socket.socket:
    """Send a chat request and return the open socket."""
    data = body if isinstance(body, bytes) else json.dumps(body or ASK | {"stream": True}).encode()
    host, _, port = server.base_url.split("/")[2].partition(":")
    sock = socket.create_connection((host, int(port)), timeout=10)
    head = f"POST /api/v1{path or '/chat/completions'} HTTP/1.1\r\nHost: {host}\r\n"
    head += f"Authorization: Bearer {key or server.key}\r\nConnection: close\r\n"
    sock.sendall(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
    return sock


def drain(sock: socket.socket, until: bytes | None = None) -> bytes:
    """Read to the end of the connection, or until some bytes came."""
    got = b""
    with sock:
        try:
            while until is None or until not in got:
                more = sock.recv(65536)
                if not more:
                    break
                got += more
        except ConnectionResetError:
            pass
    return got


def split(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    """Take an HTTP answer apart as far as it goes."""
    head, _, rest = answer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    pairs = [line.split(": ", 1) for line in lines[1:] if ": " in line]
    headers = {name.lower(): value for name, value in pairs}
    if headers.get("transfer-encoding") == "chunked":
        rest = unchunked(rest)
    if headers.get("content-encoding") == "gzip" and rest.startswith(b"\x1f\x8b"):
        rest = zlib.decompressobj(wbits=31).decompress(rest)
    status = re.match(r"HTTP/1.1 (\d+)", lines[0])
    return int(status[1]) if status else 0, headers, rest


def unchunked(data: bytes) -> bytes:
    """Undo the chunked framing, stopping where it is broken."""
    body = b""
    while match := re.match(rb"([0-9a-f]+)\r\n", data):
        size = int(match[1], 16)
        body += data[match.end() : match.end() + size]
        data = data[match.end() + size + 2 :]
    return body


def read_events(body: bytes) -> list[Any]:
    """Read every JSON event, however framed."""
    if body.startswith(b"{"):
        return [json.loads(body)]
    text = body.decode(errors="replace").removeprefix("\ufeff")
    made = []
    for block in re.split(r"\n\n", text.replace("\r\n", "\n").replace("\r", "\n")):
        lines = [line[5:].removeprefix(" ") for line in block.split("\n") if line[:5] == "data:"]
        try:
            made.append(json.loads("\n".join(lines)))
        except ValueError:
            continue
    return made


def said(found: list[Any]) -> str:
    """Join the text of the chunks that have one."""
    text = ""
    for one in found:
        for choice in (one.get("choices") if isinstance(one, dict) else None) or []:
            content = (choice.get("delta") or choice.get("message") or {}).get("content")
            text += content if isinstance(content, str) else ""
    return text


def stream(server: OpenRouter, answer: Answer, **body: Any) -> list[Any]:
    """Get the events of an answer."""
    server.say(answer)
    return read_events(split(drain(post(server, ASK | {"stream": True} | body)))[2])


def official(server: OpenRouter) -> openrouter.OpenRouter:
    """Point the official SDK at the emulator."""
    return openrouter.OpenRouter(
        api_key=server.key, server_url=server.base_url, retry_config=None, timeout_ms=10_000
    )


def ask_openai(server: OpenRouter) -> list[Any]:
    """Get the chunks of an answer with the openai SDK."""
    with (
        openai.OpenAI(
            api_key=server.key, base_url=server.base_url, max_retries=0, timeout=10
        ) as client,
        client.chat.completions.create(**ASK, stream=True) as sent,
    ):
        return list(sent)


# -- shapes ------------------------------------------------------------------------------
@pytest.mark.parametrize("where", ["both", "reasoning", "details"])
@pytest.mark.parametrize("shape", ["a", "b", "c", "none"])
def test_every_chunk_is_valid(server: OpenRouter, shape: Any, where: Any) -> None:
    tool = {"id": "call_1", "name": "f", "arguments": "{}"}
    answer = replace(FULL, usage_shape=shape, reasoning_in=where, tool_calls=[tool], cached=3)
    found = stream(server, answer)
    chunks = [components.ChatStreamChunk.model_validate(one) for one in found]
    assert said(found) == FULL.text
    assert [c.usage for c in chunks if c.usage] == ([] if shape == "none" else [chunks[-1].usage])
    assert len({one["id"] for one in found}) == 1
    assert found[0]["provider"] == "Minimax"
    assert found[0]["choices"][0]["delta"]["content"] == ""
    thoughts = [c.choices[0].delta for c in chunks if c.choices]
    told = "".join(d.reasoning or "" for d in thoughts)
    details = [i for d in thoughts for i in d.reasoning_details or []]
    detailed = "".join(
        i.text or "" for i in details if isinstance(i, components.ReasoningDetailText)
    )
    assert told == ("" if where == "details" else FULL.thinking)
    assert detailed == ("" if where == "reasoning" else FULL.thinking)


def test_first_chunk_byte_for_byte(server: OpenRouter) -> None:
    server.say(Answer(thinking=["Let"], text="é", generation_id="gen-1-x", comments=True))
    _, headers, body = split(drain(post(server)))
    assert headers["x-generation-id"] == "gen-1-x"
    assert headers["content-type"] == "text/event-stream"
    assert body.startswith(b": OPENROUTER PROCESSING\n\ndata: {")
    assert body.endswith(b"}\n\ndata: [DONE]\n\n")
    created = read_events(body)[0]["created"]
    assert body.split(b"\n\n")[1].decode() == (
        'data: {"id":"gen-1-x","provider":"Minimax","model":"minimax/minimax-m1",'
        f'"object":"chat.completion.chunk","created":{created},"choices":[{{"index":0,'
        '"delta":{"role":"assistant","content":"","reasoning":"Let","reasoning_details":'
        '[{"type":"reasoning.text","text":"Let","format":"unknown","index":0}]},'
        '"finish_reason":null,"native_finish_reason":null,"logprobs":null}]}'
    )
    assert '"content":"é"'.encode() in body


def test_mid_error_is_valid(server: OpenRouter) -> None:
    found = stream(server, Answer.broken("Half of"))
    last = components.ChatStreamChunk.model_validate(found[-1])
    assert last.error is not None
    assert (last.error.code, last.choices[0].finish_reason) == (502, "error")
    assert said(found) == "Half of"
    assert stream(server, Answer.broken("x", code="server_error"))[-1]["error"]["code"]


@pytest.mark.parametrize("answer", [FULL, Answer.broken("Half"), Answer(finish=None)])
def test_plain_completion_is_valid(server: OpenRouter, answer: Answer) -> None:
    server.say(answer)
    status, headers, body = split(drain(post(server, ASK)))
    result = components.ChatResult.model_validate_json(body)
    assert (status, headers["content-type"]) == (200, "application/json")
    assert result.choices[0].message.content == answer.text
    assert result.choices[0].finish_reason == ("error" if answer.mid_error else answer.finish)


def test_usage_numbers_agree(server: OpenRouter) -> None:
    usage = stream(server, FULL)[-1]["usage"]
    components.ChatUsage.model_validate(usage)
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    thought = usage["completion_tokens_details"]["reasoning_tokens"]
    assert 0 < thought < usage["completion_tokens"]
    exact = usage["prompt_tokens"] * Decimal("4e-7") + usage["completion_tokens"] * Decimal("22e-7")
    assert Decimal(str(usage["cost"])) == exact


@pytest.mark.parametrize("cost", [None, "0.01", 0, -1, MISSING])
def test_cost_can_be_anything(server: OpenRouter, cost: Any) -> None:
    usage = stream(server, Answer(text="x", cost=cost))[-1]["usage"]
    assert usage.get("cost", MISSING) == cost


def test_reasoning_can_be_excluded(server: OpenRouter) -> None:
    found = stream(server, FULL, reasoning={"exclude": True})
    assert not any(c["delta"].get("reasoning") for one in found for c in one["choices"])
    assert found[-1]["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0


def test_pieces_join_and_keep_pairs_whole() -> None:
    pair = "\ud83d\ude00"
    assert pieces("abc" + pair + "d\n", 2) == ["ab", "c" + pair, "d\n"]
    assert pieces(["exact", ""], 2) == ["exact", ""]
    assert pieces("", 4) == []


# -- the official SDK as a client ----------------------------------------------------------
def test_official_sdk_streams(server: OpenRouter) -> None:
    server.say(FULL)
    with official(server) as sdk:
        sent = sdk.chat.send(model=M1, messages=ASK["messages"], stream=True)
        chunks = list(sent)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == FULL.text
    assert chunks[-1].usage is not None


def test_official_sdk_reads_the_rest(server: OpenRouter) -> None:
    with official(server) as sdk:
        result = sdk.chat.send(model=M1, messages=ASK["messages"])
        record = sdk.generations.get_generation(id=result.id).data
        key = sdk.api_keys.get_current_key_metadata().data
        listed = sdk.models.list()
        endpoints = sdk.endpoints.list(author="minimax", slug="minimax-m1").data
        with pytest.raises(errors.ForbiddenResponseError, match="Only management keys"):
            sdk.credits.get_credits()
    assert result.usage is not None
    assert record.total_cost == result.usage.cost
    assert (key.limit, key.rate_limit.requests) == (10.0, -1)
    assert listed is not None
    assert M1 in [one.id for one in listed.result.data]
    assert [e.provider_name for e in endpoints.endpoints] == ["Minimax", "Novita"]
    assert [e.pricing.prompt for e in endpoints.endpoints] == ["0.0000004", "0.00000055"]
    assert {e.max_completion_tokens for e in endpoints.endpoints} == {40_000}


def test_unlimited_key_is_valid(server: OpenRouter) -> None:
    found = operations.GetCurrentKeyResponse.model_validate({"data": key_info(limit=None)})
    assert found.data.limit_remaining is None


@pytest.mark.parametrize("status", STATUSES)
def test_official_sdk_knows_every_error(server: OpenRouter, status: int) -> None:
    server.say(Answer.http_error(status, metadata={"provider_name": "Minimax"}))
    with official(server) as sdk, pytest.raises(errors.OpenRouterError) as caught:
        sdk.chat.send(model=M1, messages=ASK["messages"], stream=True)
    data: Any = getattr(caught.value, "data", None)
    assert type(caught.value) is not errors.OpenRouterDefaultError
    assert (caught.value.status_code, data.error.code) == (status, status)
    assert data.error.metadata == {"provider_name": "Minimax"}


# -- the openai SDK as a client --------------------------------------------------------------
@pytest.mark.parametrize("shape", ["a", "b", "c"])
def test_openai_sdk_streams(server: OpenRouter, shape: Any) -> None:
    server.say(replace(FULL, usage_shape=shape))
    chunks = ask_openai(server)
    choices = [c.choices[0] for c in chunks if c.choices]
    assert "".join(c.delta.content or "" for c in choices) == FULL.text
    assert "".join(getattr(c.delta, "reasoning", None) or "" for c in choices) == FULL.thinking
    assert [c.finish_reason for c in choices if c.finish_reason] == ["stop"]
    usage = chunks[-1].usage
    assert usage is not None
    assert usage.model_extra is not None
    assert usage.model_extra["cost"] > 0
    assert bool(chunks[-1].choices) == (shape != "a")


def test_openai_sdk_sees_errors(server: OpenRouter) -> None:
    server.say(Answer.http_error(429, retry_after=7), Answer.broken("abc"))
    with pytest.raises(openai.RateLimitError) as caught:
        ask_openai(server)
    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.response.headers["x-ratelimit-limit"] == "20"
    with pytest.raises(openai.APIError, match="Provider disconnected"):
        ask_openai(server)


def test_closed_port_refuses() -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", closed_port()), timeout=5)


# -- documented refusals -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"{", 400, "Invalid JSON"),
        (b"[]", 400, "Invalid JSON"),
        ({"model": M1}, 400, "messages"),
        (ASK | {"model": "no/such"}, 400, "no/such is not a valid model ID"),
        (ASK | {"model": M1 + ":free"}, 404, "No endpoints found"),
        (ASK | {"provider": {"only": ["groq"]}}, 404, "No endpoints found"),
        (ASK | {"model": M1 + ":nitro", "what": "ever", "stream": True}, 200, "chunk"),
        ({"messages": ASK["messages"]}, 200, M1),
    ],
)
def test_refusals_of_bodies(server: OpenRouter, body: Any, status: int, message: str) -> None:
    answer = split(drain(post(server, body)))
    assert answer[0] == status
    assert message.encode() in answer[2]


def test_refused_requests_use_no_answer(server: OpenRouter) -> None:
    server.say(FULL)
    status, _, body = split(drain(post(server, key="sk-wrong")))
    told = errors.UnauthorizedResponseErrorData.model_validate_json(body)
    assert (status, told.error.message) == (401, "Missing Authentication header")
    assert split(drain(post(server, path="/nowhere")))[0] == 404
    assert split(drain(post(server, path="/key")))[0] == 405
    assert server.pending == 1
    server.accept_any_key = True
    assert split(drain(post(server, key="sk-wrong")))[0] == 200
    assert server.pending == 0


@pytest.mark.parametrize("status", STATUSES)
def test_newer_error_shape_has_no_code(server: OpenRouter, status: int) -> None:
    server.say(Answer.http_error(status, new_shape=True))
    got, _, body = split(drain(post(server)))
    error = json.loads(body)["error"]
    assert (got, error["http_status"], "code" in error) == (status, status, False)


def test_pkce(server: OpenRouter) -> None:
    digest = hashlib.sha256(b"verifier-1").digest()
    server.auth_codes["c1"] = base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def trade(**body: Any) -> tuple[int, Any]:
        status, _, data = split(drain(post(server, body, path="/auth/keys")))
        return status, json.loads(data)

    right = {"code": "c1", "code_verifier": "verifier-1"}
    assert trade(code="c1", code_verifier="wrong", code_challenge_method="S256")[0] == 403
    assert trade(**right, code_challenge_method="MD5")[0] == 400
    status, told = trade(**right, code_challenge_method="S256")
    assert (status, told["key"]) == (200, server.key)
    operations.ExchangeAuthCodeForAPIKeyResponse.model_validate(told)
    assert trade(**right)[0] == 403


# -- what was received, and generations ------------------------------------------------------------
def test_requests_are_recorded(server: OpenRouter) -> None:
    server.say(replace(FULL, comments=False))
    _, _, body = split(drain(post(server)))
    assert server.wait_closed()
    (got,) = server.chats
    assert (got.method, got.path, got.route) == (
        "POST",
        "/api/v1/chat/completions",
        "/chat/completions",
    )
    assert got.headers["authorization"] == f"Bearer {server.key}"
    assert got.body == ASK | {"stream": True}
    assert json.loads(got.raw) == got.body
    assert (got.sent, got.status) == (len(body), 200)


def look_up(server: OpenRouter, name: str) -> Any:
    """Ask for a generation with the official SDK."""
    with official(server) as sdk:
        return sdk.generations.get_generation(id=name).data


def test_generation_comes_late_and_agrees(server: OpenRouter) -> None:
    server.generation_lag = 2
    found = stream(server, replace(FULL, cost="odd"))
    name, usage = found[0]["id"], found[-1]["usage"]
    for _ in range(2):
        with pytest.raises(errors.NotFoundResponseError):
            look_up(server, name)
    record = look_up(server, name)
    assert record.native_tokens_completion == usage["completion_tokens"]
    assert record.total_cost == usage["cost_details"]["upstream_inference_cost"]
    assert (record.cancelled, record.finish_reason) == (False, "stop")


@pytest.mark.parametrize(("provider", "billed"), [("Minimax", 16), ("Novita", 1)])
def test_client_that_leaves_is_noticed(server: OpenRouter, provider: str, billed: int) -> None:
    server.say(Answer(text="x" * 64, provider=provider, hold=threading.Event(), hold_after=1))
    sock = post(server)
    assert server.wait_chats(1)
    assert server.wait_held()
    assert not server.chats[0].closed.is_set()
    sock.close()
    assert server.wait_closed()
    ((name, kept),) = server.generations.items()
    record = look_up(server, name)
    assert (record.cancelled, record.finish_reason) == (True, None)
    assert record.native_tokens_completion == billed
    assert kept["total_cost"] == record.usage


def test_hold_goes_on_when_set(server: OpenRouter) -> None:
    gate = threading.Event()
    server.say(Answer(text="abcdefgh", hold=gate, hold_after=1))
    sock = post(server)
    assert server.wait_chats(1)
    assert server.wait_held()
    gate.set()
    assert said(read_events(split(drain(sock))[2])) == "abcdefgh"


def test_a_pace_cuts_nothing_and_the_first_delta_has_its_time(server: OpenRouter) -> None:
    before = time.monotonic()
    assert said(stream(server, Answer(text="Paced, to the end.", rate=500))) == "Paced, to the end."
    began = server.chats[-1].began
    assert began is not None and before <= began <= time.monotonic()


def test_failed_generation_is_free(server: OpenRouter) -> None:
    name = stream(server, Answer.broken("Half"))[0]["id"]
    assert look_up(server, name).total_cost == 0


def test_self_hosted_answers_in_tags(server: OpenRouter) -> None:
    answer = replace(FULL, think_tags=True)
    found = stream(server, answer, model="MiniMaxAI/MiniMax-M1-80k")
    assert said(found) == f"<think>\n{FULL.thinking}\n</think>\n\n{FULL.text}"
    assert not any("usage" in one or "provider" in one for one in found)
    assert found[0]["id"].startswith("chatcmpl-")
    usage = stream(server, answer, stream_options={"include_usage": True})[-1]["usage"]
    assert set(usage) == {"prompt_tokens", "completion_tokens", "total_tokens"}
    assert server.generations == {}


# -- faults --------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", sorted(set(FAULTS) - set(WAITING)))
def test_fault_leaves_what_it_claims(server: OpenRouter, name: str) -> None:
    server.say(replace(FULL, fault=name))
    found = read_events(split(drain(post(server)))[2])
    text, whole = said(found), list(pieces(FULL.text, FULL.piece))
    assert server.wait_closed()
    if FAULTS[name].leaves == "all":
        places = [text.find(piece) for piece in whole]
        assert places == sorted(places)
        assert -1 not in places
    elif FAULTS[name].leaves == "part":
        assert text.startswith(whole[0])
        assert whole[-1] not in text
    else:
        assert text == ""
    assert bool(server.generations) == FAULTS[name].paid


@pytest.mark.parametrize("name", WAITING)
@pytest.mark.parametrize("leaver", ["client", "server"])
def test_waiting_faults_end(name: str, leaver: str) -> None:
    server = OpenRouter()
    server.say(replace(FULL, fault=name, comments=False))
    sock = post(server)
    assert server.wait_chats(1)
    sign = {"stall_mid": b"Hell", "comments_forever": b"PROC", "done_then_open": b"[DONE]"}
    if leaver == "client":
        drain(sock, until=sign.get(name, b""))
    else:
        server.close()
    assert server.wait_closed()
    server.close()
    sock.close()
    server.close()
    assert server._http.live == {}
    assert server.crashes == []


@pytest.mark.parametrize("name", ["redirect_307_same", "redirect_302_same", "redirect_307_other"])
def test_redirects_lead_to_an_answer(server: OpenRouter, name: str) -> None:
    server.other_host.default = FULL
    server.say(replace(FULL, fault=name))
    sent = ask_openai(server)
    text = "".join(c.choices[0].delta.content or "" for c in sent if c.choices)
    assert text == FULL.text
    other = server.other_host.requests
    assert [r.method for r in server.requests + other] == [
        "POST",
        "GET" if name == "redirect_302_same" else "POST",
    ]
    assert len(server.chats) == 1
    assert [("authorization" in r.headers, r.body["model"]) for r in other] == (
        [(False, M1)] if name == "redirect_307_other" else []
    )


def test_redirect_loop_never_ends(server: OpenRouter) -> None:
    server.say(Answer(fault="redirect_loop"))
    with pytest.raises(openai.APIConnectionError):
        ask_openai(server)
    assert len(server.requests) > 10


@pytest.mark.parametrize("lost", ["says_gzip", "fin_mid_chunked", "rst_mid", "ssh_banner"])
def test_openai_sdk_meets_faults(server: OpenRouter, lost: str) -> None:
    server.say(replace(FULL, fault=lost))
    with pytest.raises(openai.APIConnectionError):
        ask_openai(server)


def test_closing_ends_a_client_that_does_not_read() -> None:
    with OpenRouter() as server:
        server.say(Answer(text=["x" * 1_000_000] * 50, comments=False))
        sock = post(server)
        assert server.wait_chats(1)
    assert server.chats[0].closed.is_set()
    assert server._http.live == {}
    sock.close()
