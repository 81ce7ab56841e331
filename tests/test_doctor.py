"""``%m1 doctor``: what works, what does not, and what to do."""

from __future__ import annotations

import ssl
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from emulator import Answer, OpenRouter, closed_port
from faulty import without_proxies
from m1_magic import api, ledger, verbs
from m1_magic.backends import openrouter
from m1_magic.keys import Key
from m1_magic.settings.config import M1
from m1_magic.settings.endpoints import endpoint
from m1_magic.text import md_to_text
from m1_magic.verbs import health
from m1_magic.verbs.verb_context import VerbContext
from scripted import request

NAMES = (
    "versions", "key", "proxy", "certificates", "endpoint", "clock", "ledger", "price list",
)  # fmt: skip


def examined(asking: Any = None) -> dict[str, tuple[str, str]]:
    context = VerbContext(asking or api.session(), {}, lambda question: "")
    lines = md_to_text(verbs.VERBS["doctor"].run(context, [])).splitlines()[2:]
    rows = [[part.strip() for part in line.strip("|").split("|")] for line in lines]
    return {name: (works, said) for name, works, said in rows}


def test_all_is_well(server: OpenRouter) -> None:
    found = examined()
    assert tuple(found) == NAMES
    assert {works for works, _ in found.values()} == {"works"}, found
    assert "genai-prices" in found["versions"][1]
    assert "OPENROUTER_API_KEY" in found["key"][1] and server.key not in str(found)
    assert "3 models at" in found["endpoint"][1]
    assert "the same as the server's" in found["clock"][1]
    assert "nothing is held" in found["ledger"][1]
    assert "$0.55 in, $2.20 out" in found["price list"][1]
    assert "just fetched" in found["price list"][1]


def test_without_a_server_the_rest_is_examined_all_the_same(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("M1_BASE_URL", f"http://127.0.0.1:{closed_port()}/api/v1")
    found = examined()
    assert tuple(found) == NAMES
    assert found["endpoint"][0] == "fails" and "cannot be reached" in found["endpoint"][1]
    assert found["ledger"][0] == found["versions"][0] == "works"
    assert "no server time" in found["clock"][1]
    assert found["price list"][0] == "works" and "genai-prices" in found["price list"][1]


def test_a_price_of_ones_own_is_told_as_that(server: OpenRouter) -> None:
    api.settings().base_url = server.base_url.replace("/api/v1", "/v1")
    api.settings().prices = "free"
    assert examined()["price list"][1].endswith("a million tokens, as M1.prices says")


def test_without_a_key_it_says_what_to_do(own_home: Path) -> None:
    found = examined()
    assert found["key"][0] == "fails" and "%m1 login" in found["key"][1]
    assert found["ledger"][0] == "works"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(7200, "2 hours ahead of"), (-86_400 * 3 - 60, "3 days behind"), (301, "5 minutes ahead of")],
)
def test_a_clock_that_is_off_is_told(
    server: OpenRouter, monkeypatch: pytest.MonkeyPatch, seconds: float, words: str
) -> None:
    ours = SimpleNamespace(time=lambda: time.time() + seconds)
    monkeypatch.setattr(openrouter, "time", ours)
    works, said = examined()["clock"]
    assert works == "fails"
    assert f"The clock is {words} the server's." in said and "Set the clock" in said


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Foo 2024"])
def test_a_server_that_tells_no_time_is_no_measure(server: OpenRouter, date: str) -> None:
    place = endpoint(server.base_url)
    server.say(Answer("Yes.", headers={"Date": date}))
    with closing(openrouter.OpenRouter(place, Key(server.key, "a test"))) as backend:
        list(backend.stream(request()))
        assert backend.skew is None


def test_a_clock_before_the_last_call_is_wrong(
    server: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.ask("why?", namespace={})
    assert examined()["clock"][0] == "works"
    early = datetime.now(UTC) - timedelta(days=2)
    monkeypatch.setattr(health, "now_utc", lambda: early)
    works, said = examined()["clock"]
    assert works == "fails" and "earlier than the ledger's last call" in said


def test_a_damaged_ledger_is_told(server: OpenRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger.Ledger, "check", lambda self: "row 5 missing from index")
    works, said = examined()["ledger"]
    assert works == "fails"
    assert "is damaged (row 5 missing from index)" in said and "move it away" in said


def test_a_check_that_breaks_breaks_no_other(
    server: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Any) -> str:
        raise ZeroDivisionError(server.key)

    monkeypatch.setattr(ledger.Ledger, "check", broken)
    found = examined()
    assert found["ledger"][0] == "fails" and "ZeroDivisionError" in found["ledger"][1]
    assert server.key not in found["ledger"][1]
    assert found["price list"][0] == "works"


def context(url: str) -> VerbContext:
    settings = M1()
    settings.base_url = url
    return VerbContext(SimpleNamespace(settings=settings), {}, lambda question: "")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("environ", "works", "said"),
    [
        ({}, "works", "none, for llm.example.org"),
        (
            {"HTTPS_PROXY": "http://anna:geheim@proxy.example.org:3128"},
            "works",
            "http://proxy.example.org:3128, for llm.example.org",
        ),
        ({"ALL_PROXY": "http://proxy"}, "works", "http://proxy, for llm.example.org"),
        (
            {"HTTPS_PROXY": "http://proxy", "NO_PROXY": "llm.example.org"},
            "works",
            "none, for llm.example.org",
        ),
        ({"HTTPS_PROXY": "ftp://anna:geheim@proxy"}, "fails", "Correct HTTPS_PROXY"),
        ({"HTTPS_PROXY": "http://anna:geheim@proxy:port"}, "fails", "Correct HTTPS_PROXY"),
        ({"ALL_PROXY": "socks5://anna:geheim@proxy:1080"}, "fails", "pip install socksio"),
    ],
)
def test_the_proxy_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], works: str, said: str
) -> None:
    without_proxies(monkeypatch)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(health, "find_spec", lambda name: None)
    found = health.examined(lambda: health.proxy(context("https://llm.example.org/v1")))
    assert found[0] == works and said in found[1]
    assert "geheim" not in found[1]


def test_this_machine_needs_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    assert health.proxy(context("http://127.0.0.1:8000/v1")) == "none, for this machine"


def test_certificates_are_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in health.CERTIFICATES:
        monkeypatch.delenv(name, raising=False)
    assert health.examined(health.certificates) == ("works", "the system's")
    bad = tmp_path / "ca.pem"
    bad.write_text("no certificate")
    for name, value in (
        ("SSL_CERT_FILE", bad),
        ("SSL_CERT_FILE", tmp_path / "none.pem"),
        ("SSL_CERT_DIR", tmp_path / "none"),
    ):
        monkeypatch.setenv(name, str(value))
        works, said = health.examined(health.certificates)
        assert works == "fails" and f"{name}={value} cannot be used" in said
        assert f"or unset {name}" in said
        monkeypatch.delenv(name)
    good = ssl.get_default_verify_paths().cafile
    if good:
        monkeypatch.setenv("SSL_CERT_FILE", good)
        assert health.examined(health.certificates) == ("works", f"SSL_CERT_FILE={good}")


@pytest.mark.parametrize(
    ("span", "text"), [(5, "5 seconds"), (61, "1 minute"), (7300, "2 hours"), (90_000, "1 day")]
)
def test_an_age_is_one_number(span: int, text: str) -> None:
    assert health.age(timedelta(seconds=span)) == text
