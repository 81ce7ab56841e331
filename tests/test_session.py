"""One loop from a request to a settled reply: what is kept, shown and raised, whatever happens."""

from __future__ import annotations

import contextlib
import contextvars
import json
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from emulator import OpenRouter
from faulty import until
from ledgers import AtLine, full_disk, rows
from m1_magic import api, errors, verbs
from m1_magic.backends import Backend
from m1_magic.calls import (
    Event,
    Finish,
    Message,
    ReasoningDelta,
    Receipt,
    Reply,
    Request,
    Started,
    Text,
    TextDelta,
    Usage,
    Waiting,
)
from m1_magic.errors import (
    BudgetExceeded,
    CannotConnect,
    CutOff,
    EmptyAnswer,
    KeyRefused,
    LedgerProblem,
    M1Error,
    ProviderDown,
    RateLimited,
    Stopped,
)
from m1_magic.interrupts import stoppable, uninterrupted
from m1_magic.ledger import journal, sums
from m1_magic.options import flags
from m1_magic.pricing.dollars import money_at_most
from m1_magic.pricing.prices import Price, hold
from m1_magic.render import footer
from m1_magic.session import failsafe
from m1_magic.session.loop import Session
from m1_magic.settings.config import M1
from m1_magic.watcher import Watch
from scripted import OFFER, PRICE, USAGE, Again, Line, Scripted, Seen, answer, request, session

COST = Decimal("0.0025")
Row = tuple[str, int | None, int | None, str | None, str]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "m1 home"


def attempts(home: Path) -> list[Row]:
    """State, hold and cost in nano-dollars, generation id and source of the cost, in no order."""
    sql = "SELECT state, hold_nano, cost_nano, generation_id, cost_source FROM attempts"
    return rows(home / "ledger.db", sql)  # type: ignore[return-value]


def calls(home: Path) -> list[tuple[str, str | None, str | None, str | None]]:
    """Status, finish, error and answer of each call."""
    return rows(home / "ledger.db", "SELECT status, finish, error, answer FROM calls")  # type: ignore[return-value]


def failing(
    home: Path, *scripts: list[Line], view: Seen | None = None, **more: Any
) -> tuple[BaseException, Session, Scripted]:
    """Ask what must fail; return the error, the session and the backend."""
    backend = Scripted(*scripts)
    asking = session(home, backend, **more)
    with pytest.raises(BaseException) as caught:
        asking.ask(request(), view or Seen())
    return caught.value, asking, backend


# -- how a call ends ------------------------------------------------------------------------


def test_complete(home: Path) -> None:
    backend = Scripted(
        [
            Started("gen-1"),
            ReasoningDelta("Hm."),
            TextDelta("Y"),
            TextDelta("es."),
            Finish("stop", USAGE, COST),
        ]
    )
    checked: Backend = backend  # the fake keeps the protocol
    view = Seen()
    reply = session(home, checked).ask(request(), view)  # type: ignore[arg-type]
    assert (reply.text, reply.thinking, reply.status, reply.finish) == ("Yes.", "Hm.", "ok", "stop")
    assert (reply.usage, reply.cost, reply.cost_source) == (USAGE, COST, "billed")
    assert reply.model == "minimax/minimax-m1"
    assert view.events == backend.said
    assert view.receipt.call.reply == reply
    assert view.receipt.totals.session == view.receipt.totals.spent == COST
    assert view.receipt.notes == ()
    assert (backend.open, backend.closed, backend.readied) == (0, 1, 1)
    assert calls(home) == [("ok", "stop", None, "Yes.")]
    assert [row[0] for row in attempts(home)] == ["settled"]


def test_the_view_hears_of_the_fitted_request_its_hold_and_what_goes_along(home: Path) -> None:
    view = Seen()
    session(home, Scripted(answer())).ask(
        request(max_tokens=50_000, max_tokens_explicit=True), view
    )
    ((shown, most, sent),) = view.opened
    assert shown.max_tokens == 40_000
    assert most == (2 + 2 * 32) * Decimal("0.0000004") + 40_000 * Decimal("0.0000022")
    assert sent == ""
    assert view.receipt.notes == ("max_tokens 50,000 → 40,000, the endpoint's limit",)


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_truncated_passes(home: Path, reason: str) -> None:
    reply = session(home, Scripted(answer("half", reason=reason))).ask(request(), Seen())
    assert (reply.status, reply.finish, reply.text) == ("truncated", reason, "half")
    assert calls(home)[0][:2] == ("truncated", reason)


