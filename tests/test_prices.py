"""What a call may cost before it is sent, and what it did cost, to the last digit."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator import MISSING, Answer, OpenRouter
from ledgers import rows
from m1_magic import api
from m1_magic.calls import Finish, Message, Reply, Request, Started, Text, TextDelta, Usage
from m1_magic.errors import BudgetExceeded, CutOff, EmptyAnswer
from m1_magic.ledger import now_utc
from m1_magic.options.fields import Options
from m1_magic.pricing import limits as price_lists
from m1_magic.pricing.dollars import from_nano, money, to_nano
from m1_magic.pricing.offers import limits_of
from m1_magic.pricing.prices import (
    LIMITS,
    ModelLimits,
    Price,
    billed,
    estimate,
    hold,
    known_limits,
    recorded,
)
from m1_magic.pricing.tokens import TEMPLATE_TOKENS, likely_tokens, most_tokens
from m1_magic.render.footer import line
from m1_magic.session.loop import Session
from m1_magic.settings.config import M1
from scripted import MODEL, OFFER, USAGE, Line, Scripted, Seen, answer, request, session

# M1's reference prices: $0.40 in and $2.10 out a million tokens.
REFERENCE = Price(Decimal("0.0000004"), Decimal("0.0000021"))
# The dearest endpoint of the emulator's M1 in each part.
GIVEN, GOT = Decimal("0.00000055"), Decimal("0.0000022")
UNKNOWN: list[Any] = [None, True, False, "free", "", "NaN", "-0.1", -1, -1e-9, [], {}, float("nan")]
UNKNOWN += [float("inf"), "Infinity", 1e30, "1e999999", 1e9 + 1]
KNOWN: list[tuple[Any, str]] = [
    (0, "0"),
    (0.0, "0"),
    ("0", "0"),
    (1e-9, "0.000000001"),
    ("0.000000001", "0.000000001"),
    (0.00012345, "0.00012345"),
    (0.1, "0.1"),
    (3, "3"),
    ("2.50", "2.5"),
    (1e9, "1000000000"),
    (123456.789012345, "123456.789012345"),
]


def attempt(home: Path) -> tuple[str, int | None, int | None, str]:
    sql = "SELECT state, hold_nano, cost_nano, cost_source FROM attempts"
    (row,) = rows(home / "ledger.db", sql)
    return row  # type: ignore[return-value]


def asked(text: str = "hi", **options: Any) -> Reply:
    return api.ask(text, namespace={}, **options)


# -- amounts --------------------------------------------------------------------------------


@given(st.integers(0, 10**18))
def test_nano_dollars_come_back_as_they_went(nano: int) -> None:
    dollars = from_nano(nano)
    assert to_nano(dollars) == nano
    assert dollars * 10**9 == nano
    assert Decimal(format(dollars, "f")) == dollars


@pytest.mark.parametrize(
    ("dollars", "nano"), [("1.5E-9", 2), ("2.5E-9", 2), ("2.6E-9", 3), ("0.5E-9", 0)]
)
def test_m21_rounding_is_half_even_and_happens_once(dollars: str, nano: int) -> None:
    assert to_nano(Decimal(dollars)) == nano


# opencode #4256 and others: what is a part of a count was added to it, and paid twice.
PARTS = {
    "M4 cached": {"prompt_tokens_details": {"cached_tokens": 4000}},
    "M5 reasoning": {"completion_tokens_details": {"reasoning_tokens": 700}},
    "M6 cache write": {"prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 4000}},
}


@pytest.mark.parametrize("part", [pytest.param(part, id=name) for name, part in PARTS.items()])
def test_m4_m5_m6_a_part_of_a_count_is_not_added_to_it(
    server: OpenRouter, own_home: Path, part: dict[str, Any]
) -> None:
    usage = {"prompt_tokens": 4256, "completion_tokens": 900, **part}
    server.say(Answer(text="Yes.", usage=usage))
    reply = asked()
    assert (reply.cost, reply.cost_source) == (4256 * GIVEN + 900 * GOT, "estimated")
    assert reply.usage is not None and (reply.usage.input, reply.usage.output) == (4256, 900)
    told = Usage(input=4256, output=900, cached=4000, reasoning=700)
    assert estimate(told, REFERENCE) == Decimal("0.0035924")


def test_m8_your_own_keys_price_is_added() -> None:
    usage: dict[str, Any] = {"cost": 0.001, "cost_details": {"upstream_inference_cost": 0.02}}
    assert billed(usage) == Decimal("0.001")
    assert billed(usage | {"is_byok": True}) == Decimal("0.021")
    assert billed({"cost": 0, "is_byok": True, "cost_details": None}) == 0
    assert billed(usage | {"cost": None, "is_byok": True}) is None
    record = {"total_cost": 0.001, "upstream_inference_cost": 0.02}
    assert recorded(record) == Decimal("0.001")
    assert recorded(record | {"is_byok": True}) == Decimal("0.021")
    assert recorded({}) is None


# -- the hold -------------------------------------------------------------------------------

TEXTS = st.one_of(
    st.text(st.characters(), max_size=200),
    st.text(st.characters(min_codepoint=0x800), min_size=100, max_size=200),
)
PRICES = st.builds(
    lambda one, two: Price(Decimal(one) / 10**11, Decimal(two) / 10**11),
    st.integers(0, 10**7),
    st.integers(0, 10**7),
)


@given(st.lists(TEXTS, min_size=1, max_size=4), PRICES, st.integers(1, 80_000), st.data())
def test_m13_a_hold_is_never_below_what_is_billed(
    texts: list[str], price: Price, max_tokens: int, data: st.DataObject
) -> None:
    messages = tuple(Message("user", (Text(text),)) for text in texts)
    # A token is at least a byte of UTF-8; the template adds a few around each message.
    most = sum(len(text.encode("utf-8", "replace")) for text in texts)
    template = data.draw(st.sampled_from([0, 12, TEMPLATE_TOKENS])) * len(messages)
    given_ = data.draw(st.sampled_from([most, most // 2, 0])) + template
    usage = Usage(given_, data.draw(st.sampled_from([max_tokens, max_tokens // 2, 0])))
    asking = Request(MODEL, messages, max_tokens)
    assert to_nano(hold(asking, price)) >= to_nano(estimate(usage, price))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_the_bound_grows_with_bytes_not_with_characters(text: str) -> None:
    empty = most_tokens(("",))
    assert most_tokens((text,)) - empty == len(text.encode())


def test_m21_a_hold_that_is_no_whole_nano_dollar_is_rounded_up() -> None:
    tiny = Price(Decimal(0), Decimal("0.00000000001"))
    assert hold(Request(MODEL, (), 1), tiny) == Decimal("0.000000001")


@pytest.mark.parametrize("text", ["", "word " * 900, "x = 1\n" * 900])
def test_a_count_for_people_is_below_the_bound(text: str) -> None:
    assert likely_tokens(text) <= most_tokens((text,))


def test_a_hold_is_within_reach_of_a_default_call() -> None:
    price = Price(Decimal("0.00000055"), Decimal("0.0000022"))
    assert hold(request("hi", M1().max_tokens), price) < Decimal("0.25")


# -- offers ---------------------------------------------------------------------------------


def listed(prompt: Any, completion: Any, **more: Any) -> dict[str, Any]:
    return {"pricing": {"prompt": prompt, "completion": completion}, **more}


def test_a_hold_counts_with_the_dearest_endpoint_in_each_part() -> None:
    endpoints = [
        listed("0.0000004", "0.000003", context_length=1_000_000, max_completion_tokens=40_000),
        listed("0.00000055", "0.0000022", context_length=128_000, max_completion_tokens=None),
    ]
    limits = limits_of(MODEL, endpoints)
    assert limits.dearest == Price(Decimal("0.00000055"), Decimal("0.000003"))
    assert limits.cheapest == Price(Decimal("0.0000004"), Decimal("0.0000022"))
    assert (limits.context, limits.max_output) == (1_000_000, 40_000)


def test_endpoints_over_max_price_do_not_count() -> None:
    endpoints = [listed("0.0000004", "0.0000022"), listed("0.00000055", "0.0000022")]
    limits = limits_of(MODEL, endpoints, {"max_price": {"prompt": 0.4}})
    assert limits.dearest == limits.cheapest == Price(Decimal("0.0000004"), Decimal("0.0000022"))
    for most, known in (("2", False), ("2.2", True)):
        limits = limits_of(MODEL, endpoints, {"max_price": {"completion": most}})
        assert (limits.dearest is not None, bool(limits.offers)) == (known, known)


@pytest.mark.parametrize(
    "endpoint",
    [
        {},
        {"pricing": None},
        {"pricing": "cheap"},
        {"pricing": ["0.1", "0.1"]},
        listed(None, "0.1"),
        listed("-1", "-1"),
        listed("soon", "0.1"),
        listed(True, True),
    ],
)
def test_an_endpoint_without_a_price_has_none(endpoint: dict[str, Any]) -> None:
    limits = limits_of(MODEL, [endpoint, {"context_length": "many", "max_completion_tokens": -1}])
    assert limits == ModelLimits(MODEL, source="endpoints")
    # It may serve all the same: what the answer costs at most is not known then.
    limits = limits_of(MODEL, [endpoint, listed("0", "0")])
    assert (limits.cheapest, limits.dearest) == (Price(Decimal(0), Decimal(0)), None)


def test_what_is_known_without_a_server() -> None:
    limits = known_limits(MODEL)
    assert limits is not None
    assert (limits.context, limits.max_output) == LIMITS[MODEL]
    assert limits.dearest is not None and 0 < limits.dearest.input < limits.dearest.output < 1
    assert known_limits("nobody/has-this-model") is None


# -- what a call did cost, over the wire ----------------------------------------------------


@pytest.mark.parametrize(("cost", "dollars"), KNOWN)
def test_m2_the_bill_goes_everywhere_to_the_last_digit(
    server: OpenRouter, own_home: Path, cost: object, dollars: str
) -> None:
    server.say(Answer(text="Yes.", cost=cost))
    reply = asked()
    expected = Decimal(dollars)
    assert (reply.cost, reply.cost_source, reply.status) == (expected, "billed", "ok")
    totals = api.session().totals()
    nano = to_nano(expected)
    assert totals.session == totals.spent == Decimal(nano) / 10**9
    assert totals.held == 0
    state, _, kept, source = attempt(own_home)
    assert (state, kept, source) == ("settled", nano, "billed")


@pytest.mark.parametrize("cost", [MISSING, *UNKNOWN])
def test_m2_m7_without_a_bill_the_price_is_estimated(
    server: OpenRouter, own_home: Path, cost: object
) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
    if cost is not MISSING:
        usage["cost"] = cost  # type: ignore[assignment]
    server.say(Answer(text="Yes.", usage=usage))
    reply = asked()
    expected = 1000 * GIVEN + 500 * GOT  # the dearest: an estimate is not too low
    assert (reply.cost, reply.cost_source) == (expected, "estimated")
    assert api.session().totals().session == expected
    assert api.session().totals().held == 0


@pytest.mark.parametrize("usage", [None, {}])
def test_without_bill_and_tokens_the_price_is_not_known(
    server: OpenRouter, own_home: Path, usage: Any
) -> None:
    server.say(Answer(text="Yes.", usage=usage))
    reply = asked()
    assert (reply.text, reply.status) == ("Yes.", "ok")
    assert (reply.cost, reply.cost_source) == (None, "unknown")
    totals = api.session().totals()
    assert (totals.session, totals.unknown) == (0, 1)
    assert totals.held > 0
    state, held, cost, source = attempt(own_home)
    assert (state, cost, source) == ("pending", None, "unknown")
    assert totals.held == from_nano(held or 0)


def test_m7_an_estimate_is_corrected_by_the_record(server: OpenRouter, own_home: Path) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 500}
    server.say(Answer(text="Yes.", usage=usage, generation_id="gen-1-about"))
    view = Seen()
    reply = api.run("hi", Options(), {}, view)
    assert reply.cost_source == "estimated"
    assert f" · ≈{money(1000 * GIVEN + 500 * GOT)} · " in line(view.receipt, api.settings())
    asking = api.session()
    assert asking.reconcile() == 1
    record = Decimal(1000) * Decimal("0.0000004") + 500 * Decimal("0.0000022")
    assert asking.totals().session == record
    assert attempt(own_home)[3] == "billed"


def test_m11_a_stream_that_broke_is_settled_by_its_record(
    server: OpenRouter, own_home: Path
) -> None:
    server.say(Answer.broken("so far", generation_id="gen-1-broken"))
    with pytest.raises(CutOff):
        asked()
    assert api.session().totals().held > 0
    assert api.session().reconcile() == 1  # the zero-completion insurance: it cost nothing
    totals = api.session().totals()
    assert (totals.session, totals.held, totals.unknown) == (0, 0, 0)


def test_another_endpoint_is_not_asked_for_it(tmp_path: Path) -> None:
    asking = session(tmp_path, Scripted([Started("gen-1"), TextDelta("a"), Finish("stop")]))
    asking.ask(request(), Seen())
    records = {"gen-1": {"total_cost": 0.5}}
    for name, settled in (("other.example", 0), ("openrouter.ai", 1)):
        backend = Scripted(name=name, records=records)
        switched = Session(M1(), lambda: asking.ledger, backend)  # type: ignore[arg-type]
        assert switched.reconcile() == settled
    assert asking.totals().session == Decimal("0.5")


def test_a_record_without_a_price_settles_nothing(tmp_path: Path) -> None:
    records = {"gen-1": {"total_cost": None}}
    script: list[Line] = [Started("gen-1"), TextDelta("a"), Finish("stop")]
    asking = session(tmp_path, Scripted(script, records=records))
    asking.ask(request(), Seen())
    assert asking.reconcile() == 0
    assert asking.totals().held > 0


def test_m8_ones_own_key_over_the_wire(server: OpenRouter, own_home: Path) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "cost": 0.0001, "is_byok": True}
    usage |= {"cost_details": {"upstream_inference_cost": 0.002}}
    server.say(Answer(text="Yes.", usage=usage))
    assert asked().cost == Decimal("0.0021")
    assert api.session().totals().session == Decimal("0.0021")


def test_m9_a_free_model_costs_zero_and_that_is_known(server: OpenRouter, own_home: Path) -> None:
    for endpoint in server.endpoints[MODEL]:
        endpoint["pricing"] |= {"prompt": "0", "completion": "0"}
    api.settings().budget = Decimal(0)
    server.say(Answer(text="Yes.", cost=0), Answer(text="Yes.", cost=None))
    billed_, estimated = asked(), asked()
    assert (billed_.cost, billed_.cost_source) == (0, "billed")
    assert (estimated.cost, estimated.cost_source) == (0, "estimated")
    totals = api.session().totals()
    assert (totals.session, totals.held, totals.unknown) == (0, 0, 0)


@pytest.mark.parametrize("record", [Decimal(0), Decimal("0.0001")], ids=["insured", "web fee"])
def test_m10_no_words_are_free_only_if_the_record_says_so(
    server: OpenRouter, own_home: Path, record: Decimal
) -> None:
    usage = {"prompt_tokens": 900, "completion_tokens": 0}
    server.say(Answer(text="", usage=usage, generation_id="gen-1-empty"))
    with pytest.raises(EmptyAnswer, match="It may be charged"):
        asked()
    assert api.session().totals().held > 0  # no rule of theirs is taken for granted
    server.generations["gen-1-empty"]["total_cost"] = float(record)
    assert api.session().reconcile() == 1
    totals = api.session().totals()
    assert (totals.session, totals.held, totals.unknown) == (record, 0, 0)


def test_m12_a_price_that_rose_after_the_hold_is_paid_and_seen(
    server: OpenRouter, own_home: Path
) -> None:
    settings = api.settings()
    settings.budget = Decimal("0.05")
    server.say(Answer(text="Yes.", cost=0.04))
    asked(max_tokens=1000)
    _, held, cost, _ = attempt(own_home)
    assert held is not None and cost == 40_000_000 > held  # the bill counts, not what was held
    for endpoint in server.endpoints[MODEL]:
        endpoint["pricing"] |= {"completion": "0.00001"}
    with pytest.raises(BudgetExceeded, match=r"\$0.04 is spent"):
        asked(max_tokens=5000)
    assert asked(max_tokens=4000).status == "ok"  # this hour's list: 0.0088
    later = now_utc() + price_lists.FRESH
    api.session().now = lambda: later
    with pytest.raises(BudgetExceeded, match=r"could cost \$0.04"):  # the next hour's: 0.04
        asked(max_tokens=4000)


def test_m15_the_first_call_of_all_is_held_to_the_budget(
    server: OpenRouter, own_home: Path
) -> None:
    """litellm #26672: sums over no rows were NULL, and NULL was under every cap."""
    api.settings().budget, api.settings().budget_period = Decimal("0.0001"), "month"
    with pytest.raises(BudgetExceeded, match=r"\$0 is spent and \$0 held"):
        asked()
    assert server.chats == []
    server.say(Answer(text="Yes."))
    assert asked(max_tokens=1).status == "ok"


