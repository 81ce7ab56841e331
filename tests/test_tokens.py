"""Tokens before they are counted, and price lists after they were fetched."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator import Answer, OpenRouter
from m1_magic import api, verbs
from m1_magic.ledger import Ledger, sums
from m1_magic.options.fields import Options
from m1_magic.pricing import limits as price_lists
from m1_magic.pricing.prices import known_limits
from m1_magic.pricing.tokens import USUAL, kind_of, likely_tokens, most_tokens
from m1_magic.text import md_to_text
from scripted import MODEL, OFFER, Scripted, Seen, answer, request, session

TEXTS = {
    "prose": "It was the best of times, it was the worst of times. " * 40,
    "code": "def f(x: dict[str, int]) -> list[int]:\n    return [x[k] for k in x]  # {}\n" * 30,
    "numbers": "1,2.5,2024-01-01,17.25\n3,4.75,2024-01-02,18.50\n" * 30,
    "script": "日本語の文章です。これは何ですか。" * 40,
}


@pytest.mark.parametrize("kind", TEXTS)
def test_kinds_of_text(kind: str) -> None:
    assert kind_of(TEXTS[kind]) == kind
    assert likely_tokens(TEXTS[kind]) == round(len(TEXTS[kind]) / USUAL[kind])


@pytest.mark.parametrize("kind", TEXTS)
def test_what_was_counted_is_learned_for_this_model_and_kind_only(
    tmp_path: Path, kind: str
) -> None:
    text = TEXTS[kind] * 20
    with closing(Ledger(tmp_path / "ledger.db")) as ledger:
        sums.learn(ledger, MODEL, text, len(text) // 2)
        sums.learn(ledger, MODEL, text, len(text) // 2)
        learned = sums.learned(ledger, MODEL)
        assert learned == {kind: (2 * len(text), 2 * (len(text) // 2))}
        assert sums.learned(ledger, "other/model") == {}
    assert likely_tokens(text, learned) == pytest.approx(len(text) / 2, rel=0.1)
    for other in TEXTS.keys() - {kind}:
        assert likely_tokens(TEXTS[other], learned) == likely_tokens(TEXTS[other])


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("hi", 30), ("word " * 500, 0), ("word " * 500, 10**9), ("word " * 500, 3)],
    ids=["short", "none", "too many", "too few"],
)
def test_what_cannot_be_is_not_learned(tmp_path: Path, text: str, tokens: int) -> None:
    with closing(Ledger(tmp_path / "ledger.db")) as ledger:
        sums.learn(ledger, MODEL, text, tokens)
        assert sums.learned(ledger, MODEL) == {}


@given(
    st.text(st.characters(), max_size=300),
    st.dictionaries(
        st.sampled_from(sorted(USUAL)),
        st.tuples(st.integers(400, 10**7), st.integers(1, 10**7)).filter(
            lambda seen: 1 <= seen[0] / seen[1] < 12
        ),
    ),
)
def test_m13_nothing_learned_lowers_the_bound(
    text: str, learned: dict[str, tuple[int, int]]
) -> None:
    bound = most_tokens((text,))
    assert 0 <= likely_tokens(text, learned) <= bound
    assert bound >= len(text.encode("utf-8", "replace"))


def test_calls_teach_the_dry_run_and_change_no_request(server: OpenRouter, own_home: Path) -> None:
    prompt = TEXTS["prose"]

    def told() -> tuple[Any, int]:
        plan = api.preview(prompt, Options(), {})
        return plan.request.body(), plan.tokens

    before = told()
    usage = {"prompt_tokens": len(prompt) // 2, "completion_tokens": 5, "cost": 0.001}
    server.say(*(Answer(text="Yes.", usage=usage) for _ in range(5)))
    for _ in range(5):
        api.ask(prompt, namespace={})
    after = told()
    assert after[0] == before[0]
    assert before[1] * 1.4 < after[1] <= len(prompt) / 2 * 1.05
    bodies = [chat.body for chat in server.chats]
    assert all(body == bodies[0] for body in bodies)
    api.end()  # the next kernel knows it, too
    assert told()[1] == after[1]


def test_the_local_model_teaches_nothing_about_m1(tmp_path: Path) -> None:
    asking = session(tmp_path, Scripted(answer(cost=None), name="offline", billing="offline"))
    asking.ask(request(TEXTS["prose"]), Seen())
    assert sums.learned(asking.ledger, MODEL) == {}


# -- price lists ----------------------------------------------------------------------------

NOW = datetime(2026, 3, 15, 12, 0, tzinfo=UTC)


def test_a_kept_list_comes_back_as_it_was(own_home: Path) -> None:
    limits = replace(OFFER, at=NOW)
    price_lists.keep("openrouter.ai", MODEL, None, limits)
    assert price_lists.saved_limits("openrouter.ai", MODEL, None, NOW) == limits
    assert price_lists.saved_limits("openrouter.ai", MODEL, {"prompt": 1}, NOW) is None
    assert price_lists.saved_limits("other.example", MODEL, None, NOW) is None
    assert (
        price_lists.saved_limits("openrouter.ai", MODEL, None, NOW + timedelta(days=29)) == limits
    )
    assert price_lists.saved_limits("openrouter.ai", MODEL, None, NOW + timedelta(days=31)) is None
    assert price_lists.saved_limits("openrouter.ai", MODEL, None, NOW - timedelta(days=2)) is None
    assert (own_home / "prices.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "content",
    [
        "", "[]", "5", "{", '{"a": 5}', "\udcff",
        '["openrouter.ai"]', "[" * 100_000,
    ],
    ids=range(8),
)  # fmt: skip
def test_a_damaged_file_is_no_list_and_is_replaced(own_home: Path, content: str) -> None:
    own_home.mkdir()
    (own_home / "prices.json").write_text(content, "utf-8", "surrogateescape")
    assert price_lists.saved_limits("h", MODEL, None, NOW) is None
    limits = replace(OFFER, at=NOW)
    price_lists.keep("h", MODEL, None, limits)
    assert price_lists.saved_limits("h", MODEL, None, NOW) == limits


@pytest.mark.parametrize(
    "change",
    [{"at": None}, {"at": "soon"}, {"at": 5}, {"dearest": None}, {"dearest": ["1"]},
     {"dearest": ["-1", "1"]}, {"cheapest": "1"}, {"cheapest": ["free", "1"]}],
)  # fmt: skip
def test_a_kept_list_that_cannot_be_is_none(own_home: Path, change: dict[str, Any]) -> None:
    price_lists.keep("h", MODEL, None, replace(OFFER, at=NOW))
    path = own_home / "prices.json"
    ((name, written),) = json.loads(path.read_text()).items()
    path.write_text(json.dumps({name: written | change}))
    assert price_lists.saved_limits("h", MODEL, None, NOW) is None


def test_the_file_does_not_grow_without_end(own_home: Path) -> None:
    for number in range(price_lists.MOST_LISTS + 5):
        at = NOW + timedelta(seconds=number)
        price_lists.keep("h", f"m/{number}", None, replace(OFFER, at=at))
    assert len(json.loads((own_home / "prices.json").read_text())) == price_lists.MOST_LISTS
    assert price_lists.saved_limits("h", "m/0", None, NOW) is None
    assert price_lists.saved_limits("h", f"m/{price_lists.MOST_LISTS}", None, NOW) is not None


class Listing(Scripted):
    """A backend whose list may be silent, and that counts who asks for it."""

    prices_known = True
    asked = 0

    def limits(self, model: str, max_price: Any = None) -> Any:
        self.asked += 1
        return self._limits


def test_a_list_is_asked_for_once_an_hour_and_kept_for_when_it_is_silent(tmp_path: Path) -> None:
    now = NOW
    backend = Listing(name="openrouter.ai")
    asking = session(tmp_path, backend, now=lambda: now)
    first = asking.limits(backend, MODEL)
    assert first is not None and first.at == NOW
    now += timedelta(minutes=59)
    assert asking.limits(backend, MODEL) == first and backend.asked == 1
    asking.settings.max_price = {"prompt": 1}
    assert asking.limits(backend, MODEL) and backend.asked == 2
    asking.settings.max_price = None
    now += timedelta(minutes=2)
    dearer = replace(OFFER.dearest, output=Decimal("0.00001"))  # type: ignore[type-var]
    backend._limits = replace(OFFER, dearest=dearer)
    second = asking.limits(backend, MODEL)
    assert second is not None and second.dearest == dearer and backend.asked == 3
    backend._limits, now = None, now + timedelta(hours=5)
    assert asking.limits(backend, MODEL) == second  # dated, five hours old
    now += timedelta(days=40)
    assert asking.limits(backend, MODEL) == known_limits(MODEL)


def test_the_dry_run_says_whose_prices_these_are(server: OpenRouter, own_home: Path) -> None:
    def shown() -> str:
        return md_to_text(verbs.preview(api.preview("why?", Options(), {})))

    assert "(genai-prices, no list of the endpoint yet)" in shown()
    assert server.requests == []
    api.ask("why?", namespace={})
    assert f"(the endpoint's list of {datetime.now(UTC):%Y-%m-%d} " in shown()
