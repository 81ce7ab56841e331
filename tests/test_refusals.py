"""Each refusal in each of its shapes: its paragraph, its retries, its hold and its ledger row."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator import STATUSES, Answer, OpenRouter
from emulator.exchange import Exchange
from emulator.refusals import SHAPES, detail, minimax, refusals
from faulty import Asked, asking, own, told
from m1_magic import errors as e
from m1_magic.backends import http_errors
from m1_magic.calls import Waiting
from m1_magic.text import one_line
from scripted import Seen, request

RETIRED = "in its place: minimax/minimax-m2.5, minimax/minimax-m3. -m minimax/minimax-m2.5 asks"


@dataclass(frozen=True)
class Row:
    """What a refusal must come to: its class, what its paragraph says, and what is waited."""

    error: type[e.M1Error]
    says: tuple[str, ...]
    waits: tuple[float, ...] = ()


TABLE = {
    "in flight": Row(e.OutOfCredit, ("under way hold the money", "Try again"), (1, 1)),
    "afford": Row(e.OutOfCredit, ("--max-tokens 1234 fits", "openrouter.ai/credits")),
    "credit": Row(e.OutOfCredit, ("out of credit", "Add credit at openrouter.ai/credits")),
    "key limit": Row(e.OutOfCredit, ("its own total limit of $5.00", "who made the key can raise")),
    "key limit monthly": Row(
        e.OutOfCredit, ("its own monthly limit of $2.50", "It resets at 2030-01-01 00:00 UTC")
    ),
    "budget": Row(
        e.OutOfCredit, ("A budget of $20.00", "the account", "It resets at 2030-02-01 00:00 UTC")
    ),
    "region": Row(e.Flagged, ("from where you are", "It is not the prompt", "%m1 models")),
    "guardrail": Row(e.Flagged, ("guardrail of the account", "credit card, IBAN")),
    "moderation": Row(e.Flagged, ("flagged for violence", "Change the prompt")),
    "free quota": Row(e.RateLimited, ("quota of requests is used up", "Try again from", "UTC")),
    "free minute": Row(e.RateLimited, ("Too many requests", "per-min"), (45, 45)),
    "upstream": Row(e.RateLimited, ("rate-limited upstream",), (4, 4)),
    "deprecated": Row(e.NoSuchModel, ("is retired", RETIRED)),
    "privacy": Row(e.NoSuchModel, ("privacy settings", "M1.zdr", "data policy")),
    "constraint": Row(e.NoSuchModel, ("Excluded by max_price",)),
    "free ended": Row(e.NoSuchModel, ("not free any more", "-m minimax/minimax-m1 asks it")),
    "output": Row(e.BadRequest, ("Not the prompt, but max_tokens", "--max-tokens 4192 fits")),
    "prompt": Row(e.PromptTooLarge, ("The prompt is too large", "Attach less")),
    "500": Row(e.ProviderDown, ("HTTP 500", "Try again later")),
    "502": Row(e.ProviderDown, ("HTTP 502", "Try again later")),
    "503": Row(e.ProviderDown, ("No provider is free",), (3, 3)),
    "524": Row(e.SentNoAnswer, ("HTTP 524", "run the cell to send it again")),
    "529": Row(e.ProviderDown, ("HTTP 529",)),
}
# An upstream's own body has no place for OpenRouter's own refusals, but those it passes on.
RAW = {"upstream", "moderation", "output", "prompt", "credit", "500", "529"}
CASES = [
    pytest.param(name, shape, id=f"{name}-{shape}")
    for name in TABLE
    for shape in SHAPES
    if shape != "raw" or name in RAW
]


def test_every_refusal_of_the_emulator_is_in_the_table() -> None:
    assert set(TABLE) == set(refusals())


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_a_refusal(server: OpenRouter, own_home: Path, name: str, shape: str) -> None:
    row = TABLE[name]
    server.say(*[refusals()[name].answer(shape)] * (1 + len(row.waits)))
    with asking(own_home) as asked:
        came = asked.ask()
        held = asked.session.totals().held
    assert len(server.chats) == len(came.attempts) == 1 + len(row.waits)
    assert came.waits == pytest.approx(row.waits, abs=20 if name == "free minute" else 0)
    comes_to(came, row)
    assert held == 0
    assert {(one.state, one.cost) for one in came.attempts} == {("settled", 0)}
    assert (came.kept.status, came.kept.error) == ("failed", str(came.error))


def comes_to(came: Asked, row: Row) -> None:
    said = told(came.error)
    assert type(came.error) is row.error
    for words in row.says:
        assert words in said
    assert came.error.charged is False and came.error.cost == e.NOT_CHARGED


@pytest.mark.parametrize(
    ("name", "begun"), [*((name, "text") for name in TABLE), ("502", "thinking")]
)
def test_a_refusal_in_mid_answer(server: OpenRouter, own_home: Path, name: str, begun: str) -> None:
    """What came is kept and held, and it is not sent again; the reason is the server's words."""
    answer = refusals()[name].answer("stream")
    server.say(replace(answer, **{begun: "Half an answer"}))
    with asking(own_home) as asked:
        came = asked.ask()
        held = asked.session.totals().held
    said, words = told(came.error), one_line(refusals()[name].message, 150).rstrip(".…")
    assert type(came.error) is e.CutOff and came.error.charged and words in said
    assert came.reply is not None and getattr(came.reply, begun) == "Half an answer"
    assert (came.kept.status, came.kept.finish, came.kept.error) == ("failed", "error", said)
    assert (len(server.chats), came.waits) == (1, [])
    assert held > 0 and [one.state for one in came.attempts] == ["pending"]


