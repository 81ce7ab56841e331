"""Runs over rows while something else goes on: a tight budget, a ledger or a check that breaks, a
table that is changed, Stop pressed again. What was paid comes back, and the sums are one."""

from __future__ import annotations

import io
import signal
import sys
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import dask
import dask.dataframe as dd
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
from pydantic import BaseModel, field_validator

from emulator import Answer, OpenRouter
from ledgers import AtLine
from m1_magic import api
from m1_magic.backends import at_once
from m1_magic.errors import M1Error, Stopped, UsageError
from m1_magic.ledger import batches
from m1_magic.rows import job
from m1_magic.rows.report import Report
from m1_magic.session.sharing import Share
from test_rows import mapping, one_sum, texts

YES = Answer("yes")


@pytest.mark.parametrize("workers", [1, 64, 256])
def test_a_budget_with_room_for_one_call_at_a_time_is_used_up_in_turn(
    server: OpenRouter, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setattr(job, "check_price", lambda *_: None)  # as if others held the rest
    server.default = YES
    _, first = mapping(["one"])
    session, rows = api.session(), 100
    ((hold, cost),) = session.ledger.rows("SELECT hold_nano, cost_nano FROM attempts")
    room = Decimal(3 * hold // 2 + 2 * cost * rows).scaleb(-9)
    session.settings.budget = first.known + room
    made, second = mapping(texts(rows), workers=workers)
    assert (made.count("yes"), second.notes) == (rows, ())
    one_sum(server, first, second)


def test_a_run_waits_for_one_that_took_the_budget_while_it_looked(
    server: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "check_price", lambda *_: None)
    hold = threading.Event()
    server.by_words = {"first": Answer("yes", hold=hold, hold_after=0)}
    server.default = YES
    session, reports = api.session(), list[Report]()
    first = threading.Thread(target=lambda: reports.append(mapping(["first"])[1]))
    first.start()
    assert server.wait_chats(1)
    session.settings.budget = session.totals().held + Decimal("0.0001")
    looks, waiting, others = list[Share](), threading.Event(), Share.others

    def looking(share: Share) -> bool:
        looks.append(share)
        if len(looks) > 3:
            waiting.set()
        return len(looks) > 2 and others(share)  # the first has not said yet that it has the room

    monkeypatch.setattr(Share, "others", looking)
    second = threading.Thread(target=lambda: reports.append(mapping(["second"])[1]))
    second.start()
    assert waiting.wait(30) and len(server.chats) == 1
    hold.set()
    first.join(60)
    second.join(60)
    assert [report.failed for report in reports] == [0, 0]
    one_sum(server, *reports)


@pytest.mark.parametrize("batch", [1, 3, 6])
def test_whatever_breaks_the_ledger_nobody_waits_for_it_for_ever(
    server: OpenRouter, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    server.default = YES
    book, found, batched = batches.book, list[Any](), list[None]()

    def booking(*given: Any) -> Any:
        batched.append(None)
        if len(batched) == batch:
            raise RuntimeError("can't start new thread")
        return book(*given)

    monkeypatch.setattr(batches, "book", booking)

    def run() -> None:
        try:
            found.append(mapping(texts(40), workers=4))
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    api.session().ledger.catch_up()
    if batch == 1:
        assert "can't start new thread" in str(found[0]) and not server.chats
        return
    ((made, report),) = found
    assert report.asked > 0 and made.count(None) == report.failed == 40 - report.asked
    assert any("can't start new thread" in note for note in report.notes)
    one_sum(server, report)
    again, second = mapping(texts(40))
    assert (again.count("yes"), second.kept) == (40, report.asked)
    one_sum(server, report, second)


class Checked(BaseModel):
    stars: int

    @field_validator("stars")
    @classmethod
    def known(cls, stars: int) -> int:
        return {1: 1}[stars]  # raises KeyError, which pydantic lets through


def test_a_check_that_breaks_costs_its_row_alone(server: OpenRouter) -> None:
    server.default = Answer('{"stars": 1}')
    server.by_words = {"review 7?": Answer('{"stars": 2}')}
    made, report = mapping(pd.DataFrame({"text": texts(40)}), returns=Checked, workers=4)
    assert made.label.notna().sum() == 39 and len(server.chats) == 40
    assert made.label_status.iloc[7] == "the data could not be read (KeyError)"
    one_sum(server, report)


def _grown_frame(table: Any) -> None:
    table.loc[len(table)] = ["late"]


def _grown_series(table: Any) -> None:
    table.loc[len(table)] = "late"


def _grown_record(table: Any) -> None:
    table[1]["text"] = "changed"
    table.append({"text": "late"})


CHANGED: dict[str, tuple[Callable[[list[str]], Any], Callable[[Any], None]]] = {
    "pandas": (lambda cells: pd.DataFrame({"text": cells}), _grown_frame),
    "series": (pd.Series, _grown_series),
    "polars": (
        lambda cells: pl.DataFrame({"text": cells}),
        lambda table: table.extend(pl.DataFrame({"text": ["late"]})),
    ),
    "records": (lambda cells: [{"text": one} for one in cells], _grown_record),
    "columns": (lambda cells: {"text": cells}, lambda table: table["text"].append("late")),
    "list": (list, lambda table: table.append("late")),
}


@pytest.mark.parametrize("kind", CHANGED)
def test_a_table_that_is_changed_meanwhile_comes_back_as_it_was_asked(
    server: OpenRouter, kind: str
) -> None:
    make, change = CHANGED[kind]
    table, hold, found = make(["a", "b"]), threading.Event(), list[Any]()
    server.default = Answer("yes", hold=hold, hold_after=0)
    thread = threading.Thread(target=lambda: found.append(mapping(table)))
    thread.start()
    assert server.wait_chats(2)
    change(table)
    hold.set()
    thread.join(60)
    ((made, report),) = found
    labels = made["label"] if kind in ("pandas", "polars", "columns") else made
    assert len(table["text"] if kind == "columns" else table) == 3
    assert len(labels) == 2 and report.failed == 0
    if kind == "columns":
        assert made == {"text": ["a", "b"], "label": ["yes", "yes"]}
        made["text"].append("mine")
        assert table["text"] == ["a", "b", "late"]
    if kind == "records":
        assert made == [{"text": "a", "label": "yes"}, {"text": "b", "label": "yes"}]
    one_sum(server, report)


class NoText:
    def __str__(self) -> str:
        raise ZeroDivisionError("no text")


class Stops:
    def __str__(self) -> str:
        signal.raise_signal(signal.SIGINT)
        return "stopped"


def test_stop_before_the_first_question_says_that_nothing_was_sent(server: OpenRouter) -> None:
    with pytest.raises(Stopped, match=r"before the first question was asked\. Nothing was sent"):
        mapping(["a", Stops()])
    assert server.chats == []


UNREADABLE: dict[str, tuple[Callable[[], Any], str]] = {
    "no text": (lambda: ["a", NoText()], "ZeroDivisionError: no text"),
    "digits": (lambda: pd.DataFrame({"text": [10**5000, 2]}, dtype=object), "ValueError"),
    "lazy": (lambda: pl.LazyFrame({"a": ["x"]}).select(text=pl.col("b")), "ColumnNotFoundError"),
    "query": (lambda: duckdb.sql("SELECT 'a'::INT AS text"), "ConversionException"),
    "iterator": (lambda: (1 // n for n in (1, 0)), "ZeroDivisionError"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_rows_that_cannot_be_read_are_refused_in_one_paragraph(
    server: OpenRouter, name: str
) -> None:
    make, why = UNREADABLE[name]
    with pytest.raises(UsageError, match=rf"^The rows cannot be read \({why}") as refused:
        mapping(make())
    assert str(refused.value).isprintable() and "Nothing was sent" in str(refused.value)
    assert server.chats == []


def test_what_is_known_may_be_anything(server: OpenRouter) -> None:
    server.default = YES
    table = pd.DataFrame({"text": texts(4), "known": [np.arange(3), {"a": 1}, NoText(), "Yes "]})
    found = job.Wish(into="label", gold="known", at_least=0.2)
    made, report = wished(table, found)
    assert made.label.tolist() == ["yes"] * 4
    assert any(note.startswith("pilot: 1 of 4 right") for note in report.notes)
    one_sum(server, report)


def wished(table: Any, wish: job.Wish) -> tuple[Any, Report]:
    from m1_magic.rows.mapping import from_python, mapped

    found = mapped(table, "Sentiment of {{text}}?", from_python({"max_tokens": 50}), wish, {})
    assert found is not None
    return found


def test_stop_while_the_table_is_made_loses_nothing_of_it(server: OpenRouter) -> None:
    server.default = YES
    line, came = 0, 0
    while True:
        line += 1
        at = AtLine(line, ("rows/columns.py",), lambda: signal.raise_signal(signal.SIGINT))
        sys.settrace(at)
        try:
            mapping(texts(2))
            break  # there are no more lines
        except Stopped as stopped:
            came += stopped.table == ["yes", "yes"]
        finally:
            sys.settrace(None)
    assert came == line - 1 > 20


def test_a_ledger_that_is_moved_away_meanwhile_is_told(server: OpenRouter, own_home: Path) -> None:
    hold = threading.Event()
    server.default = Answer("yes", hold=hold, hold_after=0)
    found = list[Any]()
    thread = threading.Thread(target=lambda: found.append(mapping(texts(3))))
    thread.start()
    assert server.wait_chats(3)
    (own_home / "ledger.db").rename(own_home / "elsewhere.db")
    hold.set()
    thread.join(60)
    ((made, report),) = found
    assert made == ["yes"] * 3
    assert any("moved away while it was in use" in note for note in report.notes)
    one_sum(server, report)


@pytest.mark.parametrize("closed", [True, False])
def test_where_nothing_can_be_shown_the_table_comes_all_the_same(
    server: OpenRouter, monkeypatch: pytest.MonkeyPatch, closed: bool
) -> None:
    server.default = YES
    file = io.StringIO()
    file.close()
    monkeypatch.setattr(sys, "stderr", file if closed else None)
    made, report = mapping(texts(3))
    assert made == ["yes"] * 3
    one_sum(server, report)


def test_where_no_thread_can_begin_nothing_is_sent(
    server: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def starting(thread: threading.Thread) -> None:
        if thread.name == "m1-rows":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", starting)
    with pytest.raises(M1Error, match=r"No call can begin \(can't start new thread\). Nothing was"):
        mapping(texts(3))
    assert server.chats == []


# --- how an answer comes -------------------------------------------------------------------------


def test_the_mark_of_an_answers_end_may_stand_in_its_text(server: OpenRouter) -> None:
    words = "A stream ends with data: [DONE] in a line of its own."
    server.default = Answer([words, " So it does."], fault="one_byte_chunks")
    made, report = mapping(["a"])
    assert made == [f"{words} So it does."]
    one_sum(server, report)


def test_data_that_comes_byte_by_byte_puts_the_deadline_off(server: OpenRouter) -> None:
    api.settings().first_token_timeout = 3
    hold = threading.Event()
    server.default = Answer("yes and no", fault="one_byte_chunks", hold=hold, hold_after=1)
    timer = threading.Timer(4, hold.set)
    timer.start()
    made, report = mapping(["a"])
    timer.join()
    assert made == ["yes and no"]
    one_sum(server, report)


def test_an_answer_without_an_end_does_not_fill_the_memory(
    server: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at_once, "LARGEST", 1_000_000)
    server.default = YES
    server.by_words = {"of endless?": Answer("yes", fault="big_event")}
    made, report = mapping(pd.DataFrame({"text": ["a", "endless", "b"]}))
    assert made.label.tolist()[::2] == ["yes", "yes"]
    assert "an answer without an end" in made.label_status.iloc[1]
    assert report.unknown == 1
    session = api.session()
    assert session.reconcile() == 1
    spent, held, _ = session.ledger.spent(session.now())["day"]
    assert spent == sum(Decimal(str(one["total_cost"])) for one in server.generations.values())
    assert held == 0 and spent > report.known


def test_a_server_that_closes_connections_unsaid_is_asked_on_new_ones(server: OpenRouter) -> None:
    closed = Answer("yes", fault="fin_before_headers")
    server.say(YES, closed, YES, closed)
    server.default = YES
    made, report = mapping(texts(8), workers=1)
    kept = [chat.headers["connection"].lower() != "close" for chat in server.chats]
    assert kept == [True] * 4 + [False] * 4
    assert made == ["yes", None, "yes", None, *["yes"] * 4]
    assert (report.asked, report.unknown) == (8, 2)


# --- what it costs -------------------------------------------------------------------------------


def test_what_is_known_of_a_price_counts_beside_what_is_to_come(server: OpenRouter) -> None:
    """An answer is asked for again, and the second one breaks off."""
    server.say(Answer("neither"), Answer("yes and", fault="rst_mid"))
    server.default = YES
    made, report = mapping(pd.DataFrame({"text": texts(5)}), choices=["yes", "no"], workers=1)
    assert made.label.isna().sum() == report.failed == report.unknown == 1
    ((spent, unknown),) = api.session().ledger.rows(
        "SELECT sum(cost_nano), sum(cost_nano IS NULL) FROM attempts"
    )
    assert (report.known, unknown) == (Decimal(spent).scaleb(-9), 1)
    assert str(report).count("1 price to come") == 1


@pytest.mark.parametrize("kind", ["list", "dask"])
def test_parts_of_a_nano_dollar_are_rounded_as_in_the_ledger(server: OpenRouter, kind: str) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "cost": 2.6e-9}
    server.say(Answer("neither", usage=usage))
    server.default = Answer("yes", usage=usage)
    table: Any = texts(4)
    if kind == "dask":
        table = dd.from_pandas(pd.DataFrame({"text": table}), npartitions=2)
    with dask.config.set(scheduler="threads"):
        _, report = mapping(table, choices=["yes", "no"])
    ((spent,),) = api.session().ledger.rows("SELECT sum(cost_nano) FROM attempts")
    assert len(server.chats) == 5
    assert report.known == Decimal(spent).scaleb(-9) == Decimal("15e-9")
