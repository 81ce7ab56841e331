"""What stands in a stream beside text, as a user meets it: told, kept, counted, and paid for."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from emulator import Answer, OpenRouter
from emulator.exchange import Exchange
from faulty import SHORT, asking, chunks, own, piece, told
from m1_magic import errors as e
from m1_magic.calls import FREE, RECORD, Usage
from m1_magic.render import footer
from m1_magic.settings.config import M1
from shells import Run

COUNTS = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18, "cost": 0.0001}
USED = {"choices": [], "usage": COUNTS}
DONE = "[DONE]"


# -- refusals, filters, tools -----------------------------------------------------------------


def test_a_refusal_is_shown_and_kept(
    server: OpenRouter, shell: InteractiveShell, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = (piece(content=None, refusal="I can't "), piece(refusal="help."), piece("stop"))
    server.say(chunks(monkeypatch, *refusing, USED, DONE))
    ran = run("%%m1\nhi")
    assert "I can't help." in ran.text and "the model refused" in ran.text
    reply = shell.user_ns["_m1"]
    assert (reply.text, reply.status, reply.finish) == ("I can't help.", "ok", "refusal")
    assert "The answer is complete." in run("%m1 continue").text
    assert "I can't help." in run(f"%m1 log {reply.id}").text


def test_a_whole_answer_that_refuses(
    server: OpenRouter, shell: InteractiveShell, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = {"role": "assistant", "content": None, "refusal": "No."}
    body = {"choices": [{"message": message, "finish_reason": "stop"}], "usage": COUNTS}
    server.say(own(monkeypatch, lambda x: x.json(200, body)))
    run("%%m1\nhi")
    assert (shell.user_ns["_m1"].text, shell.user_ns["_m1"].finish) == ("No.", "refusal")


def test_a_content_filter_is_no_length_limit(
    server: OpenRouter, shell: InteractiveShell, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.say(chunks(monkeypatch, piece(content="The causes"), piece("content-filter"), USED))
    ran = run("%%m1\nwhy?")
    assert "ended by the provider's content filter" in ran.text
    assert "length" not in ran.text and "continue" not in ran.text
    assert "content filter ended that answer" in run("%m1 continue").told
    assert len(server.chats) == 1


def test_calls_of_tools_that_nobody_offered_are_told(
    server: OpenRouter, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    calling = piece(content=None, tool_calls=[{"function": {"name": "get_\x1b[1mweather"}}])
    server.say(chunks(monkeypatch, calling, piece("tool_calls"), USED, DONE))
    assert "called a tool (get_ [1mweather), which nobody offered. It cost" in run("%%m1\nhi").told
    server.say(chunks(monkeypatch, piece(content="Yes."), calling, piece("stop"), USED, DONE))
    ran = run("%%m1\nhi")
    assert ran.error is None and "Yes." in ran.text
    assert "the model called a tool (get_ [1mweather), which nobody offered" in ran.text


def test_links_stand_below_the_answer_and_in_it(
    server: OpenRouter, shell: InteractiveShell, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    cited = [
        {"type": "url_citation", "url_citation": {"url": url, "title": "<img src=x onerror=y>"}}
        for url in ("https://a.org/b", "javascript:alert(1)")
    ]
    server.say(chunks(monkeypatch, piece(content="Yes."), piece("stop", annotations=cited), USED))
    run("%%m1\nhi")
    reply = shell.user_ns["_m1"]
    assert reply.text.startswith("Yes.\n\nSources:\n\n1. [")
    assert reply.text.endswith("](https://a.org/b)") and "javascript" not in reply.text
    assert "Sources:" in run(f"%m1 log {reply.id}").text


def test_links_in_a_whole_message_at_the_end(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = {"type": "url_citation", "url": "https://a.org/b", "title": "A"}
    end = piece("stop")
    end["choices"][0]["message"] = {"content": "Yes.", "annotations": [link]}
    server.say(chunks(monkeypatch, piece(content="Yes."), end, USED, DONE))
    with asking(own_home) as asked:
        assert asked.ask().view.text == "Yes.\n\nSources:\n\n1. [A](https://a.org/b)"


@pytest.mark.parametrize(
    "thinking",
    [
        {"reasoning_text": "Hm."},
        {"thought": "Hm."},
        {"content": [{"type": "text", "text": "Hm.", "thought": True}]},
    ],
    ids=json.dumps,
)
def test_thinking_under_other_names(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch, thinking: Any
) -> None:
    server.say(chunks(monkeypatch, piece(**thinking), piece("stop", content="Yes."), USED))
    with asking(own_home) as asked:
        came = asked.ask()
    assert (came.view.text, came.thinking) == ("Yes.", "Hm.")


# -- thinking without its beginning -----------------------------------------------------------


def test_an_end_of_thinking_alone(
    server: OpenRouter, shell: InteractiveShell, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    thought = "First I look.\n\nThen I add.\n"
    text = f"{thought}</think>\n\nThe mean is **30**."
    pieces = [piece(content=text[i : i + 3]) for i in range(0, len(text), 3)]
    server.say(chunks(monkeypatch, *pieces, piece("stop"), USED, DONE))
    run("%%m1\nmean?")
    reply = shell.user_ns["_m1"]
    assert (reply.text, reply.thinking) == ("The mean is **30**.", thought.strip())


# -- errors in the stream ---------------------------------------------------------------------


EVENTS = [
    {"error": {"code": 502, "message": "boom"}, "choices": [{"delta": {}}]},
    {"choices": [{"delta": {}, "finish_reason": "error", "error": {"message": "boom"}}]},
    {"choices": None, "base_resp": {"status_code": 1027, "status_msg": "boom"}},
    {"detail": "boom"},
    {"code": 500, "message": "boom"},
]


@pytest.mark.parametrize("event", EVENTS, ids=json.dumps)
@pytest.mark.parametrize("finish", [None, "stop"])
def test_no_answer_with_an_error_in_it_is_ok(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch, event: Any, finish: Any
) -> None:
    server.say(chunks(monkeypatch, piece(finish, content="so far"), event, USED, DONE))
    with asking(own_home) as asked:
        came = asked.ask()
    assert came.reply is not None and isinstance(came.error, e.CutOff)
    assert "boom" in told(came.error)
    assert (came.reply.text, came.reply.status, came.reply.finish) == ("so far", "failed", "error")


def test_an_error_before_the_first_word_is_the_refusal_that_it_is(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poor = {"choices": None, "base_resp": {"status_code": 1008, "status_msg": "no balance left"}}
    server.say(chunks(monkeypatch, poor))
    with asking(own_home) as asked:
        came = asked.ask()
        assert asked.session.totals().held == 0
    assert isinstance(came.error, e.OutOfCredit) and "no balance left" in told(came.error)


@pytest.mark.parametrize("line", ['error: {"message": "boom"}', '{"error":"boom"}'])
def test_an_error_that_is_no_data_is_one(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    """As llama.cpp and Ollama have it."""

    def run(x: Exchange) -> None:
        x.head(200)
        x.write(f"data: {json.dumps(piece(content='so far'))}\n\n{line}\n\n".encode())
        x.write(b"data: [DONE]\n\n")
        x.end()

    server.say(own(monkeypatch, run))
    with asking(own_home) as asked:
        came = asked.ask()
    assert isinstance(came.error, e.CutOff) and "boom" in told(came.error)
    assert came.kept.finish == "error"


@pytest.mark.parametrize("kind", ["text/event-stream", "application/json", ""])
def test_a_refusal_in_200_is_one_whatever_its_label(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    body = b'{ "detail": "no GPU", "status": 429 }'
    server.say(own(monkeypatch, lambda x: x.page(200, body, kind)))
    with asking(own_home, max_retries=0) as asked:
        came = asked.ask()
    assert isinstance(came.error, e.RateLimited) and "no GPU" in told(came.error)


@pytest.mark.parametrize("said", [DONE, {"choices": []}, {"choices": None}, piece(content="")])
def test_nothing_with_a_blank_finish_costs_nothing(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch, said: Any
) -> None:
    """Zero completion insurance, where there is no id to ask for."""
    server.say(chunks(monkeypatch, said, DONE, head={"X-Generation-Id": ""}))
    with asking(own_home) as asked:
        came = asked.ask()
        assert asked.session.totals().held == 0
    assert "ended without a word. It cost $0." in told(came.error)


@pytest.mark.parametrize("last", [piece("error"), piece("error", content="so far")])
def test_an_error_finish_without_a_token_holds_nothing(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch, last: Any
) -> None:
    server.say(chunks(monkeypatch, last))
    with asking(own_home) as asked:
        came = asked.ask()
        held = asked.session.totals().held
    assert "reports an error" in told(came.error)
    assert (held > 0) is (came.reply is not None and came.reply.text != "")


def test_comments_that_were_sent_as_data(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = ": OPENROUTER PROCESSING"
    server.say(chunks(monkeypatch, wait, piece(content="Yes"), wait, piece("stop"), USED, DONE))
    with asking(own_home) as asked:
        came = asked.ask()
    assert came.reply is not None
    assert (came.reply.text, came.reply.status) == ("Yes", "ok")


# -- what was counted -------------------------------------------------------------------------


@pytest.mark.parametrize("counts", [COUNTS, None], ids=["billed", "no usage"])
def test_an_answer_without_choices_is_none_and_paid_for(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch, counts: Any
) -> None:
    body = {"id": "gen-2", "object": "chat.completion", "choices": [], "usage": counts}
    server.say(own(monkeypatch, lambda x: x.json(200, body)))
    with asking(own_home) as asked:
        came = asked.ask()
    assert came.reply is not None and isinstance(came.error, e.EmptyAnswer)
    assert "No answer came" in told(came.error)
    assert came.reply.cost == (Decimal("0.0001") if counts else None)


@pytest.mark.parametrize("finish", ["stop", None])
@pytest.mark.parametrize(
    ("counts", "total"),
    [
        ({"total_tokens": 640}, 640),
        ({"total_tokens": 640, "prompt_tokens": 0, "completion_tokens": 0}, 640),
        ({"total_tokens": 3}, 3),
        ({"total_tokens": 0, "total_characters": 0}, None),
        ({"total_tokens": 10**40}, None),
        ({"prompt_tokens": -1, "completion_tokens": "many"}, None),
        (None, None),
    ],
    ids=json.dumps,
)
def test_tokens_that_were_not_counted_are_estimated(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch,
    finish: str | None, counts: Any, total: int | None,
) -> None:  # fmt: skip
    pieces = (piece(reasoning="Hm, well."), piece(content="Thirty."), piece(finish))
    server.say(chunks(monkeypatch, *pieces, {"choices": [], "usage": counts}))
    with asking(own_home) as asked:
        came = asked.ask()
        ((input, learned),) = asked.rows(
            "SELECT max(input), (SELECT count(*) FROM lengths) FROM attempts"
        )
    assert came.reply is not None and came.reply.usage is not None
    usage = came.reply.usage
    assert usage.estimated and usage.output >= 1
    assert total is None or usage.input + usage.output == total
    assert (input, learned) == (None, 0)  # a guess is not written down as a count
    shown = footer.line(came.view.receipt, M1())
    assert f"≈ {usage.input} in · ≈ {usage.output} out" in shown
    assert footer.record(came.view.receipt, M1())["usage"]["estimated"] is True
    estimated = "estimated" if total else "unknown"
    assert came.reply.cost_source == estimated


@pytest.mark.parametrize("later", [{}, {"prompt_tokens": None}, {"total_tokens": 0}, None])
def test_a_usage_that_says_nothing_is_not_the_last_word(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch, later: Any
) -> None:
    server.say(chunks(monkeypatch, piece("stop", content="Yes."), USED, USED | {"usage": later}))
    with asking(own_home) as asked:
        reply = asked.ask().reply
    assert reply is not None and reply.usage == Usage(11, 7) and reply.cost == Decimal("0.0001")


def test_what_nobody_can_be_asked_for_is_estimated_too(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(x: Exchange) -> None:
        x.head(200, {"X-Generation-Id": ""})
        for one in (piece(content="Thirty."), piece("stop")):
            x.write(f"data: {json.dumps(one)}\n\n".encode())
        x.end()

    server.say(own(monkeypatch, run))
    with asking(own_home) as asked:
        came = asked.ask()
        held = asked.session.totals().held
    assert came.reply is not None
    assert (came.reply.cost_source, held) == ("estimated", 0)


def test_an_answer_from_the_cache_is_free(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zero = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    hit = {"X-OpenRouter-Cache-Status": "HIT"}
    for counts in (zero, None, {**zero, "cost": 0}):
        last = {"choices": [], "usage": counts}
        server.say(chunks(monkeypatch, piece(content="Yes."), piece("stop"), last, head=hit))
        with asking(own_home) as asked:
            came = asked.ask()
            assert asked.session.totals().held == asked.session.totals().spent == 0
        assert came.reply is not None
        assert (came.reply.cost, came.reply.cost_source) == (0, "cached")
        shown = footer.line(came.view.receipt, M1())
        assert "cached, $0" in shown and " in ·" not in shown
        assert came.attempts[0].state == "settled"
    assert "cached" not in FREE  # the next call may cost something


# -- the model that answered ------------------------------------------------------------------


@pytest.mark.parametrize(
    "answered",
    ["MiniMax-M3.1-Flash", "minimax/minimax-m2", "minimax/minimax-m1-80k", "minimax-m10"],
)
def test_another_model_is_told_in_footer_and_record(
    server: OpenRouter, own_home: Path, answered: str
) -> None:
    server.say(*(Answer(text="Yes.", model=one) for one in (answered, "x" + answered)))
    with asking(own_home) as asked:
        for one in (answered, "x" + answered):  # another one each time
            came = asked.ask()
            shown = footer.line(came.view.receipt, M1())
            assert shown.startswith(f"asked minimax-m1, answered {one} · ")
            kept = footer.bundle(came.view.receipt, M1())[RECORD]
            assert (kept["asked"], kept["model"]) == ("minimax/minimax-m1", one)


@pytest.mark.parametrize(
    "answered",
    [
        None, "MiniMax-M1", "MiniMaxAI/MiniMax-M1", "minimax/minimax-m1:free",
        "minimax/minimax-m1:online", "minimax/minimax-m1-20250617",
        "minimax/minimax-m1-2025-06-17:free", "minimax-m1:latest",
    ],
)  # fmt: skip
def test_the_same_model_by_another_name_is_the_same(
    server: OpenRouter, own_home: Path, answered: str | None
) -> None:
    server.say(Answer(text="Yes.", model=answered))
    with asking(own_home) as asked:
        came = asked.ask()
    assert "asked" not in footer.line(came.view.receipt, M1())
    assert "asked" not in footer.record(came.view.receipt, M1())


# -- clocks -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "empty",
    [
        f"data: {json.dumps(piece(role='assistant', content=''))}\n\n",
        f"data: {json.dumps(piece(content=None, reasoning=None))}\n\n",
        "data: : OPENROUTER PROCESSING\n\n",
        "data: {}\n\n",
        ": keep-alive\n\n",
    ],
)
def test_nothing_but_text_or_thinking_stops_the_first_clock(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch, empty: str
) -> None:
    def run(x: Exchange) -> None:
        x.head()
        while True:
            x.write(empty.encode())
            x.wait(SHORT / 10)

    server.say(own(monkeypatch, run))
    with asking(own_home, first_token_timeout=SHORT, token_timeout=60.0) as asked:
        came = asked.ask()
        assert server.wait_closed()
    assert isinstance(came.error, e.SentNoAnswer)
    assert f"no token in {SHORT} s" in told(came.error)


def test_sums_of_guesses_are_guesses() -> None:
    assert Usage(1, 2) + Usage(3, 4, estimated=True) == Usage(4, 6, estimated=True)
