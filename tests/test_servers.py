"""Servers as they differ: what is added for one, what another tells or refuses, OpenRouter's own.

A server that is not OpenRouter is the emulator under ``/v1``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from emulator import Answer, OpenRouter, catalog, routes
from m1_magic import api, ask, verbs
from m1_magic.backends.dialect import DIALECTS
from m1_magic.calls import Started, TextDelta, Waiting
from m1_magic.errors import (
    BadRequest,
    BadSetting,
    BudgetExceeded,
    PromptTooLarge,
    RateLimited,
    SecretInPrompt,
    Stopped,
)
from m1_magic.options.fields import Options
from m1_magic.settings.config import M1, change
from m1_magic.text import md_to_text
from m1_magic.verbs.verb_context import VerbContext
from scripted import MODEL, Scripted, Seen, request, session
from shells import Run


def verb(name: str, *args: str) -> str:
    context = VerbContext(api.session(), {}, lambda question: "")
    return md_to_text(verbs.VERBS[name].run(context, list(args)))


def dry(prompt: str = "hi", **more: Any) -> str:
    return md_to_text(verbs.preview(api.preview(prompt, Options(**more), {})))


def serve(monkeypatch: pytest.MonkeyPatch, *models: dict[str, Any]) -> None:
    """Let the server list these models and no other."""
    page = json.dumps({"object": "list", "data": models}).encode()
    answer = lambda _emulator, x: x.page(200, page, "application/json")  # noqa: E731
    monkeypatch.setitem(routes.ROUTES, "/models", (("GET",), answer))


@pytest.fixture
def another(server: OpenRouter, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenRouter]:
    """The server of somebody's own, which lists nothing but a name."""
    monkeypatch.setenv("M1_BASE_URL", server.base_url.replace("/api/v1", "/v1"))
    serve(monkeypatch, {"id": MODEL, "object": "model"})
    server.any_model = True
    yield server
    DIALECTS.clear()


# -- fields and headers of one's own ----------------------------------------------------------


def test_fields_and_headers_leave_and_are_shown(server: OpenRouter) -> None:
    api.settings().extra_body = {"top_k": 40, "metadata": {"team": "data"}}
    api.settings().extra_headers = {"X-Team": "data", "user-agent": "ours"}
    shown = dry()
    assert "top_k 40" in shown and "'team': 'data'" in shown and "X-Team: data" in shown
    assert server.requests == []
    ask("hi", namespace={})
    sent = server.chats[0]
    assert sent.body["top_k"] == 40 and sent.body["metadata"] == {"team": "data"}
    assert sent.headers["x-team"] == "data" and sent.headers["user-agent"] == "ours"
    assert sent.headers["authorization"] == f"Bearer {server.key}"
    assert "extra_headers: {'X-Team': 'data'" in verb("key") + verbs_status()


def verbs_status() -> str:
    return md_to_text(verbs.status(VerbContext(api.session(), {}, str)))


@pytest.mark.parametrize(
    "field",
    ["messages", "stream", "stream_options", "model", "models", "provider", "max_tokens", "n",
     "temperature", "top_p", "seed", "stop", "reasoning", "prompt", " Messages ", "max_new_tokens",
     "max_output_tokens", "api_key"],
)  # fmt: skip
def test_a_field_of_ours_is_refused_by_name(server: OpenRouter, field: str) -> None:
    settings, wish = api.settings(), {"top_k": 1, field: []}
    for door in (
        lambda: setattr(settings, "extra_body", wish),
        lambda: change(settings, "extra_body", json.dumps(wish)),
    ):
        with pytest.raises(BadSetting, match=rf"cannot set {field.strip()}\b"):
            door()
    settings.extra_body = {"top_k": 1}
    settings.extra_body[field] = []  # in place, unseen
    with pytest.raises(BadSetting, match=rf"cannot set {field.strip()}\b"):
        ask("hi", namespace={})
    assert server.requests == []


@pytest.mark.parametrize("wrong", ["top_k", ["top_k"], {1: 2}, {"a": {1, 2}}, {"a": float("nan")}])
def test_fields_are_a_dict_that_json_can_hold(server: OpenRouter, wrong: Any) -> None:
    with pytest.raises(BadSetting, match="extra_body"):
        api.settings().extra_body = wrong