def test_all_tokens_into_thinking_is_truncated_not_empty(home: Path) -> None:
    script: list[Line] = [Started("g"), ReasoningDelta("Hm"), Finish("length", USAGE, COST)]
    reply = session(home, Scripted(script)).ask(request(), Seen())
    assert (reply.status, reply.text, reply.thinking) == ("truncated", "", "Hm")


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (
            [Started("g"), Finish("stop", USAGE, COST)],
            "No answer came: the model ended without a word. It cost $0.0025.",
        ),
        ([Started("g"), TextDelta(" \n"), Finish("stop", USAGE, COST)], "It cost $0.0025."),
        ([Started("g"), ReasoningDelta("Hm"), Finish("stop", USAGE, COST)], "It cost $0.0025."),
        ([Started("g"), Finish("stop")], "It may be charged"),
        ([Started("g"), Finish("content_filter", USAGE, COST)], "content filter"),
    ],
)
def test_an_empty_answer_fails(home: Path, script: list[Line], says: str) -> None:
    view = Seen()
    error, asking, _ = failing(home, script, view=view)
    assert isinstance(error, EmptyAnswer)
    assert says in str(error)
    assert error.reply == asking.last == view.receipt.call.reply
    assert (error.reply.status, error.reply.finish) == ("failed", None)
    assert calls(home)[0][0] == "failed"


def test_calls_of_tools_that_nobody_offered_are_an_empty_answer(home: Path) -> None:
    error, _, _ = failing(home, answer("", reason="tool_calls"))
    assert isinstance(error, EmptyAnswer)
    assert "called a tool, which nobody offered. It cost $0.0025." in str(error)


def test_calls_of_tools_that_somebody_answers_are_none(home: Path) -> None:
    asking = session(home, Scripted(answer("", reason="tool_calls")))
    reply = asking.ask(request(), Seen(), Again(lambda request, reply: None))
    assert (reply.status, reply.finish) == ("ok", "tool_calls")


def test_an_error_after_the_finish_keeps_price_and_reason(home: Path) -> None:
    script: list[Line] = [
        Started("g"),
        TextDelta("so far"),
        Finish("error", USAGE, COST),
        CutOff("the provider reports an error."),
    ]
    error, _, _ = failing(home, script)
    assert isinstance(error, CutOff) and error.reply is not None
    assert (error.reply.finish, error.reply.status, error.reply.cost) == ("error", "failed", COST)
    assert attempts(home)[0][0] == "settled"


def test_a_bug_in_the_backend_is_raised_and_accounted(home: Path) -> None:
    view = Seen()
    bug = RuntimeError("bug")
    error, asking, backend = failing(home, [Started("g"), TextDelta("so far"), bug], view=view)
    assert error is bug
    assert attempts(home)[0][0] == "pending"
    assert asking.last is not None and asking.last.text == "so far"
    assert view.receipt.call.error == "bug"
    assert backend.open == 0


def test_a_backend_that_fails_before_it_sends_costs_nothing(home: Path) -> None:
    class Broken(Scripted):
        def stream(self, request: Any) -> Any:
            raise RuntimeError("not even started")

    asking = session(home, Broken())
    with pytest.raises(RuntimeError):
        asking.ask(request(), Seen())
    assert [row[:3:2] for row in attempts(home)] == [("settled", 0)]


# -- retries --------------------------------------------------------------------------------


def limited(seconds: float | None = None) -> RateLimited:
    error = RateLimited("Too many requests.")
    error.retry_after = seconds
    return error


def busy() -> ProviderDown:
    error = ProviderDown("No provider is free.", cost=errors.NOT_CHARGED)
    error.retry, error.charged = True, False
    return error


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [
        ([limited(4.0), limited(0.0)], [4.0, 0.0]),
        ([limited(), limited()], [0.5, 1.0]),
        ([busy(), limited(3.0)], [0.5, 3.0]),
        ([CannotConnect("refused."), CannotConnect("refused.")], [0.5, 1.0]),
    ],
)
def test_a_retry_is_visible_and_an_attempt_of_its_own(
    home: Path, failures: list[M1Error], seconds: list[float]
) -> None:
    slept: list[float] = []
    view = Seen()
    backend = Scripted([failures[0]], [failures[1]], answer("third"))
    reply = session(home, backend, sleep=slept.append).ask(request(), view)
    assert (reply.text, reply.status, reply.cost) == ("third", "ok", COST)
    assert slept == seconds
    told = [event for event in view.events if isinstance(event, Waiting)]
    expected = zip(seconds, failures, strict=True)
    assert told == [Waiting(wait, error.what) for wait, error in expected]
    assert len(view.opened) == len(view.receipts) == 1
    assert len(view.receipt.call.attempts) == 3
    rows = attempts(home)
    assert sorted(row[2] or 0 for row in rows) == [0, 0, 2_500_000]
    assert {row[0] for row in rows} == {"settled"}
    assert len({row[1] for row in rows}) == 1 and rows[0][1]


def test_the_deadline_is_the_calls_and_not_an_attempts(home: Path) -> None:
    time = [0.0]

    def later() -> None:
        time[0] += 40.0

    scripts: list[list[Line]] = [
        [later, limited(0)],
        [
            Started("gen-2"),
            TextDelta("one "),
            later,
            TextDelta("two "),
            later,
            TextDelta("three "),
            *answer(),
        ],
    ]
    error, _, _ = failing(
        home, *scripts, settings=M1(deadline=100.0), clock=lambda: time[0], sleep=lambda _: None
    )
    assert isinstance(error, CutOff) and "longer than 100 s" in str(error)
    assert error.reply is not None and error.reply.text == "one two three "
    assert [row[0] for row in attempts(home)].count("pending") == 1


