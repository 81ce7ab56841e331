"""The emulator itself, checked against the official SDK's own models.

Whatever the emulator sends must validate as OpenRouter's schema says, and nothing may outlive the
server. What each fault leaves on the wire is seen by `test_stream_faults.py`.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx2
import openrouter
import pytest
from openrouter import components, errors

from emulator import STATUSES, Answer, OpenRouter

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


def post(
    server: OpenRouter, body: Any = None, *, path: str = "/chat/completions", key: str = ""
) -> httpx2.Response:
    """Send a request, a chat by default, and return the whole answer."""
    data = body if isinstance(body, bytes) else json.dumps(body or ASK).encode()
    headers = {"Authorization": f"Bearer {key or server.key}"}
    return httpx2.post(server.base_url + path, content=data, headers=headers, trust_env=False)


def connect(server: OpenRouter) -> socket.socket:
    """Send a chat request and return the open socket."""
    host, _, port = server.base_url.split("/")[2].partition(":")
    sock, data = socket.create_connection((host, int(port)), timeout=10), json.dumps(ASK).encode()
    head = f"POST /api/v1/chat/completions HTTP/1.1\r\nAuthorization: Bearer {server.key}\r\n"
    sock.sendall(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
    return sock


def stream(server: OpenRouter, answer: Answer, **body: Any) -> list[Any]:
    """Get the events of an answer."""
    server.say(answer)
    blocks = post(server, ASK | body).text.split("\n\n")
    return [json.loads(block[6:]) for block in blocks if block.startswith("data: {")]


def said(found: list[Any]) -> str:
    """Join the text of the chunks."""
    return "".join(
        choice["delta"].get("content") or "" for one in found for choice in one["choices"]
    )


def official(server: OpenRouter) -> openrouter.OpenRouter:
    """Point the official SDK at the emulator."""
    return openrouter.OpenRouter(
        api_key=server.key, server_url=server.base_url, retry_config=None, timeout_ms=10_000
    )


# -- shapes ------------------------------------------------------------------------------
@pytest.mark.parametrize("where", ["both", "reasoning", "details"])
@pytest.mark.parametrize("shape", ["a", "b", "c"])
def test_every_chunk_is_valid(server: OpenRouter, shape: Any, where: Any) -> None:
    found = stream(server, replace(FULL, usage_shape=shape, reasoning_in=where, cached=3))
    chunks = [components.ChatStreamChunk.model_validate(one) for one in found]
    assert said(found) == FULL.text
    assert [c.usage for c in chunks if c.usage] == [chunks[-1].usage]
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


def test_mid_error_is_valid(server: OpenRouter) -> None:
    found = stream(server, Answer.broken("Half of"))
    last = components.ChatStreamChunk.model_validate(found[-1])
    assert last.error is not None
    assert (last.error.code, last.choices[0].finish_reason) == (502, "error")
    assert said(found) == "Half of"
    assert stream(server, Answer.broken("x", code="server_error"))[-1]["error"]["code"]


def test_usage_numbers_agree(server: OpenRouter) -> None:
    usage = stream(server, FULL)[-1]["usage"]
    components.ChatUsage.model_validate(usage)
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    thought = usage["completion_tokens_details"]["reasoning_tokens"]
    assert 0 < thought < usage["completion_tokens"]
    exact = usage["prompt_tokens"] * Decimal("4e-7") + usage["completion_tokens"] * Decimal("22e-7")
    assert Decimal(str(usage["cost"])) == exact


@pytest.mark.parametrize(
    ("asked", "text", "end"),
    [
        ({}, "one two three END four", "stop"),
        ({"stop": ["END", "thr"]}, "one two ", "stop"),
        ({"stop": "END"}, "one two three ", "stop"),
        ({"max_tokens": 4}, "one two ", "length"),  # two tokens went into thinking
        ({"max_completion_tokens": 4}, "one two ", "length"),
        ({"max_tokens": 1}, "", "length"),
        ({"max_tokens": 8}, "one two three END four", "stop"),
    ],
)
def test_it_does_as_it_is_asked(
    server: OpenRouter, asked: dict[str, Any], text: str, end: str
) -> None:
    found = stream(server, Answer(thinking="Let me.", text="one two three END four"), **asked)
    assert said(found) == text
    ends = [c["finish_reason"] for one in found for c in one["choices"] if c["finish_reason"]]
    assert ends == [end]
    most = asked.get("max_tokens", asked.get("max_completion_tokens", 99))
    assert found[-1]["usage"]["completion_tokens"] <= most


def test_what_no_endpoint_has_room_for_is_refused(server: OpenRouter) -> None:
    refused = post(server, ASK | {"max_tokens": 1_000_000})
    message = refused.json()["error"]["message"]
    assert refused.status_code == 400
    assert "1000000 tokens. However" in message and "1000000 in the output" in message


def test_fees_are_in_the_price(server: OpenRouter) -> None:
    fees = {"request": "5", "internal_reasoning": "0.000001", "web_search": "0.02"}
    server.endpoints[M1][0]["pricing"] |= fees
    usage = stream(server, FULL, plugins=[{"id": "web"}])[-1]["usage"]
    exact = usage["prompt_tokens"] * Decimal("4e-7") + usage["completion_tokens"] * Decimal("22e-7")
    thought = usage["completion_tokens_details"]["reasoning_tokens"] * Decimal("1e-6")
    assert Decimal(str(usage["cost"])) == exact + thought + Decimal("5.02")
    record = next(iter(server.generations.values()))
    assert record["total_cost"] == usage["cost"]


# -- the official SDK as a client ----------------------------------------------------------


def test_official_sdk_reads_the_rest(server: OpenRouter) -> None:
    with official(server) as sdk:
        chunks = list(sdk.chat.send(model=M1, messages=ASK["messages"], stream=True))
        record = sdk.generations.get_generation(id=chunks[0].id).data
        key = sdk.api_keys.get_current_key_metadata().data
        listed = sdk.models.list()
        endpoints = sdk.endpoints.list(author="minimax", slug="minimax-m1").data
    usage = chunks[-1].usage
    assert usage is not None
    assert record.total_cost == usage.cost
    assert (key.limit, key.rate_limit.requests) == (10.0, -1)
    assert listed is not None
    assert M1 in [one.id for one in listed.result.data]
    assert [e.provider_name for e in endpoints.endpoints] == ["Minimax", "Novita"]
    assert [e.pricing.prompt for e in endpoints.endpoints] == ["0.0000004", "0.00000055"]
    assert {e.max_completion_tokens for e in endpoints.endpoints} == {40_000}


@pytest.mark.parametrize("status", STATUSES)
def test_official_sdk_knows_every_error(server: OpenRouter, status: int) -> None:
    server.say(Answer.http_error(status, metadata={"provider_name": "Minimax"}))
    with official(server) as sdk, pytest.raises(errors.OpenRouterError) as caught:
        sdk.chat.send(model=M1, messages=ASK["messages"], stream=True)
    data: Any = getattr(caught.value, "data", None)
    assert type(caught.value) is not errors.OpenRouterDefaultError
    assert (caught.value.status_code, data.error.code) == (status, status)
    assert data.error.metadata == {"provider_name": "Minimax"}


# -- documented refusals -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"{", 400, "Invalid JSON"),
        (b"[]", 400, "Invalid JSON"),
        ({"model": M1}, 400, "messages"),
        (ASK | {"model": "no/such"}, 400, "no/such is not a valid model ID"),
        (ASK | {"model": M1 + ":free"}, 404, "No endpoints found"),
        (ASK | {"model": M1 + ":nitro", "what": "ever"}, 200, "chunk"),
    ],
)
def test_refusals_of_bodies(server: OpenRouter, body: Any, status: int, message: str) -> None:
    answer = post(server, body)
    assert answer.status_code == status
    assert message in answer.text


def test_refused_requests_use_no_answer(server: OpenRouter) -> None:
    server.say(FULL)
    answer = post(server, key="sk-wrong")
    told = errors.UnauthorizedResponseErrorData.model_validate_json(answer.content)
    assert (answer.status_code, told.error.message) == (401, "Missing Authentication header")
    assert post(server, path="/nowhere").status_code == 404
    assert post(server, path="/key").status_code == 405
    assert server.pending == 1
    server.accept_any_key = True
    assert post(server, key="sk-wrong").status_code == 200
    assert server.pending == 0


@pytest.mark.parametrize("status", STATUSES)
def test_newer_error_shape_has_no_code(server: OpenRouter, status: int) -> None:
    server.say(Answer.http_error(status, new_shape=True))
    answer = post(server)
    error = answer.json()["error"]
    assert (answer.status_code, error["http_status"], "code" in error) == (status, status, False)


# -- what was received, and generations ------------------------------------------------------------


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


def test_client_that_leaves_is_noticed_and_billed(server: OpenRouter) -> None:
    server.say(Answer(text="x" * 64, hold=threading.Event(), hold_after=1))
    sock = connect(server)
    assert server.wait_chats(1)
    assert server.wait_held()
    assert not server.chats[0].closed.is_set()
    sock.close()
    assert server.wait_closed()
    ((name, kept),) = server.generations.items()
    record = look_up(server, name)
    assert (record.cancelled, record.finish_reason) == (True, None)
    assert record.native_tokens_completion == 16
    assert kept["total_cost"] == record.usage


def test_failed_generation_is_free(server: OpenRouter) -> None:
    name = stream(server, Answer.broken("Half"))[0]["id"]
    assert look_up(server, name).total_cost == 0


# -- faults --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WAITING)
def test_waiting_faults_end_with_the_server(name: str) -> None:
    server = OpenRouter()
    server.say(replace(FULL, fault=name))
    with connect(server):
        assert server.wait_chats(1)
        server.close()
        assert server.wait_closed()
        server.close()
    assert server._http.live == {}
    assert server.crashes == []


def test_closing_ends_a_client_that_does_not_read() -> None:
    with OpenRouter() as server:
        server.say(Answer(text=["x" * 1_000_000] * 50, comments=False))
        sock = connect(server)
        assert server.wait_chats(1)
    assert server.chats[0].closed.is_set()
    assert server._http.live == {}
    sock.close()
