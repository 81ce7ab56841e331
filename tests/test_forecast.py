"""What a call is likely to cost: learned from the ledger, and true nine times in ten."""

from __future__ import annotations

import importlib.util
import re
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest

from emulator import Answer, OpenRouter
from m1_magic import api
from m1_magic.options.fields import Options
from m1_magic.pricing.dollars import money_about
from m1_magic.pricing.forecast import LEAST, forecast
from m1_magic.render.throttled import Progress
from m1_magic.verbs.preview import preview
from scripted import Scripted, Seen, answer, request, session

WORDS = re.compile(r"likely \$[\d.]+, 9 of 10 below \$[\d.]+, at most \$[\d.]+")


def benchmark() -> ModuleType:
    path = Path(__file__).parent / "benchmarks" / "forecast.py"
    spec = importlib.util.spec_from_file_location("benchmark_forecast", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MEASURED = benchmark()


@pytest.mark.parametrize("history", MEASURED.HISTORIES)
def test_the_bounds_cover_what_they_say(history: str) -> None:
    half, most = MEASURED.covered(MEASURED.HISTORIES[history], calls=1000)
    assert abs(half - 50) <= 5 and abs(most - 90) <= 5


def test_too_few_calls_foretell_nothing() -> None:
    past = [(100, Decimal("0.001"))] * LEAST
    assert forecast(past[:-1], 100) is None and forecast([], 100) is None
    told = forecast(past, 100)
    assert told is not None
    assert str(told) == "likely $0.001, 9 of 10 below $0.0011"  # rounded up


def test_no_bound_is_over_what_a_call_can_cost() -> None:
    told = forecast([(100, Decimal(1))] * 20, 100, Decimal("0.5"))
    assert told is not None and told.half == told.most == Decimal("0.5")


def test_longer_prompts_are_foretold_dearer() -> None:
    past = [(n, Decimal(n) / 1_000_000) for n in range(100, 10_000, 100)]
    short, long = (forecast(past, n) for n in (200, 9_000))
    assert short and long and long.half > 10 * short.half


@pytest.mark.parametrize(
    ("sum", "shown"),
    [("0.004", "$0.004"), ("0.00448", "$0.0045"), ("1.234", "$1.23"), ("0", "$0.00")],
)
def test_a_guess_has_two_digits(sum: str, shown: str) -> None:
    assert money_about(Decimal(sum)) == shown


def test_a_dry_run_foretells_by_model_and_task(server: OpenRouter, own_home: Path) -> None:
    def shown(**options: str) -> str:
        return preview(api.preview("why?", Options(**options), {}))  # type: ignore[arg-type]

    assert " · at most $" in shown() and "likely" not in shown()
    for n in range(12):
        server.say(Answer(text="Yes.", cost=0.001 * (n + 1)))
        api.ask("why?", namespace={}, task="debug")
    assert WORDS.search(shown(task="debug"))
    assert "likely $0.0065, 9 of 10 below $0.012, at most" in shown(task="debug")
    for other in ({}, {"task": "code"}, {"task": "debug", "model": "openai/gpt-4o-mini"}):
        assert "likely" not in shown(**other)  # type: ignore[arg-type]


def test_a_call_is_foretold_while_it_waits(tmp_path: Path) -> None:
    asking = session(tmp_path, Scripted(*[answer(cost="0.00001")] * 10))
    views = [Seen() for _ in range(10)]
    for view in views:
        asking.ask(request(), view)
    (_, most, before), (asked, _, after) = views[8].opened[0], views[9].opened[0]
    assert (most is not None, before) == (True, "")
    assert WORDS.fullmatch(after)
    progress = Progress(lambda: 0.0)
    progress.open(asked, most, after)
    assert progress.line() == f"asking {asked.model} · 0 s · {after}"


def test_what_was_stopped_failed_or_cost_nothing_teaches_nothing(tmp_path: Path) -> None:
    asking = session(tmp_path, Scripted(*[answer(cost="0")] * 12))
    for _ in range(12):
        asking.ask(request(), Seen())
    assert asking.dry_plan(request()).forecast is None