def test_each_attempt_holds_before_it_is_sent(home: Path) -> None:
    held: list[Decimal] = []
    asking: Session

    def look() -> None:
        held.append(asking.totals().held)

    asking = session(
        home, Scripted([look, limited(0)], [look, *answer()]), sleep=lambda seconds: None
    )
    asking.ask(request(), Seen())
    assert held[0] == held[1] > 0
    assert asking.totals().held == 0


def test_the_text_is_the_last_attempts_and_the_cost_is_of_all(home: Path) -> None:
    charged = limited(0)
    first: list[Line] = [
        Started("g1"),
        TextDelta("lost"),
        Finish("stop", Usage(1, 2), COST),
        charged,
    ]
    view = Seen()
    asking = session(home, Scripted(first, answer("kept", cost="0.01")), sleep=lambda seconds: None)
    reply = asking.ask(request(), view)
    assert (reply.text, reply.cost) == ("kept", Decimal("0.0125"))
    assert reply.usage == Usage(13, 7)
    assert asking.totals().session == Decimal("0.0125")


def test_a_budget_that_is_used_up_between_attempts_ends_the_call(home: Path) -> None:
    settings = M1()

    def lower(seconds: float) -> None:
        settings.budget = Decimal(0)

    view = Seen()
    error, _, backend = failing(
        home, [limited(1)], answer(), settings=settings, sleep=lower, view=view
    )
    assert isinstance(error, BudgetExceeded) and error.reply is not None
    assert len(backend.sent) == 1
    assert view.receipt.call.reply.status == "failed"
    assert [row[0] for row in attempts(home)] == ["settled"]


def ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


# -- rounds ----------------------------------------------------------------------------------


def once_more(request: Request, reply: Reply) -> Request | None:
    """Ask about the first answer; about the second no more."""
    if len(request.messages) > 1:
        return None
    more = (Message("assistant", (Text(reply.text),)), Message("user", (Text("Sure?"),)))
    return replace(request, messages=(*request.messages, *more))


def test_two_rounds_are_held_settled_and_summed(home: Path) -> None:
    view, held = Seen(), []

    def look() -> None:
        held.append(attempts(home))

    first, second = answer("No."), answer("Yes.", cost="0.01")
    backend = Scripted([*first, look], [look, *second])
    asking = session(home, backend)
    reply = asking.ask(request(), view, Again(once_more))
    assert [m.content() for m in backend.sent[1].messages] == ["hi", "No.", "Sure?"]
    assert (reply.text, reply.status, reply.cost) == ("Yes.", "ok", Decimal("0.0125"))
    assert reply.usage == USAGE + USAGE
    assert asking.totals().session == Decimal("0.0125") and asking.totals().held == 0
    one, two = view.receipt.call.attempts
    assert one.hold and two.hold and two.hold > one.hold  # a longer prompt
    assert [sorted(row[0] for row in rows) for rows in held] == [
        ["streaming"],
        ["reserved", "settled"],
    ]
    assert calls(home) == [("ok", "stop", None, "Yes.")]
    assert len(view.opened) == 1 and view.receipt.call.reply == reply


def test_a_round_is_tried_again_by_itself(home: Path) -> None:
    backend = Scripted(answer("No."), [limited(1)], answer("Yes."))
    reply = session(home, backend, sleep=lambda seconds: None).ask(
        request(), Seen(), Again(once_more)
    )
    assert reply.text == "Yes." and len(backend.sent) == 3
    assert backend.sent[1] == backend.sent[2] != backend.sent[0]
    assert reply.cost == Decimal("0.005")


@pytest.mark.parametrize("by", ["budget", "max_cost"])
def test_a_budget_refuses_the_second_round_and_the_first_is_kept(home: Path, by: str) -> None:
    first = hold(request(), PRICE)
    settings = M1(budget=first) if by == "budget" else M1(max_cost=first)
    view, backend = Seen(), Scripted(answer("No."), answer("Yes."))
    with pytest.raises(BudgetExceeded) as caught:
        session(home, backend, settings).ask(request(), view, Again(once_more))
    reply = caught.value.reply
    assert reply is not None and (reply.text, reply.status) == ("No.", "failed")
    assert reply.cost == COST and len(backend.sent) == 1
    assert [row[0] for row in attempts(home)] == ["settled"]
    assert calls(home)[0][0] == "failed" and calls(home)[0][3] == "No."


@pytest.mark.parametrize("end", [ctrl_c, ZeroDivisionError("a bug")])
def test_what_ends_a_call_between_rounds_loses_nothing(
    home: Path, end: Callable[[], None] | BaseException
) -> None:
    def ask_next(request: Request, reply: Reply) -> Request | None:
        if isinstance(end, BaseException):
            raise end
        end()
        return None

    view, backend = Seen(), Scripted(answer("No."))
    with pytest.raises((Stopped, ZeroDivisionError)):
        session(home, backend).ask(request(), view, Again(ask_next))
    reply = view.receipt.call.reply
    assert (reply.text, reply.cost) == ("No.", COST)
    assert reply.status == ("failed" if isinstance(end, BaseException) else "stopped")
    assert [row[0] for row in attempts(home)] == ["settled"]