@pytest.mark.parametrize(
    "name",
    ["Authorization", "authorization", "Proxy-Authorization", "Cookie", "X-Api-Key", "api-key",
     "apikey", "X-Auth-Token", "Helicone-Auth", "x-goog-api-key", "Ocp-Apim-Subscription-Key",
     "CF-Access-Client-Secret", "X-Password", "X-Amz-Security-Token", "Host", "content-length",
     "Content-Type", "Transfer-Encoding", "Connection", "Accept-Encoding", "a b", "", "ä"],
)  # fmt: skip
def test_no_header_holds_a_key_or_is_the_transports(server: OpenRouter, name: str) -> None:
    settings, given = api.settings(), {"X-Team": "data", name: "hunter2-hunter2"}
    for door in (
        lambda: setattr(settings, "extra_headers", given),
        lambda: change(settings, "extra_headers", json.dumps(given)),
    ):
        with pytest.raises(BadSetting) as caught:
            door()
        assert "hunter2" not in str(caught.value)
        assert name in str(caught.value) or not name.isascii() or " " in name
    assert settings.extra_headers is None


@pytest.mark.parametrize("value", ["a\r\nX: y", "ä", "", " a", 5, None, "Bearer abc", "basic YTpi"])
def test_a_header_is_one_line_of_ascii(server: OpenRouter, value: Any) -> None:
    with pytest.raises(BadSetting, match="X-Team"):
        api.settings().extra_headers = {"X-Team": value}


@pytest.mark.parametrize("setting", ["extra_body", "extra_headers"])
def test_a_key_in_what_goes_along_is_refused(server: OpenRouter, setting: str) -> None:
    secret = "sk-or-v1-" + "0123456789abcdef" * 4
    setattr(api.settings(), setting, {"X-Team": secret})
    with pytest.raises(SecretInPrompt) as caught:
        ask("hi", namespace={})
    assert secret not in str(caught.value) and server.requests == []


# -- max_tokens as a server takes it ----------------------------------------------------------


def test_the_other_name_is_sent_where_the_user_says_so(another: OpenRouter) -> None:
    api.settings().extra_body = {"max_completion_tokens": 500}
    ask("hi", namespace={})
    ask("hi", namespace={}, max_tokens=20)
    bodies = [chat.body for chat in another.chats]
    assert [body.get("max_completion_tokens") for body in bodies] == [500, 20]
    assert not any("max_tokens" in body for body in bodies)


def test_the_other_name_is_learned_and_costs_nothing(another: OpenRouter) -> None:
    said = (
        "Unsupported parameter: 'max_tokens' is not supported with this model. "
        "Use 'max_completion_tokens' instead."
    )
    another.say(Answer.http_error(400, said))
    seen = Seen()
    api.run("hi", Options(), {}, seen)
    waits = [event.reason for event in seen.events if isinstance(event, Waiting)]
    assert waits == ["127.0.0.1 wants max_completion_tokens in place of max_tokens."]
    refused, answered = seen.receipts[0].call.attempts
    assert refused.cost == 0 and refused.state == "settled" and answered.usage
    first, second = (chat.body for chat in another.chats)
    assert "max_tokens" in first and "max_completion_tokens" not in first
    assert second["max_completion_tokens"] == first["max_tokens"]
    assert "max_tokens" not in second
    ask("again", namespace={})
    assert "max_tokens" not in another.chats[2].body and len(another.chats) == 3


REFUSALS = {
    "vllm": (
        "This model's maximum context length is 4096 tokens. However, you requested 16010 tokens "
        "(10 in the messages, 16000 in the completion). Please reduce the length.",
        4086,
    ),
    "vllm, newer": (
        "'max_tokens' or 'max_completion_tokens' is too large: 16000. This model's maximum context "
        "length is 4096 tokens and your request has 12 input tokens (16000 > 4096 - 12).",
        4084,
    ),
    "sglang": (
        "Requested token count exceeds the model's maximum context length of 4096 tokens. You "
        "requested a total of 16010 tokens: 10 tokens from the input messages and 16000 tokens for "
        "the completion.",
        4086,
    ),
    "tgi": (
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 10 "
        "`inputs` tokens and 16000 `max_new_tokens`",
        4086,
    ),
}


@pytest.mark.parametrize("words", REFUSALS)
def test_a_refusal_that_names_the_limit_is_fitted_to(another: OpenRouter, words: str) -> None:
    said, room = REFUSALS[words]
    another.say(Answer.http_error(400, said))
    assert ask("hi", namespace={}).status == "ok"
    assert [chat.body["max_tokens"] for chat in another.chats] == [16_000, room]
    ask("hi again", namespace={})
    assert 4_000 < another.chats[2].body["max_tokens"] <= 8_192