# -- other servers ----------------------------------------------------------------------------


def passed_on(code: int, raw: Any) -> Any:
    """Return an error of OpenRouter around a provider's own, which is text there."""
    error = {"code": code, "message": "Provider returned error"}
    return {"error": error | {"metadata": {"raw": json.dumps(raw)}}}


OTHERS: dict[str, tuple[int, Any, type[e.M1Error], str]] = {
    "detail": (400, detail("max_tokens must be at most 4096"), e.BadRequest, "--max-tokens 4096"),
    "detail, a list": (
        422,
        detail(
            [
                {
                    "loc": ["body", "max_tokens"],
                    "msg": "Input should be less than 4096",
                    "type": "less_than",
                    "input": 16000,
                    "ctx": {"lt": 4096},
                }
            ]
        ),
        e.BadRequest,
        "--max-tokens 4095 fits",
    ),
    "detail, extra": (
        422,
        detail([{"loc": ["body", "provider"], "msg": "Extra inputs are not permitted"}]),
        e.BadRequest,
        "says: provider: Extra inputs are not permitted",
    ),
    "detail, 404": (404, detail("Not Found"), e.NoSuchModel, "usually ends in /v1"),
    "detail, 429": (429, detail("slow down"), e.RateLimited, "says: slow down"),
    "detail, 500": (500, detail({"message": "CUDA"}), e.ProviderDown, "says: CUDA"),
    "vLLM": (
        400,
        {
            "object": "error",
            "message": "'max_tokens' or 'max_completion_tokens' is too large: 16000. This model's"
            " maximum context length is 8192 tokens and your request has 4000 input tokens"
            " (16000 > 8192 - 4000).",
            "type": "BadRequestError",
            "code": 400,
        },
        e.BadRequest,
        "--max-tokens 4192 fits",
    ),
    "vLLM, prompt": (
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 8192 tokens. However, you requested"
            " 25000 tokens (9000 in the messages, 16000 in the completion).",
        },
        e.PromptTooLarge,
        "Attach less",
    ),
    "TGI": (
        422,
        {
            "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048."
            " Given: 1500 `inputs` tokens and 1000 `max_new_tokens`",
            "error_type": "validation",
        },
        e.BadRequest,
        "--max-tokens 548 fits",
    ),
    "OpenAI": (
        400,
        {
            "error": {
                "message": "max_tokens is too large: 20000. This model supports at most 16384"
                " completion tokens, whereas you provided 20000.",
                "code": "invalid_value",
            }
        },
        e.BadRequest,
        "--max-tokens 16384 fits",
    ),
    "llama.cpp": (
        400,
        {
            "error": {
                "code": 400,
                "message": "the request exceeds the available context size, try increasing it",
                "type": "exceed_context_size_error",
            }
        },
        e.PromptTooLarge,
        "Attach less",
    ),
    "at least": (400, detail("max_tokens must be at least 16"), e.BadRequest, "server names"),
    "no quota": (
        429,
        {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}},
        e.OutOfCredit,
        "Add credit at",
    ),
    "no model": (
        404,
        {"object": "error", "message": "The model `x` does not exist.", "code": 404},
        e.NoSuchModel,
        "%m1 models",
    ),
    "no model, LiteLLM": (
        400,
        {"error": {"message": "/chat/completions: Invalid model name passed in model=x"}},
        e.NoSuchModel,
        "%m1 models",
    ),
    "no model, DeepSeek": (400, {"error": {"message": "Model Not Exist"}}, e.NoSuchModel, "models"),
    "bad key": (400, {"error": {"message": "API key not valid"}}, e.KeyRefused, "%m1 login"),
    "two words": (
        400,
        {"statusCode": 400, "message": ["stop is no list"], "error": "Bad Request"},
        e.BadRequest,
        "says: stop is no list",
    ),
    "errors": (400, {"errors": [{"msg": "odd"}]}, e.BadRequest, "says: odd"),
    "another language": (402, {"error": {"message": "余额不足"}}, e.OutOfCredit, "says: 余额不足"),
    "right to left": (500, {"error": {"message": "خطأ \u202e"}}, e.ProviderDown, "says: خطأ"),
    "500 for 429": (
        500,
        {"error": {"message": "slow down", "code": "429", "type": "throttling_error"}},
        e.RateLimited,
        "says: slow down",
    ),
    "400 for 401": (
        400,
        {"error": {"message": "who?", "type": "authentication_error"}},
        e.KeyRefused,
        "%m1 login",
    ),
    "1001": (200, minimax(1001), e.SentNoAnswer, "request timeout"),
    "1002": (200, minimax(1002), e.RateLimited, "says: rate limit"),
    "1004": (200, minimax(1004), e.KeyRefused, "%m1 login"),
    "1008": (200, minimax(1008), e.OutOfCredit, "says: insufficient balance"),
    "1026": (200, minimax(1026), e.Flagged, "Change the prompt"),
    "1027": (200, minimax(1027), e.Flagged, "says: output new_sensitive"),
    "1039": (200, minimax(1039), e.RateLimited, "TPM"),
    "1000": (200, minimax(1000), e.ProviderDown, "failed (127.0.0.1 says: unknown error)"),
    "2013": (200, minimax(2013), e.PromptTooLarge, "Attach less"),
    "2049": (200, minimax(2049), e.KeyRefused, "%m1 login"),
    "2056": (200, minimax(2056), e.RateLimited, "Try again when it begins anew"),
    "no body": (403, "", e.Flagged, "check network, proxy and base_url"),
    "Gemini, prompt": (
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": "The input token count (1200000) exceeds the maximum number of"
                    " tokens allowed (1048576).",
                    "status": "INVALID_ARGUMENT",
                }
            }
        ],
        e.PromptTooLarge,
        "Attach less",
    ),
    "Gemini, key": (400, [{"error": {"message": "API key not valid."}}], e.KeyRefused, "says: API"),
    "Gemini, quota": (
        429,
        {"error": {"message": "You exceeded your current quota. Please retry in 36.2s."}},
        e.RateLimited,
        "Too many requests",
    ),
    "expired": (403, {"error": {"message": "The API key has expired"}}, e.KeyRefused, "%m1 login"),
    "LiteLLM's budget": (
        400,
        {"error": {"message": "Budget has been exceeded! 0.2 of 0.1", "type": "budget_exceeded"}},
        e.OutOfCredit,
        "A budget that the account sets is used up",
    ),
    "key's cap": (
        402,
        {
            "error": {
                "message": "You requested up to 16000 tokens, but can only afford 1234. To"
                " increase, visit https://openrouter.ai/settings/keys and create a key with a"
                " higher total limit",
                "code": 402,
            }
        },
        e.OutOfCredit,
        "1234 fits; else a key with a higher limit is made at openrouter.ai/settings/keys",
    ),
    "a period": (
        403,
        {"error": {"metadata": {"limit_source": "openrouter_budget", "limit_reset": "monthly"}}},
        e.OutOfCredit,
        "It resets monthly",
    ),
    "raw in raw": (
        502,
        passed_on(502, passed_on(502, {"error": {"message": "CUDA"}})),
        e.ProviderDown,
        "says: CUDA",
    ),
    "a provider's quota": (
        429,
        passed_on(429, {"error": {"message": "no", "code": "insufficient_quota"}}),
        e.RateLimited,
        "Too many requests",
    ),
    "in flight, in words": (
        402,
        {"error": {"message": "Budget is held by requests in flight."}},
        e.OutOfCredit,
        "Try again when they have ended",
    ),
    "451": (451, {"error": {"message": "for legal reasons"}}, e.Flagged, "It is not the prompt"),
    "objects": (
        404,
        {"error": {"message": "gone", "availability": {"fallback_models": [{"id": "a/b"}]}}},
        e.NoSuchModel,
        "names in its place: a/b. -m a/b asks it",
    ),
    "no slug": (
        404,
        {"error": {"message": "gone", "availability": {"fallback_models": ["a/b; rm -rf /"]}}},
        e.NoSuchModel,
        "charged. The server names in its place: a/b; rm -rf /.",
    ),
    "in 200 by type": (
        200,
        {"type": "error", "error": {"type": "insufficient_balance_error", "message": "1008"}},
        e.OutOfCredit,
        "says: 1008",
    ),
    "in 200, no success": (200, {"success": False, "message": "no"}, e.ProviderDown, "says: no"),
    "detail in 200": (200, detail("no GPU"), e.ProviderDown, "says: no GPU"),
}
NAMES = (
    "error message detail msg errors code status http_status metadata availability raw base_resp"
    " status_code status_msg headers retry_after resets_at limit_source limit_usd reasons patterns"
    " fallback_models excluded_by loc type"
).split()
HEADERS = ("retry-after", "retry-after-ms", "x-ratelimit-reset", "date", "location")
WAITED = {
    "detail, 429", "500 for 429", "1002", "1039", "Gemini, quota", "a provider's quota",
    "in flight, in words",
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_what_other_servers_refuse(server: OpenRouter, own_home: Path, name: str) -> None:
    status, body, kind, says = OTHERS[name]  # a text is JSON, too, and no error
    posts = 3 if name in WAITED else 1
    server.say(*[Answer(status=status, body=body)] * posts)
    with asking(own_home) as asked:
        came = asked.ask()
    assert type(came.error) is kind
    assert says in told(came.error)
    assert "web page" not in str(came.error)
    assert len(server.chats) == posts
    assert {(one.state, one.cost) for one in came.attempts} == {("settled", 0)}


def test_ten_failures_do_not_lock_anybody_out(server: OpenRouter, own_home: Path) -> None:
    server.say(*[refusals()["502"].answer()] * 10, Answer(text="Yes."))
    with asking(own_home, budget=0.03) as asked:
        for _ in range(10):
            assert isinstance(asked.ask(request(max_tokens=10_000)).error, e.ProviderDown)
        assert asked.ask(request(max_tokens=10_000)).view.text == "Yes."


# Without characters that Python's Unicode does not know yet: they are none to be shown or not.
KNOWN = st.characters(exclude_categories=("Cn", "Co"))
ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(KNOWN, max_size=20)
    | st.sampled_from(
        ["in_flight_budget_exhausted", "{", '{"error":{"raw":"{}"}}', "<p>", "2030-01-01"]
    ),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(KNOWN, max_size=5), inner, max_size=6)
    ),
    max_leaves=20,
)