def test_a_second_round_that_brings_nothing_keeps_the_first(home: Path) -> None:
    view, backend = Seen(), Scripted(answer("No."), [ProviderDown("500")])
    with pytest.raises(ProviderDown) as caught:
        session(home, backend).ask(request(), view, Again(once_more))
    reply = caught.value.reply
    assert reply is not None and (reply.text, reply.status) == ("No.", "failed")


# -- one plan --------------------------------------------------------------------------------


def test_a_dry_run_shows_what_is_sent_to_the_byte(server: OpenRouter, own_home: Path) -> None:
    table = [{"k": "a", "n": n} for n in range(12)]
    options = flags.from_python({"max_tokens": 50_000, "temperature": 0.2, "stop": ["END"]}, ("t",))
    api.ask("first?", namespace={})  # so that the limits are known
    seen = len(server.requests)
    plan = api.preview("why {{t}}?", options, {"t": table})
    assert len(server.requests) == seen
    api.run("why {{t}}?", options, {"t": table}, Seen())
    body = server.chats[-1].body
    dry = plan.request.body()
    assert json.dumps(dry["messages"]) == json.dumps(body["messages"])
    assert {name: body[name] for name in dry} == dry
    assert set(body) - set(dry) == {"stream", "stream_options"}
    page = verbs.preview(plan)
    assert f"max_tokens {dry['max_tokens']}" in page and str(dry["stop"]) in page.replace("\\", "")


def test_plan_refusal_and_hint_have_one_source(home: Path) -> None:
    asking = session(home, Scripted([Started("g"), Finish("length", USAGE, COST)]))
    plan = asking.plan(request(max_tokens=100))
    assert plan.hold == hold(plan.request, PRICE) and plan.backend is not None
    view = Seen()
    asking.ask(request(max_tokens=100), view)
    ((_, most, _),) = view.opened
    assert most == plan.hold and view.receipt.call.attempts[0].hold == plan.hold
    (note,) = view.receipt.notes
    wider = hold(request(max_tokens=200), PRICE)
    assert note == f"%m1 continue asks again with 200 (at most {money_at_most(wider)})"


# -- who pays -------------------------------------------------------------------------------


def test_a_replayed_answer_reserves_nothing_spends_nothing_and_owes_nothing(home: Path) -> None:
    settings = M1(budget=Decimal(0), max_cost=Decimal(0))
    view = Seen()
    backend = Scripted(answer("kept"), billing="replayed")
    asking = session(home, backend, settings)
    reply = asking.ask(request(), view)
    assert (reply.text, reply.cost, reply.cost_source) == ("kept", Decimal(0), "replayed")
    assert (reply.usage, reply.status) == (USAGE, "ok")
    assert attempts(home) == calls(home) == []
    assert view.receipt.totals.session == asking.totals().held == 0
    assert view.receipt.totals.unknown == 0 and asking.ledger.pending(None) == []
    assert sums.learned(asking.ledger, "minimax/minimax-m1") == {}
    assert "replayed · $0" in footer.line(view.receipt, settings)
    assert footer.record(view.receipt, settings)["cost_source"] == "replayed"


def test_a_replay_that_breaks_off_costs_nothing_either(home: Path) -> None:
    script: list[Line] = [Started("gen-1"), TextDelta("so far"), CutOff("cut")]
    backend = Scripted(script, billing="replayed")
    view = Seen()
    with pytest.raises(CutOff) as caught:
        session(home, backend).ask(request(), view)
    reply = caught.value.reply
    assert reply is not None and (reply.text, reply.cost) == ("so far", Decimal(0))
    assert attempts(home) == calls(home) == []


# -- Ctrl-C ---------------------------------------------------------------------------------


@pytest.mark.parametrize("stop", [ctrl_c, KeyboardInterrupt()], ids=["signal", "raised"])
@pytest.mark.parametrize(
    ("before", "says", "text", "generation"),
    [
        ([], "before the server answered", "", None),
        ([Started("gen-7")], "no text had come", "", "gen-7"),
        ([Started("gen-7"), ReasoningDelta("Hm")], "text so far is kept", "", "gen-7"),
        (
            [Started("gen-7"), TextDelta("so "), TextDelta("far")],
            "text so far is kept",
            "so far",
            "gen-7",
        ),
    ],
    ids=["i02_before_headers", "i03_before_a_token", "i04_in_thinking", "i04_in_text"],
)
def test_stopped(
    home: Path, before: list[Line], says: str, text: str, generation: str | None, stop: Line
) -> None:
    view = Seen()
    error, asking, backend = failing(home, [*before, stop, *answer()], view=view)
    assert isinstance(error, Stopped) and isinstance(error, KeyboardInterrupt)
    assert says in str(error)
    assert error.reply is not None
    assert (error.reply.text, error.reply.status, error.reply.finish) == (text, "stopped", None)
    assert error.reply == asking.last == view.receipt.call.reply
    assert (backend.open, backend.closed) == (0, 1)
    ((state, hold, cost, found, _),) = attempts(home)
    assert (state, cost, found) == ("pending", None, generation)
    assert hold
    assert calls(home)[0][0] == "stopped"