@pytest.mark.parametrize(
    ("said", "most"),
    [
        (
            "max_tokens is too large: 16000. This model supports at most 4096 completion tokens",
            4096,
        ),
        ("'max_tokens' or 'max_completion_tokens' must be at most 4096", 4096),
        ("`max_tokens` must be less than or equal to `8192`, the maximum value", 8192),
        ("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", 8192),
    ],
    ids=["openai", "both names", "groq", "deepseek"],
)
def test_a_limit_of_the_answer_is_told(another: OpenRouter, said: str, most: int) -> None:
    another.say(Answer.http_error(400, said))
    with pytest.raises(BadRequest, match=f"--max-tokens {most} fits"):
        ask("hi", namespace={})
    assert len(another.chats) == 1


@pytest.mark.parametrize(
    "said",
    [
        "This model's maximum context length is 4096 tokens. However, you requested 50000 tokens "
        "in the messages. Please reduce the length of the messages.",
        "maximum context length is 4096 tokens: the prompt is too long",
    ],
)
def test_a_prompt_that_is_too_large_is_not_asked_again(another: OpenRouter, said: str) -> None:
    another.say(Answer.http_error(400, said))
    with pytest.raises(PromptTooLarge):
        ask("hi", namespace={})
    assert len(another.chats) == 1


@pytest.mark.parametrize(
    "entry",
    [
        {"id": MODEL, "max_model_len": 4096},
        {"id": "/models/m1.gguf", "meta": {"n_ctx_train": 4096, "n_vocab": 9}},
        {"id": MODEL, "context_length": 4096, "max_model_len": "x"},
        {"id": MODEL, "context_window": 4096, "max_completion_tokens": 8192},
    ],
    ids=["vllm", "llama.cpp", "lm studio", "groq"],
)
def test_max_tokens_fits_the_context_that_is_told(
    another: OpenRouter, monkeypatch: pytest.MonkeyPatch, entry: dict[str, Any]
) -> None:
    serve(monkeypatch, entry)
    ask("hi", namespace={})
    assert 3_900 < another.chats[0].body["max_tokens"] < 4_096
    with pytest.raises(PromptTooLarge, match="takes 4,096"):
        ask("word " * 10_000, namespace={})
    assert len(another.chats) == 1


def test_two_servers_on_one_machine_are_two(server: OpenRouter) -> None:
    """Neither the context of one nor its limit is the other's."""
    with OpenRouter(accept_any_key=True) as second:
        for one, context in ((server, 4_096), (second, 8_192)):
            one.models[0]["context_length"] = context
            one.say(Answer.http_error(429, retry_after=100))
            api.settings().base_url = one.base_url.replace("/api/v1", "/v1")
            api.settings().max_retries = 0
            with pytest.raises(RateLimited):  # at once
                ask("hi", namespace={})
            assert context - 200 < one.chats[0].body["max_tokens"] < context


# -- what another server does not have --------------------------------------------------------


def test_no_key_and_no_generation_are_facts(another: OpenRouter) -> None:
    ask("hi", namespace={})
    assert "tells no limit and no use of a key" in verb("key")
    assert "fails" not in verb("doctor")
    verb("cost")
    assert {request.route for request in another.requests} == {"/models", "/chat/completions"}