@pytest.mark.parametrize("options", [{}, {"max_tokens": 7}, {"think": "40k"}])
def test_m23_every_request_says_where_it_ends(
    server: OpenRouter, own_home: Path, options: dict[str, Any]
) -> None:
    asked(**options)
    most = server.chats[0].body["max_tokens"]
    assert most == options.get("max_tokens", 40_000 if options else 16_000)
    _, held, _, _ = attempt(own_home)
    assert held is not None and held >= most * to_nano(GOT)


def test_the_local_model_is_free(tmp_path: Path) -> None:
    free = Price(Decimal(0), Decimal(0))
    backend = Scripted(
        answer(cost=None),
        name="offline",
        billing="offline",
        limits=replace(OFFER, dearest=free, cheapest=free),
    )
    reply = session(tmp_path, backend, M1(budget=Decimal(0))).ask(request(), Seen())
    assert (reply.cost, reply.cost_source) == (0, "offline")


def test_a_model_without_a_price_is_not_estimated(tmp_path: Path) -> None:
    backend = Scripted(answer(cost=None), limits=None, name="llm.example.org")
    asking = session(tmp_path, backend)
    reply = asking.ask(request(), Seen())
    assert (reply.cost, reply.cost_source, reply.usage) == (None, "unknown", USAGE)
    assert asking.totals().unknown == 1