@pytest.mark.parametrize("stop", [ctrl_c, KeyboardInterrupt()], ids=["signal", "raised"])
def test_i05_stopped_while_the_view_paints(home: Path, stop: Line) -> None:
    view = Seen(feed=stop)  # type: ignore[arg-type]
    error, _, backend = failing(home, [Started("g"), TextDelta("so far")], view=view)
    assert isinstance(error, Stopped)
    assert backend.open == 0
    assert len(view.receipts) == 1


def test_i01_stopped_before_anything_was_sent(home: Path) -> None:
    view = Seen(open=ctrl_c)
    error, asking, backend = failing(home, answer(), view=view)
    assert isinstance(error, Stopped)
    assert errors.NOTHING_SENT in str(error)
    assert backend.sent == []
    assert asking.totals().held == 0
    assert [row[:3:2] for row in attempts(home)] == [("settled", 0)]
    assert view.receipt.call.reply.status == "stopped"


def test_i01_stopped_while_getting_ready(home: Path) -> None:
    class Slow(Scripted):
        def ready(self) -> None:
            ctrl_c()

    view = Seen()
    backend = Slow(answer())
    with pytest.raises(Stopped, match="Nothing was sent") as caught:
        session(home, backend).ask(request(), view)
    assert caught.value.reply is None
    assert (backend.sent, view.opened, view.receipts) == ([], [], [])


def test_i04_stopped_after_the_bill_came_is_settled_with_it(home: Path) -> None:
    error, asking, _ = failing(home, [*answer("all"), ctrl_c])
    assert isinstance(error, Stopped) and error.reply is not None
    assert (error.reply.text, error.reply.cost, error.reply.status) == ("all", COST, "stopped")
    assert "It cost $0.0025." in str(error)
    assert asking.totals().held == 0


@pytest.mark.parametrize("stop", [ctrl_c, KeyboardInterrupt()], ids=["signal", "raised"])
def test_i05_stopped_while_the_end_is_shown_loses_nothing(home: Path, stop: Line) -> None:
    view = Seen(close=stop)  # type: ignore[arg-type]
    error, asking, _ = failing(home, answer("all"), view=view)
    assert isinstance(error, Stopped) and error.reply is not None
    assert (error.reply.text, error.reply.status, error.reply.cost) == ("all", "ok", COST)
    assert "It cost $0.0025" in str(error)
    assert asking.totals().session == COST


@pytest.mark.parametrize("by", ["sleep", "view"])
def test_i07_stopped_during_the_back_off(home: Path, by: str) -> None:
    def sleep(seconds: float) -> None:
        ctrl_c()

    view = Seen(feed=ctrl_c if by == "view" else lambda: None)
    more: dict[str, Any] = {"sleep": sleep if by == "sleep" else pytest.fail}
    error, asking, backend = failing(home, [limited(60)], answer(), view=view, **more)
    assert isinstance(error, Stopped)
    assert "Too many requests" in str(error) and errors.NOT_CHARGED in str(error)
    assert len(backend.sent) == 1
    assert asking.totals().held == 0
    assert view.receipt.call.reply.status == "stopped"


@pytest.mark.parametrize("before", [[], [Started(None), TextDelta("a")]])
def test_stopping_the_local_model_costs_nothing(home: Path, before: list[Line]) -> None:
    backend = Scripted([*before, ctrl_c], name="offline", billing="offline")
    with pytest.raises(Stopped) as caught:
        session(home, backend).ask(request(), Seen())
    assert "charge" not in str(caught.value)
    assert caught.value.reply is not None and caught.value.reply.cost == 0


def test_i06_a_second_ctrl_c_waits_until_the_first_is_written_down(home: Path) -> None:
    class Hasty(Scripted):
        def stream(self, request: Any) -> Any:
            yield Started("gen-1")
            yield TextDelta("so far")
            ctrl_c()

    view = Seen(close=ctrl_c)
    asking = session(home, Hasty())
    with pytest.raises(Stopped) as caught:
        asking.ask(request(), view)
    assert caught.value.reply is not None and caught.value.reply.text == "so far"
    assert attempts(home)[0][0] == "pending"
    assert len(view.receipts) == 1


OURS = (
    "loop.py", "rounds.py", "accumulator.py", "failsafe.py", "interrupts.py", "reconciler.py",
    "leases.py", "ledger/__init__.py", "store.py", "journal.py", "disk.py", "schema.py", "sent.py",
)  # fmt: skip


class Interrupter(AtLine):
    """Presses Ctrl-C at one line of our own code."""

    def __init__(self, line: int, armed: bool = True) -> None:
        super().__init__(line, OURS, ctrl_c, armed)

    def run(self, ask: Callable[[], object]) -> BaseException | None:
        before = sys.gettrace()
        sys.settrace(self)
        try:
            ask()
        except KeyboardInterrupt as error:
            return error
        finally:
            sys.settrace(before)
        return None


