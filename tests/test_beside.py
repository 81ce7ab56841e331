"""Several answers at once: asked at the same time, paid each by itself, shown side by side."""

from __future__ import annotations

import json
import random
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

import notebooks
from emulator import Answer, OpenRouter
from ledgers import in_threads, rows
from m1_magic import ask
from m1_magic.app import PROCESS
from m1_magic.calls import Call, Finish, Receipt, Replay, Reply, Started, Status, TextDelta, Totals
from m1_magic.errors import BudgetExceeded, KeyRefused, SomeFailed, Stopped, UsageError
from m1_magic.options import beside, flags
from m1_magic.pricing.dollars import from_nano, money
from m1_magic.render.beside import board
from m1_magic.render.grid import Column, Grid
from m1_magic.session import beside as together
from m1_magic.settings.config import M1
from scripted import USAGE, request
from shells import Cell, Run

MODELS = "minimax/minimax-m1,openai/gpt-4o-mini"
Answers = Callable[[dict[str, Any]], Answer]


def told(server: OpenRouter, monkeypatch: pytest.MonkeyPatch, answers: Answers) -> None:
    """Let the server answer by what is asked, in whatever order that comes."""
    here = threading.local()
    record = server.record

    def recorded(received: Any) -> None:
        here.body = received.body
        record(received)

    monkeypatch.setattr(server, "record", recorded)
    monkeypatch.setattr(server, "take", lambda *_: answers(here.body))


def each(line: str) -> list[tuple[str, Any, Any, Any]]:
    singles = beside.each(flags.options(line)[0])
    assert not any(one.options.several for one in singles)
    return [(s.label, s.options.model, s.options.temperature, s.options.seed) for s in singles]


# -- what is asked -------------------------------------------------------------------------------


def test_options_stand_for_their_product() -> None:
    assert each("-m a/b,c -t 0,0.5") == [
        ("a/b · temperature 0", "a/b", 0, None),
        ("a/b · temperature 0.5", "a/b", 0.5, None),
        ("c · temperature 0", "c", 0, None),
        ("c · temperature 0.5", "c", 0.5, None),
    ]
    assert [label for label, *_ in each("-n 3")] == ["#1", "#2", "#3"]
    assert [(s, label) for label, _, _, s in each("-n 2 --seed 7")] == [
        (7, "seed 7"),
        (8, "seed 8"),
    ]
    assert not flags.options("-m a, -t 0.3")[0].several and flags.options("-n 1")[0].several
    assert flags.from_python({"temperature": [0]}, (), several=True).several
    for line in ("-n 13", "-m a,b -t 0,1,2 -n 3", "-m a,a", "-t 0,0.0"):
        with pytest.raises(UsageError, match="Nothing was sent"):
            each(line)


def test_where_one_answer_has_a_place_several_are_refused(server: OpenRouter) -> None:
    for given in ({"n": 2}, {"model": "a,b"}, {"temperature": [0, 1]}):
        with pytest.raises(UsageError, match="one answer at a time"):
            flags.from_python(given, ())