def test_an_estimate_beyond_belief_is_none(tmp_path: Path) -> None:
    script: list[Line] = [Started("g"), TextDelta("a"), Finish("stop", Usage(10**40, 10**40))]
    asking = session(tmp_path, Scripted(script))
    assert asking.ask(request(), Seen()).cost is None
    assert asking.totals().held > 0


@pytest.mark.parametrize("text", ["hi", "日本語 " * 300, "😀" * 500, "x = [1, 2]\n" * 200])
def test_m13_what_was_held_was_enough(server: OpenRouter, own_home: Path, text: str) -> None:
    server.say(Answer(text="word " * 200, thinking="hm " * 100))
    reply = asked(text, max_tokens=2000)
    _, held, cost, _ = attempt(own_home)
    assert reply.cost is not None
    assert held is not None and cost is not None and held >= cost > 0


# -- limits ---------------------------------------------------------------------------------


@pytest.mark.parametrize("period", ["session", "day", "month"])
def test_a_call_over_the_budget_is_not_sent(
    server: OpenRouter, own_home: Path, period: str
) -> None:
    settings = api.settings()
    settings.budget, settings.budget_period = Decimal("0.04"), period
    server.say(Answer(text="Yes.", cost=0.03))
    assert asked().cost == Decimal("0.03")
    with pytest.raises(BudgetExceeded) as caught:
        asked()
    assert f"{period}'s budget of $0.04" in str(caught.value)
    assert len(server.chats) == 1
    totals = api.session().totals()
    assert (totals.spent, totals.held, totals.budget) == (Decimal("0.03"), 0, Decimal("0.04"))
    assert asked(max_tokens=100).status == "ok"  # a small one fits in what is left


def test_an_unknown_price_under_a_budget_is_not_sent(server: OpenRouter, own_home: Path) -> None:
    for endpoint in server.endpoints[MODEL]:
        endpoint["pricing"] |= {"prompt": "-1", "completion": "-1"}
    with pytest.raises(BudgetExceeded, match="not known"):
        asked()
    api.settings().max_cost = None
    assert asked().status == "ok"
    api.settings().budget = Decimal(100)
    with pytest.raises(BudgetExceeded, match="not known"):
        asked()
    assert len(server.chats) == 1
