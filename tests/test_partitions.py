"""Tables of Dask: their tasks ask, each question once, and all sums are one.

Spark's are in `test_lazy`, whose session they share.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import dask
import dask.dataframe as dd
import pandas as pd
import pytest

import m1_magic
from emulator import Answer, OpenRouter
from m1_magic import api
from m1_magic.errors import (
    BudgetExceeded,
    KeyProblem,
    NotAccurate,
    OutOfCredit,
    Stopped,
    UsageError,
)
from m1_magic.rows import dask as rows_dask
from m1_magic.rows.dispatch import shares
from m1_magic.rows.errand import Errand
from m1_magic.rows.job import Wish
from m1_magic.rows.lease import Lease
from m1_magic.rows.mapping import from_python, mapped
from m1_magic.rows.partitions import _as_long
from test_rows import ASK, asked, mapping, one_sum


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    with dask.config.set(scheduler="threads", num_workers=2):
        yield


def reviews(rows: int = 40, times: int = 2) -> pd.DataFrame:
    """Rows of which each part asks as the first one, and some have no text."""
    texts = [None if n % 50 == 7 else f"review {n % (rows // times)}" for n in range(rows)]
    index = pd.Index(range(0, 2 * rows, 2), name="id")
    return pd.DataFrame({"text": texts, "stars": [n % 5 for n in range(rows)]}, index=index)


def parts(table: Any, number: int = 4) -> dd.DataFrame:
    return dd.from_pandas(table, npartitions=number)


def by_parity(server: OpenRouter) -> None:
    """Questions have answers of their own."""
    server.default = Answer("neg")
    server.by_words = {f"{n}?": Answer("pos") for n in (0, 2, 4, 6, 8)}


def test_two_processes_label_what_pandas_does(server: OpenRouter, spawning: None) -> None:
    by_parity(server)
    table = reviews(2_000, 8)
    given = parts(table)
    with (
        ProcessPoolExecutor(2, get_context("spawn")) as pool,
        dask.config.set(scheduler="processes", pool=pool),
    ):
        made, report = mapping(given)
    sent = asked(server)
    assert len(sent) == len(set(sent)) == report.asked == 250 - 5
    one_sum(server, report)
    assert made.divisions == given.divisions
    frame = made.compute()
    made.head()
    made.persist().label.value_counts().compute()
    assert len(server.chats) == len(sent)  # what is computed again asks nobody
    plain, second = mapping(table)
    assert second.asked == 0
    pd.testing.assert_frame_equal(plain, frame, check_dtype=False)
    assert frame.label.dtype == plain.label.dtype == made.dtypes["label"]
    left = {one.name for one in api.session().ledger.path.parent.iterdir()}
    assert not [name for name in left if name.startswith("rows-")]


def test_before_anything_leaves_it_says_what_and_shows_three_questions(
    server: OpenRouter, capsys: pytest.CaptureFixture[str]
) -> None:
    given = parts(reviews())
    assert m1_magic.map(given, ASK, max_tokens=50, dry_run=True) is None
    out = capsys.readouterr().out
    assert out.count("Sentiment of review") == 3
    assert "40 rows · 20 distinct questions · 1 without text · " in out
    with pytest.raises(UsageError, match=r"'email' .e-mail.*--allow email"):
        m1_magic.map(parts(pd.DataFrame({"email": ["a@b.example"] * 4})), "{{email}}?")
    with pytest.raises(UsageError, match=r"no column 'txt'.*\{\{text\}\}"):
        m1_magic.map(given, "{{txt}}?")
    with pytest.raises(UsageError, match="gold is the name of a column"):
        m1_magic.map(given, ASK, gold=["pos"] * 40)
    assert server.requests == []
    server.default = Answer("yes")
    made = m1_magic.map(given, ASK, max_tokens=50)
    said = capsys.readouterr().err
    assert "1 without text · at most $0.0" in said and "leaves: text · 4 partitions" in said
    assert list(made.columns) == ["text", "stars", "answer"]


def test_the_price_is_that_of_the_texts_which_are_not_here() -> None:
    for text in ("", "abc", "naïve €5 😀😀", "語" * 9, "é"):
        like = _as_long(len(text), len(text.encode()))
        assert (len(like), len(like.encode())) == (len(text), len(text.encode()))


def test_too_dear_a_run_is_refused_by_the_rows_that_fit_and_shares_are_no_more(
    server: OpenRouter,
) -> None:
    given = parts(reviews(200))
    with pytest.raises(BudgetExceeded, match=r"The first (\d+) rows fit") as refused:
        mapping(given, max_cost="0.004")
    assert server.chats == []
    found = re.search(r"The first (\d+) rows fit", str(refused.value))
    assert found and 2 < int(found[1]) < 100
    server.default = Answer("yes")
    _, report = mapping(parts(reviews(200).head(int(found[1]))), max_cost="0.004")
    assert report.known <= Decimal("0.004")
    one_sum(server, report)


def test_shares_add_up_to_no_more_than_the_whole() -> None:
    holds = {bytes([n]): Decimal(n + 1) / 7 for n in range(9)}
    keys = {p: [bytes([n]) for n in range(p, 9, 3)] for p in range(3)}
    most = Decimal("10") / 3
    made = shares(keys, holds, most, 8)
    total = sum((one.most for one in made.values() if one.most is not None), Decimal(0))
    assert most - Decimal("1e-8") < total <= most
    assert [len(one.keys) for one in made.values()] == [3, 3, 3]
    held = shares(keys, holds, None, 8, {1})  # what is held for it is all that it may spend
    assert [held[n].most for n in (0, 2)] == [None, None]
    assert held[1].most == pytest.approx(sum(holds[key] for key in keys[1]))


def test_a_share_that_is_used_up_leaves_rows_for_the_next_run(
    server: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.default = Answer("yes", cost=0.00019)
    given = parts(reviews())
    less = shares

    def half(keys: Any, holds: Any, most: Any, workers: int, held: Any) -> Any:
        return less(keys, holds, sum(holds.values(), Decimal(0)) / 3, 1)

    monkeypatch.setattr("m1_magic.rows.partitions.shares", half)
    made, report = mapping(given)
    missing = made.compute().label_status.dropna()
    assert 0 < len(missing) == report.failed < 39
    assert set(missing) == {"not asked"}
    assert any("together" in note for note in report.notes)
    first = len(server.chats)
    one_sum(server, report)
    monkeypatch.setattr("m1_magic.rows.partitions.shares", less)
    made, second = mapping(given)
    assert "label_status" not in made.columns
    assert (second.asked, second.kept) == (20 - first, first)
    assert len(set(asked(server))) == len(server.chats) == 20
    one_sum(server, report, second)


def test_a_pilot_comes_first_and_is_paid_once(server: OpenRouter) -> None:
    server.default = Answer("pos")
    table = reviews(160).assign(human=["pos", "neg", None, "POS "] * 40)
    given = parts(table)
    with pytest.raises(NotAccurate, match="right") as wrong:
        m1_magic.map(given, ASK, gold="human", at_least=0.9, max_tokens=50)
    assert len(server.chats) == len(set(asked(server))) <= 30
    assert wrong.value.table.answer.compute().notna().sum() >= 30
    first = len(server.chats)
    chosen = from_python({"max_tokens": 50, "fresh": True})
    found = mapped(given, ASK, chosen, Wish(gold="human", at_least=0.3, workers=4), {})
    assert found is not None and any("pilot" in note for note in found[1].notes)
    assert found[1].asked == len(server.chats) - first == 80
    assert set(found[0].compute().answer.dropna()) == {"pos"}


def test_rows_fail_alone_and_are_asked_again_alone(server: OpenRouter) -> None:
    server.default = Answer("yes")
    server.by_words = {"review 3?": Answer.http_error(500)}
    given = parts(reviews())
    made, report = mapping(given)
    frame = made.compute()
    assert frame.label.isna().sum() == 2 + 1  # two rows ask it, one has no text
    assert frame.label_status.notna().sum() == report.failed == 2
    one_sum(server, report)
    server.by_words = {}
    made, second = mapping(given)
    assert (second.asked, second.kept) == (1, 19)
    one_sum(server, report, second)
    server.default = Answer.http_error(402)
    with pytest.raises(OutOfCredit):
        mapping(given, "Another: {{text}}?")


def test_stop_keeps_what_came_of_each_partition(server: OpenRouter) -> None:
    hold = threading.Event()
    server.say(*[Answer("yes")] * 20, *[Answer("never", hold=hold, hold_after=0)] * 90)

    def press() -> None:
        server.wait_chats(84, 20)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(Stopped) as stopped:
        mapping(parts(reviews(220)))
    thread.join()
    hold.set()
    frame = stopped.value.table.compute()
    assert set(frame.label_status.dropna()) <= {"stopped", "not asked"}
    server._queue.clear()
    server.default = Answer("yes")
    _, second = mapping(parts(reviews(220)))
    assert second.kept == 20


@dataclass
class Twice:
    """Work that is done twice."""

    work: Any

    def only(self, number: int) -> Twice:
        return Twice(self.work.only(number))

    def __call__(self, number: int, columns: Any, again: bool) -> Any:
        self.work(number, columns, again)
        return self.work(number, columns, True)


def test_columns_of_one_name_are_asked_about_as_those_of_pandas(server: OpenRouter) -> None:
    server.default = Answer("pos")
    table = pd.DataFrame([["a", "b", "c"]] * 4, columns=["text", "stars", "text"])
    made, report = mapping(parts(table, 2))
    assert report.asked == 1 and len(made.compute().columns) == 4
    pd.testing.assert_frame_equal(made.compute(), mapping(table)[0], check_dtype=False)


class Retrying(rows_dask.Dask):
    """An engine that does each task twice, as if the first result had been lost."""

    def each(self, places: Sequence[int], work: Any) -> Iterator[tuple[int, Any]]:
        yield from super().each(places, Twice(work))


def test_a_task_that_is_done_again_pays_nothing_again(
    server: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.default = Answer("yes")
    monkeypatch.setattr(rows_dask, "Dask", Retrying)
    made, report = mapping(parts(reviews()))
    assert len(server.chats) == report.asked == 20
    assert made.label.compute().notna().sum() == 39
    one_sum(server, report)


def test_a_task_takes_over_from_a_worker_that_died(tmp_path: Path) -> None:
    from m1_magic.ledger import processes

    me = processes.me()
    lease = Lease(tmp_path / "rows-1", me)
    lease.make({})
    assert lease.turn(3) == (None, False)
    lease.done(3, b"what came")
    assert lease.turn(3) == (b"what came", True)
    place, pid, birth = me.split(" ")
    (tmp_path / "rows-1" / "4.claim").write_text(f"{place} {pid} {int(birth) - 1}")
    assert lease.turn(4) == (None, True)
    Lease(tmp_path / "rows-2", me).make({})
    assert lease.holds()
    dead = Lease(tmp_path / "rows-3", f"{place} {pid} {int(birth) - 1}")
    dead.make({})
    assert not dead.holds()
    Lease(tmp_path / "rows-4", me).make({})  # which tidies up
    assert sorted(one.name for one in tmp_path.iterdir()) == ["rows-1", "rows-2", "rows-4"]
    lease.end()
    assert not lease.holds()


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> None:
    """All tasks run as on another machine."""
    monkeypatch.setattr(Errand, "place", property(lambda self: "away"))


def test_workers_without_a_ledger_are_settled_here(server: OpenRouter, away: None) -> None:
    by_parity(server)
    api.settings().budget = Decimal("0.005")
    made, report = mapping(parts(reviews()))
    assert report.asked == len(server.chats) == 20
    one_sum(server, report)
    plain, second = mapping(reviews())
    assert second.kept == 20
    assert made.label.compute().tolist() == plain.label.tolist()
    with pytest.raises(BudgetExceeded):
        mapping(parts(reviews(400)))


class Dying(rows_dask.Dask):
    """An engine whose last worker dies with what it had."""

    def each(self, places: Sequence[int], work: Any) -> Iterator[tuple[int, Any]]:
        for number, came in super().each(places, work):
            dies = number == 3 and isinstance(came, bytes)
            yield number, OSError("worker lost") if dies else came


@pytest.mark.parametrize("place", ["here", "away"])
def test_a_worker_that_dies_loses_no_money(
    server: OpenRouter, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    server.default = Answer("yes")
    monkeypatch.setattr(rows_dask, "Dask", Dying)
    if place == "away":
        monkeypatch.setattr(Errand, "place", property(lambda self: "away"))
    table = pd.DataFrame({"text": [f"review {n}" for n in range(20)]})
    made, report = mapping(parts(table))
    session = api.session()
    served = sum((Decimal(str(g["total_cost"])) for g in server.generations.values()), Decimal(0))
    spent, held, _ = session.ledger.spent(session.now())["day"]
    if place == "here":  # the ledger had it
        assert made.label.compute().notna().all()
        one_sum(server, report)
    else:
        assert made.label.compute().isna().sum() == report.failed == 5
        assert spent < served <= spent + held
        assert any("%m1 cost" in note for note in report.notes)


def test_no_key_is_sent_with_a_task(
    server: OpenRouter, monkeypatch: pytest.MonkeyPatch, away: None
) -> None:
    import cloudpickle

    server.default, sent = Answer("yes"), list[bytes]()
    secret = "hush-" + "abcdef" * 5
    api.settings().extra_headers = {"X-Team": secret}
    each = rows_dask.Dask.each

    def seen(self: Any, places: Any, work: Any) -> Any:
        sent.append(cloudpickle.dumps(work))
        return each(self, places, work)

    monkeypatch.setattr(rows_dask.Dask, "each", seen)
    with pytest.raises(UsageError, match="extra_headers"):
        mapping(parts(reviews()))
    api.settings().extra_headers = {}
    mapping(parts(reviews()))
    assert len(sent) == 3
    assert not [one for one in sent if server.key.encode() in one or secret.encode() in one]
    home = api.session().ledger.path.parent
    assert not list(home.glob("rows-*"))
    monkeypatch.setattr("m1_magic.rows.errand._has_key", lambda errand: False)
    with pytest.raises(KeyProblem, match="never sent"):
        mapping(parts(reviews()), "Once more: {{text}}?")


def test_series_data_and_a_cell(run: Any, shell: Any, server: OpenRouter) -> None:
    server.default = Answer('{"name": "x", "price": 3}')
    data = {"name": str, "price": float}
    chosen = from_python({"max_tokens": 50, "returns": data})
    found = mapped(parts(reviews(8), 2), "{{text}}?", chosen, Wish(), {})
    assert found is not None
    frame = found[0].compute()
    assert frame.price.tolist()[:3] == [3.0, 3.0, 3.0] and frame.name.tolist()[0] == "x"
    assert str(found[0].dtypes["price"]) == str(frame.price.dtype) == "float64"
    server.default = Answer("yes")
    series, _ = mapping(dd.from_pandas(pd.Series(["a", "b"], name="review"), npartitions=2))
    assert (series.name, series.compute().tolist()) == ("label", ["yes", "yes"])
    shell.user_ns["reviews"] = parts(reviews(8), 2)
    ran = run("%%m1 --each reviews --into label --max-tokens 50 -o labelled\nIs {{text}} good?")
    assert ran.error is None, ran.text
    assert shell.user_ns["labelled"].label.compute().notna().sum() == 7
    again = run("%m1 again")
    assert again.error is None and "4 kept" in again.text


def test_a_tape_has_the_answers_of_tasks(server: OpenRouter, tmp_path: Path) -> None:
    server.default = Answer("yes")
    api.settings().tape = str(tmp_path / "rows.tape.jsonl")
    mapping(parts(reviews(8)))
    sent = len(server.chats)
    api.settings().mode = "replay"
    made, report = mapping(parts(reviews(8)))
    assert (report.kept, report.asked, len(server.chats)) == (4, 0, sent)
    assert made.label.compute().notna().sum() == 7


def test_answers_beside_nulls_keep_their_type(server: OpenRouter) -> None:
    server.default = Answer("9007199254740993")
    made, report = mapping(parts(pd.DataFrame({"text": ["a", None, "b", "c"]}), 2), returns=int)
    frame = made.compute()
    assert frame.label.tolist() == [9007199254740993, pd.NA, *[9007199254740993] * 2]
    assert frame.label.dtype == made.dtypes["label"] == "Int64"
    one_sum(server, report)
    server.default = Answer('{"n": 1}')
    series = parts(pd.Series(["d", None], name="text"), 1)
    alone = m1_magic.map(series, ASK, returns={"n": int}, max_tokens=50)
    assert alone.compute().tolist() == [{"n": 1}, None]


def test_a_share_of_what_nobody_knows_is_refused(server: OpenRouter) -> None:
    table = parts(reviews(8).assign(human=pd.Series([None] * 8, dtype="str").array))
    with pytest.raises(UsageError, match="has a known answer"):
        m1_magic.map(table, ASK, gold="human", at_least=0.5, max_tokens=50)
    assert server.chats == []


def test_a_partition_that_cannot_be_read_is_told_in_one_paragraph(server: OpenRouter) -> None:
    def broken(part: pd.DataFrame) -> pd.DataFrame:
        return part if part.index[0] < 20 else 1 // 0

    table = reviews()
    with pytest.raises(UsageError, match=r"cannot be read \(ZeroDivisionError: "):
        mapping(parts(table).map_partitions(broken, meta=table))
    assert server.chats == []