def test_ctrl_c_at_any_line_of_ours_loses_neither_text_nor_price(home: Path) -> None:
    line, kinds = 0, set()
    while True:
        if line % 50 == 0:  # else it looks through more and more calls
            home = home.with_name(f"{line}")
            asking = session(home, Scripted(answer()))
            asking.ask(request(), Seen())
            asking.close()
        line += 1
        view, backend, interrupter = Seen(), Scripted(answer("one ", "two")), Interrupter(line)
        asking = session(home, backend)
        asking.ledger  # noqa: B018  # opened before, so that each run has the same lines
        raised = interrupter.run(lambda a=asking, v=view: a.ask(request(), v))
        if interrupter.lines < line:
            break
        where = f"line {line}: {raised!r}"
        kinds.add(type(raised))
        assert backend.open == 0, where
        assert {row[0] for row in attempts(home)} <= {"settled", "pending"}, where
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert len(view.receipts) <= 1, where
        if asking.totals().held > 0:  # only what may be charged stays held
            assert "charge" in str(raised), where
        if backend.sent:
            assert asking.last is not None and len(view.receipts) == 1, where
            assert asking.last.text.startswith(view.text), where
            if isinstance(raised, Stopped):
                assert raised.reply == asking.last == view.receipt.call.reply, where
            else:  # in the very last lines, when all was written and shown
                assert asking.last.status == "ok", where
        asking.close()
    assert line > 300
    assert kinds == {Stopped, KeyboardInterrupt}


def test_i06_a_second_ctrl_c_at_any_line_is_no_worse(home: Path) -> None:
    line = 0
    while True:
        if line % 50 == 0:  # else it looks through more and more calls
            home = home.with_name(f"{line}")
        line += 1
        view, interrupter = Seen(), Interrupter(line, armed=False)

        def first(interrupter: Interrupter = interrupter) -> None:
            interrupter.armed = True
            ctrl_c()

        asking = session(home, Scripted([Started("gen-1"), TextDelta("so far"), first]))
        raised = interrupter.run(lambda a=asking, v=view: a.ask(request(), v))
        if interrupter.lines < line:
            break
        where = f"line {line}: {raised!r}"
        assert raised is not None, where
        assert {row[0] for row in attempts(home)} == {"pending"}, where
        assert asking.last is not None and asking.last.text == "so far", where
        assert view.receipt.call.reply == asking.last, where
        if isinstance(raised, Stopped):
            assert raised.reply == asking.last, where
        asking.close()
    assert line > 100


