"""One question a row: what is asked, what it costs, what comes back, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import enum
import functools
import io
import json
import os
import random
import re
import resource
import signal
import sqlite3
import sys
import threading
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pydantic import BaseModel

import m1_magic
from emulator import FAULTS, Answer, OpenRouter
from ledgers import AtLine
from m1_magic import api
from m1_magic.calls import Attempt, Call, Started
from m1_magic.errors import (
    BudgetExceeded,
    CutOff,
    KeyRefused,
    LedgerProblem,
    M1Error,
    NotAccurate,
    OutOfCredit,
    Stopped,
    TapeProblem,
    UsageError,
)
from m1_magic.ledger import batches
from m1_magic.pricing.dollars import money
from m1_magic.render import page
from m1_magic.rows import job
from m1_magic.rows.job import Wish
from m1_magic.rows.mapping import from_python, mapped
from m1_magic.rows.pilot import Accuracy
from m1_magic.rows.report import Report, preview
from m1_magic.session.bookkeeper import Bookkeeper
from m1_magic.session.many import Many, Question
from m1_magic.session.sharing import Share
from scripted import Scripted, answer, request, session

ASK = "Sentiment of {{text}}?"
STATUS_500 = "The provider failed (HTTP 500) (127.0.0.1 says: Internal Server Error)."
OPTIONS = {"max_tokens": 50}
FULL = bool(os.environ.get("M1_TEST_FULL"))
# Until a deadline; the last one by aiohttp, now and then.
HANGING = {"never_answers", "stall_mid", "comments_forever", "done_then_open", "bad_chunk_header"}


def texts(number: int) -> list[str]:
    return [f"review {n}" for n in range(number)]


def asked(server: OpenRouter) -> list[str]:
    """What the server was asked, in the order that it came."""
    return [chat.body["messages"][-1]["content"] for chat in server.chats if chat.body]


def mapping(
    table: Any, prompt: str = ASK, *, workers: int = 64, **options: Any
) -> tuple[Any, Report]:
    chosen = from_python({**OPTIONS, **options})
    found = mapped(table, prompt, chosen, Wish(into="label", workers=workers), {})
    assert found is not None
    return found


def one_sum(server: OpenRouter, *reports: Report) -> Decimal:
    """Return what was spent, which server, ledger and footers say alike."""
    served = sum((Decimal(str(g["total_cost"])) for g in server.generations.values()), Decimal(0))
    session = api.session()
    spent, held, _ = session.ledger.spent(session.now())["day"]
    assert spent == served
    assert sum((report.known for report in reports), Decimal(0)) == served
    assert held == 0
    return served


LAZY = type("Table", (), {"__module__": "ibis.expr"})()
FRAME = {"text": ["good", "bad", None, "good", " "], "n": [1, 2, 3, 4, 5]}
LABELS = ["yes", "yes", None, "yes", None]
KINDS = {
    "pandas": lambda: pd.DataFrame(FRAME, index=[9, 9, 7, 6, 5]),
    "polars": lambda: pl.DataFrame(FRAME),
    "lazy": lambda: pl.DataFrame(FRAME).lazy(),
    "arrow": lambda: pa.table(FRAME),
    "duckdb": lambda: duckdb.from_arrow(pa.table(FRAME)),
    "columns": lambda: dict(FRAME),
    "records": lambda: pa.table(FRAME).to_pylist(),
}


def as_columns(table: Any) -> dict[str, list[Any]]:
    if isinstance(table, dict):
        return table
    if isinstance(table, list):
        return {name: [row[name] for row in table] for name in table[0]}
    if isinstance(table, pd.DataFrame):
        return {c: [None if pd.isna(v) else v for v in table[c].tolist()] for c in table.columns}
    if isinstance(table, pl.LazyFrame):
        table = table.collect()
    if isinstance(table, pl.DataFrame):
        return table.to_dict(as_series=False)
    table = table if isinstance(table, pa.Table) else table.to_arrow_table()
    return table.to_pydict()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_kind_of_table_comes_back(server: OpenRouter, kind: str) -> None:
    server.default = Answer("yes")
    table = KINDS[kind]()
    before = as_columns(KINDS[kind]())
    made, report = mapping(table)
    assert type(made) is type(table)
    assert as_columns(made) == before | {"label": LABELS}
    assert as_columns(table) == before
    if isinstance(made, pd.DataFrame):
        assert list(made.index) == [9, 9, 7, 6, 5]
        assert list(made.dtypes[:-1]) == list(table.dtypes)
    assert sorted(asked(server)) == ["Sentiment of bad?", "Sentiment of good?"]
    assert (report.rows, report.asked, report.failed) == (5, 2, 0)
    assert one_sum(server, report) > 0


def test_series_and_lists(server: OpenRouter) -> None:
    server.default = Answer("yes")
    named = pd.Series(["a", None], name="review", index=[4, 2])
    made, _ = mapping(named, "Is {{review}} good?")
    assert (made.name, list(made.index), made.iloc[0]) == ("label", [4, 2], "yes")
    assert pd.isna(made.iloc[1])
    same, report = mapping(named, "Is {{text}} good?")
    assert (same.iloc[0], report.kept) == ("yes", 1)
    assert mapping(pl.Series("q", ["a"]), "Is {{q}} good?")[0].to_list() == ["yes"]
    assert mapping(["a", ""])[0] == ["yes", None]
    assert mapping(("a",))[0] == ("yes",)
    assert mapping([])[0] == []


def test_columns_variables_and_braces(server: OpenRouter) -> None:
    server.default = Answer("yes")
    table = pd.DataFrame({"the text": ["a {{n}}"], "n": [1.5], "tone": ["dry"]})
    prompt = "{{ the text }} {{n}} {n} {{{n}}} {{tone}} {{style}}"
    chosen = from_python(OPTIONS)
    mapped(table, prompt, chosen, Wish(), {"style": "short", "tone": "a variable"})
    assert asked(server) == ["a {{n}} 1.5 {n} {{{n}}} dry short"]


@pytest.mark.parametrize(
    ("table", "prompt", "words"),
    [
        (["a"], "No place", r"names no column.*\{\{text\}\}"),
        (pd.DataFrame({"review": ["a"]}), "{{reviw}}?", r"no column 'reviw'.*\{\{review\}\}"),
        (pd.DataFrame({"email": ["a@b.example"]}), "{{email}}", "'email' .e-mail.*--allow email"),
        (7, ASK, "int holds no rows"),
        (LAZY, ASK, r"of ibis are not in this process.*to_pandas"),
        ({"a": [1], "b": []}, "{{a}}", "different lengths"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    server: OpenRouter, table: Any, prompt: str, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        mapping(table, prompt)
    assert server.requests == []


def test_personal_columns_need_allow(server: OpenRouter) -> None:
    table = pd.DataFrame({"email": ["a@b.example"], "text": ["hi"]})
    mapping(table, "{{email}}", allow=["email"])
    mapping(table, ASK)  # a column that is not named does not leave
    assert [one.count("@") for one in asked(server)] == [1, 0]


def test_a_secret_in_a_row_stays_here(server: OpenRouter) -> None:
    key = "sk-or-v1-" + "0123456789abcdef" * 4
    server.default = Answer("yes")
    made, report = mapping(pd.DataFrame({"text": ["fine", f"my key is {key}"]}))
    assert asked(server) == ["Sentiment of fine?"]
    assert made.label_status.iloc[1] == "holds a secret (OpenRouter key), not sent"
    assert (report.asked, report.failed) == (1, 1)
    assert key not in report.page()


def test_before_the_first_it_says_what_leaves_and_what_it_could_cost(
    server: OpenRouter, capsys: pytest.CaptureFixture[str]
) -> None:
    server.default = Answer("yes")
    m1_magic.map(["a", "b", "a", ""], ASK, max_tokens=50)
    before, after = capsys.readouterr().err.splitlines()
    assert re.fullmatch(
        r"4 rows · 2 distinct questions · 1 without text · at most \$0\.0\d+ · leaves: text", before
    )
    assert re.fullmatch(r"4 rows · 2 asked · \$0\.0\d+ · [\d.]+ s", after)
    m1_magic.map(texts(12), ASK, max_tokens=50)  # enough to go by
    assert "likely $0" not in capsys.readouterr().err
    m1_magic.map([*texts(14), "a"], ASK, max_tokens=50)
    said = capsys.readouterr().err
    assert "15 distinct questions · 13 kept · likely $0" in said
    assert "15 rows · 2 asked · 13 kept · $0.0" in said


def test_a_dry_run_shows_three_questions_and_sends_nothing(
    server: OpenRouter, capsys: pytest.CaptureFixture[str]
) -> None:
    assert m1_magic.map(texts(5), ASK, max_tokens=50, dry_run=True) is None
    said = capsys.readouterr().out
    assert [n for n in range(5) if f"Sentiment of review {n}?" in said] == [0, 1, 2]
    assert "nothing was sent" in said and "refused" not in said
    m1_magic.map(texts(500), ASK, max_tokens=50, max_cost="0.01", dry_run=True)
    assert "It would be refused: 500 questions could cost" in capsys.readouterr().out
    assert server.requests == []


def test_a_question_in_a_dry_run_is_code_whatever_it_says() -> None:
    words = "```\n\n[a](https://a.example) **b**\n\n# c"
    shown = page.html(preview("1 row", [words], "m"))
    assert "<a" not in shown and "<strong" not in shown and "<h1" not in shown
    assert "<pre" in shown and "[a](https://a.example) **b**" in shown


def test_what_could_cost_too_much_is_refused_by_the_rows_that_fit(server: OpenRouter) -> None:
    with pytest.raises(BudgetExceeded, match=r"The first (\d+) rows fit") as refused:
        mapping([*texts(100), *texts(100)], max_cost="0.01")
    found = re.search(r"The first (\d+) rows fit", str(refused.value))
    assert found
    assert server.chats == []
    fit = int(found[1])
    assert 2 < fit < 100
    _, report = mapping(texts(fit), max_cost="0.01")
    assert report.asked == fit
    with pytest.raises(BudgetExceeded):
        mapping([f"another {n}" for n in range(fit + 2)], max_cost="0.01")
    api.settings().budget = Decimal("0.001")
    with pytest.raises(BudgetExceeded, match="budget"):
        mapping(["one more"])


def test_a_pilot_is_judged_before_the_rest_is_paid(server: OpenRouter) -> None:
    server.default = Answer("pos")
    table = pd.DataFrame({"text": texts(60), "human": ["pos", "neg", None, "POS "] * 15})
    with pytest.raises(
        NotAccurate, match=r"20 of 30 right: 67% \(95 % interval 49%–81%\)"
    ) as wrong:
        m1_magic.map(table, ASK, gold="human", at_least=0.9, max_tokens=50)
    assert len(server.chats) == 30
    assert wrong.value.table.answer.notna().sum() == 30
    out = m1_magic.map(table, ASK, into="label", gold="human", at_least=0.5, max_tokens=50)
    assert list(out.label) == ["pos"] * 60
    assert len(server.chats) == 60  # the pilot's were kept
    assert len(set(asked(server))) == 60


def test_what_is_known_by_label_is_found_by_label(server: OpenRouter) -> None:
    server.by_words = {"a?": Answer("pos"), "b?": Answer("neg")}
    table = pd.DataFrame({"text": ["a", "b"]}, index=[7, 8])
    known = pd.Series({8: "neg", 7: "pos"})
    m1_magic.map(table, ASK, gold=known, at_least=1, max_tokens=50)
    assert list(known.index) == [8, 7]
    by_row = pd.Series(["neg", "pos"])
    with pytest.raises(NotAccurate, match="0 of 2 right"):
        m1_magic.map(table, ASK, gold=by_row, at_least=1, max_tokens=50)


@pytest.mark.parametrize(
    ("said", "options", "known"),
    [
        ("4", {"choices": "3,4"}, [4.0, None]),
        ("2024-01-31", {"returns": "date"}, pd.to_datetime(["2024-01-31", None])),
        ("2024-01-31", {}, pd.to_datetime(["2024-01-31", None])),
    ],
)
def test_what_a_column_makes_of_a_known_value_is_the_same_value(
    server: OpenRouter, said: str, options: dict[str, Any], known: Any
) -> None:
    server.default = Answer(said)
    table = pd.DataFrame({"text": ["a", "b"], "human": known})
    made = m1_magic.map(table, ASK, gold="human", at_least=1, max_tokens=50, **options)
    assert made.answer.notna().all()


def test_a_pilot_is_told_beside_the_bar_and_at_the_end(
    server: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.default = Answer("pos")
    table = pd.DataFrame({"text": texts(8), "human": ["pos", "neg", None, "pos"] * 2})
    monkeypatch.setattr(sys, "stderr", terminal := io.StringIO())
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    m1_magic.map(table, ASK, gold="human", max_tokens=50)
    lines = re.split(r"[\r\n]+", terminal.getvalue())
    bars = [line for line in lines if "█" in line or "░" in line]
    assert "right" not in bars[0] and bars[-1].rstrip().endswith("pilot 67% right")
    assert lines.count("pilot: 4 of 6 right: 67% (95 % interval 30%–90%)") == 1


def test_the_interval_of_a_pilot_covers_what_all_rows_would_give() -> None:
    seed = random.Random(7)
    for share in (0.55, 0.8, 0.9, 0.97):
        covered = 0
        for _ in range(1000):
            right = sum(seed.random() < share for _ in range(30))
            low, high = Accuracy(right, 30).interval
            covered += low <= share <= high
        assert covered >= 930, share


def test_faults_of_single_rows_stay_with_these_rows(server: OpenRouter) -> None:
    """1 % 429, 5 % 500, and nothing is paid twice or lost."""
    seed = random.Random(3)
    answers = [Answer("yes")] * 94 + [Answer.http_error(500)] * 5
    answers += [Answer.http_error(429, retry_after=0.01)]
    seed.shuffle(answers)
    server.say(*answers)
    server.default = Answer("yes")
    table = pd.DataFrame({"text": texts(100)})
    made, report = mapping(table)
    assert made.label.isna().sum() == report.failed == 5
    assert (made.label.isna() == made.label_status.notna()).all()
    assert set(made.label_status.dropna()) == {STATUS_500}
    assert report.rows == 100
    again, second = mapping(table)
    assert again.label.tolist() == ["yes"] * 100
    assert "label_status" not in again
    assert (second.kept, second.asked) == (95, 5)
    one_sum(server, report, second)
    paid = Counter(g["id"] for g in server.generations.values())
    assert len(paid) == 100


def test_no_credit_in_the_middle_stops_all_and_what_came_stays(server: OpenRouter) -> None:
    server.say(*[Answer("yes")] * 40, *[Answer.http_error(402)] * 200)
    made, report = mapping(pd.DataFrame({"text": texts(200)}))
    assert made.label.notna().sum() == 40
    assert set(made.label_status.dropna()) == {"not asked"}
    assert len(server.chats) < 40 + 2 * 64
    assert any("credit" in note.lower() for note in report.notes)
    one_sum(server, report)
    server._queue.clear()
    server.default = Answer("yes")
    made, second = mapping(pd.DataFrame({"text": texts(200)}))
    assert made.label.notna().all()
    assert (second.kept, second.asked) == (40, 160)
    one_sum(server, report, second)


def test_no_connection_that_breaks_is_taken_for_one_that_was_never_made(server: OpenRouter) -> None:
    stop_all = ("redirect", "html", "login")
    names = [name for name in FAULTS if name not in HANGING and not name.startswith(stop_all)]
    server.by_words = {f"of {name}?": Answer("yes", fault=name) for name in names}
    server.default = Answer("yes")
    api.settings().max_retries = 0
    made, report = mapping(pd.DataFrame({"text": [*names, "healthy"]}), workers=8)
    assert (report.asked, made.label.iloc[-1]) == (len(names) + 1, "yes")
    assert len(server.chats) == len(names) + 1
    free = api.session().ledger.rows(
        "SELECT sent FROM calls JOIN attempts a ON call_id = calls.id"
        " WHERE a.state = 'settled' AND cost_nano = 0"
    )
    named = {name for name in names if any(f"of {name}?" in sent for (sent,) in free)}
    # An error that the provider reports costs nothing, whatever came before.
    assert not {name for name in named if FAULTS[name].paid and "error" not in name}


def test_where_nothing_comes_the_reason_is_raised(server: OpenRouter) -> None:
    server.default = Answer.http_error(402)
    with pytest.raises(OutOfCredit):
        mapping(texts(5))
    server.key = "another"
    with pytest.raises(KeyRefused) as refused:
        mapping(texts(5))
    assert refused.value.table == [None] * 5


def test_a_budget_that_others_use_up_stops_in_the_middle(server: OpenRouter) -> None:
    server.default = Answer("yes")
    session = api.session()
    _, first = mapping(texts(3))
    assert first.asked == 3
    session.settings.budget = first.known + Decimal("1")
    seen = server.record

    def record(received: Any) -> None:
        seen(received)
        if len(server.chats) == 10:
            session.settings.budget = first.known + Decimal("0.0002")

    server.record = record  # type: ignore[method-assign]
    made, report = mapping(texts(300))
    assert 0 < report.asked < 297
    assert made.count(None) == report.failed > 0
    assert any("budget" in note for note in report.notes)
    one_sum(server, first, report)


def test_runs_beside_each_other_wait_for_a_budget_that_the_others_hold(
    server: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "check_price", lambda *_: None)  # both looked before either held
    hold = threading.Event()
    server.by_words = {"first": Answer("yes", hold=hold, hold_after=0)}
    server.default = Answer("yes")
    session, reports = api.session(), list[Any]()
    ask = lambda word: reports.append(mapping([f"{word} {n}" for n in range(5)])[1])  # noqa: E731
    first = threading.Thread(target=ask, args=["first"])
    first.start()
    assert server.wait_chats(5)
    held = session.totals().held
    session.settings.budget = held + Decimal("0.00001")
    starved, others = threading.Event(), Share.others

    def looking(share: Share) -> bool:
        if share.starved:
            starved.set()
        return others(share)

    monkeypatch.setattr(Share, "others", looking)
    second = threading.Thread(target=ask, args=["second"])
    second.start()
    assert starved.wait(30) and len(server.chats) == 5
    hold.set()
    first.join(60)
    second.join(60)
    assert [report.failed for report in reports] == [0, 0]
    assert len(server.chats) == 10
    one_sum(server, *reports)


def test_stop_keeps_what_came(server: OpenRouter) -> None:
    hold = threading.Event()
    server.say(*[Answer("yes")] * 20, *[Answer("never", hold=hold, hold_after=0)] * 300)

    def press() -> None:
        server.wait_chats(84, 20)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(Stopped) as stopped:
        mapping(pd.DataFrame({"text": texts(100)}))
    thread.join()
    hold.set()
    table = stopped.value.table
    assert table.label.notna().sum() == 20
    assert set(table.label_status.dropna()) <= {"stopped", "not asked"}
    server._queue.clear()
    server.default = Answer("yes")
    made, second = mapping(pd.DataFrame({"text": texts(100)}))
    assert made.label.notna().all()
    assert second.kept == 20


def test_stop_at_any_line_leaves_nobody_asking(server: OpenRouter) -> None:
    server.default = Answer("yes")
    for line in range(1, 60, 2):
        table = pd.DataFrame({"text": [f"{line}.{n}" for n in range(4)]})
        at = AtLine(line, ("rows/running.py",), lambda: signal.raise_signal(signal.SIGINT))
        sys.settrace(at)
        try:
            mapping(table, workers=2)
        except KeyboardInterrupt:
            assert "m1-rows" not in {thread.name for thread in threading.enumerate()}
        finally:
            sys.settrace(None)
        made, _ = mapping(table, workers=2)
        assert made.label.tolist() == ["yes"] * 4
    api.session().reconcile()
    assert max(Counter(asked(server)).values()) <= 2  # on its way when it was stopped


def test_kept_answers_come_back_in_another_kernel(server: OpenRouter) -> None:
    server.default = Answer("yes")
    _, first = mapping(texts(30))
    api.end()
    made, second = mapping([*texts(30), "new"])
    assert made == ["yes"] * 31
    assert (second.asked, second.kept) == (1, 30)
    one_sum(server, first, second)
    _, third = mapping(texts(3), fresh=True)
    assert (third.asked, third.kept) == (3, 0)


def test_a_tape_has_the_answers(server: OpenRouter, tmp_path: Path) -> None:
    server.default = Answer("yes")
    api.settings().tape = str(tmp_path / "rows.tape.jsonl")
    mapping(texts(5))
    first = (tmp_path / "rows.tape.jsonl").read_bytes()
    assert first.count(b"\n") == 6
    mapping(texts(5), fresh=True)
    assert sorted((tmp_path / "rows.tape.jsonl").read_bytes().splitlines()) == sorted(
        first.splitlines()
    )
    sent = len(server.chats)
    api.settings().mode = "replay"
    (api.session().ledger.path.parent / "elsewhere").mkdir()
    made, report = mapping(texts(5))
    assert (made, report.kept) == (["yes"] * 5, 5)
    made, report = mapping(pd.DataFrame({"text": texts(6)}))
    assert made.label_status.iloc[5] == "not on the tape"
    with pytest.raises(TapeProblem):
        mapping(["never asked"])
    assert m1_magic.map(["never asked"], ASK, dry_run=True) is None  # which asks nobody
    assert len(server.chats) == sent


def test_what_does_not_fit_says_so_on_a_tape_too(server: OpenRouter, tmp_path: Path) -> None:
    server.default = Answer("neutral")
    api.settings().tape = str(tmp_path / "rows.tape.jsonl")
    mapping(["a"], choices=["pos", "neg"])
    api.settings().mode = "replay"
    made, report = mapping(pd.DataFrame({"text": ["a"]}), choices=["pos", "neg"])
    assert made.label_status.tolist() == ["none of the choices: neutral"]
    assert (report.kept, report.failed, len(server.chats)) == (1, 1, 2)


def test_a_key_that_is_refused_in_the_middle_stops_all(server: OpenRouter) -> None:
    server.default = Answer("yes")
    seen = server.record

    def record(received: Any) -> None:
        seen(received)
        if len(server.chats) == 100:
            server.key = "revoked"

    server.record = record  # type: ignore[method-assign]
    made, report = mapping(pd.DataFrame({"text": texts(300)}))
    assert 20 < made.label.notna().sum() <= 100
    assert set(made.label_status.dropna()) == {"not asked"}
    assert len(server.chats) <= 100 + 2 * 64
    assert any("does not accept the key" in note for note in report.notes)
    one_sum(server, report)


def test_a_key_that_is_refused_far_on_costs_what_had_come(server: OpenRouter) -> None:
    last, rows = (3_000, 5_000) if FULL else (300, 500)
    server.default = Answer("yes")
    key, record, asked_for = server.key, server.record, Counter[str]()

    def refusing(received: Any) -> None:
        record(received)
        asked_for[received.path] += 1
        if received.path.endswith("/chat/completions") and asked_for[received.path] == last:
            server.key = "revoked"

    server.record = refusing  # type: ignore[method-assign]
    table = pd.DataFrame({"text": texts(rows)})
    made, report = mapping(table)
    answers = int(made.label.notna().sum())
    assert last - 64 <= answers <= last
    assert (report.asked, report.failed) == (answers, rows - answers)
    assert set(made.label_status.dropna()) == {"not asked"}
    cost = one_sum(server, report)
    assert len(server.generations) == answers
    (note,) = report.notes
    assert "does not accept the key" in note and "Nothing was charged" not in note
    assert f"{answers:,} answers had come, for {money(cost)}." in note
    assert "%m1 login" in note
    assert "Running it again asks only those that have no answer." in report.page()
    server.key, server.record = key, record  # type: ignore[method-assign]
    before = len(server.chats)
    made, second = mapping(table)
    assert made.label.tolist() == ["yes"] * rows
    assert (second.kept, second.asked) == (answers, rows - answers)
    assert len(server.chats) - before == rows - answers
    one_sum(server, report, second)


def test_choices_are_asked_for_once_more_then_null(server: OpenRouter) -> None:
    server.say(*map(Answer, ("pos", "well", "neg", "good", "fine")))
    table = pl.DataFrame({"text": ["a", "b", "c"]})
    made, report = mapping(table, choices=["pos", "neg"], workers=1)
    assert len(server.chats) == 5
    assert made["label"].to_list() == ["pos", "neg", None]
    status = made.filter(pl.col("label").is_null())["label_status"].to_list()
    assert len(status) == 1 and status[0].startswith("none of the choices: ")
    assert (report.asked, report.failed) == (3, 1)
    one_sum(server, report)
    server.default = Answer("pos")
    again, second = mapping(table, choices=["pos", "neg"])
    assert again["label"].null_count() == 0
    assert (second.asked, second.kept) == (1, 2)
    one_sum(server, report, second)


def test_fields_of_data_become_columns(server: OpenRouter) -> None:
    server.default = Answer('{"name": "x", "price": 3}')
    table = pa.table({"text": ["a", None]})
    data = {"name": str, "price": float}
    chosen = from_python({**OPTIONS, "returns": data})
    found = mapped(table, "{{text}}?", chosen, Wish(), {})
    assert found is not None
    assert found[0].to_pydict() == {
        "text": ["a", None],
        "name": ["x", None],
        "price": [3.0, None],
    }
    one = mapped(table, "{{text}}?", chosen, Wish(into="all"), {})
    assert one is not None
    assert one[0].column("all").to_pylist() == [{"name": "x", "price": 3.0}, None]
    with pytest.raises(UsageError, match="has a column 'name' already"):
        mapped({"text": ["a"], "name": ["b"]}, "{{text}}?", chosen, Wish(), {})
    before = len(server.chats)
    odd = from_python({**OPTIONS, "returns": {"answer_status": str}})
    with pytest.raises(UsageError, match="answer_status is the column that says why"):
        mapped(table, "{{text}}?", odd, Wish(), {})
    assert len(server.chats) == before


def test_a_text_that_was_cut_off_is_not_lost(server: OpenRouter) -> None:
    server.default = Answer("half of", finish="length")
    made, report = mapping(pd.DataFrame({"text": ["a"]}))
    assert (made.label.iloc[0], report.failed) == ("half of", 1)
    assert made.label_status.iloc[0].startswith("cut off")
    one_sum(server, report)


def test_half_an_answer_is_none_for_a_row(server: OpenRouter) -> None:
    server.default = Answer(["ha", "lf"], finish="error")
    made, _ = mapping(pd.DataFrame({"text": ["a"]}))
    assert made.label.isna().all()
    why = "The answer was cut off: the provider reports an error."
    assert made.label_status.tolist() == [why]


def test_what_was_whole_in_the_end_is_not_asked_again(server: OpenRouter, tmp_path: Path) -> None:
    api.settings().tape = str(tmp_path / "rows.tape.jsonl")
    cut = {"finish": "length"}
    server.say(Answer("half of", **cut), Answer("yes"), Answer("yes", **cut))
    table = pd.DataFrame({"text": ["a", "b"]})
    made, first = mapping(table, choices=["yes", "no"], workers=1)
    assert (made.label.tolist(), first.failed, len(server.chats)) == (["yes"] * 2, 0, 3)
    api.settings().mode = "replay"
    assert mapping(table, choices=["yes", "no"])[0].label.tolist() == ["yes"] * 2
    api.settings().mode, api.settings().tape = "auto", ""
    again, second = mapping(table, choices=["yes", "no"])
    assert (again.label.tolist(), second.kept, len(server.chats)) == (["yes"] * 2, 2, 3)
    one_sum(server, first, second)


def test_a_backend_without_a_loop_is_asked_in_threads(tmp_path: Path) -> None:
    broken = [Started("gen-2"), CutOff("It broke.")]
    backend = Scripted(answer("one"), broken, answer("two"))
    one = session(tmp_path / "home", backend)
    took: dict[int, tuple[str, str | None]] = {}

    def answered(number: int, call: Any, error: BaseException | None) -> None:
        took[number] = (call.reply.text, call.error)

    asked = [Question(n, request(f"question {n}")) for n in range(3)]
    asyncio.run(Many(one, one.plan(asked[0].request), 1, answered).ask(iter(asked)))
    assert took == {0: ("one", None), 1: ("", ANY), 2: ("two", None)}
    spent, held, calls = one.ledger.spent(one.now())["session"]
    assert (spent, calls) == (Decimal("0.005"), 3)
    assert held > 0  # what was cut off may be charged


def test_of_calls_reserved_together_each_is_sent_as_soon_as_it_is_ready(tmp_path: Path) -> None:
    """Told all at once, they would take turns, and the first be sent as late as the last."""
    one, order = session(tmp_path, Scripted()), list[str]()

    async def call(books: Bookkeeper, n: int) -> None:
        whole = Call(f"call {n}", one.now(), request(f"question {n}"))
        assert await books.reserve(whole, Attempt(f"attempt {n}"), "server") is None
        order.append(f"begun {n}")
        for _ in range(3):  # turns of the loop that a request takes
            await asyncio.sleep(0)
        order.append(f"sent {n}")

    async def run() -> None:
        async with Bookkeeper(one.ledger, one.settings) as books:
            await asyncio.gather(*(call(books, n) for n in range(20)))

    asyncio.run(run())
    assert order.index("sent 0") < order.index("begun 10")


def test_it_works_inside_a_running_loop(server: OpenRouter) -> None:
    server.default = Answer("yes")

    async def cell() -> Any:
        return m1_magic.map(["a"], ASK, max_tokens=50, quiet=True)

    assert asyncio.run(cell()) == ["yes"]


def test_in_a_thread_it_leaves_the_kernel_free(server: OpenRouter) -> None:
    hold = threading.Event()
    server.by_words = {"review": Answer("yes", hold=hold, hold_after=0)}
    server.default = Answer("free")
    made: list[Any] = []
    ask = functools.partial(m1_magic.map, texts(9), ASK, max_tokens=50, quiet=True)
    thread = threading.Thread(target=lambda: made.append(ask()))
    thread.start()
    assert server.wait_chats(9)
    assert m1_magic.ask("Are you free?", max_tokens=50).text == "free"
    hold.set()
    thread.join(60)
    assert made == [["yes"] * 9]


def test_nothing_is_sent_while_another_kernel_holds_the_ledger(
    server: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.default = Answer("yes")
    busy, book, found = threading.Event(), batches.book, list[Any]()

    def booking(*given: Any) -> Any:
        try:
            return book(*given)
        except LedgerProblem:
            busy.set()
            raise

    monkeypatch.setattr(batches, "book", booking)
    path = api.session().ledger.path
    thread = threading.Thread(target=lambda: found.append(mapping(texts(9))))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        thread.start()
        assert busy.wait(30)
        assert server.chats == []
        other.execute("ROLLBACK")
    thread.join(60)
    [(made, report)] = found
    assert made == ["yes"] * 9
    one_sum(server, report)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_more_workers_than_files_may_be_open(server: OpenRouter) -> None:
    server.default = Answer("yes", first_delay=0.2)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        try:
            there = len(os.listdir("/dev/fd"))
            resource.setrlimit(resource.RLIMIT_NOFILE, (there + 90, there + 90))
            os.write(writing, str(mapping(texts(200), workers=1_000)[0].count("yes")).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        assert told.read() == "200"
    os.waitpid(child, 0)
    assert len(server.chats) == 200


def test_one_row_of_five_megabytes_fails_alone(server: OpenRouter) -> None:
    server.default = Answer("yes")
    made, report = mapping(pd.DataFrame({"text": ["a", "x " * 2_500_000]}))
    assert (made.label.iloc[0], report.failed) == ("yes", 1)
    assert "characters" in made.label_status.iloc[1]
    one_sum(server, report)


def test_unknown_options_are_named(server: OpenRouter) -> None:
    with pytest.raises(TypeError, match=r"map\(\) got an unexpected keyword argument 'colour'"):
        m1_magic.map(["a"], ASK, colour=1)
    with pytest.raises(UsageError, match="--chat is for one question"):
        m1_magic.map(["a"], ASK, chat="eda")
    with pytest.raises(M1Error, match="gold has 2 values for 1 row"):
        m1_magic.map(["a"], ASK, gold=["x", "y"])


def test_a_cell_binds_the_table(run: Any, shell: Any, server: OpenRouter) -> None:
    server.default = Answer("yes")
    shell.user_ns["reviews"] = table = pd.DataFrame({"text": ["a", "b"], "human": ["yes", "no"]})
    line = "%%m1 --each reviews --into label --max-tokens 50"
    ran = run(f"{line} --gold human -o labelled\nIs {{{{text}}}} good?")
    assert ran.error is None, ran.text
    assert list(shell.user_ns["labelled"].label) == ["yes", "yes"]
    assert list(table.columns) == ["text", "human"]
    assert "2 rows · 2 distinct questions" in ran.text
    assert "1 of 2 right: 50%" in ran.text
    assert "2 rows · 2 asked · $0.0" in ran.text
    again = run("%m1 again -o other")
    assert again.error is None, again.text
    assert "2 kept" in again.text and len(server.chats) == 2
    assert list(shell.user_ns["other"].label) == ["yes", "yes"]
    refused = run(f"{line} -o reviews\nIs {{{{text}}}} good?")
    assert isinstance(refused.error, UsageError)
    alone = run("%%m1 --into label\nIs {{text}} good?")
    assert "--each NAME" in str(alone.error)
    shown = run(f"{line}\nIs {{{{text}}}} good?")
    assert "label" in shown.text and list(shell.user_ns["_m1"].label) == ["yes", "yes"]
    dry = run(f"{line} --dry-run\nNew: {{{{text}}}}?")
    assert "New: a?" in dry.text and len(server.chats) == 2


# --- what tables hold and may not lose -----------------------------------------------------------


class Color(enum.Enum):
    RED = "red"


class Thing(BaseModel):
    name: str


ODD_CELLS = {
    "nulls": (["a", None, float("nan"), pd.NaT, pd.NA], ["a"]),
    "arrays": ([np.array(["a", "b"]), np.arange(2000)], ['["a", "b"]', "1000, 1001"]),
    "bytes": (["é".encode(), b"\xff"], ["é", r"b'\xff'"]),
    "sets": ([{"b", "a"}], ['["a", "b"]']),
    "keys": ([[{(1, 2): 3}]], ["[{(1, 2): 3}]"]),
    "NaN": ([Decimal("sNaN"), Decimal("1.10")], ["1.10"]),
}


@pytest.mark.parametrize("name", ODD_CELLS)
def test_odd_cells_are_asked_or_empty(server: OpenRouter, name: str) -> None:
    server.default = Answer("yes")
    cells, words = ODD_CELLS[name]
    for table in (cells, {"text": cells}, [{"text": one} for one in cells]):
        mapping(table, fresh=True)
    sent = asked(server)
    assert len(sent) == 3 * len(words)
    assert all(sum(one in question for question in sent) == 3 for one in words)


def test_dates_of_an_array_are_dates(server: OpenRouter) -> None:
    made, _ = mapping(np.array(["2020-01-31", "NaT"], dtype="datetime64[ns]"))
    assert asked(server)[0].startswith("Sentiment of 2020-01-31")
    assert len(server.chats) == 1 and made[1] is None


ANSWERS = {
    "whole beside null": (int, ["9007199254740993", "4"], [9007199254740993, 4, None]),
    "larger than 64 bits": (int, ["4", str(10**60)], [4, 10**60, None]),
    "yes or no": (bool, ["true", "false"], [True, False, None]),
    "of two types": (int | str, ["3", '"x"'], [3, "x", None]),
    "enumeration": (Color, ['"red"', '"red"'], ["red", "red", None]),
    "models": (list[Thing], ['[{"name":"x"}]', "[]"], [[{"name": "x"}], [], None]),
    "moments with and without a zone": (
        datetime,
        ['"2026-01-05T10:00:00Z"', '"2026-01-05T10:00:00"'],
        [datetime(2026, 1, 5, 10, tzinfo=UTC), datetime(2026, 1, 5, 10), None],
    ),
    "times with and without a zone": (
        time,
        ['"10:00:00+02:00"', '"11:00:00"'],
        [time(10, tzinfo=timezone(timedelta(hours=2))), time(11), None],
    ),
    "objects with other fields": (
        dict[str, int],
        ['{"a": 1}', '{"b": 2}'],
        [{"a": 1}, {"b": 2}, None],
    ),
    "pairs": (tuple[int, str], ['[1,"a"]', '[2,"b"]'], [[1, "a"], [2, "b"], None]),
}


GIVEN = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "lazy": pl.LazyFrame,
    "arrow": pa.table,
    "duckdb": lambda columns: duckdb.from_arrow(pa.table(columns)),
    "columns": dict,
    "list": lambda columns: columns["text"],
    "series": lambda columns: pl.Series(columns["text"]),
}


@pytest.mark.parametrize("kind", GIVEN)
@pytest.mark.parametrize("name", ANSWERS)
def test_no_answer_that_was_paid_for_is_lost_or_changed(
    server: OpenRouter, kind: str, name: str
) -> None:
    returns, (first, second), expected = ANSWERS[name]
    server.by_words = {"of a?": Answer(first), "of b?": Answer(second)}
    made, report = mapping(GIVEN[kind]({"text": ["a", "b", None]}), returns=returns)
    if kind == "pandas":
        values = [None if one is pd.NA else one for one in made["label"].tolist()]
    else:
        values = list(made) if kind in ("list", "series") else as_columns(made)["label"]
    assert [_plain(one) for one in values] in (expected, _as_text(expected))
    one_sum(server, report)


def _plain(value: Any) -> Any:
    value = value.to_list() if isinstance(value, pl.Series) else value
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    value = value.value if isinstance(value, Color) else value
    return value.model_dump() if isinstance(value, Thing) else value


def _as_text(values: list[Any]) -> list[Any]:
    """As a column of text has what no type of its library holds."""
    return [
        one if one is None or isinstance(one, str) else json.dumps(one, default=str).strip('"')
        for one in values
    ]


def test_null_is_an_answer_where_the_type_allows_it(server: OpenRouter) -> None:
    server.default = Answer("null")
    made, report = mapping(pd.DataFrame({"text": ["a"]}), returns=int | None)
    assert (list(made.columns), report.failed, len(server.chats)) == (["text", "label"], 0, 1)
    assert mapping(["a"], returns=int | None)[1].kept == 1


def test_what_has_no_columns_gets_all_fields_as_one_value(server: OpenRouter) -> None:
    server.default = Answer('{"text": "x", "price": 3}')
    chosen = from_python({**OPTIONS, "returns": {"text": str, "price": float}})
    arrays = np.array(["a", None], object), pd.array(["a", None]), pd.Index(["a", None])
    for table in (["a", None], pd.Series(["a", None]), *arrays):
        found = mapped(table, "{{text}}?", chosen, Wish(), {})
        assert found is not None and list(found[0]) == [{"text": "x", "price": 3.0}, None]


def test_types_that_arrow_has_not_stay_in_duckdb(server: OpenRouter) -> None:
    sql = "SELECT 'a' AS text, 1::HUGEINT h, uuid() AS \"u \"\"1\", 'x'::ENUM('x', 'y') e"
    made, _ = mapping(duckdb.sql(sql))
    assert list(map(str, made.types[:4])) == list(map(str, duckdb.sql(sql).types))
    assert made.columns[4] == "label"
    upper, _ = mapping(duckdb.sql("SELECT 'a' AS text, 1::HUGEINT AS LABEL"))
    assert upper.columns == ["text", "LABEL"]


@pytest.mark.parametrize(
    "value",
    [
        "'101'::BIT",
        "340282366920938463463374607431768211455::UHUGEINT",
        "'10:00:00+02'::TIMETZ",
        "['101'::BIT, NULL]",
        "{'a': '101'::BIT, 's': 'it''s'}",
    ],
)
def test_values_that_arrow_would_change_stay_in_duckdb(server: OpenRouter, value: str) -> None:
    given = duckdb.sql(f"SELECT 'a' AS text, {value} AS v")
    made, _ = mapping(given)
    assert made.project("text, v").fetchall() == given.fetchall()
    assert made.types[:2] == given.types


def test_reasons_of_an_earlier_run_do_not_stay(server: OpenRouter) -> None:
    server.say(Answer.http_error(500))
    server.default = Answer("yes")
    for make in (pd.DataFrame, pl.DataFrame, pa.table, dict):
        first, _ = mapping(make({"text": ["a"]}), prompt=f"{make.__module__} {{{{text}}}}?")
        again, _ = mapping(first, prompt=f"{make.__module__} {{{{text}}}}?")
        columns = again if make is dict else as_columns(again)
        assert columns["label"] == ["yes"] and columns.get("label_status") in (None, [None])
        server.say(Answer.http_error(500))


def test_texts_that_come_one_by_one(server: OpenRouter) -> None:
    server.default = Answer("yes")
    assert mapping(one for one in ["a", "b"])[0] == ["yes", "yes"]


# --- what is refused before it is paid -----------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"workers": 0}, "--workers takes a whole number of at least 1, not 0"),
        ({"workers": "x"}, "--workers takes"),
        ({"into": ["a", "b"]}, "--into takes the name of a column, not a value of type list"),
        ({"into": " "}, "--into takes the name of a column"),
        ({"at_least": 0.9}, "no gold is named"),
        ({"at_least": 90, "gold": "human"}, "--at-least takes a number from 0 to 1"),
        ({"at_least": 0.9, "gold": [None, None]}, "has a known answer"),
        ({"gold": 5}, "gold is the name of a column, or a value for each row"),
        ({"choices": []}, "--choices takes values, such as pos,neg, and there are none"),
        ({"prompt": None}, "The prompt is text"),
        ({"prompt": "{{text}} in {{lang}}"}, "no column 'lang' in the table, and no variable"),
        ({"prompt": "{{text}} {{text.upper()}}"}, "no column 'text.upper()"),
        ({"prompt": "{{text}} {{hman}}"}, r"Did you mean \{\{human\}\}\?"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_before_anything_is_sent(
    server: OpenRouter, options: dict[str, Any], words: str
) -> None:
    table = pd.DataFrame({"text": ["a", "b"], "human": ["yes", None]})
    with pytest.raises(UsageError, match=words):
        m1_magic.map(table, **{"prompt": ASK, "max_tokens": 50, **options})
    assert server.chats == []


def test_what_in_braces_is_no_name_stays_as_typed(server: OpenRouter) -> None:
    table = pd.DataFrame({"text": ["a"], "a{b}": [1], "{{c}}": [2]})
    mapping(table, '{{text}} {{a{b}}} {{{{c}}}} as {{"label": "pos"}}')
    assert asked(server) == ['a 1 2 as {{"label": "pos"}}']


# --- what is said of prices and reasons ----------------------------------------------------------


def test_a_price_that_was_not_billed_is_marked(server: OpenRouter) -> None:
    server.say(Answer("yes"), Answer("yes", cost=None))
    _, report = mapping(texts(2), workers=1)
    assert (report.estimated, report.unknown) == (1, 0)
    assert "≈$0.0" in str(report)
    assert report.record(stable=True)["cost_source"] == "estimated"
    _, report = mapping(["another"])
    assert "≈" not in str(report)
    assert report.record(stable=True)["cost_source"] == "billed"


def test_what_a_filter_kept_back_needs_no_more_tokens(server: OpenRouter) -> None:
    server.default = Answer("no", finish="content_filter")
    made, _ = mapping(pd.DataFrame({"text": ["a"]}))
    assert made.label_status.tolist() == ["cut off by the provider's content filter"]
    made, _ = mapping(pd.DataFrame({"text": ["a"]}), choices=["yes", "no"], fresh=True)
    assert "max_tokens" not in str(made.get("label_status"))


def test_a_quota_that_is_used_up_stops_all(server: OpenRouter) -> None:
    free = "Rate limit exceeded: free-models-per-day."
    server.say(*[Answer("yes")] * 10, *[Answer.http_error(429, free)] * 500)
    made, report = mapping(pd.DataFrame({"text": texts(300)}), workers=8)
    assert made.label.notna().sum() == 10 and len(server.chats) < 10 + 2 * 8
    assert any("quota of requests is used up" in note for note in report.notes)
    assert set(made.label_status.dropna()) == {"not asked"}
    one_sum(server, report)
