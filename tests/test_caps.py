"""Caps hold where a price is not known, fees are held, and nothing is held for good."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from emulator import Answer, OpenRouter
from ledgers import NOW, rows
from m1_magic import api, verbs
from m1_magic.calls import Finish, Reply, Started, TextDelta
from m1_magic.errors import BadSetting, BudgetExceeded, M1Error, SentNoAnswer, UsageError
from m1_magic.ledger.store import now_utc
from m1_magic.options.fields import Options
from m1_magic.pricing.limits import LimitsCache
from m1_magic.pricing.offers import limits_of, price_of
from m1_magic.pricing.prices import Price, hold
from m1_magic.render.footer import line, lines
from m1_magic.settings.config import M1, change
from m1_magic.settings.traits import dollars
from m1_magic.verbs.verb_context import VerbContext
from scripted import MODEL, OFFER, Line, Scripted, Seen, answer, request, session

OWN = "llm.example.org"
PRICES = {"prompt": 0.4, "completion": 2.2}
GIVEN, GOT = "0.0000004", "0.0000022"


def asked(text: str = "hi", **options: Any) -> Reply:
    return api.ask(text, namespace={}, **options)


def listed(server: OpenRouter, **pricing: Any) -> None:
    for endpoint in server.endpoints[MODEL]:
        endpoint["pricing"] |= pricing


def held(home: Path) -> Decimal:
    ((nano,),) = rows(home / "ledger.db", "SELECT hold_nano FROM attempts ORDER BY at LIMIT 1")
    return Decimal(nano) / 10**9


# -- prices that are not known -----------------------------------------------------------------

NO_PRICES: list[Any] = [
    "-1",
    -1,
    "NaN",
    float("nan"),
    None,
    "free",
    "soon",
    "",
    [],
    {},
    True,
    "1_0",
    "１",
]


@pytest.mark.parametrize("price", NO_PRICES, ids=repr)
@pytest.mark.parametrize("part", ["prompt", "completion"])
def test_a_price_that_is_none_is_unknown_and_its_endpoint_there(part: str, price: Any) -> None:
    good = {"pricing": {"prompt": GIVEN, "completion": GOT}, "context_length": 128_000}
    bad = {"pricing": {**good["pricing"], part: price}, "context_length": 1_000_000}  # type: ignore[dict-item]
    limits = limits_of(MODEL, [good, bad])
    assert (limits.dearest, limits.context, len(limits.offers)) == (None, 1_000_000, 2)
    assert limits_of(MODEL, [good]).dearest == Price(Decimal(GIVEN), Decimal(GOT))


@pytest.mark.parametrize("fee", ["-1", "NaN", "soon", [], "1_0"], ids=repr)
def test_a_fee_that_is_none_makes_the_price_unknown(fee: Any) -> None:
    assert price_of({"prompt": GIVEN, "completion": GOT, "request": fee}) is None
    assert price_of({"prompt": GIVEN, "completion": GOT, "request": None}) is not None


def test_max_cost_0_refuses_an_unknown_price(server: OpenRouter, own_home: Path) -> None:
    with pytest.raises(BudgetExceeded, match=r"M1\.prices") as refused:
        asked(model="acme/unknown", max_cost=0)
    assert "acme/unknown" in str(refused.value) and "Nothing was sent" in str(refused.value)
    assert server.chats == []


CAPS = {
    "the option": lambda s: {"max_cost": "5"},
    "the setting": lambda s: setattr(s, "max_cost", 0.25) or {},
    "%m1 set": lambda s: change(s, "max_cost", "0.25") and {},
    "a budget": lambda s: setattr(s, "budget", 100) or {},
}


@pytest.mark.parametrize("cap", [pytest.param(cap, id=name) for name, cap in CAPS.items()])
def test_a_cap_of_ones_own_refuses_an_unknown_price_anywhere(tmp_path: Path, cap: Any) -> None:
    settings = M1()
    options = {name: dollars(value) for name, value in cap(settings).items()}
    backend = Scripted(answer(), name=OWN, limits=None)
    asking = session(tmp_path, backend, settings)
    with pytest.raises(BudgetExceeded, match=r"M1\.prices"):
        asking.ask(request(**options), Seen())
    assert backend.sent == []
    settings.prices = {MODEL: PRICES}
    assert asking.ask(request(**options), Seen()).status == "ok"


def test_the_default_cap_refuses_an_unknown_price_at_openrouter_only(tmp_path: Path) -> None:
    there = Scripted(answer(), limits=None)
    with pytest.raises(BudgetExceeded, match=r"M1\.prices"):
        session(tmp_path / "a", there).ask(request(), Seen())
    unknown = Scripted(answer(), name="127.0.0.1", limits=replace(OFFER, dearest=None))
    with pytest.raises(BudgetExceeded, match=r"M1\.prices"):  # a list that tells no price
        session(tmp_path / "b", unknown).ask(request(), Seen())
    home = Scripted(answer(cost=None), answer(cost=None), name=OWN, limits=None)
    asking = session(tmp_path / "c", home)
    shown = []
    for _ in range(2):
        view = Seen()
        assert asking.ask(request(), view).cost is None
        shown.append(" | ".join(lines(view.receipt, asking.settings)))
    assert [("$?" in text, text.count("M1.prices")) for text in shown] == [(True, 1), (True, 0)]


def test_provider_settings_that_leave_no_endpoint_are_named(
    server: OpenRouter, own_home: Path
) -> None:
    api.settings().max_price = {"completion": 1}
    with pytest.raises(BudgetExceeded, match=r"No endpoint .* M1\.max_price"):
        asked()


# -- M1.prices -----------------------------------------------------------------------------------


@pytest.mark.parametrize("prices", ["free", {MODEL: "free"}, {"prompt": 0, "completion": "0"}])
def test_what_is_free_costs_0_and_no_question_mark(tmp_path: Path, prices: Any) -> None:
    settings = M1(prices=prices, budget=Decimal(0), max_cost=Decimal(0))
    script: list[Line] = [Started(None), TextDelta("Yes."), Finish("stop")]  # not even counted
    asking = session(tmp_path, Scripted(script, name=OWN, limits=None), settings)
    view = Seen()
    reply = asking.ask(request(), view)
    assert (reply.cost, reply.cost_source) == (0, "free")
    assert " · $0 · " in line(view.receipt, settings)
    assert (asking.totals().held, asking.totals().unknown) == (0, 0)


def test_own_prices_hold_estimate_and_keep_a_budget(tmp_path: Path) -> None:
    settings = M1(prices=PRICES, budget=Decimal("0.001"))
    backend = Scripted(answer(cost=None), name=OWN, limits=None)
    asking = session(tmp_path, backend, settings)
    reply = asking.ask(request(), Seen())
    assert (reply.cost, reply.cost_source) == (
        12 * Decimal(GIVEN) + 5 * Decimal(GOT),
        "estimated",
    )
    with pytest.raises(BudgetExceeded, match="budget"):
        asking.ask(request(max_tokens=100_000), Seen())


def test_at_openrouter_own_prices_are_by_name_and_behind_the_list(tmp_path: Path) -> None:
    cache, there = LimitsCache(), Scripted(limits=OFFER)
    prices = {MODEL: {"prompt": 1, "completion": 1}}
    told = cache.of(there, MODEL, None, NOW, prices)
    assert told is not None and told.dearest == OFFER.dearest
    silent = Scripted(limits=replace(OFFER, dearest=None))
    own = LimitsCache().of(silent, MODEL, None, NOW, prices)
    assert own is not None and (own.source, own.context) == ("M1.prices", OFFER.context)
    for all_models in ("free", PRICES):
        limits = LimitsCache().of(silent, MODEL, None, NOW, all_models)
        assert limits is not None and limits.dearest is None


@pytest.mark.parametrize(
    "prices", ["cheap", {}, {"prompt": 1}, {"m": 1}, {"m": {"prompt": -1, "completion": 1}}, 0]
)
def test_prices_that_are_none_are_refused(prices: Any) -> None:
    with pytest.raises(Exception, match="prices"):
        M1().prices = prices


def test_prices_are_set_on_a_line() -> None:
    settings = M1()
    assert change(settings, "prices", "Free") == "free"
    assert change(settings, "prices", str({"a/b": PRICES})) == {"a/b": PRICES}
    assert change(settings, "prices", "none") is None
    with pytest.raises(BadSetting):
        change(settings, "prices", "cheap")


@pytest.mark.parametrize("text", ["1_0", "１０", "٣", "0x1", "1e", "", "--1", "1,5"])
def test_what_only_python_takes_for_a_number_is_no_sum(text: str) -> None:
    with pytest.raises(UsageError):
        dollars(text)
    with pytest.raises(BadSetting):
        change(M1(), "budget", text or "x")


# -- fees ------------------------------------------------------------------------------------


def test_5_dollars_a_request_are_in_the_hold(server: OpenRouter, own_home: Path) -> None:
    listed(server, request="5")
    with pytest.raises(BudgetExceeded, match=r"could cost \$5\.0"):
        asked()
    assert server.chats == []
    asked(max_cost=6)
    assert held(own_home) > 5


@pytest.mark.parametrize(
    ("fee", "per", "times"),
    [("request", "0.5", 1), ("internal_reasoning", "0.00001", 100), ("input_cache_write", "1", 2)],
)
def test_each_fee_is_in_the_hold(fee: str, per: str, times: int) -> None:
    pricing = {"prompt": GIVEN, "completion": GOT}
    with_fee = price_of({**pricing, fee: per})
    assert with_fee is not None
    bare = Price(Decimal(GIVEN), Decimal(GOT))
    asking = request()  # at most 100 tokens
    assert hold(asking, with_fee) >= hold(asking, bare) + Decimal(per) * times - Decimal("0.001")


def test_a_web_search_is_in_the_hold() -> None:
    bare, dear = Price(Decimal(GIVEN), Decimal(GOT)), Decimal(1)
    asking = request()
    online = replace(asking, model=f"{MODEL}:online")
    assert hold(online, bare) == hold(asking, bare) + Decimal("0.02")
    assert hold(online, replace(bare, web_search=dear)) == hold(asking, bare) + 1
    # It may search by itself: every fee of the list is in the hold.
    assert hold(asking, replace(bare, web_search=dear)) == hold(asking, bare) + dear


def test_a_dry_run_of_a_variant_has_the_models_price(server: OpenRouter) -> None:
    bare, online = (
        api.session().dry_plan(replace(request(), model=model)).hold
        for model in (MODEL, f"{MODEL}:online")
    )
    assert bare and online == bare + Decimal("0.02")


def test_the_dearest_step_of_a_price_counts() -> None:
    step = {"min_prompt_tokens": 200_000, "prompt": "0.000001"}
    price = price_of({"prompt": GIVEN, "completion": GOT, "overrides": [step, "odd"]})
    assert price == Price(Decimal("0.000001"), Decimal(GOT))


# -- who may serve -----------------------------------------------------------------------------

MINIMAX = {"provider_name": "Minimax", "tag": "minimax", "context_length": 1_000_000}
NOVITA = {"provider_name": "Novita AI", "tag": "novita/fp8", "context_length": 128_000}
BOTH = [
    {**MINIMAX, "pricing": {"prompt": GIVEN, "completion": GOT}},
    {**NOVITA, "pricing": {"prompt": "0.00000055", "completion": GOT}, "quantization": "fp8"},
]


@pytest.mark.parametrize(
    ("provider", "context"),
    [
        ({}, 1_000_000),
        ({"ignore": ["minimax"]}, 128_000),
        ({"only": ["Novita"]}, 128_000),
        ({"only": ["novita/fp8"]}, 128_000),
        ({"only": ["Minimax"]}, 1_000_000),
        ({"order": ["novita"], "allow_fallbacks": False}, 128_000),
        ({"order": ["novita"]}, 1_000_000),
        ({"quantizations": ["fp8"]}, 128_000),
        ({"max_price": {"prompt": 0.4}}, 1_000_000),
        ({"only": ["nobody"]}, None),
    ],
)
def test_endpoints_that_settings_exclude_do_not_count(provider: Any, context: Any) -> None:
    assert limits_of(MODEL, BOTH, provider).context == context


def test_a_prompt_too_large_for_those_that_may_serve_is_refused(
    server: OpenRouter, own_home: Path
) -> None:
    small, large = server.endpoints[MODEL]
    small["context_length"] = 1_000
    large["context_length"], large["pricing"]["prompt"] = 1_000_000, "0.000001"
    prompt = "word " * 2_000
    assert asked(prompt).status == "ok"
    api.settings().max_price = {"prompt": 0.5}
    with pytest.raises(M1Error, match="takes 1,000"):
        asked(prompt)


def test_all_threads_ask_for_a_list_once() -> None:
    class Slow(Scripted):
        asked = 0

        def limits(self, model: str, provider: Any = None) -> Any:
            self.asked += 1
            threading.Event().wait(0.05)
            return OFFER

    cache, backend = LimitsCache(), Slow()
    threads = [
        threading.Thread(target=cache.of, args=(backend, MODEL, None, NOW)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert backend.asked == 1


# -- nothing is held for good ----------------------------------------------------------------


def test_a_cut_before_the_headers_is_let_go_of_after_an_hour(tmp_path: Path) -> None:
    now, cut = NOW, SentNoAnswer("The request was sent, but nothing came.")
    backend = Scripted([cut], answer(cost="0.001"), answer(cost="0.001"))
    asking = session(tmp_path, backend, M1(budget=Decimal("0.0008")), now=lambda: now)
    with pytest.raises(SentNoAnswer):
        asking.ask(request(max_tokens=300), Seen())
    assert asking.totals().held > 0
    with pytest.raises(BudgetExceeded):
        asking.ask(request(max_tokens=300), Seen())
    now += timedelta(minutes=61)
    view = Seen()
    assert asking.ask(request(max_tokens=300), view).status == "ok"
    totals = asking.totals()
    assert (totals.held, totals.unknown) == (0, 1)
    assert " + 1 unknown" in line(view.receipt, asking.settings)


def test_the_cost_that_stays_unknown_is_told(
    server: OpenRouter, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shown() -> str:
        return verbs.VERBS["cost"].run(VerbContext(api.session(), {}, lambda question: ""), [])

    server.say(Answer(fault="fin_before_headers"))
    with pytest.raises(SentNoAnswer):
        asked()
    assert "cost unknown" not in shown() and "price not known yet" in shown()
    monkeypatch.setattr(api.session(), "now", lambda: now_utc() + timedelta(minutes=61))
    assert "cost unknown: 1 call of this month" in shown() and "price not" not in shown()


def test_an_error_finish_without_a_token_holds_nothing(server: OpenRouter, own_home: Path) -> None:
    api.settings().budget = Decimal("0.05")
    server.say(*[Answer(finish="error", usage=None)] * 10)
    for _ in range(10):
        with pytest.raises(M1Error, match=r"Nothing was charged"):
            asked()
    assert api.session().totals().held == 0
    assert asked().status == "ok"


# -- bad input -------------------------------------------------------------------------------

ABSURD: list[Any] = [
    [], "many", 7, True, {"prompt_tokens": -5, "completion_tokens": -1},
    {"prompt_tokens": "9", "completion_tokens": "4"}, {"prompt_tokens": None},
    {"prompt_tokens": 1e300, "completion_tokens": 1e300}, {"prompt_tokens": "1_0"},
    {"prompt_tokens": float("nan"), "completion_tokens": float("inf")},
    {"prompt_tokens": 10**40, "completion_tokens": 10**40}, {"prompt_tokens": [1, 2]},
    {"prompt_tokens": 5, "completion_tokens": 2, "cost": -0.5},
    {"prompt_tokens": 5, "completion_tokens": 2, "cost": "-0.5"},
    {"prompt_tokens": 5, "completion_tokens": 2, "cost": "free"},
    {"prompt_tokens": 5, "completion_tokens": 2, "cost": {"usd": 1}},
    {"prompt_tokens": 5, "completion_tokens": 2, "cost": 1e30},
    {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": "x"}},
    {"prompt_tokens": 5, "completion_tokens": 2, "completion_tokens_details":
     {"reasoning_tokens": 1e30}},
    {"prompt_tokens": 5, "completion_tokens": 2, "cost": 0.1, "is_byok": True,
     "cost_details": {"upstream_inference_cost": -9}},
    {"prompt_tokens": 5, "completion_tokens": 2, "completion_tokens_details":
     {"reasoning_tokens": -7}},
]  # fmt: skip


@pytest.mark.parametrize("usage", ABSURD, ids=str)
def test_an_absurd_usage_costs_no_answer_and_no_sum(
    server: OpenRouter, own_home: Path, usage: Any
) -> None:
    server.say(Answer(text="Yes.", usage=usage))
    view = Seen()
    reply = api.run("hi", Options(), {}, view)
    assert (reply.text, reply.status) == ("Yes.", "ok")
    assert reply.cost is None or 0 <= reply.cost < 1
    shown = line(view.receipt, api.settings())
    assert "-" not in shown.replace(MODEL, "") and "nan" not in shown.lower()
    assert api.session().totals().session >= 0
    (count,) = rows(own_home / "ledger.db", "SELECT min(coalesce(input, 0)) FROM attempts")[0]
    assert count >= 0