@given(
    st.sampled_from([*STATUSES, 410, 451, 599]),
    ODD,
    st.dictionaries(st.sampled_from(HEADERS), st.text(KNOWN, max_size=20)),
)
def test_any_json_is_told_in_a_paragraph(status: int, body: Any, headers: dict[str, str]) -> None:
    error = http_errors.refusal(status, body, headers, "h.example", "m", "sk-or-secret", True)
    told(error)
    assert error.retry_after is None or 0 <= error.retry_after <= 120
    told(http_errors.refusal(200, body, headers, "h.example", "m", "", True))
    told(http_errors.in_answer(body))


@pytest.mark.parametrize("status", [402, 429, 502])
def test_half_a_refusal_is_one(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    def run(x: Exchange) -> None:
        x.head(status, kind="application/json", length=500)
        x.write(b'{"error":{"mess')
        x.leave()

    server.say(*[own(monkeypatch, run)] * 3)
    with asking(own_home) as asked:
        came = asked.ask()
    assert type(came.error) in (e.OutOfCredit, e.RateLimited, e.ProviderDown)
    told(came.error)
    assert {(one.state, one.cost) for one in came.attempts} == {("settled", 0)}


def test_one_of_ten_megabytes_is_told_in_a_line(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(x: Exchange) -> None:
        message = b"max_tokens 1 " * 800_000
        x.page(400, b'{"error":{"message":"%b"}}' % message, "application/json")

    server.say(own(monkeypatch, run))
    with asking(own_home) as asked:
        came = asked.ask()
    assert isinstance(came.error, e.BadRequest)
    assert "says: max_tokens 1 max_tokens" in told(came.error)


# -- waits that all calls share ---------------------------------------------------------------


def test_what_one_call_is_told_to_wait_the_next_one_waits(
    server: OpenRouter, own_home: Path
) -> None:
    server.say(Answer.http_error(429, retry_after=60), Answer(text="Yes."), Answer(text="Again."))
    with asking(own_home, max_retries=0) as asked:
        assert isinstance(asked.ask().error, e.RateLimited)
        came = asked.ask()
        (wait,) = [one for one in came.view.events if isinstance(one, Waiting)]
    assert came.view.text == "Yes."
    assert asked.slept == came.waits == [wait.seconds]
    assert 0 < wait.seconds <= 60 and "Too many requests" in wait.reason


def test_a_call_under_way_beside_it_waits_too(server: OpenRouter, own_home: Path) -> None:
    """The second call begins while the first one waits; it is not sent before that."""
    server.say(Answer.http_error(503, retry_after=100), Answer(text="1"), Answer(text="2"))
    waiting, go = threading.Event(), threading.Event()
    seen = Seen()
    with asking(own_home) as asked:

        def sleep(seconds: float) -> None:
            asked.slept.append(seconds)
            (waiting if len(asked.slept) == 1 else go).set()
            assert go.wait(60)

        asked.session._sleep = sleep
        first = threading.Thread(target=asked.session.ask, args=(request(), Seen()))
        first.start()
        assert waiting.wait(60)
        asked.session.ask(request(), seen)
        first.join(60)
        waits = [one.seconds for one in seen.events if isinstance(one, Waiting)]
    assert asked.slept[0] == 100 and 0 < waits[0] <= 100
    assert len(server.chats) == 3


def test_a_stop_while_another_call_is_waited_for_sends_nothing(
    server: OpenRouter, own_home: Path
) -> None:
    server.say(Answer.http_error(429, retry_after=60))
    with asking(own_home, max_retries=0) as asked:
        asked.ask()

        def stop(_: float) -> None:
            raise KeyboardInterrupt

        asked.session._sleep = stop
        with pytest.raises(e.Stopped, match="before anything was sent"):
            asked.session.ask(request(), Seen())
        assert asked.session.totals().held == 0
    assert len(server.chats) == 1


def test_another_host_is_not_waited_for(server: OpenRouter, own_home: Path) -> None:
    server.say(Answer.http_error(429, retry_after=60))
    with asking(own_home, max_retries=0) as asked:
        asked.ask()
        asked.settings.base_url = server.base_url.replace("127.0.0.1", "localhost")
        assert asked.ask().waits == []


def test_what_would_take_longer_than_the_call_may_is_not_waited_for(
    server: OpenRouter, own_home: Path
) -> None:
    server.say(Answer.http_error(429, retry_after=100))
    with asking(own_home, max_retries=0, deadline=50.0) as asked:
        asked.ask()
        assert asked.ask().waits == []


@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        ({"X-RateLimit-Reset": "1704067230000"}, 30),  # milliseconds
        ({"X-RateLimit-Reset": "1704067230"}, 30),
        ({"X-RateLimit-Reset": "30"}, 30),
        ({"X-RateLimit-Reset": "1704067100000"}, 0),  # gone by
        ({"Retry-After": "5", "X-RateLimit-Reset": "1704067230000"}, 5),
        ({"Retry-After-Ms": "1500"}, 1.5),
        ({"X-RateLimit-Reset": "soon"}, None),
        ({"Retry-After": "30s"}, 30),
        ({"X-RateLimit-Reset": "1704067500000"}, "300 s is what the server asks"),
        ({"Retry-After": str(365 * 86_400)}, "31536000 s is what the server asks"),
        (
            {"Retry-After": "1e300"},
            "1e+300 s is what the server asks you to wait: until the end of",
        ),
    ],
)
def test_when_to_try_again(
    server: OpenRouter, own_home: Path, headers: dict[str, str], waits: Any
) -> None:
    date = {"Date": "Mon, 01 Jan 2024 00:00:00 GMT"}
    server.say(Answer.http_error(429, headers=headers | date), Answer(text="Yes."))
    with asking(own_home) as asked:
        came = asked.ask()
    if isinstance(waits, str):
        assert waits in told(came.error)
        assert asked.slept == []
    else:
        assert came.view.text == "Yes."
        assert asked.slept == [0.5 if waits is None else waits]