def test_a_server_under_openrouters_path_may_lack_them_too(
    server: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(routes.ROUTES, "/key")
    assert "tells no limit and no use of a key" in verb("key")


def test_nothing_of_openrouters_is_sent_unasked(another: OpenRouter) -> None:
    ask("hi", namespace={}, chat="eda")
    ask("and?", namespace={}, chat="eda")
    plain = {"model", "messages", "max_tokens", "temperature", "top_p", "stream", "stream_options"}
    assert all(set(chat.body) == plain for chat in another.chats)
    api.settings().provider = {"sort": "price"}
    ask("hi", namespace={}, think="low")
    assert another.chats[2].body["reasoning"] == {"effort": "low"}
    assert another.chats[2].body["provider"] == {"sort": "price"}


# -- OpenRouter's own -------------------------------------------------------------------------


def test_provider_preferences_are_merged(server: OpenRouter) -> None:
    settings = api.settings()
    settings.provider = {"sort": "price", "ignore": ["novita"], "allow_fallbacks": False,
                         "zdr": False, "new_wish": {"a": 1}}  # fmt: skip
    settings.zdr, settings.max_price = True, {"prompt": 1}
    ask("hi", namespace={})
    assert server.chats[0].body["provider"] == {
        "sort": "price", "ignore": ["novita"], "allow_fallbacks": False, "new_wish": {"a": 1},
        "zdr": True, "max_price": {"prompt": 1},
    }  # fmt: skip
    settings.zdr, settings.provider = None, {"data_collection": "deny"}
    assert "no provider that keeps prompts" in verbs_status()


@pytest.mark.parametrize(
    "wrong",
    [{"only": "minimax"}, {"order": [1]}, {"allow_fallbacks": "no"}, {"sort": 1}, {"zdr": 1},
     {"data_collection": "maybe"}, "price", {"quantizations": [""]}],
)  # fmt: skip
def test_a_preference_of_the_wrong_kind_is_named(server: OpenRouter, wrong: Any) -> None:
    with pytest.raises(BadSetting, match=next(iter(wrong)) if isinstance(wrong, dict) else "dict"):
        api.settings().provider = wrong


def test_fallbacks_are_sent_and_the_dearest_is_held(server: OpenRouter) -> None:
    dear = catalog.model("acme/dear", "Dear", "0.000004", "0.000022")
    server.models.append(dear)
    server.endpoints["acme/dear"] = [catalog.endpoint(dear, "Acme", "0.000004", "0.000022")]
    plan = api.session().plan(api.prepare("hi", Options(max_tokens=1000, max_cost=Decimal(1)), {}))
    change(api.settings(), "fallbacks", "openai/gpt-4o-mini, acme/dear")
    wider = api.session().plan(api.prepare("hi", Options(max_tokens=1000, max_cost=Decimal(1)), {}))
    assert plan.hold is not None and wider.hold is not None
    assert wider.hold > plan.hold and wider.hold > Decimal("0.022")
    ask("hi", namespace={}, max_cost=1)
    body = server.chats[0].body
    assert (body["model"], body["models"]) == (MODEL, ["openai/gpt-4o-mini", "acme/dear"])
    with pytest.raises(BadSetting, match="fallbacks"):
        api.settings().fallbacks = [""]
    api.settings().fallbacks = "acme/dear,acme/odd"
    assert api.settings().fallbacks == ["acme/dear", "acme/odd"]
    with pytest.raises(
        BudgetExceeded, match=r"What acme/odd could cost .* M1.prices = .*'acme/odd'"
    ):
        ask("hi", namespace={}, max_cost=1)


def test_chats_switch_context_compression_off(server: OpenRouter) -> None:
    off = {"id": "context-compression", "enabled": False}
    api.settings().extra_body = {"plugins": [{"id": "response-healing"}]}
    ask("hi", namespace={})
    ask("hi", namespace={}, chat="eda")
    api.settings().extra_body = None
    ask("and?", namespace={}, chat="eda")
    alone, first, second = (chat.body.get("plugins") for chat in server.chats)
    assert alone == [{"id": "response-healing"}]
    assert first == [{"id": "response-healing"}, off]
    assert second == [off]
    api.settings().extra_body = {"plugins": [{"id": "context-compression", "enabled": True}]}
    ask("and?", namespace={}, chat="eda")
    assert server.chats[3].body["plugins"] == [{"id": "context-compression", "enabled": True}]


def test_the_key_in_full(server: OpenRouter) -> None:
    server.key_info |= {
        "expires_at": "2027-12-31T23:59:00Z",
        "is_free_tier": True,
        "byok_usage": 2,
        "byok_usage_daily": 0.5,
        "include_byok_in_limit": True,
        "effective_budget": {
            "scope": "workspace", "limit_usd": 50, "remaining_usd": 17.5,
            "resets_at": "2026-10-12T00:00:00.000Z", "reset_interval": "weekly",
        },
    }  # fmt: skip
    said = verb("key")
    for words in (
        "$8.7500 left of $10.00", "reset monthly (UTC)", "expires 2027-12-31 23:59 UTC",
        "budget of the workspace: $17.5000 left of $50.00, until 2026-10-12 00:00 UTC",
        "used $1.2500 ($0.2500 today, $0.7500 this week, $1.0000 this month)",
        "used of your own provider keys $2.0000 ($0.5000 today", "free tier",
        "own provider keys count for the limit",
    ):  # fmt: skip
        assert words in said, (words, said)


@pytest.mark.parametrize(
    "odd",
    [[], {"limit": "x", "usage": None, "expires_at": "<b>soon", "effective_budget": 5}],
)
def test_an_odd_key_is_told_as_far_as_it_is_known(server: OpenRouter, odd: Any) -> None:
    server.key_info = odd
    assert "OPENROUTER_API_KEY" in verb("key")


@pytest.mark.parametrize("level", ["max", "xhigh", "high", "medium", "low", "minimal", "none"])
def test_every_effort_of_openrouter(server: OpenRouter, level: str) -> None:
    ask("hi", namespace={}, think=level)
    assert server.chats[0].body["reasoning"] == {"effort": level}


@pytest.mark.parametrize(
    ("told", "level", "sent", "words"),
    [
        ({"mandatory": True, "supported_efforts": None}, "off", None, "cannot be switched off"),
        ({"mandatory": True, "supported_efforts": ["high", "low"]}, "none", "low", "none → low"),
        ({"mandatory": False, "supported_efforts": ["high", "low"]}, "off", "none", ""),
        ({"supported_efforts": ["high", "medium", "low"]}, "max", "high", "max → high"),
        ({"supported_efforts": ["high", "low"]}, "medium", "low", "medium → low"),
        ({"supported_efforts": ["high"]}, "minimal", "high", "minimal → high"),
        ({"supported_efforts": ["high"]}, "high", "high", ""),
        ({"supported_efforts": "x", "mandatory": "y"}, "max", "max", ""),
    ],
)
def test_a_model_thinks_as_its_list_says(
    server: OpenRouter, run: Run, told: Any, level: str, sent: str | None, words: str
) -> None:
    server.models[0]["reasoning"] = told
    ran = run(f"%%m1 --think {level}\nhi")
    assert ran.error is None
    assert server.chats[0].body.get("reasoning", {}).get("effort") == sent
    assert (words or "hi") in ran.text + "hi" and ("→" in ran.text) == ("→" in words)


def test_doctor_and_list_say_when_a_model_expires(server: OpenRouter) -> None:
    assert "expires" not in verb("models")
    server.models[0]["expiration_date"] = "2026-12-31"
    server.models[2]["pricing"] = "cheap"
    server.models += [{"id": ["odd"]}, {"id": None}]  # no names, no models
    heading, _, *others = verb("models").splitlines()
    assert heading.endswith("| expires |") and len(others) == 3
    (first,) = [line for line in others if line.startswith(f"| {MODEL} |")]
    assert first.endswith("| 2026-12-31 |")
    said = verb("doctor")
    assert f"{MODEL} expires on 2026-12-31; in its place: minimax/minimax-m2.5" in said
    assert "at 0.55 × the price in, 0.55 × out" in said
    assert api.settings().model == MODEL


def test_the_doctor_says_that_a_model_is_gone(server: OpenRouter) -> None:
    del server.models[0]
    said = verb("doctor")
    row = next(line for line in said.splitlines() if line.startswith("| model"))
    assert "fails" in row and "is not in the list" in row and "minimax/minimax-m2.5 at" in row
    assert "Nothing is switched by itself" in row and api.settings().model == MODEL


def test_the_doctor_says_what_serves_in_its_place(server: OpenRouter) -> None:
    server.models[0]["canonical_slug"] = "minimax/minimax-m2.5"
    assert f"{MODEL} is served by minimax/minimax-m2.5 at" in verb("doctor")


MAY = "The provider may still finish and charge"


@pytest.mark.parametrize(
    ("url", "model", "words"),
    [
        ("https://openrouter.ai/api/v1", MODEL, f"{MAY} (MiniMax's own endpoint cannot"),
        ("https://openrouter.ai/api/v1", "openai/gpt-4o-mini", f"{MAY}. %m1 cost"),
        ("https://llm.example.org/v1", MODEL, "The server may still finish it."),
        ("http://127.0.0.1:8000/v1", MODEL, "The server may still finish it."),
    ],
)
def test_stop_says_what_holds_for_that_server(
    tmp_path: Path, url: str, model: str, words: str
) -> None:
    backend = Scripted([Started("gen-1"), TextDelta("a"), KeyboardInterrupt()])
    asking = session(tmp_path, backend, M1(base_url=url))
    with pytest.raises(Stopped) as caught:
        asking.ask(replace(request(), model=model), Seen())
    assert words in str(caught.value) and caught.value.reply.text == "a"
    assert ("MiniMax" in str(caught.value)) == ("MiniMax" in words)


def test_a_price_of_openrouters_does_not_hold_on_this_machine(another: OpenRouter) -> None:
    another.say(Answer(text="a", cost=None))
    assert ask("hi", namespace={}).cost is None
    assert "price not known" in dry()


def test_a_context_says_nothing_of_a_price(
    another: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, {"id": MODEL, "max_model_len": 4096, "pricing": {"prompt": "1"}})
    another.say(Answer(text="a", cost=None))
    assert ask("hi", namespace={}).cost is None
    assert "4,096" in verb("models") or "4096" in verb("models")