def test_uninterrupted_lets_ctrl_c_through_afterwards() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt):
        with uninterrupted():
            ctrl_c()
            ctrl_c()
            done.append("written")
    assert done == ["written"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_uninterrupted_nests_and_stoppable_opens_it_once() -> None:
    done = []
    with uninterrupted():
        with pytest.raises(KeyboardInterrupt):
            with stoppable():
                with uninterrupted():
                    ctrl_c()
                    done.append("inner")
                done.append("never")
        ctrl_c()  # a second one: the first has come through
        done.append("outer")
    assert done == ["inner", "outer"]


def test_a_second_one_does_not_disturb_what_the_first_one_stopped() -> None:
    done = []
    with uninterrupted():
        with stoppable():
            try:
                ctrl_c()
            except KeyboardInterrupt:
                ctrl_c()
                done.append("cleaned up")
    assert done == ["cleaned up"]


def test_stoppable_lets_the_one_through_that_waited() -> None:
    with uninterrupted():
        ctrl_c()
        with pytest.raises(KeyboardInterrupt):
            with stoppable():
                pytest.fail("stopped before")


def test_stoppable_alone_does_nothing() -> None:
    with pytest.raises(KeyboardInterrupt):
        with stoppable():
            ctrl_c()


def test_interrupts_outside_the_main_thread_are_left_alone() -> None:
    done = []

    def work() -> None:
        with uninterrupted(), stoppable():
            done.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert done == [signal.default_int_handler]


def test_a_handler_that_does_not_raise_is_called_and_the_call_goes_on(home: Path) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        reply = session(home, Scripted([Started("g"), ctrl_c, ctrl_c, *answer()[1:]])).ask(
            request(), Seen()
        )
    finally:
        signal.signal(signal.SIGINT, before)
    assert reply.status == "ok"
    assert heard == [signal.SIGINT] * 2


# -- a view that breaks ---------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["open", "feed", "tick", "close"])
def test_a_broken_view_never_loses_the_reply_and_warns_once(home: Path, moment: str) -> None:
    view = Seen(**{moment: ValueError("no \x1b[31mscreen")})
    with pytest.warns(UserWarning, match="The display failed") as warned:
        reply = session(home, Scripted(answer("a", "b", "c"))).ask(request(), view)
    assert (reply.text, reply.cost, reply.status) == ("abc", COST, "ok")
    assert len(warned) == 1
    assert "\x1b" not in str(warned[0].message)
    assert attempts(home)[0][0] == "settled"
    assert len(view.receipts) == (moment == "close")


class Ticking(Seen):
    """A view that wants ticks, and remembers from where they came."""

    def __init__(self) -> None:
        super().__init__()
        self.ticks: list[tuple[threading.Thread, object]] = []
        self.ticked = threading.Semaphore(0)
        self.inside = threading.Lock()

    def tick(self) -> float | None:
        assert self.inside.acquire(blocking=False)
        assert not self.receipts
        self.ticks.append((threading.current_thread(), CELL.get()))
        self.inside.release()
        self.ticked.release()
        return 0.001

    def feed(self, event: Event) -> None:
        assert self.inside.acquire(blocking=False)
        super().feed(event)
        self.inside.release()


CELL = contextvars.ContextVar[object]("CELL", default=None)


def test_a_view_has_the_time_while_nothing_comes(home: Path) -> None:
    view = Ticking()

    def stall() -> None:
        for _ in range(5):
            assert view.ticked.acquire(timeout=60)

    token = CELL.set("this cell")
    try:
        session(home, Scripted([stall, *answer("a", "b"), stall])).ask(request(), view)
    finally:
        CELL.reset(token)
    ((first, _), *others) = view.ticks
    assert first is threading.main_thread()  # right after open
    ticker = others[0][0]
    assert {thread for thread, _ in others} == {ticker} and ticker.daemon
    assert {cell for _, cell in others} == {"this cell"}
    ticker.join(60)
    assert not ticker.is_alive() and len(view.receipts) == 1


def test_a_view_that_fails_in_a_tick_is_left_alone(home: Path) -> None:
    view = Ticking()
    failed = threading.Event()

    def fail() -> float:
        fed = any(isinstance(event, TextDelta) for event in view.events)
        if fed and threading.current_thread() is not threading.main_thread():
            failed.set()
            raise ValueError("no screen")
        return 0.001

    view.tick = fail  # type: ignore[method-assign]
    with pytest.warns(UserWarning, match="The display failed") as warned:
        script = [*answer("a")[:-1], lambda: failed.wait(60), *answer("b")[1:]]
        reply = session(home, Scripted(script)).ask(request(), view)
    assert reply.text == "ab" and len(warned) == 1
    assert [event.text for event in view.events if isinstance(event, TextDelta)] == ["a"]
    assert view.receipts == []


def test_a_broken_view_does_not_lose_the_reply_where_warnings_are_errors(home: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reply = session(home, Scripted(answer())).ask(request(), Seen(feed=ValueError("no screen")))
    assert reply.text == "Yes."


@pytest.mark.parametrize("keep", [True, False])
def test_what_came_so_far_is_in_the_ledger_for_a_kernel_that_is_killed(
    home: Path, keep: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failsafe.TICKER, "begin", lambda _: None)  # as where no thread can start
    time = [0.0]
    seen: list[Any] = []

    def later(seconds: float) -> Callable[[], None]:
        return lambda: time.__setitem__(0, time[0] + seconds)

    def look() -> None:
        seen.extend(row[3] for row in calls(home))

    script: list[Line] = [
        Started("gen-1"), ReasoningDelta("Hm."), TextDelta("one "), look, later(1.1),
        TextDelta("two "), look,
        later(0.5), TextDelta("three "), look, later(0.6), TextDelta("four "), look,
        Finish("stop", USAGE, COST),
    ]  # fmt: skip
    settings = M1(keep_text=keep)
    session(home, Scripted(script), settings, clock=lambda: time[0]).ask(request(), Seen())
    assert seen == ([None, "one two ", "one two ", "one two three four "] if keep else [None] * 4)


@pytest.mark.parametrize("keep", [True, False])
def test_what_came_is_in_the_ledger_also_of_a_stream_that_stands_still(
    home: Path, keep: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failsafe, "OFTEN", 0.02)
    looked = threading.Event()
    texts: list[Any] = []

    def wait() -> None:
        if keep:
            assert until(lambda: calls(home)[0][3] == "one two ")
        else:
            failsafe.TICKER.begin(Watch(lambda: looked.set(), 0.1))
            assert looked.wait(60)
        texts.append(calls(home)[0][3])

    script: list[Line] = [
        Started("gen-1"), TextDelta("one "), TextDelta("two "), wait, TextDelta("three"),
        Finish("stop", USAGE, COST),
    ]  # fmt: skip
    session(home, Scripted(script), M1(keep_text=keep)).ask(request(), Seen())
    assert texts == ["one two " if keep else None]
    assert calls(home)[0][3] == ("one two three" if keep else None)


def test_the_ledger_is_settled_before_the_view_is_closed(home: Path) -> None:
    found: list[Any] = []
    view = Seen(close=lambda: found.append((attempts(home), calls(home))))
    session(home, Scripted(answer("all"))).ask(request(), view)
    ((rows, ended),) = found
    assert rows[0][0] == "settled" and rows[0][2] == 2_500_000
    assert ended == [("ok", "stop", None, "all")]


@pytest.mark.parametrize("last", [CutOff("cut"), KeyboardInterrupt(), KeyRefused("401"), OSError()])
def test_the_view_is_closed_once_also_after_a_failure(home: Path, last: BaseException) -> None:
    found: list[str] = []
    view = Seen(close=lambda: found.append(attempts(home)[0][0]))
    failing(home, [Started("g"), TextDelta("a"), last], view=view)
    assert len(view.receipts) == 1
    assert found in (["settled"], ["pending"])


def test_the_generation_id_is_written_before_the_view_hears_of_it(home: Path) -> None:
    found: list[Row] = []
    view = Seen(feed=lambda: found.extend(attempts(home)[:1]))
    session(home, Scripted(answer())).ask(request(), view)
    assert found[0][0] == "streaming" and found[0][3] == "gen-1"


# -- a ledger that breaks -------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before Started", "in mid-text", "before the end"])
def test_l05_a_ledger_that_breaks_after_the_call_was_sent_costs_no_answer(
    home: Path, when: str
) -> None:
    asking: Session

    def smash() -> None:
        asking.ledger.close()

    script = answer("all ", "of it")
    script.insert({"before Started": 0, "in mid-text": 2, "before the end": 4}[when], smash)
    view = Seen()
    asking = session(home, Scripted(script))
    reply = asking.ask(request(), view)
    assert (reply.text, reply.status, reply.cost) == ("all of it", "ok", COST)
    (note,) = view.receipt.notes
    assert str(home) in note and "cannot be used" in note
    assert "Nothing was sent" not in note
    assert view.text == "all of it"


@pytest.mark.parametrize("where", ["beside it", "in this kernel's memory"])
def test_l13_a_full_disk_after_the_call_was_sent_costs_no_answer(
    home: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def nowhere(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    if "memory" in where:
        monkeypatch.setattr(journal.Journal, "_file", nowhere)
    text = "x" * 100_000
    with contextlib.ExitStack() as full:

        def fill() -> None:
            full.enter_context(full_disk(home / "ledger.db"))

        view = Seen(close=full.close)
        asking = session(home, Scripted([Started("gen-1"), fill, *answer(text)[1:]]))
        reply = asking.ask(request(), view)
    assert (reply.text, reply.cost) == (text, COST)
    assert "cannot be used" in view.receipt.notes[0]
    assert f"{where} and written down later" in view.receipt.notes[0]
    # The row is not settled, so its hold still guards the budget; until the disk has room again.
    ((state, _, cost, generation, _),) = attempts(home)
    assert (state, cost, generation) == ("streaming", None, "gen-1")
    assert (asking.totals().held, asking.totals().spent) == (0, COST)
    assert attempts(home)[0][::2] == ("settled", 2_500_000, "billed")
    assert calls(home) == [("ok", "stop", None, text)]
    assert session(home, Scripted(answer())).ask(request(), Seen()).status == "ok"


def test_l11_a_ledger_that_cannot_be_opened_refuses_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").mkdir()
    backend, view = Scripted(answer()), Seen()
    with pytest.raises(LedgerProblem, match="Nothing was sent"):
        session(tmp_path, backend).ask(request(), view)
    assert (backend.sent, view.opened, view.receipts) == ([], [], [])


def test_a_ledger_that_breaks_between_attempts_ends_the_call(home: Path) -> None:
    asking: Session

    def smash(seconds: float) -> None:
        asking.ledger.close()

    view, backend = Seen(), Scripted([limited(1)], answer())
    asking = session(home, backend, sleep=smash)
    with pytest.raises(LedgerProblem) as caught:
        asking.ask(request(), view)
    assert len(backend.sent) == 1
    assert caught.value.reply is not None and caught.value.reply.status == "failed"
    assert len(view.receipts) == 1


# -- limits before sending ------------------------------------------------------------------


@pytest.mark.parametrize("price", [PRICE, Price(Decimal(1), Decimal(100))])
def test_max_cost_refuses_before_anything_is_sent(home: Path, price: Price) -> None:
    view = Seen()
    backend = Scripted(answer(), limits=replace(OFFER, dearest=price, cheapest=price))
    with pytest.raises(BudgetExceeded) as caught:
        session(home, backend).ask(request(max_cost=Decimal("0.0001")), view)
    told = str(caught.value)
    assert errors.NOTHING_SENT in told and "$0.0001" in told
    assert (backend.sent, view.opened, view.receipts) == ([], [], [])
    allowed = told.split("--max-cost ")[1].split(", lower")[0]
    reply = session(home, backend).ask(request(max_cost=Decimal(allowed)), view)
    assert reply.status == "ok"


def test_the_setting_counts_unless_the_call_says_otherwise(home: Path) -> None:
    settings = M1(max_cost=Decimal("0.0001"))
    asking = session(home, Scripted(answer(), answer()), settings)
    with pytest.raises(BudgetExceeded):
        asking.ask(request(), Seen())
    assert asking.ask(request(max_cost=Decimal(1)), Seen()).status == "ok"
    settings.max_cost = None
    assert asking.ask(request(), Seen()).status == "ok"


def test_the_receipt_is_the_calls(home: Path) -> None:
    view = Seen()
    time = [10.0]
    script = [lambda: time.__setitem__(0, 12.5), *answer()]
    asking = session(home, Scripted(script), clock=lambda: time[0])
    asking.ask(request(notes=("left as typed: {{x}}",)), view)
    receipt: Receipt = view.receipt
    assert receipt.call.seconds == 2.5
    assert receipt.notes == ("left as typed: {{x}}",)
    assert receipt.call.attempts[0].provider == "Minimax"