@pytest.mark.parametrize(
    ("said", "waits"),
    [
        ("Rate limit reached. Please try again in 20s. See …", 20),
        ("Please try again in 350ms", 0.35),
        ("Retry after 26 seconds", 26),
        ("Please wait 1 minute and 5 seconds before trying again", 65),
        ("Your limit resets in 1m2.5s", 62.5),
        ("try again in 7m12s", "432 s is what the server asks you to wait: until 20"),
        ("try again in 2 hours", "7200 s is what the server asks"),
        ("requests per day: 200. Please try again in 57m36s", "Try again from 20"),
        ("60 requests in 20 seconds are too many", None),
        ("try again in 3 minutiae", None),
        ("try again in some seconds", None),
        ("Please try again later. 5 s", None),
    ],
)
def test_a_wait_that_is_told_in_words(
    server: OpenRouter, own_home: Path, said: str, waits: Any
) -> None:
    server.say(Answer.http_error(429, said), Answer(text="Yes."))
    with asking(own_home) as asked:
        came = asked.ask()
    if isinstance(waits, str):
        assert waits in told(came.error) and asked.slept == []
    else:
        assert asked.slept == pytest.approx([waits or 0.5])


@pytest.mark.parametrize(("status", "posts"), [(500, 3), (502, 3), (529, 3), (504, 1), (404, 3)])
def test_what_the_server_says_will_pass_is_waited_for(
    server: OpenRouter, own_home: Path, status: int, posts: int
) -> None:
    available = {"retryable": True, "retry_after": 4}
    error = {"code": status, "message": "no", "metadata": available}
    server.say(*[Answer(status=status, error=error)] * posts)
    with asking(own_home) as asked:
        came = asked.ask()
    told(came.error)
    assert asked.slept == [4] * (posts - 1) and len(server.chats) == posts


@pytest.mark.parametrize("path", ["/api/v1", "/v1"])
def test_only_openrouter_has_its_pages(server: OpenRouter, own_home: Path, path: str) -> None:
    """A proxy on this machine is none: its credit, limits and settings are its own."""
    server.say(*[refusals()[name].answer() for name in ("credit", "key limit", "budget", "prompt")])
    with asking(own_home, base_url=server.base_url.replace("/api/v1", path)) as asked:
        said = [told(asked.ask().error).rpartition("). ")[2] for _ in range(4)]
    ours = path == "/api/v1"
    assert [("openrouter.ai" in one) for one in said] == [ours] * 3 + [False]
    assert [("%m1 key" in one) for one in said] == [ours] * 2 + [False] * 2