def test_they_are_asked_at_the_same_time_and_bound_in_order(
    server: OpenRouter, run: Run, shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    four = threading.Barrier(4, timeout=30)

    def answer(body: dict[str, Any]) -> Answer:
        if "best" not in str(body["messages"]):
            four.wait()
        return Answer(f"{body['model']} at {body['temperature']:g}")

    told(server, monkeypatch, answer)
    shown = run(f"%%m1 -m {MODELS} -t 0,1 -d sales -o r\nhow?").text
    r = shell.user_ns["r"]
    wanted = [f"{model} at {t}" for model in MODELS.split(",") for t in (0, 1)]
    assert [one.text for one in r] == wanted and shell.user_ns["_m1"] is r[0]
    assert len({json.dumps(chat.body["messages"]) for chat in server.chats}) == 1
    assert shown.count("sales 20 × 2 → stats") == shown.count("session $") == 1
    assert f"4 answers · {money(sum(one.cost for one in r))} · session $" in shown
    assert [shown.index(text) for text in wanted] == sorted(shown.index(text) for text in wanted)
    run("%m1 ask -t 0 --fresh which is best? {{r}}")
    assert "Answer 2:\n\nminimax/minimax-m1 at 1\n\nAnswer 3:" in server.prompt


def test_in_python_they_are_a_list(server: OpenRouter) -> None:
    assert [one.status for one in ask("x", n=3)] == ["ok"] * 3
    assert len(ask("x", model=MODELS.split(","))) == 2
    assert [len(ask("x", n=1)), len(ask("x", temperature=[0.5]))] == [1, 1]
    assert ask("x", temperature=0.5).status == "ok"


def test_a_dry_run_has_the_price_of_each_and_of_all(server: OpenRouter, run: Run) -> None:
    shown = run("%m1 ask --dry-run -n 3 x").text
    assert (
        "3 calls at the same time · at most $0.11" in shown and shown.count("at most $0.036") == 4
    )
    assert not server.chats


# -- money ---------------------------------------------------------------------------------------


def test_all_holds_fit_or_nothing_is_sent(server: OpenRouter, run: Run) -> None:
    run("%m1 budget 0.08")
    refused = run("%m1 ask -n 3 x").told
    assert "These 3 calls together could cost $0.1" in refused and "2 of them would fit" in refused
    assert not server.chats and rows(PROCESS.session().ledger.path, "SELECT * FROM attempts") == []
    assert "could cost" in run("%m1 ask -n 3 --max-cost 0.1 x").told
    assert run("%m1 ask -n 2 --max-cost 0.08 x").error is None and len(server.chats) == 2


def test_a_model_without_a_price_is_named_where_there_is_a_budget(
    server: OpenRouter, run: Run
) -> None:
    server.any_model = True
    run("%m1 budget 5")
    assert "some/other" in run("%m1 ask -m minimax/minimax-m1,some/other x").told
    assert not server.chats


def test_no_race_passes_the_budget(server: OpenRouter) -> None:
    server.default = Answer("word " * 20, cost=0.03)
    for _ in range(20):
        PROCESS.end()
        before = len(server.chats)
        session = PROCESS.session()
        session.settings.budget = Decimal("0.15")
        fitted: list[int] = []

        def several(fitted: list[int] = fitted) -> None:
            try:
                fitted.append(len(ask("x", n=2)))
            except BudgetExceeded:
                fitted.append(0)

        in_threads(4, several)
        totals = session.totals()
        assert totals.spent == Decimal("0.03") * sum(fitted) <= Decimal("0.15") and not totals.held
        assert len(server.chats) - before == sum(fitted) > 0


KINDS = {
    "ok": lambda: Answer("word " * 9),
    "refused": lambda: Answer.http_error(429, retry_after=0),
    "down": lambda: Answer.http_error(500),
    "cut": lambda: Answer("word " * 9, fault="rst_mid"),
    "broken": lambda: Answer.broken("word " * 9),
    "long": lambda: Answer("word " * 9, finish="length"),
}


@pytest.mark.parametrize("seed", range(4))
def test_the_sum_is_the_ledgers_and_the_servers(
    server: OpenRouter, run: Run, shell: InteractiveShell, seed: int
) -> None:
    dice = random.Random(seed)
    server.say(*[KINDS[dice.choice(list(KINDS))]() for _ in range(14)])
    ran = run("%m1 ask -n 7 -o r x")
    replies, path = shell.user_ns["r"], PROCESS.session().ledger.path
    failed = [one for one in replies if one.status in ("failed", "stopped")]
    assert len(replies) == 7 and isinstance(ran.error, SomeFailed if failed else type(None))
    known = sum((one.cost for one in replies if one.cost is not None), Decimal(0))
    unknown = sum(one.cost is None for one in replies)
    assert f"7 answers · {money(known)}" + (f" + {unknown} unknown" if unknown else "") in (
        ran.text.replace("≈", "")
    )
    costs = "SELECT call_id, sum(cost_nano), count(*), count(cost_nano) FROM attempts GROUP BY 1"
    booked = {id: from_nano(nano) for id, nano, n, settled in rows(path, costs) if n == settled}
    assert booked == {one.id: one.cost for one in replies if one.cost is not None}
    PROCESS.session().reconcile()
    (nano,) = rows(path, "SELECT coalesce(sum(cost_nano), 0) FROM attempts")[0]
    ids = {id for (id,) in rows(path, "SELECT generation_id FROM attempts")}
    billed = {id: one["total_cost"] for id, one in server.generations.items()}
    assert billed.keys() <= ids
    assert nano == sum(round(Decimal(str(cost)) * 10**9) for cost in billed.values())


# -- what fails ----------------------------------------------------------------------------------


def test_one_that_fails_is_shown_in_its_place_and_the_others_stand(
    server: OpenRouter, run: Run, shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    down = Answer.http_error(500, "no luck")
    told(server, monkeypatch, lambda body: down if body["temperature"] == 1 else Answer("Fine."))
    ran = run("%%m1 -t 0,1,2 -o r\nx")
    assert "SomeFailed: 1 of 3 answers failed, the others stand. temperature 1: " in ran.told
    assert [one.text for one in shell.user_ns["r"]] == ["Fine.", "", "Fine."]
    assert (
        ran.text.index("temperature 1")
        < ran.text.index("no luck")
        < ran.text.index("temperature 2")
    )
    with pytest.raises(SomeFailed) as caught:
        ask("x", temperature=[1, 0])
    assert [one.status for one in caught.value.replies or ()] == ["failed", "ok"]
    assert caught.value.reply and caught.value.reply.text == "Fine."


def test_what_fails_alike_is_the_same_error(server: OpenRouter) -> None:
    server.key = "another"
    with pytest.raises(KeyRefused) as caught:
        ask("x", n=2)
    assert len(caught.value.replies or ()) == 2


def test_a_stop_ends_all_and_keeps_what_came(
    server: OpenRouter, run: Run, shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold, came, feed = threading.Event(), threading.Semaphore(0), Column.feed

    def fed(self: Column, event: Any) -> None:
        feed(self, event)
        if isinstance(event, TextDelta):
            came.release()

    monkeypatch.setattr(Column, "feed", fed)
    server.say(*[Answer("word " * 40, hold=hold, hold_after=20) for _ in range(3)])

    def press() -> None:
        for _ in range(3 * 20):
            assert came.acquire(timeout=60)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    ran = run("%m1 ask -n 3 -o r x")
    thread.join(60)
    assert isinstance(ran.error, Stopped) and "0 of 3 answers had ended" in str(ran.error)
    replies = shell.user_ns["r"]
    assert [one.status for one in replies] == ["stopped"] * 3
    assert all(one.text.startswith("word") for one in replies)
    states = rows(PROCESS.session().ledger.path, "SELECT status, answer FROM calls")
    assert sorted(states) == sorted(("stopped", one.text) for one in replies)
    hold.set()


def test_where_no_thread_can_be_started_they_are_asked_in_turn(
    server: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together.Running, "start", lambda self: False)
    assert [one.status for one in ask("x", n=3)] == ["ok"] * 3


# -- kept, and chats -----------------------------------------------------------------------------


@pytest.mark.usefixtures("in_a_notebook")
def test_the_nth_gets_the_nth_kept_answer_and_its_line_on_the_tape(
    server: OpenRouter, run: Run, cell: Cell, shell: InteractiveShell, tmp_path: Path
) -> None:
    tape = tmp_path / "a.tape.jsonl"
    server.say(*map(Answer, "123"))
    cell(f"%m1 tape {tape}", "t")
    cell(f"%%m1 -n 3 -m {MODELS} -o r\nx")
    texts, written = [one.text for one in shell.user_ns["r"]], tape.read_bytes()
    lines = [json.loads(one) for one in written.splitlines()[1:]]
    assert [one["text"] for one in lines] == texts and lines[0]["model"] == "minimax/minimax-m1"
    PROCESS.end()
    asked = len(server.requests)
    cell(f"%m1 tape {tape}", "t")
    shown = cell(f"%%m1 -n 3 -m {MODELS} -o r\nx")
    assert [one.text for one in shell.user_ns["r"]] == texts and len(server.requests) == asked
    assert "6 answers · $0\n" in shown and tape.read_bytes() == written
    tape.unlink()
    cell("%m1 tape off", "t")
    PROCESS.end()
    cell(f"%%m1 -n 3 -m {MODELS} -o r\nx")
    assert [one.text for one in shell.user_ns["r"]] == texts and len(server.requests) == asked


@pytest.mark.usefixtures("in_a_notebook")
def test_each_says_what_changed_since_it_was_asked(
    server: OpenRouter, cell: Cell, shell: InteractiveShell
) -> None:
    line = f"%%m1 -m {MODELS} -n 2 -d sales\nx"
    cell(line)
    shell.user_ns["sales"] = shell.user_ns["sales"].head(19)
    shown = cell(line)
    assert shown.count("asked anew: sales has 19 rows (20 before)") == shown.count("asked anew") > 0


@pytest.mark.usefixtures("in_a_notebook")
def test_a_chat_goes_on_from_the_one_that_is_chosen(
    server: OpenRouter, run: Run, cell: Cell, shell: InteractiveShell
) -> None:
    def earlier() -> list[str]:
        return [one["content"] for one in server.chats[-1].body["messages"][1:]]

    server.say(Answer("first"))
    cell("%%m1 -c eda\nq1", "a")
    cell("%%m1 -c eda -n 2 -o r\nq2", "b")
    which = "Which of the 2 answers side by side?"
    assert which in run("%%m1 -c\nmore").told and which in run("%m1 continue").told
    how = cell("%m1 again", "h")
    assert "%m1 continue 2" in how and len(server.chats) == 3
    assert "it goes on from none of the 2 answers" in cell("%%m1 -c eda\nq3", "c")
    assert earlier() == ["q1", "first", "q3"]
    cell("%%m1 -c eda -n 2 -o r\nq2", "b")
    assert "There is no answer 3" in run("%m1 continue 3").told
    assert "chat eda goes on from #2" in cell("%m1 continue 2", "d")
    assert shell.user_ns["_m1"] is shell.user_ns["r"][1]
    cell("%%m1 -c eda\nq4", "e")
    assert earlier()[-3:] == ["q2", shell.user_ns["r"][1].text, "q4"]
    cell("%%m1 -c eda -n 1\nq5", "f")
    cell("%%m1 -c eda\nq6", "g")
    assert "q5" in earlier()
    (before,) = PROCESS.chats().listed()
    PROCESS.end()
    assert [one.turns for one in PROCESS.chats().listed()] == [before.turns] == [6]


# -- how it looks --------------------------------------------------------------------------------


class Published(DisplayPublisher):
    """Keeps what is published."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[bool, dict[str, Any]]] = []
        self.painted = threading.Event()

    def publish(self, data: Any, metadata: Any = None, **more: Any) -> None:
        self.seen.append((bool(more.get("update")), dict(data)))
        self.painted.set()

    def clear_output(self, wait: bool = False) -> None:
        pass


class Screen:
    """A kernel's shell, as far as a view needs one."""

    def __init__(self) -> None:
        self.user_ns: dict[str, Any] = {}
        self.display_pub = Published()


def ended(text: str, error: str | None = None, status: Status = "ok") -> Receipt:
    reply = Reply(text, status=status, id="i")
    return Receipt(Call("i", datetime.now(UTC), request(), reply, error=error))


def test_updates_are_few_and_in_proportion_to_the_answers() -> None:
    clock, screen = [0.0], Screen()
    grid = Grid(screen, M1(), ["a", "b", "c"], now=lambda: clock[0], pure=True)
    for view in grid.views:
        view.open(request(), None, "")
    for step in range(700):
        clock[0] += 0.01
        if step % 10 == 0:
            for view in grid.views:
                view.feed(TextDelta("Some **words** of it, and then.\n\n"))
        grid.paint()
    sent = [len(data["text/html"]) for _, data in screen.display_pub.seen]
    answers = 3 * 70 * 33
    assert 9 < len(sent) < 70 and sum(sent) < 3 * 7 * 10_000 + 3.5 * 1.2 * answers + max(sent)


@pytest.mark.usefixtures("in_a_notebook")
def test_kept_answers_appear_at_once(
    server: OpenRouter, cell: Cell, shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = shell.display_pub = Published()
    told(server, monkeypatch, lambda _: Answer("Here." if published.painted.wait(30) else "Blind."))

    def grids() -> list[str]:
        made = [data.get("text/html", "") for _, data in published.seen]
        published.seen.clear()
        return [html for html in made if "m1-beside" in html]

    cell("%%m1 -n 2\nx")
    grew = grids()
    assert len(grew) > 1 and "Here." not in grew[0] and grew[-1].count("Here.") == 2
    PROCESS.end()
    cell("%%m1 -n 2\nx")
    (kept,) = grids()
    assert kept.count("Here.") == 2 and len(server.chats) == 2


@pytest.mark.parametrize(
    ("pace", "replays", "painted"),
    [(0, (True, True), False), (40, (True, True), True), (0, (True, False), True)],
)
def test_what_comes_bit_by_bit_is_seen_to_come(
    pace: float, replays: tuple[bool, bool], painted: bool
) -> None:
    screen = Screen()
    grid = Grid(screen, M1(pace=pace), ["a", "b"], pure=True)
    for view, kept in zip(grid.views, replays, strict=True):
        view.open(request(), None, "", Replay("i") if kept else None)
        view.feed(TextDelta("Some words."))
    grid.paint()
    assert bool(screen.display_pub.seen) == painted


def test_one_below_the_other_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    shown = board(None, M1(), ["a", "b"])
    a, b = shown.views
    for view, text in ((b, "second"), (a, "first")):
        view.open(request(), None, "")
        view.feed(TextDelta(text))
        shown.paint()
        if view is b:
            assert "second" not in capsys.readouterr().out
            view.close(ended("second"))
    assert capsys.readouterr().out == "first"
    a.close(ended("first"))
    shown.close([ended("first").call.reply] * 2, Totals(), ["a note"])
    out = capsys.readouterr().out
    places = [out.index(text) for text in ("── b ──", "second", "2 answers · $?", "a note")]
    assert places == sorted(places) and "first" not in out


@pytest.mark.parametrize("shown", ["html", "markdown", "text"])
def test_labels_and_errors_are_text(shown: str) -> None:
    foul = '<img src=x onerror="alert(1)">\x1b[31m'
    screen, reply = Screen(), Reply("**Fine**", status="failed")
    grid = Grid(screen, M1(render=shown), [foul, "b"])
    for view in grid.views:
        view.open(request(), None, "")
        view.feed(Started("g"))
        view.feed(TextDelta("Fi"))
        view.feed(Finish("stop", USAGE, None, "m", "p"))
    grid.paint()
    for view in grid.views:
        view.close(ended("**Fine**", error=foul, status="failed"))
    grid.close([reply, reply], Totals(), [])
    for _, data in screen.display_pub.seen:
        assert "<img" not in data.get("text/html", "") and "\x1b" not in str(data)
        assert "<img" not in data.get("text/markdown", "").replace("\\<img", "")


def test_a_saved_notebook_has_the_grid_and_a_record_each(server: OpenRouter) -> None:
    book = notebooks.run("%load_ext m1_magic", "%%m1 -t 0,1\nx", "%m1 ask -n 2 x")
    assert notebooks.errors(book) == []
    for number, label in ((1, "temperature 1"), (2, "#2")):
        outputs = notebooks.displays(book, number)
        records = [one.data[notebooks.RECORD] for one in outputs if notebooks.RECORD in one.data]
        (grid,) = [one.data for one in outputs if "m1-beside" in one.data.get("text/html", "")]
        assert len(records) == 2 and grid["text/html"].count("Hello from the emulator") == 2
        assert f'role="region" aria-label="{label}"' in grid["text/html"]
        assert "2 answers · $" in grid["text/plain"]
